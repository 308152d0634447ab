/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_net_hostile.c: guests that write nonsense into headers, offer buffers that are too
 * small, too few or in too many pieces, and stop halfway: frames are dropped, and nothing freezes.
 */
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "tests/lib/fake_netdev_link.h"
#include "tests/lib/net_guest.h"

#define BIG  65000u
#define TSO4 (NG_USUAL | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4)

static struct net_guest g;
static uint8_t frame[2 * NET_PACKET_MAX];

static void begin(uint64_t features)
{
	ng_quiet();
	ng_begin(&g, &(struct ng_config){ .offloads = NG_OFFLOADS }, features);
}

/* What takes as long as the device's patience, or less. */
static void wait_for_rx(uint64_t packets)
{
	for (unsigned i = 0; i < 2000 && virtio_net_stats(g.n).rx < packets; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	assert_int_equal(virtio_net_stats(g.n).rx, packets);
}

/* The card carries a frame each way. */
static void assert_healthy(unsigned buffers)
{
	ng_frame(frame, 100, NG_MAC, 9);
	ng_arrive(&g, 0, NULL, frame, 100);
	ng_expect(&g, 0, frame, 100, buffers);
	vr_on_loop(&g.r, (void (*)(void *))fake_netdev_clear, g.net);
	ng_send(&g, 0, NULL, frame, 100);
	ng_assert_out(&g, 0, frame, 100);
}

/* --- row 25: headers of packets to be sent ---------------------------------------------------- */

struct header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

static bool goes_out(const struct header *v, size_t len)
{
	struct virtio_net_hdr_v1 h = { v->flags,
				       v->gso_type,
				       le16_make(v->hdr_len),
				       le16_make(v->gso_size),
				       le16_make(v->csum_start),
				       le16_make(v->csum_offset),
				       le16_make(0x5a5a) };
	unsigned before = g.net->sends;

	ng_send(&g, 0, &h, frame, len);
	assert_int_equal(ng_sent(&g, 0), 1);
	return g.net->sends > before;
}

#define CSUM 1
#define LEN  200u

static void test_row25_headers(void **state)
{
	static const struct {
		struct header h;
		bool ok;
	} cases[] = {
		{ { CSUM, 0, 0, 0, 34, 16 }, true },
		{ { CSUM, 0, 0, 0, 14, 0 }, true },
		{ { CSUM, 0, 0, 0, 0, 16 }, false }, /* in the Ethernet header */
		{ { CSUM, 0, 0, 0, LEN - 2, 0 }, true },
		{ { CSUM, 0, 0, 0, LEN - 1, 0 }, false },
		{ { CSUM, 0, 0, 0, LEN, 0 }, false },
		{ { CSUM, 0, 0, 0, 34, LEN - 36 }, true },
		{ { CSUM, 0, 0, 0, 34, LEN - 35 }, false },
		{ { CSUM, 0, 0, 0, 0xffff, 0xffff }, false },
		{ { CSUM, 0, 0, 0, 0xffff, 0 }, false },
		{ { CSUM, 0, 0, 0, 14, 0xffff }, false },
		{ { CSUM, 1, 54, 100, 34, 16 }, true },
		{ { CSUM, 1, LEN, 100, 34, 16 }, true },
		{ { CSUM, 1, LEN + 1, 100, 34, 16 }, false },
		{ { CSUM, 1, 0xffff, 100, 34, 16 }, false },
		{ { CSUM, 1, 54, 0, 34, 16 }, false }, /* segments of nothing */
		{ { 0, 1, 54, 100, 34, 16 }, false },  /* without a checksum */
		{ { CSUM, 0x81, 54, 100, 34, 16 }, true },
		{ { CSUM, 4, 74, 100, 54, 16 }, true },
		{ { CSUM, 0x84, 74, 100, 54, 16 }, true },
		{ { CSUM, 5, 42, 100, 34, 6 }, true },
		{ { CSUM, 0x85, 42, 100, 34, 6 }, false }, /* UDP has no ECN */
		{ { CSUM, 3, 42, 100, 34, 6 }, false },    /* not negotiated */
		{ { CSUM, 2, 42, 100, 34, 6 }, false },    /* there is none */
		{ { CSUM, 0x7f, 42, 100, 34, 6 }, false },
		{ { CSUM, 0x80, 42, 100, 34, 6 }, false },
		{ { 0, 0x80, 0, 0, 0, 0 }, false },
		/* What says nothing may hold anything, and bits of the device's mean nothing. */
		{ { 0, 0, 0xffff, 0xffff, 0xffff, 0xffff }, true },
		{ { 0xfe, 0, 0xffff, 0xffff, 0xffff, 0xffff }, true },
		{ { 0xff, 0, 0xffff, 0xffff, 34, 16 }, true },
	};
	static const struct virtio_net_hdr_v1 none;

	(void)state;
	begin(NG_USUAL | (NG_OFFLOADS & ~VIRTIO_NET_F_HOST_UFO));
	ng_frame(frame, LEN, NG_OTHER, 0);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		const struct fake_packet *p;

		if (goes_out(&cases[i].h, LEN) != cases[i].ok)
			fail_msg("case %u", i);
		if (!cases[i].ok)
			continue;
		/* What goes out is right: the fields of what was not asked for are 0. */
		p = &g.net->out[g.net->out_cnt - 1];
		if (!(cases[i].h.flags & CSUM))
			assert_memory_equal(p->data, &none, sizeof(none));
		assert_true(p->data[0] <= CSUM);
		assert_int_equal(get_le16(p->data + 10), 0);
	}
	assert_true(virtio_net_stats(g.n).tx_bad > 10);
	ng_end(&g);
}

