/* SPDX-License-Identifier: MIT */
#include "tests/lib/vsock_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "devices/virtio/vsock.h"
#include "devices/virtio/vsock_internal.h"
#include "tests/lib/port.h"

struct virtio_vsock *vk_make(struct vsock_kit *k)
{
	struct virtio_vsock_params p = {
		.id = "vsock0", .gm = k->r.gm, .loop = k->r.loop, .packed = true, .cid = VK_CID
	};
	struct vsock_config c = { .cid = VK_CID, .path = k->path, .max_streams = k->max_streams };
	struct virtio_vsock *v = NULL;
	struct error *e = NULL;

	assert_int_equal(vsock_open(&c, p.loop, &p.host, &e), 0);
	assert_no_error(e);
	assert_int_equal(virtio_vsock_create(&p, &v, &e), 0);
	assert_no_error(e);
	return v;
}

void vk_init(struct vsock_kit *k, unsigned max_streams)
{
	memset(k, 0, sizeof(*k));
	vr_init(&k->r);
	k->max_streams = max_streams;
	k->buf_alloc = 256 * 1024;
	snprintf(k->dir, sizeof(k->dir), "/tmp/vsock-test.XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->path, sizeof(k->path), "%s/v", k->dir);
	k->v = vk_make(k);
	k->r.v = virtio_vsock_device(k->v);
}

static void put_buffer(struct vsock_kit *k, unsigned i)
{
	struct gd_buf all = { k->rx[i], VK_RX_LEN, GD_W };
	struct gd_buf b[] = { { k->rx[i], sizeof(struct virtio_vsock_hdr), GD_W },
			      { k->rx[i] + sizeof(struct virtio_vsock_hdr),
				VK_RX_LEN - sizeof(struct virtio_vsock_hdr), GD_W } };

	if (k->whole)
		assert_true(gd_add(&k->r.q[0], &all, 1, &k->rx[i]) >= 0);
	else
		assert_true(gd_add(&k->r.q[0], b, 2, &k->rx[i]) >= 0);
}

void vk_fill(struct vsock_kit *k)
{
	for (unsigned i = 0; i < (k->whole ? VR_SIZE : VR_SIZE / 2); i++) {
		k->rx[i] = vr_put(&k->r, 0, NULL, VK_RX_LEN);
		put_buffer(k, i);
	}
	k->tx = vr_put(&k->r, 1, NULL, VK_TX_LEN);
	vr_kick(&k->r, 0);
}

void vk_begin(struct vsock_kit *k, unsigned max_streams, uint64_t features)
{
	bool whole = k->whole;

	vk_init(k, max_streams);
	k->whole = whole;
	vr_begin(&k->r, k->r.v, features);
	vk_fill(k);
}

void vk_end(struct vsock_kit *k)
{
	char cmd[128];

	vr_end(&k->r);
	assert_int_equal(access(k->path, F_OK), -1); /* the name went, too */
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", k->dir);
	assert_int_equal(system(cmd), 0);
}

/* --- the guest -------------------------------------------------------------------------------- */

struct virtio_vsock_hdr vk_hdr(uint32_t guest_port, uint32_t host_port, unsigned op)
{
	return (struct virtio_vsock_hdr){ .src_port = le32_make(guest_port),
					  .dst_port = le32_make(host_port),
					  .op = le16_make((uint16_t)op) };
}

void vk_put(struct vsock_kit *k, struct virtio_vsock_hdr h, const void *data, uint32_t len)
{
	gpa_t body = k->tx + 64;
	struct gd_used u;

	if (!h.src_cid.raw)
		h.src_cid = le64_make(VK_CID);
	if (!h.dst_cid.raw)
		h.dst_cid = le64_make(VIRTIO_VSOCK_CID_HOST);
	if (!h.type.raw)
		h.type = le16_make(VIRTIO_VSOCK_TYPE_STREAM);
	if (!h.buf_alloc.raw)
		h.buf_alloc = le32_make(k->buf_alloc);
	if (!h.fwd_cnt.raw)
		h.fwd_cnt = le32_make(k->fwd_cnt);
	if (len && !h.len.raw)
		h.len = le32_make(len);
	assert_true(gm_write(k->r.gm, k->tx, &h, sizeof(h)));
	if (len)
		assert_true(gm_write(k->r.gm, body, data, len));
	assert_true(gd_add(&k->r.q[1],
			   (struct gd_buf[]){ { k->tx, sizeof(h), false }, { body, len, false } },
			   len ? 2 : 1, NULL) >= 0);
	vr_kick(&k->r, 1);
	assert_true(EVENTUALLY(2000, gd_get_used(&k->r.q[1], &u)));
}

void vk_send(struct vsock_kit *k, uint32_t guest_port, uint32_t host_port, unsigned op)
{
	vk_put(k, vk_hdr(guest_port, host_port, op), NULL, 0);
}

void vk_data(struct vsock_kit *k, uint32_t guest_port, uint32_t host_port, const void *data,
	     uint32_t len)
{
	vk_put(k, vk_hdr(guest_port, host_port, VIRTIO_VSOCK_OP_RW), data, len);
}

bool vk_get(struct vsock_kit *k, struct vk_packet *p, unsigned ms)
{
	struct virtio_vsock_hdr h;
	struct gd_used u;
	gpa_t at;

	if (!EVENTUALLY(ms, gd_get_used(&k->r.q[0], &u)))
		return false;
	at = *(gpa_t *)u.token;
	vr_get(&k->r, at, &h, sizeof(h));
	*p = (struct vk_packet){ .src_cid = le64_get(h.src_cid),
				 .dst_cid = le64_get(h.dst_cid),
				 .src_port = le32_get(h.src_port),
				 .dst_port = le32_get(h.dst_port),
				 .len = le32_get(h.len),
				 .flags = le32_get(h.flags),
				 .buf_alloc = le32_get(h.buf_alloc),
				 .fwd_cnt = le32_get(h.fwd_cnt),
				 .type = le16_get(h.type),
				 .op = le16_get(h.op) };
	assert_int_equal(u.len, sizeof(h) + p->len);
	assert_int_equal(p->dst_cid, VK_CID);
	assert_int_equal(p->op == VIRTIO_VSOCK_OP_RW, p->len != 0);
	if (p->len)
		vr_get(&k->r, at + sizeof(h), p->data, p->len);
	put_buffer(k, (unsigned)((gpa_t *)u.token - k->rx));
	vr_kick(&k->r, 0);
	return true;
}

void vk_expect(struct vsock_kit *k, struct vk_packet *p, uint32_t guest_port, uint32_t host_port,
	       unsigned op)
{
	assert_true(vk_get(k, p, 2000));
	assert_int_equal(p->op, op);
	if (guest_port != VK_NO_PORT)
		assert_int_equal(p->dst_port, guest_port);
	if (host_port != VK_NO_PORT)
		assert_int_equal(p->src_port, host_port);
}

void vk_expect_none(struct vsock_kit *k)
{
	struct vk_packet p;

	vr_settle(&k->r);
	assert_false(vk_get(k, &p, 5));
}

/* --- programs of the host --------------------------------------------------------------------- */

static int new_socket(struct sockaddr_un *sa, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(sa->sun_path, sizeof(sa->sun_path), "%s", path);
	return fd;
}

int vk_client(struct vsock_kit *k)
{
	struct sockaddr_un sa;
	int fd = new_socket(&sa, k->path);

	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

int vk_listen(struct vsock_kit *k, uint32_t port)
{
	struct sockaddr_un sa;
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s_%u", k->path, port);
	fd = new_socket(&sa, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

int vk_accept(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	assert_int_equal(poll(&p, 1, 2000), 1);
	n = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(n >= 0);
	return n;
}

void vk_write(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

size_t vk_read(int fd, void *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t got = 0;

	while (got < len && poll(&p, 1, 2000) == 1) {
		ssize_t n = read(fd, (char *)buf + got, len - got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

bool vk_is_over(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 2000) == 1 && read(fd, &c, 1) <= 0 && errno != EAGAIN;
}

/* --- both ------------------------------------------------------------------------------------- */

int vk_host_connects(struct vsock_kit *k, uint32_t port, uint32_t *host_port)
{
	struct vk_packet p;
	char line[32], want[32];
	int fd = vk_client(k);

	snprintf(line, sizeof(line), "CONNECT %u\n", port);
	vk_write(fd, line);
	vk_expect(k, &p, port, VK_NO_PORT, VIRTIO_VSOCK_OP_REQUEST);
	*host_port = p.src_port;
	vk_send(k, port, *host_port, VIRTIO_VSOCK_OP_RESPONSE);
	snprintf(want, sizeof(want), "OK %u\n", *host_port);
	memset(line, 0, sizeof(line));
	assert_int_equal(vk_read(fd, line, strlen(want)), strlen(want));
	assert_string_equal(line, want);
	return fd;
}

int vk_guest_connects(struct vsock_kit *k, uint32_t port)
{
	struct vk_packet p;
	char path[100];
	int l = vk_listen(k, 1000), fd;

	vk_send(k, port, 1000, VIRTIO_VSOCK_OP_REQUEST);
	vk_expect(k, &p, port, 1000, VIRTIO_VSOCK_OP_RESPONSE);
	fd = vk_accept(l);
	close(l);
	snprintf(path, sizeof(path), "%s_1000", k->path);
	unlink(path);
	return fd;
}

struct count {
	struct vsock_kit *k;
	unsigned streams, connections;
};

static void count(void *arg)
{
	struct count *c = arg;

	c->streams = vsock_streams(c->k->v->host);
	c->connections = c->k->v->conn_cnt;
}

unsigned vk_streams(struct vsock_kit *k)
{
	struct count c = { .k = k };

	vr_on_loop(&k->r, count, &c);
	return c.streams;
}

unsigned vk_connections(struct vsock_kit *k)
{
	struct count c = { .k = k };

	vr_on_loop(&k->r, count, &c);
	return c.connections;
}

static void pass_time(void *arg)
{
	struct virtio_vsock *v = ((struct vsock_kit *)arg)->v;

	for (struct link *l = v->timed.next; l != &v->timed; l = l->next)
		container_of(l, struct vsock_conn, timed)->deadline_ns = 0;
	timer_arm(&v->tick, 0);
}

void vk_time_passes(struct vsock_kit *k)
{
	vr_on_loop(&k->r, pass_time, k);
}
