/* SPDX-License-Identifier: MIT */
/*
 * lab_story.c: a trace as the course's texts have it: what was accessed, by which instruction, and
 * what came of it; no times, no numbers, nothing that is different the next time or elsewhere.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/lab.h"

/* From so many alike in a row on, exits are told as one. */
#define FOLD_FROM 4u
/* A trace that holds more is no lab's. */
#define LINES_MAX (64u << 10)

struct teller {
	const struct trace *trace;
	struct lens lens;
	bool insns; /* instructions are told */
	struct lab_story *to;
	struct trace_rec
		last; /* the exit of the newest line, if it had no effects; else kind is 0 */
	char last_insn[160];
	unsigned folded; /* lines alike so far, the newest included */
	unsigned first;  /* the first of them */
	char said[100];  /* what they write, if it is text */
	size_t said_len;
	bool notified; /* another thread than a vCPU's; has not been told yet */
};

static struct lab_line *add_line(struct lab_story *s, struct str *text, uint64_t t, unsigned exits)
{
	if (s->cnt == s->room) {
		unsigned room = s->room ? 2 * s->room : 64;
		struct lab_line *more =
			room > LINES_MAX ? NULL : reallocarray(s->line, room, sizeof(*more));

		if (!more) {
			s->failed = true;
			str_free(text);
			return NULL;
		}
		s->line = more;
		s->room = room;
	}
	s->line[s->cnt] = (struct lab_line){ .text = str_take(text), .t = t, .exits = exits };
	if (!s->line[s->cnt].text) {
		s->failed = true;
		return NULL;
	}
	return &s->line[s->cnt++];
}

/* --- an exit ---------------------------------------------------------------------------------- */

static bool has_address(const struct trace_rec *x)
{
	switch (x->exit.reason) {
	case TRACE_PIO:
	case TRACE_MMIO:
	case TRACE_RDMSR:
	case TRACE_WRMSR:
	case TRACE_EOI:
		return true;
	default:
		return false;
	}
}

/* "<- 0x68 'h'", "-> 0x60 THRE|TEMT" */
static void add_value(const struct teller *w, const struct trace_rec *x, struct str *b)
{
	_cleanup_(str_free) struct str meaning = { 0 };

	str_add(b, " %s %#" PRIx64, x->exit.flags & TRACE_X_WRITE ? "<-" : "->", x->exit.value);
	lens_value(&w->lens, x, &meaning);
	if (meaning.s && *meaning.s)
		str_add(b, " %s", meaning.s);
	if (x->exit.flags & TRACE_X_STRING && x->exit.count > 1)
		str_add(b, ", %" PRIu32 " items", x->exit.count);
}

/* "IO OUT 0xe9 (debugcon)" */
static void add_place(const struct teller *w, const struct trace_rec *x, struct str *b)
{
	_cleanup_(str_free) struct str name = { 0 };

	str_add(b, "%s", lens_kind_name(x));
	if (!has_address(x))
		return;
	lens_register_name(&w->lens, x, &name);
	str_add(b, " %#" PRIx64, x->exit.addr);
	if (name.s && *name.s)
		str_add(b, " (%s)", name.s);
}

/* "bochs+0x5: out 0xe9, al", or nothing where that is not known. */
static void say_insn(const struct teller *w, const struct trace_item *it, char *buf, size_t len)
{
	_cleanup_(str_free) struct str symbol = { 0 };
	struct lens_insn insn;

	buf[0] = '\0';
	if (!w->insns || (!has_address(it->rec) && it->rec->exit.reason != TRACE_HLT))
		return;
	if (!it->code || !lens_insn(&w->lens, it->rec, it->code, &insn))
		return;
	lens_symbol(&w->lens, insn.rip, &symbol);
	if (symbol.s && *symbol.s)
		snprintf(buf, len, "%s: %s", symbol.s, insn.text);
	else
		snprintf(buf, len, "%#" PRIx64 ": %s", insn.rip, insn.text);
}

/* A letter to the debug console: several are a text, whatever code writes them. */
static bool is_letter(const struct trace_rec *x)
{
	return x->exit.reason == TRACE_PIO && x->exit.addr == 0xe9 && x->exit.size == 1 &&
	       x->exit.flags == TRACE_X_WRITE;
}

/* Does @x do what the exit before it did? */
static bool is_alike(const struct teller *w, const struct trace_rec *x, const char *insn)
{
	const struct trace_rec *l = &w->last;

	if (l->kind != TRACE_EXIT)
		return false;
	if (is_letter(x))
		return is_letter(l) && l->exit.value != '\n';
	return l->exit.reason == x->exit.reason && l->exit.addr == x->exit.addr &&
	       l->exit.size == x->exit.size && l->exit.flags == x->exit.flags &&
	       l->exit.rip == x->exit.rip && l->exit.count == x->exit.count &&
	       l->exit.value == x->exit.value && !strcmp(insn, w->last_insn);
}

/* One line in place of those that are alike. */
static void fold(struct teller *w, const struct trace_rec *x)
{
	struct lab_story *s = w->to;
	struct lab_line *line = &s->line[w->first];
	_cleanup_(str_free) struct str b = { 0 };
	char shown[2 * sizeof(w->said) + 8];

	while (s->cnt > w->first + 1)
		free(s->line[--s->cnt].text);
	add_place(w, x, &b);
	if (w->said_len)
		str_add(&b, " <- \"%s\"", str_escape(w->said, w->said_len, shown, sizeof(shown)));
	else if (has_address(x))
		add_value(w, x, &b);
	str_add(&b, ", %u times", w->folded);
	if (*w->last_insn)
		str_add(&b, " ; %s", w->last_insn);
	free(line->text);
	line->text = str_take(&b);
	line->exits = w->folded;
	if (!line->text) {
		s->failed = true;
		s->cnt = w->first;
	}
}

