/* SPDX-License-Identifier: MIT */
/* wire.c: Ethernet frames over a stream socket. */
#include "net/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "vmm/error.h"
#include "vmm/iov.h"

#define BACKLOG_BYTES (WIRE_LEN + NET_PACKET_MAX) /* more than WIRE_BATCH */
#define IN_BYTES      (128u * 1024)               /* more than the longest frame */
#define SNDBUF_BYTES  (256 * 1024)
#define DIRECT        4096u        /* the least that is worth a read of its own */
#define LONE          (16u * 1024) /* behind one that long only a length is read ahead, */
#define LONE_READ     WIRE_LEN     /* so that the next one can go where it belongs at once */
#define PIECES        64u
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

/* What travels of the packet in @iov, 0 if no frame is that long. */
static size_t frame_length(const struct wire *w, const struct iovec *iov, unsigned cnt)
{
	size_t len = 0;

	for (unsigned i = 1; i < cnt; i++) {
		if (iov[i].iov_len > WIRE_FRAME_MAX - len)
			return 0;
		len += iov[i].iov_len;
	}
	return len >= WIRE_FRAME_MIN ? w->header + len : 0;
}

/* A frame in more pieces than there is place for: goes by way of the backlog. */
static void send_copy(struct wire *w, const struct iovec *iov, unsigned cnt, size_t len)
{
	uint8_t be[WIRE_LEN];

	put_length(be, len);
	w->backlog_pos = w->backlog_len = 0;
	append(w, be, sizeof(be));
	append(w, iov[0].iov_base, w->header);
	for (unsigned i = 1; i < cnt; i++)
		append(w, iov[i].iov_base, iov[i].iov_len);
	drain(w);
	if (behind(w))
		loop_mod(&w->io, EV_IN | EV_OUT | EV_EDGE);
}

static void gather(struct wire *w, const struct iovec *iov, unsigned cnt, size_t len)
{
	uint8_t *front = w->fronts[w->frames++];

	put_length(front, len);
	memcpy(front + WIRE_LEN, iov[0].iov_base, w->header);
	w->iov[w->iov_cnt++] = (struct iovec){ .iov_base = front, .iov_len = WIRE_LEN + w->header };
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
	len = frame_length(w, iov, cnt);
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

/*
 * Reads into @iov, which has a place left for it, and what comes after that into the buffer, of
 * which at most @ahead bytes are used. Bytes in all; 0: there is nothing more, for now.
 */
static size_t pull(struct wire *w, struct iovec *iov, unsigned cnt, size_t ahead)
{
	size_t direct = iov_len(iov, cnt);
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = cnt + 1 };
	ssize_t r;

	iov[cnt] = (struct iovec){ .iov_base = w->in + w->in_len, .iov_len = ahead };
	do
		r = recvmsg(w->io.fd, &m, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r == 0 || (r < 0 && errno != EAGAIN))
		fail(w, r == 0 ? ECONNRESET : errno);
	if (r <= 0)
		return 0;
	if ((size_t)r > direct)
		w->in_len += (size_t)r - direct;
	return (size_t)r;
}

/* Less than a frame is left: to the front of the buffer with it. */
static void make_room(struct wire *w)
{
	if (w->in_pos)
		memmove(w->in, w->in + w->in_pos, w->in_len - w->in_pos);
	w->in_len -= w->in_pos;
	w->in_pos = 0;
}

static size_t have(const struct wire *w)
{
	return w->in_len - w->in_pos;
}

/* True: there is more than before; at most @ahead bytes. */
static bool fill(struct wire *w, size_t ahead)
{
	struct iovec v[1];

	make_room(w);
	return pull(w, v, 0, min_u64(ahead, IN_BYTES - w->in_len)) > 0;
}

/*
 * Not even the next frame's length is there. After a long frame the next one is long, as a rule:
 * to read its length alone costs a system call, to read all of it here would cost a copy.
 */
static bool fill_length(struct wire *w)
{
	return fill(w, w->lone ? LONE_READ - have(w) : IN_BYTES);
}

/* The next frame's length, 0 if that is not there. */
static size_t next_length(struct wire *w)
{
	uint32_t len;

	if (have(w) < WIRE_LEN)
		return 0;
	len = get_length(w->in + w->in_pos);
	if (len < w->header + WIRE_FRAME_MIN || len > w->header + WIRE_FRAME_MAX) {
		fail(w, EPROTO);
		return 0;
	}
	return len;
}

/* Where in a packet a frame begins that came without its header. */
static size_t skipped(const struct wire *w)
{
	return NET_HDR_LEN - w->header;
}

static void clear_header(const struct wire *w, const struct iovec *iov, size_t room)
{
	static const uint8_t zero[NET_HDR_LEN];

	iov_scatter(iov, 0, zero, min_u64(room, skipped(w)));
}

/* A frame of @len bytes that is in the buffer as a whole, and @room for a packet. */
static ssize_t hand_out(struct wire *w, const struct iovec *iov, size_t room, size_t len)
{
	size_t lead = min_u64(room, skipped(w)), n = min_u64(len, room - lead);

	clear_header(w, iov, room);
	iov_scatter(iov, lead, w->in + w->in_pos + WIRE_LEN, n);
	w->rx_cut += n < len;
	w->in_pos += WIRE_LEN + len;
	return (ssize_t)(lead + n);
}

/*
 * The rest of a frame of @len bytes goes to @iov, without a copy, if it is large, fits, and comes
 * as a whole: true. Else what has come of it is in the buffer, and *@more says if anything did.
 */
static bool take_direct(struct wire *w, const struct iovec *iov, unsigned cnt, size_t len,
			bool *more)
{
	size_t got = have(w) - WIRE_LEN, want = len - got, n;
	struct iovec v[PIECES + 1];
	unsigned k = iov_part(v, PIECES, iov, cnt, skipped(w) + got, want);

	if (want < DIRECT || iov_len(v, k) < want) {
		*more = fill(w, IN_BYTES);
		return false;
	}
	make_room(w);
	n = pull(w, v, k, w->lone ? LONE_READ : IN_BYTES - w->in_len);
	*more = n > 0;
	if (n < want) {
		iov_gather(w->in + w->in_len, v, 0, n);
		w->in_len += n;
		return false;
	}
	/* Its beginning is in front of what was read ahead. */
	clear_header(w, iov, NET_HDR_LEN);
	iov_scatter(iov, skipped(w), w->in + WIRE_LEN, got);
	w->in_pos = WIRE_LEN + got;
	return true;
}

ssize_t wire_recv(struct wire *w, const struct iovec *iov, unsigned cnt)
{
	size_t room = iov_len(iov, cnt);

	for (unsigned reads = 0; !w->error && w->io.fd >= 0; reads++) {
		size_t len = next_length(w);
		bool more;

		if (len)
			w->lone = len >= LONE;
		if (len && have(w) - WIRE_LEN >= len)
			return hand_out(w, iov, room, len);
		if (w->error)
			break;
		if (!len)
			more = fill_length(w);
		else if (take_direct(w, iov, cnt, len, &more))
			return (ssize_t)(skipped(w) + len);
		if (!more)
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
	w->lone = false;
	if (w->tx_waits)
		tell_soon(w);
}
