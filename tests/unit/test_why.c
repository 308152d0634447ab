/* SPDX-License-Identifier: MIT */
/* The rule behind each kind of exit: every one has an entry, of two sentences and two sections. */
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/lens.h"

static struct trace_rec exit_of(unsigned reason, unsigned flags)
{
	struct trace_rec x = { .kind = TRACE_EXIT };

	x.exit.reason = (uint8_t)reason;
	x.exit.flags = (uint8_t)flags;
	return x;
}

static unsigned count(const char *s, const char *what)
{
	unsigned n = 0;

	for (; (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

static void each_kind_has_an_entry(void **state)
{
	static const char *const irqchips[] = { "split", "kernel", "user", NULL };

	(void)state;
	for (unsigned reason = 0; reason < TRACE_EXIT_REASONS + 3; reason++) {
		for (unsigned flags = 0; flags < 8; flags++) {
			for (unsigned i = 0; i < 2 * ARRAY_LEN(irqchips); i++) {
				struct lens_why how = { .irqchip = irqchips[i / 2], .amd = i % 2 };
				struct trace_rec x = exit_of(reason, flags);
				const char *rule = lens_why_rule(&how, &x);
				struct str s = { 0 };

				assert_non_null(rule);
				lens_why(&how, &x, &s);
				assert_false(s.failed);
				assert_int_equal(count(s.s, "Intel SDM 3C, 2"), 1);
				assert_int_equal(count(s.s, "AMD APM 2, 15."), 1);
				assert_int_equal(count(s.s, "<- this host's"), 1);
				/* Only what has no name of its own is "other". */
				if (reason && reason < TRACE_OTHER)
					assert_string_not_equal(rule, "other");
				str_free(&s);
			}
		}
	}
}

static void conditions_choose(void **state)
{
	static const struct {
		unsigned reason, flags;
		const char *irqchip, *rule;
	} t[] = {
		{ TRACE_PIO, 0, "split", "I/O port" },
		{ TRACE_PIO, TRACE_X_WRITE, "kernel", "I/O port, KVM's chips" },
		{ TRACE_PIO, TRACE_X_NOBODY, "split", "port nobody answers" },
		{ TRACE_PIO, TRACE_X_STRING | TRACE_X_WRITE, "split", "string I/O" },
		{ TRACE_MMIO, TRACE_X_WRITE, "split", "MMIO" },
		{ TRACE_MMIO, TRACE_X_NOBODY, "split", "MMIO nobody answers" },
		{ TRACE_HLT, 0, "user", "HLT" },
		{ TRACE_IRQ_WINDOW, 0, "split", "interrupt window" },
		{ TRACE_EOI, 0, "split", "EOI" },
		{ TRACE_INTR, 0, "split", "attention" },
		{ TRACE_RDMSR, 0, "split", "RDMSR" },
		{ TRACE_WRMSR, TRACE_X_WRITE, "split", "WRMSR" },
		{ TRACE_SHUTDOWN, 0, "split", "shutdown" },
		{ TRACE_DEBUG, 0, "split", "debug" },
		{ TRACE_OTHER, 0, "split", "other" },
		{ 200, 0, "split", "other" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		struct lens_why how = { .irqchip = t[i].irqchip };
		struct trace_rec x = exit_of(t[i].reason, t[i].flags);

		assert_string_equal(lens_why_rule(&how, &x), t[i].rule);
	}
}

static void what_is_no_exit_has_no_rule(void **state)
{
	struct trace_rec r = { .kind = TRACE_EVENT };
	struct lens_why how = { 0 };
	struct str s = { 0 };

	(void)state;
	assert_null(lens_why_rule(&how, &r));
	lens_why(&how, &r, &s);
	assert_non_null(strstr(s.s, "no exit"));
	str_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_an_entry),
		cmocka_unit_test(conditions_choose),
		cmocka_unit_test(what_is_no_exit_has_no_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
