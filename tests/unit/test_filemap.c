/* SPDX-License-Identifier: MIT */
/*
 * test_filemap.c: files as guest-physical memory: what is stored where, and what becomes of a guest
 * whose file goes away.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "vmm/guestmem.h"

#define BASE UINT64_C(0x100000000)
#define LEN  (2 * MIB)

static char path[64];

static struct guest_mem *memory(void)
{
	struct ram_config c = { .size = 4 * MIB, .pages = RAM_PAGES_SMALL };
	struct guest_mem *gm;
	struct error *e = NULL;

	assert_int_equal(gm_create(&c, &gm, &e), 0);
	assert_no_error(e);
	assert_int_equal(gm_add_ram(gm, 0, 0, 4 * MIB, &e), 0);
	return gm;
}

static void make_file(uint64_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (size >= 4)
		assert_int_equal(pwrite(fd, "head", 4, 0), 4);
	if (size >= 8)
		assert_int_equal(pwrite(fd, "tail", 4, (off_t)size - 4), 4);
	close(fd);
}

static int add(struct guest_mem *gm, gpa_t base, enum gm_file_mode mode, uint64_t len,
	       struct error **errp)
{
	struct gm_file_config c = {
		.path = path,
		.fd = open(path, (mode == GM_FILE_SHARED ? O_RDWR : O_RDONLY) | O_CLOEXEC),
		.mode = mode,
		.len = len,
	};
	int r = gm_add_file(gm, base, &c, errp);

	if (r < 0) /* still ours */
		assert_int_equal(close(c.fd), 0);
	return r;
}

static void add_ok(struct guest_mem *gm, gpa_t base, enum gm_file_mode mode, uint64_t len)
{
	struct error *e = NULL;

	assert_int_equal(add(gm, base, mode, len, &e), 0);
	assert_no_error(e);
}

static void file_is(off_t at, const char *text)
{
	char buf[16] = { 0 };
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, buf, strlen(text), at), strlen(text));
	assert_string_equal(buf, text);
	close(fd);
}

static void memory_is(struct guest_mem *gm, gpa_t at, const char *text)
{
	char buf[16] = { 0 };

	assert_true(gm_read(gm, at, buf, strlen(text)));
	assert_string_equal(buf, text);
}

/* --- modes ------------------------------------------------------------------------------------ */

static void shared(void **state)
{
	struct guest_mem *gm = memory();

	(void)state;
	make_file(LEN);
	add_ok(gm, BASE, GM_FILE_SHARED, LEN);
	memory_is(gm, BASE, "head");
	memory_is(gm, BASE + LEN - 4, "tail");
	assert_true(gm_write(gm, BASE + 100, "new", 3));
	file_is(100, "new");
	assert_int_equal(gm_sync_file(gm, BASE), 0);
	assert_int_equal(gm_check(gm, NULL), 0);
	gm_destroy(gm);
	file_is(100, "new");
	unlink(path);
}

static void readonly(void **state)
{
	unsigned cnt;
	const struct gm_region *r;
	struct guest_mem *gm = memory();

	(void)state;
	make_file(LEN);
	add_ok(gm, BASE, GM_FILE_READONLY, LEN);
	memory_is(gm, BASE, "head");
	assert_false(gm_write(gm, BASE, "x", 1));
	assert_null(gm_ptr(gm, BASE, 1, GM_WRITE));
	r = gm_regions(gm, &cnt);
	assert_true(r[cnt - 1].readonly); /* KVM_MEM_READONLY */
	assert_int_equal(gm_sync_file(gm, BASE), 0);
	gm_destroy(gm);
	unlink(path);
}

static void private(void **state)
{
	struct guest_mem *gm = memory();

	(void)state;
	make_file(LEN);
	add_ok(gm, BASE, GM_FILE_PRIVATE, LEN);
	assert_true(gm_write(gm, BASE, "mine", 4));
	memory_is(gm, BASE, "mine");
	file_is(0, "head");
	assert_int_equal(gm_sync_file(gm, BASE), 0);
	gm_destroy(gm);
	file_is(0, "head");
	unlink(path);
}

