/* SPDX-License-Identifier: MIT */
/* devices/pci/config.c: configuration space of one function. Sections are of PCI 3.0. */
#include <string.h>

#include "tests/lib/pci_rig.h"
#include "tests/lib/poke.h"

/* A function with one BAR of each kind, a plain capability and a live one. */
struct toy {
	struct device dev;
	struct io_region region[3];
	struct pci_func func;
	struct pci_rig *rig;
	unsigned changes, master_changes, live_reads, live_writes;
	unsigned last_bar;
	bool last_mapped, master;
	uint64_t last_addr;
	unsigned plain, live;
};

enum { MEM, WIDE, IO };
#define MEM_LEN  0x4000u
#define WIDE_LEN 0x10000u
#define IO_LEN   0x20u
#define SLOT     3u

static uint64_t toy_read(struct io_region *r, uint32_t off, unsigned size)
{
	return (off | (uint64_t)(r->index + 1) << 24) & size_mask(size);
}

static void toy_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)r;
	(void)off;
	(void)size;
	(void)val;
}

static const struct region_ops toy_region = { 1, 4, toy_read, toy_write };
static const struct snap_field toy_fields[] = { PCI_FUNC_SNAP(struct toy, func, 1) };

static void toy_pre_save(void *s)
{
	pci_func_pre_save(&((struct toy *)s)->func);
}

static int toy_post_load(void *s, unsigned version, struct error **errp)
{
	(void)version;
	return pci_func_post_load(&((struct toy *)s)->func, errp);
}

static const struct snap_desc toy_state = { .version = 1,
					    .min_version = 1,
					    .f = toy_fields,
					    .n = ARRAY_LEN(toy_fields),
					    .pre_save = toy_pre_save,
					    .post_load = toy_post_load };
static const struct device_ops toy_ops = { .name = "toy", .state = &toy_state };

static struct toy *to_toy(struct pci_func *f)
{
	return container_of(f, struct toy, func);
}

static void on_cap_read(struct pci_func *f, unsigned off, unsigned size)
{
	struct toy *t = to_toy(f);

	(void)size;
	t->live_reads++;
	f->cfg[off] = (uint8_t)t->live_reads;
}

static void on_cap_written(struct pci_func *f, unsigned off, unsigned size)
{
	(void)off;
	(void)size;
	to_toy(f)->live_writes++;
}

static void on_bar(struct pci_func *f, unsigned bar, bool mapped, uint64_t addr)
{
	struct toy *t = to_toy(f);

	t->changes++;
	t->last_bar = bar;
	t->last_mapped = mapped;
	t->last_addr = addr;
}

static void on_master(struct pci_func *f, bool on)
{
	to_toy(f)->master_changes++;
	to_toy(f)->master = on;
}

static const struct pci_func_ops func_ops = { .cap_read = on_cap_read,
					      .cap_written = on_cap_written,
					      .bar_changed = on_bar,
					      .bus_master = on_master };

static const struct pci_ident ident = {
	.vendor = 0x1af4,
	.device = 0x1042,
	.subsys_vendor = 0x1af5,
	.subsys = 0x0002,
	.class_code = 0x018000,
	.revision = 1,
	.intx = true,
};

