/* SPDX-License-Identifier: MIT */
/*
 * nested.c: TAP (testanything.org, versions 12 to 14) and KTAP (Documentation/dev-tools/ktap.rst of
 * Linux) in a stream of lines.
 *
 * A document is a stack of levels, told apart by their indentation; a result at one level closes
 * those below it and gives them their name. KUnit indents by four, KTAP by two, kselftest by "# ".
 *
 * "ok 1" alone proves nothing: what begins without a version is a document only once there is a
 * plan as well as results that count from 1. Until then its cases are kept apart, and may be
 * dropped.
 */
#include "verdict/nested.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "verdict/printk.h"
#include "vmm/str.h"

#define LINE_MAX_BYTES 1024u
#define NAME_MAX_BYTES 256u
#define DETAIL_MAX     4096u
#define DETAILS_MAX    (4u << 20) /* of all cases together */
#define DEPTH          8u

struct level {
	unsigned indent;
	bool version, ktap; /* it began with one */
	bool planned;
	uint64_t plan, seen;
	unsigned first; /* its cases are those from here on */
	int last;       /* its latest case, -1: none */
	char name[NAME_MAX_BYTES];
};

struct nested {
	char line[LINE_MAX_BYTES + 1];
	size_t len;
	struct term_strip strip;

	struct level levels[DEPTH];
	unsigned depth;
	bool sure;         /* the document at hand is one */
	unsigned sure_cnt; /* cases of earlier documents */

	struct test_case *cases;
	unsigned cnt, cap;
	bool cut;
	size_t details; /* bytes of them, all together */

	struct str diag; /* what was said since the last result */
	int yaml;        /* the case whose block this is; -1: none */
	char failed[NAME_MAX_BYTES];
	bool any_failed;
};

struct nested *nested_create(void)
{
	struct nested *n = calloc(1, sizeof(*n));

	if (n)
		n->yaml = -1;
	return n;
}

static void drop_cases(struct nested *n, unsigned from)
{
	for (unsigned i = from; i < n->cnt; i++) {
		free(n->cases[i].name);
		free(n->cases[i].detail);
	}
	if (n->cnt > from)
		n->cnt = from;
}

struct nested *nested_destroy(struct nested *n)
{
	if (!n)
		return NULL;
	drop_cases(n, 0);
	free(n->cases);
	str_free(&n->diag);
	free(n);
	return NULL;
}

/* --- cases ------------------------------------------------------------------------------------ */

static struct test_case *add_case(struct nested *n, const char *name)
{
	struct test_case *c;

	if (n->cnt == TEST_CASES) {
		n->cut = true;
		return NULL;
	}
	if (n->cnt == n->cap) {
		unsigned cap = n->cap ? 2 * n->cap : 16;

		c = reallocarray(n->cases, cap, sizeof(*c));
		if (!c) {
			n->cut = true;
			return NULL;
		}
		n->cases = c;
		n->cap = cap;
	}
	c = &n->cases[n->cnt];
	*c = (struct test_case){ .name = strndup(name, NAME_MAX_BYTES - 1) };
	if (!c->name) {
		n->cut = true;
		return NULL;
	}
	n->cnt++;
	return c;
}

static void add_detail(struct nested *n, struct test_case *c, const char *text, size_t len)
{
	size_t have = c->detail ? strlen(c->detail) : 0;
	char *more;

	if (!len || have + len + 1 > DETAIL_MAX || n->details + len + 1 > DETAILS_MAX)
		return;
	more = realloc(c->detail, have + len + 2);
	if (!more)
		return;
	memcpy(more + have, text, len);
	more[have + len] = '\n';
	more[have + len + 1] = '\0';
	c->detail = more;
	n->details += len + 1;
}

/* Puts "NAME/" in front of the names from @first on. */
static void name_cases(struct nested *n, unsigned first, const char *name)
{
	char joined[NAME_MAX_BYTES];

	for (unsigned i = first; i < n->cnt && name[0]; i++) {
		char *s;

		snprintf(joined, sizeof(joined), "%.120s/%s", name, n->cases[i].name);
		s = strdup(joined);
		if (s) {
			free(n->cases[i].name);
			n->cases[i].name = s;
		}
	}
}

/* --- levels ----------------------------------------------------------------------------------- */

static struct level *top(struct nested *n)
{
	return n->depth ? &n->levels[n->depth - 1] : NULL;
}

static struct level *push(struct nested *n, unsigned indent)
{
	struct level *l;

