/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_net.c: the network card carries frames both ways (virtio 1.2, 5.1.6), in every format
 * of ring, and shows its configuration and link.
 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "devices/virtio/net_internal.h"
#include "tests/lib/fake_netdev_link.h"
#include "tests/lib/net_guest.h"

#define BIG 65000u

static struct net_guest g;
static uint8_t frame[NET_PACKET_MAX];

static void a_millisecond(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* --- out -------------------------------------------------------------------------------------- */

static void sends(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL | vr_ring_features[k]);
		for (unsigned i = 0; i < 40; i++) {
			ng_frame(frame, 60 + i * 30, NG_OTHER, i);
			ng_send(&g, 0, NULL, frame, 60 + i * 30);
			assert_int_equal(ng_sent(&g, 0), 1);
			ng_assert_out(&g, i, frame, 60 + i * 30);
		}
		assert_int_equal(g.net->flushes, 40);
		assert_int_equal(virtio_net_stats(g.n).tx, 40);
		assert_int_equal(vq_outstanding(g.r.v->queue[1].vq), 0);
		ng_end(&g);
	}
}

/* "Several packets a wake-up": one flush and one interrupt for all of them. */
static void sends_in_batches(void **state)
{
	unsigned irqs;

	(void)state;
	ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL);
	irqs = g.r.xport.irqs[1];
	ng_frame(frame, 100, NG_OTHER, 0);
	for (unsigned i = 0; i < 8; i++)
		ng_add(&g, 0, NULL, frame, 100);
	vr_kick(&g.r, 1);
	assert_int_equal(ng_sent(&g, 0), 8);
	assert_int_equal(g.net->flushes, 1);
	assert_int_equal(g.r.xport.irqs[1] - irqs, 1);
	ng_end(&g);
}

/* 2.7.4: framing means nothing. */
static void sends_however_it_is_framed(void **state)
{
	static const uint32_t cut[][4] = {
		{ 1, 11, 60, 0 }, { 13, 1, 1, 57 }, { 72, 0, 0, 0 }, { 5, 5, 5, 57 }
	};
	uint8_t packet[NET_HDR_LEN + 60] = { 0 };

	(void)state;
	ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL);
	ng_frame(packet + NET_HDR_LEN, 60, NG_OTHER, 3);
	for (unsigned k = 0; k < ARRAY_LEN(cut); k++) {
		struct gd_buf b[4];
		unsigned at = 0;

		for (unsigned i = 0; i < 4; at += cut[k][i++])
			b[i] = (struct gd_buf){ vr_put(&g.r, 1, packet + at, cut[k][i]), cut[k][i],
						false };
		assert_true(gd_add(&g.r.q[1], b, 4, NULL) >= 0);
		vr_kick(&g.r, 1);
		assert_int_equal(ng_sent(&g, 0), 1);
		ng_assert_out(&g, k, packet + NET_HDR_LEN, 60);
	}
	ng_end(&g);
}

static void take(void *n)
{
	fake_netdev_take(g.net, *(unsigned *)n);
}

/* "-EAGAIN: not now, writable() comes." Nothing is lost, and nothing is out of order. */
static void waits_for_the_host(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL | vr_ring_features[k]);
		vr_on_loop(&g.r, take, &(unsigned){ 3 });
		for (unsigned i = 0; i < 7; i++) {
			ng_frame(frame, 64, NG_OTHER, i);
			ng_add(&g, 0, NULL, frame, 64);
		}
		vr_kick(&g.r, 1);
		assert_int_equal(ng_sent(&g, 0), 3);
		vr_on_loop(&g.r, take, &(unsigned){ 1 });
		assert_int_equal(ng_sent(&g, 0), 1);
		vr_on_loop(&g.r, take, &(unsigned){ UINT_MAX });
		vr_settle(&g.r);
		assert_int_equal(ng_sent(&g, 0), 3);
		for (unsigned i = 0; i < 7; i++) {
			ng_frame(frame, 64, NG_OTHER, i);
			ng_assert_out(&g, i, frame, 64);
		}
		ng_end(&g);
	}
}

