/* SPDX-License-Identifier: MIT */
/*
 * net_rx.c: virtio-net, from the host's end to the guest.
 *
 * A packet is received straight into the chains that wait for it (struct net_rx), before anybody
 * knows how long it is. There are two ways, and traffic chooses: while packets are small, into the
 * first chain, behind which lies memory of our own (the spill) for the rest of one that is longer
 * after all; once one was, into as many chains as the longest packet takes, without a copy.
 *
 * In the second way a packet stays at the host's end until there are as many chains: the driver's
 * next buffers bring the device back here. A driver that has given all it has, less than that,
 * would wait for the device and the device for it. Where that is known, or has lasted for
 * PATIENCE_NS, the spill takes the place of what is missing, and what there is no room for then is
 * dropped, as with any card.
 *
 * Chains are completed in their order, and those that wait are always the newest: so they can be
 * given back, the newest first, whenever the device stops.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio/net_internal.h"
#include "vmm/log.h"

/* Longer than a host under load takes a CPU from its guest; shorter than a connection lives. */
#define PATIENCE_NS (500 * NSEC_PER_MSEC)
/* So many small packets in a row, and the next ones will be small. */
#define CALM 64u

/* --- the pool --------------------------------------------------------------------------------- */

static struct virtq *rx_queue(const struct virtio_net *n, unsigned pair)
{
	return n->vdev.queue[net_rx_index(pair)].vq;
}

static struct vq_chain *chain_at(struct net_rx *rx, unsigned i)
{
	return &rx->chain[(rx->head + i) % NET_POOL];
}

static struct iovec *pieces(struct net_rx *rx)
{
	return rx->iov + rx->iov_at;
}

/* The place for @cnt more pieces, and behind them the spill; or NULL. */
static struct iovec *place_for(struct net_rx *rx, unsigned cnt)
{
	if (rx->iov_cnt + cnt + 1 > NET_IOV)
		return NULL;
	if (rx->iov_at + rx->iov_cnt + cnt + 1 > NET_IOV) {
		memmove(rx->iov, pieces(rx), rx->iov_cnt * sizeof(rx->iov[0]));
		rx->iov_at = 0;
	}
	return pieces(rx) + rx->iov_cnt;
}

/* False: the ring is empty, or (rx->full) the pool full. */
static bool take_chain(struct virtio_net *n, struct net_rx *rx)
{
	struct vq_chain *c = chain_at(rx, rx->cnt);
	const struct iovec *iov;
	struct iovec *place;
	unsigned cnt;

	if (rx->full || vq_pop(rx_queue(n, rx->pair), c) != VQ_OK)
		return false;
	place = place_for(rx, c->w.n);
	if (unlikely(!place)) {
		vq_unpop(c);
		rx->full = true;
		return false;
	}
	vq_window(c, &c->w, c->w.left, &iov, &cnt);
	memcpy(place, iov, cnt * sizeof(*iov));
	rx->pieces[(rx->head + rx->cnt) % NET_POOL] = (uint16_t)cnt;
	rx->cnt++;
	rx->iov_cnt += cnt;
	rx->room += c->room;
	return true;
}

/* The oldest chain goes back to the driver with its first @len bytes written. */
static void complete_first(struct net_rx *rx, uint64_t len)
{
	struct vq_chain *c = chain_at(rx, 0);
	unsigned cnt = rx->pieces[rx->head];

	vq_commit(c, len);
	rx->room -= c->room;
	vq_complete(c);
	rx->iov_cnt -= cnt;
	rx->iov_at = rx->iov_cnt ? rx->iov_at + cnt : 0;
	rx->head = (rx->head + 1) % NET_POOL;
	rx->full = false;
	if (!--rx->cnt)
		rx->head = 0; /* whose memory is the warmest */
}

void net_rx_drop(struct virtio_net *n, unsigned pair)
{
	struct net_rx *rx = &n->rx[pair];

	while (rx->cnt)
		vq_unpop(chain_at(rx, --rx->cnt));
	rx->head = rx->iov_at = rx->iov_cnt = 0;
	rx->room = rx->held = 0;
	rx->full = rx->starved = rx->impatient = false;
	rx->kicks = true;
}

/* --- room ------------------------------------------------------------------------------------- */

/* 5.1.6.3.1: a buffer is "at least the size of the struct virtio_net_hdr". Others are of no use at
 * the beginning of a packet. */
static void skip_useless(struct net_rx *rx)
{
	while (rx->cnt && unlikely(chain_at(rx, 0)->room < NET_HDR_LEN))
		complete_first(rx, 0);
}

/* Will there be no more than there is, however long we wait? */
static bool is_all(const struct virtio_net *n, const struct net_rx *rx)
{
	unsigned size = n->vdev.queue[net_rx_index(rx->pair)].addr.size;

	return rx->full || rx->cnt == NET_POOL || rx->cnt >= size || rx->impatient;
}

/*
 * Takes chains until there is room for @len bytes. Each chain is popped once until the driver is
 * told of those that are complete, so this ends after a ringful of useless ones.
 */
