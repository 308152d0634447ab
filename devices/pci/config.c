/* SPDX-License-Identifier: MIT */
/*
 * config.c: the configuration space of one function (PCI 3.0, chapter 6, type 0 header).
 *
 *   00 Vendor ID, Device ID          10-27 Base Address Registers 0-5
 *   04 Command, Status               2c    Subsystem Vendor ID, Subsystem ID
 *   08 Revision ID, Class Code       34    Capabilities Pointer
 *   0c Cache Line Size ...           3c    Interrupt Line, Interrupt Pin
 *   40-ff capabilities
 *
 * Three arrays say it all: cfg, what is read; init, its power-on value; wmask, the bits a write can
 * change. What follows from a write is worked out from cfg afterwards.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/pci/pci_internal.h"
#include "vmm/bus.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* 6.2.5.1, figures 6-5 and 6-6 */
#define BAR_IO_SPACE 0x1u
#define BAR_MEM_64   0x4u

static const uint8_t bar_flags[] = {
	[PCI_BAR_IO] = BAR_IO_SPACE,
	[PCI_BAR_MEM64] = BAR_MEM_64,
};

/* --- describing ------------------------------------------------------------------------------- */

void pci_func_init(struct pci_func *f, struct device *dev, const struct pci_func_ops *ops,
		   const struct pci_ident *id)
{
	uint32_t rw = PCI_COMMAND_BME | PCI_COMMAND_PERR | PCI_COMMAND_SERR;

	*f = (struct pci_func){ .ops = ops, .dev = dev, .cap_end = PCI_FIRST_CAP };
	put_le16(f->init + PCI_VENDOR_ID, id->vendor);
	put_le16(f->init + PCI_DEVICE_ID, id->device);
	f->init[PCI_REVISION_ID] = id->revision;
	put_le16(f->init + PCI_CLASS_CODE, (uint16_t)id->class_code);
	f->init[PCI_CLASS_CODE + 2] = (uint8_t)(id->class_code >> 16);
	put_le16(f->init + PCI_SUBSYSTEM_VENDOR_ID, id->subsys_vendor);
	put_le16(f->init + PCI_SUBSYSTEM_ID, id->subsys);
	f->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	if (id->intx) {
		f->init[PCI_INTERRUPT_PIN] = 1; /* INTA# */
		f->wmask[PCI_INTERRUPT_LINE] = 0xff;
		rw |= PCI_COMMAND_INTX_DISABLE;
	}
	put_le16(f->wmask + PCI_COMMAND, (uint16_t)rw);
	memcpy(f->cfg, f->init, sizeof(f->cfg));
	mutex_init(&f->msix.lock);
}

void pci_func_fini(struct pci_func *f)
{
	assert(!f->bus);
	if (f->dev)
		mutex_destroy(&f->msix.lock);
	f->dev = NULL;
}

void pci_func_add_bar(struct pci_func *f, unsigned bar, enum pci_bar_kind kind, struct io_region *r)
{
	bool io = kind == PCI_BAR_IO, wide = kind == PCI_BAR_MEM64;
	uint8_t *mask = f->wmask + PCI_BAR0 + bar * 4;
	uint64_t bits = ~(r->len - 1);

	assert(!f->bus && kind != PCI_BAR_NONE && bar + wide < PCI_BARS);
	assert(f->bar[bar].kind == PCI_BAR_NONE);
	assert(!wide || f->bar[bar + 1].kind == PCI_BAR_NONE);
	assert(!bar || f->bar[bar - 1].kind != PCI_BAR_MEM64);
	assert(is_pow2(r->len) && r->len >= (io ? 4 : 16) && r->len <= (io ? 256 : 8 * GIB));
	assert(wide || r->len <= GIB);
	f->bar[bar] = (struct pci_bar){ .kind = kind, .region = r };
	f->init[PCI_BAR0 + bar * 4] = bar_flags[kind];
	put_le32(mask, (uint32_t)bits);
	if (wide)
		put_le32(mask + 4, (uint32_t)(bits >> 32));
	f->wmask[PCI_COMMAND] |= io ? PCI_COMMAND_IO : PCI_COMMAND_MEM;
	memcpy(f->cfg, f->init, sizeof(f->cfg));
}