/* The header goes through: flags and fields of a large TCP segment as the driver wrote them. */
static void offloads_go_out(void **state)
{
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				       .hdr_len = le16_make(54),
				       .gso_size = le16_make(1448),
				       .csum_start = le16_make(34),
				       .csum_offset = le16_make(16) };

	(void)state;
	ng_begin(&g, &(struct ng_config){ .offloads = NG_OFFLOADS },
		 NG_USUAL | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4);
	ng_frame(frame, BIG, NG_OTHER, 1);
	ng_send(&g, 0, &h, frame, BIG);
	ng_assert_out(&g, 0, frame, BIG);
	assert_memory_equal(g.net->out[0].data, &h, sizeof(h));
	ng_end(&g);
}

/* --- in --------------------------------------------------------------------------------------- */

static void receives(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL | vr_ring_features[k]);
		ng_post(&g, 0, 1530, 4);
		for (unsigned i = 0; i < 40; i++) {
			ng_frame(frame, 60 + i * 30, NG_MAC, i);
			ng_arrive(&g, 0, NULL, frame, 60 + i * 30);
			ng_expect(&g, 0, frame, 60 + i * 30, 1);
			ng_post(&g, 0, 1530, 1);
		}
		assert_true(g.r.xport.irqs[0]);
		assert_int_equal(virtio_net_stats(g.n).rx, 40);
		ng_end(&g);
	}
}

/* 5.1.6.4.1: "If VIRTIO_NET_F_MRG_RXBUF was not negotiated, num_buffers is set to 1". */
static void receives_without_mergeable_buffers(void **state)
{
	uint64_t features = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;

	(void)state;
	ng_begin(&g, &(struct ng_config){ .offloads = NG_OFFLOADS }, features);
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t len[] = { 12, 4096, 32768, 32768 };

		ng_add_pieces(&g, 0, len, 4);
		vr_kick(&g.r, 0);
	}
	ng_frame(frame, BIG, NG_MAC, 1);
	ng_arrive(&g, 0, NULL, frame, BIG);
	ng_expect(&g, 0, frame, BIG, 1);
	ng_arrive(&g, 0, NULL, frame, 60);
	ng_expect(&g, 0, frame, 60, 1);
	/* One chain at a time is taken. */
	assert_true(vq_outstanding(g.r.v->queue[0].vq) <= 1);
	ng_end(&g);
}

/* 5.1.6.4.1: num_buffers, and the packet goes on in the next buffers without a header. */
static void merges_buffers(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		ng_begin(&g, &(struct ng_config){ .offloads = NG_OFFLOADS },
			 NG_USUAL | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |
				 vr_ring_features[k]);
		ng_post(&g, 0, 8192, 16);
		ng_frame(frame, BIG, NG_MAC, 1);
		ng_arrive(&g, 0, NULL, frame, BIG);
		ng_expect(&g, 0, frame, BIG, 8);
		ng_post(&g, 0, 8192, 8);
		for (unsigned i = 0; i < 30; i++) {
			size_t len = 60 + i * 2100 % BIG;

			ng_frame(frame, len, NG_MAC, i);
			ng_arrive(&g, 0, NULL, frame, len);
			ng_expect(&g, 0, frame, len, (unsigned)(NET_HDR_LEN + len + 8191) / 8192);
			ng_post(&g, 0, 8192, (unsigned)(NET_HDR_LEN + len + 8191) / 8192);
		}
		assert_int_equal(g.net->cut, 0);
		ng_end(&g);
	}
}

/* One buffer while packets are small, and then as many as the longest takes: without an offload of
 * segments that is a frame. */
