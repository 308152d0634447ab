/* SPDX-License-Identifier: MIT */
/* devices/pci/host.c: the ways to configuration space, slots, interrupt lines. Sections are of PCI
 * 3.0. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/pci_rig.h"
#include "tests/lib/poke.h"

/* A function with nothing but an identity, or with one BAR. */
struct card {
	struct device dev;
	struct io_region region;
	struct pci_func func;
};

static uint64_t zero_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)r;
	(void)off;
	(void)size;
	return 0;
}

static void no_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)r;
	(void)off;
	(void)size;
	(void)val;
}

static const struct region_ops zero_ops = { 1, 4, zero_read, no_write };
static const struct device_ops card_ops = { .name = "card" };

static void card_init(struct card *c, unsigned device)
{
	const struct pci_ident id = { .vendor = 0x1234, .device = (uint16_t)device, .intx = true };
	char name[16];

	memset(c, 0, sizeof(*c));
	snprintf(name, sizeof(name), "card%u", device);
	c->region = (struct io_region){ .ops = &zero_ops, .name = "registers", .len = 0x100 };
	device_init(&c->dev, &card_ops, name, &c->region, 1);
	pci_func_init(&c->func, &c->dev, NULL, &id);
}

static void plug(struct pci_rig *g, struct card *c, unsigned device, int slot)
{
	struct error *e = NULL;

	card_init(c, device);
	assert_int_equal(pci_bus_attach(g->bus, &c->func, slot, &e), 0);
	assert_no_error(e);
}

static void unplug(struct card *c)
{
	pci_bus_detach(&c->func);
	pci_func_fini(&c->func);
	mutex_destroy(&c->dev.lock);
}

/* --- ways to configuration space -------------------------------------------------------------- */

/* The bridge itself is 00:00.0, class 06 00 (appendix D), no BARs, no capabilities. */
static void host_bridge(void **state)
{
	struct pci_rig g;

	(void)state;
	pci_rig_init(&g, true);
	assert_int_equal(pci_rig_read(&g, 0, 0, 4), 0x00081b36);
	assert_int_equal(pci_rig_read(&g, 0, 8, 4), 0x06000000);
	assert_int_equal(pci_rig_read(&g, 0, 6, 2), 0);
	for (unsigned i = 0x10; i < 0x28; i += 4) {
		pci_rig_write(&g, 0, i, 4, UINT32_MAX);
		assert_int_equal(pci_rig_read(&g, 0, i, 4), 0);
	}
	pci_rig_fini(&g);
}

/* 3.2.2.3.2, configuration mechanism #1: the same registers, byte by byte, through both doors. */
static void both_ways_lead_to_the_same(void **state)
{
	struct pci_rig g;
	struct card c;

	(void)state;
	pci_rig_init(&g, true);
	plug(&g, &c, 0x5678, 7);
	for (unsigned size = 1; size <= 4; size *= 2)
		for (unsigned off = 0; off < 0x100; off += size)
			assert_int_equal(pci_rig_read_cf8(&g, 0, 7 << 3, off, size),
					 pci_rig_read(&g, 7, off, size));
	pci_rig_write_cf8(&g, 0, 7 << 3, 0x3c, 1, 0x0a);
	assert_int_equal(pci_rig_read(&g, 7, 0x3c, 1), 0x0a);
	pci_rig_write(&g, 7, 0x3c, 2, 0xff05);
	assert_int_equal(pci_rig_read_cf8(&g, 0, 7 << 3, 0x3c, 2), 0x0105);
	/* A qword in memory is two dwords. */
	assert_int_equal(pci_rig_load(&g, RIG_ECAM + (7 << 15), 8), 0x56781234);
	unplug(&c);
	pci_rig_fini(&g);
}

/* 3.2.2.3.2: "Anytime a host bridge sees a full DWORD I/O write from the host to CONFIG_ADDRESS,
 * the bridge must latch the data"; anything else is passed on, here to nobody. 6.1: "Host bus to
 * PCI bridges must return a value of all 1's on a read access to ... a device that does not exist".
 */
