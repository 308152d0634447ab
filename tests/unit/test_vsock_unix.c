/* SPDX-License-Identifier: MIT */
/* test_vsock_unix.c: the name that the host's end of virtio sockets has, and its limits. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net/vsock.h"
#include "tests/lib/fake.h"
#include "vmm/loop.h"

static char dir[64], path[80];
static struct loop *loop;

static int setup(void **state)
{
	struct error *e = NULL;

	(void)state;
	strcpy(dir, "/tmp/vsock-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/v", dir);
	loop = loop_create("test", &e);
	assert_no_error(e);
	return 0;
}

static int teardown(void **state)
{
	char cmd[96];

	(void)state;
	loop_destroy(loop);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static struct vsock_host *accept_path(char *p)
{
	struct vsock_config c = { .cid = 3, .path = p };
	struct vsock_host *h = NULL;
	struct error *e = NULL;

	assert_int_equal(vsock_open(&c, loop, &h, &e), 0);
	assert_no_error(e);
	return h;
}

static void refuse_path(char *p, int code, const char *says)
{
	struct vsock_config c = { .cid = 3, .path = p };
	struct vsock_host *h = NULL;
	struct error *e = NULL;

	assert_int_equal(vsock_open(&c, loop, &h, &e), -code);
	assert_error(e, says);
	assert_null(h);
}

static int dial(const char *p)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", p);
	r = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? errno : 0;
	close(fd);
	return r;
}

/* It is there with the VMM, for its owner alone, and goes with it. */
static void comes_and_goes(void **state)
{
	struct vsock_host *h = accept_path(path);
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(dial(path), 0);
	assert_null(vsock_close_host(h));
	assert_int_equal(stat(path, &st), -1);
	assert_null(vsock_close_host(NULL));
}

static void in_use(void **state)
{
	struct vsock_host *h = accept_path(path);

	(void)state;
	refuse_path(path, EADDRINUSE, "somebody listens at");
	assert_int_equal(dial(path), 0); /* nobody took it away */
	vsock_close_host(h);
}

/* A VMM that was killed left its name behind. */
static void stale(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	assert_int_equal(dial(path), ECONNREFUSED);
	vsock_close_host(accept_path(path));
	assert_int_equal(access(path, F_OK), -1);
}

static void something_else_is_there(void **state)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct vsock_host *h;

	(void)state;
	refuse_path(path, EEXIST, "exists and is no socket");
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	/* And what somebody puts there later stays. */
	h = accept_path(path);
	unlink(path);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	vsock_close_host(h);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
}

static void names_that_cannot_be(void **state)
{
	char text[VSOCK_PATH_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refuse_path(text, ENAMETOOLONG, "is too long for the name of a socket");
	snprintf(text, sizeof(text), "%s/no/v", dir);
	refuse_path(text, ENOENT, "No such file or directory");
}

/* Row 58: descriptors for the rest of the process stay free, whatever the limit is. */
static void test_row58_limit_follows_descriptors(void **state)
{
	struct rlimit old, r;
	struct vsock_host *h;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	r = (struct rlimit){ 200, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	h = accept_path(path);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_true(r.rlim_cur >= (old.rlim_max < 16000 ? old.rlim_max : 16000));
	assert_true(vsock_limit(h) <= VSOCK_STREAMS_MAX && vsock_limit(h) + 100 < r.rlim_cur);
	assert_int_equal(vsock_streams(h), 0);
	vsock_close_host(h);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(stale, setup, teardown),
		cmocka_unit_test_setup_teardown(something_else_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(names_that_cannot_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_row58_limit_follows_descriptors, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
