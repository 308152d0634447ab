/* SPDX-License-Identifier: MIT */
/* vsock_unix.c: the host's end of virtio sockets as a whole: the name it listens at, its limits,
 * its clock. */
#include "net/vsock_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "vmm/error.h"
#include "vmm/log.h"

#define BACKLOG     1024
#define SOCKET_MODE 0600
#define RESERVE     128u /* descriptors for the rest of the process, to come */
#define LINES       5u   /* at once, and then one in... */
#define LINE_NS     (5 * NSEC_PER_SEC)
#define CLAIM_MS    1000

/* --- complaints ------------------------------------------------------------------------------- */

/* The bucket counts in ns-th of a line, so that its rate may be below one a second. */
void vsock_complain(struct vsock_host *h, const char *fmt, ...)
{
	uint64_t now = vclock_now(h->tick.clock);
	va_list ap;

	if (token_bucket_wait(&h->lines, now)) {
		h->unsaid++;
		return;
	}
	token_bucket_take(&h->lines, now, LINE_NS);
	if (h->unsaid)
		log_msg(LOG_WARN, "vsock", "%u more messages were left out", h->unsaid);
	h->unsaid = 0;
	va_start(ap, fmt);
	log_vmsg(LOG_WARN, "vsock", fmt, ap);
	va_end(ap);
}

/* --- time ------------------------------------------------------------------------------------- */

void vsock_tick_by(struct vsock_host *h, uint64_t at_ns)
{
	if (at_ns >= h->tick_ns)
		return;
	h->tick_ns = at_ns;
	timer_arm(&h->tick, at_ns);
}

static void watch_listener(struct vsock_host *h)
{
	if (!h->run || h->tired)
		loop_del(&h->listen);
	else if (!h->listen.loop && loop_add(h->loop, &h->listen, NULL) < 0)
		vsock_complain(h, "'%s' cannot be watched", h->addr.sun_path);
}

static void on_tick(struct ev_timer *t)
{
	struct vsock_host *h = container_of(t, struct vsock_host, tick);
	uint64_t now = vclock_now(t->clock), next;

	h->tick_ns = UINT64_MAX;
	if (h->tired && now >= h->tired_until_ns) {
		h->tired = false;
		watch_listener(h);
	}
	next = min_u64(vsock_clients_expire(h, now), vsock_connect_again(h, now));
	if (h->tired)
		next = min_u64(next, h->tired_until_ns);
	if (next != UINT64_MAX)
		vsock_tick_by(h, next);
}

/* --- limits ----------------------------------------------------------------------------------- */

/*
 * A shell's usual limit is 1024 descriptors, a tenth of what a busy guest may want; the hard limit
 * is what the administrator means.
 */
