/* SPDX-License-Identifier: MIT */
/*
 * bus.c: who answers at an address, and how an access of any width becomes accesses that the device
 * declares.
 *
 * The table is immutable once published. A reader loads it once per access (acquire, pairs with
 * publish_locked()) and uses the bases in it, never region->base: a region that moves meanwhile
 * answers at its old place for that one access, as a device on a real bus would.
 */
#include "vmm/bus.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/lock.h"
#include "vmm/trace.h"

struct entry {
	uint64_t base, last; /* both inclusive */
	struct io_region *region;
};

struct table {
	uint64_t gen; /* differs from every other table's, as addresses of freed tables may not */
	unsigned cnt;
	struct entry e[]; /* sorted by base, disjoint */
};

struct bus {
	const char *name;
	uint64_t last; /* the highest address */
	struct epoch *epoch;
	_Atomic(struct table *) table;
	struct mutex topology; /* writers; a leaf */
	_Atomic uint64_t unclaimed_reads, unclaimed_writes, bad_width;
};

/* Never 0: a zeroed hint matches no table. */
static uint64_t next_gen(void)
{
	static _Atomic uint64_t gen;

	return atomic_fetch_add(&gen, 1) + 1;
}

/* --- topology ------------------------------------------------------------------------------- */

struct bus *bus_create(const char *name, uint64_t limit, struct epoch *ep, struct error **errp)
{
	struct bus *b = calloc(1, sizeof(*b));
	struct table *t = calloc(1, sizeof(*t));

	if (!b || !t) {
		free(b);
		free(t);
		err_set(errp, ENOMEM, "cannot allocate the %s bus", name);
		return NULL;
	}
	t->gen = next_gen();
	b->name = name;
	b->last = limit - 1;
	b->epoch = ep;
	atomic_init(&b->table, t);
	mutex_init(&b->topology);
	return b;
}

struct bus *bus_destroy(struct bus *b)
{
	if (!b)
		return NULL;
	free(atomic_load(&b->table));
	mutex_destroy(&b->topology);
	free(b);
	return NULL;
}

