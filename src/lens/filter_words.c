/* SPDX-License-Identifier: MIT */
/* filter_words.c: what can be asked of a record, and what it is called in filters. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lens/filter.h"
#include "vmm/error.h"
#include "vmm/parse.h"
#include "vmm/symbols.h"

#define REASON(r) (1u << (r))
#define EVENT(e)  (UINT64_C(1) << TRACE_E_##e)
#define ALL       UINT64_MAX

/* Sets of exits, of one direction or of both, and of events. */
static const struct {
	const char *name;
	uint32_t reasons;
	enum { BOTH, READ, WRITE } way;
	uint64_t events;
} kinds[] = {
	{ "exit", UINT32_MAX, BOTH, 0 },
	{ "event", 0, BOTH, ALL },
	{ "io", REASON(TRACE_PIO), BOTH, 0 },
	{ "in", REASON(TRACE_PIO), READ, 0 },
	{ "out", REASON(TRACE_PIO), WRITE, 0 },
	{ "mmio", REASON(TRACE_MMIO), BOTH, 0 },
	{ "read", REASON(TRACE_PIO) | REASON(TRACE_MMIO), READ, 0 },
	{ "write", REASON(TRACE_PIO) | REASON(TRACE_MMIO), WRITE, 0 },
	{ "hlt", REASON(TRACE_HLT), BOTH, 0 },
	{ "irq-window", REASON(TRACE_IRQ_WINDOW), BOTH, 0 },
	{ "eoi", REASON(TRACE_EOI), BOTH, 0 },
	{ "intr", REASON(TRACE_INTR), BOTH, 0 },
	{ "msr", REASON(TRACE_RDMSR) | REASON(TRACE_WRMSR), BOTH, 0 },
	{ "rdmsr", REASON(TRACE_RDMSR), BOTH, 0 },
	{ "wrmsr", REASON(TRACE_WRMSR), BOTH, 0 },
	{ "shutdown", REASON(TRACE_SHUTDOWN), BOTH, 0 },
	{ "debug", REASON(TRACE_DEBUG), BOTH, 0 },
	{ "other", REASON(TRACE_OTHER), BOTH, 0 },
	{ "irq", 0, BOTH,
	  EVENT(IRQ_LINE) | EVENT(IRQ_REQUEST) | EVENT(IRQ_ACK) | EVENT(IRQ_INJECT) |
		  EVENT(IRQ_EOI) | EVENT(MSI) },
	{ "map", 0, BOTH, EVENT(MAP) | EVENT(UNMAP) },
	{ "queue", 0, BOTH, EVENT(VQ_NOTIFY) | EVENT(VQ_POP) | EVENT(VQ_PUSH) },
	{ "request", 0, BOTH, EVENT(IO_BEGIN) | EVENT(IO_END) },
	{ "timer", 0, BOTH, EVENT(TIMER) },
	{ "mark", 0, BOTH, EVENT(MARK) },
	{ "dirty", 0, BOTH, EVENT(DIRTY) },
};
_Static_assert(TRACE_EVENT_CNT <= 64, "a bit each");

/* --- words that name nothing ------------------------------------------------------------------ */

/* Says what there is, and what was probably meant. */
static int names_nothing(const char *what, const char *word, const char *const *names, unsigned cnt,
			 struct error **errp)
{
	_cleanup_(str_free) struct str all = { 0 };
	const char *near = nearest(word, names, cnt);
	char clean[FILTER_VALUE_MAX];

	for (unsigned i = 0; i < cnt; i++)
		str_add(&all, "%s%s", i ? ", " : "", names[i]);
	str_escape(word, strlen(word), clean, sizeof(clean));
	err_set(errp, EINVAL, "filter: there is no %s '%s'%s%s%s", what, clean,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	err_hint(errp, "there are: %s", all.s ? all.s : "none");
	return -EINVAL;
}

static int no_kind(const char *word, struct error **errp)
{
	const char *names[ARRAY_LEN(kinds)];

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		names[i] = kinds[i].name;
	return names_nothing("kind", word, names, ARRAY_LEN(kinds), errp);
}

static int no_device(const char *word, const struct trace_machine *m, struct error **errp)
{
	_cleanup_free_ const char **names = calloc(m->device_cnt + 1, sizeof(*names));

	if (!names)
		return err_errno(errp, ENOMEM, "filter");
	for (unsigned i = 0; i < m->device_cnt; i++)
		names[i] = m->device[i].id;
	return names_nothing("device", word, names, m->device_cnt, errp);
}

/* --- kinds and devices ------------------------------------------------------------------------ */

static bool find_kind(const char *word, struct filter_op *ret)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcasecmp(kinds[i].name, word) != 0)
			continue;
		ret->kind = FILTER_KIND;
		ret->which = (uint8_t)i;
		return true;
	}
	return false;
}