static void takes_no_more_buffers_than_it_needs(void **state)
{
	(void)state;
	ng_begin(&g, &(struct ng_config){ .host_mtu = 9000 }, NG_USUAL);
	ng_post(&g, 0, 1600, 16);
	assert_int_equal(vq_outstanding(g.r.v->queue[0].vq), 1);
	ng_frame(frame, 9014, NG_MAC, 0);
	ng_arrive(&g, 0, NULL, frame, 9014);
	ng_expect(&g, 0, frame, 9014, 6);
	assert_int_equal(vq_outstanding(g.r.v->queue[0].vq), 6); /* 9030 bytes */
	ng_post(&g, 0, 1600, 6);
	for (unsigned i = 0; i < 100; i++) {
		ng_frame(frame, 60, NG_MAC, i);
		ng_arrive(&g, 0, NULL, frame, 60);
		ng_expect(&g, 0, frame, 60, 1);
		ng_post(&g, 0, 1600, 1);
	}
	assert_int_equal(g.net->last_cnt, 2); /* and the spill */
	assert_int_equal(g.net->last_room, 9030);
	ng_end(&g);
}

/* A header from the host's end reaches the guest, but for num_buffers. */
static void offloads_come_in(void **state)
{
	struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
				       .hdr_len = le16_make(74),
				       .gso_size = le16_make(1428),
				       .csum_start = le16_make(54),
				       .csum_offset = le16_make(16),
				       .num_buffers = le16_make(0xffff) };
	uint8_t buf[4096];
	unsigned n;

	(void)state;
	ng_begin(&g, &(struct ng_config){ .offloads = NG_OFFLOADS },
		 NG_USUAL | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6);
	assert_int_equal(g.net->offloads, VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6);
	ng_post(&g, 0, 8192, 16);
	ng_frame(frame, 3000, NG_MAC, 1);
	ng_arrive(&g, 0, &h, frame, 3000);
	assert_int_equal(ng_receive(&g, 0, buf, sizeof(buf), &n), NET_HDR_LEN + 3000);
	h.num_buffers = le16_make(1);
	assert_memory_equal(buf, &h, sizeof(h));
	ng_end(&g);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void shows_its_configuration(void **state)
{
	const uint64_t offered = NG_USUAL | NG_OFFLOADS | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MQ |
				 VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | VIRTIO_NET_F_SPEED_DUPLEX;

	(void)state;
	ng_begin(&g, &(struct ng_config){ .offloads = NG_OFFLOADS, .pairs = 3, .mtu = 1400 }, 0);
	assert_true((g.r.v->offered & offered) == offered);
	assert_int_equal(g.r.v->queue_cnt, 7);
	assert_int_equal(NG_CONFIG(&g, mac), 0x563412005452);
	assert_int_equal(NG_CONFIG(&g, status), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(NG_CONFIG(&g, max_virtqueue_pairs), 3);
	assert_int_equal(NG_CONFIG(&g, mtu), 1400);
	assert_int_equal(NG_CONFIG(&g, speed), 10000);
	assert_int_equal(NG_CONFIG(&g, duplex), VIRTIO_NET_DUPLEX_FULL);
	ng_end(&g);
	ng_begin(&g, &(struct ng_config){ .bw = 125000000 }, 0);
	assert_false(g.r.v->offered & (VIRTIO_NET_F_MTU | VIRTIO_NET_F_MQ | NG_OFFLOADS |
				       VIRTIO_NET_F_CTRL_GUEST_OFFLOADS));
	assert_int_equal(NG_CONFIG(&g, speed), 1000);
	ng_end(&g);
}

/* 5.1.3.1: which features need which. */
static void features_that_do_not_go_together(void **state)
{
	static const uint64_t bad[] = {
		VIRTIO_NET_F_GUEST_TSO4,
		VIRTIO_NET_F_HOST_TSO6,
		VIRTIO_NET_F_HOST_USO,
		VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_ECN,
		VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_ECN,
		VIRTIO_NET_F_MQ,
		VIRTIO_NET_F_CTRL_VLAN,
	};

	(void)state;
	ng_create(&g, &(struct ng_config){ .offloads = NG_OFFLOADS, .pairs = 2 });
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(g.r.v->ops->check_features(g.r.v, bad[i]));
	assert_true(g.r.v->ops->check_features(g.r.v, NG_OFFLOADS | NG_USUAL | VIRTIO_NET_F_MQ));
	g.r.v = NULL;
	virtio_net_device(g.n)->dev.ops->destroy(&virtio_net_device(g.n)->dev);
	ng_end(&g);
}

static void set_host_link(void *up)
{
	fake_netdev_set_link(g.net, *(bool *)up);
}

/* 5.1.4.2, and: frames are dropped while there is no link, and the guest goes on. */
static void link_goes_down_and_comes_up(void **state)
{
	unsigned irqs;

	(void)state;
	ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL & ~VIRTIO_NET_F_GUEST_ANNOUNCE);
	ng_frame(frame, 60, NG_OTHER, 0);
	irqs = g.r.xport.config_irqs;
	vr_on_loop(&g.r, set_host_link, &(bool){ false });
	assert_int_equal(g.r.xport.config_irqs, irqs + 1);
	assert_int_equal(NG_CONFIG(&g, status), 0);
	ng_send(&g, 0, NULL, frame, 60);
	assert_int_equal(ng_sent(&g, 0), 1);
	assert_int_equal(g.net->out_cnt, 0);
	vr_on_loop(&g.r, set_host_link, &(bool){ true });
	vr_on_loop(&g.r, set_host_link, &(bool){ true });
	assert_int_equal(g.r.xport.config_irqs, irqs + 2);
	assert_int_equal(NG_CONFIG(&g, status), VIRTIO_NET_S_LINK_UP);
	ng_send(&g, 0, NULL, frame, 60);
	ng_assert_out(&g, 0, frame, 60);
	assert_int_equal(virtio_net_stats(g.n).tx_down, 1);
	ng_end(&g);
}

