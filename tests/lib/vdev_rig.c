/* SPDX-License-Identifier: MIT */
#include "tests/lib/vdev_rig.h"

#include <string.h>
#include <sys/eventfd.h>

const uint64_t vr_ring_features[] = {
	0,
	VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC,
	VIRTIO_F_RING_PACKED,
	VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC,
};
const unsigned vr_ring_feature_cnt = ARRAY_LEN(vr_ring_features);

static void xport_irq_queue(struct virtio_xport *x, unsigned q)
{
	container_of(x, struct vdev_rig, xport.xport)->xport.irqs[q]++;
}

static void xport_irq_config(struct virtio_xport *x)
{
	container_of(x, struct vdev_rig, xport.xport)->xport.config_irqs++;
}

static void xport_doorbells(struct virtio_xport *x, bool on)
{
	(void)x;
	(void)on;
}

static const struct virtio_xport_ops xport_ops = {
	.irq_queue = xport_irq_queue,
	.irq_config = xport_irq_config,
	.doorbells = xport_doorbells,
};

static void on_turn(struct ev_fd *e, uint32_t revents)
{
	struct vdev_rig *r = container_of(e, struct vdev_rig, turn);
	uint64_t cnt;

	(void)revents;
	assert_int_equal(read(e->fd, &cnt, sizeof(cnt)), sizeof(cnt));
	sem_post(&r->turned);
}

void vr_init(struct vdev_rig *r)
{
	struct error *e = NULL;

	memset(r, 0, sizeof(*r));
	r->gm = gd_mem_create();
	r->loop = loop_create("test", &e);
	assert_no_error(e);
	r->xport.xport.ops = &xport_ops;
	sem_init(&r->turned, 0, 0);
	r->turn = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				  .events = EV_IN,
				  .cb = on_turn };
	assert_int_equal(loop_add(r->loop, &r->turn, &e), 0);
}

void vr_begin(struct vdev_rig *r, struct virtio_device *v, uint64_t features)
{
	struct error *e = NULL;

	r->v = v;
	virtio_attach(v, &r->xport.xport, 0);
	device_reset(&v->dev);
	assert_int_equal(v->dev.ops->start(&v->dev, &e), 0);
	assert_no_error(e);
	assert_int_equal(loop_start_thread(r->loop, &e), 0);
	assert_no_error(e);
	r->threaded = true;
	vr_drive(r, features);
}

/* 3.1.1, step by step. */
void vr_drive(struct vdev_rig *r, uint64_t features)
{
	struct virtio_device *v = r->v;

	r->features = features | VIRTIO_F_VERSION_1;
	virtio_set_status(v, VIRTIO_STATUS_ACKNOWLEDGE);
	virtio_set_status(v, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_ack_word(v, 0, (uint32_t)r->features);
	virtio_ack_word(v, 1, (uint32_t)(r->features >> 32));
	virtio_set_status(v, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
				     VIRTIO_STATUS_FEATURES_OK);
	assert_true(virtio_status(v) & VIRTIO_STATUS_FEATURES_OK);
	for (unsigned i = 0; i < VR_QUEUES && i < v->queue_cnt; i++) {
		struct virtio_queue *q = virtio_get_queue(v, i);

		gd_init(&r->q[i], r->gm, GD_RINGS + i * MIB,
			(uint16_t)min_u64(VR_SIZE, q->max_size), r->features);
		q->addr = r->q[i].ring;
		virtio_queue_enable(v, i);
	}
	virtio_set_status(v, virtio_status(v) | VIRTIO_STATUS_DRIVER_OK);
	assert_false(virtio_status(v) & VIRTIO_STATUS_NEEDS_RESET);
	vr_settle(r);
}

void vr_on_loop(struct vdev_rig *r, void (*fn)(void *), void *arg)
{
	if (r->threaded)
		loop_run_sync(r->loop, fn, arg);
	else
		fn(arg);
}

/*
 * epoll serves first what was ready first: what was rung before is looked at before, and what that
 * has rung one round later. Posted work has no such place.
 */
void vr_settle(struct vdev_rig *r)
{
	uint64_t one = 1;

	for (unsigned i = 0; r->threaded && i < 8; i++) {
		assert_int_equal(write(r->turn.fd, &one, sizeof(one)), sizeof(one));
		while (sem_wait(&r->turned) < 0)
			;
	}
}

void vr_kick(struct vdev_rig *r, unsigned q)
{
	if (gd_kick(&r->q[q]))
		virtio_ring(r->v, q);
	vr_settle(r);
}

void vr_stop_loop(struct vdev_rig *r)
{
	if (r->threaded)
		loop_stop(r->loop);
	r->threaded = false;
}

void vr_end(struct vdev_rig *r)
{
	vr_stop_loop(r);
	if (r->v) {
		r->v->dev.ops->stop(&r->v->dev);
		r->v->dev.ops->destroy(&r->v->dev);
	}
	loop_del(&r->turn);
	close(r->turn.fd);
	sem_destroy(&r->turned);
	loop_destroy(r->loop);
	gm_destroy(r->gm);
}

gpa_t vr_put(struct vdev_rig *r, unsigned q, const void *src, uint64_t len)
{
	gpa_t gpa = gd_alloc(&r->q[q], len ? len : 1, 16);

	if (src && len)
		assert_true(gm_write(r->gm, gpa, src, len));
	return gpa;
}

void vr_get(struct vdev_rig *r, gpa_t gpa, void *dst, uint64_t len)
{
	assert_true(gm_read(r->gm, gpa, dst, len));
}
