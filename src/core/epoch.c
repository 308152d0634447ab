/* SPDX-License-Identifier: MIT */
/* epoch.c: frees retired memory once no reader can see it. */
#include "vmm/epoch.h"

#include <errno.h>

#include "vmm/error.h"
#include "vmm/lock.h"

struct retired {
	struct retired *next;
	void *ptr;
	uint64_t *seen; /* each slot's value when it was retired; points behind the struct */
};

struct epoch {
	unsigned cnt;
	struct epoch_slot *slot;
	struct mutex lock;
	struct retired *list GUARDED_BY(lock);
	_Atomic unsigned backlog; /* its length; written under the lock */
};

struct epoch *epoch_create(unsigned slots, struct error **errp)
{
	struct epoch *e = calloc(1, sizeof(*e));
	struct epoch_slot *s = aligned_alloc(_Alignof(struct epoch_slot), slots * sizeof(*s));

	if (!e || !s) {
		free(e);
		free(s);
		err_set(errp, ENOMEM, "cannot allocate %u reader slots", slots);
		return NULL;
	}
	for (unsigned i = 0; i < slots; i++)
		atomic_init(&s[i].seq, 0);
	e->slot = s;
	e->cnt = slots;
	mutex_init(&e->lock);
	return e;
}

struct epoch *epoch_destroy(struct epoch *e) UNSHARED
{
	if (!e)
		return NULL;
	for (struct retired *r = e->list, *next; r; r = next) {
		next = r->next;
		free(r->ptr);
		free(r);
	}
	mutex_destroy(&e->lock);
	free(e->slot);
	free(e);
	return NULL;
}

struct epoch_slot *epoch_slot(struct epoch *e, unsigned i)
{
	return &e->slot[i];
}

static bool readers_inside(const struct epoch *e)
{
	for (unsigned i = 0; i < e->cnt; i++)
		if (atomic_load(&e->slot[i].seq) & 1)
			return true;
	return false;
}

static bool still_seen(const struct epoch *e, const struct retired *r)
{
	for (unsigned i = 0; i < e->cnt; i++)
		if ((r->seen[i] & 1) && atomic_load(&e->slot[i].seq) == r->seen[i])
			return true;
	return false;
}

static void collect_locked(struct epoch *e) REQUIRES(e->lock)
{
	unsigned left = 0;

	for (struct retired **p = &e->list; *p;) {
		struct retired *r = *p;

		if (still_seen(e, r)) {
			left++;
			p = &r->next;
			continue;
		}
		*p = r->next;
		free(r->ptr);
		free(r);
	}
	atomic_store_explicit(&e->backlog, left, memory_order_relaxed);
}

void epoch_retire(struct epoch *e, void *p)
{
	struct retired *r;

	/* Pairs with epoch_enter(): the table was unpublished before the slots are read. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!readers_inside(e)) {
		free(p);
		return;
	}
	/* Without memory to remember it by, the block is leaked: rare, bounded, and never a use
	 * after free. */
	r = malloc(sizeof(*r) + e->cnt * sizeof(uint64_t));
	if (!r)
		return;
	r->ptr = p;
	r->seen = (uint64_t *)(r + 1);
	for (unsigned i = 0; i < e->cnt; i++)
		r->seen[i] = atomic_load(&e->slot[i].seq);
	mutex_lock(&e->lock);
	r->next = e->list;
	e->list = r;
	collect_locked(e);
	mutex_unlock(&e->lock);
}

unsigned epoch_backlog(const struct epoch *e)
{
	return atomic_load_explicit(&e->backlog, memory_order_relaxed);
}

unsigned epoch_collect(struct epoch *e)
{
	mutex_lock(&e->lock);
	collect_locked(e);
	mutex_unlock(&e->lock);
	return epoch_backlog(e);
}
