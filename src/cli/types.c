/* SPDX-License-Identifier: MIT */
/* types.c: the kinds of values an option can have: how each is read, and how it is written back. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/options.h"
#include "vmm/parse.h"
#include "vmm/str.h"
#include "vmm/timer.h"

/* --- string lists ----------------------------------------------------------------------------- */

int str_list_add(struct str_list *l, const char *s, struct error **errp)
{
	char **v = reallocarray(l->v, l->cnt + 1, sizeof(*v));

	if (!v)
		return err_errno(errp, ENOMEM, "cannot store '%s'", s);
	l->v = v;
	v[l->cnt] = strdup(s);
	if (!v[l->cnt])
		return err_errno(errp, ENOMEM, "cannot store '%s'", s);
	l->cnt++;
	return 0;
}

void str_list_free(struct str_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct str_list){ 0 };
}

/* --- switches --------------------------------------------------------------------------------- */

static int set_switch(void *field, const struct opt *o, const char *text, struct error **errp)
{
	(void)o;
	return parse_bool(text, field, errp);
}

static json_t *get_switch(const void *field, const struct opt *o)
{
	(void)o;
	return json_boolean(*(const bool *)field);
}

const struct opt_type opt_switch = {
	.wants = "true or false",
	.json = OPT_BOOL,
	.is_switch = true,
	.set = set_switch,
	.get = get_switch,
};

const struct opt_type opt_action = {
	.wants = "true or false",
	.json = OPT_BOOL,
	.is_switch = true,
	.set = set_switch,
	.get = get_switch,
};

static int set_inverted(void *field, const struct opt *o, const char *text, struct error **errp)
{
	bool v = false;
	int ret = set_switch(&v, o, text, errp);

	if (!ret)
		*(bool *)field = !v;
	return ret;
}

static json_t *get_inverted(const void *field, const struct opt *o)
{
	(void)o;
	return json_boolean(!*(const bool *)field);
}

const struct opt_type opt_inverted = {
	.wants = "true or false",
	.json = OPT_BOOL,
	.is_switch = true,
	.set = set_inverted,
	.get = get_inverted,
};

/* --- numbers ---------------------------------------------------------------------------------- */

static int set_number(void *field, const struct opt *o, const char *text, struct error **errp)
{
	uint64_t v = 0;
	int ret = parse_u64(text, o->range.min, o->range.max, &v, errp);

	if (!ret)
		*(unsigned *)field = (unsigned)v;
	return ret;
}

/* A number of 0 outside its range stands for "worked out later": not set. */
static json_t *get_number(const void *field, const struct opt *o)
{
	unsigned v = *(const unsigned *)field;

	return v < o->range.min ? NULL : json_integer(v);
}

const struct opt_type opt_number = {
	.wants = "a number",
	.json = OPT_INTEGER,
	.set = set_number,
	.get = get_number,
};

static int set_count(void *field, const struct opt *o, const char *text, struct error **errp)
{
	return parse_u64(text, o->range.min, o->range.max, field, errp);
}

static json_t *get_count(const void *field, const struct opt *o)
{
	(void)o;
	return json_integer((json_int_t) * (const uint64_t *)field);
}

const struct opt_type opt_count = {
	.wants = "a number",
	.json = OPT_INTEGER,
	.set = set_count,
	.get = get_count,
};

static int set_address(void *field, const struct opt *o, const char *text, struct error **errp)
{
	return parse_u64(text, o->range.min, o->range.max ? o->range.max : UINT64_MAX, field, errp);
}

static json_t *get_address(const void *field, const struct opt *o)
{
	uint64_t v = *(const uint64_t *)field;

	(void)o;
	return v ? json_sprintf("0x%" PRIx64, v) : NULL;
}

const struct opt_type opt_address = {
	.wants = "a number, or a string such as \"0x100000\"",
	.json = OPT_INTEGER | OPT_STRING,
	.set = set_address,
	.get = get_address,
};

static int set_port(void *field, const struct opt *o, const char *text, struct error **errp)
{
	uint64_t v = 0;
	int ret = strcmp(text, "none") ? parse_u64(text, o->range.min, o->range.max, &v, errp) : 0;

	if (!ret)
		*(uint16_t *)field = (uint16_t)v;
	return ret;
}

static json_t *get_port(const void *field, const struct opt *o)
{
	uint16_t v = *(const uint16_t *)field;

	(void)o;
	return v ? json_sprintf("0x%x", v) : json_string("none");
}