/* The same of a driver that has negotiated nothing: no checksum, no segments. */
static void test_row25_what_was_not_negotiated(void **state)
{
	(void)state;
	begin(NG_USUAL);
	ng_frame(frame, LEN, NG_OTHER, 0);
	assert_false(goes_out(&(struct header){ CSUM, 0, 0, 0, 34, 16 }, LEN));
	for (unsigned type = 1; type < 256; type++)
		assert_false(
			goes_out(&(struct header){ CSUM, (uint8_t)type, 54, 100, 34, 16 }, LEN));
	assert_true(goes_out(&(struct header){ 0 }, LEN));
	ng_end(&g);
}

/* Rows 10 and 25: packets that are shorter than their headers, and longer than any. */
static void test_row10_lengths(void **state)
{
	static const struct {
		uint32_t len;
		bool ok;
	} cases[] = { { 0, false },
		      { 1, false },
		      { 11, false },
		      { 12, false },
		      { 12 + 13, false },
		      { 12 + 14, true },
		      { NET_PACKET_MAX, true },
		      { NET_PACKET_MAX + 1, false },
		      { 2 * NET_PACKET_MAX, false } };

	(void)state;
	begin(NG_USUAL);
	memset(frame, 0, sizeof(frame));
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct gd_buf b = { vr_put(&g.r, 1, frame, cases[i].len), cases[i].len, false };
		unsigned before = g.net->sends;

		assert_true(gd_add(&g.r.q[1], &b, 1, NULL) >= 0);
		vr_kick(&g.r, 1);
		assert_int_equal(ng_sent(&g, 0), 1);
		assert_int_equal(g.net->sends - before, cases[i].ok);
	}
	/* Of nothing but a part to be written. */
	assert_true(gd_add(&g.r.q[1], &(struct gd_buf){ GD_RINGS + 0x80000, 100, GD_W }, 1, NULL) >=
		    0);
	vr_kick(&g.r, 1);
	assert_int_equal(ng_sent(&g, 0), 1);
	ng_end(&g);
}

/* Row 25: the header is copied once; what the driver changes while the frame is sent is not seen.
 */
static struct virtio_net_hdr_v1 *in_memory;

static void change_header(struct fake_netdev *f)
{
	(void)f;
	memset(in_memory, 0xff, sizeof(*in_memory));
}

static void test_row25_header_changes_while_it_is_sent(void **state)
{
	static const struct virtio_net_hdr_v1 none;
	struct gd_buf b[2];

	(void)state;
	begin(NG_USUAL);
	ng_frame(frame, 60, NG_OTHER, 0);
	b[0] = (struct gd_buf){ vr_put(&g.r, 1, &none, 12), 12, false };
	b[1] = (struct gd_buf){ vr_put(&g.r, 1, frame, 60), 60, false };
	in_memory = gm_ptr(g.r.gm, b[0].addr, 12, GM_RW);
	g.net->on_send = change_header;
	vr_on_loop(&g.r, (void (*)(void *))fake_netdev_clear, g.net);
	assert_true(gd_add(&g.r.q[1], b, 2, NULL) >= 0);
	vr_kick(&g.r, 1);
	assert_int_equal(ng_sent(&g, 0), 1);
	assert_memory_equal(g.net->out[0].data, &none, 12);
	ng_end(&g);
}

