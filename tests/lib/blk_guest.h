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
#define BG_SECTORS    (MIB / 512) /* of a disk of the default size */

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

/* --- for tests that run over both kinds of ring ----------------------------------------------- */

/* What these two leave of the features: packed rings only in the second run of all tests. */
extern uint64_t bg_ring_features;
/* bg_create() and bg_begin(): of a disk with all defaults and everything negotiated, or not. */
void bg_up(struct blk_guest *g);
void bg_up_with(struct blk_guest *g, const struct bg_config *c, uint64_t features);

/* main() of such a program. */
#define BG_RUN_TESTS(tests)                                                                        \
	({                                                                                         \
		int _failed = cmocka_run_group_tests_name("split rings", tests, NULL, NULL);       \
		bg_ring_features = BG_ALL;                                                         \
		_failed + cmocka_run_group_tests_name("packed rings", tests, NULL, NULL);          \
	})

/* --- requests --------------------------------------------------------------------------------- */

/* Where the parts of one are in guest memory. */
struct bg_req {
	gpa_t hdr, data, status;
};
#define BG_NONE 0xeeu /* nobody has written a status */

/* A header, @room bytes for data, and a status; nothing is in the ring yet. */
struct bg_req bg_put_header(struct blk_guest *g, unsigned q, uint32_t type, uint64_t sector,
			    uint64_t room);
/* Header, @len bytes of data, status: the framing that drivers use. */
struct bg_req bg_add(struct blk_guest *g, unsigned q, uint32_t type, uint64_t sector,
		     const void *data, uint32_t len);
/* Makes what was added visible, and has the device look. */
void bg_submit(struct blk_guest *g, unsigned q);
uint8_t bg_status(struct blk_guest *g, struct bg_req r);
/* The one chain that was used; its used.len. */
uint32_t bg_used_one(struct blk_guest *g, unsigned q);
/* Takes all that were used; returns how many. */
unsigned bg_used_all(struct blk_guest *g, unsigned q);

/* A whole request on queue 0; its status. */
uint8_t bg_run(struct blk_guest *g, uint32_t type, uint64_t sector, void *data, uint32_t len);
/* The same of a range to discard or to zero. */
uint8_t bg_run_range(struct blk_guest *g, uint32_t type, uint64_t sector, uint32_t cnt,
		     uint32_t flags);
/* The same of a chain of the test's own making; its status byte is the last byte of @b. */
uint8_t bg_run_chain(struct blk_guest *g, const struct gd_buf *b, unsigned n, uint32_t *len);
/* Whatever happened before: the next request works. */
void bg_assert_healthy(struct blk_guest *g);
/* What the disk was asked last. */
const struct fake_blk_entry *bg_newest(const struct blk_guest *g);

/* Something to write that differs from place to place, and with @seed. */
void bg_fill(uint8_t *p, size_t len, unsigned seed);

uint64_t bg_read_config(struct blk_guest *g, size_t off, unsigned size);
#define BG_CONFIG(g, f)                                                                            \
	bg_read_config(g, offsetof(struct virtio_blk_config, f),                                   \
		       sizeof(((struct virtio_blk_config *)0)->f))

#endif
