/* SPDX-License-Identifier: MIT */
/*
 * test_net_wire.c: frames over a stream socket: how they are put together and taken apart, a peer
 * that does not read, one that goes, one that sends lengths no frame has.
 */
#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "net/wire.h"
#include "tests/lib/fake.h"

struct rig {
	struct wire w; /* first */
	struct loop *loop;
	struct ev_fd pass;
	_Atomic unsigned passes;
	int peer;
	unsigned readable, writable, broken;
	int err;
};

static void on_readable(struct wire *w)
{
	((struct rig *)(void *)w)->readable++;
}

static void on_writable(struct wire *w)
{
	((struct rig *)(void *)w)->writable++;
}

static void on_broken(struct wire *w, int err)
{
	struct rig *r = (struct rig *)(void *)w;

	r->broken++;
	r->err = err;
	wire_detach(w);
}

static void nothing(void *arg)
{
	(void)arg;
}

#define PASSES 4

/* Once in each look at the descriptors. */
static void on_pass(struct ev_fd *e, uint32_t revents)
{
	struct rig *r = container_of(e, struct rig, pass);

	(void)revents;
	if (++r->passes < PASSES)
		eventfd_write(e->fd, 1);
}

/* All that has happened so far is told: what comes of an event may be an event of the next look. */
static void turn(struct rig *r)
{
	struct error *e = NULL;

	r->passes = 0;
	eventfd_write(r->pass.fd, 1);
	assert_int_equal(loop_start_thread(r->loop, &e), 0);
	while (r->passes < PASSES)
		loop_run_sync(r->loop, nothing, NULL);
	loop_stop(r->loop);
}

static void connect_peer(struct rig *r)
{
	struct error *e = NULL;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(wire_attach(&r->w, sv[0], &e), 0);
	r->peer = sv[1];
}

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct error *e = NULL;

	r->loop = loop_create("test", &e);
	assert_no_error(e);
	assert_int_equal(wire_init(&r->w, r->loop, &e), 0);
	r->w.readable = on_readable;
	r->w.writable = on_writable;
	r->w.broken = on_broken;
	r->pass = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC),
				  .events = EV_IN | EV_EDGE,
				  .cb = on_pass };
	assert_int_equal(loop_add(r->loop, &r->pass, &e), 0);
	connect_peer(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	base_closep(&r->peer);
	wire_destroy(&r->w);
	loop_del(&r->pass);
	base_closep(&r->pass.fd);
	loop_destroy(r->loop);
	free(r);
	return 0;
}

static uint8_t hdr[NET_HDR_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
static uint8_t frame[WIRE_FRAME_MAX + 1];
static uint8_t got[NET_PACKET_MAX + 64];

static void fill_frame(size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + seed);
}

static int send_frame(struct rig *r, size_t len)
{
	struct iovec v[2] = { { hdr, sizeof(hdr) }, { frame, len } };

	return wire_send(&r->w, v, 2);
}

static ssize_t recv_packet(struct rig *r, size_t room)
{
	struct iovec v = { got, room };

	memset(got, 0xee, sizeof(got));
	return wire_recv(&r->w, &v, 1);
}

static void peer_writes(struct rig *r, const void *p, size_t len)
{
	assert_int_equal(send(r->peer, p, len, MSG_DONTWAIT), len);
}

static void peer_sends(struct rig *r, uint32_t len)
{
	uint32_t be = htobe32(len);

	peer_writes(r, &be, 4);
	peer_writes(r, frame, len);
}

static size_t peer_reads(struct rig *r, void *p, size_t len)
{
	ssize_t n = recv(r->peer, p, len, MSG_DONTWAIT);

	return n < 0 ? 0 : (size_t)n;
}

/* Reads one frame as a peer that is careful does; its length. */
static size_t peer_takes(struct rig *r)
{
	uint32_t be = 0;

	if (recv(r->peer, &be, 4, MSG_DONTWAIT | MSG_WAITALL) != 4)
		return 0;
	for (size_t done = 0; done < be32toh(be);) {
		ssize_t n = recv(r->peer, got + done, be32toh(be) - done, MSG_DONTWAIT);

		if (n <= 0)
			turn(r); /* what was kept back goes out */
		else
			done += (size_t)n;
	}
	return be32toh(be);
}

