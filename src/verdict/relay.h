/* SPDX-License-Identifier: MIT */
/*
 * relay.h: bytes on their way to a descriptor of ours (standard output) that may be slow. What has
 * no room waits where it is: the relay says when there is room again, and so a reader who does not
 * read stops the command in the guest, as a full pipe does.
 */
#ifndef VERDICT_RELAY_H
#define VERDICT_RELAY_H

#include "char/nbio.h"
#include "vmm/loop.h"

#define RELAY_ROOM (64u << 10)

struct relay {
	struct loop *loop;
	struct nbio out;
	struct ev_fd ev;                                 /* watched while bytes wait */
	void (*progress)(struct relay *r, void *opaque); /* there is room again, or an error */
	void *opaque;
	int error; /* errno of the write that failed; 0: none. Nothing is taken after that */
	size_t off, len;
	uint8_t buf[RELAY_ROOM];
};

/* To @fd, which is borrowed. */
void relay_init(struct relay *r, struct loop *loop, int fd,
		void (*progress)(struct relay *, void *), void *opaque);
size_t relay_room(const struct relay *r);
/* @len <= relay_room(). */
void relay_put(struct relay *r, const void *bytes, size_t len);
bool relay_empty(const struct relay *r);
/* Forgets what waits. Fine on a zeroed one and twice. */
void relay_close(struct relay *r);

#endif
