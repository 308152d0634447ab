/* SPDX-License-Identifier: MIT */
/*
 * net: what one packet costs the virtio network card, in instructions, without its host's end.
 *
 *   make build/libtest.a build/libtrapeze.a
 *   gcc -O2 -D_GNU_SOURCE -Iinclude -Isrc -I. -o build/bench/net tests/bench/net.c \
 *       build/libtest.a build/libtrapeze.a -lcmocka && build/bench/net
 *
 * The host's end takes and has packets of one length and copies nothing; a packet's system call is
 * not in the count. Instructions are counted by stepping through one kick of a queue, so they are
 * exact and the same in each run. Virtqueue included.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/virtio/net.h"
#include "net/netdev.h"
#include "tests/lib/step.h"
#include "tests/lib/vdev_rig.h"
#include "virtio/net_wire.h"

#define RING 256u

static struct vdev_rig rig;
static struct guest_driver *rx = &rig.q[0], *tx = &rig.q[1];
static unsigned left; /* packets that wait at the host's end */
static ssize_t length;
static struct net_events events;
static void *opaque;

/* --- a host's end ----------------------------------------------------------------------------- */

struct netdev *netdev_close(struct netdev *n)
{
	(void)n;
	return NULL;
}

void netdev_set_events(struct netdev *n, const struct net_events *ev, void *arg)
{
	(void)n;
	events = *ev;
	opaque = arg;
}

struct net_info netdev_info(const struct netdev *n)
{
	(void)n;
	return (struct net_info){ .backend = "none", .offloads = UINT64_MAX, .queues = 1 };
}

bool netdev_link(const struct netdev *n)
{
	(void)n;
	return true;
}

void netdev_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	(void)n;
	(void)pairs;
	(void)offloads;
}

int netdev_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	(void)n;
	(void)q;
	(void)iov;
	(void)cnt;
	return 0;
}

void netdev_flush(struct netdev *n, unsigned q)
{
	(void)n;
	(void)q;
}

ssize_t netdev_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	(void)n;
	(void)q;
	(void)iov;
	(void)cnt;
	return left && left-- ? length : -EAGAIN;
}

/* --- the guest -------------------------------------------------------------------------------- */

static void kick_tx(void *arg)
{
	(void)arg;
	rig.v->ops->kick(rig.v, 1);
}

static void packets_come(void *arg)
{
	(void)arg;
	events.readable(opaque, 0);
}

static void collect(struct guest_driver *d)
{
	struct gd_used u;

	while (gd_get_used(d, &u))
		;
}

/* A packet of @len bytes in descriptors of a page, by an indirect table if there are several. */
static void offer_tx(unsigned len, unsigned n)
{
	struct gd_buf b[32];
	unsigned cnt = 0;

	for (unsigned at = 0; at < len; at += 4096)
		b[cnt++] =
			(struct gd_buf){ GD_HIGH + at, (uint32_t)min_u64(4096, len - at), false };
	while (n--)
		if ((cnt > 1 ? gd_add_indirect : gd_add)(tx, b, cnt, NULL) < 0)
			fprintf(stderr, "the ring is full\n");
	gd_kick(tx);
}

static void refill_rx(unsigned size)
{
	while (rx->free_cnt)
		if (gd_add(rx, &(struct gd_buf){ GD_HIGH + MIB, size, GD_W }, 1, NULL) < 0)
			break;
	gd_kick(rx);
}

static double count_tx(unsigned len, unsigned n)
{
	uint64_t steps;

	offer_tx(NET_HDR_LEN + len, n);
	steps = step_run(kick_tx, NULL, NULL, NULL);
	collect(tx);
	return (double)steps / n;
}

static double count_rx(unsigned len, unsigned buffer, unsigned n)
{
	length = (ssize_t)(NET_HDR_LEN + len);
	for (unsigned i = 0; i < 100; i++) { /* until the card knows how large packets are */
		refill_rx(buffer);
		left = n;
		packets_come(NULL);
		collect(rx);
	}
	refill_rx(buffer);
	left = n;
	n = (unsigned)(step_run(packets_come, NULL, NULL, NULL) / n);
	collect(rx);
	return n;
}

/* 3.1.1, with rings of the largest size. */
static void drive(uint64_t features)
{
	uint8_t s = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	features |= VIRTIO_F_VERSION_1;
	virtio_set_status(rig.v, 0);
	virtio_set_status(rig.v, s);
	virtio_ack_word(rig.v, 0, (uint32_t)features);
	virtio_ack_word(rig.v, 1, (uint32_t)(features >> 32));
	virtio_set_status(rig.v, s |= VIRTIO_STATUS_FEATURES_OK);
	for (unsigned i = 0; i < 2; i++) {
		gd_init(&rig.q[i], rig.gm, GD_RINGS + i * 2 * MIB, RING, features);
		rig.v->queue[i].addr = rig.q[i].ring;
		virtio_queue_enable(rig.v, i);
	}
	virtio_set_status(rig.v, s | VIRTIO_STATUS_DRIVER_OK);
}

int main(void)
{
	static const struct {
		unsigned len, buffer;
	} kinds[] = { { 60, 1536 }, { 1514, 1536 }, { 65000, 4096 }, { 65000, 1536 } };
	const uint64_t features = VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CSUM |
				  VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 |
				  VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC;
	struct virtio_net_params p = { .id = "bench0", .packed = true, .mac = "\x52\x54" };
	struct virtio_net *n;

	vr_init(&rig);
	p.gm = rig.gm;
	p.loop = rig.loop;
	if (virtio_net_create(&p, &n, NULL) < 0)
		return 1;
	rig.v = virtio_net_device(n);
	virtio_attach(rig.v, &rig.xport.xport, 0);
	if (rig.v->dev.ops->start(&rig.v->dev, NULL) < 0)
		return 1;
	printf("%-26s %8s %8s %8s %8s\n", "instructions per packet", "out 1", "out 4", "in 1",
	       "in 4");
	for (unsigned packed = 0; packed < 2; packed++) {
		drive(features | (packed ? VIRTIO_F_RING_PACKED : 0));
		for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
			unsigned len = kinds[i].len, buffer = kinds[i].buffer;
			char name[40];

			snprintf(name, sizeof(name), "%s, %u bytes in %u",
				 packed ? "packed" : "split", len, buffer);
			printf("%-26s %8.0f %8.0f %8.0f", name, count_tx(len, 1), count_tx(len, 4),
			       count_rx(len, buffer, 1));
			printf(" %8.0f\n", count_rx(len, buffer, 4));
		}
	}
	return 0;
}
