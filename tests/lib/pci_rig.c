/* SPDX-License-Identifier: MIT */
#include "tests/lib/pci_rig.h"

#include <errno.h>
#include <string.h>

/* --- sink ------------------------------------------------------------------------------------- */

static struct fake_msi *to_fake(struct msi_sink *s)
{
	return container_of(s, struct fake_msi, sink);
}

static int msi_send(struct msi_sink *s, const struct msi_msg *m)
{
	struct fake_msi *f = to_fake(s);

	if (f->sent_cnt < ARRAY_LEN(f->sent))
		f->sent[f->sent_cnt] = *m;
	f->sent_cnt++;
	return 1;
}

static struct fake_msi_pin *used_pin(struct msi_sink *s, unsigned pin)
{
	assert_in_range(pin, FAKE_MSI_FIRST, FAKE_MSI_FIRST + FAKE_MSI_PINS - 1);
	assert_true(to_fake(s)->pin[pin - FAKE_MSI_FIRST].used);
	return &to_fake(s)->pin[pin - FAKE_MSI_FIRST];
}

static void msi_route(struct msi_sink *s, unsigned pin, const struct msi_msg *m, bool masked)
{
	struct fake_msi_pin *p;

	if (pin < FAKE_MSI_FIRST)
		return;
	p = used_pin(s, pin);
	p->msg = *m;
	p->masked = masked;
	if (!masked)
		p->signalled = false;
	to_fake(s)->routes++;
}

/* Never used as a descriptor: 1000 + pin. */
static int msi_trigger_fd(struct msi_sink *s, unsigned pin)
{
	used_pin(s, pin);
	return (int)(1000 + pin);
}

static int msi_pin_alloc(struct msi_sink *s)
{
	struct fake_msi *f = to_fake(s);

	for (unsigned i = 0; i < FAKE_MSI_PINS; i++) {
		if (f->pin[i].used)
			continue;
		f->pin[i] = (struct fake_msi_pin){ .used = true, .masked = true };
		return (int)(FAKE_MSI_FIRST + i);
	}
	return -ENOSPC;
}

static void msi_pin_free(struct msi_sink *s, unsigned pin)
{
	used_pin(s, pin)->used = false;
}

static bool msi_pin_pending(struct msi_sink *s, unsigned pin)
{
	return used_pin(s, pin)->signalled;
}

static void msi_batch(struct msi_sink *s, bool begin)
{
	struct fake_msi *f = to_fake(s);

	f->batches += begin;
	f->open_batches += begin ? 1 : -1;
	assert_true(f->open_batches >= 0);
}

static const struct msi_sink_ops msi_ops = {
	.send = msi_send,
	.route = msi_route,
	.trigger_fd = msi_trigger_fd,
	.pin_alloc = msi_pin_alloc,
	.pin_free = msi_pin_free,
	.pin_pending = msi_pin_pending,
	.batch = msi_batch,
};

void fake_msi_init(struct fake_msi *s)
{
	*s = (struct fake_msi){ .sink.ops = &msi_ops };
}

/* --- bus -------------------------------------------------------------------------------------- */

void pci_rig_init(struct pci_rig *g, bool msi)
{
	struct pci_bus_config c = {
		.id = "pci0",
		.io = { RIG_IO, RIG_IO_END - RIG_IO },
		.mem32 = { RIG_MEM, RIG_MEM_LEN },
		.mem64 = { RIG_HIGH, RIG_HIGH_LEN },
		.intx_irq = { 10, 11, 10, 11 },
	};
	struct error *e = NULL;

	memset(g, 0, sizeof(*g));
	fake_msi_init(&g->msi);
	g->epoch = epoch_create(1, &e);
	c.pio = g->pio = bus_create("port", 0x10000, g->epoch, &e);
	c.mmio = g->mmio = bus_create("memory", 0, g->epoch, &e);
	for (unsigned i = 0; i < PCI_INTX_LINES; i++) {
		fake_irq_init(&g->intx[i]);
		c.intx[i] = &g->intx[i].line;
	}
	c.msi = msi ? &g->msi.sink : NULL;
	assert_int_equal(pci_bus_create(&c, &g->bus, &e), 0);
	assert_int_equal(bus_map(g->pio, &pci_bus_device(g->bus)->regions[PCI_HOST_CF8], 0xcf8, &e),
			 0);
	assert_int_equal(bus_map(g->pio, &pci_bus_device(g->bus)->regions[PCI_HOST_CFC], 0xcfc, &e),
			 0);
	assert_int_equal(
		bus_map(g->mmio, &pci_bus_device(g->bus)->regions[PCI_HOST_ECAM], RIG_ECAM, &e), 0);
	assert_no_error(e);
}