const struct opt_type opt_port = {
	.wants = "a number, or a string such as \"0xf4\" or \"none\"",
	.json = OPT_INTEGER | OPT_STRING,
	.set = set_port,
	.get = get_port,
};

static int set_size(void *field, const struct opt *o, const char *text, struct error **errp)
{
	const struct opt_range *r = &o->range;
	char is[24], limit[24];
	uint64_t v = 0;
	int ret = parse_size(text, &v, errp);

	if (ret < 0)
		return ret;
	format_size(v, is, sizeof(is));
	if (v < r->min)
		return err_set(errp, ERANGE, "'%s' (%s) is too small: at least %s", text, is,
			       format_size(r->min, limit, sizeof(limit)));
	if (r->max && v > r->max)
		return err_set(errp, ERANGE, "'%s' (%s) is too large: at most %s", text, is,
			       format_size(r->max, limit, sizeof(limit)));
	if (r->align && v % r->align)
		return err_set(errp, EINVAL, "'%s' (%s) is not a multiple of %s", text, is,
			       format_size(r->align, limit, sizeof(limit)));
	*(uint64_t *)field = v;
	return 0;
}

/* The text of @v in the largest unit that divides it. */
static json_t *unit_text(uint64_t v, const uint64_t *factor, const char *const *name, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		if (v && v % factor[i] == 0)
			return json_sprintf("%" PRIu64 "%s", v / factor[i], name[i]);
	}
	return json_sprintf("%" PRIu64 "%s", v, name[cnt - 1]);
}

static json_t *get_size(const void *field, const struct opt *o)
{
	static const uint64_t factor[] = { 1024 * GIB, GIB, MIB, KIB, 1 };
	static const char *const name[] = { "T", "G", "M", "K", "B" };

	(void)o;
	return unit_text(*(const uint64_t *)field, factor, name, ARRAY_LEN(name));
}

const struct opt_type opt_size = {
	.wants = "a string such as \"512M\", or a number of MiB",
	.json = OPT_INTEGER | OPT_STRING,
	.set = set_size,
	.get = get_size,
};

static int set_duration(void *field, const struct opt *o, const char *text, struct error **errp)
{
	uint64_t v = 0;
	int ret;

	(void)o;
	if (!strcmp(text, "none")) {
		*(uint64_t *)field = 0;
		return 0;
	}
	ret = parse_duration(text, &v, errp);
	if (ret < 0)
		return ret;
	if (!v)
		return err_set(errp, ERANGE, "'%s' is no time at all: say \"none\" for no limit",
			       text);
	*(uint64_t *)field = v;
	return 0;
}

static json_t *get_duration(const void *field, const struct opt *o)
{
	static const uint64_t factor[] = { 3600 * NSEC_PER_SEC, 60 * NSEC_PER_SEC, NSEC_PER_SEC,
					   NSEC_PER_MSEC,       NSEC_PER_USEC,     1 };
	static const char *const name[] = { "h", "m", "s", "ms", "us", "ns" };
	uint64_t v = *(const uint64_t *)field;

	(void)o;
	return v ? unit_text(v, factor, name, ARRAY_LEN(name)) : json_string("none");
}

const struct opt_type opt_duration = {
	.wants = "a string such as \"30s\" or \"none\", or a number of seconds",
	.json = OPT_INTEGER | OPT_REAL | OPT_STRING,
	.set = set_duration,
	.get = get_duration,
};

/* --- words ------------------------------------------------------------------------------------ */

#define MAX_WORDS 16

/* The row's words as an array for nearest(), and as "a, b or c". */
static unsigned word_names(const struct opt *o, const char *names[MAX_WORDS], struct str *all)
{
	unsigned n = 0;

	for (const struct opt_word *w = o->words; w->word && n < MAX_WORDS; w++)
		names[n++] = w->word;
	for (unsigned i = 0; i < n; i++)
		str_add(all, "%s%s", !i ? "" : i + 1 < n ? ", " : " or ", names[i]);
	return n;
}

static int set_enum(void *field, const struct opt *o, const char *text, struct error **errp)
{
	_cleanup_(str_free) struct str all = { 0 };
	const char *names[MAX_WORDS], *near;
	unsigned n;

	for (const struct opt_word *w = o->words; w->word; w++) {
		if (!strcmp(w->word, text)) {
			*(int *)field = w->value;
			return 0;
		}
	}
	n = word_names(o, names, &all);
	near = nearest(text, names, n);
	if (near)
		return err_set(errp, EINVAL, "'%s' is unknown; did you mean '%s'? (%s)", text, near,
			       all.s ? all.s : "");
	return err_set(errp, EINVAL, "'%s' is unknown: use %s", text, all.s ? all.s : "");
}