static bool make_room(struct virtio_net *n, struct net_rx *rx, uint64_t len)
{
	do {
		skip_useless(rx);
		if (rx->cnt && (rx->room >= len || !n->mergeable))
			return true;
	} while (rx->cnt < NET_POOL && take_chain(n, rx));
	return false;
}

/* Can a packet be received now? */
static bool is_ready(struct virtio_net *n, struct net_rx *rx)
{
	if (!rx->large)
		return make_room(n, rx, 1);
	if (likely(make_room(n, rx, n->rx_need))) {
		rx->impatient = false;
		return true;
	}
	return rx->cnt && is_all(n, rx);
}

/* --- packets ---------------------------------------------------------------------------------- */

/* The @len bytes at @off of what lies in @iov; what is not there is not copied. */
static void gather(uint8_t *dst, const struct iovec *iov, unsigned cnt, size_t off, size_t len)
{
	for (unsigned i = 0; i < cnt && len; i++) {
		size_t have = iov[i].iov_len, part;

		if (off >= have) {
			off -= have;
			continue;
		}
		part = min_u64(have - off, len);
		memcpy(dst, (const uint8_t *)iov[i].iov_base + off, part);
		dst += part;
		len -= part;
		off = 0;
	}
}

static void scatter(const uint8_t *src, const struct iovec *iov, unsigned cnt, size_t off,
		    size_t len)
{
	for (unsigned i = 0; i < cnt && len; i++) {
		size_t have = iov[i].iov_len, part;

		if (off >= have) {
			off -= have;
			continue;
		}
		part = min_u64(have - off, len);
		memcpy((uint8_t *)iov[i].iov_base + off, src, part);
		src += part;
		len -= part;
		off = 0;
	}
}

/* Is the frame that lies in @iov for the guest? Guest memory is copied, then looked at. */
static bool is_wanted(const struct virtio_net *n, const struct iovec *iov, unsigned cnt)
{
	uint8_t head[NET_FILTER_HEAD];

	if (likely(n->filter.all))
		return true;
	if (likely(iov[0].iov_len >= NET_HDR_LEN + sizeof(head))) {
		memcpy(head, (const uint8_t *)iov[0].iov_base + NET_HDR_LEN, sizeof(head));
	} else {
		memset(head, 0, sizeof(head));
		gather(head, iov, cnt, NET_HDR_LEN, sizeof(head));
	}
	return net_filter_asks(&n->filter, head);
}

/* 5.1.6.4.1: how many buffers the packet takes. It is in the first one, wherever its pieces lie. */
static void set_num_buffers(struct net_rx *rx, unsigned buffers)
{
	const size_t off = offsetof(struct virtio_net_hdr_v1, num_buffers);
	le16 v = le16_make((uint16_t)buffers);
	struct iovec *iov = pieces(rx);

	if (likely(iov[0].iov_len >= NET_HDR_LEN))
		memcpy((uint8_t *)iov[0].iov_base + off, &v, sizeof(v));
	else
		scatter((const uint8_t *)&v, iov, rx->iov_cnt, off, sizeof(v));
}

/* A packet of @len bytes lies in the pool: the chains that it takes are complete. */
static void deliver(struct virtio_net *n, struct net_rx *rx, uint64_t len)
{
	unsigned buffers = 1;
	uint64_t room = chain_at(rx, 0)->room;

	while (room < len)
		room += chain_at(rx, buffers++)->room;
	set_num_buffers(rx, buffers);
	n->stats.rx++;
	n->stats.rx_bytes += len - NET_HDR_LEN;
	while (buffers--) {
		uint64_t part = min_u64(len, chain_at(rx, 0)->room);

		complete_first(rx, part);
		len -= part;
	}
}

static void drop(struct virtio_net *n, const struct net_rx *rx, uint64_t len)
{
	n->stats.rx_no_room++;
	log_guest(&n->vdev.dev,
		  "queue %u: a packet of %llu bytes was dropped, as there are buffers for %llu",
		  net_rx_index(rx->pair), (unsigned long long)len, (unsigned long long)rx->room);
}

/*
 * The packet of @len bytes has its first @at bytes in the pool and the others in the spill: brings
 * them together. False: it is held until there is room for it.
 */
static bool finish(struct virtio_net *n, struct net_rx *rx, uint64_t len, uint64_t at)
{
	rx->held = 0;
	if (unlikely(len > rx->room && (!make_room(n, rx, len) || len > rx->room))) {
		if (!n->mergeable || is_all(n, rx)) {
			drop(n, rx, len);
			return true;
		}
		rx->held = len;
		rx->held_at = at;
		return false;
	}
	if (len > at)
		scatter(rx->spill, pieces(rx), rx->iov_cnt, at, len - at);
	deliver(n, rx, len);
	return true;
}

/* Packets are large from the first one on that does not fit into one chain. */
static void look_at_size(struct net_rx *rx, uint64_t len)
{
	if (len > chain_at(rx, 0)->room) {
		rx->large = rx->owner->mergeable;
		rx->calm = 0;
	} else if (rx->large && ++rx->calm == CALM) {
		rx->large = rx->impatient = false;
	}
}

