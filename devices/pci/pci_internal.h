/* SPDX-License-Identifier: MIT */
/* pci_internal.h: what the files of devices/pci/ share. */
#ifndef DEVICES_PCI_INTERNAL_H
#define DEVICES_PCI_INTERNAL_H

#include "vmm/pci.h"

/* PCI 3.0, figure 6-1, and 6.2.2 and 6.2.3 for the bits. */
enum pci_reg {
	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION_ID = 0x08,
	PCI_CLASS_CODE = 0x09,
	PCI_CACHE_LINE_SIZE = 0x0c,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
	PCI_SUBSYSTEM_ID = 0x2e,
	PCI_CAPABILITIES_PTR = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
	PCI_FIRST_CAP = 0x40,
};

#define PCI_COMMAND_IO           0x0001u
#define PCI_COMMAND_MEM          0x0002u
#define PCI_COMMAND_BME          0x0004u
#define PCI_COMMAND_PERR         0x0040u
#define PCI_COMMAND_SERR         0x0100u
#define PCI_COMMAND_INTX_DISABLE 0x0400u

#define PCI_STATUS_INTERRUPT 0x08u
#define PCI_STATUS_CAP_LIST  0x10u

/* A function's configuration space. Bus lock held; [off, off + size) is aligned, size 1, 2 or 4. */
uint32_t pci_func_read(struct pci_func *f, unsigned off, unsigned size);
void pci_func_write(struct pci_func *f, unsigned off, unsigned size, uint32_t val);
/* Power-on values: nothing decodes, BARs at home, no interrupt. */
void pci_func_reset(struct pci_func *f);
/* Its place as firmware chooses it, for the next reset. */
void pci_func_set_home(struct pci_func *f, unsigned bar, uint64_t addr);
/* Takes all regions off their buses; no callbacks. */
void pci_func_unmap(struct pci_func *f);

static inline unsigned pci_func_command(const struct pci_func *f)
{
	return f->cfg[PCI_COMMAND] | (unsigned)f->cfg[PCI_COMMAND + 1] << 8;
}

/* host.c */
struct bus *pci_bus_space(struct pci_bus *b, enum pci_bar_kind kind);
/* Is [base, base + len) inside a window for BARs of @kind? */
bool pci_bus_in_window(const struct pci_bus *b, enum pci_bar_kind kind, uint64_t base,
		       uint64_t len);
struct msi_sink *pci_bus_msi(struct pci_bus *b);
/* Works out anew what INTA# of @f shows after COMMAND or MSI-X changed. */
void pci_bus_update_intx(struct pci_func *f);
bool pci_bus_intx_level(struct pci_func *f);

/* msix.c; @f has it (msix.vectors). */
void pci_msix_attach(struct pci_func *f);
void pci_msix_detach(struct pci_func *f);
void pci_msix_reset(struct pci_func *f);
/* Message Control or COMMAND.BME may have changed. */
void pci_msix_update(struct pci_func *f);
void pci_msix_pre_save(struct pci_func *f);
int pci_msix_post_load(struct pci_func *f, struct error **errp) __must_check;

/* config.c, for msix.c: the capability is added when the bus is known to have messages. */
unsigned pci_func_append_cap(struct pci_func *f, uint8_t id, unsigned len);

#endif
