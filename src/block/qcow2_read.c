/* SPDX-License-Identifier: MIT */
/* qcow2_read.c: reads that are more than one piece, or not simply there. */
#include <errno.h>
#include <string.h>

#include "block/qcow2_internal.h"

bool q2_reads_zero(const struct qcow2 *q, enum q2_type type, uint64_t off)
{
	switch (type) {
	case Q2_ZERO_PLAIN:
	case Q2_ZERO_ALLOCATED:
		return true;
	case Q2_UNALLOCATED:
		return !q->backing || off >= q->backing_size;
	default:
		return false;
	}
}

static void piece_done(struct file_io *io, int err)
{
	struct q2_op *op = container_of(io, struct q2_op, io);

	if (err) {
		q2_op_end(op, err);
		return;
	}
	q2_op_advance(op, op->piece);
	q2_read_step(op);
}

/* Makes op->iov the next @len bytes; ends the op if it cannot. */
static int take_piece(struct q2_op *op, uint64_t len)
{
	int n = q2_op_iov(op, len, 0, 0);

	if (n < 0)
		q2_op_end(op, -n);
	op->piece = len;
	return n;
}

static void read_data(struct q2_op *op, const struct q2_extent *e)
{
	int n = take_piece(op, e->len);

	if (n < 0)
		return;
	op->io = (struct file_io){
		.op = FILE_READ,
		.file = op->q->file,
		.off = e->host,
		.len = e->len,
		.iov = op->iov,
		.iov_cnt = (unsigned)n,
		.done = piece_done,
	};
	file_start(&op->io);
}

static void below_done(struct blk_req *r, int err)
{
	struct q2_op *op = container_of(r, struct q2_op, below);

	piece_done(&op->io, err);
}

static void read_below(struct q2_op *op, uint64_t len)
{
	int n = take_piece(op, len);

	if (n < 0)
		return;
	op->below = (struct blk_req){
		.op = BLK_READ,
		.off = op->off,
		.len = len,
		.iov = op->iov,
		.iov_cnt = (unsigned)n,
		.done = below_done,
	};
	blk_start(op->q->backing, &op->below);
}

/* --- compressed clusters ---------------------------------------------------------------------- */

static void copy_unpacked(struct q2_op *op)
{
	uint64_t in = op->off & (op->q->cluster - 1);

	q2_op_copy(op, op->q->unpacked + in, min_u64(op->len, op->q->cluster - in));
}

static void packed_done(struct file_io *io, int err)
{
	struct q2_op *op = container_of(io, struct q2_op, io);
	struct qcow2 *q = op->q;
	struct q2_extent e;
	int r = -err;

	q->unpacked_entry = 0;
	if (!r)
		r = q2_unpack(q, op->fill, (size_t)op->io.len, q->unpacked);
	if (r < 0) {
		q2_op_end(op, -r);
		return;
	}
	/* It may be dropped by now, and soon be something else. */
	if (!q2_map(q, op->off, 1, &e) && e.type == Q2_PACKED && e.entry == op->piece)
		q->unpacked_entry = e.entry;
	copy_unpacked(op);
	q2_read_step(op);
}

static int packed_buffers(struct q2_op *op)
{
	struct qcow2 *q = op->q;

	if (!q->unpacked)
		q->unpacked = malloc(q->cluster);
	return q->unpacked && q2_op_fill(op, 2 * q->cluster) ? 0 : -ENOMEM;
}

/* False: the op waits, or is over. */
static bool read_packed(struct q2_op *op, const struct q2_extent *e)
{
	struct qcow2 *q = op->q;
	uint64_t off;
	uint32_t len;

	if (q->unpacked_entry == e->entry) {
		copy_unpacked(op);
		return true;
	}
	if (packed_buffers(op) < 0) {
		q2_op_end(op, ENOMEM);
		return false;
	}
	q2_packed_place(q, e->entry, &off, &len);
	if ((off + len - 1) >> q->bits >= q->limit) {
		q2_op_end(op, EIO);
		return false;
	}
	op->piece = e->entry;
	op->packed = (struct iovec){ op->fill, len };
	op->io = (struct file_io){
		.op = FILE_READ,
		.file = q->file,
		.off = off,
		.len = len,
		.iov = &op->packed,
		.iov_cnt = 1,
		.done = packed_done,
	};
	file_start(&op->io);
	return false;
}

/* --- pieces ----------------------------------------------------------------------------------- */

void q2_read_step(struct q2_op *op)
{
	struct qcow2 *q = op->q;

	while (op->len) {
		struct q2_extent e;
		int r = q2_map(q, op->off, op->len, &e);

		if (r < 0 || e.type == Q2_BAD) {
			q2_op_end(op, r < 0 ? -r : EIO);
			return;
		}
		if (q2_reads_zero(q, e.type, op->off)) {
			q2_op_zero(op, e.len);
		} else if (e.type == Q2_UNALLOCATED) {
			read_below(op, min_u64(e.len, q->backing_size - op->off));
			return;
		} else if (e.type == Q2_DATA) {
			read_data(op, &e);
			return;
		} else if (!read_packed(op, &e)) {
			return;
		}
	}
	q2_op_end(op, 0);
}
