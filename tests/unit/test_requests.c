/* SPDX-License-Identifier: MIT */
/* test_requests.c: how a run is judged that no guest of ours can bring about. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "kvm/vm_internal.h"
#include "machine/machine_internal.h"
#include "tests/lib/fake.h"
#include "vmm/error.h"

#define SIZE (4 * MIB)

static struct {
	struct vm_config config;
	struct machine m;
	char ram[40];
} w;

/* A machine with a CPU that has no thread and no KVM, and a loop to be stopped. */
static int begin(void **state)
{
	struct ram_config ram = { .size = SIZE, .backing = RAM_FILE };
	struct error *e = NULL;
	int fd;

	(void)state;
	memset(&w, 0, sizeof(w));
	strcpy(w.ram, "/tmp/trapeze-test-requests-XXXXXX");
	fd = mkstemp(w.ram);
	close(fd);
	ram.path = w.ram;
	w.m.config = &w.config;
	mutex_init(&w.m.request_lock);
	w.m.signals.fd = w.m.ram_lost.fd = w.m.host_clock.fd.fd = -1;
	w.m.main_loop = loop_create("main", &e);
	if (gm_create(&ram, &w.m.gm, &e) < 0 || gm_add_ram(w.m.gm, 0, 0, SIZE, &e) < 0 ||
	    requests_init(&w.m, &e) < 0)
		assert_no_error(e);
	gm_notify_loss(w.m.gm, w.m.ram_lost.fd);
	w.m.cpus = calloc(1, sizeof(*w.m.cpus) + sizeof(w.m.cpus->vcpu[0]));
	w.m.cpus->cnt = 1;
	w.m.cpus->gm = w.m.gm;
	mutex_init(&w.m.cpus->lock);
	pthread_cond_init(&w.m.cpus->cond, NULL);
	w.m.cpus->vcpu[0] = (struct vcpu){ .set = w.m.cpus, .fd = -1 };
	return 0;
}

