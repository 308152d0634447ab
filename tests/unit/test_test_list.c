/* SPDX-License-Identifier: MIT */
/* test_test_list.c: the test verb's words as a list of tests: names, matrix, parts, reruns, and
 * what is refused. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/test.h"
#include "tests/lib/fake.h"
#include "vmm/error.h"
#include "vmm/timer.h"

struct made {
	struct test_args args;
	struct opt_args given;
	struct test_list list;
	struct error *err;
};

static int make(struct made *m, char **argv)
{
	int argc = 0, r;

	while (argv[argc])
		argc++;
	*m = (struct made){ 0 };
	r = test_args_parse(argc, argv, &m->args, &m->given, &m->err);
	return r < 0 ? r : test_list_make(&m->args, &m->given, &m->list, &m->err);
}

static void release(struct made *m)
{
	test_list_free(&m->list);
	opt_args_free(&m->given);
	test_args_free(&m->args);
	error_free(m->err);
}

/* argv is not written to; it is just typed as main() has it. */
#define WORDS(...) ((char **)(const char *[]){ "test", __VA_ARGS__, NULL })

static void accept(struct made *m, char **argv)
{
	if (make(m, argv) < 0)
		fail_msg("%s", error_msg(m->err));
}

static void refuse(char **argv, const char *part)
{
	struct made m;

	assert_true(make(&m, argv) < 0);
	if (!strstr(error_msg(m.err), part))
		fail_msg("'%s' does not say '%s'", error_msg(m.err), part);
	release(&m);
}