/* --- out -------------------------------------------------------------------------------------- */

static void frames_go_out_together(void **state)
{
	struct rig *r = *state;
	uint8_t buf[512];

	fill_frame(100, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send_frame(r, 60 + i), 0);
	assert_int_equal(peer_reads(r, buf, sizeof(buf)), 0); /* not before the flush */
	wire_flush(&r->w);
	assert_int_equal(peer_reads(r, buf, sizeof(buf)), 3 * 4 + 60 + 61 + 62);
	assert_memory_equal(buf, "\0\0\0\x3c", 4);
	assert_memory_equal(buf + 4, frame, 60);
	assert_memory_equal(buf + 64, "\0\0\0\x3d", 4);
	assert_memory_equal(buf + 68, frame, 61);
	wire_flush(&r->w);
	assert_int_equal(peer_reads(r, buf, sizeof(buf)), 0);
}

static void pieces_are_one_frame(void **state)
{
	struct rig *r = *state;
	struct iovec v[WIRE_IOV * 2] = { { hdr, sizeof(hdr) } };
	static uint8_t buf[8192];

	fill_frame(WIRE_IOV * 2, 3);
	for (unsigned cnt = 2; cnt <= ARRAY_LEN(v); cnt++) {
		/* One byte each, some with none, the rest in the first. */
		size_t len = 0;

		for (unsigned i = 1; i < cnt; i++) {
			v[i] = (struct iovec){ frame + len, i == 1 ? 20 : i % 3 != 0 };
			len += v[i].iov_len;
		}
		assert_int_equal(wire_send(&r->w, v, cnt), 0);
		wire_flush(&r->w);
		assert_int_equal(peer_reads(r, buf, sizeof(buf)), 4 + len);
		assert_memory_equal(buf + 4, frame, len);
	}
}

/* passt loses track if what it reads ends inside a length: the kernel must take each batch whole.
 */
static void a_batch_is_one_piece(void **state)
{
	struct rig *r = *state;
	static uint8_t buf[1 << 20];
	size_t n, most = 0;

	fill_frame(1600, 9);
	for (unsigned turns = 0; turns < 200; turns++) {
		while (send_frame(r, 14 + (turns * 37 + 11) % 1500) == 0)
			if (turns % 3 == 0 && r->w.frames > 20)
				break;
		wire_flush(&r->w);
		while ((n = peer_reads(r, buf, sizeof(buf)))) {
			size_t at = 0;

			while (at < n) {
				uint32_t be;

				assert_true(n - at > 4);
				memcpy(&be, buf + at, 4);
				at += 4 + be32toh(be);
			}
			assert_int_equal(at, n);
			most = max_u64(most, n);
			turn(r);
		}
	}
	assert_true(most > WIRE_BATCH / 2);
}

static void lengths_that_no_frame_has_are_not_sent(void **state)
{
	struct rig *r = *state;
	struct iovec v[3] = { { hdr, sizeof(hdr) }, { frame, SIZE_MAX }, { frame, 100 } };

	assert_int_equal(send_frame(r, 0), 0);
	assert_int_equal(send_frame(r, WIRE_FRAME_MIN - 1), 0);
	assert_int_equal(send_frame(r, WIRE_FRAME_MAX + 1), 0);
	assert_int_equal(wire_send(&r->w, v, 3), 0);
	assert_int_equal(wire_send(&r->w, v, 1), 0);
	assert_int_equal(r->w.tx_refused, 5);
	assert_int_equal(send_frame(r, WIRE_FRAME_MAX), 0);
	wire_flush(&r->w);
	assert_int_equal(peer_takes(r), WIRE_FRAME_MAX);
	assert_int_equal(peer_takes(r), 0);
}

/* --- a peer that does not read ---------------------------------------------------------------- */

