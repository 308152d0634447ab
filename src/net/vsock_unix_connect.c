/* SPDX-License-Identifier: MIT */
/*
 * vsock_unix_connect.c: the way from the guest to who listens at PATH_PORT.
 *
 * connect(2) to a unix socket is done at once, or the listener's queue is full: then there is
 * nothing to poll for, and it is tried again, for as long as a guest commonly waits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/vsock_unix.h"

#define AGAIN_NS   (20 * NSEC_PER_MSEC)
#define GIVE_UP_NS (4 * NSEC_PER_SEC)
#define TURN_TRIES 64u

/* 0 or -errno; -EAGAIN: the listener's queue is full. */
static int try_connect(const struct vsock_host *h, int fd, uint32_t port)
{
	struct sockaddr_un sa = h->addr;
	size_t n = strlen(sa.sun_path);
	int r;

	/* VSOCK_PATH_MAX is so that it fits. */
	snprintf(sa.sun_path + n, sizeof(sa.sun_path) - n, "_%u", port);
	do {
		r = connect(fd, (const struct sockaddr *)&sa, sizeof(sa));
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static int open_stream(struct vsock_stream *s)
{
	vsock_stream_move(s, VSOCK_OPEN);
	return vsock_stream_watch(s);
}

int vsock_connect(struct vsock_host *h, uint32_t port, void *conn, struct vsock_stream **ret)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = fd < 0 ? -errno : try_connect(h, fd, port);
	struct vsock_stream *s;
	int r;

	if (fd >= 0 && err < 0 && err != -EAGAIN)
		close(fd);
	if (err < 0 && err != -EAGAIN) {
		if (err == -EMFILE || err == -ENFILE)
			vsock_complain(h, "no descriptor is free for a connection of the guest");
		return err;
	}
	r = vsock_stream_new(h, fd, VSOCK_CONNECTING, &s);
	if (r < 0) {
		vsock_complain(h,
			       "a connection of the guest to port %u is refused: there are %u "
			       "streams already",
			       port, h->cnt);
		return r;
	}
	s->conn = conn;
	s->port = port;
	*ret = s;
	if (err == -EAGAIN) {
		uint64_t now = vclock_now(h->tick.clock);

		s->deadline_ns = now + GIVE_UP_NS;
		vsock_tick_by(h, now + AGAIN_NS);
		return -EINPROGRESS;
	}
	r = open_stream(s);
	if (r < 0)
		vsock_stream_free(s);
	return r;
}

/* Each gets to the end of the line before somebody else is called: any may go meanwhile. */
uint64_t vsock_connect_again(struct vsock_host *h, uint64_t now_ns)
{
	struct link *list = &h->streams[VSOCK_CONNECTING], *l;

	for (unsigned i = 0; i < TURN_TRIES && (l = link_first(list)); i++) {
		struct vsock_stream *s = container_of(l, struct vsock_stream, link);
		void *conn = s->conn;
		int r = try_connect(h, s->fd.fd, s->port);

		if (r == -EAGAIN && now_ns < s->deadline_ns) {
			link_add(list, l);
			continue;
		}
		if (r == 0)
			r = open_stream(s);
		if (r < 0)
			vsock_stream_free(s);
		h->events->connected(h->opaque, conn, r == -EAGAIN ? -ETIMEDOUT : r);
	}
	return link_is_empty(list) ? UINT64_MAX : now_ns + AGAIN_NS;
}
