/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_guest.c: a guest drives a device from discovery to reset, by register accesses alone
 * and with the device's loop on a thread of its own: over MMIO, over PCI with MSI-X and with INTx;
 * split and packed, with and without EVENT_IDX.
 */
#include <string.h>

#include "tests/lib/port.h"
#include "tests/lib/virtio_rig.h"

#define PLAIN   VIRTIO_F_VERSION_1
#define RUNNING 0x0fu

struct env {
	struct virtio_rig g;
	struct fake_virtio *f;
	uint64_t features;
	unsigned errors; /* of the guest, that are expected */
};

struct variant {
	enum vrig_kind kind;
	uint64_t features;
	bool notify_mem;
};

static int setup(void **state)
{
	const struct variant *var = *state;
	struct env *e = calloc(1, sizeof(*e));

	e->f = vrig_up(&e->g, var->kind);
	e->g.notify_mem = var->notify_mem;
	e->features = var->features;
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

/* --- helpers ---------------------------------------------------------------------------------- */

/* One request, and the interrupt for it. */
static void round_trip(struct env *e, unsigned n, uint32_t val)
{
	unsigned irqs = vrig_queue_irqs(&e->g, n);
	gpa_t out = vrig_add(&e->g, n, val);

	gd_irqs_on(&e->g.q[n]);
	vrig_kick(&e->g, n);
	vrig_expect(&e->g, n, out, val);
	assert_true(EVENTUALLY(5000, vrig_queue_irqs(&e->g, n) == irqs + 1));
	if (e->g.kind != VRIG_PCI) {
		assert_true(e->g.wire.level);
		assert_int_equal(vrig_take_isr(&e->g), VIRTIO_ISR_QUEUE);
		assert_false(e->g.wire.level);
	}
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_round_trips(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, e->features);
	assert_int_equal(vrig_read(&e->g, VRIG_STATUS), RUNNING);
	for (uint32_t i = 0; i < 100; i++)
		for (unsigned n = 0; n < FAKE_VIRTIO_QUEUES; n++)
			round_trip(e, n, i * 10 + n);
	/* Only the first notification of each queue takes the long way. */
	assert_int_equal(e->g.exits, FAKE_VIRTIO_QUEUES);
	assert_int_equal(fake_bells_cnt(&e->g.bells), FAKE_VIRTIO_QUEUES);
	vrig_reset(&e->g);
	assert_int_equal(fake_bells_cnt(&e->g.bells), 0);
}

/* A host without doorbells: every notification arrives as a register write. */
static void test_no_doorbells(void **state)
{
	struct env *e = *state;

	e->g.bells.broken = true;
	vrig_probe(&e->g, e->features);
	for (uint32_t i = 0; i < 20; i++)
		round_trip(e, 0, i);
	assert_int_equal(e->g.exits, 20);
}

/* Robustness row 12: size and addresses written after activation, by registers. */
static void test_row12_registers_frozen(void **state)
{
	static const enum vrig_reg regs[] = { VRIG_QUEUE_SIZE, VRIG_DESC_LO,   VRIG_DESC_HI,
					      VRIG_DRIVER_LO,  VRIG_DRIVER_HI, VRIG_DEVICE_LO,
					      VRIG_DEVICE_HI };
	struct env *e = *state;

	vrig_probe(&e->g, e->features);
	round_trip(e, 1, 7);
	vrig_write(&e->g, VRIG_QUEUE_SEL, 1);
	for (unsigned i = 0; i < ARRAY_LEN(regs); i++)
		vrig_write(&e->g, regs[i], 0x10);
	assert_memory_equal(&e->f->v.queue[1].addr, &e->g.q[1].ring, sizeof(struct vring_addr));
	for (uint32_t i = 0; i < 70; i++)
		round_trip(e, 1, i);
}

/* Robustness row 15: a queue that is not there reads 0 and ignores writes; so does its doorbell. */
static void test_row15_absent_queue(void **state)
{
	static const uint32_t bad[] = { FAKE_VIRTIO_QUEUES, 63, 0x8000, 0xffff };
	struct env *e = *state;

	vrig_probe(&e->g, e->features);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		vrig_write(&e->g, VRIG_QUEUE_SEL, bad[i]);
		for (unsigned r = VRIG_QUEUE_MAX; r < VRIG_REGS; r++) {
			vrig_write(&e->g, r, 1);
			assert_int_equal(vrig_read(&e->g, r), 0);
		}
	}
	/* As far as there are addresses. */
	vrig_notify(&e->g, FAKE_VIRTIO_QUEUES);
	round_trip(e, 0, 1);
	assert_int_equal(vrig_read(&e->g, VRIG_STATUS), RUNNING);
}

