/* SPDX-License-Identifier: MIT */
/*
 * file_rw.c: reading and writing that blocks, to the last byte, whatever the alignment. Runs in
 * worker threads for requests, and in whoever opens, closes or converts an image.
 */
#include "block/file_rw.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "block/engine.h"
#include "block/host.h"

#define TRIES 64 /* of a call that says EINTR or EAGAIN and moves nothing */

/* A place in a list of segments. */
struct cursor {
	const struct iovec *iov;
	unsigned cnt;
	size_t skip; /* bytes of iov[0] that are behind us */
};

static void cursor_advance(struct cursor *c, uint64_t n)
{
	while (c->cnt && n >= c->iov->iov_len - c->skip) {
		n -= c->iov->iov_len - c->skip;
		c->iov++;
		c->cnt--;
		c->skip = 0;
	}
	c->skip += (size_t)n;
}

/* At most @max segments, of at most @len bytes, from here on. How many bytes they have. */
static uint64_t cursor_window(const struct cursor *c, struct iovec *out, unsigned max, uint64_t len,
			      unsigned *cnt)
{
	uint64_t sum = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < c->cnt && n < max && sum < len; i++) {
		size_t skip = i ? 0 : c->skip;
		size_t part = (size_t)min_u64(c->iov[i].iov_len - skip, len - sum);

		out[n++] = (struct iovec){ (uint8_t *)c->iov[i].iov_base + skip, part };
		sum += part;
	}
	*cnt = n;
	return sum;
}

unsigned iov_window(const struct iovec *iov, unsigned cnt, uint64_t skip, uint64_t len,
		    struct iovec *out, unsigned max, uint64_t *ret_len)
{
	struct cursor c = { iov, cnt, 0 };
	unsigned n;

	cursor_advance(&c, skip);
	*ret_len = cursor_window(&c, out, max, len, &n);
	return n;
}

void iov_zero(const struct iovec *iov, unsigned cnt, uint64_t skip)
{
	for (unsigned i = 0; i < cnt; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		memset((uint8_t *)iov[i].iov_base + skip, 0, iov[i].iov_len - (size_t)skip);
		skip = 0;
	}
}

/* Between a buffer and the place; moves on. */
static void cursor_copy(struct cursor *c, uint8_t *buf, size_t len, bool to_buf)
{
	while (len && c->cnt) {
		uint8_t *p = (uint8_t *)c->iov->iov_base + c->skip;
		size_t n = (size_t)min_u64(len, c->iov->iov_len - c->skip);

		if (to_buf)
			memcpy(buf, p, n);
		else
			memcpy(p, buf, n);
		buf += n;
		len -= n;
		cursor_advance(c, n);
	}
}

void iov_to_buf(const struct iovec *iov, unsigned cnt, void *buf, size_t len)
{
	struct cursor c = { iov, cnt, 0 };

	cursor_copy(&c, buf, len, true);
}

bool host_again(int err, unsigned *tries)
{
	return (err == EINTR || err == EAGAIN) && ++*tries < TRIES;
}

/* One call, repeated while it is only interrupted. Bytes or -errno. */
static ssize_t transfer_once(struct blk_file *f, bool write, const struct iovec *iov, unsigned cnt,
			     uint64_t off)
{
	unsigned tries = 0;
	ssize_t n;

	do {
		n = write ? host->write(f->fd, iov, (int)cnt, (off_t)off, 0)
			  : host->read(f->fd, iov, (int)cnt, (off_t)off, 0);
	} while (n < 0 && host_again(errno, &tries));
	if (n < 0)
		return -errno;
	return n;
}

/* An aligned buffer: the bytes, and zeros for what is behind the end if that is where they were to
 * be found at @zeros_from or above. */
static int read_aligned(struct blk_file *f, uint8_t *buf, size_t len, uint64_t off,
			uint64_t zeros_from)
{
	size_t pos = 0;

	while (pos < len) {
		struct iovec v = { buf + pos, len - pos };
		ssize_t n = transfer_once(f, false, &v, 1, off + pos);

		if (n < 0)
			return (int)n;
		pos += (size_t)n;
		/* The end of the file; O_DIRECT cannot even ask for what is behind an odd one. */
		if (n == 0 || (pos < len && pos % f->offset_align)) {
			if (off + pos < zeros_from)
				return -EIO;
			memset(buf + pos, 0, len - pos);
			return 0;
		}
	}
	return 0;
}

static int write_aligned(struct blk_file *f, uint8_t *buf, size_t len, uint64_t off)
{
	size_t pos = 0;

	while (pos < len) {
		struct iovec v = { buf + pos, len - pos };
		ssize_t n = transfer_once(f, true, &v, 1, off + pos);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		pos += (size_t)n;
	}
	return 0;
}

/* Whole blocks are the unit of O_DIRECT; a file that ended inside one must not grow to its end. */
static int trim_end(struct blk_file *f, uint64_t old_size, uint64_t written_to, uint64_t wanted_to)
{
	if (f->is_bdev || written_to <= max_u64(old_size, wanted_to))
		return 0;
	return file_truncate(f, max_u64(old_size, wanted_to));
}