/* Its id or type; "disk0" is "disk0-pci" as well. */
static bool is_called(const struct trace_device *d, const char *word)
{
	size_t len = strlen(word);

	if (!strcmp(d->type, word))
		return true;
	return !strncmp(d->id, word, len) && (!d->id[len] || d->id[len] == '-');
}

static bool find_device(const char *word, const struct trace_machine *m, struct filter_op *ret)
{
	bool found = !m;

	for (unsigned i = 0; m && i < m->device_cnt; i++)
		found |= is_called(&m->device[i], word);
	ret->kind = FILTER_DEV;
	snprintf(ret->text, sizeof(ret->text), "%s", word);
	return found;
}

static int key_kind(const char *value, const struct trace_machine *m, struct filter_op *ret,
		    struct error **errp)
{
	(void)m;
	return find_kind(value, ret) ? 0 : no_kind(value, errp);
}

static int key_dev(const char *value, const struct trace_machine *m, struct filter_op *ret,
		   struct error **errp)
{
	return find_device(value, m, ret) ? 0 : no_device(value, m, errp);
}

/* --- numbers and texts ------------------------------------------------------------------------ */

/* "N" or "N-M". */
static int parse_range(const char *value, struct filter_op *ret, struct error **errp)
{
	char first[FILTER_VALUE_MAX];
	const char *dash = strchr(value, '-');
	int r;

	snprintf(first, sizeof(first), "%s", value);
	if (dash)
		first[dash - value] = '\0';
	r = parse_u64(first, 0, UINT64_MAX, &ret->first, errp);
	ret->last = ret->first;
	if (r == 0 && dash)
		r = parse_u64(dash + 1, 0, UINT64_MAX, &ret->last, errp);
	if (r == 0 && ret->last < ret->first)
		r = err_set(errp, EINVAL, "'%s' ends before it begins", value);
	return r;
}

static int key_range(const char *key, enum filter_kind kind, const char *value,
		     struct filter_op *ret, struct error **errp)
{
	ret->kind = kind;
	return parse_range(value, ret, errp) < 0 ? err_wrap(errp, "filter: %s", key) : 0;
}

static int key_addr(const char *value, const struct trace_machine *m, struct filter_op *ret,
		    struct error **errp)
{
	(void)m;
	return key_range("addr", FILTER_ADDR, value, ret, errp);
}

static int key_value(const char *value, const struct trace_machine *m, struct filter_op *ret,
		     struct error **errp)
{
	(void)m;
	return key_range("value", FILTER_VALUE, value, ret, errp);
}

static int key_vcpu(const char *value, const struct trace_machine *m, struct filter_op *ret,
		    struct error **errp)
{
	int r = key_range("vcpu", FILTER_VCPU, value, ret, errp);

	if (r == 0 && m && m->cpu_cnt && ret->first >= m->cpu_cnt)
		return err_set(errp, EINVAL, "filter: there is no vcpu %s; they go from 0 to %u",
			       value, m->cpu_cnt - 1);
	return r;
}

/* What begins with a digit is an address. */
static int key_rip(const char *value, const struct trace_machine *m, struct filter_op *ret,
		   struct error **errp)
{
	(void)m;
	if (isdigit((unsigned char)value[0]))
		return key_range("rip", FILTER_RIP, value, ret, errp);
	ret->kind = FILTER_SYMBOL;
	snprintf(ret->text, sizeof(ret->text), "%s", value);
	return 0;
}

static int key_reg(const char *value, const struct trace_machine *m, struct filter_op *ret,
		   struct error **errp)
{
	(void)m;
	(void)errp;
	ret->kind = FILTER_REG;
	snprintf(ret->text, sizeof(ret->text), "%s", value);
	return 0;
}

