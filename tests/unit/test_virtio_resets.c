/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_resets.c: the virtio core and what interrupts a device: resets of the whole and of
 * one queue, pauses, snapshots.
 */
#include <stdlib.h>

#include "tests/lib/poke.h"
#include "tests/lib/virtio_env.h"

#define ACK         VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER      VIRTIO_STATUS_DRIVER
#define FEATURES_OK VIRTIO_STATUS_FEATURES_OK
#define DRIVER_OK   VIRTIO_STATUS_DRIVER_OK
#define NEEDS_RESET VIRTIO_STATUS_NEEDS_RESET

/* --- resets ----------------------------------------------------------------------------------- */

/* Robustness row 21: reset while I/O is in flight, and once more. All that was taken comes back. */
static void test_row21_reset_in_flight(void **state)
{
	struct virtio_env *e = *state;
	unsigned resets;

	ve_bring_up(e, VE_PLAIN);
	resets = e->f->resets;
	e->f->hold = true;
	for (unsigned i = 0; i < 5; i++)
		ve_add_ping(e, 0, NULL);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	ve_deliver(e);
	assert_int_equal(e->f->held_cnt, 5);
	assert_int_equal(vq_outstanding(e->v->queue[0].vq), 5);
	virtio_set_status(e->v, 0);
	assert_int_equal(e->f->held_cnt, 0);
	assert_int_equal(e->f->echoes, 5);
	assert_int_equal(vq_outstanding(e->v->queue[0].vq), 0);
	assert_false(virtq_enabled(e->v->queue[0].vq));
	assert_int_equal(e->f->quiesces, 1);
	assert_int_equal(e->f->resets, resets + 1);
	virtio_set_status(e->v, 0);
	device_reset(&e->v->dev);
	assert_int_equal(e->f->quiesces, 1); /* there is nothing more to wait for */
	e->f->hold = false;
	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
}

/* A kick that was on its way when the device was reset, or when its queue was, finds nothing. */
static void test_late_kick(void **state)
{
	struct virtio_env *e = *state;
	unsigned kicks;

	ve_bring_up(e, VE_PLAIN | VIRTIO_F_RING_RESET);
	kicks = e->f->kicks[0];
	virtio_ring(e->v, 0);
	virtio_queue_reset(e->v, 0);
	assert_int_equal(ve_deliver(e), 1);
	virtio_ring(e->v, 0);
	virtio_set_status(e->v, 0);
	assert_int_equal(ve_deliver(e), 1);
	assert_int_equal(e->f->kicks[0], kicks);
}

/* The machine resets what was never started; a driver cannot have been there either. */
static void test_reset_before_start(void **state)
{
	struct virtio_env *e = *state;

	virtio_dev_stop(&e->v->dev);
	virtio_dev_stop(&e->v->dev);
	device_reset(&e->v->dev);
	ve_negotiate(e, VE_PLAIN);
	ve_set_queue(e, 0, VE_PLAIN);
	virtio_set_status(e->v, VE_RUNNING);
	assert_int_equal(e->f->activations, 0); /* not before it is started */
	device_reset(&e->v->dev);
	assert_int_equal(virtio_status(e->v), 0);
	assert_int_equal(virtio_dev_start(&e->v->dev, NULL), 0);
	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
}

/* 2.6.1: "The device MUST reset any state of a virtqueue to the default state, including the
 * available state and the used state." The others go on. */
static void test_ring_reset(void **state)
{
	struct virtio_env *e = *state;
	gpa_t out;

	ve_bring_up(e, VE_PLAIN | VIRTIO_F_RING_RESET);
	ve_assert_works(e, 0);
	e->f->hold = true;
	ve_add_ping(e, 0, NULL);
	gd_kick(&e->q[0]);
	out = ve_add_ping(e, 1, e);
	gd_kick(&e->q[1]);
	virtio_ring(e->v, 0);
	virtio_ring(e->v, 1);
	ve_deliver(e);
	assert_int_equal(e->f->held_cnt, 2);
	virtio_queue_reset(e->v, 0);
	assert_int_equal(e->f->queue_quiesces, 1);
	assert_int_equal(e->f->quiesces, 0);
	assert_int_equal(e->f->held_cnt, 1);
	assert_false(e->v->queue[0].enabled);
	assert_int_equal(e->v->queue[0].addr.size, FAKE_VIRTIO_SIZE);
	/* 2.6.1.2: it may be set up again, differently. */
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[0]));
	assert_false(virtio_queue_is_open(e->v, &e->v->queue[1]));
	gd_init(&e->q[0], e->gm, GD_RINGS + MIB, 4, VE_PLAIN);
	e->v->queue[0].addr = e->q[0].ring;
	e->f->hold = false;
	virtio_queue_enable(e->v, 0);
	ve_deliver(e);
	ve_assert_works(e, 0);
	fake_virtio_release(e->f, 1);
	ve_assert_pong(e, 1, out, e);
	assert_int_equal(virtio_status(e->v), VE_RUNNING);
}