/* --- row 24: the header of packets to be received --------------------------------------------- */

/* num_buffers lands where it belongs, however the first buffer is cut, and nowhere else. */
static void test_row24_header_in_pieces(void **state)
{
	static const uint32_t cut[][NG_PIECES] = {
		{ 1, 1, 1, 1, 1, 1, 1, 1500 },  { 10, 1, 1, 2, 3, 5, 8, 1500 },
		{ 11, 1, 1500, 1, 1, 1, 1, 1 }, { 12, 14, 1, 1, 1500, 1, 1, 1 },
		{ 13, 1, 1, 1, 1, 1, 1, 1500 }, { 5, 5, 2, 1500, 1, 1, 1, 1 },
	};

	(void)state;
	for (unsigned k = 0; k < 2 * ARRAY_LEN(cut); k++) {
		begin(k % 2 ? NG_USUAL : NG_USUAL & ~VIRTIO_NET_F_MRG_RXBUF);
		ng_add_pieces(&g, 0, cut[k / 2], NG_PIECES);
		ng_add_pieces(&g, 0, cut[k / 2], NG_PIECES);
		vr_kick(&g.r, 0);
		ng_frame(frame, 800, NG_MAC, k);
		ng_arrive(&g, 0, "\1\0\0\0\0\0\0\0\0\0\xff\xff", frame, 800);
		ng_expect(&g, 0, frame, 800, 1);
		ng_end(&g);
	}
}

/* 5.1.6.3.1: buffers must hold a header. One that does not is given back, empty. */
static void test_row24_buffers_without_room_for_a_header(void **state)
{
	uint64_t features[] = { NG_USUAL, NG_USUAL & ~VIRTIO_NET_F_MRG_RXBUF, TSO4 };
	struct gd_used u;

	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(features); k++) {
		begin(features[k]);
		for (uint32_t len = 0; len < NET_HDR_LEN; len++)
			ng_add_pieces(&g, 0, &len, 1);
		vr_kick(&g.r, 0);
		ng_post(&g, 0, 1600, 4);
		for (unsigned i = 0; i < NET_HDR_LEN; i++) {
			if (!gd_get_used(&g.r.q[0], &u))
				break;
			assert_int_equal(u.len, 0);
		}
		/* Tiny ones may have been kept for the middle of a packet; they come back with it.
		 */
		ng_post(&g, 0, 1600, 3);
		ng_frame(frame, 100, NG_MAC, 1);
		ng_arrive(&g, 0, NULL, frame, 100);
		wait_for_rx(1);
		ng_end(&g);
	}
}

/* Chains of readable bytes only, and of 256 pieces: as many as fit are used at a time. */
static void test_row24_buffers_in_many_pieces(void **state)
{
	static struct gd_buf b[256];
	gpa_t at;

	(void)state;
	begin(TSO4 | VIRTIO_F_INDIRECT_DESC);
	at = vr_put(&g.r, 0, NULL, 2 * sizeof(b));
	for (unsigned i = 0; i < ARRAY_LEN(b); i++)
		b[i] = (struct gd_buf){ at + 2 * i, 1, GD_W };
	for (unsigned i = 0; i < 8; i++)
		assert_true(gd_add_indirect(&g.r.q[0], b, ARRAY_LEN(b), NULL) >= 0);
	vr_kick(&g.r, 0);
	assert_false(virtio_status(g.r.v) & VIRTIO_STATUS_NEEDS_RESET);
	for (unsigned i = 0; i < 3; i++) {
		struct gd_used u;

		ng_frame(frame, 60 + i, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, 60 + i);
		assert_true(gd_get_used(&g.r.q[0], &u));
		assert_int_equal(u.len, NET_HDR_LEN + 60 + i);
	}
	ng_end(&g);
}

/* --- row 49: the guest's ring is full --------------------------------------------------------- */

/*
 * Packets pile up at the host's end while there are no buffers, and all of them are there when the
 * driver brings some: it is looked again when the ring is refilled.
 */
static void test_row49_full_ring_never_freezes(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		begin(NG_USUAL | vr_ring_features[k]);
		for (unsigned i = 0; i < 100; i++) {
			ng_frame(frame, 60 + i, NG_MAC, i);
			ng_arrive(&g, 0, NULL, frame, 60 + i);
		}
		assert_int_equal(g.net->in_cnt, 100);
		for (unsigned i = 0; i < 100;) {
			unsigned n = 1 + i % 16;

			ng_post(&g, 0, 1530, n);
			for (; n && i < 100; n--, i++) {
				ng_frame(frame, 60 + i, NG_MAC, i);
				ng_expect(&g, 0, frame, 60 + i, 1);
			}
		}
		ng_expect_none(&g, 0);
		ng_end(&g);
	}
}

