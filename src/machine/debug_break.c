/* SPDX-License-Identifier: MIT */
/*
 * debug_break.c: breakpoints of a machine that is debugged: what they are made of, and memory as it
 * would be without them. The control thread's, with every vCPU stopped; debug_code_at() is a vCPU's
 * as well, as nothing of this changes while one runs.
 */
#include <errno.h>

#include "machine/machine_debug.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

static struct machine_debug *of(struct debug_target *t)
{
	return container_of(t, struct machine_debug, target);
}

/* --- memory, as if there were no breakpoints -------------------------------------------------- */

/* gm_read() is all or nothing: what lies in front of the hole is found page by page. */
static size_t raw_read(struct machine *m, gpa_t gpa, void *to, size_t len)
{
	size_t done = 0;

	if (gm_read(m->gm, gpa, to, len))
		return len;
	while (done < len) {
		size_t n = min_u64(len - done, 4096 - ((gpa + done) & 4095));

		if (!gm_read(m->gm, gpa + done, (uint8_t *)to + done, n))
			break;
		done += n;
	}
	return done;
}

static size_t raw_write(struct machine *m, gpa_t gpa, const void *from, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = min_u64(len - done, 4096 - ((gpa + done) & 4095));

		if (!gm_write(m->gm, gpa + done, (const uint8_t *)from + done, n))
			break;
		done += n;
	}
	return done;
}

size_t debug_read_memory(struct debug_target *t, gpa_t gpa, void *to, size_t len)
{
	struct machine_debug *d = of(t);
	size_t got = raw_read(d->m, gpa, to, len);

	for (unsigned i = 0; i < d->spot_cnt; i++) {
		const struct spot *s = &d->spot[i];

		if (s->in_memory && s->gpa - gpa < got && ((uint8_t *)to)[s->gpa - gpa] == d->trap)
			((uint8_t *)to)[s->gpa - gpa] = s->byte;
	}
	return got;
}

static void put_byte(struct machine_debug *d, gpa_t gpa, uint8_t byte)
{
	if (!gm_write(d->m->gm, gpa, &byte, 1))
		log_msg(LOG_DBG, "debug", "no breakpoint can be written at %#llx",
			(unsigned long long)gpa);
}

size_t debug_write_memory(struct debug_target *t, gpa_t gpa, const void *from, size_t len)
{
	struct machine_debug *d = of(t);
	size_t done = raw_write(d->m, gpa, from, len);

	for (unsigned i = 0; i < d->spot_cnt; i++) {
		struct spot *s = &d->spot[i];

		if (!s->in_memory || s->gpa - gpa >= done)
			continue;
		s->byte = ((const uint8_t *)from)[s->gpa - gpa];
		put_byte(d, s->gpa, d->trap);
	}
	return done;
}

/* --- breakpoints ------------------------------------------------------------------------------ */

static bool same_break(const struct debug_break *a, const struct debug_break *b)
{
	return a->kind == b->kind && a->addr == b->addr && a->software == b->software &&
	       (a->kind == DBG_BREAK_CODE || a->len == b->len);
}

static struct spot *find_spot(struct machine_debug *d, const struct debug_break *b)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		if (same_break(&d->spot[i].b, b))
			return &d->spot[i];
	}
	return NULL;
}

/* The breakpoint on code at @addr; with @memory_only an INT3. */
struct spot *debug_code_at(struct machine_debug *d, uint64_t addr, bool memory_only)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		struct spot *s = &d->spot[i];

		if (s->b.kind == DBG_BREAK_CODE && s->b.addr == addr &&
		    (s->in_memory || !memory_only))
			return s;
	}
	return NULL;
}

struct spot *debug_at_gpa(struct machine_debug *d, gpa_t gpa)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		if (d->spot[i].in_memory && d->spot[i].gpa == gpa)
			return &d->spot[i];
	}
	return NULL;
}

bool debug_any_in_memory(const struct machine_debug *d)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		if (d->spot[i].in_memory)
			return true;
	}
	return false;
}

/* A kernel's code is where the loader put it before there are page tables that say so. */
static bool locate(struct machine_debug *d, unsigned cpu, uint64_t linear, gpa_t *ret)
{
	struct debug_regs r;
	struct debug_walk w;

	if (vcpu_debug_get(d->m->cpus, cpu, &r) < 0 ||
	    debug_translate(&d->target, &r, linear, &w) < 0 || !w.mapped)
		return boot_linked_at(d->m->boot, linear, ret);
	*ret = w.gpa;
	return true;
}

/* An INT3 into memory, if there is memory at the address. */
static bool place_in_memory(struct machine_debug *d, unsigned cpu, struct spot *s)
{
	if (!locate(d, cpu, s->b.addr, &s->gpa) ||
	    debug_read_memory(&d->target, s->gpa, &s->byte, 1) != 1)
		return false;
	s->in_memory = gm_write(d->m->gm, s->gpa, &d->trap, 1);
	return s->in_memory;
}

static bool place_in_register(struct machine_debug *d, struct spot *s)
{
	if (s->b.kind == DBG_BREAK_CODE && !vcpu_debug_can(d->m->cpus).code)
		return false;
	for (unsigned i = 0; i < DBG_DEBUG_REGS; i++) {
		bool taken = false;

		for (unsigned j = 0; j < d->spot_cnt; j++)
			taken |= d->spot[j].reg == i;
		if (taken)
			continue;
		s->reg = i;
		return true;
	}
	return false;
}

