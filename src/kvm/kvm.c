/* SPDX-License-Identifier: MIT */
/* kvm.c: /dev/kvm, the virtual machine and its memory slots (Linux
 * Documentation/virt/kvm/api.rst). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"
#include "vmm/cpuid.h"
#include "vmm/error.h"

/* Where KVM may put the three pages and the one page that Intel hosts without unrestricted guest
 * need. */
#define KVM_TSS_GPA   0xfffbd000ul
#define KVM_IDENT_GPA UINT64_C(0xfffbc000)

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int r;

	do {
		r = ioctl(fd, request, arg);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int vm_cap(const struct vm *vm, unsigned cap)
{
	int r = kvm_ioctl_val(vm->fd >= 0 ? vm->fd : vm->kvm_fd, KVM_CHECK_EXTENSION, cap);

	return r < 0 ? 0 : r;
}

static int open_device(struct error **errp)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int code = errno;

	if (fd >= 0)
		return fd;
	err_errno(errp, code, "cannot open '/dev/kvm'");
	if (code == ENOENT)
		err_hint(errp,
			 "load the module kvm_intel or kvm_amd, switch virtualization on in the "
			 "firmware, or pass the device into the container; 'trapeze doctor' says "
			 "more");
	else if (code == EACCES || code == EPERM)
		err_hint(
			errp,
			"add yourself to its group: sudo usermod -aG kvm $USER, then log in again");
	else if (code == ENODEV || code == ENXIO)
		err_hint(errp,
			 "the kernel has KVM but the CPU offers no virtualization here; 'trapeze "
			 "doctor' says more");
	return -code;
}

static int check_version(int fd, struct error **errp)
{
	int v = kvm_ioctl_val(fd, KVM_GET_API_VERSION, 0);

	if (v == KVM_API_VERSION)
		return 0;
	if (v < 0)
		return err_errno(errp, -v, "'/dev/kvm' does not answer as KVM does");
	return err_set(errp, ENOTSUP, "'/dev/kvm' speaks KVM API version %d, this program needs %d",
		       v, KVM_API_VERSION);
}

static int create_vm(struct vm *vm, struct error **errp)
{
	uint64_t ident = KVM_IDENT_GPA;
	int r = kvm_ioctl_val(vm->kvm_fd, KVM_CREATE_VM, 0);

	if (r < 0)
		return err_errno(errp, -r, "cannot create a virtual machine");
	vm->fd = r;
	r = kvm_ioctl_val(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run))
		return err_set(errp, ENOTSUP, "KVM's vCPU mapping is too small (%d bytes)", r);
	vm->run_size = (size_t)r;
	/* Meaningless and refused on some hosts, needed on old Intel ones; their vcpu creation
	 * would then fail. */
	kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &ident);
	kvm_ioctl_val(vm->fd, KVM_SET_TSS_ADDR, KVM_TSS_GPA);
	return 0;
}

int vm_open(struct vm **ret, struct error **errp)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return err_set(errp, ENOMEM, "cannot allocate a virtual machine");
	vm->fd = vm->vcpu0_fd = -1;
	irqchip_init(vm);
	doorbells_init(vm);
	r = vm->kvm_fd = open_device(errp);
	if (r >= 0)
		r = check_version(vm->kvm_fd, errp);
	if (r >= 0)
		r = create_vm(vm, errp);
	if (r < 0) {
		vm_close(vm);
		return r;
	}
	*ret = vm;
	return 0;
}

struct vm *vm_close(struct vm *vm)
{
	if (!vm)
		return NULL;
	irqchip_destroy(vm);
	base_closep(&vm->vcpu0_fd);
	base_closep(&vm->fd);
	base_closep(&vm->kvm_fd);
	free(vm->dirty_map);
	free(vm);
	return NULL;
}

unsigned vm_max_vcpus(const struct vm *vm)
{
	int n = vm_cap(vm, KVM_CAP_MAX_VCPUS);

	if (n <= 0)
		n = vm_cap(vm, KVM_CAP_NR_VCPUS);
	return n > 0 ? (unsigned)n : 4; /* what api.rst says to assume */
}

unsigned vm_max_vcpu_ids(const struct vm *vm)
{
	int n = vm_cap(vm, KVM_CAP_MAX_VCPU_ID);

	return n > 0 ? (unsigned)n : vm_max_vcpus(vm); /* api.rst says so */
}

bool vm_has_tsc_deadline(const struct vm *vm)
{
	return vm_cap(vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
}

uint32_t vm_tsc_khz(struct vm *vm)
{
	int r;

	if (vm->vcpu0_fd < 0) {
		vm->vcpu0_fd = kvm_ioctl_val(vm->fd, KVM_CREATE_VCPU, 0);
		if (vm->vcpu0_fd < 0)
			return 0; /* vcpu_set_create() will try again and say why */
	}
	r = kvm_ioctl_val(vm->vcpu0_fd, KVM_GET_TSC_KHZ, 0);
	return r > 0 ? (uint32_t)r : 0;
}

int vm_supported_cpuid(struct vm *vm, struct cpuid_table *ret, struct error **errp)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[CPUID_MAX_LEAVES];
	} c UNINITIALIZED;
	int r;

	c.head = (struct kvm_cpuid2){ .nent = CPUID_MAX_LEAVES };
	r = kvm_ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, &c);
	if (r < 0)
		return err_errno(errp, -r, "cannot ask KVM for its CPUID");
	ret->cnt = c.head.nent;
	for (unsigned i = 0; i < c.head.nent; i++) {
		const struct kvm_cpuid_entry2 *e = &c.entry[i];

		ret->leaf[i] = (struct cpuid_leaf){ .function = e->function,
						    .index = e->index,
						    .flags = e->flags & CPUID_INDEXED,
						    .eax = e->eax,
						    .ebx = e->ebx,
						    .ecx = e->ecx,
						    .edx = e->edx };
	}
	return 0;
}

int vm_set_memory(struct vm *vm, struct guest_mem *gm, struct error **errp)
{
	unsigned cnt;
	const struct gm_region *r = gm_regions(gm, &cnt);

	if (vm->dirty_log) {
		int e = dirty_prepare(vm, gm, errp);

		if (e < 0)
			return e;
	}
	for (unsigned i = 0; i < cnt; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = r[i].slot,
			.flags = r[i].readonly   ? KVM_MEM_READONLY
				 : vm->dirty_log ? KVM_MEM_LOG_DIRTY_PAGES
						 : 0,
			.guest_phys_addr = r[i].base,
			.memory_size = r[i].len,
			.userspace_addr = (uintptr_t)r[i].hva,
		};
		int e = kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot);

		if (e < 0)
			return err_errno(errp, -e, "KVM refuses guest memory %#llx-%#llx",
					 (unsigned long long)r[i].base,
					 (unsigned long long)(r[i].base + r[i].len - 1));
	}
	return 0;
}