	if (n->depth == DEPTH)
		return NULL;
	if (!n->depth) {
		n->sure = false;
		n->sure_cnt = n->cnt;
	}
	l = &n->levels[n->depth++];
	memset(l, 0, sizeof(*l));
	l->indent = indent;
	l->first = n->cnt;
	l->last = -1;
	return l;
}

static void check_plan(struct nested *n, const struct level *l)
{
	struct test_case *c;
	char words[80];

	if (l->planned && l->plan != l->seen)
		snprintf(words, sizeof(words), "%llu were planned, %llu came",
			 (unsigned long long)l->plan, (unsigned long long)l->seen);
	else if (!l->planned && l->version && !l->ktap && l->seen)
		snprintf(words, sizeof(words), "%llu came, and no plan",
			 (unsigned long long)l->seen);
	else
		return;
	c = add_case(n, "plan");
	if (c)
		add_detail(n, c, words, strlen(words));
}

/* @name: what the result that closes the level says; NULL: there is none. */
static void pop(struct nested *n, const char *name)
{
	const struct level *l = top(n);

	if (n->depth == 1 && !n->sure) {
		drop_cases(n, n->sure_cnt);
	} else {
		check_plan(n, l);
		name_cases(n, l->first, name ? name : l->name);
	}
	n->depth--;
}

static void pop_below(struct nested *n, unsigned indent)
{
	while (n->depth && top(n)->indent > indent)
		pop(n, NULL);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* A number of any length; saturates. */
static size_t number(const char *s, uint64_t *ret)
{
	size_t n = 0;

	for (*ret = 0; s[n] >= '0' && s[n] <= '9'; n++)
		*ret = *ret > UINT64_MAX / 16 ? *ret : *ret * 10 + (uint64_t)(s[n] - '0');
	return n;
}

static void forget_diag(struct nested *n)
{
	n->diag.len = 0;
	if (n->diag.s)
		n->diag.s[0] = '\0';
}

static bool on_version(struct nested *n, unsigned indent, const char *s)
{
	bool ktap = !strncmp(s, "KTAP version ", 13);
	struct level *l;

	if (!ktap && strncmp(s, "TAP version ", 12) != 0)
		return false;
	pop_below(n, indent);
	l = top(n);
	if (l && l->indent == indent) {
		pop(n, NULL);
		l = NULL;
	}
	/* kselftest puts "TAP version 13" and the name of a KTAP test in front of its own. */
	l = push(n, indent);
	if (!l)
		return true;
	l->version = true;
	l->ktap = ktap;
	n->sure = true;
	forget_diag(n);
	return true;
}

static bool on_plan(struct nested *n, unsigned indent, const char *s)
{
	struct level *l;
	struct test_case *c;
	uint64_t cnt;
	size_t len;

	if (strncmp(s, "1..", 3) != 0)
		return false;
	len = number(s + 3, &cnt);
	s += 3 + len;
	s += strspn(s, " \t");
	if (!len || (*s && *s != '#') || (!n->depth && indent))
		return false;
	pop_below(n, indent);
	l = top(n);
	if (l && l->indent == indent && l->planned) {
		pop(n, NULL);
		l = top(n);
	}
	if (!l || l->indent < indent)
		l = push(n, indent);
	if (!l)
		return true;
	l->planned = true;
	l->plan = cnt;
	if (l->seen)
		n->sure = true;
	s += strspn(s, "# \t");
	if (!cnt && !strncasecmp(s, "skip", 4)) {
		n->sure = true;
		c = add_case(n, "all");
		if (c) {
			c->ok = c->skipped = true;
			add_detail(n, c, s, strlen(s));
		}
	}
	return true;
}

struct directive {
	bool skip, todo;
	const char *text;
};

/* Cuts the directive off @desc. Only words that mean something make one: "fix #123" is a name. */
static struct directive directive(char *desc)
{
	static const struct {
		const char *word;
		bool skip, todo;
	} words[] = {
		{ "SKIP", true, false },   { "TODO", false, true },
		{ "XFAIL", false, true },  { "TIMEOUT", false, false },
		{ "ERROR", false, false }, { "exit=", false, false }, /* kselftest */
	};

	for (char *p = desc; (p = strchr(p, '#')); p++) {
		const char *word = p + 1 + strspn(p + 1, " \t");

		if (p > desc && p[-1] != ' ' && p[-1] != '\t')
			continue;
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (strncasecmp(word, words[i].word, strlen(words[i].word)) != 0)
				continue;
			while (p > desc && (p[-1] == ' ' || p[-1] == '\t'))
				p--;
			*p = '\0';
			return (struct directive){ words[i].skip, words[i].todo, word };
		}
	}
	return (struct directive){ 0 };
}

