/* SPDX-License-Identifier: MIT */
/*
 * test_console_backends.c: the backends by name: null, files, pseudo-terminals.
 * src/char/{open,null,file,pty}.c. Standard input and output are in test_console.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "tests/lib/port.h"
#include "vmm/console.h"
#include "vmm/log.h"

static struct chardev *open_console(struct loop *l, const char *spec)
{
	struct chardev *c = NULL;
	struct error *e = NULL;

	assert_int_equal(console_open(spec, l, NULL, &c, &e), 0);
	assert_no_error(e);
	return c;
}

static struct loop *make_loop(void)
{
	struct error *e = NULL;
	struct loop *l = loop_create("test", &e);

	assert_no_error(e);
	return l;
}

static void run_loop(struct loop *l)
{
	struct error *e = NULL;

	assert_int_equal(loop_start_thread(l, &e), 0);
	assert_no_error(e);
}

static void put(struct chardev *c, const char *text)
{
	chardev_write(c, (const uint8_t *)text, strlen(text));
}

static void test_names(void **state)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{ "", "there is no console ''" },
		{ "stdi", "there is no console 'stdi'" },
		{ "stdioo", "there is no console 'stdioo'" },
		{ "tcp:1234", "there is no console 'tcp:1234'" },
		{ "file", "lacks a path" },
		{ "fd:", "lacks a path" },
		{ "fd:x", "console 'fd:x'" },
		{ "fd:987654", "Bad file descriptor" },
		{ "file:", "lacks a path" },
		{ "stdio:x", "takes no argument" },
		{ "pty:", "takes no argument" },
		{ "file:/nonexistent/x", "cannot open console file '/nonexistent/x' for writing: "
					 "No such file or directory" },
		{ "file:/tmp", "Is a directory" },
	};
	struct loop *l = make_loop();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct chardev *c = NULL;
		struct error *e = NULL;

		assert_true(console_open(bad[i].spec, l, NULL, &c, &e) < 0);
		assert_null(c);
		if (i < 4)
			assert_string_equal(error_hint(e),
					    "choose one of stdio, null, file:PATH, pty, unix:PATH");
		assert_error(e, bad[i].says);
	}
	loop_destroy(l);
}

static void test_null(void **state)
{
	struct loop *l = make_loop();
	struct chardev *c = open_console(l, "null");
	struct error *e = NULL;
	uint64_t dropped = 1;

	(void)state;
	assert_ptr_equal(c, &chardev_null);
	put(c, "nothing");
	chardev_room_changed(c);
	assert_int_equal(console_start(c, &e), 0);
	assert_null(console_pty_path(c));
	assert_null(console_close(c, 0, &dropped));
	assert_int_equal(dropped, 0);
	assert_null(console_close(NULL, 0, &dropped));
	loop_destroy(l);
}

static void test_file(void **state)
{
	char path[] = "/tmp/test_backends.XXXXXX", spec[64], buf[64] = { 0 };
	int fd = mkstemp(path);
	struct loop *l = make_loop();
	struct chardev *c;
	struct error *e = NULL;
	uint64_t dropped;

	(void)state;
	assert_int_equal(write(fd, "old contents", 12), 12);
	snprintf(spec, sizeof(spec), "file:%s", path);
	c = open_console(l, spec);
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 0);
	assert_null(console_pty_path(c));
	assert_int_equal(console_start(c, &e), 0);
	run_loop(l);
	put(c, "one\n");
	assert_true(EVENTUALLY(5000, pread(fd, buf, sizeof(buf), 0) == 4));
	/* Log rotation: the rest does not come after a hole. */
	assert_int_equal(ftruncate(fd, 0), 0);
	put(c, "two\n");
	assert_true(EVENTUALLY(5000, pread(fd, buf, sizeof(buf), 0) == 4));
	loop_stop(l);
	put(c, "three\n");
	console_close(c, 0, &dropped);
	assert_int_equal(dropped, 0);
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 10);
	assert_string_equal(buf, "two\nthree\n");
	loop_destroy(l);
	close(fd);
	unlink(path);
}

