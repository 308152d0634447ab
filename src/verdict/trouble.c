/* SPDX-License-Identifier: MIT */
/*
 * trouble.c: the scanner of consoles.
 *
 * Bytes become pieces: a line, or TROUBLE_LINE bytes of one that is longer. A piece is kept as it
 * came, for people, and without what is only there for terminals, for matching. A carriage return
 * that no line feed follows starts the matched text anew, as it does on a screen.
 */
#include "verdict/trouble.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "verdict/printk.h"
#include "verdict/trouble_patterns.h"
#include "vmm/error.h"
#include "vmm/str.h"

/* Of a piece, what the next one is matched with: more than any prefix or pattern is long. */
#define OVERLAP 128u
/* A complaint goes on over so many lines that are none of a dump, as other CPUs go on talking;
 * after its end mark over two. */
#define SLACK       24u
#define SLACK_PANIC 100u
#define SLACK_END   2u
/* Room that a panic finds whatever the trouble before it was. */
#define PANIC_ROOM (64u << 10)

struct piece {
	char *text; /* TROUBLE_LINE bytes, of the ring */
	uint16_t len;
	bool ends; /* with a line feed */
};

enum block_state { BLOCK_NONE, BLOCK_OPEN, BLOCK_DONE };

struct trouble {
	const struct test_expect *expect;
	regex_t console[TEST_EXPECTS], fail_on[TEST_EXPECTS];
	unsigned console_cnt, fail_on_cnt; /* compiled */
	bool console_seen[TEST_EXPECTS];
	char *forbidden;

	/* the piece that is coming in */
	char raw[TROUBLE_LINE], clean[TROUBLE_LINE + 1];
	size_t raw_len, clean_len;
	bool cut;      /* clean is not the beginning of its line */
	bool returned; /* the last byte was a carriage return */
	struct term_strip strip;

	/* the last pieces, oldest at ring_at */
	struct piece ring[TROUBLE_TAIL];
	char *ring_text;
	unsigned ring_at, ring_cnt;

	bool timed; /* this kernel puts time stamps in front */
	enum block_state state;
	bool rule_before; /* the last piece was a rule */
	bool opened;      /* by a message that is in the piece at hand */
	bool weak;        /* the headline is only the line that opened the block */
	char headline[TROUBLE_LINE], panic[TROUBLE_LINE];
	struct str block;
	size_t block_end;    /* the bytes of @block that surely belong to it */
	unsigned slack, max; /* pieces that may still come without being a dump's; slack's limit */
	bool panicked;
};

/* --- making it -------------------------------------------------------------------------------- */

static int compile(const char *what, const char *re, regex_t *ret, struct error **errp)
{
	int r = regcomp(ret, re, REG_EXTENDED | REG_NOSUB);
	char words[128];

	if (!r)
		return 0;
	regerror(r, ret, words, sizeof(words));
	return err_set(errp, EINVAL, "%s '%s' is no regular expression: %s", what, re, words);
}

int trouble_create(const struct test_expect *e, struct trouble **ret, struct error **errp)
{
	struct trouble *t = calloc(1, sizeof(*t));
	int r = 0;

	if (t)
		t->ring_text = malloc((size_t)TROUBLE_TAIL * TROUBLE_LINE);
	if (!t || !t->ring_text) {
		free(t);
		return err_errno(errp, ENOMEM, "watching a console");
	}
	for (unsigned i = 0; i < TROUBLE_TAIL; i++)
		t->ring[i].text = t->ring_text + (size_t)i * TROUBLE_LINE;
	t->expect = e;
	for (unsigned i = 0; i < e->console_cnt && !r; i++) {
		r = compile("--expect-console", e->console[i], &t->console[i], errp);
		t->console_cnt += !r;
	}
	for (unsigned i = 0; i < e->fail_on_cnt && !r; i++) {
		r = compile("--fail-on-console", e->fail_on[i], &t->fail_on[i], errp);
		t->fail_on_cnt += !r;
	}
	if (r)
		trouble_destroy(t);
	else
		*ret = t;
	return r;
}

struct trouble *trouble_destroy(struct trouble *t)
{
	if (!t)
		return NULL;
	for (unsigned i = 0; i < t->console_cnt; i++)
		regfree(&t->console[i]);
	for (unsigned i = 0; i < t->fail_on_cnt; i++)
		regfree(&t->fail_on[i]);
	str_free(&t->block);
	free(t->forbidden);
	free(t->ring_text);
	free(t);
	return NULL;
}

/* --- the block -------------------------------------------------------------------------------- */

static void append(struct trouble *t, const char *text, size_t len, bool ends)
{
	size_t max = t->panicked ? TROUBLE_BLOCK : TROUBLE_BLOCK - PANIC_ROOM;

	if (t->block.len + len + 1 > max)
		return;
	str_add_bytes(&t->block, text, len);
	if (ends)
		str_add_bytes(&t->block, "\n", 1);
}

