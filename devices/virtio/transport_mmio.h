/* SPDX-License-Identifier: MIT */
/*
 * transport_mmio.h: a virtio device behind memory-mapped registers (virtio 1.2, 4.2).
 *
 * regions[VIRTIO_MMIO_CONTROL]: the control registers, for the first 0x100 bytes of a page;
 * regions[VIRTIO_MMIO_DEVICE]: the device's configuration, at 0x100 of it.
 */
#ifndef DEVICES_VIRTIO_TRANSPORT_MMIO_H
#define DEVICES_VIRTIO_TRANSPORT_MMIO_H

#include "vmm/guestmem.h"

struct device;
struct doorbell_host;
struct error;
struct irq_line;
struct virtio_device;
struct virtio_mmio;

#define VIRTIO_MMIO_LEN 0x1000u

enum { VIRTIO_MMIO_CONTROL, VIRTIO_MMIO_DEVICE, VIRTIO_MMIO_REGIONS };

struct virtio_mmio_config {
	struct virtio_device *vdev;      /* must outlive the transport */
	gpa_t base;                      /* where the machine maps it */
	struct irq_line *irq;            /* level */
	struct doorbell_host *doorbells; /* NULL: none */
};

/* Machine-building thread. Attaches itself to the device. -ENOMEM. */
int virtio_mmio_create(const struct virtio_mmio_config *c, struct virtio_mmio **ret,
		       struct error **errp) __must_check;
struct device *virtio_mmio_device(struct virtio_mmio *m);

#endif
