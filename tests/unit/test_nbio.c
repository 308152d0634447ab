/* SPDX-License-Identifier: MIT */
/*
 * test_nbio.c: never waits, and never changes the flags of a description that others share.
 *
 * open(2): O_NONBLOCK is a file status flag; fcntl(2): those belong to the open file description,
 * which dup(2), fork(2) and the shell share.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include "char/nbio.h"
#include "tests/lib/fake.h"

static bool nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* Writes until it would wait; returns the bytes that went out. Would hang if it waited. */
static size_t fill(struct nbio *io)
{
	static const char junk[1000];
	size_t total = 0;
	ssize_t n;

	alarm(20);
	while ((n = nbio_write(io, junk, sizeof(junk))) > 0)
		total += (size_t)n;
	alarm(0);
	assert_int_equal(n, -EAGAIN);
	return total;
}

static void check_empty(struct nbio *io)
{
	char buf[16];

	alarm(20);
	assert_int_equal(nbio_read(io, buf, sizeof(buf)), -EAGAIN);
	alarm(0);
}

static void test_pipe(void **state)
{
	struct nbio out, in;
	char buf[16];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	nbio_open(&in, p[0], O_RDONLY);
	nbio_open(&out, p[1], O_WRONLY);
	assert_int_equal(in.how, NBIO_OWN);
	assert_int_equal(out.how, NBIO_OWN);
	check_empty(&in);
	assert_int_equal(nbio_write(&out, "hello", 5), 5);
	assert_int_equal(nbio_queued(&out), 5);
	assert_int_equal(nbio_read(&in, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_true(fill(&out) >= 4096);
	assert_false(nonblocking(p[0]));
	assert_false(nonblocking(p[1]));
	close(p[0]);
	nbio_close(&in);
	assert_int_equal(nbio_write(&out, "x", 1), -EPIPE);
	nbio_close(&out);
	nbio_close(&out);
	assert_true(fcntl(p[1], F_GETFD) >= 0); /* borrowed, so still open */
	close(p[1]);
}

static void test_pipe_end_of_file(void **state)
{
	struct nbio in;
	char c;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	nbio_open(&in, p[0], O_RDONLY);
	assert_int_equal(write(p[1], "a", 1), 1);
	close(p[1]);
	assert_int_equal(nbio_read(&in, &c, 1), 1);
	assert_int_equal(nbio_read(&in, &c, 1), 0);
	nbio_close(&in);
	close(p[0]);
}

/* What opening again might grant was not given to us: the other end of the pipe. */
static void test_wrong_direction(void **state)
{
	struct nbio io;
	char c;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "a", 1), 1);
	nbio_open(&io, p[1], O_RDONLY);
	assert_int_equal(nbio_read(&io, &c, 1), -EBADF);
	nbio_close(&io);
	nbio_open(&io, p[0], O_WRONLY);
	assert_int_equal(nbio_write(&io, "b", 1), -EBADF);
	nbio_close(&io);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[0]);
	close(p[1]);
	nbio_open(&io, p[0], O_RDONLY);
	assert_int_equal(nbio_read(&io, &c, 1), -EBADF); /* closed */
	nbio_close(&io);
}

/* The object cannot be opened again (the mode forbids it to everybody but root, so as root the
 * method is set by hand): the inherited descriptor must do, and must not make us wait. */
static void test_pipe_not_reopened(void **state)
{
	struct nbio in, out;
	char buf[16];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	in = (struct nbio){ .fd = p[0], .fifo = true, .how = NBIO_POLL };
	out = (struct nbio){ .fd = p[1], .fifo = true, .how = NBIO_POLL };
	check_empty(&in);
	assert_int_equal(nbio_write(&out, "hello", 5), 5);
	assert_int_equal(nbio_read(&in, buf, sizeof(buf)), 5);
	assert_true(fill(&out) >= 4096);
	assert_false(nonblocking(p[0]));
	assert_false(nonblocking(p[1]));
	close(p[0]);
	close(p[1]);
}

static void test_forbidden(void **state)
{
	struct nbio io;
	int p[2];

	(void)state;
	if (geteuid() == 0) {
		print_message("running as root: giving up the right to open everything\n");
		assert_int_equal(seteuid(65534), 0);
	}
	assert_int_equal(pipe(p), 0);
	assert_int_equal(fchmod(p[0], 0), 0);
	nbio_open(&io, p[0], O_RDONLY);
	assert_int_equal(io.how, NBIO_POLL);
	assert_int_equal(io.fd, p[0]);
	check_empty(&io);
	nbio_close(&io);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	close(p[0]);
	close(p[1]);
}

/* ENXIO: a pipe without a reader cannot be opened for writing. */
static void test_pipe_reader_gone(void **state)
{
	struct nbio io;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	nbio_open(&io, p[1], O_WRONLY);
	assert_int_equal(nbio_write(&io, "x", 1), -EPIPE);
	nbio_close(&io);
	close(p[1]);
}

