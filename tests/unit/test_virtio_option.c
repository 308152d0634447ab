/* SPDX-License-Identifier: MIT */
/* test_virtio_option.c: --console, --port, --pmem, --rng and --vsock, on the command line and in
 * files. */
#include "cli/virtio_option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/stream_option.h"
#include "tests/lib/fake.h"
#include "vmm/cli.h"

static int parse(struct run_args *a, struct error **errp, const char *const *words, unsigned cnt)
{
	char *argv[80] = { (char *)(uintptr_t) "run" };

	assert_true(cnt + 1 < ARRAY_LEN(argv));
	for (unsigned i = 0; i < cnt; i++)
		argv[1 + i] = (char *)(uintptr_t)words[i];
	return run_args_parse((int)cnt + 1, argv, a, errp);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__ })
#define accept(a, ...)                                                                             \
	do {                                                                                       \
		struct error *_e = NULL;                                                           \
		int _r = parse(a, &_e, WORDS(__VA_ARGS__), ARRAY_LEN(WORDS(__VA_ARGS__)));         \
		assert_no_error(_e);                                                               \
		assert_int_equal(_r, 0);                                                           \
	} while (0)
#define refuse(says, ...)                                                                          \
	do {                                                                                       \
		struct error *_e = NULL;                                                           \
		struct run_args _a;                                                                \
		assert_true(parse(&_a, &_e, WORDS(__VA_ARGS__), ARRAY_LEN(WORDS(__VA_ARGS__))) <   \
			    0);                                                                    \
		assert_error(_e, says);                                                            \
		run_args_free(&_a);                                                                \
	} while (0)

/* --- streams ---------------------------------------------------------------------------------- */

static void streams(void **state)
{
	static const char *const good[] = { "stdio",  "pty",         "null",  "none",
					    "file:x", "unix:/tmp/x", "file::" };
	struct error *e = NULL;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(stream_check(good[i], NULL), 0);
	assert_int_equal(stream_check("unix:", &e), -EINVAL);
	assert_error(e, "'unix:' lacks the name of the file: unix:PATH");
	e = NULL;
	assert_int_equal(stream_check("stdi", &e), -EINVAL);
	assert_error(e, "did you mean 'stdio'?");
	e = NULL;
	assert_int_equal(stream_check("", &e), -EINVAL);
	assert_error(e, "use stdio, file:PATH, pty, unix:PATH, null or none");
}

static void console(void **state)
{
	struct run_args a;

	(void)state;
	accept(&a, "-k", "k");
	assert_false(config_has_console(&a.config) || config_has_virtio_console(&a.config));
	run_args_free(&a);
	accept(&a, "-k", "k", "--console", "unix:/run/c");
	assert_string_equal(a.config.virtio.console, "unix:/run/c");
	assert_true(config_has_console(&a.config) && config_has_virtio_console(&a.config));
	run_args_free(&a);
	accept(&a, "-k", "k", "--console", "none");
	assert_false(config_has_console(&a.config) || config_has_virtio(&a.config));
	run_args_free(&a);
	refuse("--console: 'tcp:1' is unknown", "-k", "k", "--console", "tcp:1");
}

/* --- ports ------------------------------------------------------------------------------------ */

static void ports(void **state)
{
	struct run_args a;

	(void)state;
	accept(&a, "--port", "org.qemu.guest_agent.0=unix:/tmp/a=b", "--port", "x=stdio");
	assert_int_equal(a.config.virtio.ports.cnt, 2);
	assert_string_equal(a.config.virtio.ports.v[0].name, "org.qemu.guest_agent.0");
	assert_string_equal(a.config.virtio.ports.v[0].where, "unix:/tmp/a=b");
	assert_string_equal(a.config.virtio.ports.v[1].name, "x");
	assert_string_equal(a.config.virtio.ports.v[1].where, "stdio");
	assert_true(config_has_virtio_console(&a.config) && !config_has_console(&a.config));
	run_args_free(&a);

	refuse("'x' does not say where it leads: NAME=WHERE", "--port", "x");
	refuse("'' is no name of a port", "--port", "=null");
	refuse("'a b' is no name of a port", "--port", "a b=null");
	refuse("'../x' is no name of a port", "--port", "../x=null");
	refuse("'.' is no name of a port", "--port", ".=null");
	refuse("is no name of a port: 1 to 63 letters", "--port",
	       "1234567890123456789012345678901234567890123456789012345678901234=null");
	refuse("there is a port 'x' already", "--port", "x=null", "--port", "x=pty");
	refuse("need not be named", "--port", "x=none");
	refuse("'' is unknown", "--port", "x=");
	refuse("lacks the name of the file", "--port", "x=unix:");
}

