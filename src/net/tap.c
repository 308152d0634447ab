/* SPDX-License-Identifier: MIT */
/*
 * tap.c: frames through a host interface. The kernel takes and gives a packet by writev(2) and
 * readv(2), straight from and to guest memory, with the virtio-net header in front of it
 * (IFF_VNET_HDR), so that checksums and segmentation are its business.
 *
 * The descriptors are watched edge-triggered and stay so: one packet or a thousand cost one wake-up
 * and no epoll_ctl(2). A card whose ring is full just does not read; what piles up is the
 * interface's queue, and when that is full the kernel drops.
 *
 * The interface may go down, lose its carrier, or be removed. Then frames are dropped, the link is
 * down, and it is looked at again when rtnetlink says something, and each second.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/if_watch.h"
#include "net/netdev_internal.h"
#include "net/tap.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/loop.h"

#define AGAIN_NS  NSEC_PER_SEC
#define STALE_MAX 4096 /* frames of an interface's queue, whose length is 1000 unless changed */

struct tap_queue {
	struct ev_fd ev;
	struct tap *tap;
	bool attached;         /* takes part, as far as the kernel is concerned */
	bool used;             /* by the driver that runs */
	bool rx_wait, tx_wait; /* the device has been told -EAGAIN */
};

struct tap {
	struct netdev n;
	struct tap_iface iface;
	struct tap_queue q[NET_QUEUES_MAX];
	struct if_watch watch;
	struct ev_timer again;
	bool vhost;
	bool down;   /* drop, do not try */
	bool failed; /* a call said so since the last look */
	bool gone;   /* the interface is no more */
	uint64_t offloads;
};

static struct tap *to_tap(struct netdev *n)
{
	return container_of(n, struct tap, n);
}

static void look_in(struct tap *t, uint64_t ns)
{
	timer_arm(&t->again, vclock_now(t->again.clock) + ns);
}

/* --- packets ---------------------------------------------------------------------------------- */

/*
 * What a call that failed says of the interface. Looked at from the loop, as the device is in the
 * middle of something.
 */
static void call_failed(struct tap *t, const char *what, int err)
{
	switch (err) {
	case EIO:    /* tun_get_user(): not up */
	case EBADFD: /* tun.c, everywhere: no interface */
	case ENODEV:
		t->failed = t->down = true;
		look_in(t, 0);
		break;
	default:
		netdev_complain(&t->n, "%s: cannot %s: %s; frames are lost", t->n.info.backend,
				what, strerrordesc_np(err));
		look_in(t, AGAIN_NS);
		break;
	}
}

static int tap_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	struct tap *t = to_tap(n);

	if (unlikely(t->down))
		return 0;
	while (unlikely(writev(t->q[q].ev.fd, iov, (int)cnt) < 0)) {
		switch (errno) {
		case EINTR:
			continue;
		case EAGAIN:
			t->q[q].tx_wait = true;
			return -EAGAIN;
		/* The frame, or its header, is no good: the guest's fault. Or no memory. */
		case EINVAL:
		case EMSGSIZE:
		case EFAULT:
		case ENOMEM:
		case ENOBUFS:
			return 0;
		default:
			call_failed(t, "send", errno);
			return 0;
		}
	}
	return 0;
}

static ssize_t tap_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	struct tap *t = to_tap(n);
	ssize_t r;

	while (unlikely((r = readv(t->q[q].ev.fd, iov, (int)cnt)) < 0)) {
		if (errno == EINTR)
			continue;
		t->q[q].rx_wait = true;
		/* No further edge need come: the timer looks after it. */
		if (errno != EAGAIN)
			call_failed(t, "receive", errno);
		return -EAGAIN;
	}
	return r;
}

static void tell_readable(struct tap *t, unsigned q)
{
	if (!t->q[q].rx_wait)
		return;
	t->q[q].rx_wait = false;
	netdev_readable(&t->n, q);
}

static void tell_writable(struct tap *t, unsigned q)
{
	if (!t->q[q].tx_wait)
		return;
	t->q[q].tx_wait = false;
	netdev_writable(&t->n, q);
}

/* --- the interface's ups and downs ------------------------------------------------------------ */

static bool is_gone(const struct tap *t)
{
	struct ifreq r = { 0 };

	return ioctl(t->iface.fd[0], TUNGETIFF, &r) < 0 && errno == EBADFD;
}

static void watch_queue(struct tap *t, unsigned q)
{
	struct tap_queue *tq = &t->q[q];

	if (!tq->used || t->vhost)
		loop_del(&tq->ev);
	else if (!tq->ev.loop && loop_add(t->n.loop, &tq->ev, NULL) < 0)
		look_in(t, AGAIN_NS);
}

static void attach_queues(struct tap *t)
{
	for (unsigned q = 0; q < t->iface.queues; q++) {
		bool on = q < max_u64(t->n.pairs, 1);

		if (t->q[q].attached == on || !(t->iface.flags & IFF_MULTI_QUEUE))
			continue;
		if (tap_iface_set_queue(&t->iface, q, on) == 0)
			t->q[q].attached = on;
	}
}

/* Somebody has made an interface of the same name anew: ours again, if it is permitted. */
static bool take_again(struct tap *t)
{
	int e = 0;

	if (!if_nametoindex(t->iface.name))
		return false;
	for (unsigned q = 0; q < t->iface.queues && e == 0; q++) {
		e = tap_iface_claim(&t->iface, t->iface.fd[q]);
		t->q[q].attached = true;
	}
	if (e == -EEXIST) /* we have it already */
		e = 0;
	if (e < 0) {
		netdev_complain(&t->n, "%s: the interface is there again but cannot be opened: %s",
				t->n.info.backend, strerrordesc_np(-e));
		return false;
	}
	tap_iface_set_offloads(&t->iface, t->offloads);
	attach_queues(t);
	if_watch_rename(&t->watch, t->iface.name);
	return true;
}

