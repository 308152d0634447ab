/* SPDX-License-Identifier: MIT */
/* virtq_rig.h: a virtqueue with guest memory, an owner and a driver around it, for its tests. */
#ifndef TESTS_VIRTQ_RIG_H
#define TESTS_VIRTQ_RIG_H

#include "tests/lib/fake.h"
#include "tests/lib/guest_driver.h"

struct virtq_rig {
	struct guest_mem *gm;
	struct device dev;
	struct virtq *vq;
	struct guest_driver d;
	unsigned broken; /* calls of the owner's broken() */
	struct vq_chain c;
};

#define RIG_INDEX 3 /* of its device's queues */

/* Memory, a queue of at most @size entries, a driver with a ring of @size, and the queue enabled.
 */
void rig_up(struct virtq_rig *g, uint16_t size, uint64_t features);
/* The same with a queue that could be larger than the ring. */
void rig_up_max(struct virtq_rig *g, uint16_t size, uint16_t max_size, uint64_t features);
void rig_down(struct virtq_rig *g);
/* A fresh ring of @size in the same memory, and the queue enabled for it. */
void rig_again(struct virtq_rig *g, uint16_t size, uint64_t features);

/* vq_pop() must say VQ_OK, or VQ_EMPTY; the chain goes to g->c. */
void rig_pop(struct virtq_rig *g);
void rig_empty(struct virtq_rig *g);
/*
 * vq_pop() must say VQ_BROKEN, tell the owner once, count one error of the guest's, and leave a
 * queue that does nothing more.
 */
void rig_breaks(struct virtq_rig *g);

/* --- shorthand for tests ------------------------------------------------------------------------
 */

/* Split, packed, and both with EVENT_IDX; a test's state is one of these sets of features. */
extern uint64_t rig_formats[4];

/* clang-format off */
#define RIG_EACH(f)                                                                                \
	{ #f " (split)", f, NULL, NULL, &rig_formats[0] },                                         \
	{ #f " (split, event index)", f, NULL, NULL, &rig_formats[1] },                            \
	{ #f " (packed)", f, NULL, NULL, &rig_formats[2] },                                        \
	{ #f " (packed, event index)", f, NULL, NULL, &rig_formats[3] }
/* clang-format on */

uint8_t *rig_host(struct virtq_rig *g, gpa_t p);
/* A new buffer that holds @first, @first + 1, ... */
gpa_t rig_buffer(struct virtq_rig *g, uint32_t len, uint8_t first);
/* The driver makes a chain available: @b[0..n), or one writable buffer. @t comes back with it. */
void rig_offer(struct virtq_rig *g, const struct gd_buf *b, unsigned n, uintptr_t t);
void rig_offer_one(struct virtq_rig *g, gpa_t p, uint32_t len, uintptr_t t);
/* The next chain that the driver gets back is the one of @t, with used.len == @len; or there is
 * none. */
void rig_expect_used(struct virtq_rig *g, uintptr_t t, uint32_t len);
void rig_expect_none_used(struct virtq_rig *g);

#endif
