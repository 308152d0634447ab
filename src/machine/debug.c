/* SPDX-License-Identifier: MIT */
/*
 * debug.c: a machine as debuggers see it (debug.h).
 *
 * All-stop: a vCPU that hits something keeps it to itself (vcpu_debug.c), stops all and posts
 * work(). That waits until none runs, asks each what it hit, and tells the debugger of one; what
 * others hit at the same time is kept and told when the guest was to go on. A breakpoint that a
 * vCPU stands at is taken out for it alone, and the vCPU steps over it before anything else runs.
 *
 * Everything here runs on the control thread, but on_hit().
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "machine/machine_debug.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* What lies in memory where a software breakpoint is: INT3, or where this KVM keeps that to itself,
 * IN AL,DX. */
#define INT3 0xcc
#define IN   0xec
#define NONE UINT_MAX

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

static size_t read_memory(struct debug_target *t, gpa_t gpa, void *to, size_t len)
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

static size_t write_memory(struct debug_target *t, gpa_t gpa, const void *from, size_t len)
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
static struct spot *code_at(struct machine_debug *d, uint64_t addr, bool memory_only)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		struct spot *s = &d->spot[i];

		if (s->b.kind == DBG_BREAK_CODE && s->b.addr == addr &&
		    (s->in_memory || !memory_only))
			return s;
	}
	return NULL;
}

static struct spot *at_gpa(struct machine_debug *d, gpa_t gpa)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		if (d->spot[i].in_memory && d->spot[i].gpa == gpa)
			return &d->spot[i];
	}
	return NULL;
}

static bool any_in_memory(const struct machine_debug *d)
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
	    read_memory(&d->target, s->gpa, &s->byte, 1) != 1)
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

	d->trap = can.int3 ? INT3 : IN;
	if (s->b.kind == DBG_BREAK_CODE && s->b.software && (can.int3 || can.in) &&
	    place_in_memory(d, cpu, s))
		return true;
	return place_in_register(d, s);
}

/* The byte is the guest's own again, unless it has been overwritten since, by a device or a loader.
 */
