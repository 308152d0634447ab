/* SPDX-License-Identifier: MIT */
/* qcow2_refcount.c: how often each cluster of the host file is referred to ("Host cluster
 * management"): a table of blocks of counters, 1 to 64 bits wide. */
#include <errno.h>
#include <string.h>

#include "block/qcow2_internal.h"

uint64_t q2_rb_get(const struct qcow2 *q, const uint8_t *block, uint64_t i)
{
	unsigned order = q->h.refcount_order;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (order) {
	case 3:
		return block[i];
	case 4:
		memcpy(&v16, block + i * 2, sizeof(v16));
		return be16toh(v16);
	case 5:
		memcpy(&v32, block + i * 4, sizeof(v32));
		return be32toh(v32);
	case 6:
		memcpy(&v64, block + i * 8, sizeof(v64));
		return be64toh(v64);
	default:
		/* "If refcount_bits implies a sub-byte width, note that bit 0 means the least
		 * significant bit in this context." */
		return block[i << order >> 3] >> ((i << order) & 7) & ((1u << (1u << order)) - 1);
	}
}

void q2_rb_put(const struct qcow2 *q, uint8_t *block, uint64_t i, uint64_t val)
{
	unsigned order = q->h.refcount_order, shift = (unsigned)(i << order & 7);
	uint16_t v16 = htobe16((uint16_t)val);
	uint32_t v32 = htobe32((uint32_t)val);
	uint64_t v64 = htobe64(val);
	uint8_t *p = block + (i << order >> 3), mask;

	switch (order) {
	case 3:
		*p = (uint8_t)val;
		break;
	case 4:
		memcpy(p, &v16, sizeof(v16));
		break;
	case 5:
		memcpy(p, &v32, sizeof(v32));
		break;
	case 6:
		memcpy(p, &v64, sizeof(v64));
		break;
	default:
		mask = (uint8_t)(((1u << (1u << order)) - 1) << shift);
		*p = (uint8_t)((*p & ~mask) | (val << shift & mask));
	}
}

uint64_t q2_refcount_max(const struct qcow2 *q)
{
	return q->h.refcount_order == 6 ? UINT64_MAX
					: (UINT64_C(1) << (1u << q->h.refcount_order)) - 1;
}

/* The slice that counts @cluster and the index there; *ret is NULL if there is no block for it. */
static int slice_of(struct qcow2 *q, uint64_t cluster, struct q2_slice **ret, uint64_t *i)
{
	uint64_t index = cluster >> q->rb_bits, in = cluster & ((UINT64_C(1) << q->rb_bits) - 1);
	uint64_t per = (uint64_t)q->cache.size * 8 >> q->h.refcount_order;

	*ret = NULL;
	/* A check sees tables that an image in use would not be opened with. */
	if (index >= q->rt_cnt || !q2_leads_to_table(q, q->rt[index], Q2_RT_KNOWN))
		return 0;
	*i = in & (per - 1);
	return q2_cache_get(q,
			    (q->rt[index] & Q2_RT_KNOWN) + ((in - *i) << q->h.refcount_order >> 3),
			    Q2_KIND_REFBLOCK, ret);
}

int q2_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *ret)
{
	struct q2_slice *s;
	uint64_t i;
	int r = slice_of(q, cluster, &s, &i);

	if (r < 0)
		return r;
	*ret = s ? q2_rb_get(q, s->data, i) : 0;
	return 0;
}

int q2_refcount_set(struct qcow2 *q, uint64_t cluster, uint64_t val)
{
	struct q2_slice *s;
	uint64_t i;
	int r;

	if (val > q2_refcount_max(q))
		return -ERANGE;
	r = val ? q2_refblock_ensure(q, cluster) : 0;
	if (r < 0)
		return r;
	r = slice_of(q, cluster, &s, &i);
	if (r < 0 || !s)
		return r;
	q2_rb_put(q, s->data, i, val);
	q2_cache_dirty(q, s);
	return 0;
}

int q2_refcount_add(struct qcow2 *q, uint64_t cluster, int delta, uint64_t *now)
{
	uint64_t v;
	int r = q2_refcount_get(q, cluster, &v);

	if (r < 0)
		return r;
	if (delta < 0 ? !v : v == q2_refcount_max(q))
		return -ERANGE;
	v = delta < 0 ? v - 1 : v + 1;
	r = q2_refcount_set(q, cluster, v);
	if (r < 0)
		return r;
	*now = v;
	return 0;
}

