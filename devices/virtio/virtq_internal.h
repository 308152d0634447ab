/* SPDX-License-Identifier: MIT */
/*
 * virtq_internal.h: what the two ring formats share: the state of a queue, the only ways in which
 * ring memory is read and written, and the walk that turns descriptors into a chain.
 *
 * Ring memory changes under our eyes: another CPU may be writing it with any intent. So it is never
 * reached through a plain lvalue, which a compiler may load twice, but through the functions below:
 * one load each, into a local; what was checked is what is used.
 */
#ifndef DEVICES_VIRTIO_VIRTQ_INTERNAL_H
#define DEVICES_VIRTIO_VIRTQ_INTERNAL_H

#include <errno.h>

#include "virtio/virtq.h"
#include "vmm/endian.h"
#include "vmm/guestmem.h"

/* --- wire format (2.7.5, 2.7.6, 2.7.8, 2.8.13, 2.8.14) ---------------------------------------- */

#define VIRTQ_DESC_F_NEXT     0x0001u
#define VIRTQ_DESC_F_WRITE    0x0002u
#define VIRTQ_DESC_F_INDIRECT 0x0004u
#define VIRTQ_DESC_F_AVAIL    0x0080u /* packed */
#define VIRTQ_DESC_F_USED     0x8000u /* packed */

#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u
#define VIRTQ_USED_F_NO_NOTIFY     1u

#define RING_EVENT_FLAGS_ENABLE  0u
#define RING_EVENT_FLAGS_DISABLE 1u
#define RING_EVENT_FLAGS_DESC    2u

/*
 * struct virtq_desc and struct pvirtq_desc in two words, which is how they are loaded.
 *
 *   bits of rest   31..0   47..32   63..48
 *   split          len     flags    next
 *   packed         len     id       flags
 */
struct vring_desc {
	le64 addr;
	le64 rest;
};
_Static_assert(sizeof(struct vring_desc) == 16, "a descriptor");

struct virtq_avail {
	le16 flags;
	le16 idx;
	le16 ring[]; /* behind it: used_event */
};
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "the available ring");

struct virtq_used_elem {
	le32 id;
	le32 len;
};
_Static_assert(sizeof(struct virtq_used_elem) == 8, "an element of the used ring");

struct virtq_used {
	le16 flags;
	le16 idx;
	struct virtq_used_elem ring[]; /* behind it: avail_event */
};
_Static_assert(offsetof(struct virtq_used, ring) == 4, "the used ring");

/* struct pvirtq_event_suppress in one word: desc in 15..0, flags in 31..16. */
struct vring_event {
	le32 both;
};

/* --- ring memory ------------------------------------------------------------------------------ */

static inline uint16_t ring_load16(const le16 *p)
{
	return le16toh(__atomic_load_n(&p->raw, __ATOMIC_RELAXED));
}

/* Later loads stay behind it. Partner: the driver's barrier before it stores *p. */
static inline uint16_t ring_load16_acquire(const le16 *p)
{
	return le16toh(__atomic_load_n(&p->raw, __ATOMIC_ACQUIRE));
}

static inline uint64_t ring_load64(const le64 *p)
{
	return le64toh(__atomic_load_n(&p->raw, __ATOMIC_RELAXED));
}

static inline uint64_t ring_load64_acquire(const le64 *p)
{
	return le64toh(__atomic_load_n(&p->raw, __ATOMIC_ACQUIRE));
}

static inline void ring_store16(le16 *p, uint16_t v)
{
	__atomic_store_n(&p->raw, htole16(v), __ATOMIC_RELAXED);
}

static inline void ring_store32(le32 *p, uint32_t v)
{
	__atomic_store_n(&p->raw, htole32(v), __ATOMIC_RELAXED);
}

static inline void ring_store64(le64 *p, uint64_t v)
{
	__atomic_store_n(&p->raw, htole64(v), __ATOMIC_RELAXED);
}

/*
 * The two sides of "I wrote mine, now I look at yours": used.idx and used_event, avail_event and
 * avail.idx. A *_full store is globally visible before a later *_full load is made (on x86: xchg,
 * then mov), so of two CPUs that do this at the same time at least one sees the other's store, and
 * no notification falls between them. Partner: the driver's full barrier in the same place. These
 * stores also release: all that was written before is visible with them.
 */
static inline void ring_store16_full(le16 *p, uint16_t v)
{
	__atomic_store_n(&p->raw, htole16(v), __ATOMIC_SEQ_CST);
}

