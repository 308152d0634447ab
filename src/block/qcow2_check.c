/* SPDX-License-Identifier: MIT */
/*
 * qcow2_check.c: who refers to a cluster, against what its refcount says.
 *
 *   leak        counted, and not referred to (or not as often): space is lost, nothing else
 *   corruption  referred to more often than counted, flags that say so, entries that are nonsense:
 *               a write may destroy other data
 *
 * Repair trusts the tables that map the disk and makes refcounts and flags what these say. Entries
 * that are nonsense are cleared; refcount blocks that cannot be what they should are made anew.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/error.h"

struct check {
	struct q2_walk walk;
	struct qcow2 *q;
	uint32_t *count; /* of references, by cluster */
	uint64_t cnt;
	bool fix, count_only;
	qcow2_say *say;
	void *opaque;
	unsigned said;
	struct qcow2_result *res;
};

static __printf(3, 4) void tell(struct check *k, bool corruption, const char *fmt, ...)
{
	char buf[256];
	va_list ap;

	if (!k->say || k->said >= QCOW2_SAY_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	k->said++;
	k->say(k->opaque, corruption, buf);
}

/* --- counting --------------------------------------------------------------------------------- */

static int put_entry(struct check *k, uint64_t at, uint64_t val)
{
	val = htobe64(val);
	return file_pwrite(k->q->file, &val, sizeof(val), at);
}

/* The active L1 table and the refcount table are in memory, too. */
static void put_in_memory(struct qcow2 *q, uint64_t at, uint64_t val)
{
	if (at >= q->h.l1_off && at < q->h.l1_off + (uint64_t)q->h.l1_cnt * 8)
		q->l1[(at - q->h.l1_off) / 8] = val;
	else if (at >= q->h.rt_off && at < q->h.rt_off + q->rt_cnt * 8)
		q->rt[(at - q->h.rt_off) / 8] = val;
}

static int on_bad(struct q2_walk *w, enum q2_ref what, uint64_t entry, uint64_t val)
{
	struct check *k = container_of(w, struct check, walk);
	int r;

	if (k->count_only)
		return 0;
	k->res->corruptions++;
	tell(k, true, "the entry at 0x%" PRIx64 " for %s is 0x%016" PRIx64 ", which leads nowhere",
	     entry, q2_ref_names[what], val);
	if (!k->fix || !entry)
		return 0;
	r = put_entry(k, entry, 0);
	if (r < 0)
		return r;
	put_in_memory(k->q, entry, 0);
	k->res->corruptions_fixed++;
	return 0;
}

/* Whether a cluster holds the header, the L1 table or the refcount table, which stay where they
 * are. */
static bool is_fixed(const struct qcow2 *q, uint64_t c)
{
	uint64_t at = c << q->bits;

	return !c || (at >= q->h.l1_off && at < q->h.l1_off + (uint64_t)q->h.l1_cnt * 8) ||
	       (at >= q->h.rt_off && at < q->h.rt_off + ((uint64_t)q->h.rt_clusters << q->bits));
}

static int on_ref(struct q2_walk *w, enum q2_ref what, uint64_t first, uint64_t cnt, uint64_t entry)
{
	struct check *k = container_of(w, struct check, walk);

	for (uint64_t c = first; c < first + cnt; c++) {
		if (c >= k->cnt)
			continue; /* tables may end in a last cluster that is cut */
		if (entry && is_fixed(k->q, c))
			return on_bad(w, what, entry, c << k->q->bits);
	}
	for (uint64_t c = first; c < first + cnt && c < k->cnt; c++)
		k->count[c] += k->count[c] < UINT32_MAX;
	if (what == Q2_REF_DATA || what == Q2_REF_PACKED) {
		k->res->allocated++;
		k->res->compressed += what == Q2_REF_PACKED;
	}
	k->res->end = max_u64(k->res->end, min_u64(first + cnt, k->cnt) << k->q->bits);
	return 0;
}

static int count_refs(struct check *k, struct error **errp)
{
	struct qcow2 *q = k->q;

	k->cnt = max_u64(q->limit, 1);
	k->count = calloc(k->cnt, sizeof(*k->count));
	if (!k->count)
		return err_errno(errp, ENOMEM, "cannot count %" PRIu64 " clusters", k->cnt);
	k->walk = (struct q2_walk){ .ref = on_ref, .bad = on_bad };
	return q2_walk(q, &k->walk, errp);
}

/* --- refcount blocks -------------------------------------------------------------------------- */

/* A block that something else refers to as well is left to the other, and made anew. */
static void drop_shared_blocks(struct check *k)
{
	struct qcow2 *q = k->q;

	for (uint64_t i = 0; i < q->rt_cnt; i++) {
		uint64_t c = q->rt[i] >> q->bits;

		if (!q->rt[i])
			continue;
		if (c < k->cnt && k->count[c] == 1 && !(q->rt[i] & (q->cluster - 1)))
			continue;
		if (c < k->cnt && k->count[c])
			k->count[c]--;
		q2_cache_forget(q, c);
		q->rt[i] = 0;
		q->rt_dirty = true;
		q->rt_dirty_first = 0;
		q->rt_dirty_last = q->rt_cnt - 1;
	}
}

/* --- refcounts -------------------------------------------------------------------------------- */

static int compare_one(struct check *k, uint64_t c, uint64_t refs)
{
	uint64_t have;
	bool leak;
	int r = q2_refcount_get(k->q, c, &have);

	if (r < 0 || have == refs)
		return r;
	leak = have > refs;
	if (leak)
		k->res->leaks++;
	else
		k->res->corruptions++;
	tell(k, !leak,
	     "cluster %" PRIu64 " is referred to %" PRIu64 " times, its refcount is %" PRIu64, c,
	     refs, have);
	if (!k->fix && !(k->count_only && leak))
		return 0;
	if (refs > q2_refcount_max(k->q))
		return 0;
	r = q2_refcount_set(k->q, c, refs);
	if (r < 0)
		return r;
	if (leak)
		k->res->leaks_fixed++;
	else
		k->res->corruptions_fixed++;
	return 0;
}

/* Clusters up to the end of what refcounts cover; those behind the file can only leak. */
static int compare(struct check *k, struct error **errp)
{
	struct qcow2 *q = k->q;
	const uint64_t span = UINT64_C(1) << q->rb_bits, blocks = q->rt_cnt;

	for (uint64_t c = 0; c < k->cnt; c++) {
		int r = compare_one(k, c, k->count[c]);

		if (r < 0)
			return err_errno(errp, -r,
					 "cannot compare the refcount of cluster %" PRIu64, c);
	}
	for (uint64_t b = k->cnt >> q->rb_bits; b < blocks; b++) {
		for (uint64_t c = max_u64(b * span, k->cnt); q->rt[b] && c < (b + 1) * span; c++) {
			int r = c >> q->rb_bits == b && c < q->frontier && c >= k->cnt &&
						q2_bit(&q->used, c)
					? 0 /* a block that was made just now */
					: compare_one(k, c, 0);

			if (r < 0)
				return err_errno(errp, -r, "cannot compare refcounts");
		}
	}
	return 0;
}

/* --- flags ------------------------------------------------------------------------------------ */

static int no_ref(struct q2_walk *w, enum q2_ref what, uint64_t first, uint64_t cnt, uint64_t entry)
{
	(void)w;
	(void)what;
	(void)first;
	(void)cnt;
	(void)entry;
	return 0;
}

static int no_bad(struct q2_walk *w, enum q2_ref what, uint64_t entry, uint64_t val)
{
	(void)w;
	(void)what;
	(void)entry;
	(void)val;
	return 0;
}

/* "Bit 63: 1 for ... clusters whose refcount is exactly one." */
static int on_flag(struct q2_walk *w, enum q2_ref what, uint64_t entry, uint64_t val)
{
	struct check *k = container_of(w, struct check, walk);
	uint64_t c = (val & Q2_OFFSET) >> k->q->bits;
	bool want = c < k->cnt && k->count[c] == 1;
	int r;

	if (want == !!(val & Q2_COPIED))
		return 0;
	k->res->corruptions++;
	tell(k, true, "the entry at 0x%" PRIx64 " for %s at 0x%" PRIx64 " says that it is%s shared",
	     entry, q2_ref_names[what], val & Q2_OFFSET, want ? "" : " not");
	if (!k->fix)
		return 0;
	val = want ? val | Q2_COPIED : val & ~Q2_COPIED;
	r = put_entry(k, entry, val);
	if (r < 0)
		return r;
	put_in_memory(k->q, entry, val);
	k->res->corruptions_fixed++;
	return 0;
}

static int check_flags(struct check *k, struct error **errp)
{
	k->walk = (struct q2_walk){ .ref = no_ref, .bad = no_bad, .flag = on_flag };
	return q2_walk(k->q, &k->walk, errp);
}

/* Entries that were cleared led to some of what was counted. */
static int count_again(struct check *k, struct error **errp)
{
	int r;

	free(k->count);
	k->count = NULL;
	k->res->allocated = k->res->compressed = k->res->end = 0;
	k->count_only = true;
	r = count_refs(k, errp);
	k->count_only = false;
	return r;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int run(struct check *k, struct error **errp)
{
	struct qcow2 *q = k->q;
	int r = count_refs(k, errp);

	if (!r && k->res->corruptions_fixed)
		r = count_again(k, errp);
	if (r < 0)
		return r;
	/* New blocks come from behind everything that is referred to. */
	if (!q2_bits_grow(&q->used, q->limit) || !q2_bits_grow(&q->meta, q->limit))
		return err_errno(errp, ENOMEM, "cannot keep account of the clusters");
	if (q->file->is_bdev)
		q->frontier = k->res->end >> q->bits;
	if (k->fix)
		drop_shared_blocks(k);
	r = compare(k, errp);
	if (!r)
		r = check_flags(k, errp);
	return r;
}

/* Puts on disk what a repair has changed. */
static int finish(struct qcow2 *q, bool clean, struct error **errp)
{
	int r = q2_flush_now(q);

	if (!r && clean) {
		q2_set_incompat(q, q->h.incompat & ~(Q2_INCOMPAT_DIRTY | Q2_INCOMPAT_CORRUPT));
		r = q2_write_head(q);
		if (!r)
			r = file_fdatasync(q->file);
	}
	return r < 0 ? err_errno(errp, -r, "cannot write the repaired tables") : 0;
}

int q2_rebuild(struct qcow2 *q, struct error **errp)
{
	struct qcow2_result res = { 0 };
	struct check k = { .q = q, .fix = true, .res = &res };
	int r = run(&k, errp);

	free(k.count);
	if (!r && res.corruptions + res.leaks > res.corruptions_fixed + res.leaks_fixed)
		r = err_set(errp, EIO, "its refcounts cannot be computed anew");
	return r < 0 ? r : finish(q, true, errp);
}

/* What repair cannot start from. */
static int open_for(struct blk_file *f, enum qcow2_repair repair, struct qcow2 **q,
		    struct error **errp)
{
	unsigned flags = Q2_OPEN_TOLERANT | (repair ? 0 : Q2_OPEN_READONLY);

	return q2_open(f, flags, q, errp);
}

static int check_once(struct blk_file *f, enum qcow2_repair repair, qcow2_say *say, void *opaque,
		      struct qcow2_result *res, struct error **errp)
{
	struct check k = { .say = say, .opaque = opaque, .res = res };
	struct qcow2 *q;
	int r = open_for(f, repair, &q, errp);

	if (r < 0)
		return r;
	k.q = q;
	k.fix = repair == QCOW2_REPAIR_ALL;
	k.count_only = false;
	res->clusters = (q->h.size + q->cluster - 1) >> q->bits;
	r = run(&k, errp);
	/* Leaks alone are taken back only where nothing contradicts the tables. */
	if (!r && repair == QCOW2_REPAIR_LEAKS && !res->corruptions && res->leaks) {
		struct qcow2_result again = { 0 };

		k.res = &again;
		k.say = NULL;
		k.count_only = true;
		r = compare(&k, errp);
		res->leaks_fixed = again.leaks_fixed;
	}
	if (!r && repair)
		r = finish(q, res->corruptions == res->corruptions_fixed, errp);
	free(k.count);
	/* Everything is written, or there was nothing to write. */
	q->readonly = true;
	q2_close(q);
	return r;
}

int qcow2_check(struct blk_file *f, enum qcow2_repair repair, qcow2_say *say, void *opaque,
		struct qcow2_result *ret, struct error **errp)
{
	*ret = (struct qcow2_result){ 0 };
	return check_once(f, repair, say, opaque, ret, errp);
}

/* --- facts ------------------------------------------------------------------------------------ */

static int take_facts(struct qcow2 *q, struct qcow2_facts *i, struct error **errp)
{
	struct q2_snapshots s;
	int r = q2_snapshots_read(q, &s, errp);

	if (r < 0)
		return r;
	*i = (struct qcow2_facts){
		.version = q->h.version,
		.refcount_bits = 1u << q->h.refcount_order,
		.size = q->h.size,
		.cluster = q->cluster,
		.dirty = q->h.incompat & Q2_INCOMPAT_DIRTY,
		.corrupt = q->h.incompat & Q2_INCOMPAT_CORRUPT,
		.lazy_refcounts = q->lazy,
		.zstd = q->h.compression == Q2_ZSTD,
		.backing = take_ptr(q->h.backing),
		.backing_format = take_ptr(q->h.backing_format),
		.bitmap_cnt = q->h.bitmap_cnt,
		.snapshot = calloc(s.cnt + 1, sizeof(*i->snapshot)),
	};
	for (uint32_t n = 0; i->snapshot && n < s.cnt; n++) {
		i->snapshot[n] =
			(struct qcow2_snapshot_info){ take_ptr(s.v[n].id), take_ptr(s.v[n].name),
						      s.v[n].date_sec };
		i->snapshot_cnt = n + 1;
	}
	q2_snapshots_free(&s);
	return i->snapshot ? 0 : err_errno(errp, ENOMEM, "cannot list the snapshots");
}

int qcow2_read_facts(struct blk_file *f, struct qcow2_facts *ret, struct error **errp)
{
	struct qcow2 *q;
	int r = q2_open(f, Q2_OPEN_READONLY | Q2_OPEN_TOLERANT, &q, errp);

	*ret = (struct qcow2_facts){ 0 };
	if (r < 0)
		return r;
	r = take_facts(q, ret, errp);
	if (r < 0)
		qcow2_facts_free(ret);
	q2_close(q);
	return r;
}

void qcow2_facts_free(struct qcow2_facts *i)
{
	for (unsigned n = 0; n < i->snapshot_cnt; n++) {
		free(i->snapshot[n].id);
		free(i->snapshot[n].name);
	}
	free(i->snapshot);
	free(i->backing);
	free(i->backing_format);
	*i = (struct qcow2_facts){ 0 };
}
