/* SPDX-License-Identifier: MIT */
/* The 8259A pair against its data sheet (Intel 231468-003; "DS" below), and the ELCR. */
#include "devices/chip/i8259.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/snap.h"
#include "vmm/trace.h"

struct cpu_pin {
	bool level;
	unsigned calls;
};

static void cpu_intr(void *cpu, bool asserted)
{
	struct cpu_pin *p = cpu;

	__atomic_store_n(&p->level, asserted, __ATOMIC_RELEASE);
	p->calls++;
}

static const struct cpu_intr_ops cpu_ops = { .intr = cpu_intr };

static struct cpu_pin cpu;
static struct i8259 *pic;
static struct device *dev;

static struct i8259 *create(struct cpu_pin *pin)
{
	struct i8259_config c = { .id = "pic0", .cpu = { .ops = &cpu_ops, .cpu = pin } };
	struct i8259 *p = NULL;
	struct error *e = NULL;

	assert_int_equal(i8259_create(&c, &p, &e), 0);
	assert_no_error(e);
	return p;
}

static int setup(void **state)
{
	(void)state;
	cpu = (struct cpu_pin){ 0 };
	pic = create(&cpu);
	dev = i8259_device(pic);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dev->ops->destroy(dev);
	return 0;
}

static void out(unsigned chip, unsigned a0, uint8_t val)
{
	io_write(dev, chip, a0, 1, val);
}

static uint8_t in(unsigned chip, unsigned a0)
{
	return (uint8_t)io_read(dev, chip, a0, 1);
}

static void init_with(uint8_t icw1, uint8_t icw4_master, uint8_t icw4_slave)
{
	out(I8259_MASTER, 0, icw1);
	out(I8259_MASTER, 1, 0x20);
	out(I8259_MASTER, 1, 0x04);
	out(I8259_MASTER, 1, icw4_master);
	out(I8259_SLAVE, 0, icw1);
	out(I8259_SLAVE, 1, 0x28);
	out(I8259_SLAVE, 1, 0x02);
	out(I8259_SLAVE, 1, icw4_slave);
}

static void init(void)
{
	init_with(0x11, 0x01, 0x01);
}

static void irq(unsigned n, bool level)
{
	irq_set(i8259_line(pic, n), level);
}

static uint8_t irr(unsigned chip)
{
	out(chip, 0, 0x0a);
	return in(chip, 0);
}

static uint8_t isr(unsigned chip)
{
	out(chip, 0, 0x0b);
	return in(chip, 0);
}

/* The CPU takes the interrupt it is asked to take. */
static int take(void)
{
	assert_true(cpu.level);
	return i8259_ack(pic);
}

static void power_on_is_silent(void **state)
{
	(void)state;
	/* DS: "Before normal operation can begin, each 8259A in the system must be brought to a
	 * starting point by a sequence of 2 to 4 bytes". */
	for (unsigned n = 0; n < 16; n++)
		irq(n, true);
	assert_false(cpu.level);
	assert_int_equal(in(I8259_MASTER, 1), 0);
	/* A probe for the chip writes and reads back the IMR before any ICW1. */
	out(I8259_MASTER, 1, 0xfb);
	assert_int_equal(in(I8259_MASTER, 1), 0xfb);
	assert_false(cpu.level);
}

