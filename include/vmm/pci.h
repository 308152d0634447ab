/* SPDX-License-Identifier: MIT */
/*
 * pci.h: one PCI bus behind a host bridge, and the functions on it (PCI Local Bus 3.0; ECAM as in
 * PCI Express Base 4.0, 7.2.2). Type 0 headers, bus 0.
 *
 * A device that sits on the bus has a struct pci_func beside its struct device. It describes itself
 * before pci_bus_attach(): identity, BARs (each one io_region of its device), capabilities, MSI-X.
 * From then on the bus owns the configuration space: it answers the guest, maps and moves the
 * regions behind BARs, and calls back when something changed that the device must know.
 *
 * BARs. A region answers where its BAR says while COMMAND lets it, the address lies inside the
 * bridge's window of that kind, and nobody else is there; so never over RAM. A move that is refused
 * rolls back: register and region stay where they were. Two writes are no moves, so that a guest
 * can size a BAR that decodes, and move a 64-bit one by halves: all ones, and half of a 64-bit BAR
 * that would lead astray. After these the register reads what was written and the region answers
 * nowhere, until the address is good again.
 *
 * Locks. Configuration space is guarded by the host bridge's device lock, which is held around
 * every access to it and every callback of struct pci_func_ops; these may take their own device's
 * lock, so nobody may call the bus with a device lock held. The interrupt functions (pci_irq_*) are
 * the exception: any thread, any device lock held; below them come f->msix.lock or the bus's INTx
 * lock, and under those only interrupt controllers.
 *
 * Reset. The bus resets its functions when the host bridge, as a device, is reset; a device on the
 * bus resets what is its own and does nothing about its function.
 */
#ifndef VMM_PCI_H
#define VMM_PCI_H

#include <stdatomic.h>

#include "vmm/bits.h"
#include "vmm/device.h"
#include "vmm/guestmem.h"
#include "vmm/irq.h"
#include "vmm/snap.h"

struct bus;
struct error;
struct pci_bus;
struct pci_func;

#define PCI_BARS       6
#define PCI_SLOTS      32
#define PCI_CFG_LEN    256u /* conventional configuration space; the rest of ECAM's 4 KiB reads 0 */
#define PCI_INTX_LINES 4
#define PCI_MSIX_MAX   256 /* vectors of one function; the specification's limit is 2048 */

/* Capability ids (PCI 3.0, appendix H) that devices give themselves. */
#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_MSIX   0x11u

/* I/O ports; memory below 4 GiB; memory anywhere, which takes the next BAR's register as well. */
enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM64 };

struct pci_ident {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint32_t class_code; /* 24 bits: class, subclass, programming interface */
	uint8_t revision;
	bool intx; /* has an interrupt pin */
};

/* All called under the host bridge's lock, on a vCPU thread or, from a reset, on the main thread;
 * or from pci_func_post_load(). Any may be NULL. */
struct pci_func_ops {
	/*
	 * The guest is about to read, or has just written, [off, off + size), of which some is the
	 * body of a capability that pci_func_add_cap() gave @live; the rest may be its header.
	 * Reading returns what is in f->cfg then.
	 */
	void (*cap_read)(struct pci_func *f, unsigned off, unsigned size);
	void (*cap_written)(struct pci_func *f, unsigned off, unsigned size);
	/* BAR @bar, be it MSI-X's, now answers at @addr, or nowhere. */
	void (*bar_changed)(struct pci_func *f, unsigned bar, bool mapped, uint64_t addr);
	/* COMMAND.BME: may the device read and write guest memory? */
	void (*bus_master)(struct pci_func *f, bool on);
	/* The guest has turned MSI-X on or off, see pci_irq_msix_enabled(). */
	void (*msix_switched)(struct pci_func *f);
};

struct pci_bar {
	enum pci_bar_kind kind;
	struct io_region *region; /* its len is the BAR's size, a power of two */
	uint64_t home;            /* where the bus put it, as firmware would */
	uint64_t addr;            /* where it answers; stale while it does not */
};

