/* SPDX-License-Identifier: MIT */
/* test_parse.c: what the readers of numbers accept, and the exact words in which they refuse. */
#include <errno.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/parse.h"

#define SENTINEL UINT64_C(0xfeedfeedfeedfeed)

static void size_is(const char *s, uint64_t want)
{
	struct error *e = NULL;
	uint64_t v = SENTINEL;

	assert_int_equal(parse_size(s, &v, &e), 0);
	assert_no_error(e);
	assert_int_equal(v, want);
}

/* The error's text is @msg, word for word, and the result is untouched. */
static void refused(int ret, uint64_t v, struct error *e, const char *msg)
{
	assert_true(ret < 0);
	assert_int_equal(v, SENTINEL);
	assert_non_null(e);
	assert_string_equal(error_msg(e), msg);
	error_free(e);
}

static void size_refused(const char *s, const char *msg)
{
	struct error *e = NULL;
	uint64_t v = SENTINEL;
	int ret = parse_size(s, &v, &e);

	refused(ret, v, e, msg);
}

/* "a bare number is MiB"; "1.5G" is exact. */
static void sizes(void **state)
{
	(void)state;
	size_is("512", 512 * MIB);
	size_is("0", 0);
	size_is("1B", 1);
	size_is("4096B", 4096);
	size_is("64K", 64 * KIB);
	size_is("64KiB", 64 * KIB);
	size_is("64kb", 64 * KIB);
	size_is("512M", 512 * MIB);
	size_is("512m", 512 * MIB);
	size_is("2G", 2 * GIB);
	size_is("2GiB", 2 * GIB);
	size_is("1T", 1024 * GIB);
	size_is("1.5G", 1536 * MIB);
	size_is("1.50G", 1536 * MIB);
	size_is("0.5", 512 * KIB);
	size_is("0.0009765625K", 1);
	size_is("18446744073709551615B", UINT64_MAX);
	size_is("16777215T", UINT64_C(16777215) * 1024 * GIB);
	size_is("000512M", 512 * MIB);
}

static void sizes_refused(void **state)
{
	(void)state;
	size_refused("", "'' is empty: give a size such as 512M or 1.5G");
	size_refused("-1", "'-1' is negative: give a size such as 512M or 1.5G");
	size_refused("-", "'-' is negative: give a size such as 512M or 1.5G");
	size_refused("+1", "'+1' is not a size such as 512M or 1.5G");
	size_refused(" 1", "' 1' is not a size such as 512M or 1.5G");
	size_refused("M", "'M' is not a size such as 512M or 1.5G");
	size_refused(".5G", "'.5G' is not a size such as 512M or 1.5G");
	size_refused("1.", "'1.' is not a size such as 512M or 1.5G");
	size_refused("1.G", "'1.G' is not a size such as 512M or 1.5G");
	size_refused("nan", "'nan' is not a size such as 512M or 1.5G");
	size_refused("1Q",
		     "'1Q' ends in 'Q', which is no unit: use B, K, M, G or T (none means M)");
	size_refused("1 M", "'1 M' ends in ' M', which is no unit: use B, K, M, G or T (none means "
			    "M)");
	size_refused("1M ", "'1M ' ends in 'M ', which is no unit: use B, K, M, G or T (none means "
			    "M)");
	size_refused("1e3", "'1e3' ends in 'e3', which is no unit: use B, K, M, G or T (none means "
			    "M)");
	size_refused("0x10M", "'0x10M' ends in 'x10M', which is no unit: use B, K, M, G or T (none "
			      "means M)");
	size_refused("1.5.2G",
		     "'1.5.2G' ends in '.2G', which is no unit: use B, K, M, G or T (none "
		     "means M)");
	size_refused("1.5B", "'1.5B' is not a whole number of bytes");
	size_refused("0.1G", "'0.1G' is not a whole number of bytes");
	size_refused("0.0000000000000000000000001G",
		     "'0.0000000000000000000000001G' is not a whole number of bytes");
}

