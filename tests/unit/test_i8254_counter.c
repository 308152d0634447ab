/* SPDX-License-Identifier: MIT */
/*
 * One 8254 counter: the waveforms of the data sheet (Intel 231244-006; "DS"), and the closed form
 * against a model that does what the data sheet says, one CLK pulse at a time.
 */
#include "devices/chip/i8254_counter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake.h"

static struct pit_counter c;
static uint64_t now;

static void start(uint8_t control, bool gate)
{
	now = 1000;
	pit_counter_reset(&c, gate);
	pit_counter_set_control(&c, now, control);
}

/* What a latch and a read would give, without a trace. */
static unsigned peek(const struct pit_counter *from)
{
	struct pit_counter k = *from;
	unsigned v;

	k.count_latched = k.status_latched = k.read_msb = false;
	k.control = (uint8_t)(k.control | 0x30);
	pit_counter_latch_count(&k, now);
	v = pit_counter_read(&k, now);
	return v | (unsigned)pit_counter_read(&k, now) << 8;
}

static bool is_null(const struct pit_counter *from)
{
	struct pit_counter k = *from;

	k.status_latched = false;
	pit_counter_latch_status(&k, now);
	return pit_counter_read(&k, now) & 0x40;
}

/* A waveform as the figures draw it: per CLK pulse the low byte of the count and OUT. */
#define H 0x100
static void wave(const uint16_t *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		now++;
		assert_int_equal(peek(&c) & 0xff, w[i] & 0xff);
		assert_int_equal(pit_counter_out(&c, now), !!(w[i] & H));
	}
}
#define WAVE(...)                                                                                  \
	do {                                                                                       \
		static const uint16_t w_[] = { __VA_ARGS__ };                                      \
		wave(w_, ARRAY_LEN(w_));                                                           \
	} while (0)

static void mode0(void **state)
{
	(void)state;
	/* DS figure 15: CW = 10, LSB = 4. */
	start(0x10, true);
	assert_false(pit_counter_out(&c, now));
	pit_counter_write(&c, now, 4);
	assert_true(is_null(&c));
	WAVE(4, 3);
	assert_false(is_null(&c));
	WAVE(2, 1, H | 0, H | 0xff, H | 0xfe);
	/* CW = 10, LSB = 3, GATE low for two pulses. */
	start(0x10, true);
	pit_counter_write(&c, now, 3);
	WAVE(3, 2);
	pit_counter_set_gate(&c, now, false);
	WAVE(2, 2);
	pit_counter_set_gate(&c, now, true);
	WAVE(1, H | 0, H | 0xff);
	/* CW = 10, LSB = 3, then LSB = 2 while counting. */
	start(0x10, true);
	pit_counter_write(&c, now, 3);
	WAVE(3, 2, 1);
	pit_counter_write(&c, now, 2);
	WAVE(2, 1, H | 0, H | 0xff);
	/* "remains high until a new count or a new Mode 0 Control Word is written" */
	pit_counter_write(&c, now, 9);
	assert_false(pit_counter_out(&c, now));
}

static void mode0_two_bytes(void **state)
{
	(void)state;
	/* DS: "1) Writing the first byte disables counting. OUT is set low immediately (no clock
	 * pulse required). 2) Writing the second byte allows the new count to be loaded on the next
	 * CLK pulse." */
	start(0x30, true);
	pit_counter_write(&c, now, 3);
	pit_counter_write(&c, now, 0);
	WAVE(3, 2, 1, H | 0, H | 0xff);
	pit_counter_write(&c, now, 2);
	assert_false(pit_counter_out(&c, now));
	WAVE(0xff, 0xff, 0xff);
	pit_counter_write(&c, now, 1);
	WAVE(2, 1);
	assert_int_equal(peek(&c), 0x101);
	/* DS: "If an initial count is written while GATE = 0, it will still be loaded on the next
	 * CLK pulse. When GATE goes high, OUT will go high N CLK pulses later". */
	start(0x10, false);
	pit_counter_write(&c, now, 2);
	WAVE(2, 2, 2);
	pit_counter_set_gate(&c, now, true);
	WAVE(1, H | 0);
}

