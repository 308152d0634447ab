/* SPDX-License-Identifier: MIT */
/* board.c: fills in the list of what is on the board. */
#include "vmm/board.h"

#include <assert.h>
#include <string.h>

struct board_dev *board_add(struct board *b, const char *name, const char *hid, unsigned uid)
{
	struct board_dev *d = &b->devs[b->dev_cnt];

	assert(b->dev_cnt < BOARD_MAX_DEVS);
	assert(strlen(name) && strlen(name) < sizeof(d->name));
	assert(strcmp(name, "MBRD") != 0 && strcmp(name, "PCI0") != 0);
	for (unsigned i = 0; i < b->dev_cnt; i++)
		assert(strcmp(b->devs[i].name, name) != 0); /* ACPI names are unique */
	b->dev_cnt++;
	*d = (struct board_dev){ .hid = hid, .uid = uid };
	memcpy(d->name, name, strlen(name));
	return d;
}

static void add_res(struct board_dev *d, struct board_res r)
{
	assert(d->res_cnt < BOARD_MAX_RES);
	d->res[d->res_cnt++] = r;
}

void board_pio(struct board_dev *d, uint16_t base, uint16_t len)
{
	assert(len && (uint32_t)base + len <= 0x10000);
	add_res(d, (struct board_res){ .kind = BOARD_RES_PIO, .base = base, .len = len });
}

void board_mmio(struct board_dev *d, gpa_t base, uint64_t len)
{
	assert(len && base + (len - 1) >= base);
	add_res(d, (struct board_res){ .kind = BOARD_RES_MMIO, .base = base, .len = len });
}

void board_irq(struct board_dev *d, unsigned gsi, bool level, bool active_low)
{
	/* An edge has one owner; a level is what several can hold. */
	add_res(d, (struct board_res){ .kind = BOARD_RES_IRQ,
				       .base = gsi,
				       .len = 1,
				       .level = level,
				       .active_low = active_low,
				       .shared = level });
}

void board_isa_irq_flags(const struct board *b, unsigned flags[16])
{
	memset(flags, 0, 16 * sizeof(flags[0]));
	if (b->pm.pm1a_evt && b->pm.sci_gsi < 16)
		flags[b->pm.sci_gsi] = BOARD_INTI_LEVEL | BOARD_INTI_HIGH;
	for (unsigned i = 0; i < b->dev_cnt; i++) {
		for (unsigned j = 0; j < b->devs[i].res_cnt; j++) {
			const struct board_res *r = &b->devs[i].res[j];

			if (r->kind != BOARD_RES_IRQ || r->base >= 16)
				continue;
			if (r->level || r->active_low)
				flags[r->base] = (r->level ? BOARD_INTI_LEVEL : BOARD_INTI_EDGE) |
						 (r->active_low ? BOARD_INTI_LOW : BOARD_INTI_HIGH);
		}
	}
}
