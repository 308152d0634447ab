/* SPDX-License-Identifier: MIT */
/* ioeventfd.c: guest writes that become eventfd signals inside KVM (KVM_IOEVENTFD). */
#include <errno.h>

#include "kvm/vm_internal.h"
#include "vmm/vm.h"

static int ioeventfd(struct doorbell_host *h, const struct doorbell *d, uint32_t flags)
{
	struct vm *vm = container_of(h, struct vm, doorbells);
	struct kvm_ioeventfd e = { .addr = d->addr,
				   .len = d->size,
				   .fd = d->efd,
				   .flags = flags,
				   .datamatch = d->match ? d->value : 0 };

	if (d->pio)
		e.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (d->match)
		e.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
	return kvm_ioctl(vm->fd, KVM_IOEVENTFD, &e);
}

static int attach(struct doorbell_host *h, const struct doorbell *d)
{
	struct vm *vm = container_of(h, struct vm, doorbells);

	/* Older kernels take a length of 0 for a mistake, and a value cannot be matched in a write
	 * of unknown length. */
	if (!d->size && (d->match || !vm_cap(vm, KVM_CAP_IOEVENTFD_ANY_LENGTH)))
		return -ENOTSUP;
	return ioeventfd(h, d, 0);
}

static void detach(struct doorbell_host *h, const struct doorbell *d)
{
	ioeventfd(h, d, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static const struct doorbell_ops doorbell_ops = { .attach = attach, .detach = detach };

void doorbells_init(struct vm *vm)
{
	vm->doorbells.ops = &doorbell_ops;
}

struct doorbell_host *vm_doorbells(struct vm *vm)
{
	return &vm->doorbells;
}
