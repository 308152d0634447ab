/* SPDX-License-Identifier: MIT */
/* child.h: the process with the machine in it, and what it says when it ends. Private to
 * attempt.c. */
#ifndef VERDICT_CHILD_H
#define VERDICT_CHILD_H

#include "vmm/test.h"

enum child_port { PORT_CONTROL, PORT_STDIN, PORT_STDOUT, PORT_STDERR, PORT_CNT };
extern const char *const child_port_names[PORT_CNT];

/* What the child gets: its ends. -1: it has none. */
struct child_ends {
	int port[PORT_CNT];
	int console; /* its standard output */
	int log;     /* its standard error */
	int report;  /* a pipe, for struct child_report */
};

struct child_params {
	const struct test_spec *spec;
	unsigned slot;
	bool alone, has_stdin;
	pid_t parent;
	struct child_ends ends;
};

/* First in the report, which the process' end follows; then the texts, without NUL. */
struct child_report {
	uint32_t magic;
	bool built;     /* there was a machine */
	bool ended;     /* and verdict is how it ended; else error says why not */
	int error_code; /* errno, if error_len */
	uint32_t error_len, crash_len;
	struct verdict verdict;
};
#define CHILD_REPORT_MAGIC 0x72706370u
#define CHILD_TEXT_MAX     (64u << 10)

/* In the child, right after fork(): runs the machine, reports, exits. */
_Noreturn void child_main(const struct child_params *p);

#endif
