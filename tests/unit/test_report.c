/* SPDX-License-Identifier: MIT */
/*
 * test_report.c: reports as their readers want them: xmllint with a schema, prove, a JSON parser.
 * What guests say is as hostile as it gets; the readers must neither mind nor see anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/lib/fake.h"
#include "verdict/text.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/test.h"

/* Everything that a document could trip over. */
static char hostile[] =
	"  \x01\x1b[31m]]> <!-- & \" ' -->\r\n::error::mine\n::endgroup::\n\xff\xfe\xc0\x80"
	"\xed\xa0\x80\xef\xbf\xbf\xf4\x90\x80\x80 \xc3\xa4 \xe2\x82\xac\n"
	"not ok 1 - no\nBail out! no\n1..9\n  ...\n---\n  indented\n\x7f%0A end";

static struct test_spec specs[] = {
	{ .name = (char *)"bzImage/smp/true", .rerun = (char *)"trapeze test -k bzImage -- true" },
	{ .name = (char *)"no #2 <&\"\x1b'> \\",
	  .rerun = (char *)"trapeze test -k 'a b' -- sh -c '\n'" },
	{ .name = (char *)"self/idle", .wanted = TEST_IDLE },
	{ .name = (char *)"skipped" },
	{ .name = (char *)"host" },
};

static struct test_case cases[] = {
	{ .name = (char *)"suite/one", .ok = true },
	{ .name = (char *)"two # TODO", .ok = false, .todo = true },
	{ .name = (char *)"three\xff", .ok = true, .skipped = true },
	{ .name = (char *)"four", .ok = false, .detail = hostile },
};

static struct test_text text_of(char *s)
{
	return (struct test_text){ s, strlen(s) };
}

static struct test_result result(unsigned i, enum test_outcome outcome)
{
	struct test_result r = { .spec = &specs[i],
				 .index = i,
				 .attempt = 1,
				 .outcome = outcome,
				 .as_wanted = outcome == specs[i].wanted,
				 .start_ns = UINT64_C(1769860800123456789),
				 .total_ns = 1234567890 };

	snprintf(r.why, sizeof(r.why), "because of\x1b \"%s\"", test_outcomes[outcome].name);
	return r;
}

static struct test_result full(unsigned i, enum test_outcome outcome)
{
	struct test_result r = result(i, outcome);

	r.console_tail = text_of(hostile);
	r.trouble_text = text_of(hostile);
	r.stdout_tail = text_of(hostile);
	r.stderr_tail = text_of(hostile);
	r.crash = text_of(hostile);
	r.cases = cases;
	r.case_cnt = ARRAY_LEN(cases);
	r.dir = (char *)"/tmp/x y";
	r.evidence.ended = r.evidence.have_verdict = true;
	r.evidence.trouble = hostile;
	r.evidence.limit = LIMIT_TEST;
	return r;
}

static char dir[] = "/tmp/trapeze-report.XXXXXX";
static char path[64];

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static struct test_report *start(const char *format)
{
	struct test_report *r = NULL;
	struct error *err = NULL;
	char spec[128];

	snprintf(path, sizeof(path), "%s/report", dir);
	snprintf(spec, sizeof(spec), "%s:%s", format, path);
	assert_int_equal(test_report_open(spec, &r, &err), 0);
	assert_int_equal(test_report_begin(r, ARRAY_LEN(specs), &err), 0);
	assert_no_error(err);
	return r;
}

static void give(struct test_report *r, struct test_result res)
{
	struct error *err = NULL;

	assert_int_equal(test_report_result(r, &res, &err), 0);
	assert_no_error(err);
}

static void finish(struct test_report *r)
{
	const struct test_totals t = { .tests = 5,
				       .unwanted = 2,
				       .by_outcome = { [TEST_PASS] = 3 } };
	struct error *err = NULL;

	assert_int_equal(test_report_end(r, &t, &err), 0);
	assert_no_error(err);
	assert_null(test_report_close(r));
}

