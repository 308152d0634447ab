/* SPDX-License-Identifier: MIT */
/*
 * cpu_topology.c: sockets, cores and threads as CPUID describes them.
 *
 *   leaf              field                                      per CPU
 *   1.EBX             [31:24] initial APIC id                    yes
 *                     [23:16] ids per socket (Intel), CPUs (AMD)
 *   1.EDX             [28] HTT: more than one of them
 *   4.EAX  (Intel)    [25:14] ids sharing the cache - 1; [31:26] core ids per socket - 1
 *   0xB, 0x1F         EAX shift, EBX CPUs at this level, EDX     EDX: x2APIC id
 *   0x80000001.ECX    [1] CmpLegacy (AMD)
 *   0x80000008.ECX    [7:0] CPUs per socket - 1; [15:12] width of the core:thread field (AMD)
 *   0x8000001D.EAX    [25:14] as leaf 4 (AMD)
 *   0x8000001E (AMD)  EAX APIC id; EBX [7:0] core, [15:8] threads - 1; ECX node  yes
 *
 * Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
 */
#include "kvm/cpu_topology.h"

#include <assert.h>
#include <errno.h>

#include "vmm/bits.h"
#include "vmm/error.h"

#define LEAF1_EBX_COUNT_SHIFT 16
#define LEAF1_EBX_APIC_SHIFT  24
#define LEAF1_EDX_HTT         BIT(28)

#define LEAF4_EAX_TYPE_MASK     0x1fu
#define LEAF4_EAX_LEVEL(eax)    ((eax) >> 5 & 7)
#define LEAF4_EAX_SHARING_SHIFT 14
#define LEAF4_EAX_SHARING_MASK  0xfffu
#define LEAF4_EAX_CORES_SHIFT   26
#define LEAF4_EAX_CORES_MASK    0x3fu

#define LEAFB_TYPE_SMT  1u
#define LEAFB_TYPE_CORE 2u

#define LEAF80000001_ECX_CMP_LEGACY BIT(1)
#define LEAF80000001_ECX_TOPOEXT    BIT(22)

/* The widest core:thread field that 0x80000008 ECX[15:12] can state. */
#define PACKAGE_BITS_MAX 15

/* An upper bound that keeps every product below in 32 bits; KVM's own is far lower. */
#define CPUS_MAX (1u << PACKAGE_BITS_MAX)

static unsigned at_least_1(unsigned n)
{
	return n ? n : 1;
}

/* Bits for @n different values, 0 for one. */
static unsigned width(unsigned n)
{
	return n <= 1 ? 0 : 32 - (unsigned)__builtin_clz(n - 1);
}

unsigned cpu_topology_thread_bits(const struct cpu_topology *topo)
{
	return width(topo->threads);
}

unsigned cpu_topology_core_bits(const struct cpu_topology *topo)
{
	return width(topo->cores);
}

int cpu_topology_check(const struct cpu_topology *topo, struct error **errp)
{
	if (!topo->sockets || !topo->cores || !topo->threads)
		return err_set(errp, EINVAL,
			       "a CPU topology of %u sockets, %u cores, %u threads has no CPUs",
			       topo->sockets, topo->cores, topo->threads);
	if (topo->sockets > CPUS_MAX || topo->cores > CPUS_MAX || topo->threads > CPUS_MAX ||
	    cpu_topology_thread_bits(topo) + cpu_topology_core_bits(topo) > PACKAGE_BITS_MAX ||
	    (uint64_t)topo->sockets * topo->cores * topo->threads > CPUS_MAX)
		return err_set(
			errp, EINVAL,
			"a CPU topology of %u sockets, %u cores, %u threads is too large: at "
			"most %u CPUs",
			topo->sockets, topo->cores, topo->threads, CPUS_MAX);
	return 0;
}

uint32_t cpuid_apic_id(unsigned n, const struct cpu_topology *topo)
{
	unsigned threads = at_least_1(topo->threads), cores = at_least_1(topo->cores);
	unsigned thread_bits = cpu_topology_thread_bits(topo);
	unsigned core_bits = cpu_topology_core_bits(topo);
	unsigned thread = n % threads, core = n / threads % cores, socket = n / threads / cores;

	return socket << (thread_bits + core_bits) | core << thread_bits | thread;
}

static void set_field(uint32_t *reg, unsigned shift, uint32_t mask, uint32_t v)
{
	if (v > mask)
		v = mask; /* the SDM lets counts that do not fit saturate */
	*reg = (*reg & ~(mask << shift)) | v << shift;
}

/*
 * Which CPUs share a cache: levels 1 and 2 belong to a core, the others to the socket. Both vendors
 * count ids, not CPUs: software takes the next power of two as the shift.
 */
static void apply_cache(struct cpuid_leaf *l, unsigned thread_bits, unsigned package_bits)
{
	unsigned bits = LEAF4_EAX_LEVEL(l->eax) <= 2 ? thread_bits : package_bits;

	set_field(&l->eax, LEAF4_EAX_SHARING_SHIFT, LEAF4_EAX_SHARING_MASK, (1u << bits) - 1);
}

static void apply_caches(struct cpuid_table *t, uint32_t function, const struct cpu_topology *topo)
{
	unsigned thread_bits = cpu_topology_thread_bits(topo);
	unsigned core_bits = cpu_topology_core_bits(topo);

	for (unsigned i = 0; i < t->cnt; i++) {
		struct cpuid_leaf *l = &t->leaf[i];

		if (l->function != function || !(l->eax & LEAF4_EAX_TYPE_MASK))
			continue;
		apply_cache(l, thread_bits, thread_bits + core_bits);
		if (function == 4)
			set_field(&l->eax, LEAF4_EAX_CORES_SHIFT, LEAF4_EAX_CORES_MASK,
				  (1u << core_bits) - 1);
	}
}