static void icw1_resets(void **state)
{
	(void)state;
	init();
	irq(3, true);
	assert_int_equal(take(), 0x23);
	irq(4, true);
	out(I8259_MASTER, 1, 0x40);
	out(I8259_MASTER, 0, 0xc1); /* lowest priority IR1 */
	out(I8259_MASTER, 0, 0x68); /* special mask mode */
	out(I8259_MASTER, 0, 0x0b); /* read ISR */
	out(I8259_MASTER, 0, 0x11);
	/* DS: "a. The edge sense circuit is reset, which means that following initialization, an
	 * interrupt request (IR) input must make a low-to-high transition to generate an
	 * interrupt." "Status Read is set to IRR." */
	assert_int_equal(in(I8259_MASTER, 0), 0);
	assert_int_equal(isr(I8259_MASTER), 0);
	out(I8259_MASTER, 1, 0x20);
	out(I8259_MASTER, 1, 0x04);
	out(I8259_MASTER, 1, 0x01);
	/* "b. The Interrupt Mask Register is cleared." */
	assert_int_equal(in(I8259_MASTER, 1), 0);
	assert_false(cpu.level);
	irq(3, false);
	irq(3, true);
	assert_true(cpu.level);
	/* "c. IR7 input is assigned priority 7." IR0 is the highest again. */
	irq(0, true);
	assert_int_equal(take(), 0x20);
	/* "e. Special Mask Mode is cleared": masking what is in service frees nobody. */
	out(I8259_MASTER, 1, 0x01);
	assert_false(cpu.level);
}

static void icw_sequences(void **state)
{
	(void)state;
	/* DS figure 6: ICW3 only if SNGL = 0, ICW4 only if IC4 = 1. */
	static const struct {
		uint8_t icw1;
		unsigned bytes; /* ICW2 and on */
	} seq[] = { { 0x10, 2 }, { 0x11, 3 }, { 0x12, 1 }, { 0x13, 2 } };

	for (unsigned i = 0; i < ARRAY_LEN(seq); i++) {
		out(I8259_MASTER, 0, seq[i].icw1);
		for (unsigned b = 0; b < seq[i].bytes; b++) {
			irq(1, false);
			irq(1, true);
			assert_false(cpu.level); /* not before the last one */
			out(I8259_MASTER, 1, b == 0 ? 0x40 : 0x00);
		}
		assert_true(cpu.level);
		out(I8259_MASTER, 1, 0xa5); /* and this is OCW1 */
		assert_int_equal(in(I8259_MASTER, 1), 0xa5);
		out(I8259_MASTER, 1, 0x00);
		assert_int_equal(take(), 0x41);
		irq(1, false);
	}
	/* DS: "Whenever a command is issued with A0 = 0 and D4 = 1, this is interpreted as ICW1",
	 * also in the middle of a sequence. */
	out(I8259_MASTER, 0, 0x11);
	out(I8259_MASTER, 1, 0x50);
	out(I8259_MASTER, 0, 0x13);
	out(I8259_MASTER, 1, 0x60);
	out(I8259_MASTER, 1, 0x01);
	irq(5, true);
	assert_int_equal(take(), 0x65);
}

static void icw2_gives_five_bits(void **state)
{
	(void)state;
	/* DS: "T7-T3 ... the 8259A inserts the three bits of the interrupt level". */
	out(I8259_MASTER, 0, 0x13);
	out(I8259_MASTER, 1, 0x77);
	out(I8259_MASTER, 1, 0x01);
	irq(6, true);
	assert_int_equal(take(), 0x76);
}

static void fully_nested(void **state)
{
	(void)state;
	init();
	irq(5, true);
	assert_int_equal(take(), 0x25);
	assert_int_equal(isr(I8259_MASTER), 0x20);
	assert_int_equal(irr(I8259_MASTER), 0); /* the IRR bit is reset by INTA */
	/* DS: "While the IS bit is set, all further interrupts of the same or lower priority are
	 * inhibited, while higher levels will generate an interrupt". */
	irq(6, true);
	irq(5, false);
	irq(5, true);
	assert_false(cpu.level);
	irq(3, true);
	assert_int_equal(take(), 0x23);
	assert_int_equal(isr(I8259_MASTER), 0x28);
	/* DS: "When a non-specific EOI command is issued the 8259A will automatically reset the
	 * highest IS bit of those that are set". */
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(isr(I8259_MASTER), 0x20);
	assert_false(cpu.level);
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(take(), 0x25);
	out(I8259_MASTER, 0, 0x65); /* specific EOI */
	assert_int_equal(take(), 0x26);
	/* A spurious EOI ends nothing that is not there. */
	out(I8259_MASTER, 0, 0x66);
	out(I8259_MASTER, 0, 0x20);
	out(I8259_MASTER, 0, 0x20);
	out(I8259_MASTER, 0, 0xa0);
	assert_int_equal(isr(I8259_MASTER), 0);
}

