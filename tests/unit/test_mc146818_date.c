/* SPDX-License-Identifier: MIT */
/* test_mc146818_date.c: the calendar against a day-by-day count, and against known dates. */
#include "devices/chip/mc146818_date.h"
#include "tests/lib/fake.h"

static bool leap(unsigned y)
{
	return y % 4 == 0 && (y % 100 || y % 400 == 0);
}

/* Every day of 1200 years, counted the slow way. */
static void test_every_day(void **state)
{
	static const unsigned len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t n = 0;

	(void)state;
	for (unsigned y = 0; y < 1200; y++) {
		for (unsigned m = 1; m <= 12; m++) {
			unsigned days = len[m - 1] + (m == 2 && leap(y));

			for (unsigned d = 1; d <= days; d++, n++) {
				struct date got = date_from_days(n);

				assert_int_equal(got.year, y);
				assert_int_equal(got.month, m);
				assert_int_equal(got.day, d);
				assert_int_equal(date_to_days(y, m, d), n);
			}
		}
	}
}

static void test_known_dates(void **state)
{
	(void)state;
	assert_int_equal(date_to_days(1970, 1, 1) * DATE_SEC_PER_DAY, DATE_UNIX_SECONDS);
	assert_int_equal(date_to_days(2000, 3, 1) - date_to_days(1970, 1, 1), 11017);
	assert_int_equal(date_to_days(2038, 1, 19) - date_to_days(1970, 1, 1), 24855);
	assert_int_equal(date_to_days(2100, 3, 1) - date_to_days(2100, 2, 28), 1);
	assert_int_equal(date_to_days(2400, 3, 1) - date_to_days(2400, 2, 28), 2);
}

/* What is no date becomes one. */
static void test_carry(void **state)
{
	(void)state;
	assert_int_equal(date_to_days(2023, 2, 30), date_to_days(2023, 3, 2));
	assert_int_equal(date_to_days(2023, 13, 1), date_to_days(2024, 1, 1));
	assert_int_equal(date_to_days(2023, 255, 255), date_to_days(2044, 3, 1) + 254);
	assert_int_equal(date_to_days(2023, 0, 0), date_to_days(2023, 1, 1));
	assert_int_equal(date_to_days(0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_known_dates),
		cmocka_unit_test(test_carry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
