/* SPDX-License-Identifier: MIT */
/* test_option.c: the options of `trapeze test`: its own rows, and those of run that make sense. */
#include <errno.h>
#include <string.h>

#include "cli/test.h"
#include "vmm/error.h"
#include "vmm/timer.h"

#define DEFAULT_BOOT_NS (60 * NSEC_PER_SEC)
#define DEFAULT_TEST_NS (300 * NSEC_PER_SEC)
#define MAX_JOBS        1024

static const struct opt_word keep_words[] = {
	{ "failed", TEST_KEEP_FAILED, "of tests that did not end as wanted" },
	{ "all", TEST_KEEP_ALL, "of all tests" },
	{ "none", TEST_KEEP_NONE, "of none" },
	{ 0 },
};

static const struct opt_word report_words[] = {
	{ "tap", 0, "TAP on standard output; tap:FILE: in a file" },
	{ "tap14", 0, "the same with \"TAP version 14\" in front, which prove(1) does not know" },
	{ "junit:FILE", 0, "JUnit XML" },
	{ "json:FILE", 0, "an object for each test" },
	{ "github", 0, "annotations of a workflow of GitHub Actions, on standard output" },
	{ 0 },
};

#define AT(member) .off = offsetof(struct test_args, member)

const struct opt test_options[] = {
	{ "The command", NULL, "root", NULL, 0, "IMG[,KEY=VALUE]...|DIR", &opt_file, AT(root),
	  .fallback = "the initramfs",
	  .help = "The command's root: a disk image, as for -d, or a directory; what the command "
		  "writes to it stays in the guest" },
	{ "The command", NULL, "root-device", NULL, 0, "DEVICE", &opt_text, AT(root_device),
	  .fallback = "/dev/vda", .help = "Where in the guest the root is, if on a partition" },
	{ "The command", NULL, "commit", NULL, 0, NULL, &opt_action, AT(commit),
	  .help = "Keep what is written to the root image; else it is gone at the end" },
	{ "The command", NULL, "share", NULL, 0, "DIR:/WHERE[:rw]", &opt_list, AT(shares),
	  .help = "Mount the host's directory DIR at WHERE; the guest may change what is in it "
		  "only with :rw" },
	{ "The command", NULL, "env", NULL, 0, "NAME[=VALUE]", &opt_list, AT(env),
	  .fallback = "PATH, HOME and TERM",
	  .help = "A variable of the command's environment; without VALUE, as it is here" },
	{ "The command", NULL, "cwd", NULL, 0, "DIR", &opt_text, AT(cwd), .fallback = "/",
	  .help = "The directory it starts in" },
	{ "The command", NULL, "hostname", NULL, 0, "NAME", &opt_text, AT(hostname),
	  .fallback = "as the kernel has it", .help = "The guest's name" },
	{ "The command", NULL, "cgroup", NULL, 0, NULL, &opt_action, AT(cgroup),
	  .help = "Mount the cgroup hierarchy at /sys/fs/cgroup" },
	{ "The command", NULL, "modules", NULL, 0, "DIR", &opt_dir, AT(modules),
	  .fallback = "/lib/modules/RELEASE, if it is the kernel's",
	  .help = "Where the kernel's modules are; the drivers that the machine needs are taken "
		  "along "
		  "from there; '' takes none" },
	{ "The command", NULL, "module", NULL, 0, "NAME", &opt_list, AT(more_modules),
	  .help = "One more module to load before the command runs" },
	{ "The command", NULL, "boot-only", NULL, 0, NULL, &opt_action, AT(boot_only),
	  .help = "There is no command: a guest that powers off has passed" },
	{ "The command", NULL, "kvm-unit-test", NULL, 0, "FILE", &opt_file, AT(kvm_unit_test),
	  .help = "Run a test of kvm-unit-tests, which ends through the debug-exit port; what "
		  "follows \"--\" are its arguments" },

	{ "The command", NULL, "self-test", NULL, 0, NULL, &opt_action, AT(self_test),
	  .help = "Run small guests that each end in one way, and see whether that is what is said "
		  "of them" },

	{ "Limits", NULL, "timeout", NULL, 0, "TIME", &opt_duration, AT(test_ns), .fallback = "5m",
	  .help = "How long the command may take" },
	{ "Limits", NULL, "boot-timeout", NULL, 0, "TIME", &opt_duration, AT(boot_ns),
	  .fallback = "1m", .help = "How long it may take until the command starts" },
	{ "Limits", NULL, "idle-timeout", NULL, 0, "TIME", &opt_duration, AT(idle_ns),
	  .fallback = "none", .help = "How long the guest may say nothing once the command runs" },
	{ "Limits", NULL, "timeout-scale", NULL, 0, "FACTOR|auto", &opt_text, AT(scale),
	  .fallback = "1",
	  .help = "All limits are multiplied by it; auto: by how much slower than hardware this "
		  "host runs a guest, as a short one shows" },
	{ "Limits", NULL, "retries", NULL, 0, "N", &opt_number, AT(retries),
	  .range = { 0, 1000, 0 }, .fallback = "0",
	  .help = "Run a test that did not pass again, so many times at most; what is the host's "
		  "fault is not tried again, and standard input is there for the first time "
		  "alone" },

	{ "Expectations", NULL, "expect-exit", NULL, 0, "N", &opt_number, AT(expect_exit),
	  .range = { 0, 255, 0 }, .fallback = "0", .help = "The exit status that is a pass" },
	{ "Expectations", NULL, "expect-console", NULL, 0, "RE", &opt_list, AT(expect_console),
	  .help = "A line of the console must match this extended regular expression" },
	{ "Expectations", NULL, "fail-on-console", NULL, 0, "RE", &opt_list, AT(fail_on_console),
	  .help = "No line of the console may match" },
	{ "Expectations", NULL, "allow-oops", NULL, 0, NULL, &opt_action, AT(allow_oops),
	  .help = "The kernel's complaints are reported, and do not count" },

	{ "Many tests", NULL, "matrix", NULL, 0, "FILE", &opt_file, AT(matrix),
	  .help = "Kernels, configurations and commands; each test runs on each kernel in each "
		  "configuration" },
	{ "Many tests", NULL, "filter", NULL, 0, "RE", &opt_text, AT(filter),
	  .help = "Only tests whose name matches this extended regular expression" },
	{ "Many tests", NULL, "shard", NULL, 0, "I/N", &opt_text, AT(shard),
	  .help = "Only the I-th of N equal parts of the tests" },
	{ "Many tests", NULL, "jobs", NULL, 'j', "N", &opt_number, AT(jobs),
	  .range = { 1, MAX_JOBS, 0 }, .fallback = "1",
	  .help = "How many guests run at once; each but the first has the number of its place "
		  "added "
		  "to its vsock CID and path" },
	{ "Many tests", NULL, "repeat", NULL, 0, "N", &opt_number, AT(repeat),
	  .range = { 1, 1000000, 0 }, .fallback = "1", .help = "Run each test so many times" },
	{ "Many tests", NULL, "until-fail", NULL, 0, NULL, &opt_action, AT(until_fail),
	  .help = "Begin again until one does not pass; with --repeat, so many times at most" },
	{ "Many tests", NULL, "stop-at-failure", NULL, 0, NULL, &opt_action, AT(stop_at_failure),
	  .help = "End all when one has not passed" },
	{ "Many tests", NULL, "list", "dry-run", 0, NULL, &opt_action, AT(list),
	  .help = "Print the names of the tests and run none" },

	{ "Results", NULL, "report", NULL, 0, "KIND[:FILE]", &opt_list, AT(reports), report_words,
	  .help = "Write a report; may be repeated" },
	{ "Results", NULL, "keep", NULL, 0, "WHICH", &opt_enum, AT(keep), keep_words,
	  .fallback = "failed with --dir, else none",
	  .help = "Keep console, output, log, configuration and result as files" },
	{ "Results", NULL, "dir", NULL, 0, "DIR", &opt_dir, AT(dir), .fallback = "trapeze-tests",
	  .help = "Where they are kept, a directory for each test" },

	{ "General", NULL, "help", NULL, 'h', NULL, &opt_action, AT(run.help),
	  .help = "Print this help and exit" },
};
const unsigned test_option_cnt = ARRAY_LEN(test_options);

