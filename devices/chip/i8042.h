/* SPDX-License-Identifier: MIT */
/*
 * i8042.h: keyboard controller of a PC with a keyboard on it that nobody types on, after the IBM
 * PS/2 Hardware Interface Technical Reference (1990), "Keyboard and Auxiliary Device Controller",
 * and Intel's UPI-41 manual.
 *
 * regions[I8042_DATA]    "i8042 data"     1 byte (0x60)
 * regions[I8042_COMMAND] "i8042 command"  1 byte (0x64)
 * The interrupt is the ISA edge line 1. There is no auxiliary port, so no line 12, and the machine
 * lists no PNP0F13: a driver that believes the tables probes none, and one that asks the
 * controller is told so at once (see i8042.c).
 */
#ifndef DEVICES_CHIP_I8042_H
#define DEVICES_CHIP_I8042_H

#include "vmm/base.h"

struct device;
struct error;
struct i8042;
struct irq_line;
struct power_sink;

enum { I8042_DATA, I8042_COMMAND, I8042_REGIONS };

/* Everything pointed to is borrowed and outlives the device; @id is copied. */
struct i8042_config {
	const char *id;
	struct irq_line *irq; /* NULL: not wired */
	struct power_sink *power;
};

/* Machine-building thread. -ENOMEM, or -EINVAL without a power sink. */
int i8042_create(const struct i8042_config *cfg, struct i8042 **ret,
		 struct error **errp) __must_check;
struct device *i8042_device(struct i8042 *s);

#endif
