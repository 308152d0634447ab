/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_vsock_hostile.c: guests and programs of the host that do what they should not, or
 * nothing at all, to a socket device. One stream suffers at most; bounds hold.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "devices/virtio/vsock_internal.h"
#include "tests/lib/port.h"
#include "tests/lib/vsock_kit.h"
#include "vmm/log.h"

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void expect_rst(struct vsock_kit *k, uint32_t guest_port, uint32_t host_port)
{
	struct vk_packet p;

	vk_expect(k, &p, guest_port, host_port, VIRTIO_VSOCK_OP_RST);
}

/* --- many ------------------------------------------------------------------------------------- */

/* REQUESTs from ports @from on to port 7, with one kick. */
static void request_many(struct vsock_kit *k, uint32_t from, unsigned n)
{
	struct gd_used u;
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++) {
		struct virtio_vsock_hdr h = vk_hdr(from + i, 7, VIRTIO_VSOCK_OP_REQUEST);
		gpa_t at = k->tx + i * sizeof(h);

		h.src_cid = le64_make(VK_CID);
		h.dst_cid = le64_make(VIRTIO_VSOCK_CID_HOST);
		h.type = le16_make(VIRTIO_VSOCK_TYPE_STREAM);
		assert_true(gm_write(k->r.gm, at, &h, sizeof(h)));
		assert_true(gd_add(&k->r.q[1], &(struct gd_buf){ at, sizeof(h), false }, 1, NULL) >=
			    0);
	}
	vr_kick(&k->r, 1);
	while (gd_get_used(&k->r.q[1], &u))
		done++;
	assert_int_equal(done, n);
}

/* Row 58: "10k half-open flows: bounded fds and memory": by the guest, to somebody who never
 * accepts. What is over the limit gets a RST; when some have gone there is room again. */
static void test_row58_half_open_by_the_guest(void **state)
{
	enum { FLOWS = 10000, LIMIT = 60 };
	unsigned before = descriptors(), open = 0, refused = 0;
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int l;

	(void)state;
	vk_begin(&k, LIMIT, VIRTIO_F_EVENT_IDX);
	l = vk_listen(&k, 7);
	assert_int_equal(listen(l, 40), 0); /* the others are tried again and again */
	for (uint32_t i = 0; i < FLOWS; i += 10) {
		request_many(&k, 1024 + i, 10);
		while (vk_get(&k, &p, 0)) {
			open += p.op == VIRTIO_VSOCK_OP_RESPONSE;
			refused += p.op == VIRTIO_VSOCK_OP_RST;
		}
	}
	assert_true(vk_streams(&k) <= LIMIT);
	assert_true(vk_connections(&k) <= LIMIT);
	assert_true(descriptors() < before + LIMIT + 12);
	assert_int_equal(open, 41);
	assert_int_equal(open + refused, FLOWS - (LIMIT - 41));
	for (uint32_t i = 0; i < 10; i++) /* the first to come are there still */
		vk_send(&k, 1024 + i, 7, VIRTIO_VSOCK_OP_RST);
	assert_true(vk_streams(&k) <= LIMIT - 10);
	assert_true(vk_connections(&k) <= LIMIT - 10);
	close(l); /* those who wait learn that nobody is there */
	do {
		vk_expect(&k, &p, VK_NO_PORT, 7, VIRTIO_VSOCK_OP_RST);
	} while (vk_streams(&k) > 31 || vk_connections(&k) > 31);
	vk_end(&k);
}

/* The same by the host: clients that say nothing, or that the guest does not answer. */
static void test_row58_half_open_by_the_host(void **state)
{
	enum { CLIENTS = 200, LIMIT = 50 };
	int fd[CLIENTS];
	unsigned over = 0;
	struct vsock_kit k = { 0 };

	(void)state;
	vk_begin(&k, LIMIT, 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		fd[i] = vk_client(&k);
		if (i % 2)
			assert_true(send(fd[i], "CONNECT 5\n", 10, MSG_NOSIGNAL) != 0);
	}
	assert_true(EVENTUALLY(2000, vk_streams(&k) == LIMIT));
	for (unsigned i = LIMIT; i < CLIENTS; i++)
		over += vk_is_over(fd[i]);
	assert_int_equal(over, CLIENTS - LIMIT);
	for (unsigned i = 0; i < CLIENTS; i++)
		close(fd[i]);
	/* The silent ones are gone at once, the others when the guest has had its time. */
	assert_true(EVENTUALLY(2000, vk_streams(&k) == LIMIT / 2));
	vk_time_passes(&k);
	assert_true(EVENTUALLY(2000, vk_streams(&k) == 0));
	vk_end(&k);
}

