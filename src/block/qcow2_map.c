/* SPDX-License-Identifier: MIT */
/* qcow2_map.c: from guest offset to host offset, and changes to that ("Cluster mapping"). */
#include <errno.h>
#include <string.h>

#include "block/qcow2_internal.h"

/* --- entries ---------------------------------------------------------------------------------- */

enum q2_type q2_entry_type(const struct qcow2 *q, uint64_t entry)
{
	uint64_t off = entry & Q2_OFFSET;

	if (entry & Q2_COMPRESSED)
		return Q2_PACKED;
	if (entry & ~Q2_L2_KNOWN || off & (q->cluster - 1) || off >> q->bits >= q->limit)
		return Q2_BAD;
	/* Version 2 has no zero flag: the bit is reserved. */
	if (entry & Q2_ZERO)
		return q->h.version == 2 ? Q2_BAD : off ? Q2_ZERO_ALLOCATED : Q2_ZERO_PLAIN;
	if (off)
		return Q2_DATA;
	return entry & Q2_COPIED ? Q2_BAD : Q2_UNALLOCATED;
}

/* "Compressed Clusters Descriptor": x = 62 - (cluster_bits - 8) bits of offset, then the number of
 * 512-byte sectors after the first that are touched. */
void q2_packed_place(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint32_t *len)
{
	unsigned x = 62 - (q->bits - 8);
	uint64_t sectors = (entry >> x & ((UINT64_C(1) << (q->bits - 8)) - 1)) + 1;

	*off = entry & ((UINT64_C(1) << x) - 1);
	*len = (uint32_t)(sectors * 512 - *off % 512);
}

static uint64_t entry_at(const struct q2_slice *s, uint64_t i)
{
	uint64_t v;

	memcpy(&v, s->data + i * 8, sizeof(v));
	return be64toh(v);
}

static void entry_put(struct q2_slice *s, uint64_t i, uint64_t v)
{
	v = htobe64(v);
	memcpy(s->data + i * 8, &v, sizeof(v));
}

/* --- look-up ---------------------------------------------------------------------------------- */

static inline uint64_t l1_index(const struct qcow2 *q, uint64_t guest_cluster)
{
	return guest_cluster >> q->l2_bits;
}

/* Where in the file the slice is that maps @guest_cluster, and the index of its entry there. */
static inline uint64_t slice_place(const struct qcow2 *q, uint64_t l2, uint64_t guest_cluster,
				   uint64_t *index)
{
	const uint64_t i = guest_cluster & ((UINT64_C(1) << q->l2_bits) - 1);
	const uint64_t per = q->cache.size / 8;

	*index = i & (per - 1);
	return l2 + (i - *index) * 8;
}

uint64_t q2_slice_left(const struct qcow2 *q, uint64_t off)
{
	const uint64_t span = (uint64_t)q->cache.size / 8 << q->bits;

	return span - (off & (span - 1));
}

/* Whether @entry goes on where the extent that begins with @e has come to after @n clusters. */
static bool goes_on(const struct qcow2 *q, const struct q2_extent *e, uint64_t entry, uint64_t n)
{
	switch (e->type) {
	case Q2_DATA:
	case Q2_ZERO_ALLOCATED:
		return entry == e->entry + (n << q->bits) && q2_entry_type(q, entry) == e->type;
	case Q2_UNALLOCATED:
	case Q2_ZERO_PLAIN:
		return q2_entry_type(q, entry) == e->type;
	default:
		return false;
	}
}

int q2_map(struct qcow2 *q, uint64_t off, uint64_t len, struct q2_extent *ret)
{
	const uint64_t guest = off >> q->bits, in = off & (q->cluster - 1);
	const uint64_t l1 = l1_index(q, guest);
	struct q2_slice *s;
	uint64_t l2, place, i, n = 1;
	int r;

	len = min_u64(len, q2_slice_left(q, off));
	l2 = l1 < q->h.l1_cnt ? q->l1[l1] & Q2_OFFSET : 0;
	if (!l2) {
		*ret = (struct q2_extent){ .type = Q2_UNALLOCATED, .len = len };
		return 0;
	}
	place = slice_place(q, l2, guest, &i);
	r = q2_cache_get(q, place, Q2_KIND_L2, &s);
	if (r < 0)
		return r;
	ret->entry = entry_at(s, i);
	ret->type = q2_entry_type(q, ret->entry);
	ret->copied = ret->entry & Q2_COPIED;
	ret->host = ret->type == Q2_PACKED ? 0 : (ret->entry & Q2_OFFSET) + in;
	while ((n << q->bits) - in < len && goes_on(q, ret, entry_at(s, i + n), n))
		n++;
	ret->len = min_u64(len, (n << q->bits) - in);
	return 0;
}

/* --- changes ---------------------------------------------------------------------------------- */

bool q2_l1_is_dirty(const struct qcow2 *q)
{
	for (uint64_t i = 0; i < q->l1_dirty.cnt / 64; i++) {
		if (q->l1_dirty.word[i])
			return true;
	}
	return false;
}

