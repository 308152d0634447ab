/* SPDX-License-Identifier: MIT */
/* virtq_rig.c: a virtqueue with guest memory, an owner and a driver around it. */
#include "tests/lib/virtq_rig.h"

#include <string.h>

#include "vmm/log.h"

static void on_broken(void *opaque, unsigned index)
{
	struct virtq_rig *g = opaque;

	assert_int_equal(index, RIG_INDEX);
	assert_true(virtq_is_broken(g->vq));
	g->broken++;
}

void rig_up_max(struct virtq_rig *g, uint16_t size, uint16_t max_size, uint64_t features)
{
	static const struct device_ops ops = { .name = "rig" };
	struct virtq_config c = { .dev = &g->dev,
				  .index = RIG_INDEX,
				  .max_size = max_size,
				  .broken = on_broken,
				  .opaque = g };
	struct error *e = NULL;

	log_set_level(LOG_ERR);
	memset(g, 0, sizeof(*g));
	device_init(&g->dev, &ops, "rig0", NULL, 0);
	c.gm = g->gm = gd_mem_create();
	if (virtq_create(&c, &g->vq, &e) < 0)
		assert_no_error(e);
	rig_again(g, size, features);
}

void rig_up(struct virtq_rig *g, uint16_t size, uint64_t features)
{
	rig_up_max(g, size, size, features);
}

void rig_again(struct virtq_rig *g, uint16_t size, uint64_t features)
{
	gd_init(&g->d, g->gm, GD_RINGS, size, features);
	assert_int_equal(virtq_enable(g->vq, &g->d.ring, features), 0);
	assert_true(virtq_enabled(g->vq) && !virtq_is_broken(g->vq));
}

void rig_down(struct virtq_rig *g)
{
	g->vq = virtq_destroy(g->vq);
	g->gm = gm_destroy(g->gm);
}

void rig_pop(struct virtq_rig *g)
{
	assert_int_equal(vq_pop(g->vq, &g->c), VQ_OK);
}

void rig_empty(struct virtq_rig *g)
{
	assert_int_equal(vq_pop(g->vq, &g->c), VQ_EMPTY);
}

void rig_breaks(struct virtq_rig *g)
{
	uint64_t errors = g->dev.guest_errors;
	unsigned broken = g->broken;

	assert_int_equal(vq_pop(g->vq, &g->c), VQ_BROKEN);
	assert_int_equal(vq_pop(g->vq, &g->c), VQ_BROKEN);
	assert_true(virtq_is_broken(g->vq));
	assert_false(vq_kicks_on(g->vq));
	assert_false(vq_flush(g->vq));
	assert_int_equal(g->broken, broken + 1);
	assert_int_equal(g->dev.guest_errors, errors + 1);
}

#define BASIC (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC)

uint64_t rig_formats[4] = { BASIC, BASIC | VIRTIO_F_EVENT_IDX, BASIC | VIRTIO_F_RING_PACKED,
			    BASIC | VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX };

uint8_t *rig_host(struct virtq_rig *g, gpa_t p)
{
	return gm_ptr(g->gm, p, 1, GM_READ);
}

gpa_t rig_buffer(struct virtq_rig *g, uint32_t len, uint8_t first)
{
	gpa_t p = gd_alloc(&g->d, len, 16);

	for (uint32_t i = 0; i < len; i++)
		*rig_host(g, p + i) = (uint8_t)(first + i);
	return p;
}

void rig_offer(struct virtq_rig *g, const struct gd_buf *b, unsigned n, uintptr_t t)
{
	assert_true(gd_add(&g->d, b, n, (void *)t) >= 0);
	gd_kick(&g->d);
}

void rig_offer_one(struct virtq_rig *g, gpa_t p, uint32_t len, uintptr_t t)
{
	rig_offer(g, &(struct gd_buf){ p, len, GD_W }, 1, t);
}

void rig_expect_used(struct virtq_rig *g, uintptr_t t, uint32_t len)
{
	struct gd_used u;

	assert_true(gd_get_used(&g->d, &u));
	assert_ptr_equal(u.token, (void *)t);
	assert_int_equal(u.len, len);
}

void rig_expect_none_used(struct virtq_rig *g)
{
	struct gd_used u;

	assert_false(gd_get_used(&g->d, &u));
}
