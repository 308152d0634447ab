/* SPDX-License-Identifier: MIT */
/*
 * fake_blk.h: a disk in memory that does what a test wants, for devices that have one. A test
 * program that includes fake_blk_link.h in one file calls these where the product calls the block
 * layer.
 *
 * It aborts where the device breaks the contract of blk.h: a request out of range or misaligned, a
 * buffer that is not as long as the request, a write to a read-only disk, a close with I/O in
 * flight.
 */
#ifndef TESTS_FAKE_BLK_H
#define TESTS_FAKE_BLK_H

#include "block/blk.h"

#define FAKE_BLK_LOG 1024

struct fake_blk_entry {
	enum blk_op op;
	unsigned flags;
	uint64_t off, len;
	unsigned iov_cnt;
};

struct fake_blk {
	/* What the test may change. */
	struct blk_info info;
	bool hold;          /* requests stay in flight until fake_blk_release() or a drain */
	int error;          /* what requests complete with; a positive errno, 0: success */
	uint64_t next_size; /* what blk_refresh() finds */
	/* Runs at the end of each submit, as a driver on another CPU might. NULL: nothing. */
	void (*on_submit)(struct fake_blk *f);

	/* What it may look at. */
	uint8_t *data;
	struct fake_blk_entry log[FAKE_BLK_LOG]; /* in the order of submission */
	unsigned log_cnt;
	unsigned submits, reaps, drains; /* calls */
	unsigned last_batch;             /* requests of the last submit */
	unsigned in_flight;
	bool *closed; /* set by blk_close(), if not NULL: the fake is gone then */

	struct blk_req *first, **last; /* submitted, not completed */
	void (*batch_end)(void *opaque);
	void *opaque;
};

struct fake_blk *fake_blk_new(uint64_t size); /* freed by blk_close() */

static inline struct blk *fake_blk(struct fake_blk *f)
{
	return (struct blk *)(void *)f;
}

/*
 * Completes the @n oldest requests in flight (the newest first if @backwards), as a wake-up of the
 * loop would. Returns how many there were.
 */
unsigned fake_blk_release(struct fake_blk *f, unsigned n, bool backwards);

/* The bodies of the functions of blk.h. */
struct blk *fake_blk_close(struct blk *b);
struct blk_info fake_blk_info(const struct blk *b);
void fake_blk_submit(struct blk *b, struct blk_req *batch);
void fake_blk_reap(struct blk *b);
void fake_blk_drain(struct blk *b);
void fake_blk_on_batch_end(struct blk *b, void (*cb)(void *opaque), void *opaque);
bool fake_blk_refresh(struct blk *b);

#endif