static void test_row66_odd_accesses_and_missing_functions(void **state)
{
	struct pci_rig g;
	struct card c;

	(void)state;
	pci_rig_init(&g, true);
	plug(&g, &c, 0x5678, 7);
	pci_rig_out(&g, 0xcf8, 4, UINT32_MAX);
	assert_int_equal(pci_rig_in(&g, 0xcf8, 4), 0x80fffffc);
	pci_rig_out(&g, 0xcf8, 4, 0x80003800);
	pci_rig_out(&g, 0xcf8, 1, 0x55);
	pci_rig_out(&g, 0xcf8, 2, 0x5555);
	pci_rig_out(&g, 0xcfb, 1, 1); /* Linux asks so for mechanism 1 */
	pci_rig_out(&g, 0xcf9, 1, 6); /* there is no reset register here */
	assert_int_equal(pci_rig_in(&g, 0xcf8, 4), 0x80003800);
	assert_int_equal(pci_rig_in(&g, 0xcf8, 2), 0xffff);
	assert_int_equal(pci_rig_in(&g, 0xcf9, 1), 0xff);
	assert_int_equal(pci_rig_in(&g, 0xcfc, 4), 0x56781234);
	/* A dword that straddles two registers is cut in two, as the bus does it. */
	assert_int_equal(pci_rig_in(&g, 0xcfd, 2), 0x7812);
	assert_int_equal(pci_rig_load(&g, RIG_ECAM + (7 << 15) + 1, 4), 0x00567812);
	/* Disabled: nobody answers. */
	pci_rig_out(&g, 0xcf8, 4, 0x00003800);
	assert_int_equal(pci_rig_in(&g, 0xcfc, 4), UINT32_MAX);
	pci_rig_out(&g, 0xcfc, 4, 0);
	/* Function 1, bus 1, an empty slot. */
	assert_int_equal(pci_rig_read_cf8(&g, 0, 7 << 3 | 1, 0, 4), UINT32_MAX);
	assert_int_equal(pci_rig_read_cf8(&g, 1, 7 << 3, 0, 2), 0xffff);
	assert_int_equal(pci_rig_read_cf8(&g, 0, 8 << 3, 0, 1), 0xff);
	assert_int_equal(pci_rig_load(&g, RIG_ECAM + (7 << 15 | 7 << 12), 4), UINT32_MAX);
	assert_int_equal(pci_rig_load(&g, RIG_ECAM + (31 << 15), 2), 0xffff);
	pci_rig_write_cf8(&g, 1, 7 << 3, 4, 2, 7);
	pci_rig_write_cf8(&g, 0, 7 << 3 | 1, 4, 2, 7);
	pci_rig_store(&g, RIG_ECAM + (8 << 15) + 4, 4, 7);
	assert_int_equal(pci_rig_read(&g, 7, 4, 2), 0);
	/* One bus is all the memory there is. */
	assert_int_equal(pci_rig_load(&g, RIG_ECAM + PCI_ECAM_LEN, 4), UINT32_MAX);
	unplug(&c);
	pci_rig_fini(&g);
}

/* --- port 0xcf9 ------------------------------------------------------------------------------- */

struct reset_chip {
	struct device dev;
	struct io_region region;
	unsigned writes;
	uint8_t val;
	struct device *host;
	bool host_lock_free;
};

static uint64_t chip_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)off;
	(void)size;
	return container_of(r, struct reset_chip, region)->val;
}

static void chip_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct reset_chip *c = container_of(r, struct reset_chip, region);

	assert_int_equal(off, 0);
	assert_int_equal(size, 1);
	c->val = (uint8_t)val;
	c->writes++;
	c->host_lock_free = pthread_mutex_trylock(&c->host->lock.pthread) == 0;
	if (c->host_lock_free)
		pthread_mutex_unlock(&c->host->lock.pthread);
}

