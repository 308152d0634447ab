/* SPDX-License-Identifier: MIT */
/*
 * switch.c: a learning switch between the guests of one user on one host, without anybody who runs
 * it. Each member has a connection to each other one, and is a switch itself: it learns behind
 * which connection an address is, sends what has a known one there and floods the rest, and passes
 * nothing on that came from a member, so that there is no loop. Whoever ends, however that is,
 * takes his connections along and nothing else.
 *
 * Of two members the one whose name is greater in the directory (switch_dir.h) connects to the
 * other, so that there is one connection for each pair. The virtio-net header travels along
 * (wire.h): guests leave checksums and segmentation to each other, which is to say undone. What a
 * member says in it is checked; a guest that wants it done gets it done here.
 *
 * A member that does not read has what is for him dropped once his connection is full: nobody waits
 * for him.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "net/mac_table.h"
#include "net/netdev_internal.h"
#include "net/offload.h"
#include "net/switch_dir.h"
#include "net/wire.h"
#include "vmm/error.h"
#include "vmm/iov.h"
#include "vmm/log.h"

#define PEERS    63u /* and this one */
#define AGAIN_NS NSEC_PER_SEC
#define KNOCK_NS (50 * NSEC_PER_MSEC)
#define LOOKS    3u   /* at the directory, after a member has gone */
#define TURN     64u  /* packets from one member before it is another's turn */
#define BAD_MAX  256u /* packets that are no good, in one call */
#define MACS_LEN 12u  /* both addresses of a frame */

struct lan;

struct peer {
	struct wire wire;
	struct lan *lan;
	bool ready; /* has been used before: the wire's buffers are there */
	uint64_t since_ns;
	char name[24]; /* whom we connected to; "" for the others */
};

struct lan {
	struct netdev n;
	struct switch_dir dir;
	struct ev_fd accept, news;
	struct ev_timer again; /* look for members, accept them */
	unsigned looks;        /* how many times more */
	struct ev_timer begin; /* the driver has come: there may be packets */
	uint64_t offloads;     /* the driver's */
	uint64_t there;        /* peers, by bit: connected, */
	uint64_t filled;       /* may have packets for us, */
	uint64_t unsent;       /* have been given some since the last flush */
	bool rx_wait;          /* the device has been told -EAGAIN */
	unsigned turn, turns;  /* who is read from, how many packets so far */
	struct mac_table macs;
	struct peer peers[PEERS];
	/* For packets that the guest does not take as they are. */
	struct segmenter seg;
	bool segmenting;
	size_t whole_len;
	uint8_t whole[NET_PACKET_MAX], part[NET_PACKET_MAX];
};

static struct lan *to_lan(struct netdev *n)
{
	return container_of(n, struct lan, n);
}

static uint64_t bit_of(const struct peer *p)
{
	return UINT64_C(1) << (p - p->lan->peers);
}

static uint32_t now_s(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)ts.tv_sec;
}

static void in_ns(struct ev_timer *t, uint64_t ns)
{
	timer_arm(t, vclock_now(t->clock) + ns);
}

static void tell_readable(struct lan *l)
{
	if (!l->rx_wait)
		return;
	l->rx_wait = false;
	netdev_readable(&l->n, 0);
}

/* --- members ---------------------------------------------------------------------------------- */

static void on_readable(struct wire *w)
{
	struct peer *p = container_of(w, struct peer, wire);

	p->lan->filled |= bit_of(p);
	tell_readable(p->lan);
}

/* What there was no room for has been dropped. */
static void on_writable(struct wire *w)
{
	(void)w;
}

