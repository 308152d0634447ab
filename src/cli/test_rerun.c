/* SPDX-License-Identifier: MIT */
/* test_rerun.c: the command line that runs exactly one test again, for a shell. */
#include <errno.h>
#include <string.h>

#include "cli/test.h"
#include "vmm/str.h"

static bool is_plain(const char *s)
{
	return *s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "%+,-./:=@_")];
}

static void add_quoted(struct str *b, const char *s)
{
	if (b->len)
		str_add(b, " ");
	if (is_plain(s)) {
		str_add(b, "%s", s);
		return;
	}
	str_add(b, "'");
	for (; *s; s++)
		str_add(b, *s == '\'' ? "'\\''" : "%c", *s);
	str_add(b, "'");
}

/* --name=VALUE, or --name. */
static void add_optional(struct str *b, const struct opt_given *g)
{
	_cleanup_(str_free) struct str word = { 0 };

	str_add(&word, "%s%s%s", g->spelled, *g->value ? "=" : "", g->value);
	add_quoted(b, word.s ? word.s : "");
}

/* Which tests, how often, and where results go: not what one test is. */
static bool belongs_to_run(const struct opt *o)
{
	static const size_t off[] = {
		offsetof(struct test_args, filter),     offsetof(struct test_args, shard),
		offsetof(struct test_args, jobs),       offsetof(struct test_args, repeat),
		offsetof(struct test_args, until_fail), offsetof(struct test_args, stop_at_failure),
		offsetof(struct test_args, reports),    offsetof(struct test_args, keep),
		offsetof(struct test_args, dir),
	};

	for (unsigned i = 0; i < ARRAY_LEN(off); i++)
		if (o->off == off[i])
			return true;
	return false;
}

char *test_rerun_line(const struct test_args *a, const struct opt_args *given, const char *base)
{
	_cleanup_(str_free) struct str re = { 0 };
	struct str b = { 0 };

	add_quoted(&b, program_invocation_name);
	add_quoted(&b, "test");
	for (unsigned i = 0; i < given->given_cnt; i++) {
		const struct opt_given *g = &given->given[i];

		if (belongs_to_run(g->opt))
			continue;
		if (g->opt->type->optional) {
			add_optional(&b, g);
			continue;
		}
		add_quoted(&b, g->spelled);
		if (!g->opt->type->is_switch)
			add_quoted(&b, g->value);
	}
	if (a->matrix) {
		str_add(&re, "--filter=^");
		for (const char *p = base; *p; p++)
			str_add(&re, strchr("\\^$.[]|()*+?{}", *p) ? "\\%c" : "%c", *p);
		str_add(&re, "( #[0-9]+)?$");
		add_quoted(&b, re.s ? re.s : "");
	}
	if (a->command[0])
		add_quoted(&b, "--");
	for (char **c = a->command; *c; c++)
		add_quoted(&b, *c);
	return str_take(&b);
}
