/* SPDX-License-Identifier: MIT */
/* step_run.c: letting the guest go, and what is said when it stands again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/step.h"
#include "vmm/error.h"

#define REPEAT_MAX 1000000u
#define SHOW_MAX   32u /* exits on the way that are shown, of one stop */

/* --- going ------------------------------------------------------------------------------------ */

/* vCPU threads, after each exit; the breakpoints do not change meanwhile. */
static bool stop_at(void *opaque, unsigned cpu, const struct trace_rec *x)
{
	struct step *s = opaque;
	struct step_break *b = step_break_match(s, cpu, x);

	if (b) {
		struct step_break *none = NULL;

		atomic_compare_exchange_strong(&s->hit, &none, b);
		return true;
	}
	if (s->goal == GOAL_UNTIL)
		return true;
	return s->goal == GOAL_EXITS && atomic_fetch_sub(&s->exits, 1) == 1;
}

int step_resume(struct step *s, struct error **errp)
{
	struct debug_target *t = s->target;
	struct debug_run run = { .step_cpu = s->goal == GOAL_STEPS ? (int)s->in.cpu : -1,
				 .irqs = true,
				 .stop_at = stop_at,
				 .opaque = s };
	int r;

	s->running = true;
	atomic_store(&s->hit, NULL);
	r = t->ops->resume(t, &run);
	if (r < 0) {
		s->running = false;
		return err_errno(errp, -r, "the guest cannot go on");
	}
	return 0;
}

/* Before the first step of a command: what `regs` compares with. */
static int begin(struct step *s, enum step_goal goal, struct error **errp)
{
	struct debug_target *t = s->target;

	s->goal = goal;
	s->in.has_before = t->ops->get_regs(t, s->in.cpu, &s->in.before) == 0;
	inspect_moved(&s->in);
	return step_resume(s, errp);
}

static int how_often(struct step *s, unsigned argc, char *const *argv, uint64_t *ret,
		     struct error **errp)
{
	int r = 0;

	*ret = 1;
	if (argc)
		r = inspect_eval(&s->in, argv[0], ret, errp);
	if (r == 0 && (!*ret || *ret > REPEAT_MAX))
		r = err_set(errp, EINVAL, "%" PRIu64 " times: 1 to %u can be asked for", *ret,
			    REPEAT_MAX);
	return r;
}

int step_do_step(struct step *s, unsigned argc, char *const *argv, const char *rest,
		 struct error **errp)
{
	int r = how_often(s, argc, argv, &s->left, errp);

	(void)rest;
	return r < 0 ? r : begin(s, GOAL_STEPS, errp);
}

int step_do_exit(struct step *s, unsigned argc, char *const *argv, const char *rest,
		 struct error **errp)
{
	uint64_t n;
	int r = how_often(s, argc, argv, &n, errp);

	(void)rest;
	if (r < 0)
		return r;
	atomic_store(&s->exits, n);
	return begin(s, GOAL_EXITS, errp);
}

int step_do_continue(struct step *s, unsigned argc, char *const *argv, const char *rest,
		     struct error **errp)
{
	(void)argc;
	(void)argv;
	(void)rest;
	return begin(s, GOAL_GO, errp);
}

int step_do_until(struct step *s, unsigned argc, char *const *argv, const char *rest,
		  struct error **errp)
{
	uint64_t v;
	int r;

	(void)argc;
	(void)argv;
	if (strlen(rest) >= sizeof(s->until))
		return err_set(errp, EINVAL, "too long an expression");
	r = inspect_eval(&s->in, rest, &v, errp);
	if (r < 0)
		return r;
	if (v) {
		str_add(&s->out, "that is so already\n");
		return 0;
	}
	snprintf(s->until, sizeof(s->until), "%s", rest);
	return begin(s, GOAL_UNTIL, errp);
}

static int run_to(struct step *s, uint64_t addr, struct error **errp)
{
	int r = step_break_once(s, addr, errp);

	if (r == 0)
		r = begin(s, GOAL_GO, errp);
	if (r < 0)
		step_break_drop_once(s);
	return r;
}