/* The same with packets of many buffers: while there are fewer, they wait at the host's end. */
static void test_row49_full_ring_of_mergeable_buffers(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		begin(TSO4 | vr_ring_features[k]);
		for (unsigned i = 0; i < 4; i++) {
			ng_frame(frame, BIG, NG_MAC, i);
			ng_arrive(&g, 0, NULL, frame, BIG);
		}
		for (unsigned i = 0; i < 4; i++) {
			ng_post(&g, 0, 8192, 4);
			ng_expect_none(&g, 0);
			ng_post(&g, 0, 8192, 5);
			ng_frame(frame, BIG, NG_MAC, i);
			ng_expect(&g, 0, frame, BIG, 8);
		}
		assert_int_equal(virtio_net_stats(g.n).rx_no_room, 0);
		ng_end(&g);
	}
}

/*
 * A ring that never holds the longest packet. What fits comes through at once, as the ring is known
 * to hold no more; what does not is dropped, and those behind it come through.
 */
static void test_row49_ring_that_is_too_small(void **state)
{
	(void)state;
	begin(TSO4);
	ng_post(&g, 0, 1530, VR_SIZE);
	for (unsigned i = 0; i < 50; i++) {
		unsigned n = 1 + i % 10;

		ng_frame(frame, BIG, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, BIG);
		ng_expect_none(&g, 0);
		ng_frame(frame, 1500 * n, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, 1500 * n);
		ng_expect(&g, 0, frame, 1500 * n, n);
		ng_post(&g, 0, 1530, n);
	}
	assert_int_equal(virtio_net_stats(g.n).rx_no_room, 50);
	assert_int_equal(g.net->cut, 0);
	ng_end(&g);
}

/* A driver that gives a few buffers and no more, ever: the device does not wait for ever. */
static void test_row49_driver_that_gives_few_buffers(void **state)
{
	(void)state;
	begin(TSO4);
	ng_post(&g, 0, 1530, 3);
	ng_frame(frame, BIG, NG_MAC, 1);
	ng_arrive(&g, 0, NULL, frame, BIG);
	ng_frame(frame, 1000, NG_MAC, 1);
	ng_arrive(&g, 0, NULL, frame, 1000);
	wait_for_rx(1);
	ng_expect(&g, 0, frame, 1000, 1);
	assert_int_equal(virtio_net_stats(g.n).rx_no_room, 1);
	/* From then on at once, large ones, too. */
	for (unsigned i = 0; i < 20; i++) {
		ng_frame(frame, BIG, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, BIG);
		ng_frame(frame, 1000, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, 1000);
		ng_expect(&g, 0, frame, 1000, 1);
		ng_post(&g, 0, 1530, 1);
	}
	assert_int_equal(virtio_net_stats(g.n).rx_no_room, 21);
	/* Until there are enough again. */
	ng_post(&g, 0, 16384, 10);
	ng_frame(frame, BIG, NG_MAC, 1);
	ng_arrive(&g, 0, NULL, frame, BIG);
	assert_int_equal(virtio_net_stats(g.n).rx_no_room, 21);
	assert_int_equal(virtio_net_stats(g.n).rx, 22);
	ng_end(&g);
}

/* Without mergeable buffers a packet that is longer than its one buffer is lost, and no more. */
static void test_row49_buffers_that_are_too_small(void **state)
{
	(void)state;
	begin(NG_USUAL & ~VIRTIO_NET_F_MRG_RXBUF);
	ng_post(&g, 0, 200, 8);
	for (unsigned i = 0; i < 5; i++) {
		ng_frame(frame, 1400, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, 1400);
		ng_expect_none(&g, 0);
		ng_frame(frame, 150, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, 150);
		ng_expect(&g, 0, frame, 150, 1);
	}
	assert_int_equal(virtio_net_stats(g.n).rx_no_room, 5);
	ng_end(&g);
}

/* --- row 48: one queue that is never empty ---------------------------------------------------- */

static void nothing(void *arg)
{
	(void)arg;
}

