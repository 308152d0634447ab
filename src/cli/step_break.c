/* SPDX-License-Identifier: MIT */
/* step_break.c: where the guest stops: at code, at data, at exits. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/step.h"
#include "vmm/error.h"

#define BREAKS_MAX 64u

static unsigned count(const struct step *s)
{
	unsigned n = 0;

	for (const struct step_break *b = s->breaks; b; b = b->next)
		n++;
	return n;
}

static void free_one(struct step_break *b)
{
	lens_filter_free(b->filter);
	free(b);
}

/* Appends: the list is in the order of numbers. */
static void append(struct step *s, struct step_break *b)
{
	struct step_break **at = &s->breaks;

	while (*at)
		at = &(*at)->next;
	*at = b;
}

static struct step_break *new_break(struct step *s, enum step_break_kind kind, const char *text,
				    struct error **errp)
{
	struct step_break *b = NULL;

	if (count(s) >= BREAKS_MAX)
		err_set(errp, ENOSPC, "there are %u breakpoints already; delete some", BREAKS_MAX);
	else if (!(b = calloc(1, sizeof(*b))))
		err_errno(errp, ENOMEM, "cannot set a breakpoint");
	if (!b)
		return NULL;
	b->kind = kind;
	snprintf(b->text, sizeof(b->text), "%s", text);
	return b;
}

/* Debug registers leave the guest's memory as it is, but there are four of them, and not every KVM
 * tells of them; code has another way. */
static int set_hardware(struct step *s, struct step_break *b, struct error **errp)
{
	struct debug_target *t = s->target;
	struct error *e = NULL;
	int r = t->ops->set_break(t, s->in.cpu, &b->hw, &e);

	if (r < 0 && b->kind == STEP_CODE) {
		e = error_free(e);
		b->hw.software = true;
		r = t->ops->set_break(t, s->in.cpu, &b->hw, &e);
	}
	if (r < 0 && errp)
		*errp = take_ptr(e);
	error_free(e);
	return r;
}

static void announce(struct step *s, struct step_break *b)
{
	append(s, b);
	b->number = ++s->next_number;
	str_add(&s->out, "breakpoint %u: %s", b->number, b->text);
	if (b->kind == STEP_CODE)
		str_add(&s->out, " (%#" PRIx64 ")", b->hw.addr);
	str_add(&s->out, "\n");
}

/* --- setting ---------------------------------------------------------------------------------- */

static int break_code(struct step *s, const char *text, struct error **errp)
{
	struct step_break *b;
	uint64_t addr;
	int r = inspect_eval(&s->in, text, &addr, errp);

	if (r < 0)
		return r;
	b = new_break(s, STEP_CODE, text, errp);
	if (!b)
		return -ENOMEM;
	b->hw = (struct debug_break){ .kind = DBG_BREAK_CODE, .addr = addr };
	r = set_hardware(s, b, errp);
	if (r < 0) {
		free_one(b);
		return r;
	}
	announce(s, b);
	return 0;
}

static int break_filter(struct step *s, const char *filter, const char *text, struct error **errp)
{
	struct step_break *b = new_break(s, STEP_EXIT, text, errp);
	int r;

	if (!b)
		return -ENOMEM;
	r = lens_filter_parse(filter, s->lens.machine, &b->filter, errp);
	if (r < 0) {
		free_one(b);
		return r;
	}
	announce(s, b);
	return 0;
}

static int break_nth(struct step *s, const char *word, struct error **errp)
{
	struct step_break *b;
	uint64_t n;
	char text[64];
	int r = inspect_eval(&s->in, word, &n, errp);

	if (r < 0)
		return r;
	if (!n)
		return err_set(errp, EINVAL, "exits are counted from 1");
	snprintf(text, sizeof(text), "exit %" PRIu64, n);
	b = new_break(s, STEP_EXIT, text, errp);
	if (!b)
		return -ENOMEM;
	b->nth = n;
	announce(s, b);
	return 0;
}

