/* SPDX-License-Identifier: MIT */
/* test_initrd.c: several initial ramdisks as one, and where they go. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static const char *vmlinux(struct kit *k)
{
	kit_vmlinux(&k->buf);
	return kit_file(k, "vmlinux", k->buf.p, k->buf.len);
}

/* Documentation/driver-api/early-userspace/buffer-format.rst: "initramfs := ("\0" | cpio_archive |
 * cpio_gzip_archive)*" at offsets that are multiples of 4. */
static void concatenated(void **state)
{
	struct kit *k = *state;
	char path[3][200];
	const char *list[] = { path[0], path[1], path[2] };
	struct boot_config c = { .initrd = list, .initrd_cnt = 3 };
	uint64_t len;
	uint8_t mem[15];
	gpa_t at;

	snprintf(path[0], sizeof(path[0]), "%s", kit_file(k, "i0", "12345", 5));
	snprintf(path[1], sizeof(path[1]), "%s", kit_file(k, "i1", "abcd", 4));
	snprintf(path[2], sizeof(path[2]), "%s", kit_file(k, "i2", "xyz", 3));
	c.kernel = vmlinux(k);
	kit_boot(k, &c);
	boot_initrd_range(k->boot, &at, &len);
	assert_int_equal(len, 15);
	assert_int_equal(at, KIT_RAM - 4096); /* as high as can be, page-aligned */
	kit_read(k, at, mem, 15);
	assert_memory_equal(mem, "12345\0\0\0abcdxyz", 15);
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x218), at);
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x21c), 15);
}

/* "initrd_addr_max: The maximum address that may be occupied by the initial ramdisk contents." */
static void below_initrd_addr_max(void **state)
{
	struct kit *k = *state;
	char path[200];
	const char *list[] = { path };
	struct boot_config c = { .initrd = list, .initrd_cnt = 1 };
	uint64_t len;
	gpa_t at;

	snprintf(path, sizeof(path), "%s", kit_file(k, "i", "12345", 5));
	kit_bzimage(&k->buf, "payload", 7);
	put_le32(k->buf.p + 0x22c, 0x27fffff);
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	boot_initrd_range(k->boot, &at, &len);
	assert_int_equal(at, 0x2800000 - 4096);
	/* Just above the kernel's init_size there is no room below the limit. */
	put_le32(k->buf.p + 0x22c, 20 * MIB - 1); /* the kernel takes [16, 20) MiB */
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	boot_initrd_range(k->boot, &at, &len);
	assert_int_equal(at, 16 * MIB - 4096);
}

static void too_big(void **state)
{
	struct kit *k = *state;
	char path[200];
	const char *list[] = { path };
	struct boot_config c = { .initrd = list, .initrd_cnt = 1 };

	snprintf(path, sizeof(path), "%s", kit_file(k, "big", "x", 1));
	assert_int_equal(truncate(path, 47 * MIB), 0);
	c.kernel = vmlinux(k); /* ends at 18 MiB + 12 KiB */
	kit_refused(k, &c,
		    "the initrd has 48128 KiB, the biggest free piece of guest RAM below "
		    "0x80000000 has 47092 KiB");
	assert_int_equal(truncate(path, 47092 * KIB), 0);
	kit_boot(k, &c);
	assert_int_equal(truncate(path, (off_t)(1ull << 41)), 0);
	kit_refused(k, &c, "big': has 2097152 MiB, the limit is");
}

/* With RAM above 4 GiB a kernel that says it can takes an initrd there. */
static void above_4g(void **state)
{
	struct kit *k = *state;
	char path[200];
	const char *list[] = { path };
	struct boot_config c = { .initrd = list, .initrd_cnt = 1 };
	struct ram_config rc = { .size = KIT_RAM };
	struct error *e = NULL;
	uint64_t len;
	gpa_t at;

	snprintf(path, sizeof(path), "%s", kit_file(k, "i", "x", 1));
	k->gm = gm_destroy(k->gm);
	assert_int_equal(gm_create(&rc, &k->gm, &e), 0);
	assert_int_equal(gm_add_ram(k->gm, 0, 0, 22 * MIB, &e), 0);
	assert_int_equal(gm_add_ram(k->gm, 4 * GIB, 22 * MIB, KIT_RAM - 22 * MIB, &e), 0);
	k->board.ranges[3].len = 21 * MIB;
	k->board.ranges[4] = (struct board_range){ 4 * GIB, KIT_RAM - 22 * MIB, BOARD_RAM };
	k->board.range_cnt = 5;
	assert_int_equal(truncate(list[0], 20 * MIB), 0);
	kit_bzimage(&k->buf, "payload", 7);
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	boot_initrd_range(k->boot, &at, &len);
	assert_int_equal(at, 4 * GIB);
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x218), 0);
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x0c0), 1); /* ext_ramdisk_image */
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x21c), 20 * MIB);
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x0c4), 0);
	put_le16(k->buf.p + 0x236, 1); /* no XLF_CAN_BE_LOADED_ABOVE_4G */
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_refused(k, &c, "the initrd has 20480 KiB");
}

static void bad_files(void **state)
{
	struct kit *k = *state;
	char empty[200];
	const char *list[] = { empty };
	struct boot_config c = { .initrd = list, .initrd_cnt = 1 };

	snprintf(empty, sizeof(empty), "%s", kit_file(k, "empty", "", 0));
	c.kernel = vmlinux(k);
	kit_refused(k, &c, "/empty': is empty");
	list[0] = k->dir;
	kit_refused(k, &c, "': is a directory");
	list[0] = "/nonexistent";
	kit_refused(k, &c, "initrd '/nonexistent': cannot open it: No such file");
}

/* The file shrinks between open and (re)load. */
static void shrinks(void **state)
{
	struct kit *k = *state;
	char path[200];
	const char *list[] = { path };
	struct boot_config c = { .initrd = list, .initrd_cnt = 1 };
	struct error *e = NULL;

	snprintf(path, sizeof(path), "%s", kit_file(k, "i", "0123456789", 10));
	c.kernel = vmlinux(k);
	kit_boot(k, &c);
	assert_int_equal(truncate(path, 4), 0);
	assert_true(boot_load(k->boot, k->gm, &k->env, &k->entry, &e) < 0);
	assert_error(e, "i': the file became shorter while it was read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(concatenated, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(below_initrd_addr_max, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(too_big, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(above_4g, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(bad_files, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(shrinks, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