static void as_many_ports_as_there_can_be(void **state)
{
	const char *words[2 * (CONFIG_PORTS + 1)];
	char text[CONFIG_PORTS + 1][16];
	struct error *e = NULL;
	struct run_args a;

	(void)state;
	for (unsigned i = 0; i <= CONFIG_PORTS; i++) {
		snprintf(text[i], sizeof(text[i]), "p%u=null", i);
		words[2 * i] = "--port";
		words[2 * i + 1] = text[i];
	}
	assert_int_equal(parse(&a, &e, words, 2 * CONFIG_PORTS), 0);
	assert_int_equal(a.config.virtio.ports.cnt, CONFIG_PORTS);
	run_args_free(&a);
	assert_true(parse(&a, &e, words, 2 * (CONFIG_PORTS + 1)) < 0);
	assert_error(e, "'p30=null' is one too many: there are 30 ports at most");
	run_args_free(&a);
}

/* --- persistent memory ------------------------------------------------------------------------ */

static void pmem(void **state)
{
	struct run_args a;
	const struct pmem_config *p;

	(void)state;
	accept(&a, "--pmem", "a,,b.img", "--pmem", "b,ro", "--pmem", "c,private,size=4M");
	p = a.config.virtio.pmem.v;
	assert_int_equal(a.config.virtio.pmem.cnt, 3);
	assert_string_equal(p[0].path, "a,b.img");
	assert_true(!p[0].readonly && !p[0].private && !p[0].size);
	assert_true(p[1].readonly && !p[1].private);
	assert_true(p[2].private && p[2].size == 4 * MIB);
	run_args_free(&a);

	refuse("the name of the file is missing", "--pmem", ",ro");
	refuse("persistent memory has no 'rw'", "--pmem", "x,rw");
	refuse("'ro' is said twice", "--pmem", "x,ro,size=4M,ro=off");
	refuse("'size' wants a value", "--pmem", "x,size");
	refuse("size: '3M' (3 MiB) is not a multiple of 2 MiB", "--pmem", "x,size=3M");
	refuse("too small", "--pmem", "x,size=0");
	refuse("exclude each other", "--pmem", "x,ro,private");
	refuse("'x,' has a comma with nothing behind it", "--pmem", "x,");
	refuse("'file=x': the file comes first, by its name alone", "--pmem", "file=x");
	refuse("one too many", "--pmem", "1", "--pmem", "2", "--pmem", "3", "--pmem", "4", "--pmem",
	       "5", "--pmem", "6", "--pmem", "7", "--pmem", "8", "--pmem", "9");
}

/* --- what sits on the bus --------------------------------------------------------------------- */

static void check(struct run_args *a, const char *says)
{
	struct error *e = NULL;
	int r = config_check(&a->config, &e);

	if (!says) {
		assert_no_error(e);
		assert_int_equal(r, 0);
	} else {
		assert_true(r < 0);
		assert_error(e, says);
	}
	run_args_free(a);
}

/* An entropy device comes with another virtio device, and does not bring a bus of its own. */
static void entropy(void **state)
{
	static const struct {
		const char *option, *value;
		bool rng;
	} rows[] = {
		{ "--rng", "auto", false },    { "--rng", "on", true },
		{ "--rng", "off", false },     { "--port", "x=null", true },
		{ "--console", "null", true }, { "--pmem", "x", true },
		{ "--disk", "x", true },       { "--pci", "on", false },
	};
	struct run_args a;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		accept(&a, "-k", "k", rows[i].option, rows[i].value);
		assert_int_equal(config_has_rng(&a.config), rows[i].rng);
		assert_int_equal(config_has_virtio(&a.config), rows[i].rng);
		run_args_free(&a);
	}
	accept(&a, "-k", "k", "--port", "x=null", "--rng", "off");
	assert_false(config_has_rng(&a.config));
	assert_true(config_has_virtio(&a.config));
	run_args_free(&a);
	refuse("'yes' is unknown", "--rng", "yes");
}

