/* SPDX-License-Identifier: MIT */
/*
 * i8259.c: Intel 8259A programmable interrupt controllers, cascaded as in a PC (Intel 231468), and
 * the ELCR of the PIIX and ICH south bridges (Intel 290562 §4.2.5).
 *
 *   A0 D4 D3   write                                      A0   read
 *    0  1  -   ICW1: start initialisation                  0   IRR or ISR as OCW3 chose
 *    0  0  0   OCW2: EOI and rotation                      1   IMR
 *    0  0  1   OCW3: special mask, poll, register select   -   after OCW3.P: poll word, once
 *    1  -  -   ICW2, ICW3, ICW4 in turn after ICW1; otherwise OCW1, the IMR
 *
 * Deviations: the MCS-80/85 mode (ICW4.uPM = 0) and the buffered modes say how the chip drives a
 * bus this machine does not have. uPM is taken as 1, BUF and M/S are ignored.
 */
#include "devices/chip/i8259.h"

#include <assert.h>
#include <errno.h>

#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/snap.h"
#include "vmm/trace.h"

#define ICW1_IC4  0x01u
#define ICW1_SNGL 0x02u
#define ICW1_LTIM 0x08u
#define ICW1_INIT 0x10u
#define ICW4_AEOI 0x02u
#define ICW4_SFNM 0x10u
#define OCW2_L    0x07u
#define OCW2_EOI  0x20u
#define OCW2_SL   0x40u
#define OCW2_R    0x80u
#define OCW3_RIS  0x01u
#define OCW3_RR   0x02u
#define OCW3_P    0x04u
#define OCW3_TAG  0x08u
#define OCW3_SMM  0x20u
#define OCW3_ESMM 0x40u
#define POLL_I    0x80u

#define IR_CASCADE 2u
#define IR_DEFAULT 7u /* what an INTA or poll finds when no request is left */

/* IRQ 0, 1, 2, 8 and 13 are edge-triggered for good (Intel 290562 §4.2.5.1-2). */
#define ELCR1_MASK 0xf8u
#define ELCR2_MASK 0xdeu

/* Which write to A0 = 1 comes next. PIC_OFF: powered on, no ICW1 seen. */
enum pic_step { PIC_OFF, PIC_ICW2, PIC_ICW3, PIC_ICW4, PIC_READY };

/* One 8259A. IR numbers are 0..7; masks have bit n for IRn. */
struct pic {
	uint8_t pins;  /* levels of the IR inputs, not touched by reset: others drive them */
	uint8_t latch; /* edge sense latches; a subset of pins */
	uint8_t imr, isr, elcr;
	uint8_t icw1, icw2, icw3, icw4;
	uint8_t step;   /* enum pic_step */
	uint8_t lowest; /* the IR that has the lowest priority now */
	bool special_mask, rotate_aeoi;
	bool read_isr; /* A0 = 0 reads the ISR, not the IRR */
	bool poll;     /* the next read is a poll */
};

struct i8259 {
	struct device dev;
	struct io_region regions[I8259_REGION_CNT];
	struct irq_line lines[I8259_LINES];
	struct cpu_intr cpu;
	bool intr; /* what the CPU was told last */
	struct pic master, slave;
};

static struct i8259 *to_i8259(struct device *d)
{
	return container_of(d, struct i8259, dev);
}

static uint8_t ir_bit(unsigned n)
{
	return (uint8_t)(1u << n);
}

/* --- one chip ------------------------------------------------------------------------------- */

static uint8_t pic_irr(const struct pic *p)
{
	unsigned level = p->icw1 & ICW1_LTIM ? 0xff : p->elcr;

	return (uint8_t)(p->pins & (level | p->latch));
}

/* 0 is the highest priority. */
static unsigned pic_priority(const struct pic *p, unsigned n)
{
	return (n - p->lowest - 1) & 7;
}

