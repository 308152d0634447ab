/* SPDX-License-Identifier: MIT */
/*
 * debugexit.h: the port by which a test program in the guest ends the VM with an exit status, as
 * QEMU's isa-debug-exit: writing V ends with (V << 1) | 1, of which the host keeps 8 bits.
 *
 * regions[0] "debug exit": 1, 2 or 4 bytes (0xf4); accesses of any width up to that. Reads 0.
 */
#ifndef DEVICES_CHIP_DEBUGEXIT_H
#define DEVICES_CHIP_DEBUGEXIT_H

#include "vmm/base.h"

struct debugexit;
struct device;
struct error;
struct power_sink;

/* @power is borrowed and outlives the device; @id is copied. */
struct debugexit_config {
	const char *id;
	struct power_sink *power;
	unsigned width; /* bytes: 1, 2 or 4 */
};

/* Machine-building thread. -ENOMEM, or -EINVAL for another width or without a power sink. */
int debugexit_create(const struct debugexit_config *cfg, struct debugexit **ret,
		     struct error **errp) __must_check;
struct device *debugexit_device(struct debugexit *s);

#endif
