/* SPDX-License-Identifier: MIT */
/*
 * vsock_tx.c: packets from the guest (virtio 1.2, 5.10.6). A header is copied out of guest memory
 * once. What belongs to no connection, and what a connection may not do, is answered with a RST,
 * and nothing else; a RST is answered with nothing.
 */
#include <errno.h>

#include "devices/virtio/vsock_internal.h"
#include "vmm/log.h"

#define TURN_CHAINS 256u
#define TURN_BYTES  (1024u * 1024)
#define KEEP_FIRST  (64u * 1024)

static void reply_rst(struct virtio_vsock *v, const struct vsock_packet *p)
{
	unsigned at = (v->reply_head + v->reply_cnt) % VSOCK_REPLIES;

	/* take() has seen that there is room. */
	v->reply[at] = (struct vsock_reply){ .cid = p->dst_cid,
					     .guest_port = p->guest_port,
					     .host_port = p->host_port,
					     .type = p->type };
	v->reply_cnt++;
}

/* --- what a packet does ----------------------------------------------------------------------- */

/* False: the guest may not do that, here and now. */
typedef bool (*op_fn)(struct virtio_vsock *v, struct vsock_conn *c, const struct vsock_packet *p);

static bool op_response(struct virtio_vsock *v, struct vsock_conn *c, const struct vsock_packet *p)
{
	(void)v;
	(void)p;
	if (c->state != VSOCK_REQUESTED || !c->told || vsock_greet(c->host, c->host_port) < 0)
		return false;
	c->state = VSOCK_ESTABLISHED;
	c->readable = true;
	link_del(&c->timed);
	return true;
}

/* 5.10.6.5: hints that are permanent, and add up. */
static bool op_shutdown(struct virtio_vsock *v, struct vsock_conn *c, const struct vsock_packet *p)
{
	(void)v;
	c->guest_shut |= (uint8_t)(p->flags & VIRTIO_VSOCK_SHUTDOWN_BOTH);
	if (c->state != VSOCK_ESTABLISHED || c->guest_shut == VIRTIO_VSOCK_SHUTDOWN_BOTH)
		return false; /* over: the RST that follows is what the guest waits for */
	if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
		vsock_end_send(c->host);
	if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV)
		vsock_end_recv(c->host);
	return true;
}

static bool op_rw(struct virtio_vsock *v, struct vsock_conn *c, const struct vsock_packet *p)
{
	const struct iovec *iov;
	unsigned cnt;
	int r = 0;

	if (c->state != VSOCK_ESTABLISHED || (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND))
		return false;
	if (p->len > v->tx.r.left || p->len > c->buf_alloc - vsock_unsent(c->host)) {
		log_guest(&v->vdev.dev,
			  "port %u sends %u bytes: %llu are there, and room for %u; closed",
			  p->guest_port, p->len, (unsigned long long)v->tx.r.left,
			  c->buf_alloc - vsock_unsent(c->host));
		return false;
	}
	c->rx_cnt += p->len;
	if (vq_window(&v->tx, &v->tx.r, p->len, &iov, &cnt))
		r = vsock_send(c->host, iov, cnt, p->len);
	if (r == -EPIPE) /* nobody reads: what was on the way already is lost, like this */
		vsock_conn_shut(c, VIRTIO_VSOCK_SHUTDOWN_RCV);
	else if (r < 0)
		return false;
	vsock_conn_credit(c);
	return true;
}

/* The header has said it. */
static bool op_credit_update(struct virtio_vsock *v, struct vsock_conn *c,
			     const struct vsock_packet *p)
{
	(void)v;
	(void)p;
	return c->state == VSOCK_ESTABLISHED;
}

static bool op_credit_request(struct virtio_vsock *v, struct vsock_conn *c,
			      const struct vsock_packet *p)
{
	(void)v;
	(void)p;
	c->owes |= VSOCK_OWES_CREDIT;
	return c->state == VSOCK_ESTABLISHED;
}

/* A REQUEST where there is a connection already, and what is no operation, have none. */
static const op_fn ops[] = {
	[VIRTIO_VSOCK_OP_RESPONSE] = op_response,
	[VIRTIO_VSOCK_OP_SHUTDOWN] = op_shutdown,
	[VIRTIO_VSOCK_OP_RW] = op_rw,
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = op_credit_update,
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = op_credit_request,
};

static void on_connection(struct virtio_vsock *v, struct vsock_conn *c,
			  const struct vsock_packet *p)
{
	if (c->state == VSOCK_DEAD)
		return;
	c->peer_alloc = p->buf_alloc;
	c->peer_fwd = p->fwd_cnt;
	if (vsock_conn_room(c))
		c->asked = false;
	if (p->op < ARRAY_LEN(ops) && ops[p->op] && ops[p->op](v, c, p))
		vsock_conn_wake(v, c);
	else
		vsock_conn_kill(v, c);
}

