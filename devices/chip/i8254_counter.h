/* SPDX-License-Identifier: MIT */
/*
 * i8254_counter.h: one counter of an 8254, as a function of the CLK pulses that have passed.
 *
 * Time is a tick: the number of falling edges CLK has had since the VM began. Nothing happens per
 * tick; the counting element and OUT are computed when somebody asks. The caller holds the device's
 * lock and passes ticks that never go back.
 */
#ifndef CHIP_I8254_COUNTER_H
#define CHIP_I8254_COUNTER_H

#include "vmm/base.h"

struct error;

#define PIT_NEVER UINT64_MAX

struct pit_counter {
	uint8_t control; /* D5..D0 of the last control word, as the status byte returns them */
	bool gate;       /* level of the GATE pin */

	/* The count register (CR) and the counting element (CE). Counts are 1..65536 or 1..10000
	 * whatever their coding. */
	bool armed;       /* CR was written since the control word */
	bool running;     /* CE was loaded since then; if not, it holds @held */
	bool frozen;      /* GATE holds CE still, @elapsed ticks after its load */
	bool load_low;    /* mode 3: the load at @load_at begins a low half-cycle */
	bool null_count;  /* CR is not in CE yet */
	uint16_t held;    /* CE as a number, while not running */
	uint32_t reload;  /* CR */
	uint32_t count;   /* what CE was loaded with */
	uint64_t start;   /* tick of the load (or, periodic, of the current period) */
	uint64_t elapsed; /* while frozen; and in a saved state: ticks since start */
	uint64_t load_at; /* tick at which CR goes into CE, or PIT_NEVER */
	uint64_t load_in; /* load_at relative to now, in a saved state */

	/* The byte-wide door. */
	bool write_msb, read_msb; /* 16-bit access: the second byte is next */
	uint8_t write_lsb;
	bool count_latched, status_latched;
	uint16_t count_latch; /* as it will be read */
	uint8_t status_latch;
};

/* Power-on: the data sheet says undefined; here mode 0 without a count, OUT low. @gate: its pin. */
void pit_counter_reset(struct pit_counter *c, bool gate);

/* Control word for this counter, its SC bits already looked at, RW not 0. */
void pit_counter_set_control(struct pit_counter *c, uint64_t now, uint8_t control);
void pit_counter_latch_count(struct pit_counter *c, uint64_t now);
void pit_counter_latch_status(struct pit_counter *c, uint64_t now);

/* The counter's own port. */
void pit_counter_write(struct pit_counter *c, uint64_t now, uint8_t val);
uint8_t pit_counter_read(struct pit_counter *c, uint64_t now);

/* The pins. */
void pit_counter_set_gate(struct pit_counter *c, uint64_t now, bool level);
bool pit_counter_out(struct pit_counter *c, uint64_t now);

/*
 * The first tick after @now at which OUT rises if nobody touches the counter, or PIT_NEVER. In the
 * periodic modes, the first that is also not before @not_before.
 */
uint64_t pit_counter_next_rise(struct pit_counter *c, uint64_t now, uint64_t not_before);

/* A saved state holds no absolute tick: _save() makes @elapsed and @load_in, _load() checks every
 * field as hostile input and turns them back. */
void pit_counter_save(struct pit_counter *c, uint64_t now);
int pit_counter_load(struct pit_counter *c, uint64_t now, struct error **errp) __must_check;

#endif
