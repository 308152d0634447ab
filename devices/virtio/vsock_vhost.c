/* SPDX-License-Identifier: MIT */
/*
 * vsock_vhost.c: virtio-vsock by the host's kernel, see vsock_vhost.h. Ours are the configuration,
 * and the event queue, which says one thing: that connections are gone, after a snapshot.
 */
#include "devices/virtio/vsock_vhost.h"

#include <errno.h>
#include <string.h>

#include "virtio/vhost.h"
#include "virtio/vsock_wire.h"
#include "vmm/error.h"

#define QUEUE_SIZE 256u
#define EVENT_SIZE 16u

struct vsock_vhost {
	struct virtio_device vdev; /* first */
	struct vhost *vhost;
	uint32_t cid;
	bool tell_reset; /* loop, while the device is active; else control */
	struct vq_chain chain;
};

static struct vsock_vhost *to_vsock(struct virtio_device *v)
{
	return container_of(v, struct vsock_vhost, vdev);
}

static void get_config(struct virtio_device *v, void *buf)
{
	struct virtio_vsock_config c = { .guest_cid = le64_make(to_vsock(v)->cid) };

	memcpy(buf, &c, sizeof(c));
}

static void reset(struct virtio_device *v)
{
	to_vsock(v)->tell_reset = false;
}

static void activate(struct virtio_device *v)
{
	vhost_start(to_vsock(v)->vhost, -1);
}

/*
 * 5.10.6.7: buffers wait in the event queue until there is something to say. One that has no room
 * is of no use to anybody.
 */
static void send_events(struct vsock_vhost *v)
{
	const struct virtio_vsock_event e = { .id = le32_make(VIRTIO_VSOCK_EVENT_TRANSPORT_RESET) };
	struct virtq *vq = v->vdev.queue[VIRTIO_VSOCK_Q_EVENT].vq;

	/* The driver's ringful at most: what is used is not there again before it was told. */
	while (v->tell_reset && vq_pop(vq, &v->chain) == VQ_OK) {
		v->tell_reset = !vq_push(&v->chain, &e, sizeof(e));
		vq_complete(&v->chain);
	}
	virtio_notify(&v->vdev, VIRTIO_VSOCK_Q_EVENT);
}

static void kick(struct virtio_device *vdev, unsigned q)
{
	struct vsock_vhost *v = to_vsock(vdev);
	struct virtq *vq = vdev->queue[q].vq;

	if (vhost_kick(v->vhost, q))
		return;
	send_events(v);
	if (vq_kicks_on(vq) && v->tell_reset)
		virtio_ring(vdev, q); /* others first: a driver may go on so for ever */
}

static void quiesce(struct virtio_device *v, unsigned q)
{
	vhost_stop(to_vsock(v)->vhost, q);
}

static const struct virtio_ops virtio_ops = {
	.name = "virtio-vsock",
	.device_type = VIRTIO_ID_VSOCK,
	.get_config = get_config,
	.reset = reset,
	.activate = activate,
	.kick = kick,
	.quiesce = quiesce,
};

/* --- saved state ------------------------------------------------------------------------------ */

static void pre_save(void *s)
{
	virtio_pre_save(s);
}

/* The kernel knows nothing of the connections that the guest had. */
static int post_load(void *s, unsigned version, struct error **errp)
{
	struct vsock_vhost *v = s;

	(void)version;
	v->tell_reset = true;
	return virtio_post_load(&v->vdev, errp);
}

static const struct snap_field fields[] = { VIRTIO_SNAP(struct vsock_vhost, vdev.saved) };
static const struct snap_desc state = { .version = 1,
					.min_version = 1,
					.f = fields,
					.n = ARRAY_LEN(fields),
					.pre_save = pre_save,
					.post_load = post_load };

/* --- life ------------------------------------------------------------------------------------- */

static void destroy(struct device *d)
{
	struct vsock_vhost *v = d ? container_of(d, struct vsock_vhost, vdev.dev) : NULL;

	if (!v)
		return;
	vhost_close(v->vhost);
	virtio_fini(&v->vdev);
	free(v);
}

static const struct device_ops dev_ops = {
	.name = "virtio-vsock",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = virtio_dev_stop,
	.destroy = destroy,
	.state = &state,
};

int vsock_vhost_create(const struct vsock_vhost_params *p, struct vsock_vhost **ret,
		       struct error **errp)
{
	static const uint16_t sizes[] = { QUEUE_SIZE, QUEUE_SIZE, EVENT_SIZE };
	struct virtio_config vc = { .id = p->id,
				    .gm = p->gm,
				    .loop = p->loop,
				    .features = VIRTIO_VSOCK_F_STREAM | VIRTIO_VSOCK_F_SEQPACKET,
				    .config_len = sizeof(struct virtio_vsock_config),
				    .queue_sizes = sizes,
				    .queue_cnt = ARRAY_LEN(sizes) };
	struct vsock_vhost *v = calloc(1, sizeof(*v));
	struct vhost_config c = { .kind = VHOST_KIND_VSOCK, .cid = p->cid, .kernel = p->kernel };
	int r;

	if (!v)
		return err_errno(errp, ENOMEM, "creating socket device '%s'", p->id);
	v->cid = p->cid;
	c.vdev = &v->vdev;
	r = virtio_init(&v->vdev, &virtio_ops, &dev_ops, &vc, errp);
	if (r >= 0)
		r = vhost_open(&c, &v->vhost, errp);
	if (r < 0) {
		destroy(&v->vdev.dev);
		return r;
	}
	*ret = v;
	return 0;
}

struct virtio_device *vsock_vhost_device(struct vsock_vhost *v)
{
	return &v->vdev;
}
