/* SPDX-License-Identifier: MIT */
/*
 * blk_guest.h: a virtio block device over a fake disk, and the guest that drives it: its memory, a
 * transport that counts interrupts, a driver for each queue. The program that uses it includes
 * fake_blk_link.h.
 */
#ifndef TESTS_BLK_GUEST_H
#define TESTS_BLK_GUEST_H

#include "devices/virtio/blk.h"
#include "tests/lib/fake_blk.h"
#include "tests/lib/guest_driver.h"
#include "virtio/blk_wire.h"
#include "virtio/virtio.h"

#define BG_QUEUES_MAX 4

struct blk_guest {
	struct guest_mem *gm;
	struct loop *loop; /* does not run: bg_kick() does its work */
	struct fake_blk *disk;
	bool disk_closed;
	struct virtio_blk *b;
	struct virtio_device *v;
	struct virtio_xport xport;
	_Atomic unsigned irqs[BG_QUEUES_MAX], config_irqs;
	struct guest_driver d[BG_QUEUES_MAX];
	unsigned queues;
};

struct bg_config {
	uint64_t size;     /* bytes; 0: 1 MiB */
	unsigned queues;   /* 0: 1 */
	unsigned ring;     /* queue size; 0: 128 */
	uint64_t features; /* what the driver acks beside VERSION_1; UINT64_MAX: all it can */
	const char *serial;
	uint32_t block_size;
	bool readonly, write_through, no_discard;
};
#define BG_ALL UINT64_MAX

/* A device as the machine makes it, started; no driver yet. Ends the test on failure. */
void bg_create(struct blk_guest *g, const struct bg_config *c);
/* The driver's initialization (3.1.1), with @features, and packed rings among them or not. */
void bg_begin(struct blk_guest *g, uint64_t features);
/* Stops and frees everything that is still there. */
void bg_end(struct blk_guest *g);

/* Has the device look at queue @q, as its loop would. */
void bg_kick(struct blk_guest *g, unsigned q);

#endif
