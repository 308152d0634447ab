/* SPDX-License-Identifier: MIT */
/* summary_print.c: a summary as text of 80 columns; only long names go beyond. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/summary_impl.h"

#define COLUMNS    80u
#define CPUS_SHOWN 16u

const char *lens_span(uint64_t ns, char buf[SPAN_MAX])
{
	static const struct {
		uint64_t ns;
		const char *name;
	} unit[] = { { 1, "ns" }, { 1000, "us" }, { 1000000, "ms" }, { 1000000000, "s" } };
	unsigned u = 0, digits;
	double v;

	if (ns >= UINT64_C(100000) * unit[3].ns) {
		snprintf(buf, SPAN_MAX, "%.4g h", (double)ns / 3600e9);
		return buf;
	}
	while (u < 3 && ns >= 1000 * unit[u].ns)
		u++;
	v = (double)ns / (double)unit[u].ns;
	digits = u == 0 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2;
	snprintf(buf, SPAN_MAX, "%.*f %s", (int)digits, v, unit[u].name);
	return buf;
}

static const char *percent(uint64_t part, uint64_t whole, char buf[SPAN_MAX])
{
	double v = whole ? 100.0 * (double)part / (double)whole : 0;

	if (!whole)
		snprintf(buf, SPAN_MAX, "-");
	else if (part && v < 0.05)
		snprintf(buf, SPAN_MAX, "<0.1%%");
	else
		snprintf(buf, SPAN_MAX, "%.1f%%", v);
	return buf;
}

/* Names come from files and guests: nothing of them reaches a terminal as it is. */
static void add_name(struct str *to, const char *name)
{
	char safe[256];

	str_add(to, "%s", str_escape(name, strlen(name), safe, sizeof(safe)));
}

/* --- exits ------------------------------------------------------------------------------------ */

static void add_numbers(struct str *to, const struct histogram *h, uint64_t wall)
{
	char a[SPAN_MAX], b[SPAN_MAX], c[SPAN_MAX], d[SPAN_MAX];

	str_add(to, "%9" PRIu64 " %6s %8s %8s %8s  ", h->cnt, percent(h->total, wall, a),
		lens_span(h->total, b), lens_span(histogram_quantile(h, 500), c),
		lens_span(histogram_quantile(h, 990), d));
}

static unsigned kind_width(const struct summary_table *t)
{
	size_t w = 4;

	for (unsigned i = 0; i < t->cnt; i++)
		w = strlen(t->row[i].kind) > w ? strlen(t->row[i].kind) : w;
	return (unsigned)min_u64(w, 16);
}

static void print_exits(const struct lens_summary *s, const struct summary_table *t, uint64_t wall,
			struct str *to)
{
	unsigned width = kind_width(t), max = s->max_rows ? s->max_rows : UINT32_MAX, shown = 0;
	struct histogram rest = { 0 };

	str_add(to, "%9s %6s %8s %8s %8s  %-*s register\n", "exits", "share", "total", "p50", "p99",
		(int)width, "kind");
	for (unsigned i = 0; i < t->cnt; i++) {
		const struct summary_row *r = &t->row[i];

		if (!r->other && shown++ >= max) {
			histogram_merge(&rest, &r->away);
			continue;
		}
		if (r->other && rest.cnt) {
			histogram_merge(&rest, &r->away);
			continue;
		}
		add_numbers(to, &r->away, wall);
		if (!r->other)
			str_add(to, "%-*s ", (int)width, r->kind);
		add_name(to, r->name);
		str_add(to, "\n");
	}
	if (rest.cnt) {
		add_numbers(to, &rest, wall);
		str_add(to, "%u other registers%s\n", shown - max,
			s->other.away.cnt ? ", and what is seldom used" : "");
	}
}

static void print_total(const struct summary_table *t, uint64_t wall, struct str *to)
{
	struct histogram all = { 0 };

	for (unsigned i = 0; i < t->cnt; i++)
		histogram_merge(&all, &t->row[i].away);
	add_numbers(to, &all, wall);
	str_add(to, "all exits\n");
}

/* --- time ------------------------------------------------------------------------------------- */

static void add_times(struct str *to, const struct trace_cpu_time *t)
{
	uint64_t known = t->guest_ns + t->kernel_ns + t->vmm_ns + t->halted_ns;
	char a[5][SPAN_MAX], wall[SPAN_MAX];

	str_add(to, "%8s %8s %8s %8s %8s %8s\n", lens_span(t->wall_ns, wall),
		percent(t->guest_ns, t->wall_ns, a[0]), percent(t->kernel_ns, t->wall_ns, a[1]),
		percent(t->vmm_ns, t->wall_ns, a[2]), percent(t->halted_ns, t->wall_ns, a[3]),
		percent(known < t->wall_ns ? t->wall_ns - known : 0, t->wall_ns, a[4]));
}

