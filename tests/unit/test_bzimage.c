/* SPDX-License-Identifier: MIT */
/* test_bzimage.c: the setup header, Documentation/arch/x86/boot.rst. */
#include <string.h>

#include "boot/impl.h"
#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static void put(uint8_t *p, unsigned width, uint64_t v)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static const struct {
	const char *says;
	unsigned off, width;
	uint64_t value;
} damage[] = {
	{ "version is 2.05", 0x206, 2, 0x205 },
	{ "version is 0.00", 0x206, 2, 0 },
	{ "loadflags has no LOADED_HIGH", 0x211, 1, 0x80 },
	{ "setup_sects is 255, but the file ends", 0x1f1, 1, 255 },
	{ "syssize is 0", 0x1f4, 4, 0 },
	{ "syssize says 68719476720 bytes", 0x1f4, 4, UINT32_MAX }, /* 64 GiB */
	{ "payload_offset 0xffffffff", 0x248, 4, UINT32_MAX },
	{ "payload_length 0xffffffff", 0x24c, 4, UINT32_MAX },
	{ "pref_address 0 is", 0x258, 8, 0 },
	{ "pref_address 0xfffff ", 0x258, 8, 0xfffff },
	{ "pref_address 0x100000000", 0x258, 8, 4 * GIB },
	{ "kernel_alignment 0 is", 0x230, 4, 0 },
	{ "kernel_alignment 0x300000", 0x230, 4, 0x300000 },
	{ "init_size 5 is less", 0x260, 4, 5 },
	{ "needs 4194303 KiB of guest RAM from 0x1000000", 0x260, 4, UINT32_MAX },
	{ "needs 4096 KiB of guest RAM from 0x3f00000 on, the biggest free piece there has 1024",
	  0x258, 8, 63 * MIB },
	{ "at most 3", 0x238, 4, 3 },
};

static void damaged_headers_are_refused(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		struct boot_config c = { .cmdline = "four" };

		kit_bzimage(&k->buf, "payload", 7);
		put(k->buf.p + damage[i].off, damage[i].width, damage[i].value);
		c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
		kit_refused(k, &c, damage[i].says);
	}
}

static void truncated_files_are_refused(void **state)
{
	static uint8_t payload[20000];
	struct kit *k = *state;

	kit_bzimage(&k->buf, payload, sizeof(payload));
	for (size_t len = 1; len < k->buf.len - 4096 - 16; len += len < 700 ? 13 : 511) {
		struct boot_config c = { .protocol = BOOT_LINUX };

		c.kernel = kit_file(k, "vmlinuz", k->buf.p, len);
		kit_refused(k, &c, "kernel '");
	}
}

static void parse(struct kit *k, struct bzimage *bz)
{
	struct error *e = NULL;

	assert_int_equal(bzimage_parse(k->buf.p, k->buf.len, k->buf.len, bz, &e), 0);
	assert_no_error(e);
}

/* "setup_sects: If this field contains 0, the real value is 4." */
static void setup_sects_zero_is_four(void **state)
{
	struct kit *k = *state;
	struct bzimage bz;

	kit_bzimage(&k->buf, "payload", 7);
	k->buf.p[0x1f1] = 0;
	k->buf.len += 3 * 512;
	parse(k, &bz);
	assert_int_equal(bz.kernel_off, 5 * 512);
}

/* "The end of setup header can be calculated as 0x0202 + byte value at offset 0x0201." */
static void header_length(void **state)
{
	struct kit *k = *state;
	struct bzimage bz;

	kit_bzimage(&k->buf, "payload", 7);
	parse(k, &bz);
	assert_int_equal(bz.header_len, 0x26c - 0x1f1);
	k->buf.p[0x201] = 0xff; /* longer than boot_params has room for */
	memset(k->buf.p + 0x26c, 0, 0x40);
	parse(k, &bz);
	assert_int_equal(bz.header_len, 0x290 - 0x1f1);
	assert_memory_equal(bz.header, k->buf.p + 0x1f1, bz.header_len);
}

/* A field that the header's version does not have is not read. */
static void fields_by_version(void **state)
{
	struct kit *k = *state;
	struct bzimage bz;

	kit_bzimage(&k->buf, "payload", 7);
	parse(k, &bz);
	assert_true(bz.entry64);
	assert_true(bz.above_4g);
	assert_int_equal(bz.payload_off, KIT_BZ_KERNEL + 0x300);
	assert_int_equal(bz.payload_len, 7);
	assert_int_equal(bz.load_addr, 16 * MIB);
	assert_int_equal(bz.init_size, 4 * MIB);
	assert_int_equal(bz.initrd_end, 0x80000000);
	assert_int_equal(bz.cmdline_max, 255);

	put_le16(k->buf.p + 0x206, 0x20b); /* xloadflags came with 2.12 */
	parse(k, &bz);
	assert_false(bz.entry64);
	put_le16(k->buf.p + 0x206, 0x209); /* pref_address and init_size with 2.10 */
	parse(k, &bz);
	assert_int_equal(bz.load_addr, MIB); /* code32_start */
	assert_int_equal(bz.init_size, bz.kernel_len);
	assert_int_equal(bz.payload_len, 7);
	put_le16(k->buf.p + 0x206, 0x207); /* payload with 2.08 */
	parse(k, &bz);
	assert_int_equal(bz.payload_len, 0);
	put_le16(k->buf.p + 0x206, 0x206);
	parse(k, &bz);
}

/* What follows the kernel in the file (a signature) is not loaded. */
static void signature_is_left_out(void **state)
{
	struct kit *k = *state;
	struct bzimage bz;
	size_t len;

	kit_bzimage(&k->buf, "payload", 7);
	len = k->buf.len;
	k->buf.len += 2000;
	parse(k, &bz);
	assert_int_equal(bz.kernel_len, len - KIT_BZ_KERNEL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(damaged_headers_are_refused, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(truncated_files_are_refused, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(setup_sects_zero_is_four, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(header_length, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(fields_by_version, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(signature_is_left_out, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
