/* SPDX-License-Identifier: MIT */
/*
 * netdev.h: the host's end of a network card, wherever its frames go: a tap, passt, a switch
 * between VMs, a socket.
 *
 * A packet is a struct virtio_net_hdr_v1 (virtio 1.2, 5.1.6; NET_HDR_LEN bytes) and an Ethernet
 * frame. The header is there with every backend. One that cannot carry it (info.offloads is 0)
 * ignores it when sending, as it then says nothing, and fills it with zeros when receiving;
 * num_buffers is the device's to fill in.
 *
 * One struct netdev belongs to one loop. All calls but those marked are made on that loop's thread,
 * or while it does not run; events come on it, never from inside a call. Nothing here blocks, and
 * after netdev_open() nothing allocates.
 *
 * Frames may be lost, as on any network. What happens to the host's end (a tap goes down or is
 * removed, a peer goes away, passt dies) is the backend's to say, in one line at most every few
 * seconds, and shows as link state; the guest goes on.
 */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include <sys/uio.h>

#include "vmm/base.h"

struct error;
struct loop;
struct netdev;

#define NET_HDR_LEN 12u
#define NET_PACKET_MAX                                                                             \
	(NET_HDR_LEN + 14 + 4 + 65535) /* header, Ethernet with a tag, the largest IP packet */
#define NET_QUEUES_MAX 16u             /* pairs */

enum net_kind { NET_TAP, NET_USER, NET_SWITCH, NET_SOCKET };

/* -n KIND[,key=value]... Strings are from malloc, or NULL for "not said". */
struct net_config {
	enum net_kind kind;
	char *name;   /* tap: the interface; switch: which one */
	char *path;   /* socket: a unix socket; user: passt's own, if it runs already */
	char *script; /* tap: run with the interface's name when it is there */
	char **fwd;   /* user: "tcp:2222:22", "udp:...", fwd_cnt of them */
	unsigned fwd_cnt;
	bool listen;     /* socket: this end waits for the other */
	bool vhost;      /* tap: the kernel moves the packets */
	unsigned queues; /* pairs; 0: 1 */
	bool has_mac;
	uint8_t mac[6];   /* otherwise made of the VM's name and the card's number */
	unsigned mtu;     /* what the guest is told; 0: nothing */
	bool link_down;   /* begins without carrier */
	uint64_t bw, pps; /* bytes and packets a second, each way; 0: no limit */
	char *iothread;   /* cards that name the same one share it; NULL: one of its own */
};

struct net_info {
	const char *backend; /* "tap tap0", for people */
	/* VIRTIO_NET_F_CSUM, HOST_* (may be sent), GUEST_* (may be received), as bits of the
	 * feature word: what the device may offer for it. */
	uint64_t offloads;
	unsigned queues; /* pairs */
	unsigned mtu;    /* the host's; 0: not known */
};

struct net_events {
	/* After netdev_recv() said -EAGAIN: there may be packets for queue pair @q. */
	void (*readable)(void *opaque, unsigned q);
	/* After netdev_send() said -EAGAIN: try again. */
	void (*writable)(void *opaque, unsigned q);
	/* The host's end has come up or gone down. Frames are dropped while it is down. */
	void (*link)(void *opaque, bool up);
};

/*
 * Opens the host's end. Errors name the card's backend, the reason in words and what to do. Control
 * thread, before @loop runs. Events come from the first netdev_run(true) on.
 */
int netdev_open(const struct net_config *c, struct loop *loop, struct netdev **ret,
		struct error **errp) __must_check;
/* Ends what was started for it. Not while the loop runs. NULL-safe, returns NULL. */
struct netdev *netdev_close(struct netdev *n);
void netdev_set_events(struct netdev *n, const struct net_events *ev, void *opaque);

struct net_info netdev_info(const struct netdev *n); /* any thread */
bool netdev_link(const struct netdev *n);            /* any thread */

/*
 * The guest's driver runs (@pairs of the queues are in use, GUEST_* offloads of @offloads may be
 * received), or, 0 pairs, it does not: then nothing is received, so that what arrives waits or is
 * dropped at the host's end.
 */
void netdev_run(struct netdev *n, unsigned pairs, uint64_t offloads);

/*
 * One packet out, @iov[0] being its header, of just NET_HDR_LEN bytes, and the rest, at least one
 * piece, the frame, which may lie in guest memory. 0: taken (or lost): the frame stays where it is
 * until netdev_flush(), @iov and the header need not. -EAGAIN: not now, writable() comes. Many may
 * follow each other; netdev_flush() afterwards.
 */
int netdev_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt);
/* The end of a batch of sends: what a backend has gathered goes out. */
void netdev_flush(struct netdev *n, unsigned q);
/*
 * One packet in, header first, wherever @iov leads. Bytes, header included. -EAGAIN: none now,
 * readable() comes. A packet that does not fit is cut and counted: give it NET_PACKET_MAX, or with
 * no GUEST_* offloads NET_HDR_LEN + 18 + MTU.
 */
ssize_t netdev_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt);

/*
 * The descriptor that the kernel's vhost-net can serve queue pair @q through, or -1: only a tap has
 * one. Borrowed.
 */
int netdev_vhost_fd(const struct netdev *n, unsigned q);

#endif
