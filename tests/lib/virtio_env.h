/* SPDX-License-Identifier: MIT */
/*
 * virtio_env.h: the virtio core by itself: a fake device, a transport that only takes notes, a
 * driver, and no thread: the loop does not run, so its part is done on the spot, and the test
 * delivers kicks. cmocka's state is the struct.
 */
#ifndef TESTS_VIRTIO_ENV_H
#define TESTS_VIRTIO_ENV_H

#include "tests/lib/fake_virtio.h"
#include "tests/lib/guest_driver.h"

#define VE_NEGOTIATED (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK)
#define VE_RUNNING    (VE_NEGOTIATED | VIRTIO_STATUS_DRIVER_OK)
#define VE_PLAIN      VIRTIO_F_VERSION_1

struct virtio_env {
	struct guest_mem *gm;
	struct loop *loop;
	struct fake_virtio *f;
	struct virtio_device *v;
	struct fake_xport x;
	struct guest_driver q[FAKE_VIRTIO_QUEUES];
};

/* A device, reset and started; its end, which finds nothing held back and nothing done wrong. */
int ve_setup(void **state);
int ve_teardown(void **state);

/* What the loop would do: each eventfd that was rung since it was last looked at is one kick.
 * Returns how many. */
unsigned ve_deliver(struct virtio_env *e);

void ve_ack(struct virtio_env *e, uint64_t features);
/* 3.1.1 from a reset to FEATURES_OK, whether the device takes it or not. */
void ve_negotiate(struct virtio_env *e, uint64_t features);
void ve_set_queue(struct virtio_env *e, unsigned n, uint64_t features);
/* To DRIVER_OK with all queues but the last, and the first kicks delivered. */
void ve_bring_up(struct virtio_env *e, uint64_t features);

/* One chain on queue @n: "ping" to be read, as many bytes to be written. Returns where. */
gpa_t ve_add_ping(struct virtio_env *e, unsigned n, void *token);
/* It is the next used one, and holds what was sent. */
void ve_assert_pong(struct virtio_env *e, unsigned n, gpa_t out, void *token);
/* A whole round trip works. */
void ve_assert_works(struct virtio_env *e, unsigned n);

#endif
