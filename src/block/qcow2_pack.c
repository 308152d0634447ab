/* SPDX-License-Identifier: MIT */
/*
 * qcow2_pack.c: compressed clusters, raw deflate or zstd. What comes out is exactly one cluster;
 * whatever wants to be more is cut off and refused.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "block/qcow2_internal.h"

/* "Compressed with deflate, window of 4 KiB or less" is what others write; we read any window. */
#define WINDOW_BITS_READ  (-15)
#define WINDOW_BITS_WRITE (-12)

static int inflate_all(const void *in, size_t len, void *out, size_t want)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in,
		       .avail_in = (unsigned)len,
		       .next_out = out,
		       .avail_out = (unsigned)want };
	int r;

	if (inflateInit2(&z, WINDOW_BITS_READ) != Z_OK)
		return -ENOMEM;
	r = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* A stream that is exactly full need not have come to its end mark. */
	if ((r != Z_STREAM_END && r != Z_BUF_ERROR) || z.avail_out)
		return -EIO;
	return 0;
}

/* The sectors of a cluster hold what comes after the frame, too: it is a stream, not a buffer. */
static int zstd_all(struct qcow2 *q, const void *in, size_t len, void *out, size_t want)
{
	ZSTD_inBuffer i = { in, len, 0 };
	ZSTD_outBuffer o = { out, want, 0 };
	size_t r = 1;

	if (!q->zstd)
		q->zstd = ZSTD_createDCtx();
	if (!q->zstd)
		return -ENOMEM;
	ZSTD_DCtx_reset(q->zstd, ZSTD_reset_session_only);
	/* A window larger than any cluster is never needed; it would be memory of an image's
	 * choosing. */
	ZSTD_DCtx_setParameter(q->zstd, ZSTD_d_windowLogMax, 27);
	while (o.pos < o.size) {
		size_t in_pos = i.pos, out_pos = o.pos;

		r = ZSTD_decompressStream(q->zstd, &o, &i);
		if (ZSTD_isError(r) || (i.pos == in_pos && o.pos == out_pos))
			return -EIO;
		if (!r && o.pos < o.size)
			return -EIO;
	}
	return 0;
}

int q2_unpack(struct qcow2 *q, const void *in, size_t len, void *out)
{
	return q->h.compression == Q2_ZSTD ? zstd_all(q, in, len, out, q->cluster)
					   : inflate_all(in, len, out, q->cluster);
}

static size_t deflate_all(const void *in, size_t len, void *out, size_t cap)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in,
		       .avail_in = (unsigned)len,
		       .next_out = out,
		       .avail_out = (unsigned)cap };
	int r;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS_WRITE, 9,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return 0;
	r = deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return r == Z_STREAM_END ? cap - z.avail_out : 0;
}

size_t q2_pack(const struct qcow2 *q, const void *in, void *out, size_t cap)
{
	size_t r;

	if (q->h.compression == Q2_ZLIB)
		return deflate_all(in, q->cluster, out, cap);
	r = ZSTD_compress(out, cap, in, q->cluster, ZSTD_CLEVEL_DEFAULT);
	return ZSTD_isError(r) ? 0 : r;
}

void q2_pack_free(struct qcow2 *q)
{
	free(q->unpacked);
	ZSTD_freeDCtx(q->zstd);
	q->unpacked = NULL;
	q->zstd = NULL;
}
