/* SPDX-License-Identifier: MIT */
/*
 * host.c: the host bridge: the ways to configuration space, the slots, the interrupt lines.
 *
 *   0xcf8  CONFIG_ADDRESS  31 enable, 23:16 bus, 15:11 device, 10:8 function, 7:2 register
 *   0xcfc  CONFIG_DATA     bytes 0 to 3 of that register (PCI 3.0, 3.2.2.3.2)
 *   ECAM                   19:15 device, 14:12 function, 11:0 register (PCIe 4.0, 7.2.2)
 *
 * Only dword accesses at 0xcf8 are CONFIG_ADDRESS; the byte at 0xcf9 belongs to the board's reset
 * register, and all other narrow ones go to nobody.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/pci/pci_internal.h"
#include "vmm/bus.h"
#include "vmm/error.h"

#define ADDRESS_ENABLE BIT(31)
#define ADDRESS_RW     0x80fffffcu
#define RESET_OFFSET   1u /* of 0xcf9 in PCI_HOST_CF8 */
#define BAR_MIN_ALIGN  (4 * KIB)
/* A memory BAR up to here is at home below 4 GiB, where every guest reaches it. */
#define BAR_LOW_MAX (64 * MIB)

struct pci_bus {
	struct device dev;
	struct io_region region[PCI_HOST_REGIONS];
	struct pci_bus_config cfg;
	struct pci_func *slot[PCI_SLOTS];
	struct pci_func host; /* 00:00.0 */
	uint32_t address;     /* CONFIG_ADDRESS */

	struct mutex intx_lock; /* held across the wires, so that edges arrive in order */
	uint32_t intx_asserted[PCI_INTX_LINES] GUARDED_BY(intx_lock); /* slots, a bit each */
};

static struct pci_bus *to_bus(struct device *d)
{
	return container_of(d, struct pci_bus, dev);
}

/* --- configuration space ---------------------------------------------------------------------- */

/* NULL: nobody there. */
static struct pci_func *find(struct pci_bus *b, unsigned bus, unsigned devfn)
{
	return bus || devfn % 8 ? NULL : b->slot[devfn / 8 % PCI_SLOTS];
}

/* 3.2.2.3.4: a read of an absent function returns all ones, as a master abort does. */
static uint32_t cfg_read(struct pci_bus *b, unsigned bus, unsigned devfn, unsigned off,
			 unsigned size)
{
	struct pci_func *f = find(b, bus, devfn);

	return f ? pci_func_read(f, off, size) : (uint32_t)size_mask(size);
}

static void cfg_write(struct pci_bus *b, unsigned bus, unsigned devfn, unsigned off, unsigned size,
		      uint64_t val)
{
	struct pci_func *f = find(b, bus, devfn);

	if (f)
		pci_func_write(f, off, size, (uint32_t)val);
}

static bool is_reset_port(const struct pci_bus *b, uint32_t off, unsigned size)
{
	return off == RESET_OFFSET && size == 1 && b->cfg.reset;
}

static uint64_t cf8_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct pci_bus *b = to_bus(r->dev);
	uint32_t v;

	if (is_reset_port(b, off, size))
		return b->cfg.reset->ops->read(b->cfg.reset, 0, 1);
	if (size != 4)
		return size_mask(size);
	device_lock(&b->dev);
	v = b->address;
	device_unlock(&b->dev);
	return v;
}

static void cf8_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct pci_bus *b = to_bus(r->dev);

	if (is_reset_port(b, off, size)) {
		b->cfg.reset->ops->write(b->cfg.reset, 0, 1, val);
	} else if (size == 4) {
		device_lock(&b->dev);
		b->address = (uint32_t)val & ADDRESS_RW;
		device_unlock(&b->dev);
	}
}

static uint64_t cfc_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct pci_bus *b = to_bus(r->dev);
	uint64_t v = size_mask(size);
	uint32_t a;

	device_lock(&b->dev);
	a = b->address;
	if (a & ADDRESS_ENABLE)
		v = cfg_read(b, a >> 16 & 0xff, a >> 8 & 0xff, (a & 0xfc) + off, size);
	device_unlock(&b->dev);
	return v;
}

