/* SPDX-License-Identifier: MIT */
/*
 * qcow2_write.c: writes. In place where a cluster is the image's own; else to new clusters, in as
 * few I/Os as there are pieces on the host: what was before and behind the data in its first and
 * last cluster is read first and goes along with it, unless it is zeros and the new clusters are.
 *
 * A write that allocates has its guest clusters for itself until the table leads to the new ones;
 * others that want to change them wait for it in the order they came.
 */
#include <errno.h>
#include <string.h>

#include "block/qcow2_internal.h"

/* --- who waits for whom ----------------------------------------------------------------------- */

struct q2_op *q2_allocating(const struct qcow2 *q, uint64_t first, uint64_t cnt)
{
	for (struct q2_op *o = q->allocating; o; o = o->next_allocating) {
		if (o->guest < first + cnt && first < o->guest + o->cnt)
			return o;
	}
	return NULL;
}

void q2_wait_for(struct q2_op *op, struct q2_op *other, void (*resume)(struct q2_op *op))
{
	op->resume = resume;
	q2_ops_add(&other->waiting, op);
}

static void allocating_begin(struct q2_op *op)
{
	struct qcow2 *q = op->q;

	op->allocates = true;
	op->prev_allocating = NULL;
	op->next_allocating = q->allocating;
	if (q->allocating)
		q->allocating->prev_allocating = op;
	q->allocating = op;
}

static void allocating_end(struct q2_op *op)
{
	struct q2_ops l = op->waiting;
	struct q2_op *o;

	op->allocates = false;
	if (op->prev_allocating)
		op->prev_allocating->next_allocating = op->next_allocating;
	else
		op->q->allocating = op->next_allocating;
	if (op->next_allocating)
		op->next_allocating->prev_allocating = op->prev_allocating;
	op->waiting = (struct q2_ops){ 0 };
	while ((o = q2_ops_take(&l)))
		o->resume(o);
}

/* The allocation came to nothing. */
static void allocating_fail(struct q2_op *op, int err)
{
	if (!op->reuses)
		q2_unalloc(op->q, op->host, op->cnt);
	allocating_end(op);
	q2_op_end(op, err);
}

void q2_op_fail(struct q2_op *op, int err)
{
	if (op->allocates)
		allocating_fail(op, err);
	else
		q2_op_end(op, err);
}

/* --- in place --------------------------------------------------------------------------------- */

static void in_place_done(struct file_io *io, int err)
{
	struct q2_op *op = container_of(io, struct q2_op, io);

	if (err) {
		q2_op_end(op, err);
		return;
	}
	q2_op_advance(op, op->piece);
	q2_write_step(op);
}

static void write_in_place(struct q2_op *op, const struct q2_extent *e)
{
	struct qcow2 *q = op->q;
	uint64_t first = e->host >> q->bits, last = (e->host + e->len - 1) >> q->bits;
	int n;

	if (q2_is_meta(q, first, last - first + 1)) {
		q2_op_end(op, -q2_set_corrupt(q, "guest data at 0x%llx would overwrite a table",
					      (unsigned long long)e->host));
		return;
	}
	n = q2_op_iov(op, e->len, 0, 0);
	if (n < 0) {
		q2_op_end(op, -n);
		return;
	}
	op->piece = e->len;
	op->io = (struct file_io){
		.op = FILE_WRITE,
		.file = q->file,
		.off = e->host,
		.len = e->len,
		.iov = op->iov,
		.iov_cnt = (unsigned)n,
		.done = in_place_done,
	};
	file_start(&op->io);
}

/* --- to new clusters ---------------------------------------------------------------------------
 */

static void link_step(struct q2_op *op)
{
	uint64_t piece = op->piece;
	int r;

	if (q2_gate(op, link_step))
		return;
	r = q2_link(op->q, op->guest, op->cnt, op->host);
	if (r < 0) {
		allocating_fail(op, -r);
		return;
	}
	q2_op_advance(op, piece);
	allocating_end(op);
	q2_write_step(op);
}

static void data_done(struct file_io *io, int err)
{
	struct q2_op *op = container_of(io, struct q2_op, io);

	if (err)
		allocating_fail(op, err);
	else
		link_step(op);
}

