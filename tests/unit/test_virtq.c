/* SPDX-License-Identifier: MIT */
/* virtq.c: requests, their bytes, a queue's life and its snapshots; with split and packed rings. */
#include <errno.h>
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

/* --- requests ----------------------------------------------------------------------------------
 */

static void a_request_and_its_answer(void **state)
{
	const struct iovec *iov;
	struct vq_cursor tail;
	uint8_t hdr[16], status = 7;
	gpa_t h, data, st;
	unsigned cnt;

	up(state, 8);
	h = rig_buffer(&g, 16, 1);
	data = rig_buffer(&g, 512, 2);
	st = rig_buffer(&g, 1, 0xff);
	assert_true(
		gd_add(&g.d,
		       (struct gd_buf[]){ { h, 16, false }, { data, 512, GD_W }, { st, 1, GD_W } },
		       3, (void *)(uintptr_t)(1)) >= 0);
	rig_empty(&g); /* not before the driver says so */
	assert_true(gd_kick(&g.d));
	rig_pop(&g);
	assert_int_equal(vq_outstanding(g.vq), 1);
	assert_int_equal(g.c.r.left, 16);
	assert_int_equal(g.c.w.left, 513);
	assert_true(vq_split_tail(&g.c, 1, &tail));
	assert_true(vq_pull(&g.c, hdr, 16));
	assert_int_equal(hdr[15], 16);
	assert_int_equal(vq_window(&g.c, &g.c.w, SIZE_MAX, &iov, &cnt), 512);
	assert_int_equal(cnt, 1);
	assert_ptr_equal(iov->iov_base, rig_host(&g, data));
	vq_commit(&g.c, 512);
	assert_true(vq_push_tail(&g.c, &tail, &status, 1));
	vq_complete(&g.c);
	rig_expect_none_used(&g); /* not before the flush */
	assert_true(vq_flush(g.vq));
	assert_false(vq_flush(g.vq)); /* nothing new */
	rig_expect_used(&g, 1, 513);
	assert_int_equal(*rig_host(&g, st), 7);
	assert_int_equal(vq_outstanding(g.vq), 0);
	rig_down(&g);
}

static void chains_complete_in_any_order(void **state)
{
	static const uint8_t order[] = { 2, 0, 3, 1 };
	struct vq_chain c[4];
	gpa_t p;

	up(state, 8);
	p = rig_buffer(&g, 64, 0);
	for (unsigned i = 0; i < 4; i++) /* of one and of two descriptors */
		rig_offer(&g, (struct gd_buf[]){ { p, 8, GD_W }, { p + 8, 8, GD_W } }, 1 + i % 2,
			  i);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vq_pop(g.vq, &c[i]), VQ_OK);
	rig_empty(&g);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(vq_push(&c[order[i]], "abcd", 1 + i));
		vq_complete(&c[order[i]]);
		if (i == 1)
			vq_flush(g.vq);
	}
	rig_expect_used(&g, 2, 1);
	rig_expect_used(&g, 0, 2);
	rig_expect_none_used(&g); /* one batch is flushed, the other not */
	vq_flush(g.vq);
	rig_expect_used(&g, 3, 3);
	rig_expect_used(&g, 1, 4);
	rig_down(&g);
}

static void a_chain_given_back_comes_again(void **state)
{
	struct vq_chain c[3];
	gpa_t p;

	up(state,
	   5 - !(*(uint64_t *)*state & VIRTIO_F_RING_PACKED)); /* 5 is no size of a split ring */
	p = rig_buffer(&g, 64, 0);
	for (unsigned lap = 0; lap < 7; lap++) { /* over the ring's end, and back over it */
		rig_offer(&g, (struct gd_buf[]){ { p, 8, GD_W }, { p + 8, 8, GD_W } }, 2, 1);
		rig_offer_one(&g, p, 1, 2);
		rig_offer_one(&g, p, 1, 3);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(vq_pop(g.vq, &c[i]), VQ_OK);
		for (unsigned i = 3; i-- > 0;)
			vq_unpop(&c[i]);
		assert_int_equal(vq_outstanding(g.vq), 0);
		assert_true(vq_kicks_on(g.vq)); /* there is something to pop */
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(vq_pop(g.vq, &c[i]), VQ_OK);
			vq_complete(&c[i]);
		}
		rig_empty(&g);
		vq_flush(g.vq);
		for (unsigned i = 1; i <= 3; i++)
			rig_expect_used(&g, i, 0);
	}
	rig_down(&g);
}

