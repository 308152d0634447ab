/* SPDX-License-Identifier: MIT */
/*
 * probe.c: what KVM says it can do, and a guest of a few bytes that shows whether it does, and how
 * fast. Linux Documentation/virt/kvm/api.rst.
 */
#include "vmm/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "kvm/tiny_vm.h"
#include "vmm/cpuid.h"
#include "vmm/error.h"
#include "vmm/timer.h"

/* --- capabilities ----------------------------------------------------------------------------- */

static const struct {
	int nr;
	struct probe_cap cap;
} caps[] = {
	{ KVM_CAP_USER_MEMORY, { "user-memory", "guest memory", true, 0 } },
	{ KVM_CAP_EXT_CPUID, { "ext-cpuid", "choosing what CPUID says", true, 0 } },
	{ KVM_CAP_IMMEDIATE_EXIT, { "immediate-exit", "stopping a CPU without a race", true, 0 } },
	{ KVM_CAP_IRQCHIP, { "irqchip", "--irqchip kernel", false, 0 } },
	{ KVM_CAP_SPLIT_IRQCHIP, { "split-irqchip", "--irqchip split, the default", false, 0 } },
	{ KVM_CAP_PIT2, { "pit2", "the timer of --irqchip kernel", false, 0 } },
	{ KVM_CAP_SIGNAL_MSI, { "signal-msi", "the IOAPIC of --irqchip split", false, 0 } },
	{ KVM_CAP_IRQFD, { "irqfd", "interrupts without a system call per edge", false, 0 } },
	{ KVM_CAP_IOEVENTFD, { "ioeventfd", "doorbells that do not stop the CPU", false, 0 } },
	{ KVM_CAP_TSC_DEADLINE_TIMER,
	  { "tsc-deadline", "fast start of the guest's timer", false, 0 } },
	{ KVM_CAP_GET_TSC_KHZ, { "tsc-khz", "telling the guest its TSC frequency", false, 0 } },
	{ KVM_CAP_READONLY_MEM, { "readonly-mem", "ROM", false, 0 } },
	{ KVM_CAP_X2APIC_API, { "x2apic-api", "more than 255 CPUs", false, 0 } },
	{ KVM_CAP_NESTED_STATE, { "nested-state", "virtual machines in the guest", false, 0 } },
	{ KVM_CAP_SYNC_REGS, { "sync-regs", "reading registers without a system call", false, 0 } },
	{ KVM_CAP_SET_GUEST_DEBUG, { "guest-debug", "single steps and breakpoints", false, 0 } },
	{ KVM_CAP_X86_USER_SPACE_MSR,
	  { "user-msr", "saying what an unknown MSR reads", false, 0 } },
	{ KVM_CAP_DIRTY_LOG_RING, { "dirty-ring", "finding changed memory cheaply", false, 0 } },
	{ KVM_CAP_BINARY_STATS_FD, { "stats", "statistics without root", false, 0 } },
};
_Static_assert(ARRAY_LEN(caps) <= PROBE_MAX_CAPS,
	       "struct host_probe has room for every capability");

static void probe_caps(int kvm, struct host_probe *p)
{
	int n;

	for (unsigned i = 0; i < ARRAY_LEN(caps); i++) {
		n = ioctl(kvm, KVM_CHECK_EXTENSION, caps[i].nr);
		p->cap[i].value = n > 0 ? n : 0;
	}
	n = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
	p->good_vcpus = n > 0 ? (unsigned)n : 4; /* api.rst 4.7: assume 4 */
	n = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	p->max_vcpus = n > 0 ? (unsigned)n : p->good_vcpus;
}

int probe_cap_value(const struct host_probe *p, const char *id)
{
	for (unsigned i = 0; i < p->cap_cnt; i++) {
		if (!strcmp(p->cap[i].id, id))
			return p->cap[i].value;
	}
	return 0;
}

/* --- a guest that counts down ----------------------------------------------------------------- */

/* Flat 32-bit protected mode, ring 0:  1: out %al, $0x80;  2: dec %ecx; jnz 2b;  jmp 1b */
static const uint8_t countdown[] = { 0xe6, 0x80, 0x49, 0x75, 0xfd, 0xeb, 0xf9 };

