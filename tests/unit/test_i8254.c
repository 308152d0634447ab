/* SPDX-License-Identifier: MIT */
/*
 * The PC's timer: what software does with ports 0x40..0x43 and 0x61, and when IRQ 0 comes. The
 * counters themselves: test_i8254_counter.c. "DS": Intel 231244-006.
 */
#include "devices/chip/i8254.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/snap.h"

static struct fake_clock clk;
static struct fake_irq wire;
static struct i8254 *pit;
static struct device *dev;

static struct i8254 *create(struct fake_clock *k, struct fake_irq *i)
{
	struct i8254_config c = { .id = "pit0", .clock = &k->clock, .irq = &i->line };
	struct i8254 *p = NULL;
	struct error *e = NULL;

	assert_int_equal(i8254_create(&c, &p, &e), 0);
	assert_no_error(e);
	return p;
}

static int setup(void **state)
{
	(void)state;
	fake_clock_init(&clk);
	fake_irq_init(&wire);
	pit = create(&clk, &wire);
	dev = i8254_device(pit);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dev->ops->stop(dev);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
	dev->ops->destroy(dev);
	return 0;
}

static void out(unsigned port, unsigned val)
{
	if (port == 0x61)
		io_write(dev, I8254_PORT61, 0, 1, val);
	else
		io_write(dev, I8254_COUNTERS, port - 0x40, 1, val);
}

static unsigned in(unsigned port)
{
	if (port == 0x61)
		return (unsigned)io_read(dev, I8254_PORT61, 0, 1);
	return (unsigned)io_read(dev, I8254_COUNTERS, port - 0x40, 1);
}

static void program(unsigned ch, unsigned control, unsigned count)
{
	out(0x43, ch << 6 | control);
	out(0x40 + ch, count & 0xff);
	out(0x40 + ch, count >> 8);
}

static unsigned count(unsigned ch)
{
	unsigned lo;

	out(0x43, ch << 6);
	lo = in(0x40 + ch);
	return lo | in(0x40 + ch) << 8;
}

/* The first nanosecond of tick @n. */
static uint64_t ns_of(uint64_t n)
{
	return (n * NSEC_PER_SEC + I8254_HZ - 1) / I8254_HZ;
}

static void advance_to(uint64_t ns)
{
	fake_clock_advance(&clk, ns - clk.now_ns);
}

static void power_on(void **state)
{
	(void)state;
	fake_clock_advance(&clk, NSEC_PER_SEC);
	assert_int_equal(clk.fired, 0);
	assert_false(wire.level);
	assert_int_equal(in(0x61) & ~0x10u, 0);
	assert_int_equal(in(0x43), 0xff); /* DS figure 6: "No-Operation (3-State)" */
}

static void periodic_does_not_drift(void **state)
{
	uint64_t first;

	(void)state;
	/* Linux: 100 Hz and 250 Hz by mode 2. */
	fake_clock_advance(&clk, 12345);
	first = 12345 * (uint64_t)I8254_HZ / NSEC_PER_SEC + 1; /* "loaded on the next CLK pulse" */
	program(0, 0x34, 11932);
	assert_true(wire.level); /* OUT is high initially: the control word alone raised it */
	for (unsigned i = 1; i <= 1000; i++) {
		uint64_t due = ns_of(first + (uint64_t)i * 11932);
		unsigned rises = wire.rises;

		assert_int_equal(fake_clock_next(&clk), due);
		advance_to(due - 1);
		assert_int_equal(wire.rises, rises);
		advance_to(due);
		assert_int_equal(wire.rises, rises + 1);
		assert_true(wire.level);
	}
	assert_int_equal(clk.fired, 1000);
}