static inline void ring_store32_full(le32 *p, uint32_t v)
{
	__atomic_store_n(&p->raw, htole32(v), __ATOMIC_SEQ_CST);
}

static inline void ring_store64_full(le64 *p, uint64_t v)
{
	__atomic_store_n(&p->raw, htole64(v), __ATOMIC_SEQ_CST);
}

static inline uint16_t ring_load16_full(const le16 *p)
{
	return le16toh(__atomic_load_n(&p->raw, __ATOMIC_SEQ_CST));
}

static inline uint32_t ring_load32_full(const le32 *p)
{
	return le32toh(__atomic_load_n(&p->raw, __ATOMIC_SEQ_CST));
}

static inline uint64_t ring_load64_full(const le64 *p)
{
	return le64toh(__atomic_load_n(&p->raw, __ATOMIC_SEQ_CST));
}

/* A private copy of a descriptor's two words. */
struct vq_desc {
	uint64_t addr, rest;
};

/* Byte by byte, for an indirect table at an odd address: nothing in 2.7.5.3 forbids that. */
struct vq_desc vq_fetch_unaligned(const struct vring_desc *d);

static inline struct vq_desc vq_fetch(const struct vring_desc *d)
{
	if (unlikely((uintptr_t)d & (_Alignof(struct vring_desc) - 1)))
		return vq_fetch_unaligned(d);
	return (struct vq_desc){ ring_load64(&d->addr), ring_load64(&d->rest) };
}

/* --- a queue ---------------------------------------------------------------------------------- */

struct virtq {
	/* What the request path touches comes first. */
	bool packed, event_idx, indirect;
	bool live; /* enabled and not broken */
	uint16_t size;
	uint16_t mask; /* split: size - 1 */
	/*
	 * Split: free-running indices; packed: slots below size, each with its wrap counter.
	 *
	 *   published <= used <= avail <= seen, and at most size from published to seen
	 */
	uint16_t avail;     /* next to pop */
	uint16_t seen;      /* split: avail.idx as last read */
	uint16_t used;      /* where the next completion goes */
	uint16_t published; /* split: used.idx as last written */
	bool avail_wrap, used_wrap;
	bool signal;           /* the next flush interrupts, whatever the driver asked for */
	uint16_t taken;        /* packed: slots popped and not yet published as used */
	uint16_t batch;        /* packed: slots completed and not yet published */
	uint32_t outstanding;  /* chains */
	uint32_t generation;   /* counts lives */
	struct gm_window near; /* the region that the last descriptor pointed into */
	struct vring_desc *desc;
	union { /* the driver area */
		const struct virtq_avail *avail_ring;
		const struct vring_event *driver_event;
	};
	union { /* the device area */
		struct virtq_used *used_ring;
		struct vring_event *device_event;
	};
	/* packed: the first completion of a batch, held back until the batch is whole */
	struct vring_desc *first;
	uint64_t first_rest;
	struct guest_mem *gm;
	uint16_t max_size;
	bool enabled, broken;
	struct virtq_config config;
};

/* Counts, logs, and makes the queue inert. Tells its owner once. */
enum vq_state vq_break(struct virtq *vq, const char *why) __attribute__((cold, noinline));

/* One part of a ring: all of it in one region of RAM, aligned; NULL if not. */
static inline void *vq_area(struct virtq *vq, gpa_t gpa, uint64_t len, unsigned align)
{
	void *p = gm_ptr(vq->gm, gpa, len, GM_RW);

	return (gpa | (uintptr_t)p) & (align - 1) ? NULL : p;
}

int vq_split_map(struct virtq *vq, const struct vring_addr *a);
enum vq_state vq_split_pop(struct virtq *vq, struct vq_chain *c);
void vq_split_unpop(struct virtq *vq, const struct vq_chain *c);
void vq_split_complete(struct virtq *vq, const struct vq_chain *c);
bool vq_split_flush(struct virtq *vq);
void vq_split_kicks_off(struct virtq *vq);
bool vq_split_kicks_on(struct virtq *vq);

int vq_packed_map(struct virtq *vq, const struct vring_addr *a);
enum vq_state vq_packed_pop(struct virtq *vq, struct vq_chain *c);
void vq_packed_unpop(struct virtq *vq, const struct vq_chain *c);
void vq_packed_complete(struct virtq *vq, const struct vq_chain *c);
bool vq_packed_flush(struct virtq *vq);
void vq_packed_kicks_off(struct virtq *vq);
bool vq_packed_kicks_on(struct virtq *vq);

