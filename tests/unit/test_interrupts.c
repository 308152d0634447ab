/* SPDX-License-Identifier: MIT */
/* src/machine/interrupts.c: wires that are shared, and what firmware says of them to the 8259. */
#include <errno.h>

#include "devices/chip/i8259.h"
#include "devices/chip/ioapic.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "tests/lib/fake.h"
#include "tests/lib/pci_rig.h"

static void no_intr(void *cpu, bool asserted)
{
	(void)cpu;
	(void)asserted;
}

static const struct cpu_intr_ops cpu_ops = { .intr = no_intr };

/* The interrupt side of a machine without KVM. */
struct board_bench {
	struct vm_config config;
	struct machine m;
	struct fake_clock clock;
	struct fake_msi msi;
};

static void bench_init(struct board_bench *b, enum irqchip_mode mode)
{
	struct i8259_config pic = { .id = "pic0", .cpu = { &cpu_ops, NULL } };
	struct ioapic_config io = { .id = "ioapic0",
				    .clock = &b->clock.clock,
				    .sink = &b->msi.sink };
	struct error *e = NULL;

	*b = (struct board_bench){ .config = { .board.irqchip = mode } };
	b->m.config = &b->config;
	fake_clock_init(&b->clock);
	fake_msi_init(&b->msi);
	b->m.epoch = epoch_create(1, &e);
	b->m.pio = bus_create("port", 0x10000, b->m.epoch, &e);
	assert_int_equal(i8259_create(&pic, &b->m.pic, &e), 0);
	assert_int_equal(
		bus_map(b->m.pio, &i8259_device(b->m.pic)->regions[I8259_ELCR], PORT_ELCR, &e), 0);
	if (mode == IRQCHIP_SPLIT)
		assert_int_equal(ioapic_create(&io, &b->m.ioapic, &e), 0);
	assert_no_error(e);
	machine_wire_isa(&b->m);
}

static void bench_fini(struct board_bench *b)
{
	struct device *d = b->m.ioapic ? ioapic_device(b->m.ioapic) : NULL;

	interrupts_destroy(&b->m);
	if (d)
		d->ops->destroy(d);
	i8259_device(b->m.pic)->ops->destroy(i8259_device(b->m.pic));
	bus_destroy(b->m.pio);
	epoch_destroy(b->m.epoch);
}

static struct irq_line *input(struct board_bench *b, unsigned gsi)
{
	struct irq_line *l = NULL;
	struct error *e = NULL;

	assert_int_equal(machine_gsi_input(&b->m, gsi, &l, &e), 0);
	assert_no_error(e);
	return l;
}

/* OCW3, "read IRR": 0x0a to A0 (8259A data sheet). */
static unsigned pic_irr(struct board_bench *b)
{
	struct device *d = i8259_device(b->m.pic);

	io_write(d, I8259_MASTER, 0, 1, 0x0a);
	io_write(d, I8259_SLAVE, 0, 1, 0x0a);
	return (unsigned)(io_read(d, I8259_MASTER, 0, 1) | io_read(d, I8259_SLAVE, 0, 1) << 8);
}

static unsigned elcr(struct board_bench *b)
{
	struct device *d = i8259_device(b->m.pic);

	return (unsigned)(io_read(d, I8259_ELCR, 0, 1) | io_read(d, I8259_ELCR, 1, 1) << 8);
}

/* Makes pin @pin send vector 0x30 + pin, level-triggered. */
static void unmask(struct board_bench *b, unsigned pin)
{
	struct device *d = ioapic_device(b->m.ioapic);

	io_write(d, IOAPIC_MMIO, 0, 4, 0x10 + pin * 2);
	io_write(d, IOAPIC_MMIO, 0x10, 4, 0xa000 | (0x30 + pin));
}

/* The interrupt ends when the last of its devices is content. */
static void inputs_are_ored(void **state)
{
	struct board_bench b;
	struct irq_line *x, *y;

	(void)state;
	bench_init(&b, IRQCHIP_SPLIT);
	unmask(&b, 17);
	x = input(&b, 17);
	y = input(&b, 17);
	assert_ptr_not_equal(x, y);
	irq_set(x, true);
	assert_int_equal(b.msi.sent_cnt, 1);
	assert_int_equal(b.msi.sent[0].data & 0xff, 0x41);
	irq_set(y, true);
	irq_set(x, false);
	ioapic_eoi(b.m.ioapic, 0x41);
	assert_int_equal(b.msi.sent_cnt, 2); /* y is still there */
	irq_set(y, false);
	ioapic_eoi(b.m.ioapic, 0x41);
	assert_int_equal(b.msi.sent_cnt, 2);
	bench_fini(&b);
}

/* An ISA interrupt reaches both kinds of controller. */
static void isa_inputs_reach_both(void **state)
{
	struct board_bench b;
	struct irq_line *x;

	(void)state;
	bench_init(&b, IRQCHIP_SPLIT);
	unmask(&b, 10);
	x = input(&b, 10);
	irq_set(x, true);
	assert_int_equal(pic_irr(&b) & 1u << 10, 1u << 10);
	assert_int_equal(b.msi.sent_cnt, 1);
	irq_set(x, false);
	bench_fini(&b);
}

/* What PCI firmware does: interrupts that are shared are level-triggered at the 8259 (ELCR), all
 * others keep their edge. A level goes away with its cause. */
static void firmware_sets_elcr(void **state)
{
	struct board_bench b;
	struct irq_line *x;
	struct error *e = NULL;

	(void)state;
	bench_init(&b, IRQCHIP_USER);
	assert_int_equal(interrupts_firmware(&b.m, &e), 0);
	assert_int_equal(elcr(&b), 0);
	x = input(&b, 10);
	input(&b, 11);
	input(&b, 5);
	device_reset(i8259_device(b.m.pic));
	assert_int_equal(interrupts_firmware(&b.m, &e), 0);
	assert_int_equal(elcr(&b), 1u << 5 | 1u << 10 | 1u << 11);
	irq_set(x, true);
	assert_int_equal(pic_irr(&b) & 1u << 10, 1u << 10);
	irq_set(x, false);
	assert_int_equal(pic_irr(&b) & 1u << 10, 0);
	bench_fini(&b);
}

static void only_what_is_there(void **state)
{
	struct irq_line *l = NULL;
	struct error *e = NULL;
	struct board_bench b;

	(void)state;
	bench_init(&b, IRQCHIP_USER);
	assert_int_equal(machine_gsi_input(&b.m, 16, &l, &e), -ENODEV);
	assert_error(e, "this machine has no interrupt 16");
	e = NULL;
	assert_int_equal(machine_gsi_input(&b.m, 24, &l, &e), -ENODEV);
	assert_error(e, "no interrupt 24");
	e = NULL;
	for (unsigned i = 0; i < IRQ_OR_MAX; i++)
		input(&b, 11);
	assert_int_equal(machine_gsi_input(&b.m, 11, &l, &e), -ENOSPC);
	assert_error(e, "interrupt 11 is shared by 32 devices already");
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inputs_are_ored),
		cmocka_unit_test(isa_inputs_reach_both),
		cmocka_unit_test(firmware_sets_elcr),
		cmocka_unit_test(only_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
