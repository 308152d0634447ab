/* SPDX-License-Identifier: MIT */
/*
 * test.h: a command in a guest, and its verdict: what a test is, how it can end, what is known of
 * it afterwards, and who wants to hear of that.
 *
 * An attempt is one guest: a child process with a machine in it (src/verdict/attempt.c). What was
 * seen of it is a struct test_evidence, of which test_classify() makes an outcome; no other place
 * decides. A guest passes in one way only: its init has said END, everything it promised has
 * arrived, and nothing speaks against it.
 */
#ifndef VMM_TEST_H
#define VMM_TEST_H

#include <sys/types.h>

#include "vmm/config.h"
#include "vmm/guest_record.h"
#include "vmm/guest_segment.h"
#include "vmm/verdict.h"

struct error;

/* --- how a test ends -------------------------------------------------------------------------- */

/* In order of weight: of several things that are true the one that comes last is the outcome. */
enum test_outcome {
	TEST_PASS,
	TEST_SKIP,         /* exit status 77 of the command */
	TEST_FAIL,         /* any other that was not expected; a signal; an expectation not met */
	TEST_IDLE,         /* no output for --idle-timeout */
	TEST_TIMEOUT,      /* --timeout, from START on */
	TEST_BOOT_TIMEOUT, /* no START within --boot-timeout */
	TEST_NO_VERDICT,   /* the guest powered off without having said how the command ended */
	TEST_RESET,        /* the guest reset itself */
	TEST_OOPS, /* the kernel complained, and went on; what the command said then is worth
		      nothing */
	TEST_PANIC,
	TEST_TRIPLE_FAULT, /* or another end that KVM sees: VERDICT_CRASH */
	TEST_VMM_ERROR,    /* trapeze failed: a bug of ours */
	TEST_HOST_ERROR, /* no /dev/kvm, no memory, disk full, no kernel: never the test's fault */
	TEST_CANCELLED,  /* SIGINT, or another one failed and --stop-at-failure */
	TEST_OUTCOME_CNT,
};

struct test_outcome_info {
	const char *name;  /* "boot-timeout": stable, for reports and scripts */
	const char *words; /* "the guest did not boot in time" */
	int status;        /* exit status of `trapeze test` with this one alone; each has its own */
	bool bad;          /* counts against the whole run (all but pass and skip) */
	bool hosts; /* the host's or ours, never the test's: JUnit <error>, retried by nobody */
};
extern const struct test_outcome_info test_outcomes[TEST_OUTCOME_CNT];

/* --- what a test is --------------------------------------------------------------------------- */

#define TEST_EXPECTS 16

/* POSIX extended regular expressions, matched line by line against the console. Not owned. */
struct test_expect {
	unsigned exit; /* --expect-exit; a command that ends with it has passed, with 77 as well */
	const char *console[TEST_EXPECTS]; /* each must be seen */
	const char *fail_on[TEST_EXPECTS]; /* none may be */
	unsigned console_cnt, fail_on_cnt;
	bool allow_trouble; /* --allow-oops: the kernel's complaints are reported, and do not count
			     */
};

/* Nanoseconds; 0: no limit. */
struct test_limits {
	uint64_t boot_ns, test_ns, idle_ns;
	double scale; /* --timeout-scale; 1 if not asked for */
};

/* How the command gets to its verdict. */
enum test_protocol {
	TEST_BY_INIT,        /* our init in the guest (guest_init.h) */
	TEST_BY_EXIT_PORT,   /* the debug-exit port: status (v << 1) | 1 -> v; kvm-unit-tests */
	TEST_BY_MACHINE_END, /* --boot-only: powering off is a pass; endings of self-test */
};

struct test_spec {
	char *name; /* unique in the run: "KERNEL/CONFIG/COMMAND #REPEAT"; owned, as all below */
	struct vm_config
		config; /* of the machine; the test's own ports and segment are added to it */
	enum test_protocol protocol;
	char **argv; /* the command, ends in NULL */
	char **env;  /* NAME=VALUE, ends in NULL */
	char *cwd;
	struct guest_segment_config segment; /* root, mounts, flags; argv, env, cwd are filled in */
	struct test_expect expect;
	struct test_limits limits;
	unsigned retries;
	enum test_outcome wanted; /* what counts as a pass: TEST_PASS but for the self-test */
	char *rerun;              /* the command line that runs exactly this one */
	char *config_text;        /* config as --dump-config prints it; may be NULL */
};

/*
 * Guests that each end in one way (firmware/endings), as tests that pass if that is what is said of
 * them: *cnt specs in an array from calloc, in which everything is owned as struct test_spec has
 * it; the caller frees them as any others. Their kernels are memory files of this process, which
 * children inherit, and stay open until it ends: once a process.
 */
int self_test_specs(struct test_spec **ret, unsigned *cnt, struct error **errp) __must_check;

/* --- what was seen of an attempt -------------------------------------------------------------- */

enum test_limit { LIMIT_NONE, LIMIT_BOOT, LIMIT_TEST, LIMIT_IDLE };

/* Lines, oldest first, as one text with line feeds; control bytes are as the guest sent them. */
struct test_text {
	char *text;
	size_t len;
};

struct test_evidence {
	bool hello, start, ended, down; /* records that came */
	struct guest_init_record end;   /* if ended */
	uint64_t out_len[2];            /* bytes of stdout and stderr that came */
	bool out_lost;                  /* .. on COM1: a gap in the records */