static void row59_peer_never_reads(void **state)
{
	struct rig *r = *state;
	unsigned sent = 0, taken = 0;

	fill_frame(1514, 5);
	while (send_frame(r, 1514) == 0) {
		assert_true(++sent < 10000);
		if (sent % 8 == 0)
			wire_flush(&r->w);
	}
	assert_true(sent > 100);
	turn(r);
	assert_int_equal(r->writable, 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(send_frame(r, 1514), -EAGAIN);
	wire_flush(&r->w);
	/* It reads after all: nothing that was taken is missing. */
	while (peer_takes(r)) {
		assert_memory_equal(got, frame, 1514);
		taken++;
		if (r->writable)
			break;
		turn(r);
	}
	assert_int_equal(r->writable, 1);
	while (peer_takes(r))
		taken++;
	assert_int_equal(taken, sent);
	assert_int_equal(send_frame(r, 60), 0);
	wire_flush(&r->w);
	assert_int_equal(peer_takes(r), 60);
}

static void row59_long_frames_in_parts(void **state)
{
	struct rig *r = *state;
	unsigned sent = 0, taken = 0;

	fill_frame(WIRE_FRAME_MAX, 6);
	while (send_frame(r, WIRE_FRAME_MAX) == 0) {
		assert_true(++sent < 1000);
		wire_flush(&r->w);
	}
	while (peer_takes(r) == WIRE_FRAME_MAX) {
		assert_memory_equal(got, frame, WIRE_FRAME_MAX);
		taken++;
		turn(r);
	}
	assert_int_equal(taken, sent);
	assert_int_equal(r->writable, 1);
}

/* --- a peer that goes ------------------------------------------------------------------------- */

static void row61_peer_goes_while_we_send(void **state)
{
	struct rig *r = *state;

	assert_int_equal(send_frame(r, 100), 0);
	base_closep(&r->peer);
	r->peer = -1;
	wire_flush(&r->w); /* EPIPE, and no SIGPIPE */
	assert_int_equal(r->broken, 0);
	assert_int_equal(send_frame(r, 100), 0);
	assert_int_equal(recv_packet(r, sizeof(got)), -EAGAIN);
	turn(r);
	assert_int_equal(r->broken, 1);
	assert_int_equal(r->err, ECONNRESET);
	assert_int_equal(send_frame(r, 100), 0);
	/* Another one comes. */
	connect_peer(r);
	assert_int_equal(send_frame(r, 77), 0);
	wire_flush(&r->w);
	assert_int_equal(peer_takes(r), 77);
	turn(r);
	assert_int_equal(r->broken, 1);
}

static void row61_peer_goes_while_we_are_behind(void **state)
{
	struct rig *r = *state;

	while (send_frame(r, 1514) == 0)
		;
	base_closep(&r->peer);
	r->peer = -1;
	turn(r);
	assert_int_equal(r->broken, 1);
	assert_int_equal(r->writable, 1);
	assert_int_equal(send_frame(r, 1514), 0);
}

static void a_peer_that_ends_has_sent_all(void **state)
{
	struct rig *r = *state;

	peer_sends(r, 60);
	peer_sends(r, 61);
	shutdown(r->peer, SHUT_WR);
	assert_int_equal(recv_packet(r, sizeof(got)), 72);
	assert_int_equal(recv_packet(r, sizeof(got)), 73);
	assert_int_equal(recv_packet(r, sizeof(got)), -EAGAIN);
	turn(r);
	assert_int_equal(r->broken, 1);
	assert_int_equal(r->err, ECONNRESET);
}

/* --- in --------------------------------------------------------------------------------------- */

static void a_header_of_zeros_comes_first(void **state)
{
	struct rig *r = *state;
	struct iovec v[4] = { { got, 5 }, { got + 100, 0 }, { got + 200, 20 }, { got + 300, 500 } };

	fill_frame(80, 2);
	peer_sends(r, 80);
	memset(got, 0xee, sizeof(got));
	assert_int_equal(wire_recv(&r->w, v, 4), 92);
	assert_memory_equal(got, "\0\0\0\0\0\xee", 6);
	assert_memory_equal(got + 200, "\0\0\0\0\0\0\0", 7);
	assert_memory_equal(got + 207, frame, 13);
	assert_memory_equal(got + 300, frame + 13, 67);
	assert_int_equal(got[367], 0xee);
}

static void what_does_not_fit_is_cut(void **state)
{
	struct rig *r = *state;

	fill_frame(200, 2);
	for (size_t room = 0; room < 20; room++) {
		peer_sends(r, 200);
		assert_int_equal(recv_packet(r, room), room);
		assert_int_equal(got[room], 0xee);
		assert_int_equal(r->w.rx_cut, room + 1);
	}
	peer_sends(r, 60);
	assert_int_equal(recv_packet(r, sizeof(got)), 72);
	assert_memory_equal(got + 12, frame, 60);
}

static void frames_in_any_pieces(void **state)
{
	struct rig *r = *state;
	static uint8_t stream[3 * (4 + 200)];
	uint32_t be = htobe32(200);

	fill_frame(200, 4);
	for (unsigned i = 0; i < 3; i++) {
		memcpy(stream + i * 204, &be, 4);
		memcpy(stream + i * 204 + 4, frame, 200);
	}
	for (size_t step = 1; step < sizeof(stream); step += 1 + step / 8) {
		unsigned frames = 0;

		for (size_t at = 0; at < sizeof(stream); at += step) {
			peer_writes(r, stream + at, min_u64(step, sizeof(stream) - at));
			while (recv_packet(r, sizeof(got)) == 212) {
				assert_memory_equal(got + 12, frame, 200);
				frames++;
			}
		}
		assert_int_equal(frames, 3);
	}
}

static void readable_comes_once_it_was_asked_for(void **state)
{
	struct rig *r = *state;

	peer_sends(r, 60);
	turn(r);
	assert_int_equal(r->readable, 0);
	assert_int_equal(recv_packet(r, sizeof(got)), 72);
	assert_int_equal(recv_packet(r, sizeof(got)), -EAGAIN);
	turn(r);
	assert_int_equal(r->readable, 0);
	peer_sends(r, 60);
	turn(r);
	assert_int_equal(r->readable, 1);
	turn(r); /* and not again */
	assert_int_equal(r->readable, 1);
	assert_int_equal(recv_packet(r, sizeof(got)), 72);
}

/* A guest that takes nothing: the peer can send what two buffers hold, and finds all of it later.
 */
static void row59_guest_never_takes(void **state)
{
	struct rig *r = *state;
	uint32_t be = htobe32(1000);
	unsigned sent = 0, taken = 0;

	fill_frame(1000, 8);
	recv_packet(r, sizeof(got));
	while (send(r->peer, &be, 4, MSG_DONTWAIT) == 4 &&
	       send(r->peer, frame, 1000, MSG_DONTWAIT) == 1000)
		assert_true(++sent < 10000);
	turn(r);
	while (recv_packet(r, sizeof(got)) == 1012)
		taken++;
	assert_int_equal(taken, sent);
	assert_int_equal(r->broken, 0);
}

static void lengths_that_no_frame_has_end_it(void **state)
{
	static const uint32_t bad[] = { 0,          13,         WIRE_FRAME_MAX + 1,
					0x7fffffff, 0x80000000, 0xffffffff };
	struct rig *r = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		uint32_t be = htobe32(bad[i]);

		peer_sends(r, 60);
		peer_writes(r, &be, 4);
		peer_sends(r, 60);
		assert_int_equal(recv_packet(r, sizeof(got)), 72);
		assert_int_equal(recv_packet(r, sizeof(got)), -EAGAIN);
		assert_int_equal(recv_packet(r, sizeof(got)), -EAGAIN);
		assert_int_equal(r->broken, i);
		turn(r);
		assert_int_equal(r->broken, i + 1);
		assert_int_equal(r->err, EPROTO);
		base_closep(&r->peer);
		connect_peer(r);
	}
	fill_frame(WIRE_FRAME_MAX, 1);
	peer_sends(r, WIRE_FRAME_MIN);
	peer_sends(r, WIRE_FRAME_MAX);
	assert_int_equal(recv_packet(r, sizeof(got)), WIRE_FRAME_MIN + 12);
	assert_int_equal(recv_packet(r, sizeof(got)), WIRE_FRAME_MAX + 12);
	assert_memory_equal(got + 12, frame, WIRE_FRAME_MAX);
}

