/* SPDX-License-Identifier: MIT */
/* step_console.h: the guest's console beside a prompt. */
#ifndef CLI_STEP_CONSOLE_H
#define CLI_STEP_CONSOLE_H

#include "vmm/chardev.h"
#include "vmm/lock.h"
#include "vmm/str.h"

struct step_console {
	struct chardev chr;
	char name[16]; /* in front of its lines: "COM1" */
	struct mutex lock;
	struct str got GUARDED_BY(lock); /* whole lines and the beginning of one */
	uint64_t lost GUARDED_BY(lock);
	size_t shown GUARDED_BY(lock); /* of the beginning of a line */
	/* It has written something. Any thread, device lock held. */
	void (*wrote)(void *opaque);
	void *opaque;
};
struct step_console *step_console_new(const char *name);
struct step_console *step_console_free(struct step_console *c); /* NULL-safe, returns NULL */
/* Adds the lines that the guest wrote, "COM1| text"; @all: the beginning of one as well,
 * "COM1> text". */
void step_console_take(struct step_console *c, bool all, struct str *out);
/* Host to guest; how much it has room for. On the I/O loop. */
size_t step_console_feed(struct step_console *c, const uint8_t *buf, size_t len);

#endif
