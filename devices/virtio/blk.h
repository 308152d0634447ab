/* SPDX-License-Identifier: MIT */
/*
 * blk.h: a virtio block device (virtio 1.2, 5.2). Feature bits, request formats and configuration
 * are in virtio/blk_wire.h.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "vmm/base.h"

struct blk;
struct error;
struct guest_mem;
struct loop;
struct virtio_blk;
struct virtio_device;

#define VIRTIO_BLK_MAX_QUEUES     64u
#define VIRTIO_BLK_MAX_QUEUE_SIZE 256u

struct virtio_blk_params {
	const char *id; /* "disk0"; copied */
	struct guest_mem *gm;
	struct loop *loop;   /* where its queues are served; @blk's too */
	struct blk *blk;     /* the device's own from a successful create on, closed by its stop */
	const char *serial;  /* what GET_ID says, at most 20 bytes; NULL: nothing */
	unsigned queues;     /* 1 to VIRTIO_BLK_MAX_QUEUES */
	unsigned queue_size; /* entries of each, a power of two from 4 to the maximum */
	uint32_t block_size; /* logical, as the guest sees it: a power of two; 0: the image's */
	bool write_through;  /* begins with the write cache off */
	bool packed;         /* offer packed virtqueues */
};

/* Machine-building thread. -ENOMEM. On error @p->blk is still the caller's. */
int virtio_blk_create(const struct virtio_blk_params *p, struct virtio_blk **ret,
		      struct error **errp) __must_check;
struct virtio_device *virtio_blk_device(struct virtio_blk *b);

/*
 * The image may have changed its size: looks, on the device's loop, and tells the driver (5.2.5.2:
 * "a configuration change notification"). Any thread, while the loop runs.
 */
void virtio_blk_look_again(struct virtio_blk *b);

#endif