/* A file with @text; one at a time. */
static char *file(const char *text)
{
	static char path[] = "/tmp/test_list.XXXXXX";
	static bool made;
	FILE *f;

	if (!made)
		close(mkstemp(path));
	made = true;
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static void one_command(void **state)
{
	struct made m;
	const struct test_spec *s;

	(void)state;
	accept(&m, WORDS("-k", "vmlinuz", "-m", "1G", "--timeout", "500ms", "--boot-timeout", "2m",
			 "--idle-timeout=3", "--env", "A=b", "--env", "HOME=/root", "--expect-exit",
			 "3", "--", "sh", "-c", "echo it's"));
	assert_int_equal(m.list.cnt, 1);
	s = m.list.v;
	assert_string_equal(s->name, "sh -c echo it's");
	assert_int_equal(s->protocol, TEST_BY_INIT);
	assert_string_equal(s->argv[2], "echo it's");
	assert_null(s->argv[3]);
	assert_int_equal(s->config.mem.size, GIB);
	assert_string_equal(s->config.boot.cmdline, "panic=-1");
	assert_int_equal(s->limits.test_ns, 500 * NSEC_PER_MSEC);
	assert_int_equal(s->limits.boot_ns, 120 * NSEC_PER_SEC);
	assert_int_equal(s->limits.idle_ns, 3 * NSEC_PER_SEC);
	assert_true(s->limits.scale == 1);
	assert_int_equal(s->expect.exit, 3);
	assert_string_equal(s->env[1], "HOME=/root");
	assert_string_equal(s->env[3], "A=b");
	assert_null(s->env[4]);
	assert_non_null(strstr(s->rerun, "-- sh -c 'echo it'\\''s'"));
	assert_non_null(strstr(s->config_text, "vmlinuz"));
	assert_int_equal(m.args.keep, TEST_KEEP_NONE);
	release(&m);
}

static void other_protocols(void **state)
{
	struct made m;

	(void)state;
	accept(&m, WORDS("-k", "a/b.bin", "--protocol", "real", "--boot-only", "--dir", "d"));
	assert_int_equal(m.list.v->protocol, TEST_BY_MACHINE_END);
	assert_string_equal(m.list.v->name, "b.bin");
	assert_null(m.list.v->config.boot.cmdline);
	assert_int_equal(m.args.keep, TEST_KEEP_FAILED);
	release(&m);
	accept(&m, WORDS("--kvm-unit-test", "x/apic.flat", "--", "smp", "4"));
	assert_int_equal(m.list.v->protocol, TEST_BY_EXIT_PORT);
	assert_string_equal(m.list.v->config.boot.kernel, "x/apic.flat");
	assert_int_equal(m.list.v->config.boot.protocol, BOOT_MULTIBOOT);
	assert_string_equal(m.list.v->config.boot.cmdline, "smp 4");
	release(&m);
}

static void a_root_is_a_disk_in_front(void **state)
{
	char *image = file("no file system");
	struct made m;

	(void)state;
	accept(&m, WORDS("-k", "k", "-d", "other.img", "--root", image, "--", "true"));
	assert_int_equal(m.list.v->config.disks.cnt, 2);
	assert_string_equal(m.list.v->config.disks.v[0].blk.path, image);
	assert_true(m.list.v->config.disks.v[0].blk.overlay);
	assert_string_equal(m.list.v->segment.root_source, "/dev/vda");
	release(&m);
	accept(&m, WORDS("-k", "k", "--root", image, "--commit", "--root-device", "/dev/vda1", "--",
			 "true"));
	assert_false(m.list.v->config.disks.v[0].blk.overlay);
	assert_string_equal(m.list.v->segment.root_source, "/dev/vda1");
	release(&m);
	accept(&m, WORDS("-k", "k", "--root", "/tmp", "--", "true"));
	assert_int_equal(m.list.v->segment.root, GUEST_ROOT_TREE);
	assert_int_equal(m.list.v->config.disks.cnt, 0);
	release(&m);
	refuse(WORDS("-k", "k", "--root", "/tmp", "--commit", "--", "true"), "is not written to");
	refuse(WORDS("-k", "k", "--root", "/no/such", "--", "true"), "No such file");
	refuse(WORDS("-k", "k", "--commit", "--", "true"), "no --root");
}

static const char matrix[] =
	"{ \"kernels\": [{ \"name\": \"old\", \"boot\": { \"kernel\": \"k1\" } },"
	"                { \"name\": \"new\", \"boot\": { \"kernel\": \"k2\" } }],"
	"  \"configs\": [{ \"name\": \"one\" }, { \"name\": \"two\", \"cpu\": { \"count\": 2 } }],"
	"  \"tests\": [{ \"name\": \"a.b\", \"command\": [\"a\", \"\"], \"timeout\": \"2s\" },"
	"              { \"name\": \"c\", \"command\": [\"c\"], \"env\": [\"X=y\"],"
	"                \"expect-exit\": 4, \"expect-console\": [\"up\"] }] }";

static void a_matrix(void **state)
{
	struct made m;
	const struct test_spec *s;

	(void)state;
	accept(&m, WORDS("--matrix", file(matrix), "-m", "64M", "--retries", "2"));
	assert_int_equal(m.list.cnt, 8);
	assert_string_equal(m.list.v[0].name, "old/one/a.b");
	assert_string_equal(m.list.v[0].argv[1], "");
	s = &m.list.v[7];
	assert_string_equal(s->name, "new/two/c");
	assert_string_equal(s->config.boot.kernel, "k2");
	assert_int_equal(s->config.cpu.count, 2);
	assert_int_equal(s->config.mem.size, 64 * MIB);
	assert_int_equal(s->retries, 2);
	assert_int_equal(s->expect.exit, 4);
	assert_string_equal(s->expect.console[0], "up");
	assert_string_equal(s->env[3], "X=y");
	assert_int_equal(m.list.v[0].limits.test_ns, 2 * NSEC_PER_SEC);
	assert_int_equal(s->limits.test_ns, 300 * NSEC_PER_SEC);
	assert_non_null(strstr(m.list.v[0].rerun, "'--filter=^old/one/a\\.b( #[0-9]+)?$'"));
	release(&m);
}

static void some_of_it(void **state)
{
	struct made m;

	(void)state;
	accept(&m, WORDS("--matrix", file(matrix), "--filter", "/c$", "--shard", "2/3"));
	assert_int_equal(m.list.cnt, 1);
	assert_string_equal(m.list.v[0].name, "old/two/c");
	release(&m);
	accept(&m, WORDS("--matrix", file(matrix), "--filter", "old/one/c", "--repeat", "3"));
	assert_int_equal(m.list.cnt, 3);
	assert_string_equal(m.list.v[2].name, "old/one/c #3");
	release(&m);
	refuse(WORDS("--matrix", file(matrix), "--filter", "nothing"), "no test is left");
	refuse(WORDS("--matrix", file(matrix), "--filter", "("), "no regular expression");
	refuse(WORDS("--matrix", file(matrix), "--shard", "4/3"), "'4/3' is no part");
	refuse(WORDS("--matrix", file(matrix), "--shard", "3"), "'3' is no part");
}

/* All parts together are the whole, and none is in two. */
static void parts_make_a_whole(void **state)
{
	unsigned sum = 0;

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		char part[16];
		struct made m;

		snprintf(part, sizeof(part), "%u/5", i);
		accept(&m, WORDS("--matrix", file(matrix), "--repeat", "3", "--shard", part));
		sum += m.list.cnt;
		release(&m);
	}
	assert_int_equal(sum, 24);
}

