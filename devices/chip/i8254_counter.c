/* SPDX-License-Identifier: MIT */
/*
 * i8254_counter.c: one counter of the Intel 82C54 (231244), all six modes, in closed form.
 *
 *   mode  OUT                                          loaded on       GATE low
 *   0     low, high once N ticks have passed           count written   stops counting
 *   1     high, low for N ticks                        GATE rise       -
 *   2     high, low for the last tick of every N       period, rise    stops counting, OUT high
 *   3     high for (N+1)/2 ticks, low for N/2          half, rise      stops counting, OUT high
 *   4     high, low for one tick after N               count written   stops counting
 *   5     high, low for one tick after N               GATE rise       -
 *
 * Every load happens on the CLK pulse after its cause. Until then the old count goes on, so a load
 * is kept as the tick at which it will happen and carried out by whoever looks later.
 */
#include "devices/chip/i8254_counter.h"

#include <errno.h>

#include "vmm/error.h"

#define CW_BCD    0x01u
#define CW_RW_LSB 1u
#define CW_RW_MSB 2u
#define CW_RW_16  3u

#define STATUS_OUT  0x80u
#define STATUS_NULL 0x40u

#define COUNT_MAX 0x10000u

/* M2 is a don't-care in X10 and X11: 6 is mode 2 and 7 is mode 3. */
static unsigned counter_mode(const struct pit_counter *c)
{
	unsigned m = (c->control >> 1) & 7;

	return m > 5 ? m - 4 : m;
}

static unsigned counter_rw(const struct pit_counter *c)
{
	return (c->control >> 4) & 3;
}

static bool is_periodic(unsigned mode)
{
	return mode == 2 || mode == 3;
}

/* Modes in which a low GATE stops the counting; in the others its rise is a trigger. */
static bool is_gated(unsigned mode)
{
	return mode != 1 && mode != 5;
}

static uint32_t modulus(const struct pit_counter *c)
{
	return c->control & CW_BCD ? 10000 : COUNT_MAX;
}

/* The longer, high part of mode 3: "high for (N + 1)/2 counts and low for (N - 1)/2 counts". */
static uint32_t high_len(uint32_t n)
{
	return (n + 1) / 2;
}

/* A digit above 9 is not BCD; it counts as 9. */
static uint32_t decode(const struct pit_counter *c, uint32_t raw)
{
	uint32_t n = raw;

	if (c->control & CW_BCD) {
		n = 0;
		for (int shift = 12; shift >= 0; shift -= 4)
			n = n * 10 + (uint32_t)min_u64((raw >> shift) & 0xf, 9);
	}
	/* "0 is equivalent to 2^16 for binary counting and 10^4 for BCD counting" */
	return n ? n : modulus(c);
}

static uint16_t encode(const struct pit_counter *c, uint32_t n)
{
	uint32_t raw = n;

	if (c->control & CW_BCD)
		raw = n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12;
	return (uint16_t)raw;
}

/* "A count of 1 is illegal" in modes 2 and 3: it counts as the shortest legal one. */
static uint32_t effective_reload(const struct pit_counter *c)
{
	return is_periodic(counter_mode(c)) && c->reload < 2 ? 2 : c->reload;
}

/* --- the counting element --------------------------------------------------------------------- */

static void load(struct pit_counter *c)
{
	c->count = effective_reload(c);
	c->start = c->load_at - (c->load_low ? high_len(c->count) : 0);
	c->running = true;
	c->frozen = !c->gate && is_gated(counter_mode(c));
	c->elapsed = 0;
	c->null_count = false;
	c->load_low = false;
	c->load_at = PIT_NEVER;
}

/* Brings @c up to @now: a load that is due, and the start of the current period. */
static void advance(struct pit_counter *c, uint64_t now)
{
	if (c->load_at <= now)
		load(c);
	if (c->running && !c->frozen && is_periodic(counter_mode(c)))
		c->start += (now - c->start) / c->count * c->count;
}

static uint64_t ticks_since_load(const struct pit_counter *c, uint64_t now)
{
	return c->frozen ? c->elapsed : now - c->start;
}

static uint32_t element(const struct pit_counter *c, uint64_t now)
{
	uint32_t mod = modulus(c), high = high_len(c->count), e;

	if (!c->running)
		return c->held;
	if (!is_periodic(counter_mode(c))) {
		/* "The Counter wraps around to the highest count ... and continues counting." */
		e = (uint32_t)(ticks_since_load(c, now) % mod);
		return (c->count + mod - e) % mod;
	}
	e = (uint32_t)(ticks_since_load(c, now) % c->count);
	if (counter_mode(c) == 2)
		return (c->count - e) % mod;
	/* Mode 3 loads the even part and counts by two in each half. */
	return ((c->count & ~1u) - 2 * (e < high ? e : e - high)) % mod;
}