static void mask_register(void **state)
{
	(void)state;
	init();
	out(I8259_MASTER, 1, 0x10);
	irq(4, true);
	assert_false(cpu.level);
	assert_int_equal(irr(I8259_MASTER), 0x10); /* requests are seen through the mask */
	/* DS: "Masking an IR channel does not affect the other channels operation." */
	irq(6, true);
	assert_true(cpu.level);
	out(I8259_MASTER, 1, 0x00);
	assert_int_equal(take(), 0x24);
	assert_int_equal(in(I8259_MASTER, 1), 0);
}

static void edge_mode(void **state)
{
	(void)state;
	init();
	/* DS: "an interrupt request will be recognized by a low to high transition on an IR input.
	 * The IR input can remain high without generating another interrupt." */
	irq(1, true);
	irq(1, true);
	assert_int_equal(take(), 0x21);
	out(I8259_MASTER, 0, 0x20);
	assert_false(cpu.level);
	irq(1, true);
	assert_false(cpu.level);
	irq(1, false);
	irq(1, true);
	assert_int_equal(take(), 0x21);
}

static void level_mode_by_ltim(void **state)
{
	(void)state;
	init_with(0x19, 0x01, 0x01);
	/* DS: "If LTIM = 1 ... the interrupt request must be removed before the EOI command is
	 * issued or the CPU interrupt is enabled to prevent a second interrupt from occurring." */
	irq(1, true);
	assert_int_equal(take(), 0x21);
	assert_int_equal(irr(I8259_MASTER), 0x02);
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(take(), 0x21);
	irq(1, false);
	out(I8259_MASTER, 0, 0x20);
	assert_false(cpu.level);
}

static void level_mode_by_elcr(void **state)
{
	(void)state;
	init();
	/* 290562 §4.2.5: IRQ 0, 1, 2, 8 and 13 must be edge-triggered. */
	io_write(dev, I8259_ELCR, 0, 1, 0xff);
	io_write(dev, I8259_ELCR, 1, 1, 0xff);
	assert_int_equal(io_read(dev, I8259_ELCR, 0, 1), 0xf8);
	assert_int_equal(io_read(dev, I8259_ELCR, 1, 1), 0xde);
	io_write(dev, I8259_ELCR, 0, 1, 0x20);
	io_write(dev, I8259_ELCR, 1, 1, 0x02);
	irq(5, true);
	assert_int_equal(take(), 0x25);
	out(I8259_MASTER, 0, 0x65);
	assert_true(cpu.level); /* still asserted */
	irq(5, false);
	assert_false(cpu.level);
	irq(9, true);
	assert_int_equal(take(), 0x29);
	out(I8259_SLAVE, 0, 0x61);
	out(I8259_MASTER, 0, 0x62);
	assert_int_equal(take(), 0x29);
	irq(9, false);
	out(I8259_SLAVE, 0, 0x61);
	out(I8259_MASTER, 0, 0x62);
	/* A line in edge mode beside it stays one. */
	irq(4, true);
	assert_int_equal(take(), 0x24);
	out(I8259_MASTER, 0, 0x64);
	assert_false(cpu.level);
	/* Made level-triggered while it is high, it asks. */
	io_write(dev, I8259_ELCR, 0, 1, 0x10);
	assert_int_equal(take(), 0x24);
}

static void spurious_interrupt(void **state)
{
	(void)state;
	init();
	irq(3, true);
	assert_true(cpu.level);
	irq(3, false);
	assert_false(cpu.level);
	/* DS: "If the IR input goes low before this time a DEFAULT IR7 will occur when the CPU
	 * acknowledges the interrupt." "A normal IR7 interrupt will set the corresponding ISR bit,
	 * a default IR7 won't." */
	assert_int_equal(i8259_ack(pic), 0x27);
	assert_int_equal(isr(I8259_MASTER), 0);
	/* Taken away by the mask. */
	irq(4, true);
	out(I8259_MASTER, 1, 0x10);
	assert_int_equal(i8259_ack(pic), 0x27);
	assert_int_equal(isr(I8259_MASTER), 0);
	irq(7, true);
	assert_int_equal(take(), 0x27);
	assert_int_equal(isr(I8259_MASTER), 0x80);
}

