/* SPDX-License-Identifier: MIT */
/*
 * postcode.h: the POST diagnostics port of the PC/AT: a latch that remembers how far the guest's
 * start-up got.
 *
 * regions[0] "POST code": 1 byte (0x80). Reads return the last byte written.
 */
#ifndef DEVICES_CHIP_POSTCODE_H
#define DEVICES_CHIP_POSTCODE_H

#include "vmm/base.h"

struct device;
struct error;
struct postcode;

#define POSTCODE_RING 16u

struct postcode_config {
	const char *id; /* copied */
	/* The guest has come to a new code. Lock held; vCPU's thread. NULL: nobody listens. */
	void (*mark)(void *opaque, uint8_t code, uint16_t dev);
	void *opaque;
};

/* Machine-building thread. -ENOMEM. */
int postcode_create(const struct postcode_config *cfg, struct postcode **ret,
		    struct error **errp) __must_check;
struct device *postcode_device(struct postcode *s);

/*
 * The last distinct codes, oldest first, into @ret; returns how many (at most POSTCODE_RING). A
 * code written again while it is the last counts once: the port also serves as a delay. Any thread.
 */
unsigned postcode_history(struct postcode *s, uint8_t ret[POSTCODE_RING]);

#endif