/* 2^64 in every guise: digits, multiplied, and by the fraction alone. */
static void sizes_overflow(void **state)
{
	(void)state;
	size_refused("18446744073709551616B",
		     "'18446744073709551616B' is too large: 2^64 bytes or more");
	size_refused("17592186044416", "'17592186044416' is too large: 2^64 bytes or more");
	size_refused("16777216T", "'16777216T' is too large: 2^64 bytes or more");
	size_refused("99999999999999999999999999999",
		     "'99999999999999999999999999999' is too large: 2^64 bytes or more");
	size_is("17592186044415.5", (UINT64_C(17592186044415) << 20) + 512 * KIB);
}

static void duration_is(const char *s, uint64_t want)
{
	struct error *e = NULL;
	uint64_t v = SENTINEL;

	assert_int_equal(parse_duration(s, &v, &e), 0);
	assert_no_error(e);
	assert_int_equal(v, want);
}

static void duration_refused(const char *s, const char *msg)
{
	struct error *e = NULL;
	uint64_t v = SENTINEL;
	int ret = parse_duration(s, &v, &e);

	refused(ret, v, e, msg);
}

static void durations(void **state)
{
	(void)state;
	duration_is("30", 30 * NSEC_PER_SEC);
	duration_is("1.5", 1500 * NSEC_PER_MSEC);
	duration_is("0.1s", 100 * NSEC_PER_MSEC);
	duration_is("200ms", 200 * NSEC_PER_MSEC);
	duration_is("7us", 7000);
	duration_is("1ns", 1);
	duration_is("2m", 120 * NSEC_PER_SEC);
	duration_is("1.5h", 5400 * NSEC_PER_SEC);
	duration_refused("0.5ns", "'0.5ns' is not a whole number of nanoseconds");
	duration_refused("1M", "'1M' ends in 'M', which is no unit: use ns, us, ms, s, m or h "
			       "(none means s)");
	duration_refused("", "'' is empty: give a time such as 30s, 1.5m or 200ms");
	duration_refused("-1s", "'-1s' is negative: give a time such as 30s, 1.5m or 200ms");
	duration_refused("soon", "'soon' is not a time such as 30s, 1.5m or 200ms");
	duration_refused("18446744073.709551616",
			 "'18446744073.709551616' is too large: 2^64 nanoseconds or more");
	duration_is("18446744073.709551615", UINT64_MAX);
}

static void u64_is(const char *s, uint64_t min, uint64_t max, uint64_t want)
{
	struct error *e = NULL;
	uint64_t v = SENTINEL;

	assert_int_equal(parse_u64(s, min, max, &v, &e), 0);
	assert_no_error(e);
	assert_int_equal(v, want);
}

static void u64_refused(const char *s, uint64_t min, uint64_t max, const char *msg)
{
	struct error *e = NULL;
	uint64_t v = SENTINEL;
	int ret = parse_u64(s, min, max, &v, &e);

	refused(ret, v, e, msg);
}

static void numbers(void **state)
{
	(void)state;
	u64_is("0", 0, 10, 0);
	u64_is("10", 0, 10, 10);
	u64_is("007", 0, 10, 7);
	u64_is("0xf4", 0, 255, 0xf4);
	u64_is("0XF4", 0, 255, 0xf4);
	u64_is("0xffffffffffffffff", 0, UINT64_MAX, UINT64_MAX);
	u64_is("18446744073709551615", 0, UINT64_MAX, UINT64_MAX);
	u64_refused("0", 1, 255, "'0' is too small: at least 1");
	u64_refused("256", 1, 255, "'256' is too large: at most 255");
	u64_refused("0x100", 1, 255, "'0x100' is too large: at most 0xff");
	u64_refused("-1", 1, 255, "'-1' is negative: give a number from 1 to 255");
	u64_refused("18446744073709551616", 1, 255,
		    "'18446744073709551616' is too large: at most 255");
	u64_refused("0x10000000000000000", 0, UINT64_MAX,
		    "'0x10000000000000000' is too large: at most 0xffffffffffffffff");
	u64_refused("", 1, 255, "'' is empty: give a number from 1 to 255");
	u64_refused("1.5", 1, 255, "'1.5' is not a number from 1 to 255");
	u64_refused("1k", 1, 255, "'1k' is not a number from 1 to 255");
	u64_refused(" 1", 1, 255, "' 1' is not a number from 1 to 255");
	u64_refused("1 ", 1, 255, "'1 ' is not a number from 1 to 255");
	u64_refused("+1", 1, 255, "'+1' is not a number from 1 to 255");
	u64_refused("--1", 1, 255, "'--1' is not a number from 1 to 255");
	u64_refused("0x", 1, 255, "'0x' is not a number from 0x1 to 0xff");
	u64_refused("0xg", 1, 255, "'0xg' is not a number from 0x1 to 0xff");
}

