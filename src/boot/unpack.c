/* SPDX-License-Identifier: MIT */
/*
 * unpack.c: decompression as a stream. Buffers are mappings, not heap, so that they are gone when
 * they are freed. Output is bounded by the caller, input by the file.
 */
#include "boot/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "vmm/endian.h"
#include "vmm/error.h"

#define IN_CHUNK  (128 * KIB)
#define OUT_CHUNK (256 * KIB)
_Static_assert(OUT_CHUNK >= UNPACK_FIRST_PIECE, "a full buffer is enough for the first piece");

#define XZ_MEMORY_MAX    (256 * MIB) /* dictionary; kernels are packed with 32 to 128 MiB */
#define ZSTD_WINDOW_LOG  27          /* 128 MiB; what `zstd -22 --ultra` uses */
#define LZ4_LEGACY_MAGIC 0x184c2102u
/* lz4 Frame format, "Legacy frame": every block but the last. */
#define LZ4_LEGACY_BLOCK (8 * MIB)

static const struct {
	uint8_t magic[6];
	uint8_t len;
	enum unpack_format format;
	const char *name;
} formats[] = {
	{ { 0x1f, 0x8b }, 2, UNPACK_GZIP, "gzip" },
	{ { 0x02, 0x21, 0x4c, 0x18 }, 4, UNPACK_LZ4, "LZ4" },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, UNPACK_ZSTD, "zstd" },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, UNPACK_XZ, "xz" },
	{ { 'B', 'Z', 'h' }, 3, UNPACK_NONE, "bzip2" },
	{ { 0x5d, 0, 0 }, 3, UNPACK_NONE, "LZMA" },
	{ { 0x89, 'L', 'Z', 'O' }, 4, UNPACK_NONE, "LZO" },
	{ { 0x7f, 'E', 'L', 'F' }, 4, UNPACK_NONE, "uncompressed" },
};

enum unpack_format unpack_detect(const uint8_t *p, size_t len, const char **name)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (len < formats[i].len || memcmp(p, formats[i].magic, formats[i].len) != 0)
			continue;
		*name = formats[i].name;
		return formats[i].format;
	}
	*name = NULL;
	return UNPACK_NONE;
}

/* --- buffers ---------------------------------------------------------------------------------- */

struct buf {
	uint8_t *p;
	size_t cap;
};

static int buf_map(struct buf *b, size_t cap, struct error **errp)
{
	void *p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return err_errno(errp, errno, "cannot allocate %zu bytes to unpack with", cap);
	*b = (struct buf){ p, cap };
	return 0;
}

static void buf_unmap(struct buf *b)
{
	if (b->p)
		munmap(b->p, b->cap);
}

/* --- the two ends of the stream --------------------------------------------------------------- */

struct stream {
	const struct image *img;
	uint64_t off, left; /* input not yet read */
	uint64_t max, out;  /* output allowed and made */
	struct unpack_sink *sink;
	struct buf in, ob;
};

/* Reads the next piece of input to the input buffer; *got is 0 at the end. */
static int refill(struct stream *s, size_t *got, struct error **errp)
{
	size_t n = min_u64(s->in.cap, s->left);
	int r = n ? image_read(s->img, s->off, s->in.p, n, errp) : 0;

	if (r < 0)
		return r;
	s->off += n;
	s->left -= n;
	*got = n;
	return 0;
}

static int emit(struct stream *s, const uint8_t *p, size_t n, struct error **errp)
{
	if (n > s->max - s->out)
		return err_set(errp, EFBIG,
			       "payload unpacks to more than the %" PRIu64
			       " bytes that init_size allows",
			       s->max);
	s->out += n;
	return n ? s->sink->put(s->sink, p, n, errp) : 0;
}

static int corrupt(const struct stream *s, const char *format, const char *why, struct error **errp)
{
	return err_set(errp, EINVAL, "the %s payload is corrupt after %" PRIu64 " bytes: %s",
		       format, s->out, why);
}

/* --- gzip, RFC 1952 --------------------------------------------------------------------------- */