static const struct region_ops chip_ops = { 1, 1, chip_read, chip_write };

/* The board's reset register is the second byte of CONFIG_ADDRESS's dword: each is itself, and the
 * bridge holds no lock while it hands the access on. */
static void reset_register_shares_the_dword(void **state)
{
	struct reset_chip chip = { .region = { .ops = &chip_ops, .dev = &chip.dev, .len = 1 } };
	struct pci_bus_config c = { .id = "pci0", .reset = &chip.region };
	struct error *e = NULL;
	struct pci_bus *b;
	struct device *d;

	(void)state;
	assert_int_equal(pci_bus_create(&c, &b, &e), 0);
	d = chip.host = pci_bus_device(b);
	io_write(d, PCI_HOST_CF8, 0, 4, 0x80000600);
	assert_int_equal(chip.writes, 0);
	io_write(d, PCI_HOST_CF8, 1, 1, 0x06);
	assert_int_equal(chip.writes, 1);
	assert_int_equal(chip.val, 6);
	assert_true(chip.host_lock_free);
	assert_int_equal(io_read(d, PCI_HOST_CF8, 1, 1), 6);
	assert_int_equal(io_read(d, PCI_HOST_CF8, 0, 4), 0x80000600);
	for (unsigned i = 0; i < 4; i++)
		if (i != 1)
			io_write(d, PCI_HOST_CF8, i, 1, 0xff);
	io_write(d, PCI_HOST_CF8, 0, 2, 0xffff);
	assert_int_equal(chip.writes, 1);
	assert_int_equal(io_read(d, PCI_HOST_CF8, 2, 1), 0xff);
	d->ops->destroy(d);
}

/* --- interrupt lines -------------------------------------------------------------------------- */

static unsigned status(struct pci_rig *g, unsigned slot)
{
	return pci_rig_read(g, slot, 6, 2);
}

/* 2.2.6: level sensitive, shared; the line is low only when nobody drives it. Slots take turns. */
static void lines_are_shared(void **state)
{
	static const unsigned slots[] = { 1, 2, 3, 4, 5, 31 };
	struct card c[ARRAY_LEN(slots)];
	struct pci_rig g;

	(void)state;
	pci_rig_init(&g, true);
	for (unsigned i = 0; i < ARRAY_LEN(slots); i++) {
		plug(&g, &c[i], i, (int)slots[i]);
		assert_int_equal(pci_slot_line(slots[i]), slots[i] % 4);
		pci_irq_intx(&c[i].func, true);
		assert_true(g.intx[slots[i] % 4].level);
	}
	assert_int_equal(pci_bus_intx_slots(g.bus),
			 BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(31));
	assert_int_equal(g.intx[1].rises, 1);
	pci_irq_intx(&c[0].func, false);
	assert_true(g.intx[1].level); /* slot 5's */
	pci_irq_intx(&c[4].func, false);
	assert_false(g.intx[1].level);
	pci_irq_intx(&c[4].func, false);
	assert_int_equal(g.intx[1].falls, 1);
	/* One that leaves takes its signal along. */
	unplug(&c[5]);
	assert_true(g.intx[3].level);
	unplug(&c[2]);
	assert_false(g.intx[3].level);
	assert_int_equal(pci_bus_intx_slots(g.bus), BIT(1) | BIT(2) | BIT(4) | BIT(5));
	for (unsigned i = 0; i < ARRAY_LEN(slots); i++)
		if (i != 2 && i != 5)
			unplug(&c[i]);
	pci_rig_fini(&g);
}

/* 6.2.2, Interrupt Disable: "A value of 1 disables the assertion of its INTx# signal"; 6.2.3,
 * Interrupt Status: "Setting the Interrupt Disable bit to a 1 has no effect on the state of this
 * bit". */
