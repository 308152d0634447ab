/* SPDX-License-Identifier: MIT */
#include "vmm/crc32c.h"

#include <string.h>

#include "tests/lib/fake.h"

/* The check value every catalogue of CRCs gives for CRC-32C. */
static void check_value(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

/* RFC 3720 B.4: "32 bytes of zeroes", "of ones", "of incrementing", "of decrementing"; the RFC
 * shows the values byte by byte, least significant first. */
static void rfc3720_examples(void **state)
{
	uint8_t b[32];

	(void)state;
	memset(b, 0, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x46dd794e);
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c(0, b, sizeof(b)), 0x113fdb5c);
}

static void continues_at_any_byte(void **state)
{
	static const char digits[] = "123456789";

	(void)state;
	for (size_t i = 0; i <= 9; i++) {
		uint32_t c = crc32c(0, digits, i);

		assert_int_equal(crc32c(c, &digits[i], 9 - i), 0xe3069283);
	}
}

/* The CPU's instruction and the table are of one opinion. */
static void long_ones(void **state)
{
	uint8_t b[5000];

	(void)state;
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * i >> 3);
	for (size_t len = 1000; len < sizeof(b); len += 97) {
		uint32_t pieces = 0;

		for (size_t i = 0; i < len; i += 100)
			pieces = crc32c(pieces, b + i, len - i < 100 ? len - i : 100);
		assert_int_equal(crc32c(0, b, len), pieces);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_value),
		cmocka_unit_test(rfc3720_examples),
		cmocka_unit_test(continues_at_any_byte),
		cmocka_unit_test(long_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