/* What waited for the host's end does not wait for one that is gone. */
static void link_goes_down_while_it_waits(void **state)
{
	(void)state;
	ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL);
	vr_on_loop(&g.r, take, &(unsigned){ 0 });
	ng_frame(frame, 60, NG_OTHER, 0);
	ng_send(&g, 0, NULL, frame, 60);
	assert_int_equal(ng_sent(&g, 0), 0);
	vr_on_loop(&g.r, set_host_link, &(bool){ false });
	vr_settle(&g.r);
	assert_int_equal(ng_sent(&g, 0), 1);
	ng_end(&g);
}

/* virtio_net_set_link(): the cable. */
static void cable_is_pulled_out(void **state)
{
	(void)state;
	ng_begin(&g, &(struct ng_config){ .link_down = true }, NG_USUAL);
	assert_int_equal(NG_CONFIG(&g, status), 0);
	assert_int_equal(g.net->pairs, 0);
	ng_post(&g, 0, 1530, 4);
	ng_frame(frame, 60, NG_MAC, 0);
	ng_arrive(&g, 0, NULL, frame, 60);
	ng_expect_none(&g, 0);
	virtio_net_set_link(g.n, true);
	vr_settle(&g.r);
	assert_int_equal(NG_CONFIG(&g, status), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(g.net->pairs, 1);
	ng_expect(&g, 0, frame, 60, 1);
	virtio_net_set_link(g.n, false);
	assert_int_equal(NG_CONFIG(&g, status), 0);
	ng_send(&g, 0, NULL, frame, 60);
	assert_int_equal(g.net->out_cnt, 0);
	ng_end(&g);
}

/* 5.1.6.5.4 */
static void announces(void **state)
{
	unsigned irqs;

	(void)state;
	ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL);
	irqs = g.r.xport.config_irqs;
	virtio_net_announce(g.n);
	assert_int_equal(g.r.xport.config_irqs, irqs + 1);
	assert_int_equal(NG_CONFIG(&g, status), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	assert_int_equal(
		ng_command(&g, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
		VIRTIO_NET_OK);
	assert_int_equal(NG_CONFIG(&g, status), VIRTIO_NET_S_LINK_UP);
	ng_end(&g);
}

/*
 * A link that comes up may lead to somebody new, such as a passt that was started again, or another
 * port of a bridge: a moment later, as drivers drop what they send before they have seen the link,
 * the guest is asked to say where it is.
 */
static void announces_when_the_link_comes_up(void **state)
{
	unsigned irqs;

	(void)state;
	ng_begin(&g, &(struct ng_config){ 0 }, NG_USUAL);
	irqs = g.r.xport.config_irqs;
	vr_on_loop(&g.r, set_host_link, &(bool){ false });
	vr_on_loop(&g.r, set_host_link, &(bool){ true });
	while (!(NG_CONFIG(&g, status) & VIRTIO_NET_S_ANNOUNCE))
		usleep(1000);
	assert_int_equal(NG_CONFIG(&g, status), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	while (g.r.xport.config_irqs != irqs + 3)
		usleep(1000);
	ng_end(&g);
}

/* --- limits ----------------------------------------------------------------------------------- */

/* 1000 packets a second: the first 100 at once, and then one a millisecond. */
static void limits_packets(void **state)
{
	unsigned sent = 0, used = 0;

	(void)state;
	ng_begin(&g, &(struct ng_config){ .pps = 1000 }, NG_USUAL);
	ng_frame(frame, 60, NG_OTHER, 0);
	for (; sent - used < 8; sent++) { /* until the ring is full */
		ng_send(&g, 0, NULL, frame, 60);
		used += ng_sent(&g, 0);
	}
	assert_true(used >= 100);
	for (unsigned i = 0; i < 2000 && used < sent; i++) {
		a_millisecond();
		used += ng_sent(&g, 0);
	}
	assert_int_equal(used, sent);
	assert_int_equal(virtio_net_stats(g.n).tx, sent);
	/* In comes as much, on a budget of its own. */
	ng_post(&g, 0, 1530, 16);
	ng_frame(frame, 60, NG_MAC, 0);
	ng_arrive(&g, 0, NULL, frame, 60);
	ng_expect(&g, 0, frame, 60, 1);
	ng_end(&g);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* 100,000 bytes a second: ten thousand at once, and 5,500 more take 55 ms. */
static void limits_bytes(void **state)
{
	uint64_t start = now_ms();

	(void)state;
	ng_begin(&g, &(struct ng_config){ .bw = 100000 }, NG_USUAL);
	ng_post(&g, 0, 1530, 16);
	ng_frame(frame, 1400, NG_MAC, 0);
	for (unsigned i = 0; i < 12; i++)
		ng_arrive(&g, 0, NULL, frame, 1400);
	for (unsigned i = 0; i < 2000 && virtio_net_stats(g.n).rx < 12; i++)
		a_millisecond();
	assert_int_equal(virtio_net_stats(g.n).rx, 12);
	assert_true(now_ms() - start >= 50);
	for (unsigned i = 0; i < 12; i++)
		ng_expect(&g, 0, frame, 1400, 1);
	ng_end(&g);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void survives_a_snapshot(void **state)
{
	static struct net_guest fresh;
	uint8_t vlan[2] = { 7, 0 }, off = 0;

	(void)state;
	ng_begin(&g, &(struct ng_config){ .pairs = 2 }, NG_USUAL | VIRTIO_NET_F_MQ);
	ng_create(&fresh, &(struct ng_config){ .pairs = 2 });
	fresh.n->first_mac = 0x020000000006; /* as in another process */
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_RX, 0, &off, 1), VIRTIO_NET_OK);
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_MAC, 1, NG_OTHER, 6), VIRTIO_NET_OK);
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_VLAN, 0, vlan, 2), VIRTIO_NET_OK);
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_MQ, 0, "\2", 2), VIRTIO_NET_OK);
	vr_stop_loop(&g.r);
	g.r.v->dev.ops->stop(&g.r.v->dev);
	virtio_attach(fresh.r.v, &fresh.r.xport.xport, 0);
	device_reset(&fresh.r.v->dev);
	assert_snapshot_round_trip(&g.r.v->dev, &fresh.r.v->dev);
	assert_int_equal(NG_CONFIG(&fresh, mac), 0x214365005452);
	device_reset(&fresh.r.v->dev);
	assert_int_equal(NG_CONFIG(&fresh, mac), g.n->first_mac);
	ng_end(&g);
	ng_end(&fresh);
}