static void toy_init(struct toy *t, struct pci_rig *g, int slot)
{
	static const uint8_t body[] = { 0x11, 0x22, 0x33, 0x44, 0x55 };
	static const uint8_t writable[] = { 0, 0xff, 0x0f, 0, 0xf0 };
	struct error *e = NULL;

	*t = (struct toy){ .rig = g };
	t->region[MEM] = (struct io_region){ .ops = &toy_region, .name = "mem", .len = MEM_LEN };
	t->region[WIDE] = (struct io_region){ .ops = &toy_region, .name = "wide", .len = WIDE_LEN };
	t->region[IO] = (struct io_region){ .ops = &toy_region, .name = "io", .len = IO_LEN };
	device_init(&t->dev, &toy_ops, "toy0", t->region, ARRAY_LEN(t->region));
	pci_func_init(&t->func, &t->dev, &func_ops, &ident);
	pci_func_add_bar(&t->func, 0, PCI_BAR_MEM32, &t->region[MEM]);
	pci_func_add_bar(&t->func, 2, PCI_BAR_MEM64, &t->region[WIDE]);
	pci_func_add_bar(&t->func, 4, PCI_BAR_IO, &t->region[IO]);
	t->plain = pci_func_add_cap(&t->func, PCI_CAP_VENDOR, body, writable, 7, false);
	t->live = pci_func_add_cap(&t->func, PCI_CAP_VENDOR, body, writable, 7, true);
	assert_int_equal(pci_func_add_msix(&t->func, 1, 3, &e), 0);
	assert_int_equal(pci_bus_attach(g->bus, &t->func, slot, &e), 0);
	assert_no_error(e);
}

static void toy_fini(struct toy *t)
{
	pci_bus_detach(&t->func);
	pci_func_fini(&t->func);
	mutex_destroy(&t->dev.lock);
}

struct bench {
	struct pci_rig g;
	struct toy t;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	pci_rig_init(&b->g, true);
	toy_init(&b->t, &b->g, SLOT);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	toy_fini(&b->t);
	pci_rig_fini(&b->g);
	free(b);
	return 0;
}

static uint32_t rd(struct bench *b, unsigned off, unsigned size)
{
	return pci_rig_read(&b->g, SLOT, off, size);
}

static void wr(struct bench *b, unsigned off, unsigned size, uint32_t val)
{
	pci_rig_write(&b->g, SLOT, off, size, val);
}

/* Figure 6-1. */
static void header(void **state)
{
	struct bench *b = *state;

	assert_int_equal(rd(b, 0, 4), 0x10421af4);
	assert_int_equal(rd(b, 4, 2), 0);
	assert_int_equal(rd(b, 6, 2), 0x0010); /* capabilities list */
	assert_int_equal(rd(b, 8, 4), 0x01800001);
	assert_int_equal(rd(b, 0x0e, 1), 0); /* type 0, one function */
	assert_int_equal(rd(b, 0x2c, 4), 0x00021af5);
	assert_int_equal(rd(b, 0x30, 4), 0);      /* no expansion ROM */
	assert_int_equal(rd(b, 0x3c, 4), 0x010b); /* INTA#; slot 3 is on line 3: IRQ 11 */
}

/* 6.1: "all ... devices must treat Configuration Space write operations to reserved registers as
 * no-ops"; row 66: a mask for each byte. Everything but what is writable keeps its value, at any
 * width. */
static void test_row66_read_only_bits_stay(void **state)
{
	struct bench *b = *state;

	for (unsigned size = 1; size <= 4; size *= 2) {
		for (unsigned off = 0; off < 0x100; off += size)
			wr(b, off, size, UINT32_MAX);
		for (unsigned off = 0; off < 0x100; off += size)
			wr(b, off, size, 0);
	}
	for (unsigned off = 0; off < 0x100; off++)
		assert_int_equal(b->t.func.cfg[off] & ~b->t.func.wmask[off],
				 b->t.func.init[off] & ~b->t.func.wmask[off]);
	assert_int_equal(rd(b, 0, 4), 0x10421af4);
	assert_int_equal(rd(b, 6, 2), 0x0010);
	assert_int_equal(rd(b, 0x0e, 1), 0);
	assert_int_equal(rd(b, 0x3d, 1), 1);
	/* Bytes of the plain capability, whose mask is 0, ff, 0f, 0, f0. */
	wr(b, b->t.plain, 4, UINT32_MAX);
	wr(b, b->t.plain + 4, 4, UINT32_MAX);
	assert_int_equal(rd(b, b->t.plain + 2, 2), 0xff11);
	assert_int_equal(rd(b, b->t.plain + 4, 4), 0x00f5443f);
}

/* 6.7: the list begins at 34h; "the bottom two bits are reserved". It ends, after each capability
 * once, whatever was written. */
