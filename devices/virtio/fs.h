/* SPDX-License-Identifier: MIT */
/*
 * fs.h: a virtio file system device (virtio 1.2, 5.11): a directory of the host, which the guest
 * mounts by a tag. Its configuration is in virtio/fs_wire.h.
 */
#ifndef DEVICES_VIRTIO_FS_H
#define DEVICES_VIRTIO_FS_H

#include "vmm/base.h"

struct error;
struct guest_mem;
struct loop;
struct share;
struct virtio_device;
struct virtio_fs;

struct virtio_fs_params {
	const char *id; /* "share0"; copied */
	struct guest_mem *gm;
	struct loop *loop;   /* where its queues are served; requests may wait for a disk there */
	struct share *share; /* the device's own from a successful create on */
	const char *tag;     /* 1 to VIRTIO_FS_TAG_LEN bytes; copied */
	bool packed;         /* offer packed virtqueues */
};

/* Machine-building thread. -ENOMEM. On error @p->share is still the caller's. */
int virtio_fs_create(const struct virtio_fs_params *p, struct virtio_fs **ret,
		     struct error **errp) __must_check;
struct virtio_device *virtio_fs_device(struct virtio_fs *f);

#endif
