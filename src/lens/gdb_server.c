/* SPDX-License-Identifier: MIT */
/*
 * gdb_server.c: where gdb connects: a socket that listens, one client, and bytes between him and
 * gdb_stub.c. On the control thread's loop, which nothing here holds up: what a client does not
 * read waits, and for as long he is not listened to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lens/gdb_stub.h"
#include "vmm/error.h"
#include "vmm/gdb.h"
#include "vmm/log.h"
#include "vmm/loop.h"
#include "vmm/parse.h"
#include "vmm/unix_name.h"

/* More of an answer than this waits before the next packet is looked at. */
#define PENDING_MAX (64u * 1024)

struct gdb_server {
	struct loop *loop;
	struct gdb_stub *stub;
	struct unix_name name; /* .fd -1: TCP */
	struct ev_fd listen, client;
	struct str pending; /* for the client */
	size_t sent;        /* of it */
	uint8_t in[4096];
	size_t in_len, in_pos;
	bool hang_up;
	int spare; /* a descriptor to give up where there is no other, or -1 */
	char hint[160];
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* --- where ------------------------------------------------------------------------------------ */

static int bad_where(const char *where, struct error **errp)
{
	err_set(errp, EINVAL, "'%s' is no place for gdb to connect to", where);
	err_hint(errp, "say tcp:[HOST]:PORT or unix:PATH; without a HOST, a number such as "
		       "127.0.0.1 or [::1], only this host's programs can connect");
	return -EINVAL;
}

static int parse_host(const char *host, uint16_t port, union address *ret, socklen_t *len)
{
	size_t n = strlen(host);
	char v6[64];

	memset(ret, 0, sizeof(*ret));
	if (!n || !strcmp(host, "localhost"))
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		*len = sizeof(ret->v4);
		return 0;
	}
	if (n < 3 || n - 2 >= sizeof(v6) || host[0] != '[' || host[n - 1] != ']')
		return -EINVAL;
	memcpy(v6, host + 1, n - 2);
	v6[n - 2] = '\0';
	if (inet_pton(AF_INET6, v6, &ret->v6.sin6_addr) != 1)
		return -EINVAL;
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	*len = sizeof(ret->v6);
	return 0;
}

/* "[HOST]:PORT" */
static int parse_tcp(const char *where, const char *p, union address *ret, socklen_t *len,
		     struct error **errp)
{
	const char *colon = strrchr(p, ':');
	char host[64];
	uint64_t port;

	if (!colon || (size_t)(colon - p) >= sizeof(host))
		return bad_where(where, errp);
	memcpy(host, p, (size_t)(colon - p));
	host[colon - p] = '\0';
	if (parse_u64(colon + 1, 1, UINT16_MAX, &port, NULL) < 0 ||
	    parse_host(host, (uint16_t)port, ret, len) < 0)
		return bad_where(where, errp);
	return 0;
}

static const char *behind(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) ? NULL : s + n;
}

int gdb_check(const char *where, struct error **errp)
{
	const char *path = behind(where, "unix:"), *tcp = behind(where, "tcp:");
	struct unix_name name;
	union address a;
	socklen_t len;

	if (tcp)
		return parse_tcp(where, tcp, &a, &len, errp);
	if (!path || !*path)
		return bad_where(where, errp);
	if (strlen(path) >= sizeof(name.path))
		return err_set(errp, ENAMETOOLONG,
			       "'%s': a socket's name has at most %zu characters", path,
			       sizeof(name.path) - 1);
	return 0;
}

/* --- a client --------------------------------------------------------------------------------- */

static size_t unsent(const struct gdb_server *s)
{
	return s->pending.len - s->sent;
}

static void watch_client(struct gdb_server *s)
{
	uint32_t events = unsent(s) ? EV_OUT : 0;

	if (s->client.fd < 0)
		return;
	if (gdb_stub_listens(s->stub) && unsent(s) < PENDING_MAX)
		events |= EV_IN;
	if (events != s->client.events)
		loop_mod(&s->client, events);
}

static void drop_client(struct gdb_server *s)
{
	if (s->client.fd < 0)
		return;
	loop_del(&s->client);
	close(s->client.fd);
	s->client.fd = -1;
	str_free(&s->pending);
	s->pending = (struct str){ 0 };
	s->sent = s->in_len = s->in_pos = 0;
	s->hang_up = false;
	gdb_stub_end(s->stub);
}

/* What the socket takes now. */
static void write_out(struct gdb_server *s)
{
	while (unsent(s)) {
		ssize_t n = send(s->client.fd, s->pending.s + s->sent, unsent(s),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			s->hang_up |= errno != EAGAIN && errno != EWOULDBLOCK;
			return;
		}
		s->sent += (size_t)n;
	}
	s->pending.len = s->sent = 0;
}

static void send_out(void *opaque, const char *p, size_t len)
{
	struct gdb_server *s = opaque;

	if (s->client.fd < 0)
		return;
	str_add_bytes(&s->pending, p, len);
	s->hang_up |= s->pending.failed; /* half an answer is worse than none */
	write_out(s);
	watch_client(s);
}

static void on_hang_up(void *opaque)
{
	struct gdb_server *s = opaque;

	s->hang_up = true;
}

static void on_ready(void *opaque)
{
	watch_client(opaque);
}

