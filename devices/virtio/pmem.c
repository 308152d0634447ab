/* SPDX-License-Identifier: MIT */
/*
 * pmem.c: virtio-pmem (virtio 1.2, 5.19).
 *
 *	configuration   start, size of the memory (guest-physical)
 *	queue 0  req_vq  { type } readable, { ret } writable; FLUSH is the one type there is
 *
 * The memory needs no device: its pages are the file's. What the device does is the promise: a
 * flush that returns 0 has made every store before it as durable as fdatasync(2) does. That takes
 * as long as a disk takes, on the device's own thread. Flushes that arrived together share one.
 *
 * A flush that has failed fails for good, as on a disk: the kernel reports an error of writing
 * pages back once and may then think them clean, so the next fdatasync(2) would promise what is
 * lost.
 */
#include "devices/virtio/pmem.h"

#include <errno.h>
#include <string.h>

#include "virtio/pmem_wire.h"
#include "virtio/virtio.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define QUEUE_SIZE 64u
#define BATCH      8u

struct virtio_pmem {
	struct virtio_device vdev; /* first */
	gpa_t start;
	uint64_t size;
	int (*sync)(void *opaque);
	void *opaque;
	bool failed;                  /* loop */
	struct vq_chain chain[BATCH]; /* loop: at work in pmem_kick() */
};

static struct virtio_pmem *to_pmem(struct virtio_device *v)
{
	return container_of(v, struct virtio_pmem, vdev);
}

static uint32_t flush(struct virtio_pmem *p)
{
	char words[128];
	int err;

	if (p->failed)
		return VIRTIO_PMEM_RET_FAILED;
	err = p->sync(p->opaque);
	if (err >= 0)
		return VIRTIO_PMEM_RET_OK;
	p->failed = true;
	log_msg(LOG_ERR, p->vdev.dev.id,
		"what the guest wrote could not be made durable: %s; this and all later flushes "
		"fail",
		strerror_r(-err, words, sizeof(words)));
	return VIRTIO_PMEM_RET_FAILED;
}

static bool is_flush(struct virtio_pmem *p, struct vq_chain *c)
{
	struct virtio_pmem_req req;

	if (!vq_pull(c, &req, sizeof(req))) {
		log_guest(&p->vdev.dev, "a request has no room for its type");
		return false;
	}
	if (le32_get(req.type) == VIRTIO_PMEM_REQ_TYPE_FLUSH)
		return true;
	log_guest(&p->vdev.dev, "a request is of unknown type %u", le32_get(req.type));
	return false;
}

static void respond(struct virtio_pmem *p, struct vq_chain *c, uint32_t ret)
{
	struct virtio_pmem_resp resp = { .ret = le32_make(ret) };

	if (!vq_push(c, &resp, sizeof(resp)))
		log_guest(&p->vdev.dev, "a request has no room for the answer");
	vq_complete(c);
}

/* One batch: all of it was asked for before the one sync that serves it. True: there may be more.
 */
static bool serve(struct virtio_pmem *p, struct virtq *vq)
{
	bool wanted[BATCH], any = false;
	uint32_t ret = VIRTIO_PMEM_RET_OK;
	unsigned n = 0;

	while (n < BATCH && vq_pop(vq, &p->chain[n]) == VQ_OK) {
		wanted[n] = is_flush(p, &p->chain[n]);
		any |= wanted[n++];
	}
	if (any)
		ret = flush(p);
	for (unsigned i = 0; i < n; i++)
		respond(p, &p->chain[i], wanted[i] ? ret : VIRTIO_PMEM_RET_FAILED);
	return n == BATCH;
}

/* virtio_ops.kick. A reset waits for one batch, not for a guest that keeps asking. */
static void pmem_kick(struct virtio_device *v, unsigned q)
{
	struct virtio_pmem *p = to_pmem(v);
	struct virtq *vq = v->queue[q].vq;
	bool more;

	vq_kicks_off(vq);
	more = serve(p, vq);
	virtio_notify(v, q);
	if (more || vq_kicks_on(vq))
		virtio_ring(v, q);
}

static void pmem_get_config(struct virtio_device *v, void *buf)
{
	struct virtio_pmem_config c = { .start = le64_make(to_pmem(v)->start),
					.size = le64_make(to_pmem(v)->size) };

	memcpy(buf, &c, sizeof(c));
}

static const struct virtio_ops pmem_virtio_ops = {
	.name = "virtio-pmem",
	.device_type = VIRTIO_ID_PMEM,
	.get_config = pmem_get_config,
	.kick = pmem_kick,
};

/* --- life ------------------------------------------------------------------------------------- */

static void pmem_destroy(struct device *d)
{
	struct virtio_pmem *p = d ? container_of(d, struct virtio_pmem, vdev.dev) : NULL;

	if (!p)
		return;
	virtio_fini(&p->vdev);
	free(p);
}

/*
 * Nothing of ours is saved: whether flushes fail is a fact about the file that is open here, and a
 * snapshot that is loaded elsewhere has opened it anew.
 */
static const struct device_ops pmem_dev_ops = {
	.name = "virtio-pmem",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = virtio_dev_stop,
	.destroy = pmem_destroy,
	.state = &virtio_dev_state,
};

int virtio_pmem_create(const struct virtio_pmem_params *p, struct virtio_pmem **ret,
		       struct error **errp)
{
	static const uint16_t sizes[] = { QUEUE_SIZE };
	struct virtio_config c = { .id = p->id,
				   .gm = p->gm,
				   .loop = p->loop,
				   .packed = p->packed,
				   .config_len = sizeof(struct virtio_pmem_config),
				   .queue_sizes = sizes,
				   .queue_cnt = ARRAY_LEN(sizes) };
	struct virtio_pmem *dev = calloc(1, sizeof(*dev));
	int r;

	if (!dev)
		return err_errno(errp, ENOMEM, "creating persistent memory '%s'", p->id);
	dev->start = p->start;
	dev->size = p->size;
	dev->sync = p->sync;
	dev->opaque = p->opaque;
	r = virtio_init(&dev->vdev, &pmem_virtio_ops, &pmem_dev_ops, &c, errp);
	if (r < 0) {
		pmem_destroy(&dev->vdev.dev);
		return r;
	}
	*ret = dev;
	return 0;
}

struct virtio_device *virtio_pmem_device(struct virtio_pmem *p)
{
	return &p->vdev;
}
