/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio_net.c: a network card and a driver that is good at being evil (libFuzzer).
 *
 * The input is a list of acts: packets with headers and framing of its choice; buffers of any size;
 * commands, well-formed and not; stores to the rings; kicks; resets; a host's end that stalls, has
 * frames, goes away and comes back. The fake host's end sees to it that what it is given is right
 * (fake_netdev.h); here: that what goes out is a header that the kernel would not have to distrust,
 * that only receive queues hold chains, and that at the end a fresh driver finds a card that works.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "devices/virtio/net.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/fake_netdev_link.h"
#include "tests/lib/net_guest.h"
#include "vmm/log.h"

#define PAIRS 2u
#define ACTS  300u
#define FEATURES                                                                                   \
	(NG_USUAL | NG_OFFLOADS | VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS |             \
	 VIRTIO_F_RING_RESET)

/* Where packets to be sent lie, and those to be received: one place for all is enough. */
#define PACKETS GD_HIGH
#define BUFFERS (GD_HIGH + MIB)

static struct vdev_rig rig;
static struct fake_netdev *host;
static struct virtio_net *card;
static uint8_t bytes[NET_PACKET_MAX + 64];

static unsigned queue(struct input *in)
{
	return (unsigned)take(in, 1) % rig.v->queue_cnt;
}

/* What the loop would do, without one. */
static void kick(unsigned q)
{
	gd_kick(&rig.q[q]);
	if (rig.v->active && virtq_enabled(rig.v->queue[q].vq) &&
	    !(virtio_status(rig.v) & VIRTIO_STATUS_NEEDS_RESET))
		rig.v->ops->kick(rig.v, q);
}

static void restart(uint64_t features)
{
	virtio_set_status(rig.v, 0);
	fake_netdev_clear(host);
	vr_drive(&rig, features);
	for (unsigned q = 0; q < rig.v->queue_cnt; q++)
		kick(q);
}

/* --- the guest -------------------------------------------------------------------------------- */

/* A packet whose first @head bytes are the input's, in pieces of the input's choice. */
static void add_packet(struct input *in)
{
	static const uint32_t sizes[] = {
		12, 26, 60, 74, 1514, 9000, 65549, NET_PACKET_MAX, NET_PACKET_MAX + 1
	};
	unsigned q = 1 + 2 * (unsigned)(take(in, 1) % PAIRS), head = (unsigned)take(in, 1) % 40;
	uint32_t len = sizes[take(in, 1) % ARRAY_LEN(sizes)], cut = (uint32_t)take(in, 1);
	struct gd_buf b[3];
	gpa_t at;

	memset(bytes, 0, 64);
	for (unsigned i = 0; i < head; i++)
		bytes[i] = (uint8_t)take(in, 1);
	at = PACKETS;
	must(gm_write(rig.gm, at, bytes, len));
	cut = cut < len ? cut : len;
	b[0] = (struct gd_buf){ at, cut / 2, false };
	b[1] = (struct gd_buf){ at + cut / 2, cut - cut / 2, false };
	b[2] = (struct gd_buf){ at + cut, len - cut, false };
	gd_add(&rig.q[q], b, 3, NULL);
}

static void add_buffers(struct input *in)
{
	static const uint32_t sizes[] = { 0, 1, 11, 12, 60, 1530, 4096, 32768 };
	unsigned q = 2 * (unsigned)(take(in, 1) % PAIRS), n = (unsigned)take(in, 1) % 16;
	uint32_t len = sizes[take(in, 1) % ARRAY_LEN(sizes)], cut = (uint32_t)take(in, 1);

	while (n--) {
		uint32_t c = cut < len ? cut : len;
		struct gd_buf b[2] = { { BUFFERS, c, GD_W }, { BUFFERS + c, len - c, GD_W } };

		if (gd_add(&rig.q[q], b, 2, NULL) < 0)
			return;
	}
}

static void command(struct input *in, bool mq)
{
	unsigned q = mq ? 2 * PAIRS : 2, len = (unsigned)take(in, 1) % 32;
	uint8_t b[34], ack = NG_SILENCE;
	struct gd_buf d[2];

	b[0] = (uint8_t)(take(in, 1) % 7);
	b[1] = (uint8_t)(take(in, 1) % 7);
	for (unsigned i = 0; i < len; i++)
		b[2 + i] = (uint8_t)take(in, 1);
	d[0] = (struct gd_buf){ vr_put(&rig, q, b, 2 + len), 2 + len, false };
	d[1] = (struct gd_buf){ vr_put(&rig, q, &ack, 1), (uint32_t)(take(in, 1) % 4 != 0), GD_W };
	gd_add(&rig.q[q], d, 2, NULL);
	kick(q);
}

/* --- the host --------------------------------------------------------------------------------- */

static void arrive(struct input *in)
{
	static const uint16_t sizes[] = { 0, 13, 14, 60, 1514, 9000, 65000 };
	unsigned n = 1 + (unsigned)take(in, 1) % 20, q = (unsigned)take(in, 1) % PAIRS;
	uint16_t len = sizes[take(in, 1) % ARRAY_LEN(sizes)];

	memcpy(bytes, take(in, 1) % 2 ? NG_MAC : "\xff\xff\xff\xff\xff\xff", 6);
	memcpy(bytes + 12, take(in, 1) % 2 ? "\x08\x00\x45\x00" : "\x81\x00\x00\x05", 4);
	while (n--)
		fake_netdev_arrive(host, q, NULL, bytes, len);
}

