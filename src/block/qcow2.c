/* SPDX-License-Identifier: MIT */
/*
 * qcow2.c: requests for a qcow2 image. What is mapped, whole and in place takes the short way: one
 * look-up, one I/O, in the request's own memory. Everything else becomes a struct q2_op that works
 * itself off piece by piece.
 */
#include "block/qcow2.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* --- ops -------------------------------------------------------------------------------------- */

/* They are made a few dozen at a time and live as long as the image. */
#define SLAB 32
struct slab {
	struct slab *next;
	struct q2_op op[SLAB];
};

static bool more_ops(struct qcow2 *q)
{
	struct slab *s = calloc(1, sizeof(*s));

	if (!s)
		return false;
	s->next = q->slabs;
	q->slabs = s;
	for (unsigned i = 0; i < SLAB; i++) {
		s->op[i].q = q;
		s->op[i].next = q->pool;
		q->pool = &s->op[i];
	}
	return true;
}

static void free_ops(struct qcow2 *q)
{
	struct slab *s = q->slabs;

	while (s) {
		struct slab *next = s->next;

		for (unsigned i = 0; i < SLAB; i++) {
			free(s->op[i].iov);
			free(s->op[i].fill);
		}
		free(s);
		s = next;
	}
	q->slabs = NULL;
	q->pool = NULL;
}

struct q2_op *q2_op_get(struct qcow2 *q)
{
	struct q2_op *op;

	if (!q->pool && !more_ops(q))
		return NULL;
	op = q->pool;
	q->pool = op->next;
	q->op_cnt++;
	*op = (struct q2_op){
		.q = q,
		.iov = op->iov,
		.iov_cap = op->iov_cap,
		.fill = op->fill,
		.fill_cap = op->fill_cap,
	};
	return op;
}

void q2_op_put(struct q2_op *op)
{
	struct qcow2 *q = op->q;

	/* Buffers for copies are kept, but not those of a burst. */
	if (q->op_cnt > SLAB) {
		free(op->fill);
		op->fill = NULL;
		op->fill_cap = 0;
	}
	op->next = q->pool;
	q->pool = op;
	q->op_cnt--;
}

void q2_op_end(struct q2_op *op, int err)
{
	struct qcow2 *q = op->q;
	struct blk_req *req = op->req;

	if (!err && op->flags & BLK_SYNC) {
		/* The data is written, the tables lead to it: now all of it is to last. */
		op->flags &= ~BLK_SYNC;
		q2_ops_add(&q->flush_next, op);
		q2_cycle(q);
		return;
	}
	if (op->counted)
		q2_gen_leave(q, op->gen);
	if (op->finished) {
		op->finished(op, err);
		return;
	}
	q2_op_put(op);
	blk_complete(req, err);
}

void q2_ops_add(struct q2_ops *l, struct q2_op *op)
{
	op->next = NULL;
	if (l->first)
		*l->last = op;
	else
		l->first = op;
	l->last = &op->next;
}

struct q2_op *q2_ops_take(struct q2_ops *l)
{
	struct q2_op *op = l->first;

	if (op)
		l->first = op->next;
	return op;
}

/* --- the data of an op ------------------------------------------------------------------------ */

int q2_op_iov(struct q2_op *op, uint64_t len, unsigned before, unsigned after)
{
	unsigned want = before + op->src_cnt + after, n = before;
	size_t off = op->src_off;

	if (want > IOV_MAX + 0u)
		return -EINVAL;
	if (want > op->iov_cap) {
		struct iovec *v = reallocarray(op->iov, want, sizeof(*v));

		if (!v)
			return -ENOMEM;
		op->iov = v;
		op->iov_cap = want;
	}
	for (unsigned i = 0; len && i < op->src_cnt; i++) {
		size_t part = (size_t)min_u64(op->src[i].iov_len - off, len);

		if (part)
			op->iov[n++] = (struct iovec){ (uint8_t *)op->src[i].iov_base + off, part };
		len -= part;
		off = 0;
	}
	return len ? -EINVAL : (int)(n - before);
}

bool q2_op_fill(struct q2_op *op, uint64_t len)
{
	if (op->fill_cap >= len)
		return true;
	free(op->fill);
	op->fill_cap = (size_t)align_up(len, 4096);
	op->fill = aligned_alloc(4096, op->fill_cap);
	if (!op->fill)
		op->fill_cap = 0;
	return op->fill;
}

/* Goes over the next @len bytes of the source; copies @from there, or zeros, if asked to. */
static void go_over(struct q2_op *op, const uint8_t *from, bool fill, uint64_t len)
{
	op->off += len;
	op->len -= len;
	while (len && op->src_cnt) {
		size_t part = (size_t)min_u64(op->src->iov_len - op->src_off, len);
		uint8_t *to = (uint8_t *)op->src->iov_base + op->src_off;

		if (fill && from) {
			memcpy(to, from, part);
			from += part;
		} else if (fill) {
			memset(to, 0, part);
		}
		len -= part;
		op->src_off += part;
		if (op->src_off < op->src->iov_len)
			continue;
		op->src++;
		op->src_cnt--;
		op->src_off = 0;
	}
}

