/* SPDX-License-Identifier: MIT */
/*
 * socket.c: the plain wire: frames to one peer over a unix stream socket, each behind its length,
 * as wire.h has it and QEMU's -netdev stream understands it. One end listens and takes one peer at
 * a time; the other connects, and again whenever the connection has ended. While there is no peer
 * the link is down.
 *
 * A peer that does not read stops the guest's queue (-EAGAIN) for PATIENCE_NS; after that frames
 * are dropped until it reads, so that the guest can shut its card down, or use it for something
 * else.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/netdev_internal.h"
#include "net/wire.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/unix_name.h"

#define AGAIN_NS    NSEC_PER_SEC
#define PATIENCE_NS NSEC_PER_SEC

struct sock {
	struct netdev n;
	struct wire wire;
	char *path;
	struct unix_name name; /* .fd -1: this end connects */
	struct ev_fd accept;   /* watched while there is no peer */
	struct ev_timer again; /* connect, or watch, again */
	struct ev_timer patience;
	struct ev_timer begin; /* the driver has come: there may be packets */
	bool waits;            /* the device has been told -EAGAIN */
	bool dropping;         /* too long ago */
};

static struct sock *to_sock(struct netdev *n)
{
	return container_of(n, struct sock, n);
}

static struct sock *of_wire(struct wire *w)
{
	return container_of(w, struct sock, wire);
}

static void in_ns(struct ev_timer *t, uint64_t ns)
{
	timer_arm(t, vclock_now(t->clock) + ns);
}

/* --- peers ------------------------------------------------------------------------------------ */

static int take_peer(struct sock *s, int fd, struct error **errp)
{
	int r = wire_attach(&s->wire, fd, errp);

	if (r < 0)
		return r;
	s->waits = s->dropping = false;
	loop_del(&s->accept);
	log_msg(LOG_INFO, "net", "%s: connected", s->n.info.backend);
	netdev_set_link(&s->n, true);
	return 0;
}

static void wait_for_peer(struct sock *s)
{
	if (s->name.fd < 0 || (!s->accept.loop && loop_add(s->n.loop, &s->accept, NULL) < 0))
		in_ns(&s->again, AGAIN_NS);
}

static void on_accept(struct ev_fd *e, uint32_t revents)
{
	struct sock *s = container_of(e, struct sock, accept);
	int fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)revents;
	if (fd >= 0 && take_peer(s, fd, NULL) == 0)
		return;
	/* Who could not be accepted stays in the queue, and would wake us at once and for ever. */
	if (fd >= 0 || (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)) {
		netdev_complain(&s->n, "%s: cannot take a connection: %s; trying again in a second",
				s->n.info.backend, fd >= 0 ? "no memory" : strerrordesc_np(errno));
		loop_del(&s->accept);
		in_ns(&s->again, AGAIN_NS);
	}
}

/* 0: connected, or it will be tried again. */
static int try_connect(struct sock *s, struct error **errp)
{
	int fd = unix_name_connect(s->path);

	if (fd >= 0)
		return take_peer(s, fd, errp);
	in_ns(&s->again, AGAIN_NS);
	if (fd != -ENOENT && fd != -ECONNREFUSED && fd != -EAGAIN)
		return err_errno(errp, -fd, "cannot connect to '%s'", s->path);
	return 0;
}

static void on_again(struct ev_timer *t)
{
	struct sock *s = container_of(t, struct sock, again);
	struct error *e = NULL;

	if (s->wire.io.fd >= 0)
		return;
	if (s->name.fd >= 0) {
		wait_for_peer(s);
	} else if (try_connect(s, &e) < 0) {
		netdev_complain(&s->n, "%s: %s", s->n.info.backend, error_msg(e));
		in_ns(&s->again, AGAIN_NS);
	}
	error_free(e);
}

static void on_broken(struct wire *w, int err)
{
	struct sock *s = of_wire(w);
	bool waited = s->waits;

	wire_detach(w);
	if (err == EPROTO)
		netdev_complain(
			&s->n,
			"%s: the other end announced a frame that is longer or shorter than "
			"any; the connection is closed",
			s->n.info.backend);
	else if (err == ECONNRESET)
		netdev_complain(&s->n, "%s: the other end has closed the connection",
				s->n.info.backend);
	else
		netdev_complain(&s->n, "%s: the connection has failed: %s", s->n.info.backend,
				strerrordesc_np(err));
	s->waits = s->dropping = false;
	netdev_set_link(&s->n, false);
	wait_for_peer(s);
	if (waited)
		netdev_writable(&s->n, 0);
}

/* --- packets ---------------------------------------------------------------------------------- */

