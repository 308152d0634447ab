/* SPDX-License-Identifier: MIT */
/*
 * summary.c: exits counted by what the guest accessed. Adding one makes no names: rows are found by
 * the numbers in the record, and named when somebody looks.
 */
#include "lens/summary.h"

#include <string.h>

#include "lens/summary_impl.h"

/* Of an exit, what says which register it was. */
static struct summary_key key_of(const struct trace_rec *x)
{
	struct summary_key k = {
		.reason = x->exit.reason,
		.flags = x->exit.flags & (TRACE_X_WRITE | TRACE_X_NOBODY | TRACE_X_STRING),
		.dev = TRACE_NO_DEV,
	};

	switch (x->exit.reason) {
	case TRACE_PIO:
	case TRACE_MMIO:
		if (x->dev == TRACE_NO_DEV || x->exit.flags & TRACE_X_NOBODY) {
			k.where = x->exit.addr;
		} else {
			k.dev = x->dev;
			k.region = x->exit.region;
			k.where = x->exit.off;
		}
		break;
	case TRACE_OTHER:
		k.where = x->exit.value;
		break;
	case TRACE_RDMSR:
	case TRACE_WRMSR:
	case TRACE_EOI:
		k.where = x->exit.addr;
		break;
	}
	return k;
}

static bool same_key(const struct summary_key *a, const struct summary_key *b)
{
	return a->where == b->where && a->dev == b->dev && a->region == b->region &&
	       a->reason == b->reason && a->flags == b->flags;
}

static unsigned hash_key(const struct summary_key *k)
{
	uint64_t h = k->where * UINT64_C(0x9e3779b97f4a7c15);

	h ^= ((uint64_t)k->dev << 24 | (uint64_t)k->region << 16 | (uint64_t)k->reason << 8 |
	      k->flags) *
	     UINT64_C(0xc2b2ae3d27d4eb4f);
	return (unsigned)(h >> 40) % SUMMARY_SLOTS;
}

/* The slot of @k, or the free one where it belongs. There is always a free one. */
static unsigned slot_of(const struct lens_summary *s, const struct summary_key *k)
{
	unsigned i = hash_key(k);

	while (s->slot[i] && !same_key(&s->row[s->slot[i] - 1]->key, k))
		i = (i + 1) % SUMMARY_SLOTS;
	return i;
}

static int more_first(const void *a, const void *b)
{
	const struct summary_entry *x = *(struct summary_entry *const *)a;
	const struct summary_entry *y = *(struct summary_entry *const *)b;

	return (x->away.cnt < y->away.cnt) - (x->away.cnt > y->away.cnt);
}

/* The rarer half goes to "other", so registers that come later get rows all the same. */
static void make_room(struct lens_summary *s)
{
	qsort(s->row, s->row_cnt, sizeof(*s->row), more_first);
	while (s->row_cnt > SUMMARY_ROWS / 2) {
		struct summary_entry *e = s->row[--s->row_cnt];

		histogram_merge(&s->other.away, &e->away);
		s->other.handler_ns += e->handler_ns;
		free(e);
	}
	memset(s->slot, 0, sizeof(s->slot));
	for (unsigned i = 0; i < s->row_cnt; i++)
		s->slot[slot_of(s, &s->row[i]->key)] = (uint16_t)(i + 1);
}

static struct summary_entry *entry_of(struct lens_summary *s, const struct trace_rec *x)
{
	struct summary_key k = key_of(x);
	unsigned at = slot_of(s, &k);
	struct summary_entry *e;

