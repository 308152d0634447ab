/* SPDX-License-Identifier: MIT */
/* test_e820.c: ACPI 6.4, 15.1: BaseAddr, Length, Type in 20 bytes. */
#include "boot/impl.h"
#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static void entries(void **state)
{
	struct kit *k = *state;
	uint8_t p[5 * E820_ENTRY] = { 0 };

	assert_int_equal(e820_fill(&k->board, p, 5), 4);
	assert_int_equal(get_le64(p + 20), 0x9fc00);
	assert_int_equal(get_le64(p + 28), 0x400);
	assert_int_equal(get_le32(p + 36), 2);
	assert_int_equal(get_le32(p + 56), 3);
	assert_int_equal(get_le64(p + 80), 0); /* nothing behind the last */
	assert_int_equal(e820_fill(&k->board, p, 2), 2);
	k->board.ranges[1].len = 0; /* an empty range is no entry */
	assert_int_equal(e820_fill(&k->board, p, 5), 3);
	assert_int_equal(get_le64(p + 20), 0xe0000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entries, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
