/* SPDX-License-Identifier: MIT */
/*
 * lock.c: who may have an image open at the same time, with other processes of this program's kind
 * and with QEMU's own qemu-io, in both directions. (With a raw image qemu-io, unlike a QEMU that
 * runs a guest, shares everything; so the image is a qcow2. The locks are on the file either way.)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "block/lock.h"
#include "tests/lib/diskkit.h"
#include "tests/lib/fault.h"

extern char **environ;

static int open_image(const char *path, bool ro)
{
	int fd = open(path, (ro ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Opens and locks; -1 and *e if it is refused. */
static int try_lock(const char *path, bool ro, struct error **e)
{
	int fd = open_image(path, ro);

	if (!file_lock(fd, path, ro, e))
		return fd;
	close(fd);
	return -1;
}

/* "RO+RW mix": readers get along, a writer with nobody. */
static void test_row46_who_goes_with_whom(void **state)
{
	static const struct {
		bool first_ro, second_ro, ok;
	} cases[] = { { true, true, true },
		      { true, false, false },
		      { false, true, false },
		      { false, false, false } };
	const char *path = disk_file("l", 4096, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error *e = NULL;
		int a = try_lock(path, cases[i].first_ro, &e), b;

		assert_no_error(e);
		assert_true(a >= 0);
		b = try_lock(path, cases[i].second_ro, &e);
		assert_int_equal(b >= 0, cases[i].ok);
		if (cases[i].ok)
			close(b);
		else
			assert_error(e, "named twice"); /* the other one is this process, too */
		close(a);
		e = NULL;
		b = try_lock(path, cases[i].second_ro, &e); /* the lock went with the descriptor */
		assert_no_error(e);
		close(b);
	}
}

static void test_row46_interrupted(void **state)
{
	const char *path = disk_file("l", 4096, 0);

	(void)state;
	for (unsigned n = 1;; n++) {
		struct error *e = NULL;
		bool fired;
		int fd;

		fault_arm(HOST_LOCK, n, EINTR);
		fd = try_lock(path, false, &e);
		fired = fault_disarm();
		assert_no_error(e);
		close(fd);
		if (!fired) {
			assert_true(n > 8); /* 3 used, 2 denied, and as many looks */
			break;
		}
	}
}

/* A failure at any step is an error that names the file, or none at all where there are no locks.
 */
static void test_row46_other_failures(void **state)
{
	const char *path = disk_file("l", 4096, 0);

	(void)state;
	for (unsigned n = 1;; n++) {
		struct error *e = NULL;
		bool fired;
		int fd;

		fault_arm(HOST_LOCK, n, EIO);
		fd = try_lock(path, false, &e);
		fired = fault_disarm();
		if (!fired) {
			close(fd);
			break;
		}
		assert_int_equal(fd, -1);
		assert_error(e, path);
		fault_arm(HOST_LOCK, n, ENOLCK);
		e = NULL;
		fd = try_lock(path, false, &e);
		fault_disarm();
		assert_no_error(e);
		close(fd);
	}
}

/* --- others --------------------------------------------------------------------------------------
 */

/* qemu-io with @path open, until child_end(). 0: there is none here. */
struct child {
	pid_t pid;
	int in, out;
};

static bool child_start(struct child *c, const char *path, bool ro)
{
	const char *argv[] = { "qemu-io", "-f", "qcow2", path, ro ? "-r" : NULL, NULL };
	posix_spawn_file_actions_t fa;
	int in[2], out[2], r;
	char prompt[64] = "";
	size_t n = 0;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in[0], 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	r = posix_spawnp(&c->pid, argv[0], &fa, NULL, (char **)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
	if (r) {
		close(c->in);
		close(c->out);
		return false;
	}
	/* It has the image once it asks what to do. */
	while (n < sizeof(prompt) - 1 && !strstr(prompt, "qemu-io>")) {
		ssize_t k = read(c->out, prompt + n, sizeof(prompt) - 1 - n);

		if (k <= 0)
			fail_msg("qemu-io did not open '%s': %s", path, prompt);
		n += (size_t)k;
	}
	return true;
}

static void child_end(struct child *c)
{
	int status;

	close(c->in);
	waitpid(c->pid, &status, 0);
	close(c->out);
}

/* Runs qemu-io on @path; its exit status. */
static int run_qemu_io(const char *path, bool ro)
{
	const char *argv[] = {
		"qemu-io", "-f", "qcow2", "-c", "quit", path, ro ? "-r" : NULL, NULL
	};
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawnp(&pid, argv[0], &fa, NULL, (char **)(uintptr_t)argv, environ),
			 0);
	posix_spawn_file_actions_destroy(&fa);
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

/* NULL: there is no qemu-img here. */
static const char *make_qcow2(void)
{
	const char *path = disk_path("q");
	const char *argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", path, "1M", NULL };
	int status = 0;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ)) {
		fprintf(stderr, "SKIPPED: no qemu-img (qemu-utils) here\n");
		return NULL;
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	return path;
}

