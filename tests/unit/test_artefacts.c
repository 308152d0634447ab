/* SPDX-License-Identifier: MIT */
/* test_artefacts.c: the files of an attempt: as things came, bounded, in a place of their own. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "verdict/artefacts.h"
#include "vmm/error.h"
#include "vmm/json.h"

static char dir[] = "/tmp/trapeze-artefacts.XXXXXX";
static struct test_spec spec = { .name = (char *)"bzImage/smp 2/true #1" };
static const struct test_result result = { .spec = &spec, .outcome = TEST_IDLE };

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

static struct artefacts *make(const char *where, const char *name)
{
	struct artefacts *a = NULL;
	struct error *err = NULL;

	assert_int_equal(artefacts_create(where, name, &a, &err), 0);
	assert_no_error(err);
	return a;
}

static void file_is(const struct artefacts *a, const char *name, const char *want)
{
	char path[256], buf[4096] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", artefacts_path(a), name);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(buf, 1, sizeof(buf) - 1, f) > 0);
	fclose(f);
	assert_string_equal(buf, want);
}

static void what_came(void **state)
{
	struct artefacts *a = make(dir, spec.name);
	struct error *err = NULL;
	char path[256];
	json_t *j = NULL;

	(void)state;
	assert_non_null(strstr(artefacts_path(a), "/bzImage_smp_2_true_1"));
	artefacts_feed(a, ART_CONSOLE, 1500000000, "one\ntw", 6);
	artefacts_feed(a, ART_CONSOLE, 1700000000, "o\n\nthree", 8);
	artefacts_feed(a, ART_STDOUT, 0, "out\0put", 7);
	artefacts_feed(a, ART_STDERR, 0, "error", 5);
	assert_int_equal(write(artefacts_log_fd(a), "log\n", 4), 4);
	assert_int_equal(artefacts_finish(a, &result, "{}\n", &err), 0);
	assert_no_error(err);
	file_is(a, "console.log", "one\ntwo\n\nthree");
	file_is(a, "console.times.log",
		"     1500 one\n     1500 two\n     1700 \n     1700 three");
	file_is(a, "stderr", "error");
	file_is(a, "vmm.log", "log\n");
	file_is(a, "config.json", "{}\n");
	snprintf(path, sizeof(path), "%s/result.json", artefacts_path(a));
	assert_int_equal(json_read(path, &j, &err), 0);
	assert_string_equal(json_string_value(json_object_get(j, "outcome")), "idle");
	json_decref(j);
	assert_null(artefacts_close(a, false));
	assert_null(artefacts_close(NULL, true));
}

static void names(void **state)
{
	static const struct {
		const char *name, *dir;
	} rows[] = {
		{ "../../etc/passwd", "etc_passwd" },
		{ "", "test" },
		{ "\xff\x01/", "test" },
		{ "-rf", "rf" },
		{ "a  b", "a_b" },
		{ "v1.2+x", "v1.2+x" },
	};
	struct artefacts *a, *b;
	char path[256], longest[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		a = make(dir, rows[i].name);
		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].dir);
		assert_string_equal(artefacts_path(a), path);
		artefacts_close(a, false);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	a = make(dir, longest);
	assert_true(strlen(strrchr(artefacts_path(a), '/')) <= 101);
	artefacts_close(a, false);

	/* The same name twice; and directories that are not there yet. */
	snprintf(path, sizeof(path), "%s/x/y", dir);
	a = make(path, "same");
	b = make(path, "same");
	assert_non_null(strstr(artefacts_path(b), "/same-2"));
	artefacts_close(a, false);
	artefacts_close(b, false);
	rmdir(path);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
}

static void kept_or_not(void **state)
{
	struct artefacts *a = make(dir, "kept");
	char path[256], cmd[300];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s", artefacts_path(a));
	artefacts_close(a, true);
	assert_int_equal(stat(path, &st), 0);
	snprintf(cmd, sizeof(cmd), "rm -r %s", path);
	assert_int_equal(system(cmd), 0);
	a = make(dir, "gone");
	snprintf(path, sizeof(path), "%s", artefacts_path(a));
	artefacts_close(a, false);
	assert_int_equal(stat(path, &st), -1);
}

static void bounded(void **state)
{
	static char mib[1 << 20];
	struct artefacts *a = make(dir, "flood");
	struct error *err = NULL;
	struct stat st;
	char path[256];

	(void)state;
	memset(mib, '\n', sizeof(mib));
	for (unsigned i = 0; i < 70; i++)
		artefacts_feed(a, ART_STDOUT, 0, mib, sizeof(mib));
	for (unsigned i = 0; i < 8; i++)
		artefacts_feed(a, ART_CONSOLE, 0, mib, sizeof(mib));
	assert_int_equal(artefacts_finish(a, &result, NULL, &err), 0);
	snprintf(path, sizeof(path), "%s/stdout", artefacts_path(a));
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, ARTEFACT_MAX + 1, ARTEFACT_MAX + 100);
	snprintf(path, sizeof(path), "%s/console.times.log", artefacts_path(a));
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, ARTEFACT_MAX + 1, ARTEFACT_MAX + 100);
	artefacts_close(a, false);
}

static void full_disk(void **state)
{
	struct artefacts *a = make(dir, "full");
	struct error *err = NULL;
	struct rlimit old, small;
	char text[2000];

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 1000;
	setrlimit(RLIMIT_FSIZE, &small);
	memset(text, 'x', sizeof(text));
	artefacts_feed(a, ART_CONSOLE, 0, text, sizeof(text));
	artefacts_feed(a, ART_CONSOLE, 0, text, sizeof(text));
	assert_int_equal(artefacts_finish(a, &result, "{}", &err), -EFBIG);
	assert_non_null(strstr(error_msg(err), "console.log"));
	error_free(err);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	artefacts_close(a, false);
}

static void no_place(void **state)
{
	struct artefacts *a = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(artefacts_create("/proc/nowhere", "x", &a, &err) < 0);
	assert_non_null(strstr(error_msg(err), "'/proc/nowhere'"));
	error_free(err);
	assert_null(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_came),   cmocka_unit_test(names),
		cmocka_unit_test(kept_or_not), cmocka_unit_test(bounded),
		cmocka_unit_test(full_disk),   cmocka_unit_test(no_place),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
