/* SPDX-License-Identifier: MIT */
/* relay.c: see relay.h. */
#include "verdict/relay.h"

#include <errno.h>
#include <string.h>

static void flush(struct relay *r);

static void on_writable(struct ev_fd *e, uint32_t revents)
{
	struct relay *r = container_of(e, struct relay, ev);

	(void)revents;
	flush(r);
	r->progress(r, r->opaque);
}

static void fail(struct relay *r, int err)
{
	r->error = err;
	r->off = r->len = 0;
	loop_del(&r->ev);
}

static void flush(struct relay *r)
{
	while (r->len) {
		ssize_t n = nbio_write(&r->out, r->buf + r->off, r->len);

		if (n == -EAGAIN) {
			/* What cannot be watched never says EAGAIN. */
			if (!r->ev.loop && loop_add(r->loop, &r->ev, NULL) < 0)
				fail(r, EIO);
			return;
		}
		if (n < 0) {
			fail(r, (int)-n);
			return;
		}
		r->off += (size_t)n;
		r->len -= (size_t)n;
	}
	r->off = 0;
	if (r->ev.loop)
		loop_del(&r->ev);
}

void relay_init(struct relay *r, struct loop *loop, int fd,
		void (*progress)(struct relay *, void *), void *opaque)
{
	*r = (struct relay){ .loop = loop, .progress = progress, .opaque = opaque };
	nbio_open(&r->out, fd, O_WRONLY);
	r->ev = (struct ev_fd){ .fd = r->out.fd, .events = EV_OUT, .cb = on_writable };
}

size_t relay_room(const struct relay *r)
{
	return RELAY_ROOM - r->len;
}

void relay_put(struct relay *r, const void *bytes, size_t len)
{
	if (r->error || !len)
		return;
	if (r->off + r->len + len > RELAY_ROOM) {
		memmove(r->buf, r->buf + r->off, r->len);
		r->off = 0;
	}
	memcpy(r->buf + r->off + r->len, bytes, len);
	r->len += len;
	if (!r->ev.loop)
		flush(r);
}

bool relay_empty(const struct relay *r)
{
	return !r->len;
}

void relay_close(struct relay *r)
{
	if (r->ev.loop)
		loop_del(&r->ev);
	nbio_close(&r->out);
	r->len = 0;
}
