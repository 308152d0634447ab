/* SPDX-License-Identifier: MIT */
/*
 * test_virtio.c: the virtio core against virtio 1.2, with a transport that only takes notes and no
 * thread: the loop does not run, so its part is done on the spot, and the test delivers kicks.
 */
#include <string.h>

#include "tests/lib/fake_virtio.h"
#include "tests/lib/guest_driver.h"
#include "tests/lib/poke.h"
#include "vmm/log.h"

#define ACK         VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER      VIRTIO_STATUS_DRIVER
#define FEATURES_OK VIRTIO_STATUS_FEATURES_OK
#define DRIVER_OK   VIRTIO_STATUS_DRIVER_OK
#define NEEDS_RESET VIRTIO_STATUS_NEEDS_RESET
#define FAILED      VIRTIO_STATUS_FAILED
#define NEGOTIATED  (ACK | DRIVER | FEATURES_OK)
#define RUNNING     (NEGOTIATED | DRIVER_OK)

#define PLAIN VIRTIO_F_VERSION_1

struct env {
	struct guest_mem *gm;
	struct loop *loop;
	struct fake_virtio *f;
	struct virtio_device *v;
	struct fake_xport x;
	struct guest_driver q[FAKE_VIRTIO_QUEUES];
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct error *err = NULL;

	log_set_level(LOG_ERR);
	e->gm = gd_mem_create();
	e->loop = loop_create("test", &err);
	assert_no_error(err);
	e->f = fake_virtio_create(e->gm, e->loop, true);
	e->v = &e->f->v;
	fake_xport_init(&e->x);
	virtio_attach(e->v, &e->x.xport, 0);
	device_reset(&e->v->dev);
	assert_int_equal(virtio_dev_start(&e->v->dev, &err), 0);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	virtio_dev_stop(&e->v->dev);
	assert_int_equal(e->f->wrong, 0);
	assert_int_equal(e->f->held_cnt, 0);
	assert_false(e->x.bells);
	fake_virtio_destroy(e->f);
	loop_destroy(e->loop);
	gm_destroy(e->gm);
	free(e);
	return 0;
}

/* What the loop would do: each eventfd that was rung since it was last looked at is one kick. */
static unsigned deliver(struct env *e)
{
	unsigned n = 0;
	uint64_t cnt;

	for (unsigned i = 0; i < e->v->queue_cnt; i++) {
		struct ev_fd *k = &e->v->queue[i].kick;

		if (read(k->fd, &cnt, sizeof(cnt)) == sizeof(cnt)) {
			k->cb(k, EV_IN);
			n++;
		}
	}
	return n;
}

static void ack(struct env *e, uint64_t features)
{
	virtio_ack_word(e->v, 0, (uint32_t)features);
	virtio_ack_word(e->v, 1, (uint32_t)(features >> 32));
}

static void negotiate(struct env *e, uint64_t features)
{
	virtio_set_status(e->v, 0);
	virtio_set_status(e->v, ACK);
	virtio_set_status(e->v, ACK | DRIVER);
	ack(e, features);
	virtio_set_status(e->v, NEGOTIATED);
}

static void set_queue(struct env *e, unsigned n, uint64_t features)
{
	gd_init(&e->q[n], e->gm, GD_RINGS + n * 256 * KIB, FAKE_VIRTIO_SIZE, features);
	e->v->queue[n].addr = e->q[n].ring;
	virtio_queue_enable(e->v, n);
}

/* To DRIVER_OK with all queues but the last, and the first kicks delivered. */
static void bring_up(struct env *e, uint64_t features)
{
	negotiate(e, features);
	for (unsigned i = 0; i + 1 < FAKE_VIRTIO_QUEUES; i++)
		set_queue(e, i, features);
	virtio_set_status(e->v, RUNNING);
	assert_int_equal(virtio_status(e->v), RUNNING);
	deliver(e);
}

/* One chain on queue @n: "ping" to be read, as many bytes to be written. Returns where. */
static gpa_t add_ping(struct env *e, unsigned n, void *token)
{
	struct guest_driver *d = &e->q[n];
	gpa_t in = gd_alloc(d, 4, 4), out = gd_alloc(d, 4, 4);

	assert_true(gm_write(e->gm, in, "ping", 4));
	assert_true(gd_add(d, (struct gd_buf[]){ { in, 4, false }, { out, 4, GD_W } }, 2, token) >=
		    0);
	return out;
}

