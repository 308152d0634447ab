/* SPDX-License-Identifier: MIT */
/*
 * fake_blk_link.h: include in one file of a test program, which then has fake_blk.c for its block
 * layer: what the program defines itself, the linker does not look for in the product's library.
 */
#ifndef TESTS_FAKE_BLK_LINK_H
#define TESTS_FAKE_BLK_LINK_H

#include "tests/lib/fake_blk.h"

struct blk *blk_close(struct blk *b)
{
	return fake_blk_close(b);
}

struct blk_info blk_info(const struct blk *b)
{
	return fake_blk_info(b);
}

void blk_submit(struct blk *b, struct blk_req *batch)
{
	fake_blk_submit(b, batch);
}

void blk_reap(struct blk *b)
{
	fake_blk_reap(b);
}

void blk_drain(struct blk *b)
{
	fake_blk_drain(b);
}

void blk_on_batch_end(struct blk *b, void (*cb)(void *opaque), void *opaque)
{
	fake_blk_on_batch_end(b, cb, opaque);
}

bool blk_refresh(struct blk *b)
{
	return fake_blk_refresh(b);
}

#endif
