/* SPDX-License-Identifier: MIT */
/* file_rw.h: blocking transfers, and lists of segments; for file*.c and the formats. */
#ifndef BLOCK_FILE_RW_H
#define BLOCK_FILE_RW_H

#include "block/file.h"

#define FILE_BOUNCE (256 * KIB) /* bytes of a FILE_DIRECT file's buffer for what is not aligned */

/* Can the host do this without a copy? */
bool file_aligned(const struct blk_file *f, const struct iovec *iov, unsigned cnt, uint64_t off,
		  uint64_t len);
/* All or nothing, any alignment: 0 or -errno. Blocks. Any thread. */
int file_transfer(struct blk_file *f, bool write, const struct iovec *iov, unsigned cnt,
		  uint64_t off, uint64_t len) __must_check;
/* Is this call to be made again? Counts in @tries how often. */
bool host_again(int err, unsigned *tries);

/* The segments of bytes [skip, skip+len), at most @max of them; how many, and their bytes. */
unsigned iov_window(const struct iovec *iov, unsigned cnt, uint64_t skip, uint64_t len,
		    struct iovec *out, unsigned max, uint64_t *ret_len);
/* Copies the first @len bytes; there are as many. */
void iov_to_buf(const struct iovec *iov, unsigned cnt, void *buf, size_t len);
/* Zeros from byte @skip to the end. */
void iov_zero(const struct iovec *iov, unsigned cnt, uint64_t skip);

#endif
