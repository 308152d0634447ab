/* SPDX-License-Identifier: MIT */
/*
 * qcow2_alloc.c: which clusters of the host file are free, and when those that were dropped are.
 *
 * A refcount of 0 is not believed alone: an image may lie, and a cluster given out twice is data
 * lost. So the tables are walked once, before the first change, and what they refer to is not
 * touched (q2_prepare()). Where that would take too long, new clusters come from the end of the
 * file only.
 *
 * A dropped cluster stays as it is, on disk and here, until no table on disk leads to it, and until
 * requests that were under way when it was dropped are over: they may still read or write it.
 */
#include <errno.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/log.h"

bool q2_bits_grow(struct q2_bits *b, uint64_t cnt)
{
	uint64_t *w;

	if (cnt <= b->cnt)
		return true;
	if (cnt > Q2_CLUSTERS_MAX + Q2_CLUSTERS_MAX / 4)
		return false;
	cnt = align_up(cnt + cnt / 4 + 4096, 64);
	w = realloc(b->word, cnt / 8);
	if (!w)
		return false;
	memset(w + b->cnt / 64, 0, (cnt - b->cnt) / 8);
	*b = (struct q2_bits){ w, cnt };
	return true;
}

void q2_bits_free(struct q2_bits *b)
{
	free(b->word);
	*b = (struct q2_bits){ 0 };
}

bool q2_is_meta(const struct qcow2 *q, uint64_t first, uint64_t cnt)
{
	for (uint64_t c = first; c < first + cnt; c++) {
		if (q2_bit(&q->meta, c))
			return true;
	}
	return false;
}

/* --- taking ----------------------------------------------------------------------------------- */

/* The first of @cnt clusters from the frontier on that are not counted: refcounts of clusters
 * behind the end may have reached the disk before a crash, and leak. */
static int skip_leaked(struct qcow2 *q, uint64_t cnt, uint64_t *first)
{
	*first = q->frontier;
	for (uint64_t c = *first; c < *first + cnt;) {
		uint64_t refs;
		int r = c < Q2_CLUSTERS_MAX ? q2_refcount_get(q, c, &refs) : -EFBIG;

		if (r < 0)
			return r;
		c++;
		if (refs)
			*first = c;
	}
	return 0;
}

int q2_take_frontier(struct qcow2 *q, uint64_t cnt, uint64_t *first)
{
	int r = skip_leaked(q, cnt, first);

	if (r < 0)
		return r;
	/* The frontier is never where the bitmaps do not reach. */
	if (!q2_bits_grow(&q->meta, *first + cnt) || !q2_bits_grow(&q->used, *first + cnt))
		return -ENOMEM;
	q->frontier = *first + cnt;
	q->limit = max_u64(q->limit, q->frontier);
	for (uint64_t c = *first; c < *first + cnt; c++)
		q2_bit_set(&q->used, c);
	return 0;
}

/* 1: cluster @c is free. What is not, though nothing refers to it, is remembered as used. */
static int is_free(struct qcow2 *q, uint64_t c)
{
	uint64_t refs;
	int r;

	if (q2_bit(&q->used, c) || q2_bit(&q->meta, c))
		return 0;
	r = q2_refcount_get(q, c, &refs);
	if (r < 0)
		return r;
	if (refs)
		q2_bit_set(&q->used, c);
	return !refs;
}

/* A run of free clusters before the frontier; *got is 0 if there is none. */
static int find_inside(struct qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got)
{
	uint64_t c = q->hint;

	*got = 0;
	while (c < q->frontier && *got < want) {
		int r;

		if (!*got && c % 64 == 0 && q->used.word[c / 64] == UINT64_MAX) {
			c += 64;
			continue;
		}
		r = is_free(q, c);
		if (r < 0)
			return r;
		if (!r && *got)
			break;
		if (r && !(*got)++)
			*first = c;
		c++;
	}
	q->hint = c;
	return 0;
}

int q2_alloc(struct qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got, bool *virgin)
{
	uint64_t n = 0;
	int r = q2_prepare(q);

	*got = 0;
	if (!r && q->know_used)
		r = find_inside(q, want, first, got);
	if (!r && !*got) {
		r = q2_take_frontier(q, want, first);
		*got = want;
	}
	for (; !r && n < *got; n++) {
		r = q2_refcount_set(q, *first + n, 1);
		if (r < 0)
			break;
		q2_bit_set(&q->used, *first + n);
	}
	if (r < 0) {
		q2_unalloc(q, *first, n);
		return r;
	}
	*virgin = *first >= q->virgin && !q->file->is_bdev;
	q->virgin = max_u64(q->virgin, *first + *got);
	return 0;
}

void q2_unalloc(struct qcow2 *q, uint64_t first, uint64_t cnt)
{
	for (uint64_t c = first; c < first + cnt; c++) {
		/* What cannot be counted down leaks. */
		if (q2_refcount_set(q, c, 0) < 0)
			continue;
		q2_bit_clear(&q->used, c);
		q->hint = min_u64(q->hint, c);
	}
}

/* --- dropping --------------------------------------------------------------------------------- */

static bool drops_add(struct q2_drops *l, struct q2_drop d)
{
	struct q2_drop *last = l->cnt ? &l->v[l->cnt - 1] : NULL;

	if (last && last->first + last->cnt == d.first && last->gen == d.gen &&
	    last->punch == d.punch && last->table == d.table) {
		last->cnt += d.cnt;
		return true;
	}
	if (!l->v || l->cnt == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct q2_drop *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return false;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->cnt++] = d;
	return true;
}

