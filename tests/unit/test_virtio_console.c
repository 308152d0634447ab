/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_console.c: the virtio console (virtio 1.2, 5.3) as a device: its configuration,
 * resets, snapshots, and rings that are evil. What it carries is in test_virtio_console_streams.c,
 * its messages are in test_virtio_console_messages.c.
 */
#include <errno.h>
#include <string.h>

#include "tests/lib/console_guest.h"
#include "virtio/console_wire.h"
#include "vmm/snap.h"

/* --- one console, and a driver that knows no more --------------------------------------------- */

/* 5.3.3: without MULTIPORT there is port 0 alone; 5.3.4: its size is in the configuration. */
static void single_console(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		struct console_guest g;

		cg_prepare(&g);
		g.end[0].window = (struct chardev_window){ 132, 43 };
		vr_begin(&g.r, cg_make(&g, true, 0), vr_ring_features[k] | VIRTIO_CONSOLE_F_SIZE);
		assert_int_equal(g.r.v->queue_cnt, 4);
		assert_int_equal(virtio_read_config(g.r.v, 0, 2), 132);
		assert_int_equal(virtio_read_config(g.r.v, 2, 2), 43);
		assert_int_equal(virtio_read_config(g.r.v, 4, 4), 1);

		cg_send(&g, 0, "hello ", 6);
		cg_send(&g, 0, "world", 5);
		cg_assert_out(&g, 0, "hello world");
		assert_int_equal(cg_used(&g, 1), 2);

		cg_feed(&g, 0, "typed", 5); /* no room yet: it waits */
		assert_int_equal(g.end[0].in_len, 5);
		cg_post(&g, 0, 3);
		assert_true(g.end[0].room_changes);
		cg_post(&g, 0, 64);
		vr_on_loop(&g.r, cg_deliver, &g.end[0]);
		cg_expect_input(&g, 0, "typ");
		cg_expect_input(&g, 0, "ed");
		cg_end(&g);
	}
}

/* 5.3.4: "cols and rows ... when the console size changes, a configuration change notification". */
static void window_changes(void **state)
{
	struct console_guest g;
	uint32_t gen;

	(void)state;
	cg_prepare(&g);
	g.end[0].window = (struct chardev_window){ 80, 25 };
	vr_begin(&g.r, cg_make(&g, true, 0), VIRTIO_CONSOLE_F_SIZE);
	gen = virtio_config_generation(g.r.v);
	g.end[0].window = (struct chardev_window){ 100, 30 };
	vr_on_loop(&g.r, cg_changed, &g.end[0]);
	assert_int_equal(g.r.xport.config_irqs, 1);
	assert_int_not_equal(virtio_config_generation(g.r.v), gen);
	assert_int_equal(virtio_read_config(g.r.v, 0, 4), 30 << 16 | 100);
	vr_on_loop(&g.r, cg_changed, &g.end[0]); /* nothing has */
	assert_int_equal(g.r.xport.config_irqs, 1);
	cg_end(&g);
}

/* A console of unknown size does not offer one. */
static void size_unknown(void **state)
{
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	vr_begin(&g.r, cg_make(&g, true, 0), 0);
	assert_false(g.r.v->offered & VIRTIO_CONSOLE_F_SIZE);
	cg_end(&g);
}

/* 5.3.4: "the driver can output a single character by writing emerg_wr, even before
 * initialization". Row 16, accesses past or beside it, do nothing. */
static void test_row16_emergency_write(void **state)
{
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
	g.r.v = cg_make(&g, true, 0);
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
	cg_assert_out(&g, 0, "ABC");
	assert_int_equal(virtio_read_config(g.r.v, 8, 4), 0);
	cg_end(&g);
}

/* --- resets ----------------------------------------------------------------------------------- */

