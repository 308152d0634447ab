/* SPDX-License-Identifier: MIT */
/*
 * msr.c: the power-on values of model-specific registers, as firmware would leave them.
 *
 * A fresh vCPU needs few: KVM's own power-on values are those of the manuals, and what is missing
 * is what a BIOS does: MTRRs on, fast strings on, VMX unlocked. A guest reset needs all of them:
 * most of all KVM's own, since a steal-time or clock page of the last boot would be written into
 * the RAM of the next.
 *
 * Not here: APIC base and EFER (segment registers), the machine-check banks (nothing injects into
 * them), XCR0 (KVM_SET_XCRS), counters that count nothing once their control is 0.
 */
#include "vmm/msr.h"

#include <assert.h>

#include "kvm/cpu_features.h"

/* MTRRs (Intel SDM volume 3A, 12.11) */
#define MTRR_TYPE_UC     UINT64_C(0)
#define MTRR_TYPE_WB     UINT64_C(6)
#define MTRR_DEF_ENABLE  BIT64(11)
#define MTRR_MASK_VALID  BIT64(11)
#define MTRR_VARIABLE    8u /* what KVM's IA32_MTRRCAP says */
#define MSR_MTRR_PHYS(n) (0x200u + 2 * (n))

/* IA32_MISC_ENABLE (SDM volume 4, table 2-2) */
#define MISC_FAST_STRING BIT64(0)
#define MISC_PERF_MON    BIT64(7)
#define MISC_NO_BTS      BIT64(11)
#define MISC_NO_PEBS     BIT64(12)
#define MISC_MONITOR     BIT64(18)
#define MSR_MISC_ENABLE  0x1a0u

/* IA32_FEATURE_CONTROL: locked, VMX outside SMX (SDM volume 3C, 24.7) */
#define FEAT_CTL_VMX UINT64_C(5)

/* HWCR.TscFreqSel: the TSC counts at P0 frequency (AMD PPR, MSRC001_0015) */
#define HWCR_TSC_FREQ_SEL BIT64(24)

/* UC-, WC, WT, WB twice over: "PAT entry, type at power up" (SDM volume 3A, table 12-12) */
#define PAT_POWER_ON UINT64_C(0x0007040600070406)

#define MSR_PERFEVTSEL(n)   (0x186u + (n))
#define MSR_AMD_PERF_CTL(n) (0xc0010200u + 2 * (n))
#define AMD_CORE_COUNTERS   6u
#define PERFEVTSEL_MAX      8u

#define ALWAYS (-1)

enum { COLD = 1, OPTIONAL = 2 }; /* also on a fresh vCPU; this KVM may refuse it */

/*
 * Fixed values, in the order in which they are set: the TSC before IA32_TSC_ADJUST, which moves
 * with it when the guest writes it. Writing 0 to the TSC makes KVM keep all vCPUs' in step
 * (arch/x86/kvm/x86.c, kvm_synchronize_tsc()).
 */
