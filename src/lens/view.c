/* SPDX-License-Identifier: MIT */
/* view.c: the part of a recording that somebody wants to see. */
#include "lens/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/summary_impl.h"
#include "vmm/error.h"

void view_begin(struct view *v, const struct trace *t, const struct lens_cut *c)
{
	*v = (struct view){
		.trace = t,
		.cut = *c,
		.lens = { .machine = &t->machine, .symbols = t->symbols },
	};
	v->lens.seen = lens_seen_new(&t->machine);
	(void)!lens_slides_of(t, &v->slides, NULL); /* without: no symbols */
	if (!v->cut.to)
		v->cut.to = UINT64_MAX;
}

void view_end(struct view *v)
{
	v->lens.seen = lens_seen_free(v->lens.seen);
}

uint64_t view_time(const struct view *v, uint64_t t)
{
	return t < v->trace->machine.begin ? 0 : t - v->trace->machine.begin;
}

static int vcpu_of(const struct trace *t, unsigned thread)
{
	return thread < t->thread_cnt ? t->thread[thread].vcpu : -1;
}

/* The next item at all. What the guest selected is known from all exits, shown or not. */
static bool advance(struct view *v, struct trace_item *ret)
{
	if (v->last)
		lens_see(&v->lens, v->last);
	if (!trace_next(v->trace, &v->cursor, ret))
		return false;
	v->last = ret->rec;
	lens_slide_at(&v->slides, ret->rec->t, &v->lens);
	return true;
}

bool view_next(struct view *v, struct trace_item *ret)
{
	while (advance(v, ret)) {
		uint64_t at = view_time(v, ret->rec->t);

		if (at >= v->cut.to)
			return false;
		if (at < v->cut.from)
			continue;
		if (!v->cut.filter || lens_filter_fits(v->cut.filter, &v->lens, ret->rec,
						       vcpu_of(v->trace, ret->thread)))
			return true;
	}
	return false;
}

const char *view_thread(const struct trace *t, unsigned thread, char *buf, size_t len)
{
	if (thread >= t->thread_cnt)
		snprintf(buf, len, "thread %u", thread);
	else if (t->thread[thread].vcpu >= 0)
		snprintf(buf, len, "vCPU %d", t->thread[thread].vcpu);
	else
		snprintf(buf, len, "%.*s", (int)sizeof(t->thread[thread].name),
			 t->thread[thread].name);
	return buf;
}

const char *view_device(const struct trace *t, uint16_t dev)
{
	return dev < t->machine.device_cnt ? t->machine.device[dev].id : "";
}

/* --- summary ---------------------------------------------------------------------------------- */

/* From where the part begins to where it, or the recording, ends. */
static uint64_t part_wall(const struct view *v)
{
	uint64_t cnt = trace_item_cnt(v->trace), end;
	struct trace_item last;

	if (!cnt)
		return 0;
	trace_item(v->trace, cnt - 1, &last);
	end = view_time(v, last.rec->t);
	if (last.rec->kind == TRACE_EXIT)
		end += last.rec->exit.away;
	end = min_u64(end, v->cut.to);
	return end <= v->cut.from ? 0 : (end - v->cut.from) * v->trace->machine.cpu_cnt;
}

struct lens_summary *lens_summarize(const struct trace *t, const struct lens_cut *c)
{
	struct lens_summary *s = lens_summary_new();
	struct trace_item it;
	struct view v;

	if (!s)
		return NULL;
	view_begin(&v, t, c);
	while (view_next(&v, &it)) {
		lens_summary_add(s, &v.lens, it.rec);
		for (unsigned i = 0; i < it.effect_cnt; i++)
			lens_summary_add(s, &v.lens, &it.effects[i]);
	}
	s->whole_exits = t->exit_cnt;
	if (c->from || c->to)
		s->part_wall = part_wall(&v);
	view_end(&v);
	return s;
}

/* Of which part it is, and what there is not. */
static void add_limits(const struct trace *t, const struct lens_cut *c, struct str *to)
{
	if (c->from || c->to || c->filter)
		str_add(to, "This is a part of the recording: what --from, --to and the filter "
			    "left of it.\nTime split and KVM's statistics are the whole run's.\n");
	if (t->cut)
		str_add(to, "The recording is cut: %s.\n", t->cut_why);
}

int lens_print_summary(const struct trace *t, const struct lens_cut *c, unsigned rows,
		       struct str *ret, struct error **errp)
{
	struct lens_summary *s = lens_summarize(t, c);
	const struct lens l = { .machine = &t->machine };

	if (!s)
		return err_errno(errp, ENOMEM, "cannot sum up the recording");
	lens_summary_rows(s, rows);
	lens_summary_print(s, &l, t->cpu_time, t->machine.cpu_cnt, t->stat, t->stat_cnt, t->lost,
			   ret);
	add_limits(t, c, ret);
	lens_summary_free(s);
	return ret->failed ? err_errno(errp, ENOMEM, "cannot sum up the recording") : 0;
}
