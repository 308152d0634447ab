/* SPDX-License-Identifier: MIT */
/* test_transport_pci.c: the PCI transport against virtio 1.2, 4.1. */
#include <string.h>

#include "devices/virtio/transport_pci.h"
#include "tests/lib/poke.h"
#include "tests/lib/port.h"
#include "tests/lib/virtio_rig.h"

#define PLAIN   VIRTIO_F_VERSION_1
#define RUNNING 0x0fu

#define COMMAND     0x04u
#define COMMAND_IO  0x1u
#define COMMAND_MEM 0x2u
#define COMMAND_BME 0x4u

struct env {
	struct virtio_rig g;
	struct fake_virtio *f;
};

static void up(struct env *e, enum vrig_kind kind)
{
	e->f = vrig_up(&e->g, kind);
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	up(e, VRIG_PCI);
	*state = e;
	return 0;
}

static int setup_intx(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	up(e, VRIG_INTX);
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

static uint32_t cfg(struct env *e, unsigned off, unsigned size)
{
	return pci_rig_read(&e->g.pci, e->g.slot, off, size);
}

static void cfg_write(struct env *e, unsigned off, unsigned size, uint32_t val)
{
	pci_rig_write(&e->g.pci, e->g.slot, off, size, val);
}

static uint32_t load(struct env *e, uint32_t off, unsigned size)
{
	return (uint32_t)pci_rig_load(&e->g.pci, e->g.mem + off, size);
}

static void store(struct env *e, uint32_t off, unsigned size, uint32_t val)
{
	pci_rig_store(&e->g.pci, e->g.mem + off, size, val);
}

static void round_trip(struct env *e, unsigned n, uint32_t val)
{
	gpa_t out = vrig_add(&e->g, n, val);

	gd_irqs_on(&e->g.q[n]);
	vrig_kick(&e->g, n);
	vrig_expect(&e->g, n, out, val);
}

/* --- discovery (4.1.2, 4.1.4) ----------------------------------------------------------------- */

/* 4.1.2.1: "Devices MUST have the PCI Vendor ID 0x1AF4 ... the PCI Device ID calculated by adding
 * 0x1040 to the Virtio Device ID", "PCI Revision ID of 1 or higher", "PCI Subsystem Device ID 0x40
 * or higher". */
static void test_identity(void **state)
{
	static const struct {
		uint16_t type;
		uint32_t class_code;
	} classes[] = { { VIRTIO_ID_NET, 0x020000 },     { VIRTIO_ID_BLOCK, 0x018000 },
			{ VIRTIO_ID_CONSOLE, 0x078000 }, { VIRTIO_ID_RNG, 0x00ff00 },
			{ VIRTIO_ID_BALLOON, 0x00ff00 }, { VIRTIO_ID_VSOCK, 0x078000 },
			{ VIRTIO_ID_PMEM, 0x058000 } };
	struct env *e = *state;

	assert_int_equal(cfg(e, 0x00, 4), (0x1040u + FAKE_VIRTIO_TYPE) << 16 | 0x1af4);
	assert_int_equal(cfg(e, 0x08, 1), 1);
	assert_int_equal(cfg(e, 0x2c, 2), 0x1af4);
	assert_true(cfg(e, 0x2e, 2) >= 0x40);
	assert_string_equal(e->g.xport->id, "fake0-pci");
	for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
		struct virtio_ops ops = *e->f->v.ops;
		struct fake_virtio *f = fake_virtio_create(e->g.gm, e->g.loop, false);
		struct virtio_pci_config c = { .vdev = &f->v };
		struct virtio_pci *p;

		ops.device_type = classes[i].type;
		f->v.ops = &ops;
		assert_int_equal(virtio_pci_create(&c, &p, NULL), 0);
		assert_int_equal(get_le32(virtio_pci_func(p)->init + 8) >> 8,
				 classes[i].class_code);
		virtio_pci_device(p)->ops->destroy(virtio_pci_device(p));
		fake_virtio_destroy(f);
	}
}