static void print_split(const struct trace_cpu_time *time, unsigned cpu_cnt, struct str *to)
{
	struct trace_cpu_time all = { 0 };

	for (unsigned i = 0; i < cpu_cnt; i++) {
		all.wall_ns += time[i].wall_ns;
		all.guest_ns += time[i].guest_ns;
		all.kernel_ns += time[i].kernel_ns;
		all.vmm_ns += time[i].vmm_ns;
		all.halted_ns += time[i].halted_ns;
	}
	str_add(to, "\n%-10s %8s %8s %8s %8s %8s %8s\n", "time", "wall", "guest", "KVM", "VMM",
		"halted", "unknown");
	for (unsigned i = 0; i < cpu_cnt && i < CPUS_SHOWN && cpu_cnt > 1; i++) {
		char name[24];

		snprintf(name, sizeof(name), "vCPU %u", i);
		str_add(to, "%-10s ", name);
		add_times(to, &time[i]);
	}
	if (cpu_cnt > CPUS_SHOWN)
		str_add(to, "%u more vCPUs are in the sum.\n", cpu_cnt - CPUS_SHOWN);
	str_add(to, "%-10s ", cpu_cnt > 1 ? "all vCPUs" : "vCPU 0");
	add_times(to, &all);
}

static void print_times(const struct lens_summary *s, const struct trace_cpu_time *time,
			unsigned cpu_cnt, struct str *to)
{
	char a[SPAN_MAX], b[SPAN_MAX], c[SPAN_MAX];
	const struct summary_totals *t = &s->totals;

	if (time && cpu_cnt)
		print_split(time, cpu_cnt, to);
	else
		str_add(to,
			"\nHow time was split is not known. By these exits: %s in KVM_RUN before "
			"them,\n%s in the VMM (%s of it in devices).\n",
			lens_span(t->run_ns, a), lens_span(t->away_ns - t->halted_ns, b),
			lens_span(t->handler_ns, c));
	if (t->halted_ns)
		str_add(to, "The time of HLT, %s, is the guest's own waiting.\n",
			lens_span(t->halted_ns, a));
}

/* --- devices ---------------------------------------------------------------------------------- */

static void add_device_name(struct str *to, const struct trace_device *d)
{
	char id[64], type[64];

	str_escape(d->id, strnlen(d->id, sizeof(d->id)), id, sizeof(id));
	str_escape(d->type, strnlen(d->type, sizeof(d->type)), type, sizeof(type));
	str_add(to, strcmp(id, type) ? "%s (%s)" : "%s", id, type);
}

static void print_device(const struct summary_device *d, const struct trace_device *m,
			 struct str *to)
{
	char a[SPAN_MAX], b[SPAN_MAX], c[SPAN_MAX];

	str_add(to, "%9" PRIu64 " %8s %8s %8" PRIu64 "  ", d->exits, lens_span(d->away_ns, a),
		lens_span(d->handler_ns, b), d->events);
	add_device_name(to, m);
	str_add(to, "\n");
	if (d->request)
		str_add(to, "%9s that had %" PRIu64 " I/O requests: p50 %s, p99 %s\n", "",
			d->request->cnt, lens_span(histogram_quantile(d->request, 500), a),
			lens_span(histogram_quantile(d->request, 990), c));
}

static bool was_used(const struct summary_device *d)
{
	return d->exits || d->events;
}

/* Names of what was not used, in lines of COLUMNS. */
static void print_unused(const struct lens_summary *s, const struct trace_machine *m,
			 struct str *to)
{
	unsigned at = 0;

	for (unsigned i = 0; i < m->device_cnt && i < TRACE_DEVICES_MAX; i++) {
		_cleanup_(str_free) struct str name = { 0 };

		if (was_used(&s->device[i]))
			continue;
		add_device_name(&name, &m->device[i]);
		if (at == 0)
			at = 10, str_add(to, "Not used:");
		else
			at++, str_add(to, ",");
		if (at + name.len + 2 > COLUMNS)
			at = 10, str_add(to, "\n         ");
		str_add(to, " %s", name.s ? name.s : "?");
		at += (unsigned)name.len + 1;
	}
	if (at)
		str_add(to, "\n");
}

static void print_devices(const struct lens_summary *s, const struct trace_machine *m,
			  struct str *to)
{
	bool head = false;

	for (unsigned i = 0; i < m->device_cnt && i < TRACE_DEVICES_MAX; i++) {
		if (!was_used(&s->device[i]))
			continue;
		if (!head)
			str_add(to, "\n%9s %8s %8s %8s  device\n", "exits", "time", "handlers",
				"events");
		head = true;
		print_device(&s->device[i], &m->device[i], to);
	}
	if (!head)
		str_add(to, "\n");
	print_unused(s, m, to);
}

