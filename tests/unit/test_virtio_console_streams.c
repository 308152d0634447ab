/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_console_streams.c: what the ports of the virtio console carry: nothing is lost,
 * changed or doubled, whoever is slow.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/console_guest.h"
#include "tests/lib/port.h"
#include "virtio/console_wire.h"

/* --- input ------------------------------------------------------------------------------------ */

/* 5.3.6: Linux throws away what comes for a port nobody has open. So it waits on the host. */
static void input_waits_until_the_port_is_open(void **state)
{
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	vr_begin(&g.r, cg_make(&g, false, 1), CG_MULTIPORT);
	cg_post(&g, 1, 16);
	cg_feed(&g, 1, "early", 5);
	cg_post_message_buffers(&g, 8);
	cg_say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	vr_on_loop(&g.r, cg_deliver, &g.end[1]);
	assert_int_equal(g.end[1].in_len, 5);
	g.end[1].room_changes = 0;
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_int_equal(g.end[1].room_changes, 1); /* the reader is woken */
	vr_on_loop(&g.r, cg_deliver, &g.end[1]);
	cg_expect_input(&g, 1, "early");
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	cg_post(&g, 1, 16);
	cg_feed(&g, 1, "late", 4);
	assert_int_equal(g.end[1].in_len, 4);
	/* A port that the driver gives up is closed, too. */
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cg_say(&g, 1, VIRTIO_CONSOLE_PORT_READY, 0);
	vr_on_loop(&g.r, cg_deliver, &g.end[1]);
	assert_int_equal(g.end[1].in_len, 4);
	cg_end(&g);
}

/* Row 10, "zero-length descriptor, only head desc": given back empty, and passed over; even if all
 * of a ring is of these. */
static void test_row10_input_buffers_without_room(void **state)
{
	struct gd_used u;
	struct console_guest g;
	gpa_t at;

	(void)state;
	cg_begin(&g, 0);
	for (unsigned i = 0; i < VR_SIZE; i++)
		gd_add(&g.r.q[cg_rx(1)], &(struct gd_buf){ 0x1000, i % 2, !(i % 2) }, 1, NULL);
	vr_kick(&g.r, cg_rx(1));
	cg_feed(&g, 1, "x", 1);
	for (unsigned i = 0; i < VR_SIZE; i++) {
		assert_true(gd_get_used(&g.r.q[cg_rx(1)], &u));
		assert_int_equal(u.len, 0);
	}
	at = cg_post(&g, 1, 8);
	(void)at;
	vr_on_loop(&g.r, cg_deliver, &g.end[1]);
	cg_expect_input(&g, 1, "x");
	cg_end(&g);
}

/* Row 11, "descriptor changes between check and use": the room that was asked for is gone when the
 * bytes come. Nothing is written where there is no room, and the guest is the one who loses. */
static void test_row11_buffers_taken_back(void **state)
{
	struct gd_desc d;
	struct console_guest g;
	uint8_t three[4] = { 0 };
	gpa_t at;
	struct cg_host_end *e;

	(void)state;
	cg_begin(&g, 0);
	at = cg_post(&g, 1, 16);
	e = &g.end[1];
	assert_int_equal(e->chr.client->room(e->chr.client_dev), 16);
	d = gd_get_desc(&g.r.q[cg_rx(1)], g.r.q[cg_rx(1)].ring.desc, 0);
	d.len = 3;
	gd_set_desc(&g.r.q[cg_rx(1)], g.r.q[cg_rx(1)].ring.desc, 0, d);
	vr_stop_loop(&g.r);
	e->chr.client->receive(e->chr.client_dev, (const uint8_t *)"0123456789abcdef", 16);
	vr_get(&g.r, at, three, 4);
	assert_memory_equal(three, "012", 3);
	assert_int_equal(three[3], 0);
	assert_int_equal(g.r.v->dev.guest_errors, 1);
	cg_end(&g);
}

/* --- output ----------------------------------------------------------------------------------- */

/* A reader who takes little at a time gets all of it, once, in order; and the guest's buffers come
 * back only when they have been passed on. */