static void test_row66_capability_walk_ends(void **state)
{
	struct bench *b = *state;

	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(pci_rig_cap(&b->g, SLOT, PCI_CAP_VENDOR, 0), b->t.plain);
		assert_int_equal(pci_rig_cap(&b->g, SLOT, PCI_CAP_VENDOR, 1), b->t.live);
		assert_int_equal(pci_rig_cap(&b->g, SLOT, PCI_CAP_VENDOR, 2), 0);
		assert_int_equal(pci_rig_cap(&b->g, SLOT, PCI_CAP_MSIX, 0), b->t.func.msix.cap);
		assert_int_equal(pci_rig_cap(&b->g, SLOT, PCI_CAP_MSIX, 1), 0);
		wr(b, 0x34, 4, UINT32_MAX);
		wr(b, b->t.plain, 2, UINT32_MAX);
		wr(b, b->t.live, 2, 0);
	}
}

/* A read of a live capability sees what its owner has put there; the header of it is the bus's. */
static void live_capability(void **state)
{
	struct bench *b = *state;

	assert_int_equal(rd(b, b->t.plain + 2, 1), 0x11);
	assert_int_equal(b->t.live_reads, 0);
	assert_int_equal(rd(b, b->t.live, 2) & 0xff, PCI_CAP_VENDOR);
	assert_int_equal(b->t.live_reads, 0);
	assert_int_equal(rd(b, b->t.live + 2, 1), 1);
	assert_int_equal(rd(b, b->t.live + 2, 1), 2);
	wr(b, b->t.live + 3, 1, 0x77);
	assert_int_equal(b->t.live_writes, 1);
	assert_int_equal(b->t.func.cfg[b->t.live + 3], 0x77);
	wr(b, b->t.plain + 3, 1, 0x77);
	wr(b, b->t.live, 1, 0x77);
	assert_int_equal(b->t.live_writes, 1);
}

/* 6.2.5.1: "write a value of all 1's to the register and then read the value back. The device will
 * return 0's in all don't-care address bits". */
static void bars_are_sized(void **state)
{
	struct bench *b = *state;
	uint64_t home[3] = { pci_rig_bar(&b->g, SLOT, 0), pci_rig_bar(&b->g, SLOT, 2),
			     pci_rig_bar(&b->g, SLOT, 4) };

	for (unsigned i = 0x10; i < 0x28; i += 4)
		wr(b, i, 4, UINT32_MAX);
	assert_int_equal(rd(b, 0x10, 4), ~(MEM_LEN - 1));
	assert_int_equal(rd(b, 0x18, 4), ~(WIDE_LEN - 1) | 4); /* 64 bits wide */
	assert_int_equal(rd(b, 0x1c, 4), UINT32_MAX);
	assert_int_equal(rd(b, 0x20, 4), ~(IO_LEN - 1) | 1); /* I/O space */
	assert_int_equal(rd(b, 0x24, 4), 0);                 /* not there */
	assert_int_equal(b->t.changes, 0);
	/* At home they were where nobody else is, naturally aligned. */
	assert_int_equal(home[0] % MEM_LEN, 0);
	assert_int_equal(home[1] % WIDE_LEN, 0);
	assert_in_range(home[0], RIG_MEM, RIG_MEM + RIG_MEM_LEN - 1);
	assert_in_range(home[1], RIG_MEM, RIG_MEM + RIG_MEM_LEN - 1);
	assert_in_range(home[2], RIG_IO, RIG_IO_END - 1);
	/* Byte by byte, as a driver may write. */
	for (unsigned i = 0; i < 4; i++)
		wr(b, 0x10 + i, 1, RIG_MEM >> (i * 8) & 0xff);
	assert_int_equal(rd(b, 0x10, 4), RIG_MEM);
}

/* 6.2.2: COMMAND bits 0 and 1 control the response to I/O and memory accesses, "state after RST# is
 * 0". */
