/* SPDX-License-Identifier: MIT */
/*
 * vsock_unix_stream.c: one connected unix socket.
 *
 * The socket is watched edge-triggered, so that a stream whose bytes nobody wants at the moment, or
 * whose peer has gone, costs nothing while it waits. Whoever is told ready() reads until -EAGAIN,
 * or looks again by himself.
 *
 * Bytes go from the caller's memory to the socket at once; only what that has no room for is copied
 * into a ring, and from then on everything takes that way until the ring is empty.
 */
#include <errno.h>
#include <string.h>

#include "net/vsock_unix.h"

/* --- life ------------------------------------------------------------------------------------- */

bool vsock_make_room(struct vsock_host *h)
{
	struct link *oldest = link_first(&h->streams[VSOCK_ORPHAN]);

	if (h->cnt < h->limit)
		return true;
	if (!oldest)
		return false;
	vsock_complain(h,
		       "there are %u streams; what the guest sent to one whose program does not "
		       "read is given up",
		       h->cnt);
	vsock_stream_free(container_of(oldest, struct vsock_stream, link));
	return true;
}

static void on_ready(struct ev_fd *e, uint32_t revents);

int vsock_stream_new(struct vsock_host *h, int fd, enum vsock_stream_state state,
		     struct vsock_stream **ret)
{
	struct vsock_stream *s = vsock_make_room(h) ? calloc(1, sizeof(*s)) : NULL;

	if (!s) {
		close(fd);
		return h->cnt < h->limit ? -ENOMEM : -EMFILE;
	}
	s->host = h;
	s->fd = (struct ev_fd){ .fd = fd, .events = EV_IN | EV_EDGE, .cb = on_ready };
	s->granted = VSOCK_KEEP_MIN;
	h->cnt++;
	vsock_stream_move(s, state);
	*ret = s;
	return 0;
}

int vsock_stream_watch(struct vsock_stream *s)
{
	return loop_add(s->host->loop, &s->fd, NULL);
}

void vsock_stream_move(struct vsock_stream *s, enum vsock_stream_state state)
{
	s->state = state;
	link_add(&s->host->streams[state], &s->link);
}

void vsock_stream_free(struct vsock_stream *s)
{
	struct vsock_host *h = s->host;

	loop_del(&s->fd);
	close(s->fd.fd);
	link_del(&s->link);
	h->cnt--;
	h->extra -= s->granted - VSOCK_KEEP_MIN;
	free(s->buf);
	free(s);
}

/* --- what is kept ----------------------------------------------------------------------------- */

uint32_t vsock_grant(struct vsock_stream *s, uint32_t want)
{
	struct vsock_host *h = s->host;
	uint32_t to = (uint32_t)min_u64(want, VSOCK_KEEP_MAX);

	if (to > s->granted && to - s->granted <= VSOCK_KEEP_ALL - h->extra) {
		h->extra += to - s->granted;
		s->granted = to;
	}
	return s->granted;
}

/* The ring in memory of @size bytes, from its beginning on. */
static int resize(struct vsock_stream *s, uint32_t size)
{
	uint8_t *buf = malloc(size);
	uint32_t first = (uint32_t)min_u64(s->fill, s->size - s->head);

	if (!buf)
		return -ENOMEM;
	if (s->fill) {
		memcpy(buf, s->buf + s->head, first);
		memcpy(buf + first, s->buf, s->fill - first);
	}
	free(s->buf);
	s->buf = buf;
	s->size = size;
	s->head = 0;
	return 0;
}

static void ring_add(struct vsock_stream *s, const uint8_t *p, uint32_t len)
{
	uint32_t tail = (uint32_t)(((uint64_t)s->head + s->fill) % s->size);
	uint32_t first = (uint32_t)min_u64(len, s->size - tail);

	memcpy(s->buf + tail, p, first);
	memcpy(s->buf, p + first, len - first);
	s->fill += len;
}