static unsigned descriptor_limit(void)
{
	const rlim_t want = VSOCK_STREAMS_MAX + RESERVE;
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return RESERVE;
	if (r.rlim_cur < want && r.rlim_cur < r.rlim_max) {
		struct rlimit more = { r.rlim_max < want ? r.rlim_max : want, r.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			r = more;
	}
	return r.rlim_cur < want ? (unsigned)r.rlim_cur : (unsigned)want;
}

/* Those that are open, about: descriptors are given out from the lowest on. */
static unsigned stream_limit(int newest_fd)
{
	unsigned all = descriptor_limit(), taken = (unsigned)newest_fd + 1 + RESERVE;

	return (unsigned)min_u64(all > taken ? all - taken : 1, VSOCK_STREAMS_MAX);
}

/* --- the name --------------------------------------------------------------------------------- */

/*
 * Between finding a name stale and taking it another one of us could do the same, and both would
 * think it theirs. So one at a time looks at a directory. One that cannot be locked is used
 * without.
 */
static int lock_directory(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');
	int fd;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
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
	struct stat st;
	int r;

	if (fd < 0 || lstat(sa->sun_path, &st) < 0)
		return err_errno(errp, errno, "cannot look at '%s'", sa->sun_path);
	if (!S_ISSOCK(st.st_mode)) {
		err_set(errp, EEXIST, "'%s' exists and is no socket", sa->sun_path);
		err_hint(errp, "choose another path for --vsock, or remove that file");
		return -EEXIST;
	}
	r = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	if (r < 0 && errno == ECONNREFUSED)
		return 0;
	if (r < 0 && errno != EAGAIN) /* EAGAIN: so many wait there already */
		return err_errno(errp, errno, "cannot tell whether '%s' is in use", sa->sun_path);
	err_set(errp, EADDRINUSE, "somebody listens at '%s' already", sa->sun_path);
	err_hint(errp, "is that another guest? choose another path for this one");
	return -EADDRINUSE;
}

static int take_name(struct vsock_host *h, struct error **errp)
{
	const struct sockaddr *addr = (const struct sockaddr *)&h->addr;
	const char *path = h->addr.sun_path;
	_cleanup_close_ int lock = lock_directory(path);
	struct stat st;
	int r;

	(void)lock;
	if (bind(h->listen.fd, addr, sizeof(h->addr)) < 0) {
		if (errno != EADDRINUSE)
			return err_errno(errp, errno, "cannot listen at '%s'", path);
		r = check_stale(&h->addr, errp);
		if (r < 0)
			return r;
		if ((unlink(path) < 0 && errno != ENOENT) ||
		    bind(h->listen.fd, addr, sizeof(h->addr)) < 0)
			return err_errno(errp, errno, "cannot listen at '%s' anew", path);
	}
	if (lstat(path, &st) == 0) {
		h->bound = true;
		h->dev = st.st_dev;
		h->ino = st.st_ino;
	}
	if (listen(h->listen.fd, BACKLOG) < 0)
		return err_errno(errp, errno, "cannot listen at '%s'", path);
	return 0;
}

static int bind_socket(struct vsock_host *h, const char *path, struct error **errp)
{
	if (strlen(path) > VSOCK_PATH_MAX) {
		err_set(errp, ENAMETOOLONG, "'%s' is too long for the name of a socket", path);
		err_hint(errp, "at most %u bytes, as _PORT follows; a relative path may do",
			 VSOCK_PATH_MAX);
		return -ENAMETOOLONG;
	}
	h->addr.sun_family = AF_UNIX;
	memcpy(h->addr.sun_path, path, strlen(path));
	h->listen.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* bind(2) makes the name with the socket's own mode, so that there is no moment at which
	 * others may connect. */
	if (h->listen.fd < 0 || fchmod(h->listen.fd, SOCKET_MODE) < 0)
		return err_errno(errp, errno, "cannot create a socket for '%s'", path);
	return take_name(h, errp);
}

/* --- life ------------------------------------------------------------------------------------- */

int vsock_open(const struct vsock_config *c, struct loop *loop, struct vsock_host **ret,
	       struct error **errp)
{
	struct vsock_host *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_errno(errp, ENOMEM, "cannot open vsock '%s'", c->path);
	h->loop = loop;
	h->listen = (struct ev_fd){ .fd = -1, .events = EV_IN, .cb = vsock_on_listen };
	for (unsigned i = 0; i < VSOCK_STATES; i++)
		link_init(&h->streams[i]);
	timer_init(&h->tick, loop_clock(loop), on_tick);
	h->tick_ns = UINT64_MAX;
	token_bucket_init(&h->lines, NSEC_PER_SEC, LINES * LINE_NS);
	r = bind_socket(h, c->path, errp);
	if (r < 0) {
		vsock_close_host(h);
		return r;
	}
	h->limit = stream_limit(h->listen.fd);
	if (c->max_streams)
		h->limit = (unsigned)min_u64(h->limit, c->max_streams);
	*ret = h;
	return 0;
}

struct vsock_host *vsock_close_host(struct vsock_host *h)
{
	struct link *l;
	struct stat st;

	if (!h)
		return NULL;
	timer_cancel(&h->tick);
	for (unsigned i = 0; i < VSOCK_STATES; i++)
		while ((l = link_first(&h->streams[i])))
			vsock_stream_free(container_of(l, struct vsock_stream, link));
	loop_del(&h->listen);
	/* Only if it is still ours: somebody may have moved it, or put something else there. */
	if (h->bound && lstat(h->addr.sun_path, &st) == 0 && st.st_dev == h->dev &&
	    st.st_ino == h->ino)
		unlink(h->addr.sun_path);
	base_closep(&h->listen.fd);
	free(h);
	return NULL;
}

void vsock_set_events(struct vsock_host *h, const struct vsock_events *ev, void *opaque)
{
	h->events = ev;
	h->opaque = opaque;
}

void vsock_run(struct vsock_host *h, bool on)
{
	h->run = on;
	watch_listener(h);
}

unsigned vsock_limit(const struct vsock_host *h)
{
	return h->limit;
}

unsigned vsock_streams(const struct vsock_host *h)
{
	return h->cnt;
}
