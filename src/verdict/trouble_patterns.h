/* SPDX-License-Identifier: MIT */
/*
 * trouble_patterns.h: how a Linux kernel begins to complain, and what belongs to a complaint. All
 * are looked for at the start of a message, behind what the console puts in front of it; a user's
 * "WARNING: disk almost full" in the middle of a line is none.
 */
#ifndef VERDICT_TROUBLE_PATTERNS_H
#define VERDICT_TROUBLE_PATTERNS_H

#include "vmm/base.h"

enum trouble_kind {
	TROUBLE_NONE,
	TROUBLE_OPENS, /* "------------[ cut here ]": the headline is still to come */
	TROUBLE_LOOSE, /* could be anybody's words: counts only with a time stamp in front */
	TROUBLE_CLEAR, /* nobody else says that */
	TROUBLE_PANIC,
};

/* What a message of @len bytes begins. Constant time but for the message's length. */
enum trouble_kind trouble_kind(const char *msg, size_t len);

/* A line of a rule: "=====", which stands above and below some complaints. */
bool trouble_is_rule(const char *msg, size_t len);

/* What a message says that comes behind a complaint. */
enum trouble_follow {
	FOLLOW_OTHER, /* nothing: it may be a part of it, or not */
	FOLLOW_TRACE, /* a line of registers, of a stack, of a list of modules */
	FOLLOW_END,   /* "---[ end trace" */
	FOLLOW_PANIC_END,
};
enum trouble_follow trouble_follow(const char *msg, size_t len);

#endif
