/* SPDX-License-Identifier: MIT */
/*
 * epoch.h: when may memory that lock-free readers could still see be freed?
 *
 * Every reader thread owns a slot. It is odd while the thread may hold pointers into shared tables
 * (handling an exit) and even while it cannot (inside KVM_RUN, or stopped). A retired block is
 * freed once every slot has been even, or has moved on, since it was retired. epoch_collect() is
 * called by the main loop, and by whoever retires too much.
 */
#ifndef VMM_EPOCH_H
#define VMM_EPOCH_H

#include <stdatomic.h>

#include "vmm/base.h"

struct error;
struct epoch;

struct epoch_slot {
	_Alignas(64) _Atomic uint64_t seq;
};

struct epoch *epoch_create(unsigned slots, struct error **errp) __must_check;
struct epoch *epoch_destroy(struct epoch *e); /* frees all that is retired; no reader may be left */
struct epoch_slot *epoch_slot(struct epoch *e, unsigned i);

static inline void epoch_enter(struct epoch_slot *s)
{
	/* Acquire side of the pair with epoch_collect(): a table loaded after this store cannot
	 * have been collected. */
	atomic_store_explicit(&s->seq, atomic_load_explicit(&s->seq, memory_order_relaxed) + 1,
			      memory_order_seq_cst);
}

static inline void epoch_leave(struct epoch_slot *s)
{
	/* Release: every use of what was loaded happens before the slot reads even. */
	atomic_store_explicit(&s->seq, atomic_load_explicit(&s->seq, memory_order_relaxed) + 1,
			      memory_order_release);
}

/* Hands @p (from malloc) over to be freed later. Any thread; takes a leaf lock. */
void epoch_retire(struct epoch *e, void *p);

/* Frees what no reader can see any more. Any thread that is not a reader inside epoch_enter().
 * Returns blocks left. */
unsigned epoch_collect(struct epoch *e);

#endif
