/* SPDX-License-Identifier: MIT */
/* irq.c: wires that join and branch. */
#include "vmm/irq.h"

#include <assert.h>
#include <stdatomic.h>

#include "vmm/trace.h"

static void none_set(struct irq_line *l, bool level)
{
	(void)l;
	(void)level;
}

static const struct irq_ops none_ops = { .set = none_set };
struct irq_line irq_none = { .ops = &none_ops };

/* Whoever drives the wire does so one at a time, so the level needs no exchange. */
static void fan_moved(struct irq_fan *f, bool level)
{
	if (atomic_load_explicit(&f->level, memory_order_relaxed) == level)
		return;
	atomic_store_explicit(&f->level, level, memory_order_relaxed);
	if (f->in.pin != IRQ_NO_NUMBER)
		trace_event(TRACE_E_IRQ_LINE, TRACE_NO_DEV, f->in.pin, level);
}

static void fan_set(struct irq_line *l, bool level)
{
	struct irq_fan *f = l->chip;

	fan_moved(f, level);
	for (unsigned i = 0; i < f->out_cnt; i++)
		irq_set(f->out[i], level);
}

/*
 * A descriptor can stand for the whole fan only if at most one branch is more than a plain wire;
 * the IOAPIC branch of an ISA line is the one an operating system with an APIC uses, and the
 * machine puts it last.
 */
static int fan_trigger_fd(struct irq_line *l)
{
	struct irq_fan *f = l->chip;

	return f->out_cnt == 1 ? irq_trigger_fd(f->out[0]) : -1;
}

static const struct irq_ops fan_ops = { .set = fan_set, .trigger_fd = fan_trigger_fd };

void irq_fan_init(struct irq_fan *f, uint32_t number, struct irq_line *const *out, unsigned cnt)
{
	assert(cnt <= ARRAY_LEN(f->out));
	f->in = (struct irq_line){ .ops = &fan_ops, .chip = f, .pin = number };
	f->out_cnt = cnt;
	for (unsigned i = 0; i < cnt; i++)
		f->out[i] = out[i];
}

static void or_set(struct irq_line *l, bool level)
{
	struct irq_or *o = l->chip;
	uint32_t bit = UINT32_C(1) << l->pin;

	/* The lock is held across the output so that two devices' edges arrive in the order they
	 * happened. */
	mutex_lock(&o->lock);
	o->mask = level ? o->mask | bit : o->mask & ~bit;
	irq_set(o->out, o->mask != 0);
	mutex_unlock(&o->lock);
}

static const struct irq_ops or_ops = { .set = or_set };

void irq_or_init(struct irq_or *o, struct irq_line *out)
{
	*o = (struct irq_or){ .out = out };
	mutex_init(&o->lock);
	for (unsigned i = 0; i < IRQ_OR_MAX; i++)
		o->in[i] = (struct irq_line){ .ops = &or_ops, .chip = o, .pin = i };
}
