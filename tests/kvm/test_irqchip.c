/* SPDX-License-Identifier: MIT */
/* irqchip.c: the wires into KVM's interrupt controllers, and their power-on state. */
#include <errno.h>
#include <string.h>

#include "kvm/vm_internal.h"
#include "tests/lib/fake.h"
#include "tests/lib/port.h"

static struct vm *open_vm(enum irqchip_mode mode)
{
	struct error *e = NULL;
	struct vm *vm = NULL;

	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		print_message("# no access to /dev/kvm\n");
		skip();
	}
	assert_int_equal(vm_open(&vm, &e), 0);
	assert_int_equal(vm_create_irqchip(vm, mode, &e), 0);
	assert_no_error(e);
	return vm;
}

static struct kvm_irqchip get_chip(struct vm *vm, unsigned id)
{
	struct kvm_irqchip chip = { .chip_id = id };

	assert_int_equal(kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip), 0);
	return chip;
}

static unsigned pic_irr(struct vm *vm)
{
	return get_chip(vm, KVM_IRQCHIP_PIC_MASTER).chip.pic.irr |
	       (unsigned)get_chip(vm, KVM_IRQCHIP_PIC_SLAVE).chip.pic.irr << 8;
}

static unsigned ioapic_irr(struct vm *vm)
{
	return get_chip(vm, KVM_IRQCHIP_IOAPIC).chip.ioapic.irr;
}

static void reset(struct vm *vm)
{
	struct error *e = NULL;

	assert_int_equal(vm_reset_irqchip(vm, &e), 0);
}

/* MultiProcessor Specification 1.4, 3.6.1: ISA interrupt 0 is wired to pin 2 of the I/O APIC, the
 * others to the pin of their number; all but the cascade reach the 8259s. */
static void gsi_reaches_both_controllers(void **state)
{
	struct vm *vm = open_vm(IRQCHIP_KERNEL);

	(void)state;
	for (unsigned gsi = 0; gsi < KVM_GSIS; gsi++) {
		unsigned pic = gsi < 16 && gsi != 2 ? 1u << gsi : 0;
		unsigned pin = gsi == 2 ? 0 : gsi == 0 ? 1u << 2 : 1u << gsi;

		reset(vm);
		irq_set(vm_gsi_line(vm, gsi), true);
		/* The slave's request shows at the master's pin 2 as well. */
		assert_int_equal(pic_irr(vm) & ~(gsi > 7 ? 1u << 2 : 0), pic);
		assert_int_equal(ioapic_irr(vm), pin);
		irq_set(vm_gsi_line(vm, gsi), false);
	}
	assert_ptr_equal(vm_gsi_line(vm, KVM_GSIS), &irq_none);
	vm_close(vm);
}

/* 82093AA 3.2.4: "Interrupt Mask ... 1 = masked" after reset in every entry. */
static void reset_forgets_everything(void **state)
{
	struct vm *vm = open_vm(IRQCHIP_KERNEL);
	struct kvm_irqchip fresh = get_chip(vm, KVM_IRQCHIP_IOAPIC), chip = fresh;
	struct kvm_pit_state2 pit = { 0 }, fresh_pit = { 0 };

	(void)state;
	assert_int_equal(kvm_ioctl(vm->fd, KVM_GET_PIT2, &fresh_pit), 0);
	chip.chip.ioapic.id = 5;
	chip.chip.ioapic.ioregsel = 0x10;
	for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		chip.chip.ioapic.redirtbl[i].bits = 0x0300000000000030 + i;
	assert_int_equal(kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip), 0);
	chip = get_chip(vm, KVM_IRQCHIP_PIC_MASTER);
	chip.chip.pic.imr = 0xfb;
	chip.chip.pic.irq_base = 0x20;
	chip.chip.pic.elcr = 0x20;
	assert_int_equal(kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip), 0);
	pit = fresh_pit;
	pit.channels[0].count = 1193;
	pit.channels[0].mode = 2;
	pit.channels[0].rw_mode = 3;
	assert_int_equal(kvm_ioctl(vm->fd, KVM_SET_PIT2, &pit), 0);

	reset(vm);
	chip = get_chip(vm, KVM_IRQCHIP_IOAPIC);
	assert_int_equal(chip.chip.ioapic.id, 0);
	assert_int_equal(chip.chip.ioapic.ioregsel, 0);
	assert_int_equal(chip.chip.ioapic.base_address, 0xfec00000);
	for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		assert_int_equal(chip.chip.ioapic.redirtbl[i].bits,
				 fresh.chip.ioapic.redirtbl[i].bits);
	chip = get_chip(vm, KVM_IRQCHIP_PIC_MASTER);
	assert_int_equal(chip.chip.pic.imr, 0);
	assert_int_equal(chip.chip.pic.irq_base, 0);
	assert_int_equal(chip.chip.pic.elcr, 0);
	assert_int_equal(chip.chip.pic.elcr_mask, 0xf8);
	assert_int_equal(get_chip(vm, KVM_IRQCHIP_PIC_SLAVE).chip.pic.elcr_mask, 0xde);
	assert_int_equal(kvm_ioctl(vm->fd, KVM_GET_PIT2, &pit), 0);
	for (unsigned i = 0; i < ARRAY_LEN(pit.channels); i++) {
		assert_int_equal(pit.channels[i].count, fresh_pit.channels[i].count);
		assert_int_equal(pit.channels[i].mode, fresh_pit.channels[i].mode);
		assert_int_equal(pit.channels[i].gate, fresh_pit.channels[i].gate);
	}
	vm_close(vm);
}

