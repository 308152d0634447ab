/* SPDX-License-Identifier: MIT */
/* irq.c: wires that branch and join. */
#include "tests/lib/fake.h"
#include "vmm/trace.h"

static void fan_reaches_all(void **state)
{
	struct fake_irq a, b;
	struct irq_fan f;

	(void)state;
	fake_irq_init(&a);
	fake_irq_init(&b);
	irq_fan_init(&f, 4, (struct irq_line *[]){ &a.line, &b.line }, 2);
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

/* A wire with a name tells each change of its level, and just those. */
static void traced(void **state)
{
	struct irq_fan named, nameless;
	struct trace_rec r[3];
	struct fake_irq out;

	(void)state;
	fake_irq_init(&out);
	irq_fan_init(&named, 4, (struct irq_line *[]){ &out.line }, 1);
	irq_fan_init(&nameless, IRQ_NO_NUMBER, (struct irq_line *[]){ &out.line }, 1);
	assert_int_equal(trace_start(64, NULL), 0);
	irq_set(&named.in, true);
	irq_set(&named.in, true);
	irq_set(&nameless.in, true);
	irq_set(&named.in, false);
	assert_int_equal(trace_take(0, r, ARRAY_LEN(r)), 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(r[i].num, TRACE_E_IRQ_LINE);
		assert_int_equal(r[i].dev, TRACE_NO_DEV);
		assert_int_equal(r[i].event.arg[0], 4);
		assert_int_equal(r[i].event.arg[1], !i);
	}
	trace_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fan_reaches_all),
		cmocka_unit_test(or_needs_all_low),
		cmocka_unit_test(none_is_harmless),
		cmocka_unit_test(traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