/* 4.1.4: one of each structure; two ways to notify, the ports first; all inside their BARs. */
static void test_capabilities(void **state)
{
	static const struct {
		uint8_t type, len, bar;
		uint32_t offset, length;
	} want[] = {
		{ VIRTIO_PCI_CAP_COMMON_CFG, 16, 0, 0x0000, 60 },
		{ VIRTIO_PCI_CAP_ISR_CFG, 16, 0, 0x1000, 1 },
		{ VIRTIO_PCI_CAP_DEVICE_CFG, 16, 0, 0x2000, FAKE_VIRTIO_CONFIG_LEN },
		{ VIRTIO_PCI_CAP_NOTIFY_CFG, 20, 2, 0x0000, FAKE_VIRTIO_QUEUES * 4 },
		{ VIRTIO_PCI_CAP_NOTIFY_CFG, 20, 0, 0x3000, FAKE_VIRTIO_QUEUES * 4 },
		{ VIRTIO_PCI_CAP_PCI_CFG, 20, 0, 0, 0 },
	};
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		unsigned at = pci_rig_cap(&e->g.pci, e->g.slot, PCI_CAP_VENDOR, i);

		assert_int_not_equal(at, 0);
		assert_int_equal(cfg(e, at + 2, 1), want[i].len);
		assert_int_equal(cfg(e, at + 3, 1), want[i].type);
		assert_int_equal(cfg(e, at + 4, 1), want[i].bar);
		assert_int_equal(cfg(e, at + 8, 4), want[i].offset);
		assert_int_equal(cfg(e, at + 12, 4), want[i].length);
		if (want[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			assert_int_equal(cfg(e, at + 16, 4), 4);
	}
	assert_int_equal(pci_rig_cap(&e->g.pci, e->g.slot, PCI_CAP_VENDOR, ARRAY_LEN(want)), 0);
	assert_int_equal(e->g.mem % VIRTIO_PCI_MEM_LEN, 0);
	assert_int_equal(e->g.io % 16, 0);
	/* 4.1.4.4: queue_notify_off x notify_off_multiplier: each queue has an address. */
	for (unsigned n = 0; n < FAKE_VIRTIO_QUEUES; n++) {
		vrig_write(&e->g, VRIG_QUEUE_SEL, n);
		assert_int_equal(
			load(e, offsetof(struct virtio_pci_common_cfg, queue_notify_off), 2), n);
	}
	assert_int_equal(load(e, offsetof(struct virtio_pci_common_cfg, num_queues), 2),
			 FAKE_VIRTIO_QUEUES);
}

/* A device without configuration has no capability for it. */
static void test_no_device_cfg(void **state)
{
	struct env *e = *state;
	struct fake_virtio *f = fake_virtio_create(e->g.gm, e->g.loop, false);
	struct virtio_pci_config c = { .vdev = &f->v };
	struct virtio_pci *p;

	f->v.config_len = 0;
	assert_int_equal(virtio_pci_create(&c, &p, NULL), 0);
	for (unsigned at = virtio_pci_func(p)->init[0x34]; at;
	     at = virtio_pci_func(p)->init[at + 1])
		if (virtio_pci_func(p)->init[at] == PCI_CAP_VENDOR)
			assert_int_not_equal(virtio_pci_func(p)->init[at + 3],
					     VIRTIO_PCI_CAP_DEVICE_CFG);
	virtio_pci_device(p)->ops->destroy(virtio_pci_device(p));
	fake_virtio_destroy(f);
}

/* --- common configuration (4.1.4.3) ----------------------------------------------------------- */

#define AT(name) ((uint32_t)offsetof(struct virtio_pci_common_cfg, name))

/* What is read back is what was written, as far as it means anything. */
static void test_common_registers(void **state)
{
	struct env *e = *state;

	assert_int_equal(vrig_negotiate(&e->g, PLAIN | FAKE_VIRTIO_F_A), RUNNING & ~4u);
	assert_int_equal(load(e, AT(driver_feature_select), 4), 1);
	assert_int_equal(load(e, AT(driver_feature), 4), (uint32_t)(PLAIN >> 32));
	store(e, AT(driver_feature_select), 4, 0);
	assert_int_equal(load(e, AT(driver_feature), 4), FAKE_VIRTIO_F_A);
	store(e, AT(device_feature_select), 4, 77);
	assert_int_equal(load(e, AT(device_feature_select), 4), 77);
	assert_int_equal(load(e, AT(device_feature), 4), 0);
	store(e, AT(queue_select), 2, 1);
	assert_int_equal(load(e, AT(queue_select), 2), 1);
	assert_int_equal(load(e, AT(queue_size), 2), 2 * FAKE_VIRTIO_SIZE);
	store(e, AT(queue_size), 2, 8);
	assert_int_equal(load(e, AT(queue_size), 2), 8);
	/* 4.1.3.1: 64-bit fields as two halves, or in one access, which the bus splits. */
	pci_rig_store(&e->g.pci, e->g.mem + AT(queue_desc_lo), 8, UINT64_C(0x1234500000abc000));
	store(e, AT(queue_driver_hi), 4, 5);
	store(e, AT(queue_device_lo), 4, 0x6000);
	assert_true(e->f->v.queue[1].addr.desc == UINT64_C(0x1234500000abc000));
	assert_true(e->f->v.queue[1].addr.driver == UINT64_C(0x500000000));
	assert_true(e->f->v.queue[1].addr.device == 0x6000);
	assert_int_equal(load(e, AT(queue_desc_hi), 4), 0x12345000);
	/* What is not one whole field is ignored. */
	store(e, AT(queue_size), 1, 4);
	store(e, AT(queue_desc_lo) + 1, 1, 0xff);
	store(e, AT(queue_desc_lo), 2, 0xffff);
	store(e, AT(queue_size), 4, 0x00010004); /* and the vector at once */
	assert_int_equal(load(e, AT(queue_select), 2), 1);
	assert_int_equal(load(e, AT(queue_size), 2), 8);
	assert_true(e->f->v.queue[1].addr.desc == UINT64_C(0x1234500000abc000));
	/* Reads are as the bytes lie. */
	assert_int_equal(load(e, AT(queue_select), 4), 0x00080001);
	assert_int_equal(load(e, AT(device_status), 1), RUNNING & ~4u);
	/* Read-only ones stay. */
	store(e, AT(num_queues), 2, 1);
	store(e, AT(config_generation), 1, 1);
	store(e, AT(queue_notify_off), 2, 7);
	store(e, AT(queue_notify_data), 2, 7);
	assert_int_equal(load(e, AT(num_queues), 2), FAKE_VIRTIO_QUEUES);
	assert_int_equal(load(e, AT(queue_notify_off), 2), 1);
	assert_int_equal(load(e, AT(queue_notify_data), 2), 0);
	/* "The driver MUST NOT write a 0 to queue_enable." */
	store(e, AT(queue_enable), 2, 1);
	store(e, AT(queue_enable), 2, 0);
	assert_int_equal(load(e, AT(queue_enable), 2), 1);
	/* Behind the structure, as far as the page goes. */
	for (uint32_t off = sizeof(struct virtio_pci_common_cfg); off < 0x1000; off += 4) {
		store(e, off, 4, UINT32_MAX);
		assert_int_equal(load(e, off, 4), 0);
	}
	assert_int_equal(load(e, 58, 4), 0); /* hangs over the end */
	/* A device reset takes it all back. */
	vrig_reset(&e->g);
	assert_int_equal(load(e, AT(device_feature_select), 4), 0);
	assert_int_equal(load(e, AT(queue_select), 2), 0);
	store(e, AT(queue_select), 2, 1);
	assert_int_equal(load(e, AT(queue_size), 2), 2 * FAKE_VIRTIO_SIZE);
	assert_int_equal(load(e, AT(queue_enable), 2), 0);
	assert_int_equal(load(e, AT(queue_desc_hi), 4), 0);
}

/* 4.1.5.1.2.1: "the device MUST ... return ... NO_VECTOR" for a vector it cannot map. */
static void test_vectors(void **state)
{
	struct env *e = *state;

	assert_int_equal(load(e, AT(config_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
	store(e, AT(config_msix_vector), 2, FAKE_VIRTIO_QUEUES);
	assert_int_equal(load(e, AT(config_msix_vector), 2), FAKE_VIRTIO_QUEUES);
	store(e, AT(config_msix_vector), 2, FAKE_VIRTIO_QUEUES + 1);
	assert_int_equal(load(e, AT(config_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
	for (unsigned n = 0; n < FAKE_VIRTIO_QUEUES; n++) {
		store(e, AT(queue_select), 2, n);
		assert_int_equal(load(e, AT(queue_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
		store(e, AT(queue_msix_vector), 2, n);
		assert_int_equal(load(e, AT(queue_msix_vector), 2), n);
		store(e, AT(queue_msix_vector), 2, 0x100 + n);
		assert_int_equal(load(e, AT(queue_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
		store(e, AT(queue_msix_vector), 2, n);
	}
	store(e, AT(queue_select), 2, 0xffff);
	assert_int_equal(load(e, AT(queue_msix_vector), 2), 0);
	store(e, AT(queue_msix_vector), 2, 0);
	/* "On device reset ... NO_VECTOR" (4.1.5.1.2). */
	vrig_reset(&e->g);
	store(e, AT(queue_select), 2, 1);
	assert_int_equal(load(e, AT(queue_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
	assert_int_equal(load(e, AT(config_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
}

/* Where there are no messages, no vector is ever mapped. */
static void test_no_vectors_without_msix(void **state)
{
	struct env *e = *state;

	assert_int_equal(pci_rig_cap(&e->g.pci, e->g.slot, PCI_CAP_MSIX, 0), 0);
	store(e, AT(config_msix_vector), 2, 0);
	assert_int_equal(load(e, AT(config_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
	store(e, AT(queue_msix_vector), 2, 0);
	assert_int_equal(load(e, AT(queue_msix_vector), 2), VIRTIO_MSI_NO_VECTOR);
}

/* --- interrupts (4.1.4.5, 4.1.5.1.2) ---------------------------------------------------------- */

/* Unmapped events are silent; several may share a vector; the vector may change while it runs. */
static void test_vector_mapping(void **state)
{
	struct env *e = *state;
	unsigned total;

	vrig_probe(&e->g, PLAIN);
	round_trip(e, 0, 1);
	assert_true(EVENTUALLY(5000, e->g.msi[1] == 1));
	store(e, AT(queue_select), 2, 0);
	store(e, AT(queue_msix_vector), 2, VIRTIO_MSI_NO_VECTOR);
	round_trip(e, 0, 2);
	vrig_settle(&e->g);
	assert_int_equal(e->g.msi[1], 1);
	store(e, AT(queue_msix_vector), 2, 0);
	round_trip(e, 0, 3);
	assert_true(EVENTUALLY(5000, e->g.msi[0] == 1));
	store(e, AT(config_msix_vector), 2, VIRTIO_MSI_NO_VECTOR);
	total = e->g.msi[0] + e->g.msi[1] + e->g.msi[2] + e->g.msi[3];
	virtio_config_changed(&e->f->v);
	assert_int_equal(e->g.msi[0] + e->g.msi[1] + e->g.msi[2] + e->g.msi[3], total);
	/* 4.1.4.5.1: the configuration bit is set even so; the queue's is not. */
	assert_int_equal(vrig_take_isr(&e->g), VIRTIO_ISR_CONFIG);
	assert_false(e->g.wire.level);
}

/* 4.1.4.5.1: "The device MUST reset ISR status to 0 on driver read." The wire follows. */
static void test_isr(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, PLAIN);
	round_trip(e, 0, 1);
	vrig_settle(&e->g);
	virtio_config_changed(&e->f->v);
	assert_true(e->g.wire.level);
	assert_int_equal(cfg(e, 0x06, 2) & 0x8, 0x8); /* STATUS.Interrupt Status */
	assert_int_equal(load(e, VIRTIO_PCI_ISR + 1, 1), 0);
	assert_true(e->g.wire.level);
	assert_int_equal(load(e, VIRTIO_PCI_ISR, 1), 3);
	assert_false(e->g.wire.level);
	assert_int_equal(load(e, VIRTIO_PCI_ISR, 1), 0);
	assert_int_equal(cfg(e, 0x06, 2) & 0x8, 0);
	round_trip(e, 0, 2);
	vrig_settle(&e->g);
	assert_true(e->g.wire.level);
	/* An access of another width reads, and clears, the same byte. */
	assert_int_equal(load(e, VIRTIO_PCI_ISR, 4), 1);
	assert_false(e->g.wire.level);
	/* A reset of the device lets go of the wire. */
	round_trip(e, 0, 3);
	vrig_settle(&e->g);
	vrig_reset(&e->g);
	assert_false(e->g.wire.level);
}

/* --- notifications (4.1.4.4) ------------------------------------------------------------------ */

static void test_notify_addresses(void **state)
{
	struct env *e = *state;
	struct gd_used u;
	gpa_t at = VIRTIO_PCI_NOTIFY;

	vrig_probe(&e->g, PLAIN);
	vrig_settle(&e->g);
	e->g.bells.broken = true;
	/* By ports and by memory, with 16 bits as 4.1.5.2 has it, or any other width. */
	for (unsigned size = 1; size <= 4; size *= 2) {
		for (unsigned n = 0; n < FAKE_VIRTIO_QUEUES; n++) {
			vrig_add(&e->g, n, 1);
			gd_kick(&e->g.q[n]);
			pci_rig_out(&e->g.pci, (uint16_t)(e->g.io + 4 * n), size, n);
			vrig_next_used(&e->g, n, &u);
			vrig_add(&e->g, n, 2);
			gd_kick(&e->g.q[n]);
			store(e, (uint32_t)(at + 4 * n), size, n);
			vrig_next_used(&e->g, n, &u);
		}
	}
	/* Between and behind the addresses there is nothing. */
	vrig_add(&e->g, 0, 1);
	gd_kick(&e->g.q[0]);
	pci_rig_out(&e->g.pci, (uint16_t)(e->g.io + 1), 1, 0);
	pci_rig_out(&e->g.pci, (uint16_t)(e->g.io + 2), 2, 0);
	pci_rig_out(&e->g.pci, (uint16_t)(e->g.io + 12), 4, 0);
	store(e, VIRTIO_PCI_NOTIFY + 2, 2, 0);
	store(e, VIRTIO_PCI_NOTIFY + 0xffc, 4, 0);
	vrig_settle(&e->g);
	assert_false(gd_get_used(&e->g.q[0], &u));
	assert_int_equal(pci_rig_in(&e->g.pci, (uint16_t)e->g.io, 4), 0);
	assert_int_equal(load(e, VIRTIO_PCI_NOTIFY, 4), 0);
}

/* Doorbells are where the BAR is, while it is there. */
static void test_bar_moves(void **state)
{
	struct env *e = *state;
	uint64_t old = e->g.io;

	vrig_probe(&e->g, PLAIN);
	round_trip(e, 0, 1);
	round_trip(e, 0, 2);
	assert_int_equal(e->g.exits, 1);
	assert_true(fake_bells_write(&e->g.bells, true, old, 2, 0));
	cfg_write(e, 0x10 + 4 * VIRTIO_PCI_BAR_IO, 4, RIG_IO + 0x4000);
	e->g.io = RIG_IO + 0x4000;
	assert_false(fake_bells_write(&e->g.bells, true, old, 2, 0));
	round_trip(e, 0, 3);
	assert_int_equal(e->g.exits, 2);
	round_trip(e, 0, 4);
	assert_int_equal(e->g.exits, 2);
	cfg_write(e, COMMAND, 2, COMMAND_MEM | COMMAND_BME); /* no I/O decoding */
	assert_int_equal(fake_bells_cnt(&e->g.bells), 0);
	e->g.notify_mem = true;
	round_trip(e, 0, 5);
	round_trip(e, 0, 6);
	assert_int_equal(e->g.exits, 3);
	cfg_write(e, COMMAND, 2, COMMAND_IO | COMMAND_MEM | COMMAND_BME);
	e->g.notify_mem = false;
	round_trip(e, 0, 7);
	assert_int_equal(fake_bells_cnt(&e->g.bells), 2);
	vrig_reset(&e->g);
	assert_int_equal(fake_bells_cnt(&e->g.bells), 0);
}

/* --- COMMAND.BME ------------------------------------------------------------------------------ */

/* PCI 3.0, 6.2.2: "A value of 0 disables the device from generating PCI accesses." */
static void test_bus_master_off(void **state)
{
	struct env *e = *state;
	struct gd_used u;
	gpa_t out;

	vrig_probe(&e->g, PLAIN);
	e->f->hold = true;
	vrig_add(&e->g, 1, 9);
	vrig_kick(&e->g, 1);
	vrig_settle(&e->g);
	cfg_write(e, COMMAND, 2, COMMAND_IO | COMMAND_MEM);
	assert_true(gd_get_used(&e->g.q[1], &u)); /* finished before, not after */
	e->f->hold = false;
	out = vrig_add(&e->g, 0, 5);
	vrig_kick(&e->g, 0);
	vrig_settle(&e->g);
	assert_false(gd_get_used(&e->g.q[0], &u));
	assert_int_equal(load(e, AT(device_status), 1), RUNNING);
	cfg_write(e, COMMAND, 2, COMMAND_IO | COMMAND_MEM | COMMAND_BME);
	vrig_next_used(&e->g, 0, &u);
	assert_true(gm_read(e->g.gm, out, (uint32_t[1]){ 0 }, 4));
	/* Without it from the start: DRIVER_OK is remembered. */
	cfg_write(e, COMMAND, 2, COMMAND_IO | COMMAND_MEM);
	vrig_probe(&e->g, PLAIN);
	vrig_add(&e->g, 0, 5);
	vrig_kick(&e->g, 0);
	vrig_settle(&e->g);
	assert_false(gd_get_used(&e->g.q[0], &u));
	vrig_reset(&e->g); /* and a reset works meanwhile */
	cfg_write(e, COMMAND, 2, COMMAND_IO | COMMAND_MEM | COMMAND_BME);
	vrig_probe(&e->g, PLAIN);
	round_trip(e, 0, 1);
}

/* --- the window in configuration space (4.1.4.9) ---------------------------------------------- */

static unsigned window(struct env *e)
{
	unsigned at = pci_rig_cap(&e->g.pci, e->g.slot, PCI_CAP_VENDOR, 5);

	assert_int_equal(cfg(e, at + 3, 1), VIRTIO_PCI_CAP_PCI_CFG);
	return at;
}

static void aim(struct env *e, uint32_t bar, uint32_t offset, uint32_t length)
{
	unsigned at = window(e);

	cfg_write(e, at + 4, 1, bar);
	cfg_write(e, at + 8, 4, offset);
	cfg_write(e, at + 12, 4, length);
}

/* "the device MUST execute a read access ... and store the first cap.length bytes in pci_cfg_data",
 * even with decoding off: that is what it is for. */
static void test_window(void **state)
{
	struct env *e = *state;
	unsigned data = window(e) + 16;

	cfg_write(e, COMMAND, 2, 0);
	aim(e, 0, AT(num_queues), 2);
	assert_int_equal(cfg(e, data, 2), FAKE_VIRTIO_QUEUES);
	assert_int_equal(cfg(e, data, 4), FAKE_VIRTIO_QUEUES);
	aim(e, 0, AT(queue_select), 2);
	cfg_write(e, data, 4, 0xffff0001); /* the first two bytes count */
	assert_int_equal(cfg(e, data, 2), 1);
	aim(e, 0, AT(queue_size), 2);
	assert_int_equal(cfg(e, data, 2), 2 * FAKE_VIRTIO_SIZE);
	aim(e, 0, AT(device_status), 1);
	cfg_write(e, data, 1, VIRTIO_STATUS_ACKNOWLEDGE);
	assert_int_equal(cfg(e, data, 1), VIRTIO_STATUS_ACKNOWLEDGE);
	aim(e, 0, VIRTIO_PCI_DEVICE + 8, 1);
	cfg_write(e, data, 1, 0x33);
	assert_int_equal(cfg(e, data, 1), 0x33);
	/* A driver may do everything through it. */
	cfg_write(e, COMMAND, 2, 7);
	vrig_probe(&e->g, PLAIN);
	vrig_add(&e->g, 1, 1);
	gd_kick(&e->g.q[1]);
	aim(e, VIRTIO_PCI_BAR_IO, 4, 2);
	cfg_write(e, data, 2, 1);
	vrig_next_used(&e->g, 1, &(struct gd_used){ 0 });
	aim(e, 0, VIRTIO_PCI_ISR, 1);
	virtio_config_changed(&e->f->v);
	assert_int_equal(cfg(e, data, 1), VIRTIO_ISR_CONFIG);
	assert_int_equal(cfg(e, data, 1), 0);
	/* Writing elsewhere in the capability is no access. */
	virtio_config_changed(&e->f->v);
	assert_int_equal(cfg(e, window(e) + 12, 4), 1);
	assert_int_equal(cfg(e, data, 1), VIRTIO_ISR_CONFIG);
}

/* Robustness row 66: a window that points anywhere. It reads 0, writes nothing, and harms nobody.
 */
static void test_row66_hostile_window(void **state)
{
	static const struct {
		uint32_t bar, offset, length;
	} bad[] = {
		{ 0, 0, 0 },
		{ 0, 0, 3 },
		{ 0, 0, 5 },
		{ 0, 0, 8 },
		{ 0, 0, UINT32_MAX },
		{ 0, 0, 0x80000001 },
		{ 0, 1, 2 },
		{ 0, 2, 4 },
		{ 0, VIRTIO_PCI_MEM_LEN, 4 },
		{ 0, VIRTIO_PCI_MEM_LEN, 1 },
		{ 0, VIRTIO_PCI_MEM_LEN - 2, 4 },
		{ 0, UINT32_MAX, 1 },
		{ 0, 0xfffffffc, 4 },
		{ 1, 0, 4 }, /* the MSI-X table is no virtio structure */
		{ 2, 16, 4 },
		{ 2, 0x100, 1 },
		{ 3, 0, 4 },
		{ 5, 0, 4 },
		{ 6, 0, 4 },
		{ 0xff, 0, 4 },
	};
	struct env *e = *state;
	unsigned at = window(e), data = at + 16;
	struct storm s = { 66 };

	vrig_probe(&e->g, PLAIN);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		aim(e, bad[i].bar, bad[i].offset, bad[i].length);
		cfg_write(e, data, 4, UINT32_MAX);
		assert_int_equal(cfg(e, data, 4), 0);
	}
	assert_int_equal(load(e, AT(device_status), 1), RUNNING);
	round_trip(e, 0, 1);
	/* Type, length and link of the capability are not for the guest to write. */
	cfg_write(e, at, 4, UINT32_MAX);
	assert_int_equal(cfg(e, at, 1), PCI_CAP_VENDOR);
	assert_int_equal(cfg(e, at + 2, 1), 20);
	assert_int_equal(cfg(e, at + 3, 1), VIRTIO_PCI_CAP_PCI_CFG);
	/* And every other way, in odd widths. */
	for (unsigned i = 0; i < 30000; i++) {
		unsigned size = 1u << storm_next(&s) % 3;
		unsigned off = at + storm_next(&s) % 20;

		off -= off % size;
		if (storm_next(&s) % 2)
			cfg_write(e, off, size, storm_next(&s) >> storm_next(&s) % 32);
		else
			cfg(e, off, size);
	}
	vrig_probe(&e->g, PLAIN);
	round_trip(e, 0, 2);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct virtio_rig *h = calloc(1, sizeof(*h));
	struct fake_virtio *f;

	vrig_probe(&e->g, PLAIN);
	vrig_settle(&e->g);
	virtio_config_changed(&e->f->v);
	vrig_write(&e->g, VRIG_DEVICE_FEATURES_SEL, 1);
	vrig_write(&e->g, VRIG_DRIVER_FEATURES_SEL, 5);
	vrig_write(&e->g, VRIG_QUEUE_SEL, 2);
	aim(e, 0, 4, 4);
	cfg_write(e, 0x10 + 4 * VIRTIO_PCI_BAR_IO, 4, RIG_IO + 0x4000);
	vrig_init(h, VRIG_PCI);
	f = fake_virtio_create(h->gm, h->loop, true);
	vrig_plug(h, &f->v);
	device_reset(h->xport);
	pci_rig_reset(&h->pci);
	assert_snapshot_round_trip(e->g.xport, h->xport);
	assert_int_equal(pci_rig_bar(&h->pci, h->slot, VIRTIO_PCI_BAR_IO), RIG_IO + 0x4000);
	assert_int_equal(vrig_read(h, VRIG_DEVICE_FEATURES), virtio_offered_word(&f->v, 1));
	vrig_write(h, VRIG_QUEUE_SEL, 1);
	assert_int_equal(pci_rig_load(&h->pci, h->mem + AT(queue_msix_vector), 2), 2);
	assert_int_equal(pci_rig_load(&h->pci, h->mem + AT(config_msix_vector), 2), 0);
	assert_true(f->v.may_dma);
	assert_int_equal(vrig_take_isr(h), VIRTIO_ISR_CONFIG);
	vrig_unplug(h);
	fake_virtio_destroy(f);
	vrig_fini(h);
	free(h);
}

static void test_hostile_snapshot(void **state)
{
	static const struct {
		const char *field;
		unsigned idx;
		uint64_t val;
		const char *why;
	} bad[] = {
		{ "t.isr_bits", 0, 0x80, "interrupts" },
		{ "config_vec", 0, FAKE_VIRTIO_QUEUES + 1, "interrupts" },
		{ "t.queue_sel", 0, UINT16_MAX + 1, "queue" },
		{ "vec", 0, 0xfffe, "interrupts" },
		{ "vec", 2, 64, "interrupts" },
	};
	struct env *e = *state;
	struct virtio_rig *h = calloc(1, sizeof(*h));
	struct fake_virtio *f;

	vrig_probe(&e->g, PLAIN);
	vrig_init(h, VRIG_PCI);
	f = fake_virtio_create(h->gm, h->loop, true);
	vrig_plug(h, &f->v);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		device_reset(h->xport);
		pci_rig_reset(&h->pci);
		assert_snapshot_round_trip(e->g.xport, h->xport);
		state_poke(h->xport, bad[i].field, bad[i].idx, bad[i].val);
		assert_state_refused(h->xport, bad[i].why);
	}
	/* Another device's configuration space. */
	device_reset(h->xport);
	pci_rig_reset(&h->pci);
	assert_snapshot_round_trip(e->g.xport, h->xport);
	state_poke(h->xport, "func.cfg", 2, 0x41);
	assert_state_refused(h->xport, "configuration space");
	vrig_unplug(h);
	fake_virtio_destroy(f);
	vrig_fini(h);
	free(h);
}

/* --- noise ------------------------------------------------------------------------------------ */

/* A driver that writes at random into all BARs and registers. */
static void test_storm(void **state)
{
	struct env *e = *state;
	struct storm s = { 0xbad5eed };

	for (unsigned i = 0; i < 60000; i++) {
		uint32_t page = storm_next(&s) % 4 * 0x1000, off = storm_next(&s) % 0x48;
		unsigned size = 1u << storm_next(&s) % 4;
		uint32_t val = storm_next(&s);

		if (storm_next(&s) % 4)
			val &= 0xf;
		if (storm_next(&s) % 3)
			pci_rig_store(&e->g.pci, e->g.mem + page + off, size, val);
		else
			pci_rig_load(&e->g.pci, e->g.mem + page + off, size);
		if (i % 16 == 0)
			pci_rig_out(&e->g.pci, (uint16_t)(e->g.io + off % 16), 1, val);
		if (i % 64 == 0)
			cfg_write(e, COMMAND, 2, val | COMMAND_MEM);
	}
	cfg_write(e, COMMAND, 2, 7);
	vrig_probe(&e->g, PLAIN);
	round_trip(e, 0, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define I(name) cmocka_unit_test_setup_teardown(name, setup_intx, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identity),
		T(test_capabilities),
		T(test_no_device_cfg),
		T(test_common_registers),
		T(test_vectors),
		I(test_no_vectors_without_msix),
		T(test_vector_mapping),
		I(test_isr),
		T(test_notify_addresses),
		T(test_bar_moves),
		T(test_bus_master_off),
		T(test_window),
		T(test_row66_hostile_window),
		I(test_row66_hostile_window),
		T(test_snapshot),
		T(test_hostile_snapshot),
		T(test_storm),
		I(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
