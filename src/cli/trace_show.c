/* SPDX-License-Identifier: MIT */
/* trace_show.c: `trapeze trace show`: a recording's exits, a line each. */
#include <errno.h>
#include <stdio.h>

#include "cli/trace.h"
#include "vmm/error.h"

struct show {
	const struct trace *t;
	const struct trace_args *a;
	const struct lens_filter *filter; /* NULL: everything */
	struct lens lens;
	struct lens_slides slides;
	uint64_t shown;
};

static bool fits(const struct show *s, const struct trace_item *it)
{
	uint64_t begin = s->t->machine.begin;
	uint64_t since = it->rec->t > begin ? it->rec->t - begin : 0;

	if (since < s->a->from || (s->a->to && since >= s->a->to))
		return false;
	return !s->filter ||
	       lens_filter_fits(s->filter, &s->lens, it->rec, s->t->thread[it->thread].vcpu);
}

static int print_line(struct show *s, const struct trace_item *it, struct error **errp)
{
	_cleanup_(str_free) struct str line = { 0 };

	lens_line(&s->lens, it, &s->t->thread[it->thread], &line);
	if (line.failed)
		return err_errno(errp, ENOMEM, "cannot print the recording");
	s->shown++;
	if (fprintf(stdout, "%s\n", line.s) < 0)
		return err_errno(errp, errno, "cannot write to standard output");
	return 0;
}

/* All of them are seen, as what a register is depends on those before. */
static int show(struct show *s, struct error **errp)
{
	struct trace_cursor c = { 0 };
	struct trace_item it;
	int r = 0;

	while (r == 0 && (!s->a->count || s->shown < s->a->count) && trace_next(s->t, &c, &it)) {
		lens_slide_at(&s->slides, it.rec->t, &s->lens);
		if (fits(s, &it))
			r = print_line(s, &it, errp);
		lens_see(&s->lens, it.rec);
	}
	return r;
}

int trace_show(const struct trace_args *a, struct error **errp)
{
	_cleanup_(trace_filter_freep) struct lens_filter *filter = NULL;
	_cleanup_(trace_freep) struct trace *t = NULL;
	struct show s = { .a = a };
	int r = trace_open(a, a->rest[0], &t, errp);

	if (r == 0)
		r = trace_filter(t, a->rest_cnt > 1 ? a->rest[1] : NULL, &filter, errp);
	if (r < 0)
		return r;
	s.t = t;
	s.filter = filter;
	s.lens = (struct lens){ .machine = &t->machine,
				.symbols = t->symbols,
				.seen = lens_seen_new(&t->machine) };
	(void)!lens_slides_of(t, &s.slides, NULL); /* trace_open() has told why not */
	r = s.lens.seen ? show(&s, errp) : err_errno(errp, ENOMEM, "cannot print the recording");
	lens_seen_free(s.lens.seen);
	if (r == 0 && !s.shown)
		fprintf(stderr, "trapeze: '%s': nothing in it fits\n", a->rest[0]);
	return r;
}
