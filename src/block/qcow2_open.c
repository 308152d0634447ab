/* SPDX-License-Identifier: MIT */
/* qcow2_open.c: from a file to an image that can be trusted as far as needed, and back. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* Tables of more bytes than this are not walked to learn what is in use: it would take too long in
 * the middle of a write. New clusters then come from the end of the file. */
#define WALK_BYTES_MAX (64 * MIB)

const char *q2_name(const struct qcow2 *q)
{
	return q->file->path;
}

/* --- the header while in use ------------------------------------------------------------------ */

int q2_write_head(struct qcow2 *q)
{
	int r = file_pwrite(q->file, q->head, q->head_len, 0);

	if (!r)
		q->head_dirty = false;
	return r;
}

void q2_set_incompat(struct qcow2 *q, uint64_t bits)
{
	struct q2_disk_header *d = (struct q2_disk_header *)(void *)q->head;

	q->h.incompat = bits;
	d->incompatible_features = q2_put64(bits);
	q->head_dirty = true;
}

int q2_set_corrupt(struct qcow2 *q, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (q->corrupt)
		return -EIO;
	log_msg(LOG_ERR, "qcow2",
		"'%s': the image is corrupt: %s; nothing more is written to it, run 'trapeze img "
		"check "
		"--repair all'",
		q2_name(q), why);
	if (q->readonly)
		return -EIO;
	q->corrupt = true;
	/* Version 2 has no bit for it. */
	if (q->h.version > 2) {
		q2_set_incompat(q, q->h.incompat | Q2_INCOMPAT_CORRUPT);
		if (q2_write_head(q) < 0 || file_fdatasync(q->file) < 0)
			log_msg(LOG_ERR, "qcow2", "'%s': could not be marked as corrupt",
				q2_name(q));
	}
	return -EIO;
}

/* --- tables ----------------------------------------------------------------------------------- */

bool q2_leads_to_table(const struct qcow2 *q, uint64_t entry, uint64_t known)
{
	uint64_t off = entry & known & ~Q2_COPIED;

	return !(entry & ~known) && off && !(off & (q->cluster - 1)) && off >> q->bits < q->limit;
}

/* Reads a table of @cnt entries and checks them; in a tolerant open, what is wrong is left out. */
static int read_table(struct qcow2 *q, uint64_t off, uint64_t cnt, uint64_t known, const char *what,
		      unsigned flags, uint64_t **ret, struct error **errp)
{
	uint64_t *t = calloc(cnt + 1, 8);
	int r;

	*ret = t;
	if (!t)
		return err_errno(errp, ENOMEM, "cannot hold the %s of %" PRIu64 " entries", what,
				 cnt);
	r = file_pread(q->file, t, cnt * 8, off);
	if (r < 0)
		return err_errno(errp, -r, "cannot read the %s", what);
	for (uint64_t i = 0; i < cnt; i++) {
		t[i] = be64toh(t[i]);
		if (!t[i] || q2_leads_to_table(q, t[i], known))
			continue;
		if (!(flags & Q2_OPEN_TOLERANT)) {
			err_set(errp, EINVAL, "entry %" PRIu64 " of the %s is 0x%016" PRIx64, i,
				what, t[i]);
			err_hint(errp, "'trapeze img check' tells the extent of the damage");
			return -EINVAL;
		}
	}
	return 0;
}

/* --- what is metadata ------------------------------------------------------------------------- */

static int claim(struct qcow2 *q, uint64_t off, uint64_t len, const char *what, struct error **errp)
{
	uint64_t first = off >> q->bits, last = (off + len - 1) >> q->bits;

	for (uint64_t c = first; len && c <= last; c++) {
		if (q2_bit(&q->meta, c)) {
			err_set(errp, EINVAL,
				"the %s at 0x%" PRIx64 " overlaps another table or the header",
				what, off);
			err_hint(errp, "'trapeze img check --repair all' may help; copy the image "
				       "first");
			return -EINVAL;
		}
		q2_bit_set(&q->meta, c);
	}
	return 0;
}

