/* SPDX-License-Identifier: MIT */
/* test_modules.c: modules.dep as lists of files, in the order of loading. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "vmm/error.h"
#include "vmm/guest_modules.h"

static char dir[] = "/tmp/test_modules.XXXXXX";

static void dep(const char *text)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/modules.dep", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Their names in the guest, joined by blanks. */
static void expect(const char *const *wanted, unsigned cnt, const char *order)
{
	struct guest_modules m = { 0 };
	struct error *err = NULL;
	char got[4096] = "";

	if (guest_modules_find(dir, wanted, cnt, &m, &err) < 0)
		fail_msg("%s", error_msg(err));
	for (unsigned i = 0; i < m.cnt; i++) {
		assert_ptr_equal(m.path[i], m.file[i].path);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			 strrchr(m.path[i], '/') + 1);
	}
	assert_string_equal(got, order);
	assert_true(!m.cnt || !m.path[m.cnt]);
	guest_modules_free(&m);
}

#define EXPECT(order, ...)                                                                         \
	expect((const char *[]){ __VA_ARGS__ }, ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), order)

static void needs_come_first(void **state)
{
	(void)state;
	dep("kernel/a/virtio.ko: kernel/a/virtio_ring.ko\n"
	    "kernel/a/virtio_pci.ko: kernel/a/modern-dev.ko kernel/a/virtio.ko "
	    "kernel/a/virtio_ring.ko\n"
	    "kernel/a/modern-dev.ko:\n"
	    "kernel/c/virtio_console.ko.xz: kernel/a/virtio.ko kernel/a/virtio_ring.ko\n"
	    "kernel/a/virtio_ring.ko:");
	EXPECT("virtio_ring.ko virtio.ko modern-dev.ko virtio_pci.ko virtio_console.ko.xz",
	       "virtio_pci", "virtio-console");
	EXPECT("modern-dev.ko virtio_ring.ko", "modern_dev", "virtio_ring", "modern-dev");
	EXPECT("", "virtio_con", "built_in", "virtio_console.ko");
}

static void paths_are_the_directorys(void **state)
{
	const char *wanted[] = { "a", "b" };
	struct guest_modules m = { 0 };
	char want[64];

	(void)state;
	dep("extra/a.ko.zst:\n/lib/modules/x/b.ko:\n");
	assert_int_equal(guest_modules_find(dir, wanted, 2, &m, NULL), 0);
	snprintf(want, sizeof(want), "%s/extra/a.ko.zst", dir);
	assert_string_equal(m.file[0].from, want);
	assert_string_equal(m.file[0].path, "/.trapeze/modules/a.ko.zst");
	assert_string_equal(m.file[1].from, "/lib/modules/x/b.ko");
	guest_modules_free(&m);
	guest_modules_free(&m);
}

static void what_is_no_list(void **state)
{
	const char *wanted[] = { "a" };
	struct guest_modules m = { 0 };
	struct error *err = NULL;

	(void)state;
	dep("");
	EXPECT("", "a");
	dep(":\n\n  \na\nb.ko\n\x80\xff: x\na.ko:   \n");
	EXPECT("a.ko", "a");
	assert_true(guest_modules_find("/no/such/dir", wanted, 1, &m, &err) < 0);
	assert_non_null(strstr(error_msg(err), "/no/such/dir/modules.dep"));
	error_free(err);
	guest_modules_free(&m);
}

static void not_without_end(void **state)
{
	const char *wanted[] = { "a" };
	struct guest_modules m = { 0 };
	struct error *err = NULL;
	char path[64];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/modules.dep", dir);
	f = fopen(path, "w");
	fputs("a.ko:", f);
	for (int i = 0; i < 1000; i++)
		fprintf(f, " m%d.ko", i);
	fclose(f);
	assert_true(guest_modules_find(dir, wanted, 1, &m, &err) < 0);
	assert_non_null(strstr(error_msg(err), "more than 512"));
	error_free(err);
	guest_modules_free(&m);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/modules.dep", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_come_first),
		cmocka_unit_test(paths_are_the_directorys),
		cmocka_unit_test(what_is_no_list),
		cmocka_unit_test(not_without_end),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
