/* SPDX-License-Identifier: MIT */
/*
 * vdev_rig.h: a virtio device on a loop with a thread of its own, and a guest that drives it
 * through no transport at all, for tests of devices.
 *
 *	struct vdev_rig r;
 *	vr_init(&r);
 *	... create the device with r.gm and r.loop ...
 *	vr_begin(&r, virtio_x_device(x), features);
 *	gd_add(&r.q[0], ...); vr_kick(&r, 0);
 *	... gd_get_used(&r.q[0], &u) ...
 *	vr_end(&r);
 */
#ifndef TESTS_VDEV_RIG_H
#define TESTS_VDEV_RIG_H

#include <semaphore.h>

#include "tests/lib/fake.h"
#include "tests/lib/guest_driver.h"
#include "virtio/virtio.h"

#define VR_QUEUES 10u /* at most so many are set up */
#define VR_SIZE   16u

struct vdev_rig {
	struct guest_mem *gm;
	struct loop *loop;
	struct virtio_device *v;
	struct {
		struct virtio_xport xport;
		_Atomic unsigned irqs[VIRTIO_QUEUES_MAX], config_irqs;
	} xport; /* only takes notes */
	struct guest_driver q[VR_QUEUES];
	uint64_t features;
	bool threaded;
	struct ev_fd turn; /* vr_settle(): an eventfd, served in its turn among kicks */
	sem_t turned;
};

/* Memory and a loop, which does not run yet. */
void vr_init(struct vdev_rig *r);
/* The driver: attaches the device to the rig, starts it and its loop, and brings it to DRIVER_OK
 * with all its queues set up. @features: the device's own, and those of rings. */
void vr_begin(struct vdev_rig *r, struct virtio_device *v, uint64_t features);
/* The last part of it, after a reset. */
void vr_drive(struct vdev_rig *r, uint64_t features);
/* Makes what was added visible, rings if the device wants it, and waits until it has looked. */
void vr_kick(struct vdev_rig *r, unsigned q);
/* Returns when what has been rung has been looked at. */
void vr_settle(struct vdev_rig *r);
/* Runs @fn on the loop. */
void vr_on_loop(struct vdev_rig *r, void (*fn)(void *), void *arg);
/* Stops the loop, and the device, and destroys both, and memory. */
void vr_end(struct vdev_rig *r);
/* The same for the loop alone: what follows runs on the calling thread. */
void vr_stop_loop(struct vdev_rig *r);

/* @len bytes of guest memory as the driver of queue @q allocates them, filled with @src if that is
 * given; and their contents. */
gpa_t vr_put(struct vdev_rig *r, unsigned q, const void *src, uint64_t len);
void vr_get(struct vdev_rig *r, gpa_t gpa, void *dst, uint64_t len);

/* The features that tests are run with: split and packed, with and without EVENT_IDX and INDIRECT.
 */
extern const uint64_t vr_ring_features[];
extern const unsigned vr_ring_feature_cnt;

#endif
