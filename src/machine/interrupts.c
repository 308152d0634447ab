/* SPDX-License-Identifier: MIT */
/* interrupts.c: which wire leads where: ISA interrupts, and level-triggered ones that are shared.
 */
#include <errno.h>

#include "devices/chip/i8259.h"
#include "devices/chip/ioapic.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "vmm/bits.h"
#include "vmm/error.h"

/* --- what vCPUs call -------------------------------------------------------------------------- */

int machine_pic_ack(void *machine)
{
	struct machine *m = machine;

	return i8259_ack(m->pic);
}

void machine_ioapic_eoi(void *machine, uint8_t vector)
{
	struct machine *m = machine;

	if (m->ioapic)
		ioapic_eoi(m->ioapic, vector);
}

/* --- ISA -------------------------------------------------------------------------------------- */

/* An ISA interrupt reaches every controller there is; the PIT's is pin 2 of the IOAPIC. */
void machine_wire_isa(struct machine *m)
{
	for (unsigned i = 0; i < ARRAY_LEN(m->irq); i++) {
		struct irq_line *out[2];
		unsigned cnt = 0;

		if (m->config->board.irqchip == IRQCHIP_KERNEL)
			out[cnt++] = vm_gsi_line(m->vm, i);
		if (m->pic)
			out[cnt++] = i8259_line(m->pic, i);
		if (m->ioapic)
			out[cnt++] = ioapic_line(m->ioapic, i == IRQ_PIT ? 2 : i);
		irq_fan_init(&m->isa[i], i, out, cnt);
		m->irq[i] = &m->isa[i].in;
	}
}

/* --- shared, level-triggered ------------------------------------------------------------------ */

struct gsi_wire {
	struct irq_or or ;
	unsigned used;      /* of or.in */
	struct irq_fan fan; /* from 16 on: an ISA interrupt has one already */
};

/* The wire itself; NULL: there is none with that number. */
static struct irq_line *gsi_line(struct machine *m, unsigned gsi)
{
	if (gsi < ARRAY_LEN(m->irq))
		return m->irq[gsi];
	if (m->config->board.irqchip == IRQCHIP_KERNEL)
		return vm_gsi_line(m->vm, gsi);
	return m->ioapic ? ioapic_line(m->ioapic, gsi) : NULL;
}

int machine_gsi_input(struct machine *m, unsigned gsi, struct irq_line **ret, struct error **errp)
{
	struct irq_line *line = gsi < ARRAY_LEN(m->gsi) ? gsi_line(m, gsi) : NULL;
	struct gsi_wire *w;

	if (!line)
		return err_set(errp, ENODEV, "this machine has no interrupt %u", gsi);
	w = m->gsi[gsi];
	if (!w) {
		w = m->gsi[gsi] = calloc(1, sizeof(*w));
		if (!w)
			return err_errno(errp, ENOMEM, "wiring interrupt %u", gsi);
		if (gsi >= ARRAY_LEN(m->irq)) {
			irq_fan_init(&w->fan, gsi, &line, 1);
			line = &w->fan.in;
		}
		irq_or_init(&w->or, line);
	}
	if (w->used == IRQ_OR_MAX)
		return err_set(errp, ENOSPC, "interrupt %u is shared by %u devices already", gsi,
			       IRQ_OR_MAX);
	*ret = &w->or.in[w->used++];
	return 0;
}

int interrupts_firmware(struct machine *m, struct error **errp)
{
	struct bus_hint hint = { 0 };
	uint16_t level = 0;

	for (unsigned i = 0; i < ARRAY_LEN(m->irq); i++)
		if (m->gsi[i])
			level |= (uint16_t)BIT(i);
	if (!level)
		return 0;
	if (!m->pic)
		return vm_set_elcr(m->vm, level, errp);
	bus_write(m->pio, &hint, PORT_ELCR, 1, level & 0xff);
	bus_write(m->pio, &hint, PORT_ELCR + 1, 1, level >> 8);
	return 0;
}

void interrupts_destroy(struct machine *m)
{
	for (unsigned i = 0; i < ARRAY_LEN(m->gsi); i++) {
		free(m->gsi[i]);
		m->gsi[i] = NULL;
	}
}