/* Thousands at once, if descriptors allow, with something to say each. */
static void test_row58_thousands_of_streams(void **state)
{
	struct rlimit r;
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	unsigned n, got = 0;
	int *fd, l;

	(void)state;
	vk_begin(&k, 0, VIRTIO_F_EVENT_IDX);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_true(vsock_limit(k.v->host) < r.rlim_cur);
	n = (unsigned)min_u64(vsock_limit(k.v->host), r.rlim_cur / 2 - 50);
	n = (unsigned)min_u64(n, 5000);
	fd = calloc(n, sizeof(*fd));
	l = vk_listen(&k, 7);
	for (uint32_t i = 0; i < n; i++) {
		vk_send(&k, 1024 + i, 7, VIRTIO_VSOCK_OP_REQUEST);
		vk_expect(&k, &p, 1024 + i, 7, VIRTIO_VSOCK_OP_RESPONSE);
		fd[i] = vk_accept(l);
	}
	assert_int_equal(vk_streams(&k), n);
	for (uint32_t i = 0; i < n; i++) {
		vk_write(fd[i], "x");
		if (i % 8 == 7 || i == n - 1)
			while (got <= i && vk_get(&k, &p, 2000))
				got += p.op == VIRTIO_VSOCK_OP_RW;
	}
	assert_int_equal(got, n);
	for (uint32_t i = 0; i < n; i++)
		vk_send(&k, 1024 + i, 7, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(vk_streams(&k), 0);
	for (uint32_t i = 0; i < n; i++)
		close(fd[i]);
	close(l);
	free(fd);
	vk_end(&k);
}

/* A guest that gives no buffers: what it is owed waits, and is not more than was bargained for. */
static void no_buffers_for_answers(void **state)
{
	struct vsock_kit k = { 0 };
	struct virtio_vsock_hdr h = vk_hdr(9, 9, VIRTIO_VSOCK_OP_RW);
	unsigned taken = 0, rsts = 0;
	struct gd_used u;
	struct vk_packet p;

	(void)state;
	vk_init(&k, 0);
	vr_begin(&k.r, k.r.v, VIRTIO_F_EVENT_IDX);
	k.tx = vr_put(&k.r, 1, NULL, 4096);
	h.src_cid = le64_make(VK_CID);
	h.dst_cid = le64_make(VIRTIO_VSOCK_CID_HOST);
	h.type = le16_make(VIRTIO_VSOCK_TYPE_STREAM);
	assert_true(gm_write(k.r.gm, k.tx, &h, sizeof(h)));
	for (unsigned i = 0; i < 1000; i++) {
		if (k.r.q[1].free_cnt)
			gd_add(&k.r.q[1], &(struct gd_buf){ k.tx, sizeof(h), false }, 1, NULL);
		vr_kick(&k.r, 1);
		while (gd_get_used(&k.r.q[1], &u))
			taken++;
	}
	assert_int_equal(taken, VSOCK_REPLIES);
	vk_fill(&k);
	while (vk_get(&k, &p, 100))
		rsts += p.op == VIRTIO_VSOCK_OP_RST;
	assert_int_equal(rsts, VSOCK_REPLIES + VR_SIZE); /* the ring was full of them, too */
	vk_end(&k);
}

/* --- slow ------------------------------------------------------------------------------------- */

/* Row 59: "a peer that connects and never reads: bounded buffers, back-pressure". The guest gets
 * credit for so much and no more; who sends without has one stream less. */
static void test_row59_host_never_reads(void **state)
{
	enum { PART = 16 * 1024 };
	static uint8_t part[PART], got[PART];
	uint32_t sent = 0, fwd = 0, alloc = 64 * 1024, hp, other, back = 0;
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int fd, fd2;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_host_connects(&k, 52, &hp);
	fd2 = vk_host_connects(&k, 53, &other);
	while (alloc - (sent - fwd) >= PART) {
		memset(part, (int)(sent / PART), PART);
		vk_data(&k, 52, hp, part, PART);
		sent += PART;
		assert_true(sent < 4u << 20);
		while (vk_get(&k, &p, 0)) {
			fwd = p.fwd_cnt;
			alloc = p.buf_alloc;
		}
	}
	assert_true(alloc <= VSOCK_KEEP_MAX);
	/* The other one does not notice. */
	vk_data(&k, 53, other, "quick", 5);
	assert_int_equal(vk_read(fd2, got, 5), 5);
	/* He begins to read: all of it is there, and there is credit again. */
	while (back < sent) {
		assert_int_equal(vk_read(fd, got, PART), PART);
		assert_int_equal(got[0], (uint8_t)(back / PART));
		assert_int_equal(got[PART - 1], (uint8_t)(back / PART));
		back += PART;
	}
	assert_true(vk_get(&k, &p, 2000));
	while (vk_get(&k, &p, 100))
		;
	vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(p.fwd_cnt, sent);
	/* More than there is room for. */
	memset(part, 0, PART);
	do {
		vk_data(&k, 52, hp, part, PART);
	} while (!vk_get(&k, &p, 0) || p.op == VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_RST);
	vk_data(&k, 53, other, "still", 5);
	assert_int_equal(vk_read(fd2, got, 5), 5);
	close(fd);
	close(fd2);
	vk_end(&k);
}

/* The other way round: what the guest does not take stays in the program's own socket. */
static void test_row59_guest_never_reads(void **state)
{
	static char text[4096];
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	uint32_t hp, got = 0;
	ssize_t sent = 0, n;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	k.buf_alloc = 5000;
	fd = vk_host_connects(&k, 52, &hp);
	while ((n = write(fd, text, sizeof(text))) > 0)
		sent += n;
	assert_true(sent < 4 << 20);
	while (vk_get(&k, &p, 50))
		got += p.len;
	assert_int_equal(got, 5000);
	while ((n = write(fd, text, sizeof(text))) > 0)
		sent += n;
	close(fd); /* and nobody spins over what is left */
	vk_expect_none(&k);
	vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(vk_streams(&k), 0);
	vk_end(&k);
}

/* Guest and program have both gone, the reader is slow: he gets all of it, while there is room for
 * others; then the oldest of those gives way. */
static void what_was_sent_outlives_its_stream(void **state)
{
	static uint8_t part[60000], got[60000];
	struct vsock_kit k = { 0 };
	struct virtio_vsock_hdr h;
	uint32_t hp, sent = 0;
	struct vk_packet p;
	int fd, fd2;

	(void)state;
	vk_begin(&k, 2, 0);
	for (unsigned round = 0; round < 2; round++) {
		fd = vk_host_connects(&k, 52, &hp);
		for (sent = 0; sent < 5 * sizeof(part); sent += sizeof(part)) {
			memset(part, (int)(sent / sizeof(part)) + 1, sizeof(part));
			vk_data(&k, 52, hp, part, sizeof(part));
			while (vk_get(&k, &p, 0))
				assert_int_equal(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		}
		h = vk_hdr(52, hp, VIRTIO_VSOCK_OP_SHUTDOWN);
		h.flags = le32_make(VIRTIO_VSOCK_SHUTDOWN_BOTH);
		vk_put(&k, h, NULL, 0);
		expect_rst(&k, 52, hp);
		assert_int_equal(vk_streams(&k), 1);
		if (round == 0) {
			for (unsigned i = 1; i <= 5; i++) {
				assert_int_equal(vk_read(fd, got, sizeof(got)), sizeof(got));
				assert_int_equal(got[0], i);
				assert_int_equal(got[sizeof(got) - 1], i);
			}
			assert_true(vk_is_over(fd));
			assert_true(EVENTUALLY(2000, vk_streams(&k) == 0));
			close(fd);
		}
	}
	fd2 = vk_host_connects(&k, 53, &hp);
	assert_int_equal(vk_streams(&k), 2);
	close(vk_guest_connects(&k, 90));
	assert_true(vk_streams(&k) <= 2);
	close(fd);
	close(fd2);
	vk_end(&k);
}

/* --- wrong ------------------------------------------------------------------------------------ */

/* Row 60: "malformed CONNECT line ... closes that stream only". */
static void test_row60_malformed_connect_lines(void **state)
{
	static const char *const lines[] = {
		"\n",
		"CONNECT\n",
		"CONNECT \n",
		"CONNECT  5\n",
		"CONNECT 5 \n",
		"CONNECT -1\n",
		"CONNECT +1\n",
		"CONNECT 0x5\n",
		"CONNECT 4294967295\n",
		"CONNECT 18446744073709551621\n",
		"CONNECT 5\r\r\n",
		"CONNEC 52\n",
		"GET / HTTP/1.1\r\n",
		"CONNECT 00000000000000000000000052\n",
		"what a long line this is, and there is no end to it",
	};
	struct vsock_kit k = { 0 };
	uint32_t hp;
	char got[8];
	int good, fd;

	(void)state;
	vk_begin(&k, 0, 0);
	good = vk_host_connects(&k, 52, &hp);
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
		fd = vk_client(&k);
		assert_true(send(fd, lines[i], strlen(lines[i]), MSG_NOSIGNAL) > 0);
		assert_true(vk_is_over(fd));
		close(fd);
	}
	fd = vk_client(&k);
	assert_int_equal(send(fd, "CONNECT 5\0\n", 11, 0), 11);
	assert_true(vk_is_over(fd));
	close(fd);
	fd = vk_client(&k); /* half a line, and gone */
	vk_write(fd, "CONN");
	vr_settle(&k.r);
	close(fd);
	assert_true(EVENTUALLY(2000, vk_streams(&k) == 1));
	vk_expect_none(&k);
	vk_data(&k, 52, hp, "fine", 4);
	assert_int_equal(vk_read(good, got, 4), 4);
	close(good);
	vk_end(&k);
}

/* Row 60: "oversize packet over many descriptors". */
static void test_row60_packet_over_many_descriptors(void **state)
{
	enum { PIECES = 200, LEN = 60000 };
	struct virtio_vsock_hdr h;
	struct gd_buf b[PIECES + 2];
	static uint8_t data[LEN], got[LEN];
	struct vsock_kit k = { 0 };
	struct gd_used u;
	uint32_t hp;
	int fd;

	(void)state;
	for (unsigned i = 0; i < LEN; i++)
		data[i] = (uint8_t)(i ^ i >> 8);
	vk_begin(&k, 0, VIRTIO_F_INDIRECT_DESC);
	fd = vk_host_connects(&k, 52, &hp);
	h = vk_hdr(52, hp, VIRTIO_VSOCK_OP_RW);
	h.src_cid = le64_make(VK_CID);
	h.dst_cid = le64_make(VIRTIO_VSOCK_CID_HOST);
	h.type = le16_make(VIRTIO_VSOCK_TYPE_STREAM);
	h.len = le32_make(LEN);
	h.buf_alloc = le32_make(1);
	assert_true(gm_write(k.r.gm, k.tx, &h, sizeof(h)));
	assert_true(gm_write(k.r.gm, k.tx + sizeof(h), data, LEN));
	/* The header in two pieces, of which the second has data, too. */
	b[0] = (struct gd_buf){ k.tx, 10, false };
	b[1] = (struct gd_buf){ k.tx + 10, sizeof(h) - 10 + 300, false };
	for (unsigned i = 0; i < PIECES; i++)
		b[2 + i] = (struct gd_buf){ k.tx + sizeof(h) + 300 + i * 299,
					    i < PIECES - 1 ? 299 : LEN - 300 - i * 299, false };
	assert_true(gd_add_indirect(&k.r.q[1], b, PIECES + 2, NULL) >= 0);
	vr_kick(&k.r, 1);
	assert_true(gd_get_used(&k.r.q[1], &u));
	assert_int_equal(u.len, 0);
	assert_int_equal(vk_read(fd, got, LEN), LEN);
	assert_memory_equal(got, data, LEN);
	close(fd);
	vk_end(&k);
}

/* A header that says more than there is; less than there is, which is what counts. */
static void test_row60_length_that_lies(void **state)
{
	struct vsock_kit k = { 0 };
	struct virtio_vsock_hdr h;
	uint32_t hp, other;
	char got[8] = "";
	int fd, fd2;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_host_connects(&k, 52, &hp);
	fd2 = vk_host_connects(&k, 53, &other);
	h = vk_hdr(52, hp, VIRTIO_VSOCK_OP_RW);
	h.len = le32_make(3);
	vk_put(&k, h, "12345", 5);
	assert_int_equal(vk_read(fd, got, 3), 3);
	assert_string_equal(got, "123");
	h.len = le32_make(6);
	vk_put(&k, h, "12345", 5);
	expect_rst(&k, 52, hp);
	assert_true(vk_is_over(fd));
	h = vk_hdr(53, other, VIRTIO_VSOCK_OP_RW);
	h.len = le32_make(UINT32_MAX);
	vk_put(&k, h, "12345", 5);
	expect_rst(&k, 53, other);
	assert_int_equal(vk_streams(&k), 0);
	close(fd);
	close(fd2);
	vk_end(&k);
}

/* Buffers for packets that are framed as nobody frames them: a header byte by byte; too small. */
static void odd_receive_buffers(void **state)
{
	struct vsock_kit k = { 0 };
	uint8_t got[50];
	struct virtio_vsock_hdr h;
	struct gd_used u;
	struct gd_buf b[14];
	uint32_t hp;
	gpa_t at;
	int fd;

	(void)state;
	vk_begin(&k, 0, VIRTIO_F_INDIRECT_DESC);
	fd = vk_host_connects(&k, 52, &hp);
	virtio_set_status(k.r.v, 0);
	assert_true(vk_is_over(fd));
	close(fd);
	vr_drive(&k.r, VIRTIO_F_INDIRECT_DESC);
	k.tx = vr_put(&k.r, 1, NULL, 4096);
	at = vr_put(&k.r, 0, NULL, 1000);
	gd_add(&k.r.q[0], &(struct gd_buf){ at, 43, GD_W }, 1, NULL);    /* no header fits */
	gd_add(&k.r.q[0], &(struct gd_buf){ at, 44, GD_W }, 1, NULL);    /* a header does */
	gd_add(&k.r.q[0], &(struct gd_buf){ at, 44, GD_W }, 1, NULL);    /* no data */
	gd_add(&k.r.q[0], &(struct gd_buf){ k.tx, 44, false }, 1, NULL); /* nothing */
	for (unsigned i = 0; i < ARRAY_LEN(b); i++)                      /* 4 bytes each */
		b[i] = (struct gd_buf){ at + i * 8, 4, GD_W };
	gd_add_indirect(&k.r.q[0], b, ARRAY_LEN(b), NULL);
	vr_kick(&k.r, 0);
	fd = vk_client(&k);
	vk_write(fd, "CONNECT 52\n123456789012345");
	assert_true(EVENTUALLY(2000, gd_get_used(&k.r.q[0], &u)));
	assert_int_equal(u.len, 0);
	assert_true(EVENTUALLY(2000, gd_get_used(&k.r.q[0], &u)));
	assert_int_equal(u.len, 44);
	vr_get(&k.r, at, &h, sizeof(h));
	vk_send(&k, 52, le32_get(h.src_port), VIRTIO_VSOCK_OP_RESPONSE);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(EVENTUALLY(2000, gd_get_used(&k.r.q[0], &u)));
		assert_int_equal(u.len, 0);
	}
	assert_true(EVENTUALLY(2000, gd_get_used(&k.r.q[0], &u)));
	assert_int_equal(u.len, 56); /* 44 and the 12 that fit */
	for (unsigned i = 0; i < 11; i++)
		vr_get(&k.r, at + i * 8, (uint8_t *)&h + i * 4, 4);
	assert_int_equal(le32_get(h.len), 12);
	for (unsigned i = 0; i < 3; i++)
		vr_get(&k.r, at + (11 + i) * 8, got + i * 4, 4);
	assert_memory_equal(got, "123456789012", 12);
	close(fd);
	vk_end(&k);
}

