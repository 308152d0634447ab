/* SPDX-License-Identifier: MIT */
/* test_acpi_pm.c: ACPI fixed hardware against ACPI 6.4, section 4.8. */
#include "devices/chip/acpi_pm.h"
#include "tests/lib/poke.h"

#define TMR    0x0001u
#define GBL    0x0020u
#define PWRBTN 0x0100u
#define SLPBTN 0x0200u
#define RTC    0x0400u
#define WAK    0x8000u

#define SCI_EN 0x0001u
#define SLP_EN 0x2000u
#define S5     5u

#define HZ UINT64_C(3579545)

struct env {
	struct fake_clock clk;
	struct fake_irq sci;
	struct fake_power power;
	struct acpi_pm *pm;
	struct device *dev;
};

static void make(struct env *e)
{
	struct acpi_pm_config cfg = { .id = "pm",
				      .sci = &e->sci.line,
				      .clock = &e->clk.clock,
				      .power = &e->power.sink,
				      .s5_slp_typ = S5 };
	struct error *err = NULL;

	fake_irq_init(&e->sci);
	fake_power_init(&e->power);
	assert_int_equal(acpi_pm_create(&cfg, &e->pm, &err), 0);
	assert_no_error(err);
	e->dev = acpi_pm_device(e->pm);
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	fake_clock_init(&e->clk);
	make(e);
	e->dev->ops->start(e->dev, NULL);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	e->dev->ops->stop(e->dev);
	assert_int_equal(fake_clock_next(&e->clk), UINT64_MAX);
	e->dev->ops->destroy(e->dev);
	free(e);
	return 0;
}

static uint16_t sts(struct env *e)
{
	return (uint16_t)io_read(e->dev, ACPI_PM_EVT, 0, 2);
}

static uint16_t en(struct env *e)
{
	return (uint16_t)io_read(e->dev, ACPI_PM_EVT, 2, 2);
}

static void clear(struct env *e, unsigned bits)
{
	io_write(e->dev, ACPI_PM_EVT, 0, 2, bits);
}

static void enable(struct env *e, unsigned bits)
{
	io_write(e->dev, ACPI_PM_EVT, 2, 2, bits);
}

static uint32_t tmr(struct env *e)
{
	return (uint32_t)io_read(e->dev, ACPI_PM_TMR, 0, 4);
}

static void advance_sec(struct env *e, uint64_t sec)
{
	fake_clock_advance(&e->clk, sec * NSEC_PER_SEC);
}

/* 4.8.3.3: "a 24-bit or 32-bit fixed rate free running count-up timer that runs off a 3.579545 MHz
 * clock", read-only. */
static void test_timer_rate(void **state)
{
	struct env *e = *state;
	struct storm s = { 0x3579545 };

	assert_int_equal(tmr(e), 0);
	for (unsigned i = 0; i < 1000; i++) {
		advance_sec(e, 1);
		assert_int_equal(tmr(e), (uint32_t)((i + 1) * HZ));
	}
	io_write(e->dev, ACPI_PM_TMR, 0, 4, 0);
	assert_int_equal(tmr(e), (uint32_t)(1000 * HZ));
	/* the multiplication is the quotient, to the tick, for a century of uptime */
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t now = ((uint64_t)storm_next(&s) << 30) ^ storm_next(&s);
		uint64_t exact = muldiv64(now, HZ, NSEC_PER_SEC);

		e->clk.now_ns = now;
		assert_in_range(tmr(e) - (uint32_t)exact, 0, 1);
	}
}

/* It never goes back. */
static void test_timer_monotonic(void **state)
{
	struct env *e = *state;
	uint32_t last;

	advance_sec(e, 86400 * 365);
	last = tmr(e);
	for (unsigned ns = 0; ns < 20000; ns++) {
		fake_clock_advance(&e->clk, 1);
		assert_in_range(tmr(e) - last, 0, 1);
		last = tmr(e);
	}
}

static void test_timer_widths(void **state)
{
	struct env *e = *state;
	uint32_t v;

	advance_sec(e, 4711);
	v = tmr(e);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(io_read(e->dev, ACPI_PM_TMR, i, 1), v >> (8 * i) & 0xff);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(io_read(e->dev, ACPI_PM_TMR, i, 2), v >> (8 * i) & 0xffff);
	assert_int_equal(e->dev->ops->flags & DEV_SELF_LOCKED, DEV_SELF_LOCKED);
}

