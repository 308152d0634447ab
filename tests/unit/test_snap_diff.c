/* SPDX-License-Identifier: MIT */
/* test_snap_diff.c: what changed in a device's state, told by its snapshot table. */
#include "core/snap_diff.h"

#include <string.h>

#include "tests/lib/fake.h"

struct chip {
	uint32_t not_saved;
	uint8_t a, b;
	bool on;
	uint64_t big;
	uint16_t fifo[4];
	uint8_t memory[SNAP_DIFF_ARRAY_MAX + 1];
	uint8_t foreign, old;
};

static const struct snap_field fields[] = {
	SNAP(struct chip, big, 1),
	SNAP(struct chip, b, 1),
	SNAP(struct chip, a, 1),
	SNAP(struct chip, on, 1),
	SNAP_ARR(struct chip, fifo, 1),
	SNAP_ARR(struct chip, memory, 1),
	{ "foreign", offsetof(struct chip, foreign), 1, SNAP_U8, 1, 1, UINT16_MAX, SNAP_ELSEWHERE },
	{ "old", offsetof(struct chip, old), 1, SNAP_U8, 1, 1, 2, 0 },
};
static const struct snap_desc desc = {
	.version = 2, .min_version = 1, .f = fields, .n = ARRAY_LEN(fields)
};

static struct {
	unsigned field;
	uint32_t index;
	uint64_t from, to;
} seen[16];
static unsigned seen_cnt;

static void changed(void *opaque, unsigned field, uint32_t index, uint64_t from, uint64_t to)
{
	assert_ptr_equal(opaque, seen);
	assert_true(seen_cnt < ARRAY_LEN(seen));
	seen[seen_cnt].field = field;
	seen[seen_cnt].index = index;
	seen[seen_cnt].from = from;
	seen[seen_cnt++].to = to;
}

static unsigned tell(const struct snap_diff *s, const struct chip *c, unsigned max)
{
	unsigned n;

	seen_cnt = 0;
	n = snap_diff_tell(s, c, max, changed, seen);
	assert_int_equal(n, seen_cnt);
	return n;
}

static void tells_what_changed(void **state)
{
	struct snap_diff *s = snap_diff_new(&desc);
	struct chip c = { .a = 1, .big = UINT64_C(0xfedcba9876543210) };

	(void)state;
	assert_non_null(s);
	snap_diff_take(s, &c);
	assert_int_equal(tell(s, &c, 16), 0);
	c.not_saved = 5;
	c.a = 2;
	c.big++;
	c.fifo[3] = 0xbeef;
	/* In the order in which they stand in memory; numbers are the table's. */
	assert_int_equal(tell(s, &c, 16), 3);
	assert_int_equal(seen[0].field, 2);
	assert_int_equal(seen[0].from, 1);
	assert_int_equal(seen[0].to, 2);
	assert_int_equal(seen[1].field, 0);
	assert_int_equal(seen[1].from, UINT64_C(0xfedcba9876543210));
	assert_int_equal(seen[1].to, UINT64_C(0xfedcba9876543211));
	assert_int_equal(seen[2].field, 4);
	assert_int_equal(seen[2].index, 3);
	assert_int_equal(seen[2].to, 0xbeef);
	assert_int_equal(tell(s, &c, 2), 2);
	snap_diff_take(s, &c);
	assert_int_equal(tell(s, &c, 16), 0);
	snap_diff_free(s);
}

static void leaves_out(void **state)
{
	struct snap_diff *s = snap_diff_new(&desc);
	struct chip c = { .a = 1 };

	(void)state;
	snap_diff_take(s, &c);
	c.memory[0] = c.memory[sizeof(c.memory) - 1] = 1; /* too large */
	c.foreign = 1;                                    /* not this lock's */
	c.old = 1;                                        /* no field of today's */
	assert_int_equal(tell(s, &c, 16), 0);
	snap_diff_free(s);
}

static void nothing_to_watch(void **state)
{
	static const struct snap_desc empty = { .version = 1, .min_version = 1 };
	struct snap_diff *s = snap_diff_new(&empty);
	struct chip c = { 0 };

	(void)state;
	snap_diff_take(s, &c);
	assert_int_equal(tell(s, &c, 16), 0);
	snap_diff_free(s);
	s = snap_diff_new(NULL);
	snap_diff_take(s, &c);
	assert_int_equal(tell(s, &c, 16), 0);
	snap_diff_free(s);
	snap_diff_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_changed),
		cmocka_unit_test(leaves_out),
		cmocka_unit_test(nothing_to_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