/* Robustness row 16: the configuration ends where it ends. */
static void test_row16_config_access(void **state)
{
	struct env *e = *state;

	e->f->value = UINT64_C(0x8877665544332211);
	assert_int_equal(vrig_config(&e->g, 0, 4), 0x44332211);
	assert_int_equal(vrig_config(&e->g, 4, 4), 0x88776655);
	assert_int_equal(vrig_config(&e->g, 2, 2), 0x4433);
	assert_int_equal(vrig_config(&e->g, 9, 1), FAKE_VIRTIO_FIXED);
	assert_int_equal(vrig_config(&e->g, 10, 1), 0xee);
	for (unsigned off = FAKE_VIRTIO_CONFIG_LEN; off < 0xe00; off += 13) {
		assert_int_equal(vrig_config(&e->g, off, 1), 0);
		vrig_config_write(&e->g, off, 1, 0xff);
	}
	vrig_config_write(&e->g, 8, 4, 0xffffffff);
	assert_int_equal(e->f->config_writes, 0);
	vrig_config_write(&e->g, 8, 1, 0x42);
	assert_int_equal(vrig_config(&e->g, 8, 1), 0x42);
}

/* Robustness row 20: a kick before DRIVER_OK is ignored, what it meant is found all the same. */
static void test_row20_early_kick(void **state)
{
	struct env *e = *state;
	gpa_t out;

	assert_int_equal(vrig_negotiate(&e->g, e->features), RUNNING & ~4u);
	gd_init(&e->g.q[0], e->g.gm, GD_RINGS, 8, e->features);
	vrig_set_queue(&e->g, 0, &e->g.q[0].ring);
	out = vrig_add(&e->g, 0, 5);
	gd_kick(&e->g.q[0]);
	vrig_notify(&e->g, 0);
	vrig_settle(&e->g);
	assert_int_equal(e->f->echoes, 0);
	assert_int_equal(fake_bells_cnt(&e->g.bells), 0);
	vrig_write(&e->g, VRIG_STATUS, RUNNING);
	vrig_expect(&e->g, 0, out, 5);
}

/* Robustness row 20: the status register itself. */
static void test_row20_status_register(void **state)
{
	struct env *e = *state;

	/* FEATURES_OK does not stick: the driver sees it when it reads back (3.1.1, step 6). */
	assert_int_equal(vrig_negotiate(&e->g, e->features | UINT64_C(1) << 50), 3);
	vrig_probe(&e->g, e->features);
	vrig_write(&e->g, VRIG_STATUS, 3);
	assert_int_equal(vrig_read(&e->g, VRIG_STATUS), RUNNING | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(vrig_config_irqs(&e->g), 1);
	assert_true(vrig_take_isr(&e->g) & VIRTIO_ISR_CONFIG);
	vrig_probe(&e->g, e->features);
	round_trip(e, 2, 1);
}

/* Robustness row 21: reset with I/O in flight drains; twice; and all of it is complete. */
static void test_row21_reset_drains(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, e->features);
	e->f->hold = true;
	for (unsigned i = 0; i < 3; i++) {
		vrig_add(&e->g, 0, i);
		vrig_add(&e->g, 1, i);
	}
	vrig_kick(&e->g, 0);
	vrig_kick(&e->g, 1);
	vrig_settle(&e->g);
	assert_int_equal(e->f->echoes, 0);
	vrig_reset(&e->g);
	assert_int_equal(e->f->echoes, 6);
	vrig_reset(&e->g);
	e->f->hold = false;
	/* What was pending for the old driver is nothing to the new one. */
	assert_int_equal(vrig_take_isr(&e->g), 0);
	assert_false(e->g.wire.level);
	vrig_probe(&e->g, e->features);
	round_trip(e, 0, 1);
}

/* Robustness row 23: interrupts switched off for good; the device works on, and is alive after. */
static void test_row23_liveness(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, e->features);
	for (uint32_t i = 0; i < 50; i++) {
		gpa_t out = vrig_add(&e->g, 0, i);

		gd_irqs_off(&e->g.q[0]);
		vrig_kick(&e->g, 0);
		vrig_expect(&e->g, 0, out, i);
	}
	vrig_settle(&e->g);
	vrig_take_isr(&e->g);
	for (uint32_t i = 0; i < 50; i++)
		round_trip(e, 0, i);
}