/* --- the table -------------------------------------------------------------------------------- */

static void rt_set(struct qcow2 *q, uint64_t i, uint64_t off)
{
	q->rt[i] = off;
	q->rt_dirty_first = q->rt_dirty ? min_u64(q->rt_dirty_first, i) : i;
	q->rt_dirty_last = q->rt_dirty ? max_u64(q->rt_dirty_last, i) : i;
	q->rt_dirty = true;
}

static int write_entries(struct qcow2 *q, const uint64_t *rt, uint64_t first, uint64_t cnt,
			 uint64_t table)
{
	uint64_t buf[512];

	while (cnt) {
		uint64_t n = min_u64(cnt, ARRAY_LEN(buf));
		int r;

		for (uint64_t i = 0; i < n; i++)
			buf[i] = htobe64(rt[first + i]);
		r = file_pwrite(q->file, buf, n * 8, table + first * 8);
		if (r < 0)
			return r;
		first += n;
		cnt -= n;
	}
	return 0;
}

int q2_rt_write(struct qcow2 *q)
{
	int r;

	if (!q->rt_dirty)
		return 0;
	r = write_entries(q, q->rt, q->rt_dirty_first, q->rt_dirty_last - q->rt_dirty_first + 1,
			  q->h.rt_off);
	if (r < 0)
		return r;
	q->rt_dirty = false;
	return 0;
}

/* Writes a block that counts 1 for those of [first, first + cnt) that fall to it. */
static int write_block(struct qcow2 *q, uint64_t index, uint64_t at, uint64_t first, uint64_t cnt)
{
	_cleanup_free_ uint8_t *buf = calloc(1, q->cluster);
	const uint64_t base = index << q->rb_bits, span = UINT64_C(1) << q->rb_bits;

	if (!buf)
		return -ENOMEM;
	for (uint64_t c = first; c < first + cnt; c++) {
		if (c >= base && c - base < span)
			q2_rb_put(q, buf, c - base, 1);
	}
	q2_cache_forget(q, at);
	return file_pwrite(q->file, buf, q->cluster, at << q->bits);
}

/* What a larger table takes: itself, and the blocks that count it, side by side. */
struct growth {
	uint64_t first, cnt;  /* clusters */
	uint64_t table;       /* of these for the table */
	uint64_t *rt, rt_cnt; /* the new entries */
};

/* How many blocks the clusters [first, first + cnt) lack. */
static uint64_t blocks_lacking(const struct qcow2 *q, uint64_t first, uint64_t cnt)
{
	uint64_t n = 0;

	for (uint64_t i = first >> q->rb_bits; i <= (first + cnt - 1) >> q->rb_bits; i++)
		n += i >= q->rt_cnt || !q->rt[i];
	return n;
}

static int plan_growth(struct qcow2 *q, uint64_t need, struct growth *g)
{
	uint64_t blocks = 0, per = q->cluster / 8;

	g->first = q->frontier;
	g->rt_cnt = max_u64(need + 1, q->rt_cnt + q->rt_cnt / 2);
	for (;;) {
		uint64_t lacking, last;

		g->rt_cnt = align_up(g->rt_cnt, per);
		g->table = g->rt_cnt / per;
		g->cnt = g->table + blocks;
		lacking = blocks_lacking(q, g->first, g->cnt);
		last = (g->first + g->cnt - 1) >> q->rb_bits;
		if (lacking <= blocks && last < g->rt_cnt)
			break;
		blocks = max_u64(blocks, lacking);
		g->rt_cnt = max_u64(g->rt_cnt, last + 1);
	}
	if (g->rt_cnt * 8 > max_u64(Q2_RT_BYTES_MAX, q->cluster))
		return -EFBIG;
	return 0;
}

