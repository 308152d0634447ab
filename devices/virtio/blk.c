/* SPDX-License-Identifier: MIT */
/*
 * blk.c: the virtio block device (virtio 1.2, 5.2).
 *
 *   driver-readable   struct virtio_blk_req_hdr { type, reserved, sector }   16 bytes
 *                     T_OUT: data; T_DISCARD, T_WRITE_ZEROES: one struct virtio_blk_range
 *   driver-writable   T_IN: data; T_GET_ID: 20 bytes of serial number
 *                     status                                                 the last byte
 *
 * How these bytes are cut into descriptors is the driver's choice (2.7.4). A request is taken out
 * of its chain into a struct blk_req, checked, and only then acted on. Whatever is wrong with it,
 * it is completed: with IOERR or UNSUPP where there is a byte to say so, else with length 0. The
 * ring is sound in all these cases, so the device goes on (2.1.2 wants DEVICE_NEEDS_RESET for
 * states that only a reset ends).
 *
 * One kick is one batch: all chains there are become one list, one blk_submit() and one
 * blk_reap(), and at most one interrupt. Requests come from a pool that was allocated at creation,
 * one more than there can be outstanding chains; nothing here allocates, copies data or takes a
 * lock. All of a device's queues are served on one loop.
 */
#include "devices/virtio/blk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "block/blk.h"
#include "virtio/blk_wire.h"
#include "virtio/virtio.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/snap.h"
#include "vmm/trace.h"

/*
 * seg_max leaves room for header, status, and for a few descriptors that cross from one region of
 * RAM into the next and so take two of the chain's pieces.
 */
#define SEG_MARGIN 14u
/* 5.2.6.1: the most one DISCARD or WRITE_ZEROES may cover. Zeroes may have to be written. */
#define MAX_DISCARD_SECTORS (GIB / VIRTIO_BLK_SECTOR)
#define MAX_ZERO_SECTORS    (128 * MIB / VIRTIO_BLK_SECTOR)
/* A queue that never runs dry lets the loop's other work in after so many batches. */
#define BATCHES_PER_KICK 8

/* parse() has filled in rq->io: no status yet. */
#define TO_SUBMIT 0xffu

struct request {
	struct blk_req io;
	struct vblk_queue *queue;
	struct vq_cursor status; /* one byte */
	struct vq_chain chain;   /* last: mostly unused pieces at its end */
};

struct vblk_queue {
	struct virtio_blk *owner;
	unsigned index;
	struct request *pool;
	/* A stack: at low depth the same few requests, warm in the cache, serve over and over. */
	struct request **idle;
	unsigned idle_cnt;
};

struct virtio_blk {
	struct virtio_device vdev; /* first: snapshot fields and the machine's list count on it */
	struct blk *blk;           /* NULL once stopped */
	struct vblk_queue *queue;
	unsigned queue_size;
	uint64_t completed; /* loop: queues with completions that were not flushed, a bit each */
	struct ev_work look;

	uint64_t capacity; /* sectors; written on the loop, read by the control side: atomic */
	bool wce;          /* what the driver wrote to writeback; the other way round: atomic */

	/* fixed at creation */
	bool readonly, write_through;
	uint32_t block_size, physical_block, discard_granularity;
	char serial[VIRTIO_BLK_ID_LEN] __nonstring;
};

static struct virtio_blk *to_blk(struct virtio_device *v)
{
	return container_of(v, struct virtio_blk, vdev);
}

/* Of each queue; see serve() for the one more. */
static unsigned pool_size(const struct virtio_blk *b)
{
	return b->queue_size + 1;
}

/*
 * 5.2.6.2: a write is to be stable when it completes if neither CONFIG_WCE nor FLUSH were
 * negotiated, or writeback is 0. 5.2.5.2: writeback is 0 for a driver that cannot flush.
 */
static bool is_write_through(const struct virtio_blk *b)
{
	if (!virtio_has(&b->vdev, VIRTIO_BLK_F_FLUSH))
		return true;
	if (!virtio_has(&b->vdev, VIRTIO_BLK_F_CONFIG_WCE))
		return b->write_through;
	return !__atomic_load_n(&b->wce, __ATOMIC_RELAXED);
}

