/* SPDX-License-Identifier: MIT */
/*
 * console.h: the host ends of serial ports: the terminal (or pipe, or file) on stdin/stdout, a
 * file, a pty, nothing.
 */
#ifndef VMM_CONSOLE_H
#define VMM_CONSOLE_H

#include "vmm/chardev.h"
#include "vmm/loop.h"

struct error;

/*
 * Ctrl-A and one more key speak to the VMM and not to the guest: x leaves, h (or ?) prints help, b
 * sends a break, Ctrl-A sends one Ctrl-A, any other is events.key's. This is so whatever stdin is;
 * from a terminal the keys work even while the guest takes no input, from a pipe or file they
 * are reached when the guest has taken what is before them.
 */
struct console_events {
	void (*quit)(void *opaque); /* Ctrl-A x; on the I/O loop */
	/* Any other Ctrl-A key the console does not know; on the I/O loop. NULL: none. */
	void (*key)(void *opaque, char c);
	const char *keys_help; /* what those do, for Ctrl-A h; lines end in CR LF. NULL: nothing */
	/* A stream of data: unless somebody types it on a terminal, Ctrl-A is a byte like any
	 * other. */
	bool terminal_only;
	void *opaque;
};

/*
 * Makes the process fit to talk to whatever it was started with: opens /dev/null in place of a
 * standard descriptor that was closed, so that nothing opened later takes its number and gets the
 * guest's output; ignores SIGPIPE and SIGXFSZ, so that a reader who goes away or a file size limit
 * is an error of one write(2) and not the end of the guest. First thing in main().
 */
void console_sanitize_fds(void);

/*
 * Opens the backend that @spec names:
 *   stdio      standard output and, from console_start() on, standard input, whatever they are:
 *              terminal, pipe, FIFO, socket, file, /dev/null
 *   null       output is thrown away, no input
 *   file:PATH  output goes to PATH, which is created or emptied; no input
 *   pty        a new pseudo-terminal; console_pty_path() names its other side
 *   unix:PATH  a stream socket at PATH (mode 0600), which is listened on, and gone again after
 *              console_close(). One client at a time; the next waits for its turn. What is
 *              written while there is none is kept, the newest of it, for the next
 *   fd:N       both directions of the stream socket that is descriptor N, borrowed until
 *              console_start(): for who made this process, not for people
 * @loop reads input and drains output. At most one "stdio" per process takes input: the first one
 * started with a client attached; another shares the output (lines may mix). "none" is the caller's
 * business. @ev may be NULL. Returns an owned chardev. On the loop's thread or while it does not
 * run, as the following ones.
 */
int console_open(const char *spec, struct loop *loop, const struct console_events *ev,
		 struct chardev **ret, struct error **errp) __must_check;

/*
 * Begins to read input, if the backend has any and a client is attached (else it does nothing, and
 * touches no terminal). A terminal on stdin is set raw while the process is in its foreground.
 */
int console_start(struct chardev *c, struct error **errp) __must_check;

/* The path of the terminal a "pty" console can be reached at; NULL for other backends. Owned by
 * @c. */
const char *console_pty_path(const struct chardev *c);

/*
 * Writes out what is buffered, waiting as long as the reader makes progress (at most @patience_ms
 * without), restores the terminal, closes. Returns NULL. The loop exists but does not run, and no
 * other thread writes to @c. *ret_dropped (may be NULL): bytes that were lost because the reader
 * was stuck or the disk full, ever. NULL-safe.
 */
struct chardev *console_close(struct chardev *c, unsigned patience_ms, uint64_t *ret_dropped);

/*
 * Restores the terminal if it is in raw mode, and keeps the console from setting it raw again.
 * Async-signal-safe, idempotent. The console itself calls it for signals that would end the process
 * by default and for faults; whoever installs a handler of his own for one of those and ends the
 * process in it calls this.
 */
void console_restore_terminal(void);

#endif
