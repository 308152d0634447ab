/* SPDX-License-Identifier: MIT */
/*
 * trace_names.c: what the guest's kernel calls its addresses, and where it has been put.
 *
 * A kernel that we unpack runs where it was linked; one that does so itself may move (KASLR), and
 * tells where to when it sets up its CPU. What was shown before that had no names.
 */
#include "machine/machine_internal.h"
#include "machine/tracer.h"
#include "vmm/error.h"

static void place(struct tracer *t)
{
	const struct trace_names *n = &t->names;

	if (!t->lens.symbols)
		return;
	if (n->told && lens_slide(&n->symbols, &n->last, &t->lens.slide))
		t->lens.slide_known = true;
	else if (!t->lens.slide_known)
		t->lens.slide_known = !n->may_move || !lens_is_linux(&n->symbols);
}

void trace_names_load(struct tracer *t)
{
	struct trace_names *n = &t->names;
	_cleanup_free_ void *bytes = NULL;
	size_t len = 0;

	if (n->tried || !n->kernel)
		return;
	n->tried = true;
	/* A kernel that has no names has none: nobody asked for them in so many words. */
	if (boot_kernel_bytes(n->kernel, &bytes, &len, NULL) < 0 ||
	    symbols_load(bytes, len, &n->symbols, NULL) < 0)
		return;
	t->lens.symbols = &n->symbols;
	place(t);
}

void trace_names_learn(struct tracer *t, const struct trace_rec *r)
{
	t->names.last = *r;
	t->names.told = true;
	place(t);
}
