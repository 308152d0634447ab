/* SPDX-License-Identifier: MIT */
/*
 * virtq.h: virtqueues, split and packed (virtio 1.2, 2.7 and 2.8), as a device sees them. A
 * malicious ring can produce VQ_BROKEN and nothing else. docs/virtqueue.md says why.
 *
 * A device pops chains, each an owned, validated copy of what the driver described; reads and
 * writes guest memory through their cursors; completes each exactly once, in any order; and
 * flushes, which publishes the completions and says whether the driver wants an interrupt:
 *
 *	vq_kicks_off(vq);
 *	do {
 *		while (vq_pop(vq, c) == VQ_OK)
 *			... vq_pull(c, &hdr, sizeof(hdr)), vq_push(c, ...), vq_complete(c) ...
 *		if (vq_flush(vq))
 *			interrupt the driver;
 *	} while (vq_kicks_on(vq));
 *
 * vq_pop() guarantees: each part of the ring was RAM, in one region, aligned, when the queue was
 * enabled; the driver is at most `size` ahead; head and next indices are inside their table; each
 * descriptor was copied once into a local; no unknown flag; a chain ends, after at most max_size
 * descriptors; readable ones before writable ones; INDIRECT only if negotiated, once, not with
 * NEXT, its table in one region of RAM, a multiple of 16 long, not empty, of at most max_size
 * entries; all lengths together at most UINT32_MAX; every byte is RAM, of at most VQ_MAX_SEGS
 * pieces; at most `size` chains outstanding. Descriptors of length 0 are legal and add nothing,
 * wherever they point; a chain of nothing else has no bytes, and is completed like any other.
 *
 * Any violation: counted, log_guest(), the queue is inert until it is enabled again, and the owner
 * hears of it once, by broken().
 *
 * All functions on one queue are called by one thread at a time: its device's loop, or the control
 * plane while that loop is quiesced. None blocks or allocates, but virtq_create().
 */
#ifndef VIRTIO_VIRTQ_H
#define VIRTIO_VIRTQ_H

#include "vmm/guestmem.h"

struct device;
struct error;
struct virtq;

#define VQ_SIZE_MAX 1024u /* the largest ring a device of ours offers */
#define VQ_MAX_SEGS 256u  /* pieces of host memory in one chain */

enum vq_state { VQ_EMPTY, VQ_OK, VQ_BROKEN };

/* Bytes of a chain, in order; moves as they are consumed. @left is the sum of what remains. */
struct vq_cursor {
	struct iovec *iov; /* into vq_chain.iov */
	uint32_t n;        /* pieces from @iov on; none is empty */
	uint32_t off;      /* consumed of the first */
	uint32_t cut;      /* bytes of the first that a window took off its iov_len */
	uint64_t left;
};

/*
 * Owned by the device from vq_pop() to vq_complete(); holds no pointer into the ring. Only its head
 * and as many pieces as there are get touched: embed it in a request, or mark a local
 * UNINITIALIZED. Its cursors point into it, so it stays where it was popped: no copies.
 */
struct vq_chain {
	struct virtq *vq;
	uint32_t generation; /* of the queue: one popped before a reset is dropped quietly */
	uint16_t id;         /* head index (split) or buffer ID (packed) */
	uint16_t ndesc;      /* ring slots it takes */
	uint32_t written;    /* what used.len will say: bytes written from the start on, no gaps */
	uint32_t room;       /* writable bytes, without a tail split off */
	struct vq_cursor r, w;             /* device-readable, then device-writable */
	struct iovec iov[VQ_MAX_SEGS + 1]; /* one to spare for vq_split_tail() */
};

struct virtq_config {
	struct guest_mem *gm;
	struct device *dev;                           /* for log_guest() */
	unsigned index;                               /* which of its queues, for messages */
	uint16_t max_size;                            /* <= VQ_SIZE_MAX */
	void (*broken)(void *opaque, unsigned index); /* on the thread that found it */
	void *opaque;
};

/* Where the driver put a ring: 2.7 and 2.8 call the areas descriptor, driver, device. */
struct vring_addr {
	uint16_t size; /* entries */
	gpa_t desc, driver, device;
};

/* How far a ring has been worked through: all that a snapshot needs beside struct vring_addr. */
struct virtq_position {
	uint16_t avail, used;       /* next index to look at and to write */
	bool avail_wrap, used_wrap; /* packed: the wrap counters */
};

/* -EINVAL: max_size is 0 or above VQ_SIZE_MAX; -ENOMEM. The queue is not enabled yet. */
int virtq_create(const struct virtq_config *c, struct virtq **ret,
		 struct error **errp) __must_check;
