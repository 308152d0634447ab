/* SPDX-License-Identifier: MIT */
/*
 * insn.c: which instruction made an exit.
 *
 * KVM leaves RIP at it, or behind it, as it likes; the bytes before RIP can be read in more than
 * one way. So what stands there has to fit the exit: direction, width, port. Of several readings
 * of the bytes before RIP the one wins that most ways to read the code lead to, as they soon fall
 * into step with each other; those that begin far away count more. And if an instruction fits at
 * RIP as well as before it, it is where it was with those exits of its kind that left no doubt.
 */
#include <string.h>

#include "lens/disasm.h"
#include "lens/seen.h"

enum fit { FITS_NOT, FITS_PARTLY, FITS };

struct found {
	enum fit fit;
	unsigned before; /* where it begins: bytes before RIP */
	struct insn_parts parts;
};

static enum fit io_fits(const struct trace_rec *x, const struct insn_parts *i)
{
	bool write = x->exit.flags & TRACE_X_WRITE;

	if (i->kind != INSN_IO || i->write != write || i->size != x->exit.size ||
	    (i->has_port && i->port != x->exit.addr) ||
	    (x->exit.flags & TRACE_X_STRING && !i->string))
		return FITS_NOT;
	return FITS;
}

/* What is wider than 8 bytes, or crosses a boundary, comes in parts. */
static enum fit memory_fits(const struct trace_rec *x, const struct insn_parts *i)
{
	bool write = x->exit.flags & TRACE_X_WRITE;

	if (i->kind != INSN_OTHER || !(write ? i->write : i->read) || i->size < x->exit.size)
		return FITS_NOT;
	return i->size == x->exit.size ? FITS : FITS_PARTLY;
}

static enum fit fits(const struct trace_rec *x, const struct insn_parts *i)
{
	switch (x->exit.reason) {
	case TRACE_PIO:
		return io_fits(x, i);
	case TRACE_MMIO:
		return memory_fits(x, i);
	case TRACE_HLT:
		return i->kind == INSN_HLT ? FITS : FITS_NOT;
	case TRACE_RDMSR:
		return i->kind == INSN_RDMSR ? FITS : FITS_NOT;
	case TRACE_WRMSR:
		return i->kind == INSN_WRMSR ? FITS : FITS_NOT;
	case TRACE_SHUTDOWN: /* what could not go on is at RIP, whatever it is */
	case TRACE_OTHER:
		return FITS;
	default:
		return FITS_NOT;
	}
}

static struct found find_at(const struct trace_rec *x, const struct trace_rec *code)
{
	struct found f = { .fit = FITS_NOT };
	const uint8_t *p = code->code.bytes + code->code.before;

	if (disasm(p, code->code.len - code->code.before, x->exit.rip, code->code.bits, &f.parts))
		f.fit = fits(x, &f.parts);
	return f;
}

struct window {
	const struct trace_rec *x, *code;
	uint8_t len[TRACE_CODE_BEFORE + 1];    /* of what begins so many bytes before RIP */
	uint16_t votes[TRACE_CODE_BEFORE + 1]; /* of those that come through there and end at RIP */
};

static unsigned disasm_before(const struct window *w, unsigned before, struct insn_parts *ret)
{
	const uint8_t *p = w->code->code.bytes + w->code->code.before - before;

	return disasm(p, before, w->x->exit.rip - before, w->code->code.bits, ret);
}

/* From each place on, what is read and whether it ends at RIP. */
static void read_window(struct window *w)
{
	struct insn_parts parts;

	for (unsigned b = 1; b <= w->code->code.before; b++)
		w->len[b] = (uint8_t)disasm_before(w, b, &parts);
	for (unsigned start = 1; start <= w->code->code.before; start++) {
		unsigned b = start;

		while (b && w->len[b] && w->len[b] <= b)
			b -= w->len[b];
		if (b)
			continue;
		for (b = start; b; b -= w->len[b])
			w->votes[b] += (uint16_t)(start * start);
	}
}

static struct found find_before(const struct trace_rec *x, const struct trace_rec *code)
{
	struct window w = { .x = x, .code = code };
	struct found best = { .fit = FITS_NOT };
	unsigned votes = 0;

	if (x->exit.reason == TRACE_SHUTDOWN || x->exit.reason == TRACE_OTHER)
		return best;
	read_window(&w);
	for (unsigned b = 1; b <= code->code.before; b++) {
		struct found f = { .before = b };

		if (w.len[b] != b || !disasm_before(&w, b, &f.parts))
			continue;
		f.fit = fits(x, &f.parts);
		if (f.fit < best.fit || !f.fit || (f.fit == best.fit && w.votes[b] < votes))
			continue;
		best = f;
		votes = w.votes[b];
	}
	return best;
}

/* Whether RIP is behind the instruction, after exits like @x. */
static bool is_stepped_over(const struct lens *l, const struct trace_rec *x)
{
	bool write = x->exit.flags & TRACE_X_WRITE;
	int known = l->seen ? l->seen->stepped_over[x->exit.reason][write] : 0;

	return known ? known > 0 : write || x->exit.reason == TRACE_HLT;
}

static void remember(const struct lens *l, const struct trace_rec *x, bool stepped_over)
{
	int8_t *known;

	if (!l->seen)
		return;
	known = &l->seen->stepped_over[x->exit.reason][!!(x->exit.flags & TRACE_X_WRITE)];
	if (stepped_over && *known < INT8_MAX)
		++*known;
	if (!stepped_over && *known > INT8_MIN)
		--*known;
}

static bool find(const struct lens *l, const struct trace_rec *x, const struct trace_rec *code,
		 struct lens_insn *ret)
{
	struct found at = find_at(x, code), before = find_before(x, code), *f;

	if (!at.fit && !before.fit)
		return false;
	if (at.fit == before.fit) {
		f = is_stepped_over(l, x) ? &before : &at;
	} else {
		f = at.fit > before.fit ? &at : &before;
		if (!at.fit || !before.fit)
			remember(l, x, f == &before);
	}
	*ret = (struct lens_insn){ .rip = x->exit.rip - f->before, .len = (uint8_t)f->parts.len };
	memcpy(ret->bytes, code->code.bytes + code->code.before - f->before, ret->len);
	memcpy(ret->text, f->parts.text, sizeof(ret->text));
	return true;
}

/* Of all that find() looks at. Never 0. */
static uint64_t key_of(const struct lens *l, const struct trace_rec *x,
		       const struct trace_rec *code)
{
	const uint64_t v[] = { x->exit.rip, x->exit.reason == TRACE_PIO ? x->exit.addr : 0,
			       x->exit.reason | x->exit.flags << 8 | x->exit.size << 16,
			       is_stepped_over(l, x) };
	const uint8_t *p = (const uint8_t *)&code->code;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < ARRAY_LEN(v); i++)
		h = (h ^ v[i]) * UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned i = 0; i < sizeof(code->code); i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h | 1;
}

bool lens_insn(const struct lens *l, const struct trace_rec *x, const struct trace_rec *code,
	       struct lens_insn *ret)
{
	struct insn_cached *c;
	uint64_t key;

	if (!code || code->code.before > code->code.len || code->code.len > TRACE_CODE_BYTES ||
	    x->exit.reason >= TRACE_EXIT_REASONS)
		return false;
	if (!l->seen)
		return find(l, x, code, ret);
	key = key_of(l, x, code);
	c = &l->seen->insn[(key >> 32) % INSN_CACHE];
	if (c->key != key) {
		c->key = key;
		c->found = find(l, x, code, &c->insn);
	}
	if (c->found)
		*ret = c->insn;
	return c->found;
}
