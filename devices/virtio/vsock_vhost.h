/* SPDX-License-Identifier: MIT */
/*
 * vsock_vhost.h: virtio-vsock (virtio 1.2, 5.10) by the host's kernel: its vhost-vsock moves the
 * data, and programs of the host reach the guest by AF_VSOCK and its CID.
 */
#ifndef DEVICES_VIRTIO_VSOCK_VHOST_H
#define DEVICES_VIRTIO_VSOCK_VHOST_H

#include "vmm/base.h"

struct error;
struct guest_mem;
struct loop;
struct vhost_kernel;
struct virtio_device;
struct vsock_vhost;

struct vsock_vhost_params {
	const char *id; /* copied */
	struct guest_mem *gm;
	struct loop *loop; /* any but the main one (virtio.h); may be shared */
	/* The guest's: VIRTIO_VSOCK_CID_FIRST to _LAST, and nobody else's on this host. */
	uint32_t cid;
	const struct vhost_kernel *kernel; /* NULL: the host's */
};

/* Machine-building thread. Errors are vhost_open()'s: no module, no permission, a CID that is
 * taken; or -ENOMEM. */
int vsock_vhost_create(const struct vsock_vhost_params *p, struct vsock_vhost **ret,
		       struct error **errp) __must_check;
struct virtio_device *vsock_vhost_device(struct vsock_vhost *v);

#endif
