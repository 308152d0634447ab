/* SPDX-License-Identifier: MIT */
/* test_testdev.c: the test device, as kvm-unit-tests use QEMU's pc-testdev. */
#include "devices/chip/testdev.h"
#include "tests/lib/fake.h"

static struct device *make(struct fake_irq *irq)
{
	struct testdev_config cfg = { .id = "testdev0" };
	struct testdev *t = NULL;
	struct error *err = NULL;

	if (irq) {
		fake_irq_init(irq);
		cfg.irq[14] = &irq->line;
	}
	assert_int_equal(testdev_create(&cfg, &t, &err), 0);
	assert_no_error(err);
	return testdev_device(t);
}

/* x86/emulator.c: INS and OUTS of all widths find again what was written. */
static void latch(void **state)
{
	struct device *d = make(NULL);

	(void)state;
	io_write(d, TESTDEV_LATCH, 0, 4, 0x12345678);
	assert_int_equal(io_read(d, TESTDEV_LATCH, 0, 4), 0x12345678);
	assert_int_equal(io_read(d, TESTDEV_LATCH, 0, 2), 0x5678);
	assert_int_equal(io_read(d, TESTDEV_LATCH, 2, 2), 0x1234);
	assert_int_equal(io_read(d, TESTDEV_LATCH, 3, 1), 0x12);
	io_write(d, TESTDEV_LATCH, 1, 1, 0xff);
	io_write(d, TESTDEV_LATCH, 2, 2, 0xabcd);
	assert_int_equal(io_read(d, TESTDEV_LATCH, 0, 4), 0xabcdff78);
	/* Two addresses, one latch. */
	assert_int_equal(io_read(d, TESTDEV_BYTES, 3, 1), 0xab);
	io_write(d, TESTDEV_BYTES, 0, 1, 0x11);
	assert_int_equal(io_read(d, TESTDEV_BYTES, 0, 1), 0x11);
	assert_int_equal(io_read(d, TESTDEV_LATCH, 0, 1), 0x11);
	device_reset(d);
	assert_int_equal(io_read(d, TESTDEV_LATCH, 0, 4), 0);
	d->ops->destroy(d);
}

/* lib/x86/isr.c: outb(level, 0x2000 + line). */
static void lines(void **state)
{
	struct fake_irq irq;
	struct device *d = make(&irq);

	(void)state;
	io_write(d, TESTDEV_LINES, 14, 1, 1);
	assert_true(irq.level);
	io_write(d, TESTDEV_LINES, 13, 1, 1); /* leads nowhere */
	io_write(d, TESTDEV_LINES, 23, 1, 0xff);
	io_write(d, TESTDEV_LINES, 14, 1, 0);
	assert_false(irq.level);
	io_write(d, TESTDEV_LINES, 14, 1, 0x80);
	assert_true(irq.level);
	assert_int_equal(io_read(d, TESTDEV_LINES, 14, 1), 0xff);
	device_reset(d);
	assert_false(irq.level);
	d->ops->destroy(d);
}

/* Any width, to the last byte; and a page that is "flushed" costs nothing. */
static void memory(void **state)
{
	struct device *d = make(NULL);

	(void)state;
	io_write(d, TESTDEV_MEMORY, 0, 8, UINT64_C(0x1122334455667788));
	assert_int_equal(io_read(d, TESTDEV_MEMORY, 0, 8), UINT64_C(0x1122334455667788));
	assert_int_equal(io_read(d, TESTDEV_MEMORY, 4, 4), 0x11223344);
	io_write(d, TESTDEV_MEMORY, 0xffff, 1, 0x5a);
	assert_int_equal(io_read(d, TESTDEV_MEMORY, 0xffff, 1), 0x5a);
	assert_int_equal(io_read(d, TESTDEV_MEMORY, 0xfff8, 8), UINT64_C(0x5a) << 56);
	io_write(d, TESTDEV_FLUSH, 0, 4, 0xfffff000);
	assert_int_equal(io_read(d, TESTDEV_FLUSH, 0, 4), 0xffffffff);
	device_reset(d);
	assert_int_equal(io_read(d, TESTDEV_MEMORY, 0xffff, 1), 0);
	d->ops->destroy(NULL);
	d->ops->destroy(d);
}

static void survives_a_snapshot(void **state)
{
	struct fake_irq irq, fresh_irq;
	struct device *d = make(&irq), *fresh = make(&fresh_irq);

	(void)state;
	io_write(d, TESTDEV_LATCH, 0, 4, 0x12345678);
	io_write(d, TESTDEV_LINES, 14, 1, 1);
	io_write(d, TESTDEV_MEMORY, 0x8000, 1, 7);
	assert_snapshot_round_trip(d, fresh);
	assert_int_equal(io_read(fresh, TESTDEV_LATCH, 0, 4), 0x12345678);
	assert_int_equal(io_read(fresh, TESTDEV_MEMORY, 0x8000, 1), 7);
	assert_true(fresh_irq.level);
	d->ops->destroy(d);
	fresh->ops->destroy(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latch),
		cmocka_unit_test(lines),
		cmocka_unit_test(memory),
		cmocka_unit_test(survives_a_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