/* l1_dirty has a bit for each 512 bytes. */
int q2_l1_write(struct qcow2 *q)
{
	uint64_t buf[64];
	int first = 0;

	for (uint64_t b = 0; b * 64 < q->h.l1_cnt; b++) {
		uint64_t n = min_u64(64, q->h.l1_cnt - b * 64);
		int r;

		if (!q2_bit(&q->l1_dirty, b))
			continue;
		for (uint64_t i = 0; i < n; i++)
			buf[i] = htobe64(q->l1[b * 64 + i]);
		r = file_pwrite(q->file, buf, n * 8, q->h.l1_off + b * 512);
		if (r < 0 && !first)
			first = r;
		else if (!r)
			q2_bit_clear(&q->l1_dirty, b);
	}
	return first;
}

/*
 * What a new L2 table starts with goes to the disk at once; it is durable by phase A, before an
 * entry of the L1 table leads to it. A copy of a table that snapshots share has no COPIED flags, as
 * the clusters are shared, too.
 */
static int fill_table(struct qcow2 *q, uint64_t old, uint64_t at)
{
	_cleanup_free_ uint8_t *buf = calloc(1, q->cluster);
	int r;

	if (!buf)
		return -ENOMEM;
	for (uint64_t o = 0; old && o < q->cluster; o += q->cache.size) {
		struct q2_slice *s;

		r = q2_cache_get(q, old + o, Q2_KIND_L2, &s);
		if (r < 0)
			return r;
		memcpy(buf + o, s->data, q->cache.size);
	}
	for (uint64_t i = 0; old && i < q->cluster / 8; i++)
		buf[i * 8] &= 0x7f;
	return file_pwrite(q->file, buf, q->cluster, at);
}

/* An L2 table of our own for L1 index @i. */
static int own_table(struct qcow2 *q, uint64_t i, uint64_t *ret)
{
	uint64_t old = q->l1[i], cluster, got;
	bool virgin;
	int r;

	if (old & Q2_COPIED) {
		*ret = old & Q2_OFFSET;
		return 0;
	}
	r = q2_alloc(q, 1, &cluster, &got, &virgin);
	if (r < 0)
		return r;
	/* Nothing of what was there before, if that was a table. */
	q2_cache_forget(q, cluster);
	r = fill_table(q, old & Q2_OFFSET, cluster << q->bits);
	if (r < 0) {
		q2_unalloc(q, cluster, 1);
		return r;
	}
	q2_bit_set(&q->meta, cluster);
	q->l1[i] = cluster << q->bits | Q2_COPIED;
	q2_bit_set(&q->l1_dirty, i / 64);
	if (old & Q2_OFFSET)
		q2_drop_table(q, (old & Q2_OFFSET) >> q->bits);
	*ret = cluster << q->bits;
	return 0;
}

/* The slice of a table of our own that maps @guest_cluster. */
static int own_slice(struct qcow2 *q, uint64_t guest_cluster, struct q2_slice **ret, uint64_t *i)
{
	uint64_t l2;
	int r;

	if (q->corrupt)
		return -EIO;
	if (l1_index(q, guest_cluster) >= q->h.l1_cnt)
		return -EINVAL;
	r = own_table(q, l1_index(q, guest_cluster), &l2);
	if (r < 0)
		return r;
	return q2_cache_get(q, slice_place(q, l2, guest_cluster, i), Q2_KIND_L2, ret);
}

int q2_link(struct qcow2 *q, uint64_t guest_cluster, uint64_t cnt, uint64_t host)
{
	struct q2_slice *s;
	uint64_t i;
	int r = own_slice(q, guest_cluster, &s, &i);

	if (r < 0)
		return r;
	q2_cache_dirty(q, s);
	for (uint64_t n = 0; n < cnt; n++) {
		uint64_t old = entry_at(s, i + n), to = (host + n) << q->bits;

		entry_put(s, i + n, to | Q2_COPIED);
		if ((old & Q2_OFFSET) != to || old & Q2_COMPRESSED)
			q2_drop_entry(q, old, false);
	}
	return 0;
}

int q2_change(struct qcow2 *q, uint64_t guest_cluster, uint64_t cnt,
	      uint64_t (*change)(const struct qcow2 *q, uint64_t entry), bool punch)
{
	struct q2_slice *s;
	uint64_t i;
	int r = own_slice(q, guest_cluster, &s, &i);

	if (r < 0)
		return r;
	for (uint64_t n = 0; n < cnt; n++) {
		uint64_t old = entry_at(s, i + n), to = change(q, old);

		if (to == old)
			continue;
		q2_cache_dirty(q, s);
		entry_put(s, i + n, to);
		if (!(to & Q2_OFFSET))
			q2_drop_entry(q, old, punch);
	}
	return 0;
}

int q2_link_packed(struct qcow2 *q, uint64_t guest_cluster, uint64_t entry)
{
	struct q2_slice *s;
	uint64_t i, old;
	int r = own_slice(q, guest_cluster, &s, &i);

	if (r < 0)
		return r;
	old = entry_at(s, i);
	q2_cache_dirty(q, s);
	entry_put(s, i, entry);
	q2_drop_entry(q, old, false);
	return 0;
}