/* A driver that adds packets as fast as they go, from another CPU: the loop gets its turn. */
static void test_row48_queue_that_is_never_empty(void **state)
{
	struct guest_driver *d = &g.r.q[1];
	struct gd_buf b[2];
	unsigned added = 0, used = 0;

	(void)state;
	begin(NG_USUAL);
	ng_frame(frame, 60, NG_OTHER, 0);
	g.net->forget = true;
	b[0] = (struct gd_buf){ vr_put(&g.r, 1, "\0\0\0\0\0\0\0\0\0\0\0", 12), 12, false };
	b[1] = (struct gd_buf){ vr_put(&g.r, 1, frame, 60), 60, false };
	while (used < 20000) {
		for (; d->free_cnt >= 2; added++)
			assert_true(gd_add(d, b, 2, NULL) >= 0);
		if (gd_kick(d))
			virtio_ring(g.r.v, 1);
		if (added % 64 == 0)
			vr_on_loop(&g.r, nothing, NULL);
		used += ng_sent(&g, 0);
		sched_yield();
	}
	vr_settle(&g.r);
	assert_int_equal(virtio_net_stats(g.n).tx, added);
	ng_end(&g);
}

/* --- row 21: the end in the middle ------------------------------------------------------------ */

static void take(void *n)
{
	fake_netdev_take(g.net, *(unsigned *)n);
}

/* Resets, of the device and of one queue, with chains that wait for packets and packets that wait
 * for the host. The driver gets all its buffers back, and a new one finds a card that works. */
static void test_row21_resets(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		uint64_t features = TSO4 | VIRTIO_F_RING_RESET | vr_ring_features[k];

		begin(features);
		for (unsigned i = 0; i < 8; i++) {
			vr_on_loop(&g.r, take, &(unsigned){ 0 });
			ng_post(&g, 0, 1530, 6);
			ng_frame(frame, 60, NG_MAC, i);
			ng_send(&g, 0, NULL, frame, 60);
			ng_arrive(&g, 0, NULL, frame, 60);
			if (i % 2) {
				virtio_queue_reset(g.r.v, 0);
				assert_int_equal(vq_outstanding(g.r.v->queue[0].vq), 0);
				virtio_queue_reset(g.r.v, 1);
			}
			virtio_set_status(g.r.v, 0);
			assert_int_equal(g.net->pairs, 0);
			vr_on_loop(&g.r, (void (*)(void *))fake_netdev_clear, g.net);
			vr_drive(&g.r, features);
			vr_on_loop(&g.r, take, &(unsigned){ UINT_MAX });
			ng_post(&g, 0, 16384, 8);
			assert_healthy(1);
		}
		ng_end(&g);
	}
}

/* A pause gives back what waits, and the next start finds it again. */
static void test_row21_pause(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		begin(TSO4 | vr_ring_features[k]);
		ng_post(&g, 0, 16384, 6);
		ng_frame(frame, BIG, NG_MAC, k);
		ng_arrive(&g, 0, NULL, frame, BIG);
		ng_expect(&g, 0, frame, BIG, 4);
		ng_post(&g, 0, 16384, 4);
		assert_int_equal(vq_outstanding(g.r.v->queue[0].vq), 5);
		for (unsigned i = 0; i < 5; i++) {
			virtio_allow_dma(g.r.v, false);
			assert_int_equal(vq_outstanding(g.r.v->queue[0].vq), 0);
			virtio_allow_dma(g.r.v, true);
			vr_settle(&g.r);
			ng_post(&g, 0, 16384, 1);
			assert_healthy(1);
		}
		ng_end(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row25_headers),
		cmocka_unit_test(test_row25_what_was_not_negotiated),
		cmocka_unit_test(test_row10_lengths),
		cmocka_unit_test(test_row25_header_changes_while_it_is_sent),
		cmocka_unit_test(test_row24_header_in_pieces),
		cmocka_unit_test(test_row24_buffers_without_room_for_a_header),
		cmocka_unit_test(test_row24_buffers_in_many_pieces),
		cmocka_unit_test(test_row49_full_ring_never_freezes),
		cmocka_unit_test(test_row49_full_ring_of_mergeable_buffers),
		cmocka_unit_test(test_row49_ring_that_is_too_small),
		cmocka_unit_test(test_row49_driver_that_gives_few_buffers),
		cmocka_unit_test(test_row49_buffers_that_are_too_small),
		cmocka_unit_test(test_row48_queue_that_is_never_empty),
		cmocka_unit_test(test_row21_resets),
		cmocka_unit_test(test_row21_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