/* Head, data and tail in one write; of a virgin cluster's zeros there is nothing to write. */
static void write_new(struct q2_op *op)
{
	struct qcow2 *q = op->q;
	bool head = op->head && !(op->head_zero && op->virgin);
	bool tail = op->tail && !(op->tail_zero && op->virgin);
	int n = q2_op_iov(op, op->piece, head, tail);
	uint64_t off = (op->host << q->bits) + op->head, len = op->piece;
	unsigned cnt;

	if (n < 0) {
		allocating_fail(op, -n);
		return;
	}
	cnt = (unsigned)n + head;
	if (head) {
		op->iov[0] =
			(struct iovec){ op->head_zero ? q->zeros : op->fill, (size_t)op->head };
		off -= op->head;
		len += op->head;
	}
	if (tail) {
		op->iov[cnt++] = (struct iovec){ op->tail_zero ? q->zeros : op->fill + op->tail_at,
						 (size_t)op->tail };
		len += op->tail;
	}
	op->io = (struct file_io){
		.op = FILE_WRITE,
		.file = q->file,
		.off = off,
		.len = len,
		.iov = op->iov,
		.iov_cnt = cnt,
		.done = data_done,
	};
	file_start(&op->io);
}

/* --- what was there --------------------------------------------------------------------------- */

static void fill_tail(struct q2_op *op);

/* Reads guest bytes to op->fill + @at with an op of its own; then next(). */
static void fill_from(struct q2_op *op, uint64_t off, uint64_t len, uint64_t at,
		      void (*next)(struct q2_op *sub, int err))
{
	struct qcow2 *q = op->q;
	struct q2_op *sub = q2_op_get(q);
	uint64_t there = off < q->h.size ? min_u64(len, q->h.size - off) : 0;

	if (!sub) {
		allocating_fail(op, ENOMEM);
		return;
	}
	/* Nothing is behind the end of the disk. */
	memset(op->fill + at + there, 0, len - there);
	sub->parent = op;
	sub->finished = next;
	sub->kind = BLK_READ;
	sub->own = (struct iovec){ op->fill + at, there };
	sub->src = &sub->own;
	sub->src_cnt = 1;
	sub->off = off;
	sub->len = there;
	q2_read_step(sub);
}

static void head_filled(struct q2_op *sub, int err)
{
	struct q2_op *op = sub->parent;

	q2_op_put(sub);
	if (err)
		allocating_fail(op, err);
	else
		fill_tail(op);
}

static void tail_filled(struct q2_op *sub, int err)
{
	struct q2_op *op = sub->parent;

	q2_op_put(sub);
	if (err)
		allocating_fail(op, err);
	else
		write_new(op);
}

static void fill_tail(struct q2_op *op)
{
	if (op->tail && !op->tail_zero)
		fill_from(op, op->off + op->piece, op->tail, op->tail_at, tail_filled);
	else
		write_new(op);
}

static void fill_up(struct q2_op *op)
{
	const uint64_t cluster = op->q->cluster;
	bool head = op->head && !op->head_zero, tail = op->tail && !op->tail_zero;
	/* Both in one cluster: reading all of it is one I/O instead of two. */
	bool both = head && tail && op->cnt == 1;

	op->tail_at = both ? cluster - op->tail : head ? op->head : 0;
	if ((head || tail) && !q2_op_fill(op, op->tail_at + op->tail)) {
		allocating_fail(op, ENOMEM);
		return;
	}
	if (both)
		fill_from(op, op->off - op->head, cluster, 0, tail_filled);
	else if (head)
		fill_from(op, op->off - op->head, op->head, 0, head_filled);
	else
		fill_tail(op);
}

/* --- which clusters --------------------------------------------------------------------------- */

/* Whether a write may go where the cluster is, as far as the table is concerned. */
static bool has_place(const struct q2_extent *e)
{
	return e->type == Q2_DATA && e->copied;
}

/*
 * How many clusters from op->off on need new places, of at most @max; the type of the last of
 * them. Runs that are the same extend the one that begins there.
 */
static int count_new(struct q2_op *op, uint64_t max, struct q2_extent *first, uint64_t *cnt,
		     enum q2_type *last)
{
	struct qcow2 *q = op->q;
	uint64_t off = align_down(op->off, q->cluster);

