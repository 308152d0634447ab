/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_console.c: the virtio console's streams and messages (virtio 1.2, 5.3): nothing that
 * a port carries is lost, changed or doubled, whoever is slow, and no guest gets the device out of
 * step.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "devices/virtio/console.h"
#include "tests/lib/port.h"
#include "tests/lib/vdev_rig.h"
#include "virtio/console_wire.h"
#include "vmm/chardev.h"
#include "vmm/log.h"
#include "vmm/snap.h"

#define MULTIPORT VIRTIO_CONSOLE_F_MULTIPORT
#define CTRL_RX   VIRTIO_CONSOLE_Q_CONTROL_RX
#define CTRL_TX   VIRTIO_CONSOLE_Q_CONTROL_TX

/* --- the host's ends -------------------------------------------------------------------------- */

/* Touched on the loop only, or while the loop is known to be at rest. */
struct end {
	struct chardev chr;
	uint8_t *out; /* what has come */
	size_t len, size;
	size_t room;       /* what offer() takes before it says no */
	size_t rest;       /* what offer_rest() takes */
	unsigned refusals; /* times it took less than all */
	unsigned writes;
	bool gone; /* nobody is there */
	struct chardev_window window;
	_Atomic unsigned room_changes;
	const uint8_t *in; /* what waits for the guest */
	size_t in_len;
};

static void keep(struct end *e, const uint8_t *buf, size_t len)
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

static struct end *end_of(struct chardev *c)
{
	return container_of(c, struct end, chr);
}

static void end_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	end_of(c)->writes++;
	keep(end_of(c), buf, len);
}

static size_t end_offer(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct end *e = end_of(c);
	size_t n = e->gone ? 0 : min_u64(len, e->room);

	keep(e, buf, n);
	e->room -= n;
	e->refusals += n < len;
	return n;
}

