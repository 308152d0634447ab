/* SPDX-License-Identifier: MIT */
/* tap.h: a host interface whose other end we are: how it is had (tap_iface.c), for tap.c. */
#ifndef NET_TAP_H
#define NET_TAP_H

#include <net/if.h>

#include "net/netdev.h"

struct error;

/* An interface and our descriptors of it, one for each queue pair. */
struct tap_iface {
	char name[IFNAMSIZ];
	short flags; /* for TUNSETIFF */
	int fd[NET_QUEUES_MAX];
	unsigned queues;
	bool created; /* it was not there before, and goes away with us */
	uint64_t offloads;
	unsigned mtu;
};

/*
 * Opens, or makes, the interface that @c names, and readies it: header of NET_HDR_LEN bytes, no
 * offloads towards us, non-blocking, the script has run. Row by row what can go wrong is said in
 * words. On failure nothing is left open. Control thread; waits for the script.
 */
int tap_iface_open(const struct net_config *c, struct tap_iface *ret,
		   struct error **errp) __must_check;
void tap_iface_close(struct tap_iface *i);

/* Takes the interface of that name with @fd. 0 or -errno. */
int tap_iface_claim(const struct tap_iface *i, int fd);
/* TUNSETOFFLOAD for what may be received, NET_F_GUEST_*. 0 or -errno. */
int tap_iface_set_offloads(const struct tap_iface *i, uint64_t offloads);
/* Lets queue pair @q take part, or not (IFF_MULTI_QUEUE only). 0 or -errno. */
int tap_iface_set_queue(const struct tap_iface *i, unsigned q, bool on);

#endif
