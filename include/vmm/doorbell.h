/* SPDX-License-Identifier: MIT */
/*
 * doorbell.h: a guest write that says nothing but "look". Where the layer below can
 * (KVM_IOEVENTFD), such a write becomes an eventfd signal without leaving the kernel; where it
 * cannot, the write arrives at the device's region_ops as any other, and the device signals the
 * eventfd itself. So a device that rings its own eventfd from its handler is right in both cases.
 */
#ifndef VMM_DOORBELL_H
#define VMM_DOORBELL_H

#include "vmm/guestmem.h"

struct doorbell {
	bool pio;      /* an I/O port, else a guest-physical address */
	gpa_t addr;    /* of the register */
	unsigned size; /* of the write, 1, 2, 4 or 8; 0: any */
	bool match;    /* only writes of @value ring */
	uint64_t value;
	int efd; /* borrowed; signalled by each such write */
};

struct doorbell_host;
struct doorbell_ops {
	/* From now on writes to @d are signals, and no longer reach the bus. -errno: not possible;
	 * they go on reaching the bus. Any thread; a device lock may be held. */
	int (*attach)(struct doorbell_host *h, const struct doorbell *d);
	/* Undoes attach() of an equal @d. On return no further signal comes. */
	void (*detach)(struct doorbell_host *h, const struct doorbell *d);
};

struct doorbell_host {
	const struct doorbell_ops *ops;
};

#endif
