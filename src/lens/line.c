/* SPDX-License-Identifier: MIT */
/* line.c: an exit, and all that came of it, in one line. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/lens.h"

#define EFFECTS_MAX 12u

/* "0.9us", "12.4ms", "3.20s" */
static void add_duration(struct str *ret, uint64_t ns)
{
	if (ns < 1000000)
		str_add(ret, "%" PRIu64 ".%" PRIu64 "us", ns / 1000, ns % 1000 / 100);
	else if (ns < UINT64_C(1000000000))
		str_add(ret, "%" PRIu64 ".%" PRIu64 "ms", ns / 1000000, ns % 1000000 / 100000);
	else
		str_add(ret, "%" PRIu64 ".%02" PRIu64 "s", ns / 1000000000,
			ns % 1000000000 / 10000000);
}

/* "+12.381ms", since the recording began. */
static void add_time(struct str *ret, const struct lens *l, uint64_t t)
{
	uint64_t begin = l->machine ? l->machine->begin : 0, ns = t - begin;
	char buf[40];

	if (t < begin)
		ns = begin - t;
	snprintf(buf, sizeof(buf), "%c%" PRIu64 ".%03" PRIu64 "ms", t < begin ? '-' : '+',
		 ns / 1000000, ns % 1000000 / 1000);
	str_add(ret, "%13s ", buf);
}

static void add_who(struct str *ret, const struct trace_thread *th)
{
	char buf[24];

	if (!th)
		snprintf(buf, sizeof(buf), "?");
	else if (th->vcpu >= 0)
		snprintf(buf, sizeof(buf), "vcpu%d", th->vcpu);
	else
		snprintf(buf, sizeof(buf), "%s", th->name);
	str_add(ret, "%-6s ", buf);
}

/* --- an exit ---------------------------------------------------------------------------------- */

static bool is_access(const struct trace_rec *x)
{
	return x->exit.reason == TRACE_PIO || x->exit.reason == TRACE_MMIO;
}

static bool is_msr(const struct trace_rec *x)
{
	return x->exit.reason == TRACE_RDMSR || x->exit.reason == TRACE_WRMSR;
}

static void add_value(const struct lens *l, const struct trace_rec *x, struct str *ret)
{
	_cleanup_(str_free) struct str means = { 0 };
	int digits = x->exit.size <= 8 ? 2 * x->exit.size : 16;

	if (x->exit.flags & TRACE_X_FAULT && !(x->exit.flags & TRACE_X_WRITE)) {
		str_add(ret, " -> #GP");
		return;
	}
	str_add(ret, " %s 0x%0*" PRIx64, x->exit.flags & TRACE_X_WRITE ? "<-" : "->", digits,
		x->exit.value);
	if (x->exit.count > 1)
		str_add(ret, " x %u", x->exit.count);
	lens_value(l, x, &means);
	if (means.len)
		str_add(ret, " %s", means.s);
	if (x->exit.flags & TRACE_X_FAULT)
		str_add(ret, " #GP");
}

/* What it was: "IO OUT     0x3f8 (COM1 THR) <- 0x4c 'L'". */
static void add_what(const struct lens *l, const struct trace_rec *x, struct str *ret)
{
	str_add(ret, "%-10s", lens_kind_name(x));
	if (is_access(x) || is_msr(x))
		str_add(ret, " %#" PRIx64, x->exit.addr);
	if (is_access(x) || is_msr(x) || x->exit.reason == TRACE_EOI ||
	    x->exit.reason == TRACE_OTHER) {
		str_add(ret, " (");
		lens_register_name(l, x, ret);
		str_add(ret, ")");
	}
	if (is_access(x) || is_msr(x))
		add_value(l, x, ret);
}

static void add_bytes(struct str *ret, const uint8_t *p, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++)
		str_add(ret, " %02x", p[i]);
}

/* Where there is nobody to read them: the bytes around RIP, which is at the bar. */
static void add_raw_code(const struct trace_rec *code, struct str *ret)
{
	unsigned before = code->code.before, behind = code->code.len - before;
	unsigned front = before < 6 ? before : 6;

	str_add(ret, " [");
	add_bytes(ret, code->code.bytes + before - front, front);
	str_add(ret, " |");
	add_bytes(ret, code->code.bytes + before, behind < 6 ? behind : 6);
	str_add(ret, " ]");
}

static void add_where(const struct lens *l, const struct trace_item *it, struct str *ret)
{
	const struct trace_rec *x = it->rec;
	_cleanup_(str_free) struct str symbol = { 0 };
	struct lens_insn insn;

	str_add(ret, " rip=%" PRIx64, x->exit.rip);
	lens_symbol(l, x->exit.rip, &symbol);
	if (symbol.len)
		str_add(ret, " (%s)", symbol.s);
	if (lens_insn(l, x, it->code, &insn))
		str_add(ret, " %s", insn.text);
	else if (it->code && (is_access(x) || is_msr(x)) && lens_disassembler_missing())
		add_raw_code(it->code, ret);
}

/* --- what came of it -------------------------------------------------------------------------- */

/* A device and its transport are one, as far as this goes. */
static bool is_other_device(const struct lens *l, uint16_t dev, uint16_t of)
{
	const struct trace_machine *m = l->machine;
	const char *a, *b;
	size_t n;

	if (!m || dev >= m->device_cnt || dev == of)
		return false;
	if (of >= m->device_cnt)
		return true;
	a = m->device[dev].id;
	b = m->device[of].id;
	n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);
	return strncmp(a, b, n) != 0 || (a[n] && a[n] != '-') || (b[n] && b[n] != '-');
}

/* False: there is nothing to say. */
static bool add_effect(const struct lens *l, const struct trace_rec *r, uint16_t of,
		       const char *between, struct str *ret)
{
	_cleanup_(str_free) struct str s = { 0 };

	lens_effect(l, r, &s);
	if (!s.len)
		return false;
	str_add(ret, "%s", between);
	if (is_other_device(l, r->dev, of))
		str_add(ret, "%s: ", l->machine->device[r->dev].id);
	str_add(ret, "%s", s.s);
	return true;
}

static void add_effects(const struct lens *l, const struct trace_item *it, struct str *ret)
{
	const char *between = " | ";
	unsigned said = 0, i = 0;

	for (; i < it->effect_cnt && said < EFFECTS_MAX; i++) {
		if (add_effect(l, &it->effects[i], it->rec->dev, between, ret)) {
			between = ", ";
			said++;
		}
	}
	if (i < it->effect_cnt)
		str_add(ret, ", and %u more", it->effect_cnt - i);
}

static void add_times(const struct trace_rec *x, struct str *ret)
{
	str_add(ret, " | ");
	if (x->exit.handler) {
		str_add(ret, "handler ");
		add_duration(ret, x->exit.handler);
		str_add(ret, ", ");
	}
	str_add(ret, "away ");
	add_duration(ret, x->exit.away);
}

void lens_line(const struct lens *l, const struct trace_item *it, const struct trace_thread *th,
	       struct str *ret)
{
	if (it->rec->kind == TRACE_EXIT)
		str_add(ret, "#%06u ", it->rec->num);
	else
		str_add(ret, "%7s ", "");
	add_time(ret, l, it->rec->t);
	add_who(ret, th);
	if (it->rec->kind != TRACE_EXIT) {
		if (!add_effect(l, it->rec, TRACE_NO_DEV, "", ret))
			str_add(ret, "-");
		return;
	}
	add_what(l, it->rec, ret);
	add_where(l, it, ret);
	add_effects(l, it, ret);
	add_times(it->rec, ret);
}
