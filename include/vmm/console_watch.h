/* SPDX-License-Identifier: MIT */
/*
 * console_watch.h: looks for the kernel's panic line in what a guest prints. Sits between a serial
 * port and its chardev; bytes and input pass through unchanged.
 */
#ifndef VMM_CONSOLE_WATCH_H
#define VMM_CONSOLE_WATCH_H

#include "vmm/chardev.h"

/* How much of a line is looked at and reported. */
#define CONSOLE_WATCH_LINE 256

struct console_watch {
	struct chardev in; /* give this one to the serial port */
	struct chardev *out;
	/*
	 * The guest's kernel has panicked. @line is what it said, from "Kernel panic" on, control
	 * bytes escaped; valid during the call. Once per console_watch_reset(); on the writer's
	 * thread, with its device's lock held: returns soon and does not call back.
	 */
	void (*panic)(struct console_watch *w, const char *line);
	/* The kernel has printed all it has to say ("---[ end Kernel panic"), after panic() and
	 * under the same conditions. With panic=-1 and the like it restarts before it gets there.
	 * May be NULL. */
	void (*panic_end)(struct console_watch *w);
	unsigned len;
	bool seen, end_seen;
	bool cut; /* line[] does not begin where the line does */
	char line[CONSOLE_WATCH_LINE];
};

/*
 * Puts @w before @out, which it becomes the client of (chardev_null keeps none). The writer, the
 * reader of @out and console_watch_reset() are kept apart by the serial port's lock.
 */
void console_watch_init(struct console_watch *w, struct chardev *out,
			void (*panic)(struct console_watch *, const char *),
			void (*panic_end)(struct console_watch *));

/* The machine was reset: a new kernel may panic anew. */
void console_watch_reset(struct console_watch *w);

#endif