static void test_row46_qemu_has_it(void **state)
{
	const char *path = make_qcow2();

	(void)state;
	if (!path)
		skip();
	for (unsigned i = 0; i < 4; i++) {
		bool theirs_ro = i & 1, ours_ro = i & 2;
		struct blk_config conf = { .path = (char *)(uintptr_t)path,
					   .format = BLK_FORMAT_RAW,
					   .readonly = ours_ro };
		char who[64];
		struct child c;
		struct error *e;

		assert_true(child_start(&c, path, theirs_ro));
		e = disk_try(&conf);
		if (theirs_ro && ours_ro) {
			assert_no_error(e);
		} else {
			snprintf(who, sizeof(who), "in use by process %d (qemu-io", (int)c.pid);
			assert_non_null(error_hint(e));
			assert_error(e, who);
		}
		child_end(&c);
		assert_no_error(disk_try(&conf));
	}
}

static void test_row46_we_have_it(void **state)
{
	const char *path = make_qcow2();

	(void)state;
	if (!path)
		skip();
	for (unsigned i = 0; i < 4; i++) {
		bool theirs_ro = i & 1, ours_ro = i & 2;
		struct blk_config conf = { .path = (char *)(uintptr_t)path,
					   .format = BLK_FORMAT_RAW,
					   .readonly = ours_ro };
		struct disk d;

		disk_open(&d, &conf);
		assert_int_equal(run_qemu_io(path, theirs_ro) == 0, theirs_ro && ours_ro);
		disk_close(&d);
		assert_int_equal(run_qemu_io(path, theirs_ro), 0);
	}
}

/* Two of us. The message says whom to end. */
static void test_row46_two_of_us(void **state)
{
	const char *path = disk_file("two", 4096, 0);
	int up[2], down[2], status;
	struct error *e = NULL;
	char who[64], byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		close(down[1]);
		byte = try_lock(path, false, NULL) >= 0;
		if (write(up[1], &byte, 1) == 1 && read(down[0], &byte, 1) >= 0)
			_exit(0);
		_exit(1);
	}
	close(down[0]);
	assert_int_equal(read(up[0], &byte, 1), 1);
	assert_int_equal(byte, 1);
	assert_int_equal(try_lock(path, true, &e), -1);
	snprintf(who, sizeof(who), "in use by process %d (", (int)pid);
	assert_error(e, who);
	close(down[1]);
	waitpid(pid, &status, 0);
	close(up[0]);
	close(up[1]);
	e = NULL;
	close(try_lock(path, false, &e));
	assert_no_error(e);
}

/* A disk that is closed is free at once: whoever starts the guest again must not wait for the
 * kernel to tidy up after an engine. */
static void free_at_once(void **state)
{
	struct blk_config conf = { .path = (char *)(uintptr_t)disk_file("again", 65536, 0),
				   .format = BLK_FORMAT_RAW };
	uint8_t p[512] = { 0 };

	(void)state;
	for (enum blk_engine e = BLK_ENGINE_AUTO; e <= BLK_ENGINE_THREADS; e++) {
		if (!disk_possible(e, BLK_CACHE_WRITEBACK))
			continue;
		conf.engine = e;
		for (unsigned i = 0; i < 20; i++) {
			struct disk d;

			disk_open(&d, &conf);
			assert_int_equal(disk_do(&d, BLK_WRITE, 0, 0, p, 512), 0);
			assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
			disk_close(&d);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row46_who_goes_with_whom),
		cmocka_unit_test(test_row46_interrupted),
		cmocka_unit_test(test_row46_other_failures),
		cmocka_unit_test(test_row46_qemu_has_it),
		cmocka_unit_test(test_row46_we_have_it),
		cmocka_unit_test(test_row46_two_of_us),
		cmocka_unit_test(free_at_once),
	};
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	disk_rmdir();
	return r;
}