static void test_terminal(void **state)
{
	struct nbio in, out;
	int master, slave;
	struct termios t;
	char buf[16];

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &t);
	cfmakeraw(&t);
	tcsetattr(slave, TCSANOW, &t);
	nbio_open(&in, slave, O_RDONLY);
	nbio_open(&out, slave, O_WRONLY);
	assert_int_equal(in.how, NBIO_OWN);
	assert_int_equal(out.how, NBIO_OWN);
	assert_true(in.tty && out.tty);
	check_empty(&in);
	assert_int_equal(write(master, "key", 3), 3);
	assert_int_equal(nbio_read(&in, buf, sizeof(buf)), 3);
	/* The help text goes to the terminal the keys come from. */
	assert_int_equal(nbio_write(&in, "help", 4), 4);
	assert_true(fill(&out) > 100);
	assert_false(nonblocking(slave));
	nbio_close(&in);
	nbio_close(&out);
	close(slave);
	close(master);
}

/* A terminal that cannot be opened again, with output processing on, and nobody reading. */
static void test_terminal_not_reopened(void **state)
{
	int master, slave;
	struct nbio out;
	ssize_t n;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	out = (struct nbio){ .fd = slave, .tty = true, .how = NBIO_POLL };
	assert_true(fill(&out) > 100);
	alarm(20);
	while ((n = nbio_write(&out, "\n\n\n\n\n\n\n\n", 8)) > 0)
		;
	alarm(0);
	assert_int_equal(n, -EAGAIN);
	assert_false(nonblocking(slave));
	close(slave);
	close(master);
}

/* /dev/ptmx makes a new pair each time it is opened: a master must not be. */
static void test_terminal_master(void **state)
{
	int master, slave;
	struct nbio io;
	char buf[16];

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	nbio_open(&io, master, O_RDONLY);
	assert_int_equal(io.how, NBIO_POLL);
	check_empty(&io);
	assert_int_equal(write(slave, "abc", 3), 3);
	assert_int_equal(nbio_read(&io, buf, sizeof(buf)), 3);
	nbio_close(&io);
	close(slave);
	close(master);
}

static void test_socket(void **state)
{
	struct nbio in, out;
	char buf[16];
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	nbio_open(&in, p[0], O_RDONLY);
	nbio_open(&out, p[1], O_WRONLY);
	assert_int_equal(in.how, NBIO_SOCKET);
	check_empty(&in);
	assert_int_equal(nbio_write(&out, "hello", 5), 5);
	assert_true(nbio_queued(&out) > 0);
	assert_int_equal(nbio_read(&in, buf, sizeof(buf)), 5);
	assert_true(fill(&out) >= 4096);
	assert_false(nonblocking(p[0]));
	assert_false(nonblocking(p[1]));
	nbio_close(&in);
	close(p[0]);
	/* No SIGPIPE either: it would end the test. */
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(nbio_write(&out, "x", 1), -EPIPE);
	signal(SIGPIPE, SIG_IGN);
	nbio_close(&out);
	close(p[1]);
}

/* The offset is shared: what follows us in `(trapeze; echo done) > file` comes after. */
static void test_regular_file(void **state)
{
	char path[] = "/tmp/test_nbio.XXXXXX", buf[32];
	int fd = mkstemp(path);
	struct nbio io;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "before ", 7), 7);
	nbio_open(&io, fd, O_WRONLY);
	assert_int_equal(io.how, NBIO_PLAIN);
	assert_int_equal(nbio_write(&io, "ours ", 5), 5);
	assert_int_equal(write(fd, "after", 5), 5);
	assert_int_equal(nbio_queued(&io), -1);
	nbio_close(&io);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	nbio_open(&io, fd, O_RDONLY);
	assert_int_equal(nbio_read(&io, buf, sizeof(buf)), 17);
	assert_memory_equal(buf, "before ours after", 17);
	assert_int_equal(nbio_read(&io, buf, sizeof(buf)), 0);
	nbio_close(&io);
	close(fd);
	unlink(path);
}

static void test_devices(void **state)
{
	struct nbio io;
	char c;
	int fd;

	(void)state;
	fd = open("/dev/null", O_RDWR);
	nbio_open(&io, fd, O_RDONLY);
	assert_int_equal(io.how, NBIO_PLAIN);
	assert_int_equal(nbio_read(&io, &c, 1), 0);
	nbio_close(&io);
	nbio_open(&io, fd, O_WRONLY);
	assert_int_equal(nbio_write(&io, "x", 1), 1);
	nbio_close(&io);
	close(fd);
	fd = open("/dev/full", O_RDWR);
	nbio_open(&io, fd, O_WRONLY);
	assert_int_equal(nbio_write(&io, "x", 1), -ENOSPC);
	nbio_close(&io);
	close(fd);
	fd = open("/tmp", O_RDONLY);
	nbio_open(&io, fd, O_RDONLY);
	assert_int_equal(nbio_read(&io, &c, 1), -EISDIR);
	nbio_close(&io);
	close(fd);
	fd = eventfd(0, 0); /* no idea what it is, and it would wait */
	nbio_open(&io, fd, O_RDONLY);
	assert_int_equal(io.how, NBIO_POLL);
	check_empty(&io);
	nbio_close(&io);
	close(fd);
	fd = open("/tmp", O_PATH);
	nbio_open(&io, fd, O_RDONLY);
	assert_int_equal(nbio_read(&io, &c, 1), -EBADF);
	nbio_close(&io);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_pipe_end_of_file),
		cmocka_unit_test(test_wrong_direction),
		cmocka_unit_test(test_pipe_not_reopened),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_pipe_reader_gone),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_terminal_not_reopened),
		cmocka_unit_test(test_terminal_master),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_regular_file),
		cmocka_unit_test(test_devices),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