/* NULL-safe, returns NULL. No chain of the queue's may be used after it. */
struct virtq *virtq_destroy(struct virtq *vq);

/*
 * Maps the ring at @a for the negotiated @features (VIRTIO_F_RING_PACKED, _EVENT_IDX,
 * _INDIRECT_DESC) and starts at its beginning. -EINVAL: a size that is 0, above max_size or, split,
 * no power of two; an area that is misaligned or not all RAM. Then the queue is broken, said by
 * the return value and the log, not by broken(). Writes nothing to guest memory.
 */
int virtq_enable(struct virtq *vq, const struct vring_addr *a, uint64_t features);
/* Inert from now on; outstanding chains complete into nothing, and are no longer counted. */
void virtq_disable(struct virtq *vq);
bool virtq_enabled(const struct virtq *vq); /* broken or not */
bool virtq_is_broken(const struct virtq *vq);

/*
 * Meaningful when no chain is outstanding and all are flushed; then avail equals used, in both
 * formats.
 */
struct virtq_position virtq_position(const struct virtq *vq);
/*
 * After virtq_enable(): goes on at @p, which is hostile input. -EINVAL: indices that this ring
 * cannot have. The first flush from there interrupts in any case: what the driver was told before
 * is not known here.
 */
int virtq_set_position(struct virtq *vq, const struct virtq_position *p);

/* Where the parts of a ring lie in this process, for one who serves it in our place. */
struct virtq_host {
	uint16_t size;
	void *desc, *driver, *device;
};

/*
 * Of an enabled queue: what virtq_enable() has checked, valid as long as guest memory is. False: it
 * is broken, or a packed ring, which nobody else serves.
 */
bool virtq_host(const struct virtq *vq, struct virtq_host *h) __must_check;

/* --- taking chains ---------------------------------------------------------------------------- */

/* The next chain the driver has made available, copied into @c; else @c is not to be used. */
enum vq_state vq_pop(struct virtq *vq, struct vq_chain *c) __must_check;
/*
 * Gives back @c, the newest chain popped, to which nothing was written: the next vq_pop() returns
 * it again, from its beginning, and checks it again. May be repeated, newest first.
 */
void vq_unpop(struct vq_chain *c);
/* Chains popped since the queue was enabled and neither completed nor given back. */
unsigned vq_outstanding(const struct virtq *vq);

/*
 * Kick suppression (2.7.10, 2.8.10). While a device is looking anyway it asks for no kicks; before
 * it stops looking it asks for them again, and if vq_kicks_on() says true there is more already:
 * look again. No device can do without vq_kicks_on(): with EVENT_IDX, each kick is asked for.
 */
void vq_kicks_off(struct virtq *vq);
bool vq_kicks_on(struct virtq *vq) __must_check;

/* --- its bytes -------------------------------------------------------------------------------- */

/* All or nothing, from the readable and into the writable part. */
bool vq_pull(struct vq_chain *c, void *dst, size_t n) __must_check;
bool vq_push(struct vq_chain *c, const void *src, size_t n) __must_check;

/*
 * Takes the last @n writable bytes off the chain, however they are framed, as a cursor of their
 * own: virtio-blk's status byte. Once per chain. False, and nothing is changed: there are not that
 * many.
 */
bool vq_split_tail(struct vq_chain *c, size_t n, struct vq_cursor *tail) __must_check;
/*
 * Writes all of @n bytes through a cursor of vq_split_tail(); false if it has fewer. They count as
 * written if all bytes before them do: the driver takes the first used.len bytes for written
 * (2.7.8.2), so a failed read that stored but its status says 0.
 */
bool vq_push_tail(struct vq_chain *c, struct vq_cursor *tail, const void *src,
		  size_t n) __must_check;

/*
 * A window on the next @max bytes of a cursor for readv(2), writev(2) and the like, without a copy:
 * *iov, *cnt pieces. Returns its length and moves the cursor past it. It lies in the chain's own
 * array, and stands until the next window on the same cursor, vq_split_tail(), or the chain's
 * completion.
 */
size_t vq_window(struct vq_chain *c, struct vq_cursor *cur, size_t max, const struct iovec **iov,
		 unsigned *cnt);
/*
 * @n bytes have arrived through windows of the writable part, in their order. Clamped to what
 * those had.
 */
void vq_commit(struct vq_chain *c, size_t n);

/* --- giving them back ------------------------------------------------------------------------- */

/* Puts the chain on the used ring with used.len == written. Exactly once per chain. */
void vq_complete(struct vq_chain *c);

/*
 * Publishes what was completed since the last time: once per batch. True: the driver wants an
 * interrupt for it (2.7.7, 2.7.10, 2.8.10).
 */
bool vq_flush(struct virtq *vq);

#endif
