/* SPDX-License-Identifier: MIT */
/*
 * vsock.h: virtio-vsock, sockets between the guest and its host (virtio 1.2, 5.10). The device
 * knows packets, credit and connections; where they lead on the host is net/vsock.h's.
 */
#ifndef DEVICES_VIRTIO_VSOCK_H
#define DEVICES_VIRTIO_VSOCK_H

#include "vmm/base.h"

struct error;
struct guest_mem;
struct loop;
struct virtio_device;
struct virtio_vsock;
struct vsock_host;

struct virtio_vsock_params {
	const char *id; /* copied */
	struct guest_mem *gm;
	/* The one that @host is on; any that is not the main one (virtio.h). */
	struct loop *loop;
	bool packed;
	uint32_t cid;            /* the guest's: VSOCK_CID_MIN to VSOCK_CID_MAX */
	struct vsock_host *host; /* taken over, but not on error; closed with the device's stop */
};

/* Machine-building thread. -ENOMEM, or what an eventfd costs. */
int virtio_vsock_create(const struct virtio_vsock_params *p, struct virtio_vsock **ret,
			struct error **errp) __must_check;
struct virtio_device *virtio_vsock_device(struct virtio_vsock *v);

#endif
