/* SPDX-License-Identifier: MIT */
/*
 * test_virtio.c: the virtio core against virtio 1.2: features, status, queues, configuration,
 * interrupts. Whatever interrupts a device, and snapshots, are in test_virtio_resets.c.
 */
#include "tests/lib/virtio_env.h"

#define ACK         VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER      VIRTIO_STATUS_DRIVER
#define FEATURES_OK VIRTIO_STATUS_FEATURES_OK
#define DRIVER_OK   VIRTIO_STATUS_DRIVER_OK
#define NEEDS_RESET VIRTIO_STATUS_NEEDS_RESET
#define FAILED      VIRTIO_STATUS_FAILED

/* --- features (2.2, 3.1.1) -------------------------------------------------------------------- */

/* 2.2: bits 0 to 23 and 50 to 127 are the device type's; what does not exist is not offered. */
static void test_feature_words(void **state)
{
	struct virtio_env *e = *state;
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
	struct virtio_env *e = *state;

	ve_negotiate(e, VE_PLAIN);
	assert_int_equal(virtio_status(e->v), VE_NEGOTIATED);
	ve_ack(e, VE_PLAIN | FAKE_VIRTIO_F_A);
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
		VE_PLAIN | UINT64_C(4),                 /* nobody's */
		VE_PLAIN | VIRTIO_F_ACCESS_PLATFORM,    /* not offered */
		VE_PLAIN | VIRTIO_F_NOTIFICATION_DATA,  /* not offered */
		UINT64_MAX,                             /* everything */
		0,                                      /* no VERSION_1 */
		FAKE_VIRTIO_F_A | VIRTIO_F_RING_PACKED, /* no VERSION_1 */
		VE_PLAIN | FAKE_VIRTIO_F_B,             /* B only goes with A */
	};
	struct virtio_env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		ve_negotiate(e, bad[i]);
		assert_int_equal(virtio_status(e->v), ACK | DRIVER);
		/* It may think again. */
		ve_ack(e, VE_PLAIN | FAKE_VIRTIO_F_A | FAKE_VIRTIO_F_B);
		virtio_set_status(e->v, VE_NEGOTIATED);
		assert_int_equal(virtio_status(e->v), VE_NEGOTIATED);
	}
}

/* --- status (2.1, 3.1.1) ---------------------------------------------------------------------- */

/* Robustness row 20: status goes backwards. 2.1.1: "The driver MUST NOT clear a device status bit."
 */
static void test_row20_status_goes_backwards(void **state)
{
	struct virtio_env *e = *state;

	ve_negotiate(e, VE_PLAIN);
	virtio_set_status(e->v, ACK | DRIVER);
	assert_int_equal(virtio_status(e->v), VE_NEGOTIATED | NEEDS_RESET);
	assert_int_equal(e->x.config_irqs, 0); /* 2.1.2: an interrupt only if DRIVER_OK is set */
	virtio_set_status(e->v, VE_RUNNING);   /* too late */
	assert_int_equal(virtio_status(e->v), VE_RUNNING | NEEDS_RESET);
	assert_int_equal(e->f->activations, 0);
	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
	virtio_set_status(e->v, VE_NEGOTIATED);
	assert_int_equal(virtio_status(e->v), VE_RUNNING | NEEDS_RESET);
	/* 2.1.2: "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a
	 * device configuration change notification to the driver." */
	assert_int_equal(e->x.config_irqs, 1);
	virtio_set_status(e->v, ACK);
	assert_int_equal(e->x.config_irqs, 1);
	ve_add_ping(e, 0, NULL);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	ve_deliver(e);
	assert_int_equal(gd_used_idx(&e->q[0]), 1); /* nothing since */
	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
}

