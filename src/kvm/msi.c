/* SPDX-License-Identifier: MIT */
/*
 * msi.c: messages to the local APICs in KVM, KVM's routing table, and irqfds.
 *
 * A message that this process sends enters by KVM_SIGNAL_MSI and needs no route. A route (GSI to
 * message, or to a pin of KVM's own chips) is for what happens in the kernel: an irqfd that
 * somebody signals, and EOIs of level-triggered interrupts. KVM takes the table as a whole and then
 * waits for all its readers, so it is given as seldom as can be:
 *
 *   - of the IOAPIC's pins only those that are level-triggered or have an irqfd are in it;
 *   - a pin beyond them that is masked is left in it as it is, and is taken off its irqfd instead;
 *   - a guest that unmasks many at once costs one table (batch()).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "kvm/vm_internal.h"
#include "vmm/error.h"

#define MSI_DATA_LEVEL (UINT32_C(1) << 15) /* Intel SDM 3A 11.11.2: trigger mode */
#define MORE_PINS      64u                 /* at a time */
#define MAX_ROUTES     4096u               /* Linux: KVM_MAX_IRQ_ROUTES */
#define CHIP_ROUTES    (KVM_GSIS * 2)      /* of IRQCHIP_KERNEL; more than the others need */

static struct vm *to_vm(struct msi_sink *s)
{
	return container_of(s, struct vm, msi);
}

/* --- messages --------------------------------------------------------------------------------- */

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

/* Intel SDM 3A 11.11.1: what is written elsewhere is no interrupt. A guest may program any address;
 * KVM would refuse a whole table for one it does not like. */
static bool is_interrupt(const struct msi_msg *m)
{
	return m->addr >> 20 == 0xfee;
}

static int msi_send(struct msi_sink *s, const struct msi_msg *m)
{
	struct vm *vm = to_vm(s);
	uint64_t addr = msi_kvm_address(vm, m->addr);
	struct kvm_msi msi = { .address_lo = (uint32_t)addr,
			       .address_hi = (uint32_t)(addr >> 32),
			       .data = m->data };

	return is_interrupt(m) ? kvm_ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) : 0;
}

/* --- routing table ---------------------------------------------------------------------------- */

static struct kvm_pin *pin_locked(struct vm *vm, unsigned pin) REQUIRES(vm->route_lock)
{
	if (pin < KVM_GSIS)
		return &vm->pin[pin];
	return pin - KVM_GSIS < vm->more_cnt ? &vm->more[pin - KVM_GSIS] : NULL;
}

static void add_chip_route(struct kvm_irq_routing *t, unsigned gsi, unsigned chip, unsigned pin)
{
	t->entries[t->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* As on a PC: ISA interrupt 0 (the PIT) is pin 2 of the IOAPIC,
 * everything else keeps its number. */
static void add_chip_routes(struct kvm_irq_routing *t)
{
	for (unsigned gsi = 0; gsi < KVM_GSIS; gsi++) {
		if (gsi < 16 && gsi != 2)
			add_chip_route(t, gsi, gsi / 8, gsi % 8); /* KVM_IRQCHIP_PIC_MASTER,
								     _SLAVE */
		if (gsi != 2)
			add_chip_route(t, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	}
}

static void add_msi_route(const struct vm *vm, struct kvm_irq_routing *t, unsigned gsi,
			  const struct kvm_pin *p)
{
	uint64_t addr = msi_kvm_address(vm, p->routed.addr);

	if (p->live)
		t->entries[t->nr++] = (struct kvm_irq_routing_entry){
			.gsi = gsi,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = (uint32_t)addr,
				   .address_hi = (uint32_t)(addr >> 32),
				   .data = p->routed.data },
		};
}

/* Makes vm->table large enough for @more pins beyond the IOAPIC's. */
static int size_table_locked(struct vm *vm, unsigned more) REQUIRES(vm->route_lock)
{
	struct kvm_irq_routing *t =
		realloc(vm->table, sizeof(*t) + (CHIP_ROUTES + more) * sizeof(t->entries[0]));

	if (!t)
		return -ENOMEM;
	vm->table = t;
	return 0;
}

static int push_locked(struct vm *vm) REQUIRES(vm->route_lock)
{
	struct kvm_irq_routing *t;
	int r = vm->table ? 0 : size_table_locked(vm, vm->more_cnt);

	if (r < 0)
		return r;
	t = vm->table;
	*t = (struct kvm_irq_routing){ 0 };
	if (vm->mode == IRQCHIP_KERNEL)
		add_chip_routes(t);
	for (unsigned i = 0; vm->mode == IRQCHIP_SPLIT && i < KVM_GSIS; i++)
		add_msi_route(vm, t, i, &vm->pin[i]);
	for (unsigned i = 0; i < vm->more_cnt; i++)
		add_msi_route(vm, t, KVM_GSIS + i, &vm->more[i]);
	return kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, t);
}

int msi_push_routes(struct vm *vm)
{
	int r;

	mutex_lock(&vm->route_lock);
	r = push_locked(vm);
	mutex_unlock(&vm->route_lock);
	return r;
}

static bool same_message(const struct msi_msg *a, const struct msi_msg *b)
{
	return a->addr == b->addr && a->data == b->data;
}

/* --- irqfds ----------------------------------------------------------------------------------- */

static int attach_irqfd(struct vm *vm, unsigned gsi, int fd, bool on)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)fd,
				   .gsi = gsi,
				   .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN };

	return kvm_ioctl(vm->fd, KVM_IRQFD, &irqfd);
}

