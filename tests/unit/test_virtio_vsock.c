/* SPDX-License-Identifier: MIT */
/* test_virtio_vsock.c: streams between guest and host (virtio 1.2, 5.10): how they begin, what they
 * carry, how they end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/virtio/vsock.h"
#include "devices/virtio/vsock_internal.h"
#include "tests/lib/port.h"
#include "tests/lib/vsock_kit.h"
#include "vmm/log.h"

#define RCV  VIRTIO_VSOCK_SHUTDOWN_RCV
#define SEND VIRTIO_VSOCK_SHUTDOWN_SEND
#define BOTH VIRTIO_VSOCK_SHUTDOWN_BOTH

static void shut(struct vsock_kit *k, uint32_t guest_port, uint32_t host_port, uint32_t flags)
{
	struct virtio_vsock_hdr h = vk_hdr(guest_port, host_port, VIRTIO_VSOCK_OP_SHUTDOWN);

	h.flags = le32_make(flags);
	vk_put(k, h, NULL, 0);
}

static void expect_shut(struct vsock_kit *k, uint32_t guest_port, uint32_t host_port,
			uint32_t flags)
{
	struct vk_packet p;

	vk_expect(k, &p, guest_port, host_port, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, flags);
}

static void expect_text(struct vsock_kit *k, uint32_t guest_port, const char *text)
{
	struct vk_packet p;

	vk_expect(k, &p, guest_port, VK_NO_PORT, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, strlen(text));
	assert_memory_equal(p.data, text, p.len);
	k->fwd_cnt += p.len;
}

static void expect_read(int fd, const char *text)
{
	char buf[100] = "";

	assert_int_equal(vk_read(fd, buf, strlen(text)), strlen(text));
	assert_string_equal(buf, text);
}

/* "CONNECT PORT" and "OK NUMBER", bytes both ways, and a clean end: SHUTDOWN of both directions,
 * and the RST that answers it. */
static void host_connects(void **state)
{
	(void)state;
	for (unsigned i = 0; i < vr_ring_feature_cnt; i++) {
		struct vsock_kit k = { 0 };
		uint32_t hp;
		int fd;

		vk_begin(&k, 0, vr_ring_features[i]);
		fd = vk_host_connects(&k, 52, &hp);
		assert_true(hp >= 1u << 30);
		vk_write(fd, "hello");
		expect_text(&k, 52, "hello");
		vk_data(&k, 52, hp, "world", 5);
		expect_read(fd, "world");
		assert_int_equal(vk_streams(&k), 1);
		close(fd);
		expect_shut(&k, 52, hp, BOTH);
		vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_RST);
		vk_expect_none(&k);
		assert_int_equal(vk_streams(&k), 0);
		vk_end(&k);
	}
}

