/* SPDX-License-Identifier: MIT */
/* virtio_option.c: --port NAME=WHERE, --pmem PATH[,KEY]..., --rng WHEN, --vsock KEY=VALUE,... */
#include "cli/virtio_option.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cli/path_option.h"
#include "cli/stream_option.h"
#include "vmm/error.h"
#include "vmm/json.h"

const struct opt_word rng_words[] = {
	{ "auto", RNG_AUTO, "when there is another virtio device" },
	{ "on", RNG_ON, "always" },
	{ "off", RNG_OFF, "never" },
	{ 0 },
};

_Static_assert(sizeof(enum rng_presence) == sizeof(int), "opt_enum stores an int");

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

static json_t *get_ports(const void *field, const struct opt *o)
{
	const struct port_list *l = field;
	json_t *a = l->cnt ? json_array() : NULL;

	(void)o;
	for (unsigned i = 0; a && i < l->cnt; i++) {
		const struct port_config *p = &l->v[i];

		if (json_array_append_new(a, json_sprintf("%s=%s", p->name, p->where))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
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

static const struct pmem_config plain_pmem = { 0 };
static const struct opt pmem_path = {
	.name = "path",
	.arg = "PATH",
	.type = &opt_file,
	.off = offsetof(struct pmem_config, path),
};
static const struct path_option pmem_option = {
	.thing = "persistent memory",
	.file = "file",
	.key = pmem_keys,
	.key_cnt = ARRAY_LEN(pmem_keys),
	.first = &pmem_path,
	.plain = &plain_pmem,
	.size = sizeof(plain_pmem),
};

void pmem_list_free(struct pmem_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		free(l->v[i].path);
	free(l->v);
	*l = (struct pmem_list){ 0 };
}

static int check_pmem(const struct pmem_config *c, struct error **errp)
{
	if (c->readonly && c->private)
		return err_set(errp, EINVAL,
			       "'ro' and 'private' exclude each other: what cannot be written "
			       "needs no pages of its own");
	return 0;
}

static int set_pmem(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct pmem_list *l = field;
	struct pmem_config c = plain_pmem, *v;
	int r;

	(void)o;
	if (l->cnt == CONFIG_PMEMS)
		return err_set(errp, E2BIG, "'%s' is one too many: there are %d at most", text,
			       CONFIG_PMEMS);
	r = path_option_parse(&pmem_option, text, &c, errp);
	if (!r)
		r = check_pmem(&c, errp);
	v = r < 0 ? NULL : reallocarray(l->v, l->cnt + 1, sizeof(*v));
	if (v) {
		l->v = v;
		v[l->cnt++] = c;
		return 0;
	}
	free(c.path);
	return r < 0 ? r : err_errno(errp, ENOMEM, "cannot store '%s'", text);
}

static char *pmem_text(const json_t *obj, struct error **errp)
{
	return path_option_text(&pmem_option, obj, errp);
}

static json_t *get_pmems(const void *field, const struct opt *o)
{
	const struct pmem_list *l = field;

	(void)o;
	return path_option_list(&pmem_option, l->v, l->cnt);
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
	.wants = "an array of strings and objects, or one of them",
	.json = OPT_STRING | OPT_OBJECT,
	.completes = OPT_FILES,
	.repeats = true,
	.is_list = true,
	.set = set_pmem,
	.object_text = pmem_text,
	.get = get_pmems,
	.is_set = has_pmems,
	.clear = clear_pmems,
};

/* --- --vsock ---------------------------------------------------------------------------------- */

const struct opt_word vsock_words[] = {
	{ "cid=N,path=PATH", 0,
	  "the guest's address, from 3 on (the host's is 2), and a unix socket to be made" },
	{ "cid=N,vhost", 0,
	  "the same address, and the host's kernel moves the data: its programs use AF_VSOCK" },
	{ 0 },
};

/* Offsets count from struct vsock_config. */
static const struct opt vsock_keys[] = {
	{ .name = "cid",
	  .type = &opt_number,
	  .off = offsetof(struct vsock_config, cid),
	  .range = { VSOCK_CID_MIN, VSOCK_CID_MAX, 0 } },
	{ .name = "path", .type = &opt_file, .off = offsetof(struct vsock_config, path) },
	{ .name = "vhost", .type = &opt_switch, .off = offsetof(struct vsock_config, vhost) },
};

static const struct vsock_config plain_vsock = { 0 };
static const struct path_option vsock_option = {
	.thing = "a socket device",
	.file = "socket",
	.key = vsock_keys,
	.key_cnt = ARRAY_LEN(vsock_keys),
	.plain = &plain_vsock,
	.size = sizeof(plain_vsock),
};

static int check_vsock(const struct vsock_config *c, const char *text, struct error **errp)
{
	if (c->vhost && c->path)
		err_set(errp, EINVAL,
			"'%s': with vhost there is no unix socket, so no path=", text);
	else if (!c->cid)
		err_set(errp, EINVAL, "'%s' does not say the guest's address: cid=N", text);
	else if (!c->vhost && (!c->path || !*c->path))
		err_set(errp, EINVAL, "'%s' does not say where the socket is: path=PATH", text);
	else
		return 0;
	err_hint(errp, "--vsock cid=3,path=/run/vm.sock or --vsock cid=3,vhost, for one");
	return -EINVAL;
}

/* What an earlier use has said is over. */
static int set_vsock(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct vsock_config *to = field, c = plain_vsock;
	int r = 0;

	(void)o;
	if (*text)
		r = path_option_parse(&vsock_option, text, &c, errp);
	if (!r)
		r = check_vsock(&c, text, errp);
	if (r < 0) {
		free(c.path);
		return r;
	}
	free(to->path);
	*to = c;
	return 0;
}

static char *vsock_text(const json_t *obj, struct error **errp)
{
	return path_option_text(&vsock_option, obj, errp);
}

static bool has_vsock(const void *field)
{
	return ((const struct vsock_config *)field)->cid;
}

static json_t *get_vsock(const void *field, const struct opt *o)
{
	(void)o;
	return has_vsock(field) ? path_option_object(&vsock_option, field) : NULL;
}

const struct opt_type opt_vsock = {
	.wants = "an object with cid and path, or a string such as \"cid=3,path=/run/vm.sock\"",
	.json = OPT_STRING | OPT_OBJECT,
	.set = set_vsock,
	.object_text = vsock_text,
	.get = get_vsock,
	.is_set = has_vsock,
};
