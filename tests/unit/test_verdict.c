/* SPDX-License-Identifier: MIT */
/* test_verdict.c: exit statuses are an interface; sentences are for people. */
#include <signal.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/verdict.h"

static void test_exit_status(void **state)
{
	static const struct {
		struct verdict v;
		int status;
	} cases[] = {
		{ { .kind = VERDICT_POWER_OFF }, 0 },
		{ { .kind = VERDICT_VMM_ERROR, .value = 5 }, 1 },
		{ { .kind = VERDICT_RESET }, 32 },
		{ { .kind = VERDICT_CRASH }, 33 },
		{ { .kind = VERDICT_PANIC, .value = 1 }, 34 },
		{ { .kind = VERDICT_TIMEOUT, .value = 30 }, 124 },
		{ { .kind = VERDICT_SIGNAL, .value = SIGINT }, 130 },
		{ { .kind = VERDICT_SIGNAL, .value = SIGTERM }, 143 },
		{ { .kind = VERDICT_DEBUG_EXIT, .value = 1 }, 1 },   /* wrote 0 */
		{ { .kind = VERDICT_DEBUG_EXIT, .value = 33 }, 33 }, /* wrote 0x10 */
		{ { .kind = VERDICT_DEBUG_EXIT, .value = 255 }, 255 },
		{ { .kind = VERDICT_DEBUG_EXIT, .value = 511 }, 255 }, /* as exit(511) */
		{ { .kind = VERDICT_USER_QUIT }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(verdict_exit_status(&cases[i].v), cases[i].status);
}

static void check(const struct verdict *v, const char *want)
{
	char buf[512];

	verdict_describe(v, buf, sizeof(buf));
	assert_string_equal(buf, want);
}

static void test_describe(void **state)
{
	(void)state;
	check(&(struct verdict){ .kind = VERDICT_POWER_OFF }, "the guest powered off");
	check(&(struct verdict){ .kind = VERDICT_RESET }, "the guest reset the machine");
	check(&(struct verdict){ .kind = VERDICT_PANIC, .detail = "Kernel panic - not syncing: x" },
	      "the guest panicked: Kernel panic - not syncing: x");
	check(&(struct verdict){ .kind = VERDICT_CRASH, .detail = "triple fault on vCPU 1" },
	      "the guest crashed: triple fault on vCPU 1");
	check(&(struct verdict){ .kind = VERDICT_SIGNAL, .value = SIGTERM },
	      "stopped by a signal (SIGTERM)");
	check(&(struct verdict){ .kind = VERDICT_SIGNAL, .value = 50 },
	      "stopped by a signal (number 50)");
	check(&(struct verdict){ .kind = VERDICT_SIGNAL, .value = 5000 },
	      "stopped by a signal (number 5000)");
	check(&(struct verdict){ .kind = VERDICT_TIMEOUT, .value = 30 },
	      "the guest did not end in time (30 s)");
	check(&(struct verdict){ .kind = VERDICT_TIMEOUT }, "the guest did not end in time");
	check(&(struct verdict){ .kind = VERDICT_DEBUG_EXIT, .value = 33 },
	      "the guest ended through the debug-exit port with status 33");
	check(&(struct verdict){ .kind = VERDICT_USER_QUIT }, "ended from the console");
}

/* A guest's words must not act on the terminal they are shown on. */
static void test_describe_escapes(void **state)
{
	(void)state;
	check(&(struct verdict){ .kind = VERDICT_PANIC, .detail = "\033[2J\nx" },
	      "the guest panicked: \\x1b[2J\\nx");
}

static void test_describe_limits(void **state)
{
	struct verdict v = { .kind = VERDICT_PANIC };
	char buf[512];

	(void)state;
	memset(v.detail, '\n', sizeof(v.detail)); /* no NUL, and all of it grows */
	verdict_describe(&v, buf, sizeof(buf));
	assert_int_equal(strlen(buf), strlen("the guest panicked: ") + 2 * sizeof(v.detail));
	memset(buf, 'x', sizeof(buf));
	verdict_describe(&v, buf, 10);
	assert_string_equal(buf, "the guest");
	assert_int_equal(buf[10], 'x');
	verdict_describe(&v, buf, 1);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_describe_escapes),
		cmocka_unit_test(test_describe_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
