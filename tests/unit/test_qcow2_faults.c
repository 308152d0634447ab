/* SPDX-License-Identifier: MIT */
/*
 * test_qcow2_faults.c: a host whose n-th write, read, sync or hole fails, for every n that a short
 * life of an image has. The guest gets an error for what failed and the rest goes on; what was
 * acknowledged is there afterwards, and the image is sound (rows 41, 42, 43).
 */
#include <errno.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "tests/lib/fault.h"
#include "tests/lib/q2kit.h"
#include "vmm/error.h"

#define SIZE    (512 * KIB)
#define SECTORS (SIZE / 512)

struct life {
	struct q2kit kit;
	struct blk_config config;
	uint64_t seed;
	uint8_t buf[SIZE];
	uint64_t val[SECTORS]; /* as acknowledged */
	bool unknown[SECTORS]; /* a request for it failed */
	bool unflushed[SECTORS];
	bool sync_failed;
	unsigned errors;
};

static void fill(struct life *l, uint64_t first, uint64_t cnt, uint64_t tag)
{
	for (uint64_t s = 0; s < cnt; s++) {
		memset(l->buf + s * 512, 0, 512);
		memcpy(l->buf + s * 512, (uint64_t[]){ tag ? tag + first + s : 0 }, 8);
	}
}

static void check(struct life *l, uint64_t first, uint64_t cnt)
{
	for (uint64_t s = 0; s < cnt; s++) {
		uint64_t v;

		memcpy(&v, l->buf + s * 512, 8);
		if (!l->unknown[first + s] && v != l->val[first + s])
			fail_msg("sector %llu holds %#llx, not %#llx",
				 (unsigned long long)(first + s), (unsigned long long)v,
				 (unsigned long long)l->val[first + s]);
	}
}

static void change(struct life *l, enum blk_op op, unsigned flags, uint64_t first, uint64_t cnt,
		   uint64_t tag)
{
	int r;

	fill(l, first, cnt, tag);
	r = q2kit_do(&l->kit, op, flags, first * 512, op == BLK_WRITE ? l->buf : NULL, cnt * 512);
	l->errors += r != 0;
	for (uint64_t s = first; s < first + cnt; s++) {
		l->val[s] = tag ? tag + s : 0;
		l->unknown[s] = r != 0 || (op == BLK_DISCARD && l->unknown[s]);
		l->unflushed[s] = true;
	}
}

static void one(struct life *l, unsigned n)
{
	uint64_t kind = q2kit_rand(&l->seed) % 10;
	uint64_t cnt = 1 + q2kit_rand(&l->seed) % 40,
		 first = q2kit_rand(&l->seed) % (SECTORS - cnt);
	int r;

	if (kind < 5) {
		change(l, BLK_WRITE, 0, first, cnt, (uint64_t)(n + 1) << 32);
	} else if (kind == 5) {
		change(l, BLK_ZERO, n % 2 ? BLK_ZERO_UNMAP : 0, first, cnt, 0);
	} else if (kind == 6) {
		/* Of whole clusters there is no doubt what a discard leaves. */
		first = align_down(first, 8);
		change(l, BLK_DISCARD, 0, first, align_down(cnt, 8), 0);
	} else if (kind == 7) {
		r = q2kit_do(&l->kit, BLK_FLUSH, 0, 0, NULL, 0);
		l->errors += r != 0;
		if (!r)
			memset(l->unflushed, 0, sizeof(l->unflushed));
	} else {
		r = q2kit_do(&l->kit, BLK_READ, 0, first * 512, l->buf, cnt * 512);
		l->errors += r != 0;
		if (!r)
			check(l, first, cnt);
	}
}

/* What must be there when the image is opened on a host that works. */
static void afterwards(struct life *l)
{
	for (unsigned s = 0; s < SECTORS && l->sync_failed; s++)
		l->unknown[s] |= l->unflushed[s];
	q2kit_check(&l->kit, l->kit.image, true);
	q2kit_open(&l->kit, &l->config);
	assert_int_equal(q2kit_do(&l->kit, BLK_READ, 0, 0, l->buf, SIZE), 0);
	check(l, 0, SECTORS);
	q2kit_close(&l->kit);
}