static void address_count(struct virtio_net *n)
{
	n->filter.uni_cnt = NET_FILTER_MACS + 1;
}

static void group_counts(struct virtio_net *n)
{
	n->filter.multi_cnt = 0xff;
}

static void unknown_mode(struct virtio_net *n)
{
	n->filter.mode = 0x40;
}

static void address_of_a_group(struct virtio_net *n)
{
	n->filter.mac = 1;
}

static void group_from_the_start(struct virtio_net *n)
{
	n->first_mac = 1;
}

static void too_many_pairs(struct virtio_net *n)
{
	n->pairs = 3;
}

static void no_pairs(struct virtio_net *n)
{
	n->pairs = 0;
}

static void offloads_of_nobody(struct virtio_net *n)
{
	n->refused = UINT64_MAX;
}

/* A snapshot is hostile input: counts, addresses and sets that no driver can bring about. */
static void hostile_snapshots(void **state)
{
	static void (*const spoil[])(struct virtio_net * n) = {
		address_count,  group_counts, unknown_mode,       address_of_a_group,
		too_many_pairs, no_pairs,     offloads_of_nobody, group_from_the_start,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(spoil); i++) {
		static struct net_guest fresh;
		struct snap_writer *w = snap_writer_new();
		struct snap_reader *r = NULL;
		struct error *e = NULL;
		uint8_t *buf = NULL;
		size_t len = 0;

		ng_create(&g, &(struct ng_config){ .pairs = 2 });
		ng_create(&fresh, &(struct ng_config){ .pairs = 2 });
		virtio_attach(g.r.v, &g.r.xport.xport, 0);
		spoil[i](g.n);
		assert_int_equal(snap_save(w, "net0", g.r.v->dev.ops->state, g.r.v, &e), 0);
		assert_int_equal(snap_writer_finish(w, &buf, &len, &e), 0);
		assert_int_equal(snap_reader_new(buf, len, &r, &e), 0);
		assert_true(snap_load(r, "net0", fresh.r.v->dev.ops->state, fresh.r.v, &e) < 0);
		assert_error(e, "net0");
		snap_reader_free(r);
		free(buf);
		/* "is not to be used before its next reset" */
		device_reset(&fresh.r.v->dev);
		vr_begin(&fresh.r, fresh.r.v, NG_USUAL);
		ng_frame(frame, 60, NG_OTHER, i);
		ng_send(&fresh, 0, NULL, frame, 60);
		ng_assert_out(&fresh, 0, frame, 60);
		ng_end(&fresh);
		ng_end(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends),
		cmocka_unit_test(sends_in_batches),
		cmocka_unit_test(sends_however_it_is_framed),
		cmocka_unit_test(waits_for_the_host),
		cmocka_unit_test(offloads_go_out),
		cmocka_unit_test(receives),
		cmocka_unit_test(receives_without_mergeable_buffers),
		cmocka_unit_test(merges_buffers),
		cmocka_unit_test(takes_no_more_buffers_than_it_needs),
		cmocka_unit_test(offloads_come_in),
		cmocka_unit_test(shows_its_configuration),
		cmocka_unit_test(features_that_do_not_go_together),
		cmocka_unit_test(link_goes_down_and_comes_up),
		cmocka_unit_test(link_goes_down_while_it_waits),
		cmocka_unit_test(cable_is_pulled_out),
		cmocka_unit_test(announces),
		cmocka_unit_test(announces_when_the_link_comes_up),
		cmocka_unit_test(limits_packets),
		cmocka_unit_test(limits_bytes),
		cmocka_unit_test(survives_a_snapshot),
		cmocka_unit_test(hostile_snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
