/* SPDX-License-Identifier: MIT */
/*
 * snap_diff.c: a device's state before and after, by its snapshot table.
 *
 * Fields that stand side by side in memory are one span: copied and compared as a whole, since most
 * accesses change one byte or none.
 */
#include "core/snap_diff.h"

#include <string.h>

#include "vmm/base.h"

struct watched {
	const struct snap_field *f;
	unsigned number; /* in the table */
};

struct span {
	uint32_t off, len;    /* in the state */
	uint32_t at;          /* in the copy */
	unsigned first, last; /* of watched[] */
};

struct snap_diff {
	unsigned watched_cnt, span_cnt;
	struct watched *watched; /* by offset */
	struct span *span;
	uint8_t copy[SNAP_DIFF_BYTES_MAX];
};

static int by_offset(const void *a, const void *b)
{
	const struct watched *x = a, *y = b;

	return (x->f->off > y->f->off) - (x->f->off < y->f->off);
}

static uint32_t bytes_of(const struct snap_field *f)
{
	return f->count * f->size;
}

static void choose(struct snap_diff *s, const struct snap_desc *d)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < d->n; i++) {
		const struct snap_field *f = &d->f[i];

		if (f->gone <= d->version || f->flags & SNAP_ELSEWHERE || !f->count ||
		    f->count > SNAP_DIFF_ARRAY_MAX || bytes_of(f) > SNAP_DIFF_ARRAY_MAX ||
		    bytes_of(f) > SNAP_DIFF_BYTES_MAX - sum)
			continue;
		sum += bytes_of(f);
		s->watched[s->watched_cnt++] = (struct watched){ .f = f, .number = i };
	}
	qsort(s->watched, s->watched_cnt, sizeof(s->watched[0]), by_offset);
}

static void join_spans(struct snap_diff *s)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < s->watched_cnt; i++) {
		const struct snap_field *f = s->watched[i].f;
		struct span *p = s->span_cnt ? &s->span[s->span_cnt - 1] : NULL;

		if (p && p->off + p->len == f->off) {
			p->len += bytes_of(f);
			p->last = i;
		} else {
			s->span[s->span_cnt++] = (struct span){
				.off = f->off, .len = bytes_of(f), .at = at, .first = i, .last = i
			};
		}
		at += bytes_of(f);
	}
}

struct snap_diff *snap_diff_new(const struct snap_desc *d)
{
	struct snap_diff *s = calloc(1, sizeof(*s));
	unsigned n = d ? d->n : 0;

	if (!s)
		return NULL;
	if (!n)
		return s;
	s->watched = calloc(n, sizeof(s->watched[0]));
	if (!s->watched)
		return snap_diff_free(s);
	choose(s, d);
	s->span = calloc(n, sizeof(s->span[0]));
	if (!s->span)
		return snap_diff_free(s);
	join_spans(s);
	return s;
}

struct snap_diff *snap_diff_free(struct snap_diff *s)
{
	if (!s)
		return NULL;
	free(s->watched);
	free(s->span);
	free(s);
	return NULL;
}

void snap_diff_take(struct snap_diff *s, const void *state)
{
	for (unsigned i = 0; i < s->span_cnt; i++) {
		const struct span *p = &s->span[i];

		memcpy(s->copy + p->at, (const uint8_t *)state + p->off, p->len);
	}
}

static uint64_t value(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size); /* x86, as all of this: little-endian */
	return v;
}

struct teller {
	void (*changed)(void *, unsigned, uint32_t, uint64_t, uint64_t);
	void *opaque;
	unsigned max, cnt;
};

static void tell_field(struct teller *t, const struct watched *w, const uint8_t *from,
		       const uint8_t *to)
{
	const unsigned size = w->f->size;

	for (uint32_t i = 0; i < w->f->count && t->cnt < t->max; i++, from += size, to += size) {
		if (memcmp(from, to, size) == 0)
			continue;
		t->changed(t->opaque, w->number, i, value(from, size), value(to, size));
		t->cnt++;
	}
}

unsigned snap_diff_tell(const struct snap_diff *s, const void *state, unsigned max,
			void (*changed)(void *, unsigned, uint32_t, uint64_t, uint64_t),
			void *opaque)
{
	struct teller t = { .changed = changed, .opaque = opaque, .max = max };

	for (unsigned i = 0; i < s->span_cnt; i++) {
		const struct span *p = &s->span[i];
		const uint8_t *now = (const uint8_t *)state + p->off, *then = s->copy + p->at;

		if (memcmp(then, now, p->len) == 0)
			continue;
		for (unsigned k = p->first; k <= p->last; k++) {
			const uint32_t d = s->watched[k].f->off - p->off;

			tell_field(&t, &s->watched[k], then + d, now + d);
		}
	}
	return t.cnt;
}