/* --- what is not seen ------------------------------------------------------------------------- */

/* KVM's names (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD; arch/x86/kvm/x86.c), in words. */
static const struct {
	const char *name, *words;
} stat_words[] = {
	{ "exits", "exits from guest mode: these and all others" },
	{ "io_exits", "port accesses" },
	{ "mmio_exits", "accesses to memory that is not there" },
	{ "signal_exits", "a signal for the vCPU's thread" },
	{ "irq_exits", "an interrupt of the host" },
	{ "irq_window_exits", "the guest takes interrupts again" },
	{ "nmi_window_exits", "the guest takes NMIs again" },
	{ "halt_exits", "HLT" },
	{ "halt_wakeup", "ends of HLT" },
	{ "irq_injections", "interrupts injected" },
	{ "nmi_injections", "NMIs injected" },
	{ "insn_emulation", "instructions that KVM emulated" },
	{ "insn_emulation_fail", "instructions that it could not emulate" },
	{ "hypercalls", "hypercalls" },
	{ "pf_taken", "page faults of guest memory" },
	{ "pf_fixed", "of them mended" },
	{ "pf_emulate", "of them emulated" },
	{ "request_irq_exits", "this program wanted to inject" },
	{ "tlb_flush", "flushes of the TLB" },
	{ "preemption_reported", "times that the host took the CPU away" },
};

const char *summary_stat_words(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(stat_words); i++)
		if (!strcmp(stat_words[i].name, name))
			return stat_words[i].words;
	return NULL;
}

static uint64_t stat_value(const struct trace_stat *stat, unsigned cnt, const char *name)
{
	for (unsigned i = 0; i < cnt; i++)
		if (!strcmp(stat[i].name, name))
			return stat[i].value;
	return 0;
}

void lens_unseen(uint64_t exits, const struct trace_stat *stat, unsigned stat_cnt, struct str *ret)
{
	uint64_t all = stat_value(stat, stat_cnt, "exits");

	if (!stat_cnt)
		str_add(ret, "These are the exits that came to this program. How many KVM handled "
			     "by itself is not known: it gave no statistics.");
	else if (all > exits)
		str_add(ret,
			"These are the exits that came to this program. KVM handled %" PRIu64
			" others by itself (CPUID, its own APIC and MSRs, page faults of guest "
			"memory, the host's interrupts), of which it tells the number and nothing "
			"else.",
			all - exits);
	else
		str_add(ret,
			"These are the exits that came to this program. KVM counted %" PRIu64
			" in all, so it tells of none that it handled by itself.",
			all);
}

/* In lines of COLUMNS. */
static void add_wrapped(struct str *to, const char *text)
{
	unsigned at = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (at && at + 1 + word > COLUMNS)
			at = 0, str_add(to, "\n");
		else if (at)
			at++, str_add(to, " ");
		str_add_bytes(to, text, word);
		at += (unsigned)word;
		text += word + (text[word] == ' ');
	}
	str_add(to, "\n");
}

static void print_unseen(uint64_t exits, const struct trace_stat *stat, unsigned stat_cnt,
			 struct str *to)
{
	_cleanup_(str_free) struct str text = { 0 };
	bool head = false;

	for (unsigned i = 0; i < ARRAY_LEN(stat_words); i++) {
		uint64_t v = stat_value(stat, stat_cnt, stat_words[i].name);

		if (!v)
			continue;
		if (!head)
			str_add(to, "\n%12s  KVM's statistics\n", "count");
		head = true;
		str_add(to, "%12" PRIu64 "  %-19s %s\n", v, stat_words[i].name,
			stat_words[i].words);
	}
	lens_unseen(exits, stat, stat_cnt, &text);
	str_add(to, "\n");
	if (text.s)
		add_wrapped(to, text.s);
}

/* --- all of it -------------------------------------------------------------------------------- */

void lens_summary_print(const struct lens_summary *s, const struct lens *l,
			const struct trace_cpu_time *time, unsigned cpu_cnt,
			const struct trace_stat *stat, unsigned stat_cnt, uint64_t lost,
			struct str *ret)
{
	uint64_t wall = summary_wall(s, l, time, cpu_cnt);
	_cleanup_(summary_table_free) struct summary_table t = { 0 };

	if (!summary_table(s, &t)) {
		str_add(ret, "No memory for a summary.\n");
		return;
	}
	if (t.cnt) {
		print_exits(s, &t, wall, ret);
		print_total(&t, wall, ret);
	} else {
		str_add(ret, "No exits.\n");
	}
	print_times(s, time, cpu_cnt, ret);
	print_devices(s, l->machine, ret);
	print_unseen(s->whole_exits ? s->whole_exits : s->totals.exits, stat, stat_cnt, ret);
	if (lost)
		str_add(ret, "%" PRIu64 " records were lost: there was no room for them.\n", lost);
}
