/* SPDX-License-Identifier: MIT */
/*
 * feed.h: this process's standard input on its way to the guest's: read only as fast as the guest
 * takes it, whatever it is (terminal, pipe, file), byte for byte.
 */
#ifndef VERDICT_FEED_H
#define VERDICT_FEED_H

#include "char/nbio.h"
#include "vmm/loop.h"

struct feed {
	struct loop *loop;
	struct nbio in;
	struct ev_fd readable, writable;
	struct ev_work again;
	void (*ended)(struct feed *f, void *opaque); /* all of it was handed over: total bytes */
	void *opaque;
	uint64_t total;
	bool over;
	size_t off, len;
	uint8_t buf[32u << 10];
};

/* From @fd to the socket @to, both borrowed. */
void feed_start(struct feed *f, struct loop *loop, int fd, int to,
		void (*ended)(struct feed *, void *), void *opaque);
/* Fine on a zeroed one and twice. */
void feed_stop(struct feed *f);

#endif
