/* SPDX-License-Identifier: MIT */
/*
 * msi_pins.h: pins for the message sink of a rig, with real eventfds, as KVM's irqfds are: for
 * tests of who signals them.
 */
#ifndef TESTS_MSI_PINS_H
#define TESTS_MSI_PINS_H

#include "tests/lib/virtio_rig.h"

struct msi_pins {
	struct msi_sink_ops ops;
	struct mutex lock;
	struct {
		int fd;
		bool used, masked;
		uint32_t data;
	} pin[16];
};

/* One at a time, after vrig_init(); nothing happens to a rig without messages. */
void msi_pins_init(struct msi_pins *p, struct virtio_rig *g);
/* Signals that have come for @vector, of pins that are not masked, since this was last asked. */
unsigned msi_pins_signals(struct msi_pins *p, unsigned vector);

#endif
