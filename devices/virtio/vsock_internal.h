/* SPDX-License-Identifier: MIT */
/*
 * vsock_internal.h: what the files of the socket device share. All of it is the loop's.
 *
 *	vsock.c        queues, events, life
 *	vsock_tx.c     packets from the guest, and what they do to a connection
 *	vsock_rx.c     packets to the guest: whose turn it is, and what he has to say
 *	vsock_conn.c   connections: their table, their ends, their timeouts; the host's events
 *
 * Nothing is queued for the guest: a connection remembers what it has to say (@owes), and is on the
 * list of those that have something; its data stays in the host's socket until there are buffers
 *and credit. Only answers to packets that belong to no connection wait in a queue, of fixed length;
 * while it is full no further packet of the guest's is looked at.
 */
#ifndef DEVICES_VIRTIO_VSOCK_INTERNAL_H
#define DEVICES_VIRTIO_VSOCK_INTERNAL_H

#include <stdatomic.h>

#include "net/vsock.h"
#include "virtio/virtio.h"
#include "virtio/vsock_wire.h"
#include "vmm/link.h"
#include "vmm/siphash.h"

#define VSOCK_BUCKETS  4096u
#define VSOCK_REPLIES  128u
#define VSOCK_RX_BATCH 16u /* chains that one readv(2) fills */

enum vsock_state {
	VSOCK_REQUESTED, /* by the host; the guest has not answered */
	VSOCK_REACHING,  /* wanted by the guest; the host's side has not answered */
	VSOCK_ESTABLISHED,
	VSOCK_DEAD, /* no stream any more; the guest has yet to be told */
};

/* Packets that are due, but for data. */
#define VSOCK_OWES_REQUEST  0x01u
#define VSOCK_OWES_RESPONSE 0x02u
#define VSOCK_OWES_RST      0x04u
#define VSOCK_OWES_SHUTDOWN 0x08u
#define VSOCK_OWES_ASK      0x10u /* CREDIT_REQUEST */
#define VSOCK_OWES_CREDIT   0x20u /* CREDIT_UPDATE, unless another packet carries it */

struct vsock_conn {
	struct vsock_conn *next;   /* in its bucket */
	struct link ready;         /* vsock->ready: has something for the guest */
	struct link timed;         /* vsock->timed */
	struct vsock_stream *host; /* NULL: VSOCK_DEAD */
	uint32_t guest_port, host_port;
	uint64_t deadline_ns;
	uint8_t state, owes;
	uint8_t guest_shut; /* VIRTIO_VSOCK_SHUTDOWN_*: what the guest has ended */
	uint8_t host_shut;  /* what the host has, as the guest has been told or will be */
	bool readable;      /* there may be bytes for the guest */
	bool asked;         /* for credit, since there was some */
	bool told;          /* the REQUEST went out */
	uint8_t batch;      /* chains that the next read takes, */
	uint8_t burst;      /* that those took since there was nothing; */
	bool probe;         /* there is probably nothing: take one */

	/* 5.10.6.3. From the guest: what it has sent us; what it was told last. */
	uint32_t rx_cnt, buf_alloc, told_fwd, told_alloc;
	/* To the guest: what we have sent; what it said last. */
	uint32_t tx_cnt, peer_alloc, peer_fwd;
};

/* A packet's header, copied from guest memory once. */
struct vsock_packet {
	uint64_t src_cid, dst_cid;
	uint32_t guest_port, host_port;
	uint32_t len, flags, buf_alloc, fwd_cnt;
	uint16_t type, op;
};

/* A RST that belongs to no connection. */
struct vsock_reply {
	uint64_t cid; /* whom the guest had in mind */
	uint32_t guest_port, host_port;
	uint16_t type;
};

struct virtio_vsock {
	struct virtio_device vdev; /* first */
	struct vsock_host *host;
	uint32_t cid;
	struct siphash_key key;
	struct vsock_conn *bucket[VSOCK_BUCKETS], *last;
	unsigned conn_cnt;
	uint32_t next_port;
	struct link ready, timed; /* in turn; oldest deadline first */
	struct ev_timer tick;
	struct vsock_reply reply[VSOCK_REPLIES];
	unsigned reply_head, reply_cnt;
	bool tx_waits; /* for room among the replies */
	bool tell_reset;
	_Atomic bool was_reset;
	struct ev_work forget;
	struct vq_chain tx, rx[VSOCK_RX_BATCH];
};

/* --- vsock_conn.c ----------------------------------------------------------------------------- */

extern const struct vsock_events vsock_conn_events; /* opaque: struct virtio_vsock */

struct vsock_conn *vsock_find(struct virtio_vsock *v, uint32_t guest_port, uint32_t host_port);
/* NULL: there are as many as there may be, or no memory. Its stream is still to be set. */
struct vsock_conn *vsock_conn_new(struct virtio_vsock *v, uint32_t guest_port, uint32_t host_port,
				  enum vsock_state state);
/* Closes its stream and forgets it; the guest hears nothing. */
void vsock_conn_free(struct virtio_vsock *v, struct vsock_conn *c);
/* Closes its stream; the guest will be sent a RST. */
void vsock_conn_kill(struct virtio_vsock *v, struct vsock_conn *c);
/* Puts it among those that have something for the guest, if it has. */
void vsock_conn_wake(struct virtio_vsock *v, struct vsock_conn *c);
/* The guest has so long to answer it. */
void vsock_conn_wait(struct virtio_vsock *v, struct vsock_conn *c);
/* Is the guest to hear how much room there is? After the stream has taken or sent bytes. */
void vsock_conn_credit(struct vsock_conn *c);
/* Notes what the host's end cannot do any more. */
void vsock_conn_shut(struct vsock_conn *c, uint8_t flags);
void vsock_conn_tick(struct ev_timer *t);
void vsock_conn_forget_all(struct virtio_vsock *v);

/* Bytes that may be sent to the guest. */
static inline uint32_t vsock_conn_room(const struct vsock_conn *c)
{
	uint32_t on_the_way = c->tx_cnt - c->peer_fwd;

	return on_the_way < c->peer_alloc ? c->peer_alloc - on_the_way : 0;
}

/* Does the guest get what the host's end sends? */
static inline bool vsock_conn_flows(const struct vsock_conn *c)
{
	return c->state == VSOCK_ESTABLISHED && !(c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) &&
	       !(c->host_shut & VIRTIO_VSOCK_SHUTDOWN_SEND);
}

/* --- vsock_tx.c, vsock_rx.c ------------------------------------------------------------------- */

/* Takes packets of the guest's until there are none, or others on the loop are to have their turn.
 */
void vsock_tx_run(struct virtio_vsock *v);
/* Gives the guest what there is for it, as far as there are buffers. */
void vsock_rx_run(struct virtio_vsock *v);

#endif
