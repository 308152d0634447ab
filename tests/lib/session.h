/* SPDX-License-Identifier: MIT */
/*
 * session.h: a login session on a pseudo-terminal, for tests of what needs one: the terminal's
 * modes, job control, signals. The test's body plays the shell: it runs in a process of its own,
 * leads the session, and starts jobs in process groups of theirs.
 */
#ifndef TESTS_SESSION_H
#define TESTS_SESSION_H

#include <stdio.h>
#include <sys/types.h>
#include <termios.h>

#include "vmm/base.h"

struct session {
	int master;          /* what the person at the terminal sees and types */
	int slave;           /* the terminal */
	struct termios orig; /* its modes at the start; not the kernel's default ones */
	char seen[65536];    /* what came out of the master since session_forget() */
	size_t seen_len;
};

/* Runs body(s) in a new session and returns how often its checks failed (0: all is well). */
unsigned session_run(void (*body)(struct session *s));

/* A check inside a body: says what is wrong and ends the session. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			session_fail(__FILE__, __LINE__, #cond);                                   \
	} while (0)
void session_fail(const char *file, int line, const char *what);

/* Starts main() as a job with the given standard descriptors (-1: closed) and exits with what it
 * returns. */
pid_t session_job(struct session *s, bool foreground, int in, int out, int err, int (*main)(void));

/* Makes @pgrp the foreground process group. */
void session_foreground(struct session *s, pid_t pgrp);

void session_type(struct session *s, const void *keys, size_t len);
/* Waits for @text on the screen; true if it came within some seconds. */
bool session_sees(struct session *s, const char *text);
/* Whether @text is on the screen, after reading what is there. */
bool session_saw(struct session *s, const char *text);
void session_forget(struct session *s);

/* Whether the terminal has the modes it had at the start. */
bool session_restored(struct session *s);
bool session_raw(struct session *s);

/* Waits for the job's end, or stop if @stops, for some seconds; returns wait(2)'s status, -1 if
 * there was none. */
int session_wait(pid_t job, bool stops);

#endif
