/* SPDX-License-Identifier: MIT */
/*
 * printk.h: what a Linux console puts in front of a message (kernel/printk/printk.c, print_prefix),
 * each only if configured: "<4>", "[   12.345678]", "[    T1]" or "[    C0]", and a space behind
 * the brackets. And text of terminals, without what is only there for them.
 */
#ifndef VERDICT_PRINTK_H
#define VERDICT_PRINTK_H

#include "vmm/base.h"

struct printk_prefix {
	size_t len; /* of it all; 0: there is none */
	bool timed; /* with a time stamp */
};

/* At the start of @s. */
void printk_prefix(const char *s, size_t len, struct printk_prefix *ret);

/*
 * Terminal sequences (ECMA-48), a byte at a time; zeroed is a fresh one. True: @c is a part of one,
 * or a control byte that is nothing else, and not text. Line feeds, carriage returns and tabs are
 * text. A sequence that never ends is given up at the end of the line.
 */
struct term_strip {
	uint8_t state;
};
bool term_strip(struct term_strip *t, uint8_t c);

#endif
