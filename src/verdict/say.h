/* SPDX-License-Identifier: MIT */
/*
 * say.h: what people read of a run on standard error: one line on a terminal that shows what
 * happens now, a line for each test that has ended, and all there is to know of one that did not
 * pass. What a guest printed is escaped.
 */
#ifndef VERDICT_SAY_H
#define VERDICT_SAY_H

#include <stdio.h>

#include "vmm/test.h"

struct say {
	FILE *f;
	bool live;  /* a terminal, and more than one test */
	bool quiet; /* nothing but what went wrong with the run itself */
	bool drawn; /* the live line is on the screen */
};

void say_init(struct say *s, FILE *f, bool several, bool quiet);
/* The live line is replaced; it is cut to the terminal's width. */
void say_now(struct say *s, const char *line);
/* In front of whatever else is written to the terminal. */
void say_clear(struct say *s);
/* A sentence of its own. */
void say_line(struct say *s, const char *fmt, ...) __printf(2, 3);
/* "ok NAME (1.2 s)" or "FAIL NAME: why (1.2 s)". */
void say_result(struct say *s, const struct test_result *r);
/* All that helps to find out why; @log: of trapeze's own process. */
void say_evidence(struct say *s, const struct test_result *r, const char *log);
void say_totals(struct say *s, const struct test_totals *t);

#endif