/* The highest-priority IR of @mask, or -1. */
static int pic_highest(const struct pic *p, unsigned mask)
{
	unsigned first = (p->lowest + 1u) & 7;
	unsigned rotated = (mask >> first | mask << (8 - first)) & 0xff;

	return rotated ? (int)((first + (unsigned)__builtin_ctz(rotated)) & 7) : -1;
}

/* In-service levels that count: special mask mode takes the masked ones out of the race. */
static unsigned pic_in_service(const struct pic *p)
{
	return p->special_mask ? p->isr & ~(unsigned)p->imr : p->isr;
}

/*
 * ICW3 of a master names the inputs that have a slave; in single mode there is none. @p is the
 * master: a slave's ICW3 is a number.
 */
static bool pic_has_slave(const struct pic *p, unsigned n)
{
	return !(p->icw1 & ICW1_SNGL) && (p->icw3 & ir_bit(n));
}

/* The IR this chip raises INT for, or -1. */
static int pic_request(const struct pic *p, bool master)
{
	int req, svc;
	unsigned a, b;

	if (p->step != PIC_READY)
		return -1;
	req = pic_highest(p, pic_irr(p) & ~(unsigned)p->imr);
	svc = pic_highest(p, pic_in_service(p));
	if (req < 0 || svc < 0)
		return req;
	a = pic_priority(p, (unsigned)req);
	b = pic_priority(p, (unsigned)svc);
	if (a < b)
		return req;
	/* Special fully nested mode: a slave in service is not locked out by itself. */
	if (a == b && master && (p->icw4 & ICW4_SFNM) && pic_has_slave(p, (unsigned)req))
		return req;
	return -1;
}

/*
 * The request latch follows the input: when an IR goes low before it was acknowledged the request
 * is gone (figure 9, and "a default IR7 will occur").
 */
static void pic_set_pin(struct pic *p, unsigned n, bool level)
{
	uint8_t bit = ir_bit(n);

	if (!level) {
		p->pins &= (uint8_t)~bit;
		p->latch &= (uint8_t)~bit;
	} else if (!(p->pins & bit)) {
		p->pins |= bit;
		p->latch |= bit;
	}
}

/* Request @n goes into service; AEOI ends it at once. */
static void pic_accept(struct pic *p, unsigned n)
{
	p->latch &= (uint8_t)~ir_bit(n);
	if (!(p->icw4 & ICW4_AEOI))
		p->isr |= ir_bit(n);
	else if (p->rotate_aeoi)
		p->lowest = (uint8_t)n;
}

static int pic_vector(const struct pic *p, unsigned n)
{
	return (p->icw2 & 0xf8) | (int)n;
}

/* --- the pair ------------------------------------------------------------------------------- */

/* Carries a change through: slave INT -> master IR2, master INT -> CPU. Lock held. */
static void i8259_update(struct i8259 *pic)
{
	bool intr;

	pic_set_pin(&pic->master, IR_CASCADE, pic_request(&pic->slave, false) >= 0);
	intr = pic_request(&pic->master, true) >= 0;
	if (intr != pic->intr) {
		pic->intr = intr;
		pic->cpu.ops->intr(pic->cpu.cpu, intr);
	}
}

/*
 * The slave's part of an INTA or a poll of the slave. Its INT goes low with the acknowledge;
 * i8259_update() raises it again for what is still waiting, which is the edge the master needs.
 */
static void i8259_slave_accept(struct i8259 *pic, unsigned n)
{
	pic_accept(&pic->slave, n);
	pic_set_pin(&pic->master, IR_CASCADE, false);
}

static int i8259_inta(struct i8259 *pic)
{
	int n = pic_request(&pic->master, true), s;

	if (n < 0)
		return pic_vector(&pic->master, IR_DEFAULT);
	pic_accept(&pic->master, (unsigned)n);
	if (!pic_has_slave(&pic->master, (unsigned)n))
		return pic_vector(&pic->master, (unsigned)n);

	/* The master puts n on the cascade lines. If no slave has that number nobody drives the
	 * data bus. */
	if (pic->slave.step != PIC_READY || (pic->slave.icw3 & 7) != n)
		return 0xff;
	s = pic_request(&pic->slave, false);
	if (s < 0)
		return pic_vector(&pic->slave, IR_DEFAULT);
	i8259_slave_accept(pic, (unsigned)s);
	return pic_vector(&pic->slave, (unsigned)s);
}