static void on_broken(struct wire *w, int err)
{
	struct peer *p = container_of(w, struct peer, wire);
	struct lan *l = p->lan;
	uint64_t bit = bit_of(p);

	wire_detach(w);
	l->there &= ~bit;
	l->filled &= ~bit;
	l->unsent &= ~bit;
	mac_table_forget(&l->macs, (unsigned)(p - l->peers));
	if (err == EPROTO)
		netdev_complain(&l->n,
				"%s: a member announced a frame that is longer or shorter than "
				"any; its connection is closed",
				l->n.info.backend);
	/*
	 * One that was killed has left its name behind, and its parent may take a moment to notice.
	 * Who just looked whether we are here has not: that would go back and forth.
	 */
	if (vclock_now(l->again.clock) - p->since_ns > KNOCK_NS)
		l->looks = LOOKS;
	in_ns(&l->again, AGAIN_NS);
}

static struct peer *free_peer(struct lan *l)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (!(l->there >> i & 1))
			return &l->peers[i];
	return NULL;
}

/* @fd leads to a member. */
static int join(struct lan *l, int fd, const char *name)
{
	struct peer *p = free_peer(l);
	int r = 0;

	if (!p) {
		close(fd);
		netdev_complain(&l->n, "%s: there are more than %u members; one is left out",
				l->n.info.backend, PEERS + 1);
		return -EMFILE;
	}
	if (!p->ready)
		r = wire_init(&p->wire, l->n.loop, NULL);
	if (r < 0) {
		close(fd);
		return r;
	}
	p->ready = true;
	p->lan = l;
	p->since_ns = vclock_now(l->again.clock);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->wire.header = NET_HDR_LEN;
	p->wire.readable = on_readable;
	p->wire.writable = on_writable;
	p->wire.broken = on_broken;
	r = wire_attach(&p->wire, fd, NULL);
	if (r < 0)
		return r;
	l->there |= bit_of(p);
	l->filled |= bit_of(p);
	in_ns(&l->begin, 0);
	return 0;
}

static bool is_connected(const struct lan *l, const char *name)
{
	for (unsigned i = 0; i < PEERS; i++)
		if ((l->there >> i & 1) && !strcmp(l->peers[i].name, name))
			return true;
	return false;
}

/* Names begin with a process's id. In another PID namespace it may live: he is asked then. */
static bool seems_gone(const char *name)
{
	return kill((pid_t)strtol(name, NULL, 10), 0) < 0 && errno == ESRCH;
}

static void look_at(void *opaque, const char *name)
{
	struct lan *l = opaque;
	bool smaller = strcmp(name, l->dir.own) < 0;
	int fd;

	if (is_connected(l, name) || (!smaller && !seems_gone(name)))
		return;
	fd = switch_dir_connect(&l->dir, name);
	if (fd >= 0 && !smaller)
		close(fd);
	else if (fd >= 0 ? join(l, fd, name) < 0 : fd != -ECONNREFUSED && fd != -ENOENT)
		in_ns(&l->again, AGAIN_NS);
}

static void on_news(struct ev_fd *e, uint32_t revents)
{
	struct lan *l = container_of(e, struct lan, news);

	(void)revents;
	switch_dir_each(&l->dir, look_at, l);
}

/* The directory is closed to other users; who comes nevertheless (root) is not let in. */
static bool is_ours(int fd)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0 && c.uid == geteuid();
}

static void on_accept(struct ev_fd *e, uint32_t revents)
{
	struct lan *l = container_of(e, struct lan, accept);
	int fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)revents;
	if (fd >= 0) {
		if (is_ours(fd))
			join(l, fd, "");
		else
			close(fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		netdev_complain(&l->n, "%s: cannot let a member in: %s; trying again in a second",
				l->n.info.backend, strerrordesc_np(errno));
		loop_del(&l->accept);
		in_ns(&l->again, AGAIN_NS);
	}
}

static void on_again(struct ev_timer *t)
{
	struct lan *l = container_of(t, struct lan, again);

	if (!l->accept.loop && loop_add(l->n.loop, &l->accept, NULL) < 0)
		in_ns(t, AGAIN_NS);
	if (l->looks && --l->looks)
		in_ns(t, AGAIN_NS);
	switch_dir_each(&l->dir, look_at, l);
}

/* --- out -------------------------------------------------------------------------------------- */