static void remember(struct teller *w, const struct trace_rec *x, const char *insn, bool alike)
{
	if (!alike) {
		w->folded = 0;
		w->first = w->to->cnt - 1;
		w->said_len = 0;
		snprintf(w->last_insn, sizeof(w->last_insn), "%s", insn);
	} else if (strcmp(w->last_insn, insn) != 0) {
		w->last_insn[0] = '\0'; /* letters, of different places */
	}
	w->last = *x;
	w->folded++;
	if (is_letter(x) && w->said_len < sizeof(w->said))
		w->said[w->said_len++] = (char)x->exit.value;
}

static void tell_effects(struct teller *w, const struct trace_item *it, uint64_t t)
{
	for (unsigned i = 0; i < it->effect_cnt; i++) {
		struct str what = { 0 }, b = { 0 };

		lens_effect(&w->lens, &it->effects[i], &what);
		if (what.s && *what.s) {
			str_add(&b, "    %s", what.s);
			/* Of HLT it can be much later. */
			add_line(w->to, &b, t + it->effects[i].t - it->rec->t, 0);
			w->last.kind = 0;
		}
		str_free(&what);
	}
}

static void tell_exit(struct teller *w, const struct trace_item *it, uint64_t t)
{
	const struct trace_rec *x = it->rec;
	struct str b = { 0 };
	char insn[sizeof(w->last_insn)];
	bool alike;

	say_insn(w, it, insn, sizeof(insn));
	alike = is_alike(w, x, insn);
	if (alike && w->folded >= FOLD_FROM) {
		remember(w, x, insn, alike);
		fold(w, x);
	} else {
		add_place(w, x, &b);
		if (has_address(x))
			add_value(w, x, &b);
		if (*insn)
			str_add(&b, " ; %s", insn);
		if (!add_line(w->to, &b, t, 1))
			return;
		remember(w, x, insn, alike);
		if (w->folded == FOLD_FROM)
			fold(w, x);
	}
	lens_see(&w->lens, x);
	tell_effects(w, it, t);
}

/*
 * How often a thread is woken for a doorbell is the host's doing: several may be one, and one may
 * come when the work is done already. The one in front of the work is what is told.
 */
static void tell_event(struct teller *w, const struct trace_item *it, uint64_t t)
{
	struct str what = { 0 }, b = { 0 };

	w->last.kind = 0;
	if (it->rec->kind == TRACE_EVENT && it->rec->num == TRACE_E_VQ_NOTIFY) {
		w->notified = true;
		return;
	}
	if (w->notified && it->rec->kind == TRACE_EVENT && it->rec->num == TRACE_E_VQ_POP) {
		str_add(&b, "    queue %" PRIu64 " notified", it->rec->event.arg[0]);
		add_line(w->to, &b, t, 0);
	}
	w->notified = false;
	lens_effect(&w->lens, it->rec, &what);
	if (what.s && *what.s) {
		str_add(&b, "    %s", what.s);
		add_line(w->to, &b, t, 0);
	}
	str_free(&what);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* The host's own: when it wants a vCPU's attention, and how often, is nobody's to say. */
static bool is_told(const struct trace_rec *r)
{
	return r->kind != TRACE_EXIT || r->exit.reason != TRACE_INTR;
}

static void tell_thread(struct teller *w, unsigned thread)
{
	struct trace_cursor c = { 0 };
	struct trace_item it;
	struct str b = { 0 };
	unsigned begin = w->to->cnt;

	w->last = (struct trace_rec){ 0 };
	w->notified = false;
	str_add(&b, "[%s]", w->trace->thread[thread].name);
	if (!add_line(w->to, &b, 0, 0))
		return;
	while (!w->to->failed && trace_next(w->trace, &c, &it)) {
		uint64_t t = it.rec->t - w->trace->machine.begin;

		if (it.thread != thread || !is_told(it.rec))
			continue;
		if (it.rec->kind == TRACE_EXIT)
			tell_exit(w, &it, t);
		else
			tell_event(w, &it, t);
	}
	/* A thread with nothing to tell is none. */
	if (w->to->cnt == begin + 1)
		free(w->to->line[--w->to->cnt].text);
}

/* vCPUs in front, by number; then the others, by name. */
static int by_importance(const void *pa, const void *pb, void *arg)
{
	const struct trace_thread *thread = arg;
	const struct trace_thread *a = &thread[*(const unsigned *)pa];
	const struct trace_thread *b = &thread[*(const unsigned *)pb];

	if (a->vcpu != b->vcpu)
		return (unsigned)a->vcpu < (unsigned)b->vcpu ? -1 : 1;
	return strcmp(a->name, b->name);
}

void lab_story_tell(const struct trace *t, const struct symbols *symbols, struct lab_story *ret)
{
	struct teller w = { .trace = t, .insns = symbols, .to = ret };
	_cleanup_free_ unsigned *order = calloc(t->thread_cnt + 1, sizeof(*order));

	*ret = (struct lab_story){ 0 };
	w.lens = (struct lens){ .machine = &t->machine, .symbols = symbols, .slide_known = true };
	/* Without it names are less exact. */
	w.lens.seen = lens_seen_new(&t->machine);
	ret->failed = !order;
	for (unsigned i = 0; order && i < t->thread_cnt; i++)
		order[i] = i;
	if (order)
		qsort_r(order, t->thread_cnt, sizeof(*order), by_importance, t->thread);
	for (unsigned i = 0; i < t->thread_cnt && !ret->failed; i++)
		tell_thread(&w, order[i]);
	lens_seen_free(w.lens.seen);
}
