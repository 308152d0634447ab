/* SPDX-License-Identifier: MIT */
/* args.c: from argv to a list of options and the rest, by the rows of a table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/options.h"
#include "vmm/parse.h"
#include "vmm/str.h"

/* Under way through argv. */
struct scan {
	const struct opt_set *set;
	int argc, next;
	char **argv;
	struct opt_args *ret;
	size_t spelled; /* bytes of ret->spelling in use */
};

/* A name's row and whether the name is the negative one ("no-acpi"). */
struct hit {
	const struct opt *opt;
	bool negative;
};

static bool can_be_negative(const struct opt *o)
{
	return o->type == &opt_switch || o->type == &opt_inverted;
}

static bool same_name(const char *name, const char *s, size_t len)
{
	return name && strlen(name) == len && !memcmp(name, s, len);
}

static struct hit find_long(const struct opt_set *set, const char *s, size_t len)
{
	struct hit h = { 0 };
	bool no = len > 3 && !memcmp(s, "no-", 3);

	for (unsigned i = 0; i < set->cnt; i++) {
		const struct opt *o = &set->opt[i];

		h.negative = no && can_be_negative(o) && same_name(o->name, s + 3, len - 3);
		if (h.negative || same_name(o->name, s, len) || same_name(o->alias, s, len)) {
			h.opt = o;
			break;
		}
	}
	return h;
}

static const struct opt *find_letter(const struct opt_set *set, char c)
{
	for (unsigned i = 0; i < set->cnt; i++) {
		if (set->opt[i].letter && set->opt[i].letter == c)
			return &set->opt[i];
	}
	return NULL;
}

/* Keeps the spelling of an option for messages. The buffer has room for all of argv. */
static const char *keep_spelling(struct scan *s, const char *text, size_t len)
{
	char *p = s->ret->spelling + s->spelled;

	memcpy(p, text, len);
	p[len] = '\0';
	s->spelled += len + 1;
	return p;
}

static void give(struct scan *s, const struct opt *o, const char *spelled, const char *value)
{
	s->ret->given[s->ret->given_cnt++] =
		(struct opt_given){ .opt = o, .spelled = spelled, .value = value };
}

#define MAX_NAMES 256

/* "did you mean '--memory'?", or the way to the list. Returns -EINVAL. */
static int unknown_option(struct scan *s, const char *arg, size_t len, struct error **errp)
{
	_cleanup_(str_free) struct str all = { 0 }, sought = { 0 };
	_cleanup_free_ char *shown = strndup(arg, len);
	const char *names[MAX_NAMES], *near = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < s->set->cnt; i++) {
		const struct opt *o = &s->set->opt[i];

		if (o->name)
			str_add(&all, "--%s%c", o->name, '\0');
		if (o->alias)
			str_add(&all, "--%s%c", o->alias, '\0');
		if (o->name && can_be_negative(o))
			str_add(&all, "--no-%s%c", o->name, '\0');
	}
	for (size_t at = 0; at < all.len && n < MAX_NAMES; at += strlen(all.s + at) + 1)
		names[n++] = all.s + at;
	/* "-smp" is compared as "--smp". */
	if (shown && len > 2)
		str_add(&sought, "--%s", shown + (shown[1] == '-' ? 2 : 1));
	if (sought.s)
		near = nearest(sought.s, names, n);
	if (near)
		return err_set(errp, EINVAL, "unknown option '%s'; did you mean '%s'?", shown,
			       near);
	err_set(errp, EINVAL, "unknown option '%s'", shown ? shown : arg);
	err_hint(errp, "--help lists all options");
	return -EINVAL;
}

/* Whether @arg is spelled exactly as an option of this verb. */
static bool is_option(const struct scan *s, const char *arg)
{
	if (arg[0] != '-' || !arg[1])
		return false;
	if (arg[1] == '-')
		return arg[2] && find_long(s->set, arg + 2, strcspn(arg + 2, "=")).opt;
	return !arg[2] && find_letter(s->set, arg[1]);
}

/* The next word of argv as the value of @o. */
static int take_value(struct scan *s, const struct opt *o, const char *spelled, struct error **errp)
{
	const char *v = s->next < s->argc ? s->argv[s->next] : NULL;

	if (!v)
		return err_set(errp, EINVAL, "%s wants a value: %s %s", spelled, spelled, o->arg);
	if (is_option(s, v)) {
		err_set(errp, EINVAL, "%s wants a value (%s), but the option '%s' follows", spelled,
			o->arg, v);
		err_hint(errp, "if '%s' is the value, write --%s=%s", v, o->name, v);
		return -EINVAL;
	}
	s->next++;
	give(s, o, spelled, v);
	return 0;
}

