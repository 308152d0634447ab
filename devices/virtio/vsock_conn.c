/* SPDX-License-Identifier: MIT */
/* vsock_conn.c: connections between the guest and its host. */
#include <errno.h>

#include "devices/virtio/vsock_internal.h"
#include "vmm/log.h"

/* 5.10.6.6.1 leaves to us how long an answer may take: to a REQUEST, and to a SHUTDOWN of both
 * directions. One length for both, so that one list is in the order of deadlines. */
#define ANSWER_NS (10 * NSEC_PER_SEC)

/* The host's ports for its own connections: what guests commonly see there. */
#define PORT_FIRST 0x40000000u
#define PORT_LAST  0x7fffffffu

#define KEEP_FIRST (64u * 1024)

/* --- the table -------------------------------------------------------------------------------- */

/* Which ports there are the guest chooses. The key is secret, so that it cannot choose buckets. */
static struct vsock_conn **bucket(struct virtio_vsock *v, uint32_t guest_port, uint32_t host_port)
{
	uint64_t ports = (uint64_t)guest_port << 32 | host_port;
	struct siphash_tag tag;
	struct siphash h;

	siphash_init(&h, v->key);
	siphash_update(&h, &ports, sizeof(ports));
	tag = siphash_final(&h);
	return &v->bucket[get_le32(tag.b) % VSOCK_BUCKETS];
}

static bool is(const struct vsock_conn *c, uint32_t guest_port, uint32_t host_port)
{
	return c->guest_port == guest_port && c->host_port == host_port;
}

struct vsock_conn *vsock_find(struct virtio_vsock *v, uint32_t guest_port, uint32_t host_port)
{
	struct vsock_conn *c;

	if (v->last && is(v->last, guest_port, host_port))
		return v->last;
	for (c = *bucket(v, guest_port, host_port); c; c = c->next) {
		if (is(c, guest_port, host_port)) {
			v->last = c;
			return c;
		}
	}
	return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

struct vsock_conn *vsock_conn_new(struct virtio_vsock *v, uint32_t guest_port, uint32_t host_port,
				  enum vsock_state state)
{
	struct vsock_conn *c = v->conn_cnt < vsock_limit(v->host) ? calloc(1, sizeof(*c)) : NULL;
	struct vsock_conn **b;

