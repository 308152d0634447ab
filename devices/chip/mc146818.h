/* SPDX-License-Identifier: MIT */
/*
 * mc146818.h: real-time clock and CMOS RAM of a PC, after Motorola's MC146818A data sheet.
 *
 * regions[0] "mc146818": 2 byte-wide registers, index and data (0x70, 0x71). The interrupt is the
 * ISA edge line 8.
 *
 * The clock starts at the host's UTC and from then on runs with the VM's clock: a paused VM's
 * clock stands still unless the machine calls mc146818_resync(). What the guest sets stays set,
 * over resets too. The century is at index 0x32, where the FADT must say it is.
 */
#ifndef DEVICES_CHIP_MC146818_H
#define DEVICES_CHIP_MC146818_H

#include "vmm/base.h"

struct device;
struct error;
struct irq_line;
struct mc146818;
struct vclock;

#define MC146818_CENTURY 0x32u

/* Everything pointed to is borrowed, and no longer touched by ops->destroy; @id is copied. */
struct mc146818_config {
	const char *id;
	struct irq_line *irq; /* NULL: not wired */
	struct vclock *clock;
	/* The host's UTC in nanoseconds since 1970 (CLOCK_REALTIME). Any thread,
	 * device lock held. */
	uint64_t (*wallclock)(void *ctx);
	void *wallclock_ctx;
};

/* Creates the chip, clock running, battery RAM zero. -ENOMEM, or -EINVAL without clocks. */
int mc146818_create(const struct mc146818_config *cfg, struct mc146818 **ret,
		    struct error **errp) __must_check;
struct device *mc146818_device(struct mc146818 *s);

/*
 * Sets a byte of the battery RAM, as firmware would (memory sizes at 0x15..0x18, 0x30, 0x31,
 * 0x34, 0x35, 0x5b..0x5d). @idx is 0x0e..0x7f and not the century: -EINVAL otherwise. Any thread.
 */
int mc146818_set_cmos(struct mc146818 *s, unsigned idx, uint8_t val);

/*
 * Sets the clock to the host's UTC again, plus whatever the guest had set it off by: for a machine
 * that was paused or restored and is to see the time that has passed. Any thread.
 */
void mc146818_resync(struct mc146818 *s);

#endif
