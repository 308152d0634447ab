/* SPDX-License-Identifier: MIT */
/* test_transport_mmio.c: the MMIO transport against virtio 1.2, 4.2.2 (table 4.1). */
#include <string.h>

#include "devices/virtio/transport_mmio.h"
#include "tests/lib/poke.h"
#include "tests/lib/virtio_rig.h"

struct env {
	struct virtio_rig g;
	struct fake_virtio *f;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	e->f = vrig_up(&e->g, VRIG_MMIO);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	vrig_down(&e->g, e->f);
	free(e);
	return 0;
}

static uint32_t in(struct env *e, uint32_t off)
{
	return (uint32_t)io_read(e->g.xport, VIRTIO_MMIO_CONTROL, off, 4);
}

static void out(struct env *e, uint32_t off, uint32_t val)
{
	io_write(e->g.xport, VIRTIO_MMIO_CONTROL, off, 4, val);
}

/* "MagicValue 0x74726976", "Version 0x2", "Virtio Subsystem Device ID", "Vendor ID". */
static void test_identity(void **state)
{
	struct env *e = *state;

	assert_int_equal(in(e, 0x000), 0x74726976);
	assert_int_equal(in(e, 0x004), 2);
	assert_int_equal(in(e, 0x008), FAKE_VIRTIO_TYPE);
	assert_int_equal(in(e, 0x00c), VIRTIO_VENDOR_ID);
	assert_string_equal(e->g.xport->id, "fake0-mmio");
	out(e, 0x000, 0);
	out(e, 0x008, 0);
	assert_int_equal(in(e, 0x000), 0x74726976);
	assert_int_equal(in(e, 0x008), FAKE_VIRTIO_TYPE);
	/* 4.2.2: for two words, and beyond them there is nothing. */
	for (uint32_t sel = 0; sel < 4; sel++) {
		out(e, 0x014, sel);
		assert_int_equal(in(e, 0x010), virtio_offered_word(&e->f->v, sel));
	}
	out(e, 0x014, UINT32_MAX);
	assert_int_equal(in(e, 0x010), 0);
}

/* Write-only registers, and those between, read 0; writes to what can only be read do nothing. */
static void test_holes(void **state)
{
	static const uint16_t readable[] = { 0x000, 0x004, 0x008, 0x00c, 0x010, 0x034, 0x044, 0x060,
					     0x070, 0x0b0, 0x0b4, 0x0b8, 0x0bc, 0x0c0, 0x0fc };
	struct env *e = *state;

	for (uint32_t off = 0; off < 0x100; off += 4) {
		bool known = false;

		for (unsigned i = 0; i < ARRAY_LEN(readable); i++)
			known |= readable[i] == off;
		if (!known) {
			out(e, off, 0);
			assert_int_equal(in(e, off), 0);
		}
	}
	out(e, 0x060, 3);
	assert_int_equal(in(e, 0x060), 0);
	assert_false(e->g.wire.level);
	/* 4.2.2.2: "only 32 bit wide and aligned": the bus keeps all else away. */
	assert_int_equal(e->g.xport->regions[VIRTIO_MMIO_CONTROL].ops->min_size, 4);
	assert_int_equal(e->g.xport->regions[VIRTIO_MMIO_CONTROL].ops->max_size, 4);
	assert_int_equal(e->g.xport->regions[VIRTIO_MMIO_DEVICE].ops->min_size, 1);
}

/* "If the requested shared memory region does not exist, reading SHMLen returns -1". */
static void test_no_shared_memory(void **state)
{
	struct env *e = *state;

	for (uint32_t sel = 0; sel < 3; sel++) {
		out(e, 0x0ac, sel);
		for (uint32_t off = 0x0b0; off <= 0x0bc; off += 4)
			assert_int_equal(in(e, off), UINT32_MAX);
	}
}

/* "QueueNumMax: Reading from the register returns the maximum size of the queue ... or zero (0x0)
 * if the queue is not available." It does not change with QueueNum. */
static void test_queue_registers(void **state)
{
	struct env *e = *state;

	assert_int_equal(vrig_negotiate(&e->g, VIRTIO_F_VERSION_1), 0xb);
	out(e, 0x030, 1);
	assert_int_equal(in(e, 0x034), 2 * FAKE_VIRTIO_SIZE);
	out(e, 0x038, 4);
	assert_int_equal(in(e, 0x034), 2 * FAKE_VIRTIO_SIZE);
	out(e, 0x080, 0x11112000);
	out(e, 0x084, 0x1);
	out(e, 0x090, 0x11113000);
	out(e, 0x094, 0x2);
	out(e, 0x0a0, 0x11114000);
	out(e, 0x0a4, 0x3);
	assert_int_equal(e->f->v.queue[1].addr.size, 4);
	assert_true(e->f->v.queue[1].addr.desc == UINT64_C(0x111112000));
	assert_true(e->f->v.queue[1].addr.driver == UINT64_C(0x211113000));
	assert_true(e->f->v.queue[1].addr.device == UINT64_C(0x311114000));
	out(e, 0x038, 0x10004); /* no size at all, rather than 4 */
	assert_int_equal(e->f->v.queue[1].addr.size, 0);
	assert_int_equal(in(e, 0x044), 0);
	out(e, 0x044, 1);
	assert_int_equal(in(e, 0x044), 1);
	out(e, 0x030, UINT32_MAX);
	assert_int_equal(in(e, 0x034), 0);
	assert_int_equal(in(e, 0x044), 0);
}

