/* SPDX-License-Identifier: MIT */
/*
 * fs.c: the virtio file system device (virtio 1.2, 5.11).
 *
 *	queue 0  hiprio     requests that are not to wait behind others: FORGET, INTERRUPT
 *	queue 1  request    all others
 *
 *	driver-readable   struct fuse_in_header, arguments, data
 *	driver-writable   struct fuse_out_header, result, data; nothing for a request without answer
 *
 * What a request means is the share's business (fs/share.h); the device hands it the pieces of the
 * chain as they are, so that data is not copied. Each is answered before the next one is taken:
 * no chain outlives a kick, and the loop is the device's own, as a request may wait for a disk.
 */
#include "devices/virtio/fs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "fs/share.h"
#include "virtio/fs_wire.h"
#include "virtio/virtio.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* Linux takes a few for headers and the rest for pages of data: SHARE_DATA_PAGES fit. */
#define REQUEST_QUEUE_SIZE 256u
#define HIPRIO_QUEUE_SIZE  128u
/* A queue that never runs dry lets the loop's other work in, a reset above all, after so many
 * requests or bytes. */
#define TURN_REQUESTS 32u
#define TURN_BYTES    (4 * MIB)

struct virtio_fs {
	struct virtio_device vdev; /* first */
	struct share *share;
	uint8_t tag[VIRTIO_FS_TAG_LEN];
	struct vq_chain chain; /* loop: the one at work */
};

static struct virtio_fs *to_fs(struct virtio_device *v)
{
	return container_of(v, struct virtio_fs, vdev);
}

/* The chain is completed in any case; one that is no request, with nothing in it. */
static void answer(struct virtio_fs *f)
{
	struct vq_chain *c = &f->chain;
	struct share_msg m = { .in_len = c->r.left, .out_len = c->w.left };
	ssize_t n;

	if (m.in_len)
		vq_window(c, &c->r, m.in_len, &m.in, &m.in_cnt);
	if (m.out_len)
		vq_window(c, &c->w, m.out_len, &m.out, &m.out_cnt);
	n = share_answer(f->share, &m);
	if (n < 0)
		log_guest(&f->vdev.dev, "a request of %zu bytes with room for %zu makes no sense",
			  m.in_len, m.out_len);
	else
		vq_commit(c, (size_t)n);
	vq_complete(c);
}

/* virtio_ops.kick */
static void fs_kick(struct virtio_device *v, unsigned q)
{
	struct virtio_fs *f = to_fs(v);
	struct virtq *vq = v->queue[q].vq;
	uint64_t bytes = 0;

	vq_kicks_off(vq);
	for (unsigned n = 0; n < TURN_REQUESTS && bytes < TURN_BYTES; n++) {
		if (vq_pop(vq, &f->chain) != VQ_OK) {
			if (virtq_is_broken(vq) || !vq_kicks_on(vq))
				return;
			vq_kicks_off(vq);
			continue;
		}
		bytes += f->chain.r.left + f->chain.w.left;
		answer(f);
		/* The next one may take as long as a disk does. */
		virtio_notify(v, q);
	}
	/* Kicks stay off: this one is ours. */
	virtio_ring(v, q);
}

static void fs_get_config(struct virtio_device *v, void *buf)
{
	struct virtio_fs_config c = { .num_request_queues = le32_make(1) };

	memcpy(c.tag, to_fs(v)->tag, sizeof(c.tag));
	memcpy(buf, &c, sizeof(c));
}

/* virtio_ops.reset: a driver that is new has looked up and opened nothing. */
static void fs_reset(struct virtio_device *v)
{
	share_reset(to_fs(v)->share);
}

static const struct virtio_ops fs_virtio_ops = {
	.name = "virtio-fs",
	.device_type = VIRTIO_ID_FS,
	.get_config = fs_get_config,
	.reset = fs_reset,
	.kick = fs_kick,
};

/* --- life ------------------------------------------------------------------------------------- */

static void fs_destroy(struct device *d)
{
	struct virtio_fs *f = d ? container_of(d, struct virtio_fs, vdev.dev) : NULL;

	if (!f)
		return;
	virtio_fini(&f->vdev);
	share_close(f->share);
	free(f);
}

/*
 * What the guest has looked up and opened is in no snapshot: to a guest that is restored it is
 * stale (ESTALE), and the root is not.
 */
static const struct device_ops fs_dev_ops = {
	.name = "virtio-fs",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = virtio_dev_stop,
	.destroy = fs_destroy,
	.state = &virtio_dev_state,
};

int virtio_fs_create(const struct virtio_fs_params *p, struct virtio_fs **ret, struct error **errp)
{
	static const uint16_t sizes[] = { [VIRTIO_FS_QUEUE_HIPRIO] = HIPRIO_QUEUE_SIZE,
					  [VIRTIO_FS_QUEUE_REQUEST] = REQUEST_QUEUE_SIZE };
	struct virtio_config c = { .id = p->id,
				   .gm = p->gm,
				   .loop = p->loop,
				   .packed = p->packed,
				   .config_len = sizeof(struct virtio_fs_config),
				   .queue_sizes = sizes,
				   .queue_cnt = ARRAY_LEN(sizes) };
	struct virtio_fs *f = calloc(1, sizeof(*f));
	size_t len = strlen(p->tag);
	int r;

	if (!f)
		return err_errno(errp, ENOMEM, "creating share '%s'", p->id);
	assert(len && len <= sizeof(f->tag));
	memcpy(f->tag, p->tag, len);
	r = virtio_init(&f->vdev, &fs_virtio_ops, &fs_dev_ops, &c, errp);
	if (r < 0) {
		fs_destroy(&f->vdev.dev);
		return r;
	}
	f->share = p->share;
	*ret = f;
	return 0;
}

struct virtio_device *virtio_fs_device(struct virtio_fs *f)
{
	return &f->vdev;
}