static void slow_reader_of_a_port(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		struct console_guest g;

		cg_begin(&g, vr_ring_features[k]);
		g.end[1].room = 4;
		cg_send(&g, 1, "abcdef", 6);
		cg_send(&g, 1, "ghi", 3);
		cg_assert_out(&g, 1, "abcd");
		assert_int_equal(cg_used(&g, cg_tx(1)), 0);
		assert_int_equal(vq_outstanding(g.r.v->queue[cg_tx(1)].vq), 0);
		cg_send(&g, 2, "other ports go on", 17);
		cg_assert_out(&g, 2, "other ports go on");
		cg_more_room(&g, 1, 1);
		cg_assert_out(&g, 1, "abcde");
		assert_int_equal(cg_used(&g, cg_tx(1)), 0);
		cg_more_room(&g, 1, 2);
		cg_assert_out(&g, 1, "abcdefg");
		assert_int_equal(cg_used(&g, cg_tx(1)), 1);
		cg_more_room(&g, 1, 100);
		cg_assert_out(&g, 1, "abcdefghi");
		assert_int_equal(cg_used(&g, cg_tx(1)), 1);
		cg_end(&g);
	}
}

/* Row 69, "console output flood, blocked reader": a guest's console does not wait, as its kernel
 * would stand still with interrupts off. write() is what loses the surplus. */
static void test_row69_console_never_waits(void **state)
{
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	g.end[0].room = 0;
	for (unsigned i = 0; i < 100; i++) {
		cg_send(&g, 0, "a line\n", 7);
		assert_int_equal(cg_used(&g, cg_tx(0)), 1);
	}
	assert_int_equal(g.end[0].len, 700);
	assert_int_equal(g.end[0].refusals, 0);
	cg_end(&g);
}

/* Nobody is there: it waits. Who leaves in the middle of a buffer takes the rest of it along. */
static void no_half_buffers_for_the_next_reader(void **state)
{
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	cg_set_gone(&g, 1, true);
	cg_send(&g, 1, "one|", 4);
	assert_int_equal(g.end[1].len, 0);
	assert_int_equal(cg_used(&g, cg_tx(1)), 0);
	g.end[1].room = 6;
	cg_send(&g, 1, "two|", 4);
	cg_set_gone(&g, 1, false);
	cg_assert_out(&g, 1, "one|tw");
	cg_send(&g, 1, "three|", 6);
	cg_set_gone(&g, 1, true);
	assert_int_equal(cg_used(&g, cg_tx(1)), 2); /* "two|" is given up */
	g.end[1].len = 0;
	g.end[1].room = 100;
	cg_set_gone(&g, 1, false);
	cg_assert_out(&g, 1, "three|");
	cg_end(&g);
}

/* A port that is not there takes what comes, as a driver may not know better. */
static void output_to_no_port(void **state)
{
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	vr_begin(&g.r, cg_make(&g, false, 2), CG_MULTIPORT);
	cg_send(&g, 0, "nowhere", 7);
	assert_int_equal(cg_used(&g, cg_tx(0)), 1);
	cg_post(&g, 0, 16);
	assert_int_equal(cg_used(&g, cg_rx(0)), 0);
	cg_end(&g);
}

/* Row 2, "chain total > 2^32 / self-referential huge desc", as far as it is legal: 1 GiB to one
 * port, of the same 4 MiB again and again. Others have their turn, and a reset does not wait for
 * all of it. */
