/* SPDX-License-Identifier: MIT */
/* test_lab.c: what a lab's text says, and whether it is so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/lab.h"
#include "vmm/error.h"

/* --- patterns --------------------------------------------------------------------------------- */

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} t[] = {
		{ "", "", true },
		{ "HLT", "HLT", true },
		{ "HLT", "HLT ", true },
		{ "  HLT", "HLT", true },
		{ "HLT", "HLTS", false },
		{ "HLTS", "HLT", false },
		{ "IO  OUT", "IO OUT", true },
		{ "IO\tOUT", "IO   OUT", true },
		{ "IOOUT", "IO OUT", false },
		{ "IO OUT", "IOOUT", false },
		{ "*", "", true },
		{ "*", "anything", true },
		{ "**", "anything", true },
		{ "IO * 0xe9", "IO OUT 0xe9", true },
		{ "IO * 0xe9", "IO OUT 0xe9 (debugcon)", false },
		{ "IO * 0xe9*", "IO OUT 0xe9 (debugcon)", true },
		{ "*a*b*c", "aabbcabc", true },
		{ "*a*b*c", "aabbcab", false },
		{ "*ab", "aab", true },
		{ "a*a", "a", false },
		{ "* *", "a", false },
		{ "* *", "a b", true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		if (lab_fits(t[i].pattern, t[i].text) != t[i].fits)
			fail_msg("'%s' and '%s'", t[i].pattern, t[i].text);
}

/* No pattern takes longer than the product of the two lengths. */
static void patterns_that_take_long(void **state)
{
	char text[4000], pattern[400];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 2);
	strcpy(pattern + sizeof(pattern) - 2, "b");
	assert_false(lab_fits(pattern, text));
}

/* --- texts ------------------------------------------------------------------------------------ */

static int parse(const char *s, struct lab_text *t, const char *message)
{
	struct error *err = NULL;
	int r = lab_text_parse(s, strlen(s), t, &err);

	if (message)
		assert_non_null(strstr(error_msg(err), message));
	else
		assert_string_equal(error_msg(err), "");
	error_free(err);
	return r;
}

static void texts(void **state)
{
	static const char good[] = "# Lab 2: Two ways\n"
				   "Words.\n"
				   "```run\n"
				   "trapeze run -k x\n"
				   "```\n"
				   "```c\n"
				   "int main(void);\n"
				   "```\n"
				   "```run split\n"
				   "trapeze run -k y\n"
				   "```\n"
				   "```trace split\n"
				   "a\n"
				   "b # note\n"
				   "```\n"
				   "```claims\n"
				   "1 exit\n"
				   "```\n";
	struct lab_text t;

	(void)state;
	assert_int_equal(parse(good, &t, NULL), 0);
	assert_string_equal(t.title, "Two ways");
	assert_int_equal(t.block_cnt, 4);
	assert_int_equal(t.block[0].kind, LAB_RUN);
	assert_string_equal(t.line[t.block[0].first], "trapeze run -k x");
	assert_string_equal(t.block[1].run, "split");
	assert_int_equal(t.block[2].kind, LAB_TRACE);
	assert_int_equal(t.block[2].cnt, 2);
	assert_string_equal(lab_remark(t.line[t.block[2].first + 1]), "note");
	assert_string_equal(t.line[t.block[2].first + 1], "b");
	assert_null(lab_remark(t.line[t.block[2].first]));
	assert_int_equal(t.block[3].cnt, 1);
	lab_text_free(&t);
}

static void texts_that_are_wrong(void **state)
{
	static const char *const bad[][2] = {
		{ "```run\ntrapeze run\n", "line 1: this block has no end" },
		{ "```run\na\nb\n```\n", "line 1: a run is one command" },
		{ "```run\n```\n", "line 1: a run is one command" },
		{ "```claims\n```\n", "line 1: a block about the run ''" },
		{ "```run\na\n```\n\n```trace b\n```\n", "line 5: a block about the run 'b'" },
		{ "```run\na\n```\n```trace\n```\n", "line 4: a block that says nothing" },
		{ "```run a b\nx\n```\n", "line 1: '```run a b' has a word too many" },
	};
	struct lab_text t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i][0], &t, bad[i][1]), -EINVAL);
		lab_text_free(&t);
	}
	assert_int_equal(parse("", &t, NULL), 0);
	lab_text_free(&t);
}

/* --- claims ----------------------------------------------------------------------------------- */

static struct lab_result story(const char *const *text, unsigned cnt)
{
	struct lab_result r = { .status = 0 };

	r.console = strdup("hi\n");
	r.log = strdup("trapeze: the guest powered off\n");
	r.story.line = calloc(cnt, sizeof(*r.story.line));
	r.story.cnt = r.story.room = cnt;
	for (unsigned i = 0; i < cnt; i++) {
		bool effect = text[i][0] == ' ' || text[i][0] == '[';

		r.story.line[i] = (struct lab_line){ .text = strdup(text[i]),
						     .t = 1000 * i,
						     .exits = effect ? 0 : 1 };
	}
	return r;
}

static const char *const lines[] = {
	"[vcpu0]",
	"IO OUT 0xe9 <- 0x68 'h'",
	"IO OUT 0xe9 <- 0x69 'i'",
	"    LSR.THRE 0 -> 1",
	"HLT",
	"IO OUT 0x80 <- 0x1",
	"HLT",
	"IO OUT 0x80 <- 0x2",
};

static bool claim(const char *text, const char *why)
{
	struct lab_result r = story(lines, ARRAY_LEN(lines));
	struct lab_verdict v;
	bool ok;

	r.story.line[4].exits = 5; /* as if five were told as one */
	lab_check_claim(text, &r, &v);
	ok = v.ok;
	if (why)
		assert_non_null(strstr(v.why.s, why));
	str_free(&v.why);
	lab_result_free(&r);
	return ok;
}

