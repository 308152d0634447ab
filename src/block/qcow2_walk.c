/* SPDX-License-Identifier: MIT */
/* qcow2_walk.c: everything in an image that refers to clusters, one reference at a time. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/error.h"

/* Entries of the tables of all bitmaps together: what walking them may cost. */
#define BITMAP_TOTAL_MAX (UINT64_C(1) << 24)

const char *const q2_ref_names[Q2_REFS] = {
	[Q2_REF_HEADER] = "header",
	[Q2_REF_L1] = "L1 table",
	[Q2_REF_L2] = "L2 table",
	[Q2_REF_DATA] = "data",
	[Q2_REF_PACKED] = "compressed data",
	[Q2_REF_RT] = "refcount table",
	[Q2_REF_REFBLOCK] = "refcount block",
	[Q2_REF_SNAPSHOTS] = "snapshot table",
	[Q2_REF_BITMAPS] = "bitmaps",
};

static int range(struct qcow2 *q, struct q2_walk *w, enum q2_ref what, uint64_t off, uint64_t len,
		 uint64_t entry)
{
	uint64_t first = off >> q->bits;

	if (!len)
		return 0;
	return w->ref(w, what, first, ((off + len - 1) >> q->bits) - first + 1, entry);
}

static int walk_entry(struct qcow2 *q, struct q2_walk *w, uint64_t entry, uint64_t at, bool active)
{
	uint64_t off;
	uint32_t len;
	int r;

	if (!entry)
		return 0;
	switch (q2_entry_type(q, entry)) {
	case Q2_PACKED:
		q2_packed_place(q, entry, &off, &len);
		if (off + len > q->limit << q->bits || entry & Q2_COPIED)
			return w->bad(w, Q2_REF_PACKED, at, entry);
		return range(q, w, Q2_REF_PACKED, off, len, at);
	case Q2_DATA:
	case Q2_ZERO_ALLOCATED:
		r = w->ref(w, Q2_REF_DATA, (entry & Q2_OFFSET) >> q->bits, 1, at);
		return !r && active && w->flag ? w->flag(w, Q2_REF_DATA, at, entry) : r;
	case Q2_BAD:
		return w->bad(w, Q2_REF_DATA, at, entry);
	default:
		return 0;
	}
}

static int walk_l2(struct qcow2 *q, struct q2_walk *w, uint64_t off, bool active, uint64_t *buf,
		   struct error **errp)
{
	int r = file_pread(q->file, buf, q->cluster, off);

	if (r < 0)
		return err_errno(errp, -r, "cannot read the L2 table at 0x%" PRIx64, off);
	for (uint64_t i = 0; i < q->cluster / 8; i++) {
		if (!buf[i])
			continue;
		r = walk_entry(q, w, be64toh(buf[i]), off + i * 8, active);
		if (r < 0)
			return err_errno(errp, -r, "cannot walk the L2 table at 0x%" PRIx64, off);
	}
	return 0;
}

static int walk_l1(struct qcow2 *q, struct q2_walk *w, const uint64_t *l1, uint64_t cnt,
		   uint64_t at, bool active, struct error **errp)
{
	_cleanup_free_ uint64_t *buf = malloc(q->cluster);
	int r = buf ? 0 : -ENOMEM;

	for (uint64_t i = 0; !r && i < cnt; i++) {
		uint64_t off = l1[i] & Q2_OFFSET;

		if (!l1[i])
			continue;
		if (!q2_leads_to_table(q, l1[i], Q2_L1_KNOWN)) {
			r = w->bad(w, Q2_REF_L2, at + i * 8, l1[i]);
			continue;
		}
		r = w->ref(w, Q2_REF_L2, off >> q->bits, 1, at + i * 8);
		if (!r && active && w->flag)
			r = w->flag(w, Q2_REF_L2, at + i * 8, l1[i]);
		if (!r && !w->tables_only && walk_l2(q, w, off, active, buf, errp) < 0)
			return -EIO;
	}
	return r < 0 ? err_errno(errp, -r, "cannot walk the L1 table at 0x%" PRIx64, at) : 0;
}

static int walk_snapshots(struct qcow2 *q, struct q2_walk *w, struct error **errp)
{
	struct q2_snapshots s;
	int r = q2_snapshots_read(q, &s, errp);

	if (!r)
		r = range(q, w, Q2_REF_SNAPSHOTS, q->h.snapshots_off, s.table_len, 0);
	for (uint32_t i = 0; !r && i < s.cnt; i++) {
		_cleanup_free_ uint64_t *l1 = malloc((size_t)s.v[i].l1_cnt * 8 + 8);

		r = l1 ? file_pread(q->file, l1, (size_t)s.v[i].l1_cnt * 8, s.v[i].l1_off)
		       : -ENOMEM;
		for (uint64_t k = 0; !r && k < s.v[i].l1_cnt; k++)
			l1[k] = be64toh(l1[k]);
		if (!r)
			r = range(q, w, Q2_REF_L1, s.v[i].l1_off, (uint64_t)s.v[i].l1_cnt * 8, 0);
		if (r < 0)
			err_errno(errp, -r, "cannot read the L1 table of snapshot %u", i);
		else
			r = walk_l1(q, w, l1, s.v[i].l1_cnt, s.v[i].l1_off, false, errp);
	}
	q2_snapshots_free(&s);
	return r;
}

