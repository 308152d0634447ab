/* SPDX-License-Identifier: MIT */
/* test_ram_guard.c: guest RAM whose host pages go away. mmap(2), ERRORS: "SIGBUS: Attempted access
 * to a page of the buffer that lies beyond the end of the mapped file." */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/ram_guard.h"
#include "tests/lib/fake.h"
#include "vmm/guestmem.h"

#define SIZE (4 * MIB)

struct fixture {
	char path[40];
	int fd;
	struct guest_mem *gm;
};

static struct fixture make(void)
{
	struct fixture f = { .path = "/tmp/trapeze-test-guard-XXXXXX" };
	struct ram_config c = { .size = SIZE, .backing = RAM_FILE };
	struct error *e = NULL;

	f.fd = mkstemp(f.path);
	assert_true(f.fd >= 0);
	c.path = f.path;
	if (gm_create(&c, &f.gm, &e) < 0 || gm_add_ram(f.gm, 0, 0, SIZE, &e) < 0)
		assert_no_error(e);
	return f;
}

static void unmake(struct fixture *f)
{
	gm_destroy(f->gm);
	close(f->fd);
	unlink(f->path);
}

static bool signalled(int efd)
{
	uint64_t n;

	return read(efd, &n, sizeof(n)) == sizeof(n);
}

static void row94_truncated_file_reads_as_zeros(void **state)
{
	struct fixture f = make();
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct error *e = NULL;
	char buf[8];

	(void)state;
	gm_notify_loss(f.gm, efd);
	assert_true(gm_write(f.gm, MIB - 4, "12345678", 8));
	assert_int_equal(gm_check(f.gm, &e), 0);
	assert_int_equal(ftruncate(f.fd, MIB), 0);
	assert_false(signalled(efd)); /* nobody has touched it yet */
	assert_true(gm_read(f.gm, MIB - 4, buf, 8));
	assert_memory_equal(buf, "1234\0\0\0\0", 8);
	assert_true(signalled(efd));
	assert_true(gm_write(f.gm, 3 * MIB, "goes", 4));
	assert_true(gm_write(f.gm, 0, "on", 2));
	assert_false(signalled(efd)); /* once is enough */
	assert_int_equal(gm_check(f.gm, &e), -EIO);
	assert_error(e, f.path);
	unmake(&f);
	close(efd);
}

/* The kernel does not signal, it returns EFAULT; gm_check() finds out all the same. */
static void row94_truncated_file_under_a_system_call(void **state)
{
	struct fixture f = make();
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *p = gm_ptr(f.gm, 0, 4096, GM_WRITE);
	struct error *e = NULL;

	(void)state;
	assert_int_equal(ftruncate(f.fd, 0), 0);
	assert_int_equal(read(zero, p, 4096), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(gm_check(f.gm, &e), -EIO);
	assert_error(e, "the file became shorter");
	/* A reset does not mend it. */
	e = NULL;
	assert_int_equal(gm_clear_ram(f.gm, &e), -EIO);
	assert_error(e, "the file became shorter");
	unmake(&f);
	close(zero);
}

/* A SIGBUS as the kernel sends it for a page with an uncorrectable memory error. sigaction(2). */
static void send_mce(int code, void *addr)
{
	siginfo_t si = { .si_signo = SIGBUS, .si_code = code, .si_addr = addr };

	assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &si), 0);
}

static void row94_poisoned_page_is_lost_alone(void **state)
{
	struct fixture f = make();
	struct error *e = NULL;
	char buf[8];

	(void)state;
	assert_true(gm_write(f.gm, 8192, "neighbour", 9));
	assert_true(gm_write(f.gm, 4096 + 100, "poisoned", 8));
	send_mce(BUS_MCEERR_AR, gm_ptr(f.gm, 4096 + 100, 1, GM_READ));
	assert_true(gm_read(f.gm, 4096 + 100, buf, 8));
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
	assert_true(gm_read(f.gm, 8192, buf, 8));
	assert_memory_equal(buf, "neighbou", 8);
	assert_int_equal(gm_check(f.gm, &e), -EIO);
	assert_error(e, "uncorrectable error");
	unmake(&f);
}

/* How a child ends that does @what after RAM was made and destroyed. */
static int child_status(void (*what)(struct fixture *f))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		signal(SIGBUS, SIG_DFL); /* not cmocka's */
		struct fixture f = make();

		unlink(f.path);
		what(&f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void touch_lost_memory_of_others(struct fixture *f)
{
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f->fd, 0);

	if (ftruncate(f->fd, 0) == 0)
		(void)p[0];
}

static void send_plain(struct fixture *f)
{
	(void)f;
	raise(SIGBUS);
}

static void send_mce_elsewhere(struct fixture *f)
{
	static char page[4096];

	(void)f;
	send_mce(BUS_MCEERR_AO, page);
}

/* Any other SIGBUS does what it would have done: here, kill (or a sanitizer's report). */
static void other_faults_are_as_deadly_as_before(void **state)
{
	void (*const what[])(struct fixture *) = { touch_lost_memory_of_others, send_plain,
						   send_mce_elsewhere };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(what); i++) {
		int status = child_status(what[i]);

		assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS
						: WEXITSTATUS(status) != 0);
	}
}

static void guards_run_out_gracefully(void **state)
{
	static char page[RAM_GUARDS + 1][4096];
	int g[RAM_GUARDS + 1];

	(void)state;
	for (unsigned i = 0; i <= RAM_GUARDS; i++)
		g[i] = ram_guard_add(page[i], 4096, 4096);
	assert_true(g[RAM_GUARDS - 1] >= 0);
	assert_int_equal(g[RAM_GUARDS], -1);
	assert_int_equal(ram_guard_loss(-1), RAM_INTACT);
	ram_guard_notify(-1, -1);
	for (unsigned i = 0; i <= RAM_GUARDS; i++)
		ram_guard_remove(g[i]);
	g[0] = ram_guard_add(page[0], 4096, 4096);
	assert_true(g[0] >= 0);
	ram_guard_remove(g[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row94_truncated_file_reads_as_zeros),
		cmocka_unit_test(row94_truncated_file_under_a_system_call),
		cmocka_unit_test(row94_poisoned_page_is_lost_alone),
		cmocka_unit_test(other_faults_are_as_deadly_as_before),
		cmocka_unit_test(guards_run_out_gracefully),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