static void cfc_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct pci_bus *b = to_bus(r->dev);
	uint32_t a;

	device_lock(&b->dev);
	a = b->address;
	if (a & ADDRESS_ENABLE)
		cfg_write(b, a >> 16 & 0xff, a >> 8 & 0xff, (a & 0xfc) + off, size, val);
	device_unlock(&b->dev);
}

static uint64_t ecam_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct pci_bus *b = to_bus(r->dev);
	uint64_t v;

	device_lock(&b->dev);
	v = cfg_read(b, off >> 20, off >> 12 & 0xff, off & 0xfff, size);
	device_unlock(&b->dev);
	return v;
}

static void ecam_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct pci_bus *b = to_bus(r->dev);

	device_lock(&b->dev);
	cfg_write(b, off >> 20, off >> 12 & 0xff, off & 0xfff, size, val);
	device_unlock(&b->dev);
}

static const struct region_ops cf8_ops = { 1, 4, cf8_read, cf8_write };
static const struct region_ops cfc_ops = { 1, 4, cfc_read, cfc_write };
static const struct region_ops ecam_ops = { 1, 4, ecam_read, ecam_write };

static const struct io_region host_regions[PCI_HOST_REGIONS] = {
	[PCI_HOST_CF8] = { .ops = &cf8_ops, .name = "PCI CONFIG_ADDRESS", .len = 4 },
	[PCI_HOST_CFC] = { .ops = &cfc_ops, .name = "PCI CONFIG_DATA", .len = 4 },
	[PCI_HOST_ECAM] = { .ops = &ecam_ops, .name = "PCI ECAM", .len = PCI_ECAM_LEN },
};

/* --- what functions ask of their bus ---------------------------------------------------------- */

struct bus *pci_bus_space(struct pci_bus *b, enum pci_bar_kind kind)
{
	return kind == PCI_BAR_IO ? b->cfg.pio : b->cfg.mmio;
}

static bool inside(const struct pci_window *w, uint64_t base, uint64_t len)
{
	return base >= w->base && len <= w->len && base - w->base <= w->len - len;
}

bool pci_bus_in_window(const struct pci_bus *b, enum pci_bar_kind kind, uint64_t base, uint64_t len)
{
	if (kind == PCI_BAR_IO)
		return inside(&b->cfg.io, base, len);
	return inside(&b->cfg.mem32, base, len) ||
	       (kind == PCI_BAR_MEM64 && inside(&b->cfg.mem64, base, len));
}

struct msi_sink *pci_bus_msi(struct pci_bus *b)
{
	return b->cfg.msi;
}

/* --- INTx (PCI 3.0, 2.2.6 and 6.2.4) ---------------------------------------------------------- */

/* Devices share the four lines as wired OR. */
static void drive_locked(struct pci_bus *b, struct pci_func *f) REQUIRES(b->intx_lock)
{
	unsigned line = pci_slot_line(f->slot);
	uint32_t *asserted = &b->intx_asserted[line], bit = BIT(f->slot), before = *asserted;

	*asserted = f->intx_level && !f->intx_off ? before | bit : before & ~bit;
	if (!before != !*asserted)
		irq_set(b->cfg.intx[line], *asserted != 0);
}

void pci_irq_intx(struct pci_func *f, bool level)
{
	struct pci_bus *b = f->bus;

	if (!b)
		return;
	mutex_lock(&b->intx_lock);
	f->intx_level = level;
	drive_locked(b, f);
	mutex_unlock(&b->intx_lock);
}

void pci_bus_update_intx(struct pci_func *f)
{
	struct pci_bus *b = f->bus;

	mutex_lock(&b->intx_lock);
	f->intx_off = !f->cfg[PCI_INTERRUPT_PIN] || pci_irq_msix_enabled(f) ||
		      (pci_func_command(f) & PCI_COMMAND_INTX_DISABLE);
	drive_locked(b, f);
	mutex_unlock(&b->intx_lock);
}

/* 6.2.3, Interrupt Status: "reflects the state of the interrupt in the device"; Interrupt Disable
 * "has no effect on the state of this bit". */
bool pci_bus_intx_level(struct pci_func *f)
{
	bool level;

	mutex_lock(&f->bus->intx_lock);
	level = f->intx_level;
	mutex_unlock(&f->bus->intx_lock);
	return level;
}

int pci_bus_slot_of(const struct pci_bus *b, const struct device *d)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (b->slot[i] && b->slot[i]->dev == d)
			return (int)i;
	return -1;
}

