/* SPDX-License-Identifier: MIT */
/* qcow2.h: making, checking and resizing qcow2 images; opening one for I/O is blk_open()'s. */
#ifndef BLOCK_QCOW2_H
#define BLOCK_QCOW2_H

#include "vmm/base.h"

struct blk;
struct blk_file;
struct error;

struct qcow2_options {
	uint64_t size;          /* of the disk, bytes; a multiple of 512 */
	uint64_t cluster;       /* bytes, a power of two from 512 to 2 MiB; 0: 64 KiB */
	unsigned version;       /* 2 or 3; 0: 3 */
	unsigned refcount_bits; /* 1 to 64; 0: 16 */
	bool lazy_refcounts, zstd;
	const char *backing, *backing_format; /* NULL: none */
};

/* Writes a new image to @f, an empty file. Tools; blocks. */
int qcow2_create(struct blk_file *f, const struct qcow2_options *o,
		 struct error **errp) __must_check;

struct qcow2_snapshot_info {
	char *id, *name;
	uint64_t date_sec;
};

struct qcow2_facts {
	unsigned version, refcount_bits;
	uint64_t size, cluster;
	bool dirty, corrupt, lazy_refcounts, zstd;
	char *backing, *backing_format; /* NULL: none, not named */
	struct qcow2_snapshot_info *snapshot;
	unsigned snapshot_cnt, bitmap_cnt;
};
/* What the header says. The caller qcow2_facts_free()s *ret. */
int qcow2_read_facts(struct blk_file *f, struct qcow2_facts *ret, struct error **errp) __must_check;
void qcow2_facts_free(struct qcow2_facts *i);

enum qcow2_repair { QCOW2_REPAIR_NONE, QCOW2_REPAIR_LEAKS, QCOW2_REPAIR_ALL };

struct qcow2_result {
	uint64_t corruptions, leaks;                   /* found; clusters and entries */
	uint64_t corruptions_fixed, leaks_fixed;       /* of these */
	uint64_t clusters, allocated, compressed, end; /* of the disk; of these; bytes of the file
							   that are in use */
};
/* Called with one sentence for each thing found (at most QCOW2_SAY_MAX of them). */
#define QCOW2_SAY_MAX 100
typedef void qcow2_say(void *opaque, bool corruption, const char *sentence);

/* Compares references with refcounts. Tools; blocks. */
int qcow2_check(struct blk_file *f, enum qcow2_repair repair, qcow2_say *say, void *opaque,
		struct qcow2_result *ret, struct error **errp) __must_check;

/*
 * Another size for the disk @b, open for writing and idle. First qcow2_resize_begin(): it refuses
 * what cannot be, and makes room in the tables; requests reach as far as the larger of the two
 * sizes, while on disk the old one stands. Then the caller writes zeros between the two, whatever a
 * backing file has there, and flushes; then qcow2_resize_end() makes the new size the disk's. So
 * after a crash at any moment the disk has one of the two, and what it has gained reads as zeros.
 * Tools; both block.
 */
int qcow2_resize_begin(struct blk *b, uint64_t size, struct error **errp) __must_check;
int qcow2_resize_end(struct blk *b, uint64_t size, struct error **errp) __must_check;

/*
 * Stores one cluster of the disk, at @off, compressed; nothing is in flight. @scratch has room for
 * a cluster. -E2BIG: it does not become smaller, write it as it is. Tools; blocks.
 */
int qcow2_write_compressed(struct blk *b, uint64_t off, const void *data,
			   void *scratch) __must_check;

#endif
