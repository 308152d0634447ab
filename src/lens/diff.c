/* SPDX-License-Identifier: MIT */
/* diff.c: two runs side by side. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/summary.h"
#include "vmm/error.h"
#include "vmm/lens_views.h"

struct side {
	uint64_t exits, ns;
};
struct diff_row {
	const char *kind, *name; /* of a table */
	bool other;
	struct side side[2];
};
struct diff {
	struct summary_table table[2];
	struct summary_totals totals[2];
	struct diff_row *row;
	unsigned cnt;
};

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static int by_change(const void *a, const void *b)
{
	const struct diff_row *x = a, *y = b;
	uint64_t dx = distance(x->side[0].ns, x->side[1].ns);
	uint64_t dy = distance(y->side[0].ns, y->side[1].ns);

	if (dx == dy) {
		dx = distance(x->side[0].exits, x->side[1].exits);
		dy = distance(y->side[0].exits, y->side[1].exits);
	}
	if (dx != dy)
		return dx < dy ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
	const struct diff_row *x = a, *y = b;
	int c = strcmp(x->kind, y->kind);

	return c ? c : strcmp(x->name, y->name);
}

static void join(struct diff *d)
{
	unsigned to = 0;

	if (!d->cnt)
		return;
	qsort(d->row, d->cnt, sizeof(*d->row), by_name);
	for (unsigned i = 1; i < d->cnt; i++) {
		struct diff_row *last = &d->row[to];

		if (by_name(last, &d->row[i])) {
			d->row[++to] = d->row[i];
			continue;
		}
		for (unsigned s = 0; s < 2; s++) {
			last->side[s].exits += d->row[i].side[s].exits;
			last->side[s].ns += d->row[i].side[s].ns;
		}
	}
	d->cnt = to + 1;
	qsort(d->row, d->cnt, sizeof(*d->row), by_change);
}

static bool load(struct diff *d, const struct trace *const t[2], const struct lens_cut c[2])
{
	for (unsigned s = 0; s < 2; s++) {
		struct lens_summary *sum = lens_summarize(t[s], &c[s]);
		bool fine = sum && summary_table(sum, &d->table[s]);

		if (sum)
			summary_totals(sum, &d->totals[s]);
		lens_summary_free(sum);
		if (!fine)
			return false;
	}
	d->row = calloc(d->table[0].cnt + d->table[1].cnt + 1, sizeof(*d->row));
	if (!d->row)
		return false;
	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < d->table[s].cnt; i++) {
			const struct summary_row *r = &d->table[s].row[i];
			struct diff_row *to = &d->row[d->cnt++];

			*to = (struct diff_row){ r->kind, r->name, r->other, { { 0 } } };
			to->side[s] = (struct side){ r->away.cnt, r->away.total };
		}
	join(d);
	return true;
}

/* --- text ------------------------------------------------------------------------------------- */

static const char *signed_span(uint64_t a, uint64_t b, char buf[SPAN_MAX + 1])
{
	buf[0] = b >= a ? '+' : '-';
	lens_span(distance(a, b), buf + 1);
	return a == b ? "=" : buf;
}

static const char *signed_count(uint64_t a, uint64_t b, char buf[SPAN_MAX])
{
	snprintf(buf, SPAN_MAX, "%c%" PRIu64, b >= a ? '+' : '-', distance(a, b));
	return a == b ? "=" : buf;
}

static void add_sides(struct str *to, const struct side s[2])
{
	char a[SPAN_MAX], b[SPAN_MAX], c[SPAN_MAX], d[SPAN_MAX + 1];

	str_add(to, "%8" PRIu64 " %8" PRIu64 " %8s  %8s %8s %8s  ", s[0].exits, s[1].exits,
		signed_count(s[0].exits, s[1].exits, a), lens_span(s[0].ns, b),
		lens_span(s[1].ns, c), signed_span(s[0].ns, s[1].ns, d));
}

static void add_name(struct str *to, const char *name)
{
	char safe[256];

	str_add(to, "%s", str_escape(name, strlen(name), safe, sizeof(safe)));
}

static void print_rows(const struct diff *d, unsigned rows, struct str *to)
{
	struct side rest[2] = { { 0 } };
	unsigned shown = 0, more = 0;

	str_add(to, "%8s %8s %8s  %8s %8s %8s  %s\n", "exits A", "B", "change", "time A", "B",
		"change", "what");
	for (unsigned i = 0; i < d->cnt; i++) {
		const struct diff_row *r = &d->row[i];

		if (rows && shown >= rows) {
			for (unsigned s = 0; s < 2; s++) {
				rest[s].exits += r->side[s].exits;
				rest[s].ns += r->side[s].ns;
			}
			more++;
			continue;
		}
		add_sides(to, r->side);
		str_add(to, "%s%s", r->kind, *r->kind && *r->name ? " " : "");
		add_name(to, r->name);
		str_add(to, "\n");
		shown++;
	}
	if (more) {
		add_sides(to, rest);
		str_add(to, "%u other registers\n", more);
	}
}

