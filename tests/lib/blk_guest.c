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

static const struct virtio_xport_ops xport_ops = { .irq_queue = irq_queue,
						   .irq_config = irq_config,
						   .doorbells = doorbells };

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

uint64_t bg_ring_features = BG_ALL & ~VIRTIO_F_RING_PACKED;

void bg_up_with(struct blk_guest *g, const struct bg_config *c, uint64_t features)
{
	bg_create(g, c);
	bg_begin(g, features & bg_ring_features);
}

void bg_up(struct blk_guest *g)
{
	bg_up_with(g, &(struct bg_config){ 0 }, BG_ALL);
}

/* --- requests --------------------------------------------------------------------------------- */

struct bg_req bg_put_header(struct blk_guest *g, unsigned q, uint32_t type, uint64_t sector,
			    uint64_t room)
{
	struct virtio_blk_req_hdr h = { le32_make(type), le32_make(0), le64_make(sector) };
	struct bg_req r = { gd_alloc(&g->d[q], 16, 16), gd_alloc(&g->d[q], room ? room : 1, 512),
			    gd_alloc(&g->d[q], 1, 1) };
	uint8_t none = BG_NONE;

	assert_true(gm_write(g->gm, r.hdr, &h, sizeof(h)));
	assert_true(gm_write(g->gm, r.status, &none, 1));
	return r;
}

uint8_t bg_status(struct blk_guest *g, struct bg_req r)
{
	uint8_t s;

	assert_true(gm_read(g->gm, r.status, &s, 1));
	return s;
}

struct bg_req bg_add(struct blk_guest *g, unsigned q, uint32_t type, uint64_t sector,
		     const void *data, uint32_t len)
{
	struct bg_req r = bg_put_header(g, q, type, sector, len);
	bool w = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	if (data)
		assert_true(gm_write(g->gm, r.data, data, len));
	assert_true(gd_add(&g->d[q],
			   (struct gd_buf[]){ { r.hdr, 16, false },
					      { r.data, len, w },
					      { r.status, 1, GD_W } },
			   3, (void *)(uintptr_t)r.status) >= 0);
	return r;
}

void bg_submit(struct blk_guest *g, unsigned q)
{
	gd_kick(&g->d[q]);
	bg_kick(g, q);
}

uint32_t bg_used_one(struct blk_guest *g, unsigned q)
{
	struct gd_used u, more;

	assert_true(gd_get_used(&g->d[q], &u));
	assert_false(gd_get_used(&g->d[q], &more));
	return u.len;
}

unsigned bg_used_all(struct blk_guest *g, unsigned q)
{
	struct gd_used u;
	unsigned n = 0;

	while (gd_get_used(&g->d[q], &u))
		n++;
	return n;
}

uint8_t bg_run(struct blk_guest *g, uint32_t type, uint64_t sector, void *data, uint32_t len)
{
	struct bg_req r = bg_add(g, 0, type, sector, data, len);

	bg_submit(g, 0);
	bg_used_one(g, 0);
	if (data && (type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID))
		assert_true(gm_read(g->gm, r.data, data, len));
	return bg_status(g, r);
}

uint8_t bg_run_chain(struct blk_guest *g, const struct gd_buf *b, unsigned n, uint32_t *len)
{
	struct bg_req r = { .status = b[n - 1].addr + b[n - 1].len - 1 };

	assert_true(gd_add(&g->d[0], b, n, g) >= 0);
	bg_submit(g, 0);
	*len = bg_used_one(g, 0);
	return bg_status(g, r);
}

void bg_assert_healthy(struct blk_guest *g)
{
	uint8_t buf[512];
	int error = g->disk->error;

	g->disk->error = 0;
	assert_false(virtio_status(g->v) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(bg_run(g, VIRTIO_BLK_T_IN, 0, buf, sizeof(buf)), VIRTIO_BLK_S_OK);
	assert_memory_equal(buf, g->disk->data, sizeof(buf));
	assert_int_equal(vq_outstanding(g->v->queue[0].vq), 0);
	g->disk->error = error;
}

uint8_t bg_run_range(struct blk_guest *g, uint32_t type, uint64_t sector, uint32_t cnt,
		     uint32_t flags)
{
	struct virtio_blk_range r = { le64_make(sector), le32_make(cnt), le32_make(flags) };

	return bg_run(g, type, 0, &r, sizeof(r));
}

const struct fake_blk_entry *bg_newest(const struct blk_guest *g)
{
	assert_true(g->disk->log_cnt > 0);
	return &g->disk->log[(g->disk->log_cnt - 1) % FAKE_BLK_LOG];
}

uint64_t bg_read_config(struct blk_guest *g, size_t off, unsigned size)
{
	return virtio_read_config(g->v, (uint32_t)off, size);
}

void bg_fill(uint8_t *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 256 + seed);
}