static void mode1(void **state)
{
	(void)state;
	/* DS figure 16: CW = 12, LSB = 3. */
	start(0x12, false);
	assert_true(pit_counter_out(&c, now));
	pit_counter_set_gate(&c, now, true); /* not armed: no trigger */
	now += 5;
	pit_counter_set_gate(&c, now, false);
	assert_true(pit_counter_out(&c, now));
	pit_counter_write(&c, now, 3);
	now += 5;
	assert_true(pit_counter_out(&c, now));
	assert_true(is_null(&c));
	pit_counter_set_gate(&c, now, true);
	WAVE(3, 2, 1, H | 0, H | 0xff);
	pit_counter_set_gate(&c, now, false);
	WAVE(H | 0xfe);
	/* retriggered in mid-pulse */
	pit_counter_set_gate(&c, now, true);
	WAVE(3, 2);
	pit_counter_set_gate(&c, now, false);
	pit_counter_set_gate(&c, now, true);
	WAVE(3, 2, 1, H | 0);
	/* "If a new count is written to the Counter during a one-shot pulse, the current one-shot
	 * is not affected unless the Counter is retriggered." CW = 12, LSB = 2, LSB = 4. */
	start(0x12, false);
	pit_counter_write(&c, now, 2);
	pit_counter_set_gate(&c, now, true);
	WAVE(2, 1);
	pit_counter_write(&c, now, 4);
	WAVE(H | 0, H | 0xff);
	pit_counter_set_gate(&c, now, false);
	pit_counter_set_gate(&c, now, true);
	WAVE(4, 3, 2, 1, H | 0);
}

static void mode2(void **state)
{
	(void)state;
	/* DS figure 17: CW = 14, LSB = 3. */
	start(0x14, true);
	assert_true(pit_counter_out(&c, now));
	pit_counter_write(&c, now, 3);
	WAVE(H | 3, H | 2, 1, H | 3, H | 2, 1, H | 3);
	/* "If GATE goes low during an output pulse, OUT is set high immediately. A trigger reloads
	 * the Counter with the initial count on the next CLK pulse". */
	WAVE(H | 2, 1);
	pit_counter_set_gate(&c, now, false);
	assert_true(pit_counter_out(&c, now));
	WAVE(H | 1, H | 1);
	pit_counter_set_gate(&c, now, true);
	WAVE(H | 3, H | 2, 1, H | 3);
	/* CW = 14, LSB = 4, then LSB = 5: "Writing a new count while counting does not affect the
	 * current counting sequence." */
	start(0x14, true);
	pit_counter_write(&c, now, 4);
	WAVE(H | 4, H | 3);
	pit_counter_write(&c, now, 5);
	assert_true(is_null(&c));
	WAVE(H | 2, 1);
	assert_true(is_null(&c));
	WAVE(H | 5);
	assert_false(is_null(&c));
	WAVE(H | 4, H | 3, H | 2, 1, H | 5);
	/* "If a trigger is received after writing a new count but before the end of the current
	 * period, the Counter will be loaded with the new count on the next CLK pulse". */
	pit_counter_write(&c, now, 3);
	pit_counter_set_gate(&c, now, false);
	pit_counter_set_gate(&c, now, true);
	WAVE(H | 3, H | 2, 1, H | 3);
}

static void mode3(void **state)
{
	(void)state;
	/* DS figure 18: CW = 16, LSB = 4. */
	start(0x16, true);
	pit_counter_write(&c, now, 4);
	WAVE(H | 4, H | 2, 4, 2, H | 4, H | 2, 4, 2, H | 4);
	/* CW = 16, LSB = 5: "OUT will be high for (N + 1)/2 counts and low for (N
	 * - 1)/2 counts". */
	start(0x16, true);
	pit_counter_write(&c, now, 5);
	WAVE(H | 4, H | 2, H | 0, 4, 2, H | 4, H | 2, H | 0, 4, 2, H | 4);
	/* CW = 16, LSB = 4, GATE low while OUT is low: "OUT is set high immediately". */
	start(0x16, true);
	pit_counter_write(&c, now, 4);
	WAVE(H | 4, H | 2, 4);
	pit_counter_set_gate(&c, now, false);
	assert_true(pit_counter_out(&c, now));
	WAVE(H | 4, H | 4);
	pit_counter_set_gate(&c, now, true);
	WAVE(H | 4, H | 2, 4, 2, H | 4);
	/* "Otherwise, the new count will be loaded at the end of the current half-cycle." */
	pit_counter_write(&c, now, 6);
	WAVE(H | 2, 6, 4, 2, H | 6, H | 4, H | 2, 6);
	pit_counter_write(&c, now, 2);
	WAVE(4, 2, H | 2, 2, H | 2);
}

