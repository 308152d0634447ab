/* SPDX-License-Identifier: MIT */
/*
 * Hostile drivers, as far as both formats share what they can do; notifications; and laps around
 * each ring.
 */
#include <malloc.h>
#include <string.h>

#include "tests/lib/virtq_rig.h"

static struct virtq_rig g;

static void up(void **state, uint16_t size)
{
	rig_up(&g, size, *(uint64_t *)*state);
}

static void again(void **state, uint16_t size)
{
	rig_again(&g, size, *(uint64_t *)*state);
}

/* --- hostile rings: what both formats share ----------------------------------------------------
 */

/* A chain of one descriptor is refused. */
static void refused(void **state, gpa_t addr, uint32_t len, bool write)
{
	again(state, 4);
	rig_offer(&g, (struct gd_buf[]){ { addr, len, write } }, 1, 1);
	rig_breaks(&g);
	assert_int_equal(vq_outstanding(g.vq), 0);
}

/* Row 2: the lengths of a chain together are more than used.len can say. */
static void test_row02_chain_of_4_gib(void **state)
{
	const uint32_t piece = GD_HIGH_END - GD_HIGH;
	struct gd_buf b[65];

	up(state, 128);
	for (unsigned i = 0; i < 65; i++)
		b[i] = (struct gd_buf){ GD_HIGH, piece, GD_W };
	b[63].len--; /* 4 GiB - 1 is what fits */
	rig_offer(&g, b, 64, 1);
	rig_pop(&g);
	assert_int_equal(g.c.w.left, UINT32_MAX);
	vq_commit(&g.c, SIZE_MAX);
	assert_int_equal(g.c.written, 0);
	vq_complete(&g.c);
	b[63].len++;
	rig_offer(&g, b, 64, 2);
	rig_breaks(&g);
	again(state, 128); /* a sum that is small again modulo 2^32, of both kinds */
	b[0].write = b[1].write = false;
	rig_offer(&g, b, 65, 1);
	rig_breaks(&g);
	rig_down(&g);
}

/* Row 7: addresses whose end wraps around 2^64, or lies beyond RAM or in a hole. */
static void test_row07_buffer_leaves_ram(void **state)
{
	static const struct {
		gpa_t addr;
		uint32_t len;
	} bad[] = {
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, 2 },
		{ UINT64_MAX - 15, 16 },
		{ UINT64_MAX - 15, 17 },
		{ UINT64_MAX - 15, UINT32_MAX },
		{ UINT64_C(1) << 63, 16 },
		{ GD_LOW_END, 1 },
		{ GD_LOW_END - 1, 2 },
		{ GD_LOW_END - 16, 17 },
		{ 0, GD_LOW_END + 1 },
		{ 0, UINT32_MAX },
		{ GD_HIGH - 1, 1 },
		{ GD_HIGH - 1, 2 },
		{ GD_HIGH_END, 1 },
		{ GD_HIGH_END - 1, 2 },
		{ GD_HIGH_END - 1, UINT32_MAX },
	};

	up(state, 4);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		for (unsigned w = 0; w < 2; w++)
			refused(state, bad[i].addr, bad[i].len, w);
	rig_down(&g);
}

/* Row 7: what crosses from one region of RAM into its neighbour is RAM, in two pieces. */
static void test_row07_buffer_is_split_at_regions(void **state)
{
	const struct iovec *iov;
	unsigned cnt;

	up(state, 4);
	rig_offer(&g, (struct gd_buf[]){ { GD_SEAM - 3, 8, false }, { GD_SEAM - 1, 2, GD_W } }, 2,
		  1);
	rig_pop(&g);
	assert_int_equal(vq_window(&g.c, &g.c.r, 8, &iov, &cnt), 8);
	assert_int_equal(cnt, 2);
	assert_ptr_equal(iov[0].iov_base, rig_host(&g, GD_SEAM - 3));
	assert_int_equal(iov[0].iov_len, 3);
	assert_ptr_equal(iov[1].iov_base, rig_host(&g, GD_SEAM));
	assert_int_equal(iov[1].iov_len, 5);
	assert_true(vq_push(&g.c, "ab", 2));
	assert_int_equal(*rig_host(&g, GD_SEAM - 1), 'a');
	assert_int_equal(*rig_host(&g, GD_SEAM), 'b');
	vq_complete(&g.c);
	vq_flush(g.vq);
	rig_expect_used(&g, 1, 2);
	/* from the first byte of RAM to the last of its second region */
	rig_offer_one(&g, 0, GD_LOW_END, 2);
	rig_pop(&g);
	assert_int_equal(g.c.w.n, 2);
	assert_int_equal(g.c.w.left, GD_LOW_END);
	rig_down(&g);
}