/* False: there is nothing now, or never again. */
static bool read_in(struct gdb_server *s)
{
	ssize_t n;

	do {
		n = recv(s->client.fd, s->in, sizeof(s->in), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
		s->hang_up = true;
	s->in_pos = 0;
	s->in_len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* Byte by byte, as each may be the end of a packet whose answer has to be waited for. */
static void feed(struct gdb_server *s)
{
	while (s->in_pos < s->in_len && !s->hang_up && unsent(s) < PENDING_MAX &&
	       gdb_stub_receive(s->stub, s->in + s->in_pos, 1))
		s->in_pos++;
}

static void on_client(struct ev_fd *e, uint32_t revents)
{
	struct gdb_server *s = container_of(e, struct gdb_server, client);

	if (revents & EV_OUT)
		write_out(s);
	feed(s);
	if (revents & (EV_IN | EV_HUP) && s->in_pos == s->in_len && !s->hang_up && read_in(s))
		feed(s);
	if (s->hang_up || (revents & EV_HUP && s->in_pos == s->in_len))
		drop_client(s);
	else
		watch_client(s);
}

static void set_options(int fd)
{
	int on = 1;

	/* Refused by a unix socket, which needs neither. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/*
 * A client who could not even be accepted stays in the queue, which would wake us at once and for
 * ever: he is taken with the descriptor that is kept for this, and sent away.
 */
static void refuse(struct gdb_server *s)
{
	int fd;

	log_msg(LOG_WARN, "gdb", "a debugger is turned away: no descriptor is free");
	base_closep(&s->spare);
	fd = accept4(s->listen.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	base_closep(&fd);
	s->spare = fcntl(s->listen.fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && s->spare >= 0)
		return;
	log_msg(LOG_WARN, "gdb", "no debugger can connect any more");
	loop_del(&s->listen);
}

static void on_listen(struct ev_fd *e, uint32_t revents)
{
	struct gdb_server *s = container_of(e, struct gdb_server, listen);
	_cleanup_close_ int fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)revents;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			refuse(s);
		return;
	}
	if (s->client.fd >= 0) {
		log_msg(LOG_WARN, "gdb", "one debugger at a time: another one is turned away");
		return;
	}
	set_options(fd);
	s->client = (struct ev_fd){ .fd = fd, .events = EV_IN, .cb = on_client };
	if (loop_add(s->loop, &s->client, NULL) < 0) {
		s->client.fd = -1;
		return;
	}
	take_fd(&fd);
	gdb_stub_begin(s->stub);
	watch_client(s);
}

/* --- life ------------------------------------------------------------------------------------- */

/* @tcp is what is behind "tcp:" in @where. */
static int listen_tcp(struct gdb_server *s, const char *where, const char *tcp, struct error **errp)
{
	const char *port = strrchr(tcp, ':');
	_cleanup_close_ int fd = -1;
	union address a;
	socklen_t len = 0;
	int on = 1, r = parse_tcp(where, tcp, &a, &len, errp);

	if (r < 0)
		return r;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(errp, errno, "cannot make a socket for gdb");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.any, len) < 0 || listen(fd, 1) < 0)
		return err_errno(errp, errno, "cannot wait for gdb at '%s'", where);
	s->listen.fd = take_fd(&fd);
	snprintf(s->hint, sizeof(s->hint), "target remote %.*s%s",
		 port == tcp ? 9 : (int)(port - tcp), port == tcp ? "localhost" : tcp, port);
	return 0;
}

static int listen_unix(struct gdb_server *s, const char *path, struct error **errp)
{
	int r = unix_name_listen(&s->name, path, errp);

	if (r < 0)
		return r;
	s->listen.fd = s->name.fd;
	snprintf(s->hint, sizeof(s->hint), "target remote %s", path);
	return 0;
}

int gdb_server_open(const char *where, struct debug_target *t, struct loop *loop,
		    const struct gdb_monitor *monitor, struct gdb_server **ret, struct error **errp)
{
	const char *path = behind(where, "unix:");
	struct gdb_server *s;
	int r = gdb_check(where, errp);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(errp, ENOMEM, "cannot allocate what gdb needs");
	s->loop = loop;
	s->name.fd = s->client.fd = s->spare = -1;
	s->listen = (struct ev_fd){ .fd = -1, .events = EV_IN, .cb = on_listen };
	s->stub = gdb_stub_new(t, &(struct gdb_stub_env){ .send = send_out,
							  .hang_up = on_hang_up,
							  .ready = on_ready,
							  .opaque = s,
							  .monitor = *monitor });
	if (!s->stub)
		r = err_set(errp, ENOMEM, "cannot allocate what gdb needs");
	if (r >= 0)
		r = path ? listen_unix(s, path, errp)
			 : listen_tcp(s, where, where + strlen("tcp:"), errp);
	if (r >= 0)
		r = loop_add(loop, &s->listen, errp);
	if (r >= 0)
		s->spare = fcntl(s->listen.fd, F_DUPFD_CLOEXEC, 0);
	if (r < 0) {
		gdb_server_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct gdb_server *gdb_server_close(struct gdb_server *s)
{
	if (!s)
		return NULL;
	if (s->listen.loop)
		loop_del(&s->listen);
	if (s->client.fd >= 0) {
		write_out(s); /* how it ended */
		loop_del(&s->client);
		close(s->client.fd);
	}
	if (s->name.fd >= 0)
		unix_name_close(&s->name);
	else
		base_closep(&s->listen.fd);
	base_closep(&s->spare);
	str_free(&s->pending);
	gdb_stub_free(s->stub);
	free(s);
	return NULL;
}

const char *gdb_server_hint(const struct gdb_server *s, char *buf, size_t len)
{
	snprintf(buf, len, "%s", s->hint);
	return buf;
}
