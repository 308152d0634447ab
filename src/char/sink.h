/* SPDX-License-Identifier: MIT */
/*
 * sink.h: the output half of a console. Takes bytes from any thread without ever waiting, and hands
 * them to a descriptor on the loop's thread.
 *
 * The first byte after a quiet time is written at once; what follows within SINK_WINDOW_NS goes out
 * together. So a key's echo is immediate, while a kernel that prints its log byte by byte wakes
 * the loop at most once per window: without that, each of its 30,000 bytes would cost a wake-up
 * and a write(2), several times as much as the port exit that brought it here.
 */
#ifndef CHAR_SINK_H
#define CHAR_SINK_H

#include "char/nbio.h"
#include "char/ring.h"
#include "vmm/lock.h"
#include "vmm/loop.h"

struct error;

#define SINK_RING_SIZE (1024u * 1024)
#define SINK_WINDOW_NS (4 * NSEC_PER_MSEC)
#define SINK_CHUNK     4096u

enum sink_state {
	SINK_IDLE,    /* nothing to write, no alarm set: whoever brings a byte sets it */
	SINK_WOKEN,   /* the alarm is set for now */
	SINK_RESTING, /* the alarm is set for the end of the window */
	SINK_BLOCKED, /* waiting for EV_OUT */
	SINK_RETRY,   /* the disk is full; the alarm is set for the next attempt */
	SINK_DEAD,    /* nobody will ever read this: bytes are thrown away */
};

struct sink {
	const char *name; /* "standard output", a path; for messages; owned by the creator */
	struct loop *loop;
	struct nbio io; /* owned */
	struct ev_fd alarm, out;

	struct mutex lock; /* a leaf; device locks may be held outside it */
	struct ring ring GUARDED_BY(lock);
	enum sink_state state GUARDED_BY(lock);

	/* The loop's thread only: what has left the ring and is not yet written. */
	uint8_t chunk[SINK_CHUNK];
	size_t chunk_off, chunk_len;
	uint64_t lost_told;
	bool full_told, dead;
};

/* Takes over @io. On the loop's thread or while it does not run. */
int sink_init(struct sink *s, const char *name, struct loop *loop, struct nbio *io,
	      struct error **errp) __must_check;

/* Any thread. */
void sink_write(struct sink *s, const uint8_t *buf, size_t len);

/*
 * Writes out what is left as long as the reader makes progress, at most @patience_ms without, and
 * frees everything. Returns the bytes that were lost to a reader who did not read, or to a full
 * disk, ever. Fine on a zeroed @s and twice. The loop does not run.
 */
uint64_t sink_close(struct sink *s, unsigned patience_ms);

#endif
