/* SPDX-License-Identifier: MIT */
/*
 * virtio.c: virtio devices on the board: behind PCI functions, or at addresses of their own, which
 * ACPI, the device tree and, for a guest that reads neither, the kernel's command line tell.
 */
#include "virtio/virtio.h"

#include <errno.h>
#include <stdio.h>

#include "devices/virtio/transport_mmio.h"
#include "devices/virtio/transport_pci.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"
#include "vmm/pci.h"

static int add_pci(struct machine *m, struct virtio_device *v, struct error **errp)
{
	struct virtio_pci_config c = { .vdev = v, .doorbells = vm_doorbells(m->vm) };
	struct virtio_pci *p;
	int r;

	if (!m->pci) {
		err_set(errp, ENODEV, "'%s' needs a PCI bus, and this machine has none", v->dev.id);
		err_hint(errp, "leave out --pci off, or put devices elsewhere with --virtio mmio");
		return -ENODEV;
	}
	r = virtio_pci_create(&c, &p, errp);
	if (r < 0)
		return r;
	machine_add_device(m, virtio_pci_device(p));
	return pci_bus_attach(m->pci, virtio_pci_func(p), -1, errp);
}

/* --- MMIO ------------------------------------------------------------------------------------- */

/*
 * Without ACPI a guest may know of no IOAPIC, but ISA interrupts it always has: those that no other
 * device on this board uses, but PCI's.
 */
static unsigned mmio_gsi(const struct vm_config *c, unsigned n)
{
	static const uint8_t isa[] = { 5, 10, 11 };

	if (c->board.acpi && c->board.irqchip != IRQCHIP_USER)
		return GSI_VIRTIO_MMIO + n % 4;
	return isa[n % ARRAY_LEN(isa)];
}

/* The DSDT's name for it, "VR00"; LNRO0005 is what Linux calls such a device. */
static void describe_mmio(struct machine *m, unsigned n, gpa_t base, unsigned gsi)
{
	struct board_dev *d;
	char name[5];

	snprintf(name, sizeof(name), "VR%02X", n & 0xff);
	d = board_add(&m->board, name, "LNRO0005", n);
	d->description = "virtio";
	d->fdt_compatible = "virtio,mmio";
	board_mmio(d, base, VIRTIO_MMIO_LEN);
	board_irq(d, gsi, true, false);
}

/*
 * Documentation/admin-guide/kernel-parameters.txt: virtio_mmio.device=<size>@<baseaddr>:<irq>.
 * Unlike other hints, this one must not give way where the command line is too long: without it the
 * guest has no disk.
 */
static int tell_kernel(struct machine *m, gpa_t base, unsigned gsi, struct error **errp)
{
	struct boot_info info = boot_info(m->boot);
	char param[64], *cmdline;

	snprintf(param, sizeof(param), "virtio_mmio.device=4K@%#llx:%u", (unsigned long long)base,
		 gsi);
	cmdline = hints_prepend(m->config, &info, param, m->cmdline);
	if (!cmdline)
		return err_set(errp, ENOMEM, "cannot build the command line");
	free(m->cmdline);
	m->cmdline = cmdline;
	return boot_set_cmdline(m->boot, cmdline, errp);
}

static int add_mmio(struct machine *m, struct virtio_device *v, struct error **errp)
{
	struct virtio_mmio_config c = { .vdev = v, .doorbells = vm_doorbells(m->vm) };
	unsigned n = m->virtio_mmio_cnt, gsi = mmio_gsi(m->config, n);
	struct virtio_mmio *t;
	struct device *d;
	int r;

	c.base = LAYOUT_VIRTIO_MMIO + (gpa_t)n * VIRTIO_MMIO_LEN;
	if (c.base + VIRTIO_MMIO_LEN > LAYOUT_VIRTIO_MMIO + LAYOUT_VIRTIO_MMIO_LEN) {
		err_set(errp, ENOSPC, "there is no room for '%s': the board takes %u of its kind",
			v->dev.id, n);
		err_hint(errp, "a PCI bus takes more: --virtio pci");
		return -ENOSPC;
	}
	r = machine_gsi_input(m, gsi, &c.irq, errp);
	if (r >= 0)
		r = virtio_mmio_create(&c, &t, errp);
	if (r < 0)
		return r;
	d = virtio_mmio_device(t);
	machine_add_device(m, d);
	m->virtio_mmio_cnt++;
	describe_mmio(m, n, c.base, gsi);
	r = machine_map_mmio(m, d, VIRTIO_MMIO_CONTROL, c.base, errp);
	if (r >= 0)
		r = machine_map_mmio(m, d, VIRTIO_MMIO_DEVICE, c.base + VIRTIO_MMIO_CONFIG, errp);
	if (r >= 0 && !m->config->board.acpi)
		r = tell_kernel(m, c.base, gsi, errp);
	return r;
}

int machine_add_virtio(struct machine *m, struct virtio_device *v, struct error **errp)
{
	struct virtio_device **all;

	/* The device first: what is newer is taken apart earlier, and the transport calls it. */
	machine_add_device(m, &v->dev);
	all = realloc(m->virtio, (m->virtio_cnt + 1) * sizeof(struct virtio_device *));
	if (!all)
		return err_errno(errp, ENOMEM, "adding '%s'", v->dev.id);
	m->virtio = all;
	m->virtio[m->virtio_cnt++] = v;
	if (m->config->board.transport == VIRTIO_TRANSPORT_MMIO)
		return add_mmio(m, v, errp);
	return add_pci(m, v, errp);
}