static enum if_state look(struct tap *t)
{
	enum if_state s;

	if (t->gone || is_gone(t))
		t->gone = !take_again(t);
	s = if_watch_state(&t->watch);
	if (t->gone)
		return IF_DOWN;
	/* Nothing is known (it has moved to another network namespace): what calls say counts. */
	if (s == IF_UNSEEN)
		s = IF_UP;
	if (t->failed)
		s = IF_DOWN;
	t->failed = false;
	return s;
}

static void look_and_tell(struct tap *t)
{
	bool was_down = !netdev_link(&t->n);
	enum if_state s = look(t);

	t->down = s != IF_UP;
	if (t->down)
		look_in(t, AGAIN_NS);
	if (t->down == was_down)
		return;
	if (!t->down)
		log_msg(LOG_INFO, "net", "%s: up", t->n.info.backend);
	else if (t->gone)
		netdev_complain(&t->n,
				"%s: the interface was removed; frames are dropped until there is "
				"one of that name again",
				t->n.info.backend);
	else
		netdev_complain(&t->n,
				"%s: the interface is down; frames are dropped until it is up "
				"again (ip link set %s up)",
				t->n.info.backend, t->iface.name);
	netdev_set_link(&t->n, !t->down);
}

/* Whatever was put off, and whatever has no event of its own. */
static void on_again(struct ev_timer *timer)
{
	struct tap *t = container_of(timer, struct tap, again);

	look_and_tell(t);
	for (unsigned q = 0; q < t->n.pairs; q++) {
		watch_queue(t, q);
		tell_readable(t, q);
		tell_writable(t, q);
	}
}

static void on_link(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	look_and_tell(container_of(e, struct tap, watch.ev));
}

static void on_queue(struct ev_fd *e, uint32_t revents)
{
	struct tap_queue *tq = container_of(e, struct tap_queue, ev);
	struct tap *t = tq->tap;
	unsigned q = (unsigned)(tq - t->q);

	if (unlikely(revents & EV_HUP))
		look_and_tell(t);
	if (revents & EV_IN)
		tell_readable(t, q);
	if (revents & EV_OUT)
		tell_writable(t, q);
}

/* --- life ------------------------------------------------------------------------------------- */

/* Frames for the driver that ran before, maybe with offloads that this one does not know. */
static void drop_stale(struct tap *t, unsigned q)
{
	char front[NET_HDR_LEN];

	for (unsigned i = 0; i < STALE_MAX; i++)
		if (read(t->q[q].ev.fd, front, sizeof(front)) < 0)
			break;
}

static void tap_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	struct tap *t = to_tap(n);

	if (pairs && offloads != t->offloads && tap_iface_set_offloads(&t->iface, offloads) == 0)
		t->offloads = offloads;
	attach_queues(t);
	for (unsigned q = 0; q < t->iface.queues; q++) {
		struct tap_queue *tq = &t->q[q];
		bool on = q < pairs;

		if (on && !tq->used)
			drop_stale(t, q);
		tq->rx_wait = on;
		tq->tx_wait = false;
		tq->used = on;
		watch_queue(t, q);
	}
}

static int tap_vhost_fd(const struct netdev *n, unsigned q)
{
	const struct tap *t = container_of(n, const struct tap, n);

	return q < t->iface.queues ? t->iface.fd[q] : -1;
}

static void tap_close(struct netdev *n)
{
	struct tap *t = to_tap(n);

	timer_cancel(&t->again);
	for (unsigned q = 0; q < t->iface.queues; q++)
		loop_del(&t->q[q].ev);
	if_watch_close(&t->watch);
	tap_iface_close(&t->iface);
	free(t);
}

static const struct netdev_ops tap_ops = {
	.run = tap_run,
	.send = tap_send,
	.recv = tap_recv,
	.vhost_fd = tap_vhost_fd,
	.close = tap_close,
};

int tap_open(const struct net_config *c, struct loop *loop, struct netdev **ret,
	     struct error **errp)
{
	struct tap *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(errp, ENOMEM, "no memory for a tap");
	r = tap_iface_open(c, &t->iface, errp);
	if (r < 0) {
		free(t);
		return r;
	}
	t->vhost = c->vhost;
	for (unsigned q = 0; q < t->iface.queues; q++)
		t->q[q] = (struct tap_queue){ .ev = { .fd = t->iface.fd[q],
						      .events = EV_IN | EV_OUT | EV_EDGE,
						      .cb = on_queue },
					      .tap = t,
					      .attached = q == 0 };
	t->n.ops = &tap_ops;
	t->n.loop = loop;
	t->n.info = (struct net_info){ .offloads = t->iface.offloads,
				       .queues = t->iface.queues,
				       .mtu = t->iface.mtu };
	snprintf(t->n.name, sizeof(t->n.name), "tap %s", t->iface.name);
	t->n.info.backend = t->n.name;
	timer_init(&t->again, loop_clock(loop), on_again);
	if_watch_open(&t->watch, t->iface.name, on_link);
	if_watch_on(&t->watch, loop);
	atomic_store(&t->n.link, true);
	look_and_tell(t);
	/* A name that was not asked for is said always: without it nobody can use the interface. */
	log_msg(c->name ? LOG_INFO : LOG_WARN, "net", "interface '%s'%s", t->iface.name,
		t->iface.created ? ", made for this guest" : "");
	*ret = &t->n;
	return 0;
}