	if (s->slot[at])
		return s->row[s->slot[at] - 1];
	if (s->row_cnt == SUMMARY_ROWS) {
		make_room(s);
		at = slot_of(s, &k);
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return &s->other;
	e->key = k;
	e->sample = *x;
	s->row[s->row_cnt++] = e;
	s->slot[at] = (uint16_t)s->row_cnt;
	return e;
}

static struct summary_device *device_of(struct lens_summary *s, uint16_t dev)
{
	return dev < TRACE_DEVICES_MAX ? &s->device[dev] : NULL;
}

static void add_exit(struct lens_summary *s, const struct trace_rec *x)
{
	struct summary_entry *e = entry_of(s, x);
	struct summary_device *d = x->exit.flags & TRACE_X_NOBODY ? NULL : device_of(s, x->dev);
	struct summary_totals *t = &s->totals;

	histogram_add(&e->away, x->exit.away);
	e->handler_ns += x->exit.handler;
	if (d) {
		d->exits++;
		d->away_ns += x->exit.away;
		d->handler_ns += x->exit.handler;
	}
	if (!t->exits || x->t < t->first)
		t->first = x->t;
	if (x->t + x->exit.away > t->last)
		t->last = x->t + x->exit.away;
	t->exits++;
	t->away_ns += x->exit.away;
	t->handler_ns += x->exit.handler;
	t->run_ns += x->exit.guest;
	if (x->exit.reason == TRACE_HLT)
		t->halted_ns += x->exit.away;
}

static void add_event(struct lens_summary *s, const struct trace_rec *r)
{
	struct summary_device *d = device_of(s, r->dev);
	struct request q;

	if (!d)
		return;
	d->events++;
	if (!requests_add(&s->requests, r, 0, &q))
		return;
	if (!d->request)
		d->request = calloc(1, sizeof(*d->request));
	if (d->request)
		histogram_add(d->request, (uint32_t)min_u64(q.end - q.begin, UINT32_MAX));
}

void lens_summary_add(struct lens_summary *s, const struct lens *l, const struct trace_rec *x)
{
	(void)l;
	if (x->kind == TRACE_EXIT)
		add_exit(s, x);
	else if (x->kind == TRACE_EVENT)
		add_event(s, x);
}

void summary_totals(const struct lens_summary *s, struct summary_totals *ret)
{
	*ret = s->totals;
}

uint64_t summary_wall(const struct lens_summary *s, const struct lens *l,
		      const struct trace_cpu_time *time, unsigned cpu_cnt)
{
	uint64_t wall = 0, begin;

	if (s->part_wall)
		return s->part_wall;
	for (unsigned i = 0; time && i < cpu_cnt; i++)
		wall += time[i].wall_ns;
	if (wall || !s->totals.exits)
		return wall;
	begin = s->totals.first;
	if (l->machine->begin && l->machine->begin < begin)
		begin = l->machine->begin;
	if (s->totals.last <= begin) /* a file may say anything */
		return 0;
	return (s->totals.last - begin) * (l->machine->cpu_cnt ? l->machine->cpu_cnt : 1);
}

void lens_summary_rows(struct lens_summary *s, unsigned max)
{
	s->max_rows = max;
}

struct lens_summary *lens_summary_new(void)
{
	struct lens_summary *s = calloc(1, sizeof(*s));

	if (s)
		s->max_rows = SUMMARY_SHOWN;
	return s;
}

struct lens_summary *lens_summary_free(struct lens_summary *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < s->row_cnt; i++)
		free(s->row[i]);
	for (unsigned i = 0; i < TRACE_DEVICES_MAX; i++)
		free(s->device[i].request);
	free(s);
	return NULL;
}

/* --- rows with names -------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct summary_row *x = a, *y = b;
	int c = strcmp(x->kind, y->kind);

	return c ? c : strcmp(x->name, y->name);
}

static int by_time(const void *a, const void *b)
{
	const struct summary_row *x = a, *y = b;

	if (x->other != y->other)
		return x->other - y->other;
	if (x->away.total != y->away.total)
		return x->away.total < y->away.total ? 1 : -1;
	return (x->away.cnt < y->away.cnt) - (x->away.cnt > y->away.cnt);
}

static bool add_row(struct summary_table *t, const struct summary_entry *e, const char *kind,
		    char *name, bool other)
{
	struct summary_row *r = &t->row[t->cnt];

	*r = (struct summary_row){ .kind = strdup(kind), .name = name, .other = other };
	r->handler_ns = e->handler_ns;
	r->away = e->away;
	t->cnt++;
	return r->kind && r->name;
}

/* Rows of one name, as those of a table in a device's memory are, become one. */
static void join(struct summary_table *t)
{
	unsigned to = 0;

	if (!t->cnt)
		return;
	qsort(t->row, t->cnt, sizeof(*t->row), by_name);
	for (unsigned i = 1; i < t->cnt; i++) {
		struct summary_row *last = &t->row[to];

		if (by_name(last, &t->row[i])) {
			t->row[++to] = t->row[i];
			continue;
		}
		histogram_merge(&last->away, &t->row[i].away);
		last->handler_ns += t->row[i].handler_ns;
		free(t->row[i].kind);
		free(t->row[i].name);
	}
	t->cnt = to + 1;
}

bool summary_table(const struct lens_summary *s, const struct lens *l, struct summary_table *ret)
{
	struct summary_table t = { calloc(s->row_cnt + 1, sizeof(*t.row)), 0 };
	bool fine = t.row != NULL;

	for (unsigned i = 0; i < s->row_cnt && fine; i++) {
		const struct summary_entry *e = s->row[i];
		struct str name = { 0 };

		lens_register_name(l, &e->sample, &name);
		fine = add_row(&t, e, lens_kind_name(&e->sample), str_take(&name), false);
	}
	if (fine && s->other.away.cnt)
		fine = add_row(&t, &s->other, "", strdup("other: registers that are seldom used"),
			       true);
	if (!fine) {
		summary_table_free(&t);
		*ret = (struct summary_table){ 0 };
		return false;
	}
	join(&t);
	qsort(t.row, t.cnt, sizeof(*t.row), by_time);
	*ret = t;
	return true;
}

void summary_table_free(struct summary_table *t)
{
	for (unsigned i = 0; i < t->cnt; i++) {
		free(t->row[i].kind);
		free(t->row[i].name);
	}
	free(t->row);
	*t = (struct summary_table){ 0 };
}
