/* SPDX-License-Identifier: MIT */
/* e820.c: the board's memory map in the form of INT 15h E820 (ACPI 6.4, 15.1). */
#include "boot/impl.h"
#include "vmm/board.h"
#include "vmm/endian.h"

_Static_assert(BOARD_RAM == 1 && BOARD_RESERVED == 2 && BOARD_ACPI == 3 && BOARD_NVS == 4,
	       "board ranges carry E820 types");

unsigned e820_fill(const struct board *b, uint8_t *p, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->range_cnt && n < max; i++) {
		const struct board_range *r = &b->ranges[i];

		if (!r->len)
			continue;
		put_le64(p, r->base);
		put_le64(p + 8, r->len);
		put_le32(p + 16, r->kind);
		p += E820_ENTRY;
		n++;
	}
	return n;
}