/* Robustness row 20: DRIVER_OK without FEATURES_OK, in every way there is. */
static void test_row20_driver_ok_without_features_ok(void **state)
{
	static const uint8_t bad[] = { DRIVER_OK,   ACK | DRIVER_OK,   ACK | DRIVER | DRIVER_OK,
				       FEATURES_OK, ACK | FEATURES_OK, DRIVER | FEATURES_OK };
	struct virtio_env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		virtio_set_status(e->v, 0);
		ve_ack(e, VE_PLAIN);
		virtio_set_status(e->v, bad[i]);
		assert_int_equal(virtio_status(e->v), NEEDS_RESET);
	}
	/* Both at once, and the features are not good. */
	virtio_set_status(e->v, 0);
	virtio_set_status(e->v, ACK | DRIVER);
	virtio_set_status(e->v, VE_RUNNING);
	assert_int_equal(virtio_status(e->v), ACK | DRIVER | NEEDS_RESET);
	assert_int_equal(e->f->activations, 0);
	/* Both at once, and they are: nothing wrong with that. */
	virtio_set_status(e->v, 0);
	ve_ack(e, VE_PLAIN);
	virtio_set_status(e->v, VE_RUNNING);
	assert_int_equal(virtio_status(e->v), VE_RUNNING);
	assert_int_equal(e->f->activations, 1);
}

/* DEVICE_NEEDS_RESET is the device's to set; bits that nobody defines do not stick. */
static void test_status_bits_of_others(void **state)
{
	struct virtio_env *e = *state;

	virtio_set_status(e->v, ACK | NEEDS_RESET | 0x30);
	assert_int_equal(virtio_status(e->v), ACK);
	virtio_set_status(e->v, ACK | 0x30);
	assert_int_equal(virtio_status(e->v), ACK);
}

/* 2.1: "FAILED: ... Indicates that something went wrong in the guest, and it has given up on the
 * device." Whether or not it repeats the other bits. */
static void test_failed_stops(void **state)
{
	struct virtio_env *e = *state;

	ve_bring_up(e, VE_PLAIN);
	virtio_set_status(e->v, FAILED);
	assert_int_equal(virtio_status(e->v), VE_RUNNING | FAILED);
	assert_int_equal(e->f->quiesces, 1);
	assert_false(e->x.bells);
	virtio_set_status(e->v, VE_RUNNING | FAILED);
	assert_int_equal(e->f->activations, 1);
	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
}

/* Robustness row 20: a kick before DRIVER_OK. 2.1.2: "The device MUST NOT consume buffers or send
 * any used buffer notifications to the driver before DRIVER_OK." */
static void test_row20_kick_before_driver_ok(void **state)
{
	struct virtio_env *e = *state;
	gpa_t out;

	ve_negotiate(e, VE_PLAIN);
	ve_set_queue(e, 0, VE_PLAIN);
	out = ve_add_ping(e, 0, e);
	gd_kick(&e->q[0]);
	virtio_ring(e->v, 0);
	assert_int_equal(ve_deliver(e), 0);
	assert_int_equal(gd_used_idx(&e->q[0]), 0);
	assert_int_equal(e->x.irqs[0], 0);
	/* 3.1.1: it may have added buffers by then: they are found without another kick. */
	virtio_set_status(e->v, VE_RUNNING);
	ve_deliver(e);
	ve_assert_pong(e, 0, out, e);
}

/* --- queues ----------------------------------------------------------------------------------- */

/* Robustness row 12: size and addresses are changed after activation. */
static void test_row12_queue_frozen(void **state)
{
	struct virtio_env *e = *state;

	ve_negotiate(e, VE_PLAIN);
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[0]));
	ve_set_queue(e, 0, VE_PLAIN);
	assert_false(virtio_queue_is_open(e->v, &e->v->queue[0])); /* once enabled */
	assert_true(virtio_queue_is_open(e->v, &e->v->queue[1]));
	virtio_set_status(e->v, VE_RUNNING);
	assert_false(virtio_queue_is_open(e->v, &e->v->queue[1])); /* from DRIVER_OK on */
	virtio_queue_enable(e->v, 1);
	assert_false(e->v->queue[1].enabled);
	ve_assert_works(e, 0);
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
	struct virtio_env *e = *state;

	ve_bring_up(e, VE_PLAIN | VIRTIO_F_RING_RESET);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_null(virtio_get_queue(e->v, bad[i]));
		virtio_queue_enable(e->v, bad[i]);
		virtio_queue_reset(e->v, bad[i]);
		virtio_queue_disable(e->v, bad[i]);
		virtio_ring(e->v, bad[i]);
		assert_int_equal(ve_deliver(e), 0);
	}
	ve_assert_works(e, 0);
	assert_int_equal(virtio_status(e->v), VE_RUNNING);
}

