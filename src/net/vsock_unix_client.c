/* SPDX-License-Identifier: MIT */
/*
 * vsock_unix_client.c: clients at PATH, until it is known what they want.
 *
 * The one line that a client says is looked at with MSG_PEEK and taken only when it is whole, so
 * that what he sends behind it is still in the socket for whoever reads there next.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/vsock_unix.h"

#define LINE_MAX_LEN 32u /* "CONNECT 4294967295\r\n", and then some */
#define CLIENT_NS    (30 * NSEC_PER_SEC)
#define TIRED_NS     NSEC_PER_SEC
#define TURN_CLIENTS 16u /* until others on the loop have their turn */

/* --- the line --------------------------------------------------------------------------------- */

/* "CONNECT PORT", of @len characters. The last port is what nobody has (VMADDR_PORT_ANY). */
static bool parse_line(const char *line, size_t len, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	const size_t n = sizeof(word) - 1;
	uint64_t v = 0;

	if (len && line[len - 1] == '\r')
		len--;
	if (len <= n || strncasecmp(line, word, n) != 0)
		return false;
	for (size_t i = n; i < len; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(line[i] - '0');
		if (v >= UINT32_MAX)
			return false;
	}
	*port = (uint32_t)v;
	return true;
}

static ssize_t look(const struct vsock_stream *s, char *buf, size_t len, int flags)
{
	ssize_t n;

	do {
		n = recv(s->fd.fd, buf, len, flags | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void refuse(struct vsock_stream *s)
{
	vsock_complain(
		s->host,
		"a client at '%s' is sent away: he did not say CONNECT and a port, a line of "
		"at most %u bytes",
		s->host->addr.sun_path, LINE_MAX_LEN);
	vsock_stream_free(s);
}

void vsock_client_ready(struct vsock_stream *s)
{
	struct vsock_host *h = s->host;
	char line[LINE_MAX_LEN];
	ssize_t n = look(s, line, sizeof(line), MSG_PEEK);
	const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	uint32_t port;

	if (n == -EAGAIN)
		return;
	if (n <= 0) { /* who says nothing and goes has only looked whether we are here */
		vsock_stream_free(s);
		return;
	}
	if (!end) {
		if (n == LINE_MAX_LEN || s->hung_up)
			refuse(s);
		return;
	}
	if (!parse_line(line, (size_t)(end - line), &port)) {
		refuse(s);
		return;
	}
	if (look(s, line, (size_t)(end - line) + 1, 0) != end - line + 1) {
		vsock_stream_free(s);
		return;
	}
	vsock_stream_move(s, VSOCK_OPEN);
	s->conn = h->run ? h->events->wanted(h->opaque, s, port) : NULL;
	if (!s->conn)
		vsock_stream_free(s);
}

/* The first that is written to the socket: there is room, or something is wrong with it. */
int vsock_greet(struct vsock_stream *s, uint32_t host_port)
{
	char line[LINE_MAX_LEN];
	int len = snprintf(line, sizeof(line), "OK %u\n", host_port);
	ssize_t n;

	do {
		n = send(s->fd.fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n == len ? 0 : -EPIPE;
}

/* --- who comes -------------------------------------------------------------------------------- */

/*
 * No descriptor is free, or no memory. A client who could not even be accepted stays in the queue,
 * which would wake us at once and for ever.
 */
static void rest(struct vsock_host *h, int err)
{
	char words[128];

	vsock_complain(h, "cannot take a client at '%s': %s; trying again in a second",
		       h->addr.sun_path, strerror_r(err, words, sizeof(words)));
	loop_del(&h->listen);
	h->tired = true;
	h->tired_until_ns = vclock_now(h->tick.clock) + TIRED_NS;
	vsock_tick_by(h, h->tired_until_ns);
}

static void client_came(struct vsock_host *h, int fd)
{
	struct vsock_stream *s;
	int r = vsock_stream_new(h, fd, VSOCK_CLIENT, &s);

	if (r < 0) {
		vsock_complain(h, "a client at '%s' is sent away: there are %u streams already",
			       h->addr.sun_path, h->cnt);
		return;
	}
	s->deadline_ns = vclock_now(h->tick.clock) + CLIENT_NS;
	vsock_tick_by(h, s->deadline_ns);
	/* What he has said already is reported like what he will. */
	if (vsock_stream_watch(s) < 0)
		vsock_stream_free(s);
}

void vsock_on_listen(struct ev_fd *e, uint32_t revents)
{
	struct vsock_host *h = container_of(e, struct vsock_host, listen);

	(void)revents;
	for (unsigned i = 0; i < TURN_CLIENTS; i++) {
		int fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			client_came(h, fd);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			return rest(h, errno);
		else if (errno == EAGAIN)
			return;
	}
}

uint64_t vsock_clients_expire(struct vsock_host *h, uint64_t now_ns)
{
	struct link *l;

	while ((l = link_first(&h->streams[VSOCK_CLIENT]))) {
		struct vsock_stream *s = container_of(l, struct vsock_stream, link);

		if (s->deadline_ns > now_ns)
			return s->deadline_ns;
		refuse(s);
	}
	return UINT64_MAX;
}
