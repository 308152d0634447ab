/* SPDX-License-Identifier: MIT */
/* test_keys.c: Ctrl-A and what follows. */
#include <string.h>

#include "char/keys.h"
#include "tests/lib/fake.h"

static void test_plain(void **state)
{
	struct keys k = { 0 };

	(void)state;
	for (unsigned c = 0; c < 256; c++)
		if (c != KEYS_ESCAPE)
			assert_int_equal(keys_feed(&k, (uint8_t)c), KEY_SEND);
}

/* Every byte after Ctrl-A, and that the one after it is plain again. */
static void test_escaped(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		struct keys k = { 0 };
		enum key_action want = KEY_OTHER;

		if (c == 1)
			want = KEY_SEND;
		else if (c == 'x')
			want = KEY_QUIT;
		else if (c == 'h' || c == '?')
			want = KEY_HELP;
		else if (c == 'b')
			want = KEY_BREAK;
		assert_int_equal(keys_feed(&k, KEYS_ESCAPE), KEY_NONE);
		assert_int_equal(keys_feed(&k, (uint8_t)c), want);
		assert_int_equal(keys_feed(&k, 'x'), KEY_SEND);
	}
}

/* What the help promises is what the keys do. */
static void test_help(void **state)
{
	(void)state;
	assert_non_null(strstr(keys_help, "Ctrl-A x "));
	assert_non_null(strstr(keys_help, "Ctrl-A h "));
	assert_non_null(strstr(keys_help, "Ctrl-A b "));
	assert_non_null(strstr(keys_help, "Ctrl-A Ctrl-A "));
	for (const char *p = keys_help; (p = strchr(p, '\n')); p++)
		assert_int_equal(p[-1], '\r');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_escaped),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