/* What a client says behind his line, in the same breath, is for the guest. */
static void early_bytes_are_kept(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_client(&k);
	vk_write(fd, "connect 7");
	vr_settle(&k.r);
	vk_write(fd, "7\r\nearly");
	vk_expect(&k, &p, 77, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
	vk_expect_none(&k);
	vk_send(&k, 77, p.src_port, VIRTIO_VSOCK_OP_RESPONSE);
	expect_text(&k, 77, "early");
	close(fd);
	vk_end(&k);
}

/* Nobody listens in the guest: the client sees an end, and no OK. */
static void guest_refuses(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_client(&k);
	vk_write(fd, "CONNECT 52\n");
	vk_expect(&k, &p, 52, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
	vk_send(&k, 52, p.src_port, VIRTIO_VSOCK_OP_RST);
	assert_true(vk_is_over(fd));
	assert_int_equal(vk_streams(&k), 0);
	close(fd);
	vk_end(&k);
}

/* 5.10.6.4: CID 2, port 1000 is PATH_1000. A guest that closes gets its RST, and who reads gets
 * what was sent before. */
static void guest_connects(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_guest_connects(&k, 33);
	vk_write(fd, "hello");
	expect_text(&k, 33, "hello");
	vk_data(&k, 33, 1000, "world", 5);
	shut(&k, 33, 1000, BOTH);
	vk_expect(&k, &p, 33, 1000, VIRTIO_VSOCK_OP_RST);
	expect_read(fd, "world");
	assert_true(vk_is_over(fd));
	assert_int_equal(vk_streams(&k), 0);
	close(fd);
	vk_end(&k);
}

static void nobody_listens_on_the_host(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;

	(void)state;
	vk_begin(&k, 0, 0);
	vk_send(&k, 33, 999, VIRTIO_VSOCK_OP_REQUEST);
	vk_expect(&k, &p, 33, 999, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(p.src_cid, VIRTIO_VSOCK_CID_HOST);
	assert_int_equal(vk_streams(&k), 0);
	vk_end(&k);
}

/* A listener whose queue is full is tried again. */
static void busy_listener(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int l, fd[3];

	(void)state;
	vk_begin(&k, 0, 0);
	l = vk_listen(&k, 1000);
	assert_int_equal(listen(l, 0), 0); /* room for one */
	vk_send(&k, 33, 1000, VIRTIO_VSOCK_OP_REQUEST);
	vk_expect(&k, &p, 33, 1000, VIRTIO_VSOCK_OP_RESPONSE);
	vk_send(&k, 34, 1000, VIRTIO_VSOCK_OP_REQUEST);
	vk_send(&k, 35, 1000, VIRTIO_VSOCK_OP_REQUEST);
	vk_expect_none(&k);
	fd[0] = vk_accept(l);
	vk_expect(&k, &p, VK_NO_PORT, 1000, VIRTIO_VSOCK_OP_RESPONSE);
	vk_send(&k, 69 - p.dst_port, 1000, VIRTIO_VSOCK_OP_RST); /* the other one gives up */
	fd[1] = vk_accept(l);
	vk_write(fd[1], "x");
	expect_text(&k, p.dst_port, "x");
	assert_int_equal(vk_streams(&k), 2);
	close(fd[0]);
	close(fd[1]);
	close(l);
	vk_end(&k);
}

/* 5.10.6.5: one direction ends, the other goes on; each way. */
static void half_close(void **state)
{
	struct vsock_kit k = { 0 };
	uint32_t hp;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_host_connects(&k, 52, &hp);
	vk_data(&k, 52, hp, "last", 4);
	shut(&k, 52, hp, SEND);
	expect_read(fd, "last");
	assert_true(vk_is_over(fd));
	vk_write(fd, "still");
	expect_text(&k, 52, "still");
	close(fd);
	expect_shut(&k, 52, hp, BOTH);
	vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_RST);

	k.fwd_cnt = 0;
	fd = vk_host_connects(&k, 53, &hp);
	vk_write(fd, "last");
	shutdown(fd, SHUT_WR);
	expect_text(&k, 53, "last");
	expect_shut(&k, 53, hp, SEND);
	vk_data(&k, 53, hp, "still", 5);
	expect_read(fd, "still");
	close(fd); /* now nobody reads either */
	expect_shut(&k, 53, hp, BOTH);
	vk_send(&k, 53, hp, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(vk_streams(&k), 0);
	vk_end(&k);
}

/* The guest does not receive any more: who writes is told so, who reads gets the rest. */
static void guest_stops_receiving(void **state)
{
	struct vsock_kit k = { 0 };
	uint32_t hp;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_host_connects(&k, 52, &hp);
	shut(&k, 52, hp, RCV);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	vk_data(&k, 52, hp, "rest", 4);
	expect_read(fd, "rest");
	close(fd);
	expect_shut(&k, 52, hp, BOTH);
	vk_end(&k);
}

/* 5.10.6.3: "The sender MUST NOT send more data than the peer has space for." */
static void guest_without_credit(void **state)
{
	static char text[100];
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	uint32_t hp;
	int fd;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	vk_begin(&k, 0, 0);
	k.buf_alloc = 10;
	fd = vk_host_connects(&k, 52, &hp);
	vk_write(fd, text);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, 10);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	vk_expect_none(&k);
	k.fwd_cnt = 4;
	vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, 4);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	k.fwd_cnt = 50; /* more than it ever got: nobody's loss but its own */
	vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	vk_expect_none(&k);
	k.fwd_cnt = 14;
	k.buf_alloc = 1000;
	vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, 85);
	close(fd);
	vk_end(&k);
}

/* What a program writes at once comes in as many packets as it takes, in order; and the guest's
 * indices pass their 32 bits. */
static void send_bulk(bool whole)
{
	enum { LEN = 400000 };
	uint8_t *sent = malloc(LEN), *got = malloc(LEN);
	uint32_t at = 0, out = 0, hp;
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int fd;

	k.whole = whole;
	for (unsigned i = 0; i < LEN; i++)
		sent[i] = (uint8_t)(i * 7 + (i >> 8));
	vk_begin(&k, 0, VIRTIO_F_EVENT_IDX);
	fd = vk_host_connects(&k, 52, &hp);
	while (at < LEN) {
		ssize_t n = write(fd, sent + out, LEN - out);

		out += n > 0 ? (uint32_t)n : 0;
		assert_true(vk_get(&k, &p, 2000));
		if (p.op == VIRTIO_VSOCK_OP_RW) {
			memcpy(got + at, p.data, p.len);
			at += p.len;
		}
		k.fwd_cnt = at;
		if (p.op == VIRTIO_VSOCK_OP_CREDIT_REQUEST || at % 16 == 0)
			vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	}
	assert_memory_equal(got, sent, LEN);
	close(fd);
	free(sent);
	free(got);
	vk_end(&k);
}

