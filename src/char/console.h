/* SPDX-License-Identifier: MIT */
/* console.h: what the console backends have in common. Private to this room. */
#ifndef CHAR_CONSOLE_H
#define CHAR_CONSOLE_H

#include "char/sink.h"
#include "char/source.h"
#include "vmm/console.h"

struct console {
	struct chardev chr;
	struct loop *loop;
	struct console_events events;
	struct sink own;  /* unused by a stdio console: those share one */
	struct sink *out; /* NULL until it is open */
	struct source in;
	int (*start)(struct console *c, struct error **errp); /* NULL: there is no input */
	void (*stop)(struct console *c); /* undoes what is the backend's own; NULL: nothing */
	char *path;                      /* the file's, the pty's or the socket's; owned */
	int slave_fd;                    /* pty: our own hold on the far side; -1 */
	int socket_fd;                   /* fd: borrowed */
	int tty_fd;                      /* borrowed; whose window's size is the console's; -1 */
	struct sink_waiter waiter;
	struct unix_server *server; /* unix.c's */
};

/* Each fills in a zeroed console but for chr, loop and events; on failure console_close() cleans
 * up. @arg is what follows the colon, NULL if there is none. */
int console_open_stdio(struct console *c, const char *arg, struct error **errp) __must_check;
int console_open_file(struct console *c, const char *arg, struct error **errp) __must_check;
int console_open_pty(struct console *c, const char *arg, struct error **errp) __must_check;
int console_open_unix(struct console *c, const char *arg, struct error **errp) __must_check;
int console_open_fd(struct console *c, const char *arg, struct error **errp) __must_check;

/* unix.c: is there a client? True for what is no socket. */
bool console_unix_connected(const struct console *c);

/*
 * stdio.c: @c no longer uses standard input and output, if it did. The last one to go writes out
 * what is left, and is told what was lost as by sink_close(); 0 for the others.
 */
uint64_t console_release_stdio(struct console *c, unsigned patience_ms);

#endif