struct io_region *pci_bus_msix_region(const struct pci_bus *b, const struct device *d)
{
	int slot = pci_bus_slot_of(b, d);

	return slot >= 0 && b->slot[slot]->msix.vectors ? &b->slot[slot]->msix.region : NULL;
}

uint32_t pci_bus_intx_slots(const struct pci_bus *b)
{
	uint32_t slots = 0;

	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (b->slot[i] && b->slot[i]->init[PCI_INTERRUPT_PIN])
			slots |= BIT(i);
	return slots;
}

/* --- attaching -------------------------------------------------------------------------------- */

static bool disjoint(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a + a_len <= b || b + b_len <= a;
}

/* The BAR at home in [base, base + len) of the same space, NULL if there is none. */
static const struct pci_bar *resident(const struct pci_bus *b, bool io, uint64_t base, uint64_t len)
{
	for (unsigned s = 0; s < PCI_SLOTS; s++) {
		for (unsigned i = 0; b->slot[s] && i < PCI_BARS; i++) {
			const struct pci_bar *bar = &b->slot[s]->bar[i];

			if (bar->kind != PCI_BAR_NONE && bar->home &&
			    io == (bar->kind == PCI_BAR_IO) &&
			    !disjoint(base, len, bar->home, bar->region->len))
				return bar;
		}
	}
	return NULL;
}

/* The lowest free place in @w, or 0. Memory keeps to pages of its own, as what is mapped by page
 * must. */
static uint64_t find_home(const struct pci_bus *b, const struct pci_window *w, bool io,
			  uint64_t len)
{
	uint64_t align = io ? len : max_u64(len, BAR_MIN_ALIGN), at = align_up(w->base, align);
	const struct pci_bar *in_the_way;

	while (inside(w, at, align)) {
		in_the_way = resident(b, io, at, align);
		if (!in_the_way)
			return at;
		at = align_up(in_the_way->home + in_the_way->region->len, align);
	}
	return 0;
}

static uint64_t bar_home(const struct pci_bus *b, enum pci_bar_kind kind, uint64_t len)
{
	uint64_t at = 0;

	if (kind == PCI_BAR_IO)
		return find_home(b, &b->cfg.io, true, len);
	if (kind == PCI_BAR_MEM64 && len > BAR_LOW_MAX)
		at = find_home(b, &b->cfg.mem64, false, len);
	return at ? at : find_home(b, &b->cfg.mem32, false, len);
}

static int place_bars(struct pci_bus *b, struct pci_func *f, struct error **errp)
{
	for (unsigned i = 0; i < PCI_BARS; i++)
		f->bar[i].home = 0;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &f->bar[i];

		if (bar->kind == PCI_BAR_NONE)
			continue;
		pci_func_set_home(f, i, bar_home(b, bar->kind, bar->region->len));
		if (!bar->home)
			return err_set(errp, ENOSPC,
				       "no room on the PCI bus for %s (%llu bytes) of '%s'",
				       bar->region->name, (unsigned long long)bar->region->len,
				       f->dev->id);
	}
	return 0;
}

static int choose_slot(const struct pci_bus *b, const struct pci_func *f, int slot,
		       struct error **errp)
{
	assert(slot < PCI_SLOTS);
	if (slot >= 0 && b->slot[slot])
		return err_set(errp, EEXIST, "PCI slot %d is taken by '%s'; '%s' cannot have it",
			       slot, b->slot[slot]->dev->id, f->dev->id);
	for (int i = 0; slot < 0 && i < PCI_SLOTS; i++)
		if (!b->slot[i])
			slot = i;
	return slot >= 0 ? slot
			 : err_set(errp, ENOSPC, "no PCI slot is left for '%s': there are %d",
				   f->dev->id, PCI_SLOTS - 1);
}

int pci_bus_attach(struct pci_bus *b, struct pci_func *f, int slot, struct error **errp)
{
	int at = choose_slot(b, f, slot, errp), r;

	if (at < 0)
		return at;
	f->slot = (uint8_t)at;
	if (f->msix.vectors && !f->msix.cap && b->cfg.msi)
		pci_msix_attach(f);
	b->slot[at] = f; /* its own BARs are in each other's way, too */
	f->bus = b;
	r = place_bars(b, f, errp);
	if (r < 0) {
		pci_bus_detach(f);
		return r;
	}
	if (f->init[PCI_INTERRUPT_PIN])
		f->init[PCI_INTERRUPT_LINE] = b->cfg.intx_irq[pci_slot_line(f->slot)];
	pci_func_reset(f);
	return 0;
}

