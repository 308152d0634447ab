/* SPDX-License-Identifier: MIT */
/*
 * dl.h: libraries that are loaded when they are first wanted, so that a program that does without
 * them pays nothing for them, and runs where they are not installed.
 */
#ifndef VMM_DL_H
#define VMM_DL_H

#include "vmm/base.h"

struct error;

/* A function of the library's, and where its address goes. */
struct dl_symbol {
	const char *name;
	void *to; /* a pointer to a function pointer */
};

/*
 * Loads @library ("libedit.so.2") for good and fills in all of @v. -ENOENT: it is not there;
 * -ENOSYS: the program is linked statically, or a symbol is missing. Any thread, one at a time.
 */
int dl_load(const char *library, const struct dl_symbol *v, unsigned cnt,
	    struct error **errp) __must_check;

#endif