/* Table, pending bits and capability of MSI-X (6.8.2). Part of a function; the bus's own. */
struct pci_msix {
	struct io_region region; /* the table, and behind it the pending bits */
	unsigned cap;            /* offset of the capability; 0: the function has none */
	uint8_t bar;
	uint16_t vectors;
	_Atomic bool enabled; /* Message Control.MSI-X Enable; written under the bus's lock */
	struct mutex lock;    /* all of what follows; interrupt controllers come below it */
	bool open;            /* may send: enabled, not masked as a whole, and a bus master */
	uint32_t table[PCI_MSIX_MAX][4];
	uint64_t pending[PCI_MSIX_MAX / 64];
	uint16_t pin[PCI_MSIX_MAX]; /* of the sink, for a descriptor: its number + 1; 0: none */
};

/* Embedded in the transport or device it belongs to. Fields are the bus's own, but for reading; a
 * device writes cfg where a live capability is its own. */
struct pci_func {
	const struct pci_func_ops *ops;
	struct device *dev;
	struct pci_bus *bus; /* NULL: not attached */
	uint8_t slot;
	uint8_t mapped; /* BARs that answer, a bit each */
	struct pci_bar bar[PCI_BARS];
	uint8_t cfg[PCI_CFG_LEN];      /* what a read returns, but for STATUS.Interrupt Status */
	uint8_t init[PCI_CFG_LEN];     /* its power-on value */
	uint8_t wmask[PCI_CFG_LEN];    /* bits the guest may write */
	uint8_t live[PCI_CFG_LEN / 8]; /* bytes with cap_read/cap_written, a bit each */
	unsigned cap_end;              /* where the next capability goes */
	unsigned cap_last;             /* offset of the newest one; 0: none */
	struct pci_msix msix;
	bool intx_level; /* what the device last asked for; under the bus's INTx lock */
	bool intx_off;   /* COMMAND.INTX_DISABLE, or MSI-X is on; under the bus's INTx lock */
};

/* --- describing a function (before it is attached; our own mistakes are asserted) ------------- */

void pci_func_init(struct pci_func *f, struct device *dev, const struct pci_func_ops *ops,
		   const struct pci_ident *id);
/* After pci_bus_detach(); accepts a zeroed one. */
void pci_func_fini(struct pci_func *f);

/* @r of the function's device answers behind @bar. Its len, a power of two: memory from 16 on, I/O
 * 4 to 256. */
void pci_func_add_bar(struct pci_func *f, unsigned bar, enum pci_bar_kind kind,
		      struct io_region *r);

/*
 * Appends a capability of @len bytes in all, of which @body gives those after ID and next pointer.
 * @writable (NULL: nothing) masks what of @body the guest may write. @live: accesses to the body
 * are told to ops. Returns its offset.
 */
unsigned pci_func_add_cap(struct pci_func *f, uint8_t id, const void *body, const void *writable,
			  unsigned len, bool live);

/*
 * Gives it MSI-X with @vectors entries behind memory BAR @bar, which is for this alone. A bus whose
 * machine has no local APIC attaches the function without it. -ERANGE for more than PCI_MSIX_MAX.
 */
int pci_func_add_msix(struct pci_func *f, unsigned bar, unsigned vectors,
		      struct error **errp) __must_check;

/* --- the bus ---------------------------------------------------------------------------------- */

struct pci_window {
	uint64_t base, len; /* len 0: none */
};

struct pci_bus_config {
	const char *id; /* of the host bridge's struct device */
	struct bus *pio, *mmio;
	struct pci_window io, mem32, mem64; /* where BARs may be; home of all but big ones: mem32 */
	struct irq_line *intx[PCI_INTX_LINES]; /* level; what INTA# to INTD# of slot 0 lead to */
	uint8_t intx_irq[PCI_INTX_LINES];      /* what firmware leaves in Interrupt Line */
	struct msi_sink *msi;                  /* NULL: no message-signalled interrupts */
	/* Answers byte accesses at port 0xcf9, inside the first of our regions; its device locks
	 * itself. NULL: nobody. */
	struct io_region *reset;
};

/* Regions of pci_bus_device(), for the machine to map. */
enum {
	PCI_HOST_CF8,  /* 4 ports: CONFIG_ADDRESS, at 0xcf8 */
	PCI_HOST_CFC,  /* 4 ports: CONFIG_DATA, at 0xcfc */
	PCI_HOST_ECAM, /* 1 MiB of memory: bus 0 */
	PCI_HOST_REGIONS
};
#define PCI_ECAM_LEN MIB