static void missed_ticks_are_one(void **state)
{
	unsigned rises;

	(void)state;
	program(0, 0x34, 1000);
	rises = wire.rises;
	/* The clock's thread was away for 7.5 periods. */
	clk.now_ns = ns_of(1 + 7500);
	fake_clock_advance(&clk, 0);
	assert_int_equal(wire.rises, rises + 1);
	assert_int_equal(fake_clock_next(&clk), ns_of(1 + 8000)); /* on the old grid */
	/* A write that comes before the late callback does not lose the edge either. */
	clk.now_ns = ns_of(1 + 8600);
	out(0x43, 0x34);
	assert_int_equal(wire.rises, rises + 2);
	fake_clock_advance(&clk, NSEC_PER_SEC);
	assert_int_equal(wire.rises, rises + 2);
}

/* "The callback may still be on its way for an older deadline." */
static void stale_callback(void **state)
{
	struct ev_timer *t;
	unsigned rises;

	(void)state;
	program(0, 0x34, 1000);
	rises = wire.rises;
	fake_clock_advance(&clk, 1000);
	t = clk.armed[0];
	timer_cancel(t);
	t->cb(t);
	assert_int_equal(wire.rises, rises);
	assert_int_equal(fake_clock_next(&clk), ns_of(1001));
	/* And after the counter was stopped. */
	out(0x43, 0x34);
	t->cb(t);
	assert_int_equal(wire.rises, rises);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
}

static void oneshot_modes(void **state)
{
	uint64_t t;

	(void)state;
	/* Mode 0: OUT low until the count is 0, N + 1 pulses after the write. */
	program(0, 0x30, 1000);
	assert_false(wire.level);
	advance_to(ns_of(1001) - 1);
	assert_false(wire.level);
	advance_to(ns_of(1001));
	assert_true(wire.level);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);

	/* Linux's one-shot event: mode 4 set once, then only counts. */
	out(0x43, 0x38);
	for (unsigned i = 0; i < 10; i++) {
		unsigned rises = wire.rises;

		fake_clock_advance(&clk, 777);
		t = muldiv64(clk.now_ns, I8254_HZ, NSEC_PER_SEC);
		out(0x40, 0xf);
		out(0x40, 0);
		/* "OUT does not strobe low until N + 1 CLK pulses": and is high again one later. */
		assert_int_equal(fake_clock_next(&clk), ns_of(t + 1 + 15 + 1));
		fake_clock_advance(&clk, NSEC_PER_MSEC);
		assert_int_equal(wire.rises, rises + 1);
		assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
	}

	/* Linux's way to stop it: mode 0 without a count. */
	program(0, 0x34, 5000);
	out(0x43, 0x30);
	assert_false(wire.level);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
}

static void square_wave(void **state)
{
	unsigned rises;

	(void)state;
	/* 18.2 Hz, as a BIOS leaves it. */
	program(0, 0x36, 0);
	rises = wire.rises;
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(fake_clock_next(&clk), ns_of(1 + (uint64_t)i * 65536));
		advance_to(ns_of(1 + (uint64_t)i * 65536));
		assert_int_equal(wire.rises, rises + i);
	}
}

static void short_periods_are_bounded(void **state)
{
	static const uint8_t modes[] = { 0x34, 0x36 };

	(void)state;
	for (unsigned m = 0; m < ARRAY_LEN(modes); m++) {
		for (unsigned n = 1; n < 200; n += n < 5 ? 1 : 13) {
			unsigned fired;
			uint64_t next, real = n < 2 ? 2 : n;
			uint64_t start = muldiv64(clk.now_ns, I8254_HZ, NSEC_PER_SEC) + 1;

			program(0, modes[m], n);
			fired = clk.fired;
			for (unsigned i = 0; i < 50; i++) {
				next = fake_clock_next(&clk);
				advance_to(next);
				/* every edge is one of the programmed ones */
				next = muldiv64(next, I8254_HZ, NSEC_PER_SEC);
				assert_int_equal((next - start) % real, 0);
			}
			fake_clock_advance(&clk, NSEC_PER_SEC);
			assert_in_range(clk.fired - fired, 5000, 50 + 10050);
			out(0x43, 0x30);
		}
	}
	/* Nor does programming it again and again buy more. */
	for (unsigned i = 0; i < 1000; i++) {
		program(0, 0x14, 2);
		fake_clock_advance(&clk, 2000);
	}
	program(0, 0x14, 2);
	{
		unsigned fired = clk.fired;

		for (unsigned i = 0; i < 50000; i++) {
			out(0x40, 2);
			fake_clock_advance(&clk, 1000);
		}
		assert_in_range(clk.fired - fired, 1, 50 * 10 + 1);
	}
}