static void lift(struct machine_debug *d, struct spot *s)
{
	uint8_t now;

	if (gm_read(d->m->gm, s->gpa, &now, 1) && now == d->trap)
		put_byte(d, s->gpa, s->byte);
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

static int set_break(struct debug_target *t, unsigned cpu, const struct debug_break *b,
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
	if (gone.in_memory && !at_gpa(d, gone.gpa))
		lift(d, &gone);
}

static int clear_break(struct debug_target *t, const struct debug_break *b)
{
	struct machine_debug *d = of(t);
	struct spot *s = find_spot(d, b);

	if (!s)
		return -ENOENT;
	remove_spot(d, s);
	return 0;
}

static void remove_all(struct machine_debug *d)
{
	while (d->spot_cnt)
		remove_spot(d, &d->spot[d->spot_cnt - 1]);
}

/* --- letting go ------------------------------------------------------------------------------- */

static void set_clocks(struct machine_debug *d, bool run)
{
	void (*set)(struct loop *) = run ? loop_resume_clock : loop_pause_clock;

	if (d->clocks_stand == !run)
		return;
	d->clocks_stand = !run;
	set(d->m->io_loop);
	set(d->m->main_loop);
	if (run)
		vcpu_debug_was_paused(d->m->cpus);
}

/* A vCPU whose stop at a breakpoint was told, and that is still there. */
static unsigned standing_at_a_break(struct machine_debug *d)
{
	for (unsigned i = 0; i < d->cpu_cnt; i++) {
		struct debug_regs r;

		if (!d->cpu[i].told || (d->how.step_cpu >= 0 && (unsigned)d->how.step_cpu != i))
			continue;
		d->cpu[i].told = false;
		if (vcpu_debug_get(d->m->cpus, i, &r) < 0 || debug_pc(&r) != d->cpu[i].pc ||
		    !code_at(d, d->cpu[i].pc, false))
			continue;
		return i;
	}
	return NONE;
}

/* Called by vCPUs: nothing of this changes while one runs. */
static bool is_break(void *opaque, unsigned cpu, uint64_t pc)
{
	struct machine_debug *d = opaque;

	if (d->lifted && d->over_cpu == cpu && d->cpu[cpu].pc == pc)
		return false;
	return code_at(d, pc, true);
}

static int plan(struct machine_debug *d, unsigned cpu)
{
	bool over = d->over_cpu == cpu;
	bool one = d->over_cpu != NONE || d->how.step_cpu >= 0;
	struct vcpu_debug_plan p = {
		.hold = one && !over && (d->over_cpu != NONE || (unsigned)d->how.step_cpu != cpu),
		.step = over || (d->how.step_cpu == (int)cpu && !d->how.go_on),
		.irqs = d->how.irqs && !over,
		.int3 = d->trap == INT3 && any_in_memory(d),
		.is_break = d->trap == IN && any_in_memory(d) ? is_break : NULL,
		.break_opaque = d,
		.stop_at = d->how.stop_at,
		.opaque = d->how.opaque,
	};

	for (unsigned i = 0; i < d->spot_cnt; i++) {
		const struct spot *s = &d->spot[i];

		if (s->in_memory ||
		    (over && s->b.kind == DBG_BREAK_CODE && s->b.addr == d->cpu[cpu].pc))
			continue;
		p.reg[s->reg] = &s->b;
	}
	return vcpu_debug_plan(d->m->cpus, cpu, &p);
}

static int plan_all(struct machine_debug *d)
{
	int r = 0;

	for (unsigned i = 0; i < d->cpu_cnt && r >= 0; i++)
		r = plan(d, i);
	return r;
}

/* The INT3 that a vCPU steps over is out while it does. */
static void begin_over(struct machine_debug *d, unsigned cpu)
{
	struct spot *s = code_at(d, d->cpu[cpu].pc, true);

	d->over_cpu = cpu;
	d->lifted = s != NULL;
	if (s)
		lift(d, s);
}

static void end_over(struct machine_debug *d)
{
	struct spot *s = d->over_cpu == NONE ? NULL : code_at(d, d->cpu[d->over_cpu].pc, true);

	if (d->lifted && s)
		put_byte(d, s->gpa, d->trap);
	d->lifted = false;
	d->over_cpu = NONE;
}

static void inject_all(struct machine_debug *d)
{
	for (unsigned i = 0; i < d->cpu_cnt; i++) {
		struct machine_debug_cpu *c = &d->cpu[i];

		if (c->inject && vcpu_debug_inject(d->m->cpus, i, c->inject) < 0)
			log_msg(LOG_WARN, "debug", "an exception of the guest's own is lost");
		c->inject = 0;
	}
}

static int go(struct machine_debug *d)
{
	int r;

	if (d->over_cpu == NONE) {
		unsigned cpu = standing_at_a_break(d);

		if (cpu != NONE)
			begin_over(d, cpu);
	}
	r = plan_all(d);
	if (r < 0) {
		end_over(d);
		return r;
	}
	inject_all(d);
	set_clocks(d, true);
	machine_go_on(d->m);
	return 0;
}

/* --- stopping --------------------------------------------------------------------------------- */

static void tell(struct machine_debug *d, const struct debug_stop *stop)
{
	d->stands = true;
	d->asked = false;
	d->last_cpu = stop->cpu;
	set_clocks(d, false);
	if (d->target.stopped)
		d->target.stopped(d->target.opaque, stop);
}

static void remember_pc(struct machine_debug *d, unsigned cpu)
{
	struct debug_regs r;

	d->cpu[cpu].told = vcpu_debug_get(d->m->cpus, cpu, &r) >= 0;
	if (d->cpu[cpu].told)
		d->cpu[cpu].pc = debug_pc(&r);
}

static bool is_stepping(const struct machine_debug *d, unsigned cpu)
{
	return d->over_cpu == cpu || (d->how.step_cpu == (int)cpu && !d->how.go_on);
}

/* #DB: the debug registers first, as a step that ends at a breakpoint is a stop there. */
static bool explain_db(struct machine_debug *d, unsigned cpu, const struct vcpu_hit *h,
		       struct debug_stop *s)
{
	for (unsigned i = 0; i < d->spot_cnt; i++) {
		const struct debug_break *b = &d->spot[i].b;

		if (d->spot[i].in_memory || !(h->reg & 1u << d->spot[i].reg) ||
		    (b->kind == DBG_BREAK_CODE && b->addr != h->pc))
			continue;
		s->why = b->kind == DBG_BREAK_CODE ? DBG_STOP_BREAK : DBG_STOP_WATCH;
		s->software = b->software;
		s->watch = b->kind;
		s->addr = b->addr;
		return true;
	}
	s->why = DBG_STOP_STEP;
	return h->stepped && is_stepping(d, cpu);
}

/* #BP: ours by where it was met, or by where that lies if it was through another mapping. */
static bool explain_bp(struct machine_debug *d, unsigned cpu, const struct vcpu_hit *h,
		       struct debug_stop *s)
{
	struct debug_regs r;
	struct debug_walk w;

	s->why = DBG_STOP_BREAK;
	s->software = true;
	s->addr = h->pc;
	if (code_at(d, h->pc, true))
		return !(d->lifted && d->over_cpu == cpu && d->cpu[cpu].pc == h->pc);
	return vcpu_debug_get(d->m->cpus, cpu, &r) >= 0 &&
	       debug_translate(&d->target, &r, h->pc, &w) >= 0 && w.mapped && at_gpa(d, w.gpa);
}

/* What a vCPU hit, for the debugger. False: that was the guest's own. */
static bool explain(struct machine_debug *d, unsigned cpu, const struct vcpu_hit *h,
		    struct debug_stop *s)
{
	*s = (struct debug_stop){ .cpu = cpu };
	switch (h->kind) {
	case VCPU_HIT_STEP:
		s->why = DBG_STOP_STEP;
		return true;
	case VCPU_HIT_EXIT:
		s->why = DBG_STOP_EXIT;
		s->rec = h->rec;
		return true;
	default:
		return h->vector == 3 ? explain_bp(d, cpu, h, s) : explain_db(d, cpu, h, s);
	}
}

/* Is there still an INT3 where the vCPU met one, or was it ours and has been taken out since? */
static bool guests_own(struct machine_debug *d, unsigned cpu, const struct vcpu_hit *h)
{
	struct debug_regs r;
	uint8_t byte;

	if (h->vector != 3)
		return true;
	if (d->trap != INT3)
		return false;
	return vcpu_debug_get(d->m->cpus, cpu, &r) >= 0 &&
	       debug_read(&d->target, &r, h->pc, &byte, 1) == 1 && byte == INT3;
}

/* Asks every vCPU what it has hit. */
static void collect(struct machine_debug *d)
{
	for (unsigned i = 0; i < d->cpu_cnt; i++) {
		struct machine_debug_cpu *c = &d->cpu[i];
		struct vcpu_hit h;

		if (!vcpu_debug_hit(d->m->cpus, i, &h))
			continue;
		c->pending = explain(d, i, &h, &c->stop);
		c->inject = !c->pending && h.kind == VCPU_HIT_TRAP && guests_own(d, i, &h)
				    ? h.vector
				    : 0;
	}
}

/* A vCPU that waits at a breakpoint which is no longer there has nothing to tell. */
static bool still_true(struct machine_debug *d, unsigned cpu)
{
	const struct debug_stop *s = &d->cpu[cpu].stop;
	struct debug_regs r;

	switch (s->why) {
	case DBG_STOP_BREAK:
		return vcpu_debug_get(d->m->cpus, cpu, &r) >= 0 && debug_pc(&r) == s->addr &&
		       (code_at(d, s->addr, false) || s->addr != d->cpu[cpu].pc);
	case DBG_STOP_EXIT:
		return d->how.stop_at != NULL;
	default:
		return true;
	}
}

/* The next vCPU that has something to tell, in turn. Those that would not run keep it. */
static unsigned next_pending(struct machine_debug *d)
{
	for (unsigned n = 1; n <= d->cpu_cnt; n++) {
		unsigned i = (d->last_cpu + n) % d->cpu_cnt;
		struct machine_debug_cpu *c = &d->cpu[i];

		if (!c->pending || (d->how.step_cpu >= 0 && (unsigned)d->how.step_cpu != i))
			continue;
		if (still_true(d, i))
			return i;
		c->pending = false;
	}
	return NONE;
}

/* Tells of a stop if there is one. */
static bool tell_pending(struct machine_debug *d)
{
	unsigned cpu = next_pending(d);

	if (cpu == NONE)
		return false;
	end_over(d);
	d->cpu[cpu].pending = false;
	remember_pc(d, cpu);
	tell(d, &d->cpu[cpu].stop);
	return true;
}

static void stop_for_want_of_kvm(struct machine_debug *d, int err)
{
	struct debug_stop s = { .why = DBG_STOP_ASKED, .cpu = d->last_cpu };
	char words[96];

	snprintf(s.text, sizeof(s.text), "KVM cannot go on debugging: %s",
		 strerror_r(-err, words, sizeof(words)));
	tell(d, &s);
}

/* Is the step over a breakpoint done, and was it only that? */
static void finish_over(struct machine_debug *d)
{
	unsigned cpu = d->over_cpu;

	if (cpu == NONE || !d->cpu[cpu].pending || d->cpu[cpu].stop.why != DBG_STOP_STEP)
		return;
	end_over(d);
	d->cpu[cpu].pending = d->how.step_cpu == (int)cpu && !d->how.go_on;
}

/* The vCPUs stand, or will: what is to be told? */
static void work(struct ev_work *w)
{
	struct machine_debug *d = container_of(w, struct machine_debug, work);
	int r;

	if (!d->attached || d->stands || d->m->over)
		return;
	vcpu_set_pause(d->m->cpus);
	/* Then that comes first, and machine_go_on() calls again. */
	if (machine_has_request(d->m))
		return;
	collect(d);
	finish_over(d);
	if (tell_pending(d))
		return;
	if (d->asked) {
		end_over(d);
		remember_pc(d, d->last_cpu);
		tell(d, &(struct debug_stop){ .why = DBG_STOP_ASKED, .cpu = d->last_cpu });
		return;
	}
	r = go(d);
	if (r < 0)
		stop_for_want_of_kvm(d, r);
}

void machine_debug_hit(struct machine *m)
{
	vcpu_set_kick_stop(m->cpus);
	loop_post(m->main_loop, &m->debug->work);
}

/* --- what the debugger calls ------------------------------------------------------------------ */

static unsigned cpu_cnt(struct debug_target *t)
{
	return of(t)->cpu_cnt;
}

static int get_regs(struct debug_target *t, unsigned cpu, struct debug_regs *ret)
{
	struct machine_debug *d = of(t);

	return cpu < d->cpu_cnt ? vcpu_debug_get(d->m->cpus, cpu, ret) : -EINVAL;
}

static int set_regs(struct debug_target *t, unsigned cpu, const struct debug_regs *r)
{
	struct machine_debug *d = of(t);
	int ret;

	if (cpu >= d->cpu_cnt)
		return -EINVAL;
	ret = vcpu_debug_set(d->m->cpus, cpu, r);
	/* Who sends a CPU to a breakpoint wants to go on from there. */
	remember_pc(d, cpu);
	return ret;
}

static int resume(struct debug_target *t, const struct debug_run *how)
{
	struct machine_debug *d = of(t);

	if (!d->stands)
		return -EBUSY;
	if (how->step_cpu >= 0 && (unsigned)how->step_cpu >= d->cpu_cnt)
		return -EINVAL;
	if (d->ended) {
		machine_end(d->m, &d->verdict);
		return 0;
	}
	if (!vcpu_debug_can(d->m->cpus).debug && (how->step_cpu >= 0 || d->spot_cnt))
		return -ENOTSUP;
	d->how = *how;
	d->asked = false;
	/* The rest is work()'s: it may have something to tell at once. */
	d->stands = false;
	loop_post(d->m->main_loop, &d->work);
	return 0;
}

static void stop(struct debug_target *t)
{
	struct machine_debug *d = of(t);

	if (d->stands || d->m->over)
		return;
	d->attached = d->asked = true;
	machine_debug_hit(d->m);
}

static bool stands(struct debug_target *t)
{
	return of(t)->stands;
}

static void kill_guest(struct debug_target *t)
{
	struct machine_debug *d = of(t);

	if (d->ended)
		machine_end(d->m, &d->verdict);
	else
		machine_request(d->m, &(struct request){ .kind = REQ_QUIT });
}

/* Forgets what vCPUs have hit. */
static void forget(struct machine_debug *d)
{
	struct vcpu_hit h;

	for (unsigned i = 0; i < d->cpu_cnt; i++) {
		vcpu_debug_hit(d->m->cpus, i, &h);
		d->cpu[i] = (struct machine_debug_cpu){ 0 };
	}
	d->over_cpu = NONE;
	d->lifted = false;
}

static void detach(struct debug_target *t)
{
	struct machine_debug *d = of(t);

	if (!d->attached || d->m->over)
		return;
	vcpu_set_pause(d->m->cpus);
	collect(d); /* a guest's own breakpoint is not to be lost */
	end_over(d);
	remove_all(d);
	d->attached = false;
	d->how = (struct debug_run){ .step_cpu = -1 };
	if (plan_all(d) < 0)
		log_msg(LOG_WARN, "debug", "KVM keeps debugging");
	inject_all(d);
	forget(d);
	d->stands = d->asked = false;
	set_clocks(d, true);
	if (d->ended)
		machine_end(d->m, &d->verdict);
	else
		machine_go_on(d->m);
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

/* --- what the machine calls ------------------------------------------------------------------- */

bool machine_debug_holds(const struct machine *m)
{
	const struct machine_debug *d = m->debug;

	return d && (d->stands || vcpu_debug_has_hit(m->cpus) || d->asked);
}

/* Memory is new: what lay in it lies in it again, or serves from a register. */
static void place_again(struct machine_debug *d)
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

void machine_debug_was_reset(struct machine *m)
{
	struct machine_debug *d = m->debug;

	if (!d)
		return;
	forget(d);
	if (!d->attached)
		return;
	place_again(d);
	remember_pc(d, 0);
	tell(d, &(struct debug_stop){ .why = DBG_STOP_RESET });
}

/* Of these nothing can be learned by looking, or the user did not ask for a look. */
static bool is_worth_a_look(const struct verdict *v)
{
	switch (v->kind) {
	case VERDICT_TIMEOUT:
	case VERDICT_SIGNAL:
	case VERDICT_USER_QUIT:
	case VERDICT_VMM_ERROR:
		return false;
	default:
		return true;
	}
}

bool machine_debug_ended(struct machine *m, unsigned cpu, struct verdict *v)
{
	struct machine_debug *d = m->debug;
	struct debug_stop s = { .why = DBG_STOP_ENDED };

	if (!d || !d->attached)
		return false;
	if (d->ended) { /* the first one stands */
		*v = d->verdict;
		return false;
	}
	forget(d);
	s.cpu = cpu < d->cpu_cnt ? cpu : 0;
	s.over = !is_worth_a_look(v);
	s.status = verdict_exit_status(v);
	s.crashed = v->kind == VERDICT_CRASH || v->kind == VERDICT_PANIC;
	verdict_describe(v, s.text, sizeof(s.text));
	d->ended = true;
	d->verdict = *v;
	tell(d, &s);
	return !s.over;
}

void machine_debug_failed(struct machine *m, const char *text)
{
	struct machine_debug *d = m->debug;
	struct debug_stop s = { .why = DBG_STOP_ENDED, .over = true, .status = 1, .crashed = true };

	if (!d || !d->attached || d->ended)
		return;
	d->ended = true;
	snprintf(s.text, sizeof(s.text), "%s", text);
	tell(d, &s);
}

bool machine_debug_interrupt(struct machine *m)
{
	struct machine_debug *d = m->debug;

	return d && d->target.interrupt && d->target.interrupt(d->target.opaque);
}

int machine_debug(struct machine *m, bool stands, struct debug_target **ret, struct error **errp)
{
	unsigned cnt = m->config->cpu.count;
	struct machine_debug *d;

	if (m->debug)
		return err_set(errp, EBUSY, "one debugger at a time: gdb, or the step prompt");
	d = calloc(1, sizeof(*d) + cnt * sizeof(d->cpu[0]));
	if (!d)
		return err_set(errp, ENOMEM, "cannot allocate what a debugger needs");
	d->m = m;
	d->cpu_cnt = cnt;
	d->last_cpu = cnt - 1;
	d->over_cpu = NONE;
	d->how.step_cpu = -1;
	d->work.cb = work;
	d->target = (struct debug_target){ .ops = &ops, .machine = m };
	m->debug = d;
	d->attached = d->stands = stands;
	if (stands)
		set_clocks(d, false);
	*ret = &d->target;
	return 0;
}
