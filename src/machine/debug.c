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

#define NONE UINT_MAX

static struct machine_debug *of(struct debug_target *t)
{
	return container_of(t, struct machine_debug, target);
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
		    !debug_code_at(d, d->cpu[i].pc, false))
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
	return debug_code_at(d, pc, true);
}

static int plan(struct machine_debug *d, unsigned cpu)
{
	bool over = d->over_cpu == cpu;
	bool one = d->over_cpu != NONE || d->how.step_cpu >= 0;
	struct vcpu_debug_plan p = {
		.hold = one && !over && (d->over_cpu != NONE || (unsigned)d->how.step_cpu != cpu),
		.step = over || (d->how.step_cpu == (int)cpu && !d->how.go_on),
		.irqs = d->how.irqs && !over,
		.int3 = d->trap == DEBUG_INT3 && debug_any_in_memory(d),
		.is_break = d->trap == DEBUG_IN && debug_any_in_memory(d) ? is_break : NULL,
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
	struct spot *s = debug_code_at(d, d->cpu[cpu].pc, true);

	d->over_cpu = cpu;
	d->lifted = s != NULL;
	if (s)
		debug_lift(d, s);
}

static void end_over(struct machine_debug *d)
{
	struct spot *s =
		d->over_cpu == NONE ? NULL : debug_code_at(d, d->cpu[d->over_cpu].pc, true);

	if (d->lifted && s)
		debug_put_back(d, s);
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
	d->asked = d->leaving = false;
	d->focus = d->last_cpu = stop->cpu;
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
	if (debug_code_at(d, h->pc, true))
		return !(d->lifted && d->over_cpu == cpu && d->cpu[cpu].pc == h->pc);
	return vcpu_debug_get(d->m->cpus, cpu, &r) >= 0 &&
	       debug_translate(&d->target, &r, h->pc, &w) >= 0 && w.mapped &&
	       debug_at_gpa(d, w.gpa);
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
	if (d->trap != DEBUG_INT3)
		return false;
	return vcpu_debug_get(d->m->cpus, cpu, &r) >= 0 &&
	       debug_read(&d->target, &r, h->pc, &byte, 1) == 1 && byte == DEBUG_INT3;
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
		       (debug_code_at(d, s->addr, false) || s->addr != d->cpu[cpu].pc);
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
	struct debug_stop s = { .why = DBG_STOP_ASKED, .cpu = d->focus };
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
	d->leaving = false;
	collect(d);
	finish_over(d);
	if (tell_pending(d))
		return;
	if (d->asked) {
		end_over(d);
		remember_pc(d, d->focus);
		tell(d, &(struct debug_stop){ .why = DBG_STOP_ASKED, .cpu = d->focus });
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
	/* The rest is work()'s: it may have something to tell at once. Nobody runs before it. */
	d->stands = false;
	d->leaving = true;
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
	debug_remove_all(d);
	d->attached = false;
	d->how = (struct debug_run){ .step_cpu = -1 };
	if (plan_all(d) < 0)
		log_msg(LOG_WARN, "debug", "KVM keeps debugging");
	inject_all(d);
	forget(d);
	d->stands = d->asked = d->leaving = false;
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
	.read = debug_read_memory,
	.write = debug_write_memory,
	.set_break = debug_set_break,
	.clear_break = debug_clear_break,
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

	return d && (d->stands || d->leaving || d->asked || vcpu_debug_has_hit(m->cpus));
}

void machine_debug_was_reset(struct machine *m)
{
	struct machine_debug *d = m->debug;

	if (!d)
		return;
	forget(d);
	if (!d->attached)
		return;
	debug_place_again(d);
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
