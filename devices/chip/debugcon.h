/* SPDX-License-Identifier: MIT */
/*
 * debugcon.h: the debug console port of Bochs: what is written goes to a byte stream, and a read
 * returns 0xe9, by which a program finds out that the port is there.
 *
 * regions[0] "debug console": 1 byte (0xe9).
 */
#ifndef DEVICES_CHIP_DEBUGCON_H
#define DEVICES_CHIP_DEBUGCON_H

#include "vmm/base.h"

struct chardev;
struct debugcon;
struct device;
struct error;

/* @chr is borrowed, outlives the device and is only written to; @id is copied. */
struct debugcon_config {
	const char *id;
	struct chardev *chr;
};

/* Machine-building thread. -ENOMEM, or -EINVAL without a chardev. */
int debugcon_create(const struct debugcon_config *cfg, struct debugcon **ret,
		    struct error **errp) __must_check;
struct device *debugcon_device(struct debugcon *s);

#endif
