/* SPDX-License-Identifier: MIT */
/* net_guest.c: a virtio network card and its guest, see net_guest.h. */
#include "tests/lib/net_guest.h"

#include <fcntl.h>
#include <string.h>

#include "vmm/log.h"

void ng_create(struct net_guest *g, const struct ng_config *c)
{
	struct virtio_net_params p = { .id = "net0",
				       .packed = true,
				       .mtu = c->mtu,
				       .bw = c->bw,
				       .pps = c->pps,
				       .vhost = c->kernel,
				       .kernel = c->kernel,
				       .link_down = c->link_down };
	struct error *e = NULL;

	memset(g, 0, sizeof(*g));
	vr_init(&g->r);
	g->net = fake_netdev_new(c->offloads, c->pairs ? c->pairs : 1);
	g->net->info.mtu = c->host_mtu;
	g->net->vhost_fd = c->vhost_fd;
	g->net->loop = g->r.loop;
	g->net->closed = &g->net_closed;
	p.gm = g->r.gm;
	p.loop = g->r.loop;
	p.net = fake_netdev(g->net);
	memcpy(p.mac, NG_MAC, sizeof(p.mac));
	assert_int_equal(virtio_net_create(&p, &g->n, &e), 0);
	assert_no_error(e);
	g->r.v = virtio_net_device(g->n);
}

void ng_begin(struct net_guest *g, const struct ng_config *c, uint64_t features)
{
	ng_create(g, c);
	vr_begin(&g->r, g->r.v, features);
	g->ctrl = features & VIRTIO_NET_F_MQ ? 2 * g->net->info.queues : 2;
}

void ng_end(struct net_guest *g)
{
	vr_end(&g->r);
	assert_true(g->net_closed);
}

void ng_quiet(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
}

void ng_frame(uint8_t *frame, size_t len, const char *mac, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
	memcpy(frame, mac, 6);
	memcpy(frame + 6, NG_OTHER, 6);
	frame[12] = 0x08;
	frame[13] = 0x00;
}

/* --- out -------------------------------------------------------------------------------------- */

void ng_add(struct net_guest *g, unsigned pair, const struct virtio_net_hdr_v1 *h,
	    const void *frame, size_t len)
{
	static const struct virtio_net_hdr_v1 none;
	unsigned q = 2 * pair + 1;
	struct gd_buf b[] = { { vr_put(&g->r, q, h ? h : &none, sizeof(*h)), sizeof(*h), false },
			      { vr_put(&g->r, q, frame, len), (uint32_t)len, false } };

	assert_true(gd_add(&g->r.q[q], b, 2, NULL) >= 0);
}

void ng_send(struct net_guest *g, unsigned pair, const struct virtio_net_hdr_v1 *h,
	     const void *frame, size_t len)
{
	ng_add(g, pair, h, frame, len);
	vr_kick(&g->r, 2 * pair + 1);
}

unsigned ng_sent(struct net_guest *g, unsigned pair)
{
	struct gd_used u;
	unsigned n = 0;

	for (; gd_get_used(&g->r.q[2 * pair + 1], &u); n++)
		assert_int_equal(u.len, 0);
	return n;
}

void ng_assert_out(struct net_guest *g, unsigned i, const void *frame, size_t len)
{
	assert_true(i < g->net->out_cnt);
	assert_int_equal(g->net->out[i].len, NET_HDR_LEN + len);
	assert_memory_equal(g->net->out[i].data + NET_HDR_LEN, frame, len);
}

/* --- in --------------------------------------------------------------------------------------- */

void ng_add_pieces(struct net_guest *g, unsigned pair, const uint32_t *len, unsigned n)
{
	struct ng_buffer *p = &g->posted[g->posted_cnt++ % NG_POSTED];
	unsigned q = 2 * pair;

	assert_true(n <= NG_PIECES);
	p->n = n;
	for (unsigned i = 0; i < n; i++)
		p->b[i] = (struct gd_buf){ vr_put(&g->r, q, NULL, len[i]), len[i], GD_W };
	assert_true(gd_add(&g->r.q[q], p->b, n, p) >= 0);
}