int pci_bus_create(const struct pci_bus_config *c, struct pci_bus **ret,
		   struct error **errp) __must_check;
/* Outlives the functions: detach comes before its destroy. */
struct device *pci_bus_device(struct pci_bus *b);

/*
 * Puts @f into @slot (1 to 31; -1: the next free one): chooses places for its BARs and its
 * interrupt line. -ENOSPC and -EEXIST say what there is no room for. Before the guest runs, on the
 * control thread.
 */
int pci_bus_attach(struct pci_bus *b, struct pci_func *f, int slot,
		   struct error **errp) __must_check;
/* In its device's destroy. Accepts one that is not attached. */
void pci_bus_detach(struct pci_func *f);

/* The slot of @d's function; -1: it has none here. Slots don't change while the guest runs. */
int pci_bus_slot_of(const struct pci_bus *b, const struct device *d);
/* What its MSI-X table answers with, numbered behind the device's own regions; NULL: it has none.
 */
struct io_region *pci_bus_msix_region(const struct pci_bus *b, const struct device *d);

/* Slots whose function has an interrupt pin, a bit each: what tables of the board must route. */
uint32_t pci_bus_intx_slots(const struct pci_bus *b);

/* Which of the four interrupt lines pin INTA# of @slot is wired to: the usual swizzle. */
static inline unsigned pci_slot_line(unsigned slot)
{
	return slot % PCI_INTX_LINES;
}

/* --- snapshots --------------------------------------------------------------------------------
 *
 * A function's state is part of its device's section: PCI_FUNC_SNAP(struct mine, func, 1) in the
 * field table, pci_func_pre_save() in pre_save and pci_func_post_load() in post_load.
 */
/* clang-format off */
#define PCI_FUNC_FIELD(S, m, t, cnt, width, v)                                                     \
	{ #m, (uint32_t)offsetof(S, m), (cnt), (t), (width), (v), UINT16_MAX, SNAP_ELSEWHERE }
#define PCI_FUNC_SNAP(S, m, v)                                                                     \
	PCI_FUNC_FIELD(S, m.cfg, SNAP_U8, PCI_CFG_LEN, 1, v),                                      \
	PCI_FUNC_FIELD(S, m.mapped, SNAP_U8, 1, 1, v),                                             \
	PCI_FUNC_FIELD(S, m.intx_level, SNAP_BOOL, 1, sizeof(bool), v),                            \
	PCI_FUNC_FIELD(S, m.msix.table, SNAP_U32, PCI_MSIX_MAX * 4, 4, v),                         \
	PCI_FUNC_FIELD(S, m.msix.pending, SNAP_U64, PCI_MSIX_MAX / 64, 8, v)
/* clang-format on */

void pci_func_pre_save(struct pci_func *f);
/*
 * Checks what was loaded as if the guest had written it, and puts it into force: regions mapped
 * (bar_changed, bus_master are called), interrupts driven. -EINVAL: of another device, or damaged.
 */
int pci_func_post_load(struct pci_func *f, struct error **errp) __must_check;

/* --- interrupts ------------------------------------------------------------------------------- */

/* May MSI-X be used now (capability enabled by the guest)? Otherwise INTx is what there is. */
bool pci_irq_msix_enabled(const struct pci_func *f);

/*
 * Sends message @vector, or marks it pending while it or the function is masked. Nothing happens
 * while MSI-X is off, or for a vector beyond the table (a guest may have said so). Any thread.
 */
void pci_irq_msix(struct pci_func *f, unsigned vector);

/*
 * An eventfd that does the same without us, for kernel-side users such as vhost; borrowed, until
 * the function is detached. -1: there is none. Signals that come while it is masked are kept and
 * shown as pending. Any thread.
 */
int pci_irq_msix_fd(struct pci_func *f, unsigned vector);

/* Drives INTA#; kept low for the guest while COMMAND.INTX_DISABLE or MSI-X is on. Idempotent. */
void pci_irq_intx(struct pci_func *f, bool level);

#endif