/* L2 tables may be shared by snapshots; what they must not be is any other table. */
static int claim_l2(struct qcow2 *q, const uint64_t *l1, uint64_t cnt, struct q2_bits *l2,
		    struct error **errp)
{
	for (uint64_t i = 0; i < cnt; i++) {
		uint64_t c = (l1[i] & Q2_OFFSET) >> q->bits;

		if (!c || q2_bit(l2, c))
			continue;
		q2_bit_set(l2, c);
		if (claim(q, c << q->bits, q->cluster, "L2 table", errp) < 0)
			return -EINVAL;
	}
	return 0;
}

static uint64_t count_tables(const uint64_t *l1, uint64_t cnt)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < cnt; i++)
		n += l1[i] != 0;
	return n;
}

static int claim_snapshots(struct qcow2 *q, struct q2_bits *l2, struct error **errp)
{
	struct q2_snapshots s;
	int r = q2_snapshots_read(q, &s, errp);

	if (!r)
		r = claim(q, q->h.snapshots_off, s.table_len, "snapshot table", errp);
	for (uint32_t i = 0; !r && i < s.cnt; i++)
		r = claim(q, s.v[i].l1_off, (uint64_t)s.v[i].l1_cnt * 8, "snapshot's L1 table",
			  errp);
	for (uint32_t i = 0; !r && i < s.cnt; i++) {
		_cleanup_free_ uint64_t *l1 = NULL;

		r = read_table(q, s.v[i].l1_off, s.v[i].l1_cnt, Q2_L1_KNOWN,
			       "L1 table of a snapshot", 0, &l1, errp);
		if (!r)
			r = claim_l2(q, l1, s.v[i].l1_cnt, l2, errp);
		if (!r)
			q->snapshot_tables += count_tables(l1, s.v[i].l1_cnt);
	}
	q2_snapshots_free(&s);
	return r;
}

static int claim_all(struct qcow2 *q, struct error **errp)
{
	struct q2_bits l2 = { 0 };
	int r = 0;

	if (!q2_bits_grow(&q->meta, q->limit) || !q2_bits_grow(&q->used, q->limit) ||
	    !q2_bits_grow(&l2, q->limit))
		r = err_errno(errp, ENOMEM, "cannot keep account of %" PRIu64 " clusters",
			      q->limit);
	if (!r)
		r = claim(q, 0, q->cluster, "header", errp);
	if (!r)
		r = claim(q, q->h.l1_off, (uint64_t)q->h.l1_cnt * 8, "L1 table", errp);
	if (!r)
		r = claim(q, q->h.rt_off, (uint64_t)q->h.rt_clusters << q->bits, "refcount table",
			  errp);
	for (uint64_t i = 0; !r && i < q->rt_cnt; i++)
		r = q->rt[i] ? claim(q, q->rt[i], q->cluster, "refcount block", errp) : 0;
	if (!r)
		r = claim_snapshots(q, &l2, errp);
	if (!r)
		r = claim_l2(q, q->l1, q->h.l1_cnt, &l2, errp);
	q2_bits_free(&l2);
	return r;
}

/* --- what is in use --------------------------------------------------------------------------- */

struct mark {
	struct q2_walk walk;
	struct qcow2 *q;
};

static int mark_ref(struct q2_walk *w, enum q2_ref what, uint64_t first, uint64_t cnt,
		    uint64_t entry)
{
	struct mark *m = container_of(w, struct mark, walk);

	(void)what;
	(void)entry;
	for (uint64_t c = first; c < first + cnt; c++)
		q2_bit_set(&m->q->used, c);
	m->q->frontier = max_u64(m->q->frontier, first + cnt);
	return 0;
}

static int mark_bad(struct q2_walk *w, enum q2_ref what, uint64_t entry, uint64_t val)
{
	(void)w;
	(void)what;
	(void)entry;
	(void)val;
	return 0; /* leads nowhere, and takes nothing */
}