/* --- completing ------------------------------------------------------------------------------- */

/* Loop. The driver hears of it in tell_driver(). */
static void give_back(struct request *rq)
{
	struct vblk_queue *q = rq->queue;

	vq_complete(&rq->chain);
	q->owner->completed |= UINT64_C(1) << q->index;
	q->idle[q->idle_cnt++] = rq;
}

static void complete(struct request *rq, uint8_t status)
{
	bool wrote = vq_push_tail(&rq->chain, &rq->status, &status, sizeof(status));

	/* The byte was set aside when the request was taken. */
	assert(wrote);
	(void)wrote;
	give_back(rq);
}

/* What a request is called in traces, while it is one. */
static uint64_t trace_id(const struct request *rq)
{
	return (uint64_t)rq->queue->index << 16 | rq->chain.id;
}

static __attribute__((cold, noinline)) void trace_begin_of(const struct request *rq)
{
	trace_event(TRACE_E_IO_BEGIN, rq->queue->owner->vdev.dev.number, trace_id(rq), rq->io.op,
		    rq->io.off, rq->io.len);
}

static __attribute__((cold, noinline)) void trace_end_of(const struct request *rq, int err)
{
	trace_event(TRACE_E_IO_END, rq->queue->owner->vdev.dev.number, trace_id(rq), (uint64_t)err);
}