/* 2.6.1: only if it was negotiated. A queue that a driver stops with QueueReady may not be set up
 * again in that case; nor without DRIVER_OK being undone. */
static void test_ring_reset_not_negotiated(void **state)
{
	struct virtio_env *e = *state;

	ve_bring_up(e, VE_PLAIN);
	virtio_queue_reset(e->v, 0);
	assert_true(e->v->queue[0].enabled);
	ve_assert_works(e, 0);
	virtio_queue_disable(e->v, 0);
	assert_int_equal(e->f->queue_quiesces, 1);
	assert_false(e->v->queue[0].enabled);
	assert_false(virtio_queue_is_open(e->v, &e->v->queue[0]));
	virtio_queue_enable(e->v, 0);
	assert_false(e->v->queue[0].enabled);
	ve_assert_works(e, 1);
}

/* Before DRIVER_OK a driver may change its mind (Linux does when it is short of vectors). */
static void test_disable_before_driver_ok(void **state)
{
	struct virtio_env *e = *state;

	ve_negotiate(e, VE_PLAIN);
	ve_set_queue(e, 0, VE_PLAIN);
	virtio_queue_disable(e->v, 0);
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[0]));
	ve_set_queue(e, 0, VE_PLAIN);
	virtio_set_status(e->v, VE_RUNNING);
	ve_deliver(e);
	ve_assert_works(e, 0);
}

/* A ring that cannot be, at run time. */
static void test_bad_ring_after_ring_reset(void **state)
{
	struct virtio_env *e = *state;

	ve_bring_up(e, VE_PLAIN | VIRTIO_F_RING_RESET);
	virtio_queue_reset(e->v, 0);
	e->v->queue[0].addr = (struct vring_addr){ .size = 16, .desc = 1 };
	virtio_queue_enable(e->v, 0);
	assert_int_equal(virtio_status(e->v), VE_RUNNING | NEEDS_RESET);
	assert_int_equal(e->x.config_irqs, 1);
}

/* --- pauses ----------------------------------------------------------------------------------- */

/* No access to memory while the transport forbids it; what came meanwhile is found after. */
static void test_dma_off(void **state)
{
	struct virtio_env *e = *state;
	gpa_t out;

	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
	assert_true(e->x.bells);
	e->f->hold = true;
	ve_add_ping(e, 1, e);
	gd_kick(&e->q[1]);
	virtio_ring(e->v, 1);
	ve_deliver(e);
	virtio_allow_dma(e->v, false);
	assert_false(e->x.bells);
	assert_int_equal(gd_used_idx(&e->q[1]), 1); /* what was in flight is finished first */
	e->f->hold = false;
	out = ve_add_ping(e, 0, e);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	ve_deliver(e);
	assert_int_equal(gd_used_idx(&e->q[0]), 1);
	assert_int_equal(virtio_status(e->v), VE_RUNNING);
	virtio_allow_dma(e->v, true);
	assert_true(e->x.bells);
	ve_deliver(e);
	ve_assert_pong(e, 0, out, e);
	ve_assert_works(e, 0);
	assert_int_equal(e->f->activations, 2);
}

/* DRIVER_OK before bus mastering: nothing is lost. */
static void test_dma_off_at_driver_ok(void **state)
{
	struct virtio_env *e = *state;
	gpa_t out;

	virtio_allow_dma(e->v, false);
	ve_negotiate(e, VE_PLAIN);
	ve_set_queue(e, 0, VE_PLAIN);
	virtio_set_status(e->v, VE_RUNNING);
	assert_int_equal(e->f->activations, 0);
	out = ve_add_ping(e, 0, e);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	ve_deliver(e);
	assert_int_equal(gd_used_idx(&e->q[0]), 0);
	virtio_allow_dma(e->v, true);
	ve_deliver(e);
	ve_assert_pong(e, 0, out, e);
}

