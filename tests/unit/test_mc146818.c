/* SPDX-License-Identifier: MIT */
/* test_mc146818.c: the real-time clock against the MC146818A data sheet and the Linux driver. */
#include <stdio.h>

#include "devices/chip/mc146818.h"
#include "tests/lib/poke.h"

enum { SEC, SEC_AL, MIN, MIN_AL, HOUR, HOUR_AL, WDAY, DAY, MON, YEAR, A, B, C, D, CENT = 0x32 };

#define B_SET  0x80u
#define B_PIE  0x40u
#define B_AIE  0x20u
#define B_UIE  0x10u
#define B_DM   0x04u
#define B_24   0x02u
#define C_IRQF 0x80u
#define C_PF   0x40u
#define C_AF   0x20u
#define C_UF   0x10u

struct env {
	struct fake_clock clk;
	struct fake_irq irq;
	uint64_t host_base; /* host time is this plus the VM's clock */
	struct mc146818 *rtc;
	struct device *dev;
};

/* 2026-11-21 20:15:30.25 UTC, a Saturday */
#define HOST_NOW (UINT64_C(1795292130) * NSEC_PER_SEC + 250 * NSEC_PER_MSEC)

static uint64_t wallclock(void *ctx)
{
	struct env *e = ctx;

	return e->host_base + e->clk.now_ns;
}

