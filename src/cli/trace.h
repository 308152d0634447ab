/* SPDX-License-Identifier: MIT */
/* trace.h: what `trapeze trace`'s files share. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "vmm/cli.h"
#include "vmm/lens.h"

struct trace_args {
	char *symbols, *output;
	uint64_t from, to; /* ns since the first entry; to 0: the end */
	uint64_t count;    /* 0: all */
	bool help;
	const char **rest; /* what follows the subverb */
	unsigned rest_cnt;
};

/* Reads @path, and the symbols that @a names; what has to be known about the file (it was cut,
 * records were lost) goes to standard error. The caller trace_free()s *ret. */
int trace_open(const struct trace_args *a, const char *path, struct trace **ret,
	       struct error **errp) __must_check;

/* The filter @text, NULL if that is NULL. */
int trace_filter(const struct trace *t, const char *text, struct lens_filter **ret,
		 struct error **errp) __must_check;

/* Subverbs: 0 or -errno. */
int trace_show(const struct trace_args *a, struct error **errp);

static inline void trace_freep(struct trace **t)
{
	*t = trace_free(*t);
}

static inline void trace_filter_freep(struct lens_filter **f)
{
	*f = lens_filter_free(*f);
}

#endif
