/* SPDX-License-Identifier: MIT */
/*
 * i8254.h: the PC's interval timer: an 82C54 clocked at 1193182 Hz, counter 0 on IRQ 0, counter 1
 * the refresh request, counter 2 the speaker; and port 0x61, where software meets the latter two.
 */
#ifndef CHIP_I8254_H
#define CHIP_I8254_H

#include "vmm/device.h"
#include "vmm/irq.h"
#include "vmm/timer.h"

struct error;
struct i8254;

#define I8254_HZ 1193182u

/*
 * Counter 0 in a periodic mode raises its line at most once in this many ticks (100 us). A shorter
 * period is legal and counts and reads as programmed, but only every so-many-eth of its edges
 * becomes an interrupt: a guest cannot buy a busy host CPU with two OUT instructions.
 */
#define I8254_MIN_EDGE_TICKS 119u

/* Indices of device.regions; byte-wide port ranges. */
enum i8254_region {
	I8254_COUNTERS, /* 0x40..0x43: counters 0, 1, 2 and the control word */
	I8254_PORT61,   /* 0x61: system control port B */
	I8254_REGION_CNT,
};

struct i8254_config {
	const char *id; /* "pit0" */
	struct vclock *clock;
	/*
	 * Counter 0's OUT. Rising edges come at their exact time and stay on the grid of the
	 * count's first load however late a callback is; those missed meanwhile are one edge. A
	 * fall that the guest did not cause by programming comes together with the rise that ends
	 * it. Set with the PIT's lock held.
	 */
	struct irq_line *irq;
};

/* Creates the timer at power-on: no counter counts, OUT 0 is low, GATE 2 is low. */
int i8254_create(const struct i8254_config *c, struct i8254 **ret,
		 struct error **errp) __must_check;

/* The device to map, reset, start, stop, save and destroy (ops->destroy frees the i8254). start
 * is what makes a loaded state tick. */
struct device *i8254_device(struct i8254 *pit);

#endif
