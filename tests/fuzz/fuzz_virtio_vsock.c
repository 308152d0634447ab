/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio_vsock.c: a socket device between a guest and programs of the host, both of which do
 * what bytes say (libFuzzer).
 *
 * The input is a list of acts: packets, well-formed and not; buffers of any size and framing;
 * stores to the rings; resets; clients and listeners that come, talk, say nonsense, read, end one
 * direction, and go; time. Sockets are real; instead of a loop everybody who might have been woken
 * is looked at after each act, in one thread. Bounds hold after each act, and at the end an honest
 * driver and an honest program must understand each other.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/virtio/vsock.h"
#include "devices/virtio/vsock_internal.h"
#include "net/vsock_unix.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/vsock_kit.h"
#include "vmm/log.h"

#define ACTS    200u
#define LIMIT   6u
#define PROGS   5u
#define PORT    7u /* where somebody listens */
#define ROUNDS  6u
#define TX_MAX  70000u
#define HOST_AT UINT32_C(0x40000000)

static struct vsock_kit kit;
static struct vdev_rig *rig;
static int listener, prog[PROGS];

/* --- in place of a loop ----------------------------------------------------------------------- */

static void kick(unsigned q)
{
	gd_kick(&rig->q[q]);
	if (rig->v->active && virtq_enabled(rig->v->queue[q].vq) &&
	    !(virtio_status(rig->v) & VIRTIO_STATUS_NEEDS_RESET))
		rig->v->ops->kick(rig->v, q);
}

static bool is_there(const struct vsock_host *h, const struct vsock_stream *s)
{
	for (unsigned i = 0; i < VSOCK_STATES; i++)
		for (const struct link *l = h->streams[i].next; l != &h->streams[i]; l = l->next)
			if (l == &s->link)
				return true;
	return false;
}

static void look_at_streams(struct vsock_host *h)
{
	struct vsock_stream *all[LIMIT];
	unsigned n = 0;

	for (unsigned i = 0; i < VSOCK_STATES; i++)
		for (struct link *l = h->streams[i].next; l != &h->streams[i]; l = l->next)
			all[n++] = container_of(l, struct vsock_stream, link);
	for (unsigned i = 0; i < n; i++) {
		struct pollfd p;
		uint32_t ev;

		if (!is_there(h, all[i]) || !all[i]->fd.loop)
			continue;
		p = (struct pollfd){ .fd = all[i]->fd.fd, .events = POLLIN | POLLOUT };
		must(poll(&p, 1, 0) >= 0);
		ev = (p.revents & POLLIN ? EV_IN : 0) | (p.revents & POLLOUT ? EV_OUT : 0) |
		     (p.revents & (POLLHUP | POLLERR) ? EV_HUP : 0);
		all[i]->fd.cb(&all[i]->fd, ev & (all[i]->fd.events | EV_HUP));
	}
}

static void check(void)
{
	struct vsock_host *h = kit.v->host;
	uint64_t extra = 0;
	unsigned n = 0;

	for (unsigned q = 0; q < rig->v->queue_cnt; q++)
		must(vq_outstanding(rig->v->queue[q].vq) == 0);
	must(vsock_streams(h) <= LIMIT && kit.v->conn_cnt <= LIMIT);
	must(kit.v->reply_cnt <= VSOCK_REPLIES);
	for (unsigned i = 0; i < VSOCK_STATES; i++)
		for (struct link *l = h->streams[i].next; l != &h->streams[i]; l = l->next, n++) {
			struct vsock_stream *s = container_of(l, struct vsock_stream, link);

			must(s->fill <= s->size && s->size <= s->granted);
			extra += s->granted - VSOCK_KEEP_MIN;
		}
	must(n == vsock_streams(h) && extra == h->extra && extra <= VSOCK_KEEP_ALL);
}

static void settle(void)
{
	struct vsock_host *h = kit.v->host;
	uint64_t rung;

	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned q = 0; q < rig->v->queue_cnt; q++)
			if (read(rig->v->queue[q].kick.fd, &rung, sizeof(rung)) > 0)
				kick(q);
		if (h->listen.loop)
			h->listen.cb(&h->listen, EV_IN);
		look_at_streams(h);
		check();
	}
}

/* --- the guest -------------------------------------------------------------------------------- */