static bool out_pin(const struct pit_counter *c, uint64_t now)
{
	unsigned mode = counter_mode(c);
	uint64_t e;

	if (!c->running)
		return mode != 0;
	e = ticks_since_load(c, now);
	switch (mode) {
	case 0:
	case 1:
		return e >= c->count;
	case 2:
		return c->frozen || e % c->count != c->count - 1;
	case 3:
		return c->frozen || e % c->count < high_len(c->count);
	default:
		return e != c->count;
	}
}

static void halt(struct pit_counter *c, uint64_t now)
{
	c->held = (uint16_t)element(c, now);
	c->running = false;
	c->frozen = false;
	c->load_low = false;
	c->load_at = PIT_NEVER;
}

/* --- programming ------------------------------------------------------------------------------ */

void pit_counter_reset(struct pit_counter *c, bool gate)
{
	*c = (struct pit_counter){
		.control = CW_RW_16 << 4,
		.gate = gate,
		.null_count = true,
		.reload = COUNT_MAX,
		.count = COUNT_MAX,
		.load_at = PIT_NEVER,
	};
}

void pit_counter_set_control(struct pit_counter *c, uint64_t now, uint8_t control)
{
	advance(c, now);
	halt(c, now);
	c->control = control & 0x3f;
	c->armed = false;
	c->null_count = true;
	c->write_msb = c->read_msb = false;
	c->count_latched = c->status_latched = false;
}

/*
 * Modes 2 and 3: "the new count will be loaded at the end of the current counting cycle" or
 * half-cycle; a GATE that is low leaves it to the trigger. Up to date with @now.
 */
static void load_at_boundary(struct pit_counter *c, uint64_t now)
{
	uint32_t high = high_len(c->count);

	if (c->frozen)
		return;
	c->load_low = counter_mode(c) == 3 && now - c->start < high;
	c->load_at = c->start + (c->load_low ? high : c->count);
}

static void write_count(struct pit_counter *c, uint64_t now, uint32_t raw)
{
	c->reload = decode(c, raw);
	c->armed = true;
	c->null_count = true;
	switch (counter_mode(c)) {
	case 0:
		halt(c, now); /* OUT goes low at once */
		c->load_at = now + 1;
		break;
	case 4:
		c->load_at = now + 1;
		break;
	case 2:
	case 3:
		if (c->running)
			load_at_boundary(c, now);
		else
			c->load_at = now + 1;
		break;
	default: /* 1 and 5 wait for the trigger */
		break;
	}
}

void pit_counter_write(struct pit_counter *c, uint64_t now, uint8_t val)
{
	advance(c, now);
	switch (counter_rw(c)) {
	case CW_RW_LSB:
		write_count(c, now, val);
		return;
	case CW_RW_MSB:
		write_count(c, now, (uint32_t)val << 8);
		return;
	default:
		break;
	}
	c->write_msb = !c->write_msb;
	if (!c->write_msb) {
		write_count(c, now, (uint32_t)val << 8 | c->write_lsb);
		return;
	}
	c->write_lsb = val;
	/* "Writing the first byte disables counting. OUT is set low immediately." */
	if (counter_mode(c) == 0)
		halt(c, now);
}

void pit_counter_set_gate(struct pit_counter *c, uint64_t now, bool level)
{
	unsigned mode = counter_mode(c);

	advance(c, now);
	if (c->gate == level)
		return;
	c->gate = level;
	if (level && (mode == 0 || mode == 4)) {
		c->start = c->frozen ? now - c->elapsed : c->start;
		c->frozen = false;
	} else if (level && c->armed) {
		c->load_at = now + 1; /* a trigger */
		c->load_low = false;
	} else if (!level && is_gated(mode) && c->running && !c->frozen) {
		c->elapsed = ticks_since_load(c, now);
		c->frozen = true;
		if (is_periodic(mode))
			c->load_at = PIT_NEVER;
	}
	/* Frozen and falling again: "a trigger will be detected no matter when it occurs - a high
	 * logic level does not have to be maintained until the next rising edge of CLK". */
}

/* --- reading ---------------------------------------------------------------------------------- */

void pit_counter_latch_count(struct pit_counter *c, uint64_t now)
{
	advance(c, now);
	/* "If a Counter is latched and then, some time later, latched again before the count is
	 * read, the second Counter Latch Command is ignored." */
	if (c->count_latched)
		return;
	c->count_latched = true;
	c->count_latch = encode(c, element(c, now));
}

