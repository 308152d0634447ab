/* SPDX-License-Identifier: MIT */
/*
 * virtq_split.c: split virtqueues (virtio 1.2, 2.7).
 *
 *   descriptor area: table     driver area: available ring     device area: used ring
 *   [ addr len flags next ]    flags idx ring[] used_event     flags idx ring[]{id, len}
 * avail_event size entries                   driver writes                    device writes
 */
#include <errno.h>

#include "devices/virtio/virtq_internal.h"
#include "vmm/bits.h"

/* 2.7.5: bits of vring_desc.rest */
static uint32_t desc_len(struct vq_desc d)
{
	return (uint32_t)d.rest;
}

static uint16_t desc_flags(struct vq_desc d)
{
	return (uint16_t)(d.rest >> 32);
}

static uint16_t desc_next(struct vq_desc d)
{
	return (uint16_t)(d.rest >> 48);
}

/* 2.7: alignments and lengths, which include the event words whether negotiated or not. */
int vq_split_map(struct virtq *vq, const struct vring_addr *a)
{
	uint64_t n = a->size;

	if (!is_pow2(n))
		return -EINVAL;
	vq->desc = vq_area(vq, a->desc, n * sizeof(struct vring_desc), 16);
	vq->avail_ring = vq_area(vq, a->driver, sizeof(struct virtq_avail) + 2 * n + 2, 2);
	vq->used_ring =
		vq_area(vq, a->device,
			sizeof(struct virtq_used) + n * sizeof(struct virtq_used_elem) + 2, 4);
	return vq->desc && vq->avail_ring && vq->used_ring ? 0 : -EINVAL;
}

static const le16 *used_event(const struct virtq *vq)
{
	return &vq->avail_ring->ring[vq->size];
}

static le16 *avail_event(struct virtq *vq)
{
	return (le16 *)(void *)&vq->used_ring->ring[vq->size];
}

/*
 * All known chains are popped: reads avail.idx, once for as many chains as it says. The driver may
 * be at most `size` ahead of what it has been told is used. Whatever it does with 16 bits, forwards
 * or back, shows as a distance that is too large. This also bounds the chains outstanding.
 */
static enum vq_state look(struct virtq *vq)
{
	uint16_t room, fresh;

	if (unlikely(!vq->live))
		return vq->broken ? VQ_BROKEN : VQ_EMPTY;
	/* Partner: the driver's barrier between filling in entries and storing idx (2.7.13.3). */
	vq->seen = ring_load16_acquire(&vq->avail_ring->idx);
	fresh = (uint16_t)(vq->seen - vq->avail);
	room = (uint16_t)(vq->size - (uint16_t)(vq->avail - vq->published));
	if (unlikely(fresh > room))
		return vq_break(vq, "the available index jumped");
	return fresh ? VQ_OK : VQ_EMPTY;
}

/* Follows a chain from @head, into an indirect table at most once. */
static inline vq_reason walk(struct virtq *vq, struct vq_chain *c, struct vq_walk *w, uint32_t head)
{
	const struct vring_desc *table = vq->desc;
	uint32_t entries = vq->size;
	bool nested = false;
	vq_reason why;

	for (uint32_t i = head;;) {
		struct vq_desc d;
		uint16_t flags;

		if (unlikely(i >= entries))
			return "a descriptor index beyond its table";
		d = vq_fetch(&table[i]);
		flags = desc_flags(d);
		if (flags & ~(VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE)) {
			/* 2.7.5.3.2: WRITE is ignored here; readable or not, the table is read. */
			if (flags & ~(VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_WRITE))
				return "unknown flags, or NEXT and INDIRECT in one descriptor";
			if (nested)
				return "an indirect table inside an indirect table";
			why = vq_table(vq, d.addr, desc_len(d), &table, &entries);
			if (why)
				return why;
			nested = true;
			i = 0;
			continue;
		}
		why = vq_walk_add(vq, c, w, d.addr, desc_len(d), flags & VIRTQ_DESC_F_WRITE);
		if (unlikely(why))
			return why;
		if (!(flags & VIRTQ_DESC_F_NEXT))
			return NULL;
		i = desc_next(d);
	}
}

enum vq_state vq_split_pop(struct virtq *vq, struct vq_chain *c)
{
	struct vq_walk w = vq_walk_begin(c);
	enum vq_state s;
	vq_reason why;
	uint16_t head;

	if (vq->avail == vq->seen) {
		s = look(vq);
		if (s != VQ_OK)
			return s;
	}
	head = ring_load16(&vq->avail_ring->ring[vq->avail & vq->mask]);
	why = walk(vq, c, &w, head);
	if (!why)
		why = vq_walk_end(vq, c, &w, head, 1);
	if (unlikely(why))
		return vq_break(vq, why);
	vq->avail++;
	return VQ_OK;
}

void vq_split_unpop(struct virtq *vq, const struct vq_chain *c)
{
	(void)c;
	vq->avail--;
}

void vq_split_complete(struct virtq *vq, const struct vq_chain *c)
{
	struct virtq_used_elem *e = &vq->used_ring->ring[vq->used & vq->mask];

	ring_store32(&e->id, c->id);
	ring_store32(&e->len, c->written);
	vq->used++;
}

bool vq_split_flush(struct virtq *vq)
{
	uint16_t old = vq->published;
	bool always = vq->signal;

	if (vq->used == old)
		return false;
	vq->published = vq->used;
	vq->signal = false;
	/*
	 * Publishes elements and data (partner: the driver's read barrier after it loads idx,
	 * 2.7.14), and is visible before we ask whether the driver wants to hear of it (partner:
	 * its full barrier between storing used_event, or clearing NO_INTERRUPT, and its last look
	 * at idx).
	 */
	ring_store16_full(&vq->used_ring->idx, vq->used);
	if (vq->event_idx)
		return vq_passed(ring_load16_full(used_event(vq)), vq->used, old) || always;
	return !(ring_load16_full(&vq->avail_ring->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT) || always;
}

/*
 * With EVENT_IDX nothing needs saying: avail_event stays behind, at an index that the driver has
 * passed, and it does not kick again before it passes it once more, 65536 chains later (2.7.10).
 */
void vq_split_kicks_off(struct virtq *vq)
{
	if (!vq->event_idx)
		ring_store16(&vq->used_ring->flags, VIRTQ_USED_F_NO_NOTIFY);
}

/*
 * First asks, then looks (partner: the driver stores avail.idx, has a full barrier, and reads
 * avail_event or flags, 2.7.13.4). What it says may be nonsense; vq_pop() finds out.
 */
bool vq_split_kicks_on(struct virtq *vq)
{
	if (vq->event_idx)
		ring_store16_full(avail_event(vq), vq->avail);
	else
		ring_store16_full(&vq->used_ring->flags, 0);
	return ring_load16_full(&vq->avail_ring->idx) != vq->avail;
}