static void mode4(void **state)
{
	(void)state;
	/* DS figure 19: CW = 18, LSB = 3: "OUT does not strobe low until N + 1 CLK pulses after the
	 * initial count is written". */
	start(0x18, true);
	assert_true(pit_counter_out(&c, now));
	pit_counter_write(&c, now, 3);
	WAVE(H | 3, H | 2, H | 1, 0, H | 0xff, H | 0xfe);
	/* GATE */
	start(0x18, false);
	pit_counter_write(&c, now, 3);
	WAVE(H | 3, H | 3);
	pit_counter_set_gate(&c, now, true);
	WAVE(H | 2, H | 1, 0, H | 0xff);
	/* CW = 18, LSB = 3, LSB = 2: "it will be loaded on the next CLK pulse". */
	start(0x18, true);
	pit_counter_write(&c, now, 3);
	WAVE(H | 3, H | 2, H | 1);
	pit_counter_write(&c, now, 2);
	WAVE(H | 2, H | 1, 0, H | 0xff);
	/* "1) Writing the first byte has no effect on counting." */
	start(0x38, true);
	pit_counter_write(&c, now, 3);
	pit_counter_write(&c, now, 0);
	WAVE(H | 3);
	pit_counter_write(&c, now, 7);
	WAVE(H | 2, H | 1, 0, H | 0xff);
}

static void mode5(void **state)
{
	(void)state;
	/* DS figure 20: CW = 1A, LSB = 3: "the counter will not be loaded until the CLK pulse after
	 * a trigger". */
	start(0x1a, false);
	pit_counter_write(&c, now, 3);
	now += 9;
	assert_true(pit_counter_out(&c, now));
	pit_counter_set_gate(&c, now, true);
	WAVE(H | 3, H | 2);
	pit_counter_set_gate(&c, now, false); /* "GATE has no effect on OUT" */
	WAVE(H | 1, 0, H | 0xff);
	pit_counter_set_gate(&c, now, true);
	WAVE(H | 3, H | 2);
	pit_counter_set_gate(&c, now, false);
	pit_counter_set_gate(&c, now, true);
	WAVE(H | 3, H | 2, H | 1, 0, H | 0xff, H | 0xfe);
}

static void counts_at_the_edges(void **state)
{
	(void)state;
	/* DS figure 23: the maximum initial count is 0, "equivalent to 2^16 for binary counting and
	 * 10^4 for BCD counting"; the minimum is 1, in modes 2 and 3 it is 2. */
	start(0x30, true);
	pit_counter_write(&c, now, 0);
	pit_counter_write(&c, now, 0);
	assert_int_equal(pit_counter_next_rise(&c, now, 0), now + 1 + 65536);
	now += 2;
	assert_int_equal(peek(&c), 0xffff);
	start(0x35, true); /* mode 2, BCD */
	pit_counter_write(&c, now, 0);
	pit_counter_write(&c, now, 0);
	assert_int_equal(pit_counter_next_rise(&c, now, 0), now + 1 + 10000);
	now += 2;
	assert_int_equal(peek(&c), 0x9999);
	now += 1235;
	assert_int_equal(peek(&c), 0x8764);
	start(0x11, true);
	pit_counter_write(&c, now, 0x10);
	assert_int_equal(pit_counter_next_rise(&c, now, 0), now + 1 + 10);
	now += 12;
	assert_int_equal(peek(&c), 0x9999); /* "wraps around to ... 9999 for BCD counting" */
	start(0x31, true);
	pit_counter_write(&c, now, 0xff); /* digits that are none */
	pit_counter_write(&c, now, 0xff);
	assert_int_equal(pit_counter_next_rise(&c, now, 0), now + 1 + 9999);
	for (unsigned mode = 2; mode <= 3; mode++) {
		start((uint8_t)(0x10 | mode << 1), true);
		pit_counter_write(&c, now, 1);
		assert_int_equal(pit_counter_next_rise(&c, now, 0), now + 1 + 2);
		WAVE(H | 2);
	}
	start(0x20, true); /* "RW = 10: most significant byte only" */
	pit_counter_write(&c, now, 0x12);
	now++;
	assert_int_equal(peek(&c), 0x1200);
	assert_int_equal(pit_counter_read(&c, now), 0x12);
}

