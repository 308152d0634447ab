/* SPDX-License-Identifier: MIT */
/* test_str.c: growing strings, and that nothing a terminal acts on survives escaping. */
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/str.h"

static void grows(void **state)
{
	struct str b = { 0 };
	char *s;

	(void)state;
	for (int i = 0; i < 1000; i++)
		str_add(&b, "%d,", i % 10);
	assert_int_equal(b.len, 2000);
	assert_true(b.cap > b.len);
	str_add_bytes(&b, "a\0b", 3);
	assert_int_equal(b.len, 2003);
	assert_memory_equal(b.s + 2000, "a\0b", 4);
	s = str_take(&b);
	assert_non_null(s);
	assert_null(b.s);
	assert_int_equal(b.len, 0);
	free(s);
}

static void empty_is_a_string(void **state)
{
	struct str b = { 0 };
	char *s = str_take(&b);

	(void)state;
	assert_string_equal(s, "");
	free(s);
	str_free(&b);
}

/* "An allocation failure latches: the rest is dropped, str_take() is NULL." */
static void failure_latches(void **state)
{
	struct str b = { 0 };

	(void)state;
	str_add(&b, "before");
	str_add_bytes(&b, "x", SIZE_MAX / 2); /* refused before anything is read */
	assert_true(b.failed);
	assert_int_equal(b.len, 6);
	str_add(&b, "after");
	assert_int_equal(b.len, 6);
	assert_null(str_take(&b));
	assert_false(b.failed); /* and it is ready for another use */
	str_free(&b);
}

static void escapes_to(const char *in, size_t len, const char *want)
{
	char buf[256];

	assert_ptr_equal(str_escape(in, len, buf, sizeof(buf)), buf);
	assert_string_equal(buf, want);
}
#define ESCAPES_TO(in, want) escapes_to(in, sizeof(in) - 1, want)

static void control_codes(void **state)
{
	(void)state;
	ESCAPES_TO("plain ~ text", "plain ~ text");
	ESCAPES_TO("a\nb\tc", "a\\nb\\tc");
	ESCAPES_TO("\x1b[2J", "\\x1b[2J");
	ESCAPES_TO("a\0b\r\x7f", "a\\x00b\\x0d\\x7f");
	/* C1 codes: U+009B is CSI to a terminal in UTF-8 mode, 0x9b to one that is not. */
	ESCAPES_TO("\xc2\x9b"
		   "2J",
		   "\\xc2\\x9b"
		   "2J");
	ESCAPES_TO("\x9b"
		   "2J",
		   "\\x9b"
		   "2J");
	ESCAPES_TO("\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f");
}

static void utf8(void **state)
{
	(void)state;
	ESCAPES_TO("\xc2\xa0", "\xc2\xa0"); /* the first after C1 */
	ESCAPES_TO("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	ESCAPES_TO("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"); /* U+10FFFF */
	/* RFC 3629 section 3: overlong, surrogates, above U+10FFFF, cut short, stray. */
	ESCAPES_TO("\xc0\xaf", "\\xc0\\xaf");
	ESCAPES_TO("\xc1\xbf", "\\xc1\\xbf");
	ESCAPES_TO("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf");
	ESCAPES_TO("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf");
	ESCAPES_TO("\xed\xa0\x80", "\\xed\\xa0\\x80");
	ESCAPES_TO("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	ESCAPES_TO("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
	ESCAPES_TO("\xe2\x82", "\\xe2\\x82");
	ESCAPES_TO("\xe2\x82"
		   "a",
		   "\\xe2\\x82"
		   "a");
	ESCAPES_TO("\xa4", "\\xa4");
}

/* Every buffer size: never more than fits, always ends in NUL, whole characters, then "...". */
static void cuts(void **state)
{
	static const char text[] = "ab\ncd\xc3\xa4"
				   "ef";
	char whole[64];

	(void)state;
	str_escape(text, sizeof(text) - 1, whole, sizeof(whole));
	for (size_t n = 0; n <= sizeof(whole); n++) {
		char buf[sizeof(whole) + 1];
		size_t len;

		memset(buf, '#', sizeof(buf));
		str_escape(text, sizeof(text) - 1, buf, n);
		assert_int_equal(buf[n], '#');
		if (!n)
			continue;
		len = strnlen(buf, n);
		assert_true(len < n);
		if (n > strlen(whole)) {
			assert_string_equal(buf, whole);
		} else if (n >= 4) {
			assert_true(len >= 3);
			assert_string_equal(buf + len - 3, "...");
			assert_memory_equal(buf, whole, len - 3);
			/* The cut is not inside the two-byte character. */
			assert_true(len == 3 || (unsigned char)buf[len - 4] != 0xc3);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows),
		cmocka_unit_test(empty_is_a_string),
		cmocka_unit_test(failure_latches),
		cmocka_unit_test(control_codes),
		cmocka_unit_test(utf8),
		cmocka_unit_test(cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
