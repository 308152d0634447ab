/* SPDX-License-Identifier: MIT */
/*
 * qcow2_flush.c: the order in which metadata reaches the disk; see qcow2_internal.h for its phases.
 * Metadata is written by plain calls (it goes to the page cache, a few KiB at a time); the syncs,
 * which take as long as the disk does, are asynchronous.
 */
#include <errno.h>

#include "block/qcow2_internal.h"
#include "vmm/log.h"

static void drops_move(struct q2_drops *to, struct q2_drops *from)
{
	if (!to->cnt) {
		struct q2_drops t = *to;

		*to = *from;
		*from = t;
		return;
	}
	for (size_t i = 0; i < from->cnt; i++) {
		struct q2_drop *v = to->v;

		if (to->cnt == to->cap) {
			v = reallocarray(to->v, to->cap * 2, sizeof(*v));
			if (!v) {
				log_msg(LOG_WARN, "qcow2", "no memory: free clusters leak");
				break;
			}
			to->v = v;
			to->cap *= 2;
		}
		v[to->cnt++] = from->v[i];
	}
	from->cnt = 0;
}

static bool tables_dirty(const struct qcow2 *q)
{
	return q->cache.dirty[Q2_KIND_L2] || q2_l1_is_dirty(q);
}

/* Phase A: what others will lead to. */
static int write_a(struct qcow2 *q, bool last)
{
	int r = 0;

	/* Lazy refcounts: "the dirty bit is set before metadata is changed", on disk. */
	if (q->lazy && !last && tables_dirty(q) && !(q->h.incompat & Q2_INCOMPAT_DIRTY))
		q2_set_incompat(q, q->h.incompat | Q2_INCOMPAT_DIRTY);
	if (q->head_dirty)
		r = q2_write_head(q);
	if (!r && (!q->lazy || last))
		r = q2_cache_write(q, Q2_KIND_REFBLOCK);
	return r;
}

/* Phase R: with lazy refcounts the table's entries wait as the blocks do. */
static bool needs_r(const struct qcow2 *q, bool last)
{
	return q->rt_dirty && (!q->lazy || last);
}

/* Phase B: entries that lead to it. Of these any may be missing after a crash. */
static int write_b(struct qcow2 *q)
{
	int r = q->corrupt ? -EIO : q2_cache_write(q, Q2_KIND_L2), r2;

	if (q->corrupt)
		return r;
	r2 = q2_l1_write(q);
	return r < 0 ? r : r2;
}

/* --- blocking --------------------------------------------------------------------------------- */

static int flush_once(struct qcow2 *q)
{
	int r = write_a(q, true);

	if (!r)
		r = file_fdatasync(q->file);
	if (!r && needs_r(q, true)) {
		r = q2_rt_write(q);
		if (!r)
			r = file_fdatasync(q->file);
	}
	if (!r && tables_dirty(q)) {
		r = write_b(q);
		if (!r)
			r = file_fdatasync(q->file);
	}
	if (r < 0)
		return r;
	drops_move(&q->dropped_for_good, &q->dropping);
	drops_move(&q->dropped_for_good, &q->dropped);
	for (size_t i = 0; i < q->dropped_for_good.cnt; i++)
		q->dropped_for_good.v[i].punch = false;
	/* Nobody is in flight, so nobody means any of them. */
	q->gen += 2;
	q2_drops_advance(q);
	return 0;
}

int q2_flush_now(struct qcow2 *q)
{
	int r = flush_once(q);

	/* Refcounts that have fallen since. */
	if (!r && q->cache.dirty[Q2_KIND_REFBLOCK])
		r = flush_once(q);
	return r;
}

/* --- the cycle -------------------------------------------------------------------------------- */

static void open_gate(struct qcow2 *q)
{
	struct q2_ops l = q->gated;
	struct q2_op *op;

	q->gate_closed = false;
	if (!l.first)
		return;
	q->gated = (struct q2_ops){ 0 };
	while ((op = q2_ops_take(&l)))
		op->resume(op);
}

static void sync_start(struct qcow2 *q, enum q2_phase phase);

static void cycle_end(struct qcow2 *q, int err)
{
	struct q2_ops l = q->flush_now;
	struct q2_op *op;
	bool again;

	q->flush_now = (struct q2_ops){ 0 };
	q->phase = Q2_IDLE;
	if (err) {
		/* Still to be written, still to be dropped. */
		drops_move(&q->dropping, &q->dropped);
		drops_move(&q->dropped, &q->dropping);
	} else {
		drops_move(&q->dropped_for_good, &q->dropping);
		q2_drops_advance(q);
	}
	/* Those who wait for room get an error if there will be none. */
	if (err && !q2_cache_room(q)) {
		struct q2_ops g = q->gated;

		q->gated = (struct q2_ops){ 0 };
		while ((op = q2_ops_take(&g)))
			q2_op_fail(op, err);
	}
	again = q->cycle_wanted && !err;
	q->cycle_wanted = false;
	open_gate(q);
	while ((op = q2_ops_take(&l)))
		q2_op_end(op, err);
	if (q->phase == Q2_IDLE && (q->flush_next.first || again))
		q2_cycle(q);
}

static void phase_b(struct qcow2 *q)
{
	int r;

	if (!q->linking) {
		cycle_end(q, 0);
		return;
	}
	r = write_b(q);
	if (r < 0) {
		cycle_end(q, -r);
		return;
	}
	drops_move(&q->dropping, &q->dropped);
	sync_start(q, Q2_SYNC_B);
	/* From here on changes belong to the next cycle. */
	open_gate(q);
}

static void phase_r(struct qcow2 *q)
{
	int r;

	if (!q->linking || !needs_r(q, false)) {
		phase_b(q);
		return;
	}
	r = q2_rt_write(q);
	if (r < 0)
		cycle_end(q, -r);
	else
		sync_start(q, Q2_SYNC_R);
}

static void synced(struct file_io *io, int err)
{
	struct qcow2 *q = container_of(io, struct qcow2, sync_io);

	if (err)
		cycle_end(q, err);
	else if (q->phase == Q2_SYNC_A)
		phase_r(q);
	else if (q->phase == Q2_SYNC_R)
		phase_b(q);
	else
		cycle_end(q, 0);
}

static void sync_start(struct qcow2 *q, enum q2_phase phase)
{
	q->phase = phase;
	q->sync_io = (struct file_io){ .op = FILE_SYNC, .file = q->file, .done = synced };
	file_start(&q->sync_io);
}

void q2_cycle(struct qcow2 *q)
{
	int r;

	if (q->phase != Q2_IDLE) {
		q->cycle_wanted = true;
		return;
	}
	q->flush_now = q->flush_next;
	q->flush_next = (struct q2_ops){ 0 };
	q->linking = tables_dirty(q);
	q->gate_closed = q->linking;
	q->phase = Q2_SYNC_A;
	r = write_a(q, false);
	if (r < 0)
		cycle_end(q, -r);
	else
		sync_start(q, Q2_SYNC_A);
}

bool q2_gate(struct q2_op *op, void (*resume)(struct q2_op *op))
{
	struct qcow2 *q = op->q;

	if (likely(!q->gate_closed && q2_cache_room(q))) {
		if (unlikely(q2_cache_filling(q)) && q->phase == Q2_IDLE)
			q2_cycle(q);
		if (!q->gate_closed)
			return false;
	}
	op->resume = resume;
	q2_ops_add(&q->gated, op);
	/* No room: a cycle makes some; it closes the gate until then. */
	if (!q->gate_closed)
		q2_cycle(q);
	return true;
}
