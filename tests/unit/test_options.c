/* SPDX-License-Identifier: MIT */
/* test_options.c: the command line and the JSON file over the real table of options. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"
#include "vmm/json.h"

#define MAX_WORDS 32

/* Splits @line at spaces; "_" stands for an empty word. */
static int split(const char *line, char *buf, size_t len, char **argv)
{
	int argc = 0;
	char *save;

	snprintf(buf, len, "run %s", line);
	for (char *w = strtok_r(buf, " ", &save); w && argc < MAX_WORDS;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(w, "_") ? w : w + 1;
	return argc;
}

static int parse(const char *line, struct run_args *a, struct error **errp)
{
	char buf[2048], *argv[MAX_WORDS];
	int argc = split(line, buf, sizeof(buf), argv);

	return run_args_parse(argc, argv, a, errp);
}

/* The line is fine, and stays so in the checks between fields if there is a kernel. */
static void accept(const char *line, struct run_args *a)
{
	struct error *e = NULL;

	if (parse(line, a, &e) < 0)
		fail_msg("'%s': %s", line, error_msg(e));
	assert_null(e);
}

static void refuse(const char *line, const char *msg)
{
	struct run_args a;
	struct error *e = NULL;

	assert_true(parse(line, &a, &e) < 0);
	assert_non_null(e);
	assert_string_equal(error_msg(e), msg);
	error_free(e);
	run_args_free(&a);
}

/* --- the table itself ------------------------------------------------------------------------- */

static void table_is_sound(void **state)
{
	(void)state;
	for (unsigned i = 0; i < run_option_cnt; i++) {
		const struct opt *o = &run_options[i];

		assert_non_null(o->group);
		assert_non_null(o->name);
		assert_non_null(o->help);
		assert_non_null(o->type);
		assert_int_equal(o->arg == NULL, o->type->is_switch);
		assert_true(strlen(o->help) > 8);
		assert_true(o->help[strlen(o->help) - 1] != '.');
		assert_true(o->path || !strcmp(o->group, "General"));
		assert_true(o->path == NULL || o->type->wants);
		/* "--no-no-reboot" would be a horror. */
		assert_true(strncmp(o->name, "no-", 3) != 0);
		for (unsigned k = 0; k < i; k++) {
			const struct opt *p = &run_options[k];

			assert_string_not_equal(o->name, p->name);
			if (o->path && p->path)
				assert_string_not_equal(o->path, p->path);
			if (o->letter)
				assert_int_not_equal(o->letter, p->letter);
			if (o->alias)
				assert_string_not_equal(o->alias, p->name);
		}
		/* Names and paths are ASCII of one style, for JSON and for the shells. */
		for (const char *c = o->path ? o->path : o->name; *c; c++)
			assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", *c));
	}
}

/* --- the command line ------------------------------------------------------------------------- */

static void four_ways_to_give_a_value(void **state)
{
	static const char *const lines[] = { "--memory 1G", "--memory=1G", "-m 1G",
					     "-m1G",        "--mem 1G",    "--mem=1G" };
	struct run_args a;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
		accept(lines[i], &a);
		assert_int_equal(a.config.mem.size, GIB);
		run_args_free(&a);
	}
}

/* An argument that may be left out is in the same word, if it is there. */
static void optional_argument(void **state)
{
	struct run_args a;

	(void)state;
	accept("k", &a);
	assert_null(a.config.trace.show);
	run_args_free(&a);
	accept("--trace k", &a);
	assert_string_equal(a.config.trace.show, "");
	assert_string_equal(a.config.boot.kernel, "k");
	run_args_free(&a);
	accept("--trace=summary --trace-out f -c 2", &a);
	assert_string_equal(a.config.trace.show, "summary");
	assert_string_equal(a.config.trace.out, "f");
	assert_int_equal(a.config.cpu.count, 2);
	run_args_free(&a);
	accept("--trace --trace=", &a);
	assert_string_equal(a.config.trace.show, "");
	run_args_free(&a);
}

static void kvmtool_letters(void **state)
{
	struct run_args a;

	(void)state;
	accept("-k bzImage -i rd.cpio -c 2 -m 1G -p console=ttyS0", &a);
	assert_string_equal(a.config.boot.kernel, "bzImage");
	assert_int_equal(a.config.boot.initrd.cnt, 1);
	assert_string_equal(a.config.boot.initrd.v[0], "rd.cpio");
	assert_int_equal(a.config.cpu.count, 2);
	assert_int_equal(a.config.mem.size, GIB);
	assert_string_equal(a.config.boot.cmdline, "console=ttyS0");
	run_args_free(&a);
}