/* Enabling comes after FEATURES_OK: before it nobody knows what a ring looks like. */
static void test_enable_before_features_ok(void **state)
{
	struct virtio_env *e = *state;

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
	struct virtio_env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		unsigned irqs = e->x.config_irqs, activations = e->f->activations;

		ve_negotiate(e, VE_PLAIN);
		ve_set_queue(e, 0, VE_PLAIN);
		e->v->queue[1].addr = bad[i];
		virtio_queue_enable(e->v, 1);
		virtio_set_status(e->v, VE_RUNNING);
		assert_int_equal(virtio_status(e->v), VE_RUNNING | NEEDS_RESET);
		assert_int_equal(e->x.config_irqs, irqs + 1);
		assert_int_equal(e->f->activations, activations);
		virtio_ring(e->v, 0);
		ve_deliver(e);
		virtio_set_status(e->v, 0);
		assert_int_equal(virtio_status(e->v), 0);
	}
	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
	ve_assert_works(e, 1);
}

/* 2.1.2: "The device SHOULD set DEVICE_NEEDS_RESET when it enters an error state that a reset is
 * needed to recover from": a ring that lies. The other queues are looked at no longer. */
static void test_violation_in_ring(void **state)
{
	struct virtio_env *e = *state;

	ve_bring_up(e, VE_PLAIN);
	gd_set_avail_idx(&e->q[0], 0x4000);
	virtio_ring(e->v, 0);
	ve_deliver(e);
	assert_int_equal(virtio_status(e->v), VE_RUNNING | NEEDS_RESET);
	assert_int_equal(e->x.config_irqs, 1);
	ve_add_ping(e, 1, NULL);
	gd_kick(&e->q[1]);
	virtio_ring(e->v, 1);
	ve_deliver(e);
	assert_int_equal(gd_used_idx(&e->q[1]), 0);
	ve_bring_up(e, VE_PLAIN);
	ve_assert_works(e, 0);
	ve_assert_works(e, 1);
}

/* --- configuration (2.5) ---------------------------------------------------------------------- */

/* Robustness row 16: accesses past the structure, or wider than a field. */
static void test_row16_config_bounds(void **state)
{
	static const uint32_t far[] = {
		FAKE_VIRTIO_CONFIG_LEN, 12, 256, 0x1000, 0x7fffffff, 0xfffffff9, UINT32_MAX
	};
	struct virtio_env *e = *state;
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
	struct virtio_env *e = *state;
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
	struct virtio_env *e = *state;

	virtio_config_changed(e->v);
	assert_int_equal(e->x.config_irqs, 0); /* nobody there who wants to know */
	ve_bring_up(e, VE_PLAIN);
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
	struct virtio_env *e = *state;

	ve_bring_up(e, VE_PLAIN | VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 300; i++) {
		unsigned irqs = e->x.irqs[0];
		gpa_t out = ve_add_ping(e, 0, e);

		gd_set_used_event(&e->q[0], (uint16_t)(gd_used_idx(&e->q[0]) + 0x8000));
		gd_kick(&e->q[0]);
		virtio_ring(e->v, 0);
		ve_deliver(e);
		ve_assert_pong(e, 0, out, e);
		assert_int_equal(e->x.irqs[0], irqs);
		/* It asks for the next kick, whatever the driver says of interrupts. */
		assert_int_equal(gd_avail_event(&e->q[0]), (uint16_t)(i + 1));
	}
	gd_irqs_on(&e->q[0]);
	ve_assert_works(e, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, ve_setup, ve_teardown)
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
		T(test_row16_config_bounds),
		T(test_config_generation),
		T(test_config_changed_interrupts),
		T(test_row23_event_idx_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