static void assert_pong(struct env *e, unsigned n, gpa_t out, void *token)
{
	struct gd_used u;
	char buf[4];

	assert_true(gd_get_used(&e->q[n], &u));
	assert_ptr_equal(u.token, token);
	assert_int_equal(u.len, 4);
	assert_true(gm_read(e->gm, out, buf, 4));
	assert_memory_equal(buf, "ping", 4);
}

/* A whole round trip works. */
static void assert_works(struct env *e, unsigned n)
{
	unsigned irqs = e->x.irqs[n];
	gpa_t out = add_ping(e, n, e);

	gd_irqs_on(&e->q[n]);
	gd_kick(&e->q[n]);
	virtio_ring(e->v, n);
	deliver(e);
	assert_pong(e, n, out, e);
	assert_int_equal(e->x.irqs[n], irqs + 1);
}

/* --- features (2.2, 3.1.1) -------------------------------------------------------------------- */

/* 2.2: bits 0 to 23 and 50 to 127 are the device type's; what does not exist is not offered. */
static void test_feature_words(void **state)
{
	struct env *e = *state;
	uint64_t offered = virtio_offered_word(e->v, 0) | (uint64_t)virtio_offered_word(e->v, 1)
								  << 32;

	assert_true(offered == (FAKE_VIRTIO_F_A | FAKE_VIRTIO_F_B | VIRTIO_F_INDIRECT_DESC |
				VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED |
				VIRTIO_F_RING_RESET));
	assert_int_equal(virtio_offered_word(e->v, 2), 0);
	assert_int_equal(virtio_offered_word(e->v, UINT32_MAX), 0);
	virtio_ack_word(e->v, 1, 0x12345678);
	virtio_ack_word(e->v, 2, UINT32_MAX);
	virtio_ack_word(e->v, UINT32_MAX, UINT32_MAX);
	assert_int_equal(virtio_acked_word(e->v, 0), 0);
	assert_int_equal(virtio_acked_word(e->v, 1), 0x12345678);
	assert_int_equal(virtio_acked_word(e->v, 2), 0);
	virtio_ack_word(e->v, 0, 0x9abcdef0);
	assert_int_equal(virtio_acked_word(e->v, 0), 0x9abcdef0);
	assert_int_equal(virtio_acked_word(e->v, 1), 0x12345678);
}

/* 3.1.1: "The driver MUST NOT accept new feature bits after this step." */
static void test_features_are_final(void **state)
{
	struct env *e = *state;

	negotiate(e, PLAIN);
	assert_int_equal(virtio_status(e->v), NEGOTIATED);
	ack(e, PLAIN | FAKE_VIRTIO_F_A);
	assert_false(virtio_has(e->v, FAKE_VIRTIO_F_A));
	assert_true(virtio_has(e->v, VIRTIO_F_VERSION_1));
	virtio_set_status(e->v, 0);
	assert_int_equal(e->v->acked, 0);
}

/* Robustness row 20: unknown features set. 2.2.2: the device "MUST fail to set the FEATURES_OK
 * device status bit when the driver writes it". */
static void test_row20_unknown_features(void **state)
{
	static const uint64_t bad[] = {
		PLAIN | UINT64_C(4),                    /* nobody's */
		PLAIN | VIRTIO_F_ACCESS_PLATFORM,       /* not offered */
		PLAIN | VIRTIO_F_NOTIFICATION_DATA,     /* not offered */
		UINT64_MAX,                             /* everything */
		0,                                      /* no VERSION_1 */
		FAKE_VIRTIO_F_A | VIRTIO_F_RING_PACKED, /* no VERSION_1 */
		PLAIN | FAKE_VIRTIO_F_B,                /* B only goes with A */
	};
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		negotiate(e, bad[i]);
		assert_int_equal(virtio_status(e->v), ACK | DRIVER);
		/* It may think again. */
		ack(e, PLAIN | FAKE_VIRTIO_F_A | FAKE_VIRTIO_F_B);
		virtio_set_status(e->v, NEGOTIATED);
		assert_int_equal(virtio_status(e->v), NEGOTIATED);
	}
}

