/* SPDX-License-Identifier: MIT */
/* cpu_features.c: the feature table, its aliases, and which feature is nothing without which. */
#include "kvm/cpu_features.h"

#include <string.h>

#define FOLLOW   CPU_FF_FOLLOW
#define MADE     CPU_FF_MADE
#define WITHHELD CPU_FF_WITHHELD
#define OFFERED  CPU_FF_OFFERED

const struct cpu_feature cpu_features[CPU_FEATURE_CNT] = {
#define X(id, name, function, index, reg, mask, flags)                                             \
	[CPU_F_##id] = { name, function, mask, index, CPU_##reg, flags },
	CPU_FEATURE_LIST(X)
#undef X
};

/* Sorted. What QEMU, the manuals or older kernels call the same thing; spelling variants of '_',
 * '-' and '.' need no row. */
const struct cpu_alias cpu_aliases[] = {
	{ "amd-ibpb", "ibpb" },
	{ "amd-psfd", "psfd" },
	{ "amd-ssbd", "ssbd" },
	{ "amd-stibp", "stibp" },
	{ "apx", "apx_f" },
	{ "avx512-vbmi", "avx512vbmi" },
	{ "avx512-vpclmulqdq", "vpclmulqdq" },
	{ "avx512vnni", "avx512_vnni" },
	{ "clfsh", "clflush" },
	{ "cmpxchg16b", "cx16" },
	{ "cmpxchg8b", "cx8" },
	{ "constant_tsc", "invtsc" },
	{ "ds", "dts" },
	{ "ffxsr", "fxsr_opt" },
	{ "hybrid", "hybrid_cpu" },
	{ "i64", "lm" },
	{ "intel-ssbd", "spec_ctrl_ssbd" },
	{ "kvm-pv-send-ipi", "kvm_pv_ipi" },
	{ "kvm_realtime", "kvm_hint_dedicated" },
	{ "kvmclock_stable_bit", "kvmclock_stable" },
	{ "lahf", "lahf_lm" },
	{ "longmode", "lm" },
	{ "lzcnt", "abm" },
	{ "mwait", "monitor" },
	{ "nodeid", "nodeid_msr" },
	{ "nonstop_tsc", "invtsc" },
	{ "nrips", "nrip_save" },
	{ "null-seg", "null_sel_clr_base" },
	{ "page1gb", "pdpe1gb" },
	{ "pclmul", "pclmulqdq" },
	{ "pmu", "arch_perfmon" },
	{ "pni", "sse3" },
	{ "rdt", "rdt_a" },
	{ "sha", "sha_ni" },
	{ "tsc_deadline", "tsc_deadline_timer" },
	{ "tscdeadline", "tsc_deadline_timer" },
	{ "user_shstk", "shstk" },
	{ "vmcb-clean-bits", "vmcb_clean" },
	{ "xd", "nx" },
	{ "xgetbv", "xgetbv1" },
};
const unsigned cpu_alias_cnt = ARRAY_LEN(cpu_aliases);

/*
 * Where the manuals say that software must find B before it may look for A (Intel SDM volume 1,
 * chapters 12 to 17, "detection"), where A's state lives in what B saves, or where A is B's bit in
 * another leaf.
 */
#define NEEDS(a, b)                                                                                \
	{                                                                                          \
		CPU_F_##a, CPU_F_##b                                                               \
	}
const struct cpu_dependency cpu_dependencies[] = {
	/* Legacy state and its users. */
	NEEDS(MMX, FPU),
	NEEDS(FXSR, FPU),
	NEEDS(FXSR_OPT, FXSR),
	NEEDS(MMXEXT, MMX),
	NEEDS(3DNOW, MMX),
	NEEDS(3DNOWEXT, 3DNOW),
	NEEDS(SSE, FXSR),
	NEEDS(SSE2, SSE),
	NEEDS(SSE3, SSE2),
	NEEDS(SSSE3, SSE3),
	NEEDS(SSE4_1, SSSE3),
	NEEDS(SSE4_2, SSE4_1),
	NEEDS(SSE4A, SSE3),
	NEEDS(MISALIGNSSE, SSE),
	NEEDS(AES, SSE2),
	NEEDS(PCLMULQDQ, SSE2),
	NEEDS(SHA_NI, SSE2),
	NEEDS(GFNI, SSE2),
	NEEDS(KL, SSE2),

	/* Extended state. */
	NEEDS(XSAVE, FXSR),
	NEEDS(XSAVEOPT, XSAVE),
	NEEDS(XSAVEC, XSAVE),
	NEEDS(XGETBV1, XSAVE),
	NEEDS(XSAVES, XSAVEC),
	NEEDS(XFD, XSAVE),
	NEEDS(XSAVEERPTR, XSAVE),
	NEEDS(AVX, XSAVE),
	NEEDS(AVX, SSE4_2),
	NEEDS(AVX2, AVX),
	NEEDS(FMA, AVX),
	NEEDS(F16C, AVX),
	NEEDS(FMA4, AVX),
	NEEDS(XOP, AVX),
	NEEDS(VAES, AVX),
	NEEDS(VAES, AES),
	NEEDS(VPCLMULQDQ, AVX),
	NEEDS(VPCLMULQDQ, PCLMULQDQ),
	NEEDS(AVX_VNNI, AVX2),
	NEEDS(AVX_IFMA, AVX2),
	NEEDS(AVX_VNNI_INT8, AVX2),
	NEEDS(AVX_VNNI_INT16, AVX2),
	NEEDS(AVX_NE_CONVERT, AVX2),
	NEEDS(SHA512, AVX2),
	NEEDS(SM3, AVX),
	NEEDS(SM4, AVX2),
	/* Compilers take FMA and F16C for granted where AVX-512 is. */
	NEEDS(AVX512F, AVX2),
	NEEDS(AVX512F, FMA),
	NEEDS(AVX512F, F16C),
	NEEDS(AVX512DQ, AVX512F),
	NEEDS(AVX512IFMA, AVX512F),
	NEEDS(AVX512PF, AVX512F),
	NEEDS(AVX512ER, AVX512F),
	NEEDS(AVX512CD, AVX512F),
	NEEDS(AVX512BW, AVX512F),
	NEEDS(AVX512VL, AVX512F),
	NEEDS(AVX512VBMI, AVX512BW),
	NEEDS(AVX512_VBMI2, AVX512BW),
	NEEDS(AVX512_VNNI, AVX512F),
	NEEDS(AVX512_BITALG, AVX512BW),
	NEEDS(AVX512_VPOPCNTDQ, AVX512F),
	NEEDS(AVX512_4VNNIW, AVX512F),
	NEEDS(AVX512_4FMAPS, AVX512F),
	NEEDS(AVX512_VP2INTERSECT, AVX512F),
	NEEDS(AVX512_BF16, AVX512BW),
	NEEDS(AVX512_FP16, AVX512BW),
	NEEDS(AVX10, AVX512VL),
	NEEDS(MPX, XSAVE),
	NEEDS(PKU, XSAVE),
	NEEDS(PKU, LM),
	NEEDS(APX_F, XSAVE),
	NEEDS(APX_F, LM),
	NEEDS(AMX_TILE, XSAVE),
	NEEDS(AMX_TILE, XFD),
	NEEDS(AMX_TILE, LM),
	NEEDS(AMX_BF16, AMX_TILE),
	NEEDS(AMX_INT8, AMX_TILE),
	NEEDS(AMX_FP16, AMX_TILE),
	NEEDS(AMX_COMPLEX, AMX_TILE),
	NEEDS(SHSTK, XSAVES),
	NEEDS(IBT, XSAVES),
	NEEDS(CET_SSS, SHSTK),
	NEEDS(ARCH_LBR, XSAVES),

	/* Paging and long mode. */
	NEEDS(LM, PAE),
	NEEDS(LM, SSE2),
	NEEDS(NX, PAE),
	NEEDS(SYSCALL, MSR),
	NEEDS(SEP, MSR),
	NEEDS(LAHF_LM, LM),
	NEEDS(PDPE1GB, LM),
	NEEDS(PCID, LM),
	NEEDS(LA57, LM),
	NEEDS(FSGSBASE, LM),
	NEEDS(CX16, CX8),
	NEEDS(UINTR, LM),
	NEEDS(LAM, LM),
	NEEDS(FRED, LM),
	NEEDS(FRED, LKGS),
	NEEDS(PKS, LM),

	/* Time and interrupts. */
	NEEDS(MTRR, MSR),
	NEEDS(MCE, MSR),
	NEEDS(MCA, MCE),
	NEEDS(X2APIC, APIC),
	NEEDS(X2APIC, MSR),
	NEEDS(EXTAPIC, APIC),
	NEEDS(ARAT, APIC),
	NEEDS(TSC_DEADLINE_TIMER, APIC),
	NEEDS(TSC_DEADLINE_TIMER, TSC),
	NEEDS(TSC_ADJUST, TSC),
	NEEDS(RDTSCP, TSC),
	NEEDS(INVTSC, TSC),

	/* Performance monitoring. */
	NEEDS(ARCH_PERFMON, MSR),
	NEEDS(PDCM, ARCH_PERFMON),
	NEEDS(ARCH_PERFMON_EXT, ARCH_PERFMON),
	NEEDS(PERFMON_V2, PERFCTR_CORE),
	NEEDS(DTES64, DTS),
	NEEDS(DS_CPL, DTS),
	NEEDS(AMD_LBR_PMC_FREEZE, AMD_LBR_V2),

	/* Nested virtualization. */
	NEEDS(VMX, MSR),
	NEEDS(SVM, MSR),
	NEEDS(NPT, SVM),
	NEEDS(LBRV, SVM),
	NEEDS(SVM_LOCK, SVM),
	NEEDS(NRIP_SAVE, SVM),
	NEEDS(TSC_SCALE, SVM),
	NEEDS(VMCB_CLEAN, SVM),
	NEEDS(FLUSHBYASID, SVM),
	NEEDS(DECODEASSISTS, SVM),
	NEEDS(PAUSEFILTER, SVM),
	NEEDS(PFTHRESHOLD, PAUSEFILTER),
	NEEDS(AVIC, SVM),
	NEEDS(V_VMSAVE_VMLOAD, SVM),
	NEEDS(VGIF, SVM),
	NEEDS(X2AVIC, AVIC),
	NEEDS(V_SPEC_CTRL, SVM),
	NEEDS(VNMI, VGIF),
	NEEDS(SVME_ADDR_CHK, SVM),

	/* Paravirtualization. Those that talk to a local APIC in KVM fault on a VM without one
	 * (Linux, arch/x86/kvm/x86.c: kvm_pv_enable_async_pf() and its neighbours). */
	NEEDS(KVMCLOCK, HYPERVISOR),
	NEEDS(KVM_NOPIODELAY, HYPERVISOR),
	NEEDS(KVM_MMU, HYPERVISOR),
	NEEDS(KVM_ASYNCPF, HYPERVISOR),
	NEEDS(KVM_ASYNCPF, APIC),
	NEEDS(KVM_STEAL_TIME, HYPERVISOR),
	NEEDS(KVM_PV_EOI, HYPERVISOR),
	NEEDS(KVM_PV_EOI, APIC),
	NEEDS(KVM_PV_UNHALT, HYPERVISOR),
	NEEDS(KVM_PV_UNHALT, APIC),
	NEEDS(KVM_PV_TLB_FLUSH, KVM_STEAL_TIME),
	NEEDS(KVM_ASYNCPF_VMEXIT, KVM_ASYNCPF),
	NEEDS(KVM_PV_IPI, HYPERVISOR),
	NEEDS(KVM_PV_IPI, APIC),
	NEEDS(KVM_POLL_CONTROL, HYPERVISOR),
	NEEDS(KVM_PV_SCHED_YIELD, HYPERVISOR),
	NEEDS(KVM_ASYNCPF_INT, KVM_ASYNCPF),
	NEEDS(KVM_MSI_EXT_DEST_ID, HYPERVISOR),
	NEEDS(KVM_MSI_EXT_DEST_ID, X2APIC),
	NEEDS(KVMCLOCK_STABLE, KVMCLOCK),
	NEEDS(KVM_HINT_DEDICATED, HYPERVISOR),
};
const unsigned cpu_dependency_cnt = ARRAY_LEN(cpu_dependencies);

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '-' || c == '.' ? '_' : c;
}