static void append_last_piece(struct trouble *t)
{
	const struct piece *p = &t->ring[(t->ring_at + t->ring_cnt - 1) % TROUBLE_TAIL];

	append(t, p->text, p->len, p->ends);
}

/* What is kept for people as one line: TROUBLE_LINE - 1 bytes. */
static void keep(char dst[TROUBLE_LINE], const char *msg, size_t len)
{
	if (len > TROUBLE_LINE - 1)
		len = TROUBLE_LINE - 1;
	memcpy(dst, msg, len);
	dst[len] = '\0';
}

static void sure_so_far(struct trouble *t)
{
	t->block_end = t->block.len;
	t->slack = t->max;
}

/* Before the piece itself is appended. */
static void begin(struct trouble *t, enum trouble_kind kind, const char *msg, size_t len)
{
	bool first = t->state == BLOCK_NONE;

	if (kind == TROUBLE_PANIC && !t->panicked) {
		t->panicked = true;
		keep(t->panic, msg, len);
		if (t->state == BLOCK_DONE) {
			append(t, "[...]", 5, true);
			t->state = BLOCK_OPEN;
		}
	}
	if (t->state == BLOCK_DONE)
		return;
	if (first) {
		if (t->rule_before)
			append_last_piece(t);
		t->state = BLOCK_OPEN;
	}
	if (first || (t->weak && kind != TROUBLE_OPENS)) {
		keep(t->headline, msg, len);
		t->weak = kind == TROUBLE_OPENS;
	}
	t->opened = true;
	t->slack = t->max = t->panicked ? SLACK_PANIC : SLACK;
}

static void close_block(struct trouble *t)
{
	t->state = BLOCK_DONE;
	if (!t->block.failed && t->block.s) {
		t->block.len = t->block_end;
		t->block.s[t->block_end] = '\0';
	}
}

/* A piece behind, or of, a complaint. */
static void extend(struct trouble *t, const char *msg, size_t len, bool ends)
{
	enum trouble_follow follow = trouble_follow(msg, len);

	append(t, t->raw, t->raw_len, ends);
	if (t->opened || follow != FOLLOW_OTHER || trouble_is_rule(msg, len)) {
		t->opened = false;
		if (follow == FOLLOW_END)
			t->max = SLACK_END;
		sure_so_far(t);
		if (follow == FOLLOW_PANIC_END)
			close_block(t);
	} else if (--t->slack == 0) {
		close_block(t);
	}
}

/* --- a piece ---------------------------------------------------------------------------------- */

static bool counts(const struct trouble *t, enum trouble_kind kind, bool timed)
{
	switch (kind) {
	case TROUBLE_NONE:
		return false;
	case TROUBLE_PANIC: /* as src/char/watch.c has it */
		return true;
	case TROUBLE_LOOSE:
		return timed;
	case TROUBLE_OPENS:
	case TROUBLE_CLEAR:
		break;
	}
	/* Where the kernel's lines have stamps, one without is somebody else's. */
	return timed || !t->timed;
}

/* A message, and what was found in it. */
struct found {
	const char *msg;
	size_t len;
	enum trouble_kind kind;
};

/*
 * The kernel's message in a line: all of it, or what comes behind the stamp with which it broke
 * into a line that somebody had not ended. What grep -H and journalctl put in front ends in a
 * colon.
 */
static struct found find(struct trouble *t, bool whole)
{
	const char *at = t->clean, *stop = t->clean + t->clean_len;
	struct printk_prefix p;
	struct found f;

	printk_prefix(t->clean, t->clean_len, &p);
	f = (struct found){ t->clean + p.len, t->clean_len - p.len, TROUBLE_NONE };
	if (whole || p.timed) {
		t->timed |= p.timed;
		f.kind = trouble_kind(f.msg, f.len);
		if (counts(t, f.kind, p.timed))
			return f;
		f.kind = TROUBLE_NONE;
	}
	while ((at = memchr(at + 1, '[', (size_t)(stop - at - 1)))) {
		const char *before = at - 1;
		struct found g;

		printk_prefix(at, (size_t)(stop - at), &p);
		if (!p.timed)
			continue;
		while (before > t->clean && *before == ' ')
			before--;
		g = (struct found){ at + p.len, (size_t)(stop - at) - p.len, TROUBLE_NONE };
		g.kind = trouble_kind(g.msg, g.len);
		if (g.kind != TROUBLE_NONE && *before != ':')
			return g;
	}
	return f;
}