/* --- status (2.1, 3.1.1) ---------------------------------------------------------------------- */

/* Robustness row 20: status goes backwards. 2.1.1: "The driver MUST NOT clear a device status bit."
 */
static void test_row20_status_goes_backwards(void **state)
{
	struct env *e = *state;

	negotiate(e, PLAIN);
	virtio_set_status(e->v, ACK | DRIVER);
	assert_int_equal(virtio_status(e->v), NEGOTIATED | NEEDS_RESET);
	assert_int_equal(e->x.config_irqs, 0); /* 2.1.2: an interrupt only if DRIVER_OK is set */
	virtio_set_status(e->v, RUNNING);      /* too late */
	assert_int_equal(virtio_status(e->v), RUNNING | NEEDS_RESET);
	assert_int_equal(e->f->activations, 0);
	bring_up(e, PLAIN);
	assert_works(e, 0);
	virtio_set_status(e->v, NEGOTIATED);
	assert_int_equal(virtio_status(e->v), RUNNING | NEEDS_RESET);
	/* 2.1.2: "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a
	 * device configuration change notification to the driver." */
	assert_int_equal(e->x.config_irqs, 1);
	virtio_set_status(e->v, ACK);
	assert_int_equal(e->x.config_irqs, 1);
	add_ping(e, 0, NULL);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	deliver(e);
	assert_int_equal(gd_used_idx(&e->q[0]), 1); /* nothing since */
	bring_up(e, PLAIN);
	assert_works(e, 0);
}

/* Robustness row 20: DRIVER_OK without FEATURES_OK, in every way there is. */
static void test_row20_driver_ok_without_features_ok(void **state)
{
	static const uint8_t bad[] = { DRIVER_OK,   ACK | DRIVER_OK,   ACK | DRIVER | DRIVER_OK,
				       FEATURES_OK, ACK | FEATURES_OK, DRIVER | FEATURES_OK };
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		virtio_set_status(e->v, 0);
		ack(e, PLAIN);
		virtio_set_status(e->v, bad[i]);
		assert_int_equal(virtio_status(e->v), NEEDS_RESET);
	}
	/* Both at once, and the features are not good. */
	virtio_set_status(e->v, 0);
	virtio_set_status(e->v, ACK | DRIVER);
	virtio_set_status(e->v, RUNNING);
	assert_int_equal(virtio_status(e->v), ACK | DRIVER | NEEDS_RESET);
	assert_int_equal(e->f->activations, 0);
	/* Both at once, and they are: nothing wrong with that. */
	virtio_set_status(e->v, 0);
	ack(e, PLAIN);
	virtio_set_status(e->v, RUNNING);
	assert_int_equal(virtio_status(e->v), RUNNING);
	assert_int_equal(e->f->activations, 1);
}

/* DEVICE_NEEDS_RESET is the device's to set; bits that nobody defines do not stick. */
static void test_status_bits_of_others(void **state)
{
	struct env *e = *state;

	virtio_set_status(e->v, ACK | NEEDS_RESET | 0x30);
	assert_int_equal(virtio_status(e->v), ACK);
	virtio_set_status(e->v, ACK | 0x30);
	assert_int_equal(virtio_status(e->v), ACK);
}

/* 2.1: "FAILED: ... Indicates that something went wrong in the guest, and it has given up on the
 * device." Whether or not it repeats the other bits. */
static void test_failed_stops(void **state)
{
	struct env *e = *state;

	bring_up(e, PLAIN);
	virtio_set_status(e->v, FAILED);
	assert_int_equal(virtio_status(e->v), RUNNING | FAILED);
	assert_int_equal(e->f->quiesces, 1);
	assert_false(e->x.bells);
	virtio_set_status(e->v, RUNNING | FAILED);
	assert_int_equal(e->f->activations, 1);
	bring_up(e, PLAIN);
	assert_works(e, 0);
}

/* Robustness row 20: a kick before DRIVER_OK. 2.1.2: "The device MUST NOT consume buffers or send
 * any used buffer notifications to the driver before DRIVER_OK." */
