/* SPDX-License-Identifier: MIT */
/*
 * trace_feed.c: from rings to sinks.
 *
 * A ring's records are in its thread's order, and what came of an exit stands in front of it
 * (trace.h). So records wait here until the exit they belong to is there; then it and they are one
 * item, which fits the filter or does not. Items of all threads are handed on in the order of time,
 * as far as they have come: one that began early and is not over is late.
 */
#include <errno.h>
#include <string.h>

#include "machine/tracer.h"
#include "vmm/error.h"

#define FEED_MAX  8192u
#define FEED_FULL (FEED_MAX / 2) /* an exit that is not over by then is not waited for */

/* --- threads ---------------------------------------------------------------------------------- */

static struct trace_feed *feed_of(struct tracer *t, unsigned thread)
{
	struct trace_feed *f = t->feed[thread];

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->rec = calloc(FEED_MAX, sizeof(*f->rec));
	if (!f->rec) {
		free(f);
		return NULL;
	}
	trace_thread_info(thread, &f->thread);
	/* Without, lines lack instructions. */
	if (f->thread.vcpu >= 0 && t->sinks.lines)
		f->code = calloc(TRACE_CODE_SLOTS, sizeof(*f->code));
	t->feed[thread] = f;
	return f;
}

void trace_feed_free(struct tracer *t)
{
	for (unsigned i = 0; i < TRACE_THREADS_MAX; i++) {
		struct trace_feed *f = t->feed[i];

		if (!f)
			continue;
		free(f->rec);
		free(f->code);
		free(f);
		t->feed[i] = NULL;
	}
}

/* Whoever cannot be heard is emptied all the same, and counted. */
static void skip(struct tracer *t, unsigned thread)
{
	struct trace_rec r[64];
	unsigned n;

	while ((n = trace_take(thread, r, ARRAY_LEN(r))))
		t->no_memory += n;
}

/* Returns whether there may be more. */
static bool fill(struct tracer *t, unsigned thread)
{
	struct trace_feed *f = feed_of(t, thread);
	unsigned room, n;

	if (!f) {
		skip(t, thread);
		return false;
	}
	if (f->first) {
		memmove(f->rec, f->rec + f->first, (f->last - f->first) * sizeof(*f->rec));
		f->last -= f->first;
		f->first = 0;
	}
	room = FEED_MAX - f->last;
	n = trace_take(thread, f->rec + f->last, room);
	f->last += n;
	trace_thread_info(thread, &f->thread);
	return n == room;
}

/* --- sinks ------------------------------------------------------------------------------------ */

static void put_file(struct tracer *t, unsigned thread, const struct trace_rec *r, unsigned cnt)
{
	struct error **errp = t->write_error ? NULL : &t->write_error;

	if (t->sinks.writer && cnt)
		(void)!trace_writer_put(t->sinks.writer, thread, &t->feed[thread]->thread, r, cnt,
					errp);
}

static void put_summary(struct tracer *t, const struct trace_rec *r, unsigned cnt)
{
	for (unsigned i = 0; i < cnt && t->sinks.summary; i++)
		lens_summary_add(t->sinks.summary, &t->lens, &r[i]);
}

static void put_line(struct tracer *t, const struct trace_feed *f, const struct trace_item *it)
{
	lens_line(&t->lens, it, &f->thread, &t->lines);
	str_add(&t->lines, "\n");
	if (t->lines.len >= 32 * KIB)
		tracer_write_lines(t);
}

/* --- code ------------------------------------------------------------------------------------- */

static struct trace_rec *code_slot(const struct trace_feed *f, uint64_t rip)
{
	return &f->code[(rip * UINT64_C(0x9e3779b97f4a7c15)) >> 54 & (TRACE_CODE_SLOTS - 1)];
}

static const struct trace_rec *code_of(const struct trace_feed *f, const struct trace_rec *x)
{
	const struct trace_rec *c = f->code ? code_slot(f, x->exit.rip) : NULL;

	return c && c->kind == TRACE_CODE && c->code.rip == x->exit.rip ? c : NULL;
}

/* Records that explain others: no item's, and no filter's business. */
static bool is_background(const struct trace_rec *r)
{
	return r->kind == TRACE_CODE || r->kind == TRACE_KERNEL;
}

static void learn(struct tracer *t, unsigned thread, const struct trace_rec *r)
{
	struct trace_feed *f = t->feed[thread];

	put_file(t, thread, r, 1);
	if (r->kind == TRACE_KERNEL)
		trace_names_learn(t, r);
	else if (f->code)
		*code_slot(f, r->code.rip) = *r;
}

/* --- items ------------------------------------------------------------------------------------ */

/* The first item of a feed: [first, end), of which [first, effects_end) came of it. */
struct next {
	unsigned effects_end, exit, end;
	uint64_t t;
};