/* --- the IOAPIC's pins ------------------------------------------------------------------------ */

/*
 * A booting guest writes every redirection entry several times, so KVM learns only of pins for
 * which it matters: level-triggered ones (EOI exits) and those with an irqfd.
 */
static void sync_ioapic_pin_locked(struct vm *vm, struct kvm_pin *p) REQUIRES(vm->route_lock)
{
	bool live = !p->masked && is_interrupt(&p->msg) &&
		    ((p->msg.data & MSI_DATA_LEVEL) || p->irqfd >= 0);

	if (live == p->live && (!live || same_message(&p->routed, &p->msg)))
		return;
	p->live = live;
	p->routed = p->msg;
	push_locked(vm);
}

int vm_irqfd(struct vm *vm, unsigned gsi)
{
	struct kvm_pin *p;
	int fd = -1;

	if (gsi >= KVM_GSIS || vm->mode == IRQCHIP_USER)
		return -1;
	mutex_lock(&vm->route_lock);
	p = &vm->pin[gsi];
	if (p->irqfd < 0) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (fd >= 0 && attach_irqfd(vm, gsi, fd, true) < 0) {
			close(fd);
			fd = -1;
		}
		p->irqfd = fd;
		p->attached = fd >= 0;
		if (vm->mode == IRQCHIP_SPLIT)
			sync_ioapic_pin_locked(vm, p);
	}
	fd = p->irqfd;
	mutex_unlock(&vm->route_lock);
	return fd;
}

/* --- pins beyond ------------------------------------------------------------------------------ */

static bool wants_signals(const struct kvm_pin *p)
{
	return p->used && !p->masked && p->irqfd >= 0 && is_interrupt(&p->msg);
}

/*
 * Brings KVM up to date: first off the irqfds of pins that became masked, then the table, once,
 * then on to the others, whose signals that waited are delivered thereby. What KVM refuses (no
 * memory) stays as it is and is tried again the next time.
 */
static void sync_more_locked(struct vm *vm) REQUIRES(vm->route_lock)
{
	bool stale = false;

	for (unsigned i = 0; i < vm->more_cnt; i++) {
		struct kvm_pin *p = &vm->more[i];
		bool wants = wants_signals(p);

		if (p->attached && !wants && attach_irqfd(vm, KVM_GSIS + i, p->irqfd, false) >= 0)
			p->attached = false;
		if (wants && (!p->live || !same_message(&p->routed, &p->msg))) {
			p->live = stale = true;
			p->routed = p->msg;
		}
	}
	if (stale && push_locked(vm) < 0) {
		for (unsigned i = 0; i < vm->more_cnt; i++)
			vm->more[i].live = false;
		return;
	}
	for (unsigned i = 0; i < vm->more_cnt; i++) {
		struct kvm_pin *p = &vm->more[i];

		if (!p->attached && wants_signals(p))
			p->attached = attach_irqfd(vm, KVM_GSIS + i, p->irqfd, true) >= 0;
	}
}

static void changed_locked(struct vm *vm) REQUIRES(vm->route_lock)
{
	if (!vm->batches)
		sync_more_locked(vm);
}

/* Changes of another thread's batch may be put into force with ours: early does no harm. */
static void msi_batch(struct msi_sink *s, bool begin)
{
	struct vm *vm = to_vm(s);

	mutex_lock(&vm->route_lock);
	if (begin) {
		vm->batches++;
	} else {
		vm->batches--;
		sync_more_locked(vm);
	}
	mutex_unlock(&vm->route_lock);
}

