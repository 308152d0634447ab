/* SPDX-License-Identifier: MIT */
/*
 * net_internal.h: what the files of virtio-net share: net.c (life, configuration, link), net_tx.c
 * (guest to host), net_rx.c (host to guest), net_filter.c (which frames the guest wants),
 * net_ctrl.c (the control queue), net_vhost.c (queues that the kernel serves).
 *
 * All of it runs on the device's loop, but for what is marked.
 */
#ifndef DEVICES_VIRTIO_NET_INTERNAL_H
#define DEVICES_VIRTIO_NET_INTERNAL_H

#include "devices/virtio/net.h"
#include "net/netdev.h"
#include "virtio/net_wire.h"
#include "virtio/vhost.h"
#include "virtio/virtio.h"
#include "vmm/loop.h"
#include "vmm/token_bucket.h"

#define ETH_HEADER 14u
#define ETH_TAG    4u
/* What one queue may pass on until others on the loop have their turn. */
#define NET_TURN_FRAMES 128u
#define NET_TURN_BYTES  (512u * 1024)

_Static_assert(sizeof(struct virtio_net_hdr_v1) == NET_HDR_LEN, "what the host's ends take");

/* What a driver can have of its own choice, of the bits that a host's end offers. */
#define NET_GUEST_SEGMENTS                                                                         \
	(VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_UFO |              \
	 VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6)
#define NET_GUEST_OFFLOADS (VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_ECN | NET_GUEST_SEGMENTS)
#define NET_HOST_SEGMENTS                                                                          \
	(VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_UFO |                 \
	 VIRTIO_NET_F_HOST_USO)
#define NET_HOST_OFFLOADS (VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_ECN | NET_HOST_SEGMENTS)

/* --- net_filter.c ----------------------------------------------------------------------------- */

/* Addresses of each kind; with more, all of the kind are let in, as 5.1.6.5.2 allows. */
#define NET_FILTER_MACS 64u
#define NET_FILTER_HEAD 16u /* bytes of a frame that it looks at: addresses, type, tag */

/* An address: its six bytes, the first one lowest. */
typedef uint64_t net_mac;

struct net_filter {
	/* What is asked of every frame, worked out from the rest. */
	bool all;    /* no question */
	bool vlans;  /* tags are looked at */
	net_mac own; /* comes in by this alone, untagged; more than 48 bits: nothing does */

	/* What the driver has said: a snapshot holds it. */
	uint8_t mode; /* a bit for each VIRTIO_NET_CTRL_RX_* */
	uint8_t uni_cnt, multi_cnt;
	bool uni_all, multi_all; /* the driver had more than there is room for */
	uint64_t mac;            /* the card's address */
	uint64_t uni[NET_FILTER_MACS], multi[NET_FILTER_MACS];
	uint32_t vlan[4096 / 32]; /* a bit for each that is let in */
};

/* As after a reset: everything is let in, until the driver says what it wants. Control side. */
void net_filter_reset(struct net_filter *f, net_mac mac);
/* The driver runs, or has said something else; @by_vlan: F_CTRL_VLAN. */
void net_filter_update(struct net_filter *f, bool by_vlan);
/* Is it a card's own: not zero, not a group's, no more than 48 bits? */
bool net_mac_valid(net_mac mac);
/* Is a snapshot's filter one that a driver can have made? */
bool net_filter_valid(const struct net_filter *f);
bool net_filter_asks(const struct net_filter *f, const uint8_t head[NET_FILTER_HEAD]);

static inline net_mac net_mac_load(const uint8_t mac[6])
{
	return get_le32(mac) | (net_mac)get_le16(mac + 4) << 32;
}

/* Does the guest want the frame that begins with @head? */
static inline bool net_filter_admits(const struct net_filter *f, const uint8_t *head)
{
	return likely(f->all) || net_filter_asks(f, head);
}

/* --- limits ----------------------------------------------------------------------------------- */

/* One direction of the whole card. */
struct net_limit {
	bool on;
	struct token_bucket bytes, frames;
	struct ev_timer timer; /* when something may pass again: looks at all queues */
};

/* May a frame pass now? If not, the timer is set. */
bool net_limit_ok(struct net_limit *l);
void net_limit_take(struct net_limit *l, uint64_t bytes);

/* --- queues ----------------------------------------------------------------------------------- */

struct net_tx {
	bool stalled; /* the host's end takes nothing: writable() comes */
};

/*
 * Chains that wait for packets; net_rx.c says how they are used. At least one, and while packets
 * are large as many as the longest takes.
 */
#define NET_POOL 48u   /* NET_PACKET_MAX in buffers of 1.5 KiB makes 44 */
#define NET_IOV  1024u /* pieces of them: what readv(2) takes */