static char *contents(void)
{
	FILE *f = fopen(path, "r");
	char *buf = calloc(1, 1 << 20);

	assert_non_null(f);
	assert_true(fread(buf, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return buf;
}

static int command(const char *fmt, ...) __printf(1, 2);
static int command(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	status = system(cmd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool have(const char *program)
{
	return command("command -v %s >/dev/null", program) == 0;
}

/* --- JUnit ------------------------------------------------------------------------------------ */

static void validate(void)
{
	if (command("xmllint --noout --nonet --schema tests/schema/junit.xsd %s >%s/out 2>&1", path,
		    dir)) {
		command("cat %s/out >&2", dir);
		fail_msg("not valid");
	}
	command("rm %s/out", dir);
}

static void junit(void **state)
{
	struct test_report *r;
	char *text;

	(void)state;
	if (!have("xmllint")) {
		print_message("SKIP: no xmllint (libxml2-utils)\n");
		skip();
	}
	r = start("junit");
	validate();
	/* Whole after each. */
	give(r, full(0, TEST_PASS));
	validate();
	give(r, full(1, TEST_PANIC));
	validate();
	give(r, full(2, TEST_IDLE));
	give(r, result(3, TEST_SKIP));
	give(r, full(4, TEST_HOST_ERROR));
	validate();
	finish(r);
	validate();
	text = contents();
	assert_non_null(strstr(text, "tests=\"5\" failures=\"2\" errors=\"0\" skipped=\"2\""));
	assert_non_null(strstr(text, "tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"2\""));
	assert_non_null(strstr(text, "tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\""));
	/* A test that was to end badly: what failed in it was to fail. */
	assert_non_null(strstr(text, "name=\"self/idle\" timestamp="));
	assert_null(strstr(text, "classname=\"self/idle\""));
	assert_non_null(strstr(text, "time=\"1.234\""));
	assert_non_null(strstr(text, "timestamp=\"2026-01-31T12:00:00\""));
	assert_non_null(strstr(text, "type=\"panic\""));
	assert_non_null(strstr(text, "\\x01\\x1b[31m]]&gt;"));
	free(text);
}

/* --- TAP -------------------------------------------------------------------------------------- */

static void tap(void **state)
{
	struct test_report *r;
	char *text;

	(void)state;
	if (!have("prove")) {
		print_message("SKIP: no prove (perl)\n");
		skip();
	}
	r = start("tap");
	give(r, full(0, TEST_PASS));
	give(r, full(1, TEST_TIMEOUT));
	give(r, result(2, TEST_IDLE));
	give(r, result(3, TEST_SKIP));
	give(r, full(4, TEST_HOST_ERROR));
	finish(r);
	text = contents();
	assert_non_null(strstr(text, "\nok 1 - bzImage/smp/true\n"));
	assert_non_null(strstr(text, "\nok 3 - self/idle\n"));
	assert_non_null(strstr(text, "\nok 4 - skipped # SKIP because of"));
	assert_non_null(strstr(text, "\nnot ok 2 - no \\#2 "));
	assert_non_null(strstr(text, "    ok 3 - three\\xff # SKIP\n"));
	free(text);
	/* Two failures, and not a word of parse errors. */
	assert_int_equal(command("prove -v --exec cat %s >%s/out 2>&1", path, dir), 1);
	if (command("grep -q 'Failed tests*:  *2, 5' %s/out && ! grep -qi 'parse error' %s/out",
		    dir, dir)) {
		command("cat %s/out >&2", dir);
		fail_msg("prove does not read it");
	}
	command("rm %s/out", dir);
	/* And the blocks are YAML to others, too, which perl's reader does not say. */
	if (!command("python3 -c 'import yaml' 2>/dev/null"))
		assert_int_equal(
			command("sed -n '/^  ---$/,/^  [.][.][.]$/s/^  //p' %s | python3 -c '"
				"import sys, yaml; d = list(yaml.safe_load_all(sys.stdin)); "
				"assert len(d) == 2 and d[0][\"console\"][0][:2] == \"  \"'",
				path),
			0);

	r = start("tap");
	give(r, full(0, TEST_PASS));
	give(r, full(0, TEST_PASS));
	give(r, result(2, TEST_IDLE));
	give(r, result(3, TEST_SKIP));
	give(r, result(0, TEST_PASS));
	finish(r);
	assert_int_equal(command("prove -Q --exec cat %s >/dev/null 2>&1", path), 0);
	r = start("tap14");
	finish(r);
	text = contents();
	assert_string_equal(text, "TAP version 14\n1..5\nBail out! 5 tests were not run\n");
	free(text);
}

/* How many there will be is not known before (--until-fail): then the plan comes last. */
static void tap_without_a_plan(void **state)
{
	struct test_report *r = NULL;
	struct error *err = NULL;
	char spec[80], *text;

	(void)state;
	snprintf(path, sizeof(path), "%s/report", dir);
	snprintf(spec, sizeof(spec), "tap:%s", path);
	assert_int_equal(test_report_open(spec, &r, &err), 0);
	assert_int_equal(test_report_begin(r, 0, &err), 0);
	give(r, result(0, TEST_PASS));
	give(r, result(0, TEST_PASS));
	finish(r);
	text = contents();
	assert_string_equal(text, "TAP version 13\nok 1 - bzImage/smp/true\n"
				  "ok 2 - bzImage/smp/true\n1..2\n");
	free(text);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json(void **state)
{
	struct error *err = NULL;
	struct test_report *r = start("json");
	json_t *j = NULL, *first;

	(void)state;
	assert_int_equal(json_read(path, &j, &err), 0);
	json_decref(j);
	for (unsigned i = 0; i < 3; i++) {
		give(r, full(i, i ? TEST_OOPS : TEST_PASS));
		assert_int_equal(json_read(path, &j, &err), 0);
		assert_int_equal(json_array_size(json_object_get(j, "results")), i + 1);
		assert_true(json_is_false(json_object_get(j, "complete")));
		json_decref(j);
	}
	finish(r);
	assert_int_equal(json_read(path, &j, &err), 0);
	assert_no_error(err);
	assert_true(json_is_true(json_object_get(j, "complete")));
	first = json_array_get(json_object_get(j, "results"), 1);
	assert_string_equal(json_string_value(json_object_get(first, "outcome")), "oops");
	assert_int_equal(json_integer_value(json_object_get(first, "status")), 35);
	assert_string_equal(json_string_value(json_object_get(first, "start")),
			    "2026-01-31T12:00:00Z");
	assert_int_equal(json_array_size(json_object_get(first, "cases")), 4);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "totals"), "bad")),
			 2);
	json_decref(j);
}

/* --- GitHub ----------------------------------------------------------------------------------- */

/* Standard output goes to a file meanwhile. */
static void github(void **state)
{
	struct test_report *r = NULL;
	struct error *err = NULL;
	char summary[64], stop[64], again[96], *text, *p;
	int out = dup(1), fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/report", dir);
	snprintf(summary, sizeof(summary), "%s/summary", dir);
	setenv("GITHUB_STEP_SUMMARY", summary, 1);
	fflush(stdout);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(fd, 1);
	close(fd);
	assert_int_equal(test_report_open("github", &r, &err), 0);
	assert_int_equal(test_report_begin(r, 2, &err), 0);
	give(r, full(0, TEST_PASS));
	give(r, full(1, TEST_PANIC));
	finish(r);
	dup2(out, 1);
	close(out);
	text = contents();
	assert_non_null(strstr(text, "::error title=no #2 <&\"\\x1b'> \\ (panic)::because of"));
	/* What the guest says is between the two, and it cannot know the token. */
	p = strstr(text, "\n::stop-commands::");
	assert_non_null(p);
	assert_int_equal(sscanf(p, "\n::stop-commands::%32s", stop), 1);
	snprintf(again, sizeof(again), "\n::%s::\n::endgroup::\n", stop);
	assert_true(strstr(text, "::error::mine") > p);
	assert_true(strstr(text, again) > strstr(text, "::error::mine"));
	free(text);
	snprintf(path, sizeof(path), "%s", summary);
	text = contents();
	assert_non_null(strstr(text, "| no \\#2 \\<&\"\\\\x1b'\\> \\\\ | panic | 1.23 | because"));
	free(text);
	unlink(summary);
	snprintf(path, sizeof(path), "%s/report", dir);
	unsetenv("GITHUB_STEP_SUMMARY");
}

/* --- bad ends --------------------------------------------------------------------------------- */

static void specs_that_are_none(void **state)
{
	static const char *const bad[] = { "",       "tapx",     "junit", "json",
					   "junit:", "github:x", "xml:y", "tap:/nonexistent/dir/x",
					   "json:/" };
	struct test_report *r = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error *err = NULL;

		assert_true(test_report_open(bad[i], &r, &err) < 0);
		assert_non_null(error_msg(err));
		error_free(err);
		assert_null(r);
	}
	assert_null(test_report_close(NULL));
}