/* Addresses that are not the guest's, types and operations that are none. */
static void packets_that_make_no_sense(void **state)
{
	struct vsock_kit k = { 0 };
	struct virtio_vsock_hdr h;
	struct vk_packet p;
	uint32_t hp;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	h = vk_hdr(1, 2, VIRTIO_VSOCK_OP_REQUEST);
	h.src_cid = le64_make(4); /* somebody else's: not even an answer */
	vk_put(&k, h, NULL, 0);
	h.src_cid = le64_make(VK_CID | UINT64_C(1) << 32);
	vk_put(&k, h, NULL, 0);
	vk_send(&k, 1, 2, VIRTIO_VSOCK_OP_RST); /* "RST" is not answered */
	vk_expect_none(&k);
	h.src_cid = le64_make(VK_CID);
	h.dst_cid = le64_make(77); /* a CID that is nobody's */
	vk_put(&k, h, NULL, 0);
	expect_rst(&k, 1, 2);
	h.dst_cid = le64_make(2);
	h.type = le16_make(2); /* SEQPACKET was not offered */
	vk_put(&k, h, NULL, 0);
	vk_expect(&k, &p, 1, 2, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(p.type, 2);
	for (unsigned op = 0; op < 9; op++) { /* to a connection that is not there */
		if (op == VIRTIO_VSOCK_OP_RST)
			continue;
		vk_send(&k, 1, 2, op);
		expect_rst(&k, 1, 2);
	}
	/* And to one that is: 0, REQUEST, RESPONSE, and what is behind the last. */
	for (unsigned op = 0; op < 9; op++) {
		if (op >= VIRTIO_VSOCK_OP_RST && op <= VIRTIO_VSOCK_OP_CREDIT_REQUEST)
			continue;
		fd = vk_host_connects(&k, 52, &hp);
		vk_send(&k, 52, hp, op);
		expect_rst(&k, 52, hp);
		assert_true(vk_is_over(fd));
		close(fd);
	}
	/* Before it is one. */
	for (unsigned op = 4; op < 8; op++) {
		fd = vk_client(&k);
		vk_write(fd, "CONNECT 52\n");
		vk_expect(&k, &p, 52, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
		vk_send(&k, 52, p.src_port, op);
		expect_rst(&k, 52, p.src_port);
		assert_true(vk_is_over(fd));
		close(fd);
	}
	/* Half a header. */
	gd_add(&k.r.q[1], &(struct gd_buf){ k.tx, 43, false }, 1, NULL);
	vr_kick(&k.r, 1);
	vk_expect_none(&k);
	assert_int_equal(vk_streams(&k), 0);
	vk_end(&k);
}

/* Row 61: "SIGPIPE/EPIPE": the program has gone while the guest sends; signals are as in any
 * process. */
static void test_row61_reader_is_gone(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	uint32_t hp;
	int fd;

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	vk_begin(&k, 0, 0);
	for (unsigned i = 0; i < 20; i++) {
		fd = vk_host_connects(&k, 52, &hp);
		if (i % 2) { /* he only does not read any more */
			shutdown(fd, SHUT_RD);
			vk_data(&k, 52, hp, "anybody?", 8);
			vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_SHUTDOWN);
			assert_int_equal(p.flags, VIRTIO_VSOCK_SHUTDOWN_RCV);
			vk_data(&k, 52, hp, "anybody?", 8);
			vk_write(fd, "x");
			vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_RW);
		}
		close(fd);
		vk_data(&k, 52, hp, "anybody?", 8);
		do {
			assert_true(vk_get(&k, &p, 2000));
		} while (p.op != VIRTIO_VSOCK_OP_SHUTDOWN || p.flags != VIRTIO_VSOCK_SHUTDOWN_BOTH);
		vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_RST);
		k.fwd_cnt = 0;
	}
	/* One who is gone before he is answered. */
	fd = vk_client(&k);
	vk_write(fd, "CONNECT 52\n");
	vk_expect(&k, &p, 52, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
	close(fd);
	vk_send(&k, 52, p.src_port, VIRTIO_VSOCK_OP_RESPONSE);
	expect_rst(&k, 52, p.src_port);
	assert_int_equal(vk_streams(&k), 0);
	vk_end(&k);
}