static void decoding_follows_command(void **state)
{
	struct bench *b = *state;
	uint64_t mem = pci_rig_bar(&b->g, SLOT, 0), wide = pci_rig_bar(&b->g, SLOT, 2);
	uint16_t io = (uint16_t)pci_rig_bar(&b->g, SLOT, 4);

	assert_int_equal(pci_rig_load(&b->g, mem, 4), UINT32_MAX);
	assert_int_equal(pci_rig_in(&b->g, io, 4), UINT32_MAX);
	pci_rig_enable(&b->g, SLOT, 2);
	assert_int_equal(pci_rig_load(&b->g, mem + 8, 4), 0x01000008);
	assert_int_equal(pci_rig_load(&b->g, wide + 8, 4), 0x02000008);
	assert_int_equal(pci_rig_in(&b->g, io, 4), UINT32_MAX);
	pci_rig_enable(&b->g, SLOT, 1);
	assert_int_equal(pci_rig_in(&b->g, io + 4, 4), 0x03000004);
	assert_int_equal(b->t.changes, 4); /* BAR 1 is the MSI-X table's */
	assert_true(b->t.last_mapped);
	wr(b, 4, 2, 0);
	assert_int_equal(pci_rig_load(&b->g, mem, 4), UINT32_MAX);
	assert_int_equal(pci_rig_load(&b->g, wide, 4), UINT32_MAX);
	assert_int_equal(pci_rig_in(&b->g, io, 4), UINT32_MAX);
	assert_int_equal(b->t.changes, 8);
	assert_false(b->t.last_mapped);
	/* Without a BAR of the kind the bit does not exist; nor does INTX_DISABLE without a pin. */
	pci_rig_write(&b->g, 0, 4, 2, 0xffff);
	assert_int_equal(pci_rig_read(&b->g, 0, 4, 2), 0x0144);
}

static void bars_move(void **state)
{
	struct bench *b = *state;
	uint64_t mem = pci_rig_bar(&b->g, SLOT, 0);

	pci_rig_enable(&b->g, SLOT, 3);
	wr(b, 0x10, 4, RIG_MEM + MIB);
	assert_int_equal(pci_rig_load(&b->g, RIG_MEM + MIB + 4, 4), 0x01000004);
	assert_int_equal(pci_rig_load(&b->g, mem + 4, 4), UINT32_MAX);
	assert_int_equal(b->t.last_addr, RIG_MEM + MIB);
	/* Moved while it does not decode. */
	wr(b, 4, 2, 0);
	wr(b, 0x10, 4, RIG_MEM + 2 * MIB);
	assert_int_equal(pci_rig_load(&b->g, RIG_MEM + 2 * MIB, 4), UINT32_MAX);
	wr(b, 4, 2, 3);
	assert_int_equal(pci_rig_load(&b->g, RIG_MEM + 2 * MIB, 4), 0x01000000);
	/* To itself: nothing happens. */
	b->t.changes = 0;
	wr(b, 0x10, 4, RIG_MEM + 2 * MIB);
	assert_int_equal(b->t.changes, 0);
	/* The wide one above 4 GiB, by halves, in both orders. */
	wr(b, 0x18, 4, RIG_HIGH & UINT32_MAX);
	wr(b, 0x1c, 4, RIG_HIGH >> 32);
	assert_int_equal(pci_rig_load(&b->g, RIG_HIGH + 4, 4), 0x02000004);
	wr(b, 0x1c, 4, 0);
	wr(b, 0x18, 4, RIG_MEM + 3 * MIB);
	assert_int_equal(pci_rig_load(&b->g, RIG_MEM + 3 * MIB + 4, 4), 0x02000004);
	assert_int_equal(pci_rig_load(&b->g, RIG_HIGH + 4, 4), UINT32_MAX);
}

/* Sizing with decoding on, as some firmware does: all ones are read back, nothing answers
 * meanwhile, and the old address works again. */
