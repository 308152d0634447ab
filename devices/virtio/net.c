/* SPDX-License-Identifier: MIT */
/*
 * net.c: virtio-net (virtio 1.2, 5.1): its life, its configuration, its link.
 *
 *	queue 2n, 2n + 1   receiveq and transmitq of pair n
 *	queue 2 * pairs    controlq; queue 2 for a driver that does not know of pairs (no F_MQ)
 *
 * All queues are one loop's, and so is the host's end. Between two events chains of receive queues
 * only are outstanding: those that wait for packets. They are given back when the device stops.
 */
#include "devices/virtio/net.h"

#include <errno.h>
#include <string.h>

#include "devices/virtio/net_internal.h"
#include "vmm/error.h"

/* What is cheap to offer and needs nothing of the host's end. */
#define OWN_FEATURES                                                                               \
	(VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ |  \
	 VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA | VIRTIO_NET_F_CTRL_VLAN |              \
	 VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_SPEED_DUPLEX)

#define DEFAULT_MTU 1500u
/* What a tap says of itself, in Mbit/s. */
#define DEFAULT_SPEED 10000u
/* A tenth of a second's worth may pass at once. */
#define BURST_DIVISOR 10
/*
 * Linux announces itself before it takes up a link of which it hears in the same interrupt, and
 * then nothing is sent; a guest that is slow to look may do so once, not twice.
 */
#define ANNOUNCE_AFTER_NS UINT64_C(100000000)
#define ANNOUNCE_AGAIN_NS UINT64_C(1000000000)

/* --- limits ----------------------------------------------------------------------------------- */

bool net_limit_ok(struct net_limit *l)
{
	uint64_t now = vclock_now(l->timer.clock);
	uint64_t wait =
		max_u64(token_bucket_wait(&l->bytes, now), token_bucket_wait(&l->frames, now));

	if (!wait)
		return true;
	timer_arm(&l->timer, now + wait);
	return false;
}

void net_limit_take(struct net_limit *l, uint64_t bytes)
{
	uint64_t now = vclock_now(l->timer.clock);

	token_bucket_take(&l->bytes, now, bytes);
	token_bucket_take(&l->frames, now, 1);
}

static void on_tx_time(struct ev_timer *t)
{
	struct virtio_net *n = container_of(t, struct virtio_net, tx_limit.timer);

	for (unsigned i = 0; n->vdev.active && i < n->max_pairs; i++)
		net_tx_pump(n, i);
}

static void on_rx_time(struct ev_timer *t)
{
	struct virtio_net *n = container_of(t, struct virtio_net, rx_limit.timer);

	for (unsigned i = 0; n->vdev.active && i < n->pairs; i++)
		net_rx_pump(n, i);
}

static void limit_init(struct net_limit *l, const struct virtio_net_params *p,
		       void (*cb)(struct ev_timer *))
{
	l->on = p->bw || p->pps;
	token_bucket_init(&l->bytes, p->bw, p->bw / BURST_DIVISOR);
	token_bucket_init(&l->frames, p->pps, p->pps / BURST_DIVISOR);
	timer_init(&l->timer, loop_clock(p->loop), cb);
}

