/* SPDX-License-Identifier: MIT */
/* blk_guest.c: a virtio block device and its guest, see blk_guest.h. */
#include "tests/lib/blk_guest.h"

#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/loop.h"

static struct blk_guest *from_xport(struct virtio_xport *x)
{
	return container_of(x, struct blk_guest, xport);
}

static void irq_queue(struct virtio_xport *x, unsigned q)
{
	from_xport(x)->irqs[q]++;
}

static void irq_config(struct virtio_xport *x)
{
	from_xport(x)->config_irqs++;
}

static void doorbells(struct virtio_xport *x, bool on)
{
	(void)x;
	(void)on;
}

static const struct virtio_xport_ops xport_ops = { irq_queue, irq_config, doorbells };

void bg_create(struct blk_guest *g, const struct bg_config *c)
{
	struct virtio_blk_params p = {
		.id = "disk0",
		.serial = c->serial,
		.queues = c->queues ? c->queues : 1,
		.queue_size = c->ring ? c->ring : 128,
		.block_size = c->block_size,
		.write_through = c->write_through,
		.packed = true,
	};
	struct error *e = NULL;

	memset(g, 0, sizeof(*g));
	g->gm = p.gm = gd_mem_create();
	g->loop = p.loop = loop_create("disk0", &e);
	assert_no_error(e);
	g->disk = fake_blk_new(c->size ? c->size : MIB);
	g->disk->info.readonly = c->readonly;
	g->disk->closed = &g->disk_closed;
	if (c->no_discard)
		g->disk->info.discard_granularity = 0;
	p.blk = fake_blk(g->disk);
	if (virtio_blk_create(&p, &g->b, &e) < 0)
		assert_no_error(e);
	g->v = virtio_blk_device(g->b);
	g->queues = p.queues;
	g->xport.ops = &xport_ops;
	virtio_attach(g->v, &g->xport, 0);
	if (g->v->dev.ops->start(&g->v->dev, &e) < 0)
		assert_no_error(e);
}

void bg_begin(struct blk_guest *g, uint64_t features)
{
	uint8_t s = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	features = (features & g->v->offered) | VIRTIO_F_VERSION_1;
	virtio_set_status(g->v, 0);
	virtio_set_status(g->v, s);
	virtio_ack_word(g->v, 0, (uint32_t)features);
	virtio_ack_word(g->v, 1, (uint32_t)(features >> 32));
	virtio_set_status(g->v, s |= VIRTIO_STATUS_FEATURES_OK);
	assert_int_equal(virtio_status(g->v), s);
	for (unsigned i = 0; i < g->queues; i++) {
		struct virtio_queue *q = virtio_get_queue(g->v, i);

		gd_init(&g->d[i], g->gm, GD_RINGS + i * MIB, q->max_size, features);
		q->addr = g->d[i].ring;
		virtio_queue_enable(g->v, i);
	}
	virtio_set_status(g->v, s |= VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(virtio_status(g->v), s);
}

void bg_end(struct blk_guest *g)
{
	g->v->dev.ops->stop(&g->v->dev);
	g->v->dev.ops->destroy(&g->v->dev);
	loop_destroy(g->loop);
	gm_destroy(g->gm);
	assert_true(g->disk_closed);
}

void bg_kick(struct blk_guest *g, unsigned q)
{
	struct ev_fd *e = &g->v->queue[q].kick;

	e->cb(e, EV_IN);
}