/* stop() drains; start() goes on where it was. */
static void test_stop_and_start(void **state)
{
	static const uint64_t features[] = { VE_PLAIN, VE_PLAIN | VIRTIO_F_EVENT_IDX,
					     VE_PLAIN | VIRTIO_F_RING_PACKED };
	struct virtio_env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
		ve_bring_up(e, features[i]);
		for (unsigned n = 0; n < 40; n++)
			ve_assert_works(e, 0);
		virtio_dev_stop(&e->v->dev);
		assert_false(e->x.bells);
		assert_int_equal(virtio_dev_start(&e->v->dev, NULL), 0);
		assert_true(e->x.bells);
		ve_deliver(e);
		for (unsigned n = 0; n < 40; n++)
			ve_assert_works(e, 0);
	}
}

/* --- snapshots -------------------------------------------------------------------------------- */

/* A second device on the same memory: what is loaded when the VM comes back. */
static struct fake_virtio *twin(struct virtio_env *e, struct fake_xport *x)
{
	struct fake_virtio *f = fake_virtio_create(e->gm, e->loop, true);

	fake_xport_init(x);
	virtio_attach(&f->v, &x->xport, 0);
	device_reset(&f->v.dev);
	return f;
}

static void test_snapshot(void **state)
{
	static const uint64_t features[] = { VE_PLAIN, VE_PLAIN | VIRTIO_F_EVENT_IDX,
					     VE_PLAIN | VIRTIO_F_RING_PACKED |
						     VIRTIO_F_RING_RESET };
	struct virtio_env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
		struct fake_virtio *old = e->f, *f;
		struct fake_xport x;
		gpa_t out;

		ve_bring_up(e, features[i]);
		for (unsigned n = 0; n < 23; n++) {
			ve_assert_works(e, 0);
			ve_assert_works(e, 1);
		}
		if (features[i] & VIRTIO_F_RING_RESET)
			virtio_queue_reset(e->v, 1);
		virtio_dev_stop(&e->v->dev);
		out = ve_add_ping(e, 0, e); /* seen by nobody before the snapshot */
		gd_kick(&e->q[0]);
		f = twin(e, &x);
		assert_snapshot_round_trip(&old->v.dev, &f->v.dev);
		assert_int_equal(virtio_status(&f->v), VE_RUNNING);
		assert_true(f->v.acked == features[i]);
		assert_int_equal(f->activations, 0);
		e->f = f;
		e->v = &f->v;
		assert_int_equal(virtio_dev_start(&f->v.dev, NULL), 0);
		assert_int_equal(f->activations, 1);
		assert_true(x.bells);
		ve_deliver(e); /* robustness row 90: notifications are replayed */
		ve_assert_pong(e, 0, out, e);
		gd_init(&e->q[1], e->gm, GD_RINGS + MIB, 8, features[i]);
		if (features[i] & VIRTIO_F_RING_RESET) {
			e->v->queue[1].addr = e->q[1].ring;
			virtio_queue_enable(e->v, 1);
			ve_deliver(e);
			assert_int_equal(virtio_status(e->v), VE_RUNNING);
		}
		/* Back to the first one for the next round, and its notes. */
		virtio_dev_stop(&f->v.dev);
		assert_int_equal(f->wrong, 0);
		fake_virtio_destroy(f);
		e->f = old;
		e->v = &old->v;
		device_reset(&old->v.dev);
		assert_int_equal(virtio_dev_start(&old->v.dev, NULL), 0);
	}
}

/* A device that is halfway through 3.1.1 comes back there. */
static void test_snapshot_before_driver_ok(void **state)
{
	struct virtio_env *e = *state;
	struct fake_xport x;
	struct fake_virtio *f = twin(e, &x);

	ve_negotiate(e, VE_PLAIN);
	ve_set_queue(e, 1, VE_PLAIN);
	e->v->queue[0].addr =
		(struct vring_addr){ 0xffff, 1, 2, 3 }; /* nonsense, not yet enabled */
	assert_snapshot_round_trip(&e->v->dev, &f->v.dev);
	assert_int_equal(virtio_status(&f->v), VE_NEGOTIATED);
	assert_true(f->v.queue[1].enabled);
	assert_false(virtq_enabled(f->v.queue[1].vq));
	assert_int_equal(f->v.queue[0].addr.size, 0xffff);
	fake_virtio_destroy(f);
}

