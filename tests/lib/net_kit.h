/* SPDX-License-Identifier: MIT */
/*
 * net_kit.h: a card's driver and device in one, for tests of the host's ends of networks: it opens
 * a netdev, takes what comes, and counts events. The loop runs only inside net_wait(), on a thread
 * of its own, so that in between all may be looked at and called.
 */
#ifndef TESTS_NET_KIT_H
#define TESTS_NET_KIT_H

#include "net/netdev.h"
#include "tests/lib/fake.h"
#include "vmm/loop.h"

#define KIT_ETHERTYPE 0x88b5 /* for experiments: what else the host says is not counted */

struct net_kit {
	struct loop *loop;
	struct netdev *n;
	unsigned pairs;
	bool greedy; /* takes packets when they come; else counts events only */
	_Atomic unsigned readable, writable, links, got;
	_Atomic unsigned got_of[NET_QUEUES_MAX];
	_Atomic bool up;
	size_t last_len; /* of the last packet taken: header and frame */
	uint8_t last[NET_PACKET_MAX], scrap[NET_PACKET_MAX];
};

/* Opens and does not run it yet. NULL-safe close. */
int net_kit_open(struct net_kit *k, const struct net_config *c, struct error **errp);
void net_kit_close(struct net_kit *k);
void net_kit_run(struct net_kit *k, unsigned pairs, uint64_t offloads);
/* Takes all there is; packets of KIT_ETHERTYPE taken. */
unsigned net_kit_drain(struct net_kit *k, unsigned q);
/* A frame of KIT_ETHERTYPE, @len bytes with its Ethernet header, broadcast unless @to, filled with
 * @fill. What netdev_send() says. */
int net_kit_send(struct net_kit *k, unsigned q, const uint8_t *to, const uint8_t *from,
		 uint8_t fill, size_t len);
/* Runs the loops of all kits given until @cond(@arg) or @ms have passed; what cond says. */
bool net_wait(struct net_kit *k[], unsigned cnt, bool (*cond)(void *arg), void *arg, unsigned ms);
/* The same until *@counter is at least @n. */
bool net_wait_for(struct net_kit *k, _Atomic unsigned *counter, unsigned n, unsigned ms);

/* --- a host of its own ------------------------------------------------------------------------ */

/* This process gets a network namespace, and a mount namespace whose /sys is of it. False: not
 * permitted here. */
bool net_own_namespace(void);
void net_iface_flags(const char *name, short set, short clear);
void net_iface_del(const char *name);
/* A socket that sends and receives frames of KIT_ETHERTYPE on an interface, non-blocking. */
int net_packet_socket(const char *name);
/* The log is caught: what has been said since the last call. */
void net_log_catch(void);
const char *net_log_taken(void);
void net_log_release(void);

#endif
