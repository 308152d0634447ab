/* SPDX-License-Identifier: MIT */
/* test_console_log.c: the log next to a console: on the same raw terminal, to the same stuck
 * reader. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "char/term.h"
#include "tests/lib/fake.h"
#include "tests/lib/port.h"
#include "tests/lib/session.h"
#include "vmm/console.h"
#include "vmm/log.h"

static void body(struct session *s)
{
	log_set_fd(s->slave);
	log_msg(LOG_ERR, "a", "cooked");
	CHECK(session_sees(s, "trapeze: a: cooked\r\n")); /* by the terminal */
	term_open(s->slave, -1);
	log_msg(LOG_ERR, "a", "still cooked");
	CHECK(session_sees(s, "still cooked\r\n"));
	CHECK(!session_saw(s, "\r\r\n"));
	CHECK(term_make_raw());
	log_msg(LOG_ERR, "a", "raw");
	CHECK(session_sees(s, "trapeze: a: raw\r\n"));
	console_restore_terminal();
	log_msg(LOG_ERR, "a", "cooked again");
	CHECK(session_sees(s, "cooked again\r\n"));
	CHECK(!session_saw(s, "\r\r\n"));
	term_close();
}

static void test_raw_terminal(void **state)
{
	(void)state;
	assert_int_equal(session_run(body), 0);
}

/* A log in a file has its usual line ends whatever the terminal does. */
static void test_not_a_terminal(void **state)
{
	char buf[64] = { 0 };
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	log_set_fd(p[1]);
	log_set_raw_terminal(true);
	log_msg(LOG_ERR, "a", "text");
	log_set_raw_terminal(false);
	assert_int_equal(read(p[0], buf, sizeof(buf)), 17);
	assert_string_equal(buf, "trapeze: a: text\n");
	log_set_fd(STDERR_FILENO);
	close(p[0]);
	close(p[1]);
}

static void test_stuck_reader(void **state)
{
	static char buf[200000];
	size_t got = 0;
	ssize_t n;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	log_set_fd(p[1]);
	alarm(60);
	for (unsigned i = 0; i < 150; i++) /* twice what fits; a lost one takes 10 ms */
		log_msg(LOG_ERR, "a", "line %u of many that nobody reads", i);
	alarm(0);
	while ((n = read(p[0], buf + got, sizeof(buf) - got)) > 0)
		got += (size_t)n;
	log_msg(LOG_ERR, "a", "the reader is back");
	while ((n = read(p[0], buf + got, sizeof(buf) - got)) > 0)
		got += (size_t)n;
	assert_non_null(strstr(buf, "trapeze: a: line 0 of many"));
	assert_null(strstr(buf, "line 149 of many"));
	assert_non_null(strstr(buf, " log lines were lost\ntrapeze: a: the reader is back\n"));
	assert_false(fcntl(p[1], F_GETFL) & O_NONBLOCK);
	log_set_fd(STDERR_FILENO);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw_terminal),
		cmocka_unit_test(test_not_a_terminal),
		cmocka_unit_test(test_stuck_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