/* A disk that is full: one error, what was there stays whole, and what fits later is written. */
static void full_disk(void **state)
{
	static const char *const kinds[] = { "json", "junit", "tap" };
	struct rlimit old, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct test_totals t = { .tests = 4 };
		struct test_result big = full(1, TEST_FAIL);
		struct test_report *r = start(kinds[i]);
		struct error *err = NULL;
		struct stat st, now;

		give(r, full(0, TEST_PASS));
		assert_int_equal(stat(path, &st), 0);
		small = old;
		small.rlim_cur = (rlim_t)st.st_size + 700;
		setrlimit(RLIMIT_FSIZE, &small);
		assert_int_equal(test_report_result(r, &big, &err), -EFBIG);
		assert_non_null(strstr(error_msg(err), "lacks the result of 'no #2"));
		err = error_free(err);
		assert_int_equal(stat(path, &now), 0);
		assert_int_equal(st.st_size, now.st_size);
		assert_int_equal(test_report_result(r, &big, &err), 0); /* said once */
		setrlimit(RLIMIT_FSIZE, &old);
		assert_int_equal(test_report_result(r, &big, &err), 0);
		assert_int_equal(test_report_end(r, &t, &err), -EIO);
		assert_non_null(strstr(error_msg(err), "lacks 2 of 4 results"));
		error_free(err);
		test_report_close(r);
		if (!strcmp(kinds[i], "json")) {
			json_t *j = NULL;

			assert_int_equal(json_read(path, &j, &err), 0);
			assert_int_equal(json_array_size(json_object_get(j, "results")), 2);
			json_decref(j);
		} else if (!strcmp(kinds[i], "junit") && have("xmllint")) {
			validate();
		}
	}
	signal(SIGXFSZ, SIG_DFL);
}

