/* SPDX-License-Identifier: MIT */
/*
 * fuzz_nested.c: whatever is printed, the same cases come of it however it is cut into reads, each
 * with a name of bounded length, and one is told to have failed if one has (libFuzzer).
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "verdict/nested.h"

static bool parse(const uint8_t *data, size_t len, size_t step, struct test_result *r)
{
	struct nested *n = nested_create();
	bool failed;

	must(n);
	for (size_t i = 0; i < len; i += step)
		nested_feed(n, data + i, min_u64(step, len - i));
	nested_finish(n);
	failed = nested_failed(n);
	nested_take(n, r);
	nested_destroy(n);
	return failed;
}

static void compare(const struct test_case *a, const struct test_case *b)
{
	must(!strcmp(a->name, b->name) && strlen(a->name) < 256);
	must(a->ok == b->ok && a->skipped == b->skipped && a->todo == b->todo);
	must(!a->detail == !b->detail);
	must(!a->detail || (!strcmp(a->detail, b->detail) && strlen(a->detail) <= 4096));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct test_result a = { 0 }, b = { 0 };
	bool any = false, failed;

	if (!len)
		return 0;
	failed = parse(data, len, len, &a);
	must(failed == parse(data, len, 1 + data[0] % 64u, &b));
	must(a.case_cnt == b.case_cnt && a.case_cnt <= TEST_CASES);
	for (unsigned i = 0; i < a.case_cnt; i++) {
		compare(&a.cases[i], &b.cases[i]);
		any |= !a.cases[i].ok && !a.cases[i].todo && !a.cases[i].skipped;
	}
	must(any == failed);
	test_result_free(&a);
	test_result_free(&b);
	return 0;
}