static void spurious_interrupt_of_slave(void **state)
{
	(void)state;
	/* A master that believes its own IR3 to be a slave's asks a slave that has no request. */
	init();
	out(I8259_MASTER, 0, 0x11);
	out(I8259_MASTER, 1, 0x20);
	out(I8259_MASTER, 1, 0x0c);
	out(I8259_MASTER, 1, 0x01);
	out(I8259_SLAVE, 0, 0x11);
	out(I8259_SLAVE, 1, 0x28);
	out(I8259_SLAVE, 1, 0x03);
	out(I8259_SLAVE, 1, 0x01);
	irq(3, true);
	assert_int_equal(take(), 0x2f);
	assert_int_equal(isr(I8259_SLAVE), 0);
	assert_int_equal(isr(I8259_MASTER), 0x08); /* the master knows nothing of that */
	out(I8259_MASTER, 0, 0x20);
	/* DS: "The slave compares its cascade input with [its ID]": nobody has number 2 now. */
	irq(9, true);
	assert_int_equal(take(), 0xff);
}

static void cascade(void **state)
{
	(void)state;
	init();
	irq(12, true);
	assert_int_equal(irr(I8259_MASTER), 0x04);
	irq(3, true);
	/* The slave is at IR2: all its levels are above IR3. */
	assert_int_equal(take(), 0x2c);
	assert_int_equal(isr(I8259_MASTER), 0x04);
	assert_int_equal(isr(I8259_SLAVE), 0x10);
	assert_int_equal(irr(I8259_MASTER), 0x08);
	/* DS: "an EOI command must be issued twice: once for the master and once for the
	 * corresponding slave." In either order. */
	irq(14, true);
	irq(10, true);
	assert_int_equal(irr(I8259_MASTER), 0x0c);
	assert_false(cpu.level); /* "this slave is locked out from the master's priority logic" */
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(take(), 0x2a);
	out(I8259_SLAVE, 0, 0x20);
	out(I8259_SLAVE, 0, 0x20);
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(take(), 0x2e);
	out(I8259_SLAVE, 0, 0x66);
	out(I8259_MASTER, 0, 0x62);
	assert_int_equal(take(), 0x23);
	/* IRQ 2 itself is no input on a PC. */
	irq(2, true);
	assert_int_equal(irr(I8259_MASTER), 0);
}

static void single_mode_has_no_slave(void **state)
{
	(void)state;
	init();
	/* DS: "SNGL: Single. Means that this is the only 8259A in the system." */
	out(I8259_MASTER, 0, 0x13);
	out(I8259_MASTER, 1, 0x20);
	out(I8259_MASTER, 1, 0x01);
	irq(8, true);
	assert_int_equal(take(), 0x22);
	assert_int_equal(isr(I8259_SLAVE), 0);
}

static void special_fully_nested(void **state)
{
	(void)state;
	init_with(0x11, 0x11, 0x01);
	irq(12, true);
	assert_int_equal(take(), 0x2c);
	/* DS: "When an interrupt request from a certain slave is in service this slave is not
	 * locked out from the master's priority logic and further interrupt requests from higher
	 * priority IR's within the slave will be recognized by the master". */
	irq(14, true);
	assert_false(cpu.level);
	irq(9, true);
	assert_int_equal(take(), 0x29);
	assert_int_equal(isr(I8259_SLAVE), 0x12);
	/* But a lower level of the master stays locked out, and so does an equal one that is not
	 * a slave. */
	irq(3, true);
	assert_false(cpu.level);
	irq(1, true);
	assert_int_equal(take(), 0x21);
	irq(1, false);
	irq(1, true);
	assert_false(cpu.level);
}

