/* SPDX-License-Identifier: MIT */
/* file.c: the configuration as JSON: reading it strictly, writing it so that it reads back. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/options.h"
#include "vmm/parse.h"
#include "vmm/str.h"

/* "memory.size" and deeper; what a file's keys add up to beyond this is no option's path. */
#define PATH_MAX_LEN 128

static const struct opt *find_path(const struct opt_set *set, const char *path)
{
	for (unsigned i = 0; i < set->cnt; i++) {
		if (set->opt[i].path && !strcmp(set->opt[i].path, path))
			return &set->opt[i];
	}
	return NULL;
}

/* Whether options live below @path ("memory"). */
static bool is_object_path(const struct opt_set *set, const char *path)
{
	size_t len = strlen(path);

	for (unsigned i = 0; i < set->cnt; i++) {
		const char *p = set->opt[i].path;

		if (p && !strncmp(p, path, len) && p[len] == '.')
			return true;
	}
	return false;
}

#define MAX_KEYS 256

/*
 * The existing key most like @path: of the same depth and parent, else any whose last part is like
 * the last part of @path ("kernel" at the top is "boot.kernel").
 */
static bool nearest_path(const struct opt_set *set, const char *path, char *buf, size_t len)
{
	const char *dot = strrchr(path, '.'), *leaf = dot ? dot + 1 : path, *names[MAX_KEYS], *near;
	size_t parent = (size_t)(leaf - path);
	_cleanup_(str_free) struct str siblings = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < set->cnt; i++) {
		const char *p = set->opt[i].path;

		if (p && !strncmp(p, path, parent))
			str_add(&siblings, "%.*s%c", (int)strcspn(p + parent, "."), p + parent,
				'\0');
	}
	for (size_t at = 0; at < siblings.len && n < MAX_KEYS; at += strlen(siblings.s + at) + 1)
		names[n++] = siblings.s + at;
	near = nearest(leaf, names, n);
	if (near) {
		snprintf(buf, len, "%.*s%s", (int)parent, path, near);
		return true;
	}
	n = 0;
	for (unsigned i = 0; i < set->cnt && n < MAX_KEYS; i++) {
		const char *p = set->opt[i].path, *last = p ? strrchr(p, '.') : NULL;

		if (last)
			names[n++] = last + 1;
	}
	near = nearest(leaf, names, n);
	for (unsigned i = 0; near && i < set->cnt; i++) {
		const char *p = set->opt[i].path;

		/* @near points into the row it came from. */
		if (p && near > p && near < p + strlen(p)) {
			snprintf(buf, len, "%s", p);
			return true;
		}
	}
	return false;
}

static int unknown_key(const struct opt_set *set, const char *path, struct error **errp)
{
	char near[PATH_MAX_LEN];

	if (nearest_path(set, path, near, sizeof(near)))
		return err_set(errp, EINVAL, "unknown key '%s'; did you mean '%s'?", path, near);
	return err_set(errp, EINVAL, "unknown key '%s'", path);
}

/* --- reading ---------------------------------------------------------------------------------- */

static unsigned kind_bit(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return OPT_STRING;
	case JSON_INTEGER:
		return OPT_INTEGER;
	case JSON_REAL:
		return OPT_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return OPT_BOOL;
	case JSON_OBJECT:
		return OPT_OBJECT;
	default:
		return 0;
	}
}

static int wrong_kind(const struct opt *o, const json_t *v, struct error **errp)
{
	return err_set(errp, EINVAL, "%s: wants %s, not %s", o->path, o->type->wants, json_kind(v));
}

/* Stores a scalar by way of its text. */
static int store(const struct opt *o, const json_t *v, void *base, struct error **errp)
{
	_cleanup_free_ char *object = NULL;
	char number[48];
	const char *text = number;
	int ret;

	if (!(kind_bit(v) & o->type->json))
		return wrong_kind(o, v, errp);
	if (json_is_object(v)) {
		object = o->type->object_text(v, errp);
		if (!object)
			return err_wrap(errp, "%s", o->path);
		text = object;
	} else if (json_is_string(v))
		text = json_string_value(v);
	else if (json_is_boolean(v))
		text = json_is_true(v) ? "on" : "off";
	else if (json_is_integer(v))
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_real_value(v) < 0 || json_real_value(v) > 1e18)
		return err_set(errp, ERANGE, "%s: %g is out of range", o->path, json_real_value(v));
	else
		snprintf(number, sizeof(number), "%.9f", json_real_value(v));
	ret = o->type->set(opt_field(o, base), o, text, errp);
	if (ret < 0)
		err_wrap(errp, "%s", o->path);
	return ret;
}

