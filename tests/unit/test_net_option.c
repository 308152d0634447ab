/* SPDX-License-Identifier: MIT */
/* test_net_option.c: -n KIND[,KEY[=VALUE]]... and its JSON form. */
#include "cli/net_option.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"

static const struct opt *row(void)
{
	for (unsigned i = 0; i < run_option_cnt; i++) {
		if (run_options[i].letter == 'n')
			return &run_options[i];
	}
	fail_msg("no row has the letter n");
	return NULL;
}

/* The one card of @text. The caller frees *l. */
static struct net_config *accept(const char *text, struct net_list *l)
{
	struct error *e = NULL;

	*l = (struct net_list){ 0 };
	if (opt_nets.set(l, row(), text, &e) < 0)
		fail_msg("'%s': %s", text, error_msg(e));
	assert_int_equal(l->cnt, 1);
	return l->v;
}

static void refuse(const char *text, const char *msg)
{
	struct net_list l = { 0 };
	struct error *e = NULL;

	assert_true(opt_nets.set(&l, row(), text, &e) < 0);
	assert_non_null(e);
	assert_string_equal(error_msg(e), msg);
	error_free(e);
	assert_int_equal(l.cnt, 0);
	assert_null(l.v);
}

static void a_bare_kind(void **state)
{
	struct net_list l;
	struct net_config *n = accept("tap", &l);

	(void)state;
	assert_int_equal(n->kind, NET_TAP);
	assert_null(n->name);
	assert_null(n->path);
	assert_null(n->script);
	assert_null(n->fwd);
	assert_null(n->iothread);
	assert_false(n->listen || n->vhost || n->has_mac || n->link_down);
	assert_true(!n->queues && !n->mtu && !n->bw && !n->pps);
	net_list_free(&l);
	assert_null(l.v);
	net_list_free(&l);
	assert_int_equal(accept("user", &l)->kind, NET_USER);
	net_list_free(&l);
	assert_int_equal(accept("switch,name=lan", &l)->kind, NET_SWITCH);
	net_list_free(&l);
	assert_int_equal(accept("socket,path=/run/s", &l)->kind, NET_SOCKET);
	net_list_free(&l);
}

#define TAP                                                                                        \
	"tap,name=tap0,script=./up,,down,queues=4,mac=52:54:00:aB:cD:eF,mtu=9000,link=off,"        \
	"bw=10M,pps=500,iothread=net-1"

static void every_key(void **state)
{
	struct net_list l;
	struct net_config *n = accept(TAP, &l);

	(void)state;
	assert_string_equal(n->name, "tap0");
	assert_string_equal(n->script, "./up,down");
	assert_int_equal(n->queues, 4);
	assert_true(n->has_mac);
	assert_memory_equal(n->mac, "\x52\x54\x00\xab\xcd\xef", 6);
	assert_int_equal(n->mtu, 9000);
	assert_true(n->link_down);
	assert_int_equal(n->bw, 10 * MIB);
	assert_int_equal(n->pps, 500);
	assert_string_equal(n->iothread, "net-1");
	net_list_free(&l);
	n = accept("tap,vhost", &l);
	assert_true(n->vhost);
	net_list_free(&l);
	n = accept("socket,path=/run/a,listen", &l);
	assert_string_equal(n->path, "/run/a");
	assert_true(n->listen);
	net_list_free(&l);
	n = accept("user,fwd=tcp:2222:22,fwd=udp:53,path=/run/passt", &l);
	assert_int_equal(n->fwd_cnt, 2);
	assert_string_equal(n->fwd[0], "tcp:2222:22");
	assert_string_equal(n->fwd[1], "udp:53");
	assert_string_equal(n->path, "/run/passt");
	net_list_free(&l);
}