/* Into a pipe there is one document, whose end comes last. */
static void into_a_pipe(void **state)
{
	struct error *err = NULL;
	struct test_report *r = NULL;
	const struct test_totals t = { 0 };
	char buf[8192] = "", spec[64];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	snprintf(spec, sizeof(spec), "json:/dev/fd/%d", p[1]);
	assert_int_equal(test_report_open(spec, &r, &err), 0);
	assert_int_equal(test_report_begin(r, 1, &err), 0);
	give(r, result(0, TEST_PASS));
	give(r, result(0, TEST_PASS));
	assert_int_equal(test_report_end(r, &t, &err), 0);
	test_report_close(r);
	close(p[1]);
	assert_true(read(p[0], buf, sizeof(buf) - 1) > 0);
	close(p[0]);
	{
		json_t *j = NULL;

		assert_int_equal(json_parse(buf, strlen(buf), "pipe", &j, &err), 0);
		assert_int_equal(json_array_size(json_object_get(j, "results")), 2);
		json_decref(j);
	}
}

/* --- text ------------------------------------------------------------------------------------- */

static void plain_text(void **state)
{
	struct str s = { 0 };

	(void)state;
	text_plain(&s, "a\r\nb\rc\t\x1b\xc3\xa4\xc2\x85\xff\0z", 15);
	assert_string_equal(s.s, "a\nb\\x0dc\t\\x1b\xc3\xa4\\xc2\\x85\\xff\\x00z");
	str_free(&s);
	text_indented(&s, "> ", "a\r\n\nb", 5);
	assert_string_equal(s.s, "> a\n> \n> b\n");
	str_free(&s);
	text_quoted(&s, "a\"\\\x01\n");
	assert_string_equal(s.s, "\"a\\\"\\\\\\\\x01\\n\"");
	str_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(junit),
		cmocka_unit_test(tap),
		cmocka_unit_test(tap_without_a_plan),
		cmocka_unit_test(json),
		cmocka_unit_test(github),
		cmocka_unit_test(specs_that_are_none),
		cmocka_unit_test(full_disk),
		cmocka_unit_test(into_a_pipe),
		cmocka_unit_test(plain_text),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
