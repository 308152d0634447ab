/* SPDX-License-Identifier: MIT */
/*
 * net.h: virtio-net (virtio 1.2, 5.1): a network card whose frames go to and come from a struct
 * netdev, straight from and into guest memory.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include "vmm/base.h"

struct error;
struct guest_mem;
struct loop;
struct netdev;
struct vhost_kernel;
struct virtio_device;
struct virtio_net;

#define VIRTIO_NET_QUEUE_SIZE 256u /* of each queue, the control queue included */

struct virtio_net_params {
	const char *id; /* copied */
	struct guest_mem *gm;
	struct loop *loop; /* any but the main one (virtio.h); may be shared */
	/* Opened on @loop; the device's from success on, which closes it. It says how many queue
	 * pairs there are, 1 to NET_QUEUES_MAX, and which offloads. */
	struct netdev *net;
	bool packed;
	uint8_t mac[6]; /* the address until the driver sets another; unicast */
	unsigned mtu;   /* what the driver is told (F_MTU), from 68 on; 0: nothing */
	bool vhost;     /* the kernel moves the frames of a tap; no limits then */
	const struct vhost_kernel *kernel; /* NULL: the host's */
	bool link_down;                    /* as after virtio_net_set_link(n, false) */
	uint64_t bw, pps; /* bytes of frames, and frames, a second, each way; 0: no limit */
};

/* Machine-building thread. -ENOMEM, or what eventfds cost; @net is then still the caller's. */
int virtio_net_create(const struct virtio_net_params *p, struct virtio_net **ret,
		      struct error **errp) __must_check;
struct virtio_device *virtio_net_device(struct virtio_net *n);

/*
 * Pulls out the cable, and puts it back: what the driver sends is dropped, and nothing is received.
 * The driver is told (5.1.4, VIRTIO_NET_S_LINK_UP). Any thread that may wait for the loop.
 */
void virtio_net_set_link(struct virtio_net *n, bool up);

/*
 * Asks the driver to say to its network where it is now (5.1.6.5.4), as after a move to another
 * host. A device restored from a snapshot does so by itself, and so does one whose link comes up.
 * Any thread that may wait for the loop.
 */
void virtio_net_announce(struct virtio_net *n);

/* What became of frames, since the device was created. */
struct virtio_net_stats {
	uint64_t tx, tx_bytes, rx, rx_bytes; /* passed on; without headers of virtio */
	uint64_t tx_bad;                     /* dropped: header or length, as the driver wrote it */
	uint64_t tx_down;                    /* dropped: no link */
	uint64_t rx_filtered;                /* not for this guest */
	uint64_t rx_no_room;                 /* dropped: the driver's buffers were too small */
};
/* Any thread that may wait for the loop. */
struct virtio_net_stats virtio_net_stats(struct virtio_net *n);

#endif