static void test_row20_kick_before_driver_ok(void **state)
{
	struct env *e = *state;
	gpa_t out;

	negotiate(e, PLAIN);
	set_queue(e, 0, PLAIN);
	out = add_ping(e, 0, e);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	assert_int_equal(deliver(e), 0);
	assert_int_equal(gd_used_idx(&e->q[0]), 0);
	assert_int_equal(e->x.irqs[0], 0);
	/* 3.1.1: it may have added buffers by then: they are found without another kick. */
	virtio_set_status(e->v, RUNNING);
	deliver(e);
	assert_pong(e, 0, out, e);
}

/* --- queues ----------------------------------------------------------------------------------- */

/* Robustness row 12: size and addresses are changed after activation. */
static void test_row12_queue_frozen(void **state)
{
	struct env *e = *state;

	negotiate(e, PLAIN);
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[0]));
	set_queue(e, 0, PLAIN);
	assert_false(virtio_queue_is_open(e->v, &e->v->queue[0])); /* once enabled */
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[1]));
	virtio_set_status(e->v, RUNNING);
	assert_false(virtio_queue_is_open(e->v, &e->v->queue[1])); /* from DRIVER_OK on */
	virtio_queue_enable(e->v, 1);
	assert_false(e->v->queue[1].enabled);
	assert_works(e, 0);
	virtio_set_status(e->v, 0);
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[0]));
	assert_int_equal(e->v->queue[0].addr.size, FAKE_VIRTIO_SIZE);
	assert_true(e->v->queue[0].addr.desc == 0);
}

/* Robustness row 15: indices out of range, or negative. */
static void test_row15_queue_out_of_range(void **state)
{
	static const uint32_t bad[] = { FAKE_VIRTIO_QUEUES, 63,         64,        0xffff, 0x10000,
					0x7fffffff,         0x80000000, UINT32_MAX };
	struct env *e = *state;

	bring_up(e, PLAIN | VIRTIO_F_RING_RESET);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_null(virtio_get_queue(e->v, bad[i]));
		virtio_queue_enable(e->v, bad[i]);
		virtio_queue_reset(e->v, bad[i]);
		virtio_queue_disable(e->v, bad[i]);
		virtio_ring(e->v, bad[i]);
		assert_int_equal(deliver(e), 0);
	}
	assert_works(e, 0);
	assert_int_equal(virtio_status(e->v), RUNNING);
}

/* Enabling comes after FEATURES_OK: before it nobody knows what a ring looks like. */
static void test_enable_before_features_ok(void **state)
{
	struct env *e = *state;

	virtio_set_status(e->v, ACK | DRIVER);
	virtio_queue_enable(e->v, 0);
	assert_false(e->v->queue[0].enabled);
}

/* A ring that cannot be is found when the device begins to run. */
static void test_bad_ring_needs_reset(void **state)
{
	static const struct vring_addr bad[] = {
		{ 0, 0x100000, 0x101000, 0x102000 },    /* no entries */
		{ 17, 0x100000, 0x101000, 0x102000 },   /* more than there may be */
		{ 12, 0x100000, 0x101000, 0x102000 },   /* no power of two */
		{ 16, 0x100001, 0x101000, 0x102000 },   /* misaligned */
		{ 16, GD_LOW_END, 0x101000, 0x102000 }, /* not RAM */
		{ 16, 0x100000, GD_ROM, 0x102000 },     /* not to be written */
		{ 16, 0x100000, 0x101000, UINT64_MAX }, /* beyond everything */
	};
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		unsigned irqs = e->x.config_irqs, activations = e->f->activations;

		negotiate(e, PLAIN);
		set_queue(e, 0, PLAIN);
		e->v->queue[1].addr = bad[i];
		virtio_queue_enable(e->v, 1);
		virtio_set_status(e->v, RUNNING);
		assert_int_equal(virtio_status(e->v), RUNNING | NEEDS_RESET);
		assert_int_equal(e->x.config_irqs, irqs + 1);
		assert_int_equal(e->f->activations, activations);
		virtio_ring(e->v, 0);
		deliver(e);
		virtio_set_status(e->v, 0);
		assert_int_equal(virtio_status(e->v), 0);
	}
	bring_up(e, PLAIN);
	assert_works(e, 0);
	assert_works(e, 1);
}

/* 2.1.2: "The device SHOULD set DEVICE_NEEDS_RESET when it enters an error state that a reset is
 * needed to recover from": a ring that lies. The other queues are looked at no longer. */
