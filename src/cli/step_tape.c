/* SPDX-License-Identifier: MIT */
/*
 * step_tape.c: the last exits, each with what came of it. A vCPU writes an exit's record behind
 * those of its effects (trace.h), so effects are collected until their exit comes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/step.h"
#include "vmm/error.h"

int step_tape_init(struct step_tape *t, struct error **errp)
{
	t->item = calloc(TAPE_ITEMS, sizeof(*t->item));
	t->open = calloc(TAPE_CPUS, sizeof(*t->open));
	t->code = calloc(TAPE_CODES, sizeof(*t->code));
	if (t->item && t->open && t->code)
		return 0;
	step_tape_free(t);
	return err_errno(errp, ENOMEM, "cannot keep what the guest does");
}

void step_tape_free(struct step_tape *t)
{
	free(t->item);
	free(t->open);
	free(t->code);
	*t = (struct step_tape){ 0 };
}

static struct trace_rec *code_slot(struct step_tape *t, uint64_t rip)
{
	return &t->code[(rip * UINT64_C(0x9e3779b97f4a7c15)) >> 54 & (TAPE_CODES - 1)];
}

/* What happened before the exit began is no effect of it. */
static void drop_earlier(struct tape_item *it, uint64_t begin)
{
	unsigned n = 0;

	while (n < it->effect_cnt && it->effect[n].t < begin)
		n++;
	it->effect_cnt -= n;
	memmove(it->effect, it->effect + n, it->effect_cnt * sizeof(it->effect[0]));
}

static void finish(struct step_tape *t, struct tape_item *open, unsigned cpu,
		   const struct trace_rec *x)
{
	const struct trace_rec *code = code_slot(t, x->exit.rip);

	drop_earlier(open, x->t);
	open->rec = *x;
	open->cpu = cpu;
	open->has_code = code->kind == TRACE_CODE && code->code.rip == x->exit.rip;
	if (open->has_code)
		open->code = *code;
	t->item[t->cnt++ % TAPE_ITEMS] = *open;
	open->effect_cnt = open->more = 0;
}

void step_tape_add(struct step_tape *t, unsigned cpu, const struct trace_rec *r)
{
	struct tape_item *open;

	if (cpu >= TAPE_CPUS)
		return;
	open = &t->open[cpu];
	switch (r->kind) {
	case TRACE_EXIT:
		finish(t, open, cpu, r);
		break;
	case TRACE_CODE:
		*code_slot(t, r->code.rip) = *r;
		break;
	case TRACE_KERNEL:
		t->kernel = *r;
		break;
	case TRACE_EVENT:
	case TRACE_FIELD:
		if (open->effect_cnt < TAPE_EFFECTS)
			open->effect[open->effect_cnt++] = *r;
		else
			open->more++;
		break;
	default:
		break;
	}
}

void step_tape_pull(struct step_tape *t)
{
	struct trace_rec buf[128];
	uint64_t lost = 0;
	unsigned n;

	for (unsigned i = 0; i < trace_thread_cnt(); i++) {
		struct trace_thread info;

		trace_thread_info(i, &info);
		lost += info.lost;
		while ((n = trace_take(i, buf, ARRAY_LEN(buf))) > 0) {
			for (unsigned j = 0; j < n; j++) {
				/* Only vCPUs have exits; the others' events belong to none. */
				if (info.vcpu >= 0)
					step_tape_add(t, (unsigned)info.vcpu, &buf[j]);
			}
		}
	}
	t->lost = lost;
}

const struct tape_item *step_tape_at(const struct step_tape *t, uint64_t back)
{
	if (back >= t->cnt || back >= TAPE_ITEMS)
		return NULL;
	return &t->item[(t->cnt - 1 - back) % TAPE_ITEMS];
}

void step_tape_line(const struct lens *l, const struct tape_item *it, struct str *out)
{
	struct trace_thread info = { .vcpu = (int)it->cpu };
	struct trace_item item = { .thread = it->cpu,
				   .rec = &it->rec,
				   .effects = it->effect,
				   .effect_cnt = it->effect_cnt,
				   .code = it->has_code ? &it->code : NULL };

	snprintf(info.name, sizeof(info.name), "vcpu%u", it->cpu);
	lens_line(l, &item, &info, out);
}