/* TAP 14: "\#" and "\\" in a description. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && (s[1] == '#' || s[1] == '\\'))
			s++;
		*to++ = *s;
	}
	*to = '\0';
}

/* The level that a result at @indent belongs to; NULL: it is no result of a document. */
static struct level *level_of_result(struct nested *n, unsigned indent, bool numbered, uint64_t no)
{
	struct level *l = top(n);

	if (l && l->indent == indent)
		return l;
	if (!l)
		return !indent && numbered && no == 1 ? push(n, 0) : NULL;
	if (l->indent < indent)
		return n->sure && numbered ? push(n, indent) : NULL;
	return l;
}

/*
 * Levels below @indent are this result's children: named by it, and counted in its place. True: it
 * had some that failed, or it is no case of its own.
 */
static bool adopt(struct nested *n, unsigned indent, const char *name, bool ok)
{
	unsigned first = n->cnt;
	bool any = false, failed = false;

	while (n->depth && top(n)->indent > indent) {
		bool last = n->depth == 1 || n->levels[n->depth - 2].indent <= indent;

		first = top(n)->first;
		any = true;
		if (n->depth == 1 && !n->sure) {
			pop(n, NULL);
			return false;
		}
		if (n->depth == 1) { /* no level at all at this one's indentation */
			check_plan(n, top(n));
			name_cases(n, first, name);
			top(n)->indent = indent;
			top(n)->planned = top(n)->version = false;
			top(n)->last = -1;
			top(n)->first = n->cnt; /* each is named so only once */
			break;
		}
		pop(n, last ? name : NULL);
	}
	for (unsigned i = first; i < n->cnt; i++)
		failed |= !n->cases[i].ok && !n->cases[i].todo && !n->cases[i].skipped;
	return any && first < n->cnt && (ok || failed);
}

static void record(struct nested *n, struct level *l, const char *name, bool ok,
		   const struct directive *d)
{
	struct test_case *c = add_case(n, name);

	l->last = -1;
	if (!c)
		return;
	l->last = (int)n->cnt - 1;
	c->ok = ok;
	c->skipped = d->skip;
	c->todo = d->todo;
	if (d->text && (!ok || d->skip || d->todo))
		add_detail(n, c, d->text, strlen(d->text));
	if (!ok && n->diag.len && !n->diag.failed)
		add_detail(n, c, n->diag.s, n->diag.len - 1);
}

static bool on_result(struct nested *n, unsigned indent, char *s)
{
	bool ok = !strncmp(s, "ok", 2), numbered;
	char fallback[32];
	struct directive d;
	struct level *l;
	uint64_t no;
	size_t len;

	if (!ok && strncmp(s, "not ok", 6) != 0)
		return false;
	s += ok ? 2 : 6;
	if (*s && *s != ' ')
		return false;
	s += strspn(s, " ");
	len = number(s, &no);
	numbered = len && (!s[len] || s[len] == ' ');
	if (numbered)
		s += len + strspn(s + len, " ");
	l = level_of_result(n, indent, numbered, no);
	if (!l)
		return n->depth;
	if (!n->sure && !l->planned && (!numbered || no != l->seen + 1)) {
		pop(n, NULL); /* plain text, after all */
		return false;
	}
	if (s[0] == '-' && (s[1] == ' ' || !s[1]))
		s += 1 + strspn(s + 1, " ");
	d = directive(s);
	unescape(s);
	if (!*s) {
		snprintf(fallback, sizeof(fallback), "test %llu",
			 (unsigned long long)(numbered ? no : l->seen + 1));
		s = fallback;
	}
	if (l->indent > indent) {
		bool stands_for_children = adopt(n, indent, s, ok);

		l = top(n);
		if (l && l->indent < indent)
			l = push(n, indent);
		if (!l)
			return true;
		l->seen++;
		if (!stands_for_children)
			record(n, l, s, ok, &d);
		l->last = stands_for_children ? -1 : l->last;
	} else {
		l->seen++;
		record(n, l, s, ok, &d);
	}
	if (l->planned)
		n->sure = true;
	forget_diag(n);
	return true;
}

static void add_diag(struct nested *n, const char *s)
{
	if (n->diag.len + strlen(s) + 1 > DETAIL_MAX)
		return;
	str_add(&n->diag, "%s\n", s);
}

