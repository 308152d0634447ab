/* SPDX-License-Identifier: MIT */
/* engine.c: which engine a disk gets, on hosts that forbid some. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/lib/diskkit.h"
#include "vmm/log.h"

static struct blk_config config(enum blk_engine e, enum blk_cache c)
{
	return (struct blk_config){ .path = (char *)(uintptr_t)disk_file("e", 65536, 1),
				    .format = BLK_FORMAT_RAW,
				    .engine = e,
				    .cache = c };
}

/* libaio is asynchronous with O_DIRECT only: who asks for it with a page cache is told. */
static void aio_wants_direct(void **state)
{
	struct blk_config conf = config(BLK_ENGINE_AIO, BLK_CACHE_WRITEBACK);
	struct error *e = disk_try(&conf);

	(void)state;
	assert_non_null(e);
	assert_non_null(strstr(error_hint(e), "cache=none"));
	assert_error(e, "engine=aio");
}

/* From here on these two system calls fail with @err, in this process. */
static void forbid(unsigned a, unsigned b, unsigned err)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_LEN(f), f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(77);
}

static unsigned good;

static void note(struct blk_req *r, int err)
{
	const uint8_t *p = r->iov->iov_base;

	good += !err && p[0] == 1 && p[4095] == 1;
}

/* Does it do its work, too? Three at once: a read that is alone may not need its engine. */
static bool reads(struct blk *blk)
{
	static uint8_t p[3][4096] __attribute__((aligned(4096)));
	struct iovec v[3];
	struct blk_req r[3];

	for (unsigned i = 0; i < 3; i++) {
		v[i] = (struct iovec){ p[i], 4096 };
		r[i] = (struct blk_req){ .op = BLK_READ,
					 .off = i * 8192,
					 .len = 4096,
					 .iov = &v[i],
					 .iov_cnt = 1,
					 .done = note,
					 .next = i < 2 ? &r[i + 1] : NULL };
	}
	blk_submit(blk, r);
	blk_drain(blk);
	return good == 3;
}

/* What a child without these calls gets: the engine's name, and what was logged or the error. */
static void run_without(unsigned a, unsigned b, unsigned err, struct blk_config *conf, char *name,
			char *said, size_t len)
{
	int out[2], logged[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(logged, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		struct error *e = NULL;
		struct loop *l = loop_create("x", &e);
		struct blk *blk = NULL;

		log_set_fd(logged[1]);
		forbid(a, b, err);
		if (!l)
			_exit(1);
		if (blk_open(conf, l, &blk, &e) < 0) {
			dprintf(logged[1], "%s", error_msg(e));
			dprintf(out[1], "none");
		} else {
			dprintf(out[1], "%s", blk_info(blk).engine);
			if (!reads(blk))
				_exit(2);
			blk_close(blk);
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(out[1]);
	close(logged[1]);
	n = read(out[0], name, len - 1);
	name[n > 0 ? n : 0] = '\0';
	n = read(logged[0], said, len - 1);
	said[n > 0 ? n : 0] = '\0';
	close(out[0]);
	close(logged[0]);
	if (WEXITSTATUS(status) == 77) {
		fprintf(stderr, "SKIPPED: no seccomp here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void falls_back_and_says_so(void **state)
{
	struct blk_config conf = config(BLK_ENGINE_AUTO, BLK_CACHE_WRITEBACK);
	char name[512], said[512];

	(void)state;
	run_without(SYS_io_uring_setup, SYS_io_uring_setup, EPERM, &conf, name, said, 512);
	assert_string_equal(name, "threads");
	assert_non_null(strstr(said, "forbids io_uring"));
	assert_non_null(strstr(said, "engine=threads"));
	run_without(SYS_io_uring_setup, SYS_io_uring_setup, ENOSYS, &conf, name, said, 512);
	assert_string_equal(name, "threads");
	assert_non_null(strstr(said, "io_uring does not work here"));
	/* Asked for by name, it is not replaced. */
	conf.engine = BLK_ENGINE_URING;
	run_without(SYS_io_uring_setup, SYS_io_uring_setup, EPERM, &conf, name, said, 512);
	assert_string_equal(name, "none");
	assert_non_null(strstr(said, "forbids io_uring"));
}

static void falls_back_without_the_page_cache(void **state)
{
	struct blk_config conf = config(BLK_ENGINE_AUTO, BLK_CACHE_NONE);
	char name[512], said[512];

	(void)state;
	if (!disk_possible(BLK_ENGINE_THREADS, BLK_CACHE_NONE))
		skip();
	run_without(SYS_io_uring_setup, SYS_io_uring_setup, EPERM, &conf, name, said, 512);
	assert_string_equal(name, "aio");
	assert_non_null(strstr(said, "engine=aio"));
	run_without(SYS_io_uring_setup, SYS_io_setup, ENOSYS, &conf, name, said, 512);
	assert_string_equal(name, "threads");
	assert_non_null(strstr(said, "engine=threads"));
}

/* The kernel is there, but takes nothing at the moment (it has no memory, say): workers do it. And
 * if there can be no workers either, the loop itself does. */
static void does_without_its_kernel_part(void **state)
{
	struct blk_config conf = config(BLK_ENGINE_URING, BLK_CACHE_WRITEBACK);
	char name[512], said[512];

	(void)state;
	if (disk_possible(BLK_ENGINE_URING, BLK_CACHE_WRITEBACK)) {
		run_without(SYS_io_uring_enter, SYS_io_uring_enter, EAGAIN, &conf, name, said, 512);
		assert_string_equal(name, "io_uring");
	}
	if (disk_possible(BLK_ENGINE_AIO, BLK_CACHE_NONE)) {
		conf = config(BLK_ENGINE_AIO, BLK_CACHE_NONE);
		run_without(SYS_io_submit, SYS_io_submit, EAGAIN, &conf, name, said, 512);
		assert_string_equal(name, "aio");
	}
	conf = config(BLK_ENGINE_THREADS, BLK_CACHE_WRITEBACK);
	run_without(SYS_clone, SYS_clone3, EAGAIN, &conf, name, said, 512);
	assert_string_equal(name, "threads");
}

/* The first choice needs no words. */
static void silent_if_all_is_well(void **state)
{
	struct blk_config conf = config(BLK_ENGINE_AUTO, BLK_CACHE_WRITEBACK);
	char name[512], said[512];

	(void)state;
	if (!disk_possible(BLK_ENGINE_URING, BLK_CACHE_WRITEBACK))
		skip();
	run_without(SYS_acct, SYS_acct, EPERM, &conf, name, said, 512);
	assert_string_equal(name, "io_uring");
	assert_string_equal(said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aio_wants_direct),
		cmocka_unit_test(falls_back_and_says_so),
		cmocka_unit_test(falls_back_without_the_page_cache),
		cmocka_unit_test(does_without_its_kernel_part),
		cmocka_unit_test(silent_if_all_is_well),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