static void add_tx(const void *hdr, uint32_t hdr_len, uint32_t len, bool split)
{
	struct gd_buf b[] = { { kit.tx, split ? 20 : hdr_len, false },
			      { kit.tx + (split ? 20 : hdr_len),
				len + (split && hdr_len > 20 ? hdr_len - 20 : 0), false } };

	must(gm_write(rig->gm, kit.tx, hdr, hdr_len));
	gd_add(&rig->q[1], b, 2, NULL);
	kick(1);
}

static uint32_t host_port(struct input *in)
{
	uint32_t r = (uint32_t)take(in, 1);

	return r & 1 ? PORT : r & 2 ? HOST_AT + (r >> 2) : kit.v->next_port - (r >> 6);
}

static void send_packet(struct input *in)
{
	uint8_t quirk = (uint8_t)take(in, 1);
	uint32_t hp = host_port(in), gp = (uint32_t)take(in, 1) % 4;
	unsigned op = (unsigned)take(in, 1) % 9;
	uint32_t len = (uint32_t)take(in, 2) + (quirk & 8 ? 40000 : 0);
	struct virtio_vsock_hdr h = vk_hdr(gp, hp, op);

	h.src_cid = le64_make(quirk == 0xff ? take(in, 8) : VK_CID);
	h.dst_cid = le64_make(quirk == 0xfe ? take(in, 8) : VIRTIO_VSOCK_CID_HOST);
	h.type = le16_make(quirk == 0xfd ? (uint16_t)take(in, 2) : VIRTIO_VSOCK_TYPE_STREAM);
	h.flags = le32_make(quirk >> 6);
	h.buf_alloc = le32_make(quirk & 1 ? 1u << 20 : (uint32_t)take(in, 4));
	h.fwd_cnt = le32_make(quirk & 2 ? 0 : (uint32_t)take(in, 4));
	if (h.op.raw == VIRTIO_VSOCK_OP_RW)
		h.len = le32_make(quirk & 4 ? (uint32_t)take(in, 4) : len);
	add_tx(&h, sizeof(h), (uint32_t)min_u64(len, TX_MAX), quirk & 16);
}

static void send_raw(struct input *in)
{
	uint8_t buf[64];
	uint32_t len = 1 + (uint32_t)take(in, 1) % (sizeof(buf) - 1);

	for (uint32_t i = 0; i < len; i++)
		buf[i] = (uint8_t)take(in, 1);
	add_tx(buf, len, (uint32_t)take(in, 1), false);
}

static void give_buffers(struct input *in)
{
	uint32_t len = (uint32_t)take(in, 2) % 5000, cut = (uint32_t)take(in, 1) % 60;
	gpa_t at = GD_HIGH;

	for (unsigned i = (unsigned)take(in, 1) % 8; i-- > 0;)
		gd_add(&rig->q[0], (struct gd_buf[]){ { at, cut, GD_W }, { at + 100, len, GD_W } },
		       2, NULL);
	kick(0);
}

static void restart(uint64_t features)
{
	virtio_set_status(rig->v, 0);
	kit.v->forget.cb(&kit.v->forget); /* what the loop would have done */
	vr_drive(rig, features);
}

/* --- programs of the host --------------------------------------------------------------------- */