/* Receives one packet; is_ready() was true. -EAGAIN: there is none. -ENOBUFS: it is held. */
static ssize_t receive(struct virtio_net *n, struct net_rx *rx)
{
	uint64_t room = rx->large ? rx->room : chain_at(rx, 0)->room;
	unsigned cnt = rx->large ? rx->iov_cnt : rx->pieces[rx->head];
	struct iovec *iov = pieces(rx), *end = iov + cnt, kept = *end;
	bool wanted;
	ssize_t len;

	/* A piece of the next chain may be there: it comes back. */
	if (room < n->rx_need)
		iov[cnt++] = (struct iovec){ rx->spill, n->rx_need - room };
	len = netdev_recv(n->net, rx->pair, iov, cnt);
	wanted = len >= (ssize_t)(NET_HDR_LEN + ETH_HEADER) && is_wanted(n, iov, cnt);
	*end = kept;
	if (len < 0)
		return len;
	if (n->rx_limit.on)
		net_limit_take(&n->rx_limit, (uint64_t)len);
	if (!wanted) {
		n->stats.rx_filtered++;
		return len;
	}
	if (unlikely((uint64_t)len > max_u64(room, n->rx_need))) {
		drop(n, rx, (uint64_t)len); /* it was cut */
		return len;
	}
	look_at_size(rx, (uint64_t)len);
	return finish(n, rx, (uint64_t)len, min_u64((uint64_t)len, room)) ? len : -ENOBUFS;
}

/* --- the queue -------------------------------------------------------------------------------- */

static void no_kicks(struct net_rx *rx, struct virtq *vq)
{
	if (rx->kicks)
		vq_kicks_off(vq);
	rx->kicks = false;
}

/* While there is too little, the timer comes once in PATIENCE_NS, and sees for how long. */
static void be_patient(struct net_rx *rx)
{
	uint64_t now;

	if (!rx->cnt || rx->impatient || !rx->owner->mergeable)
		return;
	now = vclock_now(rx->timer.clock);
	if (!rx->starved)
		rx->starved_ns = now;
	rx->starved = true;
	if (rx->timer_armed)
		return;
	rx->timer_armed = true;
	timer_arm(&rx->timer, now + PATIENCE_NS);
}

static void on_timer(struct ev_timer *t)
{
	struct net_rx *rx = container_of(t, struct net_rx, timer);
	uint64_t due = rx->starved_ns + PATIENCE_NS;

	rx->timer_armed = false;
	if (!rx->starved || !rx->owner->vdev.active)
		return;
	if (vclock_now(t->clock) < due) {
		rx->timer_armed = true;
		timer_arm(t, due);
		return;
	}
	rx->impatient = true;
	net_rx_pump(rx->owner, rx->pair);
}

/*
 * There is too little room: tells the driver what is complete, so that it can give more, and asks
 * to be told of it. True: there is more already.
 */
static bool ask_for_buffers(struct virtio_net *n, struct net_rx *rx, struct virtq *vq)
{
	virtio_notify(&n->vdev, net_rx_index(rx->pair));
	rx->kicks = true;
	if (!vq_kicks_on(vq)) {
		be_patient(rx);
		return false;
	}
	no_kicks(rx, vq);
	return true;
}

/* What was held goes on, or the next packet is received. -EAGAIN, or -ENOBUFS. */
static ssize_t step(struct virtio_net *n, struct net_rx *rx)
{
	if (unlikely(rx->held))
		return finish(n, rx, rx->held, rx->held_at) ? 0 : -ENOBUFS;
	return likely(is_ready(n, rx)) ? receive(n, rx) : -ENOBUFS;
}

void net_rx_pump(struct virtio_net *n, unsigned pair)
{
	uint64_t end_bytes = n->stats.rx_bytes + NET_TURN_BYTES;
	struct net_rx *rx = &n->rx[pair];
	struct virtq *vq = rx_queue(n, pair);
	unsigned turns = NET_TURN_FRAMES;
	ssize_t r;

	if (pair >= n->pairs || !n->cable || !virtq_enabled(vq))
		return;
	no_kicks(rx, vq);
	for (; turns && n->stats.rx_bytes < end_bytes; turns--) {
		if (n->rx_limit.on && !net_limit_ok(&n->rx_limit))
			goto out;
		r = step(n, rx);
		if (likely(r >= 0)) {
			rx->starved = false;
			continue;
		}
		if (r != -ENOBUFS)
			goto out;
		if (!ask_for_buffers(n, rx, vq))
			return;
	}
	virtio_ring(&n->vdev, net_rx_index(pair));
out:
	virtio_notify(&n->vdev, net_rx_index(pair));
}

void net_rx_init(struct virtio_net *n, struct net_rx *rx, unsigned pair)
{
	rx->owner = n;
	rx->pair = pair;
	rx->kicks = true;
	timer_init(&rx->timer, loop_clock(n->vdev.loop), on_timer);
}