static int finish(void **state)
{
	sigset_t none;

	(void)state;
	loop_destroy(w.m.main_loop);
	close(w.m.signals.fd);
	close(w.m.ram_lost.fd);
	host_clock_close(&w.m.host_clock);
	error_free(w.m.run_error);
	free(w.m.crash_report);
	pthread_cond_destroy(&w.m.cpus->cond);
	mutex_destroy(&w.m.cpus->lock);
	free(w.m.cpus);
	gm_destroy(w.m.gm);
	mutex_destroy(&w.m.request_lock);
	unlink(w.ram);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* What the run comes to, by way of the main loop. */
static void end_of(const struct request *r)
{
	machine_request(&w.m, r);
	loop_run(w.m.main_loop);
}

static void cpu_ends(enum vcpu_end why, uint64_t detail)
{
	end_of(&(struct request){ .kind = REQ_CPU_ENDED, .why = why, .detail = detail });
}

static void row77_crashes_say_why(void **state)
{
	static const struct {
		enum vcpu_end why;
		uint64_t detail;
		const char *words;
	} ends[] = {
		{ VCPU_SHUTDOWN, 0, "CPU 0: triple fault" },
		{ VCPU_INTERNAL_ERROR, 1,
		  "CPU 0: KVM could not go on: internal error (suberror 0x1)" },
		{ VCPU_FAIL_ENTRY, 0x80000021,
		  "CPU 0: the hardware refused to enter the guest (reason 0x80000021)" },
		{ VCPU_SYSTEM_EVENT, 3, "CPU 0: KVM reported a system event (type 0x3)" },
		{ VCPU_UNKNOWN_EXIT, 99, "CPU 0: KVM stopped for an unknown reason (exit 0x63)" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		cpu_ends(ends[i].why, ends[i].detail);
		assert_int_equal(verdict_exit_status(&w.m.verdict), 33);
		assert_string_equal(w.m.verdict.detail, ends[i].words);
		/* Its registers cannot be read here, which is said and harms nobody. */
		assert_non_null(strstr(machine_crash_report(&w.m), "cpu 0"));
		assert_null(w.m.run_error);
		finish(state);
		begin(state);
	}
}

static void row77_kvm_run_that_fails_is_our_error(void **state)
{
	(void)state;
	cpu_ends(VCPU_RUN_FAILED, ENOSYS);
	assert_int_equal(verdict_exit_status(&w.m.verdict), 1);
	assert_string_equal(error_msg(w.m.run_error),
			    "KVM cannot run CPU 0: Function not implemented");
}

/* EFAULT because the file is gone; the guest's crash because of zeros where its code was. */
static void row94_lost_memory_is_the_reason(void **state)
{
	static const enum vcpu_end why[] = { VCPU_RUN_FAILED, VCPU_SHUTDOWN, VCPU_INTERNAL_ERROR };

	for (unsigned i = 0; i < ARRAY_LEN(why); i++) {
		assert_int_equal(truncate(w.ram, 0), 0);
		cpu_ends(why[i], EFAULT);
		assert_int_equal(verdict_exit_status(&w.m.verdict), 1);
		assert_non_null(strstr(error_msg(w.m.run_error), "the file became shorter"));
		assert_non_null(strstr(error_msg(w.m.run_error), w.ram));
		finish(state);
		begin(state);
	}
}

/* Touched by this process, and nobody asks for an end: the loop finds out by itself. */
static void row94_lost_memory_ends_the_run(void **state)
{
	uint8_t byte;

	/* Again, as cmocka takes SIGBUS for itself between set-up and test. */
	finish(state);
	begin(state);
	assert_int_equal(truncate(w.ram, 0), 0);
	assert_true(gm_read(w.m.gm, 4096, &byte, 1));
	loop_run(w.m.main_loop);
	assert_int_equal(verdict_exit_status(&w.m.verdict), 1);
	assert_non_null(w.m.run_error);
}

/* A panic stays the verdict, whatever the CPU does after it. */
static void panic_before_the_crash(void **state)
{
	(void)state;
	machine_saw_panic(&w.m, "Kernel panic - not syncing: test");
	cpu_ends(VCPU_SHUTDOWN, 0);
	assert_int_equal(verdict_exit_status(&w.m.verdict), 34);
}

static void row96_signals_end_it_in_order(void **state)
{
	const int sigs[] = { SIGINT, SIGQUIT, SIGHUP,  SIGUSR2,      SIGALRM,  SIGVTALRM,
			     SIGIO,  SIGPWR,  SIGXCPU, SIGRTMIN + 1, SIGRTMAX, SIGTERM };

	for (unsigned i = 0; i < ARRAY_LEN(sigs); i++) {
		kill(getpid(), sigs[i]);
		loop_run(w.m.main_loop);
		assert_int_equal(verdict_exit_status(&w.m.verdict), 128 + sigs[i]);
		finish(state);
		begin(state);
	}
}

/* nohup(1). */
static void row96_ignored_hang_up_stays_ignored(void **state)
{
	finish(state);
	signal(SIGHUP, SIG_IGN);
	begin(state);
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGUSR2);
	loop_run(w.m.main_loop);
	assert_int_equal(verdict_exit_status(&w.m.verdict), 128 + SIGUSR2);
	signal(SIGHUP, SIG_DFL);
}

/* "Look at the sizes of disks again": with none there is nothing to do, and nothing ends. */
static void row96_sigusr1_ends_nothing(void **state)
{
	(void)state;
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	loop_run(w.m.main_loop);
	assert_int_equal(verdict_exit_status(&w.m.verdict), 128 + SIGUSR2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = {
		T(row77_crashes_say_why),
		T(row77_kvm_run_that_fails_is_our_error),
		T(row94_lost_memory_is_the_reason),
		T(row94_lost_memory_ends_the_run),
		T(panic_before_the_crash),
		T(row96_signals_end_it_in_order),
		T(row96_ignored_hang_up_stays_ignored),
		T(row96_sigusr1_ends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
