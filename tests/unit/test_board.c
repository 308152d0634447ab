/* SPDX-License-Identifier: MIT */
#include "vmm/board.h"

#include "tests/lib/fake.h"

static void devices_and_their_resources(void **state)
{
	static struct board b;
	struct board_dev *d;

	(void)state;
	d = board_add(&b, "COM1", "PNP0501", 1);
	assert_int_equal(b.dev_cnt, 1);
	assert_ptr_equal(d, &b.devs[0]);
	assert_string_equal(d->name, "COM1");
	assert_string_equal(d->hid, "PNP0501");
	assert_int_equal(d->uid, 1);
	board_pio(d, 0x3f8, 8);
	board_mmio(d, 0xd0000000, 0x1000);
	board_irq(d, 4, false, false);
	board_irq(d, 17, true, true);
	assert_int_equal(d->res_cnt, 4);
	assert_int_equal(d->res[0].kind, BOARD_RES_PIO);
	assert_true(d->res[0].base == 0x3f8 && d->res[0].len == 8);
	assert_int_equal(d->res[1].kind, BOARD_RES_MMIO);
	assert_true(d->res[1].base == 0xd0000000 && d->res[1].len == 0x1000);
	assert_int_equal(d->res[2].kind, BOARD_RES_IRQ);
	assert_false(d->res[2].level || d->res[2].active_low || d->res[2].shared);
	assert_true(d->res[3].level && d->res[3].active_low && d->res[3].shared);
	assert_ptr_equal(board_add(&b, "C", NULL, 0), &b.devs[1]);
}

static void the_limits_can_be_used_up(void **state)
{
	static struct board b;
	char name[5];

	(void)state;
	for (unsigned i = 0; i < BOARD_MAX_DEVS; i++) {
		struct board_dev *d;

		snprintf(name, sizeof(name), "D%03u", i);
		d = board_add(&b, name, NULL, i);
		for (unsigned j = 0; j < BOARD_MAX_RES; j++)
			board_pio(d, 0xffff, 1);
	}
	assert_int_equal(b.dev_cnt, BOARD_MAX_DEVS);
}

static void wiring_of_the_isa_interrupts(void **state)
{
	static struct board b;
	struct board_dev *d = board_add(&b, "DEV0", NULL, 0);
	unsigned flags[16];

	(void)state;
	b.pm.pm1a_evt = 0x600;
	b.pm.sci_gsi = 9;
	board_irq(d, 4, false, false);
	board_irq(d, 5, true, false);
	board_irq(d, 6, false, true);
	board_irq(d, 16, true, true); /* not ISA */
	board_isa_irq_flags(&b, flags);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(flags[i], i == 5 ? 0xd : i == 6 ? 0x7 : i == 9 ? 0xd : 0);
	board_irq(d, 9, true, true); /* the SCI as its device has it */
	board_isa_irq_flags(&b, flags);
	assert_int_equal(flags[9], BOARD_INTI_LEVEL | BOARD_INTI_LOW);
	b.pm.pm1a_evt = 0; /* no ACPI hardware, no SCI */
	d->res_cnt = 0;
	board_isa_irq_flags(&b, flags);
	assert_int_equal(flags[9], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_and_their_resources),
		cmocka_unit_test(the_limits_can_be_used_up),
		cmocka_unit_test(wiring_of_the_isa_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
