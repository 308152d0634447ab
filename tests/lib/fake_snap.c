/* SPDX-License-Identifier: MIT */
#include "tests/lib/fake.h"
#include "vmm/snap.h"

static uint8_t *save(struct device *d, size_t *len)
{
	struct snap_writer *w = snap_writer_new();
	struct error *e = NULL;
	uint8_t *buf = NULL;

	assert_non_null(w);
	assert_non_null(d->ops->state);
	assert_int_equal(snap_save(w, d->id, d->ops->state, d, &e), 0);
	assert_int_equal(snap_writer_finish(w, &buf, len, &e), 0);
	assert_no_error(e);
	return buf;
}

void assert_snapshot_round_trip(struct device *d, struct device *fresh)
{
	size_t len1 = 0, len2 = 0;
	uint8_t *s1 = save(d, &len1), *s2;
	struct snap_reader *r = NULL;
	struct error *e = NULL;

	if (snap_reader_new(s1, len1, &r, &e) < 0 ||
	    snap_load(r, fresh->id, fresh->ops->state, fresh, &e) < 0)
		assert_no_error(e);
	snap_reader_free(r);
	s2 = save(fresh, &len2);
	assert_int_equal(len1, len2);
	assert_memory_equal(s1, s2, len1);
	free(s1);
	free(s2);
}