static void bulk_to_the_guest(void **state)
{
	(void)state;
	send_bulk(false);
	send_bulk(true);
}

/* A guest that keeps to its credit is never stopped for good, and gets more of it as it goes. */
static void bulk_from_the_guest(void **state)
{
	enum { LEN = 3000000, PART = 5000 };
	static uint8_t part[PART], got[PART];
	uint32_t hp, sent = 0, fwd = 0, alloc = 64 * 1024, updates = 0, last_alloc = 0;
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	int fd;

	(void)state;
	vk_begin(&k, 0, VIRTIO_F_RING_PACKED);
	fd = vk_host_connects(&k, 52, &hp);
	while (sent < LEN) {
		for (unsigned i = 0; i < PART; i++)
			part[i] = (uint8_t)(sent / PART + i);
		assert_true(alloc - (sent - fwd) >= PART);
		vk_data(&k, 52, hp, part, PART);
		sent += PART;
		assert_int_equal(vk_read(fd, got, PART), PART);
		assert_memory_equal(got, part, PART);
		while (vk_get(&k, &p, 0)) {
			assert_int_equal(p.op, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
			fwd = p.fwd_cnt;
			last_alloc = alloc = p.buf_alloc;
			updates++;
		}
	}
	assert_int_equal(last_alloc, VSOCK_KEEP_MAX);
	assert_true(updates < LEN / 50000);
	close(fd);
	vk_end(&k);
}

/* "CREDIT_REQUEST ... to which the peer responds". */
static void credit_on_request(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	uint32_t hp;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_host_connects(&k, 52, &hp);
	vk_data(&k, 52, hp, "12345", 5);
	vk_send(&k, 52, hp, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(p.fwd_cnt, 5);
	assert_true(p.buf_alloc >= VSOCK_KEEP_MIN);
	close(fd);
	vk_end(&k);
}

/* Two that have a lot to say take turns. */
static void fair_to_other_streams(void **state)
{
	static char text[100000];
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	unsigned got[2] = { 0 };
	uint32_t hp[2];
	int fd[2];

	(void)state;
	vk_begin(&k, 0, 0);
	for (unsigned i = 0; i < 2; i++) {
		fd[i] = vk_host_connects(&k, 52 + i, &hp[i]);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_true(write(fd[i], text, sizeof(text)) > 65536);
	for (unsigned i = 0; i < 30; i++) {
		assert_true(vk_get(&k, &p, 2000));
		got[p.dst_port - 52] += p.len;
	}
	assert_true(got[0] > 8 * 4096 && got[1] > 8 * 4096);
	for (unsigned i = 0; i < 2; i++)
		close(fd[i]);
	vk_end(&k);
}

/* A guest that never answers: the client is let go, and the guest's late answer gets a RST. */
static void guest_does_not_answer(void **state)
{
	struct vsock_kit k = { 0 };
	struct vk_packet p;
	uint32_t hp;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_client(&k);
	vk_write(fd, "CONNECT 52\n");
	vk_expect(&k, &p, 52, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
	vk_time_passes(&k);
	assert_true(vk_is_over(fd));
	close(fd);
	vk_expect(&k, &p, 52, p.src_port, VIRTIO_VSOCK_OP_RST);
	vk_send(&k, 52, p.src_port, VIRTIO_VSOCK_OP_RESPONSE);
	vk_expect(&k, &p, 52, p.src_port, VIRTIO_VSOCK_OP_RST);
	/* Nor a SHUTDOWN: 5.10.6.6, "a VIRTIO_VSOCK_OP_RST packet is sent to forcibly disconnect".
	 */
	fd = vk_host_connects(&k, 52, &hp);
	close(fd);
	expect_shut(&k, 52, hp, BOTH);
	vk_time_passes(&k);
	vk_expect(&k, &p, 52, hp, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(vk_streams(&k), 0);
	vk_end(&k);
}

/* A driver that goes takes its streams along; the next one begins with none, and works. */
static void reset_ends_streams(void **state)
{
	struct vsock_kit k = { 0 };
	uint32_t hp;
	int fd, waits;

	(void)state;
	vk_begin(&k, 0, 0);
	fd = vk_host_connects(&k, 52, &hp);
	virtio_set_status(k.r.v, 0);
	assert_true(vk_is_over(fd));
	close(fd);
	waits = vk_client(&k); /* nobody is there: he waits */
	vk_write(waits, "CONNECT 5\n");
	vr_drive(&k.r, VIRTIO_F_RING_PACKED);
	k.fwd_cnt = 0;
	vk_fill(&k);
	vk_expect(&k, &(struct vk_packet){ 0 }, 5, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
	fd = vk_host_connects(&k, 52, &hp);
	vk_write(fd, "again");
	expect_text(&k, 52, "again");
	close(fd);
	close(waits);
	vk_end(&k);
}

/* 5.10.6.7: after a snapshot the guest's streams lead nowhere, and it is told. */
static void snapshot_resets_the_transport(void **state)
{
	struct vsock_kit k = { 0 };
	struct virtio_vsock_event e = { { 99 } };
	struct virtio_vsock *fresh;
	struct gd_used u;
	uint32_t hp;
	gpa_t at;
	int fd;

	(void)state;
	vk_begin(&k, 0, 0);
	at = vr_put(&k.r, 2, &e, sizeof(e));
	gd_add(&k.r.q[2], &(struct gd_buf){ at, sizeof(e), GD_W }, 1, NULL);
	vr_kick(&k.r, 2);
	assert_false(gd_get_used(&k.r.q[2], &u));
	close(vk_host_connects(&k, 52, &hp));
	expect_shut(&k, 52, hp, BOTH);
	vr_stop_loop(&k.r);
	k.r.v->dev.ops->stop(&k.r.v->dev);
	k.r.v->dev.ops->leave(&k.r.v->dev);
	fresh = vk_make(&k);
	virtio_attach(virtio_vsock_device(fresh), &k.r.xport.xport, 0);
	assert_snapshot_round_trip(&k.r.v->dev, &virtio_vsock_device(fresh)->dev);
	k.r.v->dev.ops->destroy(&k.r.v->dev);
	k.v = fresh;
	k.r.v = virtio_vsock_device(fresh);
	assert_int_equal(k.r.v->dev.ops->start(&k.r.v->dev, NULL), 0);
	assert_int_equal(loop_start_thread(k.r.loop, NULL), 0);
	k.r.threaded = true;
	assert_true(EVENTUALLY(2000, gd_get_used(&k.r.q[2], &u)));
	assert_int_equal(u.len, sizeof(e));
	vr_get(&k.r, at, &e, sizeof(e));
	assert_int_equal(le32_get(e.id), VIRTIO_VSOCK_EVENT_TRANSPORT_RESET);
	k.fwd_cnt = 0;
	fd = vk_host_connects(&k, 52, &hp);
	close(fd);
	vk_end(&k);
}

/* 5.10.4 */
static void configuration(void **state)
{
	struct vsock_kit k = { 0 };

	(void)state;
	vk_begin(&k, 0, 0);
	assert_int_equal(virtio_read_config(k.r.v, 0, 8), VK_CID);
	virtio_write_config(k.r.v, 0, 8, 77);
	assert_int_equal(virtio_read_config(k.r.v, 0, 4), VK_CID);
	assert_true(k.r.v->offered & VIRTIO_VSOCK_F_STREAM);
	assert_false(k.r.v->offered & VIRTIO_VSOCK_F_SEQPACKET);
	vk_end(&k);
}

int main(void)
{
	int quiet = open("/dev/null", O_WRONLY);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		cmocka_unit_test(host_connects),
		cmocka_unit_test(early_bytes_are_kept),
		cmocka_unit_test(guest_refuses),
		cmocka_unit_test(guest_connects),
		cmocka_unit_test(nobody_listens_on_the_host),
		cmocka_unit_test(busy_listener),
		cmocka_unit_test(half_close),
		cmocka_unit_test(guest_stops_receiving),
		cmocka_unit_test(guest_without_credit),
		cmocka_unit_test(bulk_to_the_guest),
		cmocka_unit_test(bulk_from_the_guest),
		cmocka_unit_test(credit_on_request),
		cmocka_unit_test(fair_to_other_streams),
		cmocka_unit_test(guest_does_not_answer),
		cmocka_unit_test(reset_ends_streams),
		cmocka_unit_test(snapshot_resets_the_transport),
	};

	log_set_fd(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
