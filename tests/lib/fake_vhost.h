/* SPDX-License-Identifier: MIT */
/*
 * fake_vhost.h: a host's kernel with vhost-net or vhost-vsock, for tests: it takes the ioctls,
 * refuses what Linux refuses, and serves split rings when the test says so: like fake_virtio, it
 * echoes.
 *
 * It finds rings by the addresses it was given and buffers by its table of memory, and writes an
 * interrupt to the call descriptor for each batch unless the driver has said NO_INTERRUPT.
 */
#ifndef TESTS_FAKE_VHOST_H
#define TESTS_FAKE_VHOST_H

#include "virtio/vhost.h"
#include "virtio/vhost_wire.h"
#include "vmm/lock.h"

#define FAKE_VHOST_RINGS 2u

struct fake_vhost_ring {
	unsigned num;
	uint16_t avail, used;
	struct vhost_vring_addr addr;
	int kick, call, err; /* -1: none */
	int backend;         /* -1: not served */
	unsigned kicks_set, calls_set;
};

struct fake_vhost {
	struct vhost_kernel kernel;
	/* what the test says */
	bool vsock;
	bool sink; /* uses whatever there is in ring 1, and nothing of ring 0: a network */
	uint64_t features;
	int open_err;     /* -errno: open() fails */
	unsigned fail_at; /* this ioctl from now on, counted from 1, fails with fail_err; 0: none */
	int fail_err;
	uint64_t taken_cid;

	struct mutex lock; /* the loop calls, the test looks */
	char path[64];
	unsigned opens, calls;
	bool failed; /* fail_at has come */
	bool owned, running;
	uint64_t acked, cid;
	struct fake_vhost_ring ring[FAKE_VHOST_RINGS];
	struct vhost_memory_region region[64];
	unsigned regions;
	unsigned wrong; /* calls that make no sense, even where Linux lets them pass */
};

void fake_vhost_init(struct fake_vhost *f, bool vsock);
void fake_vhost_fini(struct fake_vhost *f);
/* Does what the worker would: chains used. Rings that are not served, or were never kicked, are
 * not looked at. */
unsigned fake_vhost_run(struct fake_vhost *f);
/* As vhost_tx_batch() of Linux without its interface: takes what there is in ring @i, forgets it,
 * and signals an error. Chains lost. */
unsigned fake_vhost_lose(struct fake_vhost *f, unsigned i);
/* A copy of ring @i, and how many rings are served. */
struct fake_vhost_ring fake_vhost_ring(struct fake_vhost *f, unsigned i);
unsigned fake_vhost_served(struct fake_vhost *f);

#endif