static uint64_t now_ns(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Runs until the next write to port 0x80. */
static const char *run_to_port(struct tiny_vm *t)
{
	int ret;

	do {
		ret = ioctl(t->cpu, KVM_RUN, 0);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return "KVM_RUN failed";
	if (t->run->exit_reason == KVM_EXIT_IO && t->run->io.port == 0x80)
		return NULL;
	if (t->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		return "KVM could not run it (internal error)";
	if (t->run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		return "the CPU refused to enter it";
	return "it stopped for no good reason";
}

/* Both instructions of the loop, @count times. */
static const char *time_loop(struct tiny_vm *t, uint32_t count, uint64_t *ret_ns)
{
	struct kvm_regs regs;
	uint64_t start;
	const char *why;

	tiny_vm_finish(t); /* the port write is still pending */
	if (ioctl(t->cpu, KVM_GET_REGS, &regs) < 0)
		return "KVM_GET_REGS failed";
	regs.rcx = count;
	if (ioctl(t->cpu, KVM_SET_REGS, &regs) < 0)
		return "KVM_SET_REGS failed";
	start = now_ns();
	why = run_to_port(t);
	*ret_ns = max_u64(now_ns() - start, 1);
	return why;
}

#define SHORT_LOOP  20000u
#define LONG_LOOP   2000000u
#define SLOW_NS     (8 * NSEC_PER_MSEC) /* 5 million instructions a second */
#define SPEED_TRIES 4

/*
 * An interpreter takes some 30 ms for the short loop, which is then the answer. On a CPU that takes
 * microseconds and is mostly the cost of getting in, so the long one follows. The best of a few
 * tries counts, because the host has other things to do as well.
 */
static const char *measure(struct tiny_vm *t, uint64_t *ret)
{
	const char *why = run_to_port(t); /* touches the pages */
	uint64_t ns = 0, best = 0;
	uint32_t count = SHORT_LOOP;

	for (unsigned i = 0; !why && i < SPEED_TRIES; i++) {
		why = time_loop(t, count, &ns);
		if (why)
			break;
		best = max_u64(best, 2 * (uint64_t)count * NSEC_PER_SEC / ns);
		if (ns < SLOW_NS)
			count = LONG_LOOP;
	}
	*ret = best;
	return why;
}

static void probe_run(int kvm, int vm, struct host_probe *p)
{
	_cleanup_(tiny_vm_free) struct tiny_vm t = { .vm = vm, .cpu = -1 };
	const char *why;

	why = tiny_vm_build(kvm, countdown, sizeof(countdown), &t);
	if (!why && !tiny_vm_start(&t, 0, 1))
		why = "its registers could not be set";
	if (!why)
		why = measure(&t, &p->insns_per_second);
	p->kvm = why ? PROBE_KVM_NO_RUN : PROBE_KVM_WORKS;
	if (why)
		snprintf(p->run_why, sizeof(p->run_why), "%s", why);
}

/* --- /dev/kvm --------------------------------------------------------------------------------- */

static void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

/*
 * The group's name by /etc/group: enough for a group that udev gave a device to, and without the
 * name service machinery, which a static binary lacks.
 */
static void group_name(gid_t gid, char *buf, size_t len)
{
	_cleanup_(fclosep) FILE *f = fopen("/etc/group", "re");
	char line[512], *save;

	snprintf(buf, len, "%u", (unsigned)gid);
	/* group(5): name:password:GID:members */
	while (f && fgets(line, sizeof(line), f)) {
		const char *name = strtok_r(line, ":", &save), *third;

		strtok_r(NULL, ":", &save);
		third = strtok_r(NULL, ":\n", &save);
		if (name && third && strtoul(third, NULL, 10) == gid) {
			snprintf(buf, len, "%s", name);
			return;
		}
	}
}

static void probe_node(const char *device, struct host_probe *p)
{
	struct stat st;

	if (stat(device, &st) < 0)
		return;
	p->dev_mode = st.st_mode & 07777;
	group_name(st.st_gid, p->dev_group, sizeof(p->dev_group));
}

static int create_vm(int kvm, struct host_probe *p)
{
	uint64_t start = now_ns();
	int vm;

	do {
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
	} while (vm < 0 && errno == EINTR);
	p->create_vm_ns = now_ns() - start;
	return vm;
}

void probe_kvm(const char *device, struct host_probe *p)
{
	_cleanup_close_ int kvm = -1;
	int vm;

	for (unsigned i = 0; i < ARRAY_LEN(caps); i++)
		p->cap[i] = caps[i].cap;
	p->cap_cnt = ARRAY_LEN(caps);
	probe_node(device, p);
	kvm = open(device, O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		p->kvm_errno = errno;
		p->kvm = errno == ENOENT                     ? PROBE_KVM_NO_DEVICE
			 : errno == EACCES || errno == EPERM ? PROBE_KVM_NO_ACCESS
							     : PROBE_KVM_NO_OPEN;
		return;
	}
	p->api = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (p->api != KVM_API_VERSION) {
		p->kvm_errno = p->api < 0 ? errno : 0;
		p->kvm = PROBE_KVM_BAD_API;
		return;
	}
	probe_caps(kvm, p);
	vm = create_vm(kvm, p);
	if (vm < 0) {
		p->kvm_errno = errno;
		p->kvm = PROBE_KVM_NO_VM;
		return;
	}
	probe_run(kvm, vm, p);
}

void probe_host(struct host_probe *ret)
{
	memset(ret, 0, sizeof(*ret));
	probe_files("", ret);
	probe_limits(ret);
	probe_kvm("/dev/kvm", ret);
}

/* --- CPUID ------------------------------------------------------------------------------------ */

int probe_cpuid(struct cpuid_table *ret, struct error **errp)
{
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	_Alignas(struct kvm_cpuid2)
		uint8_t room[sizeof(struct kvm_cpuid2) +
			     CPUID_MAX_LEAVES * sizeof(struct kvm_cpuid_entry2)] = { 0 };
	struct kvm_cpuid2 *c = (struct kvm_cpuid2 *)room;

	if (kvm < 0)
		return err_errno(errp, errno, "cannot open '/dev/kvm'");
	c->nent = CPUID_MAX_LEAVES;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) < 0)
		return err_errno(errp, errno, "cannot read KVM's CPUID");
	ret->cnt = c->nent;
	for (unsigned i = 0; i < c->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		ret->leaf[i] = (struct cpuid_leaf){
			.function = e->function,
			.index = e->index,
			.flags = e->flags & CPUID_INDEXED,
			.eax = e->eax,
			.ebx = e->ebx,
			.ecx = e->ecx,
			.edx = e->edx,
		};
	}
	return 0;
}
