/* SPDX-License-Identifier: MIT */
/* test_debugexit.c: the debug-exit port, as kvm-unit-tests and kernels' own tests use QEMU's. */
#include "devices/chip/debugexit.h"
#include "tests/lib/fake.h"

static struct debugexit *make(struct fake_power *p, unsigned width)
{
	struct debugexit_config cfg = { .id = "debug-exit", .power = &p->sink, .width = width };
	struct debugexit *s = NULL;
	struct error *err = NULL;

	fake_power_init(p);
	assert_int_equal(debugexit_create(&cfg, &s, &err), 0);
	assert_no_error(err);
	return s;
}

static void test_status(void **state)
{
	static const struct {
		uint64_t written;
		unsigned size, status;
	} t[] = {
		{ 0x00, 1, 1 },      { 0x01, 1, 3 },          { 0x10, 1, 33 },
		{ 0x7f, 1, 255 },    { 0x80, 1, 1 },          { 0xff, 1, 255 },
		{ 0x1234, 2, 0x69 }, { 0xdeadbeef, 4, 0xdf }, { 0xffffffff, 4, 255 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		struct fake_power p;
		struct device *d = debugexit_device(make(&p, 4));

		assert_int_equal(io_read(d, 0, 0, 4), 0);
		io_write(d, 0, 0, t[i].size, t[i].written);
		assert_int_equal(p.requests, 1);
		assert_int_equal(p.last, POWER_DEBUG_EXIT);
		assert_int_equal(p.last_value, t[i].status);
		d->ops->destroy(NULL);
		d->ops->destroy(d);
	}
}

static void test_widths(void **state)
{
	(void)state;
	for (unsigned w = 0; w < 9; w++) {
		struct fake_power p;
		struct debugexit_config cfg = { .id = "dx", .power = &p.sink, .width = w };
		struct debugexit *s = NULL;
		struct error *err = NULL;
		int rc = debugexit_create(&cfg, &s, &err);

		if (w == 1 || w == 2 || w == 4) {
			assert_int_equal(rc, 0);
			assert_int_equal(debugexit_device(s)->regions[0].len, w);
			debugexit_device(s)->ops->destroy(debugexit_device(s));
		} else {
			assert_true(rc < 0);
			assert_error(err, "'dx'");
		}
	}
}

static void test_needs_power(void **state)
{
	struct debugexit_config cfg = { .id = "dx", .width = 4 };
	struct debugexit *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(debugexit_create(&cfg, &s, &err) < 0);
	assert_error(err, "'dx'");
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_needs_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
