/* SPDX-License-Identifier: MIT */
/* src/machine/virtio.c: where virtio devices are put, and what the guest is told of it. */
#include <string.h>

#include "devices/chip/acpi_pm.h"
#include "kvm/vm_internal.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "tests/lib/fake_virtio.h"
#include "tests/lib/guest_driver.h"
#include "vmm/pci.h"

/* A machine in IRQCHIP_USER, which needs no KVM. */
struct bench {
	struct vm_config config;
	struct machine m;
	struct vm vm;
	struct loop *loop;
	struct fake_irq isa[16];
	struct fake_clock clock;
	struct fake_power power;
	struct error *e;
};

static void destroy_fake(struct device *d)
{
	fake_virtio_destroy(container_of(d, struct fake_virtio, v.dev));
}

/* A device that the machine can take apart. */
static struct virtio_device *new_device(struct bench *b, const char *id)
{
	static struct device_ops ops;
	struct fake_virtio *f = fake_virtio_create(b->m.gm, b->loop, false);

	ops = *f->v.dev.ops;
	ops.destroy = destroy_fake;
	f->v.dev.ops = &ops;
	strcpy(f->v.dev.id, id);
	return &f->v;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	b->config.mem.size = GIB;
	b->config.board.irqchip = IRQCHIP_USER;
	b->config.board.acpi = true;
	b->m.config = &b->config;
	b->vm.mode = IRQCHIP_USER;
	b->m.vm = &b->vm;
	b->m.address_bits = 46;
	b->m.gm = gd_mem_create();
	b->loop = loop_create("test", &b->e);
	fake_clock_init(&b->clock);
	fake_power_init(&b->power);
	for (unsigned i = 0; i < ARRAY_LEN(b->isa); i++) {
		fake_irq_init(&b->isa[i]);
		b->m.irq[i] = &b->isa[i].line;
	}
	b->m.epoch = epoch_create(1, &b->e);
	b->m.pio = bus_create("port", 0x10000, b->m.epoch, &b->e);
	b->m.mmio = bus_create("memory", 0, b->m.epoch, &b->e);
	assert_no_error(b->e);
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	for (struct device *d = b->m.devices, *next; d; d = next) {
		next = d->next;
		if (d->ops->stop)
			d->ops->stop(d);
		d->ops->destroy(d);
	}
	interrupts_destroy(&b->m);
	free(b->m.virtio);
	bus_destroy(b->m.mmio);
	bus_destroy(b->m.pio);
	epoch_destroy(b->m.epoch);
	loop_destroy(b->loop);
	gm_destroy(b->m.gm);
	free(b);
	return 0;
}

static uint32_t load(struct bench *b, gpa_t at)
{
	struct bus_hint h = { 0 };

	return (uint32_t)bus_read(b->m.mmio, &h, at, 4);
}