static void make(struct env *e)
{
	struct mc146818_config cfg = { .id = "rtc",
				       .irq = &e->irq.line,
				       .clock = &e->clk.clock,
				       .wallclock = wallclock,
				       .wallclock_ctx = e };
	struct error *err = NULL;

	fake_irq_init(&e->irq);
	assert_int_equal(mc146818_create(&cfg, &e->rtc, &err), 0);
	assert_no_error(err);
	e->dev = mc146818_device(e->rtc);
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	fake_clock_init(&e->clk);
	e->host_base = HOST_NOW;
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

static uint8_t rd(struct env *e, unsigned idx)
{
	io_write(e->dev, 0, 0, 1, idx);
	return (uint8_t)io_read(e->dev, 0, 1, 1);
}

static void wr(struct env *e, unsigned idx, uint8_t val)
{
	io_write(e->dev, 0, 0, 1, idx);
	io_write(e->dev, 0, 1, 1, val);
}

/* The registers as text: "2026-11-21 20:15:30 w7", hex as they are. */
static void assert_time(struct env *e, const char *want)
{
	char got[64];

	snprintf(got, sizeof(got), "%02x%02x-%02x-%02x %02x:%02x:%02x w%x", rd(e, CENT),
		 rd(e, YEAR), rd(e, MON), rd(e, DAY), rd(e, HOUR), rd(e, MIN), rd(e, SEC),
		 rd(e, WDAY));
	assert_string_equal(got, want);
}

static void set_time(struct env *e, unsigned cent, unsigned year, unsigned mon, unsigned day,
		     unsigned hour, unsigned min, unsigned sec)
{
	uint8_t b = rd(e, B);

	wr(e, B, b | B_SET);
	wr(e, CENT, (uint8_t)cent);
	wr(e, YEAR, (uint8_t)year);
	wr(e, MON, (uint8_t)mon);
	wr(e, DAY, (uint8_t)day);
	wr(e, HOUR, (uint8_t)hour);
	wr(e, MIN, (uint8_t)min);
	wr(e, SEC, (uint8_t)sec);
	wr(e, B, b & (uint8_t)~B_SET);
}

static void advance_sec(struct env *e, uint64_t sec)
{
	fake_clock_advance(&e->clk, sec * NSEC_PER_SEC);
}

static void test_right_date(void **state)
{
	struct env *e = *state;

	assert_time(e, "2026-11-21 20:15:30 w7");
	assert_int_equal(rd(e, A), 0x26);
	assert_int_equal(rd(e, B), B_24);
	assert_int_equal(rd(e, D), 0x80); /* VRT */
	fake_clock_advance(&e->clk, 749999999);
	assert_time(e, "2026-11-21 20:15:30 w7");
	fake_clock_advance(&e->clk, 1);
	assert_time(e, "2026-11-21 20:15:31 w7");
	advance_sec(e, 4 * 3600);
	assert_time(e, "2026-11-22 00:15:31 w1");
}

/* Building a machine takes time that its clock must not lose. */
static void test_host_time_at_start(void **state)
{
	struct env f = { .host_base = HOST_NOW };

	(void)state;
	fake_clock_init(&f.clk);
	make(&f);
	f.host_base += 90 * NSEC_PER_SEC;
	f.dev->ops->start(f.dev, NULL);
	assert_time(&f, "2026-11-21 20:17:00 w7");
	f.dev->ops->destroy(NULL);
	f.dev->ops->destroy(f.dev);
}

/*
 * UIP: "when UIP is a 1, the update transfer will soon begin"; "when UIP is a 0 the update cycle is
 * not in progress and will not be for at least 244 us".
 */
static void test_update_in_progress(void **state)
{
	struct env *e = *state;
	unsigned set = 0;

	fake_clock_advance(&e->clk, 750 * NSEC_PER_MSEC); /* the second turns */
	for (unsigned us = 0; us < 1000000; us += 10) {
		bool uip = rd(e, A) & 0x80;

		assert_int_equal(uip, us >= 1000000 - 244);
		set += uip;
		fake_clock_advance(&e->clk, 10 * NSEC_PER_USEC);
	}
	assert_int_equal(set, 24);
	assert_false(rd(e, A) & 0x80);
	/* "Writing the SET bit in Register B to a 1 inhibits any update cycle and then clears the
	 * UIP status bit." */
	fake_clock_advance(&e->clk, NSEC_PER_SEC - 100 * NSEC_PER_USEC);
	assert_true(rd(e, A) & 0x80);
	wr(e, B, B_SET | B_24);
	assert_false(rd(e, A) & 0x80);
	wr(e, A, 0xa6); /* UIP "is a read-only bit" */
	assert_int_equal(rd(e, A), 0x26);
}

/* SET: "any update cycle in progress is aborted and the program may initialize the time and
 * calendar bytes without an update occurring in the midst". */
static void test_set(void **state)
{
	struct env *e = *state;

	wr(e, B, B_SET | B_24 | B_UIE);
	assert_int_equal(rd(e, B), B_SET | B_24); /* SET "clears UIE" */
	advance_sec(e, 100);
	assert_time(e, "2026-11-21 20:15:30 w7");
	assert_int_equal(rd(e, C) & C_UF, 0);
	wr(e, MIN, 0x99); /* nobody judges yet */
	assert_int_equal(rd(e, MIN), 0x99);
	wr(e, MIN, 0x59);
	wr(e, SEC, 0x59);
	wr(e, WDAY, 3); /* the weekday is the guest's own count */
	wr(e, B, B_24);
	advance_sec(e, 1);
	assert_time(e, "2026-11-21 21:00:00 w3");
	advance_sec(e, 3 * 3600);
	assert_time(e, "2026-11-22 00:00:00 w4");
}

/* The guest's time survives resets; the host's does not come back. */
static void test_time_survives_reset(void **state)
{
	struct env *e = *state;

	set_time(e, 0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58);
	wr(e, 0x40, 0x5a);
	device_reset(e->dev);
	assert_time(e, "1999-12-31 23:59:58 w7");
	assert_int_equal(rd(e, 0x40), 0x5a);
	advance_sec(e, 2);
	assert_time(e, "2000-01-01 00:00:00 w1");
	/* a guest that ended half way through setting the clock has not set it, nor stopped it */
	wr(e, B, B_SET | B_DM);
	wr(e, YEAR, 77);
	wr(e, A, 0x70);
	device_reset(e->dev);
	advance_sec(e, 5);
	assert_time(e, "2000-01-01 00:00:05 w1");
}

static void test_resync(void **state)
{
	struct env *e = *state;

	e->host_base += 3600 * NSEC_PER_SEC; /* an hour's pause */
	mc146818_resync(e->rtc);
	assert_time(e, "2026-11-21 21:15:30 w7");
	/* a guest that keeps local time, two hours ahead, keeps it */
	set_time(e, 0x20, 0x26, 0x11, 0x21, 0x23, 0x15, 0x30);
	e->host_base += 600 * NSEC_PER_SEC;
	mc146818_resync(e->rtc);
	assert_time(e, "2026-11-21 23:25:30 w7");
	e->host_base -= 3600 * NSEC_PER_SEC; /* the host was set back */
	mc146818_resync(e->rtc);
	assert_time(e, "2026-11-21 22:25:30 w7");
	/* while the guest sets the clock it is the guest's */
	wr(e, B, B_SET | B_24);
	e->host_base += 600 * NSEC_PER_SEC;
	mc146818_resync(e->rtc);
	assert_time(e, "2026-11-21 22:25:30 w7");
}

/* Table 3: ranges in binary and BCD, 12 and 24 hours. */
static void test_formats(void **state)
{
	static const struct {
		unsigned hour24;
		uint8_t bcd12, bin12;
	} hours[] = { { 0, 0x12, 12 },    { 1, 0x01, 1 },     { 11, 0x11, 11 },
		      { 12, 0x92, 0x8c }, { 13, 0x81, 0x81 }, { 23, 0x91, 0x8b } };
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(hours); i++) {
		wr(e, B, B_24 | B_DM);
		set_time(e, 20, 26, 11, 21, hours[i].hour24, 59, 58);
		assert_int_equal(rd(e, HOUR), hours[i].hour24);
		assert_int_equal(rd(e, YEAR), 26);
		wr(e, B, B_24);
		assert_int_equal(rd(e, YEAR), 0x26);
		wr(e, B, 0);
		assert_int_equal(rd(e, HOUR), hours[i].bcd12);
		wr(e, B, B_DM);
		assert_int_equal(rd(e, HOUR), hours[i].bin12);
		/* and written in that format it is the same time */
		set_time(e, 20, 26, 11, 21, hours[i].bin12, 59, 58);
		wr(e, B, B_24 | B_DM);
		assert_int_equal(rd(e, HOUR), hours[i].hour24);
	}
}

