/* SPDX-License-Identifier: MIT */
/*
 * netdev_internal.h: what the kinds of host ends have in common, for src/net alone.
 *
 * A kind has an open function in the table of netdev.c, fills in a struct netdev that is the first
 * member of its own, and answers through struct netdev_ops.
 */
#ifndef NET_NETDEV_INTERNAL_H
#define NET_NETDEV_INTERNAL_H

#include <stdatomic.h>

#include "net/netdev.h"

/* Feature bits of struct net_info.offloads (virtio 1.2, 5.1.3; USO: 1.3). */
#define NET_F_CSUM       (UINT64_C(1) << 0)
#define NET_F_GUEST_CSUM (UINT64_C(1) << 1)
#define NET_F_GUEST_TSO4 (UINT64_C(1) << 7)
#define NET_F_GUEST_TSO6 (UINT64_C(1) << 8)
#define NET_F_GUEST_ECN  (UINT64_C(1) << 9)
#define NET_F_GUEST_UFO  (UINT64_C(1) << 10)
#define NET_F_HOST_TSO4  (UINT64_C(1) << 11)
#define NET_F_HOST_TSO6  (UINT64_C(1) << 12)
#define NET_F_HOST_ECN   (UINT64_C(1) << 13)
#define NET_F_HOST_UFO   (UINT64_C(1) << 14)
#define NET_F_GUEST_USO4 (UINT64_C(1) << 54)
#define NET_F_GUEST_USO6 (UINT64_C(1) << 55)
#define NET_F_HOST_USO   (UINT64_C(1) << 56)

/* What netdev.h says of the function of the same name. */
struct netdev_ops {
	void (*run)(struct netdev *n, unsigned pairs, uint64_t offloads);
	int (*send)(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt);
	void (*flush)(struct netdev *n, unsigned q); /* NULL: nothing is gathered */
	ssize_t (*recv)(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt);
	int (*vhost_fd)(const struct netdev *n, unsigned q); /* NULL: -1 */
	void (*close)(struct netdev *n);                     /* releases all, @n included */
};

struct netdev {
	const struct netdev_ops *ops;
	struct loop *loop;
	const struct net_events *ev;
	void *opaque;
	struct net_info info; /* .backend leads to .name, unless the kind says otherwise */
	char name[96];        /* for people */
	unsigned pairs;       /* netdev_run()'s */
	_Atomic bool link;
	uint64_t quiet_until_ns; /* netdev_complain() */
	unsigned swallowed;
};

/*
 * One line of LOG_WARN about the host's end, at most one in five seconds; the next one says how
 * many were left out. The loop's thread.
 */
void netdev_complain(struct netdev *n, const char *fmt, ...) __printf(2, 3);

/* Tell the device, if there is one. From the loop, never from inside a call of the device. */
void netdev_readable(struct netdev *n, unsigned q);
void netdev_writable(struct netdev *n, unsigned q);
/* The host's end came up or went down; nothing happens if that is known. */
void netdev_set_link(struct netdev *n, bool up);

/*
 * The kinds. *ret is a new struct netdev with .ops, .info and .link filled in, and .name or
 * .info.backend; the rest is netdev_open()'s. @loop may be used from here on.
 */
typedef int netdev_open_fn(const struct net_config *c, struct loop *loop, struct netdev **ret,
			   struct error **errp);
netdev_open_fn tap_open, passt_open, switch_open, socket_open;

#endif
