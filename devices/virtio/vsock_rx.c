/* SPDX-License-Identifier: MIT */
/*
 * vsock_rx.c: packets to the guest (virtio 1.2, 5.10.6). Connections that have something take
 * turns, one packet or one read at a time; a read fills as many of the guest's buffers as bytes and
 * credit suffice for, with one system call, and each becomes a packet.
 */
#include <errno.h>
#include <string.h>

#include "devices/virtio/vsock_internal.h"
#include "vmm/log.h"

#define HDR_LEN    sizeof(struct virtio_vsock_hdr)
#define TURN_STEPS 128u /* until others on the loop have their turn */
#define READ_SEGS  256u

static struct virtq *rx_queue(const struct virtio_vsock *v)
{
	return v->vdev.queue[VIRTIO_VSOCK_Q_RX].vq;
}

static struct virtio_vsock_hdr fill_header(const struct virtio_vsock *v, uint64_t cid,
					   uint32_t guest_port, uint32_t host_port, unsigned op)
{
	return (struct virtio_vsock_hdr){
		.src_cid = le64_make(cid),
		.dst_cid = le64_make(v->cid),
		.src_port = le32_make(host_port),
		.dst_port = le32_make(guest_port),
		.type = le16_make(VIRTIO_VSOCK_TYPE_STREAM),
		.op = le16_make((uint16_t)op),
	};
}

/* The same for a connection: each of its packets says how much room there is. */
static struct virtio_vsock_hdr conn_header(struct virtio_vsock *v, struct vsock_conn *c,
					   unsigned op)
{
	struct virtio_vsock_hdr h =
		fill_header(v, VIRTIO_VSOCK_CID_HOST, c->guest_port, c->host_port, op);

	c->told_fwd = c->rx_cnt - (c->state == VSOCK_ESTABLISHED ? vsock_unsent(c->host) : 0);
	c->told_alloc = c->buf_alloc;
	c->owes &= (uint8_t)~VSOCK_OWES_CREDIT;
	h.buf_alloc = le32_make(c->told_alloc);
	h.fwd_cnt = le32_make(c->told_fwd);
	return h;
}

/* --- control packets -------------------------------------------------------------------------- */

/* The next chain with room for @len bytes; those without are done at once. */
static bool pop_room(struct virtio_vsock *v, struct vq_chain *chain, size_t len, unsigned *steps)
{
	struct virtq *vq = rx_queue(v);

	while (*steps && vq_pop(vq, chain) == VQ_OK) {
		if (likely(chain->w.left >= len))
			return true;
		log_guest(&v->vdev.dev, "a buffer of %llu bytes, too small for a packet",
			  (unsigned long long)chain->w.left);
		vq_complete(chain);
		--*steps;
	}
	return false;
}

static bool put(struct virtio_vsock *v, const struct virtio_vsock_hdr *h, unsigned *steps)
{
	if (!pop_room(v, &v->rx[0], HDR_LEN, steps))
		return false;
	if (!vq_push(&v->rx[0], h, HDR_LEN))
		return false; /* cannot be: there is room */
	vq_complete(&v->rx[0]);
	return true;
}

static bool put_reply(struct virtio_vsock *v, unsigned *steps)
{
	const struct vsock_reply *r = &v->reply[v->reply_head];
	struct virtio_vsock_hdr h =
		fill_header(v, r->cid, r->guest_port, r->host_port, VIRTIO_VSOCK_OP_RST);

	h.type = le16_make(r->type);
	if (!put(v, &h, steps))
		return false;
	v->reply_head = (v->reply_head + 1) % VSOCK_REPLIES;
	v->reply_cnt--;
	return true;
}

/* In the order in which they have to come. */
static const struct {
	uint8_t owes, op;
} control[] = {
	{ VSOCK_OWES_RST, VIRTIO_VSOCK_OP_RST },
	{ VSOCK_OWES_REQUEST, VIRTIO_VSOCK_OP_REQUEST },
	{ VSOCK_OWES_RESPONSE, VIRTIO_VSOCK_OP_RESPONSE },
	{ VSOCK_OWES_SHUTDOWN, VIRTIO_VSOCK_OP_SHUTDOWN },
	{ VSOCK_OWES_ASK, VIRTIO_VSOCK_OP_CREDIT_REQUEST },
	{ VSOCK_OWES_CREDIT, VIRTIO_VSOCK_OP_CREDIT_UPDATE },
};

