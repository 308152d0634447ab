/* SPDX-License-Identifier: MIT */
/* file.c, file_rw.c: what can be a disk, and reading and writing that blocks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "block/file.h"
#include "block/file_rw.h"
#include "tests/lib/diskkit.h"
#include "tests/lib/fault.h"

static struct error *try_file(const char *path, unsigned flags)
{
	struct blk_file *f = NULL;
	struct error *e = NULL;

	if (!file_open(NULL, path, flags, &f, &e))
		file_close(f);
	else
		assert_null(f);
	return e;
}

/* "Block devices and regular files only": said in words, and nothing hangs on a pipe. */
static void unfit_kinds(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *fifo = disk_path("fifo"), *sock = disk_path("sock"), *dir = disk_dir();
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", sock);
	assert_int_equal(bind(s, (struct sockaddr *)&sa, sizeof(sa)), 0);
	for (unsigned flags = 0; flags <= FILE_READONLY; flags++) {
		assert_error(try_file(fifo, flags), "is a pipe");
		assert_error(try_file(sock, flags), "is a socket");
		assert_error(try_file(dir, flags), "is a directory");
		assert_error(try_file("/dev/null", flags), "is a character device");
		assert_error(try_file(disk_path("nothing"), flags), "No such file");
	}
	close(s);
}

static void errors_help(void **state)
{
	const char *path = disk_file("ro", 4096, 0);
	struct error *e;

	(void)state;
	assert_int_equal(chmod(path, 0444), 0);
	if (geteuid()) {
		e = try_file(path, 0);
		assert_non_null(error_hint(e));
		assert_non_null(strstr(error_hint(e), "'ro'"));
		assert_error(e, path);
	} else {
		fprintf(stderr, "SKIPPED: what root may not open\n");
	}
	assert_no_error(try_file(path, FILE_READONLY));
}

static void creating(void **state)
{
	const char *path = disk_path("new");
	struct blk_file *f;
	struct error *e = NULL;
	uint8_t p[10] = "123456789", q[10];
	uint64_t size;

	(void)state;
	assert_int_equal(file_open(NULL, path, FILE_CREATE, &f, &e), 0);
	assert_int_equal(file_pwrite(f, p, 10, 100), 0);
	assert_int_equal(file_pread(f, q, 10, 100), 0);
	assert_memory_equal(p, q, 10);
	assert_int_equal(file_truncate(f, 1000), 0);
	assert_int_equal(file_size(f, &size), 0);
	assert_int_equal(size, 1000);
	assert_int_equal(file_fallocate(f, 0, 0, 2000), 0);
	assert_int_equal(file_size(f, &size), 0);
	assert_int_equal(size, 2000);
	assert_int_equal(file_fdatasync(f), 0);
	assert_int_equal(file_pwrite(f, p, 10, UINT64_MAX - 4), -EINVAL);
	assert_int_equal(file_truncate(f, UINT64_MAX), -EFBIG);
	file_close(f);
	assert_error(try_file(path, FILE_CREATE), "exists");
}

static void directly_with(unsigned align)
{
	const char *path = disk_file("d", 70000, 0x41);
	uint8_t *model = malloc(80000), *p = malloc(80000);
	struct blk_file *f;
	struct error *e = NULL;
	uint32_t seed = align;
	uint64_t size;

	memset(model, 0x41, 70000);
	memset(model + 70000, 0, 10000);
	assert_int_equal(file_open(NULL, path, FILE_DIRECT, &f, &e), 0);
	if (align > f->offset_align)
		f->offset_align = align;
	for (unsigned i = 0; i < 400; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t len = 1 + (seed >> 8) % 9000, off = (seed >> 4) % (70000 - len);

		if (i & 1) {
			memset(p, (int)i, len);
			memset(model + off, (int)i, len);
			assert_int_equal(file_pwrite(f, p, len, off), 0);
		} else {
			assert_int_equal(file_pread(f, p, len, off), 0);
			assert_memory_equal(p, model + off, len);
		}
	}
	/* To the odd end, over it (zeros: the file was never longer), and beyond. */
	assert_int_equal(file_pread(f, p, 10000, 65000), 0);
	assert_memory_equal(p, model + 65000, 10000);
	assert_int_equal(file_size(f, &size), 0);
	assert_int_equal(size, 70000);
	assert_int_equal(file_pwrite(f, model, 3, 70010), 0);
	assert_int_equal(file_size(f, &size), 0);
	assert_int_equal(size, 70013);
	assert_int_equal(file_pread(f, p, 15, 69999), 0);
	assert_int_equal(p[0], model[69999]);
	assert_int_equal(p[5], 0);
	assert_memory_equal(p + 11, model, 3);
	file_close(f);
	free(model);
	free(p);
}

/* Metadata has no alignment; O_DIRECT does. */
static void directly_at_any_alignment(void **state)
{
	(void)state;
	if (!disk_possible(BLK_ENGINE_THREADS, BLK_CACHE_NONE))
		skip();
	directly_with(512);
	directly_with(4096);
}

