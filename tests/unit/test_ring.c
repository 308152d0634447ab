/* SPDX-License-Identifier: MIT */
/* test_ring.c: bounded, in order, and what is dropped is the oldest and is counted. */
#include <string.h>
#include <sys/mman.h>

#include "char/ring.h"
#include "tests/lib/fake.h"

#define SIZE 4096u

static void put(struct ring *r, const char *s)
{
	ring_put(r, (const uint8_t *)s, strlen(s));
}

static void init(struct ring *r, size_t size)
{
	struct error *e = NULL;

	assert_int_equal(ring_init(r, size, &e), 0);
	assert_no_error(e);
}

static void test_order(void **state)
{
	struct ring r;
	uint8_t buf[SIZE], next_in = 0, next_out = 0;

	(void)state;
	init(&r, SIZE);
	assert_int_equal(ring_get(&r, buf, sizeof(buf)), 0);
	/* Odd pieces, so that both ends wrap at every offset there is; it never gets empty. */
	ring_put(&r, &next_in, 1);
	next_in++;
	for (unsigned round = 0; round < 1000; round++) {
		size_t n = round % 391 + 1;

		for (size_t i = 0; i < n; i++)
			buf[i] = next_in++;
		ring_put(&r, buf, n);
		assert_int_equal(ring_used(&r), n + 1);
		assert_int_equal(ring_get(&r, buf, n), n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(buf[i], next_out++);
	}
	assert_int_equal(r.lost, 0);
	ring_destroy(&r);
	ring_destroy(&r);
}

static void test_drops_oldest_line(void **state)
{
	uint8_t fill[SIZE], buf[SIZE];
	struct ring r;
	size_t n;

	(void)state;
	init(&r, SIZE);
	memset(fill, 'x', sizeof(fill));
	memcpy(fill, "first line\nsecond line\n", 23);
	ring_put(&r, fill, sizeof(fill));
	assert_int_equal(r.lost, 0);
	put(&r, "ab");
	assert_int_equal(r.lost, 11);
	n = ring_get(&r, buf, sizeof(buf));
	assert_int_equal(n, SIZE - 11 + 2);
	assert_memory_equal(buf, "second line\n", 12);
	assert_memory_equal(buf + n - 3, "xab", 3);
	ring_destroy(&r);
}

/* No line end near: only what is needed goes. */
static void test_drops_only_what_it_must(void **state)
{
	uint8_t fill[SIZE];
	struct ring r;

	(void)state;
	init(&r, SIZE);
	memset(fill, 'x', sizeof(fill));
	ring_put(&r, fill, sizeof(fill));
	put(&r, "abc");
	assert_int_equal(r.lost, 3);
	assert_int_equal(ring_used(&r), SIZE);
	ring_destroy(&r);
}

static void test_more_than_fits(void **state)
{
	uint8_t big[3 * SIZE], buf[SIZE];
	struct ring r;

	(void)state;
	init(&r, SIZE);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i / 64);
	put(&r, "old");
	ring_put(&r, big, sizeof(big));
	assert_int_equal(r.lost, 3 + 2 * SIZE);
	assert_int_equal(ring_get(&r, buf, sizeof(buf)), SIZE);
	assert_memory_equal(buf, big + 2 * SIZE, SIZE);
	ring_destroy(&r);
}

static unsigned resident(const struct ring *r)
{
	unsigned char vec[256];
	unsigned n = 0;

	assert_true(r->size / 4096 <= sizeof(vec));
	assert_int_equal(mincore(r->buf, r->size, vec), 0);
	for (size_t i = 0; i < r->size / 4096; i++)
		n += vec[i] & 1;
	return n;
}

/* A megabyte of ring costs a page as long as its reader keeps up. */
static void test_memory(void **state)
{
	static uint8_t buf[1024 * 1024];
	struct ring r;

	(void)state;
	init(&r, sizeof(buf));
	for (unsigned i = 0; i < 10000; i++) {
		ring_put(&r, buf, 1000);
		assert_int_equal(ring_get(&r, buf, sizeof(buf)), 1000);
	}
	assert_true(resident(&r) <= 1);
	ring_put(&r, buf, sizeof(buf));
	assert_int_equal(resident(&r), 256);
	assert_int_equal(ring_get(&r, buf, sizeof(buf)), sizeof(buf));
	assert_true(resident(&r) <= 16);
	ring_destroy(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_drops_oldest_line),
		cmocka_unit_test(test_drops_only_what_it_must),
		cmocka_unit_test(test_more_than_fits),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
