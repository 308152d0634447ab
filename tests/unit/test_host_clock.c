/* SPDX-License-Identifier: MIT */
/* test_host_clock.c: a host that sleeps, or whose clock is set, in words; and that nothing but the
 * RTC runs on a clock that can be set. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "machine/host_clock.h"
#include "tests/lib/fake.h"

#define S ((int64_t)NSEC_PER_SEC)

static const struct host_clocks was = { .monotonic = 100 * S,
					.boottime = 150 * S,
					.realtime = 1700000000 * S };

static void check(int64_t monotonic, int64_t boottime, int64_t realtime, const char *want)
{
	struct host_clocks now = { was.monotonic + monotonic, was.boottime + boottime,
				   was.realtime + realtime };
	char buf[128] = "";

	assert_int_equal(host_clock_describe(&was, &now, buf, sizeof(buf)), want != NULL);
	if (want)
		assert_string_equal(buf, want);
}

static void row93_sleep_and_steps_in_words(void **state)
{
	(void)state;
	check(10 * S, 10 * S, 10 * S, NULL);
	check(10 * S, 3610 * S, 3610 * S,
	      "the host slept for 3600 s, in which the guest's time stood still");
	check(10 * S, 10 * S, 22 * S,
	      "the host's clock was set forward by 12 s: the guest's RTC follows, its timers do "
	      "not");
	check(10 * S, 10 * S, -3590 * S,
	      "the host's clock was set back by 3600 s: the guest's RTC follows, its timers do "
	      "not");
	/* Both at once: sleep is what the guest notices. */
	check(10 * S, 3610 * S, 3650 * S,
	      "the host slept for 3600 s, in which the guest's time stood still");
	/* A leap second smeared, the reading of three clocks one after the other. */
	check(10 * S, 10 * S + 3000, 10 * S + S / 2, NULL);
}

/* proc(5), /proc/pid/fdinfo: "clockid" of a timerfd is the numeric value of its clock. */
static int timer_clock(const char *fd)
{
	char path[300], line[128];
	int id = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", fd);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "clockid: %d", &id) == 1)
			break;
	fclose(f);
	return id;
}

static void count_timers(unsigned *monotonic, unsigned *realtime)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	*monotonic = *realtime = 0;
	assert_non_null(d);
	while ((e = readdir(d))) {
		int id = timer_clock(e->d_name);

		*monotonic += id == CLOCK_MONOTONIC;
		*realtime += id == CLOCK_REALTIME;
	}
	closedir(d);
}

/* clock_gettime(2): CLOCK_MONOTONIC "is not affected by discontinuous jumps in the system time". */
static void row93_timers_are_on_the_monotonic_clock(void **state)
{
	struct host_clock h = { .fd.fd = -1 };
	struct error *e = NULL;
	struct loop *l = loop_create("test", &e);
	unsigned monotonic, realtime;

	(void)state;
	assert_non_null(l);
	count_timers(&monotonic, &realtime);
	assert_int_equal(monotonic, 1);
	assert_int_equal(realtime, 0);
	/* The one exception is never due; it only notices. */
	assert_int_equal(host_clock_watch(&h, l, &e), 0);
	count_timers(&monotonic, &realtime);
	assert_int_equal(realtime, 1);
	host_clock_close(&h);
	host_clock_close(&h);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row93_sleep_and_steps_in_words),
		cmocka_unit_test(row93_timers_are_on_the_monotonic_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