/* True: the fault came. */
static bool live(const struct qcow2_options *o, enum host_call call, unsigned n, int err)
{
	static struct life l;
	struct error *e = NULL;
	bool opened, came;

	l = (struct life){ .seed = 77, .sync_failed = call == HOST_SYNC };
	q2kit_init(&l.kit);
	l.config = q2kit_config(l.kit.image);
	q2kit_create(l.kit.image, o);
	fault_arm(call, n, err);
	opened = blk_open(&l.config, l.kit.loop, &l.kit.blk, &e) == 0;
	for (unsigned i = 0; opened && i < 60; i++)
		one(&l, i);
	/* What could not be written at first is written when the image is closed. */
	came = fault_disarm();
	if (!opened)
		assert_true(came && error_msg(e)[0]);
	error_free(e);
	/* A write-back that nobody waits for may fail unheard, and is tried again. */
	if (came && opened && err != FAULT_SHORT && call != HOST_FALLOCATE &&
	    q2_cache_slices_max == UINT32_MAX)
		assert_true(l.errors > 0);
	if (!came || err == FAULT_SHORT)
		assert_int_equal(l.errors, 0);
	q2kit_close(&l.kit);
	afterwards(&l);
	q2kit_free(&l.kit);
	return came;
}

static void every(const struct qcow2_options *o, enum host_call call, int err, unsigned step)
{
	unsigned n = 1;

	while (live(o, call, n, err))
		n += step;
	assert_true(n > 3);
}

static const struct qcow2_options small = { .size = SIZE, .cluster = 4096 };
static const struct qcow2_options tiny = { .size = SIZE, .cluster = 512, .refcount_bits = 64 };
static const struct qcow2_options lazy = { .size = SIZE, .cluster = 4096, .lazy_refcounts = true };

static void test_row42_write_fails(void **state)
{
	(void)state;
	every(&small, HOST_WRITE, EIO, 1);
	every(&tiny, HOST_WRITE, EIO, 7);
}

static void test_row41_no_space(void **state)
{
	(void)state;
	every(&small, HOST_WRITE, ENOSPC, 2);
	every(&tiny, HOST_WRITE, ENOSPC, 11);
}

static void test_row42_short_writes_and_reads(void **state)
{
	(void)state;
	every(&small, HOST_WRITE, FAULT_SHORT, 3);
	every(&small, HOST_READ, FAULT_SHORT, 3);
}

static void test_row42_read_fails(void **state)
{
	(void)state;
	every(&small, HOST_READ, EIO, 1);
	every(&tiny, HOST_READ, EIO, 5);
}

/* Row 43: the flush that failed says so, and so do all after it; nothing flushed before is lost. */
static void test_row43_sync_fails(void **state)
{
	(void)state;
	every(&small, HOST_SYNC, EIO, 1);
	every(&tiny, HOST_SYNC, EIO, 1);
}

static void test_row42_hole_fails(void **state)
{
	(void)state;
	every(&small, HOST_FALLOCATE, EIO, 1);
}

/* The same with a cache that is always full: who waits for room gets the error, too. */
static void test_row42_write_fails_with_a_full_cache(void **state)
{
	(void)state;
	q2_cache_slices_max = 70;
	every(&tiny, HOST_WRITE, EIO, 9);
	every(&tiny, HOST_SYNC, EIO, 2);
	q2_cache_slices_max = UINT32_MAX;
}

/* Row 41: space runs out for good, and comes back: nothing is damaged, and all goes on. */
static void test_row41_full_for_a_while(void **state)
{
	static struct life l;

	(void)state;
	l = (struct life){ .seed = 5 };
	q2kit_init(&l.kit);
	l.config = q2kit_config(l.kit.image);
	q2kit_create(l.kit.image, &lazy);
	q2kit_open(&l.kit, &l.config);
	for (unsigned i = 0; i < 40; i++) {
		if (i % 10 == 3)
			fault_arm(HOST_WRITE, FAULT_EVERY, ENOSPC);
		if (i % 10 == 7)
			assert_true(fault_disarm());
		one(&l, i);
	}
	assert_true(l.errors > 4);
	q2kit_close(&l.kit);
	afterwards(&l);
	q2kit_free(&l.kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row42_write_fails),
		cmocka_unit_test(test_row41_no_space),
		cmocka_unit_test(test_row42_short_writes_and_reads),
		cmocka_unit_test(test_row42_read_fails),
		cmocka_unit_test(test_row43_sync_fails),
		cmocka_unit_test(test_row42_hole_fails),
		cmocka_unit_test(test_row42_write_fails_with_a_full_cache),
		cmocka_unit_test(test_row41_full_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
