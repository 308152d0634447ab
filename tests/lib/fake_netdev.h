/* SPDX-License-Identifier: MIT */
/*
 * fake_netdev.h: the host's end of a network that does what a test wants, for devices that have
 * one. A test program that includes fake_netdev_link.h in one file calls these where the product
 * calls src/net.
 *
 * It aborts where the device breaks the contract of netdev.h: a send whose first piece is no header
 * or that has no frame, a queue pair that is not there, a receive while the driver does not run, a
 * batch that is not flushed before the device does something else, a close with events to come.
 */
#ifndef TESTS_FAKE_NETDEV_H
#define TESTS_FAKE_NETDEV_H

#include "net/netdev.h"

#define FAKE_NETDEV_LOG 1024u

struct fake_packet {
	uint8_t *data; /* header and frame */
	size_t len;
	unsigned q;
};

struct fake_netdev {
	/* What the test may change. */
	struct net_info info;
	bool link;
	const int *vhost_fd; /* one for each pair; NULL: it has none */
	unsigned takes;      /* packets until netdev_send() says -EAGAIN; UINT_MAX: all */
	bool forget;         /* what is sent is not kept */
	struct loop *loop;   /* not NULL: all calls must come on it, if it runs */
	bool *closed;        /* set by netdev_close(), if not NULL: the fake is gone then */
	void (*on_send)(struct fake_netdev *f); /* NULL: nothing */

	/* What it may look at. */
	struct fake_packet out[FAKE_NETDEV_LOG]; /* in the order of sending */
	unsigned out_cnt, sends, flushes;
	unsigned pairs;    /* as of the last netdev_run() */
	uint64_t offloads; /* likewise */
	unsigned runs, recvs, cut;
	size_t last_room;  /* bytes that the last receive had room for */
	unsigned last_cnt; /* and pieces */

	struct fake_packet in[FAKE_NETDEV_LOG]; /* not received yet */
	unsigned in_cnt;
	bool waits_in[NET_QUEUES_MAX], waits_out[NET_QUEUES_MAX], gathered[NET_QUEUES_MAX];
	const struct net_events *ev;
	void *opaque;
};

struct fake_netdev *fake_netdev_new(uint64_t offloads,
				    unsigned queues); /* freed by netdev_close() */

static inline struct netdev *fake_netdev(struct fake_netdev *f)
{
	return (struct netdev *)(void *)f;
}

/* A packet arrives: @hdr NULL: an empty header. On the loop, as are the next two. */
void fake_netdev_arrive(struct fake_netdev *f, unsigned q, const void *hdr, const void *frame,
			size_t len);
/* There is room for @n more packets. */
void fake_netdev_take(struct fake_netdev *f, unsigned n);
void fake_netdev_set_link(struct fake_netdev *f, bool up);
/* Forgets what was sent and what has arrived. */
void fake_netdev_clear(struct fake_netdev *f);

/* The bodies of the functions of netdev.h. */
struct netdev *fake_netdev_close(struct netdev *n);
void fake_netdev_set_events(struct netdev *n, const struct net_events *ev, void *opaque);
struct net_info fake_netdev_info(const struct netdev *n);
bool fake_netdev_link(const struct netdev *n);
void fake_netdev_run(struct netdev *n, unsigned pairs, uint64_t offloads);
int fake_netdev_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt);
void fake_netdev_flush(struct netdev *n, unsigned q);
ssize_t fake_netdev_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt);
int fake_netdev_vhost_fd(const struct netdev *n, unsigned q);

#endif