static void on_comment(struct nested *n, unsigned indent, const char *s)
{
	static const char subtest[] = "# Subtest:";
	struct level *l;

	if (!strncmp(s, subtest, sizeof(subtest) - 1)) {
		/* Indented, it is the child's first line; at the parent's own level, it comes
		 * before the child's, and the parent's result will say the name again. */
		l = top(n);
		if (l && n->sure && l->indent < indent)
			l = push(n, indent);
		s += sizeof(subtest) - 1;
		if (l && l->indent == indent && n->depth > 1)
			snprintf(l->name, sizeof(l->name), "%s", s + strspn(s, " "));
		return;
	}
	s += 1 + strspn(s + 1, " ");
	l = top(n);
	if (l->indent == indent && l->last >= 0 && !l->ktap && !n->cases[l->last].ok)
		add_detail(n, &n->cases[l->last], s, strlen(s));
	else
		add_diag(n, s);
}

static bool is_document_line(const char *s)
{
	uint64_t cnt;

	return !strncmp(s, "TAP version ", 12) || !strncmp(s, "KTAP version ", 13) ||
	       (!strncmp(s, "1..", 3) && number(s + 3, &cnt));
}

/* kselftest: the output of each test, TAP included, is a comment of the whole. */
static bool in_comment(const struct nested *n, unsigned indent, const char *s)
{
	if (!n->sure || s[0] != '#' || s[1] != ' ' || s[2] == ' ' || s[2] == '#')
		return s[0] == '#' && s[1] == ' ' && s[2] == '#' && n->sure;
	return is_document_line(s + 2) || n->levels[n->depth - 1].indent > indent;
}

static void on_line(struct nested *n, char *s)
{
	struct printk_prefix p;
	unsigned indent = 0;
	char *body;

	printk_prefix(s, strlen(s), &p);
	body = s + p.len;
	if (n->yaml >= 0) {
		const char *t = body + strspn(body, " ");

		if (!strcmp(t, "...") || n->yaml >= (int)n->cnt)
			n->yaml = -1;
		else
			add_detail(n, &n->cases[n->yaml], body, strlen(body));
		return;
	}
	for (;;) {
		size_t blanks = strspn(body, " \t");

		indent += (unsigned)blanks;
		body += blanks;
		if (!n->depth || !in_comment(n, indent, body))
			break;
		indent += 2;
		body += 2;
	}
	if (on_version(n, indent, body) || on_plan(n, indent, body) || on_result(n, indent, body) ||
	    !n->depth)
		return;
	if (!strcmp(body, "---") && top(n)->last >= 0 && n->sure) {
		n->yaml = top(n)->last;
	} else if (n->sure && !strncmp(body, "Bail out!", 9)) {
		struct test_case *c = add_case(n, "Bail out!");

		if (c)
			add_detail(n, c, body, strlen(body));
		top(n)->planned = top(n)->version = false; /* said enough */
	} else if (body[0] == '#') {
		on_comment(n, indent, body);
	} else if (n->diag.len && *body) {
		add_diag(n, body); /* KUnit goes on over lines without a mark */
	}
}

void nested_feed(struct nested *n, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		bool text = !term_strip(&n->strip, p[i]);

		if (p[i] == '\n') {
			n->line[n->len] = '\0';
			n->len = 0;
			on_line(n, n->line);
		} else if (text && p[i] != '\r' && n->len < LINE_MAX_BYTES) {
			n->line[n->len++] = (char)p[i];
		}
	}
}

void nested_finish(struct nested *n)
{
	if (n->len)
		nested_feed(n, "\n", 1);
	while (n->depth)
		pop(n, NULL);
	for (unsigned i = 0; i < n->cnt && !n->any_failed; i++) {
		const struct test_case *c = &n->cases[i];

		n->any_failed = !c->ok && !c->todo && !c->skipped;
		if (n->any_failed)
			snprintf(n->failed, sizeof(n->failed), "%s", c->name);
	}
}

const char *nested_failed(const struct nested *n)
{
	return n->any_failed ? n->failed : NULL;
}

void nested_take(struct nested *n, struct test_result *r)
{
	struct test_case *all;

	r->cases_cut |= n->cut;
	if (!r->case_cnt && !r->cases) {
		r->cases = n->cases;
		r->case_cnt = n->cnt;
		n->cases = NULL;
		n->cnt = n->cap = 0;
		return;
	}
	while (r->case_cnt + n->cnt > TEST_CASES) {
		drop_cases(n, n->cnt - 1);
		r->cases_cut = true;
	}
	all = n->cnt ? reallocarray(r->cases, r->case_cnt + n->cnt, sizeof(*all)) : NULL;
	if (!all) {
		r->cases_cut |= n->cnt > 0;
		return;
	}
	memcpy(all + r->case_cnt, n->cases, n->cnt * sizeof(*all));
	r->cases = all;
	r->case_cnt += n->cnt;
	n->cnt = 0;
}
