/* SPDX-License-Identifier: MIT */
/* src/machine/pci.c: whether there is a PCI bus, and what it may use. */
#include "devices/chip/acpi_pm.h"
#include "devices/chip/i8259.h"
#include "kvm/vm_internal.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "tests/lib/fake.h"
#include "vmm/pci.h"

static void wanted_when_something_sits_on_it(void **state)
{
	static const struct {
		enum pci_presence pci;
		enum virtio_transport transport;
		unsigned disks;
		bool wanted;
	} cases[] = {
		{ PCI_AUTO, VIRTIO_TRANSPORT_PCI, 0, false },
		{ PCI_AUTO, VIRTIO_TRANSPORT_PCI, 1, true },
		{ PCI_AUTO, VIRTIO_TRANSPORT_MMIO, 1, false },
		{ PCI_ON, VIRTIO_TRANSPORT_PCI, 0, true },
		{ PCI_ON, VIRTIO_TRANSPORT_MMIO, 0, true },
		{ PCI_OFF, VIRTIO_TRANSPORT_PCI, 1, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct vm_config c = { .board = { .pci = cases[i].pci,
						  .transport = cases[i].transport },
				       .disks.cnt = cases[i].disks };

		assert_int_equal(machine_wants_pci(&c), cases[i].wanted);
	}
}

/* A machine in IRQCHIP_USER, which needs no KVM. */
struct bench {
	struct vm_config config;
	struct machine m;
	struct vm vm;
	struct fake_irq isa[16];
	struct fake_clock clock;
	struct fake_power power;
	struct error *e;
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct acpi_pm_config pm = { .id = "pm0",
				     .clock = &b->clock.clock,
				     .power = &b->power.sink };

	*state = b;
	b->m.memory_end = 4 * GIB;
	b->config.board.irqchip = IRQCHIP_USER;
	b->config.board.pci = PCI_ON;
	b->m.config = &b->config;
	b->vm.mode = IRQCHIP_USER;
	b->m.vm = &b->vm;
	b->m.address_bits = 46;
	fake_clock_init(&b->clock);
	fake_power_init(&b->power);
	for (unsigned i = 0; i < ARRAY_LEN(b->isa); i++) {
		fake_irq_init(&b->isa[i]);
		b->m.irq[i] = &b->isa[i].line;
	}
	b->m.epoch = epoch_create(1, &b->e);
	b->m.pio = bus_create("port", 0x10000, b->m.epoch, &b->e);
	b->m.mmio = bus_create("memory", 0, b->m.epoch, &b->e);
	assert_int_equal(acpi_pm_create(&pm, &b->m.pm, &b->e), 0);
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	for (struct device *d = b->m.devices, *next; d; d = next) {
		next = d->next;
		d->ops->destroy(d);
	}
	acpi_pm_device(b->m.pm)->ops->destroy(acpi_pm_device(b->m.pm));
	interrupts_destroy(&b->m);
	bus_destroy(b->m.mmio);
	bus_destroy(b->m.pio);
	epoch_destroy(b->m.epoch);
	free(b);
	return 0;
}

static void add(struct bench *b)
{
	assert_int_equal(machine_add_pci(&b->m, &b->config, &b->e), 0);
	assert_no_error(b->e);
}

/* Ports, memory and the reset register are where the tables say. */
static void bridge_is_reached(void **state)
{
	struct bench *b = *state;
	struct bus_hint pio = { 0 }, mmio = { 0 };

	add(b);
	bus_write(b->m.pio, &pio, PORT_PCI_ADDR, 4, 0x80000000);
	assert_int_equal(bus_read(b->m.pio, &pio, PORT_PCI_DATA, 4), 0x00081b36);
	assert_int_equal(bus_read(b->m.mmio, &mmio, b->m.board.pci.ecam_base, 4), 0x00081b36);
	assert_int_equal(b->m.board.pci.ecam_len, LAYOUT_ECAM_LEN);
	bus_write(b->m.pio, &pio, PORT_RESET, 1, 2);
	assert_int_equal(bus_read(b->m.pio, &pio, PORT_RESET, 1), 2);
	assert_int_equal(b->power.requests, 0);
	bus_write(b->m.pio, &pio, PORT_RESET, 1, RESET_VALUE);
	assert_int_equal(b->power.requests, 1);
	assert_int_equal(machine_describe_pci(&b->m, &b->config, &b->e), 0);
	assert_int_equal(b->m.board.pci.slots, 0); /* the bridge has no pin */
}

struct toy {
	struct device dev;
	struct pci_func func;
};

/* Without an IOAPIC the four lines share ISA interrupts 10 and 11. */
static void lines_without_an_ioapic(void **state)
{
	static const struct device_ops ops = { .name = "toy" };
	static const struct pci_ident ident = { .vendor = 1, .intx = true };
	struct bench *b = *state;
	struct toy toy[4] = { 0 };

	add(b);
	for (unsigned i = 0; i < 4; i++) {
		device_init(&toy[i].dev, &ops, "toy", NULL, 0);
		pci_func_init(&toy[i].func, &toy[i].dev, NULL, &ident);
		assert_int_equal(pci_bus_attach(b->m.pci, &toy[i].func, (int)(4 + i), &b->e), 0);
		pci_irq_intx(&toy[i].func, true);
		assert_true(b->isa[10 + i % 2].level);
		assert_int_equal(toy[i].func.cfg[0x3c], 10 + i % 2);
		assert_int_equal(b->m.board.pci.irq[i], 10 + i % 2);
	}
	assert_int_equal(machine_describe_pci(&b->m, &b->config, &b->e), 0);
	assert_int_equal(b->m.board.pci.slots, 0xf0);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(b->isa[10].level || i > 2);
		pci_irq_intx(&toy[i].func, false);
	}
	assert_false(b->isa[10].level || b->isa[11].level);
	for (unsigned i = 0; i < 4; i++) {
		pci_bus_detach(&toy[i].func);
		pci_func_fini(&toy[i].func);
		mutex_destroy(&toy[i].dev.lock);
	}
}

