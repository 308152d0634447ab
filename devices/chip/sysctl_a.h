/* SPDX-License-Identifier: MIT */
/*
 * sysctl_a.h: System Control Port A of a PS/2 and of every PC chip set since (IBM PS/2 Technical
 * Reference; Intel ICH "PORT92").
 *
 * regions[0] "system control A": 1 byte (0x92).
 *
 * A chip of its own, not a third region of the 8042: it is part of the chip set, is there on
 * machines without a keyboard controller, and shares no state with it as A20 is never masked.
 */
#ifndef DEVICES_CHIP_SYSCTL_A_H
#define DEVICES_CHIP_SYSCTL_A_H

#include "vmm/base.h"

struct device;
struct error;
struct power_sink;
struct sysctl_a;

/* @power is borrowed and outlives the device; @id is copied. */
struct sysctl_a_config {
	const char *id;
	struct power_sink *power;
};

/* Machine-building thread. -ENOMEM, or -EINVAL without a power sink. */
int sysctl_a_create(const struct sysctl_a_config *cfg, struct sysctl_a **ret,
		    struct error **errp) __must_check;
struct device *sysctl_a_device(struct sysctl_a *s);

#endif