	*cnt = 0;
	*last = first->type;
	while (*cnt < max) {
		struct q2_extent e;
		int r = q2_map(q, off + (*cnt << q->bits), (max - *cnt) << q->bits, &e);

		if (r < 0)
			return r;
		if (e.type == Q2_BAD || has_place(&e) ||
		    (*cnt && e.type == Q2_ZERO_ALLOCATED && e.copied))
			break;
		*last = e.type;
		*cnt += (e.len + q->cluster - 1) >> q->bits;
		/* A run of zeros that has clusters is written there, and by itself. */
		if (e.type == Q2_ZERO_ALLOCATED && e.copied)
			break;
	}
	return 0;
}

/* The host clusters for op->cnt guest clusters or, if there are fewer, the first of them. */
static int find_place(struct q2_op *op, const struct q2_extent *e)
{
	struct qcow2 *q = op->q;
	uint64_t got;
	int r;

	op->reuses = e->type == Q2_ZERO_ALLOCATED && e->copied;
	op->virgin = false;
	if (!op->reuses) {
		r = q2_alloc(q, op->cnt, &op->host, &got, &op->virgin);
		if (!r)
			op->cnt = got;
		return r;
	}
	op->host = e->host >> q->bits;
	if (q2_is_meta(q, op->host, op->cnt))
		return q2_set_corrupt(q, "guest data at 0x%llx would overwrite a table",
				      (unsigned long long)e->host);
	return 0;
}

/* 1 MiB at a time at most, and in one slice: others get their turn. */
static uint64_t clusters_at_once(const struct q2_op *op)
{
	const struct qcow2 *q = op->q;
	uint64_t left = min_u64(op->len, q2_slice_left(q, op->off));
	uint64_t in = op->off & (q->cluster - 1);
	uint64_t cnt = (in + left + q->cluster - 1) >> q->bits;

	return min_u64(cnt, max_u64(1, (2 * MIB) >> q->bits));
}

static void write_to_new(struct q2_op *op, struct q2_extent *e)
{
	struct qcow2 *q = op->q;
	uint64_t guest = op->off >> q->bits, in = op->off & (q->cluster - 1), cnt, end;
	struct q2_op *other;
	enum q2_type last;
	int r;

	if (q2_gate(op, q2_write_step))
		return;
	r = count_new(op, clusters_at_once(op), e, &cnt, &last);
	if (r < 0) {
		q2_op_end(op, -r);
		return;
	}
	other = q2_allocating(q, guest, 1);
	if (other) {
		q2_wait_for(op, other, q2_write_step);
		return;
	}
	while (cnt > 1 && q2_allocating(q, guest, cnt))
		cnt--;
	op->guest = guest;
	op->cnt = cnt;
	r = find_place(op, e);
	if (r < 0) {
		q2_op_end(op, -r);
		return;
	}
	/* Fewer than counted: the last one may be another one. */
	end = (guest + op->cnt) << q->bits;
	if (op->cnt > 1) {
		struct q2_extent le;

		r = q2_map(q, end - q->cluster, q->cluster, &le);
		last = r < 0 ? Q2_BAD : le.type;
	} else {
		last = e->type;
	}
	allocating_begin(op);
	if (r < 0) {
		allocating_fail(op, -r);
		return;
	}
	op->head = in;
	op->piece = min_u64(op->len, end - op->off);
	op->tail = end - op->off - op->piece;
	op->head_zero = q2_reads_zero(q, e->type, op->off - in);
	op->tail_zero = q2_reads_zero(q, last, end - q->cluster);
	fill_up(op);
}

void q2_write_step(struct q2_op *op)
{
	struct qcow2 *q = op->q;
	struct q2_extent e;
	int r = q->corrupt ? -EIO : q2_prepare(q);

	if (r < 0 || !op->len) {
		q2_op_end(op, -r);
		return;
	}
	r = q2_map(q, op->off, op->len, &e);
	if (r < 0)
		q2_op_end(op, -r);
	else if (e.type == Q2_BAD)
		q2_op_end(op, -q2_set_corrupt(q, "the L2 entry of guest offset 0x%llx is 0x%llx",
					      (unsigned long long)op->off,
					      (unsigned long long)e.entry));
	else if (has_place(&e))
		write_in_place(op, &e);
	else
		write_to_new(op, &e);
}