static const struct msr_row {
	const char *name;
	uint32_t index;
	uint64_t value;
	int needs; /* feature, or ALWAYS */
	unsigned flags;
} rows[] = {
	{ "IA32_TSC", 0x10, 0, CPU_F_TSC, 0 },
	{ "IA32_TSC_ADJUST", 0x3b, 0, CPU_F_TSC_ADJUST, OPTIONAL },
	{ "IA32_TSC_DEADLINE", 0x6e0, 0, CPU_F_TSC_DEADLINE_TIMER, 0 },
	{ "IA32_FEATURE_CONTROL", 0x3a, FEAT_CTL_VMX, CPU_F_VMX, COLD | OPTIONAL },
	{ "IA32_SPEC_CTRL", 0x48, 0, CPU_F_SPEC_CTRL, OPTIONAL },
	{ "IA32_SPEC_CTRL", 0x48, 0, CPU_F_IBRS, OPTIONAL },
	{ "VIRT_SPEC_CTRL", 0xc001011f, 0, CPU_F_VIRT_SSBD, OPTIONAL },
	{ "IA32_UMWAIT_CONTROL", 0xe1, 0, CPU_F_WAITPKG, OPTIONAL },
	{ "IA32_SYSENTER_CS", 0x174, 0, CPU_F_SEP, 0 },
	{ "IA32_SYSENTER_ESP", 0x175, 0, CPU_F_SEP, 0 },
	{ "IA32_SYSENTER_EIP", 0x176, 0, CPU_F_SEP, 0 },
	{ "IA32_MCG_STATUS", 0x17a, 0, CPU_F_MCA, OPTIONAL },
	{ "IA32_DEBUGCTL", 0x1d9, 0, ALWAYS, OPTIONAL },
	{ "IA32_PAT", 0x277, PAT_POWER_ON, CPU_F_PAT, 0 },
	{ "IA32_XFD", 0x1c4, 0, CPU_F_XFD, OPTIONAL },
	{ "IA32_XFD_ERR", 0x1c5, 0, CPU_F_XFD, OPTIONAL },
	{ "IA32_BNDCFGS", 0xd90, 0, CPU_F_MPX, OPTIONAL },
	{ "IA32_XSS", 0xda0, 0, CPU_F_XSAVES, OPTIONAL },
	{ "IA32_U_CET", 0x6a0, 0, CPU_F_SHSTK, OPTIONAL },
	{ "IA32_S_CET", 0x6a2, 0, CPU_F_SHSTK, OPTIONAL },
	{ "IA32_PL0_SSP", 0x6a4, 0, CPU_F_SHSTK, OPTIONAL },
	{ "IA32_PL1_SSP", 0x6a5, 0, CPU_F_SHSTK, OPTIONAL },
	{ "IA32_PL2_SSP", 0x6a6, 0, CPU_F_SHSTK, OPTIONAL },
	{ "IA32_PL3_SSP", 0x6a7, 0, CPU_F_SHSTK, OPTIONAL },
	{ "IA32_INT_SSP_TAB", 0x6a8, 0, CPU_F_SHSTK, OPTIONAL },
	{ "IA32_PERF_GLOBAL_CTRL", 0x38f, 0, CPU_F_ARCH_PERFMON, OPTIONAL },
	{ "IA32_FIXED_CTR_CTRL", 0x38d, 0, CPU_F_ARCH_PERFMON, OPTIONAL },
	{ "STAR", 0xc0000081, 0, CPU_F_SYSCALL, 0 },
	{ "LSTAR", 0xc0000082, 0, CPU_F_LM, 0 },
	{ "CSTAR", 0xc0000083, 0, CPU_F_LM, 0 },
	{ "SFMASK", 0xc0000084, 0, CPU_F_LM, 0 },
	{ "KERNEL_GS_BASE", 0xc0000102, 0, CPU_F_LM, 0 },
	{ "TSC_AUX", 0xc0000103, 0, CPU_F_RDTSCP, OPTIONAL },
	{ "VM_CR", 0xc0010114, 0, CPU_F_SVM, OPTIONAL },
	{ "VM_HSAVE_PA", 0xc0010117, 0, CPU_F_SVM, OPTIONAL },
	/* The fixed-range MTRRs stay disabled: memory below 1 MiB is of the default type too. */
	{ "IA32_MTRR_DEF_TYPE", 0x2ff, MTRR_DEF_ENABLE | MTRR_TYPE_WB, CPU_F_MTRR,
	  COLD | OPTIONAL },
	/* KVM's own (Documentation/virt/kvm/x86/msr.rst); the first stops writes into guest RAM. */
	{ "KVM_SYSTEM_TIME_NEW", 0x4b564d01, 0, CPU_F_KVMCLOCK, 0 },
	{ "KVM_ASYNC_PF_EN", 0x4b564d02, 0, CPU_F_KVM_ASYNCPF, OPTIONAL },
	{ "KVM_STEAL_TIME", 0x4b564d03, 0, CPU_F_KVM_STEAL_TIME, OPTIONAL },
	{ "KVM_PV_EOI_EN", 0x4b564d04, 0, CPU_F_KVM_PV_EOI, OPTIONAL },
	{ "KVM_POLL_CONTROL", 0x4b564d05, 1, CPU_F_KVM_POLL_CONTROL, OPTIONAL },
	{ "KVM_ASYNC_PF_INT", 0x4b564d06, 0, CPU_F_KVM_ASYNCPF_INT, OPTIONAL },
};