/* Row 21, "reset while I/O in flight", "double reset": in the middle of a chain, and of a talk. */
static void test_row21_reset_forgets_the_driver(void **state)
{
	struct console_guest g;

	(void)state;
	cg_begin(&g, 0);
	g.end[1].room = 2;
	g.end[1].rest = 0;
	cg_send(&g, 1, "half", 4);
	virtio_set_status(g.r.v, 0);
	virtio_set_status(g.r.v, 0);
	cg_more_room(&g, 1, 100);
	cg_assert_out(&g, 1, "ha");
	cg_feed(&g, 1, "x", 1); /* not to a driver that is no more */
	assert_int_equal(g.end[1].in_len, 1);
	vr_drive(&g.r, CG_MULTIPORT);
	cg_send(&g, 1, "whole", 5);
	cg_assert_out(&g, 1, "hawhole");
	cg_post(&g, 1, 8);
	vr_on_loop(&g.r, cg_deliver, &g.end[1]);
	assert_int_equal(g.end[1].in_len, 1); /* the new one has not opened it */
	cg_post_message_buffers(&g, 4);
	cg_expect_silence(&g);
	cg_say(&g, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	cg_expect_msg(&g, 0, VIRTIO_CONSOLE_DEVICE_ADD, 1);
	cg_end(&g);
}

/* 2.6.1: a queue that is set up anew begins anew. */
static void one_ring_reset(void **state)
{
	struct console_guest g;
	struct virtio_queue *q;

	(void)state;
	cg_begin(&g, VIRTIO_F_RING_RESET);
	g.end[1].room = 2;
	cg_send(&g, 1, "half", 4);
	virtio_queue_reset(g.r.v, cg_tx(1));
	cg_more_room(&g, 1, 100);
	cg_assert_out(&g, 1, "ha");
	q = virtio_get_queue(g.r.v, cg_tx(1));
	gd_init(&g.r.q[cg_tx(1)], g.r.gm, GD_RINGS + cg_tx(1) * MIB, VR_SIZE, g.r.features);
	q->addr = g.r.q[cg_tx(1)].ring;
	virtio_queue_enable(g.r.v, cg_tx(1));
	cg_send(&g, 1, "whole", 5);
	cg_assert_out(&g, 1, "hawhole");
	cg_end(&g);
}

/* --- snapshots -------------------------------------------------------------------------------- */

/* Row 90, "snapshot with I/O in flight": in the middle of a chain. The rest of it, and no more,
 * comes out of the machine it is loaded into. */
static void test_row90_snapshot_in_the_middle_of_a_chain(void **state)
{
	struct virtio_device *old, *fresh;
	struct console_guest g;

	(void)state;
	cg_begin(&g, VIRTIO_F_RING_PACKED);
	g.end[1].room = 3;
	cg_send(&g, 1, "abcdef", 6);
	cg_send(&g, 1, "gh", 2);
	vr_stop_loop(&g.r);
	old = g.r.v;
	old->dev.ops->stop(&old->dev);
	fresh = cg_make(&g, true, 2);
	virtio_attach(fresh, &g.r.xport.xport, 0);
	assert_snapshot_round_trip(&old->dev, &fresh->dev);
	old->dev.ops->destroy(&old->dev);
	g.r.v = fresh;
	g.end[1].room = 100;
	assert_int_equal(fresh->dev.ops->start(&fresh->dev, NULL), 0);
	assert_int_equal(loop_start_thread(g.r.loop, NULL), 0);
	g.r.threaded = true;
	vr_settle(&g.r);
	cg_assert_out(&g, 1, "abcdefgh");
	cg_expect_silence(&g); /* it knows what the driver knows */
	cg_post(&g, 1, 8);
	cg_feed(&g, 1, "open", 4);
	cg_expect_input(&g, 1, "open");
	cg_end(&g);
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
		struct console_guest g;
		int r;

		cg_begin(&g, 0);
		g.end[1].room = 0;
		cg_send(&g, 1, "abc", 3);
		vr_stop_loop(&g.r);
		g.r.v->dev.ops->stop(&g.r.v->dev);
		fresh = cg_make(&g, true, 2);
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
			assert_int_equal(cg_used(&g, cg_tx(1)), 1);
			vr_stop_loop(&g.r);
			fresh->dev.ops->stop(&fresh->dev);
		}
		fresh->dev.ops->destroy(&fresh->dev);
		cg_end(&g);
	}
}

/* --- all at once ------------------------------------------------------------------------------ */

static void do_type(void *arg)
{
	struct cg_host_end *e = arg;

	e->in = (const uint8_t *)"some input";
	e->in_len = 10;
	cg_deliver(e);
}

/* Rings whose driver is evil, and host ends that do what they like: nothing but broken queues. */
static void evil_rings(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 150; round++) {
		struct console_guest g;

		cg_begin(&g, vr_ring_features[round % vr_ring_feature_cnt]);
		g.end[1].room = 100;
		for (unsigned i = 0; i < 60; i++) {
			unsigned q;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			q = (unsigned)(x >> 32) % 8;
			vr_settle(&g.r); /* input that lands in a ring is another test's matter */
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
				cg_more_room(&g, 1, (x >> 50) % 500);
			if (x % 32 == 2)
				cg_set_gone(&g, 1, x >> 63);
		}
		vr_settle(&g.r);
		for (unsigned q = 0; q < 8; q++)
			assert_int_equal(vq_outstanding(g.r.v->queue[q].vq), 0);
		virtio_set_status(g.r.v, 0);
		cg_end(&g);
	}
}

/* As many ports as there can be: the last one works, and what is behind it is not there. */
static void as_many_ports_as_there_can_be(void **state)
{
	const unsigned cnt = VIRTIO_CONSOLE_PORTS_MAX - 1;
	struct virtio_console_port port[VIRTIO_CONSOLE_PORTS_MAX];
	struct virtio_console_params p = { .id = "console0", .port = port, .port_cnt = cnt };
	struct error *e = NULL;
	struct console_guest g;

	(void)state;
	cg_prepare(&g);
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
	cg_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_console),
		cmocka_unit_test(window_changes),
		cmocka_unit_test(size_unknown),
		cmocka_unit_test(test_row16_emergency_write),
		cmocka_unit_test(test_row21_reset_forgets_the_driver),
		cmocka_unit_test(one_ring_reset),
		cmocka_unit_test(test_row90_snapshot_in_the_middle_of_a_chain),
		cmocka_unit_test(test_row88_hostile_snapshot),
		cmocka_unit_test(evil_rings),
		cmocka_unit_test(as_many_ports_as_there_can_be),
	};

	cg_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