bool cpu_name_equal(const char *a, const char *b)
{
	while (*a && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static int lookup_name(const char *name)
{
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++)
		if (cpu_name_equal(cpu_features[i].name, name))
			return (int)i;
	return -1;
}

int cpu_feature_lookup(const char *name)
{
	int id = lookup_name(name);

	for (unsigned i = 0; id < 0 && i < cpu_alias_cnt; i++)
		if (cpu_name_equal(cpu_aliases[i].name, name))
			id = lookup_name(cpu_aliases[i].feature);
	return id;
}

void cpu_set_join(struct cpu_feature_set *s, const struct cpu_feature_set *other)
{
	for (unsigned i = 0; i < ARRAY_LEN(s->w); i++)
		s->w[i] |= other->w[i];
}

void cpu_set_cut(struct cpu_feature_set *s, const struct cpu_feature_set *other)
{
	for (unsigned i = 0; i < ARRAY_LEN(s->w); i++)
		s->w[i] &= ~other->w[i];
}

/* Both loops below end: each round but the last changes a bit, always in the same direction. */
void cpu_set_close(struct cpu_feature_set *s)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (unsigned i = 0; i < cpu_dependency_cnt; i++) {
			const struct cpu_dependency *d = &cpu_dependencies[i];

			if (cpu_set_has(s, d->feature) && !cpu_set_has(s, d->needs)) {
				cpu_set_add(s, d->needs);
				changed = true;
			}
		}
	}
}

