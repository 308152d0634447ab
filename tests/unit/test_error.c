/* SPDX-License-Identifier: MIT */
/* test_error.c: errors as values: code, sentence, context, advice. */
#include <errno.h>
#include <string.h>

#include "tests/lib/fake.h"

static void carries_code_and_sentence(void **state)
{
	struct error *e = NULL;

	(void)state;
	assert_int_equal(err_set(&e, ENOENT, "cannot find '%s'", "a"), -ENOENT);
	assert_int_equal(error_code(e), ENOENT);
	assert_string_equal(error_msg(e), "cannot find 'a'");
	assert_null(error_hint(e));
	assert_null(error_free(e));
}

/* "appends ': ' and the words for errno value" */
static void errno_in_words(void **state)
{
	struct error *e = NULL;

	(void)state;
	assert_int_equal(err_errno(&e, EACCES, "opening 'x'"), -EACCES);
	assert_string_equal(error_msg(e), "opening 'x': Permission denied");
	error_free(e);
}

/* "Puts '<message>: ' in front ... Returns the root cause's -code" */
static void context_in_front(void **state)
{
	struct error *e = NULL;

	(void)state;
	err_set(&e, EIO, "root");
	assert_int_equal(err_wrap(&e, "disk '%s'", "d0"), -EIO);
	assert_int_equal(err_wrap(&e, "machine"), -EIO);
	assert_string_equal(error_msg(e), "machine: disk 'd0': root");
	error_free(e);
}

/* The first error is the cause; what fails in its wake does not replace it. */
static void first_one_stays(void **state)
{
	struct error *e = NULL;

	(void)state;
	err_set(&e, EIO, "cause");
	assert_int_equal(err_set(&e, EINVAL, "consequence"), -EINVAL);
	assert_string_equal(error_msg(e), "cause");
	assert_int_equal(error_code(e), EIO);
	error_free(e);
}

static void nobody_asks(void **state)
{
	struct error *e = NULL;

	(void)state;
	assert_int_equal(err_set(NULL, EIO, "dropped"), -EIO);
	assert_int_equal(err_errno(NULL, EIO, "dropped"), -EIO);
	assert_int_equal(err_wrap(NULL, "x"), -EINVAL);
	assert_int_equal(err_wrap(&e, "x"), -EINVAL);
	err_hint(NULL, "x");
	err_hint(&e, "x");
	assert_null(e);
	assert_int_equal(error_code(NULL), 0);
	assert_string_equal(error_msg(NULL), "");
	assert_null(error_hint(NULL));
	assert_null(error_free(NULL));
}

static char *printed(const struct error *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	error_print(e, f);
	fclose(f);
	return text;
}

/* Control bytes of a file name do not reach the terminal; the hint is a line of its own. */
static void printing(void **state)
{
	struct error *e = NULL;
	char *text = printed(NULL);

	(void)state;
	assert_string_equal(text, "");
	free(text);
	err_set(&e, EINVAL, "no '%s'", "\x1b[2J\n");
	err_hint(&e, "first");
	err_hint(&e, "use %s", "-k");
	text = printed(e);
	assert_string_equal(text, "trapeze: no '\\x1b[2J\\n'\n  use -k\n");
	free(text);
	error_free(e);
}

/* A sentence of any length is printed up to a limit, and the line still ends. */
static void very_long(void **state)
{
	char path[5000], *text;
	struct error *e = NULL;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	err_set(&e, ENAMETOOLONG, "'%s'", path);
	assert_int_equal(strlen(error_msg(e)), sizeof(path) + 1);
	text = printed(e);
	assert_true(strlen(text) > 2000 && strlen(text) < 2100);
	assert_string_equal(text + strlen(text) - 4, "...\n");
	free(text);
	error_free(e);
}

static void leaves_scope(void **state)
{
	(void)state;
	_cleanup_(error_freep) struct error *e = NULL;

	err_set(&e, EIO, "freed at the end of the scope");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_code_and_sentence),
		cmocka_unit_test(errno_in_words),
		cmocka_unit_test(context_in_front),
		cmocka_unit_test(first_one_stays),
		cmocka_unit_test(nobody_asks),
		cmocka_unit_test(printing),
		cmocka_unit_test(very_long),
		cmocka_unit_test(leaves_scope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