/* 6.7: a list of capabilities, each at a multiple of four, from Capabilities Pointer on. */
unsigned pci_func_append_cap(struct pci_func *f, uint8_t id, unsigned len)
{
	unsigned at = f->cap_end;

	assert(len >= 2 && at + len <= PCI_CFG_LEN);
	f->init[f->cap_last ? f->cap_last + 1 : PCI_CAPABILITIES_PTR] = (uint8_t)at;
	f->init[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	f->init[at] = id;
	f->cap_last = at;
	f->cap_end = (unsigned)align_up(at + len, 4);
	return at;
}

unsigned pci_func_add_cap(struct pci_func *f, uint8_t id, const void *body, const void *writable,
			  unsigned len, bool live)
{
	unsigned at = pci_func_append_cap(f, id, len);

	assert(!f->bus && (!live || f->ops));
	memcpy(f->init + at + 2, body, len - 2);
	if (writable)
		memcpy(f->wmask + at + 2, writable, len - 2);
	for (unsigned i = at + 2; live && i < at + len; i++)
		f->live[i / 8] |= (uint8_t)BIT(i % 8);
	memcpy(f->cfg, f->init, sizeof(f->cfg));
	return at;
}

/* --- BARs ------------------------------------------------------------------------------------- */

static uint8_t *bar_reg(struct pci_func *f, unsigned bar)
{
	return f->cfg + PCI_BAR0 + bar * 4;
}

/* The address that the register says. */
static uint64_t bar_address(struct pci_func *f, unsigned bar)
{
	const struct pci_bar *b = &f->bar[bar];
	uint64_t v = get_le32(bar_reg(f, bar));

	if (b->kind == PCI_BAR_MEM64)
		v |= (uint64_t)get_le32(bar_reg(f, bar + 1)) << 32;
	return v & ~(b->region->len - 1);
}

/* Makes the register in @space (cfg or init) say @addr. */
static void bar_put(uint8_t *space, unsigned bar, enum pci_bar_kind kind, uint64_t addr)
{
	uint8_t *reg = space + PCI_BAR0 + bar * 4;

	put_le32(reg, (uint32_t)addr | bar_flags[kind]);
	if (kind == PCI_BAR_MEM64)
		put_le32(reg + 4, (uint32_t)(addr >> 32));
}

void pci_func_set_home(struct pci_func *f, unsigned bar, uint64_t addr)
{
	f->bar[bar].home = addr;
	bar_put(f->init, bar, f->bar[bar].kind, addr);
}

/* 6.2.5.1: "software ... writes a value of all 1's to the register and then reads the value back"
 */
static bool is_sizing(struct pci_func *f, unsigned bar)
{
	uint32_t rw = get_le32(f->wmask + PCI_BAR0 + bar * 4);

	return (get_le32(bar_reg(f, bar)) & rw) == rw;
}

static bool bar_is_mapped(const struct pci_func *f, unsigned bar)
{
	return f->mapped & BIT(bar);
}

static void tell_bar(struct pci_func *f, unsigned bar)
{
	if (f->ops && f->ops->bar_changed)
		f->ops->bar_changed(f, bar, bar_is_mapped(f, bar), f->bar[bar].addr);
}

static void bar_unmap(struct pci_func *f, unsigned bar)
{
	struct pci_bar *b = &f->bar[bar];

	if (!bar_is_mapped(f, bar))
		return;
	f->mapped &= (uint8_t)~BIT(bar);
	bus_unmap(pci_bus_space(f->bus, b->kind), b->region);
	tell_bar(f, bar);
}

/* Maps, or moves, the region; false: it cannot be at @addr, and nothing has happened. */
static bool bar_map(struct pci_func *f, unsigned bar, uint64_t addr)
{
	struct pci_bar *b = &f->bar[bar];

	if (!pci_bus_in_window(f->bus, b->kind, addr, b->region->len) ||
	    bus_map(pci_bus_space(f->bus, b->kind), b->region, addr, NULL) < 0)
		return false;
	b->addr = addr;
	f->mapped |= (uint8_t)BIT(bar);
	tell_bar(f, bar);
	return true;
}

static bool bar_decodes(const struct pci_func *f, unsigned bar)
{
	bool io = f->bar[bar].kind == PCI_BAR_IO;

	return pci_func_command(f) & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEM);
}

/* Brings the region to where register and COMMAND want it; see "BARs" in pci.h. */
static void bar_update(struct pci_func *f, unsigned bar)
{
	struct pci_bar *b = &f->bar[bar];
	uint64_t addr;

	if (b->kind == PCI_BAR_NONE)
		return;
	if (!bar_decodes(f, bar)) {
		bar_unmap(f, bar);
		return;
	}
	addr = bar_address(f, bar);
	if ((bar_is_mapped(f, bar) && addr == b->addr) || bar_map(f, bar, addr))
		return;
	if (is_sizing(f, bar) || b->kind == PCI_BAR_MEM64) {
		bar_unmap(f, bar);
		return;
	}
	log_guest(f->dev,
		  "BAR %u of PCI slot %u cannot be at %#llx: outside the bridge's window, or taken",
		  bar, f->slot, (unsigned long long)addr);
	if (bar_is_mapped(f, bar))
		bar_put(f->cfg, bar, b->kind, b->addr);
}

/* The BAR whose register, or upper half, is at @off. */
static unsigned bar_at(const struct pci_func *f, unsigned off)
{
	unsigned bar = (off - PCI_BAR0) / 4;

	return bar && f->bar[bar - 1].kind == PCI_BAR_MEM64 ? bar - 1 : bar;
}

void pci_func_unmap(struct pci_func *f)
{
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (bar_is_mapped(f, i))
			bus_unmap(pci_bus_space(f->bus, f->bar[i].kind), f->bar[i].region);
	f->mapped = 0;
}

/* --- accesses --------------------------------------------------------------------------------- */