/* blk_req.done */
static void on_done(struct blk_req *io, int err)
{
	struct request *rq = container_of(io, struct request, io);

	if (trace_enabled())
		trace_end_of(rq, err);
	if (likely(!err)) {
		if (io->op == BLK_READ)
			vq_commit(&rq->chain, io->len);
		complete(rq, VIRTIO_BLK_S_OK);
		return;
	}
	complete(rq, err == EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
}

/* One flush, and at most one interrupt, for each queue that has completions. */
static void tell_driver(struct virtio_blk *b)
{
	while (b->completed) {
		unsigned q = (unsigned)__builtin_ctzll(b->completed);

		b->completed &= b->completed - 1;
		virtio_notify(&b->vdev, q);
	}
}

static void on_batch_end(void *opaque)
{
	tell_driver(opaque);
}

/* --- taking requests -------------------------------------------------------------------------- */

static bool in_range(const struct virtio_blk *b, uint64_t sector, uint64_t cnt)
{
	return sector <= b->capacity && cnt <= b->capacity - sector;
}

static uint8_t fill(struct request *rq, enum blk_op op, unsigned flags, uint64_t sector,
		    uint64_t len)
{
	rq->io.op = op;
	rq->io.flags = flags;
	rq->io.done = on_done;
	rq->io.off = sector * VIRTIO_BLK_SECTOR;
	rq->io.len = len;
	return TO_SUBMIT;
}

/* T_IN and T_OUT. What @data holds is read or written, whatever else is in the chain. */
static uint8_t parse_transfer(struct virtio_blk *b, struct request *rq, enum blk_op op,
			      unsigned flags, uint64_t sector, struct vq_cursor *data)
{
	uint64_t len = data->left;

	/* 5.2.6.1: "The length of data MUST be a multiple of 512 bytes". */
	if (len % VIRTIO_BLK_SECTOR || !in_range(b, sector, len / VIRTIO_BLK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	if (!len)
		return VIRTIO_BLK_S_OK;
	vq_window(&rq->chain, data, len, &rq->io.iov, &rq->io.iov_cnt);
	return fill(rq, op, flags, sector, len);
}

static uint8_t parse_in(struct virtio_blk *b, struct request *rq, uint64_t sector)
{
	return parse_transfer(b, rq, BLK_READ, 0, sector, &rq->chain.w);
}

static uint8_t parse_out(struct virtio_blk *b, struct request *rq, uint64_t sector)
{
	/* 5.2.6.2: "MUST set the status byte to VIRTIO_BLK_S_IOERR for a write request if the
	 * VIRTIO_BLK_F_RO feature if offered, and MUST NOT write any data." */
	if (b->readonly)
		return VIRTIO_BLK_S_IOERR;
	return parse_transfer(b, rq, BLK_WRITE, is_write_through(b) ? BLK_SYNC : 0, sector,
			      &rq->chain.r);
}

/* Data that comes with it is of no meaning and stays where it is. */
static uint8_t parse_flush(struct virtio_blk *b, struct request *rq, uint64_t sector)
{
	(void)sector;
	if (b->readonly)
		return VIRTIO_BLK_S_OK;
	return fill(rq, BLK_FLUSH, 0, 0, 0);
}

static uint8_t parse_get_id(struct virtio_blk *b, struct request *rq, uint64_t sector)
{
	uint64_t n = min_u64(rq->chain.w.left, VIRTIO_BLK_ID_LEN);

	(void)sector;
	if (!vq_push(&rq->chain, b->serial, n))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

struct range_rule {
	uint64_t feature;
	enum blk_op op;
	uint32_t flags; /* VIRTIO_BLK_RANGE_* that it may have */
	uint64_t max;   /* sectors */
};

/* DISCARD and WRITE_ZEROES, of one range as max_discard_seg and max_write_zeroes_seg say. */
static uint8_t parse_range(struct virtio_blk *b, struct request *rq, const struct range_rule *rule)
{
	struct virtio_blk_range range;
	uint32_t cnt, flags;
	uint64_t sector;

	if (!virtio_has(&b->vdev, rule->feature))
		return VIRTIO_BLK_S_UNSUPP;
	if (rq->chain.r.left != sizeof(range) || !vq_pull(&rq->chain, &range, sizeof(range)))
		return VIRTIO_BLK_S_IOERR;
	sector = le64_get(range.sector);
	cnt = le32_get(range.num_sectors);
	flags = le32_get(range.flags);
	/* 5.2.6.2: UNSUPP "if any unknown flag is set", and for discards "if the unmap flag is". */
	if (flags & ~rule->flags)
		return VIRTIO_BLK_S_UNSUPP;
	if (b->readonly || cnt > rule->max || !in_range(b, sector, cnt))
		return VIRTIO_BLK_S_IOERR;
	if (!cnt)
		return VIRTIO_BLK_S_OK;
	return fill(rq, rule->op, flags & VIRTIO_BLK_RANGE_UNMAP ? BLK_ZERO_UNMAP : 0, sector,
		    (uint64_t)cnt * VIRTIO_BLK_SECTOR);
}

static uint8_t parse_discard(struct virtio_blk *b, struct request *rq, uint64_t sector)
{
	static const struct range_rule rule = { VIRTIO_BLK_F_DISCARD, BLK_DISCARD, 0,
						MAX_DISCARD_SECTORS };

	(void)sector;
	return parse_range(b, rq, &rule);
}

static uint8_t parse_write_zeroes(struct virtio_blk *b, struct request *rq, uint64_t sector)
{
	static const struct range_rule rule = { VIRTIO_BLK_F_WRITE_ZEROES, BLK_ZERO,
						VIRTIO_BLK_RANGE_UNMAP, MAX_ZERO_SECTORS };
	uint8_t status = parse_range(b, rq, &rule);

	(void)sector;
	if (status == TO_SUBMIT && is_write_through(b))
		rq->io.flags |= BLK_SYNC;
	return status;
}

/* A status to complete the request with, or TO_SUBMIT: rq->io says what to do. */
static uint8_t parse(struct virtio_blk *b, struct request *rq)
{
	static uint8_t (*const parsers[])(struct virtio_blk *, struct request *, uint64_t) = {
		[VIRTIO_BLK_T_IN] = parse_in,
		[VIRTIO_BLK_T_OUT] = parse_out,
		[VIRTIO_BLK_T_FLUSH] = parse_flush,
		[VIRTIO_BLK_T_GET_ID] = parse_get_id,
		[VIRTIO_BLK_T_DISCARD] = parse_discard,
		[VIRTIO_BLK_T_WRITE_ZEROES] = parse_write_zeroes,
	};
	struct virtio_blk_req_hdr hdr;
	uint32_t type;

	if (!vq_pull(&rq->chain, &hdr, sizeof(hdr)))
		return VIRTIO_BLK_S_IOERR;
	type = le32_get(hdr.type);
	if (type >= ARRAY_LEN(parsers) || !parsers[type])
		return VIRTIO_BLK_S_UNSUPP;
	return parsers[type](b, rq, le64_get(hdr.sector));
}

/* True: rq->io is to be submitted. Else the chain has been completed. */
static bool begin(struct virtio_blk *b, struct request *rq)
{
	uint8_t status;

	if (unlikely(!vq_split_tail(&rq->chain, 1, &rq->status))) {
		log_guest(&b->vdev.dev, "a request has no byte for its status");
		give_back(rq);
		return false;
	}
	status = parse(b, rq);
	if (status == TO_SUBMIT) {
		if (trace_enabled())
			trace_begin_of(rq);
		return true;
	}
	complete(rq, status);
	return false;
}

/*
 * Takes what there is, at most a ringful, as one batch. False: the queue has run dry (or broken).
 * There is an idle request even when each chain of the ring is outstanding: only vq_pop() can say
 * that there is nothing to wait for but a kick, and it lets no more be outstanding.
 */
static bool serve(struct virtio_blk *b, struct vblk_queue *q, struct virtq *vq)
{
	struct blk_req *batch = NULL, **last = &batch;
	enum vq_state state = VQ_OK;

	for (unsigned n = 0; n < b->queue_size; n++) {
		struct request *rq = q->idle[q->idle_cnt - 1];

		state = vq_pop(vq, &rq->chain);
		if (state != VQ_OK)
			break;
		q->idle_cnt--;
		rq->queue = q;
		if (!begin(b, rq))
			continue;
		*last = &rq->io;
		last = &rq->io.next;
	}
	*last = NULL;
	if (batch) {
		blk_submit(b->blk, batch);
		blk_reap(b->blk);
	}
	tell_driver(b);
	return state == VQ_OK;
}

/* virtio_ops.kick */
static void vblk_kick(struct virtio_device *v, unsigned index)
{
	struct virtio_blk *b = to_blk(v);
	struct vblk_queue *q = &b->queue[index];
	struct virtq *vq = v->queue[index].vq;

	vq_kicks_off(vq);
	for (unsigned n = 0; n < BATCHES_PER_KICK; n++) {
		if (serve(b, q, vq))
			continue;
		if (virtq_is_broken(vq) || !vq_kicks_on(vq))
			return;
		vq_kicks_off(vq);
	}
	/* Kicks stay off: this one is ours. */
	virtio_ring(v, index);
}

/* virtio_ops.quiesce: the block layer drains all queues at once. */
static void vblk_quiesce(struct virtio_device *v, unsigned index)
{
	struct virtio_blk *b = to_blk(v);

	(void)index;
	if (!b->blk)
		return;
	blk_drain(b->blk);
	tell_driver(b);
	for (unsigned i = 0; i < v->queue_cnt; i++)
		assert(b->queue[i].idle_cnt == pool_size(b));
}

/* --- configuration ---------------------------------------------------------------------------- */

/* virtio_ops.get_config */
static void vblk_get_config(struct virtio_device *v, void *buf)
{
	const struct virtio_blk *b = to_blk(v);
	uint32_t physical = (uint32_t)max_u64(b->physical_block, b->block_size);
	uint32_t align = (uint32_t)max_u64(b->discard_granularity, b->block_size);
	struct virtio_blk_config c = {
		.capacity = le64_make(__atomic_load_n(&b->capacity, __ATOMIC_RELAXED)),
		.seg_max = le32_make(
			(uint32_t)min_u64(b->queue_size - 2, VQ_MAX_SEGS - 2 - SEG_MARGIN)),
		.blk_size = le32_make(b->block_size),
		.physical_block_exp = (uint8_t)__builtin_ctz(physical / b->block_size),
		.min_io_size = le16_make((uint16_t)(physical / b->block_size)),
		.writeback = !is_write_through(b),
		.num_queues = le16_make((uint16_t)v->queue_cnt),
		.max_discard_sectors = le32_make(MAX_DISCARD_SECTORS),
		.max_discard_seg = le32_make(1),
		.discard_sector_alignment = le32_make(align / VIRTIO_BLK_SECTOR),
		.max_write_zeroes_sectors = le32_make(MAX_ZERO_SECTORS),
		.max_write_zeroes_seg = le32_make(1),
		.write_zeroes_may_unmap = b->discard_granularity != 0,
	};

	memcpy(buf, &c, VIRTIO_BLK_CONFIG_LEN);
}

/* virtio_ops.set_config: writeback is the one field a driver may write, once it has negotiated so.
 */
static void vblk_set_config(struct virtio_device *v, unsigned off, unsigned size, uint64_t val)
{
	if (off == offsetof(struct virtio_blk_config, writeback) && size == 1 &&
	    virtio_has(v, VIRTIO_BLK_F_CONFIG_WCE))
		__atomic_store_n(&to_blk(v)->wce, val != 0, __ATOMIC_RELAXED);
}

/* virtio_ops.reset */
static void vblk_reset(struct virtio_device *v)
{
	struct virtio_blk *b = to_blk(v);

	__atomic_store_n(&b->wce, !b->write_through, __ATOMIC_RELAXED);
}

static const struct virtio_ops vblk_virtio_ops = {
	.name = "virtio-blk",
	.device_type = VIRTIO_ID_BLOCK,
	.get_config = vblk_get_config,
	.set_config = vblk_set_config,
	.reset = vblk_reset,
	.kick = vblk_kick,
	.quiesce = vblk_quiesce,
};

static void on_look(struct ev_work *w)
{
	struct virtio_blk *b = container_of(w, struct virtio_blk, look);

	if (!b->blk || !blk_refresh(b->blk))
		return;
	__atomic_store_n(&b->capacity, blk_info(b->blk).size / VIRTIO_BLK_SECTOR, __ATOMIC_RELAXED);
	virtio_config_changed(&b->vdev);
}

void virtio_blk_look_again(struct virtio_blk *b)
{
	loop_post(b->vdev.loop, &b->look);
}

/* --- life ------------------------------------------------------------------------------------- */

static struct virtio_blk *dev_to_blk(struct device *d)
{
	return container_of(d, struct virtio_blk, vdev.dev);
}

static void close_image(void *arg)
{
	struct virtio_blk *b = arg;

	b->blk = blk_close(b->blk);
}

/* The image belongs to the loop's thread, while there is one (block/blk.h). */
static void vblk_stop(struct device *d)
{
	struct virtio_blk *b = dev_to_blk(d);

	virtio_dev_stop(d);
	virtio_run_on_loop(&b->vdev, close_image, b);
}

static void vblk_destroy(struct device *d)
{
	struct virtio_blk *b;

	if (!d)
		return;
	b = dev_to_blk(d);
	for (unsigned i = 0; b->queue && i < b->vdev.queue_cnt; i++) {
		free(b->queue[i].pool);
		free(b->queue[i].idle);
	}
	free(b->queue);
	virtio_fini(&b->vdev);
	free(b);
}

static void vblk_pre_save(void *s)
{
	virtio_pre_save(s);
}

static int vblk_post_load(void *s, unsigned version, struct error **errp)
{
	(void)version;
	return virtio_post_load(s, errp);
}

/* Size, serial and the like are the image's and the configuration's. */
static const struct snap_field vblk_fields[] = {
	VIRTIO_SNAP(struct virtio_blk, vdev.saved),
	SNAP(struct virtio_blk, wce, 1),
};
static const struct snap_desc vblk_state = { .version = 1,
					     .min_version = 1,
					     .f = vblk_fields,
					     .n = ARRAY_LEN(vblk_fields),
					     .pre_save = vblk_pre_save,
					     .post_load = vblk_post_load };

static const struct device_ops vblk_device_ops = {
	.name = "virtio-blk",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = vblk_stop,
	.destroy = vblk_destroy,
	.state = &vblk_state,
};

/* Untouched pages of a pool cost nothing: the allocator takes it from the kernel as zeros. */
static int create_pools(struct virtio_blk *b, unsigned queues)
{
	b->queue = calloc(queues, sizeof(*b->queue));
	for (unsigned i = 0; b->queue && i < queues; i++) {
		struct vblk_queue *q = &b->queue[i];

		q->owner = b;
		q->index = i;
		q->pool = calloc(pool_size(b), sizeof(*q->pool));
		q->idle = calloc(pool_size(b), sizeof(struct request *));
		if (!q->pool || !q->idle)
			return -ENOMEM;
		/* The first of the pool is on top. */
		for (unsigned k = pool_size(b); k-- > 0;)
			q->idle[q->idle_cnt++] = &q->pool[k];
	}
	return b->queue ? 0 : -ENOMEM;
}

static uint64_t offered_features(const struct virtio_blk *b, unsigned queues)
{
	uint64_t f = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_TOPOLOGY |
		     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_CONFIG_WCE;

	if (queues > 1)
		f |= VIRTIO_BLK_F_MQ;
	if (b->readonly)
		return f | VIRTIO_BLK_F_RO;
	f |= VIRTIO_BLK_F_WRITE_ZEROES;
	return b->discard_granularity ? f | VIRTIO_BLK_F_DISCARD : f;
}

/* What does not change while the device lives. */
static void describe(struct virtio_blk *b, const struct virtio_blk_params *p)
{
	struct blk_info info = blk_info(p->blk);

	b->queue_size = p->queue_size;
	b->write_through = p->write_through;
	b->wce = !p->write_through;
	b->readonly = info.readonly;
	b->capacity = info.size / VIRTIO_BLK_SECTOR;
	b->block_size = p->block_size ? p->block_size : info.logical_block;
	b->physical_block = info.physical_block;
	b->discard_granularity = info.discard_granularity;
	if (p->serial)
		memcpy(b->serial, p->serial, strnlen(p->serial, sizeof(b->serial)));
}

int virtio_blk_create(const struct virtio_blk_params *p, struct virtio_blk **ret,
		      struct error **errp)
{
	struct virtio_blk *b = calloc(1, sizeof(*b));
	uint16_t sizes[VIRTIO_BLK_MAX_QUEUES];
	struct virtio_config c = {
		.id = p->id,
		.gm = p->gm,
		.loop = p->loop,
		.packed = p->packed,
		.config_len = VIRTIO_BLK_CONFIG_LEN,
		.queue_sizes = sizes,
		.queue_cnt = p->queues,
	};
	int r;

	if (!b)
		return err_errno(errp, ENOMEM, "creating disk '%s'", p->id);
	assert(p->queues && p->queues <= ARRAY_LEN(sizes));
	assert(is_pow2(p->queue_size) && p->queue_size >= 4 &&
	       p->queue_size <= VIRTIO_BLK_MAX_QUEUE_SIZE);
	for (unsigned i = 0; i < p->queues; i++)
		sizes[i] = (uint16_t)p->queue_size;
	describe(b, p);
	b->look.cb = on_look;
	c.features = offered_features(b, p->queues);
	r = virtio_init(&b->vdev, &vblk_virtio_ops, &vblk_device_ops, &c, errp);
	if (r >= 0 && create_pools(b, p->queues) < 0)
		r = err_errno(errp, ENOMEM, "creating disk '%s'", p->id);
	if (r < 0) {
		vblk_destroy(&b->vdev.dev);
		return r;
	}
	b->blk = p->blk;
	blk_on_batch_end(b->blk, on_batch_end, b);
	*ret = b;
	return 0;
}

struct virtio_device *virtio_blk_device(struct virtio_blk *b)
{
	return &b->vdev;
}