/* --- a chain's bytes ---------------------------------------------------------------------------
 */

static void all_or_nothing_is_pulled(void **state)
{
	uint8_t got[32] = { 0 };
	gpa_t p;

	up(state, 8);
	p = rig_buffer(&g, 32, 0);
	rig_offer(&g, (struct gd_buf[]){ { p, 1, 0 }, { p + 1, 3, 0 }, { p + 4, 8, 0 } }, 3, 1);
	rig_pop(&g);
	assert_false(vq_pull(&g.c, got, 13));
	assert_int_equal(g.c.r.left, 12);
	assert_true(vq_pull(&g.c, got, 0));
	assert_true(vq_pull(&g.c, got, 2));
	assert_true(vq_pull(&g.c, got + 2, 7));
	assert_false(vq_pull(&g.c, got, 4));
	assert_false(vq_pull(&g.c, got, SIZE_MAX));
	assert_true(vq_pull(&g.c, got + 9, 3));
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(got[i], i);
	assert_int_equal(g.c.r.n, 0);
	assert_false(vq_pull(&g.c, got, 1));
	assert_false(vq_push(&g.c, got, 1)); /* there is nothing writable */
	assert_true(vq_push(&g.c, got, 0));
	rig_down(&g);
}

static void all_or_nothing_is_pushed(void **state)
{
	gpa_t p;

	up(state, 8);
	p = rig_buffer(&g, 32, 0xf0);
	rig_offer(&g, (struct gd_buf[]){ { p, 1, GD_W }, { p + 2, 3, GD_W }, { p + 8, 8, GD_W } },
		  3, 1);
	rig_pop(&g);
	assert_false(vq_push(&g.c, "0123456789abc", 13));
	assert_int_equal(g.c.written, 0);
	assert_true(vq_push(&g.c, "01", 2));
	assert_true(vq_push(&g.c, "23456", 5));
	assert_memory_equal(rig_host(&g, p), "0", 1);
	assert_memory_equal(rig_host(&g, p + 2), "123", 3);
	assert_memory_equal(rig_host(&g, p + 8), "456", 3);
	assert_int_equal(*rig_host(&g, p + 11), 0xfb); /* what was not pushed is as it was */
	vq_complete(&g.c);
	vq_flush(g.vq);
	rig_expect_used(&g, 1, 7);
	rig_down(&g);
}

/* "n bytes through a window": every way to cut 12 bytes in three pieces into windows of one length.
 */
static void windows_tile_a_chain(void **state)
{
	gpa_t p;

	up(state, 8);
	p = rig_buffer(&g, 32, 0);
	for (size_t step = 1; step <= 13; step++) {
		const struct iovec *iov;
		unsigned cnt;
		uint8_t at = 0;

		rig_offer(
			&g,
			(struct gd_buf[]){ { p, 5, GD_W }, { p + 5, 3, GD_W }, { p + 8, 4, GD_W } },
			3, 1);
		rig_pop(&g);
		for (;;) {
			size_t n = vq_window(&g.c, &g.c.w, step, &iov, &cnt), sum = 0;

			assert_int_equal(n, min_u64(step, 12u - at));
			for (unsigned i = 0; i < cnt; i++) {
				assert_true(iov[i].iov_len > 0);
				for (size_t k = 0; k < iov[i].iov_len; k++)
					assert_int_equal(((uint8_t *)iov[i].iov_base)[k], at++);
				sum += iov[i].iov_len;
			}
			assert_int_equal(sum, n);
			vq_commit(&g.c, n);
			assert_int_equal(g.c.written, at);
			if (!n)
				break;
		}
		assert_int_equal(cnt, 0);
		assert_int_equal(at, 12);
		vq_complete(&g.c);
		vq_flush(g.vq);
		rig_expect_used(&g, 1, 12);
	}
	rig_down(&g);
}