static int gzip_run(struct stream *s, z_stream *z, struct error **errp)
{
	int zr = Z_OK, r;

	z->next_out = s->ob.p;
	z->avail_out = (unsigned)s->ob.cap;
	while (zr != Z_STREAM_END) {
		if (!z->avail_in) {
			size_t got;

			r = refill(s, &got, errp);
			if (r < 0)
				return r;
			if (!got)
				return corrupt(s, "gzip", "it ends early", errp);
			z->next_in = s->in.p;
			z->avail_in = (unsigned)got;
		}
		zr = inflate(z, Z_NO_FLUSH);
		if (zr != Z_OK && zr != Z_STREAM_END)
			return corrupt(s, "gzip", z->msg ? z->msg : "bad data", errp);
		if (z->avail_out && zr != Z_STREAM_END)
			continue;
		r = emit(s, s->ob.p, s->ob.cap - z->avail_out, errp);
		if (r < 0)
			return r;
		z->next_out = s->ob.p;
		z->avail_out = (unsigned)s->ob.cap;
	}
	return 0;
}

static int gzip(struct stream *s, struct error **errp)
{
	z_stream z = { 0 };
	int r;

	if (inflateInit2(&z, 15 + 16) != Z_OK) /* window 2^15, gzip header */
		return err_set(errp, ENOMEM, "cannot allocate memory to unpack gzip");
	r = gzip_run(s, &z, errp);
	inflateEnd(&z);
	return r;
}

/* --- xz --------------------------------------------------------------------------------------- */

/* Dictionaries are tens of MiB; as heap they would raise glibc's mmap threshold for good. */
static void *xz_alloc(void *opaque, size_t nmemb, size_t size)
{
	size_t len;
	size_t *p;

	(void)opaque;
	if (__builtin_mul_overflow(nmemb, size, &len) || __builtin_add_overflow(len, 64, &len))
		return NULL;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	*p = len;
	return (uint8_t *)p + 64;
}

static void xz_free(void *opaque, void *ptr)
{
	(void)opaque;
	if (ptr) {
		size_t *p = (size_t *)(void *)((uint8_t *)ptr - 64);

		munmap(p, *p);
	}
}

static int xz_run(struct stream *s, lzma_stream *z, struct error **errp)
{
	lzma_ret zr = LZMA_OK;
	int r;

	z->next_out = s->ob.p;
	z->avail_out = s->ob.cap;
	while (zr != LZMA_STREAM_END) {
		if (!z->avail_in) {
			size_t got;

			r = refill(s, &got, errp);
			if (r < 0)
				return r;
			if (!got)
				return corrupt(s, "xz", "it ends early", errp);
			z->next_in = s->in.p;
			z->avail_in = got;
		}
		zr = lzma_code(z, LZMA_RUN);
		if (zr == LZMA_MEMLIMIT_ERROR)
			return corrupt(s, "xz", "its dictionary is too large", errp);
		if (zr == LZMA_MEM_ERROR)
			return err_set(errp, ENOMEM, "cannot allocate memory to unpack xz");
		if (zr != LZMA_OK && zr != LZMA_STREAM_END)
			return corrupt(s, "xz", "bad data", errp);
		if (z->avail_out && zr != LZMA_STREAM_END)
			continue;
		r = emit(s, s->ob.p, s->ob.cap - z->avail_out, errp);
		if (r < 0)
			return r;
		z->next_out = s->ob.p;
		z->avail_out = s->ob.cap;
	}
	return 0;
}

static int xz(struct stream *s, struct error **errp)
{
	static const lzma_allocator alloc = { xz_alloc, xz_free, NULL };
	lzma_stream z = LZMA_STREAM_INIT;
	int r;

	z.allocator = &alloc;
	if (lzma_stream_decoder(&z, XZ_MEMORY_MAX, 0) != LZMA_OK)
		return err_set(errp, ENOMEM, "cannot allocate memory to unpack xz");
	r = xz_run(s, &z, errp);
	lzma_end(&z);
	return r;
}