static void sizing_while_decoding(void **state)
{
	static const unsigned bars[] = { 0x10, 0x18, 0x1c, 0x20 };
	struct bench *b = *state;

	pci_rig_enable(&b->g, SLOT, 3);
	for (unsigned i = 0; i < ARRAY_LEN(bars); i++) {
		uint32_t was = rd(b, bars[i], 4);

		wr(b, bars[i], 4, UINT32_MAX);
		assert_int_equal(rd(b, bars[i], 4) | 0x1ffff, UINT32_MAX);
		wr(b, bars[i], 4, was);
		assert_int_equal(rd(b, bars[i], 4), was);
	}
	assert_int_equal(pci_rig_load(&b->g, pci_rig_bar(&b->g, SLOT, 0), 4), 0x01000000);
	assert_int_equal(pci_rig_load(&b->g, pci_rig_bar(&b->g, SLOT, 2), 4), 0x02000000);
	assert_int_equal(pci_rig_in(&b->g, (uint16_t)pci_rig_bar(&b->g, SLOT, 4), 4), 0x03000000);
}

/* Outside the windows (RAM, other devices, nothing), over another function, across the end. */
static void test_row66_a_refused_move_rolls_back(void **state)
{
	struct bench *b = *state;
	struct toy other;
	uint64_t mem = pci_rig_bar(&b->g, SLOT, 0), wide = pci_rig_bar(&b->g, SLOT, 2);
	uint32_t io = (uint32_t)pci_rig_bar(&b->g, SLOT, 4);
	uint64_t bad[] = { 0,          0x100000,          RIG_ECAM, RIG_MEM + RIG_MEM_LEN,
			   0xfee00000, RIG_MEM - MEM_LEN, 0 /* the other function's */ };

	toy_init(&other, &b->g, 4);
	pci_rig_enable(&b->g, 4, 3);
	bad[ARRAY_LEN(bad) - 1] = pci_rig_bar(&b->g, 4, 0);
	pci_rig_enable(&b->g, SLOT, 3);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		b->t.changes = 0;
		wr(b, 0x10, 4, (uint32_t)bad[i]);
		assert_int_equal(pci_rig_bar(&b->g, SLOT, 0), mem);
		assert_int_equal(pci_rig_load(&b->g, mem, 4), 0x01000000);
		assert_int_equal(b->t.changes, 0);
		/* The wide one waits for its other half. */
		wr(b, 0x18, 4, (uint32_t)bad[i]);
		assert_int_equal(pci_rig_load(&b->g, wide, 4), UINT32_MAX);
		wr(b, 0x18, 4, (uint32_t)wide);
		assert_int_equal(pci_rig_load(&b->g, wide, 4), 0x02000000);
	}
	assert_int_equal(pci_rig_load(&b->g, bad[ARRAY_LEN(bad) - 1], 4), 0x01000000);
	wr(b, 0x20, 4, 0xcf8); /* ports below the window: the bridge's own */
	wr(b, 0x20, 4, 0x10000);
	wr(b, 0x20, 4, 0);
	assert_int_equal(pci_rig_bar(&b->g, SLOT, 4), io);
	assert_int_equal(pci_rig_in(&b->g, (uint16_t)io, 4), 0x03000000);
	assert_true(b->t.dev.guest_errors > 0);
	/* Enabled where it may not be: nowhere, and the register says what was asked for. */
	wr(b, 4, 2, 0);
	wr(b, 0x10, 4, 0x100000);
	wr(b, 4, 2, 3);
	assert_int_equal(pci_rig_bar(&b->g, SLOT, 0), 0x100000);
	assert_int_equal(pci_rig_load(&b->g, 0x100000, 4), UINT32_MAX);
	wr(b, 0x10, 4, (uint32_t)mem);
	assert_int_equal(pci_rig_load(&b->g, mem, 4), 0x01000000);
	toy_fini(&other);
}

