/* SPDX-License-Identifier: MIT */
/* tiny_vm.c: see tiny_vm.h. */
#include "kvm/tiny_vm.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SIZE 0x2000u
/* Old hosts without unrestricted guest need pages of their own here (api.rst 4.38, 4.40). */
#define TSS_GPA   0xfffbd000u
#define IDENT_GPA UINT64_C(0xfffbc000)

void tiny_vm_free(struct tiny_vm *t)
{
	if (t->run)
		munmap(t->run, t->run_len);
	if (t->mem)
		munmap(t->mem, SIZE);
	base_closep(&t->cpu);
	base_closep(&t->vm);
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){
		.limit = UINT32_MAX,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};
}

bool tiny_vm_start(struct tiny_vm *t, unsigned off, uint64_t count)
{
	struct kvm_regs regs = { .rip = TINY_VM_CODE + off, .rcx = count, .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(t->cpu, KVM_GET_SREGS, &s) < 0)
		return false;
	s.cs = flat_segment(8, 0xb);
	s.ds = s.es = s.fs = s.gs = s.ss = flat_segment(16, 0x3);
	s.cr0 |= 1; /* PE */
	return ioctl(t->cpu, KVM_SET_SREGS, &s) >= 0 && ioctl(t->cpu, KVM_SET_REGS, &regs) >= 0;
}

void tiny_vm_finish(struct tiny_vm *t)
{
	t->run->immediate_exit = 1;
	ioctl(t->cpu, KVM_RUN, 0);
	t->run->immediate_exit = 0;
}

const char *tiny_vm_build(int kvm, const uint8_t *code, size_t code_len, struct tiny_vm *t)
{
	struct kvm_userspace_memory_region slot = { .memory_size = SIZE };
	uint64_t ident = IDENT_GPA;
	int len;

	t->mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->mem == MAP_FAILED) {
		t->mem = NULL;
		return "no memory for it";
	}
	memcpy(t->mem + TINY_VM_CODE, code, code_len);
	/* Refused where they are not needed: no loss. */
	ioctl(t->vm, KVM_SET_IDENTITY_MAP_ADDR, &ident);
	ioctl(t->vm, KVM_SET_TSS_ADDR, TSS_GPA);
	slot.userspace_addr = (uint64_t)(uintptr_t)t->mem;
	if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return "KVM_SET_USER_MEMORY_REGION failed";
	t->cpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	if (t->cpu < 0)
		return "KVM_CREATE_VCPU failed";
	len = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (len < (int)sizeof(*t->run))
		return "KVM_GET_VCPU_MMAP_SIZE failed";
	t->run_len = (size_t)len;
	t->run = mmap(NULL, t->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, t->cpu, 0);
	if (t->run == MAP_FAILED) {
		t->run = NULL;
		return "mapping its run page failed";
	}
	return NULL;
}