/* Shared interrupts are level-triggered at the 8259s; the timer's and the keyboard's cannot be. */
static void elcr_is_firmwares_to_set(void **state)
{
	struct vm *vm = open_vm(IRQCHIP_KERNEL);
	struct error *e = NULL;

	(void)state;
	assert_int_equal(vm_set_elcr(vm, 0xffff, &e), 0);
	assert_int_equal(get_chip(vm, KVM_IRQCHIP_PIC_MASTER).chip.pic.elcr, 0xf8);
	assert_int_equal(get_chip(vm, KVM_IRQCHIP_PIC_SLAVE).chip.pic.elcr, 0xde);
	assert_int_equal(vm_set_elcr(vm, 0x0c20, &e), 0);
	assert_int_equal(get_chip(vm, KVM_IRQCHIP_PIC_MASTER).chip.pic.elcr, 0x20);
	assert_int_equal(get_chip(vm, KVM_IRQCHIP_PIC_SLAVE).chip.pic.elcr, 0x0c);
	/* As a level the request goes away with its cause. */
	irq_set(vm_gsi_line(vm, 10), true);
	assert_int_equal(pic_irr(vm) & 1u << 10, 1u << 10);
	irq_set(vm_gsi_line(vm, 10), false);
	assert_int_equal(pic_irr(vm) & 1u << 10, 0);
	vm_close(vm);
}

static bool pulse(int fd)
{
	uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == sizeof(one);
}

/* Linux api.rst, KVM_IRQFD: "When an event is triggered on the eventfd, an interrupt is injected
 * into the guest using the specified gsi pin." The 8259 keeps the edge. */
static void irqfd_reaches_the_pin(void **state)
{
	struct vm *vm = open_vm(IRQCHIP_KERNEL);
	int fd = irq_trigger_fd(vm_gsi_line(vm, 5));

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(vm_irqfd(vm, 5), fd); /* made once */
	assert_int_not_equal(vm_irqfd(vm, 6), fd);
	assert_true(pulse(fd));
	assert_true(EVENTUALLY(1000, pic_irr(vm) == 1u << 5));
	vm_close(vm);
}

/* KVM must know of a pin only while it can matter: level triggered, or with an irqfd. */
static void split_routes_what_matters(void **state)
{
	struct vm *vm = open_vm(IRQCHIP_SPLIT);
	struct msi_sink *sink = vm_msi_sink(vm);
	const struct msi_msg edge = { .addr = 0xfee00000, .data = 0x31 };
	const struct msi_msg level = { .addr = 0xfee00000, .data = 0x8032 };

	(void)state;
	mutex_lock(&vm->route_lock);
	for (unsigned i = 0; i < KVM_GSIS; i++)
		assert_false(vm->pin[i].live);
	mutex_unlock(&vm->route_lock);
	sink->ops->route(sink, 3, &edge, false);
	sink->ops->route(sink, 4, &level, false);
	sink->ops->route(sink, 6, &level, true);
	sink->ops->route(sink, KVM_GSIS, &level, false); /* no such pin */
	mutex_lock(&vm->route_lock);
	assert_false(vm->pin[3].live);
	assert_true(vm->pin[4].live);
	assert_false(vm->pin[6].live);
	mutex_unlock(&vm->route_lock);

	assert_true(sink->ops->trigger_fd(sink, 3) >= 0);
	sink->ops->route(sink, 4, &level, true);
	mutex_lock(&vm->route_lock);
	assert_true(vm->pin[3].live);
	assert_int_equal(vm->pin[3].msg.data, 0x31);
	assert_false(vm->pin[4].live);
	mutex_unlock(&vm->route_lock);
	assert_int_equal(vm_irqfd(vm, KVM_GSIS), -1);
	/* KVM holds nothing but local APICs: nothing of its own to reset. */
	reset(vm);
	vm_close(vm);
}

/* A message to a CPU that is not there is not delivered, and no worse. */
static void message_to_nobody(void **state)
{
	struct vm *vm = open_vm(IRQCHIP_SPLIT);
	struct msi_sink *sink = vm_msi_sink(vm);

	(void)state;
	assert_true(sink->ops->send(sink, &(struct msi_msg){ .addr = 0xfee05000, .data = 0x31 }) <=
		    0);
	vm_close(vm);
}

static void user_mode_has_nothing_in_kvm(void **state)
{
	struct vm *vm = open_vm(IRQCHIP_USER);
	struct kvm_irqchip chip = { 0 };

	(void)state;
	assert_int_equal(vm_irqfd(vm, 4), -1);
	assert_int_equal(kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip), -ENXIO);
	reset(vm);
	vm_close(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gsi_reaches_both_controllers),
		cmocka_unit_test(reset_forgets_everything),
		cmocka_unit_test(elcr_is_firmwares_to_set),
		cmocka_unit_test(irqfd_reaches_the_pin),
		cmocka_unit_test(split_routes_what_matters),
		cmocka_unit_test(message_to_nobody),
		cmocka_unit_test(user_mode_has_nothing_in_kvm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