static void drop(struct qcow2 *q, struct q2_drop d)
{
	d.gen = q->gen;
	if (!drops_add(&q->dropped, d))
		log_msg(LOG_WARN, "qcow2",
			"'%s': no memory to note that clusters are free: %llu leak", q2_name(q),
			(unsigned long long)d.cnt);
}

void q2_drop_table(struct qcow2 *q, uint64_t cluster)
{
	drop(q, (struct q2_drop){ .first = cluster, .cnt = 1, .table = true });
}

void q2_drop_entry(struct qcow2 *q, uint64_t entry, bool punch)
{
	uint64_t off, first;
	uint32_t len;

	if (entry & Q2_COMPRESSED) {
		/* One reference to each host cluster that it touches. Others may share them. */
		q2_packed_place(q, entry, &off, &len);
		first = off >> q->bits;
		drop(q, (struct q2_drop){ .first = first,
					  .cnt = ((off + len - 1) >> q->bits) - first + 1 });
		if (entry == q->unpacked_entry)
			q->unpacked_entry = 0;
		return;
	}
	if (q2_entry_type(q, entry) == Q2_BAD || !(entry & Q2_OFFSET))
		return;
	drop(q,
	     (struct q2_drop){ .first = (entry & Q2_OFFSET) >> q->bits, .cnt = 1, .punch = punch });
}

static void say_inconsistent(struct qcow2 *q, uint64_t c, const char *why)
{
	if (q->said_inconsistent)
		return;
	q->said_inconsistent = true;
	log_msg(LOG_WARN, "qcow2", "'%s': cluster %llu %s; run 'trapeze img check'", q2_name(q),
		(unsigned long long)c, why);
}

/* One reference less, now that nothing on disk needs it. */
static void give_back_one(struct qcow2 *q, uint64_t c, bool table)
{
	uint64_t now;
	int r;

	/* An image may say that data is where a table is: that is the table's still, or else the
	 * guest would be given the table to write to. */
	if (!table && q2_bit(&q->meta, c)) {
		say_inconsistent(q, c, "was the guest's data, and is a table");
		return;
	}
	r = q2_refcount_add(q, c, -1, &now);
	if (r == -ERANGE)
		say_inconsistent(q, c, "was in use, and its refcount is 0");
	/* What is left counted leaks; it does no harm. */
	if (r < 0 || now)
		return;
	q2_bit_clear(&q->used, c);
	if (table) {
		q2_bit_clear(&q->meta, c);
		q2_cache_forget(q, c);
	}
	q->hint = min_u64(q->hint, c);
}

static void give_back(struct qcow2 *q, const struct q2_drop *d)
{
	for (uint64_t c = d->first; c < d->first + d->cnt; c++)
		give_back_one(q, c, d->table);
}

static void punch_next(struct qcow2 *q);

static void punched(struct file_io *io, int err)
{
	struct qcow2 *q = container_of(io, struct qcow2, punch_io);
	struct q2_drop d = q->punching.v[--q->punching.cnt];

	/* Holes are a service: without them the cluster is as free. */
	(void)err;
	give_back(q, &d);
	if (q->punching.cnt)
		punch_next(q);
	else
		q2_drops_advance(q);
}

/* Whether all of @d will be free, so that its bytes are nobody's. */
static bool all_once(struct qcow2 *q, const struct q2_drop *d)
{
	for (uint64_t c = d->first; c < d->first + d->cnt; c++) {
		uint64_t refs;

		if (q2_bit(&q->meta, c) || q2_refcount_get(q, c, &refs) < 0 || refs != 1)
			return false;
	}
	return true;
}

static void punch_next(struct qcow2 *q)
{
	while (q->punching.cnt) {
		struct q2_drop d = q->punching.v[q->punching.cnt - 1];

		if (!all_once(q, &d)) {
			q->punching.cnt--;
			give_back(q, &d);
			continue;
		}
		q->punch_io = (struct file_io){
			.op = FILE_DISCARD,
			.file = q->file,
			.off = d.first << q->bits,
			.len = d.cnt << q->bits,
			.done = punched,
		};
		file_start(&q->punch_io);
		return;
	}
}

/* A generation ends when the one before it has no requests in flight any more. */
static bool next_gen(struct qcow2 *q)
{
	if (q->in_gen[(q->gen + 1) & 1])
		return false;
	q->gen++;
	return true;
}

/* The first @n that nobody in flight can mean: those of two generations ago. */
static size_t ripe(struct qcow2 *q, const struct q2_drops *l)
{
	size_t n = 0;

	while (n < l->cnt && l->v[n].gen + 2 <= q->gen)
		n++;
	return n;
}

void q2_drops_advance(struct qcow2 *q)
{
	struct q2_drops *l = &q->dropped_for_good;
	uint64_t last;
	size_t n;

	if (!l->cnt || q->punching.cnt)
		return;
	last = l->v[l->cnt - 1].gen;
	if (last + 2 > q->gen && next_gen(q) && last + 2 > q->gen)
		next_gen(q);
	n = ripe(q, l);
	if (!n)
		return;
	for (size_t i = 0; i < n; i++) {
		struct q2_drop *d = &l->v[i];

		if (d->punch && q->can_discard && drops_add(&q->punching, *d))
			continue;
		give_back(q, d);
	}
	memmove(l->v, l->v + n, (l->cnt - n) * sizeof(*l->v));
	l->cnt -= n;
	punch_next(q);
}

unsigned q2_gen_enter(struct qcow2 *q)
{
	q->in_gen[q->gen & 1]++;
	return q->gen & 1;
}

void q2_gen_leave(struct qcow2 *q, unsigned gen)
{
	if (!--q->in_gen[gen] && q->dropped_for_good.cnt)
		q2_drops_advance(q);
}
