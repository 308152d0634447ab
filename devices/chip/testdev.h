/* SPDX-License-Identifier: MIT */
/*
 * testdev.h: what kvm-unit-tests (lib/x86/, x86/) expect a machine to have, and QEMU calls
 * pc-testdev: registers that keep what is written, memory that is none, and interrupt lines to
 *pull.
 *
 * regions[TESTDEV_LATCH] "test latch": 4 bytes (0xe0), a dword; accesses of 1, 2 or 4 bytes.
 * regions[TESTDEV_FLUSH] "test flush": 4 bytes (0xe4); a write of 4 is an address whose page the
 *host is to take away and give back. Hosts do that at any time, and tests are to pass all the same:
 *	here it does nothing. Reads are all ones.
 * regions[TESTDEV_BYTES] "test bytes": 4 bytes (0xe8): the latch again, a byte at a time.
 * regions[TESTDEV_LINES] "test lines": 24 bytes (0x2000), a byte each: anything but 0 raises
 *	interrupt line N, 0 lowers it; those that are not connected do nothing. Reads are all ones.
 * regions[TESTDEV_MEMORY] "test memory": 64 KiB (0xff000000): keeps what is written.
 */
#ifndef DEVICES_CHIP_TESTDEV_H
#define DEVICES_CHIP_TESTDEV_H

#include "vmm/base.h"

struct device;
struct error;
struct irq_line;
struct testdev;

enum {
	TESTDEV_LATCH,
	TESTDEV_FLUSH,
	TESTDEV_BYTES,
	TESTDEV_LINES,
	TESTDEV_MEMORY,
	TESTDEV_REGIONS
};

#define TESTDEV_IRQS 24u

struct testdev_config {
	const char *id;                     /* copied */
	struct irq_line *irq[TESTDEV_IRQS]; /* borrowed, outlive the device; NULL: not connected */
};

/* Machine-building thread. -ENOMEM. */
int testdev_create(const struct testdev_config *cfg, struct testdev **ret,
		   struct error **errp) __must_check;
struct device *testdev_device(struct testdev *t);

#endif
