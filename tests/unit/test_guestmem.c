/* SPDX-License-Identifier: MIT */
/* guestmem.c and ram.c: addresses with lengths, holes, backings. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "vmm/guestmem.h"

#define LOW  (UINT64_C(8) * MIB)
#define HIGH (UINT64_C(4) * GIB)

static struct guest_mem *make(struct ram_config c)
{
	struct guest_mem *gm = NULL;
	struct error *e = NULL;

	c.size = 16 * MIB;
	if (gm_create(&c, &gm, &e) < 0)
		assert_no_error(e);
	/* Two adjacent regions, a hole, a third one. */
	assert_int_equal(gm_add_ram(gm, 0, 0, 1 * MIB, &e), 0);
	assert_int_equal(gm_add_ram(gm, 1 * MIB, 1 * MIB, LOW - MIB, &e), 0);
	assert_int_equal(gm_add_ram(gm, HIGH, LOW, 8 * MIB, &e), 0);
	return gm;
}

static void lookup(void **state)
{
	struct guest_mem *gm = make((struct ram_config){ 0 });
	uint8_t *p;

	(void)state;
	p = gm_ptr(gm, 0, 16, GM_RW);
	assert_non_null(p);
	assert_ptr_equal(gm_ptr(gm, 1 * MIB - 1, 1, GM_READ), p + MIB - 1);
	/* A range that crosses regions has no one pointer, even where they are neighbours. */
	assert_null(gm_ptr(gm, 1 * MIB - 1, 2, GM_READ));
	assert_null(gm_ptr(gm, LOW - 1, 2, GM_READ));
	assert_null(gm_ptr(gm, LOW, 1, GM_READ));
	assert_null(gm_ptr(gm, 0, 0, GM_READ));
	assert_null(gm_ptr(gm, HIGH, UINT64_MAX, GM_READ));
	assert_null(gm_ptr(gm, UINT64_MAX, 1, GM_READ));
	assert_null(gm_ptr(gm, UINT64_MAX - 4, 8, GM_READ));
	assert_non_null(gm_ptr(gm, HIGH + 8 * MIB - 1, 1, GM_RW));
	assert_int_equal(gm_ram_size(gm), 16 * MIB);
	gm_destroy(gm);
}

static void copies(void **state)
{
	struct guest_mem *gm = make((struct ram_config){ 0 });
	char buf[8] = { 0 };

	(void)state;
	assert_true(gm_write(gm, 1 * MIB - 4, "abcdefgh", 8)); /* across neighbours */
	assert_true(gm_read(gm, 1 * MIB - 4, buf, 8));
	assert_memory_equal(buf, "abcdefgh", 8);
	assert_false(gm_write(gm, LOW - 4, "abcdefgh", 8));
	assert_true(gm_read(gm, LOW - 4, buf, 4));
	assert_memory_equal(buf, "\0\0\0\0", 4); /* nothing of a write that cannot be whole */
	assert_false(gm_read(gm, LOW - 4, buf, 8));
	assert_true(gm_write(gm, LOW, "", 0));
	gm_destroy(gm);
}

static void vectors(void **state)
{
	struct guest_mem *gm = make((struct ram_config){ 0 });
	struct iovec iov[2];

	(void)state;
	assert_int_equal(gm_iov(gm, 1 * MIB - 4, 8, GM_READ, iov, 2), 2);
	assert_int_equal(iov[0].iov_len, 4);
	assert_int_equal(iov[1].iov_len, 4);
	assert_int_equal(gm_iov(gm, 1 * MIB - 4, 8, GM_READ, iov, 1), -E2BIG);
	assert_int_equal(gm_iov(gm, LOW - 4, 8, GM_READ, iov, 2), -EFAULT);
	assert_int_equal(gm_iov(gm, 0, UINT64_MAX, GM_READ, iov, 2), -EFAULT);
	assert_int_equal(gm_iov(gm, 0, 0, GM_READ, iov, 2), -EFAULT);
	gm_destroy(gm);
}

