/* SPDX-License-Identifier: MIT */
/*
 * guest_driver.h: the driver's side of a virtqueue, for tests of virtqueues and devices: an honest
 * driver after virtio 1.2, 2.7.13 f. and 2.8.21 f., and beneath it the raw ring for those who are
 * not honest.
 *
 *	struct guest_mem *gm = gd_mem_create();
 *	struct guest_driver d;
 *	gd_init(&d, gm, GD_RINGS, 64, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
 *	virtq_enable(vq, &d.ring, d.features);              (or tell a transport the addresses)
 *
 *	gpa_t hdr = gd_alloc(&d, 16, 16), data = gd_alloc(&d, 512, 512);
 *	gd_add(&d, (struct gd_buf[]){ { hdr, 16 }, { data, 512, GD_W } }, 2, token);
 *	if (gd_kick(&d))
 *		... the device must look ...
 *	struct gd_used u;
 *	while (gd_get_used(&d, &u))
 *		... u.token, u.len ...
 *
 * One driver is one thread's. Stores to the ring are atomic and ordered as 2.7.13 asks, so that the
 * device may run in another.
 */
#ifndef TESTS_GUEST_DRIVER_H
#define TESTS_GUEST_DRIVER_H

#include "virtio/virtio_wire.h"
#include "virtio/virtq.h"
#include "vmm/guestmem.h"

/* --- a guest's memory ---------------------------------------------------------------------------
 */

/*
 *	0        8 MiB       16 MiB                4 GiB        4 GiB + 64 MiB
 *	[ region ][ region    ]      hole    [ROM] [ region     ]
 *
 * A range that crosses GD_SEAM is RAM, in two pieces.
 */
#define GD_SEAM     (UINT64_C(8) << 20)
#define GD_LOW_END  (UINT64_C(16) << 20)
#define GD_ROM      UINT64_C(0xfff00000)
#define GD_ROM_LEN  UINT64_C(0x10000)
#define GD_HIGH     (UINT64_C(4) << 30)
#define GD_HIGH_END (GD_HIGH + (UINT64_C(64) << 20)) /* 64 of them are 4 GiB */

#define GD_RINGS (UINT64_C(1) << 20) /* a place for the first driver's rings and buffers */

/* Fails the test if there is no memory; gm_destroy() ends it. */
struct guest_mem *gd_mem_create(void);

/* --- an honest driver ---------------------------------------------------------------------------
 */

#define GD_SIZE_MAX 1024u
#define GD_W        true /* struct gd_buf: the device writes it */

struct gd_buf {
	gpa_t addr;
	uint32_t len;
	bool write;
};

struct gd_used {
	uint16_t id;
	uint32_t len; /* bytes the device says it has written */
	void *token;
};

/* A descriptor of either format. */
struct gd_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; /* packed: id */
};

struct guest_driver {
	struct guest_mem *gm;
	struct vring_addr ring; /* what the device is told */
	uint64_t features;
	gpa_t next; /* where gd_alloc() goes on */

	uint16_t size, free_cnt;
	uint16_t avail, used; /* split: free-running; packed: slots */
	bool avail_wrap, used_wrap;
	uint16_t fresh;      /* added since the last gd_kick(): chains (split) or slots (packed) */
	struct gd_desc held; /* packed: what gd_kick() makes visible, and thereby all behind it */
	uint16_t held_slot, held_cnt;
	uint8_t *desc, *driver, *device; /* the areas as the host sees them */
	uint16_t free_head;
	struct {
		void *token;
		bool busy;
		uint16_t slots;
		uint16_t next; /* free list; split: also the chain's next */
		gpa_t table;   /* indirect, allocated once */
	} id[GD_SIZE_MAX];
};

/*
 * Lays out a zeroed ring of @size entries at @base, as packed as its alignments allow, each area
 * followed by a gap. @features: VIRTIO_F_RING_PACKED, _EVENT_IDX, _INDIRECT_DESC matter.
 */
void gd_init(struct guest_driver *d, struct guest_mem *gm, gpa_t base, uint16_t size,
	     uint64_t features);

/* @len bytes behind the ring, aligned to @align, a power of two. Never given back. */
gpa_t gd_alloc(struct guest_driver *d, uint64_t len, uint64_t align);

/*
 * Adds a chain of @n buffers, directly or through a table of its own (at most GD_TABLE_MAX).
 * Returns its ID, or -1 if the ring is full. @token comes back in struct gd_used.
 */
#define GD_TABLE_MAX 1024u
int gd_add(struct guest_driver *d, const struct gd_buf *b, unsigned n, void *token);
int gd_add_indirect(struct guest_driver *d, const struct gd_buf *b, unsigned n, void *token);

/* Makes what was added visible. True: the device asked to be kicked for it. */
bool gd_kick(struct guest_driver *d);

/* The next used chain. Fails the test on an ID that is not in flight: nobody completes twice. */
bool gd_get_used(struct guest_driver *d, struct gd_used *u);

/* Interrupts (2.7.7, 2.8.10). gd_irqs_on(): for the next used chain; true: one is there already. */
void gd_irqs_off(struct guest_driver *d);
bool gd_irqs_on(struct guest_driver *d);
/* With EVENT_IDX: only once @n more chains (packed: slots) have been used after the next one. */
void gd_irqs_after(struct guest_driver *d, uint16_t n);

/* --- the raw ring -------------------------------------------------------------------------------
 */

#define GD_F_NEXT     0x0001u
#define GD_F_WRITE    0x0002u
#define GD_F_INDIRECT 0x0004u
#define GD_F_AVAIL    0x0080u
#define GD_F_USED     0x8000u

/* Entry @i of the table at @table, in the layout of the ring's format. */
void gd_set_desc(struct guest_driver *d, gpa_t table, unsigned i, struct gd_desc v);
struct gd_desc gd_get_desc(const struct guest_driver *d, gpa_t table, unsigned i);
/* Split: avail.ring[@slot modulo size], avail.idx, used.idx; used_event and avail_event. */
void gd_set_avail(struct guest_driver *d, unsigned slot, uint16_t head);
void gd_set_avail_idx(struct guest_driver *d, uint16_t idx);
uint16_t gd_used_idx(const struct guest_driver *d);
void gd_set_used_event(struct guest_driver *d, uint16_t v);
uint16_t gd_avail_event(const struct guest_driver *d);
/* Split: avail.flags, used.flags. Packed: the two event structures, off and wrap in 15..0. */
void gd_set_flags(struct guest_driver *d, uint32_t v);
uint32_t gd_device_flags(const struct guest_driver *d);

/*
 * One act of malice, chosen by @r: a descriptor, an index, an available entry, an event or a flag
 * gets another value, often one that is nearly right. Any thread, at any time.
 */
void gd_evil(struct guest_driver *d, uint64_t r);

#endif