/* 4.2.2.2: "To stop using the queue the driver MUST write zero (0x0) to this QueueReady and MUST
 * read the value back to ensure synchronization." */
static void test_queue_ready_zero(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	e->f->hold = true;
	gd_add(&e->g.q[0], (struct gd_buf[]){ { GD_RINGS - 16, 4, GD_W } }, 1, NULL);
	vrig_kick(&e->g, 0);
	vrig_settle(&e->g);
	out(e, 0x030, 0);
	out(e, 0x044, 0);
	assert_int_equal(in(e, 0x044), 0);
	assert_int_equal(e->f->echoes, 1);
	assert_int_equal(e->f->queue_quiesces, 1);
	/* Robustness row 12: and that is no way around "frozen at DRIVER_OK". */
	out(e, 0x080, 0x5000);
	out(e, 0x044, 1);
	assert_int_equal(in(e, 0x044), 0);
	assert_true(e->f->v.queue[0].addr.desc == 0);
}

/* 4.2.2: InterruptStatus stays until it is acknowledged, bit by bit; the line is its OR. */
static void test_interrupt_status(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	vrig_settle(&e->g);
	virtio_config_changed(&e->f->v);
	assert_true(e->g.wire.level);
	gd_add(&e->g.q[0], (struct gd_buf[]){ { GD_RINGS - 16, 4, GD_W } }, 1, NULL);
	vrig_kick(&e->g, 0);
	vrig_settle(&e->g);
	assert_int_equal(in(e, 0x060), 3);
	assert_int_equal(in(e, 0x060), 3); /* reading does not clear */
	out(e, 0x064, 1);
	assert_int_equal(in(e, 0x060), 2);
	assert_true(e->g.wire.level);
	out(e, 0x064, 0xfffffff0);
	assert_int_equal(in(e, 0x060), 2);
	out(e, 0x064, 2);
	assert_int_equal(in(e, 0x060), 0);
	assert_false(e->g.wire.level);
	assert_int_equal(e->g.wire.rises, 1);
}

/* "Writing zero (0x0) to this register triggers a device reset": selectors and interrupts, too. */
static void test_reset(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	virtio_config_changed(&e->f->v);
	out(e, 0x014, 1);
	out(e, 0x024, 1);
	out(e, 0x030, 2);
	out(e, 0x070, 0x100); /* the register has eight bits */
	assert_int_equal(in(e, 0x070), 0);
	assert_int_equal(in(e, 0x060), 0);
	assert_false(e->g.wire.level);
	assert_int_equal(in(e, 0x010), virtio_offered_word(&e->f->v, 0));
	assert_int_equal(state_peek(e->g.xport, "t.driver_features_sel", 0), 0);
	assert_int_equal(state_peek(e->g.xport, "t.queue_sel", 0), 0);
}

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct virtio_rig h;
	struct fake_virtio *f;

	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	vrig_settle(&e->g);
	virtio_config_changed(&e->f->v);
	out(e, 0x014, 1);
	out(e, 0x024, 7);
	out(e, 0x030, 2);
	vrig_init(&h, VRIG_MMIO);
	f = fake_virtio_create(h.gm, h.loop, true);
	vrig_plug(&h, &f->v);
	assert_snapshot_round_trip(e->g.xport, h.xport);
	assert_int_equal(io_read(h.xport, VIRTIO_MMIO_CONTROL, 0x060, 4), VIRTIO_ISR_CONFIG);
	assert_true(h.wire.level);
	assert_int_equal(io_read(h.xport, VIRTIO_MMIO_CONTROL, 0x010, 4),
			 virtio_offered_word(&f->v, 1));
	state_poke(h.xport, "t.isr_bits", 0, 0x04);
	assert_state_refused(h.xport, "interrupts");
	state_poke(h.xport, "t.isr_bits", 0, 0);
	state_poke(h.xport, "t.queue_sel", 0, UINT32_MAX); /* a driver may write that as well */
	assert_state_accepted(h.xport);
	assert_false(h.wire.level);
	vrig_unplug(&h);
	fake_virtio_destroy(f);
	vrig_fini(&h);
}

/* A driver that writes at random: no crash, no hang, and a reset makes it right. */
static void test_storm(void **state)
{
	struct env *e = *state;
	struct storm s = { 0x5eed };

	for (unsigned i = 0; i < 60000; i++) {
		uint32_t off = storm_next(&s) % 0x100 & ~3u, val = storm_next(&s);

		if (storm_next(&s) % 4)
			val &= 0xf;
		if (storm_next(&s) % 3)
			out(e, off, val);
		else
			in(e, off);
		if (i % 16 == 0)
			vrig_config_write(&e->g, val % 0xe00, 1, val);
	}
	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	assert_int_equal(in(e, 0x070), 0xf);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identity),
		T(test_holes),
		T(test_no_shared_memory),
		T(test_queue_registers),
		T(test_queue_ready_zero),
		T(test_interrupt_status),
		T(test_reset),
		T(test_snapshot),
		T(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