static void trace_ack(const struct i8259 *pic, unsigned vector)
{
	const bool slave = (vector & 0xf8) == (pic->slave.icw2 & 0xf8u);

	trace_event(TRACE_E_IRQ_ACK, pic->dev.number, vector, (vector & 7) + (slave ? 8 : 0));
}

int i8259_ack(struct i8259 *pic)
{
	int vector;

	device_lock(&pic->dev);
	vector = i8259_inta(pic);
	if (trace_enabled())
		trace_ack(pic, (unsigned)vector);
	i8259_update(pic);
	device_unlock(&pic->dev);
	return vector;
}

/* A request that is masked is none yet. */
static void trace_request(const struct i8259 *pic, const struct pic *p, unsigned pin, uint8_t was)
{
	const uint8_t bit = ir_bit(pin & 7);

	if (pic_irr(p) & bit & ~was & (uint8_t)~p->imr)
		trace_event(TRACE_E_IRQ_REQUEST, pic->dev.number,
			    pic_irr(&pic->master) | (unsigned)pic_irr(&pic->slave) << 8, pin);
}

static void i8259_line_set(struct irq_line *l, bool level)
{
	struct i8259 *pic = l->chip;
	struct pic *p = l->pin < 8 ? &pic->master : &pic->slave;
	uint8_t was;

	device_lock(&pic->dev);
	was = pic_irr(p);
	pic_set_pin(p, l->pin & 7, level);
	if (trace_enabled())
		trace_request(pic, p, l->pin, was);
	i8259_update(pic);
	device_unlock(&pic->dev);
}

/* --- registers ------------------------------------------------------------------------------ */

/*
 * "Initialization Command Words 1 and 2", items a to f. That the in-service bits go too is not in
 * the list, but figure 9 shows the master clear of ICW1 at every latch of the priority cell.
 */
static void pic_write_icw1(struct pic *p, uint8_t val)
{
	p->icw1 = val;
	p->latch = 0;
	p->isr = 0;
	p->imr = 0;
	p->lowest = 7;
	p->icw3 = 7;
	p->special_mask = false;
	p->read_isr = false;
	p->poll = false;
	if (!(val & ICW1_IC4))
		p->icw4 = 0;
	p->rotate_aeoi = false;
	p->step = PIC_ICW2;
}

static uint8_t pic_step_after(const struct pic *p, unsigned step)
{
	if (step == PIC_ICW2 && !(p->icw1 & ICW1_SNGL))
		return PIC_ICW3;
	if (step <= PIC_ICW3 && (p->icw1 & ICW1_IC4))
		return PIC_ICW4;
	return PIC_READY;
}

static void pic_write_data(struct pic *p, uint8_t val)
{
	switch (p->step) {
	case PIC_ICW2:
		p->icw2 = val;
		break;
	case PIC_ICW3:
		p->icw3 = val;
		break;
	case PIC_ICW4:
		p->icw4 = val;
		break;
	default: /* OCW1 */
		p->imr = val;
		return;
	}
	p->step = pic_step_after(p, p->step);
}

static void pic_write_ocw2(struct pic *p, uint8_t val)
{
	int n = val & OCW2_L;

	if (!(val & OCW2_EOI)) {
		if ((val & (OCW2_R | OCW2_SL)) == (OCW2_R | OCW2_SL))
			p->lowest = (uint8_t)n; /* set priority */
		else if (!(val & OCW2_SL))
			p->rotate_aeoi = val & OCW2_R;
		return; /* 010: no operation */
	}
	/* "An IS bit that is masked by an IMR bit will not be cleared by a non-specific EOI if the
	 * 8259A is in the Special Mask Mode." */
	if (!(val & OCW2_SL))
		n = pic_highest(p, pic_in_service(p));
	if (n < 0)
		return;
	p->isr &= (uint8_t)~ir_bit((unsigned)n);
	if (val & OCW2_R)
		p->lowest = (uint8_t)n;
}

