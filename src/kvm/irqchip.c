/* SPDX-License-Identifier: MIT */
/*
 * irqchip.c: the in-kernel part of the interrupt controllers, and the wires to it.
 *
 *   split    local APICs in KVM. Our IOAPIC's messages enter by KVM_SIGNAL_MSI; KVM tells of EOIs
 *            (KVM_EXIT_IOAPIC_EOI) for the level-triggered pins in its routing table.
 *   kernel   local APICs, PIC, IOAPIC and PIT in KVM; a wire is KVM_IRQ_LINE.
 *   user     nothing in KVM; vcpu.c injects what the 8259 acknowledges.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "kvm/vm_internal.h"
#include "vmm/error.h"

#define MSI_DATA_LEVEL (UINT32_C(1) << 15) /* Intel SDM 3A 11.11.2: trigger mode */

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

/* --- routing table ---------------------------------------------------------------------------- */

struct routing {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry entry[KVM_GSIS * 2];
};

static void route_pin(struct routing *t, unsigned gsi, unsigned chip, unsigned pin)
{
	t->entry[t->head.nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* As on a PC: ISA interrupt 0 (the PIT) is pin 2 of the IOAPIC,
 * everything else keeps its number. */
static int route_kernel_pins(struct vm *vm)
{
	struct routing t = { 0 };

	for (unsigned gsi = 0; gsi < KVM_GSIS; gsi++) {
		if (gsi < 16 && gsi != 2)
			route_pin(&t, gsi, gsi / 8, gsi % 8); /* KVM_IRQCHIP_PIC_MASTER, _SLAVE */
		if (gsi != 2)
			route_pin(&t, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	}
	return kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &t);
}

/*
 * A guest that was told of KVM_FEATURE_MSI_EXT_DEST_ID puts destination bits 14:8 into address bits
 * 11:5 (Documentation/virt/kvm/x86/cpuid.rst); KVM, asked by KVM_CAP_X2APIC_API, takes bits 31:8 in
 * address bits 63:40.
 */
uint64_t msi_kvm_address(const struct vm *vm, uint64_t addr)
{
	uint64_t ext = addr & 0xfe0;

	return vm->ids32 ? (addr & ~UINT64_C(0xfe0)) | ext << 35 : addr;
}

static int push_msi_routes_locked(struct vm *vm) REQUIRES(vm->route_lock)
{
	struct routing t = { 0 };

	for (unsigned pin = 0; pin < KVM_GSIS; pin++) {
		uint64_t addr = msi_kvm_address(vm, vm->pin[pin].msg.addr);

		if (vm->pin[pin].live)
			t.entry[t.head.nr++] = (struct kvm_irq_routing_entry){
				.gsi = pin,
				.type = KVM_IRQ_ROUTING_MSI,
				.u.msi = { .address_lo = (uint32_t)addr,
					   .address_hi = (uint32_t)(addr >> 32),
					   .data = vm->pin[pin].msg.data },
			};
	}
	return kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &t);
}

/* --- split: messages -------------------------------------------------------------------------- */

static int msi_send(struct msi_sink *s, const struct msi_msg *m)
{
	struct vm *vm = container_of(s, struct vm, msi);
	uint64_t addr = msi_kvm_address(vm, m->addr);
	struct kvm_msi msi = { .address_lo = (uint32_t)addr,
			       .address_hi = (uint32_t)(addr >> 32),
			       .data = m->data };

	return kvm_ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

/*
 * Each new routing table makes the kernel wait for all its readers, and a booting guest writes
 * every redirection entry several times. So KVM learns only of pins for which it matters:
 * level-triggered ones (EOI exits) and those with an irqfd.
 */
static void sync_pin_locked(struct vm *vm, unsigned pin, const struct msi_msg *m, bool masked)
	REQUIRES(vm->route_lock)
{
	struct kvm_pin *p = &vm->pin[pin];
	bool live = !masked && ((m->data & MSI_DATA_LEVEL) || p->irqfd >= 0);
	bool same = p->msg.addr == m->addr && p->msg.data == m->data;

	p->msg = *m;
	p->masked = masked;
	if (live != p->live || (live && !same)) {
		p->live = live;
		push_msi_routes_locked(vm);
	}
}

static void msi_route(struct msi_sink *s, unsigned pin, const struct msi_msg *m, bool masked)
{
	struct vm *vm = container_of(s, struct vm, msi);

	if (pin >= KVM_GSIS)
		return;
	mutex_lock(&vm->route_lock);
	sync_pin_locked(vm, pin, m, masked);
	mutex_unlock(&vm->route_lock);
}

static int msi_trigger_fd(struct msi_sink *s, unsigned pin)
{
	return vm_irqfd(container_of(s, struct vm, msi), pin);
}

static const struct msi_sink_ops msi_ops = {
	.send = msi_send,
	.route = msi_route,
	.trigger_fd = msi_trigger_fd,
};

struct msi_sink *vm_msi_sink(struct vm *vm)
{
	return &vm->msi;
}

/* --- irqfd ------------------------------------------------------------------------------------ */

int vm_irqfd(struct vm *vm, unsigned gsi)
{
	int fd = -1;

	if (gsi >= KVM_GSIS || vm->mode == IRQCHIP_USER)
		return -1;
	mutex_lock(&vm->route_lock);
	if (vm->pin[gsi].irqfd < 0) {
		struct kvm_irqfd irqfd = { .gsi = gsi };

		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		irqfd.fd = (uint32_t)fd;
		if (fd >= 0 && kvm_ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0) {
			close(fd);
			fd = -1;
		}
		vm->pin[gsi].irqfd = fd;
		if (vm->mode == IRQCHIP_SPLIT) {
			struct msi_msg msg = vm->pin[gsi].msg;

			sync_pin_locked(vm, gsi, &msg, vm->pin[gsi].masked);
		}
	}
	fd = vm->pin[gsi].irqfd;
	mutex_unlock(&vm->route_lock);
	return fd;
}

/* --- life ------------------------------------------------------------------------------------- */

void irqchip_init(struct vm *vm) UNSHARED
{
	mutex_init(&vm->route_lock);
	vm->mode = IRQCHIP_USER;
	vm->msi.ops = &msi_ops;
	for (unsigned i = 0; i < KVM_GSIS; i++) {
		vm->gsi[i] = (struct irq_line){ .ops = &gsi_ops, .chip = vm, .pin = i };
		vm->pin[i] = (struct kvm_pin){ .irqfd = -1, .masked = true };
	}
}

void irqchip_destroy(struct vm *vm) UNSHARED
{
	for (unsigned i = 0; i < KVM_GSIS; i++)
		base_closep(&vm->pin[i].irqfd);
	mutex_destroy(&vm->route_lock);
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
	r = route_kernel_pins(vm);
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