static int learn_used(struct qcow2 *q)
{
	struct mark m = { .walk = { .ref = mark_ref, .bad = mark_bad }, .q = q };
	struct error *err = NULL;
	int r;

	if ((count_tables(q->l1, q->h.l1_cnt) + q->snapshot_tables) << q->bits > WALK_BYTES_MAX)
		return 0;
	r = q2_walk(q, &m.walk, &err);
	if (r < 0)
		log_msg(LOG_WARN, "qcow2", "'%s': free clusters are not used again: %s", q2_name(q),
			error_msg(err));
	error_free(err);
	q->know_used = !r;
	return r == -ENOMEM ? r : 0;
}

int q2_prepare(struct qcow2 *q)
{
	int r;

	if (likely(q->prepared))
		return 0;
	if (q->readonly)
		return -EROFS;
	if (q->corrupt)
		return -EIO;
	/* "For each bit with value 1 that the software does not know: clear it before writing." */
	if (q->h.autoclear) {
		struct q2_disk_header *d = (struct q2_disk_header *)(void *)q->head;

		d->autoclear_features = q2_put64(0);
		r = q2_write_head(q);
		if (!r)
			r = file_fdatasync(q->file);
		if (r < 0) {
			d->autoclear_features = q2_put64(q->h.autoclear);
			return r;
		}
	}
	/* Bitmaps, if any, keep their refcounts; with them they are not free. */
	r = learn_used(q);
	if (r < 0)
		return r;
	q->h.autoclear = 0;
	q->prepared = true;
	return 0;
}

/* --- open ------------------------------------------------------------------------------------- */

static int read_header(struct qcow2 *q, uint64_t file_len, struct error **errp)
{
	_cleanup_free_ uint8_t *buf = calloc(1, 1u << Q2_CLUSTER_BITS_MAX);
	size_t len = (size_t)min_u64(file_len, 4096);
	int r;

	if (!buf)
		return err_errno(errp, ENOMEM, "cannot read the header");
	r = file_pread(q->file, buf, len, 0);
	if (!r && q2_header_cluster_size(buf, len) > len) {
		len = (size_t)min_u64(file_len, q2_header_cluster_size(buf, len));
		r = file_pread(q->file, buf, len, 0);
	}
	if (r < 0)
		return err_errno(errp, -r, "cannot read the header");
	r = q2_header_parse(buf, len, file_len, &q->h, errp);
	if (r < 0)
		return r;
	q->head_len = min_u64(4096, UINT64_C(1) << q->h.cluster_bits);
	q->head = malloc(q->head_len);
	if (!q->head)
		return err_errno(errp, ENOMEM, "cannot read the header");
	memcpy(q->head, buf, q->head_len);
	return 0;
}

static void set_sizes(struct qcow2 *q, uint64_t file_len)
{
	q->bits = q->h.cluster_bits;
	q->l2_bits = q->bits - 3;
	q->rb_bits = q->bits + 3 - q->h.refcount_order;
	q->cluster = UINT64_C(1) << q->bits;
	q->h.size = align_down(q->h.size, 512);
	q->limit = (file_len + q->cluster - 1) >> q->bits;
	q->frontier = q->limit;
	q->virgin = q->limit;
	q->hint = 1;
	/* Two generations, so that the first drop finds one behind it. */
	q->gen = 2;
	q->lazy = q->h.compat & Q2_COMPAT_LAZY_REFCOUNTS && q->h.version > 2;
}

/* A device has no end to grow from: behind what is counted there is room. */
static int find_frontier(struct qcow2 *q)
{
	uint64_t c = min_u64(q->limit, q->rt_cnt << q->rb_bits), refs = 0;
	int r = 0;

	while (!r && c && !refs) {
		if (!q->rt[(c - 1) >> q->rb_bits]) {
			c = align_down(c - 1, UINT64_C(1) << q->rb_bits);
			continue;
		}
		r = q2_refcount_get(q, c - 1, &refs);
		c -= !refs;
	}
	q->frontier = c;
	return r;
}

