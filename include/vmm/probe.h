/* SPDX-License-Identifier: MIT */
/*
 * probe.h: what the host offers to virtual machines. Gathers facts; judging them is the doctor's.
 *
 * Everything is tried, nothing is concluded from CPU flags: a host may have a working /dev/kvm and
 * no vmx or svm flag (KVM in software), or the flag and no /dev/kvm.
 */
#ifndef VMM_PROBE_H
#define VMM_PROBE_H

#include "vmm/base.h"

struct cpuid_table;
struct error;

/* How far /dev/kvm gets. */
enum probe_kvm {
	PROBE_KVM_NO_DEVICE, /* /dev/kvm does not exist */
	PROBE_KVM_NO_ACCESS, /* EACCES or EPERM */
	PROBE_KVM_NO_OPEN,   /* open() failed otherwise: kvm_errno */
	PROBE_KVM_BAD_API,   /* KVM_GET_API_VERSION is not 12 */
	PROBE_KVM_NO_VM,     /* KVM_CREATE_VM failed: kvm_errno */
	PROBE_KVM_NO_RUN,    /* a VM could be made, its CPU did not run: run_why */
	PROBE_KVM_WORKS,
};

/* One capability the program needs or makes use of. */
struct probe_cap {
	const char *id;  /* "split-irqchip" */
	const char *use; /* what it is good for */
	bool needed;     /* without it no guest runs */
	int value;       /* KVM_CHECK_EXTENSION; 0: not there */
};
#define PROBE_MAX_CAPS 32

enum probe_dev { PROBE_DEV_OK, PROBE_DEV_MISSING, PROBE_DEV_NO_ACCESS, PROBE_DEV_FAILS };

/* A module parameter or other small file; "" if it cannot be read. */
typedef char probe_word[32];

struct probe_hugepages {
	bool supported;
	uint64_t total, free;
};

/* A number that may be unknown or without limit. */
#define PROBE_UNKNOWN  UINT64_MAX
#define PROBE_NO_LIMIT (UINT64_MAX - 1)

struct host_probe {
	/* KVM */
	enum probe_kvm kvm;
	int kvm_errno; /* of the step that failed */
	int api;       /* KVM_GET_API_VERSION */
	unsigned dev_mode;
	char dev_group[32]; /* the group that owns /dev/kvm, by name or number */
	struct probe_cap cap[PROBE_MAX_CAPS];
	unsigned cap_cnt;
	unsigned max_vcpus, good_vcpus;
	char run_why[96];          /* PROBE_KVM_NO_RUN: what happened instead */
	uint64_t insns_per_second; /* of a ring-0 loop in the guest; 0: did not run */
	uint64_t create_vm_ns;     /* how long KVM_CREATE_VM took */

	/* CPU and kernel */
	char cpu_model[64], cpu_vendor[16];
	char kernel_release[64];
	bool vmx, svm, hypervisor;
	unsigned cpus;
	bool kvm_module; /* /sys/module/kvm */
	bool kvm_intel, kvm_amd;
	char kvm_other[32]; /* another module of KVM's family, "kvm_pvm" */
	probe_word nested, ept, npt, unrestricted, halt_poll_ns, nx_huge_pages;
	bool container;

	/* memory */
	uint64_t mem_total, mem_available; /* bytes */
	unsigned overcommit;               /* /proc/sys/vm/overcommit_memory; 3: unknown */
	uint64_t cgroup_limit;             /* bytes, PROBE_NO_LIMIT, PROBE_UNKNOWN */
	struct probe_hugepages huge_2m, huge_1g;
	probe_word thp; /* "always", "madvise", "never" */
	probe_word ksm; /* "0", "1", "2" */
	bool favordynmods, cgroup2;

	/* devices and limits */
	enum probe_dev tun, vhost_net;
	int tun_errno, vhost_net_errno;
	uint64_t rlimit_memlock, rlimit_nofile, rlimit_as; /* soft; PROBE_NO_LIMIT */
};

/*
 * Fills *ret; never fails, what cannot be learned is left unknown. Opens /dev/kvm, runs a guest of
 * a few instructions (milliseconds; up to a second on a slow host). Control thread.
 */
void probe_host(struct host_probe *ret);

/* The parts of it: files below @root ("" for the real ones), KVM, this process's limits. */
void probe_files(const char *root, struct host_probe *ret);
void probe_kvm(const char *device, struct host_probe *ret);
void probe_limits(struct host_probe *ret);

/* The value of capability @id, 0 if KVM lacks it or the probe does not ask for it. */
int probe_cap_value(const struct host_probe *p, const char *id);

/*
 * Whether guest code runs on the CPU itself. An interpreting KVM reaches a few million instructions
 * a second, the slowest emulated CPU with virtualization some hundred: PROBE_HARDWARE_SPEED lies
 * between.
 */
#define PROBE_HARDWARE_SPEED UINT64_C(20000000)
static inline bool probe_is_hardware(const struct host_probe *p)
{
	return p->kvm == PROBE_KVM_WORKS && p->insns_per_second >= PROBE_HARDWARE_SPEED;
}

/* KVM_GET_SUPPORTED_CPUID of /dev/kvm, for lists of features. */
int probe_cpuid(struct cpuid_table *ret, struct error **errp) __must_check;

#endif
