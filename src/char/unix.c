/* SPDX-License-Identifier: MIT */
/*
 * unix.c: a console on a stream socket that we listen on. One client at a time; who comes while
 * there is one waits in the kernel's queue, connected, and has his turn when it is free.
 *
 * A client goes in two steps: he hangs up, which ends output at once, and what he sent before that
 * has reached the guest, which ends input. Only then has he left: `echo x | socat - UNIX:...` is
 * gone long before a busy guest reads the x. One who only shuts down his sending side stays.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "char/alarm.h"
#include "char/console.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/unix_name.h"

#define RETRY_NS NSEC_PER_SEC /* after accept() found no descriptor free */

struct unix_server {
	struct console *console;
	struct unix_name name;
	struct ev_fd listen; /* its socket, watched while there is no client */
	struct ev_fd again;  /* an alarm: watch it again */
	struct ev_fd hup;    /* the client's socket, for hang-up alone */
	bool connected, hung_up;
};

bool console_unix_connected(const struct console *c)
{
	return !c->server || c->server->connected;
}

static void tell_changed(struct console *c)
{
	if (c->chr.client && c->chr.client->changed)
		c->chr.client->changed(c->chr.client_dev);
}

/* --- a client --------------------------------------------------------------------------------- */

static void wait_for_client(struct unix_server *u)
{
	/* It has been watched before. */
	if (!u->listen.loop && loop_add(u->console->loop, &u->listen, NULL) < 0)
		alarm_set(&u->again, RETRY_NS);
}

static void client_left(struct unix_server *u)
{
	loop_del(&u->hup);
	base_closep(&u->hup.fd);
	u->hup.fd = -1;
	source_detach(&u->console->in);
	sink_detach(u->console->out);
	u->connected = false;
	tell_changed(u->console);
	wait_for_client(u);
}

/* Nobody reads any more. What was sent before is still for the guest, if that takes any. */
static void on_hup(struct ev_fd *e, uint32_t revents)
{
	struct unix_server *u = container_of(e, struct unix_server, hup);

	(void)revents;
	loop_del(&u->hup);
	sink_detach(u->console->out);
	u->hung_up = true;
	if (u->console->in.ended || !u->console->chr.client)
		client_left(u);
}

static void on_input_end(struct source *s)
{
	struct unix_server *u = container_of(s, struct console, in)->server;

	if (u->hung_up)
		client_left(u);
}

/* Somebody who is gone already and has left nothing wanted to know whether we are here. */
static bool was_a_knock(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int left = 0;

	return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) && ioctl(fd, FIONREAD, &left) == 0 &&
	       !left;
}

static bool own_copy(int fd, struct nbio *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return false;
	nbio_open(ret, copy, O_RDWR);
	ret->own = true;
	return true;
}

/* epoll knows a descriptor once: input, output and hang-up have one each. */
static int client_came(struct unix_server *u, int fd)
{
	_cleanup_(nbio_close) struct nbio in = { .fd = -1 }, out = { .fd = -1 };
	struct console *c = u->console;

	if (!own_copy(fd, &in) || !own_copy(fd, &out))
		return -errno;
	u->hup = (struct ev_fd){ .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .cb = on_hup };
	if (u->hup.fd < 0 || loop_add(c->loop, &u->hup, NULL) < 0) {
		base_closep(&u->hup.fd);
		u->hup.fd = -1;
		return -EMFILE;
	}
	loop_del(&u->listen);
	u->hung_up = false;
	u->connected = true;
	sink_attach(c->out, &out);
	tell_changed(c);
	if (source_attach(&c->in, &in, NULL) < 0)
		client_left(u);
	return 0;
}

/*
 * No descriptor is free, or no memory. A client who could not even be accepted stays in the queue,
 * which would wake us at once and for ever.
 */
static void wait_for_descriptors(struct unix_server *u, int err)
{
	char words[128];

	log_msg(LOG_WARN, "console", "cannot take a client at '%s': %s; trying again every second",
		u->console->path, strerror_r(err, words, sizeof(words)));
	loop_del(&u->listen);
	alarm_set(&u->again, RETRY_NS);
}

static void on_listen(struct ev_fd *e, uint32_t revents)
{
	struct unix_server *u = container_of(e, struct unix_server, listen);
	_cleanup_close_ int fd = accept4(e->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	(void)revents;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		wait_for_descriptors(u, errno);
	if (fd < 0 || was_a_knock(fd))
		return;
	r = client_came(u, fd);
	if (r < 0)
		wait_for_descriptors(u, -r);
}

static void on_again(struct ev_fd *e, uint32_t revents)
{
	struct unix_server *u = container_of(e, struct unix_server, again);

	(void)revents;
	alarm_taken(e);
	if (!u->connected)
		wait_for_client(u);
}

/* --- life ------------------------------------------------------------------------------------- */

static void stop(struct console *c)
{
	struct unix_server *u = c->server;

	if (!u)
		return;
	loop_del(&u->listen);
	loop_del(&u->hup);
	alarm_destroy(&u->again);
	unix_name_close(&u->name);
	base_closep(&u->hup.fd);
	free(u);
	c->server = NULL;
}

int console_open_unix(struct console *c, const char *arg, struct error **errp)
{
	struct nbio nobody = { .fd = -1 };
	struct unix_server *u = calloc(1, sizeof(*u));
	int r;

	c->path = strdup(arg);
	if (!u || !c->path) {
		free(u);
		return err_errno(errp, ENOMEM, "cannot open console socket '%s'", arg);
	}
	*u = (struct unix_server){ .console = c,
				   .name.fd = -1,
				   .listen = { .fd = -1, .events = EV_IN, .cb = on_listen },
				   .again.fd = -1,
				   .hup.fd = -1 };
	c->server = u;
	c->stop = stop;
	r = unix_name_listen(&u->name, arg, errp);
	if (r < 0)
		return r;
	u->listen.fd = u->name.fd;
	c->out = &c->own;
	r = sink_init(c->out, c->path, c->loop, &nobody, errp);
	c->own.readers_change = true;
	c->in.on_end = on_input_end;
	if (r == 0)
		r = source_open(&c->in, c->path, c->loop, &c->chr, errp);
	if (r == 0)
		r = alarm_init(&u->again, c->loop, on_again, errp);
	if (r == 0)
		r = loop_add(c->loop, &u->listen, errp);
	return r;
}
