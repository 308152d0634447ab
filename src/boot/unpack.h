/* SPDX-License-Identifier: MIT */
/* unpack.h: decompression of a kernel's payload as a stream, with bounded output. */
#ifndef BOOT_UNPACK_H
#define BOOT_UNPACK_H

#include "boot/image.h"

struct error;

enum unpack_format {
	UNPACK_NONE, /* none that can be unpacked here */
	UNPACK_GZIP,
	UNPACK_LZ4, /* the legacy frame, as `lz4 -l` and the kernel's build make it */
	UNPACK_ZSTD,
	UNPACK_XZ,
};

/*
 * The format by its magic number, which @p's first @len bytes hold. *name gets what it is called,
 * also for those that cannot be unpacked here ("bzip2"); NULL if unknown.
 */
enum unpack_format unpack_detect(const uint8_t *p, size_t len, const char **name);

/* Takes the output piece by piece; an error ends the unpacking. */
struct unpack_sink {
	int (*put)(struct unpack_sink *s, const uint8_t *p, size_t len,
		   struct error **errp) __must_check;
};

#define UNPACK_FIRST_PIECE (64 * KIB) /* the first put() has this much, or all, or an LZ4 block */

/*
 * Unpacks @len bytes at @off of @img into @sink, at most @max bytes. Bytes behind the end of the
 * compressed stream are ignored (the kernel's build appends the size). Holds no memory on return.
 */
int unpack(const struct image *img, uint64_t off, uint64_t len, enum unpack_format f, uint64_t max,
	   struct unpack_sink *sink, struct error **errp) __must_check;

#endif
