/* SPDX-License-Identifier: MIT */
/* test_debugcon.c: port 0xe9. */
#include <string.h>

#include "devices/chip/debugcon.h"
#include "tests/lib/fake.h"

/* Every byte value comes out as it went in, and a read says that the port is there. */
static void test_port(void **state)
{
	struct fake_chardev *chr = calloc(1, sizeof(*chr));
	struct debugcon_config cfg = { .id = "debugcon", .chr = &chr->chr };
	struct debugcon *s = NULL;
	struct error *err = NULL;
	struct device *d;

	(void)state;
	fake_chardev_init(chr);
	assert_int_equal(debugcon_create(&cfg, &s, &err), 0);
	assert_no_error(err);
	d = debugcon_device(s);
	assert_null(chr->chr.client); /* output only */
	assert_int_equal(io_read(d, 0, 0, 1), 0xe9);
	for (unsigned i = 0; i < 256; i++)
		io_write(d, 0, 0, 1, i);
	assert_int_equal(chr->out_len, 256);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(chr->out[i], i);
	assert_int_equal(io_read(d, 0, 0, 1), 0xe9);
	device_reset(d);
	d->ops->destroy(NULL);
	d->ops->destroy(d);
	free(chr);
}

static void test_needs_chardev(void **state)
{
	struct debugcon_config cfg = { .id = "debugcon" };
	struct debugcon *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(debugcon_create(&cfg, &s, &err) < 0);
	assert_error(err, "'debugcon'");
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_needs_chardev),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
