/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_blk_full.c: a driver that keeps the ring of a disk full while the disk takes its
 * time. The device has nothing to look for then, and must not keep looking.
 */
#include <errno.h>
#include <unistd.h>

#include "tests/lib/blk_guest.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_blk_link.h"

#define RING 16u

static const uint64_t formats[] = { 0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
				    VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX };

/* One chain of one descriptor slot: a read of a sector. -1: the ring is full. */
static int add_read(struct blk_guest *g)
{
	struct virtio_blk_req_hdr h = { le32_make(VIRTIO_BLK_T_IN), le32_make(0), le64_make(0) };
	struct guest_driver *d = &g->d[0];
	gpa_t hdr = gd_alloc(d, 16, 16), data = gd_alloc(d, 512, 512), status = gd_alloc(d, 1, 1);

	assert_true(gm_write(g->gm, hdr, &h, sizeof(h)));
	return gd_add_indirect(
		d,
		(struct gd_buf[]){ { hdr, 16, false }, { data, 512, GD_W }, { status, 1, GD_W } },
		3, NULL);
}

static void begin(struct blk_guest *g, uint64_t format)
{
	bg_create(g, &(struct bg_config){ .ring = RING });
	bg_begin(g, format | VIRTIO_F_INDIRECT_DESC);
	g->disk->hold = true;
}

static void fill_ring(struct blk_guest *g)
{
	while (add_read(g) >= 0)
		;
}

/* Has somebody rung the doorbell since the last time? */
static bool rang(struct blk_guest *g)
{
	uint64_t n;

	return read(g->v->queue[0].kick.fd, &n, sizeof(n)) == sizeof(n);
}

/* The device waits for a kick, and gets one for each chain that comes when there is room again. */
static void full_ring_is_not_polled(void **state)
{
	struct gd_used u;
	struct blk_guest g;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(formats); i++) {
		begin(&g, formats[i]);
		rang(&g); /* what the start of the device rang */
		fill_ring(&g);
		assert_true(gd_kick(&g.d[0]));
		bg_kick(&g, 0);
		assert_int_equal(g.disk->in_flight, RING);
		assert_int_equal(g.disk->last_batch, RING);
		assert_false(rang(&g));
		assert_int_equal(fake_blk_release(g.disk, 1, false), 1);
		assert_true(gd_get_used(&g.d[0], &u));
		assert_true(add_read(&g) >= 0);
		assert_true(gd_kick(&g.d[0]));
		bg_kick(&g, 0);
		assert_int_equal(g.disk->in_flight, RING);
		assert_false(rang(&g));
		assert_false(virtio_status(g.v) & VIRTIO_STATUS_NEEDS_RESET);
		bg_end(&g);
	}
}

/* One who says that there is more in a full ring has broken it, now and not when there is room. */
static void more_than_the_ring_has(void **state)
{
	struct blk_guest g;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(&g, formats[i]);
		rang(&g);
		fill_ring(&g);
		gd_kick(&g.d[0]);
		bg_kick(&g, 0);
		gd_set_avail_idx(&g.d[0], RING + 1);
		bg_kick(&g, 0);
		assert_true(virtio_status(g.v) & VIRTIO_STATUS_NEEDS_RESET);
		assert_false(rang(&g));
		assert_int_equal(g.disk->in_flight, RING);
		bg_end(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_ring_is_not_polled),
		cmocka_unit_test(more_than_the_ring_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
