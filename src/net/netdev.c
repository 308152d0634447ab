/* SPDX-License-Identifier: MIT */
/* netdev.c: the host's end of a card, whatever kind it is: dispatch, and what all kinds share. */
#include "net/netdev.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "net/netdev_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/timer.h"

#define QUIET_NS (5 * NSEC_PER_SEC)

static netdev_open_fn *const openers[] = {
	[NET_TAP] = tap_open,
	[NET_USER] = passt_open,
	[NET_SWITCH] = switch_open,
	[NET_SOCKET] = socket_open,
};

int netdev_open(const struct net_config *c, struct loop *loop, struct netdev **ret,
		struct error **errp)
{
	struct netdev *n = NULL;
	int r;

	if ((unsigned)c->kind >= ARRAY_LEN(openers) || !openers[c->kind])
		return err_set(errp, ENOTSUP, "this program has no network of kind %u",
			       (unsigned)c->kind);
	if (c->queues > NET_QUEUES_MAX)
		return err_set(errp, EINVAL, "%u queue pairs are more than the %u a card can have",
			       c->queues, NET_QUEUES_MAX);
	r = openers[c->kind](c, loop, &n, errp);
	if (r < 0)
		return r;
	n->loop = loop;
	if (!n->info.backend)
		n->info.backend = n->name;
	*ret = n;
	return 0;
}

struct netdev *netdev_close(struct netdev *n)
{
	if (n)
		n->ops->close(n);
	return NULL;
}

void netdev_set_events(struct netdev *n, const struct net_events *ev, void *opaque)
{
	n->ev = ev;
	n->opaque = opaque;
}

struct net_info netdev_info(const struct netdev *n)
{
	return n->info;
}

bool netdev_link(const struct netdev *n)
{
	return atomic_load_explicit(&n->link, memory_order_relaxed);
}

void netdev_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	n->pairs = (unsigned)min_u64(pairs, n->info.queues);
	n->ops->run(n, n->pairs, offloads & n->info.offloads);
}

int netdev_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	return n->ops->send(n, q, iov, cnt);
}

void netdev_flush(struct netdev *n, unsigned q)
{
	if (n->ops->flush)
		n->ops->flush(n, q);
}

ssize_t netdev_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	return n->ops->recv(n, q, iov, cnt);
}

int netdev_vhost_fd(const struct netdev *n, unsigned q)
{
	return n->ops->vhost_fd ? n->ops->vhost_fd(n, q) : -1;
}

/* --- for the kinds ---------------------------------------------------------------------------- */

void netdev_readable(struct netdev *n, unsigned q)
{
	if (n->ev && n->pairs > q)
		n->ev->readable(n->opaque, q);
}

void netdev_writable(struct netdev *n, unsigned q)
{
	if (n->ev && n->pairs > q)
		n->ev->writable(n->opaque, q);
}

void netdev_set_link(struct netdev *n, bool up)
{
	if (atomic_exchange_explicit(&n->link, up, memory_order_relaxed) != up && n->ev)
		n->ev->link(n->opaque, up);
}

void netdev_complain(struct netdev *n, const char *fmt, ...)
{
	struct timespec ts = { 0 };
	uint64_t now;
	va_list ap;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	if (now < n->quiet_until_ns) {
		n->swallowed++;
		return;
	}
	n->quiet_until_ns = now + QUIET_NS;
	if (n->swallowed)
		log_msg(LOG_WARN, "net", "%s: %u more messages were left out", n->info.backend,
			n->swallowed);
	n->swallowed = 0;
	va_start(ap, fmt);
	log_vmsg(LOG_WARN, "net", fmt, ap);
	va_end(ap);
}