/* [off, off+len) lies within the bounce buffer's reach: read, or read, change and write. */
static int bounce_chunk(struct blk_file *f, bool write, struct cursor *c, uint64_t off, size_t len)
{
	uint64_t a = f->offset_align, lo = align_down(off, a), hi = align_up(off + len, a);
	uint64_t size;
	int r;

	if (!write) {
		r = read_aligned(f, f->bounce, (size_t)(hi - lo), lo,
				 min_u64(f->zero_from, off + len));
		if (!r)
			cursor_copy(c, f->bounce + (off - lo), len, false);
		return r;
	}
	r = file_size(f, &size);
	/* What is behind the end of the file is made, not read: any end is right. */
	if (!r && lo < off)
		r = read_aligned(f, f->bounce, (size_t)a, lo, 0);
	if (!r && hi > off + len && (hi - a > lo || lo == off))
		r = read_aligned(f, f->bounce + (hi - a - lo), (size_t)a, hi - a, 0);
	if (r < 0)
		return r;
	cursor_copy(c, f->bounce + (off - lo), len, true);
	r = write_aligned(f, f->bounce, (size_t)(hi - lo), lo);
	return r < 0 ? r : trim_end(f, size, hi, off + len);
}

static int transfer_bounced(struct blk_file *f, bool write, struct cursor *c, uint64_t off,
			    uint64_t len)
{
	int r = 0;

	mutex_lock(&f->bounce_lock);
	while (len && !r) {
		uint64_t room = FILE_BOUNCE - (off & (f->offset_align - 1));
		size_t n = (size_t)min_u64(len, room);

		r = bounce_chunk(f, write, c, off, n);
		off += n;
		len -= n;
	}
	mutex_unlock(&f->bounce_lock);
	return r;
}

/* The end of the file is where a read says so, or where O_DIRECT could not even ask on. */
static bool at_end(const struct blk_file *f, bool write, uint64_t off, ssize_t n)
{
	return n == 0 || (!write && ((off + (uint64_t)n) & (f->offset_align - 1)));
}

static int transfer_plain(struct blk_file *f, bool write, struct cursor *c, uint64_t off,
			  uint64_t len)
{
	while (len) {
		struct iovec v[16];
		unsigned cnt;
		ssize_t n;
		bool end;

		cursor_window(c, v, ARRAY_LEN(v), len, &cnt);
		n = transfer_once(f, write, v, cnt, off);
		if (n < 0)
			return (int)n;
		end = at_end(f, write, off, n);
		cursor_advance(c, (uint64_t)n);
		off += (uint64_t)n;
		len -= (uint64_t)n;
		if (len && end) {
			if (write || off < f->zero_from)
				return -EIO;
			iov_zero(c->iov, c->cnt, c->skip);
			return 0;
		}
	}
	return 0;
}

bool file_aligned(const struct blk_file *f, const struct iovec *iov, unsigned cnt, uint64_t off,
		  uint64_t len)
{
	uintptr_t mem = 0, unit = (uintptr_t)(off | len);

	if (f->offset_align == 1)
		return true;
	for (unsigned i = 0; i < cnt; i++) {
		mem |= (uintptr_t)iov[i].iov_base;
		unit |= iov[i].iov_len;
	}
	return !(mem & (f->memory_align - 1)) && !(unit & (f->offset_align - 1));
}

int file_transfer(struct blk_file *f, bool write, const struct iovec *iov, unsigned cnt,
		  uint64_t off, uint64_t len)
{
	struct cursor c = { iov, cnt, 0 };

	if (off > INT64_MAX || len > INT64_MAX - off)
		return -EINVAL;
	if (file_aligned(f, iov, cnt, off, len) && (write || off + len <= f->zero_from))
		return transfer_plain(f, write, &c, off, len);
	if (f->offset_align == 1)
		return transfer_plain(f, write, &c, off, len);
	return transfer_bounced(f, write, &c, off, len);
}

int file_pread(struct blk_file *f, void *buf, size_t len, uint64_t off)
{
	struct iovec v = { buf, len };

	return file_transfer(f, false, &v, 1, off, len);
}

int file_pwrite(struct blk_file *f, const void *buf, size_t len, uint64_t off)
{
	/* An iovec cannot say that it is only read from. */
	union {
		const void *in;
		void *out;
	} u = { .in = buf };
	struct iovec v = { u.out, len };

	return file_transfer(f, true, &v, 1, off, len);
}

int file_fdatasync(struct blk_file *f)
{
	unsigned tries = 0;
	int r;

	if (f->flags & FILE_NOSYNC)
		return 0;
	if (f->sync_error)
		return -f->sync_error;
	do {
		r = host->fdatasync(f->fd);
	} while (r < 0 && host_again(errno, &tries));
	if (r < 0)
		f->sync_error = errno;
	return -f->sync_error;
}

int file_truncate(struct blk_file *f, uint64_t size)
{
	unsigned tries = 0;
	int r;

	if (size > INT64_MAX)
		return -EFBIG;
	do {
		r = host->ftruncate(f->fd, (off_t)size);
	} while (r < 0 && host_again(errno, &tries));
	return r < 0 ? -errno : 0;
}

int file_fallocate(struct blk_file *f, int mode, uint64_t off, uint64_t len)
{
	unsigned tries = 0;
	int r;

	if (off > INT64_MAX || len > INT64_MAX - off)
		return -EFBIG;
	do {
		r = host->fallocate(f->fd, mode, (off_t)off, (off_t)len);
	} while (r < 0 && host_again(errno, &tries));
	return r < 0 ? -errno : 0;
}
