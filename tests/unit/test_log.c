/* SPDX-License-Identifier: MIT */
/* test_log.c: levels, one line per message, nothing a terminal acts on; and the limit on what a
 * guest can make the log say. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/lib/fake.h"
#include "vmm/log.h"

static int fd;

static int begin(void **state)
{
	(void)state;
	fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(fd >= 0);
	log_set_fd(fd);
	log_set_level(LOG_WARN);
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(fd);
	log_set_fd(STDERR_FILENO);
	log_set_level(LOG_WARN);
	return 0;
}

/* All that was logged since the last call. */
static const char *logged(void)
{
	static char buf[65536];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	return buf;
}

static unsigned lines(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void levels(void **state)
{
	(void)state;
	log_msg(LOG_ERR, "mod", "error %d", 1);
	log_msg(LOG_WARN, "mod", "warning");
	log_msg(LOG_INFO, "mod", "info");
	log_msg(LOG_DBG, "mod", "debug");
	assert_string_equal(logged(), "trapeze: mod: error 1\ntrapeze: mod: warning\n");
	assert_true(log_enabled(LOG_WARN));
	assert_false(log_enabled(LOG_INFO));
	log_set_level(LOG_DBG);
	log_msg(LOG_DBG, NULL, "no module");
	assert_string_equal(logged(), "trapeze: no module\n");
	log_set_level(LOG_ERR);
	log_msg(LOG_WARN, "mod", "warning");
	assert_string_equal(logged(), "");
}

static void one_safe_line(void **state)
{
	(void)state;
	log_msg(LOG_ERR, "m", "a\nb\x1b[0m%s", "\x9b");
	assert_string_equal(logged(), "trapeze: m: a\\nb\\x1b[0m\\x9b\n");
}

static void long_message_is_cut(void **state)
{
	char text[4000];
	const char *got;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_msg(LOG_ERR, "m", "%s", text);
	got = logged();
	assert_int_equal(lines(got), 1);
	assert_true(strlen(got) > 1000 && strlen(got) < 1700);
	assert_string_equal(got + strlen(got) - 4, "...\n");
	memset(text, '\x01', sizeof(text) - 1);
	log_msg(LOG_ERR, "m", "%s", text);
	got = logged();
	assert_int_equal(lines(got), 1);
	assert_string_equal(got + strlen(got) - 4, "...\n");
}

/* A log nobody reads is lost, not waited for; errno is the caller's. */
static void log_that_cannot_be_written(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096); /* each lost line takes 10 ms */
	log_set_fd(p[1]);
	errno = ENOTTY;
	for (int i = 0; i < 125; i++)
		log_msg(LOG_ERR, "m", "more than a pipe holds: %0100d", i);
	assert_int_equal(errno, ENOTTY);
	close(p[0]);
	close(p[1]);
	log_set_fd(fd);
}

/* --- log_guest -------------------------------------------------------------------------------- */

#define SEC NSEC_PER_SEC

static struct device *fresh_device(void)
{
	static const struct device_ops ops = { .name = "chip" };
	static struct device d;

	memset(&d, 0, sizeof(d));
	device_init(&d, &ops, "chip0", NULL, 0);
	return &d;
}

/* "10 lines per 5 s, then one line with the suppressed count", always counted */
static void guest_is_limited(void **state)
{
	struct device *d = fresh_device();
	const char *got;

	(void)state;
	for (int i = 0; i < 1000; i++)
		log_guest_at(d, 100 * SEC + (uint64_t)i, "bad write %d", i);
	got = logged();
	assert_int_equal(lines(got), 10);
	assert_non_null(strstr(got, "trapeze: chip0: bad write 0\n"));
	assert_non_null(strstr(got, "trapeze: chip0: bad write 9\n"));
	assert_int_equal(d->guest_errors, 1000);

	log_guest_at(d, 105 * SEC - 1, "still the same window");
	assert_string_equal(logged(), "");
	log_guest_at(d, 105 * SEC, "the next one");
	assert_string_equal(logged(),
			    "trapeze: chip0: 991 more messages about the guest were left out\n"
			    "trapeze: chip0: the next one\n");
	assert_int_equal(d->guest_errors, 1002);
}

static void guest_that_is_rarely_wrong(void **state)
{
	struct device *d = fresh_device();

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		log_guest_at(d, i * SEC, "once a second");
	assert_int_equal(lines(logged()), 50);
}

/* Devices have limits of their own: a noisy one does not hide the others. */
static void limit_is_per_device(void **state)
{
	struct device *d = fresh_device(), other = { 0 };

	(void)state;
	device_init(&other, d->ops, "chip1", NULL, 0);
	for (int i = 0; i < 20; i++)
		log_guest_at(d, SEC, "x");
	logged();
	log_guest_at(&other, SEC, "heard");
	assert_string_equal(logged(), "trapeze: chip1: heard\n");
}

/* A host that has just booted: the clock reads 0. */
static void clock_at_zero(void **state)
{
	struct device *d = fresh_device();

	(void)state;
	for (int i = 0; i < 20; i++)
		log_guest_at(d, 0, "x");
	assert_int_equal(lines(logged()), 10);
}

static void by_the_real_clock(void **state)
{
	struct device *d = fresh_device();

	(void)state;
	for (int i = 0; i < 20; i++)
		log_guest(d, "x %d", i);
	assert_int_equal(lines(logged()), 10);
	assert_int_equal(d->guest_errors, 20);
}

/* Lines as they are, in pieces that a pipe takes; one that nobody reads is given up. */
static void text(void **state)
{
	static char text[64 * 200 + 1], got[64 * 200];
	int p[2];

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		snprintf(text + (size_t)i * 64, 65, "%063u\n", i);
	assert_true(log_text(text, sizeof(got), 1000));
	assert_int_equal(pread(fd, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, text, sizeof(got));
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
	log_set_fd(p[1]);
	assert_false(log_text(text, sizeof(got), 1));
	assert_int_equal(read(p[0], got, sizeof(got)), 4096);
	assert_memory_equal(got, text, 4096);
	close(p[0]);
	close(p[1]);
	log_set_fd(fd);
}

static void *shout(void *arg)
{
	for (int i = 0; i < 5000; i++)
		log_guest_at(arg, 7 * SEC, "from a thread");
	return NULL;
}

static void any_thread(void **state)
{
	struct device *d = fresh_device();
	pthread_t t[4];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, shout, d), 0);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	assert_int_equal(d->guest_errors, 20000);
	/* Racing for the first window may cost a few lines, never add many. */
	assert_in_range(lines(logged()), 5, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(levels, begin, end),
		cmocka_unit_test_setup_teardown(one_safe_line, begin, end),
		cmocka_unit_test_setup_teardown(long_message_is_cut, begin, end),
		cmocka_unit_test_setup_teardown(log_that_cannot_be_written, begin, end),
		cmocka_unit_test_setup_teardown(guest_is_limited, begin, end),
		cmocka_unit_test_setup_teardown(guest_that_is_rarely_wrong, begin, end),
		cmocka_unit_test_setup_teardown(limit_is_per_device, begin, end),
		cmocka_unit_test_setup_teardown(clock_at_zero, begin, end),
		cmocka_unit_test_setup_teardown(by_the_real_clock, begin, end),
		cmocka_unit_test_setup_teardown(any_thread, begin, end),
		cmocka_unit_test_setup_teardown(text, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
