/* SPDX-License-Identifier: MIT */
/* probe.h: which format a file is in, by its first bytes. */
#ifndef BLOCK_PROBE_H
#define BLOCK_PROBE_H

#include "block/block_internal.h"

/*
 * The name of the format other than raw that these bytes are the start of; NULL: none that is
 * known. @ret: its driver, NULL if there is none here.
 */
const char *probe_head(const uint8_t head[BLK_PROBE_LEN], const struct blk_format_ops **ret);
/*
 * The format of an open file when nobody said it; says what it took it for. An error if it looks
 * like a format that is not read here.
 */
int probe_file(struct blk_file *f, const struct blk_format_ops **ret,
	       struct error **errp) __must_check;

/* All drivers but the overlay, raw last; NULL at the end. */
extern const struct blk_format_ops *const blk_formats[];

#endif
