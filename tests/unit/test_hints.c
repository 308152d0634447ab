/* SPDX-License-Identifier: MIT */
/* hints.c: what is put in front of the user's command line, and what is not. */
#include "vmm/hints.h"

#include <stdio.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "tests/lib/fake.h"

static char *apply(const char *cmdline, bool hints, bool linux_kernel)
{
	struct vm_config c = { .boot = { .cmdline = (char *)(uintptr_t)cmdline, .hints = hints } };
	char *s = hints_apply(&c, &(struct boot_info){ .linux_kernel = linux_kernel });

	assert_non_null(s);
	return s;
}

/* Whether the hint @text is in front of @cmdline. */
static bool hinted(const char *cmdline, const char *text)
{
	_cleanup_free_ char *s = apply(cmdline, true, true);
	size_t len = strlen(s), user = strlen(cmdline);
	char spaced[128];

	/* The user's own words are the last, unchanged. */
	assert_true(len >= user);
	assert_string_equal(s + len - user, cmdline);
	s[len - user] = '\0';
	snprintf(spaced, sizeof(spaced), "%s ", text);
	return strstr(s, spaced);
}

static void every_hint_comes_with_a_reason(void **state)
{
	(void)state;
	assert_true(boot_hint_cnt > 0);
	for (unsigned i = 0; i < boot_hint_cnt; i++) {
		assert_true(hinted("root=/dev/vda quiet", boot_hints[i].text));
		assert_true(hinted("", boot_hints[i].text));
		assert_true(strlen(boot_hints[i].why) > 10);
	}
}

static void whoever_wants_none_gets_none(void **state)
{
	_cleanup_free_ char *off = apply("quiet", false, true);
	_cleanup_free_ char *other = apply("quiet", true, false);
	_cleanup_free_ char *empty = apply(NULL, false, true);

	(void)state;
	assert_string_equal(off, "quiet");   /* --no-hints */
	assert_string_equal(other, "quiet"); /* not a Linux kernel */
	assert_string_equal(empty, "");      /* no --cmdline */
}

/* A parameter that the user names is the user's business, each by itself. */
static void what_the_user_names_is_left_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < boot_hint_cnt; i++) {
		size_t name = strcspn(boot_hints[i].text, "=");
		char own[128];

		snprintf(own, sizeof(own), "root=/dev/vda %.*s=own", (int)name, boot_hints[i].text);
		for (unsigned k = 0; k < boot_hint_cnt; k++)
			assert_int_equal(hinted(own, boot_hints[k].text), k != i);
	}
}

/* What counts as naming "console=ttyS0" and "random.trust_cpu=on", by the kernel's rules. */
static void names_are_compared_as_the_kernel_does(void **state)
{
	static const struct {
		const char *cmdline;
		bool console, trust;
	} cases[] = {
		{ "console=tty0", false, true },
		{ "console", false, true },
		{ "quiet console=hvc0 debug", false, true },
		{ "\tquiet\tconsole=hvc0\n", false, true },
		{ "\"console=ttyS1,115200\" quiet", false, true },
		/* Another name, however alike. */
		{ "consoleblank=0", true, true },
		{ "netconsole=@/,@10.0.0.1/", true, true },
		{ "conso", true, true },
		{ "earlyconsole", true, true },
		/* A value, or a part of one, is no name. */
		{ "init=console", true, true },
		{ "dyndbg=\"file a.c +p; console=x\"", true, true },
		{ "a=\"b c\" console=x", false, true },
		/* kernel/params.c: dashes and underscores are one. */
		{ "random.trust-cpu=off", true, false },
		/* Documentation/admin-guide/kernel-parameters.rst: "Everything after "--" is passed
		 * as an argument to init." */
		{ "quiet -- console=x", true, true },
		{ "console=x --", false, true },
		{ "--console=x", true, true },
		{ "   ", true, true },
		/* A quote that never ends. */
		{ "\"console=x", false, true },
		{ "\"", true, true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		const char *c = cases[i].cmdline;

		if (hinted(c, "console=ttyS0") != cases[i].console ||
		    hinted(c, "random.trust_cpu=on") != cases[i].trust)
			fail_msg("wrong for '%s'", c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_hint_comes_with_a_reason),
		cmocka_unit_test(whoever_wants_none_gets_none),
		cmocka_unit_test(what_the_user_names_is_left_alone),
		cmocka_unit_test(names_are_compared_as_the_kernel_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