/* A window answers as gm_ptr() does, for the one region it is on. */
static void window(void **state)
{
	struct guest_mem *gm = make((struct ram_config){ 0 });
	static const gpa_t at[] = { 0,
				    1,
				    MIB - 1,
				    MIB,
				    LOW - 1,
				    LOW,
				    HIGH - 1,
				    HIGH,
				    HIGH + 5,
				    HIGH + 8 * MIB - 1,
				    HIGH + 8 * MIB,
				    0xfff00000,
				    UINT64_MAX - 1,
				    UINT64_MAX };
	static const uint64_t len[] = { 0, 1, 2, 4096, MIB, 8 * MIB, UINT32_MAX, UINT64_MAX };
	struct gm_window w = { 0 }, before;
	struct error *e = NULL;
	uint8_t *p;

	(void)state;
	assert_int_equal(gm_add_rom(gm, 0xfff00000, 4096, "ROM!", 4, &e), 0);
	assert_false(gm_window_ptr(&w, 0, 1, &p)); /* on nothing, at first */
	for (unsigned on = 0; on < ARRAY_LEN(at); on++) {
		uint8_t *home = gm_ptr(gm, at[on], 1, GM_RW); /* NULL: not RAM */

		before = w;
		assert_int_equal(gm_window_move(gm, &w, at[on]), home != NULL);
		if (!home) {
			assert_memory_equal(&w, &before, sizeof(w));
			continue;
		}
		for (unsigned i = 0; i < ARRAY_LEN(at) * ARRAY_LEN(len); i++) {
			gpa_t gpa = at[i % ARRAY_LEN(at)];
			uint64_t n = len[i / ARRAY_LEN(at)];
			bool here = gpa - w.base < w.len;
			uint8_t *want = here ? gm_ptr(gm, gpa, n, GM_RW) : NULL;

			p = NULL;
			assert_int_equal(gm_window_ptr(&w, gpa, n, &p), want != NULL);
			assert_ptr_equal(p, want);
		}
	}
	gm_destroy(gm);
}

static void rom(void **state)
{
	struct guest_mem *gm = make((struct ram_config){ 0 });
	struct error *e = NULL;
	char buf[4];

	(void)state;
	assert_int_equal(gm_add_rom(gm, 0xfff00000, 4096, "ROM!", 4, &e), 0);
	assert_true(gm_read(gm, 0xfff00000, buf, 4));
	assert_memory_equal(buf, "ROM!", 4);
	assert_false(gm_write(gm, 0xfff00000, "x", 1));
	assert_null(gm_ptr(gm, 0xfff00000, 4, GM_RW));
	assert_int_equal(gm_add_rom(gm, 0xfff00000, 4096, "", 0, &e), -EEXIST);
	assert_error(e, "overlaps");
	e = NULL;
	assert_int_equal(gm_add_rom(gm, 0xffe00000, 4, "ROM!!", 5, &e), -E2BIG);
	assert_error(e, "does not fit");
	gm_destroy(gm);
}

static void refuses_bad_places(void **state)
{
	struct guest_mem *gm = make((struct ram_config){ 0 });
	struct error *e = NULL;

	(void)state;
	assert_int_equal(gm_add_ram(gm, 2 * HIGH, 16 * MIB, 1, &e), -ERANGE);
	assert_error(e, "outside");
	e = NULL;
	assert_int_equal(gm_add_ram(gm, 2 * HIGH, UINT64_MAX, 2, &e), -ERANGE);
	assert_error(e, "outside");
	e = NULL;
	assert_int_equal(gm_add_ram(gm, HIGH + MIB, 0, MIB, &e), -EEXIST);
	assert_error(e, "overlaps");
	e = NULL;
	assert_int_equal(gm_add_ram(gm, UINT64_MAX, 0, 2, &e), -ERANGE);
	assert_error(e, "no valid end");
	gm_destroy(gm);
}

/* After a clear, RAM reads as zero and can be used again; for every kind of backing. */
static void check_clear(struct ram_config c)
{
	struct guest_mem *gm = make(c);
	struct error *e = NULL;
	char buf[4];

	assert_true(gm_write(gm, HIGH + 12345, "data", 4));
	if (gm_clear_ram(gm, &e) < 0)
		assert_no_error(e);
	assert_true(gm_read(gm, HIGH + 12345, buf, 4));
	assert_memory_equal(buf, "\0\0\0\0", 4);
	assert_true(gm_write(gm, HIGH + 12345, "data", 4));
	gm_destroy(gm);
}

