/* SPDX-License-Identifier: MIT */
/*
 * lens_views.h: a recording as a whole, turned into what people look at: a summary, two runs side
 * by side, a page, a trace for ui.perfetto.dev. Nothing in a recording is trusted, names in it
 * least of all. Any thread, one at a time for each recording.
 */
#ifndef VMM_LENS_VIEWS_H
#define VMM_LENS_VIEWS_H

#include <stdio.h>

#include "vmm/lens.h"

/* The part of a recording that is looked at. Zeroed: all of it. */
struct lens_cut {
	uint64_t from, to;                /* ns since the first entry, [from, to); to 0: the end */
	const struct lens_filter *filter; /* NULL: everything; borrowed */
};

/* Everything that is in @c, summed up. NULL: no memory. */
struct lens_summary *lens_summarize(const struct trace *t, const struct lens_cut *c);

/* The summary as text, and what has to be known about the recording: where it was cut, what was
 * lost. @rows: of registers, 0: all. -ENOMEM. */
int lens_print_summary(const struct trace *t, const struct lens_cut *c, unsigned rows,
		       struct str *ret, struct error **errp) __must_check;

/*
 * Two runs side by side: exits and time by kind and register, what changed most first, and what
 * was saved or added in all. @names: what the two are called in the heading. @c: of each. -ENOMEM.
 */
int lens_print_diff(const struct trace *const t[2], const char *const names[2],
		    const struct lens_cut c[2], unsigned rows, struct str *ret,
		    struct error **errp) __must_check;

/*
 * Trace Event JSON for ui.perfetto.dev and chrome://tracing: a track for each vCPU with slices of
 * guest and VMM, one for each other thread and each device that was used, I/O requests as
 * asynchronous slices. Written as it is read, so that memory does not depend on its length. The
 * caller looks at ferror(@to).
 */
int lens_write_perfetto(const struct trace *t, const struct lens_cut *c, FILE *to,
			struct error **errp) __must_check;

/* Exits, events and what came of them: more are no page. */
#define LENS_PAGE_STEPS 2000000u

/*
 * One page of HTML that needs nothing else. -E2BIG with a hint if more than LENS_PAGE_STEPS are in
 * @c, before anything is written. The caller looks at ferror(@to).
 */
int lens_write_page(const struct trace *t, const struct lens_cut *c, FILE *to,
		    struct error **errp) __must_check;

#endif
