/* SPDX-License-Identifier: MIT */
/*
 * net_vhost.c: virtio-net with the host's kernel at work (-n tap,vhost): vhost-net serves the queue
 * pairs that the driver uses while the cable is in. The rest is as ever: commands, configuration,
 * the link. While that is down the device drops what is sent; what arrives stays at the host's end,
 * and receive queues are not looked at.
 *
 * Where the kernel cannot go on (the tap was removed, the driver wrote nonsense, no memory) the
 * device serves the queues as it does without vhost, which judges the driver and drops what cannot
 * be sent, and a second later the kernel gets them back.
 */
#include <errno.h>

#include "devices/virtio/net_internal.h"
#include "vmm/error.h"

static bool serves(const struct virtio_net *n, unsigned pair)
{
	return n->vhost_on & BIT(pair);
}

#define AGAIN_NS NSEC_PER_SEC

/* Inside of a call to vhost: nothing is done here. */
static void on_failed(void *opaque)
{
	struct virtio_net *n = opaque;

	timer_arm(&n->vhost_timer, vclock_now(n->vhost_timer.clock) + AGAIN_NS);
}

static void on_again(struct ev_timer *t)
{
	struct virtio_net *n = container_of(t, struct virtio_net, vhost_timer);

	for (unsigned i = 0; i < n->max_pairs; i++) {
		if (!serves(n, i))
			continue;
		net_rx_drop(n, i);
		n->tx[i].stalled = false;
		vhost_resume(n->vhost[i]);
	}
}

/* The kernel passes on everything for any VLAN, and as fast as it can. */
int net_vhost_open(struct virtio_net *n, const struct virtio_net_params *p, struct error **errp)
{
	if (!p->vhost)
		return 0;
	if (p->bw || p->pps) {
		err_set(errp, EINVAL,
			"'%s': with vhost the kernel moves the frames, and keeps no limit", p->id);
		err_hint(errp, "leave out bw and pps, or vhost; tc(8) can limit the interface");
		return -EINVAL;
	}
	if (netdev_vhost_fd(n->net, 0) < 0)
		return err_set(errp, EINVAL, "'%s': vhost needs a tap, and this is %s", p->id,
			       netdev_info(n->net).backend);
	n->vhost = calloc(n->max_pairs, sizeof(struct vhost *));
	if (!n->vhost)
		return err_errno(errp, ENOMEM, "creating network card '%s'", p->id);
	for (unsigned i = 0; i < n->max_pairs; i++) {
		struct vhost_config c = { .kind = VHOST_KIND_NET,
					  .vdev = &n->vdev,
					  .first = net_rx_index(i),
					  .kernel = p->kernel,
					  .failed = on_failed,
					  .opaque = n };
		int r = vhost_open(&c, &n->vhost[i], errp);

		if (r < 0)
			return r;
	}
	timer_init(&n->vhost_timer, loop_clock(p->loop), on_again);
	n->vdev.offered &= ~VIRTIO_NET_F_CTRL_VLAN;
	return 0;
}

void net_vhost_close(struct virtio_net *n)
{
	for (unsigned i = 0; n->vhost && i < n->max_pairs; i++)
		vhost_close(n->vhost[i]);
	free(n->vhost);
}

void net_vhost_stop(struct virtio_net *n, unsigned first_pair)
{
	for (unsigned i = first_pair; i < n->max_pairs; i++) {
		if (!serves(n, i))
			continue;
		net_rx_drop(n, i);
		vhost_stop(n->vhost[i], VIRTIO_ALL_QUEUES);
		n->vhost_on &= ~BIT(i);
		/* Kicks come here again, and those that the kernel has not seen. */
		virtio_ring(&n->vdev, net_tx_index(i));
	}
	if (n->vhost && !n->vhost_on)
		timer_cancel(&n->vhost_timer);
}

void net_vhost_start(struct virtio_net *n, unsigned pairs)
{
	for (unsigned i = 0; n->vhost && i < pairs; i++) {
		if (serves(n, i))
			continue;
		n->vhost_on |= BIT(i);
		n->tx[i].stalled = false;
		vhost_start(n->vhost[i], netdev_vhost_fd(n->net, i));
	}
}

bool net_vhost_kick(struct virtio_net *n, unsigned q)
{
	if (!n->vhost || q >= 2 * n->max_pairs)
		return false;
	if (serves(n, q / 2))
		return vhost_kick(n->vhost[q / 2], q);
	return q == net_rx_index(q / 2);
}

void net_vhost_stop_queue(struct virtio_net *n, unsigned q)
{
	if (n->vhost && q < 2 * n->max_pairs && serves(n, q / 2))
		vhost_stop(n->vhost[q / 2], q);
}