static void repeats(void **state)
{
	struct run_args a;

	(void)state;
	accept("-i a -i b -ic -p one -p two --params three -m 1G -m 2G", &a);
	assert_int_equal(a.config.boot.initrd.cnt, 3);
	assert_string_equal(a.config.boot.initrd.v[2], "c");
	assert_string_equal(a.config.boot.cmdline, "one two three");
	assert_int_equal(a.config.mem.size, 2 * GIB); /* the later one counts */
	run_args_free(&a);
}

static void switches(void **state)
{
	struct run_args a;

	(void)state;
	accept("--no-acpi --no-hints --mptable --no-reboot --no-panic-watch", &a);
	assert_false(a.config.board.acpi);
	assert_false(a.config.boot.hints);
	assert_true(a.config.board.mptable);
	assert_true(a.config.end.no_reboot);
	assert_false(a.config.end.panic_watch);
	run_args_free(&a);
	accept("--no-acpi --acpi --mptable=off --reboot=no --fdt=false", &a);
	assert_true(a.config.board.acpi);
	assert_false(a.config.board.mptable);
	assert_true(a.config.end.no_reboot);
	assert_false(a.config.board.fdt);
	run_args_free(&a);
	accept("-qvv", &a);
	assert_true(a.config.quiet);
	assert_int_equal(a.config.log_level, 3);
	run_args_free(&a);
	accept("-vvvvv --log-level error -v", &a);
	assert_int_equal(a.config.log_level, 1);
	run_args_free(&a);
	accept("-vkbzImage", &a); /* a switch and an option in one word */
	assert_string_equal(a.config.boot.kernel, "bzImage");
	assert_int_equal(a.config.log_level, 2);
	run_args_free(&a);
}

static void every_word_of_every_enum(void **state)
{
	(void)state;
	for (unsigned i = 0; i < run_option_cnt; i++) {
		const struct opt *o = &run_options[i];

		if (o->type != &opt_enum)
			continue;
		for (const struct opt_word *w = o->words; w->word; w++) {
			struct run_args a;
			char line[64];

			snprintf(line, sizeof(line), "--%s=%s", o->name, w->word);
			accept(line, &a);
			assert_int_equal(*(const int *)opt_cfield(o, &a), w->value);
			run_args_free(&a);
		}
	}
}

static void serial_ports(void **state)
{
	struct run_args a;

	(void)state;
	accept("k", &a);
	assert_string_equal(a.config.serial[0], "stdio");
	assert_string_equal(a.config.serial[1], "none");
	run_args_free(&a);
	accept("--serial null --serial file:/tmp/x", &a);
	assert_string_equal(a.config.serial[0], "null");
	assert_string_equal(a.config.serial[1], "file:/tmp/x");
	assert_null(a.config.serial[2]); /* config_check() says "none" */
	run_args_free(&a);
	accept("--debugcon none", &a);
	assert_string_equal(a.config.debugcon, "none");
	assert_true(a.config.debugcon_set);
	run_args_free(&a);
	refuse("--serial stido", "--serial: 'stido' is unknown; did you mean 'stdio'?");
	refuse("--serial file:", "--serial: 'file:' lacks the name of the file: file:PATH");
	refuse("--serial tcp",
	       "--serial: 'tcp' is unknown: use stdio, file:PATH, pty, unix:PATH, null or "
	       "none");
	refuse("--serial pty --serial pty --serial pty --serial pty --serial null",
	       "--serial: 'null' is one too many: there are 4 serial ports");
}

static void the_kernel_without_k(void **state)
{
	struct run_args a;

	(void)state;
	accept("bzImage -m 1G", &a);
	assert_string_equal(a.config.boot.kernel, "bzImage");
	assert_true(a.guessed_kernel);
	run_args_free(&a);
	accept("-m 1G -- -odd-name", &a);
	assert_string_equal(a.config.boot.kernel, "-odd-name");
	run_args_free(&a);
	accept("-k bzImage", &a);
	assert_false(a.guessed_kernel);
	run_args_free(&a);
	refuse("-k bzImage initrd", "'initrd' is no option, and the kernel is 'bzImage' already");
	refuse("bzImage initrd", "'initrd' is one word too many: 'bzImage' is taken as the kernel");
	refuse("_", "'' is empty: give the name of a file");
}