static void test_row02_huge_output_is_passed_on_piecemeal(void **state)
{
	struct gd_buf b[VR_SIZE];
	struct console_guest g;

	(void)state;
	cg_begin(&g, VIRTIO_F_INDIRECT_DESC);
	g.end[1].room = 3u << 20;
	g.end[1].rest = 0;
	for (unsigned i = 0; i < VR_SIZE; i++)
		b[i] = (struct gd_buf){ GD_HIGH, 4u << 20, false };
	assert_true(gd_add_indirect(&g.r.q[cg_tx(1)], b, VR_SIZE, NULL) >= 0);
	gd_kick(&g.r.q[cg_tx(1)]);
	virtio_ring(g.r.v, cg_tx(1));
	cg_send(&g, 2, "me too", 6); /* vr_settle() goes round eight times: a quarter MiB each */
	cg_assert_out(&g, 2, "me too");
	assert_true(EVENTUALLY(5000, (vr_settle(&g.r), cg_refusals(&g, 1) > 0)));
	assert_int_equal(g.end[1].len, 3u << 20);
	virtio_set_status(g.r.v, 0);
	assert_int_equal(g.end[1].len, 3u << 20);
	cg_end(&g);
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
	struct console_guest g;

	(void)state;
	for (size_t i = 0; i < total; i++)
		data[i] = next_byte(&s);
	cg_begin(&g, VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED);
	g.end[1].room = 0;
	/* to the host */
	while (g.end[1].len < total) {
		while (sent < total && g.r.q[cg_tx(1)].free_cnt >= 2) {
			uint32_t a = 1 + next_byte(&sizes) * 16u, b = next_byte(&sizes) * 64u;
			gpa_t at;

			a = (uint32_t)min_u64(a, total - sent);
			b = (uint32_t)min_u64(b, total - sent - a);
			at = GD_HIGH + (sent & 0x1fffff);
			assert_true(gm_write(g.r.gm, at, data + sent, a + b));
			gd_add(&g.r.q[cg_tx(1)],
			       (struct gd_buf[]){ { at, a, false }, { at + a, b, false } }, 2,
			       NULL);
			sent += a + b;
		}
		vr_kick(&g.r, cg_tx(1));
		cg_more_room(&g, 1, 1u << (next_byte(&sizes) % 18));
		cg_used(&g, cg_tx(1));
	}
	assert_int_equal(g.end[1].len, total);
	assert_memory_equal(g.end[1].out, data, total);
	/* to the guest */
	g.end[1].in = data;
	g.end[1].in_len = total;
	while (got < total) {
		while (g.r.q[cg_rx(1)].free_cnt) {
			uint32_t len = 1 + next_byte(&sizes) * 32u;

			gpa_t at = vr_put(&g.r, cg_rx(1), NULL, 1);

			at = GD_HIGH + (at & 0x1f) * 8192 + g.r.q[cg_rx(1)].free_cnt * 8192u;
			gd_add(&g.r.q[cg_rx(1)], &(struct gd_buf){ at, len, GD_W }, 1,
			       (void *)(uintptr_t)at);
		}
		vr_kick(&g.r, cg_rx(1));
		vr_on_loop(&g.r, cg_deliver, &g.end[1]);
		while (gd_get_used(&g.r.q[cg_rx(1)], &u)) {
			assert_true(u.len <= sizeof(buf));
			vr_get(&g.r, (gpa_t)(uintptr_t)u.token, buf, u.len);
			assert_memory_equal(buf, data + got, u.len);
			got += u.len;
		}
	}
	assert_int_equal(got, total);
	cg_end(&g);
	free(data);
}

/* --- the end of a guest ----------------------------------------------------------------------- */

/* What a guest wrote before it ended is passed on, the part of a chain that was under way first, as
 * far as there is room for it; who has nobody to read it has none to lose. */
static void the_rest_outlives_the_guest(void **state)
{
	struct console_guest g;

	(void)state;
	for (unsigned threaded = 0; threaded < 2; threaded++) {
		cg_begin(&g, 0);
		g.end[1].room = 4;
		cg_send(&g, 1, "abcdef", 6);
		cg_send(&g, 1, "ghi", 3);
		cg_send(&g, 1, "jkl", 3);
		g.end[2].room = 0;
		g.end[2].rest = 5;
		cg_send(&g, 2, "0123", 4);
		cg_send(&g, 2, "4567", 4);
		cg_send(&g, 2, "89", 2);
		if (!threaded)
			vr_stop_loop(&g.r);
		virtio_console_pass_rest(g.c);
		cg_assert_out(&g, 1, "abcdefghijkl");
		cg_assert_out(&g, 2, "01234");
		virtio_console_pass_rest(g.c); /* nothing is left */
		cg_assert_out(&g, 1, "abcdefghijkl");
		cg_end(&g);
	}
}

/* Linux resets its devices on its way to a power-off (virtio_dev_shutdown()). What it had written
 * arrives all the same, once; also what the next driver writes. */
static void the_rest_outlives_a_reset(void **state)
{
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	g.end[1].room = 2;
	cg_send(&g, 1, "abc", 3);
	cg_send(&g, 1, "def", 3);
	virtio_set_status(g.r.v, 0);
	cg_assert_out(&g, 1, "abcdef");
	vr_drive(&g.r, CG_MULTIPORT);
	cg_more_room(&g, 1, 100);
	cg_send(&g, 1, "ghi", 3);
	cg_assert_out(&g, 1, "abcdefghi");
	/* Not if nobody is there, and not the rest of what was begun for one who has left. */
	cg_more_room(&g, 1, 1);
	cg_send(&g, 1, "xyz", 3);
	cg_assert_out(&g, 1, "abcdefghix");
	cg_set_gone(&g, 1, true);
	cg_set_gone(&g, 1, false);
	virtio_set_status(g.r.v, 0);
	cg_assert_out(&g, 1, "abcdefghix");
	cg_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	cg_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