/* False: there is no buffer for it. */
static bool put_control(struct virtio_vsock *v, struct vsock_conn *c, unsigned *steps)
{
	unsigned i = 0, owes = c->owes;
	struct virtio_vsock_hdr h;

	while (!(owes & control[i].owes))
		i++;
	h = conn_header(v, c, control[i].op);
	h.flags = le32_make(control[i].op == VIRTIO_VSOCK_OP_SHUTDOWN ? c->host_shut : 0);
	if (!put(v, &h, steps)) {
		c->owes = (uint8_t)owes;
		return false;
	}
	c->owes &= (uint8_t)~control[i].owes;
	c->told |= control[i].owes == VSOCK_OWES_REQUEST;
	if (control[i].owes == VSOCK_OWES_SHUTDOWN && c->host_shut == VIRTIO_VSOCK_SHUTDOWN_BOTH)
		vsock_conn_wait(v, c);
	return true;
}

/* --- data ------------------------------------------------------------------------------------- */

/* The chains that one read fills: where their headers go and how much data each takes. */
struct read {
	unsigned cnt, segs;
	void *hdr[VSOCK_RX_BATCH]; /* NULL: in pieces */
	uint32_t room[VSOCK_RX_BATCH];
	struct iovec iov[READ_SEGS];
	/* A header in pieces is legal, and nobody's habit: one in a batch, its last. */
	unsigned pieces;
	struct iovec piece[HDR_LEN];
};

/* Sets aside the place of a header, and adds that for data. False: it is the last of its batch. */
static bool lay_out(struct read *r, struct vq_chain *chain, uint32_t max)
{
	const struct iovec *iov;
	unsigned cnt, i = r->cnt++;
	uint32_t room = 0;

	vq_window(chain, &chain->w, HDR_LEN, &iov, &cnt);
	r->hdr[i] = cnt == 1 ? iov[0].iov_base : NULL;
	if (!r->hdr[i]) {
		memcpy(r->piece, iov, cnt * sizeof(*iov));
		r->pieces = cnt;
	}
	vq_window(chain, &chain->w, max, &iov, &cnt);
	for (unsigned k = 0; k < cnt && r->segs < READ_SEGS; k++) {
		r->iov[r->segs++] = iov[k];
		room += (uint32_t)iov[k].iov_len;
	}
	r->room[i] = room;
	return r->hdr[i] && r->segs < READ_SEGS;
}

static void store_header(const struct read *r, unsigned i, const struct virtio_vsock_hdr *h)
{
	const uint8_t *p = (const uint8_t *)h;

	if (likely(r->hdr[i])) {
		memcpy(r->hdr[i], h, sizeof(*h));
		return;
	}
	for (unsigned k = 0; k < r->pieces; p += r->piece[k++].iov_len)
		memcpy(r->piece[k].iov_base, p, r->piece[k].iov_len);
}

static uint32_t pop_batch(struct virtio_vsock *v, struct read *r, unsigned max, uint32_t credit,
			  unsigned *steps)
{
	uint32_t room = 0;

	while (r->cnt < max && room < credit) {
		struct vq_chain *chain = &v->rx[r->cnt];
		bool more;

		if (!pop_room(v, chain, HDR_LEN + 1, steps))
			break;
		more = lay_out(r, chain, credit - room);
		room += r->room[r->cnt - 1];
		if (!more)
			break;
	}
	return room;
}

/* @n bytes have arrived: a packet for each chain they have reached. */
static unsigned put_packets(struct virtio_vsock *v, struct vsock_conn *c, const struct read *r,
			    uint32_t n)
{
	struct virtio_vsock_hdr h = conn_header(v, c, VIRTIO_VSOCK_OP_RW);
	unsigned i;

	for (i = 0; i < r->cnt && n; i++) {
		uint32_t len = (uint32_t)min_u64(n, r->room[i]);

		h.len = le32_make(len);
		store_header(r, i, &h);
		vq_commit(&v->rx[i], HDR_LEN + len);
		vq_complete(&v->rx[i]);
		n -= len;
	}
	return i;
}