static void one(const struct trace_feed *f, struct next *ret)
{
	ret->effects_end = ret->exit = f->first;
	ret->end = f->first + 1;
	ret->t = f->rec[f->first].t;
}

/* An event of a vCPU's may belong to an exit that is still to come. */
static bool next_of_vcpu(const struct trace_feed *f, bool final, struct next *ret)
{
	unsigned i = f->first, background;

	while (i < f->last && !is_background(&f->rec[i]) && f->rec[i].kind != TRACE_EXIT)
		i++;
	background = i;
	while (i < f->last && is_background(&f->rec[i]))
		i++;
	one(f, ret);
	if (i == f->last || f->rec[i].kind != TRACE_EXIT)
		return final || i < f->last || f->last - f->first >= FEED_FULL;
	if (f->rec[f->first].t < f->rec[i].t)
		return true;
	*ret = (struct next){
		.effects_end = background, .exit = i, .end = i + 1, .t = f->rec[i].t
	};
	return true;
}

static bool next_item(const struct trace_feed *f, bool final, struct next *ret)
{
	if (f->first == f->last)
		return false;
	if (f->thread.vcpu >= 0 && f->rec[f->first].kind != TRACE_EXIT)
		return next_of_vcpu(f, final, ret);
	one(f, ret);
	return true;
}

static void sink_item(struct tracer *t, const struct trace_feed *f, struct trace_item *it)
{
	const struct trace_rec *x = it->rec;

	trace_names_load(t);
	if (t->sinks.filter && !lens_filter_fits(t->sinks.filter, &t->lens, x, f->thread.vcpu))
		return;
	put_summary(t, it->effects, it->effect_cnt);
	put_summary(t, x, 1);
	put_file(t, it->thread, it->effects, it->effect_cnt);
	put_file(t, it->thread, x, 1);
	if (!t->sinks.lines || x->kind == TRACE_FIELD)
		return;
	it->code = x->kind == TRACE_EXIT ? code_of(f, x) : NULL;
	put_line(t, f, it);
}

static void hand_on(struct tracer *t, unsigned thread, const struct next *n)
{
	struct trace_feed *f = t->feed[thread];
	struct trace_item it = { .thread = thread,
				 .rec = &f->rec[n->exit],
				 .effects = &f->rec[f->first],
				 .effect_cnt = n->effects_end - f->first };

	for (unsigned i = n->effects_end; i < n->exit; i++)
		learn(t, thread, &f->rec[i]);
	f->first = n->end;
	sink_item(t, f, &it);
	if (it.rec->kind == TRACE_EXIT)
		lens_see(&t->lens, it.rec);
}

/* Background at the head of a feed is nobody's: what it explains comes next, or was lost. */
static void take_background(struct tracer *t, unsigned thread)
{
	struct trace_feed *f = t->feed[thread];

	while (f->first < f->last && is_background(&f->rec[f->first]))
		learn(t, thread, &f->rec[f->first++]);
}

static void hand_on_in_order(struct tracer *t, unsigned threads, bool final)
{
	for (;;) {
		struct next first = { .t = UINT64_MAX };
		unsigned at = threads;

		for (unsigned i = 0; i < threads; i++) {
			struct next n;

			if (!t->feed[i])
				continue;
			take_background(t, i);
			if (next_item(t->feed[i], final, &n) && n.t < first.t) {
				first = n;
				at = i;
			}
		}
		if (at == threads)
			return;
		hand_on(t, at, &first);
	}
}

/* Nobody asks for order, nor for what belongs to what: all records of a thread at once. */
static void hand_on_all(struct tracer *t, unsigned thread)
{
	struct trace_feed *f = t->feed[thread];
	const struct trace_rec *r = &f->rec[f->first];
	const unsigned cnt = f->last - f->first;

	put_file(t, thread, r, cnt);
	put_summary(t, r, cnt);
	for (unsigned i = 0; i < cnt; i++)
		if (r[i].kind == TRACE_KERNEL)
			trace_names_learn(t, &r[i]);
	f->first = f->last = 0;
}

void trace_feed_tell_losses(struct tracer *t)
{
	struct error **errp = t->write_error ? NULL : &t->write_error;

	for (unsigned i = 0; i < TRACE_THREADS_MAX && t->sinks.writer; i++)
		if (t->feed[i] && t->feed[i]->thread.lost)
			(void)!trace_writer_put(t->sinks.writer, i, &t->feed[i]->thread, NULL, 0,
						errp);
}

void trace_feed_run(struct tracer *t, bool final)
{
	const bool ordered = t->sinks.filter || t->sinks.lines;
	bool more = true;

	while (more) {
		const unsigned threads = trace_thread_cnt();

		more = false;
		for (unsigned i = 0; i < threads; i++) {
			more |= fill(t, i);
			if (t->feed[i] && !ordered)
				hand_on_all(t, i);
		}
		if (ordered)
			hand_on_in_order(t, threads, final && !more);
	}
	tracer_write_lines(t);
}
