/* SPDX-License-Identifier: MIT */
/* wire.c: Ethernet frames over a stream socket. */
#include "net/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "vmm/error.h"

#define BACKLOG_BYTES (WIRE_LEN + WIRE_FRAME_MAX) /* more than WIRE_BATCH */
#define IN_BYTES      (128u * 1024)               /* more than the longest frame */
#define SNDBUF_BYTES  (256 * 1024)
#define READS_MAX     64u /* in one wire_recv(): a frame that comes in smaller pieces waits */

static uint32_t get_length(const uint8_t *p)
{
	uint32_t be;

	memcpy(&be, p, sizeof(be));
	return be32toh(be);
}

static void put_length(uint8_t *p, size_t len)
{
	uint32_t be = htobe32((uint32_t)len);

	memcpy(p, &be, sizeof(be));
}

static void tell_soon(struct wire *w)
{
	uint64_t one = 1;

	/* EAGAIN (the counter is full) means that there is news already. */
	while (write(w->news.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void fail(struct wire *w, int err)
{
	if (!w->error)
		w->error = err;
	w->iov_cnt = w->frames = 0;
	w->bytes = 0;
	w->backlog_pos = w->backlog_len = 0;
	tell_soon(w);
}

/* --- out -------------------------------------------------------------------------------------- */

static bool behind(const struct wire *w)
{
	return w->backlog_pos < w->backlog_len;
}

/* Bytes taken, 0 if there is no room. A connection that is broken takes all. */
static size_t push(struct wire *w, struct iovec *iov, unsigned cnt, size_t len)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = cnt };
	ssize_t r;

	do
		r = sendmsg(w->io.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		return (size_t)r;
	if (errno == EAGAIN)
		return 0;
	fail(w, errno == EPIPE ? ECONNRESET : errno);
	return len;
}

static void append(struct wire *w, const void *p, size_t len)
{
	memcpy(w->backlog + w->backlog_len, p, len);
	w->backlog_len += len;
}

/* Copies what is behind the first @sent bytes of the batch, and waits for room. */
static void keep_rest(struct wire *w, size_t sent)
{
	w->backlog_pos = w->backlog_len = 0;
	for (unsigned i = 0; i < w->iov_cnt; i++) {
		const struct iovec *v = &w->iov[i];
		size_t skip = min_u64(sent, v->iov_len);

		append(w, (const uint8_t *)v->iov_base + skip, v->iov_len - skip);
		sent -= skip;
	}
	loop_mod(&w->io, EV_IN | EV_OUT | EV_EDGE);
}

void wire_flush(struct wire *w)
{
	size_t sent;

	if (!w->frames)
		return;
	sent = push(w, w->iov, w->iov_cnt, w->bytes);
	if (!w->error && sent < w->bytes)
		keep_rest(w, sent);
	w->iov_cnt = w->frames = 0;
	w->bytes = 0;
}

static void drain(struct wire *w)
{
	while (behind(w)) {
		struct iovec v = { .iov_base = w->backlog + w->backlog_pos,
				   .iov_len = w->backlog_len - w->backlog_pos };
		size_t sent = push(w, &v, 1, v.iov_len);

		if (!sent)
			return;
		w->backlog_pos += sent;
	}
	if (!w->error)
		loop_mod(&w->io, EV_IN | EV_EDGE);
}

/* The length of the frame in @iov, 0 if none is like that. */
static size_t frame_length(const struct iovec *iov, unsigned cnt)
{
	size_t len = 0;

	for (unsigned i = 1; i < cnt; i++) {
		if (iov[i].iov_len > WIRE_FRAME_MAX - len)
			return 0;
		len += iov[i].iov_len;
	}
	return len >= WIRE_FRAME_MIN ? len : 0;
}

/* A frame in more pieces than there is place for: goes by way of the backlog. */
static void send_copy(struct wire *w, const struct iovec *iov, unsigned cnt, size_t len)
{
	uint8_t be[WIRE_LEN];

	put_length(be, len);
	w->backlog_pos = w->backlog_len = 0;
	append(w, be, sizeof(be));
	for (unsigned i = 1; i < cnt; i++)
		append(w, iov[i].iov_base, iov[i].iov_len);
	drain(w);
	if (behind(w))
		loop_mod(&w->io, EV_IN | EV_OUT | EV_EDGE);
}

static void gather(struct wire *w, const struct iovec *iov, unsigned cnt, size_t len)
{
	uint8_t *be = w->lens[w->frames++];

	put_length(be, len);
	w->iov[w->iov_cnt++] = (struct iovec){ .iov_base = be, .iov_len = WIRE_LEN };
	for (unsigned i = 1; i < cnt; i++)
		if (iov[i].iov_len)
			w->iov[w->iov_cnt++] = iov[i];
	w->bytes += WIRE_LEN + len;
}

int wire_send(struct wire *w, const struct iovec *iov, unsigned cnt)
{
	size_t len;

	if (behind(w)) {
		w->tx_waits = true;
		return -EAGAIN;
	}
	len = frame_length(iov, cnt);
	if (!len || w->error || w->io.fd < 0) {
		w->tx_refused++;
		return 0;
	}
	/* Each frame has two pieces at least, so that there are lengths for all of them. */
	if (w->bytes + WIRE_LEN + len > WIRE_BATCH || w->iov_cnt + cnt > WIRE_IOV) {
		wire_flush(w);
		if (behind(w)) {
			w->tx_waits = true;
			return -EAGAIN;
		}
	}
	if (w->error)
		w->tx_refused++;
	else if (cnt > WIRE_IOV)
		send_copy(w, iov, cnt, len);
	else
		gather(w, iov, cnt, len);
	return 0;
}

/* --- in --------------------------------------------------------------------------------------- */

/* True: there is more than before. */
static bool fill(struct wire *w)
{
	ssize_t r;

	/* Less than a frame is left. */
	memmove(w->in, w->in + w->in_pos, w->in_len - w->in_pos);
	w->in_len -= w->in_pos;
	w->in_pos = 0;
	do
		r = recv(w->io.fd, w->in + w->in_len, IN_BYTES - w->in_len, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		w->in_len += (size_t)r;
	else if (r == 0 || errno != EAGAIN)
		fail(w, r == 0 ? ECONNRESET : errno);
	return r > 0;
}

/* The next frame's length if all of it is there, 0 if not. */
static size_t whole_frame(struct wire *w)
{
	size_t have = w->in_len - w->in_pos;
	uint32_t len;

	if (have < WIRE_LEN)
		return 0;
	len = get_length(w->in + w->in_pos);
	if (len < WIRE_FRAME_MIN || len > WIRE_FRAME_MAX) {
		fail(w, EPROTO);
		return 0;
	}
	return have - WIRE_LEN >= len ? len : 0;
}

static ssize_t hand_out(struct wire *w, const struct iovec *iov, unsigned cnt, size_t len)
{
	const uint8_t *frame = w->in + w->in_pos + WIRE_LEN;
	size_t done = 0, total = NET_HDR_LEN + len;

	for (unsigned i = 0; i < cnt && done < total; i++) {
		uint8_t *to = iov[i].iov_base;
		size_t n = min_u64(iov[i].iov_len, total - done);
		size_t hdr = done < NET_HDR_LEN ? min_u64(n, NET_HDR_LEN - done) : 0;

		memset(to, 0, hdr);
		if (n > hdr)
			memcpy(to + hdr, frame + (done + hdr - NET_HDR_LEN), n - hdr);
		done += n;
	}
	w->rx_cut += done < total;
	w->in_pos += WIRE_LEN + len;
	return (ssize_t)done;
}

ssize_t wire_recv(struct wire *w, const struct iovec *iov, unsigned cnt)
{
	for (unsigned reads = 0; !w->error && w->io.fd >= 0; reads++) {
		size_t len = whole_frame(w);

		if (len)
			return hand_out(w, iov, cnt, len);
		if (w->error || !fill(w))
			break;
		if (reads == READS_MAX) {
			/* More may be there, of which the loop has told us already. */
			tell_soon(w);
			break;
		}
	}
	w->rx_waits = true;
	return -EAGAIN;
}

/* --- events ----------------------------------------------------------------------------------- */

static void wake_readers(struct wire *w)
{
	if (!w->rx_waits || w->error)
		return;
	w->rx_waits = false;
	w->readable(w);
}

static void wake_writers(struct wire *w)
{
	if (!w->tx_waits || behind(w))
		return;
	w->tx_waits = false;
	w->writable(w);
}

/* What was found inside a call, told from the loop. */
static void on_news(struct ev_fd *e, uint32_t revents)
{
	struct wire *w = container_of(e, struct wire, news);

	(void)revents;
	wake_writers(w);
	wake_readers(w);
	if (w->error && w->io.fd >= 0)
		w->broken(w, w->error);
}

static void on_io(struct ev_fd *e, uint32_t revents)
{
	struct wire *w = container_of(e, struct wire, io);

	if (revents & (EV_OUT | EV_HUP))
		drain(w);
	wake_writers(w);
	if (revents & EV_IN)
		wake_readers(w);
	/* What it sent last is lost if the guest has no room for it now. */
	if (revents & EV_HUP)
		fail(w, ECONNRESET);
}

/* --- life ------------------------------------------------------------------------------------- */

int wire_init(struct wire *w, struct loop *loop, struct error **errp)
{
	int r;

	*w = (struct wire){ .loop = loop,
			    .io = { .fd = -1, .events = EV_IN | EV_EDGE, .cb = on_io },
			    .news = { .events = EV_IN | EV_EDGE, .cb = on_news },
			    .backlog = malloc(BACKLOG_BYTES),
			    .in = malloc(IN_BYTES) };
	w->news.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!w->backlog || !w->in || w->news.fd < 0)
		r = err_errno(errp, w->news.fd < 0 ? errno : ENOMEM,
			      "cannot create the buffers of a network card");
	else
		r = loop_add(loop, &w->news, errp);
	if (r < 0)
		wire_destroy(w);
	return r;
}

void wire_destroy(struct wire *w)
{
	wire_detach(w);
	loop_del(&w->news);
	base_closep(&w->news.fd);
	w->news.fd = -1;
	free(take_ptr(w->backlog));
	free(take_ptr(w->in));
}

int wire_attach(struct wire *w, int fd, struct error **errp)
{
	const int room = SNDBUF_BYTES;
	int r;

	wire_detach(w);
	/* Room for several batches. What the kernel does not grant makes it slower. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0)
		(void)room;
	w->error = 0;
	w->io.fd = fd;
	w->io.events = EV_IN | EV_EDGE;
	r = loop_add(w->loop, &w->io, errp);
	if (r < 0)
		wire_detach(w);
	return r;
}

void wire_detach(struct wire *w)
{
	if (w->io.fd < 0)
		return;
	loop_del(&w->io);
	close(w->io.fd);
	w->io.fd = -1;
	w->iov_cnt = w->frames = 0;
	w->bytes = 0;
	w->backlog_pos = w->backlog_len = 0;
	w->in_pos = w->in_len = 0;
	if (w->tx_waits)
		tell_soon(w);
}