/* A window that cuts a piece, and then bytes by other means: each at the place it belongs to. */
static void pushes_go_on_behind_a_window(void **state)
{
	up(state, 8);
	for (size_t w = 0; w <= 12; w++) {
		for (size_t n = 0; n <= 12 - w; n++) {
			const struct iovec *iov;
			gpa_t p = GD_HIGH;
			unsigned cnt;

			assert_true(gm_write(g.gm, p, "------------", 12));
			rig_offer(&g,
				  (struct gd_buf[]){
					  { p, 5, GD_W }, { p + 5, 3, GD_W }, { p + 8, 4, GD_W } },
				  3, 1);
			rig_pop(&g);
			assert_int_equal(vq_window(&g.c, &g.c.w, w, &iov, &cnt), w);
			vq_commit(&g.c, w);
			assert_true(vq_push(&g.c, "0123456789ab", n));
			assert_int_equal(vq_window(&g.c, &g.c.w, 99, &iov, &cnt), 12 - w - n);
			for (unsigned i = 0, k = 0; i < cnt; k += (unsigned)iov[i++].iov_len)
				assert_ptr_equal(iov[i].iov_base, rig_host(&g, p + w + n + k));
			assert_memory_equal(rig_host(&g, p), "------------", w);
			assert_memory_equal(rig_host(&g, p + w), "0123456789ab", n);
			assert_memory_equal(rig_host(&g, p + w + n), "------------", 12 - w - n);
			vq_complete(&g.c);
			vq_flush(g.vq);
			rig_expect_used(&g, 1, (uint32_t)(w + n));
		}
	}
	rig_down(&g);
}

/* The same from the readable part. */
static void pulls_go_on_behind_a_window(void **state)
{
	gpa_t p;

	up(state, 8);
	p = rig_buffer(&g, 12, 0);
	for (size_t w = 0; w <= 12; w++) {
		for (size_t n = 0; n <= 12 - w; n++) {
			const struct iovec *iov;
			uint8_t got[12];
			unsigned cnt;

			rig_offer(
				&g,
				(struct gd_buf[]){ { p, 5, 0 }, { p + 5, 3, 0 }, { p + 8, 4, 0 } },
				3, 1);
			rig_pop(&g);
			assert_int_equal(vq_window(&g.c, &g.c.r, w, &iov, &cnt), w);
			assert_true(vq_pull(&g.c, got, n));
			for (size_t i = 0; i < n; i++)
				assert_int_equal(got[i], w + i);
			assert_int_equal(g.c.r.left, 12 - w - n);
			vq_complete(&g.c);
			vq_flush(g.vq);
			rig_expect_used(&g, 1, 0);
		}
	}
	rig_down(&g);
}