static bool place(struct machine_debug *d, unsigned cpu, struct spot *s)
{
	struct vcpu_debug_can can = vcpu_debug_can(d->m->cpus);

	d->trap = can.int3 ? DEBUG_INT3 : DEBUG_IN;
	if (s->b.kind == DBG_BREAK_CODE && s->b.software && (can.int3 || can.in) &&
	    place_in_memory(d, cpu, s))
		return true;
	return place_in_register(d, s);
}

/* The byte is the guest's own again, unless it has been overwritten since, by a device or a loader.
 */
void debug_lift(struct machine_debug *d, const struct spot *s)
{
	uint8_t now;

	if (gm_read(d->m->gm, s->gpa, &now, 1) && now == d->trap)
		put_byte(d, s->gpa, s->byte);
}

void debug_put_back(struct machine_debug *d, const struct spot *s)
{
	put_byte(d, s->gpa, d->trap);
}

static int check_break(const struct machine_debug *d, const struct debug_break *b,
		       struct error **errp)
{
	struct vcpu_debug_can can = vcpu_debug_can(d->m->cpus);

	if (!can.debug)
		return err_set(errp, ENOTSUP, "this host's KVM has no breakpoints");
	if (b->kind == DBG_BREAK_CODE && (b->software || can.code))
		return 0;
	if (b->kind == DBG_BREAK_CODE)
		return err_set(errp, ENOTSUP,
			       "this host's KVM does not tell of hardware breakpoints: they would "
			       "never be hit; software breakpoints are");
	if (b->kind != DBG_WATCH_WRITE && b->kind != DBG_WATCH_ACCESS)
		return err_set(errp, EINVAL, "the CPU has no such watchpoint");
	if (b->len != 1 && b->len != 2 && b->len != 4 && b->len != 8)
		return err_set(errp, EINVAL, "a watchpoint is 1, 2, 4 or 8 bytes long, not %u",
			       b->len);
	if (b->addr & (b->len - 1))
		return err_set(errp, EINVAL,
			       "a watchpoint of %u bytes lies at a multiple of them, "
			       "which %#llx is not",
			       b->len, (unsigned long long)b->addr);
	if (!can.watch)
		return err_set(errp, ENOTSUP,
			       "this host's KVM does not tell of watchpoints: they would never be "
			       "hit");
	return 0;
}

static int no_place(const struct machine_debug *d, const struct debug_break *b, struct error **errp)
{
	struct vcpu_debug_can can = vcpu_debug_can(d->m->cpus);

	if (!b->software || b->kind != DBG_BREAK_CODE)
		return err_set(errp, ENOSPC, "the CPU's four debug registers are all in use");
	if (!can.code)
		return err_set(errp, EFAULT,
			       "there is no memory at that address yet, and this host's KVM does "
			       "not tell of hardware breakpoints");
	return err_set(errp, ENOSPC,
		       "there is no memory at that address yet, and the CPU's four debug registers "
		       "are all in use");
}

int debug_set_break(struct debug_target *t, unsigned cpu, const struct debug_break *b,
		    struct error **errp)
{
	struct machine_debug *d = of(t);
	struct spot s = { .b = *b, .reg = DBG_DEBUG_REGS };
	int r = check_break(d, b, errp);

	if (r < 0)
		return r;
	if (cpu >= d->cpu_cnt)
		return err_set(errp, EINVAL, "there is no CPU %u", cpu);
	if (find_spot(d, b))
		return 0;
	if (d->spot_cnt == SPOTS_MAX)
		return err_set(errp, ENOSPC, "there are %u breakpoints already", SPOTS_MAX);
	if (!place(d, cpu, &s))
		return no_place(d, b, errp);
	d->spot[d->spot_cnt++] = s;
	return 0;
}

static void remove_spot(struct machine_debug *d, struct spot *s)
{
	struct spot gone = *s;

	*s = d->spot[--d->spot_cnt];
	if (gone.in_memory && !debug_at_gpa(d, gone.gpa))
		debug_lift(d, &gone);
}

int debug_clear_break(struct debug_target *t, const struct debug_break *b)
{
	struct machine_debug *d = of(t);
	struct spot *s = find_spot(d, b);

	if (!s)
		return -ENOENT;
	remove_spot(d, s);
	return 0;
}

void debug_remove_all(struct machine_debug *d)
{
	while (d->spot_cnt)
		remove_spot(d, &d->spot[d->spot_cnt - 1]);
}

void debug_place_again(struct machine_debug *d)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		if (!d->spot[i].in_memory)
			continue;
		d->spot[i].in_memory = false;
		d->spot[i].reg = DBG_DEBUG_REGS;
	}
	for (unsigned i = d->spot_cnt; i--;) {
		struct spot *s = &d->spot[i];

		if (s->in_memory || s->reg != DBG_DEBUG_REGS || place(d, 0, s))
			continue;
		log_msg(LOG_WARN, "debug",
			"the breakpoint at %#llx is gone: there is no memory at it after the reset",
			(unsigned long long)s->b.addr);
		*s = d->spot[--d->spot_cnt];
	}
}