static void booleans(void **state)
{
	static const char *const yes[] = { "on", "yes", "true" }, *const no[] = { "off", "no",
										  "false" };
	struct error *e = NULL;
	bool v;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(yes); i++) {
		v = false;
		assert_int_equal(parse_bool(yes[i], &v, &e), 0);
		assert_true(v);
		assert_int_equal(parse_bool(no[i], &v, &e), 0);
		assert_false(v);
	}
	assert_int_equal(parse_bool("ON", &v, &e), -EINVAL);
	assert_error(e, "'ON' is neither on nor off");
	e = NULL;
	assert_int_equal(parse_bool("", &v, &e), -EINVAL);
	assert_error(e, "'' is neither on nor off");
}

/* What is echoed back is exactly what is used. */
static void echo(void **state)
{
	static const struct {
		uint64_t v;
		const char *text;
	} cases[] = {
		{ 0, "0 bytes" },
		{ 1023, "1023 bytes" },
		{ 1024, "1 KiB" },
		{ 1536, "1.5 KiB" },
		{ 512 * MIB, "512 MiB" },
		{ 1536 * MIB, "1.5 GiB" },
		{ 1280 * MIB, "1.25 GiB" },
		{ 1152 * MIB, "1152 MiB" },
		{ 3584 * MIB, "3.5 GiB" },
		{ 5 * GIB, "5 GiB" },
		{ 4095 * 1024 * GIB, "4095 TiB" },
		{ 16 * MIB + 4 * KIB, "16388 KiB" },
		{ 16 * MIB + 1, "16777217 bytes" },
		{ UINT64_MAX, "18446744073709551615 bytes" },
	};
	char buf[32];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(format_size(cases[i].v, buf, sizeof(buf)), cases[i].text);
}

static void near_words(void **state)
{
	static const char *const names[] = { "--kernel", "--initrd", "--memory", "--no-acpi",
					     "--acpi",   "--cpu",    "--cpus" };
	static const struct {
		const char *typed, *near;
	} cases[] = {
		{ "--kernl", "--kernel" },
		{ "--kenrel", "--kernel" },
		{ "--mem", "--memory" },
		{ "--KERNEL", "--kernel" },
		{ "--no-apci", "--no-acpi" },
		{ "--cpsu", "--cpus" },
		{ "--frobnicate", NULL },
		{ "", NULL },
		{ "--a-very-long-option-that-nobody-would-take-for-anything-else", NULL },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		const char *n = nearest(cases[i].typed, names, ARRAY_LEN(names));

		if (cases[i].near && n)
			assert_string_equal(n, cases[i].near);
		else
			assert_ptr_equal(n, cases[i].near);
	}
	assert_null(nearest("kernel", names, 0));
	/* One letter is near to nothing of its own length. */
	assert_null(nearest("a", (const char *const[]){ "b" }, 1));
}

/* "a comma in a file's name is written twice" */
static void items(void **state)
{
	static const struct {
		const char *text, *item[4];
	} cases[] = {
		{ "", { "" } },
		{ "a.img", { "a.img" } },
		{ "a.img,ro,serial=x", { "a.img", "ro", "serial=x" } },
		{ "a,,b,ro", { "a,b", "ro" } },
		{ ",,,", { ",", "" } },
		{ "a,", { "a", "" } },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		const char *s = cases[i].text;
		unsigned n = 0;

		while (s) {
			char *item = parse_item(&s);

			assert_true(n < ARRAY_LEN(cases[i].item) && cases[i].item[n]);
			assert_string_equal(item, cases[i].item[n++]);
			free(item);
		}
		assert_true(n == ARRAY_LEN(cases[i].item) || !cases[i].item[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),          cmocka_unit_test(sizes_refused),
		cmocka_unit_test(sizes_overflow), cmocka_unit_test(durations),
		cmocka_unit_test(items),          cmocka_unit_test(numbers),
		cmocka_unit_test(booleans),       cmocka_unit_test(echo),
		cmocka_unit_test(near_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