void pci_rig_fini(struct pci_rig *g)
{
	pci_bus_device(g->bus)->ops->destroy(pci_bus_device(g->bus));
	bus_destroy(g->mmio);
	bus_destroy(g->pio);
	epoch_destroy(g->epoch);
}

void pci_rig_reset(struct pci_rig *g)
{
	device_reset(pci_bus_device(g->bus));
}

/* --- the guest -------------------------------------------------------------------------------- */

/* As a vCPU makes them: an access may change the very table it was found in. */
static uint64_t guest_read(struct pci_rig *g, struct bus *b, struct bus_hint *h, uint64_t addr,
			   unsigned size)
{
	uint64_t v;

	epoch_enter(epoch_slot(g->epoch, 0));
	v = bus_read(b, h, addr, size);
	epoch_leave(epoch_slot(g->epoch, 0));
	return v;
}

static void guest_write(struct pci_rig *g, struct bus *b, struct bus_hint *h, uint64_t addr,
			unsigned size, uint64_t val)
{
	epoch_enter(epoch_slot(g->epoch, 0));
	bus_write(b, h, addr, size, val);
	epoch_leave(epoch_slot(g->epoch, 0));
}

uint64_t pci_rig_load(struct pci_rig *g, uint64_t addr, unsigned size)
{
	return guest_read(g, g->mmio, &g->mmio_hint, addr, size);
}

void pci_rig_store(struct pci_rig *g, uint64_t addr, unsigned size, uint64_t val)
{
	guest_write(g, g->mmio, &g->mmio_hint, addr, size, val);
}

uint64_t pci_rig_in(struct pci_rig *g, uint16_t port, unsigned size)
{
	return guest_read(g, g->pio, &g->pio_hint, port, size);
}

void pci_rig_out(struct pci_rig *g, uint16_t port, unsigned size, uint64_t val)
{
	guest_write(g, g->pio, &g->pio_hint, port, size, val);
}

uint32_t pci_rig_read(struct pci_rig *g, unsigned slot, unsigned off, unsigned size)
{
	return (uint32_t)pci_rig_load(g, RIG_ECAM + (slot << 15) + off, size);
}

void pci_rig_write(struct pci_rig *g, unsigned slot, unsigned off, unsigned size, uint32_t val)
{
	pci_rig_store(g, RIG_ECAM + (slot << 15) + off, size, val);
}

static void address(struct pci_rig *g, unsigned bus, unsigned devfn, unsigned off)
{
	pci_rig_out(g, 0xcf8, 4, BIT(31) | bus << 16 | devfn << 8 | (off & 0xfc));
}

uint32_t pci_rig_read_cf8(struct pci_rig *g, unsigned bus, unsigned devfn, unsigned off,
			  unsigned size)
{
	address(g, bus, devfn, off);
	return (uint32_t)pci_rig_in(g, (uint16_t)(0xcfc + off % 4), size);
}

void pci_rig_write_cf8(struct pci_rig *g, unsigned bus, unsigned devfn, unsigned off, unsigned size,
		       uint32_t val)
{
	address(g, bus, devfn, off);
	pci_rig_out(g, (uint16_t)(0xcfc + off % 4), size, val);
}

