/* SPDX-License-Identifier: MIT */
/* test_help.c: help fits the screen and leaves nothing out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"
#include "tests/lib/fake.h"
#include "vmm/cli.h"

/* What @write prints; the caller frees. */
static char *help_of(const struct verb *v)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	if (v)
		help_verb(v, f);
	else
		help_overview(f);
	fclose(f);
	return text;
}

/* No line is wider than the screen, none ends in a blank, no tab, plain ASCII. */
static void fits(const char *text)
{
	const char *line = text;

	while (*line) {
		size_t n = strcspn(line, "\n");

		if (n > 79)
			fail_msg("%zu columns: %.*s", n, (int)n, line);
		if (n && line[n - 1] == ' ')
			fail_msg("ends in a blank: %.*s", (int)n, line);
		for (size_t i = 0; i < n; i++)
			assert_in_range(line[i], ' ', '~');
		assert_int_equal(line[n], '\n');
		line += n + 1;
	}
}

static void every_verb_fits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VERB_CNT; i++) {
		_cleanup_free_ char *text = help_of(&verbs[i]);

		fits(text);
		assert_non_null(strstr(text, verbs[i].name));
	}
	_cleanup_free_ char *text = help_of(NULL);

	fits(text);
}

static void overview_lists_verbs(void **state)
{
	_cleanup_free_ char *text = help_of(NULL);

	(void)state;
	for (unsigned i = 0; i < VERB_CNT; i++) {
		char line[32];

		assert_non_null(verbs[i].name);
		snprintf(line, sizeof(line), "\n  %s ", verbs[i].name);
		assert_int_equal(strstr(text, line) != NULL, !verbs[i].hidden);
	}
}

/* The first line of an option: at the left margin, its letter, its name. */
static void every_option_is_there(void **state)
{
	_cleanup_(run_args_free) struct run_args a;

	(void)state;
	run_args_init(&a);
	for (unsigned v = 0; v < VERB_CNT; v++) {
		_cleanup_free_ char *text = help_of(&verbs[v]);
		const struct opt_set set = verb_options(&verbs[v]);

		for (unsigned i = 0; i < set.cnt; i++) {
			const struct opt *o = &set.opt[i];
			const void *base = verbs[v].opt == run_options ? &a : NULL;
			char name[64], line[96];

			opt_spelling(o, base, name, sizeof(name));
			if (o->letter)
				snprintf(line, sizeof(line), "\n  -%c, %s", o->letter, name);
			else
				snprintf(line, sizeof(line), "\n      %s", name);
			if (!strstr(text, line))
				fail_msg("%s is missing", name);
			for (const struct opt_word *w = o->words; w && w->word; w++) {
				snprintf(line, sizeof(line), "\n%28s%s ", "", w->word);
				if (!strstr(text, line))
					fail_msg("%s: %s is missing", name, w->word);
			}
		}
	}
}

/* "each option's default": of a value in brackets, of a switch by which form is shown. */
static void defaults_are_told(void **state)
{
	_cleanup_free_ char *text = help_of(&verbs[VERB_RUN]);

	(void)state;
	assert_non_null(strstr(text, "(default: 512M)"));
	assert_non_null(strstr(text,
			       "\n                            split   local APIC in KVM; PIC, "
			       "PIT and IOAPIC here\n                                    "
			       "(default)"));
	assert_non_null(strstr(text, "      --no-acpi "));
	assert_non_null(strstr(text, "      --mptable "));
	assert_non_null(strstr(text, "      --no-reboot "));
	assert_null(strstr(text, "--no-mptable"));
	assert_non_null(strstr(text, "  34 "));
	assert_non_null(strstr(text, "  Ctrl-A x "));
}

static char *wrapped(unsigned at, unsigned indent, const char *in)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	text_wrap(f, at, indent, in);
	fclose(f);
	return text;
}

static void wrapping(void **state)
{
	static const struct {
		unsigned at, indent;
		const char *in, *out;
	} cases[] = {
		{ 0, 0, "", "\n" },
		{ 0, 4, "word", "    word\n" },
		{ 4, 4, "word", "word\n" },
		{ 9, 4, "word", "\n    word\n" }, /* the cursor is past the column */
		{ 0, 70, "123456789 x", "%70s123456789\n%70sx\n" },
		{ 0, 70, "12345678 ab c", "%70s12345678\n%70sab c\n" },
		{ 0, 70, "1234567 a", "%70s1234567 a\n" }, /* 79 columns exactly */
		{ 0, 78, "unbreakable word", "%78sunbreakable\n%78sword\n" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_free_ char *got = wrapped(cases[i].at, cases[i].indent, cases[i].in);
		char want[512] = "", *w = want;

		/* "%70s" stands for that many blanks. */
		for (const char *p = cases[i].out; *p;) {
			if (*p == '%') {
				unsigned n = (unsigned)strtoul(p + 1, (char **)&p, 10);

				memset(w, ' ', n);
				w += n;
				p++;
			} else {
				*w++ = *p++;
			}
		}
		*w = '\0';
		assert_string_equal(got, want);
	}
}

static void verbs_are_found(void **state)
{
	struct error *e = NULL;

	(void)state;
	for (unsigned i = 0; i < VERB_CNT; i++)
		assert_ptr_equal(verb_find(verbs[i].name, &e), &verbs[i]);
	assert_null(e);
	assert_null(verb_find("rnu", &e));
	assert_error(e, "unknown verb 'rnu'; did you mean 'run'?");
	e = NULL;
	assert_null(verb_find("internl", &e)); /* what is hidden is not advertised */
	assert_null(strstr(error_msg(e), "did you mean"));
	error_free(e);
	e = NULL;
	assert_null(verb_find("-k", &e));
	assert_error(e, "'-k' stands where the verb belongs; did you mean 'trapeze run -k'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_fits),
		cmocka_unit_test(overview_lists_verbs),
		cmocka_unit_test(every_option_is_there),
		cmocka_unit_test(defaults_are_told),
		cmocka_unit_test(wrapping),
		cmocka_unit_test(verbs_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