/* 5.10.6.4: the guest wants to talk to somebody on the host. */
static void on_request(struct virtio_vsock *v, const struct vsock_packet *p)
{
	struct vsock_conn *c = vsock_conn_new(v, p->guest_port, p->host_port, VSOCK_REACHING);
	int r = c ? vsock_connect(v->host, p->host_port, c, &c->host) : -ENOMEM;

	if (r < 0 && r != -EINPROGRESS) {
		if (c)
			vsock_conn_free(v, c);
		else
			log_guest(&v->vdev.dev,
				  "the guest wants port %u: there are %u connections already",
				  p->host_port, v->conn_cnt);
		reply_rst(v, p);
		return;
	}
	c->peer_alloc = p->buf_alloc;
	c->peer_fwd = p->fwd_cnt;
	c->buf_alloc = vsock_grant(c->host, KEEP_FIRST);
	if (r == 0) {
		c->state = VSOCK_ESTABLISHED;
		c->readable = true;
		c->owes = VSOCK_OWES_RESPONSE;
	}
	vsock_conn_wake(v, c);
}

/* --- packets ---------------------------------------------------------------------------------- */

static void on_packet(struct virtio_vsock *v, const struct vsock_packet *p)
{
	bool ours = p->dst_cid == VIRTIO_VSOCK_CID_HOST && p->type == VIRTIO_VSOCK_TYPE_STREAM;
	struct vsock_conn *c;

	if (unlikely(p->src_cid != v->cid)) {
		log_guest(&v->vdev.dev, "a packet from CID %llu, which is not the guest's",
			  (unsigned long long)p->src_cid);
		return;
	}
	c = ours ? vsock_find(v, p->guest_port, p->host_port) : NULL;
	if (p->op == VIRTIO_VSOCK_OP_RST) {
		if (c)
			vsock_conn_free(v, c);
	} else if (c) {
		on_connection(v, c, p);
	} else if (ours && p->op == VIRTIO_VSOCK_OP_REQUEST) {
		on_request(v, p);
	} else {
		/* 5.10.6.4: "A VIRTIO_VSOCK_OP_RST reply MUST be sent if a packet is received with
		 * an unknown type value." Others who are not there get the same. */
		reply_rst(v, p);
	}
}

static bool pull_packet(struct virtio_vsock *v, struct vsock_packet *p)
{
	struct virtio_vsock_hdr h;

	if (!vq_pull(&v->tx, &h, sizeof(h))) {
		log_guest(&v->vdev.dev, "a packet without a whole header");
		return false;
	}
	*p = (struct vsock_packet){
		.src_cid = le64_get(h.src_cid),
		.dst_cid = le64_get(h.dst_cid),
		.guest_port = le32_get(h.src_port),
		.host_port = le32_get(h.dst_port),
		.len = le32_get(h.len),
		.flags = le32_get(h.flags),
		.buf_alloc = le32_get(h.buf_alloc),
		.fwd_cnt = le32_get(h.fwd_cnt),
		.type = le16_get(h.type),
		.op = le16_get(h.op),
	};
	return true;
}

enum taken { TAKEN_ALL, TAKEN_TURN, TAKEN_NO_ROOM };

static enum taken take(struct virtio_vsock *v, struct virtq *vq, unsigned *chains, uint64_t *bytes)
{
	struct vsock_packet p;

	while (*chains && *bytes) {
		if (v->reply_cnt == VSOCK_REPLIES)
			return TAKEN_NO_ROOM;
		if (vq_pop(vq, &v->tx) != VQ_OK)
			return TAKEN_ALL;
		--*chains;
		*bytes -= min_u64(*bytes, v->tx.r.left);
		if (pull_packet(v, &p))
			on_packet(v, &p);
		vq_complete(&v->tx);
	}
	return TAKEN_TURN;
}

void vsock_tx_run(struct virtio_vsock *v)
{
	struct virtq *vq = v->vdev.queue[VIRTIO_VSOCK_Q_TX].vq;
	unsigned chains = TURN_CHAINS;
	uint64_t bytes = TURN_BYTES;
	enum taken t;

	vq_kicks_off(vq);
	do {
		t = take(v, vq, &chains, &bytes);
		virtio_notify(&v->vdev, VIRTIO_VSOCK_Q_TX);
	} while (t == TAKEN_ALL && !virtq_is_broken(vq) && vq_kicks_on(vq));
	/* Kicks stay off in both cases: the next one is ours. */
	v->tx_waits = t == TAKEN_NO_ROOM;
	if (t == TAKEN_TURN)
		virtio_ring(&v->vdev, VIRTIO_VSOCK_Q_TX);
	vsock_rx_run(v);
}
