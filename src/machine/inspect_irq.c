/* SPDX-License-Identifier: MIT */
/*
 * inspect_irq.c: `irq`: who is pending where, on the way from a device's pin to the CPU. Whether a
 * controller is in this process or in KVM, it is shown the same way.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "devices/chip/i8259.h"
#include "devices/chip/ioapic.h"
#include "machine/inspect.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"

/* --- 8259 ------------------------------------------------------------------------------------- */

struct pic_view {
	const char *name;
	uint8_t irr, isr, imr, elcr, base, lowest;
	bool ready;
	unsigned first_irq;
};

/* IRR as i8259.c works it out: level-triggered inputs as they are, the others if latched. */
static void read_our_pic(const struct device *d, const char *which, struct pic_view *p)
{
	char name[32];
	uint64_t pins, latch, icw1;

#define FIELD(f) (snprintf(name, sizeof(name), "%s.%s", which, f), inspect_field(d, name, 0))
	pins = FIELD("pins");
	latch = FIELD("latch");
	icw1 = FIELD("icw1");
	p->elcr = (uint8_t)FIELD("elcr");
	p->irr = (uint8_t)(pins & (icw1 & 8 ? 0xff : p->elcr | latch));
	p->isr = (uint8_t)FIELD("isr");
	p->imr = (uint8_t)FIELD("imr");
	p->base = (uint8_t)FIELD("icw2") & 0xf8;
	p->lowest = (uint8_t)FIELD("lowest");
	p->ready = FIELD("step") == 4;
#undef FIELD
}

static void add_pic(const struct pic_view *p, struct str *out)
{
	str_add(out,
		"8259 %-7s IRR %02x  ISR %02x  IMR %02x  level %02x  vectors %02x to %02x  "
		"highest IR%u%s\n",
		p->name, p->irr, p->isr, p->imr, p->elcr, p->base, p->base + 7,
		(p->lowest + 1u) & 7, p->ready ? "" : "  (not initialised)");
	for (unsigned i = 0; i < 8; i++) {
		unsigned bit = 1u << i;

		if (!((p->irr | p->isr) & bit))
			continue;
		str_add(out, "  IR%u, irq %u:%s%s%s\n", i, p->first_irq + i,
			p->irr & bit ? " requested" : "",
			p->irr & p->imr & bit ? ", but masked" : "",
			p->isr & bit ? p->irr & bit ? ", and in service" : " in service" : "");
	}
}

static void add_pics(struct machine *m, struct str *out)
{
	struct pic_view p[2] = { { .name = "master", .ready = true },
				 { .name = "slave", .ready = true, .first_irq = 8 } };

	for (unsigned i = 0; i < 2; i++) {
		struct vm_pic k;

		if (m->pic) {
			struct device *d = i8259_device(m->pic);

			device_lock(d);
			read_our_pic(d, p[i].name, &p[i]);
			device_unlock(d);
		} else if (vm_get_pic(m->vm, i, &k) == 0) {
			p[i].irr = k.irr;
			p[i].isr = k.isr;
			p[i].imr = k.imr;
			p[i].elcr = k.elcr;
			p[i].base = k.base;
			p[i].lowest = k.lowest;
		} else {
			str_add(out, "8259 %s: KVM does not tell\n", p[i].name);
			continue;
		}
		add_pic(&p[i], out);
	}
	if (m->pic && m->cpus)
		str_add(out, "INTR of CPU 0: %s\n",
			vcpu_set_intr_level(m->cpus) ? "high, it waits for an acknowledge" : "low");
}

/* --- IOAPIC ----------------------------------------------------------------------------------- */

static void add_entry(unsigned pin, uint64_t e, bool level, struct str *out)
{
	static const char *const modes[8] = { "fixed", "lowest", "SMI",      "reserved",
					      "NMI",   "INIT",   "reserved", "ExtINT" };

	str_add(out, "  pin %-2u vector %02x %-6s to %s %02x  %s %s%s%s%s\n", pin,
		(unsigned)(e & 0xff), modes[e >> 8 & 7], e >> 11 & 1 ? "logical " : "physical",
		(unsigned)(e >> 56), e >> 15 & 1 ? "level" : "edge ",
		e >> 13 & 1 ? "active low " : "active high", level ? "  asserted" : "",
		e >> 14 & 1 ? "  remote IRR: waits for its EOI" : "",
		e >> 16 & 1 ? "  masked" : "");
}