static void latches(void **state)
{
	(void)state;
	start(0x34, true);
	pit_counter_write(&c, now, 0x34);
	pit_counter_write(&c, now, 0x12);
	now += 1 + 0x34;
	pit_counter_latch_count(&c, now);
	now += 0x100;
	/* DS: "the second Counter Latch Command is ignored. The count read will be the count at the
	 * time the first Counter Latch Command was issued." */
	pit_counter_latch_count(&c, now);
	assert_int_equal(pit_counter_read(&c, now), 0x00);
	pit_counter_write(&c, now, 0x55); /* "may be interleaved" */
	assert_int_equal(pit_counter_read(&c, now), 0x12);
	pit_counter_write(&c, now, 0x55);
	/* "The count is then unlatched automatically and the OL returns to following CE." */
	assert_int_equal(pit_counter_read(&c, now), 0x00);
	assert_int_equal(pit_counter_read(&c, now), 0x11);
	/* "the first read operation of that counter will return latched status, regardless of which
	 * was latched first"; "all but the first are ignored" */
	pit_counter_latch_count(&c, now);
	pit_counter_latch_status(&c, now);
	now += 0x10000; /* the new count is loaded by now */
	pit_counter_latch_status(&c, now);
	assert_int_equal(pit_counter_read(&c, now), 0x80 | 0x40 | 0x34);
	assert_int_equal(pit_counter_read(&c, now), 0x00);
	assert_int_equal(pit_counter_read(&c, now), 0x11);
	pit_counter_latch_status(&c, now);
	assert_int_equal(pit_counter_read(&c, now), 0x80 | 0x34);
	/* "held in the latch until it is read by the CPU (or until the Counter is reprogrammed)" */
	pit_counter_latch_count(&c, now);
	pit_counter_latch_status(&c, now);
	pit_counter_set_control(&c, now, 0x1e);
	pit_counter_write(&c, now, 9);
	now++;
	assert_int_equal(pit_counter_read(&c, now), 8); /* mode 3 of 9 loads 8 */
	/* Status gives the mode "exactly as written": here 7, which works as 3. */
	pit_counter_latch_status(&c, now);
	assert_int_equal(pit_counter_read(&c, now), 0x80 | 0x1e);
}

/* --- the data sheet, one pulse at a time ------------------------------------------------------ */

struct model {
	unsigned mode;
	bool two_bytes, second;
	uint32_t lsb, mod;
	uint32_t cr, ce, n; /* register, element (0..mod - 1), count CE was loaded with */
	bool gate, out, null, armed;
	bool counting;  /* CE holds a count of this mode */
	bool load_next; /* on the next pulse, by a write */
	bool trigger;   /* on the next pulse, by GATE */
	bool strobe;    /* modes 4 and 5: the strobe of this count is still to come */
};

static void model_load(struct model *m)
{
	m->n = m->cr;
	m->ce = (m->mode == 3 ? m->n & ~1u : m->n) % m->mod;
	m->null = false;
	m->counting = true;
}

static void model_square(struct model *m)
{
	bool spare = (m->n & 1) && m->out; /* the pulse that stays at 0 */
	bool end;

	if (spare) {
		end = m->ce == 0;
		if (!end)
			m->ce -= 2;
	} else {
		m->ce = (m->ce + m->mod - 2) % m->mod;
		end = m->ce == 0;
	}
	if (end) {
		m->out = !m->out;
		model_load(m);
	}
}

static void model_count(struct model *m)
{
	if (m->mode == 3) {
		model_square(m);
		return;
	}
	if (m->mode == 2 && m->ce == 1) {
		model_load(m);
		m->out = true;
		return;
	}
	m->ce = (m->ce + m->mod - 1) % m->mod;
	switch (m->mode) {
	case 0:
	case 1:
		m->out |= m->ce == 0;
		break;
	case 2:
		m->out = m->ce != 1;
		break;
	default:
		m->out = m->ce != 0 || !m->strobe;
		m->strobe &= m->ce != 0;
		break;
	}
}