_Static_assert(offsetof(struct test_args, run) == 0, "rows of run_options are good for it");

/* Of run's: they say how one run ends or is looked at, which here is the tests' business. */
static const char *const not_for_tests[] = {
	"reboot", "dump-acpi", "dump-dtb", "dirty-log", "stats", "log-file", "dump-config",
};

static bool is_for_tests(const struct opt *o)
{
	for (unsigned i = 0; i < ARRAY_LEN(not_for_tests); i++)
		if (!strcmp(o->name, not_for_tests[i]))
			return false;
	for (unsigned i = 0; i < test_option_cnt; i++)
		if (!strcmp(o->name, test_options[i].name) ||
		    (test_options[i].alias && !strcmp(o->name, test_options[i].alias)))
			return false;
	return true;
}

/* Made once, and the process's: what was given points to its rows. */
struct opt_set test_option_set(void)
{
	static struct opt *all;
	static unsigned cnt;

	if (all)
		return (struct opt_set){ all, cnt };
	all = calloc(test_option_cnt + run_option_cnt, sizeof(*all));
	if (!all)
		return (struct opt_set){ test_options, test_option_cnt };
	memcpy(all, test_options, test_option_cnt * sizeof(*all));
	cnt = test_option_cnt;
	for (unsigned i = 0; i < run_option_cnt; i++)
		if (is_for_tests(&run_options[i]))
			all[cnt++] = run_options[i];
	return (struct opt_set){ all, cnt };
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Where the command begins: behind "--". */
static int command_at(int argc, char **argv)
{
	int i = 1;

	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	return i;
}

static int check_words(const struct test_args *a, const struct opt_args *given, struct error **errp)
{
	bool command = a->command[0];

	if (given->rest_cnt) {
		err_set(errp, EINVAL, "'%s' is no option", given->rest[0]);
		err_hint(errp, "the kernel goes with -k, the command behind \"--\"");
		return -EINVAL;
	}
	if (a->self_test && (command || a->matrix || a->boot_only || a->kvm_unit_test))
		return err_set(errp, EINVAL,
			       "--self-test has guests of its own: neither a command goes with it, "
			       "nor --matrix, --boot-only or --kvm-unit-test");
	if (a->matrix && (command || a->boot_only || a->kvm_unit_test))
		return err_set(errp, EINVAL,
			       "--matrix has commands of its own: none goes behind \"--\", nor "
			       "--boot-only or --kvm-unit-test");
	if (a->boot_only && (command || a->kvm_unit_test))
		return err_set(errp, EINVAL, "--boot-only runs no command, '%s' was given",
			       command ? a->command[0] : a->kvm_unit_test);
	if (!command && !a->matrix && !a->boot_only && !a->kvm_unit_test && !a->self_test) {
		err_set(errp, EINVAL, "no command was given");
		err_hint(errp, "trapeze test -k KERNEL -- COMMAND; or --matrix FILE, --boot-only");
		return -EINVAL;
	}
	return 0;
}

/* What says where artefacts go wants some. */
static int settle_keep(struct test_args *a, const struct opt_args *given, struct error **errp)
{
	a->keep_given = opt_was_given(given, offsetof(struct test_args, keep));
	if (!a->keep_given)
		a->keep = a->dir ? TEST_KEEP_FAILED : TEST_KEEP_NONE;
	if (!a->dir)
		a->dir = strdup("trapeze-tests");
	return a->dir ? 0 : err_errno(errp, ENOMEM, "cannot read the command line");
}

int test_args_parse(int argc, char **argv, struct test_args *ret, struct opt_args *given,
		    struct error **errp)
{
	const struct opt_set set = test_option_set();
	int at = command_at(argc, argv), r;