/* "port 0x3f8-0x3ff" and "mmio 0xfec00000" are filters in other words. */
int step_do_break(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp)
{
	static const struct {
		const char *word, *before;
	} kinds[] = { { "port", "kind=io,addr=" },
		      { "mmio", "kind=mmio,addr=" },
		      { "kind", "kind=" },
		      { "dev", "dev=" } };
	char filter[256];

	if (argc == 2 && !strcmp(argv[0], "exit"))
		return break_nth(s, argv[1], errp);
	for (unsigned i = 0; argc == 2 && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(argv[0], kinds[i].word) != 0)
			continue;
		snprintf(filter, sizeof(filter), "%s%s", kinds[i].before, argv[1]);
		return break_filter(s, filter, rest, errp);
	}
	/* An expression has "==", a filter "kind=io". */
	if (strchr(rest, '=') && !strstr(rest, "==") && !strstr(rest, "<=") &&
	    !strstr(rest, ">=") && !strstr(rest, "!="))
		return break_filter(s, rest, rest, errp);
	return break_code(s, rest, errp);
}

int step_do_watch(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp)
{
	struct debug_break hw = { .kind = DBG_WATCH_WRITE, .len = 4 };
	struct step_break *b;
	uint64_t len;
	int r;

	if (argc > 1 && !strcmp(argv[argc - 1], "rw")) {
		hw.kind = DBG_WATCH_ACCESS;
		argc--;
	}
	r = inspect_eval(&s->in, argv[0], &hw.addr, errp);
	if (r == 0 && argc == 2) {
		r = inspect_eval(&s->in, argv[1], &len, errp);
		hw.len = (unsigned)min_u64(len, UINT16_MAX);
	}
	if (r == 0 && argc > 2)
		r = err_set(errp, EINVAL, "'%s': a watchpoint is: watch ADDR [LEN] [rw]", argv[2]);
	if (r < 0)
		return r;
	b = new_break(s, STEP_WATCH, rest, errp);
	if (!b)
		return -ENOMEM;
	b->hw = hw;
	r = set_hardware(s, b, errp);
	if (r < 0) {
		free_one(b);
		return r;
	}
	announce(s, b);
	return 0;
}

/* --- for one run ------------------------------------------------------------------------------ */

int step_break_once(struct step *s, uint64_t addr, struct error **errp)
{
	struct step_break *b = new_break(s, STEP_CODE, "", errp);
	int r;

	if (!b)
		return -ENOMEM;
	b->hw = (struct debug_break){ .kind = DBG_BREAK_CODE, .addr = addr };
	r = set_hardware(s, b, errp);
	if (r < 0) {
		free_one(b);
		return r;
	}
	append(s, b);
	return 0;
}

/* A breakpoint that is listed may be at the same place, and stays. */
static void clear_hardware(struct step *s, const struct step_break *gone)
{
	struct debug_target *t = s->target;

	for (const struct step_break *b = s->breaks; b; b = b->next)
		if (b != gone && b->kind == gone->kind && b->hw.kind == gone->hw.kind &&
		    b->hw.addr == gone->hw.addr && b->hw.len == gone->hw.len &&
		    b->hw.software == gone->hw.software)
			return;
	t->ops->clear_break(t, &gone->hw);
}

/* Those with @number; all that are listed for UINT_MAX. Their count. */
static unsigned drop(struct step *s, unsigned number)
{
	unsigned n = 0;

	for (struct step_break **at = &s->breaks; *at;) {
		struct step_break *b = *at;

		if (b->number != number && !(number == UINT32_MAX && b->number)) {
			at = &b->next;
			continue;
		}
		*at = b->next;
		if (b->kind != STEP_EXIT)
			clear_hardware(s, b);
		free_one(b);
		n++;
	}
	return n;
}

void step_break_drop_once(struct step *s)
{
	drop(s, 0);
}

