/* SPDX-License-Identifier: MIT */
/* fake_guest.c: see fake_guest.h. */
#include "tests/lib/fake_guest.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/endian.h"

void fake_guest_real_mode(struct debug_regs *r, uint16_t cs, uint16_t ip)
{
	*r = (struct debug_regs){ .rip = ip, .rflags = 2, .cr0 = 0x10, .idt_limit = 0x3ff };
	for (unsigned i = 0; i < DBG_SEGS; i++)
		r->seg[i] = (struct debug_segment){ .limit = 0xffff, .access = 0x93 };
	r->seg[DBG_CS].selector = cs;
	r->seg[DBG_CS].base = (uint64_t)cs << 4;
	r->seg[DBG_CS].access = 0x9b;
}

static void long_mode(struct debug_regs *r)
{
	*r = (struct debug_regs){ .rip = 0x1000,
				  .rflags = 0x246,
				  .cr0 = 0x80000011,
				  .cr3 = 0x10000,
				  .cr4 = 0x20,
				  .efer = 0x500 };
	for (unsigned i = 0; i < DBG_SEGS; i++)
		r->seg[i] = (struct debug_segment){ .selector = 0x18,
						    .limit = 0xffffffff,
						    .access = 0xc093 };
	r->seg[DBG_CS].selector = 0x10;
	r->seg[DBG_CS].access = 0xa09b;
	r->gpr[DBG_RSP] = 0x8000;
}

void fake_guest_init(struct fake_guest *f)
{
	memset(f, 0, sizeof(*f));
	fake_debug_init(&f->d);
	f->d.cpus = FAKE_GUEST_CPUS;
	f->d.debug_registers = 4;
	f->d.stops_at_once = false;
	f->d.memory = calloc(1, FAKE_GUEST_RAM);
	assert_non_null(f->d.memory);
	f->d.memory_len = FAKE_GUEST_RAM;
	long_mode(&f->d.regs[0]);
	for (unsigned i = 1; i < FAKE_GUEST_CPUS; i++)
		fake_guest_real_mode(&f->d.regs[i], 0xf000, 0xfff0);
	/* PML4, PDPT, and a page of 2 MiB at each of the first two entries of the PD. */
	fake_guest_put64(f, 0x10000, 0x11003);
	fake_guest_put64(f, 0x11000, 0x12003);
	fake_guest_put64(f, 0x12000, 0x83);
	fake_guest_put64(f, 0x12008, 0x200083);
}

void fake_guest_fini(struct fake_guest *f)
{
	free(f->d.memory);
}

struct debug_stop *fake_guest_stop(struct fake_guest *f, enum debug_stop_why why, unsigned cpu)
{
	struct debug_stop *s = &f->stop[f->stop_cnt++];

	assert_true(f->stop_cnt <= FAKE_GUEST_STOPS);
	*s = (struct debug_stop){ .why = why, .cpu = cpu };
	return s;
}

void fake_guest_run(struct fake_guest *f)
{
	while (!f->d.stands && f->stop_next < f->stop_cnt) {
		struct debug_stop *s = &f->stop[f->stop_next++];

		if (s->why == DBG_STOP_EXIT &&
		    (!f->d.how.stop_at || !f->d.how.stop_at(f->d.how.opaque, s->cpu, &s->rec)))
			continue;
		fake_debug_stop(&f->d, s);
	}
}

void fake_guest_put(struct fake_guest *f, uint64_t gpa, const void *p, size_t len)
{
	assert_true(gpa + len <= FAKE_GUEST_RAM);
	memcpy(f->d.memory + gpa, p, len);
}

void fake_guest_put64(struct fake_guest *f, uint64_t gpa, uint64_t v)
{
	uint8_t b[8];

	put_le64(b, v);
	fake_guest_put(f, gpa, b, sizeof(b));
}