static struct side work(const struct summary_totals *t)
{
	return (struct side){ t->exits, t->away_ns - min_u64(t->halted_ns, t->away_ns) };
}

/* "12000 exits (40 %) saved" */
static void add_saved(struct str *to, uint64_t a, uint64_t b, const char *amount)
{
	if (a == b)
		str_add(to, "no %s more or less", amount);
	else if (a)
		str_add(to, "%s (%.1f %%) %s", amount, 100.0 * (double)distance(a, b) / (double)a,
			b < a ? "saved" : "added");
	else
		str_add(to, "%s added", amount);
}

static void print_totals(const struct diff *d, struct str *to)
{
	struct side s[2] = { work(&d->totals[0]), work(&d->totals[1]) };
	char what[SPAN_MAX + 16], span[SPAN_MAX];

	add_sides(to, s);
	str_add(to, "all; time without the waiting in HLT\n\nB against A: ");
	snprintf(what, sizeof(what), "%" PRIu64 " exits", distance(s[0].exits, s[1].exits));
	add_saved(to, s[0].exits, s[1].exits, s[0].exits == s[1].exits ? "exits" : what);
	snprintf(what, sizeof(what), "%s in the VMM", lens_span(distance(s[0].ns, s[1].ns), span));
	str_add(to, ", ");
	add_saved(to, s[0].ns, s[1].ns, s[0].ns == s[1].ns ? "time in the VMM" : what);
	str_add(to, ".\n");
}

static struct trace_cpu_time sum_times(const struct trace *t)
{
	struct trace_cpu_time all = { 0 };

	for (unsigned i = 0; t->cpu_time && i < t->machine.cpu_cnt; i++) {
		all.wall_ns += t->cpu_time[i].wall_ns;
		all.guest_ns += t->cpu_time[i].guest_ns;
		all.kernel_ns += t->cpu_time[i].kernel_ns;
		all.vmm_ns += t->cpu_time[i].vmm_ns;
		all.halted_ns += t->cpu_time[i].halted_ns;
	}
	return all;
}

static void print_time(struct str *to, const char *name, uint64_t a, uint64_t b)
{
	char x[SPAN_MAX], y[SPAN_MAX], z[SPAN_MAX + 1];

	str_add(to, "%28s%8s %8s %8s  %s\n", "", lens_span(a, x), lens_span(b, y),
		signed_span(a, b, z), name);
}

/* Of the whole runs; nothing if one of them has no end. */
static void print_times(const struct trace *const t[2], struct str *to)
{
	struct trace_cpu_time a = sum_times(t[0]), b = sum_times(t[1]);

	if (!a.wall_ns || !b.wall_ns)
		return;
	str_add(to, "\n%28s%8s %8s %8s  %s\n", "", "time A", "B", "change", "of all vCPUs");
	print_time(to, "wall", a.wall_ns, b.wall_ns);
	print_time(to, "guest", a.guest_ns, b.guest_ns);
	print_time(to, "KVM", a.kernel_ns, b.kernel_ns);
	print_time(to, "VMM", a.vmm_ns, b.vmm_ns);
	print_time(to, "halted", a.halted_ns, b.halted_ns);
}

static uint64_t stat_exits(const struct trace *t)
{
	for (unsigned i = 0; i < t->stat_cnt; i++)
		if (!strcmp(t->stat[i].name, "exits"))
			return t->stat[i].value;
	return 0;
}

static void print_limits(const struct trace *const t[2], struct str *to)
{
	uint64_t a = stat_exits(t[0]), b = stat_exits(t[1]);
	char buf[SPAN_MAX];

	if (a && b)
		str_add(to,
			"KVM counted %" PRIu64 " and %" PRIu64
			" exits (%s): those it handled by itself are in no row.\n",
			a, b, signed_count(a, b, buf));
	for (unsigned s = 0; s < 2; s++) {
		if (t[s]->lost)
			str_add(to, "%c lost %" PRIu64 " records.\n", 'A' + (int)s, t[s]->lost);
		if (t[s]->cut)
			str_add(to, "%c is cut: %s.\n", 'A' + (int)s, t[s]->cut_why);
	}
}

int lens_print_diff(const struct trace *const t[2], const char *const names[2],
		    const struct lens_cut c[2], unsigned rows, struct str *ret, struct error **errp)
{
	struct diff d = { 0 };
	bool fine = load(&d, t, c);

	if (fine) {
		for (unsigned s = 0; s < 2; s++) {
			str_add(ret, "%c  ", 'A' + (int)s);
			add_name(ret, names[s]);
			str_add(ret, ": ");
			add_name(ret, t[s]->machine.cmdline ? t[s]->machine.cmdline : "");
			str_add(ret, "\n");
		}
		str_add(ret, "\n");
		print_rows(&d, rows, ret);
		print_totals(&d, ret);
		print_times(t, ret);
		print_limits(t, ret);
	}
	for (unsigned s = 0; s < 2; s++)
		summary_table_free(&d.table[s]);
	free(d.row);
	return fine && !ret->failed ? 0 : err_errno(errp, ENOMEM, "cannot compare the recordings");
}