static void special_mask(void **state)
{
	(void)state;
	init();
	irq(3, true);
	assert_int_equal(take(), 0x23);
	irq(5, true);
	out(I8259_MASTER, 1, 0x08);
	assert_false(cpu.level);
	/* DS: "In the special Mask Mode, when a mask bit is set in OCW1, it inhibits further
	 * interrupts at that level and enables interrupts from all other levels (lower as well as
	 * higher) that are not masked." */
	out(I8259_MASTER, 0, 0x68);
	assert_int_equal(take(), 0x25);
	irq(3, false);
	irq(3, true);
	assert_false(cpu.level);
	/* DS: "an IS bit that is masked by an IMR bit will not be cleared by a non-specific EOI if
	 * the 8259A is in the Special Mask Mode." */
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(isr(I8259_MASTER), 0x08);
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(isr(I8259_MASTER), 0x08);
	/* DS: "ESMM = 0: the SMM bit becomes a don't care." */
	out(I8259_MASTER, 0, 0x28);
	irq(6, true);
	assert_true(cpu.level);
	out(I8259_MASTER, 0, 0x48);
	assert_false(cpu.level);
	out(I8259_MASTER, 0, 0x63);
	assert_int_equal(isr(I8259_MASTER), 0);
}

static void auto_eoi(void **state)
{
	(void)state;
	init_with(0x11, 0x03, 0x03);
	irq(3, true);
	irq(5, true);
	irq(9, true);
	irq(10, true);
	/* DS: "the 8259A will automatically perform a non-specific EOI operation at the trailing
	 * edge of the last interrupt acknowledge pulse". */
	assert_int_equal(take(), 0x29);
	assert_int_equal(isr(I8259_MASTER), 0);
	assert_int_equal(isr(I8259_SLAVE), 0);
	assert_int_equal(take(), 0x2a);
	assert_int_equal(take(), 0x23);
	assert_int_equal(take(), 0x25);
	assert_false(cpu.level);
}

static void rotation_on_eoi(void **state)
{
	(void)state;
	init();
	/* DS, automatic rotation: before: IR4 and IR6 in service, IR4 highest; after rotate on
	 * non-specific EOI: IR4 is reset and has the lowest priority. */
	irq(6, true);
	assert_int_equal(take(), 0x26);
	irq(4, true);
	assert_int_equal(take(), 0x24);
	out(I8259_MASTER, 0, 0xa0);
	assert_int_equal(isr(I8259_MASTER), 0x40);
	irq(5, true); /* now the highest of all */
	assert_int_equal(take(), 0x25);
	out(I8259_MASTER, 0, 0x65);
	irq(7, true);
	irq(4, false);
	irq(4, true);
	assert_false(cpu.level); /* 6 is above 7 and 4 */
	/* DS: "Rotate on specific EOI command: R = 1, SL = 1, EOI = 1". */
	out(I8259_MASTER, 0, 0xe6);
	assert_int_equal(isr(I8259_MASTER), 0);
	assert_int_equal(take(), 0x27);
}

static void set_priority(void **state)
{
	(void)state;
	init();
	/* DS: "if IR5 is programmed as the bottom priority device, then IR6 will have the highest
	 * one." */
	out(I8259_MASTER, 0, 0xc5);
	irq(5, true);
	irq(0, true);
	irq(6, true);
	assert_int_equal(take(), 0x26);
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(take(), 0x20);
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(take(), 0x25);
	out(I8259_MASTER, 0, 0x47); /* 010: "No Operation" */
	assert_int_equal(isr(I8259_MASTER), 0x20);
}