static int check_state(struct qcow2 *q, unsigned flags, struct error **errp)
{
	if (!(q->h.incompat & Q2_INCOMPAT_CORRUPT))
		return 0;
	if (flags & Q2_OPEN_READONLY) {
		log_msg(LOG_WARN, "qcow2", "'%s': the image is marked as corrupt", q2_name(q));
		return 0;
	}
	err_set(errp, EROFS, "the image is marked as corrupt and cannot be written to");
	err_hint(errp, "open it with 'ro', or repair it: trapeze img check --repair all");
	return -EROFS;
}

static int open_tables(struct qcow2 *q, unsigned flags, struct error **errp)
{
	bool writes = !(flags & Q2_OPEN_READONLY);
	int r = read_table(q, q->h.l1_off, q->h.l1_cnt, Q2_L1_KNOWN, "L1 table", flags, &q->l1,
			   errp);

	if (r < 0)
		return r;
	if (!q2_bits_grow(&q->l1_dirty, q->h.l1_cnt / 64 + 1) || q2_cache_init(q) < 0)
		return err_errno(errp, ENOMEM, "cannot open the image");
	if (!writes && !(flags & Q2_OPEN_TOLERANT))
		return 0;
	q->rt_cnt = (uint64_t)q->h.rt_clusters << (q->bits - 3);
	r = read_table(q, q->h.rt_off, q->rt_cnt, Q2_RT_KNOWN, "refcount table", flags, &q->rt,
		       errp);
	if (r < 0 || flags & Q2_OPEN_TOLERANT)
		return r;
	r = claim_all(q, errp);
	if (!r && q->file->is_bdev && find_frontier(q) < 0)
		r = err_set(errp, EIO, "cannot read the refcounts");
	return r;
}

static void q2_free(struct qcow2 *q)
{
	q2_pack_free(q);
	q2_cache_free(q);
	q2_header_free(&q->h);
	q2_bits_free(&q->l1_dirty);
	q2_bits_free(&q->meta);
	q2_bits_free(&q->used);
	free(q->dropped.v);
	free(q->dropping.v);
	free(q->dropped_for_good.v);
	free(q->punching.v);
	free(q->head);
	free(q->l1);
	free(q->rt);
	free(q->zeros);
	free(q);
}

static int open_all(struct qcow2 *q, unsigned flags, struct error **errp)
{
	uint64_t file_len;
	int r = file_size(q->file, &file_len);

	if (r < 0)
		return err_errno(errp, -r, "cannot ask for the size");
	r = read_header(q, file_len, errp);
	if (r < 0)
		return r;
	set_sizes(q, file_len);
	r = flags & Q2_OPEN_TOLERANT ? 0 : check_state(q, flags, errp);
	if (r < 0)
		return r;
	q->zeros = aligned_alloc(4096, align_up(q->cluster, 4096));
	if (!q->zeros)
		return err_errno(errp, ENOMEM, "cannot open the image");
	memset(q->zeros, 0, q->cluster);
	r = open_tables(q, flags, errp);
	if (r < 0 || flags & (Q2_OPEN_READONLY | Q2_OPEN_TOLERANT))
		return r;
	if (q->h.incompat & Q2_INCOMPAT_DIRTY) {
		log_msg(LOG_WARN, "qcow2",
			"'%s': was not closed; its refcounts are being computed anew", q2_name(q));
		r = q2_rebuild(q, errp);
	}
	return r;
}

int q2_open(struct blk_file *f, unsigned flags, struct qcow2 **ret, struct error **errp)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return err_errno(errp, ENOMEM, "cannot open the image");
	q->file = f;
	q->readonly = flags & Q2_OPEN_READONLY;
	r = open_all(q, flags, errp);
	if (r < 0) {
		q2_free(q);
		return r;
	}
	*ret = q;
	return 0;
}

int q2_close(struct qcow2 *q)
{
	int r = 0;

	if (!q->readonly && !q->corrupt) {
		r = q2_flush_now(q);
		if (!r && q->h.incompat & Q2_INCOMPAT_DIRTY) {
			q2_set_incompat(q, q->h.incompat & ~Q2_INCOMPAT_DIRTY);
			r = q2_write_head(q);
			if (!r)
				r = file_fdatasync(q->file);
		}
	}
	q2_free(q);
	return r;
}