static void add_entries(uint8_t id, uint32_t pins, const uint64_t *redtbl, unsigned cnt,
			struct str *out)
{
	unsigned masked = 0;

	str_add(out, "IOAPIC id %u, inputs %06x\n", id, pins);
	for (unsigned i = 0; i < cnt; i++) {
		if ((redtbl[i] >> 16 & 1) && !(pins >> i & 1) && !(redtbl[i] >> 14 & 1))
			masked++;
		else
			add_entry(i, redtbl[i], pins >> i & 1, out);
	}
	if (masked)
		str_add(out, "  %u pins are masked and quiet\n", masked);
}

static void add_ioapic(struct machine *m, struct str *out)
{
	uint64_t redtbl[IOAPIC_LINES];
	struct vm_ioapic k;
	struct device *d;
	uint32_t pins;
	uint8_t id;

	if (m->ioapic) {
		d = ioapic_device(m->ioapic);
		device_lock(d);
		for (unsigned i = 0; i < IOAPIC_LINES; i++)
			redtbl[i] = inspect_field(d, "redtbl", i);
		pins = (uint32_t)inspect_field(d, "pins", 0);
		id = (uint8_t)inspect_field(d, "id", 0);
		device_unlock(d);
		add_entries(id, pins, redtbl, IOAPIC_LINES, out);
	} else if (m->config->board.irqchip == IRQCHIP_KERNEL) {
		if (vm_get_ioapic(m->vm, &k) == 0)
			add_entries(k.id, k.irr, k.redtbl, ARRAY_LEN(k.redtbl), out);
		else
			str_add(out, "IOAPIC: KVM does not tell\n");
	} else {
		str_add(out, "no IOAPIC (--irqchip user)\n");
	}
}

/* --- local APICs ------------------------------------------------------------------------------ */

/* Intel SDM 3A, table 10-1: register numbers are offsets / 16. */
enum {
	APIC_ID = 2,
	APIC_TPR = 8,
	APIC_SVR = 15,
	APIC_ISR = 16,
	APIC_IRR = 32,
	APIC_LVT_TIMER = 50
};

static void add_vectors(const char *name, const uint32_t *bits, struct str *out)
{
	unsigned cnt = 0;

	for (unsigned v = 0; v < 256; v++) {
		if (!(bits[v / 32] >> v % 32 & 1))
			continue;
		str_add(out, "%s%02x", cnt++ ? " " : name, v);
	}
	if (!cnt)
		str_add(out, "%snone", name);
}

static void add_lapic(struct machine *m, unsigned cpu, struct str *out)
{
	uint32_t reg[LAPIC_REGS];
	int r = vcpu_get_lapic(m->cpus, cpu, reg);

	if (r < 0) {
		str_add(out, "local APIC of CPU %u: %s\n", cpu,
			r == -ENODEV ? "there is none" : "KVM does not tell");
		return;
	}
	str_add(out, "local APIC of CPU %u, %s, TPR %02x,", cpu,
		reg[APIC_SVR] & 0x100 ? "enabled" : "disabled by software", reg[APIC_TPR]);
	add_vectors(" IRR ", &reg[APIC_IRR], out);
	add_vectors(", ISR ", &reg[APIC_ISR], out);
	if (!(reg[APIC_LVT_TIMER] & 1u << 16))
		str_add(out, ", timer on vector %02x", reg[APIC_LVT_TIMER] & 0xff);
	str_add(out, "\n");
}

int inspect_irq(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		struct error **errp)
{
	struct machine *m;
	int r = inspect_machine(in, &m, errp);

	(void)argc;
	(void)argv;
	if (r < 0)
		return r;
	add_pics(m, out);
	add_ioapic(m, out);
	if (m->config->board.irqchip == IRQCHIP_USER) {
		str_add(out,
			"no local APICs (--irqchip user): the 8259 is the CPU's only source\n");
		return 0;
	}
	for (unsigned i = 0; i < m->config->cpu.count; i++)
		add_lapic(m, i, out);
	return 0;
}