	bool have_verdict; /* the child lived to tell: */
	struct verdict verdict;
	int child_status;      /* as wait(2) gives it, otherwise */
	char host_error[512];  /* why there was no guest; empty: there was one */
	bool host_is_to_blame; /* .. and that is the host's (or the user's), else ours */

	enum test_limit limit; /* the one that was exceeded */
	bool cancelled;

	/* of the console (trouble.h) */
	const char *trouble;  /* the headline of the first trouble, NULL: none */
	bool panicked;        /* and it was, or became, a panic: */
	const char *panic;    /* the line that says so; NULL unless panicked */
	bool missing_console; /* an expected line that has not come: */
	const char *missing;
	const char *forbidden; /* the first line a fail_on matched; NULL: none */

	/* of TAP in the output (nested.h): the first case that failed; NULL: none */
	const char *failed_case;
};

/*
 * The outcome, and one sentence that says why, without a full stop: "exit status 42, not 0",
 * "Kernel panic - not syncing: sysrq triggered crash". Pure. Any thread.
 */
enum test_outcome test_classify(const struct test_evidence *e, const struct test_spec *spec,
				char *why, size_t len);

/* --- what is known afterwards ----------------------------------------------------------------- */

/* A case inside a test: a line of TAP or KTAP that the command (or the kernel) printed. */
struct test_case {
	char *name; /* "suite/case" */
	bool ok, skipped, todo;
	char *detail; /* diagnostic lines; may be NULL */
};

struct test_result {
	const struct test_spec *spec;
	unsigned index, attempt; /* of the run, from 0; attempts, from 1 */
	enum test_outcome outcome;
	bool as_wanted; /* outcome == spec->wanted */
	char why[512];
	struct test_evidence evidence;
	uint64_t start_ns;                  /* CLOCK_REALTIME */
	uint64_t boot_ns, run_ns, total_ns; /* to START; START to END; start to end of the child */
	uint64_t user_ns, system_ns;        /* the child's CPU time */
	struct test_text console_tail;      /* the last 50 lines */
	struct test_text trouble_text;      /* the trouble, first line to last */
	struct test_text stdout_tail, stderr_tail; /* the last 64 KiB of each */
	struct test_text crash; /* registers and exit summary, from the machine */
	struct test_case *cases;
	unsigned case_cnt;
	bool cases_cut; /* there were more than TEST_CASES */
	char *dir;      /* its artefacts; NULL: not kept */
};
#define TEST_CASES 65536

/*
 * Frees what a result owns: the texts, the cases, dir; and zeroes it. What evidence points to
 * belongs to the scanners it came from, which live until the result has been reported.
 */
void test_result_free(struct test_result *r);

/* Does it count against the run? Not if it ended as wanted; a skip never does. */
bool test_result_is_bad(const struct test_result *r);

/* --- who hears of it -------------------------------------------------------------------------- */

struct test_totals {
	unsigned tests, by_outcome[TEST_OUTCOME_CNT], unwanted;
	uint64_t wall_ns;
	bool interrupted;
};

/*
 * A report: each result is written when it is there, so that whoever dies later has lost none. All
 * calls on the runner's thread. Errors: -errno with a sentence; the run goes on, and fails in the
 * end as a host error.
 */
struct test_report;
/* "tap" (standard output), "tap:FILE", "tap14", "junit:FILE", "json:FILE", "github". */
int test_report_open(const char *spec, struct test_report **ret, struct error **errp) __must_check;
/* @tests: how many there will be; 0: that is not known (--until-fail). */
int test_report_begin(struct test_report *r, unsigned tests, struct error **errp) __must_check;
int test_report_result(struct test_report *r, const struct test_result *res,
		       struct error **errp) __must_check;
int test_report_end(struct test_report *r, const struct test_totals *t,
		    struct error **errp) __must_check;
struct test_report *test_report_close(struct test_report *r); /* returns NULL; NULL-safe */

/* --- kvm-unit-tests --------------------------------------------------------------------------- */

/*
 * What an image of kvm-unit-tests reads of its machine, instead of from QEMU's fw_cfg: NR_CPUS,
 * MEMSIZE and TEST_DEVICE, as lines of its environment, which is its only multiboot module
 * (setup_env() in its lib/x86/setup.c). *path, which the caller frees, names a memory file of this
 * process that children inherit; it stays open until the process ends. After config_check().
 */
int kvm_unit_test_env(const struct vm_config *c, char **path, struct error **errp) __must_check;

/* --- the run ---------------------------------------------------------------------------------- */

enum test_keep { TEST_KEEP_FAILED, TEST_KEEP_ALL, TEST_KEEP_NONE };

struct test_run {
	const struct test_spec *specs;
	unsigned spec_cnt;
	unsigned jobs; /* guests at once */
	bool stop_at_failure, until_fail;
	enum test_keep keep;
	const char *dir; /* artefacts: one directory a test in it */
	struct test_report **reports;
	unsigned report_cnt;
	bool passthrough; /* one test: its stdin, stdout and stderr are this process's */
	bool quiet;
};

/*
 * Runs them all; SIGINT, SIGTERM and SIGHUP end the guests, and the reports are still completed.
 * The exit status: that of the only test, or 0, or 1 if some were bad, or that of the host error.
 * Main thread, before there is any other.
 */
int test_run_all(const struct test_run *run, struct test_totals *ret,
		 struct error **errp) __must_check;

#endif