/* All of @iov but the first @skip bytes. */
static int keep(struct vsock_stream *s, const struct iovec *iov, unsigned cnt, size_t skip,
		size_t len)
{
	size_t rest = len - skip;

	if (rest > s->granted - s->fill)
		return -ENOBUFS;
	if (rest > s->size - s->fill && resize(s, s->granted) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < cnt; i++) {
		size_t n = iov[i].iov_len, off = min_u64(skip, n);

		skip -= off;
		ring_add(s, (const uint8_t *)iov[i].iov_base + off, (uint32_t)(n - off));
	}
	/* As a change of what is watched, this also reports what is so already. */
	loop_mod(&s->fd, EV_IN | EV_OUT | EV_EDGE);
	return 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Nobody reads: what is kept is for nobody. */
static void break_off(struct vsock_stream *s)
{
	s->broken = true;
	s->fill = 0;
	s->head = 0;
}

/* Bytes taken by the socket, 0 if it takes none now; -EPIPE, and the stream is broken. */
static ssize_t send_now(struct vsock_stream *s, const struct iovec *iov, unsigned cnt)
{
	/* sendmsg(2) does not change them. */
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = cnt };
	ssize_t n;

	do {
		n = sendmsg(s->fd.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	/* No memory for it just now is no room for it just now; a reader will make some. */
	if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
		return 0;
	break_off(s);
	return -EPIPE;
}

/* What is kept goes to the socket, as far as that has room. */
static void flush(struct vsock_stream *s)
{
	while (s->fill) {
		uint32_t first = (uint32_t)min_u64(s->fill, s->size - s->head);
		struct iovec iov[2] = { { s->buf + s->head, first }, { s->buf, s->fill - first } };
		ssize_t n = send_now(s, iov, s->fill > first ? 2 : 1);

		if (n <= 0)
			return;
		s->head = (uint32_t)(((uint64_t)s->head + (uint32_t)n) % s->size);
		s->fill -= (uint32_t)n;
	}
	loop_mod(&s->fd, EV_IN | EV_EDGE);
	if (s->ending)
		shutdown(s->fd.fd, SHUT_WR);
}

int vsock_send(struct vsock_stream *s, const struct iovec *iov, unsigned cnt, size_t len)
{
	ssize_t n = 0;

	if (s->broken || s->ending)
		return -EPIPE;
	if (!s->fill)
		n = send_now(s, iov, cnt);
	if (n < 0)
		return (int)n;
	if ((size_t)n == len)
		return 0;
	return keep(s, iov, cnt, (size_t)n, len);
}

uint32_t vsock_unsent(const struct vsock_stream *s)
{
	return s->fill;
}

bool vsock_is_broken(const struct vsock_stream *s)
{
	return s->broken;
}

void vsock_end_send(struct vsock_stream *s)
{
	if (s->ending)
		return;
	s->ending = true;
	if (!s->fill && s->state == VSOCK_OPEN)
		shutdown(s->fd.fd, SHUT_WR);
}

/* --- receiving -------------------------------------------------------------------------------- */

ssize_t vsock_recv(struct vsock_stream *s, const struct iovec *iov, unsigned cnt)
{
	ssize_t n;

	do {
		n = readv(s->fd.fd, iov, (int)cnt);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool vsock_hung_up(const struct vsock_stream *s)
{
	return s->hung_up;
}

void vsock_end_recv(struct vsock_stream *s)
{
	shutdown(s->fd.fd, SHUT_RD);
}

/* --- events, and the end ---------------------------------------------------------------------- */

static void on_ready(struct ev_fd *e, uint32_t revents)
{
	struct vsock_stream *s = container_of(e, struct vsock_stream, fd);
	struct vsock_host *h = s->host;

	if (revents & EV_HUP)
		s->hung_up = true;
	if (s->state == VSOCK_CLIENT) {
		vsock_client_ready(s);
		return;
	}
	if (s->fill)
		flush(s);
	if (s->state == VSOCK_OPEN)
		h->events->ready(h->opaque, s->conn);
	else if (!s->fill)
		vsock_stream_free(s);
}

void vsock_close(struct vsock_stream *s)
{
	if (s->state != VSOCK_OPEN || !s->fill) {
		vsock_stream_free(s);
		return;
	}
	s->conn = NULL;
	vsock_end_recv(s);
	vsock_stream_move(s, VSOCK_ORPHAN);
}
