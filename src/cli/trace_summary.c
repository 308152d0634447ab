/* SPDX-License-Identifier: MIT */
/* trace_summary.c: `trapeze trace summary` and `trapeze trace diff`: recordings in numbers. */
#include <errno.h>
#include <stdio.h>

#include "cli/trace.h"
#include "vmm/error.h"

/* Registers that are listed unless -n says how many. */
#define ROWS 40u

static unsigned rows_of(const struct trace_args *a)
{
	return a->count ? (unsigned)min_u64(a->count, UINT32_MAX) : ROWS;
}

static int print(const struct str *s, struct error **errp)
{
	if (fputs(s->s ? s->s : "", stdout) == EOF)
		return err_errno(errp, errno, "cannot write to standard output");
	return 0;
}

int trace_summary(const struct trace_args *a, struct error **errp)
{
	_cleanup_(trace_part_close) struct trace_part p = { 0 };
	_cleanup_(str_free) struct str text = { 0 };
	int r = trace_part_open(a, a->rest[0], a->rest_cnt > 1 ? a->rest[1] : NULL, &p, errp);

	if (r == 0)
		r = lens_print_summary(p.trace, &p.cut, rows_of(a), &text, errp);
	return r == 0 ? print(&text, errp) : r;
}

int trace_diff(const struct trace_args *a, struct error **errp)
{
	_cleanup_(trace_part_close) struct trace_part first = { 0 };
	_cleanup_(trace_part_close) struct trace_part second = { 0 };
	const char *filter = a->rest_cnt > 2 ? a->rest[2] : NULL;
	_cleanup_(str_free) struct str text = { 0 };
	int r = trace_part_open(a, a->rest[0], filter, &first, errp);

	if (r == 0)
		r = trace_part_open(a, a->rest[1], filter, &second, errp);
	if (r == 0) {
		const struct trace *const both[2] = { first.trace, second.trace };
		const struct lens_cut cut[2] = { first.cut, second.cut };

		r = lens_print_diff(both, a->rest, cut, rows_of(a), &text, errp);
	}
	return r == 0 ? print(&text, errp) : r;
}