/* Windows, pushes and a tail in one chain, at all places where pieces meet or do not. */
static void a_tail_is_split_off_whatever_the_framing(void **state)
{
	up(state, 8);
	for (uint32_t a = 0; a <= 6; a++) {
		for (uint32_t b = 0; a + b <= 6; b++) {
			for (size_t n = 0; n <= 7; n++) {
				gpa_t p = GD_HIGH;
				struct gd_buf bufs[] = { { p, a, GD_W },
							 { p + a, b, GD_W },
							 { p + a + b, 6 - a - b, GD_W } };
				const struct iovec *iov;
				struct vq_cursor tail;
				unsigned cnt;

				assert_true(gm_write(g.gm, p, "------", 6));
				rig_offer(&g, bufs, 3, 1);
				rig_pop(&g);
				if (n <= 6) {
					assert_true(vq_split_tail(&g.c, n, &tail));
					assert_false(vq_push_tail(&g.c, &tail, "0123456", n + 1));
					if (n < 6)
						assert_true(vq_push(&g.c, "a", 1));
					vq_commit(&g.c, vq_window(&g.c, &g.c.w, 9, &iov, &cnt));
					assert_true(vq_push_tail(&g.c, &tail, "0123456", n));
					assert_int_equal(tail.left, 0);
					assert_memory_equal(rig_host(&g, p), n < 6 ? "a-----" : "0",
							    1);
					assert_memory_equal(rig_host(&g, p + 6 - n), "012345", n);
					assert_int_equal(g.c.written, 6);
				} else {
					assert_false(vq_split_tail(&g.c, n, &tail));
					assert_int_equal(g.c.w.left, 6);
				}
				vq_complete(&g.c);
				vq_flush(g.vq);
				rig_expect_used(&g, 1, n <= 6 ? 6 : 0);
			}
		}
	}
	rig_down(&g);
}

/* Writes the next @n bytes of "abcdefgh", copied in or through a window. */
static void put_letters(size_t n, bool through_window)
{
	const char *from = "abcdefgh";
	const struct iovec *iov;
	unsigned cnt;

	if (!through_window) {
		assert_true(vq_push(&g.c, from, n));
		return;
	}
	assert_int_equal(vq_window(&g.c, &g.c.w, n, &iov, &cnt), n);
	for (unsigned i = 0; i < cnt; from += iov[i++].iov_len)
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
	vq_commit(&g.c, n);
}

/* A tail of a chain that was written to before, and one that is written in parts. */
static void a_tail_behind_what_was_written(void **state)
{
	up(state, 8);
	for (unsigned k = 0; k < 2 * 9 * 9; k++) {
		size_t before = k / 2 % 9, n = k / 18;
		struct vq_cursor tail;
		gpa_t p = GD_HIGH;

		if (before + n > 8)
			continue;
		assert_true(gm_write(g.gm, p, "--------", 8));
		rig_offer(&g, (struct gd_buf[]){ { p, 3, GD_W }, { p + 3, 5, GD_W } }, 2, 1);
		rig_pop(&g);
		put_letters(before, k % 2);
		assert_true(vq_split_tail(&g.c, n, &tail));
		assert_int_equal(g.c.w.left, 8 - before - n);
		assert_true(vq_push(&g.c, "ABCDEFGH", 8 - before - n));
		assert_false(vq_push(&g.c, "!", 1));
		assert_true(vq_push_tail(&g.c, &tail, "01234567", n / 2));
		assert_true(vq_push_tail(&g.c, &tail, &"01234567"[n / 2], n - n / 2));
		assert_memory_equal(rig_host(&g, p), "abcdefgh", before);
		assert_memory_equal(rig_host(&g, p + before), "ABCDEFGH", 8 - before - n);
		assert_memory_equal(rig_host(&g, p + 8 - n), "01234567", n);
		vq_complete(&g.c);
		vq_flush(g.vq);
		rig_expect_used(&g, 1, 8);
	}
	rig_down(&g);
}

/* A tail inside a chain that already has as many pieces as there can be. */
static void a_tail_of_a_full_chain(void **state)
{
	struct gd_buf b[VQ_MAX_SEGS];
	struct vq_cursor tail;

	up(state, 256);
	for (unsigned i = 0; i < VQ_MAX_SEGS; i++)
		b[i] = (struct gd_buf){ GD_HIGH + 32 * i, 16, GD_W };
	assert_true(gd_add_indirect(&g.d, b, VQ_MAX_SEGS, (void *)(uintptr_t)(1)) >= 0);
	gd_kick(&g.d);
	rig_pop(&g);
	assert_int_equal(g.c.w.n, VQ_MAX_SEGS);
	assert_true(vq_split_tail(&g.c, 17, &tail));
	assert_int_equal(tail.n, 2);
	assert_int_equal(g.c.w.n, VQ_MAX_SEGS - 1);
	assert_true(vq_push_tail(&g.c, &tail, "0123456789abcdefg", 17));
	assert_memory_equal(rig_host(&g, GD_HIGH + 32 * 254 + 15), "0", 1);
	assert_memory_equal(rig_host(&g, GD_HIGH + 32 * 255), "123456789abcdefg", 16);
	rig_down(&g);
}

