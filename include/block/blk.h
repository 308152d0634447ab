/* SPDX-License-Identifier: MIT */
/*
 * blk.h: a disk as its device sees it, wherever its bytes are. Behind it a format (raw, qcow2)
 * stands on an engine (io_uring, libaio, threads) that moves bytes of host files.
 *
 * One struct blk belongs to one loop. All calls but those marked are made on that loop's thread, or
 * while it does not run. done() comes exactly once for each request, on the loop, never from inside
 * blk_submit().
 *
 * Durability. A BLK_FLUSH that succeeds makes every write completed before it was submitted survive
 * loss of power as far as fdatasync(2) does. A sync that fails latches: no later flush succeeds
 * until the image is opened anew.
 */
#ifndef BLOCK_BLK_H
#define BLOCK_BLK_H

#include <sys/uio.h>

#include "vmm/base.h"

struct blk;
struct error;
struct loop;

enum blk_format { BLK_FORMAT_PROBE, BLK_FORMAT_RAW, BLK_FORMAT_QCOW2 };
enum blk_cache {
	BLK_CACHE_WRITEBACK, /* through the host's page cache */
	BLK_CACHE_NONE,      /* O_DIRECT */
	BLK_CACHE_UNSAFE     /* page cache, and a flush does nothing */
};
enum blk_engine { BLK_ENGINE_AUTO, BLK_ENGINE_URING, BLK_ENGINE_AIO, BLK_ENGINE_THREADS };

struct blk_config {
	char *path;
	enum blk_format format;
	enum blk_cache cache;
	enum blk_engine engine;
	bool readonly;
	bool overlay;      /* writes go to a temporary layer and vanish at exit */
	bool backing;      /* a qcow2 image may name a backing file */
	bool no_discard;   /* discards succeed and do nothing */
	uint64_t iops, bw; /* operations and bytes a second; 0: no limit */
};

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_ZERO };

#define BLK_ZERO_UNMAP 1u /* BLK_ZERO may give space back to the host */
#define BLK_SYNC       2u /* BLK_WRITE, BLK_ZERO: done() only once it is durable (write-through) */

#define BLK_IOV_MAX 1000 /* segments of one request */

/*
 * One request, in memory of the caller's for as long as it takes, @iov and what it points to
 * included. @off and @len are bytes, multiples of 512; @iov has exactly @len bytes (reads and
 * writes). The layers below keep their state in @priv, so that a request costs no allocation.
 */
struct blk_req {
	enum blk_op op;
	unsigned flags;
	uint64_t off, len;
	const struct iovec *iov;
	unsigned iov_cnt;
	void (*done)(struct blk_req *r, int err); /* 0 or a positive errno */
	struct blk_req *next; /* batches; free for the owner when the request is its own */
	struct blk *blk;      /* set by blk_submit() */
	_Alignas(16) unsigned char priv[192];
};

struct blk_info {
	uint64_t size; /* bytes, a multiple of 512; what is beyond is not there */
	/* What the guest should take for its sectors: a host device's own (512..65536); 512 for
	 * image files, whose partition tables were written so, wherever they lie now. */
	uint32_t logical_block;
	uint32_t physical_block;      /* the unit that costs the host no read-modify-write */
	uint32_t discard_granularity; /* bytes; 0: discarding does nothing */
	bool readonly;
	const char *format, *engine; /* names, for people */
};

/*
 * Opens, locks (open file description locks, and QEMU's bytes) and checks an image; says what was
 * probed and which engine was fallen back to (log_msg). Errors name the file, the reason and, where
 * it can be known, who holds the lock. Control thread, before @loop runs.
 */
int blk_open(const struct blk_config *c, struct loop *loop, struct blk **ret,
	     struct error **errp) __must_check;
/* Waits for what is in flight, writes what is cached and closes. NULL-safe, returns NULL. */
struct blk *blk_close(struct blk *b);

struct blk_info blk_info(const struct blk *b); /* any thread */

/*
 * Takes a batch (by @next), in order. Range, alignment and read-only are checked here, once; what
 * is refused completes with an error like any other (EINVAL: range or alignment, EROFS, EPERM: what
 * this image refuses). One system call submits what the batch needs. May be called from done().
 *
 * Unless it was, blk_reap() has to follow before the thread goes back to its loop, for what needs
 * no wake-up (page cache hits, unallocated clusters, refusals) gets none.
 */
void blk_submit(struct blk *b, struct blk_req *batch);
/*
 * Calls done() of what has already completed, so that one interrupt serves a whole batch; a bounded
 * number, the loop does the rest. Does nothing from inside done().
 */
void blk_reap(struct blk *b);
/*
 * Returns when nothing is in flight: every done() has been called, those included that a limit
 * (iops, bw) held back. Not from inside done().
 */
void blk_drain(struct blk *b);

/* Called after the completions of one wake-up of the loop have been delivered (not of a blk_reap()
 * or blk_drain(), whose callers know): the place for one interrupt. Set before blk_submit(). */
void blk_on_batch_end(struct blk *b, void (*cb)(void *opaque), void *opaque);

/*
 * Looks at the host file again. True: it has grown or shrunk and blk_info() says the new size. For
 * raw images; a qcow2 image says its own size.
 */
bool blk_refresh(struct blk *b);

#endif