static void test_calendar_edges(void **state)
{
	struct env *e = *state;

	set_time(e, 0x20, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
	advance_sec(e, 1);
	assert_time(e, "2100-01-01 00:00:00 w1"); /* the day after the 7 that stood there */
	set_time(e, 0x21, 0x00, 0x02, 0x28, 0x23, 0x59, 0x59); /* 2100 is no leap year */
	advance_sec(e, 1);
	assert_int_equal(rd(e, DAY), 0x01);
	assert_int_equal(rd(e, MON), 0x03);
	set_time(e, 0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x59);
	advance_sec(e, 1);
	assert_int_equal(rd(e, DAY), 0x29);
	set_time(e, 0x99, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
	advance_sec(e, 1);
	assert_int_equal(rd(e, CENT), 0x00);
	assert_int_equal(rd(e, YEAR), 0x00);
}

/* Bytes that are no BCD and dates that are none make some date, and time goes on from there. */
static void test_garbage_time(void **state)
{
	struct env *e = *state;
	uint8_t sec;

	set_time(e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	assert_in_range(rd(e, MON), 0x01, 0x12);
	assert_in_range(rd(e, DAY), 0x01, 0x31);
	assert_in_range(rd(e, HOUR), 0x00, 0x23);
	sec = rd(e, SEC);
	assert_in_range(sec, 0x00, 0x59);
	advance_sec(e, 60);
	assert_int_equal(rd(e, SEC), sec);
	set_time(e, 0, 0, 0, 0, 0, 0, 0);
	advance_sec(e, 1);
	assert_int_equal(rd(e, SEC), 1);
	wr(e, SEC, 0x75); /* without SET: at once a time */
	assert_int_equal(rd(e, SEC), 0x15);
	assert_int_equal(rd(e, MIN), 0x01);
}

/* UF "is set after each update cycle. When the UIE bit is a 1, the 1 in UF causes the IRQF bit to
 * be a 1, asserting IRQ. UF is cleared by a Register C read or a RESET." */
static void test_update_ended_interrupt(void **state)
{
	struct env *e = *state;

	rd(e, C);
	assert_int_equal(fake_clock_next(&e->clk), UINT64_MAX); /* nothing enabled, nothing armed */
	wr(e, B, B_24 | B_UIE);
	fake_clock_advance(&e->clk, 749999999);
	assert_false(e->irq.level);
	fake_clock_advance(&e->clk, 1);
	assert_true(e->irq.level);
	advance_sec(e, 10); /* not acknowledged, not armed: no storm */
	assert_int_equal(e->irq.rises, 1);
	assert_int_equal(fake_clock_next(&e->clk), UINT64_MAX);
	assert_int_equal(rd(e, C) & ~C_PF, C_IRQF | C_UF);
	assert_false(e->irq.level);
	assert_int_equal(rd(e, C) & ~C_PF, 0);
	for (unsigned i = 0; i < 100; i++) {
		advance_sec(e, 1);
		assert_int_equal(rd(e, C) & C_UF, C_UF);
	}
	assert_int_equal(e->irq.rises, 101);
	/* the flag is set without the enable too, and the enable then finds it */
	wr(e, B, B_24);
	advance_sec(e, 1);
	assert_false(e->irq.level);
	wr(e, B, B_24 | B_UIE);
	assert_true(e->irq.level);
}

/* Table 5: periodic interrupt rates with the 32.768 kHz time base. */
static void test_periodic_rates(void **state)
{
	static const unsigned hz[16] = { 0,   256, 128, 8192, 4096, 2048, 1024, 512,
					 256, 128, 64,  32,   16,   8,    4,    2 };
	struct env *e = *state;

	for (unsigned rs = 0; rs < 16; rs++) {
		uint64_t end = e->clk.now_ns + 10 * NSEC_PER_SEC;
		unsigned n = 0;

		wr(e, A, (uint8_t)(0x20 | rs));
		rd(e, C);
		wr(e, B, B_24 | B_PIE);
		while (fake_clock_next(&e->clk) < end) {
			fake_clock_advance(&e->clk, fake_clock_next(&e->clk) - e->clk.now_ns);
			assert_true(e->irq.level);
			assert_int_equal(rd(e, C) & (C_IRQF | C_PF), C_IRQF | C_PF);
			n++;
		}
		wr(e, B, B_24);
		fake_clock_advance(&e->clk, end - e->clk.now_ns);
		assert_in_range(n + 1, 10 * hz[rs], 10 * hz[rs] + 1);
	}
}

/* A guest that is slow to acknowledge loses periods, not the beat. */
static void test_periodic_does_not_drift(void **state)
{
	struct env *e = *state;
	uint64_t base;

	wr(e, A, 0x26);
	rd(e, C);
	wr(e, B, B_24 | B_PIE);
	base = fake_clock_next(&e->clk);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t at = fake_clock_next(&e->clk), beats;

		fake_clock_advance(&e->clk, at - e->clk.now_ns);
		beats = ((at - base) * 1024 + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
		assert_in_range(at - base + 2, beats * NSEC_PER_SEC / 1024,
				beats * NSEC_PER_SEC / 1024 + 4);
		fake_clock_advance(&e->clk, i * 10007); /* a late handler */
		rd(e, C);
	}
}

static void set_alarm(struct env *e, uint8_t h, uint8_t m, uint8_t s)
{
	wr(e, HOUR_AL, h);
	wr(e, MIN_AL, m);
	wr(e, SEC_AL, s);
	rd(e, C);
}

/* "The alarm interrupt ... when the three bytes match"; "a don't care code is any hexadecimal byte
 * from C0 to FF". */
static void test_alarm(void **state)
{
	static const struct {
		uint8_t h, m, s;
		unsigned first, second; /* seconds after 20:15:30 */
	} al[] = {
		{ 0x20, 0x15, 0x31, 1, 86401 },      { 0x20, 0x15, 0x30, 86400, 172800 },
		{ 0x20, 0x15, 0x00, 86370, 172770 }, { 0xc0, 0xff, 0x00, 30, 90 },
		{ 0xff, 0x16, 0x00, 30, 3630 },      { 0xc0, 0xc0, 0xc0, 1, 2 },
		{ 0x21, 0xff, 0xff, 2670, 2671 },    { 0x00, 0x00, 0x00, 13470, 99870 },
		{ 0xff, 0x15, 0xff, 1, 2 },          { 0x20, 0xff, 0x30, 60, 120 },
		{ 0xff, 0x00, 0xff, 2670, 2671 },
	};
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(al); i++) {
		uint64_t base;

		wr(e, B, B_24);
		set_time(e, 0x20, 0x26, 0x11, 0x21, 0x20, 0x15, 0x30);
		base = e->clk.now_ns - (e->clk.now_ns + 250 * NSEC_PER_MSEC) % NSEC_PER_SEC;
		set_alarm(e, al[i].h, al[i].m, al[i].s);
		wr(e, B, B_24 | B_AIE);
		assert_int_equal(fake_clock_next(&e->clk), base + al[i].first * NSEC_PER_SEC);
		fake_clock_advance(&e->clk, fake_clock_next(&e->clk) - e->clk.now_ns);
		assert_true(e->irq.level);
		assert_int_equal(rd(e, C) & (C_IRQF | C_AF), C_IRQF | C_AF);
		assert_int_equal(fake_clock_next(&e->clk), base + al[i].second * NSEC_PER_SEC);
	}
}

/* Bytes that no time ever has never match. */
static void test_alarm_never(void **state)
{
	struct env *e = *state;

	set_alarm(e, 0xff, 0xff, 0x5a);
	wr(e, B, B_24 | B_AIE);
	assert_int_equal(fake_clock_next(&e->clk), UINT64_MAX);
	advance_sec(e, 200000);
	assert_int_equal(rd(e, C) & C_AF, 0);
	set_alarm(e, 0x24, 0x00, 0x00);
	advance_sec(e, 200000);
	assert_int_equal(rd(e, C) & C_AF, 0);
}

/* The alarm in 12-hour mode; the flag without the enable. */
static void test_alarm_polled_12h(void **state)
{
	struct env *e = *state;

	wr(e, B, 0);
	set_alarm(e, 0x89, 0x00, 0x00); /* 9 pm */
	advance_sec(e, 2669);
	assert_int_equal(rd(e, C) & C_AF, 0);
	advance_sec(e, 1);
	assert_int_equal(rd(e, C) & (C_AF | C_IRQF), C_AF);
	advance_sec(e, 86399);
	assert_int_equal(rd(e, C) & C_AF, 0);
	advance_sec(e, 300); /* looked at long after */
	assert_int_equal(rd(e, C) & C_AF, C_AF);
}

/* "When the divider is changed from reset to an operating time base, the first update cycle is
 * one-half second later." */
static void test_divider_reset(void **state)
{
	struct env *e = *state;

	wr(e, A, 0x76);
	wr(e, B, B_24 | B_PIE);
	rd(e, C);
	advance_sec(e, 10);
	assert_time(e, "2026-11-21 20:15:30 w7");
	assert_int_equal(rd(e, C), 0); /* neither updates nor periods */
	assert_false(rd(e, A) & 0x80);
	wr(e, A, 0x26);
	wr(e, B, B_24);
	fake_clock_advance(&e->clk, 499999999);
	assert_int_equal(rd(e, SEC), 0x30);
	fake_clock_advance(&e->clk, 1);
	assert_int_equal(rd(e, SEC), 0x31);
}

/* RESET: "PIE, AIE, UIE, SQWE cleared; IRQF, PF, AF, UF cleared; IRQ high-impedance". */
static void test_reset(void **state)
{
	struct env *e = *state;

	wr(e, B, B_24 | B_PIE | B_UIE | B_AIE);
	advance_sec(e, 2);
	assert_true(e->irq.level);
	device_reset(e->dev);
	assert_false(e->irq.level);
	assert_int_equal(rd(e, C), 0);
	assert_int_equal(rd(e, B), B_24);
	assert_int_equal(rd(e, A) & 0x7f, 0x26);
	assert_int_equal(fake_clock_next(&e->clk), UINT64_MAX);
}

static void test_ports_and_ram(void **state)
{
	struct env *e = *state;

	assert_int_equal(io_read(e->dev, 0, 0, 1), 0xff);
	assert_int_equal(mc146818_set_cmos(e->rtc, 0x15, 0x80), 0);
	assert_int_equal(mc146818_set_cmos(e->rtc, 0x7f, 0x01), 0);
	assert_true(mc146818_set_cmos(e->rtc, 0x80, 0) < 0);
	assert_true(mc146818_set_cmos(e->rtc, A, 0) < 0);
	assert_true(mc146818_set_cmos(e->rtc, CENT, 0) < 0);
	assert_int_equal(rd(e, 0x15), 0x80);
	assert_int_equal(rd(e, 0x95), 0x80); /* bit 7 is the NMI mask */
	assert_int_equal(rd(e, 0xff), 0x01);
	for (unsigned i = 14; i < 128; i++)
		if (i != CENT)
			wr(e, i, (uint8_t)(i * 7));
	for (unsigned i = 14; i < 128; i++)
		if (i != CENT)
			assert_int_equal(rd(e, i), (uint8_t)(i * 7));
	wr(e, C, 0xff);
	wr(e, D, 0x00); /* read-only */
	assert_int_equal(rd(e, D), 0x80);
}

/* --- Linux, drivers/rtc/rtc-mc146818-lib.c ---------------------------------------------------- */

/* The probe: UIP must be seen clear within 10 ms, and register D's low bits be 0. */
static void test_linux_probe(void **state)
{
	struct env *e = *state;

	for (unsigned phase = 0; phase < 1000; phase++) {
		unsigned n = 0;

		while ((rd(e, A) & 0x80) && n++ < 10)
			fake_clock_advance(&e->clk, NSEC_PER_MSEC);
		assert_in_range(n, 0, 1);
		fake_clock_advance(&e->clk, NSEC_PER_MSEC + 77);
	}
	assert_int_equal(rd(e, D) & 0x7f, 0);
}

/* Setting: SET, divider reset, bytes, SET off, divider on; as mc146818_set_time() does it. */
static void test_linux_set_time(void **state)
{
	struct env *e = *state;
	uint8_t b = rd(e, B), a;

	fake_clock_advance(&e->clk, 123456789);
	wr(e, B, b | B_SET);
	a = rd(e, A) & 0x7f;
	wr(e, A, a | 0x70);
	wr(e, YEAR, 0x31);
	wr(e, MON, 0x05);
	wr(e, DAY, 0x17);
	wr(e, HOUR, 0x06);
	wr(e, MIN, 0x07);
	wr(e, SEC, 0x08);
	wr(e, CENT, 0x20);
	wr(e, B, b);
	wr(e, A, a);
	fake_clock_advance(&e->clk, 500 * NSEC_PER_MSEC);
	assert_time(e, "2031-05-17 06:07:09 w7");
	advance_sec(e, 1);
	assert_time(e, "2031-05-17 06:07:10 w7");
}

/* --- state ------------------------------------------------------------------------------------ */

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct env f = { .host_base = HOST_NOW + 12345 * NSEC_PER_SEC };

	set_time(e, 0x20, 0x26, 0x11, 0x21, 0x20, 0x15, 0x30);
	set_alarm(e, 0x20, 0x16, 0x00);
	wr(e, B, B_24 | B_AIE);
	wr(e, 0x40, 0x99);
	fake_clock_init(&f.clk);
	make(&f);
	fake_clock_advance(&e->clk, 5 * NSEC_PER_SEC + 7);
	f.clk.now_ns = e->clk.now_ns; /* the machine restores its clock first */
	assert_snapshot_round_trip(e->dev, f.dev);
	f.dev->ops->start(f.dev, NULL);
	assert_int_equal(f.irq.rises, 0);
	assert_time(&f, "2026-11-21 20:15:35 w7"); /* the VM's time, not the host's */
	assert_int_equal(fake_clock_next(&f.clk), fake_clock_next(&e->clk));
	advance_sec(&f, 25);
	assert_true(f.irq.level);
	assert_int_equal(rd(&f, 0x40), 0x99);
	f.dev->ops->stop(f.dev);
	f.clk.clock.ops = NULL; /* gone before the device is */
	f.irq.line.ops = NULL;
	f.dev->ops->destroy(f.dev);
}

static void test_hostile_snapshot(void **state)
{
	static const struct {
		const char *field;
		unsigned idx;
		uint64_t val;
		const char *why;
	} bad[] = {
		{ "index", 0, 128, "out of range" },
		{ "weekday_off", 0, 7, "out of range" },
		{ "phase_ns", 0, NSEC_PER_SEC, "out of range" },
		{ "sec_off", 0, UINT64_MAX / 2, "beyond" },
		{ "sec_off", 0, UINT64_MAX - 1000, "beyond" },
		{ "seen_sec", 0, UINT64_MAX, "beyond" },
		{ "cmos", A, 0xa6, "reserved" },
		{ "cmos", C, 0x01, "reserved" },
		{ "cmos", D, 0x00, "reserved" },
	};
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t good = state_peek(e->dev, bad[i].field, bad[i].idx);

		state_poke(e->dev, bad[i].field, bad[i].idx, bad[i].val);
		assert_state_refused(e->dev, bad[i].why);
		state_poke(e->dev, bad[i].field, bad[i].idx, good);
	}
	e->dev->ops->stop(e->dev);
	state_poke(e->dev, "seen_period", 0, UINT64_MAX);
	state_poke(e->dev, "cmos", B, B_24 | B_PIE);
	assert_state_accepted(e->dev);
	e->dev->ops->start(e->dev, NULL);
	assert_true(fake_clock_next(&e->clk) <= e->clk.now_ns + NSEC_PER_MSEC);
}

