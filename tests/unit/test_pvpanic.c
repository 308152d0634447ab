/* SPDX-License-Identifier: MIT */
/* test_pvpanic.c: the panic port, after QEMU's specification of it and Linux's pvpanic driver. */
#include "devices/chip/pvpanic.h"
#include "tests/lib/fake.h"

/* "On read, the bits recognized by the device are returned"; "on write, the bits not recognized by
 * the device are ignored". */
static void test_every_byte(void **state)
{
	struct fake_power p;
	struct pvpanic_config cfg = { .id = "pvpanic", .power = &p.sink };
	struct pvpanic *s = NULL;
	struct error *err = NULL;
	struct device *d;

	(void)state;
	fake_power_init(&p);
	assert_int_equal(pvpanic_create(&cfg, &s, &err), 0);
	assert_no_error(err);
	d = pvpanic_device(s);
	assert_int_equal(io_read(d, 0, 0, 1), PVPANIC_PANICKED | PVPANIC_CRASHLOADED);
	for (unsigned v = 0; v < 256; v++) {
		unsigned before = p.requests;

		io_write(d, 0, 0, 1, v);
		assert_int_equal(p.requests - before, (v & 3) != 0);
		if (v & 3)
			assert_int_equal(p.last, v & 1 ? POWER_PANIC : POWER_CRASHLOADED);
	}
	/* a driver masks its events with what it read */
	io_write(d, 0, 0, 1, io_read(d, 0, 0, 1) & PVPANIC_PANICKED);
	assert_int_equal(p.last, POWER_PANIC);
	d->ops->destroy(NULL);
	d->ops->destroy(d);
}

static void test_needs_power(void **state)
{
	struct pvpanic_config cfg = { .id = "pvpanic" };
	struct pvpanic *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(pvpanic_create(&cfg, &s, &err) < 0);
	assert_error(err, "'pvpanic'");
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_needs_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