static void model_clk(struct model *m)
{
	bool gated = m->mode != 1 && m->mode != 5;

	if (m->load_next || m->trigger) {
		m->load_next = m->trigger = false;
		model_load(m);
		m->out = m->mode != 0 && m->mode != 1;
		m->strobe = true;
	} else if (m->counting && (m->gate || !gated)) {
		model_count(m);
	}
}

static void model_control(struct model *m, uint8_t control)
{
	m->mode = control >> 1 & 7;
	m->mode -= m->mode > 5 ? 4 : 0;
	m->two_bytes = (control & 0x30) == 0x30;
	m->mod = control & 1 ? 10000 : 65536;
	m->second = m->armed = m->counting = m->load_next = m->trigger = false;
	m->null = true;
	m->out = m->mode != 0;
}

static void model_write(struct model *m, uint8_t val)
{
	if (m->two_bytes && !m->second) {
		m->lsb = val;
		m->second = true;
		if (m->mode == 0)
			m->counting = m->load_next = m->out = false;
		return;
	}
	m->cr = m->two_bytes ? (uint32_t)val << 8 | m->lsb : val;
	if (m->mod == 10000)
		m->cr = (m->cr >> 12) * 1000 + (m->cr >> 8 & 15) * 100 + (m->cr >> 4 & 15) * 10 +
			(m->cr & 15);
	m->cr = m->cr ? m->cr : m->mod;
	if ((m->mode == 2 || m->mode == 3) && m->cr == 1)
		m->cr = 2;
	m->second = false;
	m->null = true;
	m->armed = true;
	if (m->mode == 0)
		m->out = m->counting = false;
	if (m->mode == 0 || m->mode == 4 || ((m->mode == 2 || m->mode == 3) && !m->counting))
		m->load_next = true;
}

static void model_gate(struct model *m, bool level)
{
	bool edge_sensitive = m->mode != 0 && m->mode != 4;

	if (level && !m->gate && edge_sensitive && m->armed)
		m->trigger = true;
	if (!level && (m->mode == 2 || m->mode == 3))
		m->out = true;
	m->gate = level;
}

static unsigned model_value(const struct model *m)
{
	uint32_t v = m->ce;

	if (m->mod == 10000)
		v = v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12;
	return v;
}

/* A count byte that keeps things moving, with legal digits for BCD. */
static uint8_t some_count(unsigned r, bool msb)
{
	if (msb)
		return r % 8 ? 0 : (uint8_t)(r >> 4 & 1);
	return r % 16 ? (uint8_t)(r >> 4 & 7) : (uint8_t)(r >> 4 & 0x77);
}

static void turn_gate(struct model *m)
{
	bool level = !m->gate;

	pit_counter_set_gate(&c, now, level);
	model_gate(m, level);
}

static void model_op(struct model *m, unsigned r)
{
	uint8_t v;

	switch (r & 15) {
	case 0: /* any mode; LSB only or two bytes; mostly binary */
		v = (uint8_t)((r >> 4 & 1 ? 0x30 : 0x10) | (r >> 5 & 7) << 1 | !(r >> 8 & 7));
		pit_counter_set_control(&c, now, v);
		model_control(m, v);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		v = some_count(r >> 4, m->second);
		pit_counter_write(&c, now, v);
		model_write(m, v);
		break;
	case 7: /* a full cycle inside one pulse */
		turn_gate(m);
		turn_gate(m);
		break;
	case 8:
	case 9:
	case 10:
		turn_gate(m);
		break;
	default:
		break;
	}
}

/*
 * 100,000 operations, each followed by some pulses; after each of them count, OUT and the null
 * count flag must agree, and OUT must have risen if and only if that was foretold.
 */
static void closed_form_is_the_model(void **state)
{
	struct model m = { .gate = true, .mod = 65536, .two_bytes = true, .null = true };
	unsigned seen[6] = { 0 };

	(void)state;
	now = 5; /* so near 0 that a period begins before it */
	pit_counter_reset(&c, true);
	srandom(8254);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned r = (unsigned)random(), pulses = (unsigned)random() % 12;
		uint64_t rise;

		model_op(&m, r);
		if (!(r >> 20 & 1023))
			pulses = 70000; /* round the whole counter */
		else if (!(r >> 20 & 31))
			pulses = 300;
		assert_int_equal(pit_counter_out(&c, now), m.out);
		rise = pit_counter_next_rise(&c, now, 0);
		while (pulses--) {
			bool was = m.out;

			model_clk(&m);
			now++;
			if (m.out && !was) {
				assert_int_equal(rise, now);
				rise = pit_counter_next_rise(&c, now, 0);
				seen[m.mode]++;
			}
			assert_true(rise > now);
			assert_int_equal(pit_counter_out(&c, now), m.out);
			assert_int_equal(peek(&c), model_value(&m));
			assert_int_equal(is_null(&c), m.null);
		}
	}
	for (unsigned mode = 0; mode < 6; mode++)
		assert_true(seen[mode] > 100);
}

