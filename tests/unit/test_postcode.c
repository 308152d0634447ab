/* SPDX-License-Identifier: MIT */
/* test_postcode.c: port 0x80. */
#include "devices/chip/postcode.h"
#include "tests/lib/poke.h"

static struct postcode *make(void)
{
	struct postcode_config cfg = { .id = "post" };
	struct postcode *s = NULL;
	struct error *err = NULL;

	assert_int_equal(postcode_create(&cfg, &s, &err), 0);
	assert_no_error(err);
	return s;
}

static void test_history(void **state)
{
	struct postcode *s = make();
	struct device *d = postcode_device(s);
	uint8_t h[POSTCODE_RING];

	(void)state;
	assert_int_equal(postcode_history(s, h), 0);
	io_write(d, 0, 0, 1, 0x00); /* the first code counts, 0 too */
	assert_int_equal(postcode_history(s, h), 1);
	for (unsigned i = 0; i < 5; i++)
		io_write(d, 0, 0, 1, 0x12); /* a delay */
	assert_int_equal(io_read(d, 0, 0, 1), 0x12);
	assert_int_equal(postcode_history(s, h), 2);
	assert_int_equal(h[0], 0x00);
	assert_int_equal(h[1], 0x12);
	for (unsigned i = 0; i < 100; i++)
		io_write(d, 0, 0, 1, i);
	assert_int_equal(postcode_history(s, h), POSTCODE_RING);
	for (unsigned i = 0; i < POSTCODE_RING; i++)
		assert_int_equal(h[i], 100 - POSTCODE_RING + i);
	device_reset(d);
	assert_int_equal(postcode_history(s, h), 0);
	assert_int_equal(io_read(d, 0, 0, 1), 0x00);
	d->ops->destroy(NULL);
	d->ops->destroy(d);
}

static void test_snapshot(void **state)
{
	struct postcode *s = make(), *t = make();
	struct device *d = postcode_device(s), *f = postcode_device(t);
	uint8_t h[POSTCODE_RING];

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		io_write(d, 0, 0, 1, i * 3);
	assert_snapshot_round_trip(d, f);
	assert_int_equal(postcode_history(t, h), POSTCODE_RING);
	assert_int_equal(h[0], 4 * 3);
	state_poke(f, "cnt", 0, 17);
	assert_state_refused(f, "out of range");
	state_poke(f, "cnt", 0, 16);
	state_poke(f, "head", 0, 16);
	assert_state_refused(f, "out of range");
	d->ops->destroy(d);
	f->ops->destroy(f);
}

static void test_storm(void **state)
{
	struct postcode *s = make();
	struct device *d = postcode_device(s);
	struct storm st = { 0x80 };
	uint8_t h[POSTCODE_RING];

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t code = storm_next(&st) & 3;
		unsigned n;

		io_write(d, 0, 0, 1, code);
		n = postcode_history(s, h);
		assert_in_range(n, 1, POSTCODE_RING);
		assert_int_equal(h[n - 1], code);
		while (--n)
			assert_int_not_equal(h[n], h[n - 1]);
	}
	d->ops->destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
