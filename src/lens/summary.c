/* SPDX-License-Identifier: MIT */
/*
 * summary.c: exits counted by what the guest accessed, by name, since which register it was can
 * depend on what the guest did before.
 */
#include "lens/summary.h"

#include <inttypes.h>
#include <string.h>

#include "lens/summary_impl.h"

/*
 * What the row of @x is called: its register, without what the value means there; where nobody
 * answers, the address as well.
 */
static const char *name_of(struct lens_summary *s, const struct lens *l, const struct trace_rec *x)
{
	bool access = x->exit.reason == TRACE_PIO || x->exit.reason == TRACE_MMIO;
	char *end;

	s->name.len = 0;
	str_add(&s->name, "%s", "");
	if (access && x->exit.flags & TRACE_X_NOBODY)
		str_add(&s->name, "%#" PRIx64 " ", x->exit.addr);
	lens_register_name(l, x, &s->name);
	if (s->name.failed)
		return NULL;
	end = access && !(x->exit.flags & TRACE_X_NOBODY) ? strstr(s->name.s, ": ") : NULL;
	if (end)
		*end = '\0';
	return s->name.s;
}

static uint32_t hash_of(const char *kind, const char *name)
{
	uint32_t h = 0;

	for (; *kind; kind++)
		h = (h ^ (uint8_t)*kind) * 0x9e3779b1u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x9e3779b1u;
	return h ^ h >> 15;
}

/* The slot of that row, or the free one where it belongs. There is always a free one. */
static unsigned slot_of(const struct lens_summary *s, const char *kind, const char *name,
			uint32_t hash)
{
	unsigned i = hash % SUMMARY_SLOTS;

	while (s->slot[i]) {
		const struct summary_entry *e = &s->row[s->slot[i] - 1];

		if (e->hash == hash && !strcmp(e->kind, kind) && !strcmp(e->name, name))
			break;
		i = (i + 1) % SUMMARY_SLOTS;
	}
	return i;
}

static int more_first(const void *a, const void *b)
{
	const struct summary_entry *x = a, *y = b;

	return (x->away.cnt < y->away.cnt) - (x->away.cnt > y->away.cnt);
}

/* The rarer half goes to "other", so registers that come later get rows all the same. */
static void make_room(struct lens_summary *s)
{
	qsort(s->row, s->row_cnt, sizeof(*s->row), more_first);
	while (s->row_cnt > SUMMARY_ROWS / 2) {
		struct summary_entry *e = &s->row[--s->row_cnt];

		histogram_merge(&s->other.away, &e->away);
		s->other.handler_ns += e->handler_ns;
		free(e->name);
		memset(e, 0, sizeof(*e));
	}
	memset(s->slot, 0, sizeof(s->slot));
	for (unsigned i = 0; i < s->row_cnt; i++) {
		const struct summary_entry *e = &s->row[i];

		s->slot[slot_of(s, e->kind, e->name, e->hash)] = (uint16_t)(i + 1);
	}
}

static struct summary_entry *entry_of(struct lens_summary *s, const struct lens *l,
				      const struct trace_rec *x)
{
	const char *kind = lens_kind_name(x), *name = name_of(s, l, x);
	struct summary_entry *e;
	uint32_t hash;
	unsigned at;

	if (!name)
		return &s->other;
	hash = hash_of(kind, name);
	at = slot_of(s, kind, name, hash);
	if (s->slot[at])
		return &s->row[s->slot[at] - 1];
	if (s->row_cnt == SUMMARY_ROWS) {
		make_room(s);
		at = slot_of(s, kind, name, hash);
	}
	e = &s->row[s->row_cnt];
	e->name = strdup(name);
	if (!e->name)
		return &s->other;
	e->kind = kind;
	e->hash = hash;
	s->row_cnt++;
	s->slot[at] = (uint16_t)s->row_cnt;
	return e;
}

static struct summary_device *device_of(struct lens_summary *s, uint16_t dev)
{
	return dev < TRACE_DEVICES_MAX ? &s->device[dev] : NULL;
}

static void add_exit(struct lens_summary *s, const struct lens *l, const struct trace_rec *x)
{
	struct summary_entry *e = entry_of(s, l, x);
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
	if (x->kind == TRACE_EXIT)
		add_exit(s, l, x);
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
		free(s->row[i].name);
	str_free(&s->name);
	for (unsigned i = 0; i < TRACE_DEVICES_MAX; i++)
		free(s->device[i].request);
	free(s);
	return NULL;
}

/* --- rows for who prints or compares them ----------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct summary_row *x = a, *y = b;

	if (x->other != y->other)
		return x->other - y->other;
	if (x->away.total != y->away.total)
		return x->away.total < y->away.total ? 1 : -1;
	if (x->away.cnt != y->away.cnt)
		return x->away.cnt < y->away.cnt ? 1 : -1;
	return strcmp(x->name, y->name);
}

static bool add_row(struct summary_table *t, const struct summary_entry *e, bool other)
{
	struct summary_row *r = &t->row[t->cnt++];

	*r = (struct summary_row){
		.kind = strdup(other ? "" : e->kind),
		.name = strdup(other ? "other: registers that are seldom used" : e->name),
		.other = other,
		.handler_ns = e->handler_ns,
	};
	r->away = e->away;
	return r->kind && r->name;
}

bool summary_table(const struct lens_summary *s, struct summary_table *ret)
{
	struct summary_table t = { calloc(s->row_cnt + 1, sizeof(*t.row)), 0 };
	bool fine = t.row != NULL;

	for (unsigned i = 0; i < s->row_cnt && fine; i++)
		fine = add_row(&t, &s->row[i], false);
	if (fine && s->other.away.cnt)
		fine = add_row(&t, &s->other, true);
	if (!fine) {
		summary_table_free(&t);
		return false;
	}
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