static int grow_locked(struct vm *vm) REQUIRES(vm->route_lock)
{
	unsigned cnt = vm->more_cnt + MORE_PINS;
	struct kvm_pin *more;
	int r;

	if (CHIP_ROUTES + cnt > MAX_ROUTES)
		return -ENOSPC;
	r = size_table_locked(vm, cnt);
	if (r < 0)
		return r;
	more = realloc(vm->more, cnt * sizeof(*more));
	if (!more)
		return -ENOMEM;
	for (unsigned i = vm->more_cnt; i < cnt; i++)
		more[i] = (struct kvm_pin){ .irqfd = -1, .masked = true };
	vm->more = more;
	vm->more_cnt = cnt;
	return 0;
}

static unsigned free_pin_locked(const struct vm *vm) REQUIRES(vm->route_lock)
{
	unsigned i = 0;

	while (i < vm->more_cnt && vm->more[i].used)
		i++;
	return i;
}

static int msi_pin_alloc(struct msi_sink *s)
{
	struct vm *vm = to_vm(s);
	unsigned i;
	int r = 0;

	mutex_lock(&vm->route_lock);
	i = free_pin_locked(vm);
	if (i == vm->more_cnt)
		r = grow_locked(vm);
	if (r >= 0) {
		vm->more[i].used = true;
		vm->more[i].masked = true;
		r = (int)(KVM_GSIS + i);
	}
	mutex_unlock(&vm->route_lock);
	return r;
}

/* Its route may stay in KVM's table, where it means nothing without an irqfd. */
static void msi_pin_free(struct msi_sink *s, unsigned pin)
{
	struct vm *vm = to_vm(s);
	struct kvm_pin *p;

	mutex_lock(&vm->route_lock);
	p = pin_locked(vm, pin);
	if (p) {
		if (p->attached)
			attach_irqfd(vm, pin, p->irqfd, false);
		base_closep(&p->irqfd);
		p->irqfd = -1;
		p->attached = p->used = false;
	}
	mutex_unlock(&vm->route_lock);
}

static bool msi_pin_pending(struct msi_sink *s, unsigned pin)
{
	struct vm *vm = to_vm(s);
	struct pollfd pfd = { .fd = -1, .events = POLLIN };
	struct kvm_pin *p;
	bool pending;

	mutex_lock(&vm->route_lock);
	p = pin_locked(vm, pin);
	if (p && !p->attached)
		pfd.fd = p->irqfd;
	pending = poll(&pfd, 1, 0) == 1;
	mutex_unlock(&vm->route_lock);
	return pending;
}

/* --- the sink --------------------------------------------------------------------------------- */

static void msi_route(struct msi_sink *s, unsigned pin, const struct msi_msg *m, bool masked)
{
	struct vm *vm = to_vm(s);
	struct kvm_pin *p;

	mutex_lock(&vm->route_lock);
	p = pin_locked(vm, pin);
	if (p) {
		p->msg = *m;
		p->masked = masked;
		if (pin < KVM_GSIS)
			sync_ioapic_pin_locked(vm, p);
		else
			changed_locked(vm);
	}
	mutex_unlock(&vm->route_lock);
}

static int msi_trigger_fd(struct msi_sink *s, unsigned pin)
{
	struct vm *vm = to_vm(s);
	struct kvm_pin *p;
	int fd = -1;

	if (pin < KVM_GSIS)
		return vm_irqfd(vm, pin);
	mutex_lock(&vm->route_lock);
	p = pin_locked(vm, pin);
	if (p && p->used && p->irqfd < 0) {
		p->irqfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		changed_locked(vm);
	}
	if (p)
		fd = p->irqfd;
	mutex_unlock(&vm->route_lock);
	return fd;
}

static const struct msi_sink_ops msi_ops = {
	.send = msi_send,
	.route = msi_route,
	.trigger_fd = msi_trigger_fd,
	.pin_alloc = msi_pin_alloc,
	.pin_free = msi_pin_free,
	.pin_pending = msi_pin_pending,
	.batch = msi_batch,
};

struct msi_sink *vm_msi_sink(struct vm *vm)
{
	return vm->mode == IRQCHIP_USER ? NULL : &vm->msi;
}

void msi_init(struct vm *vm) UNSHARED
{
	mutex_init(&vm->route_lock);
	vm->msi.ops = &msi_ops;
	for (unsigned i = 0; i < KVM_GSIS; i++)
		vm->pin[i] = (struct kvm_pin){ .irqfd = -1, .masked = true };
}

void msi_destroy(struct vm *vm) UNSHARED
{
	for (unsigned i = 0; i < KVM_GSIS; i++)
		base_closep(&vm->pin[i].irqfd);
	for (unsigned i = 0; i < vm->more_cnt; i++)
		base_closep(&vm->more[i].irqfd);
	free(vm->more);
	free(vm->table);
	mutex_destroy(&vm->route_lock);
}