static bool overlaps(unsigned off, unsigned size, unsigned reg, unsigned len)
{
	return off < reg + len && reg < off + size;
}

/* An aligned access of at most four bytes never crosses a byte of the bitmap. */
static bool is_live(const struct pci_func *f, unsigned off, unsigned size)
{
	return (unsigned)f->live[off / 8] >> (off % 8) & (BIT(size) - 1);
}

uint32_t pci_func_read(struct pci_func *f, unsigned off, unsigned size)
{
	uint32_t v = 0;

	if (off >= PCI_CFG_LEN)
		return 0; /* PCI Express 4.0, 7.6.3: no extended capability */
	if (unlikely(is_live(f, off, size)) && f->ops->cap_read)
		f->ops->cap_read(f, off, size);
	for (unsigned i = 0; i < size; i++)
		v |= (uint32_t)f->cfg[off + i] << (i * 8);
	if (overlaps(off, size, PCI_STATUS, 1) && pci_bus_intx_level(f))
		v |= PCI_STATUS_INTERRUPT << ((PCI_STATUS - off) * 8);
	return v;
}

static void bus_master_changed(struct pci_func *f)
{
	if (f->ops && f->ops->bus_master)
		f->ops->bus_master(f, pci_func_command(f) & PCI_COMMAND_BME);
}

static void command_written(struct pci_func *f, unsigned before)
{
	unsigned changed = before ^ pci_func_command(f);

	if (changed & (PCI_COMMAND_IO | PCI_COMMAND_MEM))
		for (unsigned i = 0; i < PCI_BARS; i++)
			bar_update(f, i);
	if (changed & PCI_COMMAND_BME) {
		bus_master_changed(f);
		pci_msix_update(f);
	}
	if (changed & PCI_COMMAND_INTX_DISABLE)
		pci_bus_update_intx(f);
}

void pci_func_write(struct pci_func *f, unsigned off, unsigned size, uint32_t val)
{
	unsigned command = pci_func_command(f);

	if (off >= PCI_CFG_LEN)
		return;
	for (unsigned i = 0; i < size; i++) {
		uint8_t mask = f->wmask[off + i], byte = (uint8_t)(val >> (i * 8));

		f->cfg[off + i] = (uint8_t)((f->cfg[off + i] & ~mask) | (byte & mask));
	}
	if (overlaps(off, size, PCI_COMMAND, 2))
		command_written(f, command);
	else if (overlaps(off, size, PCI_BAR0, PCI_BARS * 4))
		bar_update(f, bar_at(f, off));
	else if (f->msix.cap && overlaps(off, size, f->msix.cap + 2, 2))
		pci_msix_update(f);
	else if (is_live(f, off, size) && f->ops->cap_written)
		f->ops->cap_written(f, off, size);
}

/* --- power-on and snapshots ------------------------------------------------------------------- */

void pci_func_reset(struct pci_func *f)
{
	bool master = pci_func_command(f) & PCI_COMMAND_BME;

	memcpy(f->cfg, f->init, sizeof(f->cfg));
	for (unsigned i = 0; i < PCI_BARS; i++)
		bar_unmap(f, i);
	if (master)
		bus_master_changed(f);
	pci_msix_reset(f);
	pci_irq_intx(f, false);
	pci_bus_update_intx(f);
}

void pci_func_pre_save(struct pci_func *f)
{
	pci_msix_pre_save(f);
}

static int check_config(const struct pci_func *f, struct error **errp)
{
	for (unsigned i = 0; i < PCI_CFG_LEN; i++)
		if (((f->cfg[i] ^ f->init[i]) & ~f->wmask[i]) && !is_live(f, i, 1))
			return err_set(errp, EINVAL,
				       "'%s': byte %#x of its PCI configuration space is %#x in "
				       "the snapshot, but %#x here and read-only",
				       f->dev->id, i, f->cfg[i], f->init[i]);
	return 0;
}

/* A refused BAR answers nowhere, so which ones answer is state of its own. */
static int load_bars(struct pci_func *f, struct error **errp)
{
	unsigned mapped = f->mapped;

	f->mapped = 0;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (!(mapped & BIT(i)))
			continue;
		if (f->bar[i].kind == PCI_BAR_NONE || !bar_decodes(f, i) ||
		    !bar_map(f, i, bar_address(f, i)))
			return err_set(errp, EINVAL,
				       "'%s': its PCI BAR %u cannot be where the snapshot says",
				       f->dev->id, i);
	}
	if (mapped >> PCI_BARS)
		return err_set(errp, EINVAL, "'%s' has no more than %u PCI BARs", f->dev->id,
			       PCI_BARS);
	return 0;
}

int pci_func_post_load(struct pci_func *f, struct error **errp)
{
	int r = check_config(f, errp);

	if (r >= 0)
		r = load_bars(f, errp);
	if (r >= 0)
		r = pci_msix_post_load(f, errp);
	if (r < 0)
		return r;
	if (pci_func_command(f) & PCI_COMMAND_BME)
		bus_master_changed(f);
	pci_bus_update_intx(f);
	return 0;
}