static json_t *get_enum(const void *field, const struct opt *o)
{
	for (const struct opt_word *w = o->words; w->word; w++) {
		if (w->value == *(const int *)field)
			return json_string(w->word);
	}
	return NULL;
}

const struct opt_type opt_enum = {
	.wants = "a string",
	.json = OPT_STRING,
	.set = set_enum,
	.get = get_enum,
};

/* --- texts ------------------------------------------------------------------------------------ */

static int set_text(void *field, const struct opt *o, const char *text, struct error **errp)
{
	char *s = strdup(text);

	(void)o;
	if (!s)
		return err_errno(errp, ENOMEM, "cannot store '%s'", text);
	free(*(char **)field);
	*(char **)field = s;
	return 0;
}

static json_t *get_text(const void *field, const struct opt *o)
{
	const char *s = *(char *const *)field;

	(void)o;
	return s ? json_string(s) : NULL;
}

const struct opt_type opt_text = {
	.wants = "a string",
	.json = OPT_STRING,
	.set = set_text,
	.get = get_text,
};

#define MAX_THREAD 15 /* on Linux */

static int set_thread(void *field, const struct opt *o, const char *text, struct error **errp)
{
	size_t len = strlen(text);

	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			len = 0;
	}
	if (!len || len > MAX_THREAD)
		return err_set(errp, EINVAL,
			       "'%s' is no name of a thread: 1 to %d letters, digits, -, _ and .",
			       text, MAX_THREAD);
	return set_text(field, o, text, errp);
}

const struct opt_type opt_thread = {
	.wants = "a string",
	.json = OPT_STRING,
	.set = set_thread,
	.get = get_text,
};

static int set_file(void *field, const struct opt *o, const char *text, struct error **errp)
{
	if (!*text)
		return err_set(errp, EINVAL, "'' is empty: give the name of a file");
	return set_text(field, o, text, errp);
}

const struct opt_type opt_file = {
	.wants = "a string, the name of a file",
	.json = OPT_STRING,
	.completes = OPT_FILES,
	.set = set_file,
	.get = get_text,
};

const struct opt_type opt_dir = {
	.wants = "a string, the name of a directory",
	.json = OPT_STRING,
	.completes = OPT_DIRS,
	.set = set_text,
	.get = get_text,
};

static int set_joined(void *field, const struct opt *o, const char *text, struct error **errp)
{
	char **s = field, *joined;

	if (!*s || !**s)
		return set_text(field, o, text, errp);
	if (asprintf(&joined, "%s %s", *s, text) < 0)
		return err_errno(errp, ENOMEM, "cannot store '%s'", text);
	free(*s);
	*s = joined;
	return 0;
}

static void clear_text(void *field, const struct opt *o)
{
	(void)o;
	free(*(char **)field);
	*(char **)field = NULL;
}

const struct opt_type opt_joined = {
	.wants = "a string",
	.json = OPT_STRING,
	.repeats = true,
	.set = set_joined,
	.get = get_text,
	.clear = clear_text,
};

static int set_list(void *field, const struct opt *o, const char *text, struct error **errp)
{
	(void)o;
	if (!*text)
		return err_set(errp, EINVAL, "'' is empty: give the name of a file");
	return str_list_add(field, text, errp);
}

static json_t *get_list(const void *field, const struct opt *o)
{
	const struct str_list *l = field;
	json_t *a = l->cnt ? json_array() : NULL;

	(void)o;
	for (unsigned i = 0; a && i < l->cnt; i++) {
		if (json_array_append_new(a, json_string(l->v[i]))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static void clear_list(void *field, const struct opt *o)
{
	(void)o;
	str_list_free(field);
}

const struct opt_type opt_files = {
	.wants = "an array of strings, or a string",
	.json = OPT_STRING,
	.completes = OPT_FILES,
	.repeats = true,
	.is_list = true,
	.set = set_list,
	.get = get_list,
	.clear = clear_list,
};

const struct opt_type opt_list = {
	.wants = "an array of strings, or a string",
	.json = OPT_STRING,
	.repeats = true,
	.is_list = true,
	.set = set_list,
	.get = get_list,
	.clear = clear_list,
};
