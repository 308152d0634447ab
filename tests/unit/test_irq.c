/* SPDX-License-Identifier: MIT */
/* irq.c: wires that branch and join. */
#include "tests/lib/fake.h"

static void fan_reaches_all(void **state)
{
	struct fake_irq a, b;
	struct irq_fan f;

	(void)state;
	fake_irq_init(&a);
	fake_irq_init(&b);
	irq_fan_init(&f, (struct irq_line *[]){ &a.line, &b.line }, 2);
	irq_set(&f.in, true);
	assert_true(a.level && b.level);
	irq_set(&f.in, false);
	assert_false(a.level || b.level);
	assert_int_equal(irq_trigger_fd(&f.in), -1);
}

/* A shared line is high as long as anyone holds it. */
static void or_needs_all_low(void **state)
{
	struct fake_irq out;
	struct irq_or o;

	(void)state;
	fake_irq_init(&out);
	irq_or_init(&o, &out.line);
	irq_set(&o.in[0], true);
	irq_set(&o.in[5], true);
	irq_set(&o.in[0], false);
	assert_true(out.level);
	irq_set(&o.in[5], false);
	assert_false(out.level);
	assert_int_equal(out.rises, 1);
	assert_int_equal(out.falls, 1);
}

static void none_is_harmless(void **state)
{
	(void)state;
	irq_set(&irq_none, true);
	assert_int_equal(irq_trigger_fd(&irq_none), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fan_reaches_all),
		cmocka_unit_test(or_needs_all_low),
		cmocka_unit_test(none_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
