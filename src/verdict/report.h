/* SPDX-License-Identifier: MIT */
/*
 * report.h: what the formats of reports share. A format makes text, report.c writes it.
 *
 * A report that is a document (JUnit, JSON) is whole after each result: the end of the document is
 * written behind it, in the same write, and the next result takes its place. Where that cannot be,
 * because the report is a pipe, the end comes at the end.
 */
#ifndef VERDICT_REPORT_H
#define VERDICT_REPORT_H

#include "vmm/str.h"
#include "vmm/test.h"

struct test_report {
	const struct report_format *format;
	char *path; /* NULL: standard output */
	int fd;
	bool rewrites;    /* a file: its end can be overwritten, and what failed be taken back */
	uint64_t at;      /* where it is */
	struct str tail;  /* what it is now */
	unsigned results; /* reported, or lost: */
	unsigned lost;
	unsigned tests;                   /* as planned */
	int summary;                      /* github: a file for people; -1: none */
	const struct test_totals *totals; /* at the end; NULL before */
};

/* Each appends to @out. */
struct report_format {
	const char *name;
	bool to_stdout, to_file; /* "NAME", "NAME:FILE" */
	void (*begin)(struct test_report *r, struct str *out);
	void (*result)(struct test_report *r, const struct test_result *res, struct str *out);
	void (*end)(struct test_report *r, struct str *out); /* r->totals; may be NULL */
	/* The end of the document, as it is now; NULL: it needs none. */
	void (*tail)(struct test_report *r, struct str *out);
};

extern const struct report_format report_tap, report_tap14, report_junit, report_json,
	report_github;

/* How many of its cases are worth a line: none, if the test was to end badly and did (--self-test).
 */
unsigned report_case_cnt(const struct test_result *r);

/* What people need to know of a result that is bad: how to run it again, the trouble, registers,
 * the last lines of console and output, each with a heading. Not made fit for anything. */
struct report_section {
	const char *title;
	const struct test_text *text;
};
#define REPORT_SECTIONS 5u
unsigned report_sections(const struct test_result *r, struct report_section s[REPORT_SECTIONS]);

#endif