/* A broken ring: needs reset, an interrupt for the configuration, nothing for the other queues. */
static void test_needs_reset(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, e->features);
	gd_set_desc(&e->g.q[0], e->g.q[0].ring.desc, 0,
		    (struct gd_desc){ .addr = GD_LOW_END, .len = 4 });
	if (e->features & VIRTIO_F_RING_PACKED) {
		gd_set_desc(&e->g.q[0], e->g.q[0].ring.desc, 0,
			    (struct gd_desc){ .addr = GD_LOW_END, .len = 4, .flags = GD_F_AVAIL });
	} else {
		gd_set_avail(&e->g.q[0], 0, 0);
		gd_set_avail_idx(&e->g.q[0], 1);
	}
	vrig_notify(&e->g, 0);
	assert_true(EVENTUALLY(5000, vrig_read(&e->g, VRIG_STATUS) ==
					     (RUNNING | VIRTIO_STATUS_NEEDS_RESET)));
	assert_true(EVENTUALLY(5000, vrig_config_irqs(&e->g) == 1));
	assert_int_equal(vrig_take_isr(&e->g), VIRTIO_ISR_CONFIG);
	vrig_add(&e->g, 1, 1);
	vrig_kick(&e->g, 1);
	vrig_settle(&e->g);
	assert_int_equal(e->f->echoes, 0);
	vrig_probe(&e->g, e->features);
	round_trip(e, 0, 3);
}

/* 2.6.1: one queue is reset, read back as reset, and set up anew with another size. */
static void test_ring_reset(void **state)
{
	struct env *e = *state;
	uint64_t features = e->features | VIRTIO_F_RING_RESET;
	unsigned echoes;

	vrig_probe(&e->g, features);
	e->f->hold = true;
	vrig_add(&e->g, 1, 1);
	vrig_add(&e->g, 0, 2);
	vrig_kick(&e->g, 1);
	vrig_kick(&e->g, 0);
	vrig_settle(&e->g);
	echoes = e->f->echoes;
	vrig_write(&e->g, VRIG_QUEUE_SEL, 1);
	vrig_write(&e->g, VRIG_QUEUE_RESET, 1);
	assert_int_equal(vrig_read(&e->g, VRIG_QUEUE_RESET), 0);
	assert_int_equal(vrig_read(&e->g, VRIG_QUEUE_ENABLE), 0);
	assert_int_equal(e->f->echoes, echoes + 1);
	assert_int_equal(vrig_read(&e->g, VRIG_QUEUE_MAX), 2 * FAKE_VIRTIO_SIZE);
	gd_init(&e->g.q[1], e->g.gm, GD_RINGS + 3 * MIB, 4, features);
	e->f->hold = false;
	vrig_set_queue(&e->g, 1, &e->g.q[1].ring);
	assert_int_equal(vrig_read(&e->g, VRIG_QUEUE_ENABLE), 1);
	for (uint32_t i = 0; i < 20; i++) {
		gpa_t out = vrig_add(&e->g, 1, i);

		vrig_kick(&e->g, 1);
		vrig_expect(&e->g, 1, out, i);
	}
	assert_int_equal(vrig_read(&e->g, VRIG_STATUS), RUNNING);
}

/* 2.5.3 and 4.2.2 or 4.1.4.3: a driver that reads generation, bytes, generation gets no mixture. */
static void *change_config(void *arg)
{
	struct fake_virtio *f = arg;

	for (uint32_t i = 1; !f->hold; i++) {
		f->value = (uint64_t)i << 32 | i;
		virtio_config_changed(&f->v);
	}
	return NULL;
}

static void test_config_generation(void **state)
{
	struct env *e = *state;
	unsigned clean = 0, changed = 0;
	pthread_t t;

	vrig_probe(&e->g, e->features);
	assert_int_equal(pthread_create(&t, NULL, change_config, e->f), 0);
	while (clean < 200 || !changed) {
		uint32_t before = vrig_read(&e->g, VRIG_GENERATION);
		uint32_t lo = (uint32_t)vrig_config(&e->g, 0, 4);
		uint32_t hi = (uint32_t)vrig_config(&e->g, 4, 4);

		if (vrig_read(&e->g, VRIG_GENERATION) != before) {
			changed++;
			if (changed % 50 == 0)
				usleep(100);
			continue;
		}
		assert_int_equal(lo, hi);
		clean++;
	}
	e->f->hold = true;
	pthread_join(t, NULL);
	assert_true(vrig_config_irqs(&e->g) > 0);
}

