/* SPDX-License-Identifier: MIT */
/*
 * virtq.c: what both ring formats share: the life of a queue, the bytes of a chain, and the choice
 * between the two at each call (a branch that always goes the same way).
 */
#include "virtio/virtq.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/virtio/virtq_internal.h"
#include "virtio/virtio_wire.h"
#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/trace.h"

/* --- life ------------------------------------------------------------------------------------- */

int virtq_create(const struct virtq_config *c, struct virtq **ret, struct error **errp)
{
	struct virtq *vq;

	if (!c->max_size || c->max_size > VQ_SIZE_MAX)
		return err_set(errp, EINVAL, "a queue of %u entries, not 1 to %u", c->max_size,
			       VQ_SIZE_MAX);
	vq = calloc(1, sizeof(*vq));
	if (!vq)
		return err_set(errp, ENOMEM, "cannot allocate a virtqueue");
	vq->config = *c;
	vq->gm = c->gm;
	vq->max_size = c->max_size;
	*ret = vq;
	return 0;
}

struct virtq *virtq_destroy(struct virtq *vq)
{
	free(vq);
	return NULL;
}

/* Nothing to pop, so that vq_pop() gets to the place that asks whether the queue is alive. */
static void make_inert(struct virtq *vq)
{
	vq->live = false;
	vq->seen = vq->avail;
}

static void say(struct virtq *vq, const char *why)
{
	log_guest(vq->config.dev, "queue %u: %s; it rests until the driver resets it",
		  vq->config.index, why);
}

enum vq_state vq_break(struct virtq *vq, const char *why)
{
	make_inert(vq);
	vq->broken = true;
	say(vq, why);
	if (vq->config.broken)
		vq->config.broken(vq->config.opaque, vq->config.index);
	return VQ_BROKEN;
}

/* A new life: chains of the one before are no longer ours. */
static void renew(struct virtq *vq)
{
	vq->generation++;
	vq->outstanding = 0;
	vq->avail = vq->seen = vq->used = vq->published = 0;
	vq->avail_wrap = vq->used_wrap = true; /* 2.8.1 */
	vq->taken = vq->batch = 0;
	vq->signal = false;
	vq->live = vq->enabled = vq->broken = false;
}

int virtq_enable(struct virtq *vq, const struct vring_addr *a, uint64_t features)
{
	int r = -EINVAL;

	renew(vq);
	vq->packed = features & VIRTIO_F_RING_PACKED;
	vq->event_idx = features & VIRTIO_F_EVENT_IDX;
	vq->indirect = features & VIRTIO_F_INDIRECT_DESC;
	if (a->size && a->size <= vq->max_size)
		r = vq->packed ? vq_packed_map(vq, a) : vq_split_map(vq, a);
	if (r < 0) {
		vq->broken = true;
		say(vq, "its size, or an area that is misaligned or not RAM");
		return r;
	}
	vq->size = a->size;
	vq->mask = (uint16_t)(a->size - 1);
	vq->enabled = vq->live = true;
	return 0;
}

void virtq_disable(struct virtq *vq)
{
	renew(vq);
}

bool virtq_enabled(const struct virtq *vq)
{
	return vq->enabled;
}

bool virtq_is_broken(const struct virtq *vq)
{
	return vq->broken;
}

struct virtq_position virtq_position(const struct virtq *vq)
{
	return (struct virtq_position){ .avail = vq->avail,
					.used = vq->used,
					.avail_wrap = vq->avail_wrap,
					.used_wrap = vq->used_wrap };
}

int virtq_set_position(struct virtq *vq, const struct virtq_position *p)
{
	/*
	 * With nothing outstanding the two indices meet. Were they apart, the chains in between
	 * would belong to nobody.
	 */
	if (!vq->live || vq->outstanding || p->avail != p->used || p->avail_wrap != p->used_wrap)
		return -EINVAL;
	if (vq->packed && p->avail >= vq->size)
		return -EINVAL;
	vq->avail = vq->seen = p->avail;
	vq->used = vq->published = p->used;
	vq->avail_wrap = p->avail_wrap;
	vq->used_wrap = p->used_wrap;
	vq->signal = true;
	return 0;
}

