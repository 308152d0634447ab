/* SPDX-License-Identifier: MIT */
/* vsock_unix.c: the host's end of virtio sockets as a whole: the name it listens at, its limits,
 * its clock. */
#include "net/vsock_unix.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/nofile.h"

#define BACKLOG 1024
#define RESERVE 128u /* descriptors for the rest of the process, to come */
#define LINES   5u   /* at once, and then one in... */
#define LINE_NS (5 * NSEC_PER_SEC)

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
 * is what the administrator means. Scripts of networks have run by now (see pc_devices).
 */
static unsigned descriptor_limit(void)
{
	const rlim_t want = VSOCK_STREAMS_MAX + RESERVE, limit = nofile_raise(want);

	if (!limit)
		return RESERVE;
	return (unsigned)(limit < want ? limit : want);
}

/* Those that are open, about: descriptors are given out from the lowest on. */
static unsigned stream_limit(int newest_fd)
{
	unsigned all = descriptor_limit(), taken = (unsigned)newest_fd + 1 + RESERVE;

	return (unsigned)min_u64(all > taken ? all - taken : 1, VSOCK_STREAMS_MAX);
}

/* --- the name --------------------------------------------------------------------------------- */

static int bind_socket(struct vsock_host *h, const char *path, struct error **errp)
{
	int r;

	if (strlen(path) > VSOCK_PATH_MAX) {
		err_set(errp, ENAMETOOLONG, "'%s' is too long for the name of a socket", path);
		err_hint(errp, "at most %u bytes, as _PORT follows; a relative path may do",
			 VSOCK_PATH_MAX);
		return -ENAMETOOLONG;
	}
	h->addr.sun_family = AF_UNIX;
	memcpy(h->addr.sun_path, path, strlen(path));
	r = unix_name_listen(&h->name, path, errp);
	if (r < 0)
		return r;
	h->listen.fd = h->name.fd;
	/* Many clients may come at once. */
	return listen(h->listen.fd, BACKLOG) < 0
		       ? err_errno(errp, errno, "cannot listen at '%s'", path)
		       : 0;
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
	h->name.fd = -1;
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

	if (!h)
		return NULL;
	timer_cancel(&h->tick);
	for (unsigned i = 0; i < VSOCK_STATES; i++)
		while ((l = link_first(&h->streams[i])))
			vsock_stream_free(container_of(l, struct vsock_stream, link));
	loop_del(&h->listen);
	unix_name_close(&h->name);
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
