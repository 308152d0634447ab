/* SPDX-License-Identifier: MIT */
/* virtio_option.c: --port NAME=WHERE, --pmem PATH[,KEY]..., --rng WHEN. */
#include "cli/virtio_option.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/stream_option.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"
#include "vmm/str.h"

const struct opt_word rng_words[] = {
	{ "auto", RNG_AUTO, "when there is another virtio device" },
	{ "on", RNG_ON, "always" },
	{ "off", RNG_OFF, "never" },
	{ 0 },
};

_Static_assert(sizeof(enum rng_presence) == sizeof(int), "opt_enum stores an int");

/* An array of what @text says of each of @cnt elements. */
static json_t *json_list(const void *v, unsigned cnt, size_t size, char *(*text)(const void *))
{
	json_t *a = cnt ? json_array() : NULL;

	for (unsigned i = 0; a && i < cnt; i++) {
		_cleanup_free_ char *s = text((const char *)v + i * size);

		if (!s || json_array_append_new(a, json_string(s))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

/* --- --port ----------------------------------------------------------------------------------- */

/* What Linux makes a link's name of (/dev/virtio-ports/NAME); virtio itself has no rule. */
#define MAX_NAME 63

static void port_free(struct port_config *p)
{
	free(p->name);
	free(p->where);
}

void port_list_free(struct port_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		port_free(&l->v[i]);
	free(l->v);
	*l = (struct port_list){ 0 };
}

static int check_name(const struct port_list *l, const char *name, struct error **errp)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			len = 0;
	}
	if (!len || len > MAX_NAME || *name == '.')
		return err_set(errp, EINVAL,
			       "'%s' is no name of a port: 1 to %d letters, digits, -, _ and .",
			       name, MAX_NAME);
	for (unsigned i = 0; i < l->cnt; i++) {
		if (!strcmp(l->v[i].name, name))
			return err_set(errp, EEXIST, "there is a port '%s' already", name);
	}
	return 0;
}

static int check_where(const char *where, struct error **errp)
{
	if (!strcmp(where, "none"))
		return err_set(errp, EINVAL, "'none': a port that is not there need not be named");
	return stream_check(where, errp);
}

static int set_port(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct port_list *l = field;
	const char *eq = strchr(text, '=');
	struct port_config p = { 0 }, *v;
	int r = 0;

	(void)o;
	if (!eq)
		return err_set(errp, EINVAL, "'%s' does not say where it leads: NAME=WHERE", text);
	if (l->cnt == CONFIG_PORTS)
		return err_set(errp, E2BIG, "'%s' is one too many: there are %d ports at most",
			       text, CONFIG_PORTS);
	p.name = strndup(text, (size_t)(eq - text));
	p.where = strdup(eq + 1);
	if (p.name && p.where)
		r = check_name(l, p.name, errp);
	if (p.name && p.where && !r)
		r = check_where(p.where, errp);
	v = p.name && p.where && !r ? reallocarray(l->v, l->cnt + 1, sizeof(*v)) : NULL;
	if (v) {
		l->v = v;
		v[l->cnt++] = p;
		return 0;
	}
	port_free(&p);
	return r ? r : err_errno(errp, ENOMEM, "cannot store '%s'", text);
}

static char *port_text(const void *p)
{
	const struct port_config *port = p;
	struct str s = { 0 };

	str_add(&s, "%s=%s", port->name, port->where);
	return str_take(&s);
}

static json_t *get_ports(const void *field, const struct opt *o)
{
	const struct port_list *l = field;

	(void)o;
	return json_list(l->v, l->cnt, sizeof(*l->v), port_text);
}

static bool has_ports(const void *field)
{
	return ((const struct port_list *)field)->cnt;
}

static void clear_ports(void *field, const struct opt *o)
{
	(void)o;
	port_list_free(field);
}

const struct opt_type opt_ports = {
	.wants = "an array of strings such as [\"agent=unix:/tmp/agent\"], or a string",
	.json = OPT_STRING,
	.repeats = true,
	.is_list = true,
	.set = set_port,
	.get = get_ports,
	.is_set = has_ports,
	.clear = clear_ports,
};

/* --- --pmem ----------------------------------------------------------------------------------- */

const struct opt_word pmem_words[] = {
	{ ",ro", 0, "the guest cannot write" },
	{ ",private", 0, "what it writes is its own, and gone at the end" },
	{ ",size=SIZE", 0, "how much of it; a file that is shorter grows, or reads as zero" },
	{ 0 },
};

/* Offsets count from struct pmem_config. */
static const struct opt pmem_keys[] = {
	{ .name = "ro", .type = &opt_switch, .off = offsetof(struct pmem_config, readonly) },
	{ .name = "private", .type = &opt_switch, .off = offsetof(struct pmem_config, private) },
	{ .name = "size",
	  .type = &opt_size,
	  .off = offsetof(struct pmem_config, size),
	  .range = { 2 * MIB, 1024 * 1024 * GIB, 2 * MIB } },
};

void pmem_list_free(struct pmem_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		free(l->v[i].path);
	free(l->v);
	*l = (struct pmem_list){ 0 };
}

static int set_pmem_key(struct pmem_config *c, const char *key, const char *value,
			struct error **errp)
{
	for (unsigned i = 0; i < ARRAY_LEN(pmem_keys); i++) {
		const struct opt *o = &pmem_keys[i];
		int r;

		if (strcmp(o->name, key))
			continue;
		if (!value && !o->type->is_switch)
			return err_set(errp, EINVAL, "'%s' wants a value: %s=...", key, key);
		r = o->type->set((char *)c + o->off, o, value ? value : "on", errp);
		return r < 0 ? err_wrap(errp, "%s", key) : 0;
	}
	err_set(errp, EINVAL, "'%s' is unknown: use ro, private or size=SIZE", key);
	err_hint(errp, "a comma in a file's name is written twice");
	return -EINVAL;
}

static int parse_pmem(const char *text, struct pmem_config *c, struct error **errp)
{
	const char *rest = text;
	int r = 0;

	c->path = parse_item(&rest);
	if (c->path && !*c->path)
		return err_set(errp, EINVAL, "the name of the file is missing: PATH[,KEY]...");
	while (c->path && !r && rest) {
		_cleanup_free_ char *key = parse_item(&rest);
		char *value = key ? strchr(key, '=') : NULL;

		if (!key)
			return err_errno(errp, ENOMEM, "cannot store '%s'", text);
		if (value)
			*value++ = '\0';
		r = set_pmem_key(c, key, value, errp);
	}
	if (c->readonly && c->private)
		return err_set(errp, EINVAL,
			       "'ro' and 'private' exclude each other: what cannot be written "
			       "needs no pages of its own");
	return c->path ? r : err_errno(errp, ENOMEM, "cannot store '%s'", text);
}

static int set_pmem(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct pmem_list *l = field;
	struct pmem_config c = { 0 }, *v;
	int r;

	(void)o;
	if (l->cnt == CONFIG_PMEMS)
		return err_set(errp, E2BIG, "'%s' is one too many: there are %d at most", text,
			       CONFIG_PMEMS);
	r = parse_pmem(text, &c, errp);
	v = r < 0 ? NULL : reallocarray(l->v, l->cnt + 1, sizeof(*v));
	if (v) {
		l->v = v;
		v[l->cnt++] = c;
		return 0;
	}
	free(c.path);
	return r < 0 ? r : err_errno(errp, ENOMEM, "cannot store '%s'", text);
}

static char *pmem_text(const void *p)
{
	const struct pmem_config *c = p;
	struct str s = { 0 };

	for (const char *k = c->path; *k; k++)
		str_add_bytes(&s, *k == ',' ? ",," : k, *k == ',' ? 2 : 1);
	if (c->readonly)
		str_add(&s, ",ro");
	if (c->private)
		str_add(&s, ",private");
	if (c->size)
		str_add(&s, ",size=%" PRIu64 "M", c->size / MIB);
	return str_take(&s);
}

static json_t *get_pmems(const void *field, const struct opt *o)
{
	const struct pmem_list *l = field;

	(void)o;
	return json_list(l->v, l->cnt, sizeof(*l->v), pmem_text);
}

static bool has_pmems(const void *field)
{
	return ((const struct pmem_list *)field)->cnt;
}

static void clear_pmems(void *field, const struct opt *o)
{
	(void)o;
	pmem_list_free(field);
}

const struct opt_type opt_pmems = {
	.wants = "an array of strings such as [\"root.img,ro\"], or a string",
	.json = OPT_STRING,
	.completes = OPT_FILES,
	.repeats = true,
	.is_list = true,
	.set = set_pmem,
	.get = get_pmems,
	.is_set = has_pmems,
	.clear = clear_pmems,
};