	*ret = (struct test_args){ .test_ns = DEFAULT_TEST_NS,
				   .boot_ns = DEFAULT_BOOT_NS,
				   .jobs = 1,
				   .repeat = 1,
				   .command = argv + (at < argc ? at + 1 : argc) };
	run_args_init(&ret->run);
	r = opt_scan(&set, at - 1, argv + 1, given, errp);
	if (r < 0)
		return r;
	if (opt_was_given(given, offsetof(struct test_args, run.help))) {
		ret->run.help = true;
		return 0;
	}
	r = run_args_read_files(given, &ret->run, errp);
	if (r >= 0)
		r = opt_apply(given, ret, errp);
	if (r >= 0)
		r = check_words(ret, given, errp);
	return r < 0 ? r : settle_keep(ret, given, errp);
}

void test_args_free(struct test_args *a)
{
	run_args_free(&a->run);
	free(a->root);
	free(a->root_device);
	free(a->cwd);
	free(a->hostname);
	free(a->modules);
	str_list_free(&a->env);
	str_list_free(&a->more_modules);
	str_list_free(&a->shares);
	free(a->kvm_unit_test);
	free(a->scale);
	str_list_free(&a->expect_console);
	str_list_free(&a->fail_on_console);
	free(a->matrix);
	free(a->filter);
	free(a->shard);
	str_list_free(&a->reports);
	free(a->dir);
	*a = (struct test_args){ 0 };
}