static int store_row(const struct opt *o, json_t *v, void *base, struct error **errp)
{
	json_t *item;
	size_t i;
	int ret;

	if (o->type->clear)
		o->type->clear(opt_field(o, base), o);
	if (!o->type->is_list || !json_is_array(v))
		return store(o, v, base, errp);
	json_array_foreach(v, i, item)
	{
		if (json_is_array(item))
			return wrong_kind(o, item, errp);
		ret = store(o, item, base, errp);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The objects of a configuration nest as deep as the paths have dots; the walk is as deep. */
static int store_object(const struct opt_set *set, const char *prefix, json_t *obj, void *base,
			struct error **errp)
{
	const char *key;
	json_t *v;

	json_object_foreach(obj, key, v)
	{
		char path[PATH_MAX_LEN], safe[PATH_MAX_LEN];
		const struct opt *o;
		int ret;

		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "",
			 str_escape(key, strlen(key), safe, sizeof(safe)));
		/* A dot inside a key is not a path: {"memory.size": ...} is one unknown name. */
		if (strchr(key, '.'))
			return err_set(errp, EINVAL,
				       "unknown key '%s': keys have no dots, they nest: "
				       "{ \"memory\": { \"size\": ... } }",
				       path);
		o = find_path(set, path);
		if (o) {
			ret = store_row(o, v, base, errp);
		} else if (!is_object_path(set, path)) {
			ret = unknown_key(set, path, errp);
		} else if (!json_is_object(v)) {
			ret = err_set(errp, EINVAL, "%s: wants an object, not %s", path,
				      json_kind(v));
		} else {
			ret = store_object(set, path, v, base, errp);
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int store_root(const struct opt_set *set, const char *what, json_t *root, void *base,
		      struct error **errp)
{
	int ret;

	if (!json_is_object(root))
		return err_set(errp, EINVAL, "'%s' holds %s; a configuration is an object", what,
			       json_kind(root));
	ret = store_object(set, "", root, base, errp);
	if (ret < 0)
		err_wrap(errp, "'%s'", what);
	return ret;
}

int opt_read_file(const struct opt_set *set, const char *path, void *base, struct error **errp)
{
	_cleanup_(json_freep) json_t *root = NULL;
	int ret = json_read(path, &root, errp);

	return ret < 0 ? ret : store_root(set, path, root, base, errp);
}

int opt_read_json(const struct opt_set *set, const char *text, const char *what, void *base,
		  struct error **errp)
{
	_cleanup_(json_freep) json_t *root = NULL;
	int ret = json_parse(text, strlen(text), what, &root, errp);

	return ret < 0 ? ret : store_root(set, what, root, base, errp);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Puts @v (stolen) at "a.b" below @root. */
static int put_path(json_t *root, const char *path, json_t *v)
{
	const char *dot;

	for (dot = strchr(path, '.'); dot; dot = strchr(path, '.')) {
		size_t len = (size_t)(dot - path);
		json_t *sub = json_object_getn(root, path, len);

		if (!sub) {
			sub = json_object();
			if (json_object_setn_new(root, path, len, sub)) {
				json_decref(v);
				return -ENOMEM;
			}
		}
		root = sub;
		path = dot + 1;
	}
	return json_object_set_new(root, path, v) ? -ENOMEM : 0;
}

/* A text that is no UTF-8 has no JSON form; get() says NULL for it as for an unset one. */
static bool is_unset(const struct opt *o, const void *base)
{
	if (o->type->is_set)
		return !o->type->is_set(opt_cfield(o, base));
	if (o->type->json != OPT_STRING || o->type == &opt_enum)
		return true;
	if (o->type->is_list)
		return !((const struct str_list *)opt_cfield(o, base))->cnt;
	return !*(char *const *)opt_cfield(o, base);
}

int opt_dump_json(const struct opt_set *set, const void *base, char **ret, struct error **errp)
{
	_cleanup_(json_freep) json_t *root = json_object();
	char *text;

	for (unsigned i = 0; root && i < set->cnt; i++) {
		const struct opt *o = &set->opt[i];
		json_t *v;

		if (!o->path)
			continue;
		v = o->type->get(opt_cfield(o, base), o);
		if (!v && !is_unset(o, base))
			return err_set(errp, EILSEQ,
				       "%s: the value is not UTF-8, which JSON cannot hold",
				       o->path);
		if (v && put_path(root, o->path, v) < 0)
			return err_errno(errp, ENOMEM, "cannot write the configuration");
	}
	text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	if (!text)
		return err_errno(errp, ENOMEM, "cannot write the configuration");
	*ret = text;
	return 0;
}

char *opt_default(const struct opt *o, const void *base)
{
	_cleanup_(json_freep) json_t *v = NULL;

	if (o->fallback)
		return strdup(o->fallback);
	if (!base || !o->path || o->type->is_switch || o->type->is_list)
		return NULL;
	v = o->type->get(opt_cfield(o, base), o);
	if (json_is_string(v))
		return strdup(json_string_value(v));
	return v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
}
