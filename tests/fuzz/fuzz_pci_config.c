/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pci_config.c: a guest that writes what it likes to configuration space and the MSI-X table,
 * while devices raise interrupts (libFuzzer).
 *
 * The input is a program of 8-byte instructions: what, where, how wide, and a value. After each the
 * invariants of pci_rig_broken() must hold; after all, what was saved must load again and save to
 * the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/pci_rig.h"
#include "vmm/endian.h"
#include "vmm/log.h"

#define CARDS 2u

enum { MEM, WIDE, IO, REGIONS };

struct card {
	struct device dev;
	struct io_region region[REGIONS];
	struct pci_func func;
};

static uint64_t card_read(struct io_region *r, uint32_t off, unsigned size)
{
	return (r->index ^ off) & size_mask(size);
}

static void card_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)r;
	(void)off;
	(void)size;
	(void)val;
}

static int card_post_load(void *s, unsigned version, struct error **errp)
{
	(void)version;
	return pci_func_post_load(&((struct card *)s)->func, errp);
}

static void card_pre_save(void *s)
{
	pci_func_pre_save(&((struct card *)s)->func);
}

static const struct region_ops region_ops = { 1, 4, card_read, card_write };
static const struct snap_field fields[] = { PCI_FUNC_SNAP(struct card, func, 1) };
static const struct snap_desc state = { .version = 1,
					.min_version = 1,
					.f = fields,
					.n = ARRAY_LEN(fields),
					.pre_save = card_pre_save,
					.post_load = card_post_load };
static const struct device_ops card_ops = { .name = "card", .state = &state };

/* The last byte of an access that touches the body is always in it. */
static void on_cap(struct pci_func *f, unsigned off, unsigned size)
{
	f->cfg[off + size - 1] ^= 0x5a;
}

static const struct pci_func_ops func_ops = { .cap_read = on_cap, .cap_written = on_cap };
static const struct pci_ident ident = { .vendor = 0x1af4, .device = 0x1042, .intx = true };

static void card_init(struct card *c, struct pci_rig *g)
{
	static const uint8_t body[14] = { 1, 2, 3 }, rw[14] = { 0xff, 0, 0x0f };

	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < REGIONS; i++)
		c->region[i] = (struct io_region){ .ops = &region_ops,
						   .name = "card",
						   .len = i == IO ? 0x40 : 0x1000u << i };
	device_init(&c->dev, &card_ops, "card", c->region, REGIONS);
	pci_func_init(&c->func, &c->dev, &func_ops, &ident);
	pci_func_add_bar(&c->func, 0, PCI_BAR_MEM32, &c->region[MEM]);
	pci_func_add_bar(&c->func, 2, PCI_BAR_MEM64, &c->region[WIDE]);
	pci_func_add_bar(&c->func, 5, PCI_BAR_IO, &c->region[IO]);
	pci_func_add_cap(&c->func, PCI_CAP_VENDOR, body, rw, 16, false);
	pci_func_add_cap(&c->func, PCI_CAP_VENDOR, body, rw, 16, true);
	if (pci_func_add_msix(&c->func, 1, 70, NULL) < 0 ||
	    pci_bus_attach(g->bus, &c->func, -1, NULL) < 0)
		abort();
}

static void card_fini(struct card *c)
{
	pci_bus_detach(&c->func);
	pci_func_fini(&c->func);
	mutex_destroy(&c->dev.lock);
}

struct board {
	struct pci_rig g;
	struct card card[CARDS];
};

static void board_init(struct board *b)
{
	pci_rig_init(&b->g, true);
	for (unsigned i = 0; i < CARDS; i++)
		card_init(&b->card[i], &b->g);
}

static void board_fini(struct board *b)
{
	for (unsigned i = 0; i < CARDS; i++)
		card_fini(&b->card[i]);
	pci_rig_fini(&b->g);
}

