/* SPDX-License-Identifier: MIT */
/*
 * vm.h: the virtual machine as KVM sees it: /dev/kvm, memory slots, the in-kernel interrupt
 * controllers. Together with vcpu.h the only interface to src/kvm/, the only place that includes
 * <linux/kvm.h>.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "vmm/config.h"
#include "vmm/guestmem.h"
#include "vmm/irq.h"

struct doorbell_host;
struct error;
struct vm;

/* Opens /dev/kvm and creates an empty VM. Errors say what to do (group kvm, load the module, not a
 * Linux host). */
int vm_open(struct vm **ret, struct error **errp) __must_check;
struct vm *vm_close(struct vm *vm); /* NULL-safe, returns NULL; all vCPUs are gone */

/* What KVM can offer a guest in CPUID (KVM_GET_SUPPORTED_CPUID). */
struct cpuid_table;
int vm_supported_cpuid(struct vm *vm, struct cpuid_table *ret, struct error **errp) __must_check;
/* The frequency of the guest's time-stamp counter; 0: KVM does not know. */
uint32_t vm_tsc_khz(struct vm *vm);
/* Does the in-kernel local APIC offer TSC-deadline mode? */
bool vm_has_tsc_deadline(const struct vm *vm);

unsigned vm_max_vcpus(const struct vm *vm);    /* KVM_CAP_MAX_VCPUS */
unsigned vm_max_vcpu_ids(const struct vm *vm); /* APIC ids are below this: KVM_CAP_MAX_VCPU_ID */
/*
 * Do messages reach APIC ids above 254, by destination bits 8..14 in the upper half of their
 * address? So in IRQCHIP_SPLIT if KVM has 32-bit ids. After vm_create_irqchip().
 */
bool vm_has_ext_dest_id(const struct vm *vm);

/* KVM is to log which pages the guest writes. Before vm_set_memory(). */
void vm_want_dirty_log(struct vm *vm);
/*
 * Tells @fn of every run of pages of 4 KiB, by address, that the guest has written since the last
 * call (or the start), and begins anew. Any thread, one at a time. 0 or -errno; what was told by
 * then stands. What this process writes is not in it.
 */
typedef void vm_dirty_fn(void *opaque, gpa_t first, uint64_t pages);
int vm_take_dirty_log(struct vm *vm, const struct guest_mem *gm, vm_dirty_fn *fn,
		      void *opaque) __must_check;

/* Makes every region of @gm a memory slot. Once. */
int vm_set_memory(struct vm *vm, struct guest_mem *gm, struct error **errp) __must_check;

/*
 * Creates the in-kernel part of the interrupt controllers that @mode asks for, and for
 * IRQCHIP_KERNEL the PIT. Before the first vcpu_create().
 */
int vm_create_irqchip(struct vm *vm, enum irqchip_mode mode, struct error **errp) __must_check;

/* What KVM's own controllers hold, for who looks at a stopped machine. */
struct vm_pic {
	uint8_t irr, imr, isr, elcr, base, lowest;
};
struct vm_ioapic {
	uint8_t id;
	uint32_t irr;
	uint64_t redtbl[24]; /* as the chip's registers have them (Intel 290566) */
};
/* IRQCHIP_KERNEL: @slave: the second one. 0, -errno. */
int vm_get_pic(struct vm *vm, bool slave, struct vm_pic *ret);
int vm_get_ioapic(struct vm *vm, struct vm_ioapic *ret);

/* IRQCHIP_KERNEL: the wire of global system interrupt @gsi (0..23). Owned by the vm. */
struct irq_line *vm_gsi_line(struct vm *vm, unsigned gsi);

/*
 * Where messages go: those of the IOAPIC (IRQCHIP_SPLIT) and of devices (also IRQCHIP_KERNEL). NULL
 * in IRQCHIP_USER, which has no local APIC. Owned by the vm.
 */
struct msi_sink *vm_msi_sink(struct vm *vm);

/* Turns guest writes into eventfd signals (KVM_IOEVENTFD). Owned by the vm. */
struct doorbell_host *vm_doorbells(struct vm *vm);

/*
 * IRQCHIP_KERNEL and IRQCHIP_SPLIT: an eventfd that pulses @gsi without a system call of ours
 * (KVM_IRQFD). Borrowed, made on first call; -1 if KVM cannot.
 */
int vm_irqfd(struct vm *vm, unsigned gsi);

/* IRQCHIP_KERNEL: makes the ISA interrupts of @mask, and no others, level-triggered at the 8259s
 * (ELCR), as firmware does. No vCPU runs. */
int vm_set_elcr(struct vm *vm, uint16_t mask, struct error **errp) __must_check;

/* Puts the in-kernel PIC, IOAPIC and PIT back into their power-on state (guest reset). No vCPU
 * runs. */
int vm_reset_irqchip(struct vm *vm, struct error **errp) __must_check;

#endif