void pit_counter_latch_status(struct pit_counter *c, uint64_t now)
{
	advance(c, now);
	if (c->status_latched)
		return;
	c->status_latched = true;
	c->status_latch = (uint8_t)((out_pin(c, now) ? STATUS_OUT : 0) |
				    (c->null_count ? STATUS_NULL : 0) | c->control);
}

uint8_t pit_counter_read(struct pit_counter *c, uint64_t now)
{
	bool msb = counter_rw(c) == CW_RW_MSB;
	uint16_t v;

	advance(c, now);
	/* "If both count and status of a counter are latched, the first read operation of that
	 * counter will return latched status." */
	if (c->status_latched) {
		c->status_latched = false;
		return c->status_latch;
	}
	v = c->count_latched ? c->count_latch : encode(c, element(c, now));
	if (counter_rw(c) == CW_RW_16) {
		msb = c->read_msb;
		c->read_msb = !msb;
	}
	if (msb || counter_rw(c) != CW_RW_16)
		c->count_latched = false;
	return (uint8_t)(msb ? v >> 8 : v);
}

bool pit_counter_out(struct pit_counter *c, uint64_t now)
{
	advance(c, now);
	return out_pin(c, now);
}

/* Ticks from the load of @n to the end of the first cycle, where OUT rises. */
static uint64_t rise_after(unsigned mode, uint32_t n)
{
	return mode >= 4 ? (uint64_t)n + 1 : n;
}

/* Where the load that is on its way will make OUT rise first. */
static uint64_t rise_by_load(const struct pit_counter *c, uint64_t now)
{
	unsigned mode = counter_mode(c);
	uint32_t n = effective_reload(c);

	if (c->frozen && !out_pin(c, now))
		return c->load_at; /* mode 4: it ends a strobe that GATE holds */
	if (!c->gate && is_gated(mode))
		return PIT_NEVER;
	return c->load_at + rise_after(mode, n) - (c->load_low ? high_len(n) : 0);
}

uint64_t pit_counter_next_rise(struct pit_counter *c, uint64_t now, uint64_t not_before)
{
	unsigned mode = counter_mode(c);
	uint64_t rise = PIT_NEVER, n;

	advance(c, now);
	n = c->count;
	if (c->running && !c->frozen) {
		uint64_t e = now - c->start, end = rise_after(mode, c->count);

		if (e < end)
			rise = now + (end - e);
	}
	/* A load that comes first replaces what would have happened. One on the very pulse of the
	 * rise does so only in mode 1, where it keeps OUT low. */
	if (c->load_at < rise || (c->load_at == rise && mode == 1 && rise != PIT_NEVER)) {
		rise = rise_by_load(c, now);
		n = effective_reload(c);
	}
	if (is_periodic(mode) && rise != PIT_NEVER && rise < not_before)
		rise += (not_before - rise + n - 1) / n * n;
	return rise;
}

/* --- saved states ----------------------------------------------------------------------------- */

void pit_counter_save(struct pit_counter *c, uint64_t now)
{
	advance(c, now);
	c->elapsed = c->running ? ticks_since_load(c, now) : 0;
	c->load_in = c->load_at == PIT_NEVER ? PIT_NEVER : c->load_at - now;
}

int pit_counter_load(struct pit_counter *c, uint64_t now, struct error **errp)
{
	uint32_t least = is_periodic(counter_mode(c)) ? 2 : 1;

	if (c->control > 0x3f || !counter_rw(c))
		return err_set(errp, EINVAL, "control word %#x is not one a counter can hold",
			       c->control);
	if (c->reload < 1 || c->reload > modulus(c))
		return err_set(errp, EINVAL, "count register %u is not in 1..%u", c->reload,
			       modulus(c));
	if (c->running && (c->count < least || c->count > modulus(c)))
		return err_set(errp, EINVAL, "count %u is not in %u..%u", c->count, least,
			       modulus(c));
	if (c->frozen && !c->running)
		return err_set(errp, EINVAL, "stopped by its gate without having been started");
	if (c->load_in != PIT_NEVER && (!c->armed || c->load_in < 1 || c->load_in > COUNT_MAX))
		return err_set(errp, EINVAL, "its next load cannot be %llu ticks away",
			       (unsigned long long)c->load_in);
	if (c->load_low && (counter_mode(c) != 3 || c->load_in == PIT_NEVER))
		return err_set(errp, EINVAL, "a half-cycle is to begin in a mode that has none");
	c->start = now - c->elapsed;
	c->load_at = c->load_in == PIT_NEVER ? PIT_NEVER : now + c->load_in;
	return 0;
}
