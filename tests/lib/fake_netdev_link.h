/* SPDX-License-Identifier: MIT */
/*
 * fake_netdev_link.h: include in one file of a test program, which then has fake_netdev.c for the
 * host's end of networks: what the program defines itself, the linker does not look for in the
 * product's library.
 */
#ifndef TESTS_FAKE_NETDEV_LINK_H
#define TESTS_FAKE_NETDEV_LINK_H

#include "tests/lib/fake_netdev.h"

struct netdev *netdev_close(struct netdev *n)
{
	return fake_netdev_close(n);
}

void netdev_set_events(struct netdev *n, const struct net_events *ev, void *opaque)
{
	fake_netdev_set_events(n, ev, opaque);
}

struct net_info netdev_info(const struct netdev *n)
{
	return fake_netdev_info(n);
}

bool netdev_link(const struct netdev *n)
{
	return fake_netdev_link(n);
}

void netdev_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	fake_netdev_run(n, pairs, offloads);
}

int netdev_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	return fake_netdev_send(n, q, iov, cnt);
}

void netdev_flush(struct netdev *n, unsigned q)
{
	fake_netdev_flush(n, q);
}

ssize_t netdev_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	return fake_netdev_recv(n, q, iov, cnt);
}

int netdev_vhost_fd(const struct netdev *n, unsigned q)
{
	return fake_netdev_vhost_fd(n, q);
}

#endif