static void rises_not_before(void **state)
{
	(void)state;
	/* Skipped edges stay on the grid of the period. */
	start(0x14, true);
	pit_counter_write(&c, now, 7);
	for (uint64_t nb = now; nb < now + 100; nb++) {
		uint64_t rise = pit_counter_next_rise(&c, now, nb);

		assert_true(rise >= nb && rise < max_u64(nb, now + 8) + 7);
		assert_int_equal((rise - (now + 1)) % 7, 0);
	}
	/* A one-shot has only one, which is not skipped. */
	start(0x10, true);
	pit_counter_write(&c, now, 7);
	assert_int_equal(pit_counter_next_rise(&c, now, now + 100), now + 8);
}

static void saved_and_loaded(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 6; mode++) {
		struct pit_counter copy;
		struct error *e = NULL;
		uint64_t then, a, b;

		start((uint8_t)(0x10 | mode << 1), true);
		pit_counter_write(&c, now, 9);
		pit_counter_set_gate(&c, now, false);
		pit_counter_set_gate(&c, now, true);
		now += 13;
		pit_counter_write(&c, now, 6);
		pit_counter_save(&c, now);
		copy = c;
		then = now;
		/* In another life the clock says something else. */
		assert_int_equal(pit_counter_load(&copy, 77, &e), 0);
		for (unsigned i = 0; i < 40; i++) {
			assert_int_equal(pit_counter_out(&copy, 77 + i),
					 pit_counter_out(&c, then + i));
			a = pit_counter_next_rise(&copy, 77 + i, 0);
			b = pit_counter_next_rise(&c, then + i, 0);
			assert_int_equal(a == PIT_NEVER, b == PIT_NEVER);
			assert_true(a == PIT_NEVER || a - 77 == b - then);
		}
	}
}

static void hostile_state(void **state)
{
	static const struct {
		struct pit_counter c;
		const char *message;
	} bad[] = {
		{ { .control = 0x70 }, "control word 0x70" },
		{ { .control = 0x04 }, "control word 0x4" },
		{ { .control = 0x34, .reload = 0 }, "count register 0" },
		{ { .control = 0x34, .reload = 65537 }, "count register 65537" },
		{ { .control = 0x35, .reload = 10001 }, "1..10000" },
		{ { .control = 0x34, .reload = 2, .running = true, .count = 0 }, "count 0" },
		{ { .control = 0x36, .reload = 2, .running = true, .count = 1 }, "count 1" },
		{ { .control = 0x30, .reload = 2, .running = true, .count = 65537 }, "65537" },
		{ { .control = 0x34, .reload = 2, .frozen = true }, "gate" },
		{ { .control = 0x34, .reload = 2, .load_in = 1 }, "1 ticks away" },
		{ { .control = 0x34, .reload = 2, .armed = true, .load_in = 65537 }, "65537" },
		{ { .control = 0x34, .reload = 2, .armed = true, .load_in = 0 }, "0 ticks away" },
		{ { .control = 0x34, .reload = 2, .armed = true, .load_in = 5, .load_low = true },
		  "half-cycle" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct pit_counter k = bad[i].c;
		struct error *e = NULL;

		assert_int_equal(pit_counter_load(&k, 5, &e), -EINVAL);
		assert_error(e, bad[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mode0),
		cmocka_unit_test(mode0_two_bytes),
		cmocka_unit_test(mode1),
		cmocka_unit_test(mode2),
		cmocka_unit_test(mode3),
		cmocka_unit_test(mode4),
		cmocka_unit_test(mode5),
		cmocka_unit_test(counts_at_the_edges),
		cmocka_unit_test(latches),
		cmocka_unit_test(closed_form_is_the_model),
		cmocka_unit_test(rises_not_before),
		cmocka_unit_test(saved_and_loaded),
		cmocka_unit_test(hostile_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
