/* SPDX-License-Identifier: MIT */
/* hints.h: the parameters that are put in front of a Linux guest's command line, and why. */
#ifndef VMM_HINTS_H
#define VMM_HINTS_H

#include "vmm/base.h"

struct vm_config;

struct boot_hint {
	const char *text;                          /* "console=ttyS0" */
	const char *why;                           /* half a sentence, for the manual */
	bool (*wanted)(const struct vm_config *c); /* NULL: always */
};

/* In the order in which they are given (src/machine/hints.c). */
extern const struct boot_hint boot_hints[];
extern const unsigned boot_hint_cnt;

#endif