static void vsock(void **state)
{
	struct run_args a;

	(void)state;
	accept(&a, "--vsock", "cid=3,path=/run/a,,b.sock");
	assert_int_equal(a.config.virtio.vsock.cid, 3);
	assert_string_equal(a.config.virtio.vsock.path, "/run/a,b.sock");
	assert_true(config_has_vsock(&a.config));
	run_args_free(&a);
	accept(&a, "--vsock", "cid=3,path=a", "--vsock", "path=b,cid=4294967294");
	assert_int_equal(a.config.virtio.vsock.cid, 4294967294u);
	assert_string_equal(a.config.virtio.vsock.path, "b");
	run_args_free(&a);
	accept(&a, "-k", "k");
	assert_false(config_has_vsock(&a.config));
	run_args_free(&a);
	refuse("does not say where the socket is", "--vsock", "cid=3");
	refuse("path: '' is empty", "--vsock", "cid=3,path=");
	refuse("does not say the guest's address", "--vsock", "path=a");
	refuse("does not say the guest's address", "--vsock", "");
	refuse("cid: '2' is too small: at least 3", "--vsock", "cid=2,path=a");
	refuse("cid: '4294967295' is too large", "--vsock", "cid=4294967295,path=a");
	refuse("a socket device has no 'pth'; did you mean 'path'?", "--vsock", "cid=3,pth=a");
	refuse("'cid' is said twice", "--vsock", "cid=3,cid=4,path=a");
	refuse("'path' wants a value", "--vsock", "cid=3,path");
}

static void without_a_bus(void **state)
{
	struct run_args a;

	(void)state;
	accept(&a, "-k", "k", "--pci", "off", "--port", "x=null");
	check(&a, "--port sits on the PCI bus, which --pci off takes away");
	accept(&a, "-k", "k", "--pci", "off", "--pmem", "x");
	check(&a, "--pmem sits on");
	accept(&a, "-k", "k", "--pci", "off", "--vsock", "cid=3,path=x");
	check(&a, "--vsock sits on");
	accept(&a, "-k", "k", "--pci", "off", "--rng", "on");
	check(&a, "--rng on sits on");
	accept(&a, "-k", "k", "--pci", "off", "--console", "null", "--virtio", "mmio");
	check(&a, NULL);
	accept(&a, "-k", "k", "--pci", "off");
	check(&a, NULL);
}

/* --- files ------------------------------------------------------------------------------------ */

static void files_say_the_same(void **state)
{
	static const char text[] =
		"{\"console\":{\"virtio\":\"pty\",\"ports\":[\"a=unix:/x\",\"b=null\"]},"
		"\"pmem\":[\"r,,x.img,ro\",{\"path\":\"s\",\"private\":true,\"size\":\"6M\"}],"
		"\"vsock\":{\"path\":\"v,x\",\"cid\":9},\"board\":{\"rng\":\"on\"}}";
	const struct opt_set set = run_option_set();
	_cleanup_free_ char *dump = NULL;
	struct error *e = NULL;
	struct run_args a, b;

	(void)state;
	run_args_init(&a);
	assert_int_equal(opt_read_json(&set, text, "vm.json", &a, &e), 0);
	assert_no_error(e);
	assert_int_equal(opt_dump_json(&set, &a, &dump, &e), 0);
	assert_non_null(strstr(dump, "\"path\": \"r,x.img\",\n      \"ro\": true\n    }"));
	run_args_init(&b);
	assert_int_equal(opt_read_json(&set, dump, "dump", &b, &e), 0);
	assert_no_error(e);
	assert_string_equal(b.config.virtio.console, "pty");
	assert_int_equal(b.config.virtio.ports.cnt, 2);
	assert_string_equal(b.config.virtio.ports.v[0].where, "unix:/x");
	assert_int_equal(b.config.virtio.pmem.cnt, 2);
	assert_string_equal(b.config.virtio.pmem.v[0].path, "r,x.img");
	assert_true(b.config.virtio.pmem.v[0].readonly);
	assert_true(b.config.virtio.pmem.v[1].private);
	assert_int_equal(b.config.virtio.pmem.v[1].size, 6 * MIB);
	assert_int_equal(b.config.virtio.rng, RNG_ON);
	assert_int_equal(b.config.virtio.vsock.cid, 9);
	assert_string_equal(b.config.virtio.vsock.path, "v,x");
	run_args_free(&a);
	run_args_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(console),
		cmocka_unit_test(ports),
		cmocka_unit_test(as_many_ports_as_there_can_be),
		cmocka_unit_test(pmem),
		cmocka_unit_test(entropy),
		cmocka_unit_test(vsock),
		cmocka_unit_test(without_a_bus),
		cmocka_unit_test(files_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
