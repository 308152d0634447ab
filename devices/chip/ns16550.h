/* SPDX-License-Identifier: MIT */
/*
 * ns16550.h: the serial port of a PC, after National Semiconductor's PC16550D data sheet (June
 * 1995).
 *
 * regions[0] "ns16550": 8 byte-wide registers (0x3f8, 0x2f8, 0x3e8, 0x2e8).
 * The line runs at infinite speed: what the guest writes reaches the chardev before the write
 * returns, whatever the divisor says. The interrupt is an ISA edge line, gated by MCR.OUT2.
 */
#ifndef DEVICES_CHIP_NS16550_H
#define DEVICES_CHIP_NS16550_H

#include "vmm/base.h"

struct chardev;
struct device;
struct error;
struct irq_line;
struct ns16550;
struct vclock;

/* Everything pointed to is borrowed, and no longer touched by ops->destroy; @id is copied. */
struct ns16550_config {
	const char *id;       /* "serial0" */
	struct irq_line *irq; /* NULL: not wired */
	struct vclock *clock; /* for the receive timeout */
	struct chardev *chr;  /* the far end, attached here; NULL: a cable to nowhere */
};

/*
 * Creates the chip in its power-on state and attaches it to cfg->chr. Takes input once started.
 * Machine-building thread. -ENOMEM, or -EINVAL without a clock.
 */
int ns16550_create(const struct ns16550_config *cfg, struct ns16550 **ret,
		   struct error **errp) __must_check;

/* The device to map, reset, save and destroy (ops->destroy frees the chip; the far end must not
 * call it any more by then). */
struct device *ns16550_device(struct ns16550 *s);

#endif