static void announce(void *arg)
{
	struct virtio_net *n = arg;

	if (!n->vdev.active || !virtio_has(&n->vdev, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return;
	atomic_fetch_or(&n->status, VIRTIO_NET_S_ANNOUNCE);
	virtio_config_changed(&n->vdev);
}

static void announce_in(struct virtio_net *n, uint64_t ns)
{
	timer_arm(&n->announce_timer, vclock_now(n->announce_timer.clock) + ns);
}

static void on_announce_time(struct ev_timer *t)
{
	struct virtio_net *n = container_of(t, struct virtio_net, announce_timer);

	announce(n);
	if (!n->announced)
		announce_in(n, ANNOUNCE_AGAIN_NS);
	n->announced = true;
}

/* --- the host's end --------------------------------------------------------------------------- */

void net_run(struct virtio_net *n)
{
	unsigned pairs = n->vdev.active && n->cable ? n->pairs : 0;
	unsigned kernels = n->up ? pairs : 0;

	/* The kernel is at work only in queues that the tap takes part with. */
	net_vhost_stop(n, kernels);
	netdev_run(n->net, pairs, n->vdev.acked & NET_GUEST_OFFLOADS & ~n->refused);
	net_vhost_start(n, kernels);
	/* Who has waited for readable() before may wait in vain now. */
	for (unsigned i = 0; i < pairs; i++)
		virtio_ring(&n->vdev, net_rx_index(i));
}

/* What waited for the host's end finds that it takes everything, or that there is none. */
static void pump_all(struct virtio_net *n)
{
	for (unsigned i = 0; n->vdev.active && i < n->max_pairs; i++) {
		n->tx[i].stalled = false;
		virtio_ring(&n->vdev, net_rx_index(i));
		virtio_ring(&n->vdev, net_tx_index(i));
	}
}

static void look_at_link(struct virtio_net *n)
{
	bool up = n->cable && netdev_link(n->net);

	if (up == n->up)
		return;
	n->up = up;
	if (up)
		atomic_fetch_or(&n->status, VIRTIO_NET_S_LINK_UP);
	else
		atomic_fetch_and(&n->status, (uint16_t)~VIRTIO_NET_S_LINK_UP);
	/* Until the device runs a vCPU may be writing what virtio_has() reads. */
	if (n->vdev.active && virtio_has(&n->vdev, VIRTIO_NET_F_STATUS))
		virtio_config_changed(&n->vdev);
	if (n->vhost)
		net_run(n);
	pump_all(n);
	/* Whoever is behind the host's end now may never have heard of the guest. */
	timer_cancel(&n->announce_timer);
	n->announced = false;
	if (up && n->vdev.active)
		announce_in(n, ANNOUNCE_AFTER_NS);
}

static void on_readable(void *opaque, unsigned q)
{
	struct virtio_net *n = opaque;

	if (n->vdev.active && q < n->pairs && !n->vhost)
		net_rx_pump(n, q);
}

static void on_writable(void *opaque, unsigned q)
{
	struct virtio_net *n = opaque;

	if (q >= n->max_pairs)
		return;
	n->tx[q].stalled = false;
	if (n->vdev.active && !n->vhost)
		net_tx_pump(n, q);
}

static void on_link(void *opaque, bool up)
{
	(void)up;
	look_at_link(opaque);
}

static const struct net_events net_events = {
	.readable = on_readable,
	.writable = on_writable,
	.link = on_link,
};

static void plug(void *arg)
{
	struct virtio_net *n = arg;

	n->cable = true;
	net_run(n);
	look_at_link(n);
}

static void unplug(void *arg)
{
	struct virtio_net *n = arg;

	n->cable = false;
	net_run(n);
	look_at_link(n);
}

void virtio_net_set_link(struct virtio_net *n, bool up)
{
	virtio_run_on_loop(&n->vdev, up ? plug : unplug, n);
}

void virtio_net_announce(struct virtio_net *n)
{
	virtio_run_on_loop(&n->vdev, announce, n);
}

struct stats_call {
	struct virtio_net *n;
	struct virtio_net_stats stats;
};

static void copy_stats(void *arg)
{
	struct stats_call *c = arg;

	c->stats = c->n->stats;
}

struct virtio_net_stats virtio_net_stats(struct virtio_net *n)
{
	struct stats_call c = { .n = n };

	virtio_run_on_loop(&n->vdev, copy_stats, &c);
	return c.stats;
}

/* --- virtio_ops ------------------------------------------------------------------------------- */

static void net_get_config(struct virtio_device *v, void *buf)
{
	struct virtio_net *n = to_net(v);
	net_mac mac = atomic_load(&n->mac);
	struct virtio_net_config c = {
		.status = le16_make(atomic_load(&n->status)),
		.max_virtqueue_pairs = le16_make((uint16_t)n->max_pairs),
		.mtu = le16_make((uint16_t)n->mtu),
		.speed = le32_make(n->speed),
		.duplex = VIRTIO_NET_DUPLEX_FULL,
	};

	for (unsigned i = 0; i < sizeof(c.mac); i++)
		c.mac[i] = (uint8_t)(mac >> 8 * i);
	memcpy(buf, &c, sizeof(c));
}

/* 5.1.3.1 */
static bool net_check_features(const struct virtio_device *v, uint64_t acked)
{
	static const struct {
		uint64_t any_of, needs;
	} rules[] = {
		{ NET_GUEST_SEGMENTS, VIRTIO_NET_F_GUEST_CSUM },
		{ NET_HOST_SEGMENTS, VIRTIO_NET_F_CSUM },
		{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 },
		{ VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 },
		{ VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA | VIRTIO_NET_F_CTRL_VLAN |
			  VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_GUEST_ANNOUNCE |
			  VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | VIRTIO_NET_F_MQ,
		  VIRTIO_NET_F_CTRL_VQ },
	};

	(void)v;
	for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
		if ((acked & rules[i].any_of) && !(acked & rules[i].needs))
			return false;
	return true;
}

void net_set_mac(struct virtio_net *n, net_mac mac)
{
	n->filter.mac = mac;
	net_filter_update(&n->filter, virtio_has(&n->vdev, VIRTIO_NET_F_CTRL_VLAN));
	atomic_store(&n->mac, mac);
}

/* Without an offload of segments no packet is longer than the network's frames. */
void net_update(struct virtio_net *n)
{
	uint64_t guest = n->vdev.acked & NET_GUEST_OFFLOADS & ~n->refused;
	uint64_t mtu = max_u64(DEFAULT_MTU, max_u64(n->mtu, n->host_mtu));

	n->rx_need = guest & NET_GUEST_SEGMENTS
			     ? NET_PACKET_MAX
			     : min_u64(NET_HDR_LEN + ETH_HEADER + ETH_TAG + mtu, NET_PACKET_MAX);
	n->mergeable = virtio_has(&n->vdev, VIRTIO_NET_F_MRG_RXBUF);
	net_filter_update(&n->filter, virtio_has(&n->vdev, VIRTIO_NET_F_CTRL_VLAN));
}

static void net_activate(struct virtio_device *v)
{
	struct virtio_net *n = to_net(v);

	net_update(n);
	net_tx_setup(n);
	look_at_link(n);
	net_run(n);
	if (n->restored)
		announce(n);
	n->restored = false;
}

static void net_kick(struct virtio_device *v, unsigned q)
{
	struct virtio_net *n = to_net(v);
	unsigned ctrl = virtio_has(v, VIRTIO_NET_F_MQ) ? 2 * n->max_pairs : 2;

	if (q == ctrl && virtio_has(v, VIRTIO_NET_F_CTRL_VQ))
		net_ctrl_pump(n, q);
	else if (q >= 2 * n->max_pairs || net_vhost_kick(n, q))
		return;
	else if (q % 2)
		net_tx_pump(n, q / 2);
	else
		net_rx_pump(n, q / 2);
}

static void net_quiesce(struct virtio_device *v, unsigned q)
{
	struct virtio_net *n = to_net(v);

	net_vhost_stop_queue(n, q);
	if (q == VIRTIO_ALL_QUEUES) {
		net_vhost_stop(n, 0);
		netdev_run(n->net, 0, 0);
		timer_cancel(&n->announce_timer);
		timer_cancel(&n->tx_limit.timer);
		timer_cancel(&n->rx_limit.timer);
	}
	for (unsigned i = 0; i < n->max_pairs; i++) {
		if (q == VIRTIO_ALL_QUEUES || q == net_rx_index(i))
			net_rx_drop(n, i);
		if (q == VIRTIO_ALL_QUEUES || q == net_tx_index(i))
			n->tx[i].stalled = false;
	}
}

/* The device is quiescent, so what is the loop's is nobody's now. */
static void net_reset(struct virtio_device *v)
{
	struct virtio_net *n = to_net(v);

	n->pairs = 1;
	n->refused = 0;
	n->restored = false;
	net_filter_reset(&n->filter, n->first_mac);
	atomic_store(&n->mac, n->first_mac);
	atomic_fetch_and(&n->status, (uint16_t)~VIRTIO_NET_S_ANNOUNCE);
}

static const struct virtio_ops net_virtio_ops = {
	.name = "virtio-net",
	.device_type = VIRTIO_ID_NET,
	.get_config = net_get_config,
	.check_features = net_check_features,
	.reset = net_reset,
	.activate = net_activate,
	.kick = net_kick,
	.quiesce = net_quiesce,
};

/* --- saved state ------------------------------------------------------------------------------ */

static void pre_save(void *s)
{
	struct virtio_net *n = s;

	n->saved_first = n->first_mac;
	virtio_pre_save(&n->vdev);
}

static int post_load(void *s, unsigned version, struct error **errp)
{
	struct virtio_net *n = s;
	int r;

	/* A card without a set address has another one in each process: the guest's is the saved
	 * one. */
	if (version < 2)
		n->saved_first = n->first_mac;
	if (!net_filter_valid(&n->filter) || !net_mac_valid(n->saved_first))
		return err_set(errp, EINVAL, "the address filter is one that no driver can set");
	if (!n->pairs || n->pairs > n->max_pairs)
		return err_set(errp, EINVAL,
			       "the driver used %u queue pairs, and this machine's card has %u",
			       n->pairs, n->max_pairs);
	if (n->refused & ~NET_GUEST_OFFLOADS)
		return err_set(errp, EINVAL, "offloads are refused that there are not");
	r = virtio_post_load(&n->vdev, errp);
	if (r < 0)
		return r;
	n->first_mac = n->saved_first;
	atomic_store(&n->mac, n->filter.mac);
	n->restored = true;
	return 0;
}

static const struct snap_field net_fields[] = {
	VIRTIO_SNAP(struct virtio_net, vdev.saved),   SNAP(struct virtio_net, pairs, 1),
	SNAP(struct virtio_net, refused, 1),          SNAP(struct virtio_net, filter.mode, 1),
	SNAP(struct virtio_net, filter.uni_cnt, 1),   SNAP(struct virtio_net, filter.multi_cnt, 1),
	SNAP(struct virtio_net, filter.uni_all, 1),   SNAP(struct virtio_net, filter.multi_all, 1),
	SNAP(struct virtio_net, filter.mac, 1),       SNAP_ARR(struct virtio_net, filter.uni, 1),
	SNAP_ARR(struct virtio_net, filter.multi, 1), SNAP_ARR(struct virtio_net, filter.vlan, 1),
	SNAP(struct virtio_net, saved_first, 2),
};

static const struct snap_desc net_state = {
	.version = 2,
	.min_version = 1,
	.f = net_fields,
	.n = ARRAY_LEN(net_fields),
	.pre_save = pre_save,
	.post_load = post_load,
};

/* --- life ------------------------------------------------------------------------------------- */

/* Frees all but the host's end. */
static void free_net(struct virtio_net *n)
{
	for (unsigned i = 0; n->rx && i < n->max_pairs; i++) {
		if (n->rx[i].owner)
			timer_cancel(&n->rx[i].timer);
		free(n->rx[i].chain);
		free(n->rx[i].spill);
	}
	net_vhost_close(n);
	virtio_fini(&n->vdev);
	free(n->rx);
	free(n->tx);
	free(n);
}

static void net_destroy(struct device *d)
{
	struct virtio_net *n = d ? container_of(d, struct virtio_net, vdev.dev) : NULL;

	if (!n)
		return;
	netdev_close(n->net);
	free_net(n);
}

static void net_leave(struct device *d)
{
	struct virtio_net *n = container_of(d, struct virtio_net, vdev.dev);

	n->net = netdev_close(n->net);
}

static const struct device_ops net_dev_ops = {
	.name = "virtio-net",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = virtio_dev_stop,
	.leave = net_leave,
	.destroy = net_destroy,
	.state = &net_state,
};

static uint64_t features(const struct virtio_net *n)
{
	uint64_t f = OWN_FEATURES | (n->info_offloads & (NET_GUEST_OFFLOADS | NET_HOST_OFFLOADS));

	if (f & NET_GUEST_OFFLOADS)
		f |= VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
	if (n->mtu)
		f |= VIRTIO_NET_F_MTU;
	if (n->max_pairs > 1)
		f |= VIRTIO_NET_F_MQ;
	return f;
}

static int alloc_queues(struct virtio_net *n)
{
	n->tx = calloc(n->max_pairs, sizeof(*n->tx));
	n->rx = calloc(n->max_pairs, sizeof(*n->rx));
	if (!n->tx || !n->rx)
		return -ENOMEM;
	for (unsigned i = 0; i < n->max_pairs; i++) {
		net_rx_init(n, &n->rx[i], i);
		n->rx[i].chain = calloc(NET_POOL, sizeof(*n->rx[i].chain));
		n->rx[i].spill = calloc(1, NET_PACKET_MAX);
		if (!n->rx[i].chain || !n->rx[i].spill)
			return -ENOMEM;
	}
	return 0;
}

static int init_virtio(struct virtio_net *n, const struct virtio_net_params *p, struct error **errp)
{
	uint16_t sizes[2 * NET_QUEUES_MAX + 1];
	struct virtio_config config = {
		.id = p->id,
		.gm = p->gm,
		.loop = p->loop,
		.packed = p->packed,
		.features = features(n),
		.config_len = sizeof(struct virtio_net_config),
		.queue_sizes = sizes,
		.queue_cnt = 2 * n->max_pairs + 1,
	};

	_Static_assert(ARRAY_LEN(sizes) <= VIRTIO_QUEUES_MAX, "two per pair, and control");
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = VIRTIO_NET_QUEUE_SIZE;
	return virtio_init(&n->vdev, &net_virtio_ops, &net_dev_ops, &config, errp);
}

static void describe(struct virtio_net *n, const struct virtio_net_params *p)
{
	struct net_info info = netdev_info(p->net);
	uint64_t mbits = p->bw * 8 / 1000000;

	n->net = p->net;
	n->max_pairs = (unsigned)max_u64(1, min_u64(info.queues, NET_QUEUES_MAX));
	n->info_offloads = info.offloads;
	n->host_mtu = info.mtu;
	n->mtu = p->mtu;
	n->speed = p->bw ? (uint32_t)max_u64(1, min_u64(mbits, INT32_MAX)) : DEFAULT_SPEED;
	n->first_mac = net_mac_load(p->mac);
	n->cable = !p->link_down;
	n->up = n->cable && netdev_link(p->net);
	n->status = n->up ? VIRTIO_NET_S_LINK_UP : 0;
	timer_init(&n->announce_timer, loop_clock(p->loop), on_announce_time);
	limit_init(&n->tx_limit, p, on_tx_time);
	limit_init(&n->rx_limit, p, on_rx_time);
}

int virtio_net_create(const struct virtio_net_params *p, struct virtio_net **ret,
		      struct error **errp)
{
	struct virtio_net *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return err_errno(errp, ENOMEM, "creating network card '%s'", p->id);
	describe(n, p);
	n->vdev.loop = p->loop; /* timers have its clock */
	r = alloc_queues(n);
	if (r < 0)
		err_errno(errp, -r, "creating network card '%s'", p->id);
	else
		r = init_virtio(n, p, errp);
	if (r >= 0)
		r = net_vhost_open(n, p, errp);
	if (r < 0) {
		free_net(n);
		return r;
	}
	net_reset(&n->vdev);
	netdev_set_events(n->net, &net_events, n);
	*ret = n;
	return 0;
}

struct virtio_device *virtio_net_device(struct virtio_net *n)
{
	return &n->vdev;
}