int step_do_delete(struct step *s, unsigned argc, char *const *argv, const char *rest,
		   struct error **errp)
{
	uint64_t n;
	int r;

	(void)rest;
	if (!argc) {
		unsigned gone = drop(s, UINT32_MAX);

		str_add(&s->out, "%u breakpoint%s deleted\n", gone, gone == 1 ? "" : "s");
		return 0;
	}
	r = inspect_eval(&s->in, argv[0], &n, errp);
	if (r < 0)
		return r;
	if (!n || n > s->next_number || !drop(s, (unsigned)n)) {
		err_set(errp, ENOENT, "there is no breakpoint %" PRIu64, n);
		err_hint(errp, "info breaks lists them");
		return -ENOENT;
	}
	return 0;
}

void step_break_free(struct step *s)
{
	while (s->breaks) {
		struct step_break *b = s->breaks;

		s->breaks = b->next;
		free_one(b);
	}
}

/* --- hitting ---------------------------------------------------------------------------------- */

struct step_break *step_break_match(struct step *s, unsigned cpu, const struct trace_rec *x)
{
	for (struct step_break *b = s->breaks; b; b = b->next) {
		if (b->kind != STEP_EXIT)
			continue;
		if (b->filter ? lens_filter_fits(b->filter, &s->lens, x, (int)cpu)
			      : x->num == b->nth) {
			atomic_fetch_add(&b->hits, 1);
			return b;
		}
	}
	return NULL;
}

struct step_break *step_break_at(struct step *s, const struct debug_stop *why)
{
	enum step_break_kind kind = why->why == DBG_STOP_WATCH ? STEP_WATCH : STEP_CODE;
	struct step_break *once = NULL;

	for (struct step_break *b = s->breaks; b; b = b->next) {
		if (b->kind != kind || why->addr < b->hw.addr ||
		    why->addr >= b->hw.addr + (b->hw.len ? b->hw.len : 1))
			continue;
		if (b->number) {
			atomic_fetch_add(&b->hits, 1);
			return b;
		}
		once = b;
	}
	return once;
}

/* --- info ------------------------------------------------------------------------------------- */

static void list_breaks(struct step *s)
{
	static const char *const kinds[] = {
		[STEP_CODE] = "code", [STEP_WATCH] = "data", [STEP_EXIT] = "exit"
	};

	for (const struct step_break *b = s->breaks; b; b = b->next)
		if (b->number)
			str_add(&s->out, "  %u  %s  %s, %" PRIu64 " time%s\n", b->number,
				kinds[b->kind], b->text, atomic_load(&b->hits),
				atomic_load(&b->hits) == 1 ? "" : "s");
	if (!s->breaks)
		str_add(&s->out, "  there is no breakpoint\n");
}

static void list_cpus(struct step *s)
{
	struct debug_target *t = s->target;

	for (unsigned i = 0; i < t->ops->cpu_cnt(t); i++) {
		struct str name = { 0 };
		struct debug_regs r;

		if (t->ops->get_regs(t, i, &r) < 0)
			continue;
		str_add(&s->out, "%c %u  %u-bit code at %#" PRIx64, i == s->in.cpu ? '*' : ' ', i,
			debug_bits(&r), debug_pc(&r));
		lens_symbol(&s->lens, debug_pc(&r), &name);
		str_add(&s->out, "%s%s\n", name.len ? " " : "", name.s ? name.s : "");
		str_free(&name);
	}
}

int step_do_info(struct step *s, unsigned argc, char *const *argv, const char *rest,
		 struct error **errp)
{
	(void)argc;
	(void)rest;
	if (!strcmp(argv[0], "breaks") || !strcmp(argv[0], "b"))
		list_breaks(s);
	else if (!strcmp(argv[0], "cpus"))
		list_cpus(s);
	else
		return err_set(errp, EINVAL, "info: breaks or cpus, not '%s'", argv[0]);
	return 0;
}