/* "A short read at the end is EIO", but zeros where there never were bytes. */
static void test_row39_behind_the_end(void **state)
{
	const char *path = disk_file("t", 10000, 0x41);
	struct blk_file *f;
	struct error *e = NULL;
	uint8_t p[200];

	(void)state;
	assert_int_equal(file_open(NULL, path, 0, &f, &e), 0);
	memset(p, 0xff, sizeof(p));
	assert_int_equal(file_pread(f, p, 200, 9900), 0);
	assert_int_equal(p[99], 0x41);
	assert_int_equal(p[100], 0);
	assert_int_equal(p[199], 0);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(file_pread(f, p, 200, 4900), -EIO);
	assert_int_equal(file_pread(f, p, 200, 9900), -EIO);
	assert_int_equal(file_pread(f, p, 200, 20000), 0);
	file_close(f);
}

/* Every call of a blocking transfer fails once, is interrupted, or falls short. */
static void test_row42_blocking_calls(void **state)
{
	static const int errs[] = { EIO, EINTR, EAGAIN, FAULT_SHORT };
	const char *path = disk_file("b", 65536, 0);
	unsigned direct = disk_possible(BLK_ENGINE_THREADS, BLK_CACHE_NONE) ? FILE_DIRECT : 0;
	uint8_t *p = malloc(65536), *q = malloc(65536);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(errs) * 4; i++) {
		int err = errs[i / 4];
		bool write = i & 1;

		for (unsigned n = 1;; n++) {
			struct blk_file *f;
			struct error *e = NULL;
			int r;

			assert_int_equal(file_open(NULL, path, i & 2 ? direct : 0, &f, &e), 0);
			memset(p, (int)(n + i), 65536);
			assert_int_equal(file_pwrite(f, q, 65000, 100), 0);
			fault_arm(write ? HOST_WRITE : HOST_READ, n, err);
			r = write ? file_pwrite(f, p, 65000, 100) : file_pread(f, p, 65000, 100);
			if (!fault_disarm()) {
				file_close(f);
				break;
			}
			assert_int_equal(r, err == EIO ? -EIO : 0);
			if (!r && write) {
				assert_int_equal(file_pread(f, q, 65000, 100), 0);
				assert_memory_equal(p, q, 65000);
			} else if (!r) {
				assert_memory_equal(p, q, 65000);
			}
			file_close(f);
		}
	}
	free(p);
	free(q);
}

static void test_row43_blocking_sync_latches(void **state)
{
	struct blk_file *f;
	struct error *e = NULL;

	(void)state;
	assert_int_equal(file_open(NULL, disk_file("s", 512, 0), 0, &f, &e), 0);
	fault_arm(HOST_SYNC, 1, EIO);
	assert_int_equal(file_fdatasync(f), -EIO);
	fault_disarm();
	assert_int_equal(file_fdatasync(f), -EIO);
	file_close(f);
	assert_int_equal(file_open(NULL, disk_path("s"), FILE_NOSYNC, &f, &e), 0);
	fault_arm(HOST_SYNC, 1, EIO);
	assert_int_equal(file_fdatasync(f), 0);
	assert_false(fault_disarm());
	file_close(f);
}

static void windows(void **state)
{
	uint8_t m[100];
	struct iovec v[4] = { { m, 10 }, { m + 10, 0 }, { m + 20, 5 }, { m + 30, 50 } }, out[4];
	uint64_t len;

	(void)state;
	assert_int_equal(iov_window(v, 4, 0, 65, out, 4, &len), 4);
	assert_int_equal(len, 65);
	assert_int_equal(iov_window(v, 4, 12, 10, out, 4, &len), 2);
	assert_ptr_equal(out[0].iov_base, m + 22);
	assert_int_equal(out[0].iov_len, 3);
	assert_ptr_equal(out[1].iov_base, m + 30);
	assert_int_equal(out[1].iov_len, 7);
	assert_int_equal(iov_window(v, 4, 5, 60, out, 1, &len), 1);
	assert_int_equal(len, 5);
	assert_int_equal(iov_window(v, 4, 65, 1, out, 4, &len), 0);
	memset(m, 1, sizeof(m));
	iov_zero(v, 4, 14);
	assert_int_equal(m[23], 1);
	assert_int_equal(m[24], 0);
	assert_int_equal(m[30], 0);
	assert_int_equal(m[79], 0);
	assert_int_equal(m[80], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unfit_kinds),
		cmocka_unit_test(errors_help),
		cmocka_unit_test(creating),
		cmocka_unit_test(directly_at_any_alignment),
		cmocka_unit_test(test_row39_behind_the_end),
		cmocka_unit_test(test_row42_blocking_calls),
		cmocka_unit_test(test_row43_blocking_sync_latches),
		cmocka_unit_test(windows),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