bool virtq_host(const struct virtq *vq, struct virtq_host *h)
{
	if (!vq->live || vq->packed)
		return false;
	*h = (struct virtq_host){ .size = vq->size,
				  .desc = vq->desc,
				  .driver = (void *)(uintptr_t)vq->avail_ring,
				  .device = vq->used_ring };
	return true;
}

/* --- chains ----------------------------------------------------------------------------------- */

struct vq_desc vq_fetch_unaligned(const struct vring_desc *d)
{
	const uint8_t *p = (const void *)d;
	uint8_t b[sizeof(*d)];

	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = __atomic_load_n(p + i, __ATOMIC_RELAXED);
	return (struct vq_desc){ get_le64(b), get_le64(b + 8) };
}

int vq_translate_far(struct virtq *vq, gpa_t gpa, uint32_t len, struct iovec *at, unsigned room)
{
	int n;

	if (!len) /* no byte of it is anywhere */
		return 0;
	n = gm_iov(vq->gm, gpa, len, GM_RW, at, room);
	/* What is not plain RAM, a device's registers above all, is no place to copy to or from. */
	if (n > 0 && !gm_window_move(vq->gm, &vq->near, gpa))
		return -EFAULT;
	return n;
}

static __attribute__((cold, noinline)) enum vq_state pop_traced(struct virtq *vq,
								struct vq_chain *c)
{
	enum vq_state s = vq->packed ? vq_packed_pop(vq, c) : vq_split_pop(vq, c);

	if (s == VQ_OK)
		trace_event(TRACE_E_VQ_POP, vq->config.dev->number, vq->config.index, c->id,
			    c->r.left, c->w.left);
	return s;
}

enum vq_state vq_pop(struct virtq *vq, struct vq_chain *c)
{
	if (trace_enabled())
		return pop_traced(vq, c);
	return vq->packed ? vq_packed_pop(vq, c) : vq_split_pop(vq, c);
}

/* Ends the device's ownership. False: the ring is not to hear of it. */
static bool give_up(struct vq_chain *c, struct virtq *vq)
{
	assert(vq && "a chain is completed or given back once");
	c->vq = NULL;
	if (c->generation != vq->generation)
		return false;
	vq->outstanding--;
	return vq->live;
}

void vq_unpop(struct vq_chain *c)
{
	struct virtq *vq = c->vq;

	if (!give_up(c, vq))
		return;
	if (vq->packed)
		vq_packed_unpop(vq, c);
	else
		vq_split_unpop(vq, c);
}

static __attribute__((cold, noinline)) void complete_traced(struct virtq *vq,
							    const struct vq_chain *c)
{
	trace_event(TRACE_E_VQ_PUSH, vq->config.dev->number, vq->config.index, c->id, c->written);
	if (vq->packed)
		vq_packed_complete(vq, c);
	else
		vq_split_complete(vq, c);
}

void vq_complete(struct vq_chain *c)
{
	struct virtq *vq = c->vq;

	if (!give_up(c, vq))
		return;
	if (trace_enabled())
		complete_traced(vq, c);
	else if (vq->packed)
		vq_packed_complete(vq, c);
	else
		vq_split_complete(vq, c);
}

unsigned vq_outstanding(const struct virtq *vq)
{
	return vq->outstanding;
}

bool vq_flush(struct virtq *vq)
{
	if (!vq->live)
		return false;
	return vq->packed ? vq_packed_flush(vq) : vq_split_flush(vq);
}

void vq_kicks_off(struct virtq *vq)
{
	if (!vq->live)
		return;
	if (vq->packed)
		vq_packed_kicks_off(vq);
	else
		vq_split_kicks_off(vq);
}