/* A file that is no multiple of a page, let alone of 2 MiB: zeros follow. */
static void shorter_than_its_memory(void **state)
{
	static const enum gm_file_mode modes[] = { GM_FILE_READONLY, GM_FILE_PRIVATE };
	static const uint64_t sizes[] = { 0, 1, 4095, 4096, 5000, LEN - 1 };

	(void)state;
	for (unsigned m = 0; m < 2; m++) {
		for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
			struct guest_mem *gm = memory();
			uint8_t *all = malloc(2 * LEN);

			make_file(sizes[i]);
			add_ok(gm, BASE, modes[m], 2 * LEN);
			assert_true(gm_read(gm, BASE, all, 2 * LEN));
			if (sizes[i] >= 8)
				assert_memory_equal(all + sizes[i] - 4, "tail", 4);
			for (uint64_t k = sizes[i]; k < 2 * LEN; k++)
				assert_int_equal(all[k], 0);
			assert_int_equal(gm_check(gm, NULL), 0);
			free(all);
			gm_destroy(gm);
			unlink(path);
		}
	}
}

/* Of a longer file, what was asked for. */
static void longer_than_its_memory(void **state)
{
	struct guest_mem *gm = memory();

	(void)state;
	make_file(3 * LEN);
	add_ok(gm, BASE, GM_FILE_SHARED, LEN);
	memory_is(gm, BASE, "head");
	assert_null(gm_ptr(gm, BASE + LEN, 1, GM_READ));
	gm_destroy(gm);
	unlink(path);
}

/* It is memory, but not RAM: no part of its size, and a reset leaves it alone. Slots follow the
 * order of addition, and the host address is on a border that huge pages can use. */
static void memory_but_not_ram(void **state)
{
	const struct gm_region *r;
	struct guest_mem *gm = memory();
	struct iovec iov[4];
	unsigned cnt;

	(void)state;
	make_file(2 * LEN);
	add_ok(gm, BASE, GM_FILE_SHARED, LEN);
	add_ok(gm, BASE + LEN, GM_FILE_PRIVATE, LEN);
	assert_int_equal(gm_ram_size(gm), 4 * MIB);
	r = gm_regions(gm, &cnt);
	assert_int_equal(cnt, 3);
	for (unsigned i = 1; i < 3; i++) {
		assert_true(r[i].file);
		assert_int_equal(r[i].slot, i);
		assert_int_equal((uintptr_t)r[i].hva % (2 * MIB), 0);
		assert_int_equal(r[i].len, LEN);
	}
	/* A disk may read into it: DAX and O_DIRECT. */
	assert_int_equal(gm_iov(gm, BASE + LEN - 10, 20, GM_RW, iov, 4), 2);
	assert_true(gm_write(gm, BASE + 8, "keep", 4));
	assert_true(gm_write(gm, 8, "lose", 4));
	assert_int_equal(gm_clear_ram(gm, NULL), 0);
	memory_is(gm, BASE + 8, "keep");
	memory_is(gm, 8, "");
	gm_destroy(gm);
	unlink(path);
}

/* --- mistakes --------------------------------------------------------------------------------- */

static void refusals(void **state)
{
	struct guest_mem *gm = memory();
	struct error *e = NULL;

	(void)state;
	make_file(LEN);
	assert_true(add(gm, BASE, GM_FILE_SHARED, 2 * LEN, &e) < 0); /* memory that forgets */
	assert_error(e, "cannot be mapped");
	e = NULL;
	assert_true(add(gm, BASE, GM_FILE_SHARED, LEN / 2, &e) < 0);
	assert_error(e, "cannot be mapped");
	e = NULL;
	assert_true(add(gm, BASE, GM_FILE_SHARED, 0, &e) < 0);
	assert_error(e, "cannot be mapped");
	e = NULL;
	assert_int_equal(add(gm, 2 * MIB, GM_FILE_SHARED, LEN, &e), -EEXIST);
	assert_error(e, "overlaps");
	e = NULL;
	for (unsigned i = 0; i < GM_MAX_FILES; i++)
		add_ok(gm, BASE + i * LEN, GM_FILE_READONLY, LEN);
	assert_int_equal(add(gm, BASE + 100 * LEN, GM_FILE_READONLY, LEN, &e), -ENOSPC);
	assert_error(e, "one file too many");
	assert_int_equal(gm_sync_file(gm, BASE + 1), -ENOENT);
	gm_destroy(gm);
	unlink(path);
}