static void help_comes_first(void **state)
{
	struct run_args a;

	(void)state;
	accept("--config /nonexistent -m 0 --help", &a);
	assert_true(a.help);
	run_args_free(&a);
}

/* Options that do not exist, in every spelling people bring along. */
static void unknown_options(void **state)
{
	(void)state;
	refuse("--kernl x", "unknown option '--kernl'; did you mean '--kernel'?");
	refuse("--kernl=x", "unknown option '--kernl'; did you mean '--kernel'?");
	refuse("--no-apci", "unknown option '--no-apci'; did you mean '--no-acpi'?");
	refuse("--no-kernel", "unknown option '--no-kernel'; did you mean '--kernel'?");
	refuse("--no-help", "unknown option '--no-help'; did you mean '--help'?");
	refuse("--mem-bakcing file", "unknown option '--mem-bakcing'; did you mean "
				     "'--mem-backing'?");
	refuse("-kernel bzImage", "long options take two dashes: '--kernel', not '-kernel'");
	refuse("-smp 2", "long options take two dashes: '--smp', not '-smp'");
	refuse("-serial=null", "long options take two dashes: '--serial', not '-serial'");
	refuse("-Z", "unknown option '-Z'");
	refuse("-vZ", "unknown option '-vZ'");
	refuse("--frobnicate", "unknown option '--frobnicate'");
	refuse("--=x", "unknown option '--'");
}

static void missing_values(void **state)
{
	(void)state;
	refuse("-k", "-k wants a value: -k FILE");
	refuse("--memory", "--memory wants a value: --memory SIZE");
	refuse("-k -i rd", "-k wants a value (FILE), but the option '-i' follows");
	refuse("-k --memory=1G", "-k wants a value (FILE), but the option '--memory=1G' follows");
	refuse("--no-acpi=on", "--no-acpi takes no value, 'on' was given; use --acpi=on");
	refuse("--dump-config=yes", "--dump-config takes no value, 'yes' was given");
	refuse("--acpi=maybe", "--acpi: 'maybe' is neither on nor off");
	refuse("-k _", "-k: '' is empty: give the name of a file");
	refuse("-i _", "-i: '' is empty: give the name of a file");
}

/* A value may look like an option as long as it is none. */
static void values_with_dashes(void **state)
{
	struct run_args a;

	(void)state;
	accept("-p -- -p --foo -k -", &a);
	assert_string_equal(a.config.boot.cmdline, "-- --foo");
	assert_string_equal(a.config.boot.kernel, "-");
	run_args_free(&a);
	accept("--cmdline=--memory", &a);
	assert_string_equal(a.config.boot.cmdline, "--memory");
	run_args_free(&a);
}