/*
 * 2.7.8.2: "The device MUST write at least len bytes to descriptor, beginning at the first
 * device-writable buffer". So bytes behind a gap do not count.
 */
static void used_len_counts_no_byte_behind_a_gap(void **state)
{
	const struct iovec *iov;
	struct vq_cursor tail;
	unsigned cnt;
	gpa_t p;

	up(state, 8);
	p = rig_buffer(&g, 64, 0);
	/* a read that failed: status, and no data */
	rig_offer(&g, (struct gd_buf[]){ { p, 32, GD_W }, { p + 32, 1, GD_W } }, 2, 1);
	rig_pop(&g);
	assert_true(vq_split_tail(&g.c, 1, &tail));
	assert_true(vq_push_tail(&g.c, &tail, "!", 1));
	assert_int_equal(*rig_host(&g, p + 32), '!');
	vq_complete(&g.c);
	vq_flush(g.vq);
	rig_expect_used(&g, 1, 0);
	/* a short read */
	rig_offer(&g, (struct gd_buf[]){ { p, 32, GD_W }, { p + 32, 1, GD_W } }, 2, 2);
	rig_pop(&g);
	assert_true(vq_split_tail(&g.c, 1, &tail));
	assert_int_equal(vq_window(&g.c, &g.c.w, 32, &iov, &cnt), 32);
	vq_commit(&g.c, 20);
	assert_true(vq_push_tail(&g.c, &tail, "!", 1));
	vq_complete(&g.c);
	vq_flush(g.vq);
	rig_expect_used(&g, 2, 20);
	/* a push behind a window of which nothing arrived */
	rig_offer(&g, (struct gd_buf[]){ { p, 32, GD_W } }, 1, 3);
	rig_pop(&g);
	assert_int_equal(vq_window(&g.c, &g.c.w, 8, &iov, &cnt), 8);
	assert_true(vq_push(&g.c, "x", 1));
	vq_complete(&g.c);
	vq_flush(g.vq);
	rig_expect_used(&g, 3, 0);
	/* a device that says more than it had */
	rig_offer(&g, (struct gd_buf[]){ { p, 32, GD_W } }, 1, 4);
	rig_pop(&g);
	assert_int_equal(vq_window(&g.c, &g.c.w, 8, &iov, &cnt), 8);
	vq_commit(&g.c, SIZE_MAX);
	assert_int_equal(g.c.written, 8);
	vq_commit(&g.c, 1);
	vq_complete(&g.c);
	vq_flush(g.vq);
	rig_expect_used(&g, 4, 8);
	rig_down(&g);
}

/* --- life --------------------------------------------------------------------------------------
 */

static void refuses_queues_of_silly_sizes(void **state)
{
	struct virtq_config c = { .max_size = 0 };
	struct virtq *vq = NULL;
	struct error *e = NULL;

	(void)state;
	assert_int_equal(virtq_create(&c, &vq, &e), -EINVAL);
	assert_error(e, "0 entries");
	e = NULL;
	c.max_size = VQ_SIZE_MAX + 1;
	assert_int_equal(virtq_create(&c, &vq, &e), -EINVAL);
	assert_error(e, "1025 entries");
	assert_null(vq);
	assert_null(virtq_destroy(NULL));
}