static void wrong_direction(void **state)
{
	struct guest_mem *gm = memory();
	struct gm_file_config c = { .path = path, .mode = GM_FILE_SHARED, .len = LEN };
	struct error *e = NULL;

	(void)state;
	make_file(LEN);
	c.fd = open(path, O_RDONLY);
	assert_int_equal(gm_add_file(gm, BASE, &c, &e), -EACCES);
	assert_error(e, "cannot map");
	assert_int_equal(fcntl(c.fd, F_GETFD), 0); /* still ours, still open */
	close(c.fd);
	gm_destroy(gm);
	unlink(path);
}

/* --- row 94, "truncated => SIGBUS", and row 39, "image truncated under us" -------------------- */

static void test_row39_truncated_under_us(void **state)
{
	struct guest_mem *gm = memory();
	struct error *e = NULL;
	uint64_t told = 0;
	char buf[4];
	int efd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	make_file(LEN);
	gm_notify_loss(gm, efd); /* before there is a file, as the machine does */
	add_ok(gm, BASE, GM_FILE_SHARED, LEN);
	assert_true(gm_write(gm, BASE + LEN / 2, "text", 4));
	assert_int_equal(truncate(path, 4096), 0);
	/* Known at once to who asks, and to all when it is touched. Nobody dies of it. */
	assert_int_equal(gm_check(gm, &e), -EIO);
	assert_error(e, "became shorter while the guest used it");
	assert_int_equal(read(efd, &told, sizeof(told)), -1);
	assert_true(gm_read(gm, BASE + LEN / 2, buf, 4));
	assert_memory_equal(buf, "\0\0\0\0", 4);
	assert_int_equal(read(efd, &told, sizeof(told)), sizeof(told));
	assert_true(gm_write(gm, BASE + LEN - 4, "more", 4));
	memory_is(gm, BASE, "head");
	/* What is stored now is stored nowhere: no flush says otherwise. */
	assert_int_equal(gm_sync_file(gm, BASE), -EIO);
	/* Not even when the file has its length back. */
	assert_int_equal(truncate(path, LEN), 0);
	e = NULL;
	assert_int_equal(gm_check(gm, &e), -EIO);
	assert_error(e, "was lost");
	assert_int_equal(gm_sync_file(gm, BASE), -EIO);
	gm_destroy(gm);
	close(efd);
	unlink(path);
}

/* Somebody is told of a file that is lost although he asked after it was added. */
static void loss_told_later(void **state)
{
	struct guest_mem *gm = memory();
	int efd = eventfd(0, EFD_NONBLOCK);
	uint64_t told;
	char c;

	(void)state;
	make_file(LEN);
	add_ok(gm, BASE, GM_FILE_READONLY, LEN);
	gm_notify_loss(gm, efd);
	assert_int_equal(truncate(path, 0), 0);
	assert_true(gm_read(gm, BASE, &c, 1));
	assert_int_equal(read(efd, &told, sizeof(told)), sizeof(told));
	gm_destroy(gm);
	close(efd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared),
		cmocka_unit_test(readonly),
		cmocka_unit_test(private),
		cmocka_unit_test(shorter_than_its_memory),
		cmocka_unit_test(longer_than_its_memory),
		cmocka_unit_test(memory_but_not_ram),
		cmocka_unit_test(refusals),
		cmocka_unit_test(wrong_direction),
		cmocka_unit_test(test_row39_truncated_under_us),
		cmocka_unit_test(loss_told_later),
	};
	int fd, r;

	strcpy(path, "/tmp/test_filemap.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return r;
}