static void match(struct trouble *t, bool ends)
{
	int flags = (t->cut ? REG_NOTBOL : 0) | (ends ? 0 : REG_NOTEOL);

	for (unsigned i = 0; i < t->console_cnt; i++)
		if (!t->console_seen[i] && !regexec(&t->console[i], t->clean, 0, NULL, flags))
			t->console_seen[i] = true;
	for (unsigned i = 0; i < t->fail_on_cnt && !t->forbidden; i++)
		if (!regexec(&t->fail_on[i], t->clean, 0, NULL, flags))
			t->forbidden = strdup(t->clean);
}

static void look(struct trouble *t, bool ends)
{
	struct found f = { 0 };

	t->clean[t->clean_len] = '\0';
	if (t->clean_len)
		f = find(t, !t->cut);
	else
		f.msg = t->clean;
	if (t->clean_len || ends)
		match(t, ends);
	if (f.kind != TROUBLE_NONE)
		begin(t, f.kind, f.msg, f.len);
	if (t->state == BLOCK_OPEN)
		extend(t, f.msg, f.len, ends);
	t->rule_before = trouble_is_rule(f.msg, f.len);
}

static void remember(struct trouble *t, bool ends)
{
	struct piece *p;

	if (t->ring_cnt < TROUBLE_TAIL) {
		p = &t->ring[t->ring_cnt++];
	} else {
		p = &t->ring[t->ring_at];
		t->ring_at = (t->ring_at + 1) % TROUBLE_TAIL;
	}
	memcpy(p->text, t->raw, t->raw_len);
	p->len = (uint16_t)t->raw_len;
	p->ends = ends;
}

static void end_piece(struct trouble *t, bool ends)
{
	look(t, ends);
	remember(t, ends);
	t->raw_len = 0;
	t->cut = !ends;
	if (ends) {
		t->clean_len = 0;
	} else if (t->clean_len > OVERLAP) {
		memmove(t->clean, t->clean + t->clean_len - OVERLAP, OVERLAP);
		t->clean_len = OVERLAP;
	}
}

/* A carriage return alone: what stands there is a line to whoever looks on. */
static void overwrite(struct trouble *t)
{
	struct found f;

	t->clean[t->clean_len] = '\0';
	if (t->clean_len) {
		f = find(t, !t->cut);
		match(t, true);
		if (f.kind != TROUBLE_NONE)
			begin(t, f.kind, f.msg, f.len);
	}
	t->clean_len = 0;
	t->cut = false;
}

static void take(struct trouble *t, uint8_t c)
{
	if (t->returned && c != '\n' && c != '\r')
		overwrite(t);
	t->returned = c == '\r';
	if (c == '\n') {
		term_strip(&t->strip, c);
		end_piece(t, true);
		return;
	}
	t->raw[t->raw_len++] = (char)c;
	if (!term_strip(&t->strip, c) && c != '\r')
		t->clean[t->clean_len++] = (char)c;
	/* The overlap makes clean the longer one. */
	if (t->raw_len == TROUBLE_LINE || t->clean_len == TROUBLE_LINE)
		end_piece(t, false);
}

void trouble_feed(struct trouble *t, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		take(t, p[i]);
}

void trouble_finish(struct trouble *t)
{
	if (t->raw_len) {
		look(t, true);
		remember(t, false);
	}
	t->raw_len = t->clean_len = 0;
	t->cut = t->returned = false;
	if (t->state == BLOCK_OPEN)
		close_block(t);
}

/* --- what was found --------------------------------------------------------------------------- */

void trouble_tell(const struct trouble *t, struct test_evidence *e)
{
	e->trouble = t->state == BLOCK_NONE ? NULL : t->headline;
	e->panicked = t->panicked;
	e->panic = t->panicked ? t->panic : NULL;
	e->forbidden = t->forbidden;
	e->missing_console = false;
	e->missing = NULL;
	for (unsigned i = 0; i < t->console_cnt && !e->missing_console; i++) {
		e->missing_console = !t->console_seen[i];
		e->missing = e->missing_console ? t->expect->console[i] : NULL;
	}
}

static struct test_text text_of(struct str *s)
{
	struct test_text r = { .len = s->len };

	r.text = str_take(s);
	if (!r.text)
		r.len = 0;
	return r;
}

struct test_text trouble_tail(const struct trouble *t)
{
	struct str s = { 0 };

	for (unsigned i = 0; i < t->ring_cnt; i++) {
		const struct piece *p = &t->ring[(t->ring_at + i) % TROUBLE_TAIL];

		str_add_bytes(&s, p->text, p->len);
		if (p->ends)
			str_add_bytes(&s, "\n", 1);
	}
	return text_of(&s);
}

struct test_text trouble_block(const struct trouble *t)
{
	struct str s = { 0 };

	if (t->block.s && !t->block.failed)
		str_add_bytes(&s, t->block.s, t->block.len);
	return text_of(&s);
}