/* The first entry that ends at or after @a; cnt if there is none. */
static unsigned lower_bound(const struct table *t, uint64_t a)
{
	unsigned lo = 0, hi = t->cnt;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (t->e[mid].last < a)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A copy of the table without @gone, with room for one more entry. */
static struct table *copy_without(const struct table *old, const struct io_region *gone)
{
	struct table *t = malloc(sizeof(*t) + (old->cnt + 1) * sizeof(t->e[0]));

	if (!t)
		return NULL;
	t->gen = next_gen();
	t->cnt = 0;
	for (unsigned i = 0; i < old->cnt; i++)
		if (old->e[i].region != gone)
			t->e[t->cnt++] = old->e[i];
	return t;
}

static void publish_locked(struct bus *b, struct table *t) REQUIRES(b->topology)
{
	struct table *old = atomic_load_explicit(&b->table, memory_order_relaxed);

	atomic_store_explicit(&b->table, t, memory_order_seq_cst);
	epoch_retire(b->epoch, old);
}

static int insert(struct bus *b, struct table *t, struct io_region *r, gpa_t base,
		  struct error **errp)
{
	uint64_t last;
	unsigned at;

	if (!r->len || __builtin_add_overflow(base, r->len - 1, &last) || last > b->last)
		return err_set(errp, ERANGE, "%s at %#llx (%#llx bytes) does not fit on the %s bus",
			       r->name, (unsigned long long)base, (unsigned long long)r->len,
			       b->name);
	at = lower_bound(t, base);
	if (at < t->cnt && t->e[at].base <= last)
		return err_set(errp, EEXIST, "%s at %#llx-%#llx on the %s bus overlaps %s at %#llx",
			       r->name, (unsigned long long)base, (unsigned long long)last, b->name,
			       t->e[at].region->name, (unsigned long long)t->e[at].base);
	memmove(&t->e[at + 1], &t->e[at], (t->cnt - at) * sizeof(t->e[0]));
	t->e[at] = (struct entry){ .base = base, .last = last, .region = r };
	t->cnt++;
	return 0;
}

/* Old tables that may wait for a reader, a few KiB each: more than any system makes in earnest. A
 * guest can flip its BARs for as long as one of its CPUs is held up in an access. */
#define MAX_BACKLOG 4096u

static int place_locked(struct bus *b, struct io_region *r, gpa_t base, struct error **errp)
	REQUIRES(b->topology)
{
	struct table *t;
	int ret;

	if (epoch_backlog(b->epoch) >= MAX_BACKLOG)
		return err_set(errp, EBUSY, "cannot map %s on the %s bus while a CPU is held up",
			       r->name, b->name);
	t = copy_without(atomic_load(&b->table), r);
	if (!t)
		return err_set(errp, ENOMEM, "cannot map %s on the %s bus", r->name, b->name);
	ret = insert(b, t, r, base, errp);
	if (ret < 0) {
		free(t);
		return ret;
	}
	r->base = base;
	publish_locked(b, t);
	trace_event(TRACE_E_MAP, r->dev->number, r->index, base, r->len);
	return 0;
}

int bus_map(struct bus *b, struct io_region *r, gpa_t base, struct error **errp)
{
	int ret;

	mutex_lock(&b->topology);
	ret = place_locked(b, r, base, errp);
	mutex_unlock(&b->topology);
	return ret;
}

int bus_move(struct bus *b, struct io_region *r, gpa_t base, struct error **errp)
{
	return bus_map(b, r, base, errp);
}

void bus_unmap(struct bus *b, struct io_region *r)
{
	struct table *t;

	mutex_lock(&b->topology);
	t = copy_without(atomic_load(&b->table), r);
	/* No memory for a smaller table: the region stays. It may not be freed before the bus then,
	 * and is not. */
	if (t) {
		publish_locked(b, t);
		trace_event(TRACE_E_UNMAP, r->dev->number, r->index, r->base, r->len);
	}
	mutex_unlock(&b->topology);
}

bool bus_maps(struct bus *b, const struct io_region *r, gpa_t *base)
{
	const struct table *t;
	unsigned i = 0;
	bool found;

	mutex_lock(&b->topology);
	/* A table is retired under the lock, so this one stays. */
	t = atomic_load(&b->table);
	while (i < t->cnt && t->e[i].region != r)
		i++;
	found = i < t->cnt;
	if (found)
		*base = t->e[i].base;
	mutex_unlock(&b->topology);
	return found;
}

/* --- one access ------------------------------------------------------------------------------- */

/* The largest access that starts at @off, is aligned, and is no wider than @left or the device
 * allows. */
static unsigned chunk_size(const struct region_ops *ops, uint64_t off, unsigned left)
{
	unsigned n = ops->max_size;

	while (n > 1 && (n > left || (off & (n - 1))))
		n /= 2;
	return n;
}

/* One call of a handler, with somebody watching. */
static void watch_begin(struct bus_watch *w, struct io_region *r,
			uint32_t off) NO_THREAD_SAFETY_ANALYSIS
{
	device_lock(r->dev);
	w->before(w, r, off);
	if (r->dev->ops->flags & DEV_SELF_LOCKED)
		device_unlock(r->dev);
}

static void watch_end(struct bus_watch *w, struct io_region *r) NO_THREAD_SAFETY_ANALYSIS
{
	if (r->dev->ops->flags & DEV_SELF_LOCKED)
		device_lock(r->dev);
	w->after(w, r);
	device_unlock(r->dev);
}

static uint64_t call_read(struct io_region *r, uint32_t off, unsigned size, struct bus_watch *w)
{
	uint64_t v;

	if (likely(!w))
		return region_call_read(r, off, size);
	watch_begin(w, r, off);
	v = r->ops->read(r, off, size);
	watch_end(w, r);
	return v;
}

static void call_write(struct io_region *r, uint32_t off, unsigned size, uint64_t v,
		       struct bus_watch *w)
{
	if (likely(!w)) {
		region_call_write(r, off, size, v);
		return;
	}
	watch_begin(w, r, off);
	r->ops->write(r, off, size, v);
	watch_end(w, r);
}

static uint64_t read_widened(struct bus *b, struct io_region *r, uint64_t off, unsigned n,
			     struct bus_watch *w)
{
	unsigned min = r->ops->min_size;
	uint64_t start = align_down(off, min);

	if (start + min > r->len) {
		atomic_fetch_add_explicit(&b->bad_width, 1, memory_order_relaxed);
		return size_mask(n);
	}
	return call_read(r, (uint32_t)start, min, w) >> ((off - start) * 8) & size_mask(n);
}

/* Reads @size bytes inside one region, in as many accesses as its widths demand. */
static uint64_t region_read(struct bus *b, struct io_region *r, uint64_t off, unsigned size,
			    struct bus_watch *w)
{
	uint64_t v = 0;

	for (unsigned done = 0; done < size;) {
		unsigned n = chunk_size(r->ops, off + done, size - done);
		uint64_t part = n < r->ops->min_size
					? read_widened(b, r, off + done, n, w)
					: call_read(r, (uint32_t)(off + done), n, w) & size_mask(n);

		v |= part << (done * 8);
		done += n;
	}
	return v;
}

static void region_write(struct bus *b, struct io_region *r, uint64_t off, unsigned size,
			 uint64_t v, struct bus_watch *w)
{
	for (unsigned done = 0; done < size;) {
		unsigned n = chunk_size(r->ops, off + done, size - done);

		if (n < r->ops->min_size)
			atomic_fetch_add_explicit(&b->bad_width, 1, memory_order_relaxed);
		else
			call_write(r, (uint32_t)(off + done), n, v >> (done * 8) & size_mask(n), w);
		done += n;
	}
}

/*
 * The part of [a, a + size) that one owner (or none: *ret is NULL) answers, as a byte count from @a
 * on. @a has not wrapped; an access may run past the last address, where nobody is.
 */
static unsigned piece(const struct table *t, uint64_t a, unsigned size, const struct entry **ret)
{
	unsigned at = lower_bound(t, a);
	const struct entry *e = at < t->cnt ? &t->e[at] : NULL;

	if (e && e->base <= a) {
		*ret = e;
		return (unsigned)min_u64(size - 1, e->last - a) + 1;
	}
	*ret = NULL;
	return e ? (unsigned)min_u64(size, e->base - a) : size;
}

static void remember(struct bus_hint *h, const struct table *t, const struct entry *e)
{
	const struct region_ops *ops = e->region->ops;
	struct device *d = e->region->dev;

	h->gen = t->gen;
	h->region = e->region;
	h->base = e->base;
	h->len = e->last - e->base + 1;
	h->lock = d->ops->flags & DEV_SELF_LOCKED ? NULL : &d->lock;
	h->widths = 0;
	for (unsigned n = ops->min_size; n && n <= ops->max_size; n *= 2)
		h->widths |= n;
}

static uint64_t read_slow(struct bus *b, struct bus_hint *h, const struct table *t, uint64_t a,
			  unsigned size, struct bus_watch *w)
{
	uint64_t v = 0;
	bool unclaimed = false;

	for (unsigned done = 0; done < size;) {
		const struct entry *e;
		unsigned n = piece(t, a + done, size - done, &e);
		uint64_t part = size_mask(n);

		if (e) {
			remember(h, t, e);
			part = region_read(b, e->region, a + done - e->base, n, w);
		}
		unclaimed |= !e;
		v |= part << (done * 8);
		done += n;
	}
	if (unclaimed)
		atomic_fetch_add_explicit(&b->unclaimed_reads, 1, memory_order_relaxed);
	return v;
}

static void write_slow(struct bus *b, struct bus_hint *h, const struct table *t, uint64_t a,
		       unsigned size, uint64_t v, struct bus_watch *w)
{
	bool unclaimed = false;

	for (unsigned done = 0; done < size;) {
		const struct entry *e;
		unsigned n = piece(t, a + done, size - done, &e);

		if (e) {
			remember(h, t, e);
			region_write(b, e->region, a + done - e->base, n,
				     v >> (done * 8) & size_mask(n), w);
		}
		unclaimed |= !e;
		done += n;
	}
	if (unclaimed)
		atomic_fetch_add_explicit(&b->unclaimed_writes, 1, memory_order_relaxed);
}

/*
 * Does the last hit answer all of [a, a + size), in one access that its handlers take as it is?
 * This and what follows is what every exit costs: a table look-up, a call, and a lock only if the
 * device wants one.
 */
static inline bool hit(const struct bus_hint *h, const struct table *t, uint64_t a, unsigned size)
{
	uint64_t off = a - h->base;

	return h->gen == t->gen && off < h->len && (h->widths & size) && !(off & (size - 1)) &&
	       size <= h->len - off;
}

uint64_t bus_read(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size)
{
	const struct table *t = atomic_load_explicit(&b->table, memory_order_acquire);
	struct io_region *r = h->region;
	uint64_t v;

	if (unlikely(!hit(h, t, a, size)))
		return read_slow(b, h, t, a, size, NULL);
	if (!h->lock)
		return r->ops->read(r, (uint32_t)(a - h->base), size);
	mutex_lock(h->lock);
	v = r->ops->read(r, (uint32_t)(a - h->base), size);
	mutex_unlock(h->lock);
	return v;
}

void bus_write(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size, uint64_t v)
{
	const struct table *t = atomic_load_explicit(&b->table, memory_order_acquire);
	struct io_region *r = h->region;

	v &= size_mask(size);
	if (unlikely(!hit(h, t, a, size))) {
		write_slow(b, h, t, a, size, v, NULL);
		return;
	}
	if (!h->lock) {
		r->ops->write(r, (uint32_t)(a - h->base), size, v);
		return;
	}
	mutex_lock(h->lock);
	r->ops->write(r, (uint32_t)(a - h->base), size, v);
	mutex_unlock(h->lock);
}

uint64_t bus_read_watched(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size,
			  struct bus_watch *w)
{
	return read_slow(b, h, atomic_load_explicit(&b->table, memory_order_acquire), a, size, w);
}

void bus_write_watched(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size, uint64_t v,
		       struct bus_watch *w)
{
	v &= size_mask(size);
	write_slow(b, h, atomic_load_explicit(&b->table, memory_order_acquire), a, size, v, w);
}

struct io_region *bus_find(struct bus *b, gpa_t a)
{
	const struct entry *e;

	piece(atomic_load_explicit(&b->table, memory_order_acquire), a, 1, &e);
	return e ? e->region : NULL;
}

struct bus_stats bus_stats(const struct bus *b)
{
	return (struct bus_stats){
		.unclaimed_reads = atomic_load_explicit(&b->unclaimed_reads, memory_order_relaxed),
		.unclaimed_writes =
			atomic_load_explicit(&b->unclaimed_writes, memory_order_relaxed),
		.bad_width = atomic_load_explicit(&b->bad_width, memory_order_relaxed),
	};
}
