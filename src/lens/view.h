/* SPDX-License-Identifier: MIT */
/* view.h: going through the part of a recording that somebody wants to see. */
#ifndef LENS_VIEW_H
#define LENS_VIEW_H

#include "vmm/lens_views.h"

struct view {
	const struct trace *trace;
	struct lens_cut cut;
	struct lens lens; /* as of the item that was given last */
	struct lens_slides slides;
	struct trace_cursor cursor;
	const struct trace_rec *last; /* that lens_see() was not told of */
};

/* Borrows @t and what @c borrows. */
void view_begin(struct view *v, const struct trace *t, const struct lens_cut *c);
/* In the order of time. False: no more. */
bool view_next(struct view *v, struct trace_item *ret);
void view_end(struct view *v);

/* Since the first entry; 0 if it is before that. */
uint64_t view_time(const struct view *v, uint64_t t);

/* The thread's name as people know it: "vCPU 0", "io0". Returns @buf. */
const char *view_thread(const struct trace *t, unsigned thread, char *buf, size_t len);

/* A device's name, or "" if there is none of that number. Owned by @t. */
const char *view_device(const struct trace *t, uint16_t dev);

#endif
