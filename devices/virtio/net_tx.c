/* SPDX-License-Identifier: MIT */
/*
 * net_tx.c: virtio-net, from the guest to the host's end.
 *
 * A packet's header is copied, and the copy is checked and sent; the frame goes from guest memory
 * to the host's end as it lies there. What is sent is complete as far as the ring is concerned, but
 * the driver hears of it only after netdev_flush(): until then its buffers are not its own again.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio/net_internal.h"
#include "vmm/log.h"

enum tx_end {
	TX_EMPTY, /* the ring is */
	TX_WAIT,  /* an event or a timer comes */
	TX_TURN,  /* others first */
};

/* --- the header (5.1.6.2) --------------------------------------------------------------------- */

static uint32_t gso_bit(enum virtio_net_gso type)
{
	return UINT32_C(1) << type;
}

void net_tx_setup(struct virtio_net *n)
{
	static const struct {
		uint64_t feature;
		enum virtio_net_gso type;
	} types[] = { { VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_HDR_GSO_TCPV4 },
		      { VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_HDR_GSO_TCPV6 },
		      { VIRTIO_NET_F_HOST_UFO, VIRTIO_NET_HDR_GSO_UDP },
		      { VIRTIO_NET_F_HOST_USO, VIRTIO_NET_HDR_GSO_UDP_L4 } };

	n->csum = virtio_has(&n->vdev, VIRTIO_NET_F_CSUM);
	n->ecn = virtio_has(&n->vdev, VIRTIO_NET_F_HOST_ECN);
	n->gso_mask = 0;
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		if (virtio_has(&n->vdev, types[i].feature))
			n->gso_mask |= gso_bit(types[i].type);
	for (unsigned i = 0; i < n->max_pairs; i++)
		n->tx[i].stalled = false;
}

static bool csum_ok(const struct virtio_net *n, const struct virtio_net_hdr_v1 *h, size_t len)
{
	/* Two bytes at csum_start + csum_offset are to be written. */
	return n->csum && le16_get(h->csum_start) >= ETH_HEADER &&
	       (size_t)le16_get(h->csum_start) + le16_get(h->csum_offset) + 2 <= len;
}

static bool gso_ok(const struct virtio_net *n, const struct virtio_net_hdr_v1 *h, size_t len)
{
	unsigned type = h->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
	bool ecn = h->gso_type & VIRTIO_NET_HDR_GSO_ECN;

	/* 5.1.6.2.1: "If gso_type differs from GSO_NONE, then the driver MUST also set
	 * NEEDS_CSUM", which is so here: csum_ok() has been asked. */
	if (type >= 32 || !(n->gso_mask & gso_bit(type)) || !le16_get(h->gso_size))
		return false;
	if (ecn &&
	    (!n->ecn || (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6)))
		return false;
	/* A hint that a kernel would not take either. */
	return le16_get(h->hdr_len) <= len;
}

/*
 * @h is a copy, of a frame of @len bytes. Puts right what is only noise: bits that a driver may not
 * set mean nothing, nor do fields of what it does not ask for. 5.1.6.2.2 makes hdr_len a hint.
 */
static bool header_ok(const struct virtio_net *n, struct virtio_net_hdr_v1 *h, size_t len)
{
	if (len < ETH_HEADER || len > NET_PACKET_MAX - NET_HDR_LEN)
		return false;
	h->num_buffers = le16_make(0);
	if (likely(!h->flags && h->gso_type == VIRTIO_NET_HDR_GSO_NONE)) {
		*h = (struct virtio_net_hdr_v1){ 0 };
		return true;
	}
	h->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!h->flags) {
		bool plain = h->gso_type == VIRTIO_NET_HDR_GSO_NONE;

		*h = (struct virtio_net_hdr_v1){ 0 };
		return plain;
	}
	if (!csum_ok(n, h, len))
		return false;
	if (h->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return gso_ok(n, h, len);
	h->hdr_len = h->gso_size = le16_make(0);
	return true;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* Sends the chain at work, or drops it: then there is nothing more to be done with it. -EAGAIN: the
 * host's end does not take it now. */
static int send_chain(struct virtio_net *n, unsigned pair)
{
	struct vq_chain *c = &n->chain;
	struct virtio_net_hdr_v1 h;
	const struct iovec *iov;
	unsigned cnt;
	size_t len;
	int r;

	if (unlikely(!vq_pull(c, &h, sizeof(h)) || !header_ok(n, &h, c->r.left))) {
		n->stats.tx_bad++;
		log_guest(&n->vdev.dev, "a packet's header, or its length, makes no sense");
		return 0;
	}
	if (unlikely(!n->up || pair >= n->pairs)) {
		n->stats.tx_down++;
		return 0;
	}
	len = vq_window(c, &c->r, c->r.left, &iov, &cnt);
	n->tx_iov[0] = (struct iovec){ &h, sizeof(h) };
	memcpy(n->tx_iov + 1, iov, cnt * sizeof(*iov));
	r = netdev_send(n->net, pair, n->tx_iov, cnt + 1);
	if (unlikely(r == -EAGAIN))
		return r;
	n->stats.tx++;
	n->stats.tx_bytes += len;
	if (n->tx_limit.on)
		net_limit_take(&n->tx_limit, len);
	return 0;
}

static enum tx_end send_batch(struct virtio_net *n, unsigned pair, struct virtq *vq,
			      unsigned *frames, uint64_t end_bytes)
{
	while (*frames && n->stats.tx_bytes < end_bytes) {
		if (n->tx_limit.on && !net_limit_ok(&n->tx_limit))
			return TX_WAIT;
		if (vq_pop(vq, &n->chain) != VQ_OK)
			return TX_EMPTY;
		if (unlikely(send_chain(n, pair) < 0)) {
			vq_unpop(&n->chain);
			n->tx[pair].stalled = true;
			return TX_WAIT;
		}
		vq_complete(&n->chain);
		--*frames;
	}
	return TX_TURN;
}

void net_tx_pump(struct virtio_net *n, unsigned pair)
{
	unsigned q = net_tx_index(pair), frames = NET_TURN_FRAMES;
	uint64_t end_bytes = n->stats.tx_bytes + NET_TURN_BYTES;
	struct virtq *vq = n->vdev.queue[q].vq;
	enum tx_end end;

	if (!virtq_enabled(vq) || n->tx[pair].stalled)
		return;
	vq_kicks_off(vq);
	do {
		unsigned before = frames;

		end = send_batch(n, pair, vq, &frames, end_bytes);
		if (frames == before)
			continue;
		netdev_flush(n->net, pair);
		virtio_notify(&n->vdev, q);
	} while (end == TX_EMPTY && vq_kicks_on(vq));
	if (end == TX_TURN)
		virtio_ring(&n->vdev, q);
}