/* Linux, verify_pmtmr_rate(): two reads apart by a known time are apart by that many ticks. */
static void test_linux_verifies_rate(void **state)
{
	struct env *e = *state;
	uint32_t t1 = tmr(e);

	fake_clock_advance(&e->clk, 10 * NSEC_PER_MSEC);
	assert_in_range(tmr(e) - t1, 35795, 35796);
}

/*
 * 4.8.3.1.1: TMR_STS "gets set any time the most significant bit of a 24/32-bit counter changes
 * from clear to set or set to clear".
 */
static void test_carry_polled(void **state)
{
	struct env *e = *state;
	uint64_t half = (UINT64_C(1) << 31) * NSEC_PER_SEC / HZ + 1;

	fake_clock_advance(&e->clk, half - 3);
	assert_int_equal(tmr(e), 0x7fffffff);
	assert_int_equal(sts(e), 0);
	fake_clock_advance(&e->clk, 3);
	assert_int_equal(tmr(e), 0x80000000);
	assert_int_equal(sts(e), TMR);
	assert_false(e->sci.level);
	clear(e, TMR);
	assert_int_equal(sts(e), 0);
	fake_clock_advance(&e->clk, half);
	assert_in_range(tmr(e), 0, 4);
	assert_int_equal(sts(e), TMR);
	assert_int_equal(e->clk.fired, 0); /* nobody asked for an interrupt */
}

static void test_carry_interrupt(void **state)
{
	struct env *e = *state;

	enable(e, TMR);
	for (unsigned i = 1; i <= 10; i++) {
		uint64_t at = fake_clock_next(&e->clk);

		assert_int_not_equal(at, UINT64_MAX);
		fake_clock_advance(&e->clk, at - e->clk.now_ns - 2);
		assert_false(e->sci.level);
		fake_clock_advance(&e->clk, 2);
		assert_true(e->sci.level);
		assert_int_equal(e->clk.fired, i);
		assert_int_equal(sts(e), TMR);
		clear(e, TMR);
		assert_false(e->sci.level);
	}
	/* left unacknowledged it stays one interrupt */
	advance_sec(e, 100000);
	assert_int_equal(e->clk.fired, 11);
	assert_true(e->sci.level);
	enable(e, 0);
	assert_false(e->sci.level);
}

/* 4.8.3.1.1: PWRBTN_STS; 4.8.2.2: "the SCI is raised if PWRBTN_EN and PWRBTN_STS are both set". */
static void test_power_button(void **state)
{
	struct env *e = *state;

	assert_false(acpi_pm_power_button(e->pm));
	assert_int_equal(sts(e), PWRBTN);
	assert_false(e->sci.level);
	enable(e, PWRBTN | GBL);
	assert_true(e->sci.level); /* it had been waiting */
	clear(e, TMR | GBL);
	assert_int_equal(sts(e), PWRBTN); /* only ones clear */
	clear(e, PWRBTN);
	assert_int_equal(sts(e), 0);
	assert_false(e->sci.level);
	assert_true(acpi_pm_power_button(e->pm));
	assert_true(e->sci.level);
	assert_int_equal(e->sci.rises, 2);
	assert_int_equal(e->power.requests, 0); /* the guest decides */
}

static void test_event_bytes(void **state)
{
	struct env *e = *state;

	io_write(e->dev, ACPI_PM_EVT, 3, 1, 0xff); /* EN high: PWRBTN and RTC are there */
	assert_int_equal(en(e), PWRBTN | RTC);
	io_write(e->dev, ACPI_PM_EVT, 2, 1, 0xff); /* EN low: TMR and GBL; high stays */
	assert_int_equal(en(e), PWRBTN | RTC | TMR | GBL);
	acpi_pm_power_button(e->pm);
	assert_int_equal(io_read(e->dev, ACPI_PM_EVT, 1, 1), PWRBTN >> 8);
	io_write(e->dev, ACPI_PM_EVT, 0, 1, 0xff); /* the other byte */
	assert_int_equal(sts(e), PWRBTN);
	/* across the two registers: clears STS high, writes EN low */
	io_write(e->dev, ACPI_PM_EVT, 1, 2, 0x2001);
	assert_int_equal(sts(e), 0);
	assert_int_equal(en(e), PWRBTN | RTC | GBL);
	assert_int_equal(io_read(e->dev, ACPI_PM_EVT, 1, 2), GBL << 8);
	clear(e, WAK | SLPBTN); /* Linux clears WAK_STS on its way into S5 */
	assert_int_equal(sts(e), 0);
}