/* fifo(7): opening for writing waits for a reader, or fails. Ours does neither. */
static void test_file_is_a_fifo(void **state)
{
	char dir[] = "/tmp/test_backends.XXXXXX", path[64], spec[80], buf[64] = { 0 };
	struct loop *l = make_loop();
	struct chardev *c;
	uint64_t dropped;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	snprintf(spec, sizeof(spec), "file:%s", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(20);
	c = open_console(l, spec);
	alarm(0);
	run_loop(l);
	put(c, "early");
	usleep(20000);
	for (unsigned i = 0; i < 2; i++) {
		fd = open(path, O_RDONLY);
		assert_true(EVENTUALLY(5000, read(fd, buf, sizeof(buf)) == 5));
		assert_string_equal(buf, i ? "again" : "early");
		close(fd);
		put(c, "again");
	}
	loop_stop(l);
	console_close(c, 0, &dropped);
	loop_destroy(l);
	unlink(path);
	rmdir(dir);
}

static void test_pty(void **state)
{
	struct loop *l = make_loop();
	struct chardev *c = open_console(l, "pty");
	struct error *e = NULL;
	struct port port;
	const char *path = console_pty_path(c);
	char buf[64] = { 0 };

	(void)state;
	assert_non_null(path);
	assert_memory_equal(path, "/dev/pts/", 9);
	port_attach(&port, c);
	assert_int_equal(console_start(c, &e), 0);
	assert_no_error(e);
	run_loop(l);
	put(c, "before anybody listens\n");
	/* Programs there come and go. */
	for (unsigned i = 0; i < 3; i++) {
		int fd = open(path, O_RDWR | O_NOCTTY);

		assert_true(fd >= 0);
		memset(buf, 0, sizeof(buf));
		assert_true(read(fd, buf, sizeof(buf)) > 0);
		assert_string_equal(buf, i ? "again\n" : "before anybody listens\n");
		/* Raw, no echo, and Ctrl-A is a byte like any other. */
		assert_int_equal(write(fd, "a\r\001x\003", 5), 5);
		memset(buf, 0, sizeof(buf));
		assert_int_equal(port_read_all(&port, buf, 5, 5000), 5);
		assert_string_equal(buf, "a\r\001x\003");
		close(fd);
		usleep(20000);
		put(c, "again\n");
	}
	assert_int_equal(port_read_all(&port, buf, 1, 100), 0); /* nothing was echoed */
	loop_stop(l);
	console_close(c, 100, NULL);
	loop_destroy(l);
}

/* A socket that is open already: both ways, all bytes, and its other end may leave. */
static void test_fd(void **state)
{
	struct loop *l = make_loop();
	struct error *e = NULL;
	struct port port;
	struct chardev *c;
	char spec[32], buf[64] = { 0 };
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	snprintf(spec, sizeof(spec), "fd:%d", s[0]);
	c = open_console(l, spec);
	port_attach(&port, c);
	assert_int_equal(console_start(c, &e), 0);
	assert_no_error(e);
	close(s[0]); /* it was borrowed */
	run_loop(l);
	put(c, "out\x01x\n");
	assert_true(EVENTUALLY(5000, recv(s[1], buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT) == 6));
	assert_int_equal(recv(s[1], buf, sizeof(buf), 0), 6);
	assert_memory_equal(buf, "out\x01x\n", 6);
	assert_int_equal(write(s[1], "in\0\x01x", 5), 5);
	assert_int_equal(port_read_all(&port, buf, 5, 5000), 5);
	assert_memory_equal(buf, "in\0\x01x", 5);
	close(s[1]);
	put(c, "to nobody");
	loop_stop(l);
	console_close(c, 100, NULL);
	loop_destroy(l);
}

/* Nobody at the pty: the guest goes on, and what is kept is the end. */
static void test_pty_unread(void **state)
{
	static char line[1024];
	struct loop *l = make_loop();
	struct chardev *c = open_console(l, "pty");
	uint64_t dropped;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 2] = '\n';
	run_loop(l);
	alarm(30);
	for (unsigned i = 0; i < 3000; i++)
		put(c, line);
	alarm(0);
	loop_stop(l);
	console_close(c, 10, &dropped);
	assert_true(dropped > 1500000);
	assert_true(dropped < 3000 * (sizeof(line) - 1));
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_null),
		cmocka_unit_test(test_file),  cmocka_unit_test(test_file_is_a_fifo),
		cmocka_unit_test(test_pty),   cmocka_unit_test(test_pty_unread),
		cmocka_unit_test(test_fd),
	};

	log_set_level(LOG_ERR); /* losses are what is tested here */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