/* The new table with the new blocks in it, on disk and in g->rt. */
static int write_growth(struct qcow2 *q, struct growth *g)
{
	uint64_t block = g->first + g->table, last = (g->first + g->cnt - 1) >> q->rb_bits;
	int r;

	memcpy(g->rt, q->rt, q->rt_cnt * 8);
	for (uint64_t i = g->first >> q->rb_bits; i <= last; i++) {
		if (g->rt[i])
			continue;
		r = write_block(q, i, block, g->first, g->cnt);
		if (r < 0)
			return r;
		g->rt[i] = block++ << q->bits;
	}
	/* Where there is a block, it counts the new clusters, too. */
	for (uint64_t c = g->first; c < g->first + g->cnt; c++) {
		if (c >> q->rb_bits < q->rt_cnt && q->rt[c >> q->rb_bits]) {
			r = q2_refcount_set(q, c, 1);
			if (r < 0)
				return r;
		}
	}
	r = q2_cache_write(q, Q2_KIND_REFBLOCK);
	if (r < 0)
		return r;
	r = write_entries(q, g->rt, 0, g->rt_cnt, g->first << q->bits);
	return r < 0 ? r : file_fdatasync(q->file);
}

static void put_rt_place(struct qcow2 *q, uint64_t off, uint32_t clusters)
{
	struct q2_disk_header *d = (struct q2_disk_header *)(void *)q->head;

	q->h.rt_off = off;
	q->h.rt_clusters = clusters;
	d->refcount_table_offset = q2_put64(off);
	d->refcount_table_clusters = q2_put32(clusters);
}

/* One write of the header changes over from the old table to the new one. */
static int switch_table(struct qcow2 *q, uint64_t off, uint32_t clusters)
{
	uint64_t old_off = q->h.rt_off;
	uint32_t old_clusters = q->h.rt_clusters;
	int r;

	put_rt_place(q, off, clusters);
	r = q2_write_head(q);
	if (!r)
		r = file_fdatasync(q->file);
	if (r < 0)
		put_rt_place(q, old_off, old_clusters);
	return r;
}

/*
 * A table that reaches to index @need. Seldom: each time it grows by half, at least; so this
 * blocks. Both the old and the new table are right whichever the header names after a crash.
 */
static int grow_table(struct qcow2 *q, uint64_t need)
{
	struct growth g = { 0 };
	uint64_t old_first = q->h.rt_off >> q->bits, old_cnt = q->h.rt_clusters, first;
	int r = plan_growth(q, need, &g);

	if (r < 0)
		return r;
	g.rt = calloc(g.rt_cnt, 8);
	if (!g.rt)
		return -ENOMEM;
	r = q2_take_frontier(q, g.cnt, &first);
	if (!r && first != g.first)
		r = -EAGAIN; /* leaked clusters lie behind the end: plan anew from behind them */
	if (!r)
		r = write_growth(q, &g);
	if (!r)
		r = switch_table(q, g.first << q->bits, (uint32_t)g.table);
	if (r < 0) {
		free(g.rt);
		return r;
	}
	free(q->rt);
	q->rt = g.rt;
	q->rt_cnt = g.rt_cnt;
	q->rt_dirty = false;
	for (uint64_t c = g.first; c < g.first + g.cnt; c++)
		q2_bit_set(&q->meta, c);
	/* The header that named the old table is overwritten for good. */
	for (uint64_t c = old_first; c < old_first + old_cnt; c++) {
		uint64_t now;

		q2_bit_clear(&q->meta, c);
		r = q2_refcount_add(q, c, -1, &now);
		if (!r && !now)
			q2_bit_clear(&q->used, c);
	}
	return 0;
}

/* A new, empty block, at the end of the file: for @index, or for itself if nothing counts it. */
static int new_block(struct qcow2 *q, uint64_t index)
{
	uint64_t at, self;
	int r = q2_take_frontier(q, 1, &at);

	if (r < 0)
		return r;
	self = at >> q->rb_bits;
	if (self >= q->rt_cnt)
		return grow_table(q, self);
	if (!q->rt[self])
		index = self;
	/* It is counted before it is used, whichever block counts it. */
	r = write_block(q, index, at, at, 1);
	if (!r && index != self)
		r = q2_refcount_set(q, at, 1);
	if (r < 0)
		return r;
	rt_set(q, index, at << q->bits);
	q2_bit_set(&q->meta, at);
	return 0;
}

int q2_refblock_ensure(struct qcow2 *q, uint64_t cluster)
{
	const uint64_t index = cluster >> q->rb_bits;

	/* Each round makes the table longer, or adds a block: at most one for itself and one for
	 * @cluster, unless leaked clusters behind the end make it plan again. */
	for (unsigned round = 0; round < 64; round++) {
		int r;

		if (index < q->rt_cnt && q->rt[index])
			return 0;
		r = index >= q->rt_cnt ? grow_table(q, index) : new_block(q, index);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return -EIO;
}
