/* SPDX-License-Identifier: MIT */
/* trace_show.c: `trapeze trace show`: a recording's exits, a line each. */
#include <errno.h>
#include <stdio.h>

#include "cli/trace.h"
#include "lens/view.h"
#include "vmm/error.h"

static int print_line(const struct view *v, const struct trace_item *it, struct error **errp)
{
	_cleanup_(str_free) struct str line = { 0 };

	lens_line(&v->lens, it, &v->trace->thread[it->thread], &line);
	if (line.failed)
		return err_errno(errp, ENOMEM, "cannot print the recording");
	if (fprintf(stdout, "%s\n", line.s) < 0)
		return err_errno(errp, errno, "cannot write to standard output");
	return 0;
}

int trace_show(const struct trace_args *a, struct error **errp)
{
	_cleanup_(trace_part_close) struct trace_part p = { 0 };
	struct trace_item it;
	uint64_t shown = 0;
	struct view v;
	int r = trace_part_open(a, a->rest[0], a->rest_cnt > 1 ? a->rest[1] : NULL, &p, errp);

	if (r < 0)
		return r;
	view_begin(&v, p.trace, &p.cut);
	for (; r == 0 && (!a->count || shown < a->count) && view_next(&v, &it); shown++)
		r = print_line(&v, &it, errp);
	view_end(&v);
	if (r == 0 && !shown)
		fprintf(stderr, "trapeze: '%s': nothing in it fits\n", a->rest[0]);
	return r;
}
