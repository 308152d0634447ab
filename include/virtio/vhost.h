/* SPDX-License-Identifier: MIT */
/*
 * vhost.h: the host's kernel serves two queues of a virtio device: vhost-net the receive and the
 * transmit queue of a network card, between guest memory and a tap; vhost-vsock those of a vsock.
 * The device goes on doing what is not in these queues: configuration, a control queue, link state.
 *
 *	guest's kick --> ioeventfd --> kernel's worker --> irqfd --> guest
 *
 * and this process is not woken. Where an interrupt has no eventfd (virtio-mmio, INTx, an interrupt
 * controller in this process), the kernel wakes the device's loop, which interrupts.
 *
 * A device with several pairs of queues has one struct vhost for each.
 *
 *	open:       virtio_init(); vhost_open()
 *	activate(): vhost_start(v, tap)
 *	kick(q):    if (vhost_kick(v, q)) return;      a queue of the kernel's
 *	quiesce(q): vhost_stop(v, q)
 *	destroy:    vhost_close(); virtio_fini()
 *
 * What the kernel is given has been checked by virtq_enable(): rings in RAM, aligned, of a legal
 * size. Buffers it finds by a table of guest memory, in which there is nothing else. A ring that it
 * refuses is like one that we refuse: it rests, the device needs a reset, and one line says so; or
 * the device looks at it itself, see failed().
 *
 * Split rings only. Queues come back where they were when the device is quiesced, so that a pause,
 * a snapshot, a reset find them as any other.
 *
 * Threads: vhost_open() and vhost_close() on the control thread while the loop does not run; the
 * others on the device's loop. Nothing is allocated after vhost_open(). Each ioctl(2) is short; a
 * stop waits for the packet that is under way.
 */
#ifndef VIRTIO_VHOST_H
#define VIRTIO_VHOST_H

#include "virtio/virtio.h"

struct error;
struct vhost;

#define VHOST_NET_PATH   "/dev/vhost-net"
#define VHOST_VSOCK_PATH "/dev/vhost-vsock"

enum vhost_kind {
	VHOST_KIND_NET,   /* each queue for itself */
	VHOST_KIND_VSOCK, /* both run, or neither: a queue that is reset stops the other */
};

/* The kernel's side, for tests: open(2) with O_RDWR and ioctl(2), but returning -errno. */
struct vhost_kernel {
	int (*open)(const struct vhost_kernel *k, const char *path);
	int (*ioctl)(const struct vhost_kernel *k, int fd, unsigned long request, void *arg);
};

struct vhost_config {
	enum vhost_kind kind;
	struct virtio_device *vdev; /* initialized, not started */
	unsigned first;             /* its queues @first and @first + 1 */
	uint64_t cid;               /* vsock: the guest's */
	/*
	 * For a device that can serve network queues itself: the kernel could not go on with one or
	 * both, or did not take them. Nothing of it is lost: they are the device's, which hears of
	 * their kicks, and whose own look at a ring says whether it is the driver's fault; until
	 * vhost_resume(), not to be called at once. On the loop, maybe from inside vhost_start()
	 * and vhost_kick(). NULL: the device needs a reset then.
	 */
	void (*failed)(void *opaque);
	void *opaque;
	const struct vhost_kernel *kernel; /* NULL: the host's; else outlives the vhost */
};

/*
 * Opens the kernel's half, and takes from what @c->vdev offers to its driver what that cannot do:
 * packed rings always, and those of mergeable buffers, events, indirect descriptors that it does
 * not know. Errors say why there is none and what to do: no such device (the module), no
 * permission, a CID that is taken.
 */
int vhost_open(const struct vhost_config *c, struct vhost **ret, struct error **errp) __must_check;
/* Stopped before. NULL-safe, returns NULL. */
struct vhost *vhost_close(struct vhost *v);

/*
 * Both queues, or those that the driver has enabled, are the kernel's. @tap: the descriptor that
 * vhost-net moves packets to and from, borrowed until vhost_stop() (netdev_vhost_fd()); vsock: -1.
 * What the kernel refuses is logged; then failed() comes, or the device needs a reset.
 */
void vhost_start(struct vhost *v, int tap);
/* After failed(): once more. No chain of its queues is outstanding. */
void vhost_resume(struct vhost *v);
/*
 * For the device's kick(): is @q a queue of @v, which the device itself does not serve? One that
 * the driver has enabled since (a queue that was reset) is the kernel's from now on.
 */
bool vhost_kick(struct vhost *v, unsigned q);
/* On return the kernel does not touch queue @q (VIRTIO_ALL_QUEUES: either), which is the device's
 * again. Nothing is done for a queue that is not @v's. */
void vhost_stop(struct vhost *v, unsigned q);

#endif
