/* SPDX-License-Identifier: MIT */
/*
 * diskkit.h: disks for tests: a directory on a real file system, a loop with a thread, and requests
 * that are made on it and waited for, as a device makes them.
 */
#ifndef TESTS_DISKKIT_H
#define TESTS_DISKKIT_H

#include "block/blk.h"
#include "tests/lib/fake.h"
#include "vmm/loop.h"

/* A new directory under TEST_DISKS (default /var/tmp), removed by disk_rmdir(). Not freed: static.
 */
const char *disk_dir(void);
void disk_rmdir(void);
/* A path in it; static storage, a few at a time. */
const char *disk_path(const char *name);
/* A new file of @size bytes, all @fill (0: a hole). */
const char *disk_file(const char *name, uint64_t size, uint8_t fill);
/* Reads it past all caches of ours. */
void disk_peek(const char *path, uint64_t off, void *buf, size_t len);

/*
 * Makes file @path a block device with blocks of @block bytes; its name, static storage. NULL, and
 * said on stderr: not here (it takes root and the loop driver). disk_unloop() ends it.
 */
const char *disk_loop(const char *path, unsigned block);
void disk_unloop(void);

/* Names of the enums, for messages. */
extern const char *const disk_engines[], *const disk_caches[];
/* Can this combination be on this host? False: said on stderr, once. */
bool disk_possible(enum blk_engine e, enum blk_cache c);

/* --- a disk on a loop of its own ----------------------------------------------------------------
 */

struct disk {
	struct loop *loop;
	struct blk *blk;
	unsigned batches; /* ends that were said */
};

/* Fails the test if it cannot be opened. */
void disk_open(struct disk *d, const struct blk_config *c);
/* Returns the error instead; the caller frees it. NULL: it could, and was closed again. */
struct error *disk_try(const struct blk_config *c);
void disk_close(struct disk *d);

#define DISK_BATCH 64
/* One of a batch. */
struct disk_op {
	enum blk_op op;
	unsigned flags;
	uint64_t off;
	void *buf;
	uint64_t len;
	struct iovec *iov; /* NULL: one segment, @buf */
	unsigned iov_cnt;
	int err; /* what came of it */
};

/* Makes all of them at once and waits; each must be done exactly once. */
void disk_batch(struct disk *d, struct disk_op *ops, unsigned cnt);
/* One: its error. */
int disk_do(struct disk *d, enum blk_op op, unsigned flags, uint64_t off, void *buf, uint64_t len);
/* Calls fn(arg) on the disk's thread. */
void disk_on_loop(struct disk *d, void (*fn)(void *), void *arg);

/* Descriptors that this process has open. */
unsigned disk_fds(void);

#endif