void ng_post(struct net_guest *g, unsigned pair, uint32_t len, unsigned n)
{
	while (n--)
		ng_add_pieces(g, pair, &len, 1);
	vr_kick(&g->r, 2 * pair);
}

struct arrival {
	struct net_guest *g;
	unsigned pair;
	const void *hdr, *frame;
	size_t len;
};

static void arrive(void *arg)
{
	struct arrival *a = arg;

	fake_netdev_arrive(a->g->net, a->pair, a->hdr, a->frame, a->len);
}

void ng_arrive(struct net_guest *g, unsigned pair, const void *hdr, const void *frame, size_t len)
{
	vr_on_loop(&g->r, arrive, &(struct arrival){ g, pair, hdr, frame, len });
	vr_settle(&g->r);
}

/* The contents of the next used buffer, as far as they go. */
static bool next_buffer(struct net_guest *g, unsigned pair, uint8_t *buf, size_t size, size_t *at)
{
	struct ng_buffer *p;
	struct gd_used u;
	size_t left;

	if (!gd_get_used(&g->r.q[2 * pair], &u))
		return false;
	p = u.token;
	left = u.len;
	assert_true(*at + left <= size);
	for (unsigned i = 0; i < p->n && left; i++) {
		size_t part = min_u64(left, p->b[i].len);

		vr_get(&g->r, p->b[i].addr, buf + *at, part);
		*at += part;
		left -= part;
	}
	assert_int_equal(left, 0);
	return true;
}

size_t ng_receive(struct net_guest *g, unsigned pair, uint8_t *buf, size_t size, unsigned *buffers)
{
	struct virtio_net_hdr_v1 h;
	size_t len = 0;

	*buffers = 0;
	if (!next_buffer(g, pair, buf, size, &len))
		return 0;
	assert_true(len >= sizeof(h));
	memcpy(&h, buf, sizeof(h));
	*buffers = le16_get(h.num_buffers);
	assert_true(*buffers >= 1);
	for (unsigned i = 1; i < *buffers; i++)
		assert_true(next_buffer(g, pair, buf, size, &len));
	return len;
}

void ng_expect(struct net_guest *g, unsigned pair, const void *frame, size_t len, unsigned buffers)
{
	static uint8_t buf[NET_PACKET_MAX];
	unsigned n;

	assert_int_equal(ng_receive(g, pair, buf, sizeof(buf), &n), NET_HDR_LEN + len);
	assert_int_equal(n, buffers);
	assert_memory_equal(buf + NET_HDR_LEN, frame, len);
}

void ng_expect_none(struct net_guest *g, unsigned pair)
{
	struct gd_used u;

	assert_false(gd_get_used(&g->r.q[2 * pair], &u));
}

void ng_assert_admits(struct net_guest *g, const char *mac, bool yes)
{
	uint8_t frame[60];

	ng_frame(frame, sizeof(frame), mac, 0);
	ng_arrive(g, 0, NULL, frame, sizeof(frame));
	if (!yes) {
		ng_expect_none(g, 0);
		return;
	}
	ng_expect(g, 0, frame, sizeof(frame), 1);
	ng_post(g, 0, 1526, 1);
}

/* --- the control queue ------------------------------------------------------------------------ */

uint8_t ng_command(struct net_guest *g, uint8_t class, uint8_t command, const void *data,
		   size_t len)
{
	struct virtio_net_ctrl_hdr h = { class, command };
	uint8_t ack = NG_SILENCE;
	struct gd_buf b[] = {
		{ vr_put(&g->r, g->ctrl, &h, sizeof(h)), sizeof(h), false },
		{ vr_put(&g->r, g->ctrl, data, len), (uint32_t)len, false },
		{ vr_put(&g->r, g->ctrl, &ack, 1), 1, GD_W },
	};
	struct gd_used u;

	assert_true(gd_add(&g->r.q[g->ctrl], b, 3, NULL) >= 0);
	vr_kick(&g->r, g->ctrl);
	assert_true(gd_get_used(&g->r.q[g->ctrl], &u));
	assert_int_equal(u.len, 1);
	vr_get(&g->r, b[2].addr, &ack, 1);
	return ack;
}

uint64_t ng_config_field(struct net_guest *g, size_t off, unsigned size)
{
	return virtio_read_config(g->r.v, (uint32_t)off, size);
}
