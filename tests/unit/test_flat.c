/* SPDX-License-Identifier: MIT */
/* test_flat.c: files without a header in each of the three modes. */
#include <string.h>

#include "tests/lib/bootkit.h"

static uint8_t code[40000];

static const char *image(struct kit *k, size_t len)
{
	for (size_t i = 0; i < sizeof(code); i++)
		code[i] = (uint8_t)(i * 11 + 3);
	return kit_file(k, "flat.bin", code, len);
}

static void loaded(struct kit *k, gpa_t at, size_t len)
{
	static uint8_t mem[sizeof(code)];

	kit_read(k, at, mem, len);
	assert_memory_equal(mem, code, len);
}

/* As a BIOS starts a boot sector: 0000:7c00, dl the drive. */
static void real_mode(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = image(k, 512), .protocol = BOOT_REAL };

	kit_boot(k, &c);
	loaded(k, 0x7c00, 512);
	assert_int_equal(k->entry.mode, CPU_REAL);
	assert_int_equal(k->entry.cs, 0);
	assert_int_equal(k->entry.rip, 0x7c00);
	assert_int_equal(k->entry.rsp, 0x7c00);
	assert_int_equal(k->entry.rdx, 0x80);
	assert_string_equal(boot_info(k->boot).kind, "flat binary, real mode at 0x7c00");

	/* It may lie where other protocols have their data. */
	c.kernel = image(k, sizeof(code));
	kit_boot(k, &c);
	loaded(k, 0x7c00, sizeof(code));
}

/* cs * 16 + ip is the entry, whatever it is. */
static void real_mode_segments(void **state)
{
	static const struct {
		gpa_t load, entry;
		uint16_t cs;
		uint64_t ip;
	} rows[] = {
		{ 0x8000, 0x8100, 0, 0x8100 },        { 0xff00, 0xffff, 0, 0xffff },
		{ 0xff00, 0x10000, 0x1000, 0 },       { 0x20000, 0x21234, 0x2000, 0x1234 },
		{ 0x90000, 0x90000, 0x9000, 0 },      { 0x100000, 0x100000, 0xffff, 0x10 },
		{ 0x100000, 0x100020, 0xffff, 0x30 },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct boot_config c = { .kernel = image(k, 0x2000),
					 .protocol = BOOT_REAL,
					 .load_addr = rows[i].load,
					 .entry = rows[i].entry };

		kit_boot(k, &c);
		loaded(k, rows[i].load, 0x2000);
		assert_int_equal(k->entry.cs, rows[i].cs);
		assert_int_equal(k->entry.rip, rows[i].ip);
		assert_int_equal(k->entry.cs * 16u + k->entry.rip, rows[i].entry);
	}
}

static void protected_mode(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = image(k, 1000), .protocol = BOOT_FLAT32 };

	kit_boot(k, &c);
	loaded(k, MIB, 1000);
	assert_int_equal(k->entry.mode, CPU_PROT32);
	assert_int_equal(k->entry.rip, MIB);
	assert_int_equal(kit_u64(k, k->entry.gdt + 0x10), 0x00cf9b000000ffff);
	assert_true(k->entry.rsp > KIT_SCRATCH && k->entry.rsp <= KIT_SCRATCH + 0x80000);
	c.load_addr = 3 * MIB + 1;
	c.entry = 3 * MIB + 11;
	kit_boot(k, &c);
	loaded(k, 3 * MIB + 1, 1000);
	assert_int_equal(k->entry.rip, 3 * MIB + 11);
}

static void long_mode(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = image(k, 1000), .protocol = BOOT_FLAT64 };

	kit_boot(k, &c);
	loaded(k, MIB, 1000);
	assert_int_equal(k->entry.mode, CPU_LONG64);
	assert_int_equal(kit_u64(k, k->entry.gdt + 0x10), 0x00af9b000000ffff);
	/* the fourth GiB is mapped */
	assert_int_equal(kit_u64(k, kit_u64(k, kit_u64(k, k->entry.cr3) & ~0xfffull) & ~0xfffull) &
				 0x83,
			 0x83);
	assert_int_equal(kit_u64(k, (kit_u64(k, k->entry.cr3) & ~0xfffull) + 24) & 3, 3);
}

static void refusals(void **state)
{
	struct kit *k = *state;
	const char *initrd[] = { "/etc/passwd" };
	struct boot_config c = { .kernel = image(k, 1000), .protocol = BOOT_FLAT32 };

	c.entry = MIB + 1000;
	kit_refused(k, &c, "entry 0x1003e8 is outside of the image");
	c.entry = MIB - 1;
	kit_refused(k, &c, "is outside of the image");
	c = (struct boot_config){ .kernel = c.kernel,
				  .protocol = BOOT_FLAT32,
				  .load_addr = KIT_RAM - 999 };
	kit_refused(k, &c, "the image needs guest memory 0x3fffc19");
	c.load_addr = UINT64_MAX - 10;
	kit_refused(k, &c, "cannot be reached in 32-bit mode");
	c.protocol = BOOT_FLAT64;
	kit_refused(k, &c, "above the first 4 GiB");
	c.protocol = BOOT_REAL;
	c.load_addr = 0x10fff0;
	kit_refused(k, &c, "cannot be reached in real mode");
	c = (struct boot_config){
		.kernel = c.kernel, .protocol = BOOT_FLAT32, .initrd = initrd, .initrd_cnt = 1
	};
	kit_refused(k, &c, "a flat binary takes no initrd");
	c.initrd_cnt = 0;
	c.load_addr = 0x20000;
	kit_refused(k, &c, "overlaps the boot data area");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(real_mode, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(real_mode_segments, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(protected_mode, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(long_mode, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(refusals, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