/*
 * How many chains will be filled next? Each that is popped in vain costs. As many as the last time
 * that there was something, until there was nothing; more if those are not enough; and after a read
 * that found less than it could have taken, one, to see that there is no more.
 */
static void learn(struct vsock_conn *c, unsigned used, bool full)
{
	c->burst = (uint8_t)min_u64(c->burst + used, VSOCK_RX_BATCH);
	if (full && !c->probe)
		c->batch = (uint8_t)min_u64(c->batch * 2u, VSOCK_RX_BATCH);
	c->probe = !full;
}

/* Nothing came: an end, or nothing now. */
static void put_none(struct virtio_vsock *v, struct vsock_conn *c, ssize_t n)
{
	c->readable = false;
	c->batch = (uint8_t)max_u64(c->burst, 1);
	c->burst = 0;
	c->probe = false;
	if (n == -EAGAIN)
		return;
	if (n < 0) {
		vsock_conn_kill(v, c);
		return;
	}
	vsock_conn_shut(c, vsock_hung_up(c->host) ? VIRTIO_VSOCK_SHUTDOWN_BOTH
						  : VIRTIO_VSOCK_SHUTDOWN_SEND);
}

/* False: there is no buffer for it. */
static bool put_data(struct virtio_vsock *v, struct vsock_conn *c, unsigned *steps)
{
	uint32_t credit = vsock_conn_room(c), room;
	struct read r UNINITIALIZED;
	unsigned used = 0;
	ssize_t n;

	r.cnt = r.segs = r.pieces = 0;
	room = pop_batch(v, &r, c->probe ? 1 : c->batch, credit, steps);
	if (!room)
		return false;
	n = vsock_recv(c->host, r.iov, r.segs);
	if (n > 0) {
		c->tx_cnt += (uint32_t)n;
		used = put_packets(v, c, &r, (uint32_t)n);
		learn(c, used, (uint32_t)n == room);
	}
	for (unsigned i = r.cnt; i-- > used;)
		vq_unpop(&v->rx[i]);
	if (n <= 0)
		put_none(v, c, n);
	return true;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* One turn of one connection. False: there is no buffer for it; it keeps its place. */
static bool serve(struct virtio_vsock *v, struct vsock_conn *c, unsigned *steps)
{
	bool data = c->readable && vsock_conn_flows(c) && vsock_conn_room(c);
	bool ok = true;

	/* Room is said by any packet. */
	if (c->owes && !(data && c->owes == VSOCK_OWES_CREDIT)) {
		bool last = c->owes & VSOCK_OWES_RST;

		ok = put_control(v, c, steps);
		if (ok && last) {
			vsock_conn_free(v, c);
			return true;
		}
	} else if (data) {
		ok = put_data(v, c, steps);
	}
	if (!ok)
		return false;
	link_del(&c->ready);
	vsock_conn_wake(v, c);
	return true;
}

static bool serve_next(struct virtio_vsock *v, unsigned *steps)
{
	if (v->reply_cnt)
		return put_reply(v, steps);
	return serve(v, container_of(link_first(&v->ready), struct vsock_conn, ready), steps);
}

static bool has_work(const struct virtio_vsock *v)
{
	return v->reply_cnt || !link_is_empty(&v->ready);
}

/*
 * Kicks for new buffers are wanted only while somebody waits for one; who comes later looks by
 * himself.
 */
void vsock_rx_run(struct virtio_vsock *v)
{
	struct virtq *vq = rx_queue(v);
	unsigned steps = TURN_STEPS;

	if (!v->vdev.active || !virtq_enabled(vq) || virtq_is_broken(vq) || !has_work(v))
		return;
	vq_kicks_off(vq);
	while (steps && has_work(v)) {
		steps--;
		if (serve_next(v, &steps))
			continue;
		if (virtq_is_broken(vq) || !vq_kicks_on(vq))
			break;
		vq_kicks_off(vq);
	}
	virtio_notify(&v->vdev, VIRTIO_VSOCK_Q_RX);
	if (!steps)
		virtio_ring(&v->vdev, VIRTIO_VSOCK_Q_RX);
	if (v->tx_waits && v->reply_cnt < VSOCK_REPLIES / 2) {
		v->tx_waits = false;
		virtio_ring(&v->vdev, VIRTIO_VSOCK_Q_TX);
	}
}
