/* SPDX-License-Identifier: MIT */
/*
 * pci_rig.h: a PCI bus on a bench: buses, wires, a message sink that remembers, and a guest that
 * reaches configuration space through the ports and through memory.
 */
#ifndef TESTS_PCI_RIG_H
#define TESTS_PCI_RIG_H

#include "tests/lib/fake.h"
#include "vmm/bus.h"
#include "vmm/pci.h"

/* The windows of the rig. */
#define RIG_ECAM     UINT64_C(0xc0000000)
#define RIG_IO       UINT64_C(0x1000)
#define RIG_IO_END   UINT64_C(0x10000)
#define RIG_MEM      UINT64_C(0xd0000000)
#define RIG_MEM_LEN  (64 * MIB)
#define RIG_HIGH     (UINT64_C(1) << 39)
#define RIG_HIGH_LEN (64 * GIB)

/* --- a sink that remembers -------------------------------------------------------------------- */

#define FAKE_MSI_FIRST 24u /* pins below are an IOAPIC's */
#define FAKE_MSI_PINS  64u
struct fake_msi {
	struct msi_sink sink;
	struct msi_msg sent[64]; /* the first ones */
	unsigned sent_cnt;
	struct fake_msi_pin {
		bool used, masked;
		struct msi_msg msg;
		bool signalled; /* set by a test: what came to the descriptor while masked */
	} pin[FAKE_MSI_PINS];   /* from FAKE_MSI_FIRST on */
	unsigned routes;        /* route() calls */
	unsigned batches;       /* batch(true) calls, and how many are open */
	int open_batches;
};
void fake_msi_init(struct fake_msi *s);

/* --- the bus ---------------------------------------------------------------------------------- */

struct pci_rig {
	struct epoch *epoch;
	struct bus *pio, *mmio;
	struct bus_hint pio_hint, mmio_hint;
	struct fake_irq intx[PCI_INTX_LINES];
	struct fake_msi msi;
	struct pci_bus *bus;
};
/* @msi: the machine has local APICs. */
void pci_rig_init(struct pci_rig *g, bool msi);
void pci_rig_fini(struct pci_rig *g); /* all functions are detached */
/* RST# for the whole bus. */
void pci_rig_reset(struct pci_rig *g);

/* The guest's accesses: bus 0, function 0 of @slot, through ECAM. */
uint32_t pci_rig_read(struct pci_rig *g, unsigned slot, unsigned off, unsigned size);
void pci_rig_write(struct pci_rig *g, unsigned slot, unsigned off, unsigned size, uint32_t val);
/* The same through 0xcf8 and 0xcfc, of any function. */
uint32_t pci_rig_read_cf8(struct pci_rig *g, unsigned bus, unsigned devfn, unsigned off,
			  unsigned size);
void pci_rig_write_cf8(struct pci_rig *g, unsigned bus, unsigned devfn, unsigned off, unsigned size,
		       uint32_t val);
/* Memory and ports. */
uint64_t pci_rig_load(struct pci_rig *g, uint64_t addr, unsigned size);
void pci_rig_store(struct pci_rig *g, uint64_t addr, unsigned size, uint64_t val);
uint64_t pci_rig_in(struct pci_rig *g, uint16_t port, unsigned size);
void pci_rig_out(struct pci_rig *g, uint16_t port, unsigned size, uint64_t val);

/* What a driver does first: address of BAR @bar as the register says; COMMAND bits set; offset of
 * the @n-th capability with @id, 0 if there are fewer. */
uint64_t pci_rig_bar(struct pci_rig *g, unsigned slot, unsigned bar);
void pci_rig_enable(struct pci_rig *g, unsigned slot, unsigned command);
unsigned pci_rig_cap(struct pci_rig *g, unsigned slot, uint8_t id, unsigned n);

/*
 * What no guest can bring about: the name of an invariant that @f, on the rig's bus, breaks, or
 * NULL. Read-only bits; the list of capabilities; BARs answer only where they may, where register
 * and COMMAND say, and nowhere else.
 */
const char *pci_rig_broken(struct pci_rig *g, const struct pci_func *f);

#endif