struct net_rx {
	struct virtio_net *owner;
	unsigned pair;
	unsigned head, cnt;       /* in chain[], a ring */
	uint64_t room;            /* bytes of all of them */
	unsigned iov_at, iov_cnt; /* their pieces in iov[], in order */
	bool kicks;               /* the driver tells of new buffers */
	bool full;                /* there is no place for another chain's pieces */
	bool large;               /* packets are, lately */
	unsigned calm;            /* small ones since the last that was not */
	/* A packet of so many bytes for which there is no room yet, but for its first held_at. */
	uint64_t held, held_at;
	/* Too little room for a packet, since when, and for too long. */
	bool starved, impatient, timer_armed;
	uint64_t starved_ns;
	struct ev_timer timer;
	uint16_t pieces[NET_POOL];
	struct vq_chain *chain; /* NET_POOL of them */
	uint8_t *spill;         /* NET_PACKET_MAX bytes */
	struct iovec iov[NET_IOV];
};

struct virtio_net {
	struct virtio_device vdev; /* first */
	struct netdev *net;
	unsigned max_pairs;
	uint64_t info_offloads;
	unsigned mtu, host_mtu;
	uint32_t speed;      /* Mbit/s */
	net_mac first_mac;   /* what a reset brings back */
	net_mac saved_first; /* its copy in a snapshot, until it has been looked at */

	/* loop */
	bool cable;       /* virtio_net_set_link() */
	bool up;          /* and the host's end has a link */
	uint16_t pairs;   /* that the driver uses */
	uint64_t refused; /* NET_GUEST_OFFLOADS that it has turned off again */
	bool mergeable;
	uint64_t rx_need;  /* bytes that the longest packet takes */
	uint32_t gso_mask; /* gso_type values that it may send, a bit each */
	bool csum, ecn;    /* and flags */
	struct net_filter filter;
	struct net_limit tx_limit, rx_limit;
	struct net_tx *tx; /* max_pairs of each */
	struct net_rx *rx;
	struct virtio_net_stats stats;
	struct vhost **vhost;                 /* one for each pair; NULL: we do it ourselves */
	uint32_t vhost_on;                    /* pairs that the kernel serves, a bit each */
	struct ev_timer vhost_timer;          /* it is asked once more */
	struct vq_chain chain;                /* the one at work, of a transmit or control queue */
	struct iovec tx_iov[VQ_MAX_SEGS + 1]; /* its header and its frame */

	bool restored;                  /* control: has something to announce */
	struct ev_timer announce_timer; /* since the link has come up */
	bool announced;                 /* once, of two times */
	/* What the configuration shows, written on the loop, read by the control side. */
	_Atomic uint16_t status;
	_Atomic uint64_t mac;
};

static inline struct virtio_net *to_net(struct virtio_device *v)
{
	return container_of(v, struct virtio_net, vdev);
}

/* 5.1.2 */
static inline unsigned net_rx_index(unsigned pair)
{
	return 2 * pair;
}

static inline unsigned net_tx_index(unsigned pair)
{
	return 2 * pair + 1;
}

/* net.c: the host's end hears how many queues there are and what may be received. */
void net_run(struct virtio_net *n);
/* net.c: what follows from what was negotiated and from commands. */
void net_update(struct virtio_net *n);
void net_set_mac(struct virtio_net *n, net_mac mac);

/* net_tx.c: sends what there is. */
void net_tx_setup(struct virtio_net *n);
void net_tx_pump(struct virtio_net *n, unsigned pair);

/* net_rx.c */
void net_rx_init(struct virtio_net *n, struct net_rx *rx, unsigned pair);
/* Receives what there is, and what there are buffers for. */
void net_rx_pump(struct virtio_net *n, unsigned pair);
/* Gives back the chains that wait, and forgets why they did. */
void net_rx_drop(struct virtio_net *n, unsigned pair);

/* net_vhost.c, all of which do nothing without vhost. Before the device is started: opens the
 * kernel's side, and takes from what is offered what that cannot do. Closed by whoever frees @n. */
int net_vhost_open(struct virtio_net *n, const struct virtio_net_params *p,
		   struct error **errp) __must_check;
void net_vhost_close(struct virtio_net *n);
/* The kernel serves the first @pairs pairs; those from @first_pair on are
 * ours again. */
void net_vhost_start(struct virtio_net *n, unsigned pairs);
void net_vhost_stop(struct virtio_net *n, unsigned first_pair);
/* Is there nothing for us to do in queue @q? */
bool net_vhost_kick(struct virtio_net *n, unsigned q);
/* Queue @q alone, which is reset; a kick after it was set up anew gives it back. */
void net_vhost_stop_queue(struct virtio_net *n, unsigned q);

/* net_ctrl.c: carries out the commands there are in queue @q. */
void net_ctrl_pump(struct virtio_net *n, unsigned q);

#endif