/* Row 7: more pieces than a chain can hold, by regions or by descriptors. */
static void test_row07_too_many_pieces(void **state)
{
	struct gd_buf b[VQ_MAX_SEGS + 1];

	rig_up(&g, 512, *(uint64_t *)*state);
	for (unsigned i = 0; i <= VQ_MAX_SEGS; i++)
		b[i] = (struct gd_buf){ GD_HIGH + 16 * i, 16, GD_W };
	rig_offer(&g, b, VQ_MAX_SEGS, 1);
	rig_pop(&g);
	assert_int_equal(g.c.w.n, VQ_MAX_SEGS);
	again(state, 512);
	rig_offer(&g, b, VQ_MAX_SEGS + 1, 2);
	rig_breaks(&g);
	again(state, 512);
	b[VQ_MAX_SEGS - 1].addr = GD_SEAM - 8; /* two pieces where there is room for one */
	rig_offer(&g, b, VQ_MAX_SEGS, 1);
	rig_breaks(&g);
	again(state, 512);
	b[0].len = 0; /* an empty one takes no place */
	rig_offer(&g, b, VQ_MAX_SEGS, 1);
	rig_pop(&g);
	assert_int_equal(g.c.w.n, VQ_MAX_SEGS);
	rig_down(&g);
}

/*
 * Row 8: a buffer in device registers would have the device operate devices, itself among them. It
 * gets RAM or nothing: no read, no write, not of ROM either.
 */
static void test_row08_buffer_in_registers_or_rom(void **state)
{
	static const gpa_t bad[] = {
		0xfee00000, 0xfec00000, 0xc0000000, GD_ROM, GD_ROM + GD_ROM_LEN - 1, GD_ROM - 1
	};

	up(state, 4);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		refused(state, bad[i], 1, false);
		refused(state, bad[i], 1, true);
		refused(state, bad[i], 16, true);
	}
	rig_down(&g);
}

/* Row 8: RAM that goes on as ROM is RAM no further than that. */
static void test_row08_buffer_runs_into_rom(void **state)
{
	struct error *e = NULL;

	up(state, 4);
	assert_int_equal(gm_add_rom(g.gm, GD_HIGH_END, 0x1000, "ROM", 3, &e), 0);
	refused(state, GD_HIGH_END - 1, 2, false);
	refused(state, GD_HIGH_END - 1, 2, true);
	rig_down(&g);
}

/* Row 8: the same for an indirect table. */
static void test_row08_table_in_registers_or_rom(void **state)
{
	static const gpa_t bad[] = { 0xfee00000,      GD_ROM,      GD_LOW_END,
				     GD_LOW_END - 15, GD_SEAM - 8, UINT64_MAX - 15 };

	up(state, 4);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		again(state, 4);
		gd_set_desc(&g.d, g.d.ring.desc, 0,
			    (struct gd_desc){ bad[i], 16,
					      GD_F_INDIRECT | GD_F_AVAIL * !!(g.d.features &
									      VIRTIO_F_RING_PACKED),
					      0 });
		if (!(g.d.features & VIRTIO_F_RING_PACKED))
			gd_set_avail_idx(&g.d, 1);
		rig_breaks(&g);
	}
	rig_down(&g);
}

/* Row 10: chains without a byte are completed like any other, whatever they point at. */
static void test_row10_zero_length(void **state)
{
	const struct gd_buf b[][3] = {
		{ { 0, 0, false } },
		{ { UINT64_MAX, 0, GD_W } },
		{ { GD_LOW_END, 0, false }, { GD_ROM, 0, GD_W } },
		{ { 0xfee00000, 0, false }, { GD_HIGH, 4, GD_W }, { UINT64_MAX, 0, GD_W } },
	};
	struct vq_cursor tail;
	uint8_t x;

	up(state, 4);
	for (unsigned round = 0; round < 50; round++) { /* no slot leaks: the ring never stalls */
		for (unsigned i = 0; i < ARRAY_LEN(b); i++) {
			unsigned n = i < 2 ? 1 : i;
			bool some = i == 3;

			rig_offer(&g, b[i], n, i);
			rig_pop(&g);
			assert_int_equal(g.c.r.left, 0);
			assert_int_equal(g.c.w.left, some ? 4 : 0);
			assert_int_equal(g.c.r.n, 0);
			assert_int_equal(g.c.w.n, some ? 1 : 0);
			assert_false(vq_pull(&g.c, &x, 1));
			assert_int_equal(vq_split_tail(&g.c, 1, &tail), some);
			vq_complete(&g.c);
			assert_int_equal(vq_outstanding(g.vq), 0);
			vq_flush(g.vq);
			rig_expect_used(&g, i, 0);
		}
	}
	rig_down(&g);
}

