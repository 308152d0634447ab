/* SPDX-License-Identifier: MIT */
/*
 * test_source.c: input reaches the guest unchanged and no faster than it takes it, from whatever
 * standard input is; terminals are in test_console.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/times.h>

#include "char/source.h"
#include "tests/lib/fake.h"
#include "tests/lib/port.h"

struct rig {
	struct loop *loop;
	struct source s;
	struct chardev chr;
	struct port port;
	_Atomic unsigned quits;
	_Atomic int last_key;
};

static void null_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	(void)c;
	(void)buf;
	(void)len;
}

static void room_changed(struct chardev *c)
{
	source_room_changed(&container_of(c, struct rig, chr)->s);
}

static const struct chardev_ops ops = { .write = null_write, .room_changed = room_changed };

static void on_quit(void *opaque)
{
	((struct rig *)opaque)->quits++;
}

static void on_key(void *opaque, char c)
{
	((struct rig *)opaque)->last_key = c;
}

static void rig_init(struct rig *r, int fd)
{
	struct console_events ev = { .quit = on_quit, .key = on_key, .opaque = r };
	struct error *e = NULL;
	struct nbio io;

	memset(r, 0, sizeof(*r));
	r->loop = loop_create("test", &e);
	assert_no_error(e);
	r->chr.ops = &ops;
	port_attach(&r->port, &r->chr);
	nbio_open(&io, fd, O_RDONLY);
	assert_int_equal(source_start(&r->s, "input", r->loop, &r->chr, &io, &ev, &e), 0);
	assert_no_error(e);
	assert_int_equal(loop_start_thread(r->loop, &e), 0);
	assert_no_error(e);
}

static void rig_close(struct rig *r)
{
	loop_stop(r->loop);
	source_close(&r->s);
	source_close(&r->s);
	loop_destroy(r->loop);
}

static uint8_t stream(size_t i)
{
	return (uint8_t)(2 + (i * 7 + i / 251) % 250); /* no Ctrl-A */
}

static void check_stream(struct rig *r, size_t len)
{
	uint8_t *buf = malloc(len + 1);

	assert_int_equal(port_read_all(&r->port, buf, len + 1, 300), len);
	for (size_t i = 0; i < len; i++)
		if (buf[i] != stream(i))
			fail_msg("byte %zu is wrong", i);
	assert_true(port_most(&r->port) <= PORT_FIFO);
	free(buf);
}

static void test_pipe(void **state)
{
	uint8_t data[60000];
	struct rig r;
	int p[2];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = stream(i);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], data, sizeof(data)), sizeof(data));
	rig_init(&r, p[0]);
	check_stream(&r, sizeof(data));
	close(p[1]); /* end of file: the guest goes on without input */
	usleep(10000);
	rig_close(&r);
	close(p[0]);
}

/* What the guest does not take stays in the pipe, and waiting for it costs no CPU time, not even
 * after the writer has gone (when poll(2) reports POLLHUP whatever one asks for). */
static void test_flood(void **state)
{
	uint8_t data[60000];
	struct tms before, after;
	struct rig r;
	int p[2], left;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = stream(i);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], data, sizeof(data)), sizeof(data));
	rig_init(&r, p[0]);
	assert_true(EVENTUALLY(5000, port_fill(&r.port) == PORT_FIFO));
	close(p[1]);
	times(&before);
	usleep(500000);
	times(&after);
	assert_true(after.tms_utime + after.tms_stime - before.tms_utime - before.tms_stime < 10);
	assert_int_equal(ioctl(p[0], FIONREAD, &left), 0);
	assert_int_equal(left, sizeof(data) - PORT_FIFO);
	check_stream(&r, sizeof(data));
	rig_close(&r);
	close(p[0]);
}