/* --- zstd, RFC 8878 --------------------------------------------------------------------------- */

static int zstd_run(struct stream *s, ZSTD_DCtx *z, struct error **errp)
{
	ZSTD_inBuffer in = { s->in.p, 0, 0 };
	ZSTD_outBuffer out = { s->ob.p, s->ob.cap, 0 };
	size_t zr = 1;
	int r;

	while (zr != 0) { /* 0: the frame is complete */
		if (in.pos == in.size && out.pos < out.size) {
			r = refill(s, &in.size, errp);
			if (r < 0)
				return r;
			if (!in.size)
				return corrupt(s, "zstd", "it ends early", errp);
			in.pos = 0;
		}
		if (out.pos == out.size) {
			r = emit(s, s->ob.p, out.pos, errp);
			if (r < 0)
				return r;
			out.pos = 0;
		}
		zr = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(zr))
			return corrupt(s, "zstd", ZSTD_getErrorName(zr), errp);
	}
	return emit(s, s->ob.p, out.pos, errp);
}

static int zstd(struct stream *s, struct error **errp)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	int r;

	if (!z || ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
		r = err_set(errp, ENOMEM, "cannot allocate memory to unpack zstd");
	else
		r = zstd_run(s, z, errp);
	ZSTD_freeDCtx(z);
	return r;
}

/* --- LZ4 legacy frame ------------------------------------------------------------------------- */

static int lz4_block(struct stream *s, uint32_t size, struct error **errp)
{
	int n, r;

	r = image_read(s->img, s->off, s->in.p, size, errp);
	if (r < 0)
		return r;
	s->off += size;
	s->left -= size;
	n = LZ4_decompress_safe((const char *)s->in.p, (char *)s->ob.p, (int)size, (int)s->ob.cap);
	if (n < 0)
		return corrupt(s, "LZ4", "a block does not unpack", errp);
	return emit(s, s->ob.p, (size_t)n, errp);
}

/* Blocks are independent: a 4-byte size and that many bytes, until the input ends. */
static int lz4(struct stream *s, struct error **errp)
{
	/* Four bytes at the end are the size that the kernel's build appends, not a block. */
	while (s->left > 4) {
		uint8_t word[4];
		uint32_t size;
		int r = image_read(s->img, s->off, word, sizeof(word), errp);

		if (r < 0)
			return r;
		s->off += 4;
		s->left -= 4;
		size = get_le32(word);
		if (size == LZ4_LEGACY_MAGIC) /* frames may follow one another */
			continue;
		if (!size || size > s->in.cap || size > s->left)
			return corrupt(s, "LZ4", "a block's size is impossible", errp);
		r = lz4_block(s, size, errp);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct {
	int (*run)(struct stream *s, struct error **errp);
	size_t in, out;
} engines[] = {
	[UNPACK_GZIP] = { gzip, IN_CHUNK, OUT_CHUNK },
	[UNPACK_LZ4] = { lz4, LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK), LZ4_LEGACY_BLOCK },
	[UNPACK_ZSTD] = { zstd, IN_CHUNK, OUT_CHUNK },
	[UNPACK_XZ] = { xz, IN_CHUNK, OUT_CHUNK },
};

int unpack(const struct image *img, uint64_t off, uint64_t len, enum unpack_format f, uint64_t max,
	   struct unpack_sink *sink, struct error **errp)
{
	struct stream s = { .img = img, .off = off, .left = len, .max = max, .sink = sink };
	int r;

	if ((size_t)f >= ARRAY_LEN(engines) || !engines[f].run)
		return err_set(errp, ENOTSUP, "the payload's compression is not supported");
	r = buf_map(&s.in, engines[f].in, errp);
	if (r == 0)
		r = buf_map(&s.ob, engines[f].out, errp);
	if (r == 0)
		r = engines[f].run(&s, errp);
	if (r == 0 && !s.out)
		r = corrupt(&s, "compressed", "there is nothing in it", errp);
	buf_unmap(&s.in);
	buf_unmap(&s.ob);
	return r;
}
