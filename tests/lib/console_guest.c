/* SPDX-License-Identifier: MIT */
/* console_guest.c: a virtio console, its host's ends and its guest, see console_guest.h. */
#include "tests/lib/console_guest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/console_wire.h"
#include "vmm/log.h"

/* --- the host's ends -------------------------------------------------------------------------- */

static void keep(struct cg_host_end *e, const uint8_t *buf, size_t len)
{
	if (!len)
		return;
	if (e->len + len > e->size) {
		e->size = (e->len + len) * 2;
		e->out = realloc(e->out, e->size);
		assert_non_null(e->out);
	}
	memcpy(e->out + e->len, buf, len);
	e->len += len;
}

static struct cg_host_end *end_of(struct chardev *c)
{
	return container_of(c, struct cg_host_end, chr);
}

static void end_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	keep(end_of(c), buf, len);
}

static size_t end_offer(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct cg_host_end *e = end_of(c);
	size_t n = e->gone ? 0 : min_u64(len, e->room);

	keep(e, buf, n);
	e->room -= n;
	e->refusals += n < len;
	return n;
}

void cg_deliver(void *arg)
{
	struct cg_host_end *e = arg;

	while (e->in_len) {
		size_t n = min_u64(e->chr.client->room(e->chr.client_dev), e->in_len);

		if (!n)
			return;
		e->chr.client->receive(e->chr.client_dev, e->in, n);
		e->in += n;
		e->in_len -= n;
	}
}

/* The contract: it does not call back. The test delivers when it is back on the loop. */
static void end_room_changed(struct chardev *c)
{
	end_of(c)->room_changes++;
}

static bool end_connected(struct chardev *c)
{
	return !end_of(c)->gone;
}

static bool end_window(struct chardev *c, struct chardev_window *ret)
{
	*ret = end_of(c)->window;
	return ret->cols;
}

static size_t end_offer_rest(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct cg_host_end *e = end_of(c);
	size_t n = min_u64(len, e->rest);

	if (e->gone)
		return len;
	keep(e, buf, n);
	e->rest -= n;
	return n;
}

static const struct chardev_ops end_ops = {
	.write = end_write,
	.room_changed = end_room_changed,
	.offer = end_offer,
	.connected = end_connected,
	.window = end_window,
	.offer_rest = end_offer_rest,
};

/* --- the whole -------------------------------------------------------------------------------- */

unsigned cg_rx(unsigned port)
{
	return port ? 2 + 2 * port : 0;
}

unsigned cg_tx(unsigned port)
{
	return cg_rx(port) + 1;
}

struct virtio_device *cg_make(struct console_guest *g, bool console, unsigned ports)
{
	struct virtio_console_port port[] = { { "alpha", &g->end[1].chr },
					      { NULL, &g->end[2].chr } };
	struct virtio_console_params p = { .id = "console0",
					   .gm = g->r.gm,
					   .loop = g->r.loop,
					   .packed = true,
					   .console = console ? &g->end[0].chr : NULL,
					   .emergency = console ? &g->end[0].chr : NULL,
					   .port = port,
					   .port_cnt = ports };
	struct error *e = NULL;

	assert_int_equal(virtio_console_create(&p, &g->c, &e), 0);
	assert_no_error(e);
	return virtio_console_device(g->c);
}

void cg_prepare(struct console_guest *g)
{
	memset(g, 0, sizeof(*g));
	vr_init(&g->r);
	for (unsigned i = 0; i < CG_PORTS; i++) {
		g->end[i].chr.ops = &end_ops;
		g->end[i].room = g->end[i].rest = SIZE_MAX / 2;
	}
}

void cg_end(struct console_guest *g)
{
	vr_end(&g->r);
	for (unsigned i = 0; i < CG_PORTS; i++)
		free(g->end[i].out);
}

void cg_quiet(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
}

/* --- messages --------------------------------------------------------------------------------- */

struct msg {
	uint32_t id;
	unsigned event, value;
	char text[80];
	unsigned text_len;
};

void cg_post_message_buffer(struct console_guest *g, uint32_t len)
{
	gpa_t at = vr_put(&g->r, CG_CTRL_RX, NULL, len);

	assert_true(gd_add(&g->r.q[CG_CTRL_RX], &(struct gd_buf){ at, len, GD_W }, 1,
			   (void *)(uintptr_t)at) >= 0);
}

void cg_post_message_buffers(struct console_guest *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cg_post_message_buffer(g, 128);
	vr_kick(&g->r, CG_CTRL_RX);
}

/* The next message from the device, if there is one. */
static bool next_msg(struct console_guest *g, struct msg *m)
{
	struct virtio_console_control head;
	struct gd_used u;
	gpa_t at;

	memset(m, 0, sizeof(*m));
	if (!gd_get_used(&g->r.q[CG_CTRL_RX], &u))
		return false;
	at = (gpa_t)(uintptr_t)u.token;
	assert_true(u.len >= sizeof(head) && u.len - sizeof(head) < sizeof(m->text));
	vr_get(&g->r, at, &head, sizeof(head));
	m->text_len = u.len - (unsigned)sizeof(head);
	vr_get(&g->r, at + sizeof(head), m->text, m->text_len);
	m->id = le32_get(head.id);
	m->event = le16_get(head.event);
	m->value = le16_get(head.value);
	return true;
}

void cg_expect_msg(struct console_guest *g, uint32_t id, unsigned event, unsigned value)
{
	struct msg m;

	assert_true(next_msg(g, &m));
	assert_int_equal(m.id, id);
	assert_int_equal(m.event, event);
	assert_int_equal(m.value, value);
	assert_int_equal(m.text_len, 0);
}

