/* SPDX-License-Identifier: MIT */
/* Section numbers are of ACPI 6.4. */
#include "boot/aml.h"

#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/endian.h"

/* Compares what @a holds with the bytes given, and empties it. */
static void assert_bytes(struct aml *a, const uint8_t *want, size_t want_len)
{
	size_t len;
	uint8_t *got = aml_take(a, &len);

	assert_non_null(got);
	assert_int_equal(len, want_len);
	assert_memory_equal(got, want, len);
	free(got);
}
#define assert_aml(a, ...)                                                                         \
	assert_bytes(a, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* 20.2.3: ZeroOp, OneOp, BytePrefix, WordPrefix, DWordPrefix, QWordPrefix; little-endian. */
static void integers(void **state)
{
	struct aml a = { 0 };

	(void)state;
	aml_int(&a, 0);
	aml_int(&a, 1);
	aml_int(&a, 2);
	aml_int(&a, 0xff);
	assert_aml(&a, 0x00, 0x01, 0x0a, 2, 0x0a, 0xff);
	aml_int(&a, 0x100);
	aml_int(&a, 0xffff);
	assert_aml(&a, 0x0b, 0, 1, 0x0b, 0xff, 0xff);
	aml_int(&a, 0x10000);
	aml_int(&a, 0xffffffff);
	assert_aml(&a, 0x0c, 0, 0, 1, 0, 0x0c, 0xff, 0xff, 0xff, 0xff);
	aml_int(&a, 0x100000000);
	aml_int(&a, UINT64_MAX); /* not OnesOp, whose width depends on the table's revision */
	assert_aml(&a, 0x0e, 0, 0, 0, 0, 1, 0, 0, 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		   0xff);
}

static void strings(void **state)
{
	struct aml a = { 0 };

	(void)state;
	aml_string(&a, "");
	aml_string(&a, "ACPI0007");
	assert_aml(&a, 0x0d, 0, 0x0d, 'A', 'C', 'P', 'I', '0', '0', '0', '7', 0);
}

/* 20.2.2: "NameSegs shorter than 4 characters are filled with trailing underscores"; DualNamePath
 * 0x2e, MultiNamePath 0x2f SegCount, NullName 0x00. */
static void names(void **state)
{
	struct aml a = { 0 };

	(void)state;
	aml_path(&a, "A");
	aml_path(&a, "_SB_");
	aml_path(&a, "\\_SB");
	assert_aml(&a, 'A', '_', '_', '_', '_', 'S', 'B', '_', '\\', '_', 'S', 'B', '_');
	aml_path(&a, "\\");
	aml_path(&a, "^");
	aml_path(&a, "^^X");
	assert_aml(&a, '\\', 0, '^', 0, '^', '^', 'X', '_', '_', '_');
	aml_path(&a, "\\_SB.PCI0");
	assert_aml(&a, '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0');
	aml_path(&a, "^PCI0.ISA.COM1");
	assert_aml(&a, '^', 0x2f, 3, 'P', 'C', 'I', '0', 'I', 'S', 'A', '_', 'C', 'O', 'M', '1');
}

/* 19.6.36, 6.1.5 */
static void eisa_ids(void **state)
{
	static const char *const wrong[] = { "",        "PNP050",  "PNP05010", "pnp0501",
					     "PN00501", "PNP050G", "PNP05a1",  "ACPI0007" };
	struct aml a = { 0 };

	(void)state;
	aml_eisaid(&a, "PNP0A03");
	assert_aml(&a, 0x0c, 0x41, 0xd0, 0x0a, 0x03);
	aml_eisaid(&a, "PNP0C0F");
	assert_aml(&a, 0x0c, 0x41, 0xd0, 0x0c, 0x0f);
	aml_eisaid(&a, "INT33FC"); /* I, N, T: 9, 14, 20 */
	assert_aml(&a, 0x0c, 0x25, 0xd4, 0x33, 0xfc);
	aml_eisaid(&a, "PNP0000"); /* the PIC's fits in a word */
	assert_aml(&a, 0x0b, 0x41, 0xd0);
	assert_true(aml_is_eisaid("PNP05FF"));
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(aml_is_eisaid(wrong[i]));
	aml_hid(&a, "PNP0501");
	aml_hid(&a, "QEMU0001");
	assert_aml(&a, 0x0c, 0x41, 0xd0, 5, 1, 0x0d, 'Q', 'E', 'M', 'U', '0', '0', '0', '1', 0);
}

/* 20.2.5: ScopeOp 0x10, ExtOp 0x5b DeviceOp 0x82, NameOp 0x08, MethodOp 0x14, ReturnOp 0xa4. */
static void scopes_devices_methods(void **state)
{
	struct aml a = { 0 };

	(void)state;
	aml_scope(&a, "\\_SB");
	aml_device(&a, "COM1");
	aml_name(&a, "_UID");
	aml_int(&a, 1);
	aml_end(&a);
	aml_method(&a, "_STA", 0, false);
	aml_return(&a);
	aml_int(&a, 15);
	aml_end(&a);
	aml_method(&a, "FOO", 3, true); /* MethodFlags: bits 0-2 ArgCount, bit 3 serialized */
	aml_return(&a);
	aml_path(&a, "_STA");
	aml_end(&a);
	aml_end(&a);
	assert_aml(&a, 0x10, 0x29, '\\', '_', 'S', 'B', '_',
		   /* Device */ 0x5b, 0x82, 11, 'C', 'O', 'M', '1', 0x08, '_', 'U', 'I', 'D', 0x01,
		   /* Method */ 0x14, 9, '_', 'S', 'T', 'A', 0, 0xa4, 0x0a, 15,
		   /* Method */ 0x14, 11, 'F', 'O', 'O', '_', 0x0b, 0xa4, '_', 'S', 'T', 'A');
}

/* 20.2.5.4: PackageOp PkgLength NumElements; VarPackageOp where a byte does not hold the number.
 * BufferOp PkgLength BufferSize ByteList. */
static void packages_and_buffers(void **state)
{
	struct aml a = { 0 };
	uint8_t *p;
	size_t len;

	(void)state;
	aml_package(&a, 2);
	aml_int(&a, 5);
	aml_package(&a, 0);
	aml_end(&a);
	aml_end(&a);
	assert_aml(&a, 0x12, 7, 2, 0x0a, 5, 0x12, 2, 0);
	aml_buffer(&a);
	aml_raw(&a, "\x11\x22\x33", 3);
	aml_end(&a);
	assert_aml(&a, 0x11, 6, 0x0a, 3, 0x11, 0x22, 0x33);
	aml_buffer(&a);
	aml_end(&a);
	assert_aml(&a, 0x11, 2, 0);

	aml_package(&a, 256);
	for (unsigned i = 0; i < 256; i++)
		aml_int(&a, 0);
	aml_end(&a);
	p = aml_take(&a, &len);
	/* 2 bytes of length, WordConst 0x100, 256 * ZeroOp */
	assert_int_equal(len, 1 + 2 + 3 + 256);
	assert_memory_equal(p, "\x13\x45\x10\x0b\x00\x01", 6);
	free(p);
}

/* 20.2.4, decoded as an interpreter would. Returns the number of length bytes. */
static unsigned decode_pkg_len(const uint8_t *p, uint64_t *len)
{
	unsigned more = p[0] >> 6;

	if (!more) {
		*len = p[0];
		return 1;
	}
	assert_int_equal(p[0] & 0x30, 0); /* "bits 5-4: reserved, must be zero" */
	*len = p[0] & 15;
	for (unsigned i = 0; i < more; i++)
		*len |= (uint64_t)p[1 + i] << (4 + 8 * i);
	return more + 1;
}

/* 20.2.4: "one-byte: up to 0x3f; two-byte: 0xfff; three-byte: 0xfffff; four-byte: 0xfffffff". The
 * length counts itself, so a package may not have just the size at which it grows. */
static void package_lengths_of_every_width(void **state)
{
	static const size_t around[] = { 0,      63 - 1,   0xfff - 2, 0xfffff - 3,
					 0x1000, 0x100000, 0x1000000 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(around); i++) {
		for (int d = -2; d <= 2; d++) {
			size_t body = around[i] + (size_t)d, len;
			struct aml a = { 0 };
			uint8_t *fill, *p;
			uint64_t pkg;
			unsigned n;

			if ((int)around[i] + d < 5) /* scope name: 5 bytes */
				continue;
			fill = calloc(1, body);
			aml_scope(&a, "\\_SB");
			aml_raw(&a, fill, body - 5);
			aml_end(&a);
			p = aml_take(&a, &len);
			assert_non_null(p);
			n = decode_pkg_len(p + 1, &pkg);
			assert_true(pkg == len - 1);
			assert_int_equal(len, 1 + n + body);
			assert_memory_equal(p + 1 + n, "\\_SB_", 5);
			/* and no shorter encoding would have held it */
			assert_true(n == 1 ||
				    body + n - 1 > (n == 2 ? 0x3fu : (1u << (8 * n - 12)) - 1));
			free(fill);
			free(p);
		}
	}
}

static void too_much_is_latched(void **state)
{
	struct aml a = { 0 };
	size_t len = 1, big = 1u << 28;
	uint8_t *fill = calloc(1, big);

	(void)state;
	assert_non_null(fill);
	aml_buffer(&a);
	aml_raw(&a, fill, big - 9); /* BufferSize and the length itself: 5 + 4 */
	aml_end(&a);
	assert_true(a.failed);
	aml_int(&a, 1);
	assert_null(aml_take(&a, &len));
	assert_int_equal(len, 0);

	aml_buffer(&a);
	aml_raw(&a, fill, big - 10);
	aml_end(&a);
	assert_false(a.failed);
	aml_free(&a);

	for (unsigned i = 0; i <= AML_MAX_DEPTH; i++)
		aml_scope(&a, "X");
	for (unsigned i = 0; i <= AML_MAX_DEPTH; i++)
		aml_end(&a);
	assert_null(aml_take(&a, &len));

	aml_raw(&a, fill, 1);
	aml_raw(&a, fill, SIZE_MAX);
	assert_null(aml_take(&a, &len));
	free(fill);
}

static void empty_is_not_nothing(void **state)
{
	struct aml a = { 0 };
	size_t len = 1;
	uint8_t *p = aml_take(&a, &len);

	(void)state;
	assert_non_null(p);
	assert_int_equal(len, 0);
	free(p);
	aml_free(&a);
}

/* --- resource descriptors, 6.4 ------------------------------------------------------------ */

#define assert_template(a, body_len, ...)                                                          \
	do {                                                                                       \
		aml_end(a);                                                                        \
		assert_aml(a, 0x11, (body_len) + 5, 0x0a, (body_len) + 2, __VA_ARGS__, 0x79, 0);   \
	} while (0)

static void small_descriptors(void **state)
{
	struct aml a = { 0 };

	(void)state;
	/* Table 6.33 ff.: I/O port descriptor, 0x47 */
	aml_template(&a);
	aml_res_io(&a, 0x3f8, 8);
	assert_template(&a, 8, 0x47, 1, 0xf8, 0x03, 0xf8, 0x03, 1, 8);
	/* 6.4.2.1: IRQ descriptor, two bytes of mask */
	aml_template(&a);
	aml_res_irq_no_flags(&a, 4);
	aml_res_irq_no_flags(&a, 15);
	assert_template(&a, 6, 0x22, 0x10, 0, 0x22, 0, 0x80);
	/* flags: bit 0 edge, bit 3 active low, bit 4 shared */
	aml_template(&a);
	aml_res_irq(&a, 9, true, false, true);
	aml_res_irq(&a, 0, false, true, false);
	assert_template(&a, 8, 0x23, 0, 2, 0x10, 0x23, 1, 0, 0x09);
}

static void large_descriptors(void **state)
{
	struct aml a = { 0 };

	(void)state;
	/* 6.4.3.6: bit 0 consumer, bit 1 edge, bit 2 active low, bit 3 shared */
	aml_template(&a);
	aml_res_interrupt(&a, 0x12345678, true, true, true);
	assert_template(&a, 9, 0x89, 6, 0, 0x0d, 1, 0x78, 0x56, 0x34, 0x12);
	aml_template(&a);
	aml_res_interrupt(&a, 20, false, false, false);
	assert_template(&a, 9, 0x89, 6, 0, 0x03, 1, 20, 0, 0, 0);
	/* 6.4.3.4: bit 0 writeable */
	aml_template(&a);
	aml_res_mem32_fixed(&a, 0xfed00000, 0x400, true);
	assert_template(&a, 12, 0x86, 9, 0, 1, 0, 0, 0xd0, 0xfe, 0, 4, 0, 0);
}

static void address_spaces(void **state)
{
	struct aml a = { 0 };

	(void)state;
	/* 6.4.3.5.3, word: a bridge's buses 0 to 255 */
	aml_template(&a);
	aml_res_word(&a, AML_SPACE_BUS, 0, 256, true);
	assert_template(&a, 16, 0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 1);
	/* ... and the ports below its configuration registers */
	aml_template(&a);
	aml_res_word(&a, AML_SPACE_IO, 0, 0xcf8, true);
	assert_template(&a, 16, 0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0, 0, 0xf7, 0x0c, 0, 0, 0xf8, 0x0c);
	/* 6.4.3.5.2, double word */
	aml_template(&a);
	aml_res_dword(&a, AML_SPACE_MEMORY, 0xd0000000, 0x2ec00000, true);
	assert_template(&a, 26, 0x87, 23, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0xd0, 0xff, 0xff,
			0xbf, 0xfe, 0, 0, 0, 0, 0, 0, 0xc0, 0x2e);
	/* 6.4.3.5.1, quad word; general flags bit 0: this device consumes it */
	aml_template(&a);
	aml_res_qword(&a, AML_SPACE_MEMORY, 0x8000000000, 0x100000000, false);
	aml_end(&a);
	assert_aml(&a, 0x11, 0x33, 0x0a, 0x30, 0x8a, 43, 0, 0, 0x0d, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		   0, 0, 0, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		   0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x79, 0);
}

/* 20.2.5: operators come before their operands; If has a package length, and its predicate first.
 * 19.6.142: aabbccdd-eeff-gghh-iijj-kkllmmnnoopp is dd cc bb aa, ff ee, hh gg, ii jj, kk to pp. */
static void operators(void **state)
{
	struct aml a = { 0 };

	(void)state;
	aml_if(&a);
	aml_op(&a, AML_NOT);
	aml_op(&a, AML_EQUAL);
	aml_arg(&a, 0);
	aml_int(&a, 1);
	aml_op(&a, AML_STORE);
	aml_arg(&a, 6);
	aml_path(&a, "X");
	aml_end(&a);
	assert_aml(&a, 0xa0, 11, 0x92, 0x93, 0x68, 1, 0x70, 0x6e, 'X', '_', '_', '_');
	aml_op(&a, AML_OR);
	aml_op(&a, AML_CREATE_DWORD_FIELD);
	assert_aml(&a, 0x7d, 0x8a);
	aml_uuid(&a, "00112233-4455-6677-8899-AABBCCDDEEFF");
	assert_aml(&a, 0x11, 19, 0x0a, 16, 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88,
		   0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(strings),
		cmocka_unit_test(names),
		cmocka_unit_test(eisa_ids),
		cmocka_unit_test(scopes_devices_methods),
		cmocka_unit_test(packages_and_buffers),
		cmocka_unit_test(package_lengths_of_every_width),
		cmocka_unit_test(too_much_is_latched),
		cmocka_unit_test(empty_is_not_nothing),
		cmocka_unit_test(small_descriptors),
		cmocka_unit_test(large_descriptors),
		cmocka_unit_test(address_spaces),
		cmocka_unit_test(operators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