static void bus_mastering_is_told(void **state)
{
	struct bench *b = *state;

	pci_rig_enable(&b->g, SLOT, 6);
	pci_rig_enable(&b->g, SLOT, 6);
	assert_int_equal(b->t.master_changes, 1);
	assert_true(b->t.master);
	wr(b, 4, 1, 2);
	assert_int_equal(b->t.master_changes, 2);
	assert_false(b->t.master);
	wr(b, 5, 1, 0xff); /* the upper byte alone: parity and SERR# and interrupt disable */
	assert_int_equal(rd(b, 4, 2), 0x0502);
	assert_int_equal(b->t.master_changes, 2);
}

/* 6.2.5.1, 6.2.2, table 6-1: "after RST#". */
static void reset_is_power_on(void **state)
{
	struct bench *b = *state;
	uint8_t fresh[PCI_CFG_LEN];
	uint64_t mem = pci_rig_bar(&b->g, SLOT, 0);

	memcpy(fresh, b->t.func.cfg, sizeof(fresh));
	pci_rig_enable(&b->g, SLOT, 7);
	wr(b, 0x10, 4, RIG_MEM + MIB);
	wr(b, 0x3c, 1, 5);
	wr(b, b->t.plain + 3, 1, 5);
	pci_rig_reset(&b->g);
	assert_memory_equal(fresh, b->t.func.cfg, sizeof(fresh));
	assert_int_equal(pci_rig_load(&b->g, RIG_MEM + MIB, 4), UINT32_MAX);
	assert_false(b->t.master);
	assert_false(b->t.last_mapped);
	pci_rig_enable(&b->g, SLOT, 2);
	assert_int_equal(pci_rig_load(&b->g, mem, 4), 0x01000000);
}