static void drop_leaf(struct cpuid_table *t, uint32_t function)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->cnt; i++)
		if (t->leaf[i].function != function)
			t->leaf[n++] = t->leaf[i];
	t->cnt = n;
}

/* Leaf 0xB or 0x1F: a level for threads, one for cores, and the end mark (type 0). */
static void apply_extended(struct cpuid_table *t, uint32_t function,
			   const struct cpu_topology *topo)
{
	unsigned thread_bits = cpu_topology_thread_bits(topo);
	unsigned core_bits = cpu_topology_core_bits(topo);
	const struct {
		uint32_t shift, cpus, type;
	} level[] = {
		{ thread_bits, topo->threads, LEAFB_TYPE_SMT },
		{ thread_bits + core_bits, topo->threads * topo->cores, LEAFB_TYPE_CORE },
		{ 0, 0, 0 },
	};

	drop_leaf(t, function);
	for (unsigned i = 0; i < ARRAY_LEN(level); i++) {
		struct cpuid_leaf *l = cpuid_need(t, function, i, CPUID_INDEXED);

		l->eax = level[i].shift;
		l->ebx = level[i].cpus;
		l->ecx = level[i].type << 8 | i;
	}
}

static void apply_leaf1(struct cpuid_table *t, const struct cpu_topology *topo,
			enum cpu_vendor vendor)
{
	struct cpuid_leaf *l = cpuid_need(t, 1, 0, 0);
	unsigned package_bits = cpu_topology_thread_bits(topo) + cpu_topology_core_bits(topo);
	uint32_t cpus = topo->cores * topo->threads;

	/* Intel: "maximum number of addressable IDs for logical processors in this package", whose
	 * next power of two is the shift; AMD: "LogicalProcessorCount". */
	set_field(&l->ebx, LEAF1_EBX_COUNT_SHIFT, 0xff,
		  vendor == CPU_INTEL ? 1u << package_bits : cpus);
	if (cpus > 1)
		l->edx |= LEAF1_EDX_HTT;
	else
		l->edx &= ~LEAF1_EDX_HTT;
}

static void apply_amd(struct cpuid_table *t, const struct cpu_topology *topo)
{
	struct cpuid_leaf *l = cpuid_find(t, 0x80000001, 0);
	unsigned package_bits = cpu_topology_thread_bits(topo) + cpu_topology_core_bits(topo);
	uint32_t cpus = topo->cores * topo->threads;
	bool topoext;

	/* Only its leaves tell threads from cores on AMD. They are words of ours and need nothing
	 * of the host, so a host without them is no reason to hide the threads asked for. */
	if (l && topo->threads > 1)
		l->ecx |= LEAF80000001_ECX_TOPOEXT;
	topoext = l && (l->ecx & LEAF80000001_ECX_TOPOEXT);
	if (l && cpus > 1)
		l->ecx |= LEAF80000001_ECX_CMP_LEGACY;
	else if (l)
		l->ecx &= ~LEAF80000001_ECX_CMP_LEGACY;

	l = cpuid_find(t, 0x80000008, 0);
	if (l) {
		set_field(&l->ecx, 0, 0xff, cpus - 1);
		set_field(&l->ecx, 12, 0xf, package_bits);
	}
	if (!topoext) { /* both leaves exist only with it */
		drop_leaf(t, 0x8000001d);
		drop_leaf(t, 0x8000001e);
		return;
	}
	apply_caches(t, 0x8000001d, topo);
	cpuid_need(t, 0x8000001e, 0, 0);
}

void cpu_topology_apply(struct cpuid_table *t, const struct cpu_topology *topo,
			enum cpu_vendor vendor, bool apic, bool leaf_1f)
{
	apply_leaf1(t, topo, vendor);
	drop_leaf(t, 0xb);
	drop_leaf(t, 0x1f);
	if (apic) /* x2APIC ids are what these two are about */
		apply_extended(t, 0xb, topo);
	if (apic && leaf_1f)
		apply_extended(t, 0x1f, topo);
	if (vendor == CPU_INTEL)
		apply_caches(t, 4, topo);
	else
		apply_amd(t, topo);
	cpuid_patch(t, 0, topo);
}

/* One pass over the table: a leaf that the build left out is not missed. */
void cpuid_patch(struct cpuid_table *t, uint32_t apic_id, const struct cpu_topology *topo)
{
	unsigned thread_bits = cpu_topology_thread_bits(topo);
	unsigned core_bits = cpu_topology_core_bits(topo);

	for (unsigned i = 0; i < t->cnt; i++) {
		struct cpuid_leaf *l = &t->leaf[i];

		switch (l->function) {
		case 1:
			/* "Initial APIC ID": the low 8 bits; 0xB has the rest. */
			l->ebx = (l->ebx & ~(0xffu << LEAF1_EBX_APIC_SHIFT)) |
				 (apic_id & 0xff) << LEAF1_EBX_APIC_SHIFT;
			break;
		case 0xb:
		case 0x1f:
			l->edx = apic_id;
			break;
		case 0x8000001e:
			/* NodesPerProcessor (ECX[10:8]) is 0: one node, the socket. */
			l->eax = apic_id;
			l->ebx = ((at_least_1(topo->threads) - 1) & 0xff) << 8 |
				 (apic_id >> thread_bits & ((1u << core_bits) - 1) & 0xff);
			l->ecx = apic_id >> (thread_bits + core_bits) & 0xff;
			break;
		}
	}
}
