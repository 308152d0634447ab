/* SPDX-License-Identifier: MIT */
/* test_msr_exit.c: the answer to RDMSR and WRMSR of a register that KVM does not know. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vm_internal.h"
#include "tests/lib/fake.h"
#include "vmm/log.h"

#define KNOWN   0x1b0 /* IA32_ENERGY_PERF_BIAS, which reads 6 */
#define NOBODYS 0x12345678

static struct kvm_run rdmsr(uint32_t index, enum msr_policy p)
{
	/* What KVM leaves in the fields that we set must not shine through. */
	struct kvm_run run = { .exit_reason = KVM_EXIT_X86_RDMSR,
			       .msr = { .index = index, .data = 0xdead, .error = 0x55 } };
	struct msr_reports seen = { 0 };

	msr_exit(&run, p, &seen);
	return run;
}

static struct kvm_run wrmsr(uint32_t index, enum msr_policy p)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_X86_WRMSR,
			       .msr = { .index = index, .data = 0xdead, .error = 0x55 } };
	struct msr_reports seen = { 0 };

	msr_exit(&run, p, &seen);
	return run;
}

/*
 * Linux api.rst, KVM_EXIT_X86_RDMSR: "If the RDMSR request was successful, user space writes the
 * data into the data field and leaves error at 0; otherwise it sets error, and KVM injects #GP".
 */
static void row80_reads_follow_the_policy(void **state)
{
	(void)state;
	assert_int_equal(rdmsr(KNOWN, MSR_KNOWN).msr.error, 0);
	assert_int_equal(rdmsr(KNOWN, MSR_KNOWN).msr.data, 6);
	assert_int_equal(rdmsr(NOBODYS, MSR_KNOWN).msr.error, 1);
	assert_int_equal(rdmsr(NOBODYS, MSR_KNOWN).msr.data, 0);
	assert_int_equal(rdmsr(KNOWN, MSR_FAULT).msr.error, 1);
	assert_int_equal(rdmsr(NOBODYS, MSR_IGNORE).msr.error, 0);
	assert_int_equal(rdmsr(NOBODYS, MSR_IGNORE).msr.data, 0);
}

static void row80_writes_follow_the_policy(void **state)
{
	(void)state;
	assert_int_equal(wrmsr(KNOWN, MSR_KNOWN).msr.error, 0);
	assert_int_equal(wrmsr(NOBODYS, MSR_KNOWN).msr.error, 1);
	assert_int_equal(wrmsr(KNOWN, MSR_FAULT).msr.error, 1);
	assert_int_equal(wrmsr(NOBODYS, MSR_IGNORE).msr.error, 0);
}

static unsigned count_lines(int fd)
{
	char buf[16384];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);
	unsigned lines = 0;

	assert_true(n >= 0 && (size_t)n < sizeof(buf));
	for (ssize_t i = 0; i < n; i++)
		lines += buf[i] == '\n';
	return lines;
}

/* A guest that tries every index may not fill a disk with the log. */
static void row102_each_index_is_logged_once_and_not_too_many(void **state)
{
	struct kvm_run run = { .exit_reason = KVM_EXIT_X86_RDMSR };
	struct msr_reports seen = { 0 };
	FILE *f = tmpfile();

	(void)state;
	log_set_fd(fileno(f));
	log_set_level(LOG_INFO);
	for (unsigned i = 0; i < 3; i++)
		msr_exit(&run, MSR_KNOWN, &seen);
	assert_int_equal(count_lines(fileno(f)), 1);
	for (run.msr.index = 0; run.msr.index < 100000; run.msr.index++)
		msr_exit(&run, MSR_KNOWN, &seen);
	assert_int_equal(count_lines(fileno(f)), MSR_REPORTS);
	log_set_level(LOG_WARN);
	log_set_fd(STDERR_FILENO);
	fclose(f);
}

/* A KVM without the capability is good enough for the default, not for a policy asked for by name.
 */
static void an_old_kvm_is_refused_only_by_name(void **state)
{
	struct vm vm = { .fd = open("/dev/null", O_RDWR | O_CLOEXEC) };
	struct error *e = NULL;

	(void)state;
	assert_int_equal(msr_exit_enable(&vm, MSR_FAULT, &e), 0);
	assert_int_equal(msr_exit_enable(&vm, MSR_KNOWN, &e), 0);
	assert_no_error(e);
	assert_true(msr_exit_enable(&vm, MSR_IGNORE, &e) < 0);
	assert_error(e, "'ignore' (cpu.msr)");
	close(vm.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row80_reads_follow_the_policy),
		cmocka_unit_test(row80_writes_follow_the_policy),
		cmocka_unit_test(row102_each_index_is_logged_once_and_not_too_many),
		cmocka_unit_test(an_old_kvm_is_refused_only_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