static void a_disabled_queue_does_nothing(void **state)
{
	gpa_t p;

	up(state, 4);
	p = rig_buffer(&g, 16, 0);
	rig_offer_one(&g, p, 16, 1);
	rig_offer_one(&g, p, 16, 2);
	rig_pop(&g);
	virtq_disable(g.vq);
	assert_false(virtq_enabled(g.vq));
	assert_false(virtq_is_broken(g.vq));
	assert_int_equal(vq_outstanding(g.vq), 0);
	vq_kicks_off(g.vq);
	assert_false(vq_kicks_on(g.vq));
	vq_complete(&g.c);
	assert_false(vq_flush(g.vq));
	rig_empty(&g);
	rig_expect_none_used(&g);
	assert_int_equal(vq_outstanding(g.vq), 0);
	assert_int_equal(g.broken, 0);
	rig_down(&g);
}

/* A request that was in flight at a reset completes into nothing: not into the ring that is new. */
static void chains_of_a_former_life_are_dropped(void **state)
{
	struct vq_chain old[2];
	gpa_t p;

	up(state, 4);
	p = rig_buffer(&g, 16, 0);
	rig_offer_one(&g, p, 16, 1);
	rig_offer_one(&g, p, 16, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(vq_pop(g.vq, &old[i]), VQ_OK);
	virtq_disable(g.vq);
	again(state, 4);
	p = rig_buffer(&g, 16, 0);
	rig_offer_one(&g, p, 16, 3);
	vq_complete(&old[0]);
	assert_false(vq_flush(g.vq));
	rig_expect_none_used(&g);
	rig_pop(&g);
	vq_unpop(&old[1]);
	assert_int_equal(vq_outstanding(g.vq), 1);
	rig_empty(&g);
	vq_complete(&g.c);
	vq_flush(g.vq);
	rig_expect_used(&g, 3, 0);
	rig_expect_none_used(&g);
	rig_down(&g);
}

/* Makes the next vq_pop() fail. */
static void spoil(void)
{
	if (g.d.features & VIRTIO_F_RING_PACKED) {
		rig_offer_one(&g, GD_LOW_END, 1, 99);
	} else {
		gd_set_avail_idx(&g.d, (uint16_t)(g.d.avail + 1000));
	}
}

static void a_broken_queue_rests_until_it_is_enabled_again(void **state)
{
	struct vq_chain c[2];
	uint8_t before[256], *ring;
	gpa_t p;

	up(state, 4);
	p = rig_buffer(&g, 16, 0);
	rig_offer_one(&g, p, 16, 1);
	rig_offer_one(&g, p, 16, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(vq_pop(g.vq, &c[i]), VQ_OK);
	spoil();
	ring = rig_host(&g, g.d.ring.desc);
	memcpy(before, ring, sizeof(before));
	rig_breaks(&g);
	assert_true(virtq_enabled(g.vq));
	assert_int_equal(vq_outstanding(g.vq), 2);
	vq_complete(&c[0]);
	vq_unpop(&c[1]);
	vq_kicks_off(g.vq);
	assert_false(vq_kicks_on(g.vq));
	assert_false(vq_flush(g.vq));
	assert_int_equal(vq_outstanding(g.vq), 0);
	assert_int_equal(vq_pop(g.vq, &g.c), VQ_BROKEN);
	assert_memory_equal(ring, before, sizeof(before));
	again(state, 4);
	rig_offer_one(&g, p, 16, 3);
	rig_pop(&g);
	vq_complete(&g.c);
	assert_true(vq_flush(g.vq));
	rig_expect_used(&g, 3, 0);
	rig_down(&g);
}

static void enable_refuses(void **state, struct vring_addr a)
{
	unsigned broken = g.broken;
	uint64_t errors = g.dev.guest_errors;

	assert_int_equal(virtq_enable(g.vq, &a, *(uint64_t *)*state), -EINVAL);
	assert_false(virtq_enabled(g.vq));
	assert_true(virtq_is_broken(g.vq));
	assert_int_equal(vq_pop(g.vq, &g.c), VQ_BROKEN);
	assert_false(vq_flush(g.vq));
	assert_false(vq_kicks_on(g.vq));
	assert_int_equal(g.broken, broken); /* the caller knows */
	assert_int_equal(g.dev.guest_errors, errors + 1);
}

/* 2.7, 2.8.10.1: alignments and lengths; and all of it RAM. */
static void refuses_rings_that_are_not_in_ram(void **state)
{
	static const gpa_t bad[] = { GD_LOW_END, GD_ROM,          GD_HIGH_END,      0xfee00000,
				     UINT64_MAX, UINT64_MAX - 15, UINT64_C(1) << 63 };
	struct vring_addr a;
	bool packed = *(uint64_t *)*state & VIRTIO_F_RING_PACKED;
	/* bytes of each area for 4 entries */
	uint64_t len[] = { 64, packed ? 4 : 14, packed ? 4 : 38 };
	uint64_t align[] = { 16, packed ? 4 : 2, 4 };

	up(state, 4);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < ARRAY_LEN(bad); k++) {
			a = g.d.ring;
			(&a.desc)[i] = bad[k];
			enable_refuses(state, a);
		}
		for (uint64_t off = 1; off < align[i]; off++) {
			a = g.d.ring;
			(&a.desc)[i] += off;
			enable_refuses(state, a);
		}
		/* its last byte is the last byte of RAM, or not */
		a = g.d.ring;
		(&a.desc)[i] = align_down(GD_HIGH_END - len[i], align[i]);
		assert_int_equal(virtq_enable(g.vq, &a, *(uint64_t *)*state), 0);
		(&a.desc)[i] += align[i];
		enable_refuses(state, a);
	}
	rig_down(&g);
}

