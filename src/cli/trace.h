/* SPDX-License-Identifier: MIT */
/* trace.h: what `trapeze trace`'s files share. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "vmm/cli.h"
#include "vmm/lens_views.h"

struct trace_args {
	char *symbols, *output;
	uint64_t from, to; /* ns since the first entry; to 0: the end */
	uint64_t count;    /* 0: all */
	bool help;
	const char **rest; /* what follows the subverb */
	unsigned rest_cnt;
};

/* A recording and what of it is wanted. Zeroed: none. */
struct trace_part {
	struct trace *trace;
	struct lens_filter *filter;
	struct lens_cut cut;
};
/*
 * Reads @path, and the symbols that @a names; what has to be known about the file (it was cut,
 * records were lost) goes to standard error. @filter: its text, or NULL. To be closed also after an
 * error.
 */
int trace_part_open(const struct trace_args *a, const char *path, const char *filter,
		    struct trace_part *ret, struct error **errp) __must_check;
void trace_part_close(struct trace_part *p);

/* Subverbs: 0 or -errno. */
int trace_show(const struct trace_args *a, struct error **errp);
int trace_summary(const struct trace_args *a, struct error **errp);
int trace_diff(const struct trace_args *a, struct error **errp);
int trace_html(const struct trace_args *a, struct error **errp);
int trace_perfetto(const struct trace_args *a, struct error **errp);

#endif