void pci_bus_detach(struct pci_func *f)
{
	struct pci_bus *b = f->bus;

	if (!b)
		return;
	pci_irq_intx(f, false);
	pci_func_unmap(f);
	pci_msix_detach(f);
	b->slot[f->slot] = NULL;
	f->bus = NULL;
}

/* --- device ----------------------------------------------------------------------------------- */

/* RST#: every function goes back to its power-on state. */
static void host_reset(struct device *d)
{
	struct pci_bus *b = to_bus(d);

	b->address = 0;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (b->slot[i])
			pci_func_reset(b->slot[i]);
}

/* The lines once more: interrupt controllers may have been loaded after the functions. */
static int host_start(struct device *d, struct error **errp)
{
	struct pci_bus *b = to_bus(d);

	(void)errp;
	mutex_lock(&b->intx_lock);
	for (unsigned i = 0; i < PCI_INTX_LINES; i++)
		irq_set(b->cfg.intx[i], b->intx_asserted[i] != 0);
	mutex_unlock(&b->intx_lock);
	return 0;
}

static void host_destroy(struct device *d)
{
	struct pci_bus *b = d ? to_bus(d) : NULL;

	if (!b)
		return;
	b->slot[0] = NULL;
	b->host.bus = NULL;
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		assert(!b->slot[i]);
	pci_func_fini(&b->host);
	mutex_destroy(&b->intx_lock);
	device_free(&b->dev);
}

static void host_pre_save(void *state)
{
	struct pci_bus *b = state;

	pci_func_pre_save(&b->host);
}

static int host_post_load(void *state, unsigned version, struct error **errp)
{
	struct pci_bus *b = state;

	(void)version;
	if (b->address & ~ADDRESS_RW)
		return err_set(errp, EINVAL, "PCI host bridge '%s': CONFIG_ADDRESS %#x is reserved",
			       b->dev.id, b->address);
	return pci_func_post_load(&b->host, errp);
}

static const struct snap_field host_fields[] = {
	SNAP(struct pci_bus, address, 1),
	PCI_FUNC_SNAP(struct pci_bus, host, 1),
};

static const struct snap_desc host_state = {
	.version = 1,
	.min_version = 1,
	.f = host_fields,
	.n = ARRAY_LEN(host_fields),
	.pre_save = host_pre_save,
	.post_load = host_post_load,
};

static const struct device_ops host_ops = {
	.name = "pci-host",
	.reset = host_reset,
	.start = host_start,
	.destroy = host_destroy,
	.state = &host_state,
	.flags = DEV_SELF_LOCKED, /* not for the reset port, whose device has its own */
};

/* Red Hat's generic host bridge: no driver binds to it, and lspci knows its name. */
static const struct pci_ident host_ident = {
	.vendor = 0x1b36,
	.device = 0x0008,
	.subsys_vendor = 0x1af4,
	.subsys = 0x1100,
	.class_code = 0x060000,
};

int pci_bus_create(const struct pci_bus_config *c, struct pci_bus **ret, struct error **errp)
{
	_Static_assert(sizeof(host_regions) == sizeof(((struct pci_bus *)0)->region), "one each");
	struct pci_bus *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_errno(errp, ENOMEM, "creating PCI host bridge '%s'", c->id);
	b->cfg = *c;
	for (unsigned i = 0; i < PCI_INTX_LINES; i++)
		if (!b->cfg.intx[i])
			b->cfg.intx[i] = &irq_none;
	memcpy(b->region, host_regions, sizeof(b->region));
	device_init(&b->dev, &host_ops, c->id, b->region, PCI_HOST_REGIONS);
	mutex_init(&b->intx_lock);
	pci_func_init(&b->host, &b->dev, NULL, &host_ident);
	r = pci_bus_attach(b, &b->host, 0, errp);
	if (r < 0) {
		host_destroy(&b->dev);
		return r;
	}
	*ret = b;
	return 0;
}

struct device *pci_bus_device(struct pci_bus *b)
{
	return &b->dev;
}