/* Row 10: an empty descriptor still has its place in the order of readable and writable. */
static void test_row10_zero_length_keeps_order(void **state)
{
	up(state, 4);
	rig_offer(&g, (struct gd_buf[]){ { GD_HIGH, 0, GD_W }, { GD_HIGH, 1, false } }, 2, 1);
	rig_breaks(&g);
	rig_down(&g);
}

/* Row 17: a driver cannot have more in flight than its ring has room for. */
static void test_row17_more_in_flight_than_the_ring_holds(void **state)
{
	struct vq_chain c[4];

	up(state, 4);
	for (unsigned i = 0; i < 4; i++)
		rig_offer_one(&g, GD_HIGH, 16, i);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vq_pop(g.vq, &c[i]), VQ_OK);
	/* It offers the same descriptors again, though none has come back. */
	if (g.d.features & VIRTIO_F_RING_PACKED) {
		for (unsigned i = 0; i < 4; i++)
			gd_set_desc(&g.d, g.d.ring.desc, i,
				    (struct gd_desc){ GD_HIGH, 16, GD_F_USED, 0 });
	} else {
		gd_set_avail_idx(&g.d, 5);
	}
	rig_breaks(&g);
	assert_int_equal(vq_outstanding(g.vq), 4);
	rig_down(&g);
}

/* Row 17: completed is not enough. Until the flush the driver cannot know of it. */
static void test_row17_not_before_the_flush(void **state)
{
	up(state, 1);
	rig_offer_one(&g, GD_HIGH, 16, 1);
	rig_pop(&g);
	vq_complete(&g.c);
	if (g.d.features & VIRTIO_F_RING_PACKED)
		gd_set_desc(&g.d, g.d.ring.desc, 0, (struct gd_desc){ GD_HIGH, 16, GD_F_USED, 0 });
	else
		gd_set_avail_idx(&g.d, 2);
	rig_breaks(&g);
	rig_down(&g);
}

/* Row 18: lengths of gigabytes cost nothing: the queue allocates nothing after it was created. */
static void test_row18_huge_lengths_allocate_nothing(void **state)
{
	struct gd_buf b[64];
	size_t before;

	up(state, 128);
	for (unsigned i = 0; i < 64; i++)
		b[i] = (struct gd_buf){ GD_HIGH, GD_HIGH_END - GD_HIGH - 1, i > 8 };
	before = mallinfo2().uordblks;
	for (unsigned i = 0; i < 100; i++) {
		struct vq_cursor tail;

		rig_offer(&g, b, 64, i);
		rig_pop(&g);
		assert_true(vq_split_tail(&g.c, UINT32_MAX / 2, &tail));
		vq_complete(&g.c);
		vq_flush(g.vq);
		rig_expect_used(&g, i, 0);
	}
	rig_offer(&g, (struct gd_buf[]){ { 0, UINT32_MAX, false } }, 1, 0);
	rig_breaks(&g);
	assert_int_equal(mallinfo2().uordblks, before);
	rig_down(&g);
}

/* --- notifications -----------------------------------------------------------------------------
 */

/*
 * Row 23: both sides sleep whenever they are allowed to and wake only when told. Nobody may be
 * forgotten, whatever the pattern. A driver that is stuck has something in flight and nobody awake.
 */