static void test_violation_in_ring(void **state)
{
	struct env *e = *state;

	bring_up(e, PLAIN);
	gd_set_avail_idx(&e->q[0], 0x4000);
	virtio_ring(e->v, 0);
	deliver(e);
	assert_int_equal(virtio_status(e->v), RUNNING | NEEDS_RESET);
	assert_int_equal(e->x.config_irqs, 1);
	add_ping(e, 1, NULL);
	gd_kick(&e->q[1]);
	virtio_ring(e->v, 1);
	deliver(e);
	assert_int_equal(gd_used_idx(&e->q[1]), 0);
	bring_up(e, PLAIN);
	assert_works(e, 0);
	assert_works(e, 1);
}

/* --- resets ----------------------------------------------------------------------------------- */

/* Robustness row 21: reset while I/O is in flight, and once more. All that was taken comes back. */
static void test_row21_reset_in_flight(void **state)
{
	struct env *e = *state;
	unsigned resets;

	bring_up(e, PLAIN);
	resets = e->f->resets;
	e->f->hold = true;
	for (unsigned i = 0; i < 5; i++)
		add_ping(e, 0, NULL);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	deliver(e);
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
	bring_up(e, PLAIN);
	assert_works(e, 0);
}

/* A kick that was on its way when the device was reset, or when its queue was, finds nothing. */
static void test_late_kick(void **state)
{
	struct env *e = *state;
	unsigned kicks;

	bring_up(e, PLAIN | VIRTIO_F_RING_RESET);
	kicks = e->f->kicks[0];
	virtio_ring(e->v, 0);
	virtio_queue_reset(e->v, 0);
	assert_int_equal(deliver(e), 1);
	virtio_ring(e->v, 0);
	virtio_set_status(e->v, 0);
	assert_int_equal(deliver(e), 1);
	assert_int_equal(e->f->kicks[0], kicks);
}

/* The machine resets what was never started; a driver cannot have been there either. */
static void test_reset_before_start(void **state)
{
	struct env *e = *state;

	virtio_dev_stop(&e->v->dev);
	virtio_dev_stop(&e->v->dev);
	device_reset(&e->v->dev);
	negotiate(e, PLAIN);
	set_queue(e, 0, PLAIN);
	virtio_set_status(e->v, RUNNING);
	assert_int_equal(e->f->activations, 0); /* not before it is started */
	device_reset(&e->v->dev);
	assert_int_equal(virtio_status(e->v), 0);
	assert_int_equal(virtio_dev_start(&e->v->dev, NULL), 0);
	bring_up(e, PLAIN);
	assert_works(e, 0);
}

/* 2.6.1: "The device MUST reset any state of a virtqueue to the default state, including the
 * available state and the used state." The others go on. */
static void test_ring_reset(void **state)
{
	struct env *e = *state;
	gpa_t out;

	bring_up(e, PLAIN | VIRTIO_F_RING_RESET);
	assert_works(e, 0);
	e->f->hold = true;
	add_ping(e, 0, NULL);
	gd_kick(&e->q[0]);
	out = add_ping(e, 1, e);
	gd_kick(&e->q[1]);
	virtio_ring(e->v, 0);
	virtio_ring(e->v, 1);
	deliver(e);
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
	gd_init(&e->q[0], e->gm, GD_RINGS + MIB, 4, PLAIN);
	e->v->queue[0].addr = e->q[0].ring;
	e->f->hold = false;
	virtio_queue_enable(e->v, 0);
	deliver(e);
	assert_works(e, 0);
	fake_virtio_release(e->f, 1);
	assert_pong(e, 1, out, e);
	assert_int_equal(virtio_status(e->v), RUNNING);
}

/* 2.6.1: only if it was negotiated. A queue that a driver stops with QueueReady may not be set up
 * again in that case; nor without DRIVER_OK being undone. */
static void test_ring_reset_not_negotiated(void **state)
{
	struct env *e = *state;

	bring_up(e, PLAIN);
	virtio_queue_reset(e->v, 0);
	assert_true(e->v->queue[0].enabled);
	assert_works(e, 0);
	virtio_queue_disable(e->v, 0);
	assert_int_equal(e->f->queue_quiesces, 1);
	assert_false(e->v->queue[0].enabled);
	assert_false(virtio_queue_is_open(e->v, &e->v->queue[0]));
	virtio_queue_enable(e->v, 0);
	assert_false(e->v->queue[0].enabled);
	assert_works(e, 1);
}

