/* SPDX-License-Identifier: MIT */
/*
 * rng.h: virtio-rng, the entropy device (virtio 1.2, 5.4): one queue of buffers that the guest
 * wants filled with random bytes. No feature, no configuration, no state.
 */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include <sys/types.h>

#include "vmm/base.h"

struct error;
struct guest_mem;
struct loop;
struct virtio_device;
struct virtio_rng;

#define VIRTIO_RNG_REQUEST_MAX (64u * 1024)  /* bytes for one request */
#define VIRTIO_RNG_TURN_MAX    (256u * 1024) /* bytes until others on the loop have their turn */

struct virtio_rng_params {
	const char *id; /* copied */
	struct guest_mem *gm;
	/* Any that is not the main one (virtio.h); may be shared. */
	struct loop *loop;
	bool packed;
	/*
	 * At most @len random bytes into @buf, without waiting: how many, or -errno; -EAGAIN: none
	 * yet. NULL: getrandom(2).
	 */
	ssize_t (*fill)(void *buf, size_t len);
};

/* Machine-building thread. -ENOMEM, or what an eventfd costs. */
int virtio_rng_create(const struct virtio_rng_params *p, struct virtio_rng **ret,
		      struct error **errp) __must_check;
struct virtio_device *virtio_rng_device(struct virtio_rng *r);

#endif
