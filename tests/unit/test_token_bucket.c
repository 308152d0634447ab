/* SPDX-License-Identifier: MIT */
/* token_bucket.c: a rate that holds in the long run, a burst that does not exceed it. */
#include "tests/lib/fake.h"
#include "vmm/token_bucket.h"

/* Takes one after the other as soon as it may; when the last was taken. */
static uint64_t take_all(struct token_bucket *b, uint64_t now, unsigned cnt, uint64_t each)
{
	while (cnt--) {
		now += token_bucket_wait(b, now);
		assert_int_equal(token_bucket_wait(b, now), 0);
		token_bucket_take(b, now, each);
	}
	return now;
}

static void rate_holds(void **state)
{
	struct token_bucket b;

	(void)state;
	token_bucket_init(&b, 1000, 1);
	assert_int_equal(take_all(&b, 5, 1001, 1), 5 + NSEC_PER_SEC);
	/* Larger than the burst: passes, and the next pays. */
	token_bucket_init(&b, MIB, 4096);
	assert_int_equal(token_bucket_wait(&b, 0), 0);
	token_bucket_take(&b, 0, 2 * MIB);
	assert_in_range(token_bucket_wait(&b, 0), 1990 * NSEC_PER_MSEC, 2000 * NSEC_PER_MSEC);
}

static void burst_is_earned(void **state)
{
	struct token_bucket b;
	uint64_t t;

	(void)state;
	token_bucket_init(&b, 1000, 100);
	assert_int_equal(take_all(&b, 0, 100, 1), 0);
	assert_int_equal(token_bucket_wait(&b, 0), NSEC_PER_MSEC);
	t = take_all(&b, 0, 50, 1);
	assert_int_equal(t, 50 * NSEC_PER_MSEC);
	/* After any quiet time, however long, a burst and no more. */
	t += 3600 * NSEC_PER_SEC;
	assert_int_equal(take_all(&b, t, 100, 1), t);
	assert_int_equal(token_bucket_wait(&b, t), NSEC_PER_MSEC);
}

static void edges(void **state)
{
	struct token_bucket b;

	(void)state;
	token_bucket_init(&b, 0, 0); /* no limit */
	token_bucket_take(&b, 0, UINT64_MAX);
	assert_int_equal(token_bucket_wait(&b, 0), 0);
	token_bucket_init(&b, 1, 0);
	assert_int_equal(token_bucket_wait(&b, 0), 0);
	for (unsigned i = 0; i < 10; i++)
		token_bucket_take(&b, UINT64_MAX - 5, UINT64_MAX); /* saturates */
	assert_true(token_bucket_wait(&b, 0) > 0);
	token_bucket_init(&b, UINT64_MAX, UINT64_MAX);
	token_bucket_take(&b, 0, UINT64_MAX);
	assert_in_range(token_bucket_wait(&b, 0), 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_holds),
		cmocka_unit_test(burst_is_earned),
		cmocka_unit_test(edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
