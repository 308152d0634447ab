/* SPDX-License-Identifier: MIT */
/*
 * fuzz_net_wire.c: whatever a peer sends over a stream socket, and in whatever pieces: each whole
 * frame comes out once, as it was sent, and nothing after a length that no frame has. And whatever
 * he leaves unread: what was taken for him arrives, in order (libFuzzer).
 *
 * The input is a byte that says whether headers travel, then a list of steps, a byte each that says
 * which, followed by what it needs.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "net/wire.h"
#include "tests/fuzz/fuzz.h"

#define STREAM 262144u

/* What one side has sent and the other has not looked at yet. */
struct stream {
	uint8_t p[STREAM];
	size_t head, tail;
};

struct bench {
	struct wire w;
	struct loop *loop;
	int peer;
	bool broken; /* a length has been met that ends it */
	struct stream in, out;
};

static void none(struct wire *w)
{
	(void)w;
}

static void on_broken(struct wire *w, int err)
{
	(void)w;
	(void)err;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- the peer sends --------------------------------------------------------------------------- */

static void peer_sends(struct bench *b, const uint8_t *p, size_t len)
{
	ssize_t n;

	if (len > STREAM - b->in.tail)
		len = STREAM - b->in.tail;
	n = send(b->peer, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		memcpy(b->in.p + b->in.tail, p, (size_t)n);
		b->in.tail += (size_t)n;
	}
}

static void peer_sends_fill(struct bench *b, size_t len, uint8_t with)
{
	static uint8_t buf[65536];

	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(with + i);
	peer_sends(b, buf, len);
}

/* The length of the frame that must come out next, 0 if none may. */
static size_t expected(struct bench *b)
{
	size_t have = b->in.tail - b->in.head;
	uint32_t len;

	if (b->broken || have < WIRE_LEN)
		return 0;
	len = be32(b->in.p + b->in.head);
	b->broken = len < b->w.header + WIRE_FRAME_MIN || len > b->w.header + WIRE_FRAME_MAX;
	return b->broken || have - WIRE_LEN < len ? 0 : len;
}

/* With a buffer of just that size in two pieces, so that a byte too many is found. */
static void receive(struct bench *b, size_t room, size_t first)
{
	static const uint8_t zeros[NET_HDR_LEN];
	size_t added = NET_HDR_LEN - b->w.header; /* of zeros */
	size_t len = expected(b), fits = min_u64(added + len, room);
	uint8_t *x = malloc(first), *y = malloc(room - first), *all = malloc(room);
	struct iovec v[2] = { { x, first }, { y, room - first } };
	ssize_t n = wire_recv(&b->w, v, 2);

	if (!len) {
		must(n == -EAGAIN);
	} else {
		must(n == (ssize_t)fits);
		memcpy(all, x, first);
		memcpy(all + first, y, room - first);
		must(!memcmp(all, zeros, added));
		must(!memcmp(all + added, b->in.p + b->in.head + WIRE_LEN, fits - added));
		b->in.head += WIRE_LEN + len;
	}
	must(!b->broken || b->w.error == EPROTO);
	free(x);
	free(y);
	free(all);
}

/* --- the peer reads --------------------------------------------------------------------------- */

static void send_frame(struct bench *b, size_t len, unsigned pieces, uint8_t with)
{
	static uint8_t hdr[NET_HDR_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	static uint8_t frame[8][65536 + 64];
	struct iovec v[600] = { { hdr, sizeof(hdr) } };
	static unsigned turn;
	uint8_t *f, *to = b->out.p + b->out.tail;
	size_t all = b->w.header + len;

	if (all + WIRE_LEN > STREAM - b->out.tail)
		return;
	/* What is sent stays where it is until it is flushed. */
	if (++turn % ARRAY_LEN(frame) == 0)
		wire_flush(&b->w);
	f = frame[turn % ARRAY_LEN(frame)];
	for (size_t i = 0; i < len; i++)
		f[i] = (uint8_t)(with + i * 3);
	for (unsigned i = 0; i < pieces; i++) {
		size_t from = len * i / pieces;

		v[i + 1] = (struct iovec){ f + from, len * (i + 1) / pieces - from };
	}
	if (wire_send(&b->w, v, pieces + 1) == 0 && len >= WIRE_FRAME_MIN &&
	    len <= WIRE_FRAME_MAX && !b->w.error) {
		to[0] = (uint8_t)(all >> 24);
		to[1] = (uint8_t)(all >> 16);
		to[2] = (uint8_t)(all >> 8);
		to[3] = (uint8_t)all;
		memcpy(to + WIRE_LEN, hdr, b->w.header);
		memcpy(to + WIRE_LEN + b->w.header, f, len);
		b->out.tail += WIRE_LEN + all;
	}
}

static size_t peer_reads(struct bench *b, size_t len)
{
	static uint8_t buf[65536];
	ssize_t n = recv(b->peer, buf, len, MSG_DONTWAIT);

	if (n <= 0)
		return 0;
	must((size_t)n <= b->out.tail - b->out.head);
	must(!memcmp(buf, b->out.p + b->out.head, (size_t)n));
	b->out.head += (size_t)n;
	return (size_t)n;
}

/* The loop says that there is room. */
static void room(struct bench *b)
{
	if (b->w.io.fd >= 0)
		b->w.io.cb(&b->w.io, EV_OUT);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void step(struct bench *b, struct input *in)
{
	size_t n, m;
	uint8_t be[4];

	switch (take(in, 1) % 8) {
	case 0:
		n = min_u64(take(in, 1), in->left);
		peer_sends(b, in->p, n);
		in->p += n;
		in->left -= n;
		break;
	case 1: /* a frame */
		n = take(in, 2) + (take(in, 1) & 1) * 18;
		be[0] = 0;
		be[1] = (uint8_t)(n >> 16);
		be[2] = (uint8_t)(n >> 8);
		be[3] = (uint8_t)n;
		if (STREAM - b->in.tail >= 4 + n) {
			peer_sends(b, be, 4);
			peer_sends_fill(b, min_u64(n, 65536), (uint8_t)take(in, 1));
		}
		break;
	case 2: /* a part of one */
		n = take(in, 2);
		peer_sends_fill(b, n, (uint8_t)take(in, 1));
		break;
	case 3:
		n = NET_HDR_LEN + take(in, 2);
		m = take(in, 2);
		receive(b, n, m % (n + 1));
		break;
	case 4:
		n = take(in, 2) + (take(in, 1) & 1) * 30;
		m = 1 + take(in, 2) % 590;
		send_frame(b, n, (unsigned)m, (uint8_t)take(in, 1));
		break;
	case 5:
		wire_flush(&b->w);
		break;
	case 6:
		peer_reads(b, take(in, 2));
		break;
	case 7:
		room(b);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bench b;
	struct input in = { data, size };
	int sv[2];

	if (!b.loop) {
		b.loop = loop_create("fuzz", NULL);
		must(wire_init(&b.w, b.loop, NULL) == 0);
		b.w.readable = b.w.writable = none;
		b.w.broken = on_broken;
	}
	b.in.head = b.in.tail = b.out.head = b.out.tail = 0;
	b.broken = false;
	b.w.header = take(&in, 1) & 1 ? NET_HDR_LEN : 0;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	b.peer = sv[1];
	must(wire_attach(&b.w, sv[0], NULL) == 0);
	for (unsigned i = 0; in.left && i < 500; i++)
		step(&b, &in);
	/* He reads after all, and we take what there is. */
	wire_flush(&b.w);
	for (unsigned i = 0; !b.w.error && i < 100 && b.out.head < b.out.tail; i++) {
		while (peer_reads(&b, 65536))
			;
		room(&b);
	}
	must(b.w.error || b.out.head == b.out.tail);
	while (expected(&b))
		receive(&b, NET_PACKET_MAX, 40);
	close(b.peer);
	wire_detach(&b.w);
	return 0;
}
