/* SPDX-License-Identifier: MIT */
/* test_sniff.c: a file that is no kernel is called by its name. */
#include <string.h>

#include "tests/lib/bootkit.h"

#define S(s) s, sizeof(s) - 1

static const struct {
	const char *bytes;
	size_t len, off;
	const char *says;
} rows[] = {
	{ S("070701000000"), 0, "is a cpio archive, that is an initramfs, not a kernel" },
	{ S("070702000000"), 0, "is a cpio archive, that is an initramfs" },
	{ S("\x1f\x8b\x08"), 0, "is a gzip file" },
	{ S("\xfd"
	    "7zXZ\0"),
	  0, "is an xz file" },
	{ S("\x28\xb5\x2f\xfd"), 0, "is a zstd file" },
	{ S("\x02\x21\x4c\x18"), 0, "is an LZ4 file" },
	{ S("\x04\x22\x4d\x18"), 0, "is an LZ4 file" },
	{ S("BZh9"), 0, "is a bzip2 file" },
	{ S("QFI\xfb\0\0\0\3"), 0, "is a qcow2 disk image" },
	{ S("CD001"), 0x8001, "is an ISO 9660 image" },
	{ S("\x53\xef"), 0x438, "is an ext2, ext3 or ext4 file system" },
	{ S("EFI PART"), 0x200, "is a disk image with a GPT" },
	{ S("hsqs"), 0, "is a squashfs" },
	{ S("#!/bin/sh\n"), 0, "is a script" },
	{ S("Hello, this is text.\n"), 0, "is text, not a kernel" },
	{ S("PK\3\4"), 0, "is a zip archive" },
	{ S("!<arch>\ndebian-binary"), 0, "is an ar archive or Debian package" },
	{ S("ARM\x64"), 0x38, "is a Linux Image for arm64" },
	{ S("RSC\x05"), 0x38, "is a Linux Image for RISC-V" },
	{ S("\xd0\x0d\xfe\xed"), 0, "is a device tree" },
	{ S("\x55\xaa"), 510, "is a boot sector or a disk image with one" },
	{ S("ustar"), 257, "is a tar archive" },
	{ S("\1\2\3\4\5"), 0, "is data of an unknown kind" },
	{ S("\0"), 0, "is data of an unknown kind" },
};

static void called_by_name(void **state)
{
	struct kit *k = *state;
	static char file[0x9000];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = rows[i].off + rows[i].len;
		struct boot_config c = { 0 };

		memset(file, 0, sizeof(file));
		memcpy(file + rows[i].off, rows[i].bytes, rows[i].len);
		c.kernel = kit_file(k, "what", file, len);
		kit_refused(k, &c, rows[i].says);
		kit_refused(k, &c, "/what': is ");
	}
}

/* PE/COFF specification, "MS-DOS Stub": at 0x3c the offset of "PE\0\0", then the machine type. */
static void pe_files(void **state)
{
	static const struct {
		uint8_t at, lo, hi;
		const char *says;
	} pe[] = {
		{ 0x40, 0x64, 0x86, "is a PE executable for x86-64, not a bzImage" },
		{ 0x40, 0x64, 0xaa, "is a PE executable for arm64" },
		{ 0x50, 0x4c, 0x01, "is a PE executable for i386" },
		{ 0x50, 0x12, 0x34, "is a PE executable for an unknown machine" },
		{ 0xfb, 0x64, 0x86, "is a DOS executable" }, /* six bytes would reach outside */
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(pe); i++) {
		uint8_t f[0x100] = { 'M', 'Z' };
		struct boot_config c = { 0 };

		f[0x3c] = pe[i].at;
		memcpy(f + pe[i].at, "PE\0", 4);
		if (pe[i].at + 6u <= sizeof(f)) {
			f[pe[i].at + 4] = pe[i].lo;
			f[pe[i].at + 5] = pe[i].hi;
		}
		c.kernel = kit_file(k, "what", f, sizeof(f));
		kit_refused(k, &c, pe[i].says);
	}
	for (size_t len = 2; len < 0x48; len++) {
		uint8_t f[0x48] = { 'M', 'Z' };
		struct boot_config c = { 0 };

		memset(f + 0x3c, 0xff, 4);
		c.kernel = kit_file(k, "what", f, len);
		kit_refused(k, &c, "is a DOS executable");
	}
}

static void elf_without_an_entry(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = "/proc/self/exe" };

	kit_refused(k, &c, "is an ELF file for x86 without a Linux, PVH or multiboot entry");
}

static void hints(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = kit_file(k, "initrd", "070701", 6) };
	struct boot *b = NULL;
	struct error *e = NULL;

	assert_true(boot_open(&c, &b, &e) < 0);
	assert_string_equal(error_hint(e), "did you swap -k and -i?");
	error_free(e);
	assert_null(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(called_by_name, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(pe_files, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(elf_without_an_entry, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(hints, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