static void interrupt_status_and_disable(void **state)
{
	struct pci_rig g;
	struct card c;

	(void)state;
	pci_rig_init(&g, true);
	plug(&g, &c, 1, 2);
	assert_int_equal(status(&g, 2), 0);
	pci_irq_intx(&c.func, true);
	assert_int_equal(status(&g, 2), 8);
	assert_int_equal(pci_rig_read(&g, 2, 6, 1), 8);
	assert_int_equal(pci_rig_read(&g, 2, 7, 1), 0);
	assert_int_equal(pci_rig_read(&g, 2, 4, 4), 0x00080000);
	pci_rig_enable(&g, 2, 0x400);
	assert_false(g.intx[2].level);
	assert_int_equal(status(&g, 2), 8);
	pci_irq_intx(&c.func, false);
	assert_int_equal(status(&g, 2), 0);
	pci_irq_intx(&c.func, true);
	assert_false(g.intx[2].level);
	pci_rig_write(&g, 2, 4, 2, 0);
	assert_true(g.intx[2].level);
	pci_rig_write(&g, 2, 6, 2, 0xffff);
	assert_int_equal(status(&g, 2), 8); /* read-only */
	pci_rig_reset(&g);
	assert_false(g.intx[2].level);
	assert_int_equal(status(&g, 2), 0);
	unplug(&c);
	pci_rig_fini(&g);
}

/* --- slots and places ------------------------------------------------------------------------- */

static void slots_run_out(void **state)
{
	static struct card c[PCI_SLOTS];
	struct error *e = NULL;
	struct pci_rig g;

	(void)state;
	pci_rig_init(&g, true);
	for (unsigned i = 1; i < PCI_SLOTS; i++) {
		plug(&g, &c[i], i, -1);
		assert_int_equal(c[i].func.slot, i);
	}
	card_init(&c[0], 99);
	assert_int_equal(pci_bus_attach(g.bus, &c[0].func, -1, &e), -ENOSPC);
	assert_error(e, "no PCI slot is left for 'card99': there are 31");
	e = NULL;
	assert_int_equal(pci_bus_attach(g.bus, &c[0].func, 5, &e), -EEXIST);
	assert_error(e, "PCI slot 5 is taken by 'card5'; 'card99' cannot have it");
	pci_bus_detach(&c[0].func); /* not attached */
	unplug(&c[5]);
	e = NULL;
	assert_int_equal(pci_bus_attach(g.bus, &c[0].func, -1, &e), 0);
	assert_int_equal(c[0].func.slot, 5);
	for (unsigned i = 0; i < PCI_SLOTS; i++)
		if (i != 5)
			unplug(&c[i]);
	pci_rig_fini(&g);
}

static void plug_bar(struct pci_rig *g, struct card *c, unsigned n, enum pci_bar_kind kind,
		     uint64_t len, int want)
{
	struct error *e = NULL;

	card_init(c, n);
	c->region.len = len;
	pci_func_add_bar(&c->func, 0, kind, &c->region);
	assert_int_equal(pci_bus_attach(g->bus, &c->func, -1, &e), want);
	if (want)
		assert_error(e, "no room on the PCI bus for registers");
}