/*
 * MSRs that KVM may not know and that kernels touch without guarding against #GP, because on bare
 * metal of that family they are there: reads give what a machine without the thing would say.
 * Sorted.
 */
static const struct known_msr {
	uint32_t index;
	const char *name;
	uint64_t value;
} known[] = {
	{ 0x34, "MSR_SMI_COUNT", 0 },
	{ 0x8b, "IA32_BIOS_SIGN_ID", 0 },
	{ 0xce, "MSR_PLATFORM_INFO", 0 },
	{ 0x140, "MSR_MISC_FEATURES_ENABLES", 0 },
	{ 0x1ad, "MSR_TURBO_RATIO_LIMIT", 0 },
	{ 0x1b0, "IA32_ENERGY_PERF_BIAS", 6 }, /* "balanced" */
	{ 0x1fc, "MSR_POWER_CTL", 0 },
	{ 0x606, "MSR_RAPL_POWER_UNIT", 0 },
	{ 0x611, "MSR_PKG_ENERGY_STATUS", 0 },
	{ 0x619, "MSR_DRAM_ENERGY_STATUS", 0 },
	{ 0xc0010010, "SYSCFG", 0 },
	{ 0xc0010015, "HWCR", 0 },
	{ 0xc001001f, "NB_CFG", 0 },
	{ 0xc0010055, "INT_PENDING", 0 },
	{ 0xc0010112, "SMM_ADDR", 0 },
	{ 0xc0010113, "SMM_MASK", 0 },
	{ 0xc0011020, "LS_CFG", 0 },
	{ 0xc0011021, "IC_CFG", 0 },
	{ 0xc0011022, "DC_CFG", 0 },
	{ 0xc0011023, "CU_CFG", 0 },
	{ 0xc0011029, "DE_CFG", 2 }, /* LFENCE serializes */
	{ 0xc001102a, "CU_CFG2", 0 },
	{ 0xc001102c, "EX_CFG", 0 },
};

const char *const msr_policy_names[] = { "known", "fault", "ignore" };

struct list {
	struct msr_value *v;
	unsigned cnt;
};

static void add(struct list *l, uint32_t index, uint64_t value, bool optional)
{
	assert(l->cnt < MSR_RESET_MAX);
	l->v[l->cnt++] = (struct msr_value){ index, value, optional };
}

static struct cpuid_leaf *find(const struct cpuid_table *t, uint32_t function)
{
	return cpuid_find((struct cpuid_table *)(uintptr_t)t, function, 0); /* which only reads */
}

static bool is_amd(const struct cpuid_table *t)
{
	const struct cpuid_leaf *l = find(t, 0);

	return l && (l->ebx == 0x68747541 || l->ebx == 0x6f677948); /* "Auth", "Hygo" */
}

static unsigned physical_bits(const struct cpuid_table *t)
{
	const struct cpuid_leaf *l = find(t, 0x80000008);
	unsigned bits = l ? l->eax & 0xff : 36; /* SDM 2A: 36 if the leaf is not there */

	return bits < 32 || bits > 52 ? 36 : bits;
}

