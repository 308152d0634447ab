/* SPDX-License-Identifier: MIT */
/*
 * virtq_packed.c: packed virtqueues (virtio 1.2, 2.8).
 *
 *   descriptor area: one ring for both directions    driver area           device area
 *   [ addr len id flags ]                            off:15 wrap:1 flags   the same
 *   driver: AVAIL = its wrap counter, USED = not     driver writes         device writes
 *   device: AVAIL = USED = its wrap counter
 *
 * A chain of n descriptors takes n slots; its completion is one descriptor, written at the place
 * where the oldest slot not yet given back is, and moves that place on by n.
 */
#include <errno.h>

#include "devices/virtio/virtq_internal.h"

#define USED_AVAIL (VIRTQ_DESC_F_USED | VIRTQ_DESC_F_AVAIL)

/* 2.8.13: bits of vring_desc.rest */
static uint32_t desc_len(struct vq_desc d)
{
	return (uint32_t)d.rest;
}

static uint16_t desc_id(struct vq_desc d)
{
	return (uint16_t)(d.rest >> 32);
}

static uint16_t rest_flags(uint64_t rest)
{
	return (uint16_t)(rest >> 48);
}

/* What the two bits look like in a descriptor that is available in a lap with counter @wrap. */
static unsigned available(bool wrap)
{
	return wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

int vq_packed_map(struct virtq *vq, const struct vring_addr *a)
{
	vq->desc = vq_area(vq, a->desc, (uint64_t)a->size * sizeof(struct vring_desc), 16);
	vq->driver_event = vq_area(vq, a->driver, sizeof(struct vring_event), 4);
	vq->device_event = vq_area(vq, a->device, sizeof(struct vring_event), 4);
	return vq->desc && vq->driver_event && vq->device_event ? 0 : -EINVAL;
}

/*
 * 2.8.7: an indirect table is a plain array; of its flags only WRITE means anything, "others are
 * reserved and are ignored by the device".
 */
static vq_reason walk_table(struct virtq *vq, struct vq_chain *c, struct vq_walk *w,
			    struct vq_desc at)
{
	const struct vring_desc *table;
	uint32_t entries;
	vq_reason why = vq_table(vq, at.addr, desc_len(at), &table, &entries);

	for (uint32_t i = 0; !why && i < entries; i++) {
		struct vq_desc d = vq_fetch(&table[i]);

		why = vq_walk_add(vq, c, w, d.addr, desc_len(d),
				  rest_flags(d.rest) & VIRTQ_DESC_F_WRITE);
	}
	return why;
}

/* A list of descriptors in the ring, which begins with @d at the next slot. */
struct list {
	uint16_t slots, id;
	uint16_t end; /* the slot behind it */
	bool wrap;
};

static inline vq_reason walk(struct virtq *vq, struct vq_chain *c, struct vq_walk *w,
			     struct vq_desc d, struct list *l)
{
	for (;;) {
		uint16_t flags = rest_flags(d.rest);
		vq_reason why;

		/* 2.8.6: "must be set/cleared correctly in all descriptors in the list" */
		if ((flags & USED_AVAIL) != available(l->wrap))
			return "a list goes on with a descriptor that is not available";
		if (l->slots == vq->size - vq->taken)
			return "more descriptors available than the ring has";
		l->slots++;
		if (++l->end == vq->size) {
			l->end = 0;
			l->wrap = !l->wrap;
		}
		l->id = desc_id(d);
		flags &= (uint16_t)~USED_AVAIL;
		if (flags & ~(VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE)) {
			/* 2.8.7: WRITE is ignored here. 2.8.5: a list is of one kind. */
			if (flags & ~(VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE) || l->slots > 1)
				return "unknown flags, or an indirect descriptor in a list";
			return walk_table(vq, c, w, d);
		}
		why = vq_walk_add(vq, c, w, d.addr, desc_len(d), flags & VIRTQ_DESC_F_WRITE);
		if (unlikely(why))
			return why;
		if (!(flags & VIRTQ_DESC_F_NEXT))
			return NULL;
		d = vq_fetch(&vq->desc[l->end]);
	}
}

enum vq_state vq_packed_pop(struct virtq *vq, struct vq_chain *c)
{
	struct list l = { .end = vq->avail, .wrap = vq->avail_wrap };
	struct vq_walk w = vq_walk_begin(c);
	const struct vring_desc *head;
	struct vq_desc d;
	vq_reason why;

	if (unlikely(!vq->live))
		return vq->broken ? VQ_BROKEN : VQ_EMPTY;
	head = &vq->desc[vq->avail];
	/* Partner: the driver's barrier before it stores the flags of a list's first descriptor. */
	d.rest = ring_load64_acquire(&head->rest);
	if ((rest_flags(d.rest) & USED_AVAIL) != available(vq->avail_wrap))
		return VQ_EMPTY;
	d.addr = ring_load64(&head->addr);
	why = walk(vq, c, &w, d, &l);
	if (!why)
		why = vq_walk_end(vq, c, &w, l.id, l.slots);
	if (unlikely(why))
		return vq_break(vq, why);
	vq->avail = l.end;
	vq->avail_wrap = l.wrap;
	vq->taken = (uint16_t)(vq->taken + l.slots);
	return VQ_OK;
}

void vq_packed_unpop(struct virtq *vq, const struct vq_chain *c)
{
	vq->taken = (uint16_t)(vq->taken - c->ndesc);
	if (vq->avail < c->ndesc) {
		vq->avail = (uint16_t)(vq->avail + vq->size);
		vq->avail_wrap = !vq->avail_wrap;
	}
	vq->avail = (uint16_t)(vq->avail - c->ndesc);
}

/*
 * The driver looks at one slot only, the next to be used, so the first completion of a batch is
 * kept back and what is written behind it stays unseen until vq_flush() (2.8.9).
 */
void vq_packed_complete(struct virtq *vq, const struct vq_chain *c)
{
	uint64_t flags = vq->used_wrap ? USED_AVAIL : 0;
	struct vring_desc *d = &vq->desc[vq->used];
	uint64_t rest;

	if (c->written) /* 2.8.4: without WRITE, len is reserved */
		flags |= VIRTQ_DESC_F_WRITE;
	rest = c->written | (uint64_t)c->id << 32 | flags << 48;
	if (!vq->batch) {
		vq->first = d;
		vq->first_rest = rest;
	} else {
		ring_store64(&d->rest, rest);
	}
	vq->batch = (uint16_t)(vq->batch + c->ndesc);
	vq->used = (uint16_t)(vq->used + c->ndesc);
	if (vq->used >= vq->size) {
		vq->used = (uint16_t)(vq->used - vq->size);
		vq->used_wrap = !vq->used_wrap;
	}
}

/*
 * 2.8.10: does the driver want to hear of the last @slots? Its event is a slot and a wrap counter;
 * counted from our lap, one of the lap before lies `size` back.
 */
static bool wants_event(const struct virtq *vq, uint32_t event, uint16_t slots)
{
	uint16_t off = event & 0x7fff;

	switch (event >> 16 & 3) {
	case RING_EVENT_FLAGS_DISABLE:
		return false;
	case RING_EVENT_FLAGS_DESC:
		if (!vq->event_idx)
			return true;
		if ((event >> 15 & 1) != vq->used_wrap)
			off = (uint16_t)(off - vq->size);
		return vq_passed(off, vq->used, (uint16_t)(vq->used - slots));
	default: /* the reserved value 3 as well: an interrupt too many is no harm */
		return true;
	}
}

bool vq_packed_flush(struct virtq *vq)
{
	uint16_t slots = vq->batch;
	bool always = vq->signal;

	if (!slots)
		return false;
	vq->batch = 0;
	vq->taken = (uint16_t)(vq->taken - slots);
	vq->signal = false;
	/*
	 * Publishes the batch and its data (partner: the driver's read barrier after it sees the
	 * USED bit), and is visible before we ask whether the driver wants to hear of it (partner:
	 * its full barrier between storing its event and its last look at the ring).
	 */
	ring_store64_full(&vq->first->rest, vq->first_rest);
	return wants_event(vq, ring_load32_full(&vq->driver_event->both), slots) || always;
}

/* With EVENT_IDX nothing needs saying: see vq_split_kicks_off(). Here one kick in 2 laps may come.
 */
void vq_packed_kicks_off(struct virtq *vq)
{
	if (!vq->event_idx)
		ring_store32(&vq->device_event->both, RING_EVENT_FLAGS_DISABLE << 16);
}

/* First asks, then looks (partner: the driver's barrier between making a list available and reading
 * our event, 2.8.21.3). */
bool vq_packed_kicks_on(struct virtq *vq)
{
	uint32_t event = RING_EVENT_FLAGS_ENABLE << 16;

	if (vq->event_idx)
		event = RING_EVENT_FLAGS_DESC << 16 | (uint32_t)vq->avail_wrap << 15 | vq->avail;
	ring_store32_full(&vq->device_event->both, event);
	return (rest_flags(ring_load64_full(&vq->desc[vq->avail].rest)) & USED_AVAIL) ==
	       available(vq->avail_wrap);
}