/* The machine is reset under a device that runs. */
static void test_machine_reset(void **state)
{
	struct env *e = *state;
	gpa_t out;

	vrig_probe(&e->g, e->features);
	round_trip(e, 0, 1);
	e->f->hold = true;
	vrig_add(&e->g, 0, 2);
	vrig_kick(&e->g, 0);
	vrig_settle(&e->g);
	device_reset(e->g.xport);
	device_reset(&e->f->v.dev);
	if (e->g.kind != VRIG_MMIO)
		pci_rig_reset(&e->g.pci);
	assert_int_equal(e->f->echoes, 2);
	assert_int_equal(fake_bells_cnt(&e->g.bells), 0);
	assert_false(e->g.wire.level);
	e->f->hold = false;
	if (e->g.kind != VRIG_MMIO)
		pci_rig_enable(&e->g.pci, e->g.slot, 7);
	assert_int_equal(vrig_read(&e->g, VRIG_STATUS), 0);
	vrig_probe(&e->g, e->features);
	out = vrig_add(&e->g, 0, 3);
	vrig_kick(&e->g, 0);
	vrig_expect(&e->g, 0, out, 3);
}

/* Stopped and started again under a loop that runs, as a pause does; requests wait meanwhile. */
static void test_stop_while_loop_runs(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, e->features);
	for (uint32_t i = 0; i < 20; i++) {
		gpa_t out;

		round_trip(e, 0, i);
		e->f->hold = true;
		vrig_add(&e->g, 1, i);
		vrig_kick(&e->g, 1);
		vrig_settle(&e->g);
		e->f->v.dev.ops->stop(&e->f->v.dev);
		assert_int_equal(e->f->echoes, 3 * i + 2); /* drained */
		e->f->hold = false;
		out = vrig_add(&e->g, 0, i + 1000);
		vrig_kick(&e->g, 0);
		vrig_settle(&e->g);
		assert_int_equal(e->f->echoes, 3 * i + 2);
		assert_int_equal(e->f->v.dev.ops->start(&e->f->v.dev, NULL), 0);
		vrig_expect(&e->g, 0, out, i + 1000);
		assert_true(gd_get_used(&e->g.q[1], &(struct gd_used){ 0 }));
		vrig_settle(&e->g);
		vrig_take_isr(&e->g);
	}
}

/* --- the matrix ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*fn)(void **state);
} bodies[] = {
#define T(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	T(test_round_trips),           T(test_no_doorbells),         T(test_row12_registers_frozen),
	T(test_row15_absent_queue),    T(test_row16_config_access),  T(test_row20_early_kick),
	T(test_row20_status_register), T(test_row21_reset_drains),   T(test_row23_liveness),
	T(test_needs_reset),           T(test_ring_reset),           T(test_config_generation),
	T(test_machine_reset),         T(test_stop_while_loop_runs),
};

static struct {
	const char *name;
	struct variant v;
} variants[] = {
	{ "mmio", { VRIG_MMIO, PLAIN, false } },
	{ "mmio, event index", { VRIG_MMIO, PLAIN | VIRTIO_F_EVENT_IDX, false } },
	{ "mmio, packed", { VRIG_MMIO, PLAIN | VIRTIO_F_RING_PACKED, false } },
	{ "pci", { VRIG_PCI, PLAIN | VIRTIO_F_EVENT_IDX, false } },
	{ "pci, packed", { VRIG_PCI, PLAIN | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED, false } },
	{ "pci, notified by memory", { VRIG_PCI, PLAIN, true } },
	{ "pci, intx", { VRIG_INTX, PLAIN | VIRTIO_F_EVENT_IDX, false } },
};

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(bodies) * ARRAY_LEN(variants)];
	char names[ARRAY_LEN(tests)][96];
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_LEN(bodies); i++) {
		for (unsigned v = 0; v < ARRAY_LEN(variants); v++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s (%s)", bodies[i].name,
				 variants[v].name);
			tests[n] = (struct CMUnitTest){ .name = names[n],
							.test_func = bodies[i].fn,
							.setup_func = setup,
							.teardown_func = teardown,
							.initial_state = &variants[v].v };
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