static void refusals(void **state)
{
	(void)state;
	refuse("", "the kind of the network is missing: KIND[,KEY=VALUE]");
	refuse(",mtu=1400", "the kind of the network is missing: KIND[,KEY=VALUE]");
	refuse("tab", "'tab' is unknown; did you mean 'tap'? (tap, user, switch or socket)");
	refuse("tap,", "'tap,' has a comma with nothing behind it");
	refuse("tap,nmae=x", "a network card has no 'nmae'; did you mean 'name'?");
	refuse("tap,mtu=1400,mtu=1500", "'mtu' is said twice");
	refuse("tap,mac=52:54:00:12:34", "mac: '52:54:00:12:34' is no address such as "
					 "52:54:00:12:34:56");
	refuse("tap,mac=52:54:00:12:34:5g", "mac: '52:54:00:12:34:5g' is no address such as "
					    "52:54:00:12:34:56");
	refuse("tap,mac=52:54:00:12:34:56:78", "mac: '52:54:00:12:34:56:78' is no address such as "
					       "52:54:00:12:34:56");
	refuse("tap,mac=01:00:5e:00:00:01", "mac: '01:00:5e:00:00:01' is no address of a card: its "
					    "first byte is odd, so it is a group's");
	refuse("tap,mac=00:00:00:00:00:00", "mac: '00:00:00:00:00:00' is no address of a card: it "
					    "is all zeros");
	refuse("user,fwd=2222:22", "fwd: '2222:22' does not say what to forward: "
				   "PROTO:[ADDRESS:]PORT[:GUEST-PORT], PROTO being tcp or udp");
	refuse("user,fwd=tcp:", "fwd: 'tcp:' does not say what to forward: "
				"PROTO:[ADDRESS:]PORT[:GUEST-PORT], PROTO being tcp or udp");
	refuse("user,fwd", "'fwd' wants a value: fwd=...");
	refuse("tap,iothread=a b", "iothread: 'a b' is no name of a thread: 1 to 15 letters, "
				   "digits, -, _ and .");
	refuse("tap,name=0123456789abcdef", "name: '0123456789abcdef' is no name of an interface: "
					    "1 to 15 characters, not a dot first");
	refuse("tap,name=a/b", "name: 'a/b' has a blank, a slash or a character that is not ASCII");
	refuse("tap,name=", "name: '' is no name of an interface: 1 to 15 characters, not a dot "
			    "first");
	refuse("switch,name=..", "name: '..' is no name of a switch: 1 to 63 characters, not a dot "
				 "first");
}

/* Keys of one kind do not go with another, and some kinds cannot do without. */
static void keys_of_other_kinds(void **state)
{
	(void)state;
	refuse("user,name=tap0", "'name' is for tap or switch, and this is user");
	refuse("tap,fwd=tcp:1", "'fwd' is for user, and this is tap");
	refuse("tap,path=/x", "'path' is for user or socket, and this is tap");
	refuse("switch,name=a,vhost", "'vhost' is for tap, and this is switch");
	refuse("socket,path=a,script=b", "'script' is for tap, and this is socket");
	refuse("user,listen", "'listen' is for socket, and this is user");
	refuse("user,queues=2", "'queues' is for tap, and this is user");
	refuse("switch", "switch wants 'name': switch,name=...");
	refuse("socket,listen", "socket wants 'path': socket,path=...");
	refuse("tap,vhost,pps=100",
	       "'vhost' excludes 'bw' and 'pps': the kernel moves the packets, "
	       "and nobody counts them");
}

static void ranges(void **state)
{
	static const char *const good[] = { "tap,queues=1",       "tap,queues=16", "tap,mtu=68",
					    "tap,mtu=65535",      "tap,bw=4K",     "tap,pps=1",
					    "tap,pps=4294967295", "tap,link=on" };
	static const char *const bad[] = {
		"tap,queues=0", "tap,queues=17", "tap,mtu=67",         "tap,mtu=65536", "tap,bw=0",
		"tap,bw=1K",    "tap,pps=0",     "tap,pps=4294967296", "tap,link=maybe"
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		struct net_list l;

		accept(good[i], &l);
		net_list_free(&l);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct net_list l = { 0 };
		struct error *e = NULL;

		if (!opt_nets.set(&l, row(), bad[i], &e))
			fail_msg("'%s' was taken", bad[i]);
		error_free(e);
	}
}

/* Sixteen, and not one more. */
static void many(void **state)
{
	struct net_list l = { 0 };
	struct error *e = NULL;

	(void)state;
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(opt_nets.set(&l, row(), "user,fwd=tcp:1", NULL), 0);
	assert_true(opt_nets.set(&l, row(), "tap", &e) < 0);
	assert_error(e, "'tap' is one too many: there are 16 at most");
	assert_int_equal(l.cnt, 16);
	net_list_free(&l);
}

/* Each key and kind that is told of exists. */
static void words_tell_of_every_key(void **state)
{
	unsigned kinds = 0, keys = 0;

	(void)state;
	for (const struct opt_word *w = net_words; w->word; w++) {
		struct net_list l = { 0 };
		struct error *e = NULL;
		char text[80];

		snprintf(text, sizeof(text), "%s%.*s=?", *w->word == ',' ? "tap" : "",
			 (int)strcspn(w->word, "="), w->word);
		if (*w->word == ',') {
			keys++;
			assert_true(opt_nets.set(&l, row(), text, &e) < 0 || l.cnt == 1);
			if (e)
				assert_null(strstr(error_msg(e), "a network card has no"));
		} else {
			kinds++;
			snprintf(text, sizeof(text), "%s,name=a", w->word);
			if (opt_nets.set(&l, row(), text, &e) < 0)
				assert_null(strstr(error_msg(e), "unknown"));
		}
		error_free(e);
		net_list_free(&l);
	}
	assert_int_equal(kinds, 4);
	assert_int_equal(keys, 13);
	assert_ptr_equal(row()->words, net_words);
}