static void matrices_that_are_wrong(void **state)
{
	static const struct {
		const char *text, *part;
	} wrong[] = {
		{ "{}", "has no \"tests\"" },
		{ "[]", "is an array, not an object" },
		{ "{", "line 1" },
		{ "{\"test\": []}", "unknown key \"test\"; did you mean \"tests\"?" },
		{ "{\"tests\": {}}", "\"tests\" is an object, not an array" },
		{ "{\"tests\": [1]}", "tests[0] is a number" },
		{ "{\"tests\": [{}]}", "tests[0] has no \"name\"" },
		{ "{\"tests\": [{\"name\": \"a\"}]}", "tests[0] has no \"command\"" },
		{ "{\"tests\": [{\"name\": \"a\", \"command\": [\"\"]}]}", "no \"command\"" },
		{ "{\"tests\": [{\"name\": \"a\", \"command\": [\"b\"], \"timeot\": 1}]}",
		  "timeot" },
		{ "{\"tests\": [{\"name\": \"a\", \"command\": [\"b\"], \"timeout\": \"1x\"}]}",
		  "timeout" },
		{ "{\"tests\": [{\"name\": \"a\", \"command\": [\"b\"]},"
		  "{\"name\": \"a\", \"command\": [\"b\"]}]}",
		  "[0] and [1] are both called 'a'" },
		{ "{\"tests\": [{\"name\": \"a\", \"command\": [\"b\"]}],"
		  "\"kernels\": [{\"name\": \"k\", \"boot\": {\"kernl\": \"x\"}}]}",
		  "boot.kernl" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		refuse(WORDS("-k", "k", "--matrix", file(wrong[i].text)), wrong[i].part);
	refuse(WORDS("--matrix", "/no/such/file"), "/no/such/file");
}

static void words_that_are_wrong(void **state)
{
	(void)state;
	refuse(WORDS("-k", "k"), "no command");
	refuse(WORDS("-k", "k", "true"), "'true' is no option");
	refuse(WORDS("-k", "k", "--boot-only", "--", "true"), "--boot-only runs no command");
	refuse(WORDS("--", "true"), "no kernel");
	refuse(WORDS("--matrix", "m", "--", "true"), "--matrix has commands of its own");
	refuse(WORDS("-k", "k", "--timeout-scale", "fast", "--", "true"), "'fast' is no factor");
	refuse(WORDS("-k", "k", "--env", "=b", "--", "true"), "has no name");
	refuse(WORDS("-k", "k", "--env", "NO_SUCH_VARIABLE", "--", "true"), "NO_SUCH_VARIABLE");
	refuse(WORDS("-k", "k", "--jobs", "0", "--", "true"), "--jobs");
	refuse(WORDS("-k", "k", "--stats", "--", "true"), "--stats");
	refuse(WORDS("-k", "k", "--module", "x", "--", "true"), "modules are not known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_command),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(a_root_is_a_disk_in_front),
		cmocka_unit_test(a_matrix),
		cmocka_unit_test(some_of_it),
		cmocka_unit_test(parts_make_a_whole),
		cmocka_unit_test(matrices_that_are_wrong),
		cmocka_unit_test(words_that_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