static void port61(void **state)
{
	unsigned toggles = 0, last;

	(void)state;
	out(0x61, 0xff);
	assert_int_equal(in(0x61) & ~0x10u, 0x0f); /* upper half: read only; OUT 2 is low */
	out(0x43, 0xb6);
	assert_int_equal(in(0x61) & 0x20, 0x20); /* "OUT will initially be high" */
	out(0x61, 0x02);
	assert_int_equal(in(0x61) & 0x0f, 0x02);
	/* Bit 4 toggles with each refresh, every 15 us. */
	last = in(0x61) & 0x10;
	for (unsigned i = 0; i < 3000; i++) {
		fake_clock_advance(&clk, 1000);
		toggles += (in(0x61) & 0x10) != last;
		last = in(0x61) & 0x10;
	}
	assert_in_range(toggles, 198, 200);
}

static void linux_pit_calibrate_tsc(void **state)
{
	uint64_t start;

	(void)state;
	/* arch/x86 pit_calibrate_tsc(): gate on, speaker off; mode 0 with 50 ms; wait for bit 5. */
	out(0x61, (in(0x61) & ~0x02u) | 0x01);
	out(0x43, 0xb0);
	out(0x42, 59659 & 0xff);
	out(0x42, 59659 >> 8);
	start = clk.now_ns;
	while (!(in(0x61) & 0x20)) {
		fake_clock_advance(&clk, 500);
		assert_true(clk.now_ns < NSEC_PER_SEC);
	}
	assert_in_range(clk.now_ns - start, 50000000 - 1000, 50000000 + 2000);
	assert_int_equal(clk.fired, 0); /* channel 2 needs no timer of the host */
}

static void linux_quick_pit_calibrate(void **state)
{
	uint64_t start = 0;

	(void)state;
	/* quick_pit_calibrate(): counts down from 0xffff and watches the MSB, LSB first. */
	out(0x61, (in(0x61) & ~0x02u) | 0x01);
	out(0x43, 0xb0);
	out(0x42, 0xff);
	out(0x42, 0xff);
	/* "The PIT starts counting at the next edge": it reads once to let a microsecond pass. */
	(void)in(0x42);
	(void)in(0x42);
	fake_clock_advance(&clk, 1000);
	for (unsigned msb = 0xff; msb > 0xf0; msb--) {
		unsigned reads = 0;

		for (;;) {
			(void)in(0x42);
			if (in(0x42) != msb)
				break;
			reads++;
			fake_clock_advance(&clk, 2000);
		}
		assert_true(reads > 5);
		if (msb == 0xff)
			start = clk.now_ns;
	}
	/* 14 steps of 256 ticks */
	assert_in_range(clk.now_ns - start, ns_of(14 * 256) - 5000, ns_of(14 * 256) + 5000);
}

static void read_back(void **state)
{
	(void)state;
	/* DS figure 13, read-back examples: the state of each latch after each command. */
	program(0, 0x34, 0x1234);
	program(1, 0x34, 0x1234);
	out(0x43, 0xc2); /* count and status of counter 0 */
	fake_clock_advance(&clk, NSEC_PER_MSEC);
	out(0x43, 0xe4); /* status of counter 1 */
	out(0x43, 0xe8); /* status of counter 2 */
	out(0x43, 0xdc); /* count of 1 and 2; not 0 */
	fake_clock_advance(&clk, NSEC_PER_MSEC);
	/* latched before the load: null count */
	assert_int_equal(in(0x40), 0x80 | 0x40 | 0x34);
	(void)in(0x40);
	(void)in(0x40);
	assert_int_equal(in(0x41), 0x80 | 0x34);
	/* 1 ms are 1193 ticks, the first of which loads */
	assert_int_equal(in(0x41), (0x1234 - 1192) & 0xff);
	assert_int_equal(in(0x41), (0x1234 - 1192) >> 8);
	assert_int_equal(in(0x42), 0x40 | 0x30);
	assert_int_equal(count(0), 0x1234 - 2385);
}

