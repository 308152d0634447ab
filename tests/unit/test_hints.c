/* SPDX-License-Identifier: MIT */
/* hints.c: what is put in front of the user's command line, and what is not. */
#include "vmm/hints.h"

#include <stdio.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "tests/lib/fake.h"

/* With which the machines below are made. */
static enum pci_presence pci;

static char *apply(const char *cmdline, bool hints, bool linux_kernel)
{
	struct vm_config c = { .boot = { .cmdline = (char *)(uintptr_t)cmdline, .hints = hints },
			       .board.pci = pci };
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

/* Is it for a machine with PCI, or without, as @pci says? */
static bool is_meant(const struct boot_hint *h)
{
	const struct vm_config c = { .board.pci = pci };

	return !h->wanted || h->wanted(&c);
}

static void every_hint_comes_with_a_reason(void **state)
{
	(void)state;
	assert_true(boot_hint_cnt > 0);
	for (pci = PCI_AUTO; pci <= PCI_OFF; pci++) {
		for (unsigned i = 0; i < boot_hint_cnt; i++) {
			bool meant = is_meant(&boot_hints[i]);

			assert_int_equal(hinted("root=/dev/vda quiet", boot_hints[i].text), meant);
			assert_int_equal(hinted("", boot_hints[i].text), meant);
			assert_true(strlen(boot_hints[i].why) > 10);
		}
	}
	pci = PCI_AUTO;
}

/* A kernel that was told that there is no PCI finds none. */
static void pci_is_not_denied_where_it_is(void **state)
{
	(void)state;
	pci = PCI_ON;
	assert_false(hinted("quiet", "pci=off"));
	assert_true(hinted("quiet", "pci=noearly"));
	assert_false(hinted("quiet pci=nomsi", "pci=noearly"));
	pci = PCI_OFF;
	assert_true(hinted("quiet", "pci=off"));
	assert_false(hinted("quiet", "pci=noearly"));
	pci = PCI_AUTO;
	assert_true(hinted("quiet", "pci=off")); /* nothing sits on it */
}

static bool says(const char *serial, const char *console, const char *cmdline, const char *text)
{
	struct vm_config c = { .boot = { .cmdline = (char *)(uintptr_t)cmdline, .hints = true },
			       .serial = { (char *)(uintptr_t)serial },
			       .virtio.console = (char *)(uintptr_t)console };
	_cleanup_free_ char *s = hints_apply(&c, &(struct boot_info){ .linux_kernel = true });

	assert_non_null(s);
	return strstr(s, text);
}

/* The console is where the kernel can be read from its first line on: the serial port, if there is
 * one. */
static void the_console_is_one_that_is_there(void **state)
{
	(void)state;
	assert_true(says("stdio", "stdio", "quiet", "console=ttyS0 "));
	assert_false(says("stdio", "stdio", "quiet", "console=hvc0"));
	assert_true(says("none", "stdio", "quiet", "console=hvc0 "));
	assert_false(says("none", "stdio", "quiet", "console=ttyS0"));
	assert_true(says("none", "none", "quiet", "console=ttyS0 "));
	assert_false(says("none", "stdio", "console=tty0", "console=hvc0"));
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

static bool same_name(const struct boot_hint *h, size_t len, const char *text)
{
	return strcspn(h->text, "=") == len && !strncmp(h->text, text, len);
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
			assert_int_equal(
				hinted(own, boot_hints[k].text),
				is_meant(&boot_hints[k]) &&
					!same_name(&boot_hints[k], name, boot_hints[i].text));
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

static char *prepend(const char *user, bool hints, bool linux_kernel, const char *cmdline)
{
	struct vm_config c = { .boot = { .cmdline = (char *)(uintptr_t)user, .hints = hints } };
	struct boot_info info = { .linux_kernel = linux_kernel };

	return hints_prepend(&c, &info, "virtio_mmio.device=4K@0xfe000000:5", cmdline);
}

/* What becomes known while the machine is built goes in front, several of a name too; but not past
 * the user. */
static void a_late_hint(void **state)
{
	_cleanup_free_ char *one = prepend("quiet", true, true, "console=ttyS0 quiet");
	_cleanup_free_ char *two = prepend("quiet", true, true, one);
	_cleanup_free_ char *off = prepend("quiet", false, true, "quiet");
	_cleanup_free_ char *other = prepend(NULL, true, false, "");
	_cleanup_free_ char *own = prepend("virtio-mmio.device=1K@1:1", true, true, "x");

	(void)state;
	assert_string_equal(one, "virtio_mmio.device=4K@0xfe000000:5 console=ttyS0 quiet");
	assert_string_equal(two, "virtio_mmio.device=4K@0xfe000000:5 "
				 "virtio_mmio.device=4K@0xfe000000:5 console=ttyS0 quiet");
	assert_string_equal(off, "quiet");
	assert_string_equal(other, "");
	assert_string_equal(own, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_hint),
		cmocka_unit_test(every_hint_comes_with_a_reason),
		cmocka_unit_test(pci_is_not_denied_where_it_is),
		cmocka_unit_test(the_console_is_one_that_is_there),
		cmocka_unit_test(whoever_wants_none_gets_none),
		cmocka_unit_test(what_the_user_names_is_left_alone),
		cmocka_unit_test(names_are_compared_as_the_kernel_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
