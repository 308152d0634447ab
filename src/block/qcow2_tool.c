/* SPDX-License-Identifier: MIT */
/* qcow2_tool.c: what only `trapeze img` does to an image: another size, compressed clusters. All of
 * it blocks. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/error.h"

/* --- size ------------------------------------------------------------------------------------- */

struct place {
	uint64_t off;
	uint32_t cnt;
};

static void put_l1_place(struct qcow2 *q, struct place p)
{
	struct q2_disk_header *d = (struct q2_disk_header *)(void *)q->head;

	q->h.l1_off = p.off;
	q->h.l1_cnt = p.cnt;
	d->l1_table_offset = q2_put64(p.off);
	d->l1_size = q2_put32(p.cnt);
}

/* One write of the header changes over. */
static int switch_head(struct qcow2 *q)
{
	int r = q2_write_head(q);

	return r < 0 ? r : file_fdatasync(q->file);
}

/* A longer L1 table at the end of the file, with what the old one says. */
static int copy_l1(struct qcow2 *q, uint32_t cnt, struct place *ret)
{
	uint64_t bytes = align_up((uint64_t)cnt * 8, q->cluster), first = 0;
	_cleanup_free_ uint64_t *t = calloc(1, bytes);
	int r = t ? q2_prepare(q) : -ENOMEM;

	if (!r)
		r = q2_take_frontier(q, bytes >> q->bits, &first);
	for (uint64_t c = 0; !r && c < bytes >> q->bits; c++) {
		q2_bit_set(&q->meta, first + c);
		r = q2_refcount_set(q, first + c, 1);
	}
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < q->h.l1_cnt; i++)
		t[i] = htobe64(q->l1[i]);
	r = file_pwrite(q->file, t, bytes, first << q->bits);
	if (!r)
		r = q2_flush_now(q); /* refcounts and table, before the header names it */
	*ret = (struct place){ first << q->bits, cnt };
	return r;
}

/* Room in memory for @cnt entries of the L1 table; those behind the old end lead nowhere. */
static int reserve_l1(struct qcow2 *q, uint32_t cnt)
{
	uint64_t *l1 = realloc(q->l1, (size_t)cnt * 8);

	if (!l1)
		return -ENOMEM;
	q->l1 = l1;
	memset(l1 + q->h.l1_cnt, 0, (size_t)(cnt - q->h.l1_cnt) * 8);
	return q2_bits_grow(&q->l1_dirty, cnt / 64 + 1) ? 0 : -ENOMEM;
}

static int grow_l1(struct qcow2 *q, uint32_t cnt)
{
	struct place old = { q->h.l1_off, q->h.l1_cnt }, new;
	int r = reserve_l1(q, cnt);

	if (!r)
		r = copy_l1(q, cnt, &new);
	if (r < 0)
		return r;
	put_l1_place(q, new);
	r = switch_head(q);
	if (r < 0) {
		put_l1_place(q, old);
		return r;
	}
	for (uint64_t c = old.off >> q->bits;
	     old.cnt && c <= (old.off + (uint64_t)old.cnt * 8 - 1) >> q->bits; c++) {
		uint64_t now;

		r = q2_refcount_add(q, c, -1, &now);
		if (r < 0)
			return r;
	}
	return 0;
}

static int prepare_size(struct qcow2 *q, uint64_t size, struct error **errp)
{
	uint64_t cnt = q2_l1_entries(size, q->bits);
	int r;

	if (size > INT64_MAX || cnt * 8 > Q2_L1_BYTES_MAX)
		return err_set(errp, EFBIG,
			       "clusters of %" PRIu64 " bytes are too small for a disk of "
			       "%" PRIu64 " bytes",
			       q->cluster, size);
	/* "Version 2 ... snapshots have the size of the active state". */
	if (q->h.version == 2 && q->h.snapshot_cnt)
		return err_set(errp, ENOTSUP,
			       "it has snapshots, which in version 2 are as large as the disk");
	r = q2_prepare(q);
	if (!r && cnt > q->h.l1_cnt)
		r = grow_l1(q, (uint32_t)cnt);
	return r < 0 ? err_errno(errp, -r, "cannot change the size") : 0;
}

int qcow2_resize_begin(struct blk *b, uint64_t size, struct error **errp)
{
	struct qcow2 *q = b->state;
	int r = b->ops == &blk_qcow2 ? prepare_size(q, size, errp)
				     : err_set(errp, EINVAL, "it is no qcow2 image");

	if (!r && size > q->h.size)
		b->info.size = q->h.size = size;
	return r;
}

int qcow2_resize_end(struct blk *b, uint64_t size, struct error **errp)
{
	struct qcow2 *q = b->state;
	struct q2_disk_header *d = (struct q2_disk_header *)(void *)q->head;
	const q2_be64 old = d->size;
	int r;

	d->size = q2_put64(size);
	r = switch_head(q);
	if (r < 0) {
		d->size = old;
		return err_errno(errp, -r, "cannot change the size");
	}
	b->info.size = q->h.size = size;
	return 0;
}

/* --- compressed clusters -----------------------------------------------------------------------
 */

/* Where the next one goes: right behind the last, if the next cluster of the file is to be had. */
static int find_room(struct qcow2 *q, size_t len, uint64_t *ret)
{
	uint64_t at = q->pack_at, left = at ? q->cluster - (at & (q->cluster - 1)) : 0, now, next;
	int r;

	/* pack_at is a cluster's start when the last one is full. */
	if (!(at & (q->cluster - 1)))
		left = 0;
	if (left >= len) {
		*ret = at;
		return q2_refcount_add(q, at >> q->bits, 1, &now);
	}
	r = q2_take_frontier(q, 1, &next);
	if (!r)
		r = q2_refcount_set(q, next, 1);
	if (r < 0)
		return r;
	if (!left || next != (at >> q->bits) + 1) {
		*ret = next << q->bits;
		return 0;
	}
	*ret = at;
	return q2_refcount_add(q, at >> q->bits, 1, &now);
}

static int write_packed(struct qcow2 *q, uint64_t off, const void *data, size_t len)
{
	unsigned x = 62 - (q->bits - 8);
	uint64_t at = 0, sectors;
	int r = q2_prepare(q);

	if (!r && !q2_cache_room(q))
		r = q2_flush_now(q);
	if (!r)
		r = find_room(q, len, &at);
	if (!r)
		r = file_pwrite(q->file, data, len, at);
	if (r < 0)
		return r;
	q->pack_at = at + len;
	sectors = (at + len - 1) / 512 - at / 512;
	return q2_link_packed(q, off >> q->bits, Q2_COMPRESSED | sectors << x | at);
}

int qcow2_write_compressed(struct blk *b, uint64_t off, const void *data, void *scratch)
{
	struct qcow2 *q = b->state;
	size_t len;

	if (b->ops != &blk_qcow2 || off & (q->cluster - 1) || off >= q->h.size)
		return -EINVAL;
	/* Of less than a sector saved there is nothing to gain. */
	len = q->cluster > 512 ? q2_pack(q, data, scratch, q->cluster - 512) : 0;
	return len ? write_packed(q, off, scratch, len) : -E2BIG;
}