	if (!c)
		return NULL;
	c->guest_port = guest_port;
	c->host_port = host_port;
	c->state = (uint8_t)state;
	c->buf_alloc = VSOCK_KEEP_MIN;
	c->batch = 1;
	b = bucket(v, guest_port, host_port);
	c->next = *b;
	*b = c;
	v->conn_cnt++;
	return c;
}

static void close_stream(struct vsock_conn *c)
{
	if (c->host)
		vsock_close(c->host);
	c->host = NULL;
	link_del(&c->timed);
}

void vsock_conn_free(struct virtio_vsock *v, struct vsock_conn *c)
{
	struct vsock_conn **p = bucket(v, c->guest_port, c->host_port);

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	if (v->last == c)
		v->last = NULL;
	close_stream(c);
	link_del(&c->ready);
	v->conn_cnt--;
	free(c);
}

void vsock_conn_kill(struct virtio_vsock *v, struct vsock_conn *c)
{
	close_stream(c);
	c->state = VSOCK_DEAD;
	c->owes = VSOCK_OWES_RST;
	vsock_conn_wake(v, c);
}

void vsock_conn_forget_all(struct virtio_vsock *v)
{
	for (unsigned i = 0; i < VSOCK_BUCKETS && v->conn_cnt; i++)
		while (v->bucket[i])
			vsock_conn_free(v, v->bucket[i]);
	v->reply_cnt = 0;
	v->tx_waits = false;
}

/* --- whose turn it is ------------------------------------------------------------------------- */

void vsock_conn_wake(struct virtio_vsock *v, struct vsock_conn *c)
{
	bool data = c->readable && vsock_conn_flows(c);

	/* Whoever says so little room is there may have forgotten to say that there is more. */
	if (data && !vsock_conn_room(c)) {
		if (!c->asked)
			c->owes |= VSOCK_OWES_ASK;
		c->asked = true;
		data = false;
	}
	if ((c->owes || data) && !link_is_on(&c->ready))
		link_add(&v->ready, &c->ready);
}

static void arm(struct virtio_vsock *v)
{
	struct link *l = link_first(&v->timed);

	if (l)
		timer_arm(&v->tick, container_of(l, struct vsock_conn, timed)->deadline_ns);
}

void vsock_conn_wait(struct virtio_vsock *v, struct vsock_conn *c)
{
	bool first = link_is_empty(&v->timed);

	c->deadline_ns = vclock_now(v->tick.clock) + ANSWER_NS;
	link_add(&v->timed, &c->timed);
	if (first)
		arm(v);
}

/* Those that were waited for may have gone: the clock says who is due. */
void vsock_conn_tick(struct ev_timer *t)
{
	struct virtio_vsock *v = container_of(t, struct virtio_vsock, tick);
	uint64_t now = vclock_now(t->clock);
	struct link *l;

	while ((l = link_first(&v->timed))) {
		struct vsock_conn *c = container_of(l, struct vsock_conn, timed);

		if (c->deadline_ns > now)
			break;
		/* A guest that has not even taken the question needs no word of its end. */
		if (c->state == VSOCK_REQUESTED && !c->told)
			vsock_conn_free(v, c);
		else
			vsock_conn_kill(v, c);
	}
	arm(v);
	vsock_rx_run(v);
}

/* --- credit and ends -------------------------------------------------------------------------- */

void vsock_conn_credit(struct vsock_conn *c)
{
	uint32_t unsent = vsock_unsent(c->host);
	uint32_t freed = c->rx_cnt - unsent - c->told_fwd;
	uint32_t known = c->told_alloc - (c->rx_cnt - c->told_fwd);

	/* Not for each byte that a slow reader takes. */
	if (!freed || known >= c->told_alloc / 2 || (unsent && freed < c->told_alloc / 4))
		return;
	if (!unsent) /* he keeps up: more at a time costs fewer packets */
		c->buf_alloc = vsock_grant(c->host, c->buf_alloc * 2);
	c->owes |= VSOCK_OWES_CREDIT;
}

void vsock_conn_shut(struct vsock_conn *c, uint8_t flags)
{
	if (!(flags & ~c->host_shut))
		return;
	c->host_shut |= flags;
	c->owes |= VSOCK_OWES_SHUTDOWN;
}

/* --- the host's events ------------------------------------------------------------------------ */

/* A port of the host's that nobody has with this one of the guest's. */
static uint32_t choose_port(struct virtio_vsock *v, uint32_t guest_port)
{
	do {
		v->next_port = v->next_port >= PORT_FIRST && v->next_port < PORT_LAST
				       ? v->next_port + 1
				       : PORT_FIRST;
	} while (vsock_find(v, guest_port, v->next_port));
	return v->next_port;
}

/* vsock_events.wanted */
static void *host_wanted(void *opaque, struct vsock_stream *s, uint32_t port)
{
	struct virtio_vsock *v = opaque;
	struct vsock_conn *c;

	if (!v->vdev.active)
		return NULL;
	c = vsock_conn_new(v, port, choose_port(v, port), VSOCK_REQUESTED);
	if (!c) {
		log_guest(&v->vdev.dev, "the host wants port %u: there are %u connections already",
			  port, v->conn_cnt);
		return NULL;
	}
	c->host = s;
	c->buf_alloc = vsock_grant(s, KEEP_FIRST);
	c->owes = VSOCK_OWES_REQUEST;
	vsock_conn_wait(v, c);
	vsock_conn_wake(v, c);
	vsock_rx_run(v);
	return c;
}

/* vsock_events.connected */
static void host_connected(void *opaque, void *conn, int err)
{
	struct virtio_vsock *v = opaque;
	struct vsock_conn *c = conn;

	if (err < 0) {
		c->host = NULL;
		vsock_conn_kill(v, c);
	} else {
		c->state = VSOCK_ESTABLISHED;
		c->readable = true;
		c->owes |= VSOCK_OWES_RESPONSE;
		vsock_conn_wake(v, c);
	}
	vsock_rx_run(v);
}

/* vsock_events.ready */
static void host_ready(void *opaque, void *conn)
{
	struct virtio_vsock *v = opaque;
	struct vsock_conn *c = conn;

	c->readable = true;
	if (c->state == VSOCK_ESTABLISHED) {
		if (vsock_is_broken(c->host))
			vsock_conn_shut(c, VIRTIO_VSOCK_SHUTDOWN_RCV);
		/* Before its end has been read, what it has sent is still to be had. */
		if (vsock_hung_up(c->host) && !vsock_conn_flows(c))
			vsock_conn_shut(c, VIRTIO_VSOCK_SHUTDOWN_BOTH);
		vsock_conn_credit(c);
	}
	vsock_conn_wake(v, c);
	vsock_rx_run(v);
}

const struct vsock_events vsock_conn_events = {
	.wanted = host_wanted,
	.connected = host_connected,
	.ready = host_ready,
};
