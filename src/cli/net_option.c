/* SPDX-License-Identifier: MIT */
/* net_option.c: -n KIND[,KEY[=VALUE]]...: the keys of a network card, and the rules between them.
 */
#include "cli/net_option.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cli/path_option.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"
#include "vmm/str.h"

#define MAX_NETS   16 /* as many threads, and vectors enough */
#define MAX_SWITCH 63 /* a name of a switch */

static void net_free(struct net_config *n)
{
	free(n->name);
	free(n->path);
	free(n->script);
	for (unsigned i = 0; i < n->fwd_cnt; i++)
		free(n->fwd[i]);
	free(n->fwd);
	free(n->iothread);
}

void net_list_free(struct net_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		net_free(&l->v[i]);
	free(l->v);
	*l = (struct net_list){ 0 };
}

/* --- kinds of values that only cards have ----------------------------------------------------- */

static bool parse_mac(const char *text, uint8_t mac[6])
{
	static const char form[] = "xx:xx:xx:xx:xx:xx";
	unsigned i;

	for (i = 0; form[i]; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != ':')
			return false;
	for (unsigned b = 0; b < 6; b++)
		mac[b] = (uint8_t)strtoul(text + 3 * b, NULL, 16);
	return !text[i];
}

/* @field is net_config.mac. */
static int set_mac(void *field, const struct opt *o, const char *text, struct error **errp)
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	(void)o;
	if (!parse_mac(text, mac))
		return err_set(errp, EINVAL, "'%s' is no address such as 52:54:00:12:34:56", text);
	if ((mac[0] & 1) || !memcmp(mac, zero, sizeof(mac)))
		return err_set(errp, EINVAL, "'%s' is no address of a card: %s", text,
			       mac[0] & 1 ? "its first byte is odd, so it is a group's"
					  : "it is all zeros");
	memcpy(field, mac, sizeof(mac));
	container_of(field, struct net_config, mac)->has_mac = true;
	return 0;
}

