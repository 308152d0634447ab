/* SPDX-License-Identifier: MIT */
/* test_nested.c: TAP and KTAP in what guests print, as cases. */
#include <string.h>

#include "tests/lib/fake.h"
#include "verdict/nested.h"
#include "vmm/str.h"

/* "name:ok name:FAIL name:skip name:todo", and the failed one after "!". */
static char *cases_in(const char *text, size_t step)
{
	struct nested *n = nested_create();
	struct test_result r = { 0 };
	struct str s = { 0 };
	size_t len = strlen(text);

	assert_non_null(n);
	for (size_t i = 0; i < len; i += step)
		nested_feed(n, text + i, min_u64(step, len - i));
	nested_finish(n);
	if (nested_failed(n))
		str_add(&s, "!%s ", nested_failed(n));
	nested_take(n, &r);
	for (unsigned i = 0; i < r.case_cnt; i++)
		str_add(&s, "%s%s:%s", i ? " " : "", r.cases[i].name,
			r.cases[i].skipped ? "skip"
			: r.cases[i].todo  ? "todo"
			: r.cases[i].ok    ? "ok"
					   : "FAIL");
	test_result_free(&r);
	nested_destroy(n);
	return str_take(&s);
}

static void check(const char *text, const char *want)
{
	char *whole = cases_in(text, strlen(text) + 1), *bytes = cases_in(text, 1);

	if (strcmp(whole, want) != 0)
		fail_msg("'%s', not '%s', in:\n%s", whole, want, text);
	assert_string_equal(whole, bytes);
	free(whole);
	free(bytes);
}

static void plain_text(void **state)
{
	(void)state;
	check("", "");
	check("hello\nworld\n", "");
	check("ok\nnot ok\n", "");
	check("ok 1 - looks like it\n", "");
	check("ok 1 a\nok 2 b\nnot ok 3 c\n", "");
	check("1..5\n", "");
	check("1..5 apples\nok then\n", "");
	check("not ok 2 - what\n1..2\n", "");
	check("okay\nnot okay\nTAP\nok 1x\n", "");
	check("    ok 1 - indented\n    1..1\n", "");
	check("Bail out! of the plane\n# comment\n---\nx\n...\n", "");
}

static void tap(void **state)
{
	(void)state;
	check("TAP version 13\n1..2\nok 1 - a\nok 2 - b\n", "a:ok b:ok");
	check("1..2\nok 1 - a\nnot ok 2 - b\n", "!b a:ok b:FAIL");
	check("ok 1 - a\nok 2\n1..2\n", "a:ok test 2:ok");
	check("TAP version 14\nok 1 - a # SKIP no disk\nnot ok 2 - b # TODO later\n1..2\n",
	      "a:skip b:todo");
	check("TAP version 13\n1..3\nok 1 - a\n", "!plan a:ok plan:FAIL");
	check("TAP version 13\n1..1\nok 1\nok 2\n", "!plan test 1:ok test 2:ok plan:FAIL");
	check("TAP version 13\nok 1\n", "!plan test 1:ok plan:FAIL");
	check("TAP version 13\n1..2\n", "!plan plan:FAIL");
	check("1..0 # SKIP no such thing\n", "all:skip");
	check("TAP version 13\n1..3\nok 1\nBail out! no disk\n",
	      "!Bail out! test 1:ok Bail out!:FAIL");
	check("TAP version 13\n1..2\nok 1 - fix #123\nok 2 - \\# SKIP \\\\ not\n",
	      "fix #123:ok # SKIP \\ not:ok");
	check("1..2\r\nok 1 - a\r\n\033[32mok\033[0m 2 - b\r\n", "a:ok b:ok");
	check("noise\n1..1\nmore noise\nok 1 - a\nnoise", "a:ok");
	check("1..1\nok 1 - a\n1..1\nok 1 - b\n", "a:ok b:ok");
	check("TAP version 13\n1..1\nok 1\nTAP version 13\n1..1\nnot ok 1 - x",
	      "!x test 1:ok x:FAIL");
	/* Huge plans are numbers like others. */
	check("TAP version 13\n1..99999999999999999999999999\nok 1\n", "!plan test 1:ok plan:FAIL");
}