/* Sizes and counts at their edges: each refusal says what would be right. */
static void edges(void **state)
{
	struct run_args a;

	(void)state;
	refuse("-m 0", "-m: '0' (0 bytes) is too small: at least 16 MiB");
	refuse("-m 1", "-m: '1' (1 MiB) is too small: at least 16 MiB");
	refuse("-m 15.99M", "-m: '15.99M' is not a whole number of bytes");
	refuse("-m -1", "-m: '-1' is negative: give a size such as 512M or 1.5G");
	refuse("-m 18446744073709551616",
	       "-m: '18446744073709551616' is too large: 2^64 bytes or more");
	refuse("-m 17592186044416", "-m: '17592186044416' is too large: 2^64 bytes or more");
	refuse("-m 17592186044415",
	       "-m: '17592186044415' (17592186044415 MiB) is too large: at most 4095 TiB");
	refuse("-m 16777217B", "-m: '16777217B' (16777217 bytes) is not a multiple of 4 KiB");
	refuse("-m 1,5G", "-m: '1,5G' ends in ',5G', which is no unit: use B, K, M, G or T (none "
			  "means M)");
	refuse("-c 0", "-c: '0' is too small: at least 1");
	refuse("-c 1.5", "-c: '1.5' is not a number from 1 to 4096");
	refuse("-c -1", "-c: '-1' is negative: give a number from 1 to 4096");
	refuse("-c 4097", "-c: '4097' is too large: at most 4096");
	refuse("-c 18446744073709551617", "-c: '18446744073709551617' is too large: at most 4096");
	refuse("--timeout 0", "--timeout: '0' is no time at all: say \"none\" for no limit");
	refuse("--debug-exit 0xfffd", "--debug-exit: '0xfffd' is too large: at most 0xfffc");
	refuse("--debug-exit 0", "--debug-exit: '0' is too small: at least 1");
	refuse("--irqchip spilt",
	       "--irqchip: 'spilt' is unknown; did you mean 'split'? (split, kernel or user)");
	refuse("--msr ignor",
	       "--msr: 'ignor' is unknown; did you mean 'ignore'? (known, fault or ignore)");
	refuse("--irqchip x", "--irqchip: 'x' is unknown: use split, kernel or user");
	accept("-m 16M -c 4096 --debug-exit none --timeout none --entry 0xffffffffffffffff", &a);
	assert_int_equal(a.config.mem.size, 16 * MIB);
	assert_int_equal(a.config.cpu.count, 4096);
	assert_int_equal(a.config.debug_exit_port, 0);
	assert_int_equal(a.config.end.timeout_ns, 0);
	assert_true(a.config.boot.entry == UINT64_MAX);
	run_args_free(&a);
	accept("-m 4095T -m 1.5G --timeout 1.5m", &a);
	assert_int_equal(a.config.mem.size, 1536 * MIB);
	assert_true(a.config.end.timeout_ns == 90 * NSEC_PER_SEC);
	run_args_free(&a);
}

/* argv with nothing in it but what could upset pointer arithmetic. */
static void odd_words(void **state)
{
	char run[] = "run", dash[] = "-", empty[] = "", stop[] = "--";
	char *argv[] = { run, dash, empty, stop, stop, NULL };
	struct opt_set set = run_option_set();
	struct opt_args args;
	struct error *e = NULL;

	(void)state;
	assert_int_equal(opt_scan(&set, 4, argv + 1, &args, &e), 0);
	assert_int_equal(args.given_cnt, 0);
	assert_int_equal(args.rest_cnt, 3);
	assert_string_equal(args.rest[0], "-");
	assert_string_equal(args.rest[1], "");
	assert_string_equal(args.rest[2], "--");
	opt_args_free(&args);
	assert_int_equal(opt_scan(&set, 0, argv, &args, &e), 0);
	opt_args_free(&args);
}

/* --- the file --------------------------------------------------------------------------------- */

static char config_path[64];

