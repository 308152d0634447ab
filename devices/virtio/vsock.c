/* SPDX-License-Identifier: MIT */
/*
 * vsock.c: virtio-vsock (virtio 1.2, 5.10), its queues and its life.
 *
 *	queue 0  rx     packets to the guest (vsock_rx.c)
 *	queue 1  tx     packets from the guest (vsock_tx.c)
 *	queue 2  event  what concerns all connections at once
 *
 * No chain is outstanding between two events of the loop, so there is nothing to wait for on a
 *reset. Connections are of this process: they end with the driver that has them, and no snapshot
 *holds them; after one the guest is told (TRANSPORT_RESET).
 *
 * SEQPACKET is not offered: a unix stream keeps no boundaries.
 */
#include "devices/virtio/vsock.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "devices/virtio/vsock_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define QUEUE_SIZE  256u
#define EVENT_SIZE  16u
#define EVENT_TRIES EVENT_SIZE /* buffers that are too small for an event */

static struct virtio_vsock *to_vsock(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_vsock, vdev);
}

/* --- events ----------------------------------------------------------------------------------- */

/* 5.10.6.7: "The TRANSPORT_RESET event indicates that communication has been interrupted." */
static void event_run(struct virtio_vsock *v)
{
	struct virtio_vsock_event e = { le32_make(VIRTIO_VSOCK_EVENT_TRANSPORT_RESET) };
	struct virtq *vq = v->vdev.queue[VIRTIO_VSOCK_Q_EVENT].vq;
	unsigned tries = EVENT_TRIES;

	do {
		while (v->tell_reset && tries && vq_pop(vq, &v->tx) == VQ_OK) {
			v->tell_reset = !vq_push(&v->tx, &e, sizeof(e));
			vq_complete(&v->tx);
			tries--;
		}
	} while (v->tell_reset && tries && vq_kicks_on(vq));
	virtio_notify(&v->vdev, VIRTIO_VSOCK_Q_EVENT);
}

/* --- virtio_ops ------------------------------------------------------------------------------- */

static void vsock_get_config(struct virtio_device *vdev, void *buf)
{
	struct virtio_vsock_config c = { le64_make(to_vsock(vdev)->cid) };

	memcpy(buf, &c, sizeof(c));
}

static void vsock_kick(struct virtio_device *vdev, unsigned q)
{
	struct virtio_vsock *v = to_vsock(vdev);

	if (q == VIRTIO_VSOCK_Q_RX)
		vsock_rx_run(v);
	else if (q == VIRTIO_VSOCK_Q_TX)
		vsock_tx_run(v);
	else
		event_run(v);
}

static void forget_driver(struct virtio_vsock *v)
{
	if (!atomic_exchange(&v->was_reset, false))
		return;
	vsock_conn_forget_all(v);
	v->tell_reset = false;
}

static void on_forget(struct ev_work *w)
{
	forget_driver(container_of(w, struct virtio_vsock, forget));
}

/*
 * On the control side, while connections live on on the loop: that ends them as soon as it can, and
 * before another driver has any.
 */
static void vsock_reset(struct virtio_device *vdev)
{
	struct virtio_vsock *v = to_vsock(vdev);

	atomic_store(&v->was_reset, true);
	loop_post(vdev->loop, &v->forget);
}

static void vsock_activate(struct virtio_device *vdev)
{
	struct virtio_vsock *v = to_vsock(vdev);

	forget_driver(v);
	vsock_run(v->host, true);
}

/* What the guest has sent before it went is on its way. */
static void vsock_last_look(struct virtio_device *vdev)
{
	vsock_tx_run(to_vsock(vdev));
}

static void vsock_quiesce(struct virtio_device *vdev, unsigned q)
{
	if (q == VIRTIO_ALL_QUEUES)
		vsock_run(to_vsock(vdev)->host, false);
}

static const struct virtio_ops vsock_virtio_ops = {
	.name = "virtio-vsock",
	.device_type = VIRTIO_ID_VSOCK,
	.get_config = vsock_get_config,
	.reset = vsock_reset,
	.last_look = vsock_last_look,
	.activate = vsock_activate,
	.kick = vsock_kick,
	.quiesce = vsock_quiesce,
};

/* --- saved state ------------------------------------------------------------------------------ */

static void pre_save(void *s)
{
	virtio_pre_save(s);
}

/* Whatever connections the guest had, they are not here. */
static int post_load(void *s, unsigned version, struct error **errp)
{
	struct virtio_vsock *v = s;

	(void)version;
	atomic_store(&v->was_reset, false);
	v->tell_reset = true;
	return virtio_post_load(&v->vdev, errp);
}

static const struct snap_field vsock_fields[] = { VIRTIO_SNAP(struct virtio_vsock, vdev.saved) };
static const struct snap_desc vsock_state = { .version = 1,
					      .min_version = 1,
					      .f = vsock_fields,
					      .n = ARRAY_LEN(vsock_fields),
					      .pre_save = pre_save,
					      .post_load = post_load };

/* --- life ------------------------------------------------------------------------------------- */

/* The loop, whose thread the host's sockets belong to, has stopped. */
static void vsock_leave(struct device *d)
{
	struct virtio_vsock *v = container_of(d, struct virtio_vsock, vdev.dev);

	timer_cancel(&v->tick);
	if (!v->host)
		return;
	vsock_conn_forget_all(v);
	v->host = vsock_close_host(v->host);
}

static void vsock_destroy(struct device *d)
{
	struct virtio_vsock *v = d ? container_of(d, struct virtio_vsock, vdev.dev) : NULL;

	if (!v)
		return;
	vsock_leave(d);
	virtio_fini(&v->vdev);
	free(v);
}

static const struct device_ops vsock_dev_ops = {
	.name = "virtio-vsock",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = virtio_dev_stop,
	.leave = vsock_leave,
	.destroy = vsock_destroy,
	.state = &vsock_state,
};

/* A host without entropy yet has a guest that could choose its buckets: slow for that guest. */
static struct siphash_key make_key(const void *here)
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), GRND_NONBLOCK) != sizeof(b))
		return (struct siphash_key){ (uintptr_t)here, 0 };
	return siphash_key(b);
}

int virtio_vsock_create(const struct virtio_vsock_params *p, struct virtio_vsock **ret,
			struct error **errp)
{
	static const uint16_t sizes[] = { QUEUE_SIZE, QUEUE_SIZE, EVENT_SIZE };
	struct virtio_config vc = { .id = p->id,
				    .gm = p->gm,
				    .loop = p->loop,
				    .features = VIRTIO_VSOCK_F_STREAM,
				    .packed = p->packed,
				    .config_len = sizeof(struct virtio_vsock_config),
				    .queue_sizes = sizes,
				    .queue_cnt = ARRAY_LEN(sizes) };
	struct virtio_vsock *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return err_errno(errp, ENOMEM, "creating socket device '%s'", p->id);
	v->cid = p->cid;
	v->key = make_key(v);
	v->forget.cb = on_forget;
	link_init(&v->ready);
	link_init(&v->timed);
	timer_init(&v->tick, loop_clock(p->loop), vsock_conn_tick);
	r = virtio_init(&v->vdev, &vsock_virtio_ops, &vsock_dev_ops, &vc, errp);
	if (r < 0) {
		vsock_destroy(&v->vdev.dev);
		return r;
	}
	v->host = p->host;
	vsock_set_events(v->host, &vsock_conn_events, v);
	*ret = v;
	return 0;
}

struct virtio_device *virtio_vsock_device(struct virtio_vsock *v)
{
	return &v->vdev;
}