static void check(struct board *b)
{
	for (unsigned i = 0; i < CARDS; i++) {
		const char *why = pci_rig_broken(&b->g, &b->card[i].func);

		if (why) {
			fprintf(stderr, "card %u: %s\n", i, why);
			abort();
		}
	}
}

/* Addresses worth trying, as a fuzzer guesses 32 bits one by one. */
static uint32_t spice(const uint8_t *p)
{
	static const uint32_t value[] = { 0,          UINT32_MAX,    (uint32_t)RIG_MEM,
					  RIG_ECAM,   0x00100000,    (uint32_t)RIG_IO,
					  0xfee00000, RIG_HIGH >> 32 };

	return p[1] & 0x80 ? value[p[4] % ARRAY_LEN(value)] + p[5] * 0x1000u : get_le32(p + 4);
}

static void step(struct board *b, const uint8_t *p)
{
	struct pci_rig *g = &b->g;
	struct pci_func *f = &b->card[p[1] & 1].func;
	unsigned size = 1u << (p[1] >> 1 & 3), off = p[2];
	uint32_t val = spice(p);
	uint64_t table = pci_rig_bar(g, f->slot, 1);

	switch (p[0] % 12) {
	case 0:
	case 1:
	case 2:
		pci_rig_store(g, RIG_ECAM + (f->slot << 15) + off, size, val);
		break;
	case 3:
		pci_rig_out(g, 0xcf8, size < 4 ? size : 4, val);
		break;
	case 4:
		pci_rig_write_cf8(g, p[3] & 1, f->slot << 3, off, size < 4 ? size : 4, val);
		break;
	case 5:
		pci_rig_write(g, f->slot, 4, 2, p[4]);
		break;
	case 6:
		pci_rig_store(g, table + off * 8, size, val);
		break;
	case 7:
		pci_rig_load(g, table + off * 16, size);
		break;
	case 8:
		pci_irq_msix(f, off);
		break;
	case 9:
		pci_irq_intx(f, off & 1);
		break;
	case 10:
		pci_irq_msix_fd(f, off);
		pci_rig_write(g, f->slot, f->msix.cap + 2, 2, p[4] << 8);
		break;
	default:
		pci_rig_load(g, RIG_ECAM + (f->slot << 15) + off, size);
		if (off == 0xff)
			pci_rig_reset(g);
		break;
	}
}

static void save(struct card *c, uint8_t **ret, size_t *len)
{
	struct snap_writer *w = snap_writer_new();

	if (!w || snap_save(w, "card", &state, c, NULL) < 0 ||
	    snap_writer_finish(w, ret, len, NULL) < 0)
		abort();
}

/* Into fresh functions, at once: an interrupt of the one does not depend on the other. */
static void check_round_trip(struct board *b)
{
	struct board *again = malloc(sizeof(*again));

	if (!again)
		abort();
	board_init(again);
	for (unsigned i = 0; i < CARDS; i++) {
		uint8_t *buf[2] = { NULL, NULL };
		struct snap_reader *r = NULL;
		size_t len[2] = { 0, 0 };

		save(&b->card[i], &buf[0], &len[0]);
		if (snap_reader_new(buf[0], len[0], &r, NULL) < 0 ||
		    snap_load(r, "card", &state, &again->card[i], NULL) < 0)
			abort();
		snap_reader_free(r);
		save(&again->card[i], &buf[1], &len[1]);
		/* A pending message of an open vector was sent by the load; there is none of these.
		 */
		if (len[0] != len[1] || memcmp(buf[0], buf[1], len[0]) != 0)
			abort();
		free(buf[0]);
		free(buf[1]);
	}
	check(again);
	board_fini(again);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct board *b = malloc(sizeof(*b));

	if (!b)
		return 0;
	log_set_level(LOG_ERR);
	board_init(b);
	for (; len >= 8; data += 8, len -= 8) {
		step(b, data);
		check(b);
	}
	check_round_trip(b);
	board_fini(b);
	free(b);
	return 0;
}