static void say(int fd, struct input *in)
{
	static char big[32768];
	char text[80];
	size_t n = 0;

	switch (take(in, 1) % 4) {
	case 0:
		n = (size_t)snprintf(text, sizeof(text), "CONNECT %u\n", (unsigned)take(in, 1) % 4);
		break;
	case 1:
		for (size_t k = take(in, 1) % sizeof(text); n < k; n++)
			text[n] = (char)take(in, 1);
		break;
	default:
		send(fd, big, take(in, 2) % sizeof(big), MSG_NOSIGNAL | MSG_DONTWAIT);
		return;
	}
	send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void program(struct input *in)
{
	static char buf[65536];
	int *fd = &prog[take(in, 1) % PROGS];
	unsigned what = (unsigned)take(in, 1) % 8;

	if (*fd < 0) {
		*fd = what & 1 ? accept4(listener, NULL, NULL, SOCK_NONBLOCK) : vk_client(&kit);
		if (*fd >= 0 && !(what & 1))
			say(*fd, in);
		return;
	}
	if (what < 3)
		say(*fd, in);
	else if (what < 5)
		must(read(*fd, buf, take(in, 2)) >= -1);
	else if (what == 5)
		shutdown(*fd, take(in, 1) & 1 ? SHUT_WR : SHUT_RD);
	else {
		close(*fd);
		*fd = -1;
	}
}

static void time_passes(struct input *in)
{
	struct vsock_host *h = kit.v->host;

	if (take(in, 1) & 1) {
		for (struct link *l = kit.v->timed.next; l != &kit.v->timed; l = l->next)
			container_of(l, struct vsock_conn, timed)->deadline_ns = 0;
		kit.v->tick.cb(&kit.v->tick);
		return;
	}
	for (struct link *l = h->streams[VSOCK_CLIENT].next; l != &h->streams[VSOCK_CLIENT];
	     l = l->next)
		container_of(l, struct vsock_stream, link)->deadline_ns = 0;
	h->tick.cb(&h->tick);
}

static void act(struct input *in)
{
	switch (take(in, 1) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		send_packet(in);
		break;
	case 5:
		send_raw(in);
		break;
	case 6:
	case 7:
		give_buffers(in);
		break;
	case 8:
		gd_evil(&rig->q[take(in, 1) % 3], take(in, 8));
		break;
	case 9:
		kick((unsigned)take(in, 1) % 3);
		break;
	case 10:
	case 11:
	case 12:
	case 13:
		program(in);
		break;
	case 14:
		time_passes(in);
		break;
	default:
		if (take(in, 1) & 1)
			virtio_queue_reset(rig->v, (uint32_t)take(in, 1) % 3);
		else
			restart(vr_ring_features[take(in, 1) % vr_ring_feature_cnt] |
				VIRTIO_F_RING_RESET);
	}
	settle();
}

/* --- an honest pair --------------------------------------------------------------------------- */

static struct virtio_vsock_hdr next_packet(void)
{
	struct virtio_vsock_hdr h;
	struct gd_used u;

	settle();
	must(gd_get_used(&rig->q[0], &u) && u.len >= sizeof(h));
	must(gm_read(rig->gm, *(gpa_t *)u.token, &h, sizeof(h)));
	return h;
}

static void assert_healthy(void)
{
	struct virtio_vsock_hdr h;
	char line[32] = "";
	int fd;

	for (unsigned i = 0; i < PROGS; i++) {
		if (prog[i] >= 0)
			close(prog[i]);
		prog[i] = -1;
	}
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		close(fd);
	restart(0);
	settle();
	for (unsigned i = 0; i < 8; i++) {
		kit.rx[i] = GD_HIGH + i * 4096;
		gd_add(&rig->q[0], &(struct gd_buf){ kit.rx[i], 4096, GD_W }, 1, &kit.rx[i]);
	}
	kick(0);
	fd = vk_client(&kit);
	must(write(fd, "CONNECT 5\nhi", 12) == 12);
	h = next_packet();
	must(le16_get(h.op) == VIRTIO_VSOCK_OP_REQUEST && le32_get(h.dst_port) == 5);
	h = vk_hdr(5, le32_get(h.src_port), VIRTIO_VSOCK_OP_RESPONSE);
	h.src_cid = le64_make(VK_CID);
	h.dst_cid = le64_make(VIRTIO_VSOCK_CID_HOST);
	h.type = le16_make(VIRTIO_VSOCK_TYPE_STREAM);
	h.buf_alloc = le32_make(1000);
	add_tx(&h, sizeof(h), 0, false);
	settle();
	must(read(fd, line, sizeof(line)) > 4 && !strncmp(line, "OK ", 3));
	h = next_packet();
	must(le16_get(h.op) == VIRTIO_VSOCK_OP_RW && le32_get(h.len) == 2);
	close(fd);
	h = next_packet();
	must(le16_get(h.op) == VIRTIO_VSOCK_OP_SHUTDOWN);
	restart(0);
	must(kit.v->conn_cnt == 0);
}

static void create(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
	vk_init(&kit, LIMIT);
	rig = &kit.r;
	virtio_attach(rig->v, &rig->xport.xport, 0);
	must(rig->v->dev.ops->start(&rig->v->dev, NULL) == 0);
	kit.tx = GD_HIGH + 8 * MIB;
	listener = vk_listen(&kit, PORT);
	for (unsigned i = 0; i < PROGS; i++)
		prog[i] = -1;
}

static void clean_up(void)
{
	kit.v->vdev.dev.ops->stop(&kit.v->vdev.dev);
	remove(kit.path);
	strcat(kit.path, "_7");
	remove(kit.path);
	remove(kit.dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!rig) {
		create();
		atexit(clean_up);
	}
	restart(vr_ring_features[take(&in, 1) % vr_ring_feature_cnt] | VIRTIO_F_RING_RESET);
	for (unsigned n = 0; n < ACTS && in.left; n++)
		act(&in);
	assert_healthy();
	return 0;
}