static void subtests(void **state)
{
	(void)state;
	/* TAP 14 */
	check("TAP version 14\n1..2\n# Subtest: foo\n    1..2\n    ok 1 - a\n    not ok 2 - b\n"
	      "not ok 1 - foo\nok 2 - bar\n",
	      "!foo/b foo/a:ok foo/b:FAIL bar:ok");
	/* KTAP */
	check("KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n    KTAP version 1\n    1..1\n"
	      "    # test_1: initializing test_1\n    ok 1 test_1\n  ok 1 example_test_1\n"
	      "  ok 2 example_test_2 # SKIP no\nok 1 main_test\n",
	      "main_test/example_test_1/test_1:ok main_test/example_test_2:skip");
	/* KUnit, on the console, with time stamps */
	check("[    1.000000] KTAP version 1\n[    1.000000] 1..1\n"
	      "[    1.000000]     KTAP version 1\n[    1.000000]     # Subtest: list\n"
	      "[    1.000000]     1..2\n[    1.000000]     ok 1 add\n"
	      "[    1.000000] random: crng init done\n"
	      "[    1.000000]     # del: EXPECTATION FAILED at lib/x.c:3\n"
	      "[    1.000000]     not ok 2 del\n"
	      "[    1.000000] # list: pass:1 fail:1 skip:0 total:2\n"
	      "[    1.000000] not ok 1 list\n",
	      "!list/del list/add:ok list/del:FAIL");
	/* kselftest */
	check("TAP version 13\n1..2\n# selftests: net: a.sh\n# TAP version 13\n# 1..2\n"
	      "# ok 1 one\n# not ok 2 two\n# # Totals: pass:1\n"
	      "not ok 1 selftests: net: a.sh # exit=1\n# selftests: net: b.sh\n# hello\n"
	      "ok 2 selftests: net: b.sh # SKIP\n",
	      "!selftests: net: a.sh/two selftests: net: a.sh/one:ok "
	      "selftests: net: a.sh/two:FAIL selftests: net: b.sh:skip");
	/* A suite that failed though none of its cases did. */
	check("TAP version 14\n1..1\n    1..1\n    ok 1 - a\nnot ok 1 - s\n", "!s s/a:ok s:FAIL");
	/* A guest that died in the middle. */
	check("KTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: s\n    1..3\n    ok 1 a\n",
	      "!s/plan s/a:ok s/plan:FAIL plan:FAIL");
}

static void details(void **state)
{
	struct nested *n = nested_create();
	struct test_result r = { 0 };
	static const char text[] =
		"TAP version 14\n1..3\nnot ok 1 - a\n  ---\n  message: \"no\"\n  got: 1\n  ...\n"
		"# said after\nok 2 - b\n# said before\nnot ok 3 - c # TIMEOUT 45s\n";
	static const char more[] = "KTAP version 1\n1..1\n# x: EXPECTATION FAILED\n  Expected 1\n"
				   "not ok 1 x\n";

	(void)state;
	nested_feed(n, text, strlen(text));
	nested_finish(n);
	nested_take(n, &r);
	assert_int_equal(r.case_cnt, 3);
	assert_string_equal(r.cases[0].detail, "  message: \"no\"\n  got: 1\nsaid after\n");
	assert_null(r.cases[1].detail);
	assert_string_equal(r.cases[2].detail, "TIMEOUT 45s\nsaid before\n");
	nested_destroy(n);

	/* Of two streams, one behind the other. */
	n = nested_create();
	nested_feed(n, more, strlen(more));
	nested_finish(n);
	nested_take(n, &r);
	assert_int_equal(r.case_cnt, 4);
	assert_string_equal(r.cases[3].name, "x");
	assert_string_equal(r.cases[3].detail, "x: EXPECTATION FAILED\nExpected 1\n");
	nested_destroy(n);
	test_result_free(&r);
}

/* More cases, deeper, longer lines, more to say than there is place for. */
static void bounded(void **state)
{
	struct nested *n = nested_create();
	struct test_result r = { 0 };
	char line[128], *big = malloc(1 << 20);

	(void)state;
	memset(big, 'x', 1 << 20);
	nested_feed(n, "TAP version 14\n1..70000\n", 24);
	for (unsigned i = 1; i <= 70000; i++) {
		snprintf(line, sizeof(line), "not ok %u - case\n# why\n", i);
		nested_feed(n, line, strlen(line));
	}
	nested_feed(n, "# ", 2);
	nested_feed(n, big, 1 << 20);
	nested_feed(n, "\nok 70001 - ", 12);
	nested_feed(n, big, 1 << 20);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(line, sizeof(line), "\n%*sKTAP version 1\n%*sok 1 deep", (int)i, "",
			 (int)i, "");
		nested_feed(n, line, strlen(line));
	}
	nested_feed(n, "\n  ---\n", 7);
	for (unsigned i = 0; i < 100; i++)
		nested_feed(n, "endless yaml\n", 13);
	nested_finish(n);
	nested_take(n, &r);
	assert_int_equal(r.case_cnt, TEST_CASES);
	assert_true(r.cases_cut);
	for (unsigned i = 0; i < r.case_cnt; i++)
		assert_true(strlen(r.cases[i].name) < 256);
	nested_destroy(n);
	test_result_free(&r);
	free(big);
	assert_null(nested_destroy(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text), cmocka_unit_test(tap),     cmocka_unit_test(subtests),
		cmocka_unit_test(details),    cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