/* A snapshot is as hostile as a driver, and can lie about more. */
static void test_hostile_snapshot(void **state)
{
	static const struct {
		const char *field;
		unsigned idx;
		uint64_t val;
		const char *why;
	} bad[] = {
		{ "saved.status", 0, VE_RUNNING | 0x20, "status" },
		{ "saved.status", 0, ACK | DRIVER | DRIVER_OK, "status" },
		{ "saved.status", 0, FEATURES_OK, "status" },
		{ "saved.acked", 0, 0, "features" },
		{ "saved.acked", 0, UINT64_MAX, "features" },
		{ "saved.acked", 0, VE_PLAIN | FAKE_VIRTIO_F_B, "features" },
		{ "saved.flags", 0, 0xff, "a queue in a state" },
		{ "saved.flags", 0, VIRTIO_SAVED_MAPPED, "a queue in a state" },
		{ "saved.flags", 0, VIRTIO_SAVED_ENABLED | VIRTIO_SAVED_WAS_RESET,
		  "a queue in a state" },
		{ "saved.flags", FAKE_VIRTIO_QUEUES, VIRTIO_SAVED_ENABLED, "more queues" },
		{ "saved.flags", VIRTIO_QUEUES_MAX - 1, 1, "more queues" },
		{ "saved.size", 0, 0, "a ring" },
		{ "saved.size", 0, 0xffff, "a ring" },
		{ "saved.desc", 0, GD_LOW_END, "a ring" },
		{ "saved.desc", 0, UINT64_MAX, "a ring" },
		{ "saved.driver", 0, 1, "a ring" },
		{ "saved.device", 0, GD_ROM, "a ring" },
		{ "saved.used", 0, 0x7fff, "a place" },
	};
	struct virtio_env *e = *state;
	struct fake_xport x;
	struct fake_virtio *f = twin(e, &x);

	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		device_reset(&f->v.dev);
		virtio_pre_save(e->v);
		f->v.saved = e->v->saved;
		state_poke(&f->v.dev, bad[i].field, bad[i].idx, bad[i].val);
		assert_state_refused(&f->v.dev, bad[i].why);
	}
	device_reset(&f->v.dev);
	virtio_pre_save(e->v);
	f->v.saved = e->v->saved;
	assert_state_accepted(&f->v.dev);
	/* MAPPED without DRIVER_OK. */
	device_reset(&f->v.dev);
	state_poke(&f->v.dev, "saved.status", 0, VE_NEGOTIATED);
	assert_state_refused(&f->v.dev, "a queue in a state");
	fake_virtio_destroy(f);
}

/* --- life ------------------------------------------------------------------------------------- */

static void test_half_built(void **state)
{
	static const uint16_t sizes[] = { 16, 0 };
	static const struct virtio_ops ops = { .name = "half" };
	static const struct device_ops dops = { .name = "half" };
	struct virtio_env *e = *state;
	struct virtio_config c = {
		.id = "half0", .gm = e->gm, .loop = e->loop, .queue_sizes = sizes, .queue_cnt = 2
	};
	struct virtio_device *v = calloc(1, sizeof(*v));
	struct error *err = NULL;

	virtio_fini(v);
	assert_true(virtio_init(v, &ops, &dops, &c, &err) < 0); /* a queue of size 0 */
	error_free(err);
	virtio_fini(v);
	free(v);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ve_setup, ve_teardown)
	const struct CMUnitTest tests[] = {
		T(test_row21_reset_in_flight),
		T(test_late_kick),
		T(test_reset_before_start),
		T(test_ring_reset),
		T(test_ring_reset_not_negotiated),
		T(test_disable_before_driver_ok),
		T(test_bad_ring_after_ring_reset),
		T(test_dma_off),
		T(test_dma_off_at_driver_ok),
		T(test_stop_and_start),
		T(test_snapshot),
		T(test_snapshot_before_driver_ok),
		T(test_hostile_snapshot),
		T(test_half_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
