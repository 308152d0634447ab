/* SPDX-License-Identifier: MIT */
/* throttle.c: a disk's limits, on a clock that the test moves. */
#include <string.h>

#include "block/throttle.h"
#include "tests/lib/diskkit.h"

struct rig {
	struct fake_clock clock;
	struct throttle *t;
	unsigned on_time, on_demand;
	uint64_t last_off; /* of what was let go */
};

static unsigned let_go(struct rig *g, struct blk_req *batch)
{
	unsigned n = 0;

	for (; batch; batch = batch->next, n++) {
		assert_int_equal(batch->off, g->last_off + 1); /* in the order they came */
		g->last_off = batch->off;
	}
	return n;
}

static void by_time(void *opaque, struct blk_req *batch)
{
	struct rig *g = opaque;

	g->on_time += let_go(g, batch);
}

static void by_demand(void *opaque, struct blk_req *batch)
{
	struct rig *g = opaque;

	g->on_demand += let_go(g, batch);
}

static void rig_init(struct rig *g, uint64_t iops, uint64_t bw)
{
	struct error *e = NULL;

	memset(g, 0, sizeof(*g));
	fake_clock_init(&g->clock);
	assert_int_equal(
		throttle_create(&g->clock.clock, iops, bw, by_time, by_demand, g, &g->t, &e), 0);
}

/* Submits @cnt; how many went at once. */
static unsigned submit(struct rig *g, struct blk_req *r, unsigned cnt, enum blk_op op, uint64_t len)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cnt; i++) {
		r[i] = (struct blk_req){ .op = op, .off = i + 1, .len = len };
		if (!throttle_admit(g->t, &r[i]))
			continue;
		assert_int_equal(n, i); /* nobody overtakes */
		g->last_off = ++n;
	}
	return n;
}

static void iops(void **state)
{
	static struct blk_req r[400];
	struct rig g;

	(void)state;
	rig_init(&g, 1000, 0);
	assert_int_equal(submit(&g, r, 400, BLK_READ, 512), 100); /* a tenth of a second's worth */
	fake_clock_advance(&g.clock, 100 * NSEC_PER_MSEC);
	assert_in_range(g.on_time, 99, 101);
	fake_clock_advance(&g.clock, 200 * NSEC_PER_MSEC);
	assert_int_equal(g.on_time, 300);
	assert_int_equal(fake_clock_next(&g.clock), UINT64_MAX);
	throttle_destroy(g.t);
}

static void bandwidth(void **state)
{
	static struct blk_req r[40];
	struct rig g;

	(void)state;
	rig_init(&g, 0, 10 * MIB);
	assert_int_equal(submit(&g, r, 40, BLK_WRITE, MIB), 1); /* the burst is 1 MiB */
	fake_clock_advance(&g.clock, NSEC_PER_SEC);
	assert_in_range(g.on_time, 9, 11);
	fake_clock_advance(&g.clock, 3 * NSEC_PER_SEC);
	assert_int_equal(g.on_time, 39);
	throttle_destroy(g.t);
}

/* A flush moves nothing; a discard is an operation, but no bytes. */
static void what_counts(void **state)
{
	static struct blk_req r[40];
	struct rig g;

	(void)state;
	rig_init(&g, 10, 512);
	assert_int_equal(submit(&g, r, 40, BLK_FLUSH, 0), 40);
	throttle_destroy(g.t);
	rig_init(&g, 0, 512);
	assert_int_equal(submit(&g, r, 40, BLK_DISCARD, GIB), 40);
	throttle_destroy(g.t);
}

static void drain_lets_all_go(void **state)
{
	static struct blk_req r[40];
	struct rig g;

	(void)state;
	rig_init(&g, 1, 0);
	assert_int_equal(submit(&g, r, 40, BLK_READ, 512), 1);
	throttle_release_all(g.t);
	assert_int_equal(g.on_demand, 39);
	assert_int_equal(fake_clock_next(&g.clock), UINT64_MAX);
	throttle_release_all(g.t);
	throttle_release_all(NULL);
	assert_int_equal(g.on_demand, 39);
	throttle_destroy(g.t);
}

/* The same in a real disk: as slow as was said, and whole at the end. */
static void a_disk_with_limits(void **state)
{
	struct blk_config conf = { .path = (char *)(uintptr_t)disk_file("slow", MIB, 7),
				   .format = BLK_FORMAT_RAW,
				   .iops = 1000 };
	struct disk_op op[DISK_BATCH];
	static uint8_t buf[DISK_BATCH][512];
	struct vclock *clock;
	uint64_t start, took;
	struct disk d;

	(void)state;
	disk_open(&d, &conf);
	clock = loop_clock(d.loop);
	start = vclock_now(clock);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < DISK_BATCH; i++)
			op[i] = (struct disk_op){
				.op = BLK_READ, .off = i * 512, .buf = buf[i], .len = 512
			};
		disk_batch(&d, op, DISK_BATCH);
		for (unsigned i = 0; i < DISK_BATCH; i++)
			assert_int_equal(op[i].err, 0);
	}
	took = vclock_now(clock) - start;
	/* 256 of them, 100 at once. */
	assert_in_range(took, 150 * NSEC_PER_MSEC, 20 * NSEC_PER_SEC);
	disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iops),
		cmocka_unit_test(bandwidth),
		cmocka_unit_test(what_counts),
		cmocka_unit_test(drain_lets_all_go),
		cmocka_unit_test(a_disk_with_limits),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