static json_t *get_mac(const void *field, const struct opt *o)
{
	const struct net_config *n = (const void *)((const char *)field - o->off);
	const uint8_t *m = n->mac;

	if (!n->has_mac)
		return NULL;
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static const struct opt_type opt_mac = { .set = set_mac, .get = get_mac };

/* One more forwarding; @field is net_config.fwd. The backend reads it, this sees to the form. */
static int set_fwd(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct net_config *n = container_of(field, struct net_config, fwd);
	char **v, *s;

	(void)o;
	if ((strncmp(text, "tcp:", 4) && strncmp(text, "udp:", 4)) || !text[4]) {
		err_set(errp, EINVAL,
			"'%s' does not say what to forward: "
			"PROTO:[ADDRESS:]PORT[:GUEST-PORT], PROTO being tcp or udp",
			text);
		err_hint(errp, "tcp:2222:22 leads from port 2222 of the host to port 22 of the "
			       "guest");
		return -EINVAL;
	}
	v = reallocarray(n->fwd, n->fwd_cnt + 1, sizeof(*v));
	s = strdup(text);
	if (v)
		n->fwd = v;
	if (!v || !s) {
		free(s);
		return err_errno(errp, ENOMEM, "cannot store '%s'", text);
	}
	v[n->fwd_cnt++] = s;
	return 0;
}

static json_t *get_fwd(const void *field, const struct opt *o)
{
	const struct net_config *n = (const void *)((const char *)field - o->off);
	json_t *a = n->fwd_cnt ? json_array() : NULL;

	for (unsigned i = 0; a && i < n->fwd_cnt; i++) {
		if (json_array_append_new(a, json_string(n->fwd[i]))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static const struct opt_type opt_fwd = { .repeats = true, .set = set_fwd, .get = get_fwd };

/* --- the keys --------------------------------------------------------------------------------- */

static const struct opt_word kind_words[] = {
	{ "tap", NET_TAP, NULL },
	{ "user", NET_USER, NULL },
	{ "switch", NET_SWITCH, NULL },
	{ "socket", NET_SOCKET, NULL },
	{ 0 },
};

_Static_assert(sizeof(enum net_kind) == sizeof(int), "opt_enum stores an int");

#define AT(member) .off = offsetof(struct net_config, member)
#define PACKETS    UINT32_MAX

/* Offsets count from struct net_config. */
static const struct opt net_keys[] = {
	{ .name = "name", .type = &opt_text, AT(name) },
	{ .name = "path", .type = &opt_file, AT(path) },
	{ .name = "script", .type = &opt_file, AT(script) },
	{ .name = "fwd", .type = &opt_fwd, AT(fwd) },
	{ .name = "listen", .type = &opt_switch, AT(listen) },
	{ .name = "vhost", .type = &opt_switch, AT(vhost) },
	{ .name = "queues", .type = &opt_number, AT(queues), .range = { 1, NET_QUEUES_MAX, 0 } },
	{ .name = "mac", .type = &opt_mac, AT(mac) },
	{ .name = "mtu", .type = &opt_number, AT(mtu), .range = { 68, 65535, 0 } },
	{ .name = "link", .type = &opt_inverted, AT(link_down) },
	{ .name = "bw", .type = &opt_size, AT(bw), .range = { 4 * KIB, 1024 * GIB, 0 } },
	{ .name = "pps", .type = &opt_count, AT(pps), .range = { 1, PACKETS, 0 } },
	{ .name = "iothread", .type = &opt_thread, AT(iothread) },
};

/* Whose the keys are that not all kinds have, and who cannot do without: a bit for each kind. */
static const struct {
	const char *key;
	unsigned kinds, needed;
} key_rules[] = {
	{ "name", 1u << NET_TAP | 1u << NET_SWITCH, 1u << NET_SWITCH },
	{ "path", 1u << NET_USER | 1u << NET_SOCKET, 1u << NET_SOCKET },
	{ "script", 1u << NET_TAP, 0 },
	{ "fwd", 1u << NET_USER, 0 },
	{ "listen", 1u << NET_SOCKET, 0 },
	{ "vhost", 1u << NET_TAP, 0 },
	{ "queues", 1u << NET_TAP, 0 },
};

/* What --help and the manual say of them. */
const struct opt_word net_words[] = {
	{ "tap", 0, "a TAP interface of the host, of the name ,name= or a new one" },
	{ "user", 0, "the host's own network through passt, without privileges" },
	{ "switch", 0, "the VMs of this host that name the same switch" },
	{ "socket", 0, "frames over a unix socket, as QEMU's -netdev stream does" },
	{ ",name=NAME", 0, "tap: the interface; switch: which one" },
	{ ",path=PATH", 0, "socket: where it is; user: of a passt that runs already" },
	{ ",listen", 0, "socket: make it, and wait for the other end" },
	{ ",script=PATH", 0, "tap: run with the interface's name when it is there" },
	{ ",fwd=PROTO:PORT[:PORT]", 0,
	  "user: lead a port of the host, tcp or udp, to one of the guest; may be repeated" },
	{ ",vhost", 0, "tap: let the host's kernel move the packets" },
	{ ",queues=N", 0, "tap: pairs of queues, at most 16 (default 1)" },
	{ ",mac=ADDRESS", 0,
	  "the card's address (default: made of the VM's --name and the card's number; without a "
	  "name a new one in each run)" },
	{ ",mtu=N", 0, "tell the guest this MTU, 68 to 65535" },
	{ ",link=on|off", 0, "whether the cable is plugged in at first (default on)" },
	{ ",bw=SIZE", 0, "at most SIZE bytes a second, each way" },
	{ ",pps=N", 0, "at most N packets a second, each way" },
	{ ",iothread=NAME", 0, "cards with the same NAME share a thread; else each has its own" },
	{ 0 },
};

static const struct opt kind_row = {
	.name = "kind",
	.arg = "KIND",
	.type = &opt_enum,
	AT(kind),
	.words = kind_words,
};

static const struct net_config plain_net = { 0 };
static const struct path_option net_option = {
	.thing = "a network card",
	.file = "network",
	.key = net_keys,
	.key_cnt = ARRAY_LEN(net_keys),
	.first = &kind_row,
	.plain = &plain_net,
	.size = sizeof(plain_net),
};

const char *net_kind_name(enum net_kind kind)
{
	for (const struct opt_word *w = kind_words; w->word; w++)
		if (w->value == (int)kind)
			return w->word;
	return "none";
}

/* --- the list --------------------------------------------------------------------------------- */

static bool is_said(const struct net_config *n, const char *key)
{
	for (unsigned i = 0; i < ARRAY_LEN(net_keys); i++) {
		const struct opt *o = &net_keys[i];
		_cleanup_(json_freep) json_t *plain = NULL, *v = NULL;

		if (strcmp(o->name, key) != 0)
			continue;
		plain = o->type->get(opt_cfield(o, &plain_net), o);
		v = o->type->get(opt_cfield(o, n), o);
		return v && !json_equal(v, plain);
	}
	return false;
}

/* "tap or switch" */
static void add_kinds(struct str *s, unsigned kinds)
{
	for (const struct opt_word *w = kind_words; w->word; w++)
		if (kinds & 1u << w->value)
			str_add(s, "%s%s", s->len ? " or " : "", w->word);
}

/* A name of an interface is the kernel's to judge, but for its length and what it never takes. */
static int check_name(const struct net_config *n, struct error **errp)
{
	size_t max = n->kind == NET_TAP ? IFNAMSIZ - 1 : MAX_SWITCH;

	if (!n->name)
		return 0;
	for (const char *p = n->name; *p; p++)
		if (!isgraph((unsigned char)*p) || *p == '/')
			return err_set(errp, EINVAL,
				       "name: '%s' has a blank, a slash or a character that is not "
				       "ASCII",
				       n->name);
	if (!*n->name || strlen(n->name) > max || *n->name == '.')
		return err_set(errp, EINVAL,
			       "name: '%s' is no name of %s: 1 to %zu characters, not a dot first",
			       n->name, n->kind == NET_TAP ? "an interface" : "a switch", max);
	return 0;
}

/* Rules between the keys of one card. */
static int check_net(const struct net_config *n, struct error **errp)
{
	for (unsigned i = 0; i < ARRAY_LEN(key_rules); i++) {
		bool said = is_said(n, key_rules[i].key);
		_cleanup_(str_free) struct str s = { 0 };

		if (said && !(key_rules[i].kinds & 1u << n->kind)) {
			add_kinds(&s, key_rules[i].kinds);
			return err_set(errp, EINVAL, "'%s' is for %s, and this is %s",
				       key_rules[i].key, s.s ? s.s : "", net_kind_name(n->kind));
		}
		if (!said && (key_rules[i].needed & 1u << n->kind))
			return err_set(errp, EINVAL, "%s wants '%s': %s,%s=...",
				       net_kind_name(n->kind), key_rules[i].key,
				       net_kind_name(n->kind), key_rules[i].key);
	}
	if (n->vhost && (n->bw || n->pps))
		return err_set(errp, EINVAL,
			       "'vhost' excludes 'bw' and 'pps': the kernel moves the packets, and "
			       "nobody counts them");
	return check_name(n, errp);
}

static int set_net(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct net_list *l = field;
	struct net_config n = plain_net, *v;
	int r;

	(void)o;
	if (l->cnt == MAX_NETS)
		return err_set(errp, E2BIG, "'%s' is one too many: there are %d at most", text,
			       MAX_NETS);
	r = path_option_parse(&net_option, text, &n, errp);
	if (!r)
		r = check_net(&n, errp);
	v = r < 0 ? NULL : reallocarray(l->v, l->cnt + 1, sizeof(*v));
	if (v) {
		l->v = v;
		v[l->cnt++] = n;
		return 0;
	}
	net_free(&n);
	return r < 0 ? r : err_errno(errp, ENOMEM, "cannot store '%s'", text);
}

static char *net_text(const json_t *obj, struct error **errp)
{
	return path_option_text(&net_option, obj, errp);
}

static json_t *get_nets(const void *field, const struct opt *o)
{
	const struct net_list *l = field;

	(void)o;
	return path_option_list(&net_option, l->v, l->cnt);
}

static bool has_nets(const void *field)
{
	return ((const struct net_list *)field)->cnt;
}

static void clear_nets(void *field, const struct opt *o)
{
	(void)o;
	net_list_free(field);
}

const struct opt_type opt_nets = {
	.wants = "an array of strings and objects, or one of them",
	.json = OPT_STRING | OPT_OBJECT,
	.repeats = true,
	.is_list = true,
	.set = set_net,
	.object_text = net_text,
	.get = get_nets,
	.is_set = has_nets,
	.clear = clear_nets,
};
