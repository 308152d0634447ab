/* SPDX-License-Identifier: MIT */
/*
 * qcow2_cache.c: slices of L2 tables and refcount blocks, found by their host offset.
 *
 * A slice of a refcount block may be written at any time: early increments are leaks, and
 * decrements are only made when they are due. A slice of an L2 table may be written by the flush
 * alone, and stays until then; q2_cache_room() keeps enough others.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "block/qcow2_internal.h"

/* What one change to a table may look at besides the slice it changes: refcounts of the clusters it
 * takes, of the tables it takes for them, of the blocks it takes for those. */
#define ROOM 64u

uint32_t q2_cache_slices_max = UINT32_MAX;

static uint32_t bucket(const struct q2_cache *c, uint64_t off)
{
	return (uint32_t)((off / c->size) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & c->mask;
}

int q2_cache_init(struct qcow2 *q)
{
	struct q2_cache *c = &q->cache;
	uint64_t disk = (q->h.size >> q->bits) * 8, tables;

	c->size = (uint32_t)min_u64(Q2_SLICE, q->cluster);
	/* L2 tables of the whole disk and a refcount block here and there. */
	tables = (disk + disk / 4) / c->size + Q2_CACHE_SLICES;
	c->cnt = (uint32_t)min_u64(tables, Q2_CACHE_BYTES / c->size);
	c->cnt = (uint32_t)min_u64(c->cnt, q2_cache_slices_max);
	for (c->mask = 1; c->mask < c->cnt; c->mask *= 2)
		;
	c->mask--;
	c->arena_len = (size_t)c->cnt * c->size;
	c->arena = mmap(NULL, c->arena_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	if (c->arena == MAP_FAILED) {
		c->arena = NULL;
		return -ENOMEM;
	}
	c->slice = calloc(c->cnt, sizeof(*c->slice));
	c->hash = calloc((size_t)c->mask + 1, sizeof(*c->hash));
	return c->slice && c->hash ? 0 : -ENOMEM;
}

void q2_cache_free(struct qcow2 *q)
{
	struct q2_cache *c = &q->cache;

	if (c->arena)
		munmap(c->arena, c->arena_len);
	free(c->slice);
	free(c->hash);
	*c = (struct q2_cache){ 0 };
}

static struct q2_slice *find(struct q2_cache *c, uint64_t off)
{
	for (uint32_t i = c->hash[bucket(c, off)]; i; i = c->slice[i - 1].next) {
		if (c->slice[i - 1].off == off)
			return &c->slice[i - 1];
	}
	return NULL;
}

static void unhash(struct q2_cache *c, struct q2_slice *s)
{
	uint32_t *link = &c->hash[bucket(c, s->off)], self = (uint32_t)(s - c->slice) + 1;

	while (*link != self)
		link = &c->slice[*link - 1].next;
	*link = s->next;
	if (s->dirty)
		c->dirty[s->kind]--;
	if (c->last == s)
		c->last = NULL;
	s->off = 0;
	s->dirty = false;
}

static int write_slice(struct qcow2 *q, struct q2_slice *s)
{
	int r = file_pwrite(q->file, s->data, q->cache.size, s->off);

	if (r < 0)
		return r;
	s->dirty = false;
	q->cache.dirty[s->kind]--;
	return 0;
}

/* A slice to put something else in: the clock's hand passes by those in use lately. */
static int victim(struct qcow2 *q, struct q2_slice **ret)
{
	struct q2_cache *c = &q->cache;
	int r;

	for (uint32_t n = 0; n < 2 * c->cnt; n++) {
		struct q2_slice *s = &c->slice[c->hand];

		c->hand = c->hand + 1 < c->cnt ? c->hand + 1 : 0;
		if (s->off && s->recent) {
			s->recent = false;
			continue;
		}
		if (s->off && s->dirty && s->kind == Q2_KIND_L2)
			continue;
		if (s->off && s->dirty) {
			r = write_slice(q, s);
			if (r < 0)
				return r;
		}
		if (s->off)
			unhash(c, s);
		*ret = s;
		return 0;
	}
	return -EAGAIN;
}

int q2_cache_get(struct qcow2 *q, uint64_t off, enum q2_kind kind, struct q2_slice **ret)
{
	struct q2_cache *c = &q->cache;
	struct q2_slice *s = c->last && c->last->off == off ? c->last : find(c, off);
	uint32_t *head;
	int r;

	if (likely(s)) {
		if (unlikely(s->kind != kind))
			return q2_set_corrupt(q,
					      "offset 0x%llx is both in an L2 table and in a "
					      "refcount block",
					      (unsigned long long)off);
		s->recent = true;
		c->last = s;
		*ret = s;
		return 0;
	}
	r = victim(q, &s);
	if (r < 0)
		return r;
	s->data = c->arena + (size_t)(s - c->slice) * c->size;
	r = file_pread(q->file, s->data, c->size, off);
	if (r < 0)
		return r;
	head = &c->hash[bucket(c, off)];
	*s = (struct q2_slice){
		.off = off, .data = s->data, .next = *head, .kind = (uint8_t)kind, .recent = true
	};
	*head = (uint32_t)(s - c->slice) + 1;
	c->last = s;
	*ret = s;
	return 0;
}

void q2_cache_dirty(struct qcow2 *q, struct q2_slice *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	q->cache.dirty[s->kind]++;
}

void q2_cache_forget(struct qcow2 *q, uint64_t cluster)
{
	for (uint64_t at = 0; at < q->cluster; at += q->cache.size) {
		struct q2_slice *s = find(&q->cache, (cluster << q->bits) + at);

		if (s)
			unhash(&q->cache, s);
	}
}

static int by_offset(const void *a, const void *b)
{
	const struct q2_slice *x = *(struct q2_slice *const *)a, *y = *(struct q2_slice *const *)b;

	return x->off < y->off ? -1 : x->off > y->off;
}

/* In the order of offsets, which disks like, and which makes what a test sees the same each time.
 */
int q2_cache_write(struct qcow2 *q, enum q2_kind kind)
{
	struct q2_cache *c = &q->cache;
	struct q2_slice **v;
	uint32_t n = 0;
	int first = 0;

	if (!c->dirty[kind])
		return 0;
	v = calloc(c->dirty[kind], sizeof(struct q2_slice *));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->cnt; i++) {
		if (c->slice[i].off && c->slice[i].dirty && c->slice[i].kind == kind)
			v[n++] = &c->slice[i];
	}
	qsort(v, n, sizeof(struct q2_slice *), by_offset);
	for (uint32_t i = 0; i < n; i++) {
		int r = write_slice(q, v[i]);

		if (r < 0 && !first)
			first = r;
	}
	free(v);
	return first;
}

bool q2_cache_room(const struct qcow2 *q)
{
	return q->cache.dirty[Q2_KIND_L2] + ROOM < q->cache.cnt;
}

bool q2_cache_filling(const struct qcow2 *q)
{
	return q->cache.dirty[Q2_KIND_L2] > q->cache.cnt / 2;
}
