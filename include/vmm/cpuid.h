/* SPDX-License-Identifier: MIT */
/*
 * cpuid.h: what the guest's CPUID instruction says. Built once from what KVM supports, the chosen
 * model and the topology, then patched per vCPU (a few words) without asking anyone again.
 */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include <stdio.h>
#include <string.h>

#include "vmm/base.h"

struct error;

/* One CPUID leaf; the same fields as struct kvm_cpuid_entry2, so that src/kvm converts by
 * assignment. */
struct cpuid_leaf {
	uint32_t function, index, flags; /* flags bit 0: index is significant */
	uint32_t eax, ebx, ecx, edx;
};
#define CPUID_INDEXED    1u
#define CPUID_MAX_LEAVES 256

struct cpuid_table {
	struct cpuid_leaf leaf[CPUID_MAX_LEAVES];
	unsigned cnt;
};

struct cpu_topology {
	unsigned sockets, cores, threads; /* cores per socket, threads per core */
};

struct cpuid_request {
	const char *model; /* "host", "baseline", "host,-avx2,+x2apic" ...; NULL: "host" */
	struct cpu_topology topo;
	uint32_t tsc_khz;  /* 0: unknown; leaves 0x15/0x16 and 0x40000010 are left out */
	bool apic;         /* false: irqchip user; hides APIC, x2APIC and TSC-deadline */
	bool tsc_deadline; /* the VM's local APIC offers it (KVM_CAP_TSC_DEADLINE_TIMER) */
	/* KVM_CAP_X2APIC_API is on and the IOAPIC passes on destination bits 8..14: interrupts
	 * reach APIC ids above 254 without an IOMMU. */
	bool msi_ext_dest_id;
	unsigned max_apic_id;
};

/* Copies what is used of @src. */
static inline void cpuid_copy(struct cpuid_table *dst, const struct cpuid_table *src)
{
	dst->cnt = src->cnt;
	memcpy(dst->leaf, src->leaf, src->cnt * sizeof(src->leaf[0]));
}

/*
 * Builds the guest's table from @supported (KVM_GET_SUPPORTED_CPUID). An unknown model or feature
 * is an error with the nearest match; "+feature" that the host lacks is an error that says so.
 */
int cpuid_build(const struct cpuid_table *supported, const struct cpuid_request *rq,
		struct cpuid_table *ret, struct error **errp) __must_check;

/* Are the names in @model known? Without asking the host, so only cpuid_build() knows whether it
 * has them. The errors are those of cpuid_build(). */
int cpuid_check_model(const char *model, struct error **errp) __must_check;

/* Writes into @t what differs from CPU to CPU: initial APIC id, x2APIC ids, AMD node/core ids. */
void cpuid_patch(struct cpuid_table *t, uint32_t apic_id, const struct cpu_topology *topo);

/* NULL if the leaf is not there. */
struct cpuid_leaf *cpuid_find(struct cpuid_table *t, uint32_t function, uint32_t index);

/* --cpu help: models and features, and which of them @supported has (NULL: unknown). */
void cpuid_print_help(FILE *f, const struct cpuid_table *supported);

/* The APIC id of CPU @n: ids are dense within power-of-two fields as CPUID leaf 0xB
 * describes them. */
uint32_t cpuid_apic_id(unsigned n, const struct cpu_topology *topo);

#endif