static void pic_write_ocw3(struct pic *p, uint8_t val)
{
	if (val & OCW3_ESMM)
		p->special_mask = val & OCW3_SMM;
	if (val & OCW3_RR)
		p->read_isr = val & OCW3_RIS;
	p->poll = val & OCW3_P;
}

/* What OCW2 took out of service. */
static void trace_eoi(const struct i8259 *pic, const struct pic *p, unsigned was)
{
	const unsigned ended = was & ~(unsigned)p->isr;

	if (ended)
		trace_event(TRACE_E_IRQ_EOI, pic->dev.number,
			    (unsigned)pic_vector(p, (unsigned)__builtin_ctz(ended)),
			    pic->master.isr | (unsigned)pic->slave.isr << 8);
}

static void i8259_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct i8259 *pic = to_i8259(r->dev);
	struct pic *p = r->index == I8259_MASTER ? &pic->master : &pic->slave;
	const uint8_t v = (uint8_t)val, isr = p->isr;

	(void)size;
	if (off & 1)
		pic_write_data(p, v);
	else if (v & ICW1_INIT)
		pic_write_icw1(p, v);
	else if (v & OCW3_TAG)
		pic_write_ocw3(p, v);
	else
		pic_write_ocw2(p, v);
	if (trace_enabled() && !(off & 1) && !(v & ICW1_INIT))
		trace_eoi(pic, p, isr);
	i8259_update(pic);
}

/* "The next RD pulse is treated as an interrupt acknowledge." */
static uint8_t i8259_poll(struct i8259 *pic, struct pic *p)
{
	bool master = p == &pic->master;
	int n = pic_request(p, master);

	p->poll = false;
	if (n < 0)
		return IR_DEFAULT;
	if (master)
		pic_accept(p, (unsigned)n);
	else
		i8259_slave_accept(pic, (unsigned)n);
	i8259_update(pic);
	return (uint8_t)(POLL_I | (unsigned)n);
}

static uint64_t i8259_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct i8259 *pic = to_i8259(r->dev);
	struct pic *p = r->index == I8259_MASTER ? &pic->master : &pic->slave;

	(void)size;
	if (p->poll)
		return i8259_poll(pic, p);
	if (off & 1)
		return p->imr;
	return p->read_isr ? p->isr : pic_irr(p);
}

static uint64_t elcr_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct i8259 *pic = to_i8259(r->dev);

	(void)size;
	return off & 1 ? pic->slave.elcr : pic->master.elcr;
}

static void elcr_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct i8259 *pic = to_i8259(r->dev);

	(void)size;
	if (off & 1)
		pic->slave.elcr = (uint8_t)(val & ELCR2_MASK);
	else
		pic->master.elcr = (uint8_t)(val & ELCR1_MASK);
	i8259_update(pic);
}

/* --- device --------------------------------------------------------------------------------- */

static void pic_reset(struct pic *p)
{
	*p = (struct pic){ .pins = p->pins, .lowest = 7, .icw3 = 7 };
}

static void i8259_reset(struct device *d)
{
	struct i8259 *pic = to_i8259(d);

	pic_reset(&pic->master);
	pic_reset(&pic->slave);
	i8259_update(pic);
}

static int pic_check(const struct i8259 *pic, const struct pic *p, const char *which,
		     uint8_t elcr_mask, struct error **errp)
{
	if (p->step > PIC_READY)
		return err_set(errp, EINVAL,
			       "saved state of '%s': %s initialisation step %u does not exist",
			       pic->dev.id, which, p->step);
	if (p->lowest > 7)
		return err_set(errp, EINVAL,
			       "saved state of '%s': %s lowest priority is IR%u, not IR0 to IR7",
			       pic->dev.id, which, p->lowest);
	if (p->latch & ~p->pins)
		return err_set(
			errp, EINVAL,
			"saved state of '%s': %s has an edge latched on an input that is low",
			pic->dev.id, which);
	if (p->elcr & ~elcr_mask)
		return err_set(errp, EINVAL,
			       "saved state of '%s': %s has a level-triggered line that must be "
			       "edge-triggered",
			       pic->dev.id, which);
	return 0;
}