static void rotation_in_auto_eoi(void **state)
{
	(void)state;
	init_with(0x11, 0x03, 0x01);
	out(I8259_MASTER, 0, 0x80); /* rotate in automatic EOI mode, set */
	irq(1, true);
	assert_int_equal(take(), 0x21);
	irq(1, false);
	irq(1, true);
	irq(5, true);
	assert_int_equal(take(), 0x25); /* IR1 went to the bottom */
	out(I8259_MASTER, 0, 0x00);     /* clear */
	assert_int_equal(take(), 0x21);
	irq(1, false);
	irq(1, true);
	irq(5, false);
	irq(5, true);
	assert_int_equal(take(), 0x21); /* IR5 is still at the bottom, IR1 did not go there */
}

static void poll_command(void **state)
{
	(void)state;
	init();
	/* DS: "the next RD pulse ... is treated as an interrupt acknowledge, sets the appropriate
	 * IS bit if there is a request, and reads the priority level." I = 1, W2..W0. */
	irq(4, true);
	out(I8259_MASTER, 0, 0x0b);
	out(I8259_MASTER, 0, 0x0c);
	assert_int_equal(in(I8259_MASTER, 0), 0x84);
	/* Once: then the register that was selected before is read again, here the ISR. */
	assert_int_equal(in(I8259_MASTER, 0), 0x10);
	assert_false(cpu.level);
	out(I8259_MASTER, 0, 0x0c);
	assert_int_equal(in(I8259_MASTER, 1) & 0x80, 0);
	assert_int_equal(isr(I8259_MASTER), 0x10);
	/* DS: "Polling overrides status read when P = 1, RR = 1 in OCW3." */
	irq(1, true);
	out(I8259_MASTER, 0, 0x0f);
	assert_int_equal(in(I8259_MASTER, 0), 0x81);
	out(I8259_MASTER, 0, 0x20);
	out(I8259_MASTER, 0, 0x20);
	/* The slave by itself, and through the master. */
	irq(11, true);
	irq(12, true);
	out(I8259_MASTER, 0, 0x0c);
	assert_int_equal(in(I8259_MASTER, 0), 0x82);
	out(I8259_SLAVE, 0, 0x0c);
	assert_int_equal(in(I8259_SLAVE, 0), 0x83);
	out(I8259_SLAVE, 0, 0x20);
	assert_int_equal(irr(I8259_MASTER), 0x04);
	out(I8259_MASTER, 0, 0x20);
	assert_int_equal(take(), 0x2c);
}

static void read_register_is_remembered(void **state)
{
	(void)state;
	init();
	irq(3, true);
	irq(4, true);
	assert_int_equal(take(), 0x23);
	/* DS: "There is no need to write an OCW3 before every status read operation, as long as the
	 * status read corresponds with the previous one". */
	out(I8259_MASTER, 0, 0x0b);
	assert_int_equal(in(I8259_MASTER, 0), 0x08);
	assert_int_equal(in(I8259_MASTER, 0), 0x08);
	out(I8259_MASTER, 0, 0x08); /* RR = 0: no action */
	assert_int_equal(in(I8259_MASTER, 0), 0x08);
	out(I8259_MASTER, 0, 0x0a);
	assert_int_equal(in(I8259_MASTER, 0), 0x10);
}

static void intr_is_called_on_change_only(void **state)
{
	unsigned calls;

	(void)state;
	init();
	calls = cpu.calls;
	irq(3, true);
	irq(3, true);
	irq(5, true);
	irq(6, true);
	assert_int_equal(cpu.calls, calls + 1);
	out(I8259_MASTER, 1, 0xff);
	assert_int_equal(cpu.calls, calls + 2);
}

