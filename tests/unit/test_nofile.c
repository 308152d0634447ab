/* SPDX-License-Identifier: MIT */
/* test_nofile.c: the limit of descriptors, raised for us and not for the programs that we start. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/nofile.h"

static rlim_t limit_of(pid_t pid)
{
	struct rlimit r;

	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &r), 0);
	return r.rlim_cur;
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void limits(void **state)
{
	struct rlimit r;
	rlim_t most;
	pid_t pid;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = 200;
	r.rlim_max = 600;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);

	/* Nothing was raised, so nothing is given back. */
	assert_int_equal(nofile_raise(100), 200);
	pid = start();
	nofile_give_back(pid);
	assert_int_equal(limit_of(pid), 200);
	end(pid);

	assert_int_equal(nofile_raise(400), 400);
	/* Who has CAP_SYS_RESOURCE gets all of it. */
	most = nofile_raise(10000);
	assert_true(most == 600 || most == 10000);
	assert_int_equal(limit_of(0), most);
	pid = start();
	assert_int_equal(limit_of(pid), most);
	nofile_give_back(pid);
	assert_int_equal(limit_of(pid), 200);
	assert_int_equal(limit_of(0), most);
	end(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
