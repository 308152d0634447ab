/* SPDX-License-Identifier: MIT */
/*
 * test_lock_ghost.c: a lock whose process has ended (src/block/lock.c). The kernel keeps the file
 * of a killed process until its I/O has ended, and so its locks; a descriptor on its way through a
 * socket is held by nobody in just that manner.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "block/lock.h"
#include "tests/lib/fake.h"

static struct {
	char path[40];
	int fd, sock[2];
} w;

static int open_image(void)
{
	int fd = open(w.path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Locked by a description that no process has a descriptor of. */
static int set_up(void **state)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = { 0 };
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c)
	};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	struct error *e = NULL;
	int fd;

	(void)state;
	strcpy(w.path, "/tmp/trapeze-test-lock-XXXXXX");
	close(mkstemp(w.path));
	fd = open_image();
	assert_int_equal(file_lock(fd, w.path, false, &e), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.sock), 0);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	assert_int_equal(sendmsg(w.sock[0], &m, 0), 1);
	close(fd);
	w.fd = open_image();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(w.fd);
	close(w.sock[0]);
	close(w.sock[1]);
	unlink(w.path);
	return 0;
}

/* The kernel is done with it after a while. */
static void *let_go(void *arg)
{
	const struct timespec while_ = { .tv_nsec = 150000000 };

	(void)arg;
	nanosleep(&while_, NULL);
	close(w.sock[1]);
	w.sock[1] = -1;
	return NULL;
}

static void a_holder_that_goes_away_is_waited_for(void **state)
{
	struct error *e = NULL;
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, let_go, NULL), 0);
	assert_int_equal(file_lock(w.fd, w.path, false, &e), 0);
	assert_no_error(e);
	pthread_join(t, NULL);
}

static void a_holder_that_stays_is_an_error(void **state)
{
	struct error *e = NULL;

	(void)state;
	assert_int_equal(file_lock(w.fd, w.path, false, &e), -EBUSY);
	assert_error(e, "is in use by another process");
}

/* Who can be seen is not waited for; and after file_unlock() the file is free, open or not. */
static void a_visible_holder_is_told_at_once(void **state)
{
	struct timespec a, b;
	struct error *e = NULL;
	int other;

	(void)state;
	let_go(NULL);
	assert_int_equal(file_lock(w.fd, w.path, false, &e), 0);
	other = open_image();
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(file_lock(other, w.path, false, &e), -EBUSY);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_error(e, "in use by this process already");
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 500);
	file_unlock(w.fd);
	e = NULL;
	assert_int_equal(file_lock(other, w.path, false, &e), 0);
	assert_no_error(e);
	close(other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_holder_that_goes_away_is_waited_for),
		T(a_holder_that_stays_is_an_error),
		T(a_visible_holder_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