/* 4.8.3.2.1: SCI_EN: "when this bit is set, then power management events will generate an SCI";
 * with SMI_CMD 0 the OS cannot and need not set it. */
static void test_control(void **state)
{
	struct env *e = *state;

	assert_int_equal(io_read(e->dev, ACPI_PM_CNT, 0, 2), SCI_EN);
	io_write(e->dev, ACPI_PM_CNT, 0, 2, 0);
	assert_int_equal(io_read(e->dev, ACPI_PM_CNT, 0, 2), SCI_EN);
	/* GBL_RLS and SLP_EN are write-only; SLP_TYP and BM_RLD read back */
	io_write(e->dev, ACPI_PM_CNT, 0, 2, 0xffff & ~SLP_EN);
	assert_int_equal(io_read(e->dev, ACPI_PM_CNT, 0, 2), 0x1c03);
	io_write(e->dev, ACPI_PM_CNT, 0, 2, SLP_EN | 7 << 10);
	assert_int_equal(io_read(e->dev, ACPI_PM_CNT, 0, 2), 0x1c01);
	assert_int_equal(io_read(e->dev, ACPI_PM_CNT, 1, 1), 0x1c);
}

static void test_soft_off(void **state)
{
	struct env *e = *state;

	for (unsigned typ = 0; typ < 8; typ++) {
		io_write(e->dev, ACPI_PM_CNT, 0, 2, typ << 10);
		io_write(e->dev, ACPI_PM_CNT, 0, 2, typ << 10 | SLP_EN);
		assert_int_equal(e->power.requests, typ >= S5);
		assert_int_equal(io_read(e->dev, ACPI_PM_CNT, 0, 2), typ << 10 | SCI_EN);
	}
	assert_int_equal(e->power.last, POWER_OFF);
	io_write(e->dev, ACPI_PM_CNT, 0, 1, 0xff);
	assert_int_equal(e->power.requests, 1);
	io_write(e->dev, ACPI_PM_CNT, 1, 1, (S5 << 10 | SLP_EN) >> 8);
	assert_int_equal(e->power.requests, 2);
}

/* 4.8.3.6: writing RESET_VALUE to RESET_REG; 82371SB 2.5.4: a 0-to-1 transition of bit 2. */
static void test_reset_register(void **state)
{
	struct env *e = *state;

	assert_int_equal(io_read(e->dev, ACPI_PM_RESET, 0, 1), 0);
	io_write(e->dev, ACPI_PM_RESET, 0, 1, 0xfb);
	assert_int_equal(e->power.requests, 0);
	assert_int_equal(io_read(e->dev, ACPI_PM_RESET, 0, 1), 0x0a);
	/* Linux, reboot=pci: keep the other bits, 0x02 first, then 0x06 */
	io_write(e->dev, ACPI_PM_RESET, 0, 1, 0x02);
	io_write(e->dev, ACPI_PM_RESET, 0, 1, 0x06);
	assert_int_equal(e->power.requests, 1);
	assert_int_equal(e->power.last, POWER_RESET);
	io_write(e->dev, ACPI_PM_RESET, 0, 1, 0x06); /* no transition */
	assert_int_equal(e->power.requests, 1);
	device_reset(e->dev);
	io_write(e->dev, ACPI_PM_RESET, 0, 1, ACPI_PM_RESET_VALUE);
	assert_int_equal(e->power.requests, 2);
	device_reset(e->dev);
	io_write(e->dev, ACPI_PM_RESET, 0, 1, 0x0e);
	assert_int_equal(e->power.requests, 3);
}