static void refuses_rings_of_a_wrong_size(void **state)
{
	uint64_t features = *(uint64_t *)*state;
	struct vring_addr a;

	rig_up_max(&g, 4, 64, features);
	for (unsigned n = 0; n <= 70; n++) {
		a = g.d.ring;
		a.desc = GD_HIGH;
		a.driver = GD_HIGH + 0x10000;
		a.device = GD_HIGH + 0x20000;
		a.size = (uint16_t)n;
		if (n && n <= 64 && ((features & VIRTIO_F_RING_PACKED) || is_pow2(n)))
			assert_int_equal(virtq_enable(g.vq, &a, features), 0);
		else
			enable_refuses(state, a);
	}
	a.size = 0x8000;
	enable_refuses(state, a);
	rig_down(&g);
}

/* Areas may lie on top of each other: who asks for that gets nonsense, but no more. */
static void areas_may_overlap(void **state)
{
	struct vring_addr a;

	up(state, 4);
	a = g.d.ring;
	a.driver = a.device = a.desc;
	assert_int_equal(virtq_enable(g.vq, &a, *(uint64_t *)*state), 0);
	assert_true(gm_write(g.gm, a.desc, "\1\0\1\0\0\0\0\0", 8));
	for (unsigned i = 0; i < 100; i++) {
		if (vq_pop(g.vq, &g.c) == VQ_OK)
			vq_complete(&g.c);
		vq_kicks_off(g.vq);
		vq_flush(g.vq);
		(void)!vq_kicks_on(g.vq);
	}
	rig_down(&g);
}

/* --- snapshots ---------------------------------------------------------------------------------
 */

/* A queue that goes on at a saved position does so in the middle of its driver's life. */
static void goes_on_where_it_was_saved(void **state)
{
	uint64_t features = *(uint64_t *)*state;
	struct virtq_position p;
	gpa_t buf;

	up(state, 4);
	buf = rig_buffer(&g, 16, 0);
	for (unsigned i = 0; i < 23; i++) {
		rig_offer_one(&g, buf, 16, i);
		gd_irqs_on(&g.d);
		gd_irqs_off(&g.d);
		p = virtq_position(g.vq);
		assert_int_equal(p.avail, p.used);
		virtq_disable(g.vq);
		assert_int_equal(virtq_enable(g.vq, &g.d.ring, features), 0);
		assert_int_equal(virtq_set_position(g.vq, &p), 0);
		rig_pop(&g);
		rig_empty(&g);
		assert_true(vq_push(&g.c, "x", 1));
		vq_complete(&g.c);
		/* What the driver was told before the snapshot is not known: tell it again. */
		assert_true(vq_flush(g.vq));
		rig_expect_used(&g, i, 1);
	}
	rig_down(&g);
}

