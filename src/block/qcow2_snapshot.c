/* SPDX-License-Identifier: MIT */
/* qcow2_snapshot.c: the table of internal snapshots. They are not made or used here; what they
 * refer to must survive. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "vmm/error.h"

/* Entries of all their L1 tables together: what walking them may cost. */
#define L1_TOTAL_MAX (UINT64_C(1) << 24)

void q2_snapshots_free(struct q2_snapshots *s)
{
	for (uint32_t i = 0; i < s->cnt; i++) {
		free(s->v[i].id);
		free(s->v[i].name);
	}
	free(s->v);
	*s = (struct q2_snapshots){ 0 };
}

static int check_l1(struct qcow2 *q, const struct q2_snapshot *s, uint32_t n, struct error **errp)
{
	uint64_t len = (uint64_t)s->l1_cnt * 8;

	if (len > Q2_L1_BYTES_MAX || s->l1_off & (q->cluster - 1) ||
	    (len && (!s->l1_off || s->l1_off >> q->bits >= q->limit ||
		     len > (q->limit << q->bits) - s->l1_off)))
		return err_set(errp, EINVAL,
			       "snapshot %u: its L1 table of %u entries at 0x%" PRIx64
			       " is not in the file",
			       n, s->l1_cnt, s->l1_off);
	return 0;
}

/* One entry of the table at @at, of which @left bytes can be there; its length. */
static int read_one(struct qcow2 *q, uint64_t at, uint64_t left, uint32_t n, struct q2_snapshot *s,
		    uint64_t *len, struct error **errp)
{
	struct q2_disk_snapshot d;
	_cleanup_free_ char *names = NULL;
	uint64_t id_len, name_len, extra;
	int r = left < sizeof(d) ? -EINVAL : file_pread(q->file, &d, sizeof(d), at);

	if (r < 0)
		return err_errno(errp, -r, "cannot read snapshot %u", n);
	id_len = q2_get16(d.id_len);
	name_len = q2_get16(d.name_len);
	extra = q2_get32(d.extra_data_size);
	*len = align_up(sizeof(d) + extra + id_len + name_len, 8);
	if (extra > 64 * KIB || *len > left)
		return err_set(errp, EINVAL, "snapshot %u: its entry has %" PRIu64 " bytes", n,
			       *len);
	s->l1_off = q2_get64(d.l1_table_offset);
	s->l1_cnt = q2_get32(d.l1_size);
	s->date_sec = q2_get32(d.date_sec);
	s->vm_state_size = q2_get32(d.vm_state_size);
	names = malloc(id_len + name_len + 1);
	if (!names)
		return err_errno(errp, ENOMEM, "cannot read snapshot %u", n);
	r = file_pread(q->file, names, id_len + name_len, at + sizeof(d) + extra);
	if (r < 0)
		return err_errno(errp, -r, "cannot read snapshot %u", n);
	s->id = strndup(names, id_len);
	s->name = strndup(names + id_len, name_len);
	if (!s->id || !s->name)
		return err_errno(errp, ENOMEM, "cannot read snapshot %u", n);
	return check_l1(q, s, n, errp);
}

int q2_snapshots_read(struct qcow2 *q, struct q2_snapshots *ret, struct error **errp)
{
	const uint64_t end =
		min_u64(q->limit << q->bits, q->h.snapshots_off + Q2_SNAPSHOT_BYTES_MAX);
	uint64_t at = q->h.snapshots_off, total = 0;

	*ret = (struct q2_snapshots){ 0 };
	if (!q->h.snapshot_cnt)
		return 0;
	ret->v = calloc(q->h.snapshot_cnt, sizeof(*ret->v));
	if (!ret->v)
		return err_errno(errp, ENOMEM, "cannot read the snapshot table");
	for (uint32_t i = 0; i < q->h.snapshot_cnt; i++) {
		uint64_t len;
		int r;

		ret->cnt = i + 1;
		r = read_one(q, at, at < end ? end - at : 0, i, &ret->v[i], &len, errp);
		if (r < 0) {
			q2_snapshots_free(ret);
			return r;
		}
		at += len;
		total += ret->v[i].l1_cnt;
	}
	ret->table_len = at - q->h.snapshots_off;
	if (total > L1_TOTAL_MAX) {
		q2_snapshots_free(ret);
		return err_set(errp, EFBIG, "the snapshots have L1 tables of %" PRIu64 " entries",
			       total);
	}
	return 0;
}