void cg_expect_text(struct console_guest *g, uint32_t id, unsigned event, const void *text,
		    unsigned len)
{
	struct msg m;

	assert_true(next_msg(g, &m));
	assert_int_equal(m.id, id);
	assert_int_equal(m.event, event);
	assert_int_equal(m.text_len, len);
	assert_memory_equal(m.text, text, len);
}

void cg_expect_silence(struct console_guest *g)
{
	struct msg m;

	assert_false(next_msg(g, &m));
}

void cg_say_raw(struct console_guest *g, const void *data, uint32_t len)
{
	struct gd_used u;
	gpa_t at = vr_put(&g->r, CG_CTRL_TX, data, len);

	assert_true(gd_add(&g->r.q[CG_CTRL_TX], &(struct gd_buf){ at, len, false }, 1, NULL) >= 0);
	vr_kick(&g->r, CG_CTRL_TX);
	assert_true(gd_get_used(&g->r.q[CG_CTRL_TX], &u));
	assert_int_equal(u.len, 0);
}

void cg_say(struct console_guest *g, uint32_t id, unsigned event, unsigned value)
{
	struct virtio_console_control m = { le32_make(id), le16_make((uint16_t)event),
					    le16_make((uint16_t)value) };

	cg_say_raw(g, &m, sizeof(m));
}

/* What Linux does: DEVICE_READY, and for each port PORT_READY and (at once) PORT_OPEN. */
static void handshake(struct console_guest *g, bool console, unsigned ports)
{
	struct msg m;

	cg_post_message_buffers(g, 12);
	cg_say(g, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = console ? 0 : 1; i <= ports; i++) {
		cg_say(g, i, VIRTIO_CONSOLE_PORT_READY, 1);
		cg_say(g, i, VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
	while (next_msg(g, &m))
		cg_post_message_buffer(g, 128);
	vr_kick(&g->r, CG_CTRL_RX);
}

/* A console and two ports, and a driver that has done all that. */
void cg_begin(struct console_guest *g, uint64_t features)
{
	cg_prepare(g);
	vr_begin(&g->r, cg_make(g, true, 2), CG_MULTIPORT | features);
	handshake(g, true, 2);
}

/* --- on the loop ------------------------------------------------------------------------------ */

void cg_changed(void *arg)
{
	struct cg_host_end *e = arg;

	e->chr.client->changed(e->chr.client_dev);
}

static void do_leave(void *arg)
{
	((struct cg_host_end *)arg)->gone = true;
	cg_changed(arg);
}

static void do_come(void *arg)
{
	((struct cg_host_end *)arg)->gone = false;
	cg_changed(arg);
}

void cg_feed(struct console_guest *g, unsigned port, const void *data, size_t len)
{
	assert_int_equal(g->end[port].in_len, 0);
	g->end[port].in = data;
	g->end[port].in_len = len;
	vr_on_loop(&g->r, cg_deliver, &g->end[port]);
	vr_settle(&g->r);
}

struct room {
	struct cg_host_end *e;
	size_t n;
};

static void do_set_room(void *arg)
{
	struct room *r = arg;

	r->e->room = r->n;
}

void cg_more_room(struct console_guest *g, unsigned port, size_t n)
{
	struct cg_host_end *e = &g->end[port];

	vr_on_loop(&g->r, do_set_room, &(struct room){ e, n });
	e->chr.client->output_ready(e->chr.client_dev); /* any thread */
	vr_settle(&g->r);
}

static void do_count_refusals(void *arg)
{
	struct room *r = arg;

	r->n = r->e->refusals;
}

size_t cg_refusals(struct console_guest *g, unsigned port)
{
	struct room r = { &g->end[port], 0 };

	vr_on_loop(&g->r, do_count_refusals, &r);
	return r.n;
}

void cg_set_gone(struct console_guest *g, unsigned port, bool gone)
{
	vr_on_loop(&g->r, gone ? do_leave : do_come, &g->end[port]);
	vr_settle(&g->r);
}

void cg_send(struct console_guest *g, unsigned port, const void *data, uint32_t len)
{
	unsigned q = cg_tx(port);
	gpa_t at = vr_put(&g->r, q, data, len);

	assert_true(gd_add(&g->r.q[q], &(struct gd_buf){ at, len, false }, 1, NULL) >= 0);
	vr_kick(&g->r, q);
}

unsigned cg_used(struct console_guest *g, unsigned q)
{
	struct gd_used u;
	unsigned n = 0;

	while (gd_get_used(&g->r.q[q], &u))
		n++;
	return n;
}

void cg_assert_out(struct console_guest *g, unsigned port, const char *text)
{
	assert_int_equal(g->end[port].len, strlen(text));
	assert_memory_equal(g->end[port].out, text, strlen(text));
}

/* A buffer for input; and the text in the next one that comes back. */
gpa_t cg_post(struct console_guest *g, unsigned port, uint32_t len)
{
	unsigned q = cg_rx(port);
	gpa_t at = vr_put(&g->r, q, NULL, len);

	assert_true(gd_add(&g->r.q[q], &(struct gd_buf){ at, len, GD_W }, 1,
			   (void *)(uintptr_t)at) >= 0);
	vr_kick(&g->r, q);
	return at;
}

void cg_expect_input(struct console_guest *g, unsigned port, const char *text)
{
	char buf[256];
	struct gd_used u;

	assert_true(gd_get_used(&g->r.q[cg_rx(port)], &u));
	assert_int_equal(u.len, strlen(text));
	vr_get(&g->r, (gpa_t)(uintptr_t)u.token, buf, u.len);
	assert_memory_equal(buf, text, u.len);
}
