/* SPDX-License-Identifier: MIT */
/*
 * fs_wire.h: what a virtio file system device says of itself (virtio 1.2, 5.11). Its requests are
 * those of linux/fuse.h.
 */
#ifndef VIRTIO_FS_WIRE_H
#define VIRTIO_FS_WIRE_H

#include "virtio/virtio_wire.h"

/* 5.11.2: virtqueues, without VIRTIO_FS_F_NOTIFICATION */
#define VIRTIO_FS_QUEUE_HIPRIO  0u
#define VIRTIO_FS_QUEUE_REQUEST 1u /* the first of num_request_queues */

#define VIRTIO_FS_TAG_LEN 36u

/* 5.11.4: device configuration, up to the field of VIRTIO_FS_F_NOTIFICATION */
struct virtio_fs_config {
	uint8_t tag[VIRTIO_FS_TAG_LEN]; /* UTF-8, padded with NUL, not terminated */
	le32 num_request_queues;
};
_Static_assert(sizeof(struct virtio_fs_config) == 40, "virtio 1.2, 5.11.4");

#endif