/* One range for the hole below 4 GiB, and none of the guest's: KVM has the pairs since ever. */
static void add_mtrrs(struct list *l, const struct msr_reset *rq)
{
	unsigned first = 0;

	if (rq->uncached_len) {
		uint64_t address = BIT64(physical_bits(rq->cpuid)) - 1;

		assert(is_pow2(rq->uncached_len) && rq->uncached_len >= 4096);
		assert(!(rq->uncached_base & (rq->uncached_len - 1)));
		add(l, MSR_MTRR_PHYS(0), rq->uncached_base | MTRR_TYPE_UC, true);
		add(l, MSR_MTRR_PHYS(0) + 1, (~(rq->uncached_len - 1) & address) | MTRR_MASK_VALID,
		    true);
		first = 1;
	}
	for (unsigned i = first; rq->warm && i < MTRR_VARIABLE; i++) {
		add(l, MSR_MTRR_PHYS(i), 0, true);
		add(l, MSR_MTRR_PHYS(i) + 1, 0, true);
	}
}

static uint64_t misc_enable(const struct cpu_feature_set *s)
{
	uint64_t v = MISC_FAST_STRING;

	if (!cpu_set_has(s, CPU_F_DTS))
		v |= MISC_NO_BTS | MISC_NO_PEBS;
	if (cpu_set_has(s, CPU_F_ARCH_PERFMON))
		v |= MISC_PERF_MON;
	/* KVM clears CPUID's bit when this one is 0. */
	if (cpu_set_has(s, CPU_F_MONITOR))
		v |= MISC_MONITOR;
	return v;
}

/* Event selectors of a guest that is no more must not go on counting, and interrupting. */
static void add_counters(struct list *l, const struct cpuid_table *t,
			 const struct cpu_feature_set *s)
{
	const struct cpuid_leaf *pmu = find(t, 0xa);
	unsigned cnt = 0;

	if (pmu && cpu_set_has(s, CPU_F_ARCH_PERFMON))
		cnt = pmu->eax >> 8 & 0xff; /* "number of general-purpose counters" */
	for (unsigned i = 0; i < cnt && i < PERFEVTSEL_MAX; i++)
		add(l, MSR_PERFEVTSEL(i), 0, true);
	if (cpu_set_has(s, CPU_F_PERFCTR_CORE))
		for (unsigned i = 0; i < AMD_CORE_COUNTERS; i++)
			add(l, MSR_AMD_PERF_CTL(i), 0, true);
}

unsigned msr_reset_list(const struct msr_reset *rq, struct msr_value *ret)
{
	struct list l = { .v = ret };
	struct cpu_feature_set s;

	cpu_set_read(&s, rq->cpuid);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const struct msr_row *r = &rows[i];

		if (!rq->warm && !(r->flags & COLD))
			continue;
		if (r->needs != ALWAYS && !cpu_set_has(&s, (unsigned)r->needs))
			continue;
		if (l.cnt && ret[l.cnt - 1].index == r->index) /* one MSR, two vendors' bits */
			continue;
		add(&l, r->index, r->value, r->flags & OPTIONAL);
	}
	add(&l, MSR_MISC_ENABLE, misc_enable(&s), true);
	if (cpu_set_has(&s, CPU_F_MTRR))
		add_mtrrs(&l, rq);
	/* Without the bit Linux on AMD calls its firmware buggy; KVM takes it since 6.7. */
	if (cpu_set_has(&s, CPU_F_INVTSC) && is_amd(rq->cpuid))
		add(&l, 0xc0010015, HWCR_TSC_FREQ_SEL, true);
	if (rq->warm)
		add_counters(&l, rq->cpuid, &s);
	return l.cnt;
}

static const struct known_msr *find_known(uint32_t index)
{
	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].index == index)
			return &known[i];
	return NULL;
}

bool msr_unknown_read(enum msr_policy p, uint32_t index, uint64_t *ret)
{
	const struct known_msr *k = p == MSR_KNOWN ? find_known(index) : NULL;

	if (!k && p != MSR_IGNORE)
		return false;
	*ret = k ? k->value : 0;
	return true;
}

bool msr_unknown_write(enum msr_policy p, uint32_t index, uint64_t value)
{
	(void)value; /* nothing behind it */
	return p == MSR_IGNORE || (p == MSR_KNOWN && find_known(index));
}

const char *msr_name(uint32_t index)
{
	const struct known_msr *k = find_known(index);

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].index == index)
			return rows[i].name;
	return k ? k->name : NULL;
}
