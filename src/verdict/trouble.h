/* SPDX-License-Identifier: MIT */
/*
 * trouble.h: what a kernel's console says of trouble: a scanner that is fed bytes as they come,
 * keeps the last lines, knows the kernel's complaints by a table of patterns, cuts the first one
 * out as a whole, and matches what the user expects or forbids. Memory is bounded whatever comes: a
 * line longer than TROUBLE_LINE is looked at and kept in pieces.
 */
#ifndef VERDICT_TROUBLE_H
#define VERDICT_TROUBLE_H

#include "vmm/test.h"

#define TROUBLE_LINE  1024u /* bytes of a line that are matched together */
#define TROUBLE_TAIL  50u   /* lines that are kept */
#define TROUBLE_BLOCK (256u << 10)

struct trouble;

/* -EINVAL: an expression that is none; the message names it. The spec outlives it. */
int trouble_create(const struct test_expect *e, struct trouble **ret,
		   struct error **errp) __must_check;
struct trouble *trouble_destroy(struct trouble *t);

/* More of the console. Carriage returns and terminal sequences are not part of what is matched. */
void trouble_feed(struct trouble *t, const void *bytes, size_t len);
/* There is no more: an unfinished line is one. */
void trouble_finish(struct trouble *t);

/* Fills the console's part of @e; what it points to is @t's. */
void trouble_tell(const struct trouble *t, struct test_evidence *e);
/* Copies, owned by the caller. */
struct test_text trouble_tail(const struct trouble *t);
struct test_text trouble_block(const struct trouble *t);

#endif