static void send_to(struct lan *l, unsigned i, const struct iovec *iov, unsigned cnt)
{
	/* -EAGAIN: he does not read as fast; lost for him. */
	if (wire_send(&l->peers[i].wire, iov, cnt) == 0)
		l->unsent |= UINT64_C(1) << i;
}

static int lan_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	struct lan *l = to_lan(n);
	uint8_t macs[MACS_LEN];
	int to;

	(void)q;
	if (!l->there || iov_len(iov + 1, cnt - 1) < MACS_LEN)
		return 0;
	iov_gather(macs, iov + 1, 0, MACS_LEN);
	to = macs[0] & 1 ? -1 : mac_table_find(&l->macs, macs, now_s());
	if (to >= 0) {
		send_to(l, (unsigned)to, iov, cnt);
		return 0;
	}
	for (uint64_t all = l->there; all; all &= all - 1)
		send_to(l, (unsigned)__builtin_ctzll(all), iov, cnt);
	return 0;
}

static void lan_flush(struct netdev *n, unsigned q)
{
	struct lan *l = to_lan(n);

	(void)q;
	for (; l->unsent; l->unsent &= l->unsent - 1)
		wire_flush(&l->peers[__builtin_ctzll(l->unsent)].wire);
}

/* --- in --------------------------------------------------------------------------------------- */

/* Whose turn it is, of those who may have something: from .turn on, round. */
static struct peer *next_peer(struct lan *l)
{
	uint64_t later = l->filled >> l->turn << l->turn;
	unsigned i;

	if (!l->filled)
		return NULL;
	i = (unsigned)__builtin_ctzll(later ? later : l->filled);
	if (i != l->turn)
		l->turns = 0;
	l->turn = i;
	if (++l->turns >= TURN) {
		l->turn = (i + 1) % PEERS;
		l->turns = 0;
	}
	return &l->peers[i];
}

/* Is it a packet, and from whom? @p: its beginning. */
static bool check_and_learn(struct lan *l, const struct peer *from, const uint8_t *p, size_t len)
{
	if (!offload_check(p, len)) {
		netdev_complain(&l->n,
				"%s: a member sent a packet whose header cannot be true; "
				"it is dropped",
				l->n.info.backend);
		return false;
	}
	mac_table_learn(&l->macs, p + NET_HDR_LEN + 6, (unsigned)(from - l->peers), now_s());
	return true;
}

static size_t give(const struct iovec *iov, unsigned cnt, const uint8_t *p, size_t len)
{
	size_t n = min_u64(len, iov_len(iov, cnt));

	iov_scatter(iov, 0, p, n);
	return n;
}

/* The next part of the packet that is being taken apart; 0: there is none. */
static size_t next_part(struct lan *l, const struct iovec *iov, unsigned cnt)
{
	size_t len = l->segmenting ? segmenter_next(&l->seg, l->part) : 0;

	l->segmenting = len > 0;
	return len ? give(iov, cnt, l->part, len) : 0;
}

/* A packet by way of our own memory, for a guest that lacks what it may need. 0: none for now. */
static ssize_t take_whole(struct lan *l, struct peer *from, const struct iovec *iov, unsigned cnt)
{
	struct iovec v = { l->whole, sizeof(l->whole) };
	ssize_t r = wire_recv(&from->wire, &v, 1);
	uint64_t lacks;

	if (r < 0)
		return r;
	if (!check_and_learn(l, from, l->whole, (size_t)r))
		return 0;
	lacks = offload_needs(l->whole) & ~l->offloads;
	if (lacks & (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN)) {
		segmenter_begin(&l->seg, l->whole, (size_t)r);
		l->segmenting = true;
		return (ssize_t)next_part(l, iov, cnt);
	}
	if (lacks)
		offload_finish_csum(l->whole, (size_t)r);
	return (ssize_t)give(iov, cnt, l->whole, (size_t)r);
}