/* Extended space of a conventional function: no capability there, and nothing to write. */
static void extended_space_is_empty(void **state)
{
	struct bench *b = *state;

	wr(b, 0x100, 4, UINT32_MAX);
	wr(b, 0xffc, 4, UINT32_MAX);
	assert_int_equal(rd(b, 0x100, 4), 0);
	assert_int_equal(rd(b, 0xffc, 4), 0);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void set_busy(struct bench *b)
{
	unsigned cap = b->t.func.msix.cap;

	wr(b, 0x10, 4, RIG_MEM + MIB);
	wr(b, 0x1c, 4, RIG_HIGH >> 32);
	wr(b, 0x18, 4, RIG_HIGH & UINT32_MAX);
	pci_rig_enable(&b->g, SLOT, 7);
	wr(b, 0x3c, 1, 5);
	wr(b, b->t.plain + 3, 1, 0x5a);
	pci_irq_intx(&b->t.func, true);
	wr(b, cap + 2, 2, 0xc000);
	pci_rig_store(&b->g, pci_rig_bar(&b->g, SLOT, 1) + 16, 4, 0xfee01000);
	pci_rig_store(&b->g, pci_rig_bar(&b->g, SLOT, 1) + 24, 4, 0x4041);
	pci_rig_store(&b->g, pci_rig_bar(&b->g, SLOT, 1) + 28, 4, 0);
	pci_irq_msix(&b->t.func, 1); /* pending: the function is masked */
}

static void survives_a_snapshot(void **state)
{
	struct bench *b = *state;
	struct bench *c;

	setup((void **)&c);
	set_busy(b);
	assert_snapshot_round_trip(&b->t.dev, &c->t.dev);
	assert_int_equal(pci_rig_load(&c->g, RIG_MEM + MIB, 4), 0x01000000);
	assert_int_equal(pci_rig_load(&c->g, RIG_HIGH, 4), 0x02000000);
	assert_true(c->t.master);
	assert_int_equal(rd(c, 0x3c, 1), 5);
	assert_int_equal(rd(c, b->t.plain + 3, 1), 0x5a);
	assert_int_equal(rd(c, 6, 1) & 8, 8); /* the interrupt is asked for */
	assert_false(c->g.intx[SLOT % 4].level);
	wr(c, b->t.func.msix.cap + 2, 2, 0x8000);
	assert_int_equal(c->g.msi.sent_cnt, 1);
	assert_int_equal(c->g.msi.sent[0].data, 0x4041);
	wr(c, b->t.func.msix.cap + 2, 2, 0);
	assert_true(c->g.intx[SLOT % 4].level);
	teardown((void **)&c);
}

static void refuse(struct bench *b, const char *part)
{
	assert_state_refused(&b->t.dev, part);
	b->t.func.mapped = 0;
	pci_rig_reset(&b->g);
}

static void hostile_snapshots_are_refused(void **state)
{
	struct bench *b = *state;
	struct device *d = &b->t.dev;

	state_poke(d, "func.cfg", 0, 0x55);
	refuse(b, "byte 0 of its PCI configuration space is 0x55");
	state_poke(d, "func.cfg", b->t.plain + 1, 0x40); /* a list that bites its tail */
	refuse(b, "read-only");
	state_poke(d, "func.mapped", 0, 1); /* answers, but does not decode */
	refuse(b, "BAR 0 cannot be where the snapshot says");
	state_poke(d, "func.cfg", 4, 2);
	state_poke(d, "func.cfg", 0x13, 0);
	state_poke(d, "func.mapped", 0, 1); /* at 0, over RAM */
	refuse(b, "BAR 0 cannot be");
	state_poke(d, "func.mapped", 0, 0x20); /* no such BAR */
	refuse(b, "BAR 5 cannot be");
	state_poke(d, "func.mapped", 0, 0x80);
	refuse(b, "no more than 6");
	state_poke(d, "func.msix.table", 0, 3); /* reserved address bits */
	refuse(b, "no guest can write");
	state_poke(d, "func.msix.table", 4 * 3, 4); /* of a vector that is not there */
	refuse(b, "no guest can write");
	state_poke(d, "func.msix.pending", 0, 1 << 3);
	refuse(b, "no guest can write");
	state_poke(d, "func.msix.pending", 3, UINT64_C(1) << 63);
	refuse(b, "no guest can write");
	assert_state_accepted(d);
}

/* --- properties ------------------------------------------------------------------------------- */

/* No sequence of writes maps a BAR where none may be, changes a read-only bit, or breaks the list.
 */
static void test_row66_no_write_breaks_an_invariant(void **state)
{
	static const uint32_t spice[] = { 0,          UINT32_MAX, RIG_MEM, RIG_MEM + MIB,
					  0x00100000, 0x1000,     0xcf8,   RIG_HIGH >> 32,
					  0x1fe0,     3,          7,       RIG_ECAM };
	struct bench *b = *state;
	struct storm s = { 0x9e3779b97f4a7c15 };
	const char *why;

	for (unsigned i = 0; i < 30000; i++) {
		uint32_t r = storm_next(&s);
		unsigned size = 1u << (r & 3) % 3, off = (r >> 2 & (r & 0x80000000 ? 0xff : 0x3f));
		uint32_t val = r & 0x40000000 ? storm_next(&s)
					      : spice[(r >> 16 & 0xff) % ARRAY_LEN(spice)];

		wr(b, off & ~(size - 1), size, val);
		if (i % 4 == 0)
			wr(b, 4, 1, 3);
		why = pci_rig_broken(&b->g, &b->t.func);
		if (why)
			fail_msg("write %u: %s", i, why);
	}
	assert_true(b->t.changes > 100);
	pci_rig_reset(&b->g);
	assert_null(pci_rig_broken(&b->g, &b->t.func));
	assert_int_equal(b->t.func.mapped, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(header),
		CASE(test_row66_read_only_bits_stay),
		CASE(test_row66_capability_walk_ends),
		CASE(live_capability),
		CASE(bars_are_sized),
		CASE(decoding_follows_command),
		CASE(bars_move),
		CASE(sizing_while_decoding),
		CASE(test_row66_a_refused_move_rolls_back),
		CASE(bus_mastering_is_told),
		CASE(reset_is_power_on),
		CASE(extended_space_is_empty),
		CASE(survives_a_snapshot),
		CASE(hostile_snapshots_are_refused),
		CASE(test_row66_no_write_breaks_an_invariant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
