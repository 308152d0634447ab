/* SPDX-License-Identifier: MIT */
/* test_json.c: files that are JSON, and the words for those that are not. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "vmm/json.h"

static char path[64];

static int make_file(void **state)
{
	int f;

	(void)state;
	strcpy(path, "/tmp/test_json.XXXXXX");
	f = mkstemp(path);
	assert_true(f >= 0);
	close(f);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void write_file(const char *text, size_t len)
{
	_cleanup_close_ int f = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(f, text, len), len);
}

static void parses(void **state)
{
	static const char text[] = "{ \"a\": [1, 2.5, \"x\", true, null, {}] }";
	_cleanup_(json_freep) json_t *j = NULL;
	struct error *e = NULL;
	static const char *const kinds[] = { "a number", "a fractional number",
					     "a string", "a boolean",
					     "null",     "an object" };
	json_t *a;

	(void)state;
	write_file(text, sizeof(text) - 1);
	assert_int_equal(json_read(path, &j, &e), 0);
	assert_no_error(e);
	a = json_object_get(j, "a");
	assert_string_equal(json_kind(a), "an array");
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		assert_string_equal(json_kind(json_array_get(a, i)), kinds[i]);
}

static void refused(const char *text, size_t len, const char *part)
{
	struct error *e = NULL;
	json_t *j = NULL;

	write_file(text, len);
	assert_true(json_read(path, &j, &e) < 0);
	assert_null(j);
	assert_non_null(strstr(error_msg(e), path));
	assert_error(e, part);
}
#define REFUSED(text, part) refused(text, sizeof(text) - 1, part)

/* "names the file, and for a syntax error its line and column" */
static void syntax_errors(void **state)
{
	(void)state;
	REFUSED("{\n  \"a\": 1,\n  \"b\" 2\n}", "', line 3, column 7: ':' expected near '2'");
	REFUSED("{ \"a\": 1", "line 1");
	REFUSED("{ \"a\": 1, \"a\": 2 }", "duplicate");
	REFUSED("{} x", "end of file expected near 'x'");
	REFUSED("{ \"a\": \"\xff\" }", "unable to decode byte 0xff");
	REFUSED("{ \"a\": \"\\u0000\" }", "\\u0000");
	REFUSED("{ 'a': 1 }", "line 1");
	REFUSED("\0\0\0\0", "line 1");
	REFUSED("", "is empty: JSON wants at least {}");
	REFUSED("{ \"a\": 99999999999999999999 }", "too big");
}

/* A nest as deep as the file allows ends in an error, not in a stack overflow. */
static void deep_nest(void **state)
{
	static char text[100000];

	(void)state;
	memset(text, '[', sizeof(text));
	refused(text, sizeof(text), "maximum parsing depth reached");
}

static void files_that_are_none(void **state)
{
	struct error *e = NULL;
	json_t *j = NULL;

	(void)state;
	assert_int_equal(json_read("/nonexistent/x.json", &j, &e), -ENOENT);
	assert_error(e, "cannot open '/nonexistent/x.json': No such file or directory");
	e = NULL;
	assert_int_equal(json_read("/tmp", &j, &e), -EISDIR);
	assert_error(e, "cannot read '/tmp': Is a directory");
	e = NULL;
	/* An endless one is given up early. */
	assert_int_equal(json_read("/dev/zero", &j, &e), -EFBIG);
	assert_error(e, "'/dev/zero' has more than 1048576 bytes");
}

static void from_a_pipe(void **state)
{
	_cleanup_(json_freep) json_t *j = NULL;
	struct error *e = NULL;
	char name[32];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "{}", 2), 2);
	close(p[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", p[0]);
	assert_int_equal(json_read(name, &j, &e), 0);
	assert_no_error(e);
	assert_true(json_is_object(j));
	close(p[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),      cmocka_unit_test(syntax_errors),
		cmocka_unit_test(deep_nest),   cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(from_a_pipe),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
