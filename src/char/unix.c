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
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "char/alarm.h"
#include "char/console.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define BACKLOG    8
#define RETRY_NS   NSEC_PER_SEC /* after accept() found no descriptor free */
#define CLAIM_MS   1000         /* how long to wait for others who look at the same directory */
#define SOCKET_BIT 0600

struct unix_server {
	struct console *console;
	struct ev_fd listen; /* watched while there is no client */
	struct ev_fd again;  /* an alarm: watch it again */
	struct ev_fd hup;    /* the client's socket, for hang-up alone */
	bool connected, hung_up;
	bool bound; /* the name is ours: this inode */
	dev_t dev;
	ino_t ino;
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

/* --- the name --------------------------------------------------------------------------------- */

/*
 * Between finding a name stale and taking it, and between taking it and listening, another one of
 * us could do the same and both would think it theirs. So one at a time looks at a directory. A
 * directory that cannot be locked is used without.
 */
static int lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = NULL;
	int fd;

	if (asprintf(&dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".") < 0)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned ms = 0; fd >= 0 && ms < CLAIM_MS; ms += 10) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			break;
		usleep(10000);
	}
	return fd;
}

/* Whoever made this name has gone without taking it along: 0. -EADDRINUSE: he is still there. */
static int check_stale(const struct sockaddr_un *sa, struct error **errp)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const char *path = sa->sun_path;
	struct stat st;
	int r;

	if (fd < 0 || lstat(path, &st) < 0)
		return err_errno(errp, errno, "cannot look at '%s'", path);
	if (!S_ISSOCK(st.st_mode)) {
		err_set(errp, EEXIST, "'%s' exists and is no socket", path);
		err_hint(errp, "choose another path for the console, or remove that file");
		return -EEXIST;
	}
	r = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	if (r < 0 && errno == ECONNREFUSED)
		return 0;
	if (r < 0 && errno != EAGAIN) /* EAGAIN: so many wait there already */
		return err_errno(errp, errno, "cannot tell whether '%s' is in use", path);
	err_set(errp, EADDRINUSE, "somebody listens at '%s' already", path);
	err_hint(errp, "is that another guest? choose another path for this one");
	return -EADDRINUSE;
}

static int take_name(struct unix_server *u, const struct sockaddr_un *sa, struct error **errp)
{
	const struct sockaddr *addr = (const struct sockaddr *)sa;
	_cleanup_close_ int lock = lock_directory(sa->sun_path);
	int fd = u->listen.fd, r;
	struct stat st;

	(void)lock;
	if (bind(fd, addr, sizeof(*sa)) < 0) {
		if (errno != EADDRINUSE)
			return err_errno(errp, errno, "cannot listen at '%s'", sa->sun_path);
		r = check_stale(sa, errp);
		if (r < 0)
			return r;
		if ((unlink(sa->sun_path) < 0 && errno != ENOENT) ||
		    bind(fd, addr, sizeof(*sa)) < 0)
			return err_errno(errp, errno, "cannot listen at '%s' anew", sa->sun_path);
	}
	if (lstat(sa->sun_path, &st) == 0) {
		u->bound = true;
		u->dev = st.st_dev;
		u->ino = st.st_ino;
	}
	if (listen(fd, BACKLOG) < 0)
		return err_errno(errp, errno, "cannot listen at '%s'", sa->sun_path);
	return 0;
}

static int bind_socket(struct unix_server *u, const char *path, struct error **errp)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sa.sun_path)) {
		err_set(errp, ENAMETOOLONG, "'%s' is too long for the name of a socket", path);
		err_hint(errp, "at most %zu bytes; a relative path may do",
			 sizeof(sa.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(sa.sun_path, path, strlen(path));
	u->listen.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* bind(2) makes the name with the socket's own mode, so that there is no moment at which
	 * others may connect. */
	if (u->listen.fd < 0 || fchmod(u->listen.fd, SOCKET_BIT) < 0)
		return err_errno(errp, errno, "cannot create a socket for '%s'", path);
	return take_name(u, &sa, errp);
}

/* --- life ------------------------------------------------------------------------------------- */

static void stop(struct console *c)
{
	struct unix_server *u = c->server;
	struct stat st;

	if (!u)
		return;
	loop_del(&u->listen);
	loop_del(&u->hup);
	alarm_destroy(&u->again);
	/* Only if it is still ours: somebody may have moved it, or put something else there. */
	if (u->bound && lstat(c->path, &st) == 0 && st.st_dev == u->dev && st.st_ino == u->ino)
		unlink(c->path);
	base_closep(&u->listen.fd);
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
				   .listen = { .fd = -1, .events = EV_IN, .cb = on_listen },
				   .again.fd = -1,
				   .hup.fd = -1 };
	c->server = u;
	c->stop = stop;
	r = bind_socket(u, arg, errp);
	if (r < 0)
		return r;
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