static int i8259_post_load(void *s, unsigned version, struct error **errp)
{
	struct i8259 *pic = s;
	int rc;

	(void)version;
	rc = pic_check(pic, &pic->master, "master", ELCR1_MASK, errp);
	if (rc < 0)
		return rc;
	rc = pic_check(pic, &pic->slave, "slave", ELCR2_MASK, errp);
	if (rc < 0)
		return rc;
	i8259_update(pic);
	/* Whatever INTR was before the load, the CPU hears the loaded level. */
	pic->cpu.ops->intr(pic->cpu.cpu, pic->intr);
	return 0;
}

/* clang-format off */
#define PIC_FIELDS(p)                                                                              \
	SNAP(struct i8259, p.pins, 1), SNAP(struct i8259, p.latch, 1),                             \
	SNAP(struct i8259, p.imr, 1), SNAP(struct i8259, p.isr, 1),                                \
	SNAP(struct i8259, p.elcr, 1), SNAP(struct i8259, p.icw1, 1),                              \
	SNAP(struct i8259, p.icw2, 1), SNAP(struct i8259, p.icw3, 1),                              \
	SNAP(struct i8259, p.icw4, 1), SNAP(struct i8259, p.step, 1),                              \
	SNAP(struct i8259, p.lowest, 1), SNAP(struct i8259, p.special_mask, 1),                    \
	SNAP(struct i8259, p.rotate_aeoi, 1), SNAP(struct i8259, p.read_isr, 1),                   \
	SNAP(struct i8259, p.poll, 1)
/* clang-format on */

static const struct snap_field i8259_fields[] = { PIC_FIELDS(master), PIC_FIELDS(slave) };

static const struct snap_desc i8259_state = {
	.version = 1,
	.min_version = 1,
	.f = i8259_fields,
	.n = ARRAY_LEN(i8259_fields),
	.post_load = i8259_post_load,
};

static const struct device_ops i8259_ops = {
	.name = "i8259",
	.reset = i8259_reset,
	.destroy = device_free,
	.state = &i8259_state,
};

static const struct region_ops pic_region = { 1, 1, i8259_read, i8259_write };
static const struct region_ops elcr_region = { 1, 1, elcr_read, elcr_write };
static const struct irq_ops line_ops = { .set = i8259_line_set };

int i8259_create(const struct i8259_config *c, struct i8259 **ret, struct error **errp)
{
	struct i8259 *pic = calloc(1, sizeof(*pic));

	if (!pic)
		return err_errno(errp, ENOMEM, "cannot create interrupt controller '%s'", c->id);
	pic->regions[I8259_MASTER] =
		(struct io_region){ .ops = &pic_region, .name = "i8259 master", .len = 2 };
	pic->regions[I8259_SLAVE] =
		(struct io_region){ .ops = &pic_region, .name = "i8259 slave", .len = 2 };
	pic->regions[I8259_ELCR] =
		(struct io_region){ .ops = &elcr_region, .name = "i8259 elcr", .len = 2 };
	device_init(&pic->dev, &i8259_ops, c->id, pic->regions, I8259_REGION_CNT);
	for (unsigned i = 0; i < I8259_LINES; i++)
		pic->lines[i] = (struct irq_line){ .ops = &line_ops, .chip = pic, .pin = i };
	pic->cpu = c->cpu;
	pic_reset(&pic->master);
	pic_reset(&pic->slave);
	*ret = pic;
	return 0;
}

struct device *i8259_device(struct i8259 *pic)
{
	return &pic->dev;
}

struct irq_line *i8259_line(struct i8259 *pic, unsigned n)
{
	assert(n < I8259_LINES);
	return n == IR_CASCADE ? &irq_none : &pic->lines[n];
}