static void counter_latch_leaves_others_alone(void **state)
{
	unsigned a;

	(void)state;
	program(0, 0x34, 1000);
	program(1, 0x34, 1000);
	fake_clock_advance(&clk, 100000);
	out(0x43, 0x00);
	out(0x43, 0x40);
	a = in(0x41); /* reads of other counters "may be inserted" */
	assert_int_equal(in(0x40), a);
	assert_int_equal(in(0x40), in(0x41));
}

static void reset_is_power_on(void **state)
{
	struct fake_clock k;
	struct fake_irq w;
	struct i8254 *fresh;
	const struct snap_desc *d = dev->ops->state;

	(void)state;
	fake_clock_init(&k);
	fake_irq_init(&w);
	fresh = create(&k, &w);
	program(0, 0x34, 300);
	program(2, 0x33, 0x999);
	out(0x61, 0x0f);
	fake_clock_advance(&clk, NSEC_PER_MSEC);
	assert_true(wire.level);
	device_reset(dev);
	assert_false(wire.level);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
	d->pre_save(dev);
	d->pre_save(i8254_device(fresh));
	for (unsigned i = 0; i < d->n; i++)
		assert_memory_equal((char *)dev + d->f[i].off,
				    (char *)i8254_device(fresh) + d->f[i].off,
				    (size_t)d->f[i].count * d->f[i].size);
	i8254_device(fresh)->ops->destroy(i8254_device(fresh));
	dev->ops->destroy(NULL);
}

static void snapshot(void **state)
{
	struct fake_clock k;
	struct fake_irq w;
	struct i8254 *copy;
	struct device *cd;
	struct error *e = NULL;
	uint64_t wait;

	(void)state;
	fake_clock_init(&k);
	fake_irq_init(&w);
	copy = create(&k, &w);
	cd = i8254_device(copy);
	fake_clock_advance(&clk, 123456789);
	program(0, 0x34, 5000);
	program(2, 0x37, 0x1999);
	out(0x61, 0x03);
	out(0x42, 0x12); /* half a count */
	fake_clock_advance(&clk, 10 * NSEC_PER_MSEC);
	out(0x43, 0xc4);
	assert_snapshot_round_trip(dev, cd);
	/* Nothing moves before start. */
	assert_int_equal(fake_clock_next(&k), UINT64_MAX);
	assert_int_equal(cd->ops->start(cd, &e), 0);
	wait = fake_clock_next(&clk) - clk.now_ns;
	assert_in_range(fake_clock_next(&k), wait - 1000, wait + 1000);
	fake_clock_advance(&k, 100 * NSEC_PER_MSEC);
	fake_clock_advance(&clk, 100 * NSEC_PER_MSEC);
	assert_in_range(w.rises, 23, 25);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(io_read(cd, I8254_COUNTERS, 1, 1), in(0x41));
	cd->ops->stop(cd);
	assert_int_equal(fake_clock_next(&k), UINT64_MAX);
	cd->ops->destroy(cd);
}

/* An edge that was due but not delivered when the state was saved comes after the load. */
static void snapshot_of_a_late_edge(void **state)
{
	struct error *e = NULL;
	unsigned rises;

	(void)state;
	program(0, 0x30, 100);
	clk.now_ns = ns_of(500);
	dev->ops->stop(dev);
	dev->ops->state->pre_save(dev);
	clk.now_ns = 0;
	assert_int_equal(dev->ops->state->post_load(dev, 1, &e), 0);
	rises = wire.rises;
	assert_int_equal(dev->ops->start(dev, &e), 0);
	fake_clock_advance(&clk, 0);
	assert_int_equal(wire.rises, rises + 1);
}