static const char *config_file(const char *text)
{
	_cleanup_close_ int f = open(config_path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_true(f >= 0);
	assert_int_equal(write(f, text, strlen(text)), strlen(text));
	return config_path;
}

static int make_path(void **state)
{
	int f;

	(void)state;
	strcpy(config_path, "/tmp/test_options.XXXXXX");
	f = mkstemp(config_path);
	assert_true(f >= 0);
	close(f);
	return 0;
}

static int drop_path(void **state)
{
	(void)state;
	unlink(config_path);
	return 0;
}

static int read_text(const char *text, struct run_args *a, struct error **errp)
{
	struct opt_set set = run_option_set();

	run_args_init(a);
	return opt_read_json(&set, text, "vm.json", a, errp);
}

static void refuse_file(const char *text, const char *msg)
{
	struct run_args a;
	struct error *e = NULL;

	assert_true(read_text(text, &a, &e) < 0);
	assert_string_equal(error_msg(e), msg);
	error_free(e);
	run_args_free(&a);
}

static void file_with_everything(void **state)
{
	static const char text[] =
		"{ \"name\": \"t\", \"boot\": { \"kernel\": \"k\", \"initrd\": [\"a\", \"b\"],"
		" \"cmdline\": \"x y\", \"hints\": false, \"cache-dir\": \"\","
		" \"protocol\": \"flat64\", \"load-address\": \"0x200000\", \"entry\": 2097152 },"
		" \"cpu\": { \"count\": 4, \"threads\": 2, \"model\": \"baseline\" },"
		" \"memory\": { \"size\": \"1.5G\", \"hugepages\": \"2M\" },"
		" \"console\": { \"serial\": [\"null\", \"pty\"], \"debugcon\": \"none\" },"
		" \"end\": { \"timeout\": 1.5, \"reboot\": false }, \"log\": { \"level\": "
		"\"debug\" } }";
	struct run_args a;
	struct error *e = NULL;

	(void)state;
	assert_int_equal(read_text(text, &a, &e), 0);
	assert_no_error(e);
	assert_string_equal(a.config.name, "t");
	assert_int_equal(a.config.boot.initrd.cnt, 2);
	assert_false(a.config.boot.hints);
	assert_string_equal(a.config.boot.cache_dir, "");
	assert_int_equal(a.config.boot.protocol, BOOT_FLAT64);
	assert_int_equal(a.config.boot.load_addr, 0x200000);
	assert_int_equal(a.config.boot.entry, 0x200000);
	assert_int_equal(a.config.cpu.threads, 2);
	assert_int_equal(a.config.mem.size, 1536 * MIB);
	assert_int_equal(a.config.mem.pages, RAM_PAGES_2M);
	assert_string_equal(a.config.serial[1], "pty");
	assert_null(a.config.serial[2]);
	assert_true(a.config.end.no_reboot);
	assert_true(a.config.end.timeout_ns == 1500 * NSEC_PER_MSEC);
	assert_int_equal(a.config.log_level, 3);
	run_args_free(&a);
	assert_int_equal(read_text("{ \"memory\": { \"size\": 300 } }", &a, &e), 0);
	assert_int_equal(a.config.mem.size, 300 * MIB); /* as on the command line */
	run_args_free(&a);
}

static void file_unknown_keys(void **state)
{
	(void)state;
	refuse_file("{ \"memroy\": { \"size\": 1 } }",
		    "'vm.json': unknown key 'memroy'; did you mean 'memory'?");
	refuse_file("{ \"memory\": { \"sise\": 1 } }",
		    "'vm.json': unknown key 'memory.sise'; did you mean 'memory.size'?");
	refuse_file("{ \"kernel\": \"k\" }",
		    "'vm.json': unknown key 'kernel'; did you mean 'boot.kernel'?");
	refuse_file("{ \"board\": { \"debug_exit\": 1 } }",
		    "'vm.json': unknown key 'board.debug_exit'; did you mean 'board.debug-exit'?");
	refuse_file("{ \"xyzzy\": 1 }", "'vm.json': unknown key 'xyzzy'");
	refuse_file("{ \"\": 1 }", "'vm.json': unknown key ''");
	refuse_file("{ \"memory\": { \"size\": \"1G\", \"\\u001b[2J\": 1 } }",
		    "'vm.json': unknown key 'memory.\\x1b[2J'");
	refuse_file("{ \"memory.size\": \"1G\" }",
		    "'vm.json': unknown key 'memory.size': keys have no dots, they nest: "
		    "{ \"memory\": { \"size\": ... } }");
	/* What exists on the command line only. */
	refuse_file("{ \"help\": true }", "'vm.json': unknown key 'help'");
}

static void file_wrong_types(void **state)
{
	(void)state;
	refuse_file("{ \"memory\": { \"size\": true } }",
		    "'vm.json': memory.size: wants a string such as \"512M\", or a number of MiB, "
		    "not a boolean");
	refuse_file("{ \"memory\": { \"size\": 1.5 } }",
		    "'vm.json': memory.size: wants a string such as \"512M\", or a number of MiB, "
		    "not a fractional number");
	refuse_file("{ \"memory\": 12 }", "'vm.json': memory: wants an object, not a number");
	refuse_file("{ \"cpu\": { \"count\": \"2\" } }",
		    "'vm.json': cpu.count: wants a number, not a string");
	refuse_file("{ \"cpu\": { \"count\": {} } }",
		    "'vm.json': cpu.count: wants a number, not an object");
	refuse_file("{ \"board\": { \"acpi\": \"yes\" } }",
		    "'vm.json': board.acpi: wants true or false, not a string");
	refuse_file("{ \"boot\": { \"kernel\": null } }",
		    "'vm.json': boot.kernel: wants a string, the name of a file, not null");
	refuse_file("{ \"boot\": { \"kernel\": [\"k\"] } }",
		    "'vm.json': boot.kernel: wants a string, the name of a file, not an array");
	refuse_file("{ \"boot\": { \"initrd\": [[\"k\"]] } }",
		    "'vm.json': boot.initrd: wants an array of strings, or a string, not an array");
	refuse_file("{ \"boot\": { \"initrd\": [1] } }",
		    "'vm.json': boot.initrd: wants an array of strings, or a string, not a number");
	refuse_file("[]", "'vm.json' holds an array; a configuration is an object");
}

/* The file's values go through the command line's readers. */
static void file_wrong_values(void **state)
{
	(void)state;
	refuse_file("{ \"memory\": { \"size\": 0 } }",
		    "'vm.json': memory.size: '0' (0 bytes) is too small: at least 16 MiB");
	refuse_file("{ \"memory\": { \"size\": -1 } }",
		    "'vm.json': memory.size: '-1' is negative: give a size such as 512M or 1.5G");
	refuse_file("{ \"cpu\": { \"count\": 0 } }",
		    "'vm.json': cpu.count: '0' is too small: at least 1");
	refuse_file("{ \"end\": { \"timeout\": -0.5 } }",
		    "'vm.json': end.timeout: -0.5 is out of range");
	refuse_file("{ \"end\": { \"timeout\": 1e300 } }",
		    "'vm.json': end.timeout: 1e+300 is out of range");
	refuse_file("{ \"board\": { \"irqchip\": \"spilt\" } }",
		    "'vm.json': board.irqchip: 'spilt' is unknown; did you mean 'split'? (split, "
		    "kernel or user)");
	refuse_file("{ \"console\": { \"serial\": [\"pty\", \"x\"] } }",
		    "'vm.json': console.serial: 'x' is unknown: use stdio, file:PATH, pty, "
		    "unix:PATH, null or "
		    "none");
}

/* "flags override the file whatever the order on the command line" */
static void flags_beat_the_file(void **state)
{
	static const char *const order[] = {
		"--config %s -m 1G -i c -p new --serial null --acpi",
		"-m 1G -i c -p new --serial null --acpi --config %s",
	};
	struct run_args a;
	char line[256];

	(void)state;
	config_file("{ \"memory\": { \"size\": \"2G\" }, \"cpu\": { \"count\": 3 },"
		    " \"boot\": { \"initrd\": [\"a\", \"b\"], \"cmdline\": \"old\" },"
		    " \"console\": { \"serial\": [\"pty\", \"pty\"] }, \"board\": { \"acpi\": "
		    "false } }");
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		const char *pct = strstr(order[i], "%s");

		snprintf(line, sizeof(line), "%.*s%s%s", (int)(pct - order[i]), order[i],
			 config_path, pct + 2);
		accept(line, &a);
		assert_int_equal(a.config.mem.size, GIB);
		assert_int_equal(a.config.cpu.count, 3); /* no flag: the file's */
		assert_int_equal(a.config.boot.initrd.cnt, 1);
		assert_string_equal(a.config.boot.initrd.v[0], "c");
		assert_string_equal(a.config.boot.cmdline, "new");
		assert_string_equal(a.config.serial[0], "null");
		assert_null(a.config.serial[1]);
		assert_true(a.config.board.acpi);
		run_args_free(&a);
	}
}