/* Before DRIVER_OK a driver may change its mind (Linux does when it is short of vectors). */
static void test_disable_before_driver_ok(void **state)
{
	struct env *e = *state;

	negotiate(e, PLAIN);
	set_queue(e, 0, PLAIN);
	virtio_queue_disable(e->v, 0);
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[0]));
	set_queue(e, 0, PLAIN);
	virtio_set_status(e->v, RUNNING);
	deliver(e);
	assert_works(e, 0);
}

/* A ring that cannot be, at run time. */
static void test_bad_ring_after_ring_reset(void **state)
{
	struct env *e = *state;

	bring_up(e, PLAIN | VIRTIO_F_RING_RESET);
	virtio_queue_reset(e->v, 0);
	e->v->queue[0].addr = (struct vring_addr){ .size = 16, .desc = 1 };
	virtio_queue_enable(e->v, 0);
	assert_int_equal(virtio_status(e->v), RUNNING | NEEDS_RESET);
	assert_int_equal(e->x.config_irqs, 1);
}

/* --- pauses ----------------------------------------------------------------------------------- */

/* No access to memory while the transport forbids it; what came meanwhile is found after. */
static void test_dma_off(void **state)
{
	struct env *e = *state;
	gpa_t out;

	bring_up(e, PLAIN);
	assert_works(e, 0);
	assert_true(e->x.bells);
	e->f->hold = true;
	add_ping(e, 1, e);
	gd_kick(&e->q[1]);
	virtio_ring(e->v, 1);
	deliver(e);
	virtio_allow_dma(e->v, false);
	assert_false(e->x.bells);
	assert_int_equal(gd_used_idx(&e->q[1]), 1); /* what was in flight is finished first */
	e->f->hold = false;
	out = add_ping(e, 0, e);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	deliver(e);
	assert_int_equal(gd_used_idx(&e->q[0]), 1);
	assert_int_equal(virtio_status(e->v), RUNNING);
	virtio_allow_dma(e->v, true);
	assert_true(e->x.bells);
	deliver(e);
	assert_pong(e, 0, out, e);
	assert_works(e, 0);
	assert_int_equal(e->f->activations, 2);
}

/* DRIVER_OK before bus mastering: nothing is lost. */
static void test_dma_off_at_driver_ok(void **state)
{
	struct env *e = *state;
	gpa_t out;

	virtio_allow_dma(e->v, false);
	negotiate(e, PLAIN);
	set_queue(e, 0, PLAIN);
	virtio_set_status(e->v, RUNNING);
	assert_int_equal(e->f->activations, 0);
	out = add_ping(e, 0, e);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	deliver(e);
	assert_int_equal(gd_used_idx(&e->q[0]), 0);
	virtio_allow_dma(e->v, true);
	deliver(e);
	assert_pong(e, 0, out, e);
}

/* stop() drains; start() goes on where it was. */
static void test_stop_and_start(void **state)
{
	static const uint64_t features[] = { PLAIN, PLAIN | VIRTIO_F_EVENT_IDX,
					     PLAIN | VIRTIO_F_RING_PACKED };
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
		bring_up(e, features[i]);
		for (unsigned n = 0; n < 40; n++)
			assert_works(e, 0);
		virtio_dev_stop(&e->v->dev);
		assert_false(e->x.bells);
		assert_int_equal(virtio_dev_start(&e->v->dev, NULL), 0);
		assert_true(e->x.bells);
		deliver(e);
		for (unsigned n = 0; n < 40; n++)
			assert_works(e, 0);
	}
}

/* --- configuration (2.5) ---------------------------------------------------------------------- */

