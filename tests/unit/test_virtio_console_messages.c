/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_console_messages.c: the control messages of the virtio console (virtio 1.2, 5.3.6.2):
 * what the device says and when, and that no guest gets it out of step.
 */
#include <string.h>

#include "tests/lib/console_guest.h"
#include "virtio/console_wire.h"

/* 5.3.6.2, in the order that Linux relies on: a port is a console before it is open. */
static void handshake_in_full(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		const uint8_t size[] = { 25, 0, 80, 0 }; /* rows first: see console_wire.h */
		struct console_guest g;

		cg_prepare(&g);
		g.end[0].window = (struct chardev_window){ 80, 25 };
		g.end[2].gone = true;
		vr_begin(&g.r, cg_make(&g, true, 2), CG_MULTIPORT | vr_ring_features[k]);
		assert_int_equal(virtio_read_config(g.r.v, 4, 4), 3);
		cg_post_message_buffers(&g, 12);
		cg_expect_silence(&g); /* nobody has asked */
		cg_say(&g, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
		for (unsigned i = 0; i < 3; i++)
			cg_expect_msg(&g, i, VIRTIO_CONSOLE_DEVICE_ADD, 1);
		cg_expect_silence(&g);
		cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
		cg_expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
		cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
		cg_say(&g, 0, VIRTIO_CONSOLE_PORT_READY, 1);
		cg_expect_msg(&g, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
		cg_expect_text(&g, 0, VIRTIO_CONSOLE_RESIZE, size, 4);
		cg_expect_msg(&g, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
		cg_say(&g, 2, VIRTIO_CONSOLE_PORT_READY, 1);
		cg_expect_silence(&g); /* no name, and nobody is there */
		cg_end(&g);
	}
}

/* "VIRTIO_CONSOLE_PORT_OPEN: ... sent by the device when the host's end is opened or closed". */
static void host_comes_and_goes(void **state)
{
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	cg_set_gone(&g, 1, true);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	cg_set_gone(&g, 1, true); /* no news */
	cg_expect_silence(&g);
	cg_set_gone(&g, 1, false);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	/* The console is a cable: nobody asks who looks. */
	cg_set_gone(&g, 0, true);
	cg_expect_silence(&g);
	cg_end(&g);
}

/* One came after another had left, and the guest was told neither: it hears of both. */
static void change_of_guests_is_told(void **state)
{
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	vr_begin(&g.r, cg_make(&g, false, 1), CG_MULTIPORT);
	cg_post_message_buffers(&g, 3);
	cg_say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	cg_expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	for (unsigned i = 0; i < 5; i++) {
		cg_set_gone(&g, 1, true);
		cg_set_gone(&g, 1, false);
	}
	cg_expect_silence(&g); /* no buffers */
	cg_post_message_buffers(&g, 4);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cg_expect_silence(&g);
	cg_set_gone(&g, 1, true);
	cg_set_gone(&g, 1, false);
	cg_set_gone(&g, 1, true);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cg_post_message_buffers(&g, 1);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	cg_expect_silence(&g);
	cg_end(&g);
}

/* A driver that was loaded again has forgotten what it was told. */
static void asked_again_answers_again(void **state)
{
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	cg_expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cg_say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		cg_expect_msg(&g, i, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	cg_expect_silence(&g);
	cg_say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 0); /* it could not */
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	cg_expect_silence(&g);
	cg_end(&g);
}

static void window_changes_by_message(void **state)
{
	const uint8_t size[] = { 50, 0, 0, 1 };
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	g.end[0].window = (struct chardev_window){ 256, 50 };
	vr_on_loop(&g.r, cg_changed, &g.end[0]);
	cg_expect_text(&g, 0, VIRTIO_CONSOLE_RESIZE, size, 4);
	vr_on_loop(&g.r, cg_changed, &g.end[0]);
	cg_expect_silence(&g);
	cg_end(&g);
}

/* Row 15, "queue_select / notify index out of range", for ports: counted, ignored, healthy. */
static void test_row15_messages_for_ports_that_are_not_there(void **state)
{
	static const uint32_t ids[] = { 3, 30, 31, 62, 0x7fffffff, 0x80000000, UINT32_MAX };
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		cg_say(&g, ids[i], VIRTIO_CONSOLE_PORT_READY, 1);
		cg_say(&g, ids[i], VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
	assert_int_equal(g.r.v->dev.guest_errors, 2 * ARRAY_LEN(ids));
	cg_expect_silence(&g);
	cg_send(&g, 1, "fine", 4);
	cg_assert_out(&g, 1, "fine");
	cg_end(&g);
}

/* Events that are unknown, or the device's own to send; and what is too short to be one. */
static void hostile_messages(void **state)
{
	struct virtio_console_control m = { le32_make(1), le16_make(VIRTIO_CONSOLE_PORT_OPEN),
					    le16_make(0) };
	static const unsigned events[] = { 1, 2, 4, 5, 7, 8, 0x8000, 0xffff };
	uint8_t big[3000] = { 0 };
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	for (unsigned i = 0; i < ARRAY_LEN(events); i++)
		cg_say(&g, 1, events[i], 1);
	for (uint32_t len = 0; len < sizeof(m); len++)
		cg_say_raw(&g, &m, len);
	assert_int_equal(g.r.v->dev.guest_errors, ARRAY_LEN(events) + sizeof(m));
	cg_expect_silence(&g);
	/* The port is as open as before. */
	cg_post(&g, 1, 16);
	cg_feed(&g, 1, "in", 2);
	cg_expect_input(&g, 1, "in");
	/* What is behind a message is not looked at. */
	memcpy(big, &m, sizeof(m));
	cg_say_raw(&g, big, sizeof(big));
	cg_post(&g, 1, 16);
	cg_feed(&g, 1, "in", 2);
	assert_int_equal(g.end[1].in_len, 2);
	cg_end(&g);
}

/* A buffer that a message does not fit in comes back empty, and costs that message. */
static void buffers_too_short_for_messages(void **state)
{
	struct gd_used u;
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	vr_begin(&g.r, cg_make(&g, false, 1), CG_MULTIPORT);
	cg_post_message_buffer(&g, 7);
	cg_post_message_buffer(&g, 8);
	cg_post_message_buffer(&g, 12);
	cg_post_message_buffer(&g, 8);
	vr_kick(&g.r, CG_CTRL_RX);
	cg_say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_true(gd_get_used(&g.r.q[CG_CTRL_RX], &u)); /* would have been DEVICE_ADD */
	assert_int_equal(u.len, 0);
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_true(gd_get_used(&g.r.q[CG_CTRL_RX], &u)); /* PORT_NAME, of 13 bytes */
	assert_int_equal(u.len, 0);
	assert_true(gd_get_used(&g.r.q[CG_CTRL_RX], &u)); /* PORT_OPEN */
	assert_int_equal(u.len, 8);
	assert_int_equal(g.r.v->dev.guest_errors, 2);
	cg_end(&g);
}

/* Row 17, "submit without waiting: unbounded in-flight memory": a guest that takes no messages and
 * makes the device want to send some: nothing is kept, and what counts is the state at the end. */
static void test_row17_messages_do_not_pile_up(void **state)
{
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	vr_begin(&g.r, cg_make(&g, false, 1), CG_MULTIPORT);
	for (unsigned i = 0; i < 1000; i++)
		cg_say(&g, 1, i % 3 ? VIRTIO_CONSOLE_PORT_READY : VIRTIO_CONSOLE_DEVICE_READY, 1);
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	cg_post_message_buffers(&g, 10);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	cg_expect_text(&g, 1, VIRTIO_CONSOLE_PORT_NAME, "alpha", 5);
	cg_expect_msg(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cg_expect_silence(&g);
	cg_end(&g);
}

/* A driver that does not accept MULTIPORT has port 0, and the control queues do nothing. */
static void multiport_refused(void **state)
{
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	vr_begin(&g.r, cg_make(&g, true, 2), 0);
	cg_send(&g, 0, "plain", 5);
	cg_assert_out(&g, 0, "plain");
	cg_post(&g, 0, 16);
	cg_feed(&g, 0, "key", 3);
	cg_expect_input(&g, 0, "key");
	cg_feed(&g, 1, "no", 2);
	assert_int_equal(g.end[1].in_len, 2);
	gd_add(&g.r.q[CG_CTRL_TX], &(struct gd_buf){ 0x1000, 8, false }, 1, NULL);
	vr_kick(&g.r, CG_CTRL_TX);
	assert_int_equal(cg_used(&g, CG_CTRL_TX), 0);
	cg_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	cg_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