/* Everything has a place of its own, aligned to its size, and pages are not shared. */
static void bars_have_homes(void **state)
{
	static const struct {
		enum pci_bar_kind kind;
		uint64_t len;
	} bars[] = { { PCI_BAR_MEM32, 16 },       { PCI_BAR_MEM32, MIB },
		     { PCI_BAR_MEM64, 8 * KIB },  { PCI_BAR_IO, 4 },
		     { PCI_BAR_MEM64, 8 * GIB },  { PCI_BAR_IO, 256 },
		     { PCI_BAR_MEM32, 16 * MIB }, { PCI_BAR_IO, 32 },
		     { PCI_BAR_MEM32, 0x1000 },   { PCI_BAR_MEM64, 128 * MIB } };
	struct card c[ARRAY_LEN(bars)], more;
	struct pci_rig g;

	(void)state;
	pci_rig_init(&g, true);
	for (unsigned i = 0; i < ARRAY_LEN(bars); i++)
		plug_bar(&g, &c[i], i, bars[i].kind, bars[i].len, 0);
	for (unsigned i = 0; i < ARRAY_LEN(bars); i++) {
		uint64_t home = pci_rig_bar(&g, i + 1, 0);

		assert_int_equal(home % bars[i].len, 0);
		assert_true(bars[i].kind == PCI_BAR_IO || home % 0x1000 == 0);
		/* Small ones below 4 GiB, where every guest reaches them. */
		assert_int_equal(home >= 4 * GIB, bars[i].len > 64 * MIB);
		pci_rig_enable(&g, i + 1, 3); /* no two in each other's way */
		assert_true(c[i].func.mapped & 1);
	}
	plug_bar(&g, &more, 50, PCI_BAR_MEM32, 64 * MIB, -ENOSPC);
	assert_null(more.func.bus);
	unplug(&more);
	plug_bar(&g, &more, 51, PCI_BAR_MEM32, 32 * MIB, 0); /* nothing was left behind */
	unplug(&more);
	/* What was freed is found again. */
	unplug(&c[1]);
	plug_bar(&g, &c[1], 1, PCI_BAR_MEM32, MIB, 0);
	pci_rig_enable(&g, c[1].func.slot, 3);
	assert_true(c[1].func.mapped & 1);
	for (unsigned i = 0; i < ARRAY_LEN(bars); i++)
		unplug(&c[i]);
	pci_rig_fini(&g);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void bridge_survives_a_snapshot(void **state)
{
	struct pci_rig a, b;

	(void)state;
	pci_rig_init(&a, true);
	pci_rig_init(&b, true);
	pci_rig_out(&a, 0xcf8, 4, 0x80003804);
	pci_rig_write(&a, 0, 4, 2, 0x144);
	pci_rig_write(&a, 0, 0x0c, 1, 16);
	assert_snapshot_round_trip(pci_bus_device(a.bus), pci_bus_device(b.bus));
	assert_int_equal(pci_rig_in(&b, 0xcf8, 4), 0x80003804);
	assert_int_equal(pci_rig_read(&b, 0, 4, 2), 0x144);
	assert_int_equal(pci_rig_read(&b, 0, 0x0c, 1), 16);
	state_poke(pci_bus_device(b.bus), "address", 0, 0x80000001);
	assert_state_refused(pci_bus_device(b.bus), "CONFIG_ADDRESS 0x80000001 is reserved");
	state_poke(pci_bus_device(b.bus), "address", 0, 0);
	state_poke(pci_bus_device(b.bus), "host.cfg", 2, 9);
	assert_state_refused(pci_bus_device(b.bus), "read-only");
	pci_rig_fini(&a);
	pci_rig_fini(&b);
}

/* Interrupt controllers may be loaded after the bus: the lines are driven once more at the start.
 */
static void start_drives_the_lines(void **state)
{
	struct error *e = NULL;
	struct pci_rig g;
	struct card c;

	(void)state;
	pci_rig_init(&g, true);
	plug(&g, &c, 1, 2);
	pci_irq_intx(&c.func, true);
	g.intx[2].level = false; /* the controller has been loaded */
	assert_int_equal(pci_bus_device(g.bus)->ops->start(pci_bus_device(g.bus), &e), 0);
	assert_true(g.intx[2].level);
	unplug(&c);
	pci_rig_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_bridge),
		cmocka_unit_test(both_ways_lead_to_the_same),
		cmocka_unit_test(test_row66_odd_accesses_and_missing_functions),
		cmocka_unit_test(reset_register_shares_the_dword),
		cmocka_unit_test(lines_are_shared),
		cmocka_unit_test(interrupt_status_and_disable),
		cmocka_unit_test(slots_run_out),
		cmocka_unit_test(bars_have_homes),
		cmocka_unit_test(bridge_survives_a_snapshot),
		cmocka_unit_test(start_drives_the_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