static void test_reset(void **state)
{
	struct env *e = *state;

	enable(e, TMR | PWRBTN);
	acpi_pm_power_button(e->pm);
	advance_sec(e, 700);
	assert_true(e->sci.level);
	device_reset(e->dev);
	assert_false(e->sci.level);
	assert_int_equal(sts(e), 0);
	assert_int_equal(en(e), 0);
}

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct env f = { 0 };

	advance_sec(e, 700);
	sts(e);
	enable(e, TMR | PWRBTN);
	clear(e, TMR);
	acpi_pm_power_button(e->pm);
	io_write(e->dev, ACPI_PM_CNT, 0, 2, 0x1400);
	io_write(e->dev, ACPI_PM_RESET, 0, 1, 0x02);
	fake_clock_init(&f.clk);
	make(&f);
	f.clk.now_ns = e->clk.now_ns;
	assert_snapshot_round_trip(e->dev, f.dev);
	assert_false(f.sci.level);
	f.dev->ops->start(f.dev, NULL);
	assert_true(f.sci.level);
	assert_int_equal(sts(&f), PWRBTN);
	assert_int_equal(fake_clock_next(&f.clk), fake_clock_next(&e->clk));
	f.dev->ops->destroy(NULL);
	f.dev->ops->stop(f.dev);
	f.clk.clock.ops = NULL; /* gone before the device is */
	f.sci.line.ops = NULL;
	f.dev->ops->destroy(f.dev);
}

static void test_hostile_snapshot(void **state)
{
	static const struct {
		const char *field;
		uint64_t val;
	} bad[] = { { "sts", WAK }, { "en", SLPBTN }, { "cnt", SLP_EN }, { "rst", 0x01 } };
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		state_poke(e->dev, bad[i].field, 0, bad[i].val);
		assert_state_refused(e->dev, "reserved");
		state_poke(e->dev, bad[i].field, 0, 0);
	}
	e->dev->ops->stop(e->dev);
	state_poke(e->dev, "carries", 0, UINT64_MAX);
	state_poke(e->dev, "en", 0, TMR);
	assert_state_accepted(e->dev);
	e->dev->ops->start(e->dev, NULL);
	assert_in_range(fake_clock_next(&e->clk), e->clk.now_ns, 600 * NSEC_PER_SEC);
}

static void test_storm(void **state)
{
	struct env *e = *state;
	struct storm s = { 0xac1 };

	for (unsigned i = 0; i < 100000; i++) {
		uint32_t x = storm_next(&s);
		unsigned r = x % ACPI_PM_REGIONS;
		const struct io_region *reg = &e->dev->regions[r];
		unsigned size = 1u << (x >> 3) % 3, off = x >> 5 & 3;

		if (size > reg->ops->max_size)
			size = 1;
		off %= (unsigned)reg->len - size + 1;
		if (x & 0x100)
			io_write(e->dev, r, off, size, storm_next(&s));
		else
			assert_in_range(io_read(e->dev, r, off, size), 0, size_mask(size));
		if ((x >> 9 & 15) == 0)
			acpi_pm_power_button(e->pm);
		if ((x >> 9 & 15) == 1)
			fake_clock_advance(&e->clk, (uint64_t)storm_next(&s) * 100);
		assert_int_equal(e->sci.level,
				 !!(state_peek(e->dev, "sts", 0) & state_peek(e->dev, "en", 0)));
		assert_state_accepted(e->dev);
	}
	assert_true(e->power.requests > 0);
}

static void test_refuses_config(void **state)
{
	struct fake_clock clk;
	struct fake_power power;
	struct acpi_pm_config cfg = {
		.id = "pm3", .clock = &clk.clock, .power = &power.sink, .s5_slp_typ = 8
	};
	struct acpi_pm *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(acpi_pm_create(&cfg, &s, &err) < 0);
	assert_error(err, "'pm3'");
	assert_null(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_timer_rate),     T(test_timer_monotonic),
		T(test_timer_widths),   T(test_linux_verifies_rate),
		T(test_carry_polled),   T(test_carry_interrupt),
		T(test_power_button),   T(test_event_bytes),
		T(test_control),        T(test_soft_off),
		T(test_reset_register), T(test_reset),
		T(test_snapshot),       T(test_hostile_snapshot),
		T(test_storm),          cmocka_unit_test(test_refuses_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