static void clear_anonymous(void **state)
{
	(void)state;
	check_clear((struct ram_config){ .pages = RAM_PAGES_THP });
	check_clear((struct ram_config){ .prefault = true });
}

static void clear_memfd(void **state)
{
	(void)state;
	check_clear((struct ram_config){ .backing = RAM_MEMFD });
}

static void file_backing(void **state)
{
	char path[] = "/tmp/trapeze-test-ram-XXXXXX";
	int fd = mkstemp(path);
	struct ram_config c = { .backing = RAM_FILE, .path = path };
	struct stat st;
	char buf[4];

	(void)state;
	assert_true(fd >= 0);
	struct guest_mem *gm = make(c);
	assert_true(gm_write(gm, HIGH, "high", 4));
	gm_destroy(gm);
	/* The file is RAM itself: what lies at 4 GiB stands at the end of low memory in it. */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 16 * MIB);
	assert_int_equal(pread(fd, buf, 4, (off_t)LOW), 4);
	assert_memory_equal(buf, "high", 4);
	check_clear(c);
	close(fd);
	unlink(path);
	c.path = "/tmp";
	check_clear(c);
}

/* A file that was there before: what it holds must not be the guest's, what is behind is kept. */
static void file_with_contents(void **state)
{
	char path[] = "/tmp/trapeze-test-ram-XXXXXX";
	int fd = mkstemp(path);
	struct ram_config c = { .backing = RAM_FILE, .path = path };
	struct guest_mem *gm;
	struct stat st;
	char buf[5];

	(void)state;
	assert_int_equal(pwrite(fd, "stale", 5, 4096), 5);
	assert_int_equal(pwrite(fd, "tail!", 5, 20 * MIB), 5);
	gm = make(c);
	assert_true(gm_read(gm, 4096, buf, 5));
	assert_memory_equal(buf, "\0\0\0\0\0", 5);
	gm_destroy(gm);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 20 * MIB + 5);
	assert_int_equal(pread(fd, buf, 5, 20 * MIB), 5);
	assert_memory_equal(buf, "tail!", 5);
	close(fd);
	unlink(path);
}

static void backing_errors(void **state)
{
	struct guest_mem *gm = NULL;
	struct error *e = NULL;
	struct ram_config c = { .size = 16 * MIB, .backing = RAM_FILE, .path = "/nonexistent/x" };

	(void)state;
	assert_int_equal(gm_create(&c, &gm, &e), -ENOENT);
	assert_error(e, "/nonexistent/x");
	e = NULL;
	c.path = "/dev/null";
	assert_int_equal(gm_create(&c, &gm, &e), -EINVAL);
	assert_error(e, "not a regular file");
	e = NULL;
	c = (struct ram_config){ .size = 3 * MIB, .pages = RAM_PAGES_2M };
	assert_int_equal(gm_create(&c, &gm, &e), -EINVAL);
	assert_error(e, "2M page size");
	e = NULL;
	c = (struct ram_config){ .size = 16 * MIB, .backing = RAM_MEMFD, .mergeable = true };
	assert_int_equal(gm_create(&c, &gm, &e), -EINVAL);
	assert_error(e, "merged");
	/* More than the address space holds. */
	e = NULL;
	c = (struct ram_config){ .size = UINT64_C(1) << 60 };
	assert_true(gm_create(&c, &gm, &e) < 0);
	assert_non_null(error_hint(e));
	assert_error(e, "cannot allocate");
	assert_null(gm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookup),
		cmocka_unit_test(copies),
		cmocka_unit_test(vectors),
		cmocka_unit_test(window),
		cmocka_unit_test(rom),
		cmocka_unit_test(refuses_bad_places),
		cmocka_unit_test(clear_anonymous),
		cmocka_unit_test(clear_memfd),
		cmocka_unit_test(file_backing),
		cmocka_unit_test(file_with_contents),
		cmocka_unit_test(backing_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
