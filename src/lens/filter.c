/* SPDX-License-Identifier: MIT */
/*
 * filter.c: which records somebody wants to see.
 *
 *   filter = all { "|" all }
 *   all    = term { "," term }
 *   term   = "!" term | "(" filter ")" | KEY "=" VALUE | KEY "!=" VALUE | WORD
 *
 * A term is a step of a small program, in postfix order, that leaves one truth behind: what a
 * filter costs does not depend on how it is nested, and nothing recurs when it is asked.
 */
#include "lens/filter.h"

#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/symbols.h"

#define DEPTH_MAX 32u

struct parser {
	const char *text, *at;
	const struct trace_machine *m;
	struct lens_filter *f;
	unsigned depth;
};

static int parse_any(struct parser *p, struct error **errp);

static void skip_space(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t')
		p->at++;
}

static bool take(struct parser *p, char c)
{
	skip_space(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static int syntax(const struct parser *p, const char *why, struct error **errp)
{
	char rest[24];

	str_escape(p->at, strlen(p->at), rest, sizeof(rest));
	err_set(errp, EINVAL, "filter: %s%s%s%s", why, *rest ? " at '" : " at its end", rest,
		*rest ? "'" : "");
	err_hint(errp, "%s", FILTER_HINT);
	return -EINVAL;
}

static int add(struct parser *p, const struct filter_op *op, struct error **errp)
{
	if (p->f->cnt == FILTER_OPS_MAX)
		return err_set(errp, E2BIG, "filter: it has more than %u parts", FILTER_OPS_MAX);
	p->f->op[p->f->cnt++] = *op;
	return 0;
}

static int add_operator(struct parser *p, enum filter_kind kind, struct error **errp)
{
	const struct filter_op op = { .kind = kind };

	return add(p, &op, errp);
}

/* --- words ------------------------------------------------------------------------------------ */

static bool ends_word(char c)
{
	return !c || strchr(",|()= \t", c);
}

/* Up to what ends it, or "!=". False: there is none, or a longer one than anything is called. */
static bool take_word(struct parser *p, char *buf, size_t len)
{
	size_t n = 0;

	skip_space(p);
	while (!ends_word(p->at[n]) && !(p->at[n] == '!' && p->at[n + 1] == '='))
		n++;
	if (!n || n >= len)
		return false;
	memcpy(buf, p->at, n);
	buf[n] = '\0';
	p->at += n;
	return true;
}

/* A value may have spaces inside: "reg=PIT channel 0". */
static bool take_value(struct parser *p, char *buf, size_t len)
{
	size_t n = 0;

	skip_space(p);
	while (p->at[n] && !strchr(",|()", p->at[n]))
		n++;
	while (n && (p->at[n - 1] == ' ' || p->at[n - 1] == '\t'))
		n--;
	if (!n || n >= len)
		return false;
	memcpy(buf, p->at, n);
	buf[n] = '\0';
	p->at += n;
	return true;
}

static int parse_word(struct parser *p, struct error **errp)
{
	char key[FILTER_VALUE_MAX], value[FILTER_VALUE_MAX];
	struct filter_op op = { 0 };
	bool negated = false;
	int r;

	if (!take_word(p, key, sizeof(key)))
		return syntax(p, "a word is missing, or too long", errp);
	skip_space(p);
	if (p->at[0] == '!' && p->at[1] == '=') {
		negated = true;
		p->at++;
	}
	if (take(p, '=')) {
		if (!take_value(p, value, sizeof(value)))
			return syntax(p, "a value is missing, or too long", errp);
		r = filter_key(key, value, p->m, &op, errp);
	} else {
		r = filter_bare(key, p->m, &op, errp);
	}
	if (r == 0)
		r = add(p, &op, errp);
	return r == 0 && negated ? add_operator(p, FILTER_NOT, errp) : r;
}

/* --- around them ------------------------------------------------------------------------------ */

static int parse_term(struct parser *p, struct error **errp)
{
	int r;

	if (++p->depth > DEPTH_MAX)
		return syntax(p, "it is nested too deeply", errp);
	if (take(p, '!')) {
		r = parse_term(p, errp);
		if (r == 0)
			r = add_operator(p, FILTER_NOT, errp);
	} else if (take(p, '(')) {
		r = parse_any(p, errp);
		if (r == 0 && !take(p, ')'))
			r = syntax(p, "a ')' is missing", errp);
	} else {
		r = parse_word(p, errp);
	}
	p->depth--;
	return r;
}

static int parse_list(struct parser *p, char between, enum filter_kind kind,
		      int (*item)(struct parser *p, struct error **errp), struct error **errp)
{
	int r = item(p, errp);

	while (r == 0 && take(p, between)) {
		r = item(p, errp);
		if (r == 0)
			r = add_operator(p, kind, errp);
	}
	return r;
}

static int parse_all(struct parser *p, struct error **errp)
{
	return parse_list(p, ',', FILTER_AND, parse_term, errp);
}

static int parse_any(struct parser *p, struct error **errp)
{
	return parse_list(p, '|', FILTER_OR, parse_all, errp);
}

int lens_filter_parse(const char *text, const struct trace_machine *m, struct lens_filter **ret,
		      struct error **errp)
{
	struct parser p = { .text = text, .at = text, .m = m, .f = calloc(1, sizeof(*p.f)) };
	int r = p.f ? parse_any(&p, errp) : err_errno(errp, ENOMEM, "filter");

	if (r == 0) {
		skip_space(&p);
		if (*p.at)
			r = syntax(&p, "something is too much", errp);
	}
	if (r < 0)
		p.f = lens_filter_free(p.f);
	*ret = p.f;
	return r;
}

int lens_filter_check_symbols(const struct lens_filter *f, const struct symbols *s,
			      struct error **errp)
{
	char clean[FILTER_VALUE_MAX];

	for (unsigned i = 0; i < f->cnt; i++) {
		const struct filter_op *op = &f->op[i];

		if (op->kind != FILTER_SYMBOL || symbols_by_name(s, op->text))
			continue;
		str_escape(op->text, strlen(op->text), clean, sizeof(clean));
		err_set(errp, ENOENT, "filter: no function is called '%s'", clean);
		if (!s->cnt)
			err_hint(errp, "there are no symbols; a kernel has them: --symbols FILE");
		return -ENOENT;
	}
	return 0;
}

struct lens_filter *lens_filter_free(struct lens_filter *f)
{
	free(f);
	return NULL;
}

/* --- asked ------------------------------------------------------------------------------------ */

bool lens_filter_fits(const struct lens_filter *f, const struct lens *l, const struct trace_rec *r,
		      int vcpu)
{
	/* The program came from the parser, so nothing is taken from an empty stack. */
	bool stack[FILTER_OPS_MAX] = { false };
	unsigned n = 0;

	for (unsigned i = 0; i < f->cnt; i++) {
		const struct filter_op *op = &f->op[i];

		switch (op->kind) {
		case FILTER_NOT:
			stack[n - 1] = !stack[n - 1];
			break;
		case FILTER_AND:
			n--;
			stack[n - 1] = stack[n - 1] && stack[n];
			break;
		case FILTER_OR:
			n--;
			stack[n - 1] = stack[n - 1] || stack[n];
			break;
		default:
			stack[n++] = filter_fits(op, l, r, vcpu);
		}
	}
	return n && stack[0];
}
