/* SPDX-License-Identifier: MIT */
/*
 * net_guest.h: a virtio network card with a thread of its own, a fake host's end, and the guest
 * that drives it.
 *
 *	struct net_guest g;
 *	ng_begin(&g, &(struct ng_config){ .pairs = 2 }, NG_USUAL);
 *	ng_send(&g, 0, NULL, frame, len);       ... g.net->out[0] ...
 *	ng_post(&g, 0, 1526); ng_arrive(&g, 0, NULL, frame, len); ng_expect(&g, 0, frame, len, 1);
 *	ng_end(&g);
 */
#ifndef TESTS_NET_GUEST_H
#define TESTS_NET_GUEST_H

#include "devices/virtio/net.h"
#include "tests/lib/fake_netdev.h"
#include "tests/lib/vdev_rig.h"
#include "virtio/net_wire.h"

/* All that a tap can do. */
#define NG_OFFLOADS                                                                                \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |                     \
	 VIRTIO_NET_F_HOST_ECN | VIRTIO_NET_F_HOST_USO | VIRTIO_NET_F_GUEST_CSUM |                 \
	 VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN |              \
	 VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6)
/* What a driver takes that wants everything but offloads; and what one of 1990 would. */
#define NG_USUAL                                                                                   \
	(VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ |  \
	 VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA | VIRTIO_NET_F_CTRL_VLAN |              \
	 VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_GUEST_ANNOUNCE)

#define NG_MAC     "\x52\x54\x00\x12\x34\x56"
#define NG_OTHER   "\x52\x54\x00\x65\x43\x21"
#define NG_POSTED  4096u
#define NG_PIECES  8u
#define NG_SILENCE 0xee /* what is in an answer's place before there is one */

struct ng_config {
	uint64_t offloads;
	unsigned pairs; /* 0: 1 */
	unsigned mtu, host_mtu;
	uint64_t bw, pps;
	bool link_down;
	/* Not NULL: the kernel serves the queues, and these are the tap's descriptors. */
	const struct vhost_kernel *kernel;
	const int *vhost_fd;
};

/* A buffer for packets. */
struct ng_buffer {
	struct gd_buf b[NG_PIECES];
	unsigned n;
};

struct net_guest {
	struct vdev_rig r;
	struct fake_netdev *net;
	bool net_closed;
	struct virtio_net *n;
	unsigned ctrl; /* queue */
	struct ng_buffer posted[NG_POSTED];
	unsigned posted_cnt;
};

/* Creates the card; and brings a driver with @features to DRIVER_OK. */
void ng_create(struct net_guest *g, const struct ng_config *c);
void ng_begin(struct net_guest *g, const struct ng_config *c, uint64_t features);
void ng_end(struct net_guest *g);
/* What hostile guests make the device say goes nowhere. */
void ng_quiet(void);

/* A frame of @len bytes, 14 at least, to @mac, whose contents depend on @seed. */
void ng_frame(uint8_t *frame, size_t len, const char *mac, unsigned seed);

/* --- out -------------------------------------------------------------------------------------- */

/* Sends a frame behind a header (NULL: an empty one), in two descriptors, and kicks. */
void ng_send(struct net_guest *g, unsigned pair, const struct virtio_net_hdr_v1 *h,
	     const void *frame, size_t len);
/* The same without a kick. */
void ng_add(struct net_guest *g, unsigned pair, const struct virtio_net_hdr_v1 *h,
	    const void *frame, size_t len);
/* Takes back what was sent; returns how many. */
unsigned ng_sent(struct net_guest *g, unsigned pair);
/* The next packet of the host's end is this frame; -1: there is none. */
void ng_assert_out(struct net_guest *g, unsigned i, const void *frame, size_t len);

/* --- in --------------------------------------------------------------------------------------- */

/* A buffer of pieces of these lengths, without a kick. */
void ng_add_pieces(struct net_guest *g, unsigned pair, const uint32_t *len, unsigned n);
/* @n buffers of @len bytes each, and a kick. */
void ng_post(struct net_guest *g, unsigned pair, uint32_t len, unsigned n);
/* A packet arrives at the host's end. */
void ng_arrive(struct net_guest *g, unsigned pair, const void *hdr, const void *frame, size_t len);
/* The next packet of the guest: its length, header included; 0: there is none. */
size_t ng_receive(struct net_guest *g, unsigned pair, uint8_t *buf, size_t size, unsigned *buffers);
/* It is this frame, in so many buffers. */
void ng_expect(struct net_guest *g, unsigned pair, const void *frame, size_t len, unsigned buffers);
void ng_expect_none(struct net_guest *g, unsigned pair);
/* A frame to @mac is let in, or is not. */
void ng_assert_admits(struct net_guest *g, const char *mac, bool yes);

/* --- the control queue ------------------------------------------------------------------------ */

/* The answer: VIRTIO_NET_OK, VIRTIO_NET_ERR, NG_SILENCE. */
uint8_t ng_command(struct net_guest *g, uint8_t class, uint8_t command, const void *data,
		   size_t len);

#define NG_CONFIG(g, f)                                                                            \
	ng_config_field(g, offsetof(struct virtio_net_config, f),                                  \
			sizeof(((struct virtio_net_config *)0)->f))
uint64_t ng_config_field(struct net_guest *g, size_t off, unsigned size);

#endif
