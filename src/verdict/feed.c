/* SPDX-License-Identifier: MIT */
/* feed.c: see feed.h. */
#include "verdict/feed.h"

#include <errno.h>
#include <sys/socket.h>

/* So many rounds of a file that is always readable, and then it is the others' turn. */
#define ROUNDS 16

static void watch(struct feed *f, struct ev_fd *e)
{
	/* Only what says EAGAIN is watched, and that can be. */
	if (!e->loop && loop_add(f->loop, e, NULL) < 0)
		feed_stop(f);
}

/* True: all that was read is on its way. */
static bool hand_over(struct feed *f)
{
	while (f->len) {
		ssize_t n =
			send(f->writable.fd, f->buf + f->off, f->len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			watch(f, &f->writable);
			return false;
		}
		if (n < 0) { /* the guest's process is gone */
			feed_stop(f);
			return false;
		}
		f->off += (size_t)n;
		f->len -= (size_t)n;
	}
	return true;
}

/* What cannot be read is at its end: a terminal that hangs up, one that is another job's. */
static bool read_more(struct feed *f)
{
	ssize_t n = nbio_read(&f->in, f->buf, sizeof(f->buf));

	if (n == -EAGAIN) {
		watch(f, &f->readable);
		return false;
	}
	if (n <= 0) {
		feed_stop(f);
		f->ended(f, f->opaque);
		return false;
	}
	f->off = 0;
	f->len = (size_t)n;
	f->total += (size_t)n;
	return true;
}

static void pump(struct feed *f)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (f->over || !hand_over(f) || !read_more(f))
			return;
	}
	loop_post(f->loop, &f->again);
}

static void on_readable(struct ev_fd *e, uint32_t revents)
{
	struct feed *f = container_of(e, struct feed, readable);

	(void)revents;
	loop_del(e);
	pump(f);
}

static void on_writable(struct ev_fd *e, uint32_t revents)
{
	struct feed *f = container_of(e, struct feed, writable);

	(void)revents;
	loop_del(e);
	pump(f);
}

static void on_again(struct ev_work *w)
{
	pump(container_of(w, struct feed, again));
}

void feed_start(struct feed *f, struct loop *loop, int fd, int to,
		void (*ended)(struct feed *, void *), void *opaque)
{
	f->loop = loop;
	f->ended = ended;
	f->opaque = opaque;
	nbio_open(&f->in, fd, O_RDONLY);
	f->readable = (struct ev_fd){ .fd = f->in.fd, .events = EV_IN, .cb = on_readable };
	f->writable = (struct ev_fd){ .fd = to, .events = EV_OUT, .cb = on_writable };
	f->again.cb = on_again;
	loop_post(loop, &f->again);
}

void feed_stop(struct feed *f)
{
	f->over = true;
	if (f->readable.loop)
		loop_del(&f->readable);
	if (f->writable.loop)
		loop_del(&f->writable);
	nbio_close(&f->in);
}
