/* SPDX-License-Identifier: MIT */
/* qcow2_create.c: new images, as small as they can be: header, refcount table and blocks, L1 table.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/parse.h"

/* Where things go, in clusters: header, refcount table, its blocks, L1 table. */
struct layout {
	uint64_t table, blocks, l1; /* clusters of each */
	uint64_t total;
};

static uint64_t div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* The blocks count themselves, and the table has an entry for each: small steps until it fits. */
static struct layout plan(const struct q2_header *h)
{
	const uint64_t cluster = UINT64_C(1) << h->cluster_bits;
	const uint64_t per_block = cluster * 8 >> h->refcount_order;
	struct layout l = { .table = 1,
			    .blocks = 1,
			    .l1 = div_up((uint64_t)h->l1_cnt * 8, cluster) };

	for (;;) {
		uint64_t blocks, table;

		l.total = 1 + l.table + l.blocks + l.l1;
		blocks = div_up(l.total, per_block);
		table = div_up(blocks * 8, cluster);
		if (blocks <= l.blocks && table <= l.table)
			return l;
		l.blocks = max_u64(blocks, l.blocks);
		l.table = max_u64(table, l.table);
	}
}

static int take_options(const struct qcow2_options *o, struct q2_header *h, struct error **errp)
{
	const uint64_t cluster = o->cluster ? o->cluster : 64 * KIB;
	const unsigned refcount_bits = o->refcount_bits ? o->refcount_bits : 16;
	uint64_t l1;

	if (!is_pow2(cluster) || cluster < 512 || cluster > 2 * MIB)
		return err_set(errp, EINVAL,
			       "clusters of %" PRIu64
			       " bytes: a power of two from 512 bytes to 2 MiB is possible",
			       cluster);
	if (!is_pow2(refcount_bits) || refcount_bits > 64)
		return err_set(errp, EINVAL, "refcounts of %u bits: 1, 2, 4 .. 64 are possible",
			       refcount_bits);
	h->version = o->version ? o->version : 3;
	if (h->version != 2 && h->version != 3)
		return err_set(errp, EINVAL, "version %u: there are 2 and 3", h->version);
	if (h->version == 2 && (o->lazy_refcounts || o->zstd || refcount_bits != 16))
		return err_set(
			errp, EINVAL,
			"version 2 knows no lazy refcounts, no zstd and refcounts of 16 bits "
			"only");
	if (o->size % 512)
		return err_set(errp, EINVAL, "a disk of %" PRIu64 " bytes: not a multiple of 512",
			       o->size);
	h->cluster_bits = (unsigned)__builtin_ctzll(cluster);
	h->refcount_order = (unsigned)__builtin_ctz(refcount_bits);
	h->size = o->size;
	l1 = q2_l1_entries(o->size, h->cluster_bits);
	if (o->size > INT64_MAX || l1 * 8 > Q2_L1_BYTES_MAX) {
		err_set(errp, EFBIG,
			"a disk of %" PRIu64 " bytes is too large for clusters of %" PRIu64
			" bytes",
			o->size, cluster);
		err_hint(errp, "use larger clusters");
		return -EFBIG;
	}
	h->l1_cnt = (uint32_t)max_u64(l1, 1);
	h->compat = o->lazy_refcounts ? Q2_COMPAT_LAZY_REFCOUNTS : 0;
	h->incompat = o->zstd ? Q2_INCOMPAT_COMPRESSION : 0;
	h->compression = o->zstd ? Q2_ZSTD : Q2_ZLIB;
	/* Borrowed: this header is not freed. */
	h->backing = (char *)(uintptr_t)o->backing;
	h->backing_format = (char *)(uintptr_t)o->backing_format;
	return 0;
}

/* Refcounts of 1 for @total clusters; @at is the first block's place. */
static int write_blocks(struct blk_file *f, const struct qcow2 *q, uint64_t at,
			const struct layout *l, uint8_t *buf)
{
	const uint64_t per_block = q->cluster * 8 >> q->h.refcount_order;

	for (uint64_t b = 0; b < l->blocks; b++) {
		int r;

		memset(buf, 0, q->cluster);
		for (uint64_t i = 0; i < per_block && b * per_block + i < l->total; i++)
			q2_rb_put(q, buf, i, 1);
		r = file_pwrite(f, buf, q->cluster, (at + b) << q->bits);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_table(struct blk_file *f, const struct qcow2 *q, const struct layout *l,
		       uint8_t *buf)
{
	const uint64_t per = q->cluster / 8;

	for (uint64_t c = 0; c < l->table; c++) {
		uint64_t *entry = (uint64_t *)(void *)buf;
		int r;

		memset(buf, 0, q->cluster);
		for (uint64_t i = 0; i < per && c * per + i < l->blocks; i++)
			entry[i] = htobe64((1 + l->table + c * per + i) << q->bits);
		r = file_pwrite(f, buf, q->cluster, (1 + c) << q->bits);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_zeros(struct blk_file *f, const struct qcow2 *q, uint64_t at, uint64_t cnt,
		       uint8_t *buf)
{
	int r = 0;

	memset(buf, 0, q->cluster);
	for (uint64_t c = at; !r && c < at + cnt; c++)
		r = file_pwrite(f, buf, q->cluster, c << q->bits);
	return r;
}

int qcow2_create(struct blk_file *f, const struct qcow2_options *o, struct error **errp)
{
	struct qcow2 q = { .file = f };
	_cleanup_free_ uint8_t *buf = NULL;
	struct layout l;
	int r = take_options(o, &q.h, errp);

	if (r < 0)
		return r;
	l = plan(&q.h);
	q.bits = q.h.cluster_bits;
	q.cluster = UINT64_C(1) << q.bits;
	q.h.rt_off = q.cluster;
	q.h.rt_clusters = (uint32_t)l.table;
	q.h.l1_off = (1 + l.table + l.blocks) << q.bits;
	buf = aligned_alloc(4096, align_up(q.cluster, 4096));
	if (!buf)
		return err_errno(errp, ENOMEM, "cannot make an image");
	/* The header last: until then this is no image. */
	r = write_table(f, &q, &l, buf);
	if (!r)
		r = write_blocks(f, &q, 1 + l.table, &l, buf);
	if (!r)
		r = write_zeros(f, &q, 1 + l.table + l.blocks, l.l1, buf);
	if (r < 0)
		return err_errno(errp, -r, "cannot write to '%s'", f->path);
	memset(buf, 0, q.cluster);
	r = q2_header_write(&q.h, buf, errp);
	if (r < 0)
		return r;
	r = file_pwrite(f, buf, q.cluster, 0);
	if (!r)
		r = file_fdatasync(f);
	return r < 0 ? err_errno(errp, -r, "cannot write to '%s'", f->path) : 0;
}