static void later_file_wins(void **state)
{
	char second[] = "/tmp/test_options.XXXXXX", line[256];
	int f = mkstemp(second);
	struct run_args a;

	(void)state;
	assert_true(f >= 0);
	assert_int_equal(write(f, "{\"cpu\":{\"count\":5}}", 19), 19);
	close(f);
	config_file("{ \"cpu\": { \"count\": 3 }, \"name\": \"first\" }");
	snprintf(line, sizeof(line), "--config %s --config %s", config_path, second);
	accept(line, &a);
	assert_int_equal(a.config.cpu.count, 5);
	assert_string_equal(a.config.name, "first");
	run_args_free(&a);
	unlink(second);
}

static void file_that_is_missing(void **state)
{
	(void)state;
	refuse("--config /nonexistent/vm.json",
	       "--config: cannot open '/nonexistent/vm.json': No such file or directory");
}

/* --- --dump-config ---------------------------------------------------------------------------- */

static char *dump(const struct run_args *a)
{
	struct opt_set set = run_option_set();
	struct error *e = NULL;
	char *text = NULL;

	assert_int_equal(opt_dump_json(&set, a, &text, &e), 0);
	assert_no_error(e);
	return text;
}

/* Dump, read, dump: the same text; and nothing of the first line was lost. */
static void round_trip(const char *line)
{
	struct run_args a, b;
	struct error *e = NULL;
	char *first, *second;

	accept(line, &a);
	first = dump(&a);
	assert_int_equal(read_text(first, &b, &e), 0);
	assert_no_error(e);
	second = dump(&b);
	assert_string_equal(first, second);
	assert_int_equal(a.config.mem.size, b.config.mem.size);
	assert_true(a.config.end.timeout_ns == b.config.end.timeout_ns);
	assert_int_equal(a.config.boot.initrd.cnt, b.config.boot.initrd.cnt);
	assert_int_equal(a.config.end.no_reboot, b.config.end.no_reboot);
	free(first);
	free(second);
	run_args_free(&a);
	run_args_free(&b);
}

