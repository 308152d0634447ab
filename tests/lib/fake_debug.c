/* SPDX-License-Identifier: MIT */
/* fake_debug.c: see fake_debug.h. */
#include "tests/lib/fake_debug.h"

#include <errno.h>
#include <string.h>

#include "vmm/error.h"

static struct fake_debug *of(struct debug_target *t)
{
	return container_of(t, struct fake_debug, target);
}

static unsigned cpu_cnt(struct debug_target *t)
{
	return of(t)->cpus;
}

static int get_regs(struct debug_target *t, unsigned cpu, struct debug_regs *ret)
{
	if (cpu >= of(t)->cpus || !of(t)->stands)
		abort(); /* nobody may ask that */
	*ret = of(t)->regs[cpu];
	return of(t)->regs_result;
}

static int set_regs(struct debug_target *t, unsigned cpu, const struct debug_regs *r)
{
	if (cpu >= of(t)->cpus || !of(t)->stands)
		abort();
	if (!of(t)->regs_result)
		of(t)->regs[cpu] = *r;
	return of(t)->regs_result;
}

static size_t in_memory(const struct fake_debug *f, gpa_t gpa, size_t len)
{
	return gpa < f->memory_len ? min_u64(len, f->memory_len - gpa) : 0;
}

static size_t read_memory(struct debug_target *t, gpa_t gpa, void *to, size_t len)
{
	size_t n = in_memory(of(t), gpa, len);

	of(t)->reads++;
	if (n)
		memcpy(to, of(t)->memory + gpa, n);
	return n;
}

static size_t write_memory(struct debug_target *t, gpa_t gpa, const void *from, size_t len)
{
	size_t n = in_memory(of(t), gpa, len);

	if (n)
		memcpy(of(t)->memory + gpa, from, n);
	return n;
}

static int set_break(struct debug_target *t, unsigned cpu, const struct debug_break *b,
		     struct error **errp)
{
	struct fake_debug *f = of(t);
	unsigned hardware = 0;

	if (cpu >= f->cpus || !f->stands)
		abort();
	if (f->set_break_result < 0)
		return err_set(errp, -f->set_break_result, "refused");
	for (unsigned i = 0; i < f->breaks; i++)
		if (f->brk[i].addr == b->addr && f->brk[i].kind == b->kind &&
		    f->brk[i].software == b->software)
			return 0;
	for (unsigned i = 0; i < f->breaks; i++)
		hardware += !f->brk[i].software;
	if (f->breaks == FAKE_DEBUG_BREAKS ||
	    (f->debug_registers && !b->software && hardware >= f->debug_registers))
		return err_set(errp, ENOSPC, "the CPU's four debug registers are all in use");
	f->brk[f->breaks++] = *b;
	return 0;
}

static int clear_break(struct debug_target *t, const struct debug_break *b)
{
	struct fake_debug *f = of(t);

	for (unsigned i = 0; i < f->breaks; i++) {
		if (f->brk[i].addr != b->addr || f->brk[i].kind != b->kind ||
		    f->brk[i].software != b->software)
			continue;
		f->brk[i] = f->brk[--f->breaks];
		return 0;
	}
	return -ENOENT;
}

static int resume(struct debug_target *t, const struct debug_run *how)
{
	struct fake_debug *f = of(t);

	if (!f->stands)
		return -EBUSY;
	if (how->step_cpu >= (int)f->cpus)
		abort();
	if (f->resume_result)
		return f->resume_result;
	f->how = *how;
	f->stands = false;
	f->resumes++;
	return 0;
}

static void stop(struct debug_target *t)
{
	struct fake_debug *f = of(t);

	f->stops++;
	if (f->stops_at_once && !f->stands)
		fake_debug_stop(f, &(struct debug_stop){ .why = DBG_STOP_ASKED });
}

static bool stands(struct debug_target *t)
{
	return of(t)->stands;
}

static void kill_guest(struct debug_target *t)
{
	of(t)->kills++;
}

static void detach(struct debug_target *t)
{
	struct fake_debug *f = of(t);

	f->detaches++;
	f->breaks = 0;
	f->stands = false;
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
	.detach = detach,
};

void fake_debug_init(struct fake_debug *f)
{
	memset(f, 0, sizeof(*f));
	f->target.ops = &ops;
	f->memory = f->own;
	f->memory_len = sizeof(f->own);
	f->cpus = FAKE_DEBUG_CPUS;
	f->stands = true;
	f->stops_at_once = true;
	for (unsigned i = 0; i < FAKE_DEBUG_CPUS; i++) {
		struct debug_regs *r = &f->regs[i];

		r->cr0 = DBG_CR0_PE;
		r->efer = DBG_EFER_LMA;
		r->seg[DBG_CS].access = DBG_SEG_L;
		r->rip = 0x1000 + i * 0x100;
		r->gpr[DBG_RSP] = 0x8000;
		r->has_ymm = true;
	}
}

void fake_debug_stop(struct fake_debug *f, const struct debug_stop *why)
{
	f->stands = true;
	if (f->target.stopped)
		f->target.stopped(f->target.opaque, why);
}
