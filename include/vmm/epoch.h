/* SPDX-License-Identifier: MIT */
/*
 * epoch.h: when may memory that lock-free readers could still see be freed?
 *
 * Every reader thread owns a slot. It is odd while the thread may hold pointers into shared tables
 * (handling an exit) and even while it cannot (inside KVM_RUN, or stopped). A retired block is
 * freed once every slot has been even, or has moved on, since it was retired: by the next
 * epoch_retire(), or by epoch_collect().
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

/* Hands @p (from malloc) over to be freed later, and frees what has waited long enough. Any thread,
 * a reader too; takes a leaf lock. */
void epoch_retire(struct epoch *e, void *p);

/*
 * How many blocks wait for a reader. A reader that is held up keeps all that is retired meanwhile,
 * so whoever retires on behalf of a guest stops doing so at some number. Any thread.
 */
unsigned epoch_backlog(const struct epoch *e);

/* Frees what no reader can see any more. Any thread, a reader too. Returns blocks left. */
unsigned epoch_collect(struct epoch *e);

#endif
