/* SPDX-License-Identifier: MIT */
/* test_docs.c: the committed manual is what the program prints, and is complete. Runs in the top
 * directory of the tree. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"
#include "vmm/hints.h"

static char *printed(void (*write)(FILE *f))
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	write(f);
	fclose(f);
	return text;
}

static void same_as_file(const char *path, void (*write)(FILE *f), const char *how)
{
	_cleanup_free_ char *text = printed(write), *have = NULL;
	FILE *f = fopen(path, "re");
	size_t len = strlen(text), n;

	if (!f)
		fail_msg("cannot open '%s' from here", path);
	have = calloc(1, len + 2);
	n = fread(have, 1, len + 1, f);
	fclose(f);
	if (n != len || memcmp(have, text, len))
		fail_msg("'%s' is out of date: make it anew with 'trapeze internal docs %s > %s'",
			 path, how, path);
}

static void committed_files_are_fresh(void **state)
{
	(void)state;
	same_as_file("docs/trapeze.1", docs_man, "man");
	same_as_file("docs/cli.md", docs_markdown, "md");
}

static void nothing_is_left_out(void **state)
{
	_cleanup_free_ char *man = printed(docs_man), *md = printed(docs_markdown);

	(void)state;
	for (unsigned i = 0; i < run_option_cnt; i++) {
		char text[96];

		if (run_options[i].path) {
			snprintf(text, sizeof(text), "In a file: %s.", run_options[i].path);
			assert_non_null(strstr(md, text));
		}
		if (run_options[i].letter) {
			snprintf(text, sizeof(text), ".TP\n\\fB\\-%c\\fR, \\fB\\-\\-",
				 run_options[i].letter);
			assert_non_null(strstr(man, text));
		}
	}
	for (unsigned i = 0; i < exit_status_cnt; i++)
		assert_non_null(strstr(md, exit_statuses[i].text));
	for (unsigned i = 0; i < boot_hint_cnt; i++)
		assert_non_null(strstr(md, boot_hints[i].text));
	assert_null(strstr(md, "internal docs man"));
}

/* In roff a line that begins with a dot is a request: only the ones we mean. */
static void man_has_no_accidental_requests(void **state)
{
	static const char *const requests[] = { ".TH ",  ".SH ",  ".SS ",  ".PP\n",
						".TP\n", ".RS\n", ".RE\n", ".nf\n",
						".fi\n", ".nh\n", ".ad l", ".\\\"" };
	_cleanup_free_ char *man = printed(docs_man);

	(void)state;
	for (const char *line = man; *line; line += strcspn(line, "\n") + 1) {
		bool known = line[0] != '.' && line[0] != '\'';

		for (unsigned i = 0; i < ARRAY_LEN(requests); i++)
			known |= !strncmp(line, requests[i], strlen(requests[i]));
		if (!known)
			fail_msg("not a request: %.40s", line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(committed_files_are_fresh),
		cmocka_unit_test(nothing_is_left_out),
		cmocka_unit_test(man_has_no_accidental_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
