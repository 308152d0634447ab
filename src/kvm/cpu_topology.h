/* SPDX-License-Identifier: MIT */
/* cpu_topology.h: sockets, cores and threads as CPUID describes them. */
#ifndef KVM_CPU_TOPOLOGY_H
#define KVM_CPU_TOPOLOGY_H

#include "vmm/cpuid.h"

struct error;

enum cpu_vendor {
	CPU_INTEL,
	CPU_AMD
}; /* whose leaves: Centaur and Zhaoxin follow Intel, Hygon AMD */

/* The widths of an APIC id's lower fields: ids are socket : core : thread, each field as narrow as
 * its count allows (Intel SDM volume 3A, 9.9.1; AMD APM volume 3, E.5). */
unsigned cpu_topology_thread_bits(const struct cpu_topology *topo);
unsigned cpu_topology_core_bits(const struct cpu_topology *topo);

/* Refuses counts of zero and shapes that CPUID's fields cannot hold. */
int cpu_topology_check(const struct cpu_topology *topo, struct error **errp) __must_check;

/*
 * Writes what is the same on every CPU: leaves 1, 4, 0xB, 0x1F (if the host has it), 0x80000001,
 * 0x80000008, 0x8000001D, 0x8000001E. Then cpuid_patch() for one CPU, so that @t is consistent.
 * Room for six more leaves in @t is the caller's business. @apic false: no leaf 0xB.
 */
void cpu_topology_apply(struct cpuid_table *t, const struct cpu_topology *topo,
			enum cpu_vendor vendor, bool apic, bool leaf_1f);

/* The leaf, appended as zeros if it was not there. @t has room. */
struct cpuid_leaf *cpuid_need(struct cpuid_table *t, uint32_t function, uint32_t index,
			      uint32_t flags);

#endif
