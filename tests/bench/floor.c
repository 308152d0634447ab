/* SPDX-License-Identifier: MIT */
/*
 * floor: what KVM itself costs, with nothing around it. The numbers trapeze is held against.
 *
 *   floor start [MIB]    open, VM, memory, split irqchip, one CPU, CPUID, registers, and one guest
 *                        instruction that exits; the caller measures the process
 *   floor exits [N]      N times "in eax, dx" to user space and back; prints the guest's own count
 *                        of TSC ticks per exit, which in the lab are instructions
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CODE     0x1000u
#define DONE     0xf4
#define PM_TIMER 0x608

static int kvm, vm, cpu;
static struct kvm_run *run;
static uint8_t *ram;

static int check(int r, const char *what)
{
	if (r >= 0)
		return r;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The memory layout, interrupt controller and CPU that trapeze gives a guest by default. */
static void create(size_t size)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[128];
	} cpuid = { .head = { .nent = 128 } };
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_userspace_memory_region low = { .slot = 0, .memory_size = 0xa0000 };
	struct kvm_userspace_memory_region high = { .slot = 1, .guest_phys_addr = 0x100000 };
	int len;

	kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	check(ioctl(kvm, KVM_GET_API_VERSION, 0), "KVM_GET_API_VERSION");
	vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	check(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
	check(ioctl(vm, KVM_ENABLE_CAP, &split), "KVM_CAP_SPLIT_IRQCHIP");

	ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (ram == MAP_FAILED)
		check(-1, "mmap of guest memory");
	low.userspace_addr = (uintptr_t)ram;
	high.userspace_addr = (uintptr_t)ram + 0x100000;
	high.memory_size = size - 0x100000;
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &low), "KVM_SET_USER_MEMORY_REGION");
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &high), "KVM_SET_USER_MEMORY_REGION");

	cpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	len = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	if (run == MAP_FAILED)
		check(-1, "mmap of kvm_run");
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
	check(ioctl(cpu, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
}

/* 32-bit protected mode, flat segments, no paging. */
static void enter_at(uint32_t rip, uint64_t rcx)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = rip, .rflags = 2, .rcx = rcx, .rdx = PM_TIMER, .rsp = 0x8000 };
	struct kvm_segment flat = { .limit = 0xffffffff,
				    .selector = 0x10,
				    .type = 3,
				    .present = 1,
				    .db = 1,
				    .s = 1,
				    .g = 1 };

	check(ioctl(cpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
	s.ds = s.es = s.fs = s.gs = s.ss = flat;
	flat.selector = 8;
	flat.type = 11;
	s.cs = flat;
	s.cr0 |= 1;
	check(ioctl(cpu, KVM_SET_SREGS, &s), "KVM_SET_SREGS");
	check(ioctl(cpu, KVM_SET_REGS, &r), "KVM_SET_REGS");
}

/* Runs until the guest writes to DONE; returns what it wrote. */
static uint32_t loop(void)
{
	for (;;) {
		uint8_t *data;

		if (ioctl(cpu, KVM_RUN, 0) < 0 && errno != EINTR)
			check(-1, "KVM_RUN");
		if (run->exit_reason != KVM_EXIT_IO) {
			fprintf(stderr, "floor: unexpected exit reason %u\n", run->exit_reason);
			exit(1);
		}
		data = (uint8_t *)run + run->io.data_offset;
		if (run->io.direction == KVM_EXIT_IO_OUT && run->io.port == DONE) {
			uint32_t v = 0;

			memcpy(&v, data, run->io.size);
			return v;
		}
		memset(data, 0xff, run->io.size);
	}
}

/* What --stats of trapeze says of itself: CPU time from exec to the first KVM_RUN. */
static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void start(size_t size)
{
	static const uint8_t code[] = { 0xe6, DONE }; /* out DONE, al */
	double us;

	create(size);
	memcpy(ram + CODE, code, sizeof(code));
	enter_at(CODE, 0);
	us = cpu_us();
	loop();
	printf("  start    %.0f us of CPU time from exec to the first guest instruction\n", us);
}

static void exits(unsigned n)
{
	static const uint8_t code[] = {
		0xed,       /* in eax, dx: once to warm up */
		0x52,       /* push edx */
		0x0f, 0x31, /* rdtsc */
		0x5a,       /* pop edx */
		0x89, 0xc3, /* mov ebx, eax */
		0xed,       /* 1: in eax, dx */
		0x49,       /* dec ecx */
		0x75, 0xfc, /* jnz 1b */
		0x0f, 0x31, /* rdtsc */
		0x29, 0xd8, /* sub eax, ebx */
		0xe7, DONE, /* out DONE, eax */
	};
	uint32_t ticks;

	create(2u << 20);
	memcpy(ram + CODE, code, sizeof(code));
	enter_at(CODE, n);
	ticks = loop();
	printf("%u\n", ticks / n);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;

	if (!strcmp(what, "start")) {
		start((n ? n : 256) << 20);
	} else if (!strcmp(what, "exits")) {
		exits(n ? (unsigned)n : 10000);
	} else {
		fprintf(stderr, "usage: floor start [MIB] | exits [N]\n");
		return 2;
	}
	return 0;
}