/* The window above RAM for every size of address space and of RAM: never over RAM, never beyond
 * what the CPU can name. */
static void window_above_ram(void **state)
{
	static const unsigned bits[] = { 32, 33, 36, 39, 40, 46, 48, 52, 64 };
	/* Of memory, RAM or persistent. */
	static const uint64_t ends[] = { 4 * GIB,  4 * GIB + MIB, 5 * GIB,
					 31 * GIB, 601 * GIB,     2001 * GIB };
	struct bench *b = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bits); i++) {
		for (unsigned j = 0; j < ARRAY_LEN(ends); j++) {
			uint64_t end = ends[j];
			const struct board_window *w = &b->m.board.pci.mem64;

			if (bits[i] < 64 && end > UINT64_C(1) << bits[i])
				continue; /* board.c has refused that */
			b->m.address_bits = bits[i];
			b->m.memory_end = end;
			add(b);
			if (w->len) {
				assert_true(w->base >= end);
				assert_true(bits[i] == 64 ||
					    w->base + w->len <= UINT64_C(1) << bits[i]);
				assert_int_equal(w->base % GIB, 0);
			}
			/* A common machine has one that holds what is large. */
			if (bits[i] >= 36 && end <= 31 * GIB)
				assert_true(w->len >= 16 * GIB);
			if (bits[i] <= 33)
				assert_int_equal(w->len, 0);
			teardown(state);
			setup(state);
			b = *state;
		}
	}
}

/* Windows, ECAM and the fixed devices do not overlap. */
static void windows_below_4_gib(void **state)
{
	struct bench *b = *state;
	const struct board_pci *p = &b->m.board.pci;

	add(b);
	assert_true(p->ecam_base >= LAYOUT_RAM_LOW_MAX);
	assert_true(p->ecam_base + p->ecam_len <= p->mem32.base);
	assert_true(p->mem32.base + p->mem32.len <= LAYOUT_VIRTIO_MMIO);
	assert_true(LAYOUT_VIRTIO_MMIO + LAYOUT_VIRTIO_MMIO_LEN <= LAYOUT_MMIO_END);
	assert_int_equal(p->io.base, 0x1000);
	assert_int_equal(p->io.base + p->io.len, 0x10000);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wanted_when_something_sits_on_it),
		CASE(bridge_is_reached),
		CASE(lines_without_an_ioapic),
		CASE(window_above_ram),
		CASE(windows_below_4_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
