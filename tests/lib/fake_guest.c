/* SPDX-License-Identifier: MIT */
#include "tests/lib/fake_guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/endian.h"

static struct fake_guest *of(struct debug_target *t)
{
	return container_of(t, struct fake_guest, target);
}

static unsigned cpu_cnt(struct debug_target *t)
{
	return of(t)->cpus;
}

static int get_regs(struct debug_target *t, unsigned cpu, struct debug_regs *ret)
{
	assert_true(cpu < of(t)->cpus);
	assert_false(of(t)->runs);
	*ret = of(t)->regs[cpu];
	return of(t)->regs_error;
}

static int set_regs(struct debug_target *t, unsigned cpu, const struct debug_regs *r)
{
	assert_true(cpu < of(t)->cpus);
	if (!of(t)->regs_error)
		of(t)->regs[cpu] = *r;
	return of(t)->regs_error;
}

static size_t part(gpa_t gpa, size_t len)
{
	if (gpa >= FAKE_GUEST_RAM)
		return 0;
	return (size_t)min_u64(len, FAKE_GUEST_RAM - gpa);
}

static size_t read_memory(struct debug_target *t, gpa_t gpa, void *to, size_t len)
{
	size_t n = part(gpa, len);

	if (n)
		memcpy(to, of(t)->ram + gpa, n);
	return n;
}

static size_t write_memory(struct debug_target *t, gpa_t gpa, const void *from, size_t len)
{
	size_t n = part(gpa, len);

	if (n)
		memcpy(of(t)->ram + gpa, from, n);
	return n;
}

static int set_break(struct debug_target *t, unsigned cpu, const struct debug_break *b,
		     struct error **errp)
{
	struct fake_guest *f = of(t);
	unsigned hardware = 0;

	(void)cpu;
	for (unsigned i = 0; i < f->brk_cnt; i++)
		if (f->brk[i].addr == b->addr && f->brk[i].kind == b->kind &&
		    f->brk[i].software == b->software)
			return 0;
	for (unsigned i = 0; i < f->brk_cnt; i++)
		hardware += !f->brk[i].software;
	if ((hardware >= 4 && !b->software) || f->brk_cnt == FAKE_GUEST_BREAKS)
		return err_set(errp, ENOSPC, "the CPU's four debug registers are all in use");
	f->brk[f->brk_cnt++] = *b;
	return 0;
}

static int clear_break(struct debug_target *t, const struct debug_break *b)
{
	struct fake_guest *f = of(t);

	for (unsigned i = 0; i < f->brk_cnt; i++) {
		if (f->brk[i].addr != b->addr || f->brk[i].kind != b->kind ||
		    f->brk[i].software != b->software)
			continue;
		f->brk[i] = f->brk[--f->brk_cnt];
		return 0;
	}
	return -ENOENT;
}

static int resume(struct debug_target *t, const struct debug_run *how)
{
	struct fake_guest *f = of(t);

	assert_false(f->runs);
	if (f->resume_error)
		return f->resume_error;
	f->runs = true;
	f->how = *how;
	f->resumes++;
	return 0;
}

static void stop(struct debug_target *t)
{
	of(t)->stops++;
}

static bool stands(struct debug_target *t)
{
	return !of(t)->runs;
}

static void kill_guest(struct debug_target *t)
{
	of(t)->kills++;
}

static const struct debug_target_ops ops = {
	.cpu_cnt = cpu_cnt,
	.get_regs = get_regs,
	.set_regs = set_regs,
	.read = read_memory,
	.write = write_memory,
	.set_break = set_break,
	.clear_break = clear_break,
	.resume = resume,
	.stop = stop,
	.stands = stands,
	.kill = kill_guest,
};

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
	*f = (struct fake_guest){ .target.ops = &ops, .cpus = FAKE_GUEST_CPUS };
	f->ram = calloc(1, FAKE_GUEST_RAM);
	assert_non_null(f->ram);
	long_mode(&f->regs[0]);
	for (unsigned i = 1; i < FAKE_GUEST_CPUS; i++)
		fake_guest_real_mode(&f->regs[i], 0xf000, 0xfff0);
	/* PML4, PDPT, and a page of 2 MiB at each of the first two entries of the PD. */
	fake_guest_put64(f, 0x10000, 0x11003);
	fake_guest_put64(f, 0x11000, 0x12003);
	fake_guest_put64(f, 0x12000, 0x83);
	fake_guest_put64(f, 0x12008, 0x200083);
}

void fake_guest_fini(struct fake_guest *f)
{
	free(f->ram);
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
	while (f->runs && f->stop_next < f->stop_cnt) {
		struct debug_stop *s = &f->stop[f->stop_next++];

		if (s->why == DBG_STOP_EXIT &&
		    (!f->how.stop_at || !f->how.stop_at(f->how.opaque, s->cpu, &s->rec)))
			continue;
		f->runs = false;
		f->target.stopped(f->target.opaque, s);
	}
}

void fake_guest_put(struct fake_guest *f, uint64_t gpa, const void *p, size_t len)
{
	assert_true(gpa + len <= FAKE_GUEST_RAM);
	memcpy(f->ram + gpa, p, len);
}

void fake_guest_put64(struct fake_guest *f, uint64_t gpa, uint64_t v)
{
	uint8_t b[8];

	put_le64(b, v);
	fake_guest_put(f, gpa, b, sizeof(b));
}
