/* SPDX-License-Identifier: MIT */
/* outcome.c: the ways in which a test can end, and a result's memory. */
#include <string.h>

#include "vmm/test.h"

/* Statuses 32 to 34 are those that `trapeze run` has for the same ends, 124 is timeout(1)'s, 70 and
 * 71 are EX_SOFTWARE and EX_OSERR of sysexits.h, 77 is Automake's, 130 a shell's for SIGINT. */
const struct test_outcome_info test_outcomes[TEST_OUTCOME_CNT] = {
	[TEST_PASS] = { "pass", "the command passed", 0, false, false },
	[TEST_SKIP] = { "skip", "the command skipped itself", 77, false, false },
	[TEST_FAIL] = { "fail", "the command failed", 1, true, false },
	[TEST_IDLE] = { "idle", "the guest fell silent", 37, true, false },
	[TEST_TIMEOUT] = { "timeout", "the command did not end in time", 124, true, false },
	[TEST_BOOT_TIMEOUT] = { "boot-timeout", "the guest did not boot in time", 36, true, false },
	[TEST_NO_VERDICT] = { "no-verdict", "the guest ended without a verdict", 38, true, false },
	[TEST_RESET] = { "reset", "the guest reset itself", 32, true, false },
	[TEST_OOPS] = { "oops", "the guest's kernel complained", 35, true, false },
	[TEST_PANIC] = { "panic", "the guest's kernel panicked", 34, true, false },
	[TEST_TRIPLE_FAULT] = { "triple-fault", "the guest crashed", 33, true, false },
	[TEST_VMM_ERROR] = { "vmm-error", "the virtual machine failed", 70, true, true },
	[TEST_HOST_ERROR] = { "host-error", "the host could not run the guest", 71, true, true },
	[TEST_CANCELLED] = { "cancelled", "the test was cancelled", 130, true, true },
};

bool test_result_is_bad(const struct test_result *r)
{
	if (r->spec->wanted != TEST_PASS)
		return r->outcome != r->spec->wanted;
	return test_outcomes[r->outcome].bad;
}

void test_result_free(struct test_result *r)
{
	for (unsigned i = 0; i < r->case_cnt; i++) {
		free(r->cases[i].name);
		free(r->cases[i].detail);
	}
	free(r->cases);
	free(r->console_tail.text);
	free(r->trouble_text.text);
	free(r->stdout_tail.text);
	free(r->stderr_tail.text);
	free(r->crash.text);
	free(r->dir);
	memset(r, 0, sizeof(*r));
}
