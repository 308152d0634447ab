/* SPDX-License-Identifier: MIT */
/* qcow2_zero.c: discards, and writes of zeros. Whole clusters are changed in their tables; of parts
 * of clusters zeros are written, and discards of parts are not done. */
#include <errno.h>

#include "block/qcow2_internal.h"

/* What reads as zeros and has no cluster. Without a backing file, nothing at all does. */
static uint64_t to_nothing(const struct qcow2 *q, uint64_t entry)
{
	enum q2_type t = q2_entry_type(q, entry);

	if (t == Q2_BAD || t == Q2_ZERO_PLAIN)
		return entry;
	return q->backing ? Q2_ZERO : 0;
}

/* Zeros in a cluster that stays allocated, if it is our own. */
static uint64_t to_zeros(const struct qcow2 *q, uint64_t entry)
{
	enum q2_type t = q2_entry_type(q, entry);

	if (t == Q2_ZERO_ALLOCATED || (t == Q2_DATA && entry & Q2_COPIED && q->h.version > 2))
		return entry | Q2_ZERO;
	return to_nothing(q, entry);
}

static void part_written(struct q2_op *sub, int err)
{
	struct q2_op *op = sub->parent;
	uint64_t len = op->piece;

	q2_op_put(sub);
	if (err) {
		q2_op_end(op, err);
		return;
	}
	q2_op_advance(op, len);
	q2_zero_step(op);
}

/* Writes zeros as data, at most a cluster of them. */
static void write_zeros(struct q2_op *op, uint64_t len)
{
	struct q2_op *sub = q2_op_get(op->q);

	if (!sub) {
		q2_op_end(op, ENOMEM);
		return;
	}
	op->piece = len;
	sub->parent = op;
	sub->finished = part_written;
	sub->kind = BLK_WRITE;
	sub->own = (struct iovec){ op->q->zeros, (size_t)len };
	sub->src = &sub->own;
	sub->src_cnt = 1;
	sub->off = op->off;
	sub->len = len;
	q2_write_step(sub);
}

/* The first piece, less than a cluster. False: it takes a while, or the op is over. */
static bool do_part(struct q2_op *op, uint64_t len)
{
	struct qcow2 *q = op->q;
	struct q2_extent e;
	int r;

	if (op->kind == BLK_DISCARD) {
		q2_op_advance(op, len);
		return true;
	}
	r = q2_map(q, op->off, len, &e);
	if (!r && e.type != Q2_BAD && q2_reads_zero(q, e.type, op->off) &&
	    !q2_allocating(q, op->off >> q->bits, 1)) {
		q2_op_advance(op, len);
		return true;
	}
	if (r < 0)
		q2_op_end(op, -r);
	else
		write_zeros(op, len);
	return false;
}

/* Whether there is nothing to do from @off on, in one table: there is none, and nothing below. */
static bool is_nothing(const struct qcow2 *q, uint64_t off)
{
	return q2_reads_zero(q, Q2_UNALLOCATED, off) &&
	       !(q->l1[off >> (q->bits + q->l2_bits)] & Q2_OFFSET);
}

/* The next @len bytes, whole clusters in one slice. */
static bool do_clusters(struct q2_op *op, uint64_t len)
{
	struct qcow2 *q = op->q;
	const uint64_t first = op->off >> q->bits, cnt = (len + q->cluster - 1) >> q->bits;
	bool unmap = op->kind == BLK_DISCARD || op->flags & BLK_ZERO_UNMAP;
	struct q2_op *other = q2_allocating(q, first, cnt);
	int r;

	if (other) {
		q2_wait_for(op, other, q2_zero_step);
		return false;
	}
	if (is_nothing(q, op->off)) {
		q2_op_advance(op, len);
		return true;
	}
	/* Version 2 has nothing to hide a backing file with. */
	if (q->h.version == 2 && q->backing) {
		if (op->kind == BLK_ZERO) {
			write_zeros(op, min_u64(len, q->cluster));
			return false;
		}
		q2_op_advance(op, len);
		return true;
	}
	if (q2_gate(op, q2_zero_step))
		return false;
	r = q2_change(q, first, cnt, unmap ? to_nothing : to_zeros, unmap);
	if (r < 0) {
		q2_op_end(op, -r);
		return false;
	}
	q2_op_advance(op, len);
	return true;
}

void q2_zero_step(struct q2_op *op)
{
	struct qcow2 *q = op->q;
	int r = q->corrupt ? -EIO : q2_prepare(q);

	if (r < 0) {
		q2_op_end(op, -r);
		return;
	}
	while (op->len) {
		uint64_t in = op->off & (q->cluster - 1);
		uint64_t len = min_u64(op->len, q2_slice_left(q, op->off));

		if (in) {
			if (!do_part(op, min_u64(len, q->cluster - in)))
				return;
			continue;
		}
		/* The disk may end inside of its last cluster. */
		if (op->off + len < q->h.size && len & (q->cluster - 1))
			len = len < q->cluster ? len : align_down(len, q->cluster);
		if (len < q->cluster && op->off + len < q->h.size) {
			if (!do_part(op, len))
				return;
		} else if (!do_clusters(op, len)) {
			return;
		}
	}
	q2_op_end(op, 0);
}
