/* SPDX-License-Identifier: MIT */
/*
 * cpu_models.c: the CPU models as tables.
 *
 * A model fixes three things: which features there are, the family/model/stepping, and the brand
 * string. It does not fix the vendor. SYSENTER in long mode, SYSCALL in compatibility mode, the
 * machine-check banks and dozens of MSRs differ between vendors, and KVM emulates those of the host
 * by what the guest's leaf 0 says: a guest with the other vendor's name runs into faults.
 *
 * Signatures are those of an early CPU of the level: a guest kernel then assumes that CPU's
 * errata and leaks, that is to say too many rather than too few. AMD families before 0x17 are
 * avoided because Linux works around their RDRAND and TOPOEXT by disabling them.
 */
#include "kvm/cpu_models.h"

/* Leaf 1 EAX: [27:20] extended family, [19:16] extended model, [11:8] family, [7:4] model, [3:0]
 * stepping. */
#define SIG(xfam, xmodel, fam, model, stepping)                                                    \
	((uint32_t)(xfam) << 20 | (uint32_t)(xmodel) << 16 | (uint32_t)(fam) << 8 |                \
	 (uint32_t)(model) << 4 | (uint32_t)(stepping))

/* System V psABI, AMD64 supplement 1.0, table 3.1: x86-64 (v1), plus what a 64-bit kernel uses on
 * every such CPU. */
static const uint16_t v1_features[] = {
	CPU_F_FPU,  CPU_F_DE,   CPU_F_PSE,  CPU_F_TSC,     CPU_F_MSR,     CPU_F_PAE,
	CPU_F_MCE,  CPU_F_CX8,  CPU_F_APIC, CPU_F_SEP,     CPU_F_MTRR,    CPU_F_PGE,
	CPU_F_MCA,  CPU_F_CMOV, CPU_F_PAT,  CPU_F_PSE36,   CPU_F_CLFLUSH, CPU_F_MMX,
	CPU_F_FXSR, CPU_F_SSE,  CPU_F_SSE2, CPU_F_SYSCALL, CPU_F_NX,      CPU_F_LM,
};

/* v2: Nehalem, Bulldozer, Silvermont and everything since. */
static const uint16_t v2_features[] = {
	CPU_F_CX16,  CPU_F_LAHF_LM, CPU_F_POPCNT, CPU_F_SSE3,
	CPU_F_SSSE3, CPU_F_SSE4_1,  CPU_F_SSE4_2,
};

/* v3: Haswell, Excavator, Zen and everything since. psABI "OSXSAVE" is the guest's own doing. */
static const uint16_t v3_features[] = {
	CPU_F_AVX, CPU_F_AVX2, CPU_F_BMI1,  CPU_F_BMI2,  CPU_F_F16C,
	CPU_F_FMA, CPU_F_ABM,  CPU_F_MOVBE, CPU_F_XSAVE, CPU_F_RDTSCP,
};

/* v4: Skylake-SP, Zen 4. */
static const uint16_t v4_features[] = {
	CPU_F_AVX512F, CPU_F_AVX512BW, CPU_F_AVX512CD, CPU_F_AVX512DQ, CPU_F_AVX512VL,
};

enum { MODEL_HOST, MODEL_BASELINE, MODEL_V2, MODEL_V3, MODEL_V4, MODEL_CNT };

#define FEATURES(a) .features = (a), .cnt = ARRAY_LEN(a)

static const struct cpu_model v1 = { .name = "x86-64", FEATURES(v1_features) };

#define LEVEL2                                                                                     \
	.base = &v1, FEATURES(v2_features), .signature_intel = SIG(0, 1, 6, 10, 3),                \
	.signature_amd = SIG(8, 0, 15, 1, 2), .brand = "Virtual CPU (x86-64-v2)"

const struct cpu_model cpu_models[MODEL_CNT] = {
	[MODEL_HOST] = {
		.name = "host",
		.description = "everything this host's CPU and KVM offer (the default)",
	},
	[MODEL_BASELINE] = {
		.name = "baseline",
		.description = "what any x86-64-v2 machine has: SSE4.2, POPCNT, CX16",
		LEVEL2,
	},
	[MODEL_V2] = {
		.name = "x86-64-v2",
		.description = "the same under its psABI name",
		LEVEL2,
	},
	[MODEL_V3] = {
		.name = "x86-64-v3",
		.description = "v2 and AVX2, BMI, FMA, MOVBE, RDTSCP: Haswell or Zen",
		.base = &cpu_models[MODEL_V2],
		FEATURES(v3_features),
		.signature_intel = SIG(0, 3, 6, 12, 4),
		.signature_amd = SIG(8, 0, 15, 1, 2),
		.brand = "Virtual CPU (x86-64-v3)",
	},
	[MODEL_V4] = {
		.name = "x86-64-v4",
		.description = "v3 and AVX-512 F, BW, CD, DQ, VL: Skylake-SP or Zen 4",
		.base = &cpu_models[MODEL_V3],
		FEATURES(v4_features),
		.signature_intel = SIG(0, 5, 6, 5, 4),
		.signature_amd = SIG(10, 1, 15, 1, 1),
		.brand = "Virtual CPU (x86-64-v4)",
	},
};
const unsigned cpu_model_cnt = MODEL_CNT;

const struct cpu_model *cpu_model_find(const char *name)
{
	for (unsigned i = 0; i < MODEL_CNT; i++)
		if (cpu_name_equal(cpu_models[i].name, name))
			return &cpu_models[i];
	return NULL;
}

void cpu_model_features(const struct cpu_model *m, struct cpu_feature_set *ret)
{
	*ret = (struct cpu_feature_set){ 0 };
	for (; m; m = m->base)
		for (unsigned i = 0; i < m->cnt; i++)
			cpu_set_add(ret, m->features[i]);
}