/* --- files ------------------------------------------------------------------------------------ */

static int read_text(const char *text, struct run_args *a, struct error **e)
{
	const struct opt_set set = { run_options, run_option_cnt };

	config_init(&a->config);
	return opt_read_json(&set, text, "test", a, e);
}

static void objects_and_lists(void **state)
{
	static const char text[] =
		"{ \"nets\": [ \"tap,name=t0\", { \"kind\": \"user\", \"fwd\": [ \"tcp:1:2\", "
		"\"udp:3\" ], \"mtu\": 1400, \"link\": false }, { \"kind\": \"user\", \"fwd\": "
		"\"tcp:9\" } ] }";
	const struct opt_set set = { run_options, run_option_cnt };
	struct run_args a = { 0 }, again = { 0 };
	struct error *e = NULL;
	char *dump = NULL;

	(void)state;
	assert_int_equal(read_text(text, &a, &e), 0);
	assert_int_equal(a.config.nets.cnt, 3);
	assert_string_equal(a.config.nets.v[0].name, "t0");
	assert_int_equal(a.config.nets.v[1].fwd_cnt, 2);
	assert_string_equal(a.config.nets.v[1].fwd[1], "udp:3");
	assert_int_equal(a.config.nets.v[1].mtu, 1400);
	assert_true(a.config.nets.v[1].link_down);
	assert_string_equal(a.config.nets.v[2].fwd[0], "tcp:9");
	/* What is dumped reads back as the same. */
	assert_int_equal(opt_dump_json(&set, &a, &dump, &e), 0);
	assert_non_null(strstr(dump, "\"kind\": \"user\""));
	assert_int_equal(read_text(dump, &again, &e), 0);
	assert_int_equal(again.config.nets.cnt, 3);
	assert_int_equal(again.config.nets.v[1].fwd_cnt, 2);
	assert_int_equal(again.config.nets.v[2].kind, NET_USER);
	free(dump);
	config_free(&a.config);
	config_free(&again.config);
}

static void bad_objects(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "{ \"nets\": { \"name\": \"t0\" } }", "\"kind\" is missing" },
		{ "{ \"nets\": { \"kind\": 1 } }", "\"kind\" is missing" },
		{ "{ \"nets\": { \"kind\": \"user\", \"fwd\": [ [] ] } }",
		  "'fwd' wants a string, a number, true or false" },
		{ "{ \"nets\": { \"kind\": \"tap\", \"mtu\": [ 1 ] } }",
		  "'mtu' wants a string, a number, true or false" },
		{ "{ \"nets\": { \"kind\": \"tap\", \"mtv\": 1 } }", "did you mean 'mtu'?" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct run_args a = { 0 };
		struct error *e = NULL;

		assert_true(read_text(cases[i].text, &a, &e) < 0);
		assert_error(e, cases[i].says);
		config_free(&a.config);
	}
}

/* --- what follows from it --------------------------------------------------------------------- */

static int check(const char *const *word, unsigned cnt, struct run_args *a, struct error **e)
{
	char *argv[8] = { 0 };
	int r;

	for (unsigned i = 0; i < cnt; i++)
		argv[i] = (char *)(uintptr_t)word[i];
	r = run_args_parse((int)cnt, argv, a, e);
	return r < 0 ? r : config_check(&a->config, e);
}

/* A card is a virtio device: there are a bus for it and an entropy device, and there must be. */
static void a_card_wants_a_bus(void **state)
{
	static const char *const plain[] = { "run", "-k", "k", "-n", "tap" };
	static const char *const off[] = { "run", "-k", "k", "-n", "tap", "--pci", "off" };
	struct run_args a;
	struct error *e = NULL;

	(void)state;
	assert_int_equal(check(plain, ARRAY_LEN(plain), &a, &e), 0);
	assert_true(config_has_virtio(&a.config) && config_has_rng(&a.config));
	run_args_free(&a);
	assert_true(check(off, ARRAY_LEN(off), &a, &e) < 0);
	assert_error(e, "a network card (-n) sits on the PCI bus, which --pci off takes away");
	run_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_kind),
		cmocka_unit_test(every_key),
		cmocka_unit_test(refusals),
		cmocka_unit_test(keys_of_other_kinds),
		cmocka_unit_test(ranges),
		cmocka_unit_test(many),
		cmocka_unit_test(words_tell_of_every_key),
		cmocka_unit_test(objects_and_lists),
		cmocka_unit_test(bad_objects),
		cmocka_unit_test(a_card_wants_a_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