/* Each in a page of its own, with an interrupt that it may share, as the description says. */
static void test_mmio(void **state)
{
	static const uint8_t irq[] = { 5, 10, 11, 5 };
	struct bench *b = *state;
	struct virtio_device *v[4];

	b->config.board.transport = VIRTIO_TRANSPORT_MMIO;
	for (unsigned i = 0; i < 4; i++) {
		char id[] = { 'd', (char)('0' + i), '\0' };
		gpa_t base = LAYOUT_VIRTIO_MMIO + i * 0x1000;
		const struct board_dev *d = &b->m.board.devs[i];

		v[i] = new_device(b, id);
		if (machine_add_virtio(&b->m, v[i], &b->e) < 0)
			assert_no_error(b->e);
		assert_int_equal(load(b, base), VIRTIO_MMIO_MAGIC);
		assert_int_equal(load(b, base + VIRTIO_MMIO_DEVICE_ID), FAKE_VIRTIO_TYPE);
		assert_int_equal(load(b, base + VIRTIO_MMIO_CONFIG + 8) >> 8 & 0xff,
				 FAKE_VIRTIO_FIXED);
		assert_string_equal(d->hid, "LNRO0005");
		assert_int_equal(d->uid, i);
		assert_string_equal(d->fdt_compatible, "virtio,mmio");
		assert_int_equal(d->res_cnt, 2);
		assert_true(d->res[0].kind == BOARD_RES_MMIO && d->res[0].base == base &&
			    d->res[0].len == 0x1000);
		assert_true(d->res[1].kind == BOARD_RES_IRQ && d->res[1].base == irq[i] &&
			    d->res[1].level && d->res[1].shared && !d->res[1].active_low);
	}
	assert_int_equal(b->m.board.dev_cnt, 4);
	/* What they drive is what was described: one wire, two devices. */
	atomic_store(&v[0]->status, VIRTIO_STATUS_DRIVER_OK);
	atomic_store(&v[3]->status, VIRTIO_STATUS_DRIVER_OK);
	virtio_config_changed(v[0]);
	virtio_config_changed(v[3]);
	assert_true(b->isa[5].level);
	for (unsigned i = 0; i < 4; i += 3) {
		struct bus_hint h = { 0 };

		assert_true(b->isa[5].level);
		bus_write(b->m.mmio, &h,
			  LAYOUT_VIRTIO_MMIO + i * 0x1000 + VIRTIO_MMIO_INTERRUPT_ACK, 4, 3);
	}
	assert_false(b->isa[5].level);
	assert_false(b->isa[10].level || b->isa[11].level);
	/* The transport is taken apart before the device. */
	assert_ptr_equal(b->m.devices->next, &v[3]->dev);
}

/* As many as have room, and a reason for the next. */
static void test_mmio_room(void **state)
{
	struct bench *b = *state;
	unsigned room = LAYOUT_VIRTIO_MMIO_LEN / 0x1000;

	b->config.board.transport = VIRTIO_TRANSPORT_MMIO;
	for (unsigned i = 0; i < room; i++) {
		if (machine_add_virtio(&b->m, new_device(b, "d"), &b->e) < 0)
			assert_no_error(b->e);
	}
	assert_true(machine_add_virtio(&b->m, new_device(b, "late"), &b->e) < 0);
	assert_error(b->e, "no room for 'late'");
}

static void test_pci(void **state)
{
	struct bench *b = *state;
	struct acpi_pm_config pm = { .id = "pm0",
				     .clock = &b->clock.clock,
				     .power = &b->power.sink };
	struct bus_hint h = { 0 };
	struct virtio_device *v = new_device(b, "d0");

	assert_int_equal(acpi_pm_create(&pm, &b->m.pm, &b->e), 0);
	machine_add_device(&b->m, acpi_pm_device(b->m.pm));
	assert_int_equal(machine_add_pci(&b->m, &b->config, &b->e), 0);
	if (machine_add_virtio(&b->m, v, &b->e) < 0)
		assert_no_error(b->e);
	assert_int_equal(bus_read(b->m.mmio, &h, LAYOUT_ECAM + (1 << 15), 4),
			 (VIRTIO_PCI_DEVICE_BASE + FAKE_VIRTIO_TYPE) << 16 | VIRTIO_PCI_VENDOR);
	assert_false(v->may_dma);
	assert_ptr_equal(b->m.devices->next, &v->dev);
	assert_int_equal(b->m.board.dev_cnt, 0); /* it is found by looking */
}

static void test_no_pci_bus(void **state)
{
	struct bench *b = *state;

	assert_true(machine_add_virtio(&b->m, new_device(b, "disk0"), &b->e) < 0);
	assert_non_null(error_hint(b->e));
	assert_error(b->e, "'disk0' needs a PCI bus");
	/* The device is the machine's all the same. */
	assert_non_null(b->m.devices);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_mmio), T(test_mmio_room), T(test_pci),
					    T(test_no_pci_bus) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
