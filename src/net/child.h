/* SPDX-License-Identifier: MIT */
/*
 * child.h: a program that is run beside us: started, listened to, watched and ended.
 *
 * It is known by a pidfd: its end is an event of the loop's and no SIGCHLD, and no other process
 * can ever be meant. It has a session of its own, so that a Ctrl-C at the terminal is not for it;
 * no descriptor of ours but the one it is given; no signal blocked or ignored; and nothing to read.
 * It is not told when we die: what it was given (a socket) is closed then, which it must take as
 * its end.
 *
 * All calls on the loop's thread, or while it does not run.
 */
#ifndef NET_CHILD_H
#define NET_CHILD_H

#include "vmm/loop.h"

struct error;

#define CHILD_FD   3 /* the number under which it has what it was given */
#define CHILD_SAID 320u

struct child {
	struct loop *loop; /* NULL: not watched */
	pid_t pid;         /* 0: none runs */
	struct ev_fd end;  /* .fd: a pidfd */
	struct ev_fd err;  /* .fd: its standard error */
	int status;        /* as of wait(2), once it has ended; -1: not to be had */

	char line[160]; /* of its standard error, so far */
	size_t line_len;
	char said[CHILD_SAID]; /* the lines that were worth it, "; " between them, as many as fit */

	/* Is this line worth to be remembered? May be NULL: each is. */
	bool (*says)(struct child *c, const char *line);
	/* It has ended, and has been waited for; what it said last has been read. From the loop. */
	void (*ended)(struct child *c);
};

/*
 * Runs @argv (argv[0] is looked up in PATH) with @fd as its descriptor CHILD_FD; the caller closes
 * its own. Returns before it is known what comes of it. Errors: -ENOENT: there is no such program;
 * -EACCES, -EAGAIN, -EMFILE, ... Keeps .says and .ended.
 */
int child_start(struct child *c, char *const argv[], int fd, struct error **errp) __must_check;
/* From now on its end, and what it says, are events of @loop. */
int child_watch(struct child *c, struct loop *loop, struct error **errp) __must_check;
/*
 * Waits for its end for at most @ms and, for as long, reads what it says. True: it has ended (or
 * none ran); .ended is not called. Blocks.
 */
bool child_wait(struct child *c, unsigned ms);
void child_kill(struct child *c); /* SIGKILL; its end is an event like any other */
/* Waits for @ms, kills it then, and releases everything. Blocks. NULL-safe; may be repeated. */
void child_end(struct child *c, unsigned ms);

/* "with status 1", "by signal 9 (Killed)": how a process that gave this status ended. Returns
 * @buf. */
const char *child_status(int status, char *buf, size_t len);

#endif