void cpu_set_prune(struct cpu_feature_set *s)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (unsigned i = 0; i < cpu_dependency_cnt; i++) {
			const struct cpu_dependency *d = &cpu_dependencies[i];

			if (cpu_set_has(s, d->feature) && !cpu_set_has(s, d->needs)) {
				cpu_set_del(s, d->feature);
				changed = true;
			}
		}
	}
}

uint32_t *cpuid_leaf_reg(struct cpuid_leaf *leaf, unsigned reg)
{
	switch (reg) {
	case CPU_EAX:
		return &leaf->eax;
	case CPU_EBX:
		return &leaf->ebx;
	case CPU_ECX:
		return &leaf->ecx;
	default:
		return &leaf->edx;
	}
}

/* The end (exclusive) of the run of features that share the register of feature @i. */
static unsigned run_end(unsigned i)
{
	const struct cpu_feature *f = &cpu_features[i];

	while (++i < CPU_FEATURE_CNT)
		if (cpu_features[i].function != f->function || cpu_features[i].index != f->index ||
		    cpu_features[i].reg != f->reg)
			break;
	return i;
}

void cpu_set_read(struct cpu_feature_set *ret, const struct cpuid_table *t)
{
	*ret = (struct cpu_feature_set){ 0 };
	for (unsigned i = 0, end; i < CPU_FEATURE_CNT; i = end) {
		const struct cpu_feature *f = &cpu_features[i];
		struct cpuid_leaf *l =
			cpuid_find((struct cpuid_table *)(uintptr_t)t, f->function, f->index);

		end = run_end(i);
		for (unsigned k = i; l && k < end; k++)
			if (*cpuid_leaf_reg(l, f->reg) & cpu_features[k].mask)
				cpu_set_add(ret, k);
	}
}

void cpu_set_apply(const struct cpu_feature_set *s, struct cpuid_table *t, bool only_named)
{
	for (unsigned i = 0, end; i < CPU_FEATURE_CNT; i = end) {
		const struct cpu_feature *f = &cpu_features[i];
		struct cpuid_leaf *l = cpuid_find(t, f->function, f->index);
		uint32_t named = 0, kept = 0;

		end = run_end(i);
		for (unsigned k = i; k < end; k++) {
			named |= cpu_features[k].mask;
			if (cpu_set_has(s, k))
				kept |= cpu_features[k].mask;
		}
		if (l)
			*cpuid_leaf_reg(l, f->reg) &= only_named ? kept : kept | ~named;
	}
}