/* "Bitmap table": offsets of clusters; bit 0 is part of the value, not of the place. *left is how
 * many entries all of them may have yet. */
static int walk_bitmap(struct qcow2 *q, struct q2_walk *w, uint64_t off, uint64_t cnt,
		       uint64_t *left, struct error **errp)
{
	_cleanup_free_ uint64_t *t = NULL;
	int r = 0;

	if (cnt * 8 > Q2_SNAPSHOT_BYTES_MAX || off & (q->cluster - 1) ||
	    off >> q->bits >= q->limit || cnt * 8 > (q->limit << q->bits) - off)
		return w->bad(w, Q2_REF_BITMAPS, 0, off);
	if (cnt > *left)
		return err_set(errp, EFBIG, "the bitmaps have tables of too many entries");
	*left -= cnt;
	t = malloc(cnt * 8 + 8);
	r = t ? file_pread(q->file, t, cnt * 8, off) : -ENOMEM;
	if (r < 0)
		return err_errno(errp, -r, "cannot read the bitmap table at 0x%" PRIx64, off);
	r = range(q, w, Q2_REF_BITMAPS, off, cnt * 8, 0);
	for (uint64_t i = 0; !r && i < cnt; i++) {
		uint64_t to = be64toh(t[i]) & Q2_OFFSET;

		if (to && (to & (q->cluster - 1) || to >> q->bits >= q->limit))
			r = w->bad(w, Q2_REF_BITMAPS, off + i * 8, be64toh(t[i]));
		else if (to)
			r = w->ref(w, Q2_REF_BITMAPS, to >> q->bits, 1, off + i * 8);
	}
	return r;
}

static int walk_bitmaps(struct qcow2 *q, struct q2_walk *w, struct error **errp)
{
	const uint64_t len = q->h.bitmaps_len;
	_cleanup_free_ uint8_t *dir = NULL;
	uint64_t at = 0, left = BITMAP_TOTAL_MAX;
	int r;

	if (!len)
		return 0;
	dir = malloc(len);
	r = dir ? file_pread(q->file, dir, len, q->h.bitmaps_off) : -ENOMEM;
	if (r < 0)
		return err_errno(errp, -r, "cannot read the bitmap directory");
	r = range(q, w, Q2_REF_BITMAPS, q->h.bitmaps_off, len, 0);
	for (uint32_t i = 0; !r && i < q->h.bitmap_cnt; i++) {
		struct q2_disk_bitmap b;

		if (len - at < sizeof(b))
			return w->bad(w, Q2_REF_BITMAPS, q->h.bitmaps_off + at, 0);
		memcpy(&b, dir + at, sizeof(b));
		r = walk_bitmap(q, w, q2_get64(b.table_offset), q2_get32(b.table_size), &left,
				errp);
		at += min_u64(len - at, align_up(sizeof(b) + q2_get16(b.name_len) +
							 (uint64_t)q2_get32(b.extra_data_size),
						 8));
	}
	return r;
}

static int walk_refcounts(struct qcow2 *q, struct q2_walk *w)
{
	int r = range(q, w, Q2_REF_RT, q->h.rt_off, (uint64_t)q->h.rt_clusters << q->bits, 0);

	for (uint64_t i = 0; !r && i < q->rt_cnt; i++) {
		if (!q->rt[i])
			continue;
		if (q2_leads_to_table(q, q->rt[i], Q2_RT_KNOWN))
			r = w->ref(w, Q2_REF_REFBLOCK, q->rt[i] >> q->bits, 1, q->h.rt_off + i * 8);
		else
			r = w->bad(w, Q2_REF_REFBLOCK, q->h.rt_off + i * 8, q->rt[i]);
	}
	return r;
}

int q2_walk(struct qcow2 *q, struct q2_walk *w, struct error **errp)
{
	int r = range(q, w, Q2_REF_HEADER, 0, q->cluster, 0);

	if (!r)
		r = range(q, w, Q2_REF_L1, q->h.l1_off, (uint64_t)q->h.l1_cnt * 8, 0);
	if (!r)
		r = walk_refcounts(q, w);
	if (r < 0)
		return err_errno(errp, -r, "cannot walk the tables");
	r = walk_snapshots(q, w, errp);
	if (!r)
		r = walk_bitmaps(q, w, errp);
	if (!r)
		r = walk_l1(q, w, q->l1, q->h.l1_cnt, q->h.l1_off, true, errp);
	return r;
}
