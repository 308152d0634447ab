/* SPDX-License-Identifier: MIT */
/*
 * source.h: the input half of a console. Reads a descriptor on the loop's thread and gives it to
 * the chardev's client, never more than that has room for.
 *
 * A pipe or file is read only when the guest can take what comes out of it, so nothing is lost
 * and nothing piles up. A terminal is read ahead a little (as a terminal driver would), because
 * Ctrl-A x must be seen even when the guest reads nothing.
 */
#ifndef CHAR_SOURCE_H
#define CHAR_SOURCE_H

#include "char/keys.h"
#include "char/nbio.h"
#include "vmm/chardev.h"
#include "vmm/console.h"
#include "vmm/loop.h"

#define SOURCE_AHEAD 4096u /* N_TTY_BUF_SIZE, what Linux lets one type ahead */

struct source {
	const char *name; /* "standard input"; for messages; owned by the creator */
	struct loop *loop;
	struct chardev *chr; /* whose client gets the bytes */
	struct nbio io;      /* owned */
	bool terminal; /* there is a term_open() for it: raw mode, foreground, reading ahead */
	bool escapes;  /* Ctrl-A is ours */
	struct console_events events;

	struct ev_fd in;     /* watched while a byte can be taken */
	struct ev_fd wake;   /* an alarm: there is room again */
	struct ev_fd look;   /* an alarm: look at the terminal again */
	uint16_t cols, rows; /* the terminal's, as last seen */
	int always_fd;       /* an eventfd that is always readable, for what epoll cannot watch */
	void (*on_end)(struct source *s); /* input has ended and was delivered; may detach */
	bool ended, end_told;
	bool away;           /* the terminal is not ours at the moment */
	bool greeted;        /* it has been, and we have said how to leave */
	_Atomic bool parked; /* the client's room was 0: room_changed() shall wake us */

	struct keys keys;
	bool full;  /* the buffer is; look comes in a while to see if it still is */
	bool stuck; /* it was: typed-ahead bytes are dropped, keys still seen */
	uint8_t buf[SOURCE_AHEAD];
	size_t off, len; /* read and not yet delivered */
};

/*
 * Takes over @io and begins to read. @events: what the keys do, NULL: Ctrl-A is a byte like any
 * other. On the loop's thread or while it does not run.
 */
int source_start(struct source *s, const char *name, struct loop *loop, struct chardev *chr,
		 struct nbio *io, const struct console_events *events,
		 struct error **errp) __must_check;

/*
 * The same in two steps, for input that may come, end and come again: source_open() is all that
 * room_changed() needs, and between source_attach() and source_detach() there is something to read.
 */
int source_open(struct source *s, const char *name, struct loop *loop, struct chardev *chr,
		struct error **errp) __must_check;
int source_attach(struct source *s, struct nbio *io, struct error **errp) __must_check;
void source_detach(struct source *s);

/* chardev_ops.room_changed: any thread. Before source_start() and after source_close(): nothing. */
void source_room_changed(struct source *s);

/* Fine on a zeroed @s and twice. The loop does not run. */
void source_close(struct source *s);

#endif