int step_do_to(struct step *s, unsigned argc, char *const *argv, const char *rest,
	       struct error **errp)
{
	uint64_t addr;
	int r = inspect_eval(&s->in, rest, &addr, errp);

	(void)argc;
	(void)argv;
	return r < 0 ? r : run_to(s, addr, errp);
}

/* What comes back: after one of these the next instruction is worth waiting for. */
static bool comes_back(const char *text)
{
	static const char *const names[] = { "call", "lcall", "int", "syscall", "rep", "loop" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (!strncmp(text, names[i], strlen(names[i])))
			return true;
	return false;
}

int step_do_next(struct step *s, unsigned argc, char *const *argv, const char *rest,
		 struct error **errp)
{
	struct debug_target *t = s->target;
	struct lens_insn insn = { 0 };
	struct debug_regs r;
	uint8_t code[15];
	size_t have;

	if (t->ops->get_regs(t, s->in.cpu, &r) == 0) {
		have = debug_read(t, &r, debug_pc(&r), code, sizeof(code));
		if (have && lens_disassemble(code, have, r.rip, debug_bits(&r), &insn) &&
		    comes_back(insn.text))
			return run_to(s, debug_pc(&r) + insn.len, errp);
	}
	return step_do_step(s, argc, argv, rest, errp);
}

/* --- standing --------------------------------------------------------------------------------- */

void step_show_next(struct step *s)
{
	char line[] = "dis pc 1";
	struct error *e = NULL;

	if (inspect_line(&s->in, line, &s->out, &e) < 0)
		str_add(&s->out, "=> %s\n", error_msg(e));
	error_free(e);
	inspect_moved(&s->in);
}

static void show_item(struct step *s, const struct tape_item *it)
{
	step_tape_line(&s->lens, it, &s->out);
	if (!s->out.len || s->out.s[s->out.len - 1] != '\n')
		str_add(&s->out, "\n");
	if (it->more)
		str_add(&s->out, "  ... and %u effects more\n", it->more);
}

/* Made by who looks, not by the guest: a step, a stop. */
static bool is_ours(const struct tape_item *it)
{
	return it->rec.exit.reason == TRACE_DEBUG || it->rec.exit.reason == TRACE_INTR;
}

/* Exits of this stop, oldest first: the last @max of them. With 0 they are passed by. */
static void show_exits(struct step *s, unsigned max)
{
	uint64_t fresh = min_u64(s->tape.cnt - s->seen, TAPE_ITEMS);
	const struct tape_item *show[SHOW_MAX];
	unsigned n = 0;

	s->seen = s->tape.cnt;
	for (uint64_t back = 0; back < fresh && n < (max ? max : 1); back++) {
		const struct tape_item *it = step_tape_at(&s->tape, back);

		if (it && !is_ours(it))
			show[n++] = it;
	}
	if (!n)
		return;
	s->last_exit = show[0]->rec;
	s->has_last_exit = true;
	while (max && n)
		show_item(s, show[--n]);
}

/* The exit that stopped it, which others may have followed: other CPUs ran on for a moment. */
static void show_stop_exit(struct step *s, const struct debug_stop *why)
{
	uint64_t fresh = s->tape.cnt - s->seen;
	const struct tape_item *it = NULL;
	struct tape_item *bare;

	s->seen = s->tape.cnt;
	for (uint64_t back = 0; back < fresh && back < TAPE_ITEMS; back++) {
		it = step_tape_at(&s->tape, back);
		if (it && it->cpu == why->cpu && it->rec.num == why->rec.num &&
		    it->rec.exit.reason == why->rec.exit.reason) {
			s->last_exit = it->rec;
			show_item(s, it);
			return;
		}
	}
	/* Its record was lost: as much as is known. */
	bare = calloc(1, sizeof(*bare));
	if (bare) {
		bare->rec = why->rec;
		bare->cpu = why->cpu;
		show_item(s, bare);
	}
	free(bare);
}

static void say_break(struct step *s, const struct step_break *b)
{
	if (b && b->number)
		str_add(&s->out, "breakpoint %u: %s\n", b->number, b->text);
}

static void say_why(struct step *s, const struct debug_stop *why)
{
	if (why->why == DBG_STOP_BREAK || why->why == DBG_STOP_WATCH ||
	    why->why == DBG_STOP_ASKED || why->why == DBG_STOP_RESET)
		show_exits(s, 0);
	switch (why->why) {
	case DBG_STOP_EXIT:
		say_break(s, atomic_load(&s->hit));
		show_stop_exit(s, why);
		break;
	case DBG_STOP_STEP:
		show_exits(s, SHOW_MAX);
		break;
	case DBG_STOP_BREAK:
		say_break(s, step_break_at(s, why));
		break;
	case DBG_STOP_WATCH:
		say_break(s, step_break_at(s, why));
		str_add(&s->out, "the instruction in front accessed %#" PRIx64 "\n", why->addr);
		break;
	case DBG_STOP_ASKED:
		str_add(&s->out, "stopped\n");
		break;
	case DBG_STOP_RESET:
		str_add(&s->out, "the guest was reset and stands at its first instruction\n");
		break;
	case DBG_STOP_ENDED:
		show_exits(s, 1);
		str_add(&s->out, "%s\n", why->text[0] ? why->text : "the guest has ended");
		break;
	}
}

/* Is the command that let it go not done yet? */
static bool goes_on(struct step *s, const struct debug_stop *why)
{
	uint64_t v = 0;

	if (s->goal == GOAL_STEPS && why->why == DBG_STOP_STEP)
		return --s->left > 0;
	if (s->goal == GOAL_UNTIL && why->why == DBG_STOP_EXIT && !atomic_load(&s->hit))
		return inspect_eval(&s->in, s->until, &v, NULL) == 0 && !v;
	return false;
}

/* The kernel may have told where it is. */
static void find_kernel(struct step *s)
{
	if (!s->lens.symbols || s->tape.kernel.kind != TRACE_KERNEL)
		return;
	if (lens_slide(s->lens.symbols, &s->tape.kernel, &s->lens.slide))
		s->lens.slide_known = true;
	s->tape.kernel.kind = 0;
}

/* The CPU that stopped is the one that is looked at from now on. */
static void choose_cpu(struct step *s, const struct debug_stop *why)
{
	struct debug_target *t = s->target;

	if (why->cpu == s->in.cpu || why->cpu >= t->ops->cpu_cnt(t) || why->why == DBG_STOP_ENDED ||
	    why->why == DBG_STOP_ASKED)
		return;
	s->in.cpu = why->cpu;
	s->in.has_before = false;
	str_add(&s->out, "CPU %u:\n", why->cpu);
}

void step_stopped(void *opaque, const struct debug_stop *why)
{
	struct step *s = opaque;
	bool more;

	s->running = false;
	if (s->quit) /* that is why */
		return;
	if (why->why == DBG_STOP_ENDED)
		s->ended = true;
	if (why->why == DBG_STOP_EXIT) { /* expressions may ask about it */
		s->last_exit = why->rec;
		s->has_last_exit = true;
	}
	step_tape_pull(&s->tape);
	find_kernel(s);
	more = goes_on(s, why);
	/* `until` looks at exits without a word; a step shows each instruction. */
	if (!more || s->goal == GOAL_STEPS) {
		s->flush(s->opaque, !more && s->goal != GOAL_STEPS && s->goal != GOAL_EXITS);
		choose_cpu(s, why);
		say_why(s, why);
		if (!s->ended)
			step_show_next(s);
		step_say(s);
	}
	if (more && step_resume(s, NULL) == 0)
		return;
	step_break_drop_once(s);
	if (why->over)
		s->quit = true;
	s->stands(s->opaque);
}

bool step_interrupt(struct step *s)
{
	if (!s->running)
		return false;
	s->target->ops->stop(s->target);
	return true;
}
