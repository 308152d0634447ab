/* SPDX-License-Identifier: MIT */
/* trace_index.c: what belongs to an exit, and all threads' records in the order of time. */
#include "lens/trace_index.h"

bool rec_list_add(struct rec_list *l, const struct trace_rec *r)
{
	if (l->cnt == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct trace_rec *more = reallocarray(l->rec, room, sizeof(*more));

		if (!more)
			return false;
		l->rec = more;
		l->room = room;
	}
	l->rec[l->cnt++] = *r;
	return true;
}

static bool add_item(struct trace_index *x, unsigned thread, const struct trace_rec *r,
		     uint32_t effect_cnt)
{
	if (x->item_cnt == x->room) {
		size_t room = x->room ? 2 * x->room : 256;
		struct index_item *more = reallocarray(x->item, room, sizeof(*more));

		if (!more)
			return false;
		x->item = more;
		x->room = room;
	}
	x->item[x->item_cnt++] = (struct index_item){ .rec = r,
						      .effect_cnt = effect_cnt,
						      .thread = (uint16_t)thread };
	return true;
}

/* Of the @cnt records in front of the exit @e, how many are its effects. */
static uint32_t effects_of(const struct trace_rec *e, size_t cnt)
{
	uint32_t n = 0;

	while (n < cnt && n < UINT32_MAX && e[-(ptrdiff_t)n - 1].t >= e->t &&
	       e[-(ptrdiff_t)n - 1].t - e->t < e->exit.away)
		n++;
	return n;
}

static bool index_thread(struct trace_index *x, unsigned thread)
{
	const struct rec_list *l = &x->thread[thread];
	size_t done = 0; /* records in front of this one have been told */

	for (size_t i = 0; i < l->cnt; i++) {
		const struct trace_rec *e = &l->rec[i];
		uint32_t effects;

		if (e->kind != TRACE_EXIT)
			continue;
		effects = effects_of(e, i - done);
		for (; done < i - effects; done++)
			if (!add_item(x, thread, &l->rec[done], 0))
				return false;
		if (!add_item(x, thread, e, effects))
			return false;
		done = i + 1;
	}
	for (; done < l->cnt; done++)
		if (!add_item(x, thread, &l->rec[done], 0))
			return false;
	return true;
}

/* Addresses tell the order of one thread's. */
static int by_time(const void *a, const void *b)
{
	const struct index_item *x = a, *y = b;

	if (x->rec->t != y->rec->t)
		return x->rec->t < y->rec->t ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->rec < y->rec ? -1 : x->rec > y->rec;
}

static int rec_by_time(const void *a, const void *b)
{
	const struct trace_rec *x = a, *y = b;

	return x->t < y->t ? -1 : x->t > y->t;
}

static int by_rip(const void *a, const void *b)
{
	const struct trace_rec *x = a, *y = b;

	if (x->code.rip != y->code.rip)
		return x->code.rip < y->code.rip ? -1 : 1;
	return rec_by_time(a, b);
}

static void sort(void *p, size_t cnt, size_t size, int (*cmp)(const void *, const void *))
{
	if (cnt)
		qsort(p, cnt, size, cmp);
}

bool trace_index_build(struct trace_index *x)
{
	for (unsigned i = 0; i < TRACE_THREADS_MAX; i++)
		if (!index_thread(x, i))
			return false;
	sort(x->item, x->item_cnt, sizeof(*x->item), by_time);
	sort(x->code.rec, x->code.cnt, sizeof(*x->code.rec), by_rip);
	sort(x->kernel.rec, x->kernel.cnt, sizeof(*x->kernel.rec), rec_by_time);
	return true;
}

struct trace_index *trace_index_free(struct trace_index *x)
{
	if (!x)
		return NULL;
	for (unsigned i = 0; i < TRACE_THREADS_MAX; i++)
		free(x->thread[i].rec);
	free(x->code.rec);
	free(x->kernel.rec);
	free(x->item);
	free(x);
	return NULL;
}

/* --- questions -------------------------------------------------------------------------------- */

/* The last record of the code at the exit's RIP that was there by then, else the first after it. */
static const struct trace_rec *code_of(const struct trace_index *x, const struct trace_rec *e)
{
	const struct trace_rec *v = x->code.rec;
	size_t lo = 0, hi = x->code.cnt;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v[mid].code.rip < e->exit.rip ||
		    (v[mid].code.rip == e->exit.rip &&
		     (v[mid].t <= e->t || v[mid].t - e->t <= e->exit.away)))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo && v[lo - 1].code.rip == e->exit.rip)
		return &v[lo - 1];
	return lo < x->code.cnt && v[lo].code.rip == e->exit.rip ? &v[lo] : NULL;
}

uint64_t trace_item_cnt(const struct trace *t)
{
	return t->index->item_cnt;
}

void trace_item(const struct trace *t, uint64_t i, struct trace_item *ret)
{
	const struct index_item *m = &t->index->item[i];

	*ret = (struct trace_item){ .thread = m->thread, .rec = m->rec };
	if (m->rec->kind != TRACE_EXIT)
		return;
	ret->effect_cnt = m->effect_cnt;
	ret->effects = m->rec - m->effect_cnt;
	ret->code = code_of(t->index, m->rec);
}

bool trace_next(const struct trace *t, struct trace_cursor *c, struct trace_item *ret)
{
	if (c->next >= trace_item_cnt(t))
		return false;
	trace_item(t, c->next++, ret);
	return true;
}