static void host_does(struct input *in)
{
	switch (take(in, 1) % 6) {
	case 0:
		fake_netdev_take(host, (unsigned)take(in, 1) % 8);
		return;
	case 1:
		fake_netdev_take(host, UINT_MAX);
		return;
	case 2:
		fake_netdev_set_link(host, !host->link);
		return;
	case 3:
		virtio_net_set_link(card, take(in, 1) % 2);
		return;
	case 4:
		virtio_net_announce(card);
		return;
	default:
		/* A pause. */
		virtio_allow_dma(rig.v, false);
		for (unsigned q = 0; q < rig.v->queue_cnt; q++)
			must(vq_outstanding(rig.v->queue[q].vq) == 0);
		virtio_allow_dma(rig.v, true);
	}
}

/* 5.1.6.2.1, as a kernel checks it (linux/virtio_net.h: virtio_net_hdr_to_skb()). */
static void check_sent(void)
{
	while (host->out_cnt) {
		struct fake_packet *p = &host->out[--host->out_cnt];
		struct virtio_net_hdr_v1 h;
		size_t len = p->len - sizeof(h);

		memcpy(&h, p->data, sizeof(h));
		must(len >= 14 && !(h.flags & ~VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
		     !le16_get(h.num_buffers) && le16_get(h.hdr_len) <= len);
		must(!h.flags ||
		     (size_t)le16_get(h.csum_start) + le16_get(h.csum_offset) + 2 <= len);
		must(!h.gso_type || (h.flags && le16_get(h.gso_size)));
		free(p->data);
	}
}

/* --- acts ------------------------------------------------------------------------------------- */

static void act(struct input *in)
{
	unsigned q;

	switch (take(in, 1) % 16) {
	case 0:
	case 1:
	case 2:
		add_packet(in);
		break;
	case 3:
	case 4:
		add_buffers(in);
		break;
	case 5:
	case 6:
		command(in, virtio_has(rig.v, VIRTIO_NET_F_MQ));
		break;
	case 7:
		q = queue(in);
		gd_evil(&rig.q[q], take(in, 8));
		break;
	case 8:
	case 9:
	case 10:
		kick(queue(in));
		break;
	case 11:
		arrive(in);
		break;
	case 12:
	case 13:
		host_does(in);
		break;
	case 14:
		restart((FEATURES & ~(take(in, 1) % 2 ? VIRTIO_NET_F_MRG_RXBUF : 0) &
			 ~(take(in, 1) % 2 ? VIRTIO_NET_F_MQ : 0)) |
			vr_ring_features[take(in, 1) % vr_ring_feature_cnt]);
		break;
	default:
		virtio_queue_reset(rig.v, queue(in));
	}
	check_sent();
	for (q = 1; q < rig.v->queue_cnt; q += 2)
		must(vq_outstanding(rig.v->queue[q].vq) == 0);
	must(vq_outstanding(rig.v->queue[2 * PAIRS].vq) == 0);
}

/* A driver that does as it should, and a host that has time. */
static void assert_healthy(void)
{
	struct gd_used u;
	gpa_t at;

	virtio_net_set_link(card, true);
	fake_netdev_set_link(host, true);
	fake_netdev_take(host, UINT_MAX);
	restart(FEATURES);
	memset(bytes, 0, 200);
	at = vr_put(&rig, 1, bytes, 72);
	must(gd_add(&rig.q[1], &(struct gd_buf){ at, 72, false }, 1, NULL) >= 0);
	kick(1);
	must(host->out_cnt == 1 && host->out[0].len == 72);
	must(gd_get_used(&rig.q[1], &u));
	for (unsigned i = 0; i < 3; i++) {
		at = vr_put(&rig, 0, NULL, 32768);
		must(gd_add(&rig.q[0], &(struct gd_buf){ at, 32768, GD_W }, 1, NULL) >= 0);
	}
	kick(0);
	fake_netdev_arrive(host, 0, NULL, bytes, 100);
	must(gd_get_used(&rig.q[0], &u) && u.len == 112);
	check_sent();
}

static void create(void)
{
	struct virtio_net_params p = { .id = "net0", .packed = true, .mac = NG_MAC };

	log_set_fd(open("/dev/null", O_WRONLY));
	vr_init(&rig);
	host = fake_netdev_new(NG_OFFLOADS, PAIRS);
	p.gm = rig.gm;
	p.loop = rig.loop;
	p.net = fake_netdev(host);
	must(virtio_net_create(&p, &card, NULL) == 0);
	rig.v = virtio_net_device(card);
	virtio_attach(rig.v, &rig.xport.xport, 0);
	must(rig.v->dev.ops->start(&rig.v->dev, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!rig.v)
		create();
	restart(FEATURES | vr_ring_features[take(&in, 1) % vr_ring_feature_cnt]);
	for (unsigned n = 0; n < ACTS && in.left; n++)
		act(&in);
	assert_healthy();
	return 0;
}