static void deliver(struct end *e)
{
	while (e->in_len) {
		size_t n = e->chr.client->room(e->chr.client_dev);

		n = min_u64(n, e->in_len);
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
	struct end *e = end_of(c);
	size_t n = e->gone ? len : min_u64(len, e->rest);

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

#define PORTS 3u /* the console and two more, "alpha" and "" */

struct rig {
	struct vdev_rig r;
	struct virtio_console *c;
	struct end end[PORTS];
	gpa_t msg[VR_SIZE]; /* buffers for messages that are on their way */
};

static unsigned rx_of(unsigned port)
{
	return port ? 2 + 2 * port : 0;
}

static unsigned tx_of(unsigned port)
{
	return rx_of(port) + 1;
}

static struct virtio_device *make(struct rig *g, bool console, unsigned ports)
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

static void prepare(struct rig *g)
{
	memset(g, 0, sizeof(*g));
	vr_init(&g->r);
	for (unsigned i = 0; i < PORTS; i++) {
		g->end[i].chr.ops = &end_ops;
		g->end[i].room = g->end[i].rest = SIZE_MAX / 2;
	}
}

static void end(struct rig *g)
{
	vr_end(&g->r);
	for (unsigned i = 0; i < PORTS; i++)
		free(g->end[i].out);
}

/* --- messages --------------------------------------------------------------------------------- */

struct msg {
	uint32_t id;
	unsigned event, value;
	char text[80];
	unsigned text_len;
};

static void post_message_buffer(struct rig *g, uint32_t len)
{
	gpa_t at = vr_put(&g->r, CTRL_RX, NULL, len);

	assert_true(gd_add(&g->r.q[CTRL_RX], &(struct gd_buf){ at, len, GD_W }, 1,
			   (void *)(uintptr_t)at) >= 0);
}

static void post_message_buffers(struct rig *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		post_message_buffer(g, 128);
	vr_kick(&g->r, CTRL_RX);
}

/* The next message from the device, if there is one. */
static bool next_msg(struct rig *g, struct msg *m)
{
	struct virtio_console_control head;
	struct gd_used u;
	gpa_t at;

	memset(m, 0, sizeof(*m));
	if (!gd_get_used(&g->r.q[CTRL_RX], &u))
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

static void expect_msg(struct rig *g, uint32_t id, unsigned event, unsigned value)
{
	struct msg m;

	assert_true(next_msg(g, &m));
	assert_int_equal(m.id, id);
	assert_int_equal(m.event, event);
	assert_int_equal(m.value, value);
	assert_int_equal(m.text_len, 0);
}

static void expect_text(struct rig *g, uint32_t id, unsigned event, const void *text, unsigned len)
{
	struct msg m;

	assert_true(next_msg(g, &m));
	assert_int_equal(m.id, id);
	assert_int_equal(m.event, event);
	assert_int_equal(m.text_len, len);
	assert_memory_equal(m.text, text, len);
}

static void expect_silence(struct rig *g)
{
	struct msg m;

	assert_false(next_msg(g, &m));
}

static void say_raw(struct rig *g, const void *data, uint32_t len)
{
	struct gd_used u;
	gpa_t at = vr_put(&g->r, CTRL_TX, data, len);

	assert_true(gd_add(&g->r.q[CTRL_TX], &(struct gd_buf){ at, len, false }, 1, NULL) >= 0);
	vr_kick(&g->r, CTRL_TX);
	assert_true(gd_get_used(&g->r.q[CTRL_TX], &u));
	assert_int_equal(u.len, 0);
}

static void say(struct rig *g, uint32_t id, unsigned event, unsigned value)
{
	struct virtio_console_control m = { le32_make(id), le16_make((uint16_t)event),
					    le16_make((uint16_t)value) };

	say_raw(g, &m, sizeof(m));
}

/* What Linux does: DEVICE_READY, and for each port PORT_READY and (at once) PORT_OPEN. */
static void handshake(struct rig *g, bool console, unsigned ports)
{
	struct msg m;

	post_message_buffers(g, 12);
	say(g, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = console ? 0 : 1; i <= ports; i++) {
		say(g, i, VIRTIO_CONSOLE_PORT_READY, 1);
		say(g, i, VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
	while (next_msg(g, &m))
		post_message_buffer(g, 128);
	vr_kick(&g->r, CTRL_RX);
}

/* A console and two ports, and a driver that has done all that. */
static void begin(struct rig *g, uint64_t features)
{
	prepare(g);
	vr_begin(&g->r, make(g, true, 2), MULTIPORT | features);
	handshake(g, true, 2);
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void do_deliver(void *arg)
{
	deliver(arg);
}

static void do_changed(void *arg)
{
	struct end *e = arg;

	e->chr.client->changed(e->chr.client_dev);
}

static void do_leave(void *arg)
{
	((struct end *)arg)->gone = true;
	do_changed(arg);
}

static void do_come(void *arg)
{
	((struct end *)arg)->gone = false;
	do_changed(arg);
}

static void feed(struct rig *g, unsigned port, const void *data, size_t len)
{
	assert_int_equal(g->end[port].in_len, 0);
	g->end[port].in = data;
	g->end[port].in_len = len;
	vr_on_loop(&g->r, do_deliver, &g->end[port]);
	vr_settle(&g->r);
}

struct room {
	struct end *e;
	size_t n;
};

static void do_set_room(void *arg)
{
	struct room *r = arg;

	r->e->room = r->n;
}

static void more_room(struct rig *g, unsigned port, size_t n)
{
	struct end *e = &g->end[port];

	vr_on_loop(&g->r, do_set_room, &(struct room){ e, n });
	e->chr.client->output_ready(e->chr.client_dev); /* any thread */
	vr_settle(&g->r);
}

static void do_count_refusals(void *arg)
{
	struct room *r = arg;

	r->n = r->e->refusals;
}

static size_t refusals(struct rig *g, unsigned port)
{
	struct room r = { &g->end[port], 0 };

	vr_on_loop(&g->r, do_count_refusals, &r);
	return r.n;
}

static void set_gone(struct rig *g, unsigned port, bool gone)
{
	vr_on_loop(&g->r, gone ? do_leave : do_come, &g->end[port]);
	vr_settle(&g->r);
}

static void send(struct rig *g, unsigned port, const void *data, uint32_t len)
{
	unsigned q = tx_of(port);
	gpa_t at = vr_put(&g->r, q, data, len);

	assert_true(gd_add(&g->r.q[q], &(struct gd_buf){ at, len, false }, 1, NULL) >= 0);
	vr_kick(&g->r, q);
}

static unsigned used(struct rig *g, unsigned q)
{
	struct gd_used u;
	unsigned n = 0;

	while (gd_get_used(&g->r.q[q], &u))
		n++;
	return n;
}

static void assert_out(struct rig *g, unsigned port, const char *text)
{
	assert_int_equal(g->end[port].len, strlen(text));
	assert_memory_equal(g->end[port].out, text, strlen(text));
}

/* A buffer for input; and the text in the next one that comes back. */
static gpa_t post(struct rig *g, unsigned port, uint32_t len)
{
	unsigned q = rx_of(port);
	gpa_t at = vr_put(&g->r, q, NULL, len);

	assert_true(gd_add(&g->r.q[q], &(struct gd_buf){ at, len, GD_W }, 1,
			   (void *)(uintptr_t)at) >= 0);
	vr_kick(&g->r, q);
	return at;
}

static void expect_input(struct rig *g, unsigned port, const char *text)
{
	char buf[256];
	struct gd_used u;

	assert_true(gd_get_used(&g->r.q[rx_of(port)], &u));
	assert_int_equal(u.len, strlen(text));
	vr_get(&g->r, (gpa_t)(uintptr_t)u.token, buf, u.len);
	assert_memory_equal(buf, text, u.len);
}

/* --- one console, and a driver that knows no more --------------------------------------------- */

/* 5.3.3: without MULTIPORT there is port 0 alone; 5.3.4: its size is in the configuration. */
static void single_console(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		struct rig g;

		prepare(&g);
		g.end[0].window = (struct chardev_window){ 132, 43 };
		vr_begin(&g.r, make(&g, true, 0), vr_ring_features[k] | VIRTIO_CONSOLE_F_SIZE);
		assert_int_equal(g.r.v->queue_cnt, 4);
		assert_int_equal(virtio_read_config(g.r.v, 0, 2), 132);
		assert_int_equal(virtio_read_config(g.r.v, 2, 2), 43);
		assert_int_equal(virtio_read_config(g.r.v, 4, 4), 1);

		send(&g, 0, "hello ", 6);
		send(&g, 0, "world", 5);
		assert_out(&g, 0, "hello world");
		assert_int_equal(used(&g, 1), 2);

		feed(&g, 0, "typed", 5); /* no room yet: it waits */
		assert_int_equal(g.end[0].in_len, 5);
		post(&g, 0, 3);
		assert_true(g.end[0].room_changes);
		post(&g, 0, 64);
		vr_on_loop(&g.r, do_deliver, &g.end[0]);
		expect_input(&g, 0, "typ");
		expect_input(&g, 0, "ed");
		end(&g);
	}
}

/* 5.3.4: "cols and rows ... when the console size changes, a configuration change notification". */
static void window_changes(void **state)
{
	struct rig g;
	uint32_t gen;

	(void)state;
	prepare(&g);
	g.end[0].window = (struct chardev_window){ 80, 25 };
	vr_begin(&g.r, make(&g, true, 0), VIRTIO_CONSOLE_F_SIZE);
	gen = virtio_config_generation(g.r.v);
	g.end[0].window = (struct chardev_window){ 100, 30 };
	vr_on_loop(&g.r, do_changed, &g.end[0]);
	assert_int_equal(g.r.xport.config_irqs, 1);
	assert_int_not_equal(virtio_config_generation(g.r.v), gen);
	assert_int_equal(virtio_read_config(g.r.v, 0, 4), 30 << 16 | 100);
	vr_on_loop(&g.r, do_changed, &g.end[0]); /* nothing has */
	assert_int_equal(g.r.xport.config_irqs, 1);
	end(&g);
}

/* A console of unknown size does not offer one. */
static void size_unknown(void **state)
{
	struct rig g;

	(void)state;
	prepare(&g);
	vr_begin(&g.r, make(&g, true, 0), 0);
	assert_false(g.r.v->offered & VIRTIO_CONSOLE_F_SIZE);
	end(&g);
}

/* 5.3.4: "the driver can output a single character by writing emerg_wr, even before
 * initialization". Row 16, accesses past or beside it, do nothing. */
static void test_row16_emergency_write(void **state)
{
	struct rig g;

	(void)state;
	prepare(&g);
	g.r.v = make(&g, true, 0);
	virtio_attach(g.r.v, &g.r.xport.xport, 0);
	assert_true(g.r.v->offered & VIRTIO_CONSOLE_F_EMERG_WRITE);
	virtio_write_config(g.r.v, 8, 4, 'A');
	virtio_write_config(g.r.v, 8, 1, 'B');
	virtio_write_config(g.r.v, 8, 2, 0x4200 | 'C');
	virtio_write_config(g.r.v, 8, 8, 'x');
	virtio_write_config(g.r.v, 7, 2, 'x');
	virtio_write_config(g.r.v, 9, 1, 'x');
	virtio_write_config(g.r.v, 0, 4, 'x');
	virtio_write_config(g.r.v, 12, 4, 'x');
	virtio_write_config(g.r.v, UINT32_MAX, 8, 'x');
	assert_out(&g, 0, "ABC");
	assert_int_equal(virtio_read_config(g.r.v, 8, 4), 0);
	end(&g);
}

/* --- messages --------------------------------------------------------------------------------- */

/* 5.3.6.2, in the order that Linux relies on: a port is a console before it is open. */
static void handshake_in_full(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		const uint8_t size[] = { 25, 0, 80, 0 }; /* rows first: see console_wire.h */
		struct rig g;

		prepare(&g);
		g.end[0].window = (struct chardev_window){ 80, 25 };
		g.end[2].gone = true;
		vr_begin(&g.r, make(&g, true, 2), MULTIPORT | vr_ring_features[k]);
		assert_int_equal(virtio_read_config(g.r.v, 4, 4), 3);
		post_message_buffers(&g, 12);
		expect_silence(&g); /* nobody has asked */
		say(&g, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
		for (unsigned i = 0; i < 3; i++)
			expect_msg(&g, i, VIRTIO_CONSOLE_DEVICE_ADD, 1);
		expect_silence(&g);
		say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
		expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
		expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
		say(&g, 0, VIRTIO_CONSOLE_PORT_READY, 1);
		expect_msg(&g, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
		expect_text(&g, 0, VIRTIO_CONSOLE_RESIZE, size, 4);
		expect_msg(&g, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
		say(&g, 2, VIRTIO_CONSOLE_PORT_READY, 1);
		expect_silence(&g); /* no name, and nobody is there */
		end(&g);
	}
}

/* "VIRTIO_CONSOLE_PORT_OPEN: ... sent by the device when the host's end is opened or closed". */
static void host_comes_and_goes(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 0);
	set_gone(&g, 1, true);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	set_gone(&g, 1, true); /* no news */
	expect_silence(&g);
	set_gone(&g, 1, false);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	/* The console is a cable: nobody asks who looks. */
	set_gone(&g, 0, true);
	expect_silence(&g);
	end(&g);
}

/* One came after another had left, and the guest was told neither: it hears of both. */
static void change_of_guests_is_told(void **state)
{
	struct rig g;

	(void)state;
	prepare(&g);
	vr_begin(&g.r, make(&g, false, 1), MULTIPORT);
	post_message_buffers(&g, 3);
	say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_msg(&g, 1, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	for (unsigned i = 0; i < 5; i++) {
		set_gone(&g, 1, true);
		set_gone(&g, 1, false);
	}
	expect_silence(&g); /* no buffers */
	post_message_buffers(&g, 4);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	expect_silence(&g);
	set_gone(&g, 1, true);
	set_gone(&g, 1, false);
	set_gone(&g, 1, true);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	post_message_buffers(&g, 1);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	expect_silence(&g);
	end(&g);
}

/* A driver that was loaded again has forgotten what it was told. */
static void asked_again_answers_again(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 0);
	say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		expect_msg(&g, i, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	expect_silence(&g);
	say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 0); /* it could not */
	say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect_silence(&g);
	end(&g);
}

static void window_changes_by_message(void **state)
{
	const uint8_t size[] = { 50, 0, 0, 1 };
	struct rig g;

	(void)state;
	begin(&g, 0);
	g.end[0].window = (struct chardev_window){ 256, 50 };
	vr_on_loop(&g.r, do_changed, &g.end[0]);
	expect_text(&g, 0, VIRTIO_CONSOLE_RESIZE, size, 4);
	vr_on_loop(&g.r, do_changed, &g.end[0]);
	expect_silence(&g);
	end(&g);
}

/* Row 15, "queue_select / notify index out of range", for ports: counted, ignored, healthy. */
static void test_row15_messages_for_ports_that_are_not_there(void **state)
{
	static const uint32_t ids[] = { 3, 30, 31, 62, 0x7fffffff, 0x80000000, UINT32_MAX };
	struct rig g;

	(void)state;
	begin(&g, 0);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		say(&g, ids[i], VIRTIO_CONSOLE_PORT_READY, 1);
		say(&g, ids[i], VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
	assert_int_equal(g.r.v->dev.guest_errors, 2 * ARRAY_LEN(ids));
	expect_silence(&g);
	send(&g, 1, "fine", 4);
	assert_out(&g, 1, "fine");
	end(&g);
}

/* Events that are unknown, or the device's own to send; and what is too short to be one. */
static void hostile_messages(void **state)
{
	struct virtio_console_control m = { le32_make(1), le16_make(VIRTIO_CONSOLE_PORT_OPEN),
					    le16_make(0) };
	static const unsigned events[] = { 1, 2, 4, 5, 7, 8, 0x8000, 0xffff };
	uint8_t big[3000] = { 0 };
	struct rig g;

	(void)state;
	begin(&g, 0);
	for (unsigned i = 0; i < ARRAY_LEN(events); i++)
		say(&g, 1, events[i], 1);
	for (uint32_t len = 0; len < sizeof(m); len++)
		say_raw(&g, &m, len);
	assert_int_equal(g.r.v->dev.guest_errors, ARRAY_LEN(events) + sizeof(m));
	expect_silence(&g);
	/* The port is as open as before. */
	post(&g, 1, 16);
	feed(&g, 1, "in", 2);
	expect_input(&g, 1, "in");
	/* What is behind a message is not looked at. */
	memcpy(big, &m, sizeof(m));
	say_raw(&g, big, sizeof(big));
	post(&g, 1, 16);
	feed(&g, 1, "in", 2);
	assert_int_equal(g.end[1].in_len, 2);
	end(&g);
}

/* A buffer that a message does not fit in comes back empty, and costs that message. */
static void buffers_too_short_for_messages(void **state)
{
	struct gd_used u;
	struct rig g;

	(void)state;
	prepare(&g);
	vr_begin(&g.r, make(&g, false, 1), MULTIPORT);
	post_message_buffer(&g, 7);
	post_message_buffer(&g, 8);
	post_message_buffer(&g, 12);
	post_message_buffer(&g, 8);
	vr_kick(&g.r, CTRL_RX);
	say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_true(gd_get_used(&g.r.q[CTRL_RX], &u)); /* would have been DEVICE_ADD */
	assert_int_equal(u.len, 0);
	say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_true(gd_get_used(&g.r.q[CTRL_RX], &u)); /* PORT_NAME, of 13 bytes */
	assert_int_equal(u.len, 0);
	assert_true(gd_get_used(&g.r.q[CTRL_RX], &u)); /* PORT_OPEN */
	assert_int_equal(u.len, 8);
	assert_int_equal(g.r.v->dev.guest_errors, 2);
	end(&g);
}

/* Row 17, "submit without waiting: unbounded in-flight memory": a guest that takes no messages and
 * makes the device want to send some: nothing is kept, and what counts is the state at the end. */
static void test_row17_messages_do_not_pile_up(void **state)
{
	struct rig g;

	(void)state;
	prepare(&g);
	vr_begin(&g.r, make(&g, false, 1), MULTIPORT);
	for (unsigned i = 0; i < 1000; i++)
		say(&g, 1, i % 3 ? VIRTIO_CONSOLE_PORT_READY : VIRTIO_CONSOLE_DEVICE_READY, 1);
	say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	post_message_buffers(&g, 10);
	expect_msg(&g, 1, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
	expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	expect_silence(&g);
	end(&g);
}

/* A driver that does not accept MULTIPORT has port 0, and the control queues do nothing. */
static void multiport_refused(void **state)
{
	struct rig g;

	(void)state;
	prepare(&g);
	vr_begin(&g.r, make(&g, true, 2), 0);
	send(&g, 0, "plain", 5);
	assert_out(&g, 0, "plain");
	post(&g, 0, 16);
	feed(&g, 0, "key", 3);
	expect_input(&g, 0, "key");
	feed(&g, 1, "no", 2);
	assert_int_equal(g.end[1].in_len, 2);
	gd_add(&g.r.q[CTRL_TX], &(struct gd_buf){ 0x1000, 8, false }, 1, NULL);
	vr_kick(&g.r, CTRL_TX);
	assert_int_equal(used(&g, CTRL_TX), 0);
	end(&g);
}

/* --- input ------------------------------------------------------------------------------------ */

/* 5.3.6: Linux throws away what comes for a port nobody has open. So it waits on the host. */
static void input_waits_until_the_port_is_open(void **state)
{
	struct rig g;

	(void)state;
	prepare(&g);
	vr_begin(&g.r, make(&g, false, 1), MULTIPORT);
	post(&g, 1, 16);
	feed(&g, 1, "early", 5);
	post_message_buffers(&g, 8);
	say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	vr_on_loop(&g.r, do_deliver, &g.end[1]);
	assert_int_equal(g.end[1].in_len, 5);
	g.end[1].room_changes = 0;
	say(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_int_equal(g.end[1].room_changes, 1); /* the reader is woken */
	vr_on_loop(&g.r, do_deliver, &g.end[1]);
	expect_input(&g, 1, "early");
	say(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	post(&g, 1, 16);
	feed(&g, 1, "late", 4);
	assert_int_equal(g.end[1].in_len, 4);
	/* A port that the driver gives up is closed, too. */
	say(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 0);
	vr_on_loop(&g.r, do_deliver, &g.end[1]);
	assert_int_equal(g.end[1].in_len, 4);
	end(&g);
}

/* Row 10, "zero-length descriptor, only head desc": given back empty, and passed over; even if all
 * of a ring is of these. */
static void test_row10_input_buffers_without_room(void **state)
{
	struct gd_used u;
	struct rig g;
	gpa_t at;

	(void)state;
	begin(&g, 0);
	for (unsigned i = 0; i < VR_SIZE; i++)
		gd_add(&g.r.q[rx_of(1)], &(struct gd_buf){ 0x1000, i % 2, !(i % 2) }, 1, NULL);
	vr_kick(&g.r, rx_of(1));
	feed(&g, 1, "x", 1);
	for (unsigned i = 0; i < VR_SIZE; i++) {
		assert_true(gd_get_used(&g.r.q[rx_of(1)], &u));
		assert_int_equal(u.len, 0);
	}
	at = post(&g, 1, 8);
	(void)at;
	vr_on_loop(&g.r, do_deliver, &g.end[1]);
	expect_input(&g, 1, "x");
	end(&g);
}

/* Row 11, "descriptor changes between check and use": the room that was asked for is gone when the
 * bytes come. Nothing is written where there is no room, and the guest is the one who loses. */
static void test_row11_buffers_taken_back(void **state)
{
	struct gd_desc d;
	struct rig g;
	uint8_t three[4] = { 0 };
	gpa_t at;
	struct end *e;

	(void)state;
	begin(&g, 0);
	at = post(&g, 1, 16);
	e = &g.end[1];
	assert_int_equal(e->chr.client->room(e->chr.client_dev), 16);
	d = gd_get_desc(&g.r.q[rx_of(1)], g.r.q[rx_of(1)].ring.desc, 0);
	d.len = 3;
	gd_set_desc(&g.r.q[rx_of(1)], g.r.q[rx_of(1)].ring.desc, 0, d);
	vr_stop_loop(&g.r);
	e->chr.client->receive(e->chr.client_dev, (const uint8_t *)"0123456789abcdef", 16);
	vr_get(&g.r, at, three, 4);
	assert_memory_equal(three, "012", 3);
	assert_int_equal(three[3], 0);
	assert_int_equal(g.r.v->dev.guest_errors, 1);
	end(&g);
}

/* --- output ----------------------------------------------------------------------------------- */

/* A reader who takes little at a time gets all of it, once, in order; and the guest's buffers come
 * back only when they have been passed on. */
static void slow_reader_of_a_port(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		struct rig g;

		begin(&g, vr_ring_features[k]);
		g.end[1].room = 4;
		send(&g, 1, "abcdef", 6);
		send(&g, 1, "ghi", 3);
		assert_out(&g, 1, "abcd");
		assert_int_equal(used(&g, tx_of(1)), 0);
		assert_int_equal(vq_outstanding(g.r.v->queue[tx_of(1)].vq), 0);
		send(&g, 2, "other ports go on", 17);
		assert_out(&g, 2, "other ports go on");
		more_room(&g, 1, 1);
		assert_out(&g, 1, "abcde");
		assert_int_equal(used(&g, tx_of(1)), 0);
		more_room(&g, 1, 2);
		assert_out(&g, 1, "abcdefg");
		assert_int_equal(used(&g, tx_of(1)), 1);
		more_room(&g, 1, 100);
		assert_out(&g, 1, "abcdefghi");
		assert_int_equal(used(&g, tx_of(1)), 1);
		end(&g);
	}
}

/* Row 69, "console output flood, blocked reader": a guest's console does not wait, as its kernel
 * would stand still with interrupts off. write() is what loses the surplus. */
static void test_row69_console_never_waits(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 0);
	g.end[0].room = 0;
	for (unsigned i = 0; i < 100; i++) {
		send(&g, 0, "a line\n", 7);
		assert_int_equal(used(&g, tx_of(0)), 1);
	}
	assert_int_equal(g.end[0].len, 700);
	assert_int_equal(g.end[0].refusals, 0);
	end(&g);
}

/* Nobody is there: it waits. Who leaves in the middle of a buffer takes the rest of it along. */
static void no_half_buffers_for_the_next_reader(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 0);
	set_gone(&g, 1, true);
	send(&g, 1, "one|", 4);
	assert_int_equal(g.end[1].len, 0);
	assert_int_equal(used(&g, tx_of(1)), 0);
	g.end[1].room = 6;
	send(&g, 1, "two|", 4);
	set_gone(&g, 1, false);
	assert_out(&g, 1, "one|tw");
	send(&g, 1, "three|", 6);
	set_gone(&g, 1, true);
	assert_int_equal(used(&g, tx_of(1)), 2); /* "two|" is given up */
	g.end[1].len = 0;
	g.end[1].room = 100;
	set_gone(&g, 1, false);
	assert_out(&g, 1, "three|");
	end(&g);
}

/* A port that is not there takes what comes, as a driver may not know better. */
static void output_to_no_port(void **state)
{
	struct rig g;

	(void)state;
	prepare(&g);
	vr_begin(&g.r, make(&g, false, 2), MULTIPORT);
	send(&g, 0, "nowhere", 7);
	assert_int_equal(used(&g, tx_of(0)), 1);
	post(&g, 0, 16);
	assert_int_equal(used(&g, rx_of(0)), 0);
	end(&g);
}

/* Row 2, "chain total > 2^32 / self-referential huge desc", as far as it is legal: 1 GiB to one
 * port, of the same 4 MiB again and again. Others have their turn, and a reset does not wait for
 * all of it. */
static void test_row02_huge_output_is_passed_on_piecemeal(void **state)
{
	struct gd_buf b[VR_SIZE];
	struct rig g;

	(void)state;
	begin(&g, VIRTIO_F_INDIRECT_DESC);
	g.end[1].room = 3u << 20;
	g.end[1].rest = 0;
	for (unsigned i = 0; i < VR_SIZE; i++)
		b[i] = (struct gd_buf){ GD_HIGH, 4u << 20, false };
	assert_true(gd_add_indirect(&g.r.q[tx_of(1)], b, VR_SIZE, NULL) >= 0);
	gd_kick(&g.r.q[tx_of(1)]);
	virtio_ring(g.r.v, tx_of(1));
	send(&g, 2, "me too", 6); /* vr_settle() goes round eight times: a quarter MiB each */
	assert_out(&g, 2, "me too");
	assert_true(EVENTUALLY(5000, (vr_settle(&g.r), refusals(&g, 1) > 0)));
	assert_int_equal(g.end[1].len, 3u << 20);
	virtio_set_status(g.r.v, 0);
	assert_int_equal(g.end[1].len, 3u << 20);
	end(&g);
}

struct stream {
	uint64_t x;
};

static uint8_t next_byte(struct stream *s)
{
	s->x = s->x * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(s->x >> 33);
}

/* 10 MiB through a port each way, in all framings, with a reader and a writer who stall. */
static void ten_mebibytes_unchanged(void **state)
{
	const size_t total = 10u << 20;
	uint8_t *data = malloc(total), buf[8192];
	struct stream s = { 1 }, sizes = { 2 };
	size_t sent = 0, got = 0;
	struct gd_used u;
	struct rig g;

	(void)state;
	for (size_t i = 0; i < total; i++)
		data[i] = next_byte(&s);
	begin(&g, VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED);
	g.end[1].room = 0;
	/* to the host */
	while (g.end[1].len < total) {
		while (sent < total && g.r.q[tx_of(1)].free_cnt >= 2) {
			uint32_t a = 1 + next_byte(&sizes) * 16u, b = next_byte(&sizes) * 64u;
			gpa_t at;

			a = (uint32_t)min_u64(a, total - sent);
			b = (uint32_t)min_u64(b, total - sent - a);
			at = GD_HIGH + (sent & 0x1fffff);
			assert_true(gm_write(g.r.gm, at, data + sent, a + b));
			gd_add(&g.r.q[tx_of(1)],
			       (struct gd_buf[]){ { at, a, false }, { at + a, b, false } }, 2,
			       NULL);
			sent += a + b;
		}
		vr_kick(&g.r, tx_of(1));
		more_room(&g, 1, 1u << (next_byte(&sizes) % 18));
		used(&g, tx_of(1));
	}
	assert_int_equal(g.end[1].len, total);
	assert_memory_equal(g.end[1].out, data, total);
	/* to the guest */
	g.end[1].in = data;
	g.end[1].in_len = total;
	while (got < total) {
		while (g.r.q[rx_of(1)].free_cnt) {
			uint32_t len = 1 + next_byte(&sizes) * 32u;

			gpa_t at = vr_put(&g.r, rx_of(1), NULL, 1);

			at = GD_HIGH + (at & 0x1f) * 8192 + g.r.q[rx_of(1)].free_cnt * 8192u;
			gd_add(&g.r.q[rx_of(1)], &(struct gd_buf){ at, len, GD_W }, 1,
			       (void *)(uintptr_t)at);
		}
		vr_kick(&g.r, rx_of(1));
		vr_on_loop(&g.r, do_deliver, &g.end[1]);
		while (gd_get_used(&g.r.q[rx_of(1)], &u)) {
			assert_true(u.len <= sizeof(buf));
			vr_get(&g.r, (gpa_t)(uintptr_t)u.token, buf, u.len);
			assert_memory_equal(buf, data + got, u.len);
			got += u.len;
		}
	}
	assert_int_equal(got, total);
	end(&g);
	free(data);
}

/* --- the end of a guest ----------------------------------------------------------------------- */

/* What a guest wrote before it ended is passed on, the part of a chain that was under way first, as
 * far as there is room for it; who has nobody to read it has none to lose. */
static void the_rest_outlives_the_guest(void **state)
{
	struct rig g;

	(void)state;
	for (unsigned threaded = 0; threaded < 2; threaded++) {
		begin(&g, 0);
		g.end[1].room = 4;
		send(&g, 1, "abcdef", 6);
		send(&g, 1, "ghi", 3);
		send(&g, 1, "jkl", 3);
		g.end[2].room = 0;
		g.end[2].rest = 5;
		send(&g, 2, "0123", 4);
		send(&g, 2, "4567", 4);
		send(&g, 2, "89", 2);
		if (!threaded)
			vr_stop_loop(&g.r);
		virtio_console_pass_rest(g.c);
		assert_out(&g, 1, "abcdefghijkl");
		assert_out(&g, 2, "01234");
		virtio_console_pass_rest(g.c); /* nothing is left */
		assert_out(&g, 1, "abcdefghijkl");
		end(&g);
	}
}

/* Linux resets its devices on its way to a power-off (virtio_dev_shutdown()). What it had written
 * arrives all the same, once; also what the next driver writes. */
static void the_rest_outlives_a_reset(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 0);
	g.end[1].room = 2;
	send(&g, 1, "abc", 3);
	send(&g, 1, "def", 3);
	virtio_set_status(g.r.v, 0);
	assert_out(&g, 1, "abcdef");
	vr_drive(&g.r, MULTIPORT);
	more_room(&g, 1, 100);
	send(&g, 1, "ghi", 3);
	assert_out(&g, 1, "abcdefghi");
	/* Not if nobody is there, and not the rest of what was begun for one who has left. */
	more_room(&g, 1, 1);
	send(&g, 1, "xyz", 3);
	assert_out(&g, 1, "abcdefghix");
	set_gone(&g, 1, true);
	set_gone(&g, 1, false);
	virtio_set_status(g.r.v, 0);
	assert_out(&g, 1, "abcdefghix");
	end(&g);
}

/* --- resets ----------------------------------------------------------------------------------- */

/* Row 21, "reset while I/O in flight", "double reset": in the middle of a chain, and of a talk. */
static void test_row21_reset_forgets_the_driver(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 0);
	g.end[1].room = 2;
	g.end[1].rest = 0;
	send(&g, 1, "half", 4);
	virtio_set_status(g.r.v, 0);
	virtio_set_status(g.r.v, 0);
	more_room(&g, 1, 100);
	assert_out(&g, 1, "ha");
	feed(&g, 1, "x", 1); /* not to a driver that is no more */
	assert_int_equal(g.end[1].in_len, 1);
	vr_drive(&g.r, MULTIPORT);
	send(&g, 1, "whole", 5);
	assert_out(&g, 1, "hawhole");
	post(&g, 1, 8);
	vr_on_loop(&g.r, do_deliver, &g.end[1]);
	assert_int_equal(g.end[1].in_len, 1); /* the new one has not opened it */
	post_message_buffers(&g, 4);
	expect_silence(&g);
	say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect_msg(&g, 0, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	end(&g);
}

/* 2.6.1: a queue that is set up anew begins anew. */
static void one_ring_reset(void **state)
{
	struct rig g;
	struct virtio_queue *q;

	(void)state;
	begin(&g, VIRTIO_F_RING_RESET);
	g.end[1].room = 2;
	send(&g, 1, "half", 4);
	virtio_queue_reset(g.r.v, tx_of(1));
	more_room(&g, 1, 100);
	assert_out(&g, 1, "ha");
	q = virtio_get_queue(g.r.v, tx_of(1));
	gd_init(&g.r.q[tx_of(1)], g.r.gm, GD_RINGS + tx_of(1) * MIB, VR_SIZE, g.r.features);
	q->addr = g.r.q[tx_of(1)].ring;
	virtio_queue_enable(g.r.v, tx_of(1));
	send(&g, 1, "whole", 5);
	assert_out(&g, 1, "hawhole");
	end(&g);
}

/* --- snapshots -------------------------------------------------------------------------------- */

/* Row 90, "snapshot with I/O in flight": in the middle of a chain. The rest of it, and no more,
 * comes out of the machine it is loaded into. */
static void test_row90_snapshot_in_the_middle_of_a_chain(void **state)
{
	struct virtio_device *old, *fresh;
	struct rig g;

	(void)state;
	begin(&g, VIRTIO_F_RING_PACKED);
	g.end[1].room = 3;
	send(&g, 1, "abcdef", 6);
	send(&g, 1, "gh", 2);
	vr_stop_loop(&g.r);
	old = g.r.v;
	old->dev.ops->stop(&old->dev);
	fresh = make(&g, true, 2);
	virtio_attach(fresh, &g.r.xport.xport, 0);
	assert_snapshot_round_trip(&old->dev, &fresh->dev);
	old->dev.ops->destroy(&old->dev);
	g.r.v = fresh;
	g.end[1].room = 100;
	assert_int_equal(fresh->dev.ops->start(&fresh->dev, NULL), 0);
	assert_int_equal(loop_start_thread(g.r.loop, NULL), 0);
	g.r.threaded = true;
	vr_settle(&g.r);
	assert_out(&g, 1, "abcdefgh");
	expect_silence(&g); /* it knows what the driver knows */
	post(&g, 1, 8);
	feed(&g, 1, "open", 4);
	expect_input(&g, 1, "open");
	end(&g);
}

/* Saves @d, and loads that with byte @at of field @name changed to @val into @fresh. */
static int load_changed(struct virtio_device *d, struct virtio_device *fresh, const char *name,
			size_t at, uint8_t val, struct error **errp)
{
	const struct snap_desc *desc = d->dev.ops->state;
	struct snap_desc plain = *desc; /* the change must survive pre_save */
	struct snap_reader *reader = NULL;
	struct snap_writer *w = snap_writer_new();
	_cleanup_free_ uint8_t *buf = NULL;
	size_t len;
	int r;

	desc->pre_save(d);
	plain.pre_save = NULL;
	for (unsigned i = 0; i < desc->n; i++)
		if (strstr(desc->f[i].name, name))
			((uint8_t *)d)[desc->f[i].off + at] = val;
	assert_int_equal(snap_save(w, d->dev.id, &plain, d, errp), 0);
	assert_int_equal(snap_writer_finish(w, &buf, &len, errp), 0);
	assert_int_equal(snap_reader_new(buf, len, &reader, errp), 0);
	r = snap_load(reader, fresh->dev.id, desc, fresh, errp);
	snap_reader_free(reader);
	return r;
}

/* Row 88, "ring index nonsense, device list differs": refused, or harmless. */
static void test_row88_hostile_snapshot(void **state)
{
	static const struct {
		const char *field;
		size_t at;
		uint8_t val;
		const char *says; /* NULL: it may be so */
	} rows[] = {
		{ "saved_flags", 3, 0x01, "console port 3" },
		{ "saved_flags", 30, 0x80, "console port 30" },
		{ "saved_sent", 8 * 3, 1, "console port 3" },
		{ "saved_flags", 1, 0xff, NULL },
		{ "saved_sent", 8 + 7, 0xff, NULL }, /* far more than the chain has */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct virtio_device *fresh;
		struct error *e = NULL;
		struct rig g;
		int r;

		begin(&g, 0);
		g.end[1].room = 0;
		send(&g, 1, "abc", 3);
		vr_stop_loop(&g.r);
		g.r.v->dev.ops->stop(&g.r.v->dev);
		fresh = make(&g, true, 2);
		virtio_attach(fresh, &g.r.xport.xport, 0);
		r = load_changed(g.r.v, fresh, rows[i].field, rows[i].at, rows[i].val, &e);
		if (rows[i].says) {
			assert_int_equal(r, -EINVAL);
			assert_error(e, rows[i].says);
		} else {
			assert_int_equal(r, 0);
			g.end[1].room = 100;
			assert_int_equal(fresh->dev.ops->start(&fresh->dev, NULL), 0);
			assert_int_equal(loop_start_thread(g.r.loop, NULL), 0);
			g.r.threaded = true;
			vr_settle(&g.r);
			assert_int_equal(g.end[1].len, 0);
			assert_int_equal(used(&g, tx_of(1)), 1);
			vr_stop_loop(&g.r);
			fresh->dev.ops->stop(&fresh->dev);
		}
		fresh->dev.ops->destroy(&fresh->dev);
		end(&g);
	}
}

/* --- all at once ------------------------------------------------------------------------------ */

static void do_type(void *arg)
{
	struct end *e = arg;

	e->in = (const uint8_t *)"some input";
	e->in_len = 10;
	deliver(e);
}

/* Rings whose driver is evil, and host ends that do what they like: nothing but broken queues. */
static void evil_rings(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 150; round++) {
		struct rig g;

		begin(&g, vr_ring_features[round % vr_ring_feature_cnt]);
		g.end[1].room = 100;
		for (unsigned i = 0; i < 60; i++) {
			unsigned q;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			q = (unsigned)(x >> 32) % 8;
			if (x % 4 && g.r.q[q].free_cnt)
				gd_add(&g.r.q[q],
				       &(struct gd_buf){ 0x1000 + (x >> 40) % 4096,
							 (uint32_t)(x >> 20) % 200, !(q % 2) },
				       1, NULL);
			else
				gd_evil(&g.r.q[q], x >> 8);
			gd_kick(&g.r.q[q]);
			virtio_ring(g.r.v, q);
			if (x % 16 == 0) {
				vr_on_loop(&g.r, do_type, &g.end[1]);
			}
			if (x % 16 == 1)
				more_room(&g, 1, (x >> 50) % 500);
			if (x % 32 == 2)
				set_gone(&g, 1, x >> 63);
		}
		vr_settle(&g.r);
		for (unsigned q = 0; q < 8; q++)
			assert_int_equal(vq_outstanding(g.r.v->queue[q].vq), 0);
		virtio_set_status(g.r.v, 0);
		end(&g);
	}
}

/* As many ports as there can be: the last one works, and what is behind it is not there. */
static void as_many_ports_as_there_can_be(void **state)
{
	const unsigned cnt = VIRTIO_CONSOLE_PORTS_MAX - 1;
	struct virtio_console_port port[VIRTIO_CONSOLE_PORTS_MAX];
	struct virtio_console_params p = { .id = "console0", .port = port, .port_cnt = cnt };
	struct error *e = NULL;
	struct rig g;

	(void)state;
	prepare(&g);
	for (unsigned i = 0; i < cnt; i++)
		port[i] = (struct virtio_console_port){ "same", &chardev_null };
	port[cnt - 1].chr = &g.end[1].chr;
	p.gm = g.r.gm;
	p.loop = g.r.loop;
	assert_int_equal(virtio_console_create(&p, &g.c, &e), 0);
	assert_no_error(e);
	g.r.v = virtio_console_device(g.c);
	assert_int_equal(g.r.v->queue_cnt, VIRTIO_QUEUES_MAX);
	assert_int_equal(virtio_read_config(g.r.v, 4, 4), VIRTIO_CONSOLE_PORTS_MAX);
	assert_null(virtio_get_queue(g.r.v, VIRTIO_QUEUES_MAX));
	end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_console),
		cmocka_unit_test(window_changes),
		cmocka_unit_test(size_unknown),
		cmocka_unit_test(test_row16_emergency_write),
		cmocka_unit_test(handshake_in_full),
		cmocka_unit_test(host_comes_and_goes),
		cmocka_unit_test(change_of_guests_is_told),
		cmocka_unit_test(asked_again_answers_again),
		cmocka_unit_test(window_changes_by_message),
		cmocka_unit_test(test_row15_messages_for_ports_that_are_not_there),
		cmocka_unit_test(hostile_messages),
		cmocka_unit_test(buffers_too_short_for_messages),
		cmocka_unit_test(test_row17_messages_do_not_pile_up),
		cmocka_unit_test(multiport_refused),
		cmocka_unit_test(input_waits_until_the_port_is_open),
		cmocka_unit_test(test_row10_input_buffers_without_room),
		cmocka_unit_test(test_row11_buffers_taken_back),
		cmocka_unit_test(slow_reader_of_a_port),
		cmocka_unit_test(test_row69_console_never_waits),
		cmocka_unit_test(no_half_buffers_for_the_next_reader),
		cmocka_unit_test(output_to_no_port),
		cmocka_unit_test(test_row02_huge_output_is_passed_on_piecemeal),
		cmocka_unit_test(ten_mebibytes_unchanged),
		cmocka_unit_test(the_rest_outlives_the_guest),
		cmocka_unit_test(the_rest_outlives_a_reset),
		cmocka_unit_test(test_row21_reset_forgets_the_driver),
		cmocka_unit_test(one_ring_reset),
		cmocka_unit_test(test_row90_snapshot_in_the_middle_of_a_chain),
		cmocka_unit_test(test_row88_hostile_snapshot),
		cmocka_unit_test(evil_rings),
		cmocka_unit_test(as_many_ports_as_there_can_be),
	};
	int quiet = open("/dev/null", O_WRONLY);

	log_set_fd(quiet); /* what hostile guests have to say */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
