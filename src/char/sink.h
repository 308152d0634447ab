/* SPDX-License-Identifier: MIT */
/*
 * sink.h: the output half of a console. Takes bytes from any thread without ever waiting, and hands
 * them to a descriptor on the loop's thread.
 *
 * The first byte after a quiet time is written at once; what follows within SINK_WINDOW_NS goes out
 * together. So a key's echo is immediate, while a kernel that prints its log byte by byte wakes
 * the loop at most once per window: without that, each of its 30,000 bytes would cost a wake-up
 * and a write(2), several times as much as the port exit that brought it here. What is offered
 * (sink_offer()) comes in buffers, not in bytes, and waits for nothing.
 *
 * The reader may come late and change (sink_attach(), sink_detach()). While there is none the ring
 * keeps the newest of what was written, for the next one.
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
	SINK_IDLE,     /* nothing to write, no alarm set: whoever brings a byte sets it */
	SINK_WOKEN,    /* the alarm is set for now */
	SINK_RESTING,  /* the alarm is set for the end of the window */
	SINK_BLOCKED,  /* waiting for EV_OUT */
	SINK_RETRY,    /* the disk is full; the alarm is set for the next attempt */
	SINK_DETACHED, /* there is no reader now */
	SINK_DEAD,     /* nobody will ever read this: bytes are thrown away */
};

/* Somebody whose offer was not taken as a whole. */
struct sink_waiter {
	void (*ready)(struct sink_waiter *w); /* there is room; on the loop's thread */
	struct sink_waiter *next;
	bool queued;
};

struct sink {
	const char *name; /* "standard output", a path; for messages; owned by the creator */
	struct loop *loop;
	struct nbio io; /* owned */
	struct ev_fd alarm, out;

	struct mutex lock; /* a leaf; device locks may be held outside it */
	struct ring ring GUARDED_BY(lock);
	enum sink_state state GUARDED_BY(lock);
	struct sink_waiter *waiters GUARDED_BY(lock);
	struct ring
		last GUARDED_BY(lock); /* sink_offer_rest(); goes behind ring; mapped on demand */

	/* The loop's thread only: what has left the ring and is not yet written. */
	uint8_t chunk[SINK_CHUNK];
	size_t chunk_off, chunk_len;
	uint64_t lost_told;
	uint64_t lost_before; /* ring.lost when the last reader left */
	uint64_t unheard;     /* of ring.lost: while there was no reader */
	bool full_told, dead;
	bool readers_change; /* one who leaves is nothing to write about */
};

/* Takes over @io; of one whose fd is -1 there is no reader yet. On the loop's thread or while it
 * does not run. */
int sink_init(struct sink *s, const char *name, struct loop *loop, struct nbio *io,
	      struct error **errp) __must_check;

/* Any thread. */
void sink_write(struct sink *s, const uint8_t *buf, size_t len);

/*
 * Takes as much as there is room for, without dropping anything, and returns how much; none while
 * there is no reader. If that is less than @len, w->ready() is called once when there is room for
 * much more. Any thread.
 */
size_t sink_offer(struct sink *s, struct sink_waiter *w, const uint8_t *buf, size_t len);
/* chardev_ops.offer_rest. What is offered waits until that is written. Any thread. */
size_t sink_offer_rest(struct sink *s, const uint8_t *buf, size_t len);
/* @w is not called any more. On the loop's thread or while it does not run. */
void sink_forget(struct sink *s, struct sink_waiter *w);

/* A reader has come, on @io, which is taken over; the one there was has left, and what he has not
 * been sent is thrown away. On the loop's thread. */
void sink_attach(struct sink *s, struct nbio *io);
void sink_detach(struct sink *s); /* fine if there is none */

/*
 * Writes out what is left as long as the reader makes progress, at most @patience_ms without, and
 * frees everything. Returns the bytes that were lost to a reader who did not read, or to a full
 * disk, ever. Fine on a zeroed @s and twice. The loop does not run.
 */
uint64_t sink_close(struct sink *s, unsigned patience_ms);

#endif
