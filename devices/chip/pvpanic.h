/* SPDX-License-Identifier: MIT */
/*
 * pvpanic.h: the port by which a guest kernel says that it has panicked, after QEMU's
 * docs/specs/pvpanic (ACPI device QEMU0001).
 *
 * regions[0] "pvpanic": 1 byte (0x505). Reads the events the device takes, a write reports some.
 */
#ifndef DEVICES_CHIP_PVPANIC_H
#define DEVICES_CHIP_PVPANIC_H

#include "vmm/base.h"

struct device;
struct error;
struct power_sink;
struct pvpanic;

#define PVPANIC_PANICKED    0x01u
#define PVPANIC_CRASHLOADED 0x02u

/* @power is borrowed and outlives the device; @id is copied. */
struct pvpanic_config {
	const char *id;
	struct power_sink *power;
};

/* Machine-building thread. -ENOMEM, or -EINVAL without a power sink. */
int pvpanic_create(const struct pvpanic_config *cfg, struct pvpanic **ret,
		   struct error **errp) __must_check;
struct device *pvpanic_device(struct pvpanic *s);

#endif
