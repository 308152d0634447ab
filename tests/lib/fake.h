/* SPDX-License-Identifier: MIT */
/* fake.h: the world around a chip, for unit tests: clock, wires, byte streams, power,
 * bus access. */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vmm/bits.h"
#include "vmm/chardev.h"
#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/irq.h"
#include "vmm/power.h"
#include "vmm/timer.h"

/* --- time: moves only when the test says so; timers fire in order, at their exact deadline ---- */

#define FAKE_TIMERS 16
struct fake_clock {
	struct vclock clock;
	uint64_t now_ns;
	struct ev_timer *armed[FAKE_TIMERS];
	unsigned fired; /* callbacks run so far */
};
void fake_clock_init(struct fake_clock *c);
void fake_clock_advance(struct fake_clock *c, uint64_t ns);
/* The earliest deadline, UINT64_MAX if none is armed. */
uint64_t fake_clock_next(const struct fake_clock *c);

/* --- a wire that remembers -------------------------------------------------------------------- */

struct fake_irq {
	struct irq_line line;
	bool level;
	unsigned rises, falls, sets;
};
void fake_irq_init(struct fake_irq *i);

/* --- the far end of a serial line ------------------------------------------------------------- */

struct fake_chardev {
	struct chardev chr;
	uint8_t out[8192];
	size_t out_len;
	unsigned room_changes;
};
void fake_chardev_init(struct fake_chardev *c);
/* Host to guest: delivers as much as the device has room for, returns that. */
size_t fake_chardev_feed(struct fake_chardev *c, const void *buf, size_t len);

/* --- power ------------------------------------------------------------------------------------ */

struct fake_power {
	struct power_sink sink;
	unsigned requests;
	enum power_event last;
	unsigned last_value;
};
void fake_power_init(struct fake_power *p);

/* --- an access as the bus makes it: lock held; region @r of @d, one of its declared widths ---- */

uint64_t io_read(struct device *d, unsigned r, uint32_t off, unsigned size);
void io_write(struct device *d, unsigned r, uint32_t off, unsigned size, uint64_t val);

/* Fails the test with the error's text if @e is set. */
void assert_no_error(struct error *e);
/* Fails unless @e is set and its text contains @part; frees it. */
void assert_error(struct error *e, const char *part);

/*
 * Saves @d's state, loads it into @fresh (a new device of the same kind), saves that, and demands
 * that both saves are the same bytes. Both devices must have the same id.
 */
void assert_snapshot_round_trip(struct device *d, struct device *fresh);

#endif