/* Robustness row 16: accesses past the structure, or wider than a field. */
static void test_row16_config_bounds(void **state)
{
	static const uint32_t far[] = {
		FAKE_VIRTIO_CONFIG_LEN, 12, 256, 0x1000, 0x7fffffff, 0xfffffff9, UINT32_MAX
	};
	struct env *e = *state;
	unsigned writes;

	e->f->value = UINT64_C(0x1122334455667788);
	assert_true(virtio_read_config(e->v, 0, 8) == UINT64_C(0x1122334455667788));
	assert_int_equal(virtio_read_config(e->v, 3, 1), 0x55);
	assert_int_equal(virtio_read_config(e->v, 8, 2), FAKE_VIRTIO_FIXED << 8);
	/* What is outside reads 0, whatever the rest. */
	assert_int_equal(virtio_read_config(e->v, 9, 4), 0xee00 | FAKE_VIRTIO_FIXED);
	assert_int_equal(virtio_read_config(e->v, 10, 8), 0xee);
	for (unsigned i = 0; i < ARRAY_LEN(far); i++) {
		for (unsigned size = 1; size <= 8; size *= 2) {
			assert_true(virtio_read_config(e->v, far[i], size) == 0);
			virtio_write_config(e->v, far[i], size, UINT64_MAX);
		}
	}
	virtio_write_config(e->v, 8, 4, UINT64_MAX); /* hangs over */
	virtio_write_config(e->v, 10, 2, UINT64_MAX);
	assert_int_equal(e->f->config_writes, 0);
	virtio_write_config(e->v, 8, 1, 0xffff77);
	assert_int_equal(virtio_read_config(e->v, 8, 1), 0x77);
	writes = e->f->config_writes;
	virtio_write_config(e->v, 0, 8, 5);
	assert_int_equal(e->f->config_writes, writes + 1);
	assert_true(virtio_read_config(e->v, 0, 8) == UINT64_C(0x1122334455667788));
}

/*
 * 2.5.3: "Device MUST present a changed config_generation after there has been a possibility that
 * configuration changed" - here between the halves of a 64-bit field.
 */
static void test_config_generation(void **state)
{
	struct env *e = *state;
	uint32_t before;

	e->f->value = UINT64_C(0x00000001ffffffff);
	before = virtio_config_generation(e->v);
	assert_int_equal(virtio_read_config(e->v, 0, 4), 0xffffffff);
	assert_int_equal(virtio_read_config(e->v, 4, 4), 1);
	assert_int_equal(virtio_config_generation(e->v), before);
	assert_int_equal(virtio_read_config(e->v, 0, 4), 0xffffffff);
	e->f->value = UINT64_C(0x0000000200000000);
	assert_int_equal(virtio_read_config(e->v, 4, 4), 2);
	assert_int_not_equal(virtio_config_generation(e->v), before);
}

static void test_config_changed_interrupts(void **state)
{
	struct env *e = *state;

	virtio_config_changed(e->v);
	assert_int_equal(e->x.config_irqs, 0); /* nobody there who wants to know */
	bring_up(e, PLAIN);
	virtio_config_changed(e->v);
	assert_int_equal(e->x.config_irqs, 1);
}

/* --- interrupts ------------------------------------------------------------------------------- */

/*
 * Robustness row 23: EVENT_IDX lies, notifications suppressed for ever. The device does not
 * interrupt who asked for none, does not stop for it, and is alive when it is asked nicely again.
 */
static void test_row23_event_idx_lies(void **state)
{
	struct env *e = *state;

	bring_up(e, PLAIN | VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 300; i++) {
		unsigned irqs = e->x.irqs[0];
		gpa_t out = add_ping(e, 0, e);

		gd_set_used_event(&e->q[0], (uint16_t)(gd_used_idx(&e->q[0]) + 0x8000));
		gd_kick(&e->q[0]);
		virtio_ring(e->v, 0);
		deliver(e);
		assert_pong(e, 0, out, e);
		assert_int_equal(e->x.irqs[0], irqs);
		/* It asks for the next kick, whatever the driver says of interrupts. */
		assert_int_equal(gd_avail_event(&e->q[0]), (uint16_t)(i + 1));
	}
	gd_irqs_on(&e->q[0]);
	assert_works(e, 0);
}

/* --- snapshots -------------------------------------------------------------------------------- */

/* A second device on the same memory: what is loaded when the VM comes back. */
static struct fake_virtio *twin(struct env *e, struct fake_xport *x)
{
	struct fake_virtio *f = fake_virtio_create(e->gm, e->loop, true);