/* A packet straight to the guest, whom nothing in it can surprise. 0: it was no good. */
static ssize_t take_straight(struct lan *l, struct peer *from, const struct iovec *iov,
			     unsigned cnt)
{
	uint8_t front[OFFLOAD_HEADERS];
	ssize_t r = wire_recv(&from->wire, iov, cnt);

	if (r < 0)
		return r;
	iov_gather(front, iov, 0, min_u64((size_t)r, sizeof(front)));
	return check_and_learn(l, from, front, (size_t)r) ? r : 0;
}

static ssize_t lan_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	const uint64_t all = OFFLOADS_KNOWN & (NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 |
					       NET_F_GUEST_TSO6 | NET_F_GUEST_ECN);
	struct lan *l = to_lan(n);
	struct peer *p;
	ssize_t r = (ssize_t)next_part(l, iov, cnt);

	(void)q;
	for (unsigned bad = 0; !r && (p = next_peer(l)); bad++) {
		if (bad == BAD_MAX) {
			in_ns(&l->begin, 0);
			break;
		}
		r = (l->offloads & all) == all ? take_straight(l, p, iov, cnt)
					       : take_whole(l, p, iov, cnt);
		if (r == -EAGAIN) {
			l->filled &= ~bit_of(p);
			r = 0;
		}
	}
	l->rx_wait = !r;
	return r ? r : -EAGAIN;
}

static void on_begin(struct ev_timer *t)
{
	tell_readable(container_of(t, struct lan, begin));
}

static void lan_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	struct lan *l = to_lan(n);

	l->offloads = offloads;
	l->segmenting = false;
	l->rx_wait = pairs > 0;
	if (pairs)
		in_ns(&l->begin, 0);
}

/* --- life ------------------------------------------------------------------------------------- */

static void lan_close(struct netdev *n)
{
	struct lan *l = to_lan(n);

	timer_cancel(&l->again);
	timer_cancel(&l->begin);
	loop_del(&l->accept);
	loop_del(&l->news);
	switch_dir_close(&l->dir);
	for (unsigned i = 0; i < PEERS; i++)
		if (l->peers[i].ready)
			wire_destroy(&l->peers[i].wire);
	free(l);
}

static const struct netdev_ops lan_ops = {
	.run = lan_run,
	.send = lan_send,
	.flush = lan_flush,
	.recv = lan_recv,
	.close = lan_close,
};

static int enter(struct lan *l, const char *name, struct error **errp)
{
	int r = switch_dir_open(&l->dir, name, errp);

	if (r < 0)
		return r;
	l->accept = (struct ev_fd){ .fd = l->dir.name.fd, .events = EV_IN, .cb = on_accept };
	l->news = (struct ev_fd){ .fd = l->dir.inotify, .events = EV_IN, .cb = on_news };
	r = loop_add(l->n.loop, &l->accept, errp);
	if (r == 0)
		r = loop_add(l->n.loop, &l->news, errp);
	if (r < 0)
		return r;
	switch_dir_each(&l->dir, look_at, l);
	return 0;
}

int switch_open(const struct net_config *c, struct loop *loop, struct netdev **ret,
		struct error **errp)
{
	const char *name = c->name ? c->name : "default";
	struct lan *l;
	int r;

	if (c->queues > 1)
		return err_set(errp, EINVAL, "a port of a switch has one queue pair, not %u",
			       c->queues);
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(errp, ENOMEM, "no memory for a port of switch '%s'", name);
	l->n.ops = &lan_ops;
	l->n.loop = loop;
	l->n.info =
		(struct net_info){ .offloads = OFFLOADS_KNOWN, .queues = 1, .backend = l->n.name };
	snprintf(l->n.name, sizeof(l->n.name), "switch %s", name);
	atomic_store(&l->n.link, true);
	l->dir.name.fd = l->dir.inotify = -1;
	timer_init(&l->again, loop_clock(loop), on_again);
	timer_init(&l->begin, loop_clock(loop), on_begin);
	r = enter(l, name, errp);
	if (r < 0) {
		lan_close(&l->n);
		return r;
	}
	*ret = &l->n;
	return 0;
}