static int scan_long(struct scan *s, const char *arg, struct error **errp)
{
	size_t len = strcspn(arg, "=");
	const char *value = arg[len] ? arg + len + 1 : NULL, *spelled;
	struct hit h = find_long(s->set, arg + 2, len - 2);

	if (!h.opt)
		return unknown_option(s, arg, len, errp);
	spelled = keep_spelling(s, arg, len);
	if (!h.opt->type->is_switch) {
		if (!value && h.opt->type->optional)
			value = "";
		if (!value)
			return take_value(s, h.opt, spelled, errp);
		give(s, h.opt, spelled, value);
		return 0;
	}
	if (value && !can_be_negative(h.opt))
		return err_set(errp, EINVAL, "%s takes no value, '%s' was given", spelled, value);
	if (value && h.negative)
		return err_set(errp, EINVAL, "%s takes no value, '%s' was given; use --%s=%s",
			       spelled, value, h.opt->name, value);
	give(s, h.opt, spelled, value ? value : h.negative ? "off" : "on");
	return 0;
}

/* -k FILE, -kFILE, -qv */
static int scan_short(struct scan *s, const char *arg, struct error **errp)
{
	size_t len = strcspn(arg, "=");

	/* "-kernel" would be -k with the value "ernel", which nobody means. */
	if (len > 2 && find_long(s->set, arg + 1, len - 1).opt)
		return err_set(errp, EINVAL, "long options take two dashes: '-%.*s', not '%.*s'",
			       (int)len, arg, (int)len, arg);
	for (const char *p = arg + 1; *p; p++) {
		const struct opt *o = find_letter(s->set, *p);
		const char *spelled;

		if (!o)
			return unknown_option(s, arg, strlen(arg), errp);
		spelled = keep_spelling(s, (char[]){ '-', *p }, 2);
		if (o->type->is_switch) {
			give(s, o, spelled, "on");
			continue;
		}
		if (!p[1])
			return take_value(s, o, spelled, errp);
		give(s, o, spelled, p + 1);
		return 0;
	}
	return 0;
}

static int scan_all(struct scan *s, struct error **errp)
{
	bool options = true;
	int err;

	while (s->next < s->argc) {
		const char *arg = s->argv[s->next++];

		if (!options || arg[0] != '-' || !arg[1]) {
			s->ret->rest[s->ret->rest_cnt++] = arg;
			continue;
		}
		if (!strcmp(arg, "--")) {
			options = false;
			continue;
		}
		err = arg[1] == '-' ? scan_long(s, arg, errp) : scan_short(s, arg, errp);
		if (err < 0)
			return err;
	}
	return 0;
}

int opt_scan(const struct opt_set *set, int argc, char **argv, struct opt_args *ret,
	     struct error **errp)
{
	struct scan s = { .set = set, .argc = argc, .argv = argv, .ret = ret };
	size_t letters = 0;

	*ret = (struct opt_args){ 0 };
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	/* A word of n letters holds at most n options, each spelled in at most n or 3 bytes. */
	ret->given = calloc(letters + 1, sizeof(*ret->given));
	ret->rest = calloc((size_t)argc + 1, sizeof(*ret->rest));
	ret->spelling = malloc(3 * letters + 1);
	if (!ret->given || !ret->rest || !ret->spelling)
		return err_errno(errp, ENOMEM, "cannot read the command line");
	return scan_all(&s, errp);
}

void opt_args_free(struct opt_args *a)
{
	free(a->given);
	free(a->rest);
	free(a->spelling);
	*a = (struct opt_args){ 0 };
}

bool opt_was_given(const struct opt_args *a, size_t off)
{
	for (unsigned i = 0; i < a->given_cnt; i++) {
		if (a->given[i].opt->off == off)
			return true;
	}
	return false;
}

/* Whether given[n] is the first use of its option. */
static bool is_first(const struct opt_args *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (a->given[i].opt == a->given[n].opt)
			return false;
	}
	return true;
}

int opt_apply(const struct opt_args *a, void *base, struct error **errp)
{
	for (unsigned i = 0; i < a->given_cnt; i++) {
		const struct opt_given *g = &a->given[i];
		void *field = opt_field(g->opt, base);
		int ret;

		if (g->opt->type->clear && is_first(a, i))
			g->opt->type->clear(field, g->opt);
		ret = g->opt->type->set(field, g->opt, g->value, errp);
		if (ret < 0) {
			err_wrap(errp, "%s", g->spelled);
			return ret;
		}
	}
	return 0;
}

const char *opt_spelling(const struct opt *o, const void *base, char *buf, size_t len)
{
	bool on = base && can_be_negative(o) &&
		  *(const bool *)opt_cfield(o, base) != (o->type == &opt_inverted);

	snprintf(buf, len, "--%s%s", on ? "no-" : "", o->name);
	return buf;
}
