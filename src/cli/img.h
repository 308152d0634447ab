/* SPDX-License-Identifier: MIT */
/* img.h: what the verb's files share. */
#ifndef CLI_IMG_H
#define CLI_IMG_H

#include "block/qcow2.h"
#include "vmm/cli.h"

struct img_args {
	enum blk_format format, output;  /* of the image; of the new one */
	uint64_t cluster;                /* bytes; 0: as usual */
	unsigned version, refcount_bits; /* 0: as usual */
	bool lazy_refcounts;
	char *backing, *backing_format;
	int compress; /* -1: no; else an enum img_compress */
	int repair;   /* enum qcow2_repair */
	bool allow_backing, shrink, force, json, help;
};

enum img_compress { IMG_ZLIB, IMG_ZSTD };

/* Makes empty file @f an image of @size bytes. */
int img_fill(struct blk_file *f, const struct img_args *a, enum blk_format format, uint64_t size,
	     struct error **errp) __must_check;

/*
 * A disk that is open, and a loop that nothing runs: requests are waited for one by one. img_io()
 * is 0 or a negative errno.
 */
struct img_disk {
	struct loop *loop;
	struct blk *blk;
};
int img_open(const struct img_args *a, const char *path, enum blk_format format, bool readonly,
	     struct img_disk *ret, struct error **errp) __must_check;
void img_close(struct img_disk *d); /* accepts a zeroed one; leaves it zeroed */
int img_io(struct img_disk *d, enum blk_op op, unsigned flags, uint64_t off, void *buf,
	   uint64_t len) __must_check;

/* img_convert.c */
int img_convert(const struct img_args *a, const char *from, const char *to,
		struct error **errp) __must_check;

#endif
