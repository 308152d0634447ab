/* SPDX-License-Identifier: MIT */
/* test_share_option.c: --share, on the command line and in files. */
#include "cli/share_option.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"

static int parse(struct run_args *a, struct error **errp, const char *const *words, unsigned cnt)
{
	char *argv[80] = { (char *)(uintptr_t) "run", (char *)(uintptr_t) "-k",
			   (char *)(uintptr_t) "k" };

	assert_true(cnt + 3 < ARRAY_LEN(argv));
	for (unsigned i = 0; i < cnt; i++)
		argv[3 + i] = (char *)(uintptr_t)words[i];
	return run_args_parse((int)cnt + 3, argv, a, errp);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__ })
#define accept(a, ...)                                                                             \
	do {                                                                                       \
		struct error *_e = NULL;                                                           \
		int _r = parse(a, &_e, WORDS(__VA_ARGS__), ARRAY_LEN(WORDS(__VA_ARGS__)));         \
		assert_no_error(_e);                                                               \
		assert_int_equal(_r, 0);                                                           \
	} while (0)
#define refuse(says, ...)                                                                          \
	do {                                                                                       \
		struct error *_e = NULL;                                                           \
		struct run_args _a;                                                                \
		assert_true(parse(&_a, &_e, WORDS(__VA_ARGS__), ARRAY_LEN(WORDS(__VA_ARGS__))) <   \
			    0);                                                                    \
		assert_error(_e, says);                                                            \
		run_args_free(&_a);                                                                \
	} while (0)

static void shares(void **state)
{
	const struct share_config *s;
	struct run_args a;

	(void)state;
	accept(&a, "--share", "a,,b", "--share", "b,rw", "--share", "c,tag=work,rw=off");
	s = a.config.shares.v;
	assert_int_equal(a.config.shares.cnt, 3);
	assert_string_equal(s[0].path, "a,b");
	assert_true(!s[0].writable && !s[0].tag);
	assert_true(s[1].writable && !s[1].tag);
	assert_true(!s[2].writable);
	assert_string_equal(s[2].tag, "work");
	assert_true(config_has_virtio(&a.config) && config_has_rng(&a.config));
	assert_int_equal(config_check(&a.config, NULL), 0);
	run_args_free(&a);
}

static void refused(void **state)
{
	struct run_args a;
	const char *words[2 * CONFIG_SHARES + 2];
	char text[CONFIG_SHARES + 1][16];
	struct error *e = NULL;

	(void)state;
	refuse("the name of the directory is missing", "--share", ",rw");
	refuse("a share has no 'ro'", "--share", "x,ro");
	refuse("'rw' is said twice", "--share", "x,rw,rw");
	refuse("'tag' wants a value", "--share", "x,tag");
	refuse("tag: '' has 0 bytes: a tag has 1 to 36", "--share", "x,tag=");
	refuse("has 37 bytes", "--share", "x,tag=1234567890123456789012345678901234567");
	refuse("'a b' is no tag: a blank", "--share", "x,tag=a b");
	for (unsigned i = 0; i <= CONFIG_SHARES; i++) {
		snprintf(text[i], sizeof(text[i]), "d%u", i);
		words[2 * i] = "--share";
		words[2 * i + 1] = text[i];
	}
	assert_true(parse(&a, &e, words, 2 * CONFIG_SHARES + 2) < 0);
	assert_error(e, "'d16' is one too many: there are 16 at most");
	run_args_free(&a);
}

static void tags_differ(void **state)
{
	struct error *e = NULL;
	struct run_args a;

	(void)state;
	accept(&a, "--share", "a", "--share", "b,tag=x", "--share", "c,tag=share0");
	assert_true(config_check(&a.config, &e) < 0);
	assert_string_equal(error_hint(e), "a guest finds a share by its tag: --share DIR,tag=TAG");
	assert_error(e, "the shares 'a' and 'c' have the same tag, 'share0'");
	run_args_free(&a);
	e = NULL;
	accept(&a, "--share", "a", "--pci", "off");
	assert_true(config_check(&a.config, &e) < 0);
	assert_error(e, "--share sits on the PCI bus");
	run_args_free(&a);
}

static void in_files(void **state)
{
	static const char *const good = "{\"boot\":{\"kernel\":\"k\"},\"shares\":[\"a,rw\",{"
					"\"path\":\"b,c\",\"tag\":\"t\"}]}";
	const struct opt_set set = run_option_set();
	struct error *e = NULL;
	struct run_args a;
	char *text = NULL;

	(void)state;
	run_args_init(&a);
	assert_int_equal(opt_read_json(&set, good, "test", &a, &e), 0);
	assert_no_error(e);
	assert_int_equal(a.config.shares.cnt, 2);
	assert_true(a.config.shares.v[0].writable);
	assert_string_equal(a.config.shares.v[1].path, "b,c");
	assert_int_equal(opt_dump_json(&set, &a, &text, &e), 0);
	assert_non_null(strstr(text, "\"tag\": \"t\""));
	free(text);
	run_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares),
		cmocka_unit_test(refused),
		cmocka_unit_test(tags_differ),
		cmocka_unit_test(in_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