static const struct {
	const char *name;
	int (*parse)(const char *value, const struct trace_machine *m, struct filter_op *ret,
		     struct error **errp);
} keys[] = {
	{ "kind", key_kind },   { "dev", key_dev },   { "addr", key_addr }, { "reg", key_reg },
	{ "value", key_value }, { "vcpu", key_vcpu }, { "rip", key_rip },
};

int filter_key(const char *key, const char *value, const struct trace_machine *m,
	       struct filter_op *ret, struct error **errp)
{
	const char *names[ARRAY_LEN(keys)];

	for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
		names[i] = keys[i].name;
		if (!strcmp(key, keys[i].name))
			return keys[i].parse(value, m, ret, errp);
	}
	return names_nothing("key", key, names, ARRAY_LEN(names), errp);
}

int filter_bare(const char *word, const struct trace_machine *m, struct filter_op *ret,
		struct error **errp)
{
	if (!strcmp(word, "nobody")) {
		ret->kind = FILTER_NOBODY;
		return 0;
	}
	if (find_kind(word, ret) || find_device(word, m, ret))
		return 0;
	return m && m->device_cnt ? no_device(word, m, errp) : no_kind(word, errp);
}

/* --- asked ------------------------------------------------------------------------------------ */

static bool fits_kind(const struct filter_op *op, const struct trace_rec *r)
{
	bool write = r->kind == TRACE_EXIT && r->exit.flags & TRACE_X_WRITE;

	if (r->kind == TRACE_EVENT)
		return r->num < TRACE_EVENT_CNT && kinds[op->which].events >> r->num & 1;
	if (r->kind == TRACE_FIELD)
		return kinds[op->which].events == ALL;
	return r->exit.reason < 32 && kinds[op->which].reasons >> r->exit.reason & 1 &&
	       (kinds[op->which].way == BOTH || (kinds[op->which].way == WRITE) == write);
}

static bool fits_device(const struct filter_op *op, const struct lens *l, const struct trace_rec *r)
{
	return l->machine && r->dev < l->machine->device_cnt &&
	       is_called(&l->machine->device[r->dev], op->text);
}

/* An access of several bytes is at all of them. */
static bool fits_addr(const struct filter_op *op, const struct trace_rec *r)
{
	uint64_t first = r->exit.addr, last = first;

	switch (r->exit.reason) {
	case TRACE_PIO:
	case TRACE_MMIO:
		if (r->exit.size)
			last = min_u64(r->exit.size - 1u, UINT64_MAX - first) + first;
		break;
	case TRACE_RDMSR:
	case TRACE_WRMSR:
	case TRACE_EOI:
		break;
	default:
		return false;
	}
	return op->first <= last && op->last >= first;
}

static bool fits_register(const struct filter_op *op, const struct lens *l,
			  const struct trace_rec *r)
{
	_cleanup_(str_free) struct str name = { 0 };

	lens_register_name(l, r, &name);
	return name.s && strcasestr(name.s, op->text);
}

static bool fits_symbol(const struct filter_op *op, const struct lens *l, const struct trace_rec *r)
{
	const struct symbol *y;
	uint64_t off;

	if (!l->symbols || !l->slide_known || r->exit.rip < l->slide)
		return false;
	y = symbols_find(l->symbols, r->exit.rip - l->slide, &off);
	return y && !strcmp(symbol_name(l->symbols, y), op->text);
}

bool filter_fits(const struct filter_op *op, const struct lens *l, const struct trace_rec *r,
		 int vcpu)
{
	if (op->kind == FILTER_KIND)
		return fits_kind(op, r);
	if (op->kind == FILTER_DEV)
		return fits_device(op, l, r);
	if (op->kind == FILTER_VCPU)
		return vcpu >= 0 && (uint64_t)vcpu >= op->first && (uint64_t)vcpu <= op->last;
	if (r->kind != TRACE_EXIT)
		return false;
	switch (op->kind) {
	case FILTER_ADDR:
		return fits_addr(op, r);
	case FILTER_REG:
		return fits_register(op, l, r);
	case FILTER_VALUE:
		return r->exit.value >= op->first && r->exit.value <= op->last;
	case FILTER_RIP:
		return r->exit.rip >= op->first && r->exit.rip <= op->last;
	case FILTER_SYMBOL:
		return fits_symbol(op, l, r);
	default:
		return (r->exit.reason == TRACE_PIO || r->exit.reason == TRACE_MMIO) &&
		       r->exit.flags & TRACE_X_NOBODY;
	}
}