static void test_socket(void **state)
{
	uint8_t data[5000];
	struct rig r;
	int p[2];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = stream(i);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	assert_int_equal(write(p[1], data, sizeof(data)), sizeof(data));
	rig_init(&r, p[0]);
	check_stream(&r, sizeof(data));
	rig_close(&r);
	assert_false(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	close(p[0]);
	close(p[1]);
}

/* epoll_ctl(2), EPERM: "This error can occur if fd refers to, for example, a regular file". */
static void test_regular_file(void **state)
{
	char path[] = "/tmp/test_source.XXXXXX";
	int fd = mkstemp(path);
	uint8_t data[5000];
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = stream(i);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	rig_init(&r, fd);
	check_stream(&r, sizeof(data));
	rig_close(&r);
	close(fd);
	unlink(path);
}

/* No input, no error, no CPU time. */
static void no_input(int fd)
{
	struct tms before, after;
	struct rig r;
	uint8_t c;

	rig_init(&r, fd);
	times(&before);
	assert_int_equal(port_read_all(&r.port, &c, 1, 300), 0);
	times(&after);
	assert_true(after.tms_utime + after.tms_stime - before.tms_utime - before.tms_stime < 10);
	rig_close(&r);
	close(fd);
}

static void test_nothing_to_read(void **state)
{
	int p[2];

	(void)state;
	no_input(open("/dev/null", O_RDWR));
	no_input(open("/dev/null", O_WRONLY));
	no_input(open("/tmp", O_RDONLY));
	no_input(open("/tmp", O_PATH));
	assert_int_equal(pipe(p), 0);
	close(p[1]);
	no_input(p[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	close(p[1]);
	no_input(p[0]);
	no_input(socket(AF_INET, SOCK_STREAM, 0)); /* not connected */
}

static void feed(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void expect(struct rig *r, const char *text)
{
	char buf[64] = { 0 };

	assert_true(strlen(text) < sizeof(buf));
	port_read_all(&r->port, buf, strlen(text), 2000);
	assert_string_equal(buf, text);
}

static void test_keys(void **state)
{
	struct rig r;
	uint8_t c;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[0]);
	feed(p[1], "a\001\001b");
	expect(&r, "a\001b");
	feed(p[1], "c\001");
	expect(&r, "c");
	feed(p[1], "\001d"); /* the pair comes in two pieces */
	expect(&r, "\001d");
	feed(p[1], "e\001bf");
	expect(&r, "ef");
	assert_int_equal(port_breaks(&r.port), 1);
	assert_int_equal(r.quits, 0);
	feed(p[1], "\001z");
	assert_true(EVENTUALLY(2000, r.last_key == 'z'));
	feed(p[1], "\001h"); /* no terminal, so nobody to help */
	feed(p[1], "\001x");
	assert_true(EVENTUALLY(2000, r.quits == 1));
	assert_int_equal(port_read_all(&r.port, &c, 1, 50), 0);
	rig_close(&r);
	close(p[0]);
	close(p[1]);
}

/* room() drops to 0 and comes back at every possible moment. */
static void *slow_guest(void *arg)
{
	struct rig *r = arg;
	size_t done = 0;
	unsigned x = 1;
	uint8_t buf[16];

	while (done < 100000) {
		size_t n;

		x = x * 1103515245 + 12345;
		n = port_read(&r->port, buf, 1 + (x >> 16) % 16);
		if (!n)
			sched_yield(); /* a mutex is not fair: the loop may wait for long */
		done += n;
	}
	return NULL;
}

static void test_no_wake_up_is_lost(void **state)
{
	uint8_t data[1000];
	pthread_t t;
	struct rig r;
	int p[2];

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[0]);
	assert_int_equal(pthread_create(&t, NULL, slow_guest, &r), 0);
	alarm(60);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(write(p[1], data, sizeof(data)), sizeof(data));
	pthread_join(t, NULL);
	alarm(0);
	rig_close(&r);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_regular_file),
		cmocka_unit_test(test_nothing_to_read),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_wake_up_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
