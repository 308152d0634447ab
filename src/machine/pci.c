/* SPDX-License-Identifier: MIT */
/* pci.c: the PCI bus of the machine: where it sits, what it may use, how its interrupts run. */
#include "vmm/pci.h"

#include "devices/chip/acpi_pm.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "vmm/bits.h"

static bool has_bus_devices(const struct vm_config *c)
{
	return c->board.transport == VIRTIO_TRANSPORT_PCI && config_has_virtio(c);
}

bool machine_wants_pci(const struct vm_config *c)
{
	return c->board.pci == PCI_ON || (c->board.pci == PCI_AUTO && has_bus_devices(c));
}

/* --- windows ---------------------------------------------------------------------------------- */

static struct pci_window window(uint64_t base, uint64_t end)
{
	return (struct pci_window){ base, end > base ? end - base : 0 };
}

/* See layout.h; with so much memory that it reaches there, what is left behind it. */
static struct pci_window high_window(const struct machine *m)
{
	unsigned bits = (unsigned)min_u64(m->address_bits, LAYOUT_PCI_HIGH_BITS);
	uint64_t half, limit, base;

	if (bits <= 33)
		return window(0, 0);
	half = BIT64(bits - 1);
	base = max_u64(half, align_up(m->memory_end, GIB));
	limit = m->address_bits < 63 ? BIT64(m->address_bits) : BIT64(63);
	return window(base, min_u64(base + half / 2, limit));
}

/* --- interrupts ------------------------------------------------------------------------------- */

/* Each of the four lines reaches a pin of the IOAPIC of its own and, shared by two, the 8259. */
static int wire_line(struct machine *m, unsigned line, struct error **errp)
{
	struct irq_line *out[2];
	unsigned cnt = 0;
	int r = 0;

	if (m->board.has_apic)
		r = machine_gsi_input(m, m->board.pci.gsi[line], &out[cnt++], errp);
	if (r >= 0)
		r = machine_gsi_input(m, m->board.pci.irq[line], &out[cnt++], errp);
	if (r >= 0)
		irq_fan_init(&m->intx[line], IRQ_NO_NUMBER, out, cnt);
	return r;
}

/* --- the bridge ------------------------------------------------------------------------------- */

static struct board_window told(const struct pci_window *w)
{
	return (struct board_window){ w->base, w->len };
}

static void describe(struct machine *m, const struct pci_bus_config *c)
{
	struct board_pci *p = &m->board.pci;

	p->ecam_base = LAYOUT_ECAM;
	p->ecam_len = LAYOUT_ECAM_LEN;
	p->io = told(&c->io);
	p->mem32 = told(&c->mem32);
	p->mem64 = told(&c->mem64);
	for (unsigned i = 0; i < PCI_INTX_LINES; i++) {
		p->gsi[i] = (uint8_t)(GSI_PCI + i);
		p->irq[i] = (uint8_t)(IRQ_PCI + i % 2);
	}
}

static int map(struct machine *m, struct device *d, struct error **errp)
{
	int r = machine_map_pio(m, d, PCI_HOST_CF8, PORT_PCI_ADDR, errp);

	if (r >= 0)
		r = machine_map_pio(m, d, PCI_HOST_CFC, PORT_PCI_DATA, errp);
	if (r >= 0)
		r = machine_map_mmio(m, d, PCI_HOST_ECAM, LAYOUT_ECAM, errp);
	return r;
}

int machine_add_pci(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct pci_bus_config cfg = {
		.id = "pci0",
		.pio = m->pio,
		.mmio = m->mmio,
		.io = window(PORT_PCI_IO, PORT_END),
		.mem32 = window(LAYOUT_MMIO_START, LAYOUT_VIRTIO_MMIO),
		.mem64 = high_window(m),
		.msi = vm_msi_sink(m->vm),
		.reset = &acpi_pm_device(m->pm)->regions[ACPI_PM_RESET],
	};
	int r;

	(void)c;
	describe(m, &cfg);
	for (unsigned i = 0; i < PCI_INTX_LINES; i++) {
		r = wire_line(m, i, errp);
		if (r < 0)
			return r;
		cfg.intx[i] = &m->intx[i].in;
		cfg.intx_irq[i] = m->board.pci.irq[i];
	}
	r = pci_bus_create(&cfg, &m->pci, errp);
	if (r < 0)
		return r;
	machine_add_device(m, pci_bus_device(m->pci));
	return map(m, pci_bus_device(m->pci), errp);
}

int machine_describe_pci(struct machine *m, const struct vm_config *c, struct error **errp)
{
	(void)c;
	(void)errp;
	m->board.pci.slots = pci_bus_intx_slots(m->pci);
	return 0;
}
