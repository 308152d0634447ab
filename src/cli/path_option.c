/* SPDX-License-Identifier: MIT */
/* path_option.c: PATH[,KEY[=VALUE]]... and KIND[,KEY[=VALUE]]... over a table of keys. */
#include "cli/path_option.h"

#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"
#include "vmm/str.h"

#define MAX_KEYS 64

static const struct opt *find_key(const struct path_option *p, const char *name)
{
	for (unsigned i = 0; i < p->key_cnt; i++) {
		if (!strcmp(p->key[i].name, name))
			return &p->key[i];
	}
	return NULL;
}

static int unknown_key(const struct path_option *p, const char *name, struct error **errp)
{
	_cleanup_(str_free) struct str all = { 0 };
	const char *names[MAX_KEYS] = { 0 }, *near;

	for (unsigned i = 0; i < p->key_cnt; i++) {
		names[i] = p->key[i].name;
		str_add(&all, "%s%s", i ? ", " : "", names[i]);
	}
	near = nearest(name, names, p->key_cnt);
	if (near)
		return err_set(errp, EINVAL, "%s has no '%s'; did you mean '%s'?", p->thing, name,
			       near);
	err_set(errp, EINVAL, "%s has no '%s'", p->thing, name);
	err_hint(errp, "there is %s; a comma in a %s is written twice", all.s ? all.s : "",
		 p->first && p->first->type == &opt_file ? "file's name" : "value");
	return -EINVAL;
}

/* --- text ------------------------------------------------------------------------------------- */

static int set_key(const struct path_option *p, void *base, const char *name, const char *value,
		   uint64_t *seen, struct error **errp)
{
	const struct opt *o = find_key(p, name);
	uint64_t bit;
	int r;

	if (!o)
		return unknown_key(p, name, errp);
	bit = UINT64_C(1) << (o - p->key);
	if ((*seen & bit) && !o->type->repeats)
		return err_set(errp, EINVAL, "'%s' is said twice", name);
	*seen |= bit;
	if (!value && !o->type->is_switch)
		return err_set(errp, EINVAL, "'%s' wants a value: %s=...", name, name);
	r = o->type->set(opt_field(o, base), o, value ? value : "on", errp);
	return r < 0 ? err_wrap(errp, "%s", name) : 0;
}

/* QEMU's and others' habit. A file that is really called so is "./file=x". */
static int check_path(const struct path_option *p, const char *path, struct error **errp)
{
	size_t n = strcspn(path, "=");

	if (path[n] && n == 4 && (!strncmp(path, "file", 4) || !strncmp(path, "path", 4))) {
		err_set(errp, EINVAL, "'%s': the %s comes first, by its name alone", path, p->file);
		err_hint(errp, "say %s; a file of just this name is ./%s", path + n + 1, path);
		return -EINVAL;
	}
	return 0;
}

static const char *first_is(const struct path_option *p)
{
	return p->first->type == &opt_file ? "name" : p->first->name;
}

static int set_first(const struct path_option *p, void *base, const char **rest,
		     struct error **errp)
{
	const struct opt *o = p->first;
	_cleanup_free_ char *word = o ? parse_item(rest) : NULL;
	int r = 0;

	if (!o)
		return 0;
	if (!word)
		return err_errno(errp, ENOMEM, "cannot store the %s", p->file);
	if (!*word)
		return err_set(errp, EINVAL, "the %s of the %s is missing: %s[,KEY=VALUE]",
			       first_is(p), p->file, o->arg);
	if (o->type == &opt_file)
		r = check_path(p, word, errp);
	return r ? r : o->type->set(opt_field(o, base), o, word, errp);
}

int path_option_parse(const struct path_option *p, const char *text, void *base,
		      struct error **errp)
{
	const char *rest = text;
	uint64_t seen = 0;
	int r = set_first(p, base, &rest, errp);

	while (!r && rest) {
		_cleanup_free_ char *item = parse_item(&rest);
		char *value = item ? strchr(item, '=') : NULL;

		if (!item)
			return err_errno(errp, ENOMEM, "cannot store '%s'", text);
		if (!*item)
			return err_set(errp, EINVAL, "'%s' has a comma with nothing behind it",
				       text);
		if (value)
			*value++ = '\0';
		r = set_key(p, base, item, value, &seen, errp);
	}
	return r;
}

/* --- files ------------------------------------------------------------------------------------ */

static void add_item(struct str *s, const char *p)
{
	for (; *p; p++)
		str_add_bytes(s, *p == ',' ? ",," : p, *p == ',' ? 2 : 1);
}

static int add_scalar(struct str *s, const char *key, const json_t *v, struct error **errp)
{
	if (s->len)
		str_add(s, ",");
	add_item(s, key);
	str_add(s, "=");
	if (json_is_string(v))
		add_item(s, json_string_value(v));
	else if (json_is_boolean(v))
		str_add(s, "%s", json_is_true(v) ? "on" : "off");
	else if (json_is_integer(v))
		str_add(s, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		return err_set(errp, EINVAL, "'%s' wants a string, a number, true or false, not %s",
			       key, json_kind(v));
	return 0;
}

/* A list is the key as often, where a key may be said more than once. */
static int add_value(const struct path_option *p, struct str *s, const char *key, const json_t *v,
		     struct error **errp)
{
	const struct opt *o = find_key(p, key);
	int r = 0;

	if (!json_is_array(v) || !o || !o->type->repeats)
		return add_scalar(s, key, v, errp);
	for (size_t i = 0; i < json_array_size(v) && !r; i++)
		r = add_scalar(s, key, json_array_get(v, i), errp);
	return r;
}

char *path_option_text(const struct path_option *p, const json_t *obj, struct error **errp)
{
	_cleanup_(str_free) struct str s = { 0 };
	const json_t *first = p->first ? json_object_get(obj, p->first->name) : NULL;
	const char *key;
	json_t *v;
	char *text;

	if (p->first && !json_is_string(first)) {
		err_set(errp, EINVAL, "\"%s\" is missing: the %s of the %s, a string",
			p->first->name, first_is(p), p->file);
		return NULL;
	}
	if (first)
		add_item(&s, json_string_value(first));
	/* jansson's iterators take no const; nothing is changed. */
	json_object_foreach((json_t *)(uintptr_t)obj, key, v)
	{
		if (v != first && add_value(p, &s, key, v, errp) < 0)
			return NULL;
	}
	text = str_take(&s);
	if (!text)
		err_errno(errp, ENOMEM, "cannot read %s", p->thing);
	return text;
}

json_t *path_option_object(const struct path_option *p, const void *base)
{
	json_t *obj = json_object();
	int bad = 0;

	if (p->first)
		bad = json_object_set_new(
			obj, p->first->name,
			p->first->type->get(opt_cfield(p->first, base), p->first));
	for (unsigned i = 0; i < p->key_cnt; i++) {
		const struct opt *o = &p->key[i];
		_cleanup_(json_freep) json_t *plain = o->type->get(opt_cfield(o, p->plain), o);
		json_t *v = o->type->get(opt_cfield(o, base), o);

		if (v && !json_equal(v, plain))
			bad |= json_object_set_new(obj, o->name, v);
		else
			json_decref(v);
	}
	if (!bad)
		return obj;
	json_decref(obj);
	return NULL;
}

json_t *path_option_list(const struct path_option *p, const void *v, unsigned cnt)
{
	json_t *a = cnt ? json_array() : NULL;

	for (unsigned i = 0; a && i < cnt; i++) {
		if (json_array_append_new(a,
					  path_option_object(p, (const char *)v + i * p->size))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}
