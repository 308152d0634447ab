/* SPDX-License-Identifier: MIT */
/* test_sysctl_a.c: port 0x92. */
#include "devices/chip/sysctl_a.h"
#include "tests/lib/poke.h"

static struct sysctl_a *make(struct fake_power *p)
{
	struct sysctl_a_config cfg = { .id = "port92", .power = &p->sink };
	struct sysctl_a *s = NULL;
	struct error *err = NULL;

	fake_power_init(p);
	assert_int_equal(sysctl_a_create(&cfg, &s, &err), 0);
	assert_no_error(err);
	return s;
}

/* ICH, PORT92: bit 0 INIT_NOW: "When this bit transitions from a 0 to a 1, the ICH will force INIT#
 * active"; bit 1 ALT_A20_GATE. */
static void test_port(void **state)
{
	struct fake_power p;
	struct device *d = sysctl_a_device(make(&p));

	(void)state;
	assert_int_equal(io_read(d, 0, 0, 1), 0x02);
	io_write(d, 0, 0, 1, 0x00);
	assert_int_equal(io_read(d, 0, 0, 1), 0x00);
	io_write(d, 0, 0, 1, 0xfe);
	assert_int_equal(io_read(d, 0, 0, 1), 0x02);
	assert_int_equal(p.requests, 0);
	io_write(d, 0, 0, 1, 0x03);
	assert_int_equal(p.requests, 1);
	assert_int_equal(p.last, POWER_RESET);
	io_write(d, 0, 0, 1, 0x01); /* still 1: no transition */
	assert_int_equal(p.requests, 1);
	device_reset(d);
	assert_int_equal(io_read(d, 0, 0, 1), 0x02);
	io_write(d, 0, 0, 1, 0x01);
	assert_int_equal(p.requests, 2);
	d->ops->destroy(NULL);
	d->ops->destroy(d);
}

static void test_snapshot(void **state)
{
	struct fake_power p, q;
	struct device *d = sysctl_a_device(make(&p)), *f = sysctl_a_device(make(&q));

	(void)state;
	io_write(d, 0, 0, 1, 0x01);
	assert_snapshot_round_trip(d, f);
	assert_int_equal(io_read(f, 0, 0, 1), 0x01);
	assert_int_equal(q.requests, 0);
	state_poke(f, "val", 0, 0x04);
	assert_state_refused(f, "reserved");
	d->ops->destroy(d);
	f->ops->destroy(f);
}

static void test_every_byte(void **state)
{
	struct fake_power p;
	struct device *d = sysctl_a_device(make(&p));
	unsigned want = 0;

	(void)state;
	for (unsigned from = 0; from < 4; from++) {
		for (unsigned to = 0; to < 256; to++) {
			state_poke(d, "val", 0, from);
			io_write(d, 0, 0, 1, to);
			want += !(from & 1) && (to & 1);
			assert_int_equal(p.requests, want);
			assert_int_equal(io_read(d, 0, 0, 1), to & 3);
			assert_state_accepted(d);
		}
	}
	d->ops->destroy(d);
}

static void test_needs_reset_line(void **state)
{
	struct sysctl_a_config cfg = { .id = "port92" };
	struct sysctl_a *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(sysctl_a_create(&cfg, &s, &err) < 0);
	assert_error(err, "'port92'");
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_needs_reset_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
