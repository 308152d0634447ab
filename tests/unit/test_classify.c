/* SPDX-License-Identifier: MIT */
/* test_classify.c: what was seen of a guest, and what is made of it. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/test.h"

#define SEEN_END        .hello = true, .start = true, .ended = true, .down = true
#define VERDICT(k, ...) .have_verdict = true, .verdict = { .kind = VERDICT_##k, __VA_ARGS__ }
#define EXITED(n)       .end = { .code = GUEST_END_EXITED, .number = n }

struct row {
	const char *words; /* part of the sentence */
	enum test_outcome want;
	struct test_evidence e;
	struct test_spec spec;
};

static void check(const struct row *rows, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++) {
		char why[512] = "";
		enum test_outcome got = test_classify(&rows[i].e, &rows[i].spec, why, sizeof(why));

		if (got != rows[i].want || !strstr(why, rows[i].words) || strchr(why, '\n'))
			fail_msg("row %zu: %s (%s), not %s (%s)", i, test_outcomes[got].name, why,
				 test_outcomes[rows[i].want].name, rows[i].words);
	}
}

static void what_the_command_did(void **state)
{
	static const struct row rows[] = {
		{ "exit status 0", TEST_PASS, { SEEN_END, VERDICT(POWER_OFF), EXITED(0) }, {} },
		{ "exit status 42, not 0",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(42) },
		  {} },
		{ "exit status 77", TEST_SKIP, { SEEN_END, VERDICT(POWER_OFF), EXITED(77) }, {} },
		{ "exit status 77",
		  TEST_PASS,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(77) },
		  { .expect.exit = 77 } },
		{ "exit status 0, not 3",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(0) },
		  { .expect.exit = 3 } },
		{ "SIGSEGV, with a core dump",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF),
		    .end = { .code = GUEST_END_SIGNALED,
			     .number = SIGSEGV,
			     .flags = GUEST_END_F_CORE } },
		  {} },
		{ "'/bin/x': No such file or directory",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF),
		    .end = { .code = GUEST_END_NOT_RUN, .number = ENOENT, .text = "/bin/x" } },
		  {} },
		{ "could not be set up: mounting \\x1b: no reason given",
		  TEST_NO_VERDICT,
		  { SEEN_END, VERDICT(POWER_OFF),
		    .end = { .code = GUEST_END_FAILED, .number = -5, .text = "mounting \x1b" } },
		  {} },
		{ "no verdict (99)",
		  TEST_NO_VERDICT,
		  { SEEN_END, VERDICT(POWER_OFF), .end = { .code = 99 } },
		  {} },
		{ "signal 77777777",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF),
		    .end = { .code = GUEST_END_SIGNALED, .number = 77777777 } },
		  {} },
		/* The exit port repeats what the init has said; alone it is not believed. */
		{ "exit status 0",
		  TEST_PASS,
		  { SEEN_END, VERDICT(DEBUG_EXIT, .value = 1), EXITED(0) },
		  {} },
		{ "debug-exit port",
		  TEST_NO_VERDICT,
		  { .hello = true, .start = true, VERDICT(DEBUG_EXIT, .value = 1) },
		  {} },
		/* A kernel that knows no power-off. */
		{ "exit status 0", TEST_PASS, { SEEN_END, VERDICT(RESET), EXITED(0) }, {} },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void output_that_is_missing(void **state)
{
	static const struct row rows[] = {
		{ "wrote 10 bytes to stdout, of which 9 arrived",
		  TEST_NO_VERDICT,
		  { SEEN_END, VERDICT(POWER_OFF), .end = { .out_len = { 10, 0 } },
		    .out_len = { 9, 0 } },
		  {} },
		{ "to stderr",
		  TEST_NO_VERDICT,
		  { SEEN_END, VERDICT(POWER_OFF), .out_len = { 0, 1 } },
		  {} },
		{ "lost on COM1",
		  TEST_NO_VERDICT,
		  { SEEN_END, VERDICT(POWER_OFF), .out_lost = true },
		  {} },
		{ "file systems",
		  TEST_NO_VERDICT,
		  { .hello = true, .start = true, .ended = true, VERDICT(POWER_OFF) },
		  { .segment.flags = GUEST_INIT_F_COMMIT } },
		{ "did not power off within 60 s",
		  TEST_TIMEOUT,
		  { SEEN_END, .limit = LIMIT_TEST, .end = { .out_len = { 10, 0 } } },
		  { .limits.test_ns = 60000000000 } },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void guests_that_say_nothing(void **state)
{
	static const struct row rows[] = {
		{ "before its init had started", TEST_NO_VERDICT, { VERDICT(POWER_OFF) }, {} },
		{ "before the command was started",
		  TEST_NO_VERDICT,
		  { .hello = true, VERDICT(POWER_OFF) },
		  {} },
		{ "while the command ran",
		  TEST_NO_VERDICT,
		  { .hello = true, .start = true, VERDICT(POWER_OFF) },
		  {} },
		{ "reset the machine while the command ran",
		  TEST_RESET,
		  { .hello = true, .start = true, VERDICT(RESET) },
		  {} },
		{ "triple fault on vCPU 0",
		  TEST_TRIPLE_FAULT,
		  { VERDICT(CRASH, .detail = "triple fault on vCPU 0") },
		  {} },
		{ "pvpanic", TEST_PANIC, { VERDICT(PANIC, .detail = "pvpanic") }, {} },
		{ "had not started the command within 20 s",
		  TEST_BOOT_TIMEOUT,
		  { .limit = LIMIT_BOOT },
		  { .limits = { .boot_ns = 10000000000, .scale = 2 } } },
		{ "init ran, but",
		  TEST_BOOT_TIMEOUT,
		  { .hello = true, .limit = LIMIT_BOOT, .child_status = SIGKILL },
		  {} },
		{ "said nothing for 0.5 s",
		  TEST_IDLE,
		  { .limit = LIMIT_IDLE, VERDICT(SIGNAL, .value = SIGTERM) },
		  { .limits.idle_ns = 500000000 } },
		{ "did not end in time (3 s)", TEST_TIMEOUT, { VERDICT(TIMEOUT, .value = 3) }, {} },
		{ "nothing is known",
		  TEST_NO_VERDICT,
		  { VERDICT(POWER_OFF), .ended = true },
		  { .protocol = 99 } },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void other_protocols(void **state)
{
#define PORT .spec.protocol = TEST_BY_EXIT_PORT
#define ENDS .spec.protocol = TEST_BY_MACHINE_END
	static const struct row rows[] = {
		{ "exit code 0", TEST_PASS, { VERDICT(DEBUG_EXIT, .value = 1) }, PORT },
		{ "exit code 1, not 0", TEST_FAIL, { VERDICT(DEBUG_EXIT, .value = 3) }, PORT },
		{ "exit code 77", TEST_SKIP, { VERDICT(DEBUG_EXIT, .value = 155) }, PORT },
		{ "exit code 77", TEST_SKIP, { VERDICT(DEBUG_EXIT, .value = 77) }, PORT },
		{ "exit code 38",
		  TEST_PASS,
		  { VERDICT(DEBUG_EXIT, .value = 77) },
		  { .protocol = TEST_BY_EXIT_PORT, .expect.exit = 38 } },
		{ "wrote nothing", TEST_NO_VERDICT, { VERDICT(POWER_OFF) }, PORT },
		{ "powered off", TEST_PASS, { VERDICT(POWER_OFF) }, ENDS },
		{ "reset", TEST_RESET, { VERDICT(RESET) }, ENDS },
		{ "exit code 2", TEST_FAIL, { VERDICT(DEBUG_EXIT, .value = 5) }, ENDS },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void what_the_console_says(void **state)
{
	static const struct row rows[] = {
		{ "WARNING: CPU: 0",
		  TEST_OOPS,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(0), .trouble = "WARNING: CPU: 0" },
		  {} },
		{ "exit status 0",
		  TEST_PASS,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(0), .trouble = "WARNING: CPU: 0" },
		  { .expect.allow_trouble = true } },
		{ "syncing: Fatal exception (after: BUG: x)",
		  TEST_PANIC,
		  { VERDICT(RESET), .trouble = "BUG: x", .panicked = true,
		    .panic = "Kernel panic - not syncing: Fatal exception" },
		  { .expect.allow_trouble = true } },
		{ "must not: no\\x1b",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(0), .forbidden = "no\x1b" },
		  {} },
		{ "has not shown '^login:'",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(0), .missing_console = true,
		    .missing = "^login:" },
		  {} },
		{ "the case 'a/b'",
		  TEST_FAIL,
		  { SEEN_END, VERDICT(POWER_OFF), EXITED(0), .failed_case = "a/b" },
		  {} },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void hosts_and_vmms(void **state)
{
	static const struct row rows[] = {
		{ "cannot open '/dev/kvm'",
		  TEST_HOST_ERROR,
		  { .host_error = "cannot open '/dev/kvm'", .host_is_to_blame = true },
		  {} },
		{ "impossible", TEST_VMM_ERROR, { .host_error = "impossible" }, {} },
		{ "SIGSEGV", TEST_VMM_ERROR, { .child_status = SIGSEGV }, {} },
		{ "SIGSEGV",
		  TEST_VMM_ERROR,
		  { .child_status = SIGSEGV, .limit = LIMIT_TEST, .trouble = "BUG: x" },
		  {} },
		{ "SIGKILL, perhaps", TEST_HOST_ERROR, { .child_status = SIGKILL }, {} },
		{ "did not end",
		  TEST_TIMEOUT,
		  { .child_status = SIGKILL, .limit = LIMIT_TEST },
		  {} },
		{ "status 3", TEST_VMM_ERROR, { .child_status = 3 << 8 }, {} },
		{ "machine failed", TEST_VMM_ERROR, { VERDICT(VMM_ERROR) }, {} },
		{ "machine failed",
		  TEST_HOST_ERROR,
		  { VERDICT(VMM_ERROR), .host_is_to_blame = true },
		  {} },
		{ "SIGTERM", TEST_CANCELLED, { VERDICT(SIGNAL, .value = SIGTERM) }, {} },
		{ "cancelled",
		  TEST_CANCELLED,
		  { SEEN_END, VERDICT(POWER_OFF), .cancelled = true },
		  {} },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

/* Scripts and bisections go by the statuses: each its own, none that a shell has a meaning for. */
static void statuses(void **state)
{
	(void)state;
	for (int i = 0; i < TEST_OUTCOME_CNT; i++) {
		const struct test_outcome_info *a = &test_outcomes[i];

		assert_non_null(a->name);
		assert_non_null(a->words);
		assert_in_range(a->status, 0, 255);
		assert_true(a->status != 2 && a->status != 125 && a->status != 126 &&
			    a->status != 127);
		assert_int_equal(a->bad, i != TEST_PASS && i != TEST_SKIP);
		for (int k = 0; k < i; k++) {
			assert_int_not_equal(a->status, test_outcomes[k].status);
			assert_string_not_equal(a->name, test_outcomes[k].name);
		}
	}
	assert_int_equal(test_outcomes[TEST_RESET].status,
			 verdict_exit_status(&(struct verdict){ .kind = VERDICT_RESET }));
	assert_int_equal(test_outcomes[TEST_TRIPLE_FAULT].status,
			 verdict_exit_status(&(struct verdict){ .kind = VERDICT_CRASH }));
	assert_int_equal(test_outcomes[TEST_PANIC].status,
			 verdict_exit_status(&(struct verdict){ .kind = VERDICT_PANIC }));
	assert_int_equal(test_outcomes[TEST_TIMEOUT].status,
			 verdict_exit_status(&(struct verdict){ .kind = VERDICT_TIMEOUT }));
}

static void short_buffers(void **state)
{
	const struct test_evidence e = { .host_error = "a long sentence",
					 .host_is_to_blame = true };
	const struct test_spec spec = { 0 };
	char why[6];

	(void)state;
	assert_int_equal(test_classify(&e, &spec, why, sizeof(why)), TEST_HOST_ERROR);
	assert_string_equal(why, "a lon");
}

static void wanted_outcomes(void **state)
{
	struct test_spec spec = { .wanted = TEST_PASS };
	struct test_result r = { .spec = &spec };

	(void)state;
	assert_false(test_result_is_bad(&r));
	r.outcome = TEST_SKIP;
	assert_false(test_result_is_bad(&r));
	r.outcome = TEST_IDLE;
	assert_true(test_result_is_bad(&r));
	spec.wanted = TEST_IDLE;
	assert_false(test_result_is_bad(&r));
	r.outcome = TEST_PASS;
	assert_true(test_result_is_bad(&r));
	test_result_free(&r);
	test_result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_command_did),
		cmocka_unit_test(output_that_is_missing),
		cmocka_unit_test(guests_that_say_nothing),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(what_the_console_says),
		cmocka_unit_test(hosts_and_vmms),
		cmocka_unit_test(statuses),
		cmocka_unit_test(short_buffers),
		cmocka_unit_test(wanted_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