static void on_readable(struct wire *w)
{
	netdev_readable(&of_wire(w)->n, 0);
}

static void on_writable(struct wire *w)
{
	struct sock *s = of_wire(w);

	s->waits = s->dropping = false;
	timer_cancel(&s->patience);
	netdev_writable(&s->n, 0);
}

static void on_patience(struct ev_timer *t)
{
	struct sock *s = container_of(t, struct sock, patience);

	if (!s->waits)
		return;
	s->dropping = true;
	netdev_complain(&s->n, "%s: the other end does not read; frames are dropped",
			s->n.info.backend);
	netdev_writable(&s->n, 0);
}

static void on_begin(struct ev_timer *t)
{
	netdev_readable(&container_of(t, struct sock, begin)->n, 0);
}

static void sock_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	(void)offloads;
	if (pairs)
		in_ns(&to_sock(n)->begin, 0);
}

static int sock_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	struct sock *s = to_sock(n);
	int r;

	(void)q;
	if (unlikely(s->dropping))
		return 0;
	r = wire_send(&s->wire, iov, cnt);
	if (unlikely(r == -EAGAIN) && !s->waits) {
		s->waits = true;
		in_ns(&s->patience, PATIENCE_NS);
	}
	return r;
}

static void sock_flush(struct netdev *n, unsigned q)
{
	(void)q;
	wire_flush(&to_sock(n)->wire);
}

static ssize_t sock_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	(void)q;
	return wire_recv(&to_sock(n)->wire, iov, cnt);
}

/* --- life ------------------------------------------------------------------------------------- */

static void sock_close(struct netdev *n)
{
	struct sock *s = to_sock(n);

	timer_cancel(&s->again);
	timer_cancel(&s->patience);
	timer_cancel(&s->begin);
	loop_del(&s->accept);
	wire_destroy(&s->wire);
	unix_name_close(&s->name);
	free(s->path);
	free(s);
}

static const struct netdev_ops sock_ops = {
	.run = sock_run,
	.send = sock_send,
	.flush = sock_flush,
	.recv = sock_recv,
	.close = sock_close,
};

static int begin_listening(struct sock *s, struct error **errp)
{
	int r = unix_name_listen(&s->name, s->path, errp);

	if (r == -EADDRINUSE)
		err_hint(errp,
			 "of a wire one end listens, the other does not; or choose another path");
	if (r < 0)
		return r;
	s->accept.fd = s->name.fd;
	return loop_add(s->n.loop, &s->accept, errp);
}

static int begin_connecting(struct sock *s, struct error **errp)
{
	int r;

	if (strlen(s->path) >= sizeof(s->name.path)) {
		err_set(errp, ENAMETOOLONG, "'%s' is too long for the name of a socket", s->path);
		err_hint(errp, "at most %zu bytes", sizeof(s->name.path) - 1);
		return -ENAMETOOLONG;
	}
	r = try_connect(s, errp);
	if (r == 0 && s->wire.io.fd < 0)
		netdev_complain(&s->n, "%s: nobody listens there yet; trying each second",
				s->n.info.backend);
	return r;
}

int socket_open(const struct net_config *c, struct loop *loop, struct netdev **ret,
		struct error **errp)
{
	struct sock *s;
	int r;

	if (!c->path || !*c->path)
		return err_set(errp, EINVAL, "-n socket needs path=, the name of a unix socket");
	if (c->queues > 1)
		return err_set(errp, EINVAL, "a wire has one queue pair, not %u", c->queues);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(errp, ENOMEM, "no memory for a network");
	s->n.ops = &sock_ops;
	s->n.loop = loop;
	s->n.info = (struct net_info){ .queues = 1, .backend = s->n.name };
	s->name.fd = -1;
	s->accept = (struct ev_fd){ .fd = -1, .events = EV_IN, .cb = on_accept };
	snprintf(s->n.name, sizeof(s->n.name), "socket %s", c->path);
	timer_init(&s->again, loop_clock(loop), on_again);
	timer_init(&s->patience, loop_clock(loop), on_patience);
	timer_init(&s->begin, loop_clock(loop), on_begin);
	r = wire_init(&s->wire, loop, errp);
	if (r < 0) {
		free(s);
		return r;
	}
	s->wire.readable = on_readable;
	s->wire.writable = on_writable;
	s->wire.broken = on_broken;
	s->path = strdup(c->path);
	if (!s->path)
		r = err_set(errp, ENOMEM, "no memory for a network");
	else
		r = c->listen ? begin_listening(s, errp) : begin_connecting(s, errp);
	if (r < 0) {
		sock_close(&s->n);
		return r;
	}
	*ret = &s->n;
	return 0;
}
