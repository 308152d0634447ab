/* SPDX-License-Identifier: MIT */
/*
 * pmem.h: virtio-pmem (virtio 1.2, 5.19): a range of guest-physical memory with a file behind it,
 * which the guest reads and writes as memory (and may run from: DAX), and a queue on which it asks
 * for what it wrote to become durable. The memory itself is guestmem.h's.
 */
#ifndef DEVICES_VIRTIO_PMEM_H
#define DEVICES_VIRTIO_PMEM_H

#include "vmm/guestmem.h"

struct error;
struct loop;
struct virtio_device;
struct virtio_pmem;

struct virtio_pmem_params {
	const char *id; /* copied */
	struct guest_mem *gm;
	/* Of its own: a flush waits for the host's disk there. */
	struct loop *loop;
	bool packed;
	gpa_t start;   /* of the region */
	uint64_t size; /* bytes */
	/* Makes durable what was written to the region before: 0 or -errno. May take long. */
	int (*sync)(void *opaque);
	void *opaque;
};

/* Machine-building thread. -ENOMEM, or what an eventfd costs. */
int virtio_pmem_create(const struct virtio_pmem_params *p, struct virtio_pmem **ret,
		       struct error **errp) __must_check;
struct virtio_device *virtio_pmem_device(struct virtio_pmem *p);

#endif