static void claims(void **state)
{
	(void)state;
	assert_true(claim("10 exits", "10 exits"));
	assert_false(claim("9 exits", "it was 10"));
	assert_true(claim("2 exits IO OUT 0xe9", NULL));
	assert_true(claim("1 exit IO OUT 0xe9 * 'h'", NULL));
	assert_true(claim("6 exits HLT", NULL));
	assert_true(claim("0 exits MMIO", NULL));
	assert_true(claim("at least 6 exits HLT", NULL));
	assert_false(claim("at least 7 exits HLT", "it was 6"));
	assert_true(claim("at most 6 exits HLT", NULL));
	assert_false(claim("at most 5 exits HLT", "it was 6"));
	assert_true(claim("1 event THRE", NULL));
	assert_true(claim("1 events THRE 0 -> 1", NULL));
	assert_true(claim("status 0", NULL));
	assert_false(claim("status 33", "it was 0"));
	assert_true(claim("says powered off", NULL));
	assert_false(claim("says triple fault", "it said: trapeze"));
}

static void claims_that_are_none(void **state)
{
	static const char *const bad[] = { "", "x", "3", "3 apples", "exits 3", "status", "-" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(claim(bad[i], "no claim that could be checked"));
}

static bool trace(const char *const *block, unsigned cnt, const char *why, const char **note)
{
	struct lab_result r = story(lines, ARRAY_LEN(lines));
	struct lab_verdict v;
	char *copy[8];
	bool ok;

	for (unsigned i = 0; i < cnt; i++)
		copy[i] = strdup(block[i]);
	lab_check_trace(copy, cnt, &r, &v);
	ok = v.ok;
	if (why)
		assert_non_null(strstr(v.why.s, why));
	if (note)
		assert_string_equal(r.story.line[5].note ? r.story.line[5].note : "", *note);
	str_free(&v.why);
	for (unsigned i = 0; i < cnt; i++)
		free(copy[i]);
	lab_result_free(&r);
	return ok;
}

#define TRACE(why, ...)                                                                            \
	trace((const char *const[]){ __VA_ARGS__ },                                                \
	      ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })), why, NULL)

static void traces(void **state)
{
	const char *note = "the second";

	(void)state;
	assert_true(TRACE(NULL, "HLT"));
	assert_true(TRACE(NULL, "IO OUT 0xe9 <- *", "IO OUT 0xe9 <- *", "LSR.THRE 0 -> 1"));
	assert_true(TRACE(NULL, "...", "HLT", "...", "HLT", "..."));
	assert_false(TRACE("not there: HLT", "HLT", "...", "HLT", "...", "HLT"));
	/* "..." is any number of lines, none included; without it there is no gap. */
	assert_true(TRACE(NULL, "HLT", "...", "IO OUT 0x80 <- 0x1"));
	assert_false(TRACE("but:       IO OUT 0x80 <- 0x1", "HLT", "IO OUT 0x80 <- 0x7", "HLT"));
	/* In order. */
	assert_false(TRACE(NULL, "IO OUT 0x80 <- 0x2", "...", "IO OUT 0x80 <- 0x1"));
	/* The first HLT is followed by something else; the second fits. */
	assert_true(TRACE(NULL, "HLT", "IO OUT 0x80 <- 0x2"));
	assert_false(TRACE("not there: IO IN", "IO IN 0x3f8"));
	/* At the story's end. */
	assert_false(TRACE("not there: HLT", "IO OUT 0x80 <- 0x2", "HLT"));
	assert_true(trace((const char *const[]){ "HLT", "IO OUT 0x80 <- 0x1  # the second" }, 2,
			  NULL, &note));
}

static void consoles(void **state)
{
	struct lab_result r = story(lines, 1);
	char hi[] = "hi", ho[] = "ho";
	struct lab_verdict v;

	(void)state;
	lab_check_console((char *[]){ hi }, 1, &r, &v);
	assert_true(v.ok);
	str_free(&v.why);
	lab_check_console((char *[]){ ho }, 1, &r, &v);
	assert_false(v.ok);
	assert_non_null(strstr(v.why.s, "it said: hi"));
	str_free(&v.why);
	r.console[2] = '\0';
	lab_check_console((char *[]){ hi }, 1, &r, &v);
	assert_true(v.ok);
	str_free(&v.why);
	lab_check_console((char *[]){ hi, ho }, 2, &r, &v);
	assert_false(v.ok);
	str_free(&v.why);
	lab_result_free(&r);
}

static void measurements(void **state)
{
	struct lab_result r = story(lines, ARRAY_LEN(lines));
	struct lab_verdict v;

	(void)state;
	lab_measure("a round: 0x80 <- 0x1 .. 0x80 <- 0x2 / 4", &r, &v);
	assert_true(v.ok);
	assert_string_equal(v.why.s, "a round: 0.50 us");
	str_free(&v.why);
	lab_measure("back: 0x80 <- 0x2 .. 0x80 <- 0x1 / 4", &r, &v);
	assert_false(v.ok);
	str_free(&v.why);
	lab_measure("none: 0x80 <- 0x2 .. 0x80 <- 0x1 / 0", &r, &v);
	assert_non_null(strstr(v.why.s, "no measurement"));
	str_free(&v.why);
	lab_result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),     cmocka_unit_test(patterns_that_take_long),
		cmocka_unit_test(texts),        cmocka_unit_test(texts_that_are_wrong),
		cmocka_unit_test(claims),       cmocka_unit_test(claims_that_are_none),
		cmocka_unit_test(traces),       cmocka_unit_test(consoles),
		cmocka_unit_test(measurements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
