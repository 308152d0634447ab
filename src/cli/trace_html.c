/* SPDX-License-Identifier: MIT */
/* trace_html.c: `trapeze trace html` and `trapeze trace perfetto`: recordings as pictures. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/output_file.h"
#include "cli/trace.h"
#include "vmm/error.h"

typedef int writer(const struct trace *t, const struct lens_cut *c, FILE *to, struct error **errp);

static int write_file(const struct trace_args *a, const char *verb, const char *example, writer *fn,
		      struct error **errp)
{
	_cleanup_(trace_part_close) struct trace_part p = { 0 };
	_cleanup_(output_file_drop) struct output_file to = { 0 };
	int r;

	if (!a->output) {
		r = err_set(errp, EINVAL, "trace %s: where is it to be written?", verb);
		err_hint(errp, "-o %s, or -o - for standard output", example);
		return r;
	}
	r = trace_part_open(a, a->rest[0], a->rest_cnt > 1 ? a->rest[1] : NULL, &p, errp);
	if (r == 0)
		r = output_file_open(&to, a->output, errp);
	if (r == 0)
		r = fn(p.trace, &p.cut, to.f, errp);
	return r == 0 ? output_file_finish(&to, errp) : r;
}

int trace_html(const struct trace_args *a, struct error **errp)
{
	return write_file(a, "html", "page.html", lens_write_page, errp);
}

int trace_perfetto(const struct trace_args *a, struct error **errp)
{
	return write_file(a, "perfetto", "trace.json", lens_write_perfetto, errp);
}