static void test_row23_nobody_sleeps_for_ever(void **state)
{
	uint64_t rnd = 88172645463325252u, done = 0, offered = 0, irqs = 0, kicks = 0;
	struct vq_chain held[8];
	unsigned holding = 0;
	bool device_awake = false, driver_awake = true;

	up(state, 8);
	while (done < 200000) {
		struct gd_used u;
		unsigned n;

		assert_true(device_awake || driver_awake || holding);
		rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
		switch (rnd % 4) {
		case 0: /* the driver offers some, and sleeps when it can do no more */
			if (!driver_awake)
				break;
			for (n = rnd >> 8 & 3;
			     n && gd_add(&g.d, (struct gd_buf[]){ { GD_HIGH, 16, GD_W } }, 1,
					 (void *)(uintptr_t)(offered)) >= 0;
			     n--)
				offered++;
			if (gd_kick(&g.d)) {
				device_awake = true;
				kicks++;
			}
			if (!g.d.free_cnt && !gd_irqs_on(&g.d))
				driver_awake = false;
			break;
		case 1: /* the driver looks */
			if (!driver_awake)
				break;
			gd_irqs_off(&g.d);
			while (gd_get_used(&g.d, &u))
				done++;
			break;
		case 2: /* the device takes what there is, and sleeps when there is nothing */
			if (!device_awake)
				break;
			vq_kicks_off(g.vq);
			while (holding < 8 && vq_pop(g.vq, &held[holding]) == VQ_OK)
				holding++;
			assert_false(virtq_is_broken(g.vq));
			if (!vq_kicks_on(g.vq))
				device_awake = false;
			break;
		case 3: /* some requests get done */
			for (n = rnd >> 8 & 3; n && holding; n--) {
				unsigned i = (unsigned)(rnd >> 16) % holding;

				vq_complete(&held[i]);
				holding--;
				if (i != holding)
					memcpy(&held[i], &held[holding], sizeof(held[i]));
			}
			if (vq_flush(g.vq)) {
				driver_awake = true;
				irqs++;
			}
			break;
		}
	}
	/* Both were asleep now and then, or this has shown nothing. */
	assert_in_range(irqs, 1, done - 1);
	assert_in_range(kicks, 1, offered - 1);
	rig_down(&g);
}

/* Row 23: events that lie, for every value they can have: no crash, and truth works again after. */
static void test_row23_event_index_lies(void **state)
{
	bool packed = *(uint64_t *)*state & VIRTIO_F_RING_PACKED;

	up(state, 4);
	for (unsigned lie = 0; lie <= 0xffff; lie++) {
		if (packed)
			gd_set_flags(&g.d, (lie & 3) << 16 | lie);
		else if (lie & 1)
			gd_set_flags(&g.d, lie);
		else
			gd_set_used_event(&g.d, (uint16_t)(lie >> 1));
		rig_offer_one(&g, GD_HIGH, 16, lie);
		rig_pop(&g);
		vq_complete(&g.c);
		vq_flush(g.vq);
		rig_expect_used(&g, lie, 0);
		gd_set_flags(&g.d, 0);
		assert_false(gd_irqs_on(&g.d));
		rig_offer_one(&g, GD_HIGH, 16, lie);
		rig_pop(&g);
		vq_complete(&g.c);
		assert_true(vq_flush(g.vq));
		rig_expect_used(&g, lie, 0);
		vq_kicks_off(g.vq);
		assert_false(vq_kicks_on(g.vq));
		assert_true(gd_add(&g.d, (struct gd_buf[]){ { GD_HIGH, 16, GD_W } }, 1, NULL) >= 0);
		assert_true(gd_kick(&g.d));
		rig_pop(&g);
		vq_complete(&g.c);
		vq_flush(g.vq);
		rig_expect_used(&g, 0, 0);
	}
	rig_down(&g);
}

/* 2.7.7, 2.8.10: no interrupt that the driver has no use for; and exactly one when it has. */
static void no_unwanted_interrupt(void **state)
{
	bool event_idx = *(uint64_t *)*state & VIRTIO_F_EVENT_IDX;

	up(state, 8);
	for (unsigned round = 0; round < 100; round++) {
		unsigned after = round % 5, irqs = 0;

		if (event_idx)
			gd_irqs_after(&g.d, (uint16_t)after);
		else
			gd_irqs_off(&g.d);
		for (unsigned i = 0; i < 6; i++) {
			rig_offer_one(&g, GD_HIGH, 16, i);
			rig_pop(&g);
			vq_complete(&g.c);
			if (vq_flush(g.vq)) {
				irqs++;
				assert_int_equal(i, after);
			}
			rig_expect_used(&g, i, 0);
		}
		assert_int_equal(irqs, event_idx ? 1 : 0);
	}
	rig_down(&g);
}