static void dump_reads_back(void **state)
{
	(void)state;
	round_trip("");
	round_trip("k");
	round_trip("-k k -i a -i b -p x -p y -m 1.5G -c 8 --sockets 2 --cpu host,-avx2");
	round_trip("-m 16388K --timeout 1500ms --no-reboot --no-acpi --mptable --no-fdt");
	round_trip("--serial pty --serial none --serial null --debugcon none --debug-exit none");
	round_trip("--serial none --timeout 7ns --cache-dir _ --load-address 0x7c00 --entry 1");
	round_trip("--mem-backing file --mem-path /dev/shm/x --hugepages off --prefault --name n");
	round_trip("--dump-acpi d --dump-dtb f --dry-run --stats -q -v --log-file l");
	round_trip("--msr ignore");
	round_trip("-m 4396972769276K --timeout 2h --irqchip user --protocol pvh");
}

static void dump_says_what_counts(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(json_freep) json_t *j = NULL;
	struct run_args a;

	(void)state;
	accept("-m 1.5G --no-reboot", &a);
	text = dump(&a);
	j = json_loads(text, 0, NULL);
	assert_non_null(j);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(j, "memory"), "size")), "1536M");
	assert_true(json_is_false(json_object_get(json_object_get(j, "end"), "reboot")));
	/* Not set is left out: the reader's default stays in force. */
	assert_null(json_object_get(json_object_get(j, "boot"), "kernel"));
	assert_null(json_object_get(json_object_get(j, "cpu"), "count"));
	run_args_free(&a);
}

static void dump_needs_utf8(void **state)
{
	struct opt_set set = run_option_set();
	struct error *e = NULL;
	struct run_args a;
	char *text = NULL;

	(void)state;
	accept("-k \xff", &a);
	assert_int_equal(opt_dump_json(&set, &a, &text, &e), -EILSEQ);
	assert_null(text);
	assert_error(e, "boot.kernel: the value is not UTF-8, which JSON cannot hold");
	run_args_free(&a);
	e = NULL;
	accept("-i ok -i \xff", &a);
	assert_int_equal(opt_dump_json(&set, &a, &text, &e), -EILSEQ);
	assert_error(e, "boot.initrd: the value is not UTF-8");
	run_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(four_ways_to_give_a_value),
		cmocka_unit_test(optional_argument),
		cmocka_unit_test(kvmtool_letters),
		cmocka_unit_test(repeats),
		cmocka_unit_test(switches),
		cmocka_unit_test(every_word_of_every_enum),
		cmocka_unit_test(serial_ports),
		cmocka_unit_test(the_kernel_without_k),
		cmocka_unit_test(help_comes_first),
		cmocka_unit_test(unknown_options),
		cmocka_unit_test(missing_values),
		cmocka_unit_test(values_with_dashes),
		cmocka_unit_test(edges),
		cmocka_unit_test(odd_words),
		cmocka_unit_test(file_with_everything),
		cmocka_unit_test(file_unknown_keys),
		cmocka_unit_test(file_wrong_types),
		cmocka_unit_test(file_wrong_values),
		cmocka_unit_test(flags_beat_the_file),
		cmocka_unit_test(later_file_wins),
		cmocka_unit_test(file_that_is_missing),
		cmocka_unit_test(dump_reads_back),
		cmocka_unit_test(dump_says_what_counts),
		cmocka_unit_test(dump_needs_utf8),
	};

	return cmocka_run_group_tests(tests, make_path, drop_path);
}