bool vq_kicks_on(struct virtq *vq)
{
	if (!vq->live)
		return false;
	return vq->packed ? vq_packed_kicks_on(vq) : vq_split_kicks_on(vq);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static size_t piece_left(const struct vq_cursor *cur)
{
	return cur->iov->iov_len + cur->cut - cur->off;
}

static void next_piece(struct vq_cursor *cur)
{
	cur->iov++;
	cur->n--;
	cur->off = cur->cut = 0;
}

/* The cursor has consumed @n of the @have bytes of its first piece. */
static inline void consume(struct vq_cursor *cur, size_t n, size_t have)
{
	if (n == have)
		next_piece(cur);
	else
		cur->off += (uint32_t)n;
}

/*
 * Copies @n bytes, which the cursor has, and moves it past them: the one way in, and the one way
 * out.
 */
static inline void copy_out(struct vq_cursor *cur, uint8_t *dst, size_t n)
{
	cur->left -= n;
	while (n) {
		size_t have = piece_left(cur), part = min_u64(n, have);

		memcpy(dst, (const uint8_t *)cur->iov->iov_base + cur->off, part);
		consume(cur, part, have);
		dst += part;
		n -= part;
	}
}

static inline void copy_in(struct vq_cursor *cur, const uint8_t *src, size_t n)
{
	cur->left -= n;
	while (n) {
		size_t have = piece_left(cur), part = min_u64(n, have);

		memcpy((uint8_t *)cur->iov->iov_base + cur->off, src, part);
		consume(cur, part, have);
		src += part;
		n -= part;
	}
}

bool vq_pull(struct vq_chain *c, void *dst, size_t n)
{
	if (n > c->r.left)
		return false;
	copy_out(&c->r, dst, n);
	return true;
}

bool vq_push(struct vq_chain *c, const void *src, size_t n)
{
	if (n > c->w.left)
		return false;
	if (c->written == c->room - c->w.left)
		c->written += (uint32_t)n;
	copy_in(&c->w, src, n);
	return true;
}

/* Makes what is consumed of the first piece, and cut off it, a matter of the past. */
static void trim(struct vq_cursor *cur)
{
	if (!(cur->off | cur->cut))
		return;
	cur->iov->iov_len = piece_left(cur);
	cur->iov->iov_base = (uint8_t *)cur->iov->iov_base + cur->off;
	cur->off = cur->cut = 0;
}

bool vq_split_tail(struct vq_chain *c, size_t n, struct vq_cursor *tail)
{
	struct vq_cursor *w = &c->w;
	struct iovec *end = w->iov + w->n, *p = end;
	size_t have = 0;

	if (n > w->left)
		return false;
	if (w->n)
		trim(w);
	while (have < n)
		have += (--p)->iov_len;
	if (have > n) { /* @p is shared: its end becomes a piece of its own, in the spare place */
		memmove(p + 1, p, (size_t)((uint8_t *)end - (uint8_t *)p));
		p->iov_len = have - n;
		p++;
		p->iov_base = (uint8_t *)p->iov_base + (have - n);
		p->iov_len -= have - n;
		end++;
	}
	*tail = (struct vq_cursor){ .iov = p, .n = (uint32_t)(end - p), .left = n };
	w->n = (uint32_t)(p - w->iov);
	w->left -= n;
	c->room -= (uint32_t)n;
	return true;
}

bool vq_push_tail(struct vq_chain *c, struct vq_cursor *tail, const void *src, size_t n)
{
	if (n > tail->left)
		return false;
	if (c->written == c->room) {
		c->written += (uint32_t)n;
		c->room += (uint32_t)n;
	}
	copy_in(tail, src, n);
	return true;
}

size_t vq_window(struct vq_chain *c, struct vq_cursor *cur, size_t max, const struct iovec **iov,
		 unsigned *cnt)
{
	size_t len = min_u64(max, cur->left), left = len;

	(void)c;
	*cnt = 0;
	*iov = cur->iov;
	if (!len)
		return 0;
	trim(cur);
	cur->left -= len;
	if (!cur->left) { /* all of it */
		*cnt = cur->n;
		cur->iov += cur->n;
		cur->n = 0;
		return len;
	}
	while (left >= cur->iov->iov_len) {
		left -= cur->iov->iov_len;
		next_piece(cur);
		++*cnt;
	}
	if (left) {
		cur->off = (uint32_t)left;
		cur->cut = (uint32_t)(cur->iov->iov_len - left);
		cur->iov->iov_len = left;
		++*cnt;
	}
	return len;
}

void vq_commit(struct vq_chain *c, size_t n)
{
	c->written += (uint32_t)min_u64(n, c->room - c->w.left - c->written);
}