/* 2.7.7.2: has the index passed @event on its way from @old to @now? */
static inline bool vq_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/* --- from descriptors to a chain -------------------------------------------------------------- */

/* Why a chain is refused: a sentence for the log, or NULL. */
typedef const char *vq_reason;

/* Kept in registers: no function that is not inlined gets its address. */
struct vq_walk {
	struct iovec *end; /* first free piece */
	struct iovec *mid; /* first writable piece, once @writable */
	uint64_t bytes, r_len;
	uint32_t cnt; /* descriptors */
	bool writable;
};

static inline struct vq_walk vq_walk_begin(struct vq_chain *c)
{
	return (struct vq_walk){ .end = c->iov };
}

/*
 * The rare buffer: in another region than the one before, across two, empty, or not in RAM. Returns
 * how many pieces it put at @at, of at most @room; -E2BIG or -EFAULT.
 */
int vq_translate_far(struct virtq *vq, gpa_t gpa, uint32_t len, struct iovec *at, unsigned room);

/* Adds the buffer of one descriptor. 2.7.4.2: what the device reads comes first. */
static inline vq_reason vq_walk_add(struct virtq *vq, struct vq_chain *c, struct vq_walk *w,
				    gpa_t gpa, uint32_t len, bool writable)
{
	struct iovec *limit = c->iov + VQ_MAX_SEGS;
	uint8_t *p;
	int n;

	if (unlikely(w->cnt++ >= vq->max_size))
		return "a chain is longer than the queue, or a loop";
	if (writable != w->writable) {
		if (!writable)
			return "a readable descriptor follows a writable one";
		w->writable = true;
		w->mid = w->end;
		w->r_len = w->bytes;
	}
	w->bytes += len;
	if (likely(gm_window_ptr(&vq->near, gpa, len, &p) && w->end != limit)) {
		*w->end++ = (struct iovec){ p, len };
		return NULL;
	}
	n = vq_translate_far(vq, gpa, len, w->end, (unsigned)(limit - w->end));
	if (n < 0)
		return n == -E2BIG ? "a chain in too many pieces" : "a buffer that is not in RAM";
	w->end += n;
	return NULL;
}

/*
 * The indirect table of descriptor @gpa, @len (2.7.5.3, 2.8.7). Its entries are not looked at.
 * "A driver MUST NOT create a descriptor chain longer than the Queue Size of the device": that is
 * the size the device offers. A driver that had to make do with a smaller ring keeps its requests.
 */
static inline vq_reason vq_table(struct virtq *vq, gpa_t gpa, uint32_t len,
				 const struct vring_desc **table, uint32_t *entries)
{
	uint8_t *p;

	if (!vq->indirect)
		return "an indirect descriptor, which was not negotiated";
	if (!len || len % sizeof(struct vring_desc))
		return "an indirect table whose length is no multiple of 16, or 0";
	if (len / sizeof(struct vring_desc) > vq->max_size)
		return "an indirect table longer than the queue";
	if (unlikely(!gm_window_ptr(&vq->near, gpa, len, &p))) {
		p = gm_ptr(vq->gm, gpa, len, GM_RW);
		if (!p)
			return "an indirect table that is not in RAM";
	}
	*table = (const void *)p;
	*entries = (uint32_t)(len / sizeof(struct vring_desc));
	return NULL;
}

/* Makes the chain of what was walked; @slots it takes in the ring. */
static inline vq_reason vq_walk_end(struct virtq *vq, struct vq_chain *c, const struct vq_walk *w,
				    uint16_t id, uint16_t slots)
{
	struct iovec *mid = w->writable ? w->mid : w->end;
	uint64_t r_len = w->writable ? w->r_len : w->bytes, w_len = w->bytes - r_len;

	/* used.len has 32 bits; 2.7.5: no chain "longer than 2^32 bytes in total" */
	if (unlikely(w->bytes > UINT32_MAX))
		return "a chain of 4 GiB or more";
	c->vq = vq;
	c->generation = vq->generation;
	c->id = id;
	c->ndesc = slots;
	c->written = 0;
	c->room = (uint32_t)w_len;
	c->r = (struct vq_cursor){ c->iov, (uint32_t)(mid - c->iov), 0, 0, r_len };
	c->w = (struct vq_cursor){ mid, (uint32_t)(w->end - mid), 0, 0, w_len };
	vq->outstanding++;
	return NULL;
}

#endif