static void reset_is_power_on(void **state)
{
	struct cpu_pin other = { 0 };
	struct i8259 *fresh = create(&other);
	const struct snap_desc *d = dev->ops->state;

	(void)state;
	init();
	irq(3, true);
	irq(9, true);
	(void)take();
	out(I8259_MASTER, 1, 0x5a);
	io_write(dev, I8259_ELCR, 0, 1, 0xf8);
	device_reset(dev);
	assert_false(cpu.level);
	irq(3, false);
	irq(9, false);
	for (unsigned i = 0; i < d->n; i++)
		assert_memory_equal((char *)dev + d->f[i].off,
				    (char *)i8259_device(fresh) + d->f[i].off,
				    (size_t)d->f[i].count * d->f[i].size);
	i8259_device(fresh)->ops->destroy(i8259_device(fresh));
	dev->ops->destroy(NULL);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void snapshot(void **state)
{
	struct cpu_pin other = { 0 };
	struct i8259 *copy = create(&other);
	struct device *cd = i8259_device(copy);

	(void)state;
	init_with(0x11, 0x11, 0x03);
	irq(3, true);
	(void)take();
	irq(1, true);
	irq(14, true);
	out(I8259_MASTER, 0, 0xc6);
	out(I8259_SLAVE, 0, 0x68);
	out(I8259_SLAVE, 0, 0x0c);
	io_write(dev, I8259_ELCR, 1, 1, 0x40);
	assert_snapshot_round_trip(dev, cd);
	assert_int_equal(other.level, cpu.level);
	/* And it goes on as the original does. */
	assert_int_equal(i8259_ack(copy), i8259_ack(pic));
	assert_int_equal(other.level, cpu.level);
	cd->ops->destroy(cd);
}

static uint8_t *field(const char *name)
{
	const struct snap_desc *d = dev->ops->state;

	for (unsigned i = 0; i < d->n; i++)
		if (!strcmp(d->f[i].name, name))
			return (uint8_t *)dev + d->f[i].off;
	fail_msg("no field '%s'", name);
	return NULL;
}

static void hostile_snapshot(void **state)
{
	static const struct {
		const char *name;
		uint8_t value;
		const char *message;
	} bad[] = {
		{ "master.step", 5, "initialisation step 5" },
		{ "slave.lowest", 8, "lowest priority" },
		{ "master.latch", 0x10, "edge latched" },
		{ "slave.elcr", 0x01, "must be edge-triggered" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct error *e = NULL;
		uint8_t *f = field(bad[i].name), old = *f;

		*f = bad[i].value;
		assert_int_equal(dev->ops->state->post_load(dev, 1, &e), -EINVAL);
		assert_error(e, bad[i].message);
		*f = old;
		e = NULL;
		assert_int_equal(dev->ops->state->post_load(dev, 1, &e), 0);
	}
}

/* --- storm ------------------------------------------------------------------------------------ */

static void register_storm(void **state)
{
	uint8_t *step = field("master.step"), *lowest = field("master.lowest");
	uint8_t *latch = field("slave.latch"), *pins = field("slave.pins");
	unsigned acks = 0;

	(void)state;
	srandom(8259);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned r = (unsigned)random();

		switch (r & 7) {
		case 0:
		case 1:
			irq(r >> 4 & 15, r >> 8 & 1);
			break;
		case 2:
			(void)in(r >> 4 & 1, r >> 5 & 1);
			break;
		case 3:
			io_write(dev, I8259_ELCR, r >> 4 & 1, 1, r >> 8);
			break;
		case 4:
			if (cpu.level) {
				int v = i8259_ack(pic);

				acks++;
				assert_in_range(v, 0, 255);
			}
			break;
		case 5: /* now and then a guest that knows what it does */
			if (!(r >> 4 & 63))
				init_with(r >> 12 & 1 ? 0x19 : 0x11, r >> 13 & 0x13,
					  r >> 15 & 0x03);
			out(r >> 24 & 1, 0, 0x20);
			break;
		default:
			out(r >> 4 & 1, r >> 5 & 1, (uint8_t)(r >> 8));
			break;
		}
		assert_true(*step <= 4 && *lowest <= 7);
		assert_int_equal(*latch & ~*pins, 0);
	}
	assert_true(acks > 1000);
}

#define PULSES 20000

static void *pulse(void *arg)
{
	for (unsigned i = 0; i < PULSES; i++) {
		irq_set(arg, true);
		irq_set(arg, false);
	}
	irq_set(arg, true);
	return NULL;
}

/* Devices on other threads pull lines while the CPU acknowledges; the last edge is never lost. */
static void lines_from_other_threads(void **state)
{
	unsigned last[256] = { 0 };
	pthread_t t[2];

	(void)state;
	init();
	assert_int_equal(pthread_create(&t[0], NULL, pulse, i8259_line(pic, 4)), 0);
	assert_int_equal(pthread_create(&t[1], NULL, pulse, i8259_line(pic, 12)), 0);
	for (unsigned i = 1; i <= PULSES; i++) {
		if (!__atomic_load_n(&cpu.level, __ATOMIC_ACQUIRE))
			continue;
		last[i8259_ack(pic)] = i;
		out(I8259_SLAVE, 0, 0x20);
		out(I8259_MASTER, 0, 0x20);
	}
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	for (unsigned i = 0; i < 3 && cpu.level; i++) {
		last[take()] = PULSES + 1;
		out(I8259_SLAVE, 0, 0x20);
		out(I8259_MASTER, 0, 0x20);
	}
	assert_false(cpu.level);
	assert_true(last[0x24] && last[0x2c]);
	for (unsigned v = 0; v < 256; v++)
		assert_true(!last[v] || v == 0x24 || v == 0x2c || v == 0x27 || v == 0x2f);
}

/* What a trace tells of one interrupt, from its request to its end. */
static void traced(void **state)
{
	static const struct {
		uint32_t event;
		uint64_t a, b;
	} story[] = {
		{ TRACE_E_IRQ_REQUEST, 0x18, 3 }, { TRACE_E_IRQ_ACK, 0x23, 3 },
		{ TRACE_E_IRQ_EOI, 0x23, 0 },     { TRACE_E_IRQ_REQUEST, 0x0200, 9 },
		{ TRACE_E_IRQ_ACK, 0x29, 9 },     { TRACE_E_IRQ_EOI, 0x29, 0x04 },
		{ TRACE_E_IRQ_EOI, 0x22, 0 },
	};
	struct trace_rec r[ARRAY_LEN(story) + 1];

	(void)state;
	init();
	out(I8259_MASTER, 1, 0x10); /* masked: no request yet */
	dev->number = 7;
	assert_int_equal(trace_start(64, NULL), 0);
	irq(4, true);
	irq(3, true);
	irq(3, true); /* says nothing new */
	assert_int_equal(take(), 0x23);
	out(I8259_MASTER, 0, 0x20);
	out(I8259_MASTER, 0, 0x20); /* ends nothing */
	irq(3, false);
	irq(4, false);
	irq(9, true);
	assert_int_equal(take(), 0x29);
	out(I8259_SLAVE, 0, 0x20);
	out(I8259_MASTER, 0, 0x62);
	assert_int_equal(trace_take(0, r, ARRAY_LEN(r)), ARRAY_LEN(story));
	for (unsigned i = 0; i < ARRAY_LEN(story); i++) {
		assert_int_equal(r[i].kind, TRACE_EVENT);
		assert_int_equal(r[i].dev, 7);
		assert_int_equal(r[i].num, story[i].event);
		assert_int_equal(r[i].event.arg[0], story[i].a);
		assert_int_equal(r[i].event.arg[1], story[i].b);
	}
	trace_end();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(power_on_is_silent),
		T(icw1_resets),
		T(icw_sequences),
		T(icw2_gives_five_bits),
		T(fully_nested),
		T(mask_register),
		T(edge_mode),
		T(level_mode_by_ltim),
		T(level_mode_by_elcr),
		T(spurious_interrupt),
		T(spurious_interrupt_of_slave),
		T(cascade),
		T(single_mode_has_no_slave),
		T(special_fully_nested),
		T(special_mask),
		T(auto_eoi),
		T(rotation_on_eoi),
		T(set_priority),
		T(rotation_in_auto_eoi),
		T(poll_command),
		T(read_register_is_remembered),
		T(intr_is_called_on_change_only),
		T(reset_is_power_on),
		T(snapshot),
		T(hostile_snapshot),
		T(register_storm),
		T(lines_from_other_threads),
		T(traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