	fake_xport_init(x);
	virtio_attach(&f->v, &x->xport, 0);
	device_reset(&f->v.dev);
	return f;
}

static void test_snapshot(void **state)
{
	static const uint64_t features[] = { PLAIN, PLAIN | VIRTIO_F_EVENT_IDX,
					     PLAIN | VIRTIO_F_RING_PACKED | VIRTIO_F_RING_RESET };
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
		struct fake_virtio *old = e->f, *f;
		struct fake_xport x;
		gpa_t out;

		bring_up(e, features[i]);
		for (unsigned n = 0; n < 23; n++) {
			assert_works(e, 0);
			assert_works(e, 1);
		}
		if (features[i] & VIRTIO_F_RING_RESET)
			virtio_queue_reset(e->v, 1);
		virtio_dev_stop(&e->v->dev);
		out = add_ping(e, 0, e); /* seen by nobody before the snapshot */
		gd_kick(&e->q[0]);
		f = twin(e, &x);
		assert_snapshot_round_trip(&old->v.dev, &f->v.dev);
		assert_int_equal(virtio_status(&f->v), RUNNING);
		assert_true(f->v.acked == features[i]);
		assert_int_equal(f->activations, 0);
		e->f = f;
		e->v = &f->v;
		assert_int_equal(virtio_dev_start(&f->v.dev, NULL), 0);
		assert_int_equal(f->activations, 1);
		assert_true(x.bells);
		deliver(e); /* robustness row 90: notifications are replayed */
		assert_pong(e, 0, out, e);
		gd_init(&e->q[1], e->gm, GD_RINGS + MIB, 8, features[i]);
		if (features[i] & VIRTIO_F_RING_RESET) {
			e->v->queue[1].addr = e->q[1].ring;
			virtio_queue_enable(e->v, 1);
			deliver(e);
			assert_int_equal(virtio_status(e->v), RUNNING);
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
	struct env *e = *state;
	struct fake_xport x;
	struct fake_virtio *f = twin(e, &x);

	negotiate(e, PLAIN);
	set_queue(e, 1, PLAIN);
	e->v->queue[0].addr =
		(struct vring_addr){ 0xffff, 1, 2, 3 }; /* nonsense, not yet enabled */
	assert_snapshot_round_trip(&e->v->dev, &f->v.dev);
	assert_int_equal(virtio_status(&f->v), NEGOTIATED);
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
		{ "saved.status", 0, RUNNING | 0x20, "status" },
		{ "saved.status", 0, ACK | DRIVER | DRIVER_OK, "status" },
		{ "saved.status", 0, FEATURES_OK, "status" },
		{ "saved.acked", 0, 0, "features" },
		{ "saved.acked", 0, UINT64_MAX, "features" },
		{ "saved.acked", 0, PLAIN | FAKE_VIRTIO_F_B, "features" },
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
	struct env *e = *state;
	struct fake_xport x;
	struct fake_virtio *f = twin(e, &x);

	bring_up(e, PLAIN);
	assert_works(e, 0);
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
	state_poke(&f->v.dev, "saved.status", 0, NEGOTIATED);
	assert_state_refused(&f->v.dev, "a queue in a state");
	fake_virtio_destroy(f);
}

/* --- life ------------------------------------------------------------------------------------- */

static void test_half_built(void **state)
{
	static const uint16_t sizes[] = { 16, 0 };
	static const struct virtio_ops ops = { .name = "half" };
	static const struct device_ops dops = { .name = "half" };
	struct env *e = *state;
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
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_feature_words),
		T(test_features_are_final),
		T(test_row20_unknown_features),
		T(test_row20_status_goes_backwards),
		T(test_row20_driver_ok_without_features_ok),
		T(test_status_bits_of_others),
		T(test_failed_stops),
		T(test_row20_kick_before_driver_ok),
		T(test_row12_queue_frozen),
		T(test_row15_queue_out_of_range),
		T(test_enable_before_features_ok),
		T(test_bad_ring_needs_reset),
		T(test_violation_in_ring),
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
		T(test_row16_config_bounds),
		T(test_config_generation),
		T(test_config_changed_interrupts),
		T(test_row23_event_idx_lies),
		T(test_snapshot),
		T(test_snapshot_before_driver_ok),
		T(test_hostile_snapshot),
		T(test_half_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