/* No descriptor is left for a client: he waits, nobody spins, and he is served when there is one.
 */
static void descriptors_run_out(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int waste[64], fd, n = 0;
	struct rlimit old, r;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_client(&k);
	assert_true(EVENTUALLY(2000, vk_streams(&k) == 1));
	close(fd);
	assert_true(EVENTUALLY(2000, vk_streams(&k) == 0));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	r = old;
	r.rlim_cur = (rlim_t)dup(0) + 1;
	close((int)r.rlim_cur - 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	fd = vk_client(&k); /* the last one */
	vk_write(fd, "CONNECT 52\n");
	while (n < 64 && (waste[n] = dup(0)) >= 0)
		n++;
	vk_send(&k, 33, 1000, VIRTIO_VSOCK_OP_REQUEST);
	expect_rst(&k, 33, 1000);
	vk_expect_none(&k);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	while (n > 0)
		close(waste[--n]);
	vk_expect(&k, &p, 52, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
	close(fd);
	vk_end(&k);
}

/* Rings and headers of an evil driver: queues may break, and nothing else. */
static void evil_rings(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct vsock_kit k = { 0 };
		int fd;

		vk_begin(&k, 20, vr_ring_features[round % vr_ring_feature_cnt]);
		fd = vk_client(&k);
		vk_write(fd, "CONNECT 1\nsomething to be read");
		for (unsigned i = 0; i < 40; i++) {
			struct virtio_vsock_hdr h;
			unsigned q;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			q = (unsigned)(x >> 20) % 3;
			vr_settle(&k.r); /* who changes packets is another test's matter */
			h = vk_hdr(1, 0x40000000, (unsigned)(x >> 30) % 9);
			h.src_cid = le64_make(VK_CID);
			h.dst_cid = le64_make(VIRTIO_VSOCK_CID_HOST);
			h.type = le16_make(VIRTIO_VSOCK_TYPE_STREAM);
			h.len = le32_make((uint32_t)(x >> 40) % 100);
			h.buf_alloc = le32_make((uint32_t)(x >> 35) % 100);
			assert_true(gm_write(k.r.gm, k.tx, &h, sizeof(h)));
			if (x % 3 && k.r.q[1].free_cnt)
				gd_add(&k.r.q[1], &(struct gd_buf){ k.tx, 100, false }, 1, NULL);
			else
				gd_evil(&k.r.q[q], x >> 8);
			gd_kick(&k.r.q[q]);
			virtio_ring(k.r.v, q);
		}
		vr_settle(&k.r);
		virtio_set_status(k.r.v, 0);
		for (unsigned q = 0; q < 3; q++)
			assert_int_equal(vq_outstanding(k.r.v->queue[q].vq), 0);
		close(fd);
		vk_end(&k);
	}
}

int main(void)
{
	int quiet = open("/dev/null", O_WRONLY);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row58_half_open_by_the_guest),
		cmocka_unit_test(test_row58_half_open_by_the_host),
		cmocka_unit_test(test_row58_thousands_of_streams),
		cmocka_unit_test(no_buffers_for_answers),
		cmocka_unit_test(test_row59_host_never_reads),
		cmocka_unit_test(test_row59_guest_never_reads),
		cmocka_unit_test(what_was_sent_outlives_its_stream),
		cmocka_unit_test(test_row60_malformed_connect_lines),
		cmocka_unit_test(test_row60_packet_over_many_descriptors),
		cmocka_unit_test(test_row60_length_that_lies),
		cmocka_unit_test(odd_receive_buffers),
		cmocka_unit_test(packets_that_make_no_sense),
		cmocka_unit_test(test_row61_reader_is_gone),
		cmocka_unit_test(descriptors_run_out),
		cmocka_unit_test(evil_rings),
	};

	log_set_fd(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