/* That is so once: then the driver's event counts again. */
static void only_the_first_flush_is_special(void **state)
{
	struct virtq_position p;

	up(state, 8);
	p = virtq_position(g.vq);
	assert_int_equal(virtq_set_position(g.vq, &p), 0);
	gd_irqs_after(&g.d, 3);
	for (unsigned i = 0; i < 5; i++) {
		rig_offer_one(&g, GD_HIGH, 16, i);
		rig_pop(&g);
		vq_complete(&g.c);
		assert_int_equal(vq_flush(g.vq), i == 0 || i == 3);
		rig_expect_used(&g, i, 0);
	}
	rig_down(&g);
}

static void refuses_positions_that_cannot_be(void **state)
{
	bool packed = *(uint64_t *)*state & VIRTIO_F_RING_PACKED;
	struct virtq_position p;

	up(state, 4);
	p = virtq_position(g.vq);
	p.used++; /* completed, and never popped */
	assert_int_equal(virtq_set_position(g.vq, &p), -EINVAL);
	p = virtq_position(g.vq);
	p.avail++; /* popped: by whom? */
	assert_int_equal(virtq_set_position(g.vq, &p), -EINVAL);
	p = virtq_position(g.vq);
	p.avail_wrap = !p.avail_wrap;
	assert_int_equal(virtq_set_position(g.vq, &p), -EINVAL);
	for (unsigned i = 0; i <= 0xffff; i++) {
		p = (struct virtq_position){ (uint16_t)i, (uint16_t)i, i & 1, i & 1 };
		assert_int_equal(virtq_set_position(g.vq, &p), packed && i >= 4 ? -EINVAL : 0);
	}
	again(state, 4);
	rig_offer_one(&g, rig_buffer(&g, 16, 0), 16, 1);
	p = virtq_position(g.vq);
	rig_pop(&g);
	assert_int_equal(virtq_set_position(g.vq, &p), -EINVAL); /* a chain is outstanding */
	vq_complete(&g.c);
	virtq_disable(g.vq);
	assert_int_equal(virtq_set_position(g.vq, &p), -EINVAL);
	rig_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_EACH(a_request_and_its_answer),
		RIG_EACH(chains_complete_in_any_order),
		RIG_EACH(a_chain_given_back_comes_again),
		RIG_EACH(all_or_nothing_is_pulled),
		RIG_EACH(all_or_nothing_is_pushed),
		RIG_EACH(windows_tile_a_chain),
		RIG_EACH(pushes_go_on_behind_a_window),
		RIG_EACH(pulls_go_on_behind_a_window),
		RIG_EACH(a_tail_is_split_off_whatever_the_framing),
		RIG_EACH(a_tail_behind_what_was_written),
		RIG_EACH(a_tail_of_a_full_chain),
		RIG_EACH(used_len_counts_no_byte_behind_a_gap),
		cmocka_unit_test(refuses_queues_of_silly_sizes),
		RIG_EACH(a_disabled_queue_does_nothing),
		RIG_EACH(chains_of_a_former_life_are_dropped),
		RIG_EACH(a_broken_queue_rests_until_it_is_enabled_again),
		RIG_EACH(refuses_rings_that_are_not_in_ram),
		RIG_EACH(refuses_rings_of_a_wrong_size),
		RIG_EACH(areas_may_overlap),
		RIG_EACH(goes_on_where_it_was_saved),
		{ "only_the_first_flush_is_special (split)", only_the_first_flush_is_special, NULL,
		  NULL, &rig_formats[1] },
		{ "only_the_first_flush_is_special (packed)", only_the_first_flush_is_special, NULL,
		  NULL, &rig_formats[3] },
		RIG_EACH(refuses_positions_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
