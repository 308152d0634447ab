/* SPDX-License-Identifier: MIT */
/* tiny_vm.h: a guest of a few bytes, to see what this host's KVM really does. */
#ifndef KVM_TINY_VM_H
#define KVM_TINY_VM_H

#include <linux/kvm.h>

#include "vmm/base.h"

#define TINY_VM_CODE 0x1000u /* where the code lies; a page, all of it memory */

struct tiny_vm {
	int vm, cpu; /* -1: none */
	uint8_t *mem;
	struct kvm_run *run;
	size_t run_len;
};

/*
 * Gives t->vm, fresh from KVM_CREATE_VM, two pages of memory with @code in the second one, and a
 * CPU. What failed, or NULL. Any thread.
 */
const char *tiny_vm_build(int kvm, const uint8_t *code, size_t len, struct tiny_vm *t);

/* Flat 32-bit protected mode, ring 0, @off bytes into the code, with @count in RCX. False: KVM
 * refuses. */
bool tiny_vm_start(struct tiny_vm *t, unsigned off, uint64_t count);

/* What KVM has yet to do for the last exit is done; nothing runs. api.rst 4.10 and 5. */
void tiny_vm_finish(struct tiny_vm *t);

void tiny_vm_free(struct tiny_vm *t); /* closes t->vm, too */

#endif