static void nothing_is_told_after_the_end(void **state)
{
	struct rig *r = *state;

	assert_int_equal(send_frame(r, 100), 0);
	base_closep(&r->peer);
	r->peer = -1;
	wire_flush(&r->w);
	wire_destroy(&r->w); /* with news on its way */
	turn(r);
	assert_int_equal(r->broken, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What the peer sends: frame after frame, with a header or not. */
static const size_t sizes[] = { 14, 60, 1514, 4095, 4200, 9000, 20000, 60, 65553, 65553, 1514 };
static uint8_t stream[ARRAY_LEN(sizes) * (WIRE_LEN + NET_PACKET_MAX)];

static size_t make_stream(unsigned header)
{
	size_t at = 0;

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		uint32_t be = htobe32((uint32_t)(header + sizes[i]));

		memcpy(stream + at, &be, WIRE_LEN);
		at += WIRE_LEN;
		memcpy(stream + at, hdr, header);
		at += header;
		fill_frame(sizes[i], i);
		memcpy(stream + at, frame, sizes[i]);
		at += sizes[i];
	}
	return at;
}

/* Into buffers of @piece bytes that do not touch each other; the packet put together again. */
static ssize_t recv_scattered(struct rig *r, size_t piece)
{
	static uint8_t mem[2 * (NET_PACKET_MAX + 100000)];
	static struct iovec v[1024];
	unsigned cnt = 0;
	ssize_t n;

	memset(mem, 0xee, sizeof(mem));
	for (size_t len = 0; len < NET_PACKET_MAX && cnt < 1000; len += piece, cnt++)
		v[cnt] = (struct iovec){ mem + (size_t)cnt * 2 * piece, piece };
	n = wire_recv(&r->w, v, cnt);
	if (n < 0)
		return n;
	for (size_t at = 0, i = 0; at < (size_t)n; at += piece, i++) {
		memcpy(got + at, v[i].iov_base, min_u64(piece, (size_t)n - at));
		assert_int_equal(((uint8_t *)v[i].iov_base)[piece], 0xee);
	}
	return n;
}

static void check_packet(const struct rig *r, unsigned i, ssize_t n)
{
	static const uint8_t none[NET_HDR_LEN];

	assert_int_equal(n, NET_HDR_LEN + sizes[i]);
	assert_memory_equal(got, r->w.header ? hdr : none, NET_HDR_LEN);
	fill_frame(sizes[i], i);
	assert_memory_equal(got + NET_HDR_LEN, frame, sizes[i]);
}

/* Whatever the steps in which the peer sends, and the buffers that the packets go to. */
static void in_any_pieces(void **state)
{
	static const size_t steps[] = { 1001, 4097, 16385, 65557, 200000 };
	static const size_t pieces[] = { 97, 1500, 4096, 70000 };
	struct rig *r = *state;

	for (unsigned k = 0; k < ARRAY_LEN(steps) * ARRAY_LEN(pieces) * 2; k++) {
		size_t step = steps[k / 2 % ARRAY_LEN(steps)], at = 0, len;
		size_t piece = pieces[k / 2 / ARRAY_LEN(steps)];
		unsigned i = 0;
		ssize_t n;

		r->w.header = k % 2 ? NET_HDR_LEN : 0;
		len = make_stream(r->w.header);
		while (i < ARRAY_LEN(sizes)) {
			n = send(r->peer, stream + at, min_u64(step, len - at), MSG_DONTWAIT);
			at += n > 0 ? (size_t)n : 0;
			while ((n = recv_scattered(r, piece)) >= 0)
				check_packet(r, i++, n);
			assert_int_equal(n, -EAGAIN);
		}
		assert_int_equal(at, len);
	}
	assert_int_equal(r->w.rx_cut, 0);
}

/* The header travels, and counts. */
static void with_header(void **state)
{
	struct rig *r = *state;
	uint32_t be;

	r->w.header = NET_HDR_LEN;
	fill_frame(60, 1);
	assert_int_equal(send_frame(r, 60), 0);
	wire_flush(&r->w);
	assert_int_equal(recv(r->peer, got, sizeof(got), MSG_DONTWAIT),
			 WIRE_LEN + NET_HDR_LEN + 60);
	memcpy(&be, got, sizeof(be));
	assert_int_equal(be32toh(be), NET_HDR_LEN + 60);
	assert_memory_equal(got + WIRE_LEN, hdr, NET_HDR_LEN);
	assert_memory_equal(got + WIRE_LEN + NET_HDR_LEN, frame, 60);
	/* It need not stay, only the frame must. */
	for (unsigned i = 0; i < 2; i++) {
		uint8_t mine[NET_HDR_LEN];
		struct iovec v[2] = { { mine, sizeof(mine) }, { frame, 60 } };

		memset(mine, (int)i + 1, sizeof(mine));
		assert_int_equal(wire_send(&r->w, v, 2), 0);
		memset(mine, 0xee, sizeof(mine));
	}
	wire_flush(&r->w);
	assert_int_equal(recv(r->peer, got, sizeof(got), MSG_DONTWAIT),
			 2 * (WIRE_LEN + NET_HDR_LEN + 60));
	assert_int_equal(got[WIRE_LEN], 1);
	assert_int_equal(got[2 * WIRE_LEN + NET_HDR_LEN + 60 + NET_HDR_LEN - 1], 2);
	/* A header and no frame is as bad as no length. */
	be = htobe32(NET_HDR_LEN + 13);
	assert_int_equal(send(r->peer, &be, sizeof(be), 0), sizeof(be));
	assert_int_equal(recv_scattered(r, 4096), -EAGAIN);
	turn(r);
	assert_int_equal(r->err, EPROTO);
}

/* The buffer behind the place for a length: marked, and whether a frame has been there since. */
static void mark_buffer(struct rig *r)
{
	memset(r->w.in, 0xaa, 64);
}

static bool is_copied(const struct rig *r)
{
	bool copied = false;

	for (size_t i = WIRE_LEN; i < 64; i++)
		copied |= r->w.in[i] != 0xaa;
	return copied;
}

static void frames_after_a_long_one_are_not_copied(void **state)
{
	static const struct {
		uint32_t len;
		bool copied;
	} row[] = {
		{ 60, true },     { 30000, true }, { 30000, false }, { WIRE_FRAME_MAX, false },
		{ 30000, false }, { 60, true },    { 60, true },     { 30000, true },
	};
	struct rig *r = *state;

	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		mark_buffer(r);
		fill_frame(row[i].len, i);
		peer_sends(r, row[i].len);
		assert_int_equal(recv_packet(r, sizeof(got)), NET_HDR_LEN + row[i].len);
		assert_memory_equal(got + NET_HDR_LEN, frame, row[i].len);
		assert_int_equal(is_copied(r), row[i].copied);
		assert_int_equal(recv_packet(r, sizeof(got)), -EAGAIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frames_go_out_together),
		CASE(pieces_are_one_frame),
		CASE(a_batch_is_one_piece),
		CASE(lengths_that_no_frame_has_are_not_sent),
		CASE(row59_peer_never_reads),
		CASE(row59_long_frames_in_parts),
		CASE(frames_after_a_long_one_are_not_copied),
		CASE(row59_guest_never_takes),
		CASE(row61_peer_goes_while_we_send),
		CASE(row61_peer_goes_while_we_are_behind),
		CASE(a_peer_that_ends_has_sent_all),
		CASE(a_header_of_zeros_comes_first),
		CASE(what_does_not_fit_is_cut),
		CASE(frames_in_any_pieces),
		CASE(in_any_pieces),
		CASE(with_header),
		CASE(readable_comes_once_it_was_asked_for),
		CASE(lengths_that_no_frame_has_end_it),
		CASE(nothing_is_told_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