/* The other way round: no kick while the device looks anyway. */
static void no_unwanted_kick(void **state)
{
	struct gd_buf b = { GD_HIGH, 16, GD_W };

	up(state, 8);
	for (unsigned round = 0; round < 100; round++) {
		vq_kicks_off(g.vq);
		assert_false(vq_kicks_on(g.vq));
		assert_true(gd_add(&g.d, &b, 1, (void *)(uintptr_t)(1)) >= 0);
		assert_true(gd_kick(&g.d)); /* it was asked for */
		vq_kicks_off(g.vq);
		assert_true(gd_add(&g.d, &b, 1, (void *)(uintptr_t)(2)) >= 0);
		assert_false(gd_kick(&g.d)); /* the device has not gone back to sleep */
		rig_pop(&g);
		vq_complete(&g.c);
		assert_true(gd_add(&g.d, &b, 1, (void *)(uintptr_t)(3)) >= 0);
		assert_false(gd_kick(&g.d));
		assert_true(vq_kicks_on(g.vq)); /* two are there: no sleep */
		rig_pop(&g);
		vq_complete(&g.c);
		rig_pop(&g);
		vq_complete(&g.c);
		vq_flush(g.vq);
		for (unsigned i = 1; i <= 3; i++)
			rig_expect_used(&g, i, 0);
	}
	rig_down(&g);
}

/* --- laps --------------------------------------------------------------------------------------
 */

/*
 * Row 6: 16-bit indices and wrap counters, around and around: more than 65536 chains through rings
 * of every small size, in batches that straddle each border, in and out of order.
 */
static void test_row06_laps(void **state)
{
	bool packed = *(uint64_t *)*state & VIRTIO_F_RING_PACKED;

	rig_up_max(&g, 1, 8, *(uint64_t *)*state);
	for (uint16_t size = 1; size <= 8; size++) {
		struct vq_chain c[8];
		uint64_t sent = 0, rnd = size;

		if (!packed && !is_pow2(size))
			continue;
		again(state, size);
		while (sent < 70000) {
			unsigned n = 0, want = (unsigned)(sent % size) + 1;
			struct gd_buf b[] = { { GD_HIGH, 1, false }, { GD_HIGH + 8, 2, GD_W } };
			bool swap;

			while (n < want) {
				unsigned k = 1 + (sent + n) % 3 / 2;

				if (k > size ||
				    gd_add(&g.d, b + 2 - k, k, (void *)(uintptr_t)(sent + n)) < 0)
					break;
				n++;
			}
			gd_kick(&g.d);
			assert_true(n > 0 || size == 1);
			if (!n) {
				assert_true(gd_add(&g.d, b + 1, 1, (void *)(uintptr_t)(sent)) >= 0);
				gd_kick(&g.d);
				n = 1;
			}
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(vq_pop(g.vq, &c[i]), VQ_OK);
			rig_empty(&g);
			swap = ++rnd % 3 == 0;
			for (unsigned i = 0; i < n; i++)
				vq_complete(&c[swap ? n - 1 - i : i]);
			vq_flush(g.vq);
			for (unsigned i = 0; i < n; i++)
				rig_expect_used(&g, sent + (swap ? n - 1 - i : i), 0);
			rig_expect_none_used(&g);
			assert_int_equal(vq_outstanding(g.vq), 0);
			sent += n;
		}
	}
	rig_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_EACH(test_row02_chain_of_4_gib),
		RIG_EACH(test_row06_laps),
		RIG_EACH(test_row07_buffer_leaves_ram),
		RIG_EACH(test_row07_buffer_is_split_at_regions),
		RIG_EACH(test_row07_too_many_pieces),
		RIG_EACH(test_row08_buffer_in_registers_or_rom),
		RIG_EACH(test_row08_buffer_runs_into_rom),
		RIG_EACH(test_row08_table_in_registers_or_rom),
		RIG_EACH(test_row10_zero_length),
		RIG_EACH(test_row10_zero_length_keeps_order),
		RIG_EACH(test_row17_more_in_flight_than_the_ring_holds),
		RIG_EACH(test_row17_not_before_the_flush),
		RIG_EACH(test_row18_huge_lengths_allocate_nothing),
		RIG_EACH(test_row23_nobody_sleeps_for_ever),
		RIG_EACH(test_row23_event_index_lies),
		RIG_EACH(no_unwanted_interrupt),
		RIG_EACH(no_unwanted_kick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