uint64_t pci_rig_bar(struct pci_rig *g, unsigned slot, unsigned bar)
{
	uint64_t lo = pci_rig_read(g, slot, 0x10 + bar * 4, 4);

	if (lo & 1)
		return lo & ~UINT64_C(3);
	if ((lo & 6) == 4)
		lo |= (uint64_t)pci_rig_read(g, slot, 0x14 + bar * 4, 4) << 32;
	return lo & ~UINT64_C(0xf);
}

void pci_rig_enable(struct pci_rig *g, unsigned slot, unsigned command)
{
	pci_rig_write(g, slot, 4, 2, pci_rig_read(g, slot, 4, 2) | command);
}

unsigned pci_rig_cap(struct pci_rig *g, unsigned slot, uint8_t id, unsigned n)
{
	unsigned at = pci_rig_read(g, slot, 0x34, 1), steps = 0;

	for (; at; at = pci_rig_read(g, slot, at + 1, 1)) {
		assert_true(at >= 0x40 && at % 4 == 0 && at < 0x100);
		assert_true(steps++ < 48);
		if (pci_rig_read(g, slot, at, 1) == id && !n--)
			return at;
	}
	return 0;
}

/* --- invariants ------------------------------------------------------------------------------- */

static bool list_is_whole(const struct pci_func *f)
{
	unsigned at = f->cfg[0x34], steps = 0;

	while (at && steps++ < 48) {
		if (at < 0x40 || at % 4)
			return false;
		at = f->cfg[at + 1];
	}
	return !at;
}

static bool inside(uint64_t base, uint64_t len, uint64_t addr, uint64_t size)
{
	return addr >= base && size <= len && addr - base <= len - size;
}

static bool may_be_at(const struct pci_bar *b)
{
	if (b->kind == PCI_BAR_IO)
		return inside(RIG_IO, RIG_IO_END - RIG_IO, b->addr, b->region->len);
	return inside(RIG_MEM, RIG_MEM_LEN, b->addr, b->region->len) ||
	       (b->kind == PCI_BAR_MEM64 &&
		inside(RIG_HIGH, RIG_HIGH_LEN, b->addr, b->region->len));
}

static uint64_t register_says(const struct pci_func *f, unsigned bar)
{
	uint64_t v = 0;

	memcpy(&v, f->cfg + 0x10 + bar * 4, f->bar[bar].kind == PCI_BAR_MEM64 ? 8 : 4);
	return v & ~(f->bar[bar].region->len - 1);
}

static const char *bar_broken(struct pci_rig *g, const struct pci_func *f, unsigned i)
{
	const struct pci_bar *b = &f->bar[i];
	bool io = b->kind == PCI_BAR_IO;

	if (!(f->mapped & BIT(i)))
		return NULL;
	if (b->kind == PCI_BAR_NONE)
		return "a BAR that does not exist answers";
	if (!(f->cfg[4] & (io ? 1 : 2)))
		return "a BAR answers though COMMAND forbids";
	if (!may_be_at(b))
		return "a BAR answers where none may be";
	if (register_says(f, i) != b->addr)
		return "a BAR answers where its register does not say";
	if (bus_find(io ? g->pio : g->mmio, b->addr) != b->region ||
	    bus_find(io ? g->pio : g->mmio, b->addr + b->region->len - 1) != b->region)
		return "a BAR does not answer where it thinks";
	return NULL;
}

const char *pci_rig_broken(struct pci_rig *g, const struct pci_func *f)
{
	for (unsigned i = 0; i < PCI_CFG_LEN; i++)
		if (((f->cfg[i] ^ f->init[i]) & ~f->wmask[i]) && !(f->live[i / 8] >> i % 8 & 1))
			return "a read-only bit has changed";
	if (!list_is_whole(f))
		return "the list of capabilities does not end";
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const char *why = bar_broken(g, f, i);

		if (why)
			return why;
	}
	return NULL;
}
