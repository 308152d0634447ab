/* SPDX-License-Identifier: MIT */
/*
 * debug_probe.c: what a debugger can have of this host's KVM. Capabilities do not tell: a KVM that
 * interprets its guest takes every plan and may keep INT3 and data breakpoints to itself.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/tiny_vm.h"
#include "kvm/vm_internal.h"

#define WATCHED  0x1800u
#define OFF_OUT  5u
#define OFF_IN   7u
#define OFF_INT3 8u

static const uint8_t code[] = {
	0xa2,
	0x00,
	0x18,
	0x00,
	0x00, /* mov %al, WATCHED */
	0xe6,
	0x80,              /* out %al, $0x80 */
	[OFF_IN] = 0xec,   /* in (%dx), %al */
	[OFF_INT3] = 0xcc, /* int3 */
};

static bool run_once(struct tiny_vm *t)
{
	int r;

	do {
		r = ioctl(t->cpu, KVM_RUN, 0);
	} while (r < 0 && errno == EINTR);
	return r >= 0;
}

/* Does it leave the guest for @vector, and not go on to something else? */
static bool traps(struct tiny_vm *t, unsigned vector)
{
	return run_once(t) && t->run->exit_reason == KVM_EXIT_DEBUG &&
	       t->run->debug.arch.exception == vector;
}

/* Intel SDM 3B 18.2.4, DR7: DR0 is on, for code (0) or for writes of a byte (1). */
static bool try_register(struct tiny_vm *t, uint32_t addr, uint32_t kind)
{
	struct kvm_guest_debug g = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
		.arch.debugreg = { [0] = addr, [7] = 0x702 | kind << 16 },
	};
	bool ret = tiny_vm_start(t, 0, 0) && ioctl(t->cpu, KVM_SET_GUEST_DEBUG, &g) >= 0 &&
		   traps(t, 1);

	tiny_vm_finish(t);
	return ret;
}

static bool try_int3(struct tiny_vm *t)
{
	struct kvm_guest_debug g = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP };

	return tiny_vm_start(t, OFF_INT3, 0) && ioctl(t->cpu, KVM_SET_GUEST_DEBUG, &g) >= 0 &&
	       traps(t, 3);
}

/* Where RIP is when it has exited, KVMs do not agree upon. */
static bool try_in(struct tiny_vm *t, bool *past)
{
	struct kvm_guest_debug off = { 0 };
	struct kvm_regs r;
	bool ret = ioctl(t->cpu, KVM_SET_GUEST_DEBUG, &off) >= 0 && tiny_vm_start(t, OFF_IN, 0) &&
		   run_once(t) && t->run->exit_reason == KVM_EXIT_IO &&
		   t->run->io.direction == KVM_EXIT_IO_IN && ioctl(t->cpu, KVM_GET_REGS, &r) >= 0;

	*past = ret && r.rip == TINY_VM_CODE + OFF_IN + 1;
	tiny_vm_finish(t);
	return ret && (*past || r.rip == TINY_VM_CODE + OFF_IN);
}

struct vcpu_debug_can vcpu_debug_probe(struct vm *vm)
{
	_cleanup_(tiny_vm_free) struct tiny_vm t = { .vm = -1, .cpu = -1 };
	struct vcpu_debug_can can = { .debug = vm_cap(vm, KVM_CAP_SET_GUEST_DEBUG) != 0 };
	int modes = vm_cap(vm, KVM_CAP_SET_GUEST_DEBUG2);

	can.no_irqs = modes > 0 && modes & KVM_GUESTDBG_BLOCKIRQ;
	if (!can.debug)
		return can;
	t.vm = kvm_ioctl_val(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (t.vm < 0 || tiny_vm_build(vm->kvm_fd, code, sizeof(code), &t))
		return can;
	can.code = try_register(&t, TINY_VM_CODE + OFF_OUT, 0);
	can.watch = try_register(&t, WATCHED, 1);
	can.in = try_in(&t, &can.in_past);
	can.int3 = try_int3(&t); /* the last: where it does not exit, that CPU is lost */
	return can;
}