static void hostile_snapshot(void **state)
{
	static const struct {
		const char *name;
		uint64_t value;
		const char *message;
	} bad[] = {
		{ "ch[0].count", 0, "counter 0: count 0" },
		{ "ch[2].control", 0xff, "counter 2: control word" },
		{ "ch[0].gate", 0, "tied high" },
		{ "ch[2].gate", 1, "port 0x61" },
		{ "port61", 0x10, "port 0x61 cannot read" },
		{ "edge_in", UINT64_MAX - 1, "clocks away" },
	};
	const struct snap_desc *d = dev->ops->state;

	(void)state;
	program(0, 0x34, 500);
	fake_clock_advance(&clk, NSEC_PER_MSEC);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct error *e = NULL;
		uint8_t old[8];

		for (unsigned j = 0; j < d->n; j++) {
			void *f = (char *)dev + d->f[j].off;

			if (strcmp(d->f[j].name, bad[i].name))
				continue;
			d->pre_save(dev);
			memcpy(old, f, d->f[j].size);
			memcpy(f, &bad[i].value, d->f[j].size);
			assert_int_equal(d->post_load(dev, 1, &e), -EINVAL);
			assert_error(e, bad[i].message);
			memcpy(f, old, d->f[j].size);
			e = NULL;
			assert_int_equal(d->post_load(dev, 1, &e), 0);
			break;
		}
		assert_true(e == NULL);
	}
}

/* Hostile fields that pass the checks must do no harm afterwards. */
static void hostile_elapsed(void **state)
{
	const struct snap_desc *d = dev->ops->state;

	(void)state;
	srandom(61);
	for (unsigned i = 0; i < 2000; i++) {
		struct error *e = NULL;

		device_reset(dev);
		program(0, (unsigned)(0x30 | (random() % 6) << 1), (unsigned)random() & 0xffff);
		fake_clock_advance(&clk, 2000);
		d->pre_save(dev);
		for (unsigned j = 0; j < d->n; j++)
			if (strstr(d->f[j].name, "elapsed"))
				*(uint64_t *)(void *)((char *)dev + d->f[j].off) =
					(uint64_t)random() << 33 | (uint64_t)random();
		assert_int_equal(d->post_load(dev, 1, &e), 0);
		assert_int_equal(dev->ops->start(dev, &e), 0);
		(void)count(0);
		fake_clock_advance(&clk, 70 * NSEC_PER_MSEC);
		(void)count(0);
		dev->ops->stop(dev);
	}
}

static void register_storm(void **state)
{
	uint64_t from = clk.now_ns;
	unsigned programmed = 0;

	(void)state;
	srandom(40);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned r = (unsigned)random();

		switch (r & 7) {
		case 0:
			(void)in(0x61);
			break;
		case 1:
		case 2:
			(void)in(0x40 + (r >> 4 & 3));
			break;
		case 3:
			out(0x61, r >> 8 & 0xff);
			break;
		case 4:
			fake_clock_advance(&clk, r >> 8 & 0x3ffff);
			break;
		default:
			out(0x40 + (r >> 4 & 3), r >> 8 & (r & 0x40000000 ? 0x33 : 0xff));
			programmed++;
			break;
		}
		/* a deadline is never further away than two counts */
		if (fake_clock_next(&clk) != UINT64_MAX)
			assert_true(fake_clock_next(&clk) < clk.now_ns + 120 * NSEC_PER_MSEC);
	}
	/* one callback per write at most, besides 10,000 a second */
	assert_true(clk.fired > 1000);
	assert_true(clk.fired < programmed + (clk.now_ns - from) / 99000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(power_on),
		T(periodic_does_not_drift),
		T(missed_ticks_are_one),
		T(stale_callback),
		T(oneshot_modes),
		T(square_wave),
		T(short_periods_are_bounded),
		T(port61),
		T(linux_pit_calibrate_tsc),
		T(linux_quick_pit_calibrate),
		T(read_back),
		T(counter_latch_leaves_others_alone),
		T(reset_is_power_on),
		T(snapshot),
		T(snapshot_of_a_late_edge),
		T(hostile_snapshot),
		T(hostile_elapsed),
		T(register_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
