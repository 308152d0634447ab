/* SPDX-License-Identifier: MIT */
/*
 * irqchip.c: the in-kernel part of the interrupt controllers, and the wires to it. Messages and
 * descriptors are in msi.c.
 *
 *   split    local APICs in KVM. Our IOAPIC's messages enter by KVM_SIGNAL_MSI; KVM tells of EOIs
 *            (KVM_EXIT_IOAPIC_EOI) for the level-triggered pins in its routing table.
 *   kernel   local APICs, PIC, IOAPIC and PIT in KVM; a wire is KVM_IRQ_LINE.
 *   user     nothing in KVM; vcpu.c injects what the 8259 acknowledges.
 */
#include <errno.h>
#include <string.h>

#include "kvm/vm_internal.h"
#include "vmm/error.h"

/* --- kernel: wires ---------------------------------------------------------------------------- */

static void gsi_set(struct irq_line *l, bool level)
{
	struct vm *vm = l->chip;
	struct kvm_irq_level irq = { .irq = l->pin, .level = level };

	kvm_ioctl(vm->fd, KVM_IRQ_LINE, &irq);
}

static int gsi_trigger_fd(struct irq_line *l)
{
	return vm_irqfd(l->chip, l->pin);
}

static const struct irq_ops gsi_ops = { .set = gsi_set, .trigger_fd = gsi_trigger_fd };

struct irq_line *vm_gsi_line(struct vm *vm, unsigned gsi)
{
	return gsi < KVM_GSIS ? &vm->gsi[gsi] : &irq_none;
}

/* --- life ------------------------------------------------------------------------------------- */

void irqchip_init(struct vm *vm)
{
	vm->mode = IRQCHIP_USER;
	for (unsigned i = 0; i < KVM_GSIS; i++)
		vm->gsi[i] = (struct irq_line){ .ops = &gsi_ops, .chip = vm, .pin = i };
	msi_init(vm);
}

void irqchip_destroy(struct vm *vm)
{
	msi_destroy(vm);
}

static int create_kernel(struct vm *vm, struct error **errp)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int r = kvm_ioctl_val(vm->fd, KVM_CREATE_IRQCHIP, 0);

	if (r < 0)
		return err_errno(errp, -r, "KVM cannot create its interrupt controllers");
	r = kvm_ioctl(vm->fd, KVM_CREATE_PIT2, &pit);
	if (r < 0)
		return err_errno(errp, -r, "KVM cannot create its interval timer");
	r = msi_push_routes(vm);
	if (r < 0)
		return err_errno(errp, -r, "KVM refuses the interrupt routing of a PC");
	return 0;
}

static int create_split(struct vm *vm, struct error **errp)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { KVM_GSIS } };
	struct kvm_enable_cap x2apic = { .cap = KVM_CAP_X2APIC_API,
					 .args = { KVM_X2APIC_API_USE_32BIT_IDS |
						   KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK } };
	int r = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &split);

	if (r < 0) {
		err_errno(errp, -r, "KVM cannot split the interrupt controllers");
		err_hint(errp,
			 "this host's kernel is older than Linux 4.4 or odd; try --irqchip kernel");
		return r;
	}
	/* For APIC ids above 254; without it those are not reachable, and nothing else changes. */
	vm->ids32 = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &x2apic) >= 0;
	return 0;
}

bool vm_has_ext_dest_id(const struct vm *vm)
{
	return vm->ids32;
}

int vm_create_irqchip(struct vm *vm, enum irqchip_mode mode, struct error **errp)
{
	vm->mode = mode;
	switch (mode) {
	case IRQCHIP_KERNEL:
		return create_kernel(vm, errp);
	case IRQCHIP_SPLIT:
		return create_split(vm, errp);
	default:
		return 0;
	}
}

/* --- looking ---------------------------------------------------------------------------------- */

int vm_get_pic(struct vm *vm, bool slave, struct vm_pic *ret)
{
	struct kvm_irqchip chip = { .chip_id = slave ? KVM_IRQCHIP_PIC_SLAVE
						     : KVM_IRQCHIP_PIC_MASTER };
	int r = kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip);

	*ret = (struct vm_pic){ .irr = chip.chip.pic.irr,
				.imr = chip.chip.pic.imr,
				.isr = chip.chip.pic.isr,
				.elcr = chip.chip.pic.elcr,
				.base = chip.chip.pic.irq_base,
				.lowest = (chip.chip.pic.priority_add + 7) & 7 };
	return r < 0 ? r : 0;
}

int vm_get_ioapic(struct vm *vm, struct vm_ioapic *ret)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int r = kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip);

	*ret = (struct vm_ioapic){ .id = (uint8_t)chip.chip.ioapic.id,
				   .irr = chip.chip.ioapic.irr };
	for (unsigned i = 0; i < ARRAY_LEN(ret->redtbl); i++)
		ret->redtbl[i] = chip.chip.ioapic.redirtbl[i].bits;
	return r < 0 ? r : 0;
}

/* --- reset ------------------------------------------------------------------------------------ */

static int reset_pic(struct vm *vm, unsigned id)
{
	struct kvm_irqchip chip = { .chip_id = id };

	/* Intel 8259A: after power-on nothing is initialised; ELCR keeps its mask of what may be
	 * level. */
	chip.chip.pic.elcr_mask = id == KVM_IRQCHIP_PIC_MASTER ? 0xf8 : 0xde;
	return kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip);
}

static int reset_ioapic(struct vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	chip.chip.ioapic.base_address = 0xfec00000;
	for (unsigned i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		chip.chip.ioapic.redirtbl[i].fields.mask = 1;
	return kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip);
}

static int reset_pit(struct vm *vm)
{
	struct kvm_pit_state2 pit = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(pit.channels); i++) {
		pit.channels[i].count = 0x10000;
		pit.channels[i].mode = 0xff; /* KVM's own mark for "not programmed" */
		pit.channels[i].gate = i != 2;
	}
	return kvm_ioctl(vm->fd, KVM_SET_PIT2, &pit);
}

static int set_elcr(struct vm *vm, unsigned id, uint8_t mask)
{
	struct kvm_irqchip chip = { .chip_id = id };
	int r = kvm_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip);

	if (r < 0)
		return r;
	chip.chip.pic.elcr = mask & chip.chip.pic.elcr_mask;
	return kvm_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip);
}

int vm_set_elcr(struct vm *vm, uint16_t mask, struct error **errp)
{
	int r = set_elcr(vm, KVM_IRQCHIP_PIC_MASTER, (uint8_t)mask);

	if (r >= 0)
		r = set_elcr(vm, KVM_IRQCHIP_PIC_SLAVE, (uint8_t)(mask >> 8));
	return r < 0 ? err_errno(errp, -r, "cannot set up KVM's interrupt controllers") : 0;
}

int vm_reset_irqchip(struct vm *vm, struct error **errp)
{
	int r = 0;

	if (vm->mode == IRQCHIP_KERNEL) {
		r = reset_pic(vm, KVM_IRQCHIP_PIC_MASTER);
		if (r >= 0)
			r = reset_pic(vm, KVM_IRQCHIP_PIC_SLAVE);
		if (r >= 0)
			r = reset_ioapic(vm);
		if (r >= 0)
			r = reset_pit(vm);
	}
	return r < 0 ? err_errno(errp, -r, "cannot reset KVM's interrupt controllers") : 0;
}