void q2_op_advance(struct q2_op *op, uint64_t len)
{
	go_over(op, NULL, false, len);
}

void q2_op_zero(struct q2_op *op, uint64_t len)
{
	go_over(op, NULL, true, len);
}

void q2_op_copy(struct q2_op *op, const uint8_t *from, uint64_t len)
{
	go_over(op, from, true, len);
}

/* --- the short way ---------------------------------------------------------------------------- */

struct quick {
	struct file_io io;
	unsigned gen;
};
_Static_assert(sizeof(struct quick) <= sizeof(((struct blk_req *)0)->priv), "it fits");

static void quick_done(struct file_io *io, int err)
{
	struct quick *k = container_of(io, struct quick, io);
	struct blk_req *r = container_of((void *)k, struct blk_req, priv);
	struct qcow2 *q = r->blk->state;

	q2_gen_leave(q, k->gen);
	blk_complete(r, err);
}

static bool quick(struct qcow2 *q, struct blk_req *r)
{
	struct quick *k = (void *)r->priv;
	struct q2_extent e;
	unsigned flags = 0;

	if (q2_map(q, r->off, r->len, &e) < 0 || e.type != Q2_DATA || e.len < r->len)
		return false;
	if (r->op == BLK_WRITE) {
		if (!e.copied || !q->prepared || q->corrupt ||
		    q2_is_meta(q, e.host >> q->bits,
			       ((e.host + r->len - 1) >> q->bits) - (e.host >> q->bits) + 1))
			return false;
		/* Durable means: the tables that lead there as well. */
		if (r->flags & BLK_SYNC) {
			if (q->phase != Q2_IDLE || q->cache.dirty[Q2_KIND_L2] || q2_l1_is_dirty(q))
				return false;
			flags = FILE_DURABLE;
		}
	}
	k->io = (struct file_io){
		.op = r->op == BLK_READ ? FILE_READ : FILE_WRITE,
		.flags = flags,
		.file = q->file,
		.off = e.host,
		.len = r->len,
		.iov = r->iov,
		.iov_cnt = r->iov_cnt,
		.done = quick_done,
	};
	k->gen = q2_gen_enter(q);
	file_start(&k->io);
	return true;
}

/* --- all others ------------------------------------------------------------------------------- */

static void submit(struct blk *b, struct blk_req *r)
{
	static void (*const steps[])(struct q2_op *) = {
		[BLK_READ] = q2_read_step,
		[BLK_WRITE] = q2_write_step,
		[BLK_DISCARD] = q2_zero_step,
		[BLK_ZERO] = q2_zero_step,
	};
	struct qcow2 *q = b->state;
	struct q2_op *op;

	if ((r->op == BLK_READ || r->op == BLK_WRITE) && quick(q, r))
		return;
	op = q2_op_get(q);
	if (!op) {
		blk_complete(r, ENOMEM);
		return;
	}
	op->req = r;
	op->kind = r->op;
	op->flags = r->flags;
	op->off = r->off;
	op->len = r->op == BLK_FLUSH ? 0 : r->len;
	op->src = r->iov;
	op->src_cnt = r->iov_cnt;
	if (r->op == BLK_FLUSH) {
		op->flags = 0;
		q2_ops_add(&q->flush_next, op);
		q2_cycle(q);
		return;
	}
	op->counted = true;
	op->gen = q2_gen_enter(q);
	steps[r->op](op);
}

static bool probe(const uint8_t head[BLK_PROBE_LEN])
{
	return q2_header_probe(head, BLK_PROBE_LEN);
}

static int open_image(struct blk *b, const struct blk_config *c, struct error **errp)
{
	struct qcow2 *q;
	int r = q2_open(b->file, b->info.readonly ? Q2_OPEN_READONLY : 0, &q, errp);

	if (r < 0)
		return err_wrap(errp, "disk image '%s'", b->path);
	q->blk = b;
	b->state = q;
	q->can_discard = !c->no_discard && b->file->discard_granularity;
	b->info.size = q->h.size;
	if (!c->no_discard)
		b->info.discard_granularity = (uint32_t)q->cluster;
	return q2_backing_open(q, c, errp);
}

static void close_image(struct blk *b)
{
	struct qcow2 *q = b->state;
	int r;

	if (!q)
		return;
	b->state = NULL;
	free_ops(q);
	r = q2_close(q);
	if (r < 0)
		log_msg(LOG_ERR, "qcow2", "'%s': what was written last may be lost: %s", b->path,
			strerror(-r));
}

const struct blk_format_ops blk_qcow2 = {
	.name = "qcow2",
	.format = BLK_FORMAT_QCOW2,
	.probe = probe,
	.open = open_image,
	.submit = submit,
	.close = close_image,
};