static void test_storm(void **state)
{
	struct env *e = *state;
	struct storm s = { 0x146818 };

	for (unsigned i = 0; i < 100000; i++) {
		uint32_t x = storm_next(&s);
		unsigned fired = e->clk.fired;

		/* mostly the registers that do something */
		io_write(e->dev, 0, 0, 1, x & 0x700 ? x % 14 : x & 0xff);
		switch (x >> 11 & 3) {
		case 0:
			io_write(e->dev, 0, 1, 1, x >> 13 & 0xff);
			break;
		case 1:
			io_read(e->dev, 0, 1, 1);
			break;
		case 2:
			fake_clock_advance(&e->clk, x >> 4 & 0xffffff);
			/* 16.8 ms hold at most one unacknowledged event of each kind */
			assert_in_range(e->clk.fired, fired, fired + 3);
			break;
		default:
			if (x % 64 == 3)
				device_reset(e->dev);
			if (x % 64 == 5)
				mc146818_resync(e->rtc);
			if (x % 64 == 7)
				fake_clock_advance(&e->clk, (uint64_t)x * 1000);
			break;
		}
		assert_int_equal(e->irq.level, !!(state_peek(e->dev, "cmos", B) &
						  state_peek(e->dev, "cmos", C) & 0x70));
		assert_state_accepted(e->dev);
	}
	device_reset(e->dev);
	rd(e, C);
	advance_sec(e, 1);
	assert_int_equal(rd(e, C) & C_UF, C_UF);
}

static void test_needs_clocks(void **state)
{
	struct fake_clock clk;
	struct mc146818_config cfg = { .id = "rtc7", .clock = &clk.clock };
	struct mc146818 *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(mc146818_create(&cfg, &s, &err) < 0);
	assert_error(err, "'rtc7'");
	assert_null(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_right_date),
		cmocka_unit_test(test_host_time_at_start),
		T(test_update_in_progress),
		T(test_set),
		T(test_time_survives_reset),
		T(test_resync),
		T(test_formats),
		T(test_calendar_edges),
		T(test_garbage_time),
		T(test_update_ended_interrupt),
		T(test_periodic_rates),
		T(test_periodic_does_not_drift),
		T(test_alarm),
		T(test_alarm_never),
		T(test_alarm_polled_12h),
		T(test_divider_reset),
		T(test_reset),
		T(test_ports_and_ram),
		T(test_linux_probe),
		T(test_linux_set_time),
		T(test_snapshot),
		T(test_hostile_snapshot),
		T(test_storm),
		cmocka_unit_test(test_needs_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
