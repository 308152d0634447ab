/* SPDX-License-Identifier: MIT */
/*
 * cpu_feature_list.h: every CPU feature with a name, in the order of its place in CPUID.
 *
 * X(identifier, name, leaf, sub-leaf, register, mask, flags). Names are those of /proc/cpuinfo (and
 * where it has none, QEMU's); cpu_features.c holds the other names people know. Bits: Intel SDM
 * volume 2A, CPUID; AMD APM volume 3, appendix E; asm/cpufeatures.h and asm/kvm_para.h of Linux.
 * A mask of several bits is a field, or bits that make no sense apart: present if any bit is set.
 */
#ifndef KVM_CPU_FEATURE_LIST_H
#define KVM_CPU_FEATURE_LIST_H

/* clang-format off */
#define CPU_FEATURE_LIST(X)                                                                     \
	/* Leaf 1 ECX */                                                                         \
	X(SSE3,                "sse3",                  1,          0, ECX, BIT(0),  0)          \
	X(PCLMULQDQ,           "pclmulqdq",             1,          0, ECX, BIT(1),  0)          \
	X(DTES64,              "dtes64",                1,          0, ECX, BIT(2),  0)          \
	X(MONITOR,             "monitor",               1,          0, ECX, BIT(3),  0)          \
	X(DS_CPL,              "ds_cpl",                1,          0, ECX, BIT(4),  0)          \
	X(VMX,                 "vmx",                   1,          0, ECX, BIT(5),  0)          \
	X(SMX,                 "smx",                   1,          0, ECX, BIT(6),  0)          \
	X(EST,                 "est",                   1,          0, ECX, BIT(7),  0)          \
	X(TM2,                 "tm2",                   1,          0, ECX, BIT(8),  0)          \
	X(SSSE3,               "ssse3",                 1,          0, ECX, BIT(9),  0)          \
	X(CID,                 "cid",                   1,          0, ECX, BIT(10), 0)          \
	X(SDBG,                "sdbg",                  1,          0, ECX, BIT(11), 0)          \
	X(FMA,                 "fma",                   1,          0, ECX, BIT(12), 0)          \
	X(CX16,                "cx16",                  1,          0, ECX, BIT(13), 0)          \
	X(XTPR,                "xtpr",                  1,          0, ECX, BIT(14), 0)          \
	X(PDCM,                "pdcm",                  1,          0, ECX, BIT(15), 0)          \
	X(PCID,                "pcid",                  1,          0, ECX, BIT(17), 0)          \
	X(DCA,                 "dca",                   1,          0, ECX, BIT(18), 0)          \
	X(SSE4_1,              "sse4_1",                1,          0, ECX, BIT(19), 0)          \
	X(SSE4_2,              "sse4_2",                1,          0, ECX, BIT(20), 0)          \
	X(X2APIC,              "x2apic",                1,          0, ECX, BIT(21), FOLLOW)     \
	X(MOVBE,               "movbe",                 1,          0, ECX, BIT(22), 0)          \
	X(POPCNT,              "popcnt",                1,          0, ECX, BIT(23), 0)          \
	X(TSC_DEADLINE_TIMER,  "tsc_deadline_timer",    1,          0, ECX, BIT(24), FOLLOW)     \
	X(AES,                 "aes",                   1,          0, ECX, BIT(25), 0)          \
	X(XSAVE,               "xsave",                 1,          0, ECX, BIT(26), 0)          \
	X(OSXSAVE,             "osxsave",               1,          0, ECX, BIT(27), MADE)       \
	X(AVX,                 "avx",                   1,          0, ECX, BIT(28), 0)          \
	X(F16C,                "f16c",                  1,          0, ECX, BIT(29), 0)          \
	X(RDRAND,              "rdrand",                1,          0, ECX, BIT(30), 0)          \
	X(HYPERVISOR,          "hypervisor",            1,          0, ECX, BIT(31), FOLLOW)     \
	/* Leaf 1 EDX */                                                                         \
	X(FPU,                 "fpu",                   1,          0, EDX, BIT(0),  0)          \
	X(VME,                 "vme",                   1,          0, EDX, BIT(1),  0)          \
	X(DE,                  "de",                    1,          0, EDX, BIT(2),  0)          \
	X(PSE,                 "pse",                   1,          0, EDX, BIT(3),  0)          \
	X(TSC,                 "tsc",                   1,          0, EDX, BIT(4),  0)          \
	X(MSR,                 "msr",                   1,          0, EDX, BIT(5),  0)          \
	X(PAE,                 "pae",                   1,          0, EDX, BIT(6),  0)          \
	X(MCE,                 "mce",                   1,          0, EDX, BIT(7),  0)          \
	X(CX8,                 "cx8",                   1,          0, EDX, BIT(8),  0)          \
	X(APIC,                "apic",                  1,          0, EDX, BIT(9),  0)          \
	X(SEP,                 "sep",                   1,          0, EDX, BIT(11), 0)          \
	X(MTRR,                "mtrr",                  1,          0, EDX, BIT(12), 0)          \
	X(PGE,                 "pge",                   1,          0, EDX, BIT(13), 0)          \
	X(MCA,                 "mca",                   1,          0, EDX, BIT(14), 0)          \
	X(CMOV,                "cmov",                  1,          0, EDX, BIT(15), 0)          \
	X(PAT,                 "pat",                   1,          0, EDX, BIT(16), 0)          \
	X(PSE36,               "pse36",                 1,          0, EDX, BIT(17), 0)          \
	X(PN,                  "pn",                    1,          0, EDX, BIT(18), 0)          \
	X(CLFLUSH,             "clflush",               1,          0, EDX, BIT(19), 0)          \
	X(DTS,                 "dts",                   1,          0, EDX, BIT(21), 0)          \
	X(ACPI,                "acpi",                  1,          0, EDX, BIT(22), 0)          \
	X(MMX,                 "mmx",                   1,          0, EDX, BIT(23), 0)          \
	X(FXSR,                "fxsr",                  1,          0, EDX, BIT(24), 0)          \
	X(SSE,                 "sse",                   1,          0, EDX, BIT(25), 0)          \
	X(SSE2,                "sse2",                  1,          0, EDX, BIT(26), 0)          \
	X(SS,                  "ss",                    1,          0, EDX, BIT(27), 0)          \
	X(HT,                  "ht",                    1,          0, EDX, BIT(28), MADE)       \
	X(TM,                  "tm",                    1,          0, EDX, BIT(29), 0)          \
	X(IA64,                "ia64",                  1,          0, EDX, BIT(30), 0)          \
	X(PBE,                 "pbe",                   1,          0, EDX, BIT(31), 0)          \
	/* Leaf 6 EAX: thermal and power management */                                           \
	X(ARAT,                "arat",                  6,          0, EAX, BIT(2),  FOLLOW)     \
	/* Leaf 7.0 EBX */                                                                       \
	X(FSGSBASE,            "fsgsbase",              7,          0, EBX, BIT(0),  0)          \
	X(TSC_ADJUST,          "tsc_adjust",            7,          0, EBX, BIT(1),  0)          \
	X(SGX,                 "sgx",                   7,          0, EBX, BIT(2),  WITHHELD)   \
	X(BMI1,                "bmi1",                  7,          0, EBX, BIT(3),  0)          \
	X(HLE,                 "hle",                   7,          0, EBX, BIT(4),  0)          \
	X(AVX2,                "avx2",                  7,          0, EBX, BIT(5),  0)          \
	X(FDP_EXCPTN_ONLY,     "fdp_excptn_only",       7,          0, EBX, BIT(6),  0)          \
	X(SMEP,                "smep",                  7,          0, EBX, BIT(7),  0)          \
	X(BMI2,                "bmi2",                  7,          0, EBX, BIT(8),  0)          \
	X(ERMS,                "erms",                  7,          0, EBX, BIT(9),  0)          \
	X(INVPCID,             "invpcid",               7,          0, EBX, BIT(10), 0)          \
	X(RTM,                 "rtm",                   7,          0, EBX, BIT(11), 0)          \
	X(CQM,                 "cqm",                   7,          0, EBX, BIT(12), 0)          \
	X(ZERO_FCS_FDS,        "zero_fcs_fds",          7,          0, EBX, BIT(13), 0)          \
	X(MPX,                 "mpx",                   7,          0, EBX, BIT(14), 0)          \
	X(RDT_A,               "rdt_a",                 7,          0, EBX, BIT(15), 0)          \
	X(AVX512F,             "avx512f",               7,          0, EBX, BIT(16), 0)          \
	X(AVX512DQ,            "avx512dq",              7,          0, EBX, BIT(17), 0)          \
	X(RDSEED,              "rdseed",                7,          0, EBX, BIT(18), 0)          \
	X(ADX,                 "adx",                   7,          0, EBX, BIT(19), 0)          \
	X(SMAP,                "smap",                  7,          0, EBX, BIT(20), 0)          \
	X(AVX512IFMA,          "avx512ifma",            7,          0, EBX, BIT(21), 0)          \
	X(PCOMMIT,             "pcommit",               7,          0, EBX, BIT(22), 0)          \
	X(CLFLUSHOPT,          "clflushopt",            7,          0, EBX, BIT(23), 0)          \
	X(CLWB,                "clwb",                  7,          0, EBX, BIT(24), 0)          \
	X(INTEL_PT,            "intel_pt",              7,          0, EBX, BIT(25), 0)          \
	X(AVX512PF,            "avx512pf",              7,          0, EBX, BIT(26), 0)          \
	X(AVX512ER,            "avx512er",              7,          0, EBX, BIT(27), 0)          \
	X(AVX512CD,            "avx512cd",              7,          0, EBX, BIT(28), 0)          \
	X(SHA_NI,              "sha_ni",                7,          0, EBX, BIT(29), 0)          \
	X(AVX512BW,            "avx512bw",              7,          0, EBX, BIT(30), 0)          \
	X(AVX512VL,            "avx512vl",              7,          0, EBX, BIT(31), 0)          \
	/* Leaf 7.0 ECX */                                                                       \
	X(PREFETCHWT1,         "prefetchwt1",           7,          0, ECX, BIT(0),  0)          \
	X(AVX512VBMI,          "avx512vbmi",            7,          0, ECX, BIT(1),  0)          \
	X(UMIP,                "umip",                  7,          0, ECX, BIT(2),  0)          \
	X(PKU,                 "pku",                   7,          0, ECX, BIT(3),  0)          \
	X(OSPKE,               "ospke",                 7,          0, ECX, BIT(4),  MADE)       \
	X(WAITPKG,             "waitpkg",               7,          0, ECX, BIT(5),  0)          \
	X(AVX512_VBMI2,        "avx512_vbmi2",          7,          0, ECX, BIT(6),  0)          \
	X(SHSTK,               "shstk",                 7,          0, ECX, BIT(7),  0)          \
	X(GFNI,                "gfni",                  7,          0, ECX, BIT(8),  0)          \
	X(VAES,                "vaes",                  7,          0, ECX, BIT(9),  0)          \
	X(VPCLMULQDQ,          "vpclmulqdq",            7,          0, ECX, BIT(10), 0)          \
	X(AVX512_VNNI,         "avx512_vnni",           7,          0, ECX, BIT(11), 0)          \
	X(AVX512_BITALG,       "avx512_bitalg",         7,          0, ECX, BIT(12), 0)          \
	X(TME,                 "tme",                   7,          0, ECX, BIT(13), 0)          \
	X(AVX512_VPOPCNTDQ,    "avx512_vpopcntdq",      7,          0, ECX, BIT(14), 0)          \
	X(LA57,                "la57",                  7,          0, ECX, BIT(16), 0)          \
	X(RDPID,               "rdpid",                 7,          0, ECX, BIT(22), 0)          \
	X(KL,                  "kl",                    7,          0, ECX, BIT(23), 0)          \
	X(BUS_LOCK_DETECT,     "bus_lock_detect",       7,          0, ECX, BIT(24), 0)          \
	X(CLDEMOTE,            "cldemote",              7,          0, ECX, BIT(25), 0)          \
	X(MOVDIRI,             "movdiri",               7,          0, ECX, BIT(27), 0)          \
	X(MOVDIR64B,           "movdir64b",             7,          0, ECX, BIT(28), 0)          \
	X(ENQCMD,              "enqcmd",                7,          0, ECX, BIT(29), 0)          \
	X(SGX_LC,              "sgx_lc",                7,          0, ECX, BIT(30), WITHHELD)   \
	X(PKS,                 "pks",                   7,          0, ECX, BIT(31), 0)          \
	/* Leaf 7.0 EDX */                                                                       \
	X(AVX512_4VNNIW,       "avx512_4vnniw",         7,          0, EDX, BIT(2),  0)          \
	X(AVX512_4FMAPS,       "avx512_4fmaps",         7,          0, EDX, BIT(3),  0)          \
	X(FSRM,                "fsrm",                  7,          0, EDX, BIT(4),  0)          \
	X(UINTR,               "uintr",                 7,          0, EDX, BIT(5),  0)          \
	X(AVX512_VP2INTERSECT, "avx512_vp2intersect",   7,          0, EDX, BIT(8),  0)          \
	X(SRBDS_CTRL,          "srbds_ctrl",            7,          0, EDX, BIT(9),  FOLLOW)     \
	X(MD_CLEAR,            "md_clear",              7,          0, EDX, BIT(10), FOLLOW)     \
	X(RTM_ALWAYS_ABORT,    "rtm_always_abort",      7,          0, EDX, BIT(11), FOLLOW)     \
	X(TSX_FORCE_ABORT,     "tsx_force_abort",       7,          0, EDX, BIT(13), FOLLOW)     \
	X(SERIALIZE,           "serialize",             7,          0, EDX, BIT(14), 0)          \
	X(HYBRID_CPU,          "hybrid_cpu",            7,          0, EDX, BIT(15), 0)          \
	X(TSXLDTRK,            "tsxldtrk",              7,          0, EDX, BIT(16), 0)          \
	X(PCONFIG,             "pconfig",               7,          0, EDX, BIT(18), 0)          \
	X(ARCH_LBR,            "arch_lbr",              7,          0, EDX, BIT(19), 0)          \
	X(IBT,                 "ibt",                   7,          0, EDX, BIT(20), 0)          \
	X(AMX_BF16,            "amx_bf16",              7,          0, EDX, BIT(22), 0)          \
	X(AVX512_FP16,         "avx512_fp16",           7,          0, EDX, BIT(23), 0)          \
	X(AMX_TILE,            "amx_tile",              7,          0, EDX, BIT(24), 0)          \
	X(AMX_INT8,            "amx_int8",              7,          0, EDX, BIT(25), 0)          \
	X(SPEC_CTRL,           "spec_ctrl",             7,          0, EDX, BIT(26), FOLLOW)     \
	X(INTEL_STIBP,         "intel_stibp",           7,          0, EDX, BIT(27), FOLLOW)     \
	X(FLUSH_L1D,           "flush_l1d",             7,          0, EDX, BIT(28), FOLLOW)     \
	X(ARCH_CAPABILITIES,   "arch_capabilities",     7,          0, EDX, BIT(29), FOLLOW)     \
	X(CORE_CAPABILITIES,   "core_capabilities",     7,          0, EDX, BIT(30), 0)          \
	X(SPEC_CTRL_SSBD,      "spec_ctrl_ssbd",        7,          0, EDX, BIT(31), FOLLOW)     \
	/* Leaf 7.1 EAX */                                                                       \
	X(SHA512,              "sha512",                7,          1, EAX, BIT(0),  0)          \
	X(SM3,                 "sm3",                   7,          1, EAX, BIT(1),  0)          \
	X(SM4,                 "sm4",                   7,          1, EAX, BIT(2),  0)          \
	X(RAO_INT,             "rao_int",               7,          1, EAX, BIT(3),  0)          \
	X(AVX_VNNI,            "avx_vnni",              7,          1, EAX, BIT(4),  0)          \
	X(AVX512_BF16,         "avx512_bf16",           7,          1, EAX, BIT(5),  0)          \
	X(LASS,                "lass",                  7,          1, EAX, BIT(6),  0)          \
	X(CMPCCXADD,           "cmpccxadd",             7,          1, EAX, BIT(7),  0)          \
	X(ARCH_PERFMON_EXT,    "arch_perfmon_ext",      7,          1, EAX, BIT(8),  0)          \
	X(FZRM,                "fzrm",                  7,          1, EAX, BIT(10), 0)          \
	X(FSRS,                "fsrs",                  7,          1, EAX, BIT(11), 0)          \
	X(FSRC,                "fsrc",                  7,          1, EAX, BIT(12), 0)          \
	X(FRED,                "fred",                  7,          1, EAX, BIT(17), 0)          \
	X(LKGS,                "lkgs",                  7,          1, EAX, BIT(18), 0)          \
	X(WRMSRNS,             "wrmsrns",               7,          1, EAX, BIT(19), 0)          \
	X(NMI_SRC,             "nmi_src",               7,          1, EAX, BIT(20), 0)          \
	X(AMX_FP16,            "amx_fp16",              7,          1, EAX, BIT(21), 0)          \
	X(HRESET,              "hreset",                7,          1, EAX, BIT(22), 0)          \
	X(AVX_IFMA,            "avx_ifma",              7,          1, EAX, BIT(23), 0)          \
	X(LAM,                 "lam",                   7,          1, EAX, BIT(26), 0)          \
	X(MSRLIST,             "msrlist",               7,          1, EAX, BIT(27), 0)          \
	X(MOVRS,               "movrs",                 7,          1, EAX, BIT(31), 0)          \
	/* Leaf 7.1 EDX */                                                                       \
	X(AVX_VNNI_INT8,       "avx_vnni_int8",         7,          1, EDX, BIT(4),  0)          \
	X(AVX_NE_CONVERT,      "avx_ne_convert",        7,          1, EDX, BIT(5),  0)          \
	X(AMX_COMPLEX,         "amx_complex",           7,          1, EDX, BIT(8),  0)          \
	X(AVX_VNNI_INT16,      "avx_vnni_int16",        7,          1, EDX, BIT(10), 0)          \
	X(PREFETCHI,           "prefetchi",             7,          1, EDX, BIT(14), 0)          \
	X(USER_MSR,            "user_msr",              7,          1, EDX, BIT(15), 0)          \
	X(CET_SSS,             "cet_sss",               7,          1, EDX, BIT(18), 0)          \
	X(AVX10,               "avx10",                 7,          1, EDX, BIT(19), 0)          \
	X(APX_F,               "apx_f",                 7,          1, EDX, BIT(21), 0)          \
	/* Leaf 7.2 EDX: speculation controls */                                                 \
	X(INTEL_PSFD,          "intel_psfd",            7,          2, EDX, BIT(0),  FOLLOW)     \
	X(IPRED_CTRL,          "ipred_ctrl",            7,          2, EDX, BIT(1),  FOLLOW)     \
	X(RRSBA_CTRL,          "rrsba_ctrl",            7,          2, EDX, BIT(2),  FOLLOW)     \
	X(DDPD_U,              "ddpd_u",                7,          2, EDX, BIT(3),  FOLLOW)     \
	X(BHI_CTRL,            "bhi_ctrl",              7,          2, EDX, BIT(4),  FOLLOW)     \
	X(MCDT_NO,             "mcdt_no",               7,          2, EDX, BIT(5),  FOLLOW)     \
	/* Leaf 0xA EAX: version of the architectural performance counters */                    \
	X(ARCH_PERFMON,        "arch_perfmon",          0xa,        0, EAX, 0xff,    0)          \
	/* Leaf 0xD.1 EAX */                                                                     \
	X(XSAVEOPT,            "xsaveopt",              0xd,        1, EAX, BIT(0),  0)          \
	X(XSAVEC,              "xsavec",                0xd,        1, EAX, BIT(1),  0)          \
	X(XGETBV1,             "xgetbv1",               0xd,        1, EAX, BIT(2),  0)          \
	X(XSAVES,              "xsaves",                0xd,        1, EAX, BIT(3),  0)          \
	X(XFD,                 "xfd",                   0xd,        1, EAX, BIT(4),  0)          \
	/* KVM's leaf 0x40000001 EAX (Documentation/virt/kvm/x86/cpuid.rst) */                   \
	X(KVMCLOCK,            "kvmclock",              0x40000001, 0, EAX, 0x9,     FOLLOW)     \
	X(KVM_NOPIODELAY,      "kvm_nopiodelay",        0x40000001, 0, EAX, BIT(1),  FOLLOW)     \
	X(KVM_MMU,             "kvm_mmu",               0x40000001, 0, EAX, BIT(2),  FOLLOW)     \
	X(KVM_ASYNCPF,         "kvm_asyncpf",           0x40000001, 0, EAX, BIT(4),  FOLLOW)     \
	X(KVM_STEAL_TIME,      "kvm_steal_time",        0x40000001, 0, EAX, BIT(5),  FOLLOW)     \
	X(KVM_PV_EOI,          "kvm_pv_eoi",            0x40000001, 0, EAX, BIT(6),  FOLLOW)     \
	X(KVM_PV_UNHALT,       "kvm_pv_unhalt",         0x40000001, 0, EAX, BIT(7),  FOLLOW)     \
	X(KVM_PV_TLB_FLUSH,    "kvm_pv_tlb_flush",      0x40000001, 0, EAX, BIT(9),  FOLLOW)     \
	X(KVM_ASYNCPF_VMEXIT,  "kvm_asyncpf_vmexit",    0x40000001, 0, EAX, BIT(10), FOLLOW)     \
	X(KVM_PV_IPI,          "kvm_pv_ipi",            0x40000001, 0, EAX, BIT(11), FOLLOW)     \
	X(KVM_POLL_CONTROL,    "kvm_poll_control",      0x40000001, 0, EAX, BIT(12), FOLLOW)     \
	X(KVM_PV_SCHED_YIELD,  "kvm_pv_sched_yield",    0x40000001, 0, EAX, BIT(13), FOLLOW)     \
	X(KVM_ASYNCPF_INT,     "kvm_asyncpf_int",       0x40000001, 0, EAX, BIT(14), FOLLOW)     \
	X(KVM_MSI_EXT_DEST_ID, "kvm_msi_ext_dest_id",   0x40000001, 0, EAX, BIT(15), FOLLOW)     \
	X(KVM_HC_MAP_GPA_RANGE, "kvm_hc_map_gpa_range",  0x40000001, 0, EAX, BIT(16), WITHHELD)  \
	X(KVM_MIGRATION_CONTROL, "kvm_migration_control", 0x40000001, 0, EAX, BIT(17), WITHHELD) \
	X(KVMCLOCK_STABLE,     "kvmclock_stable",       0x40000001, 0, EAX, BIT(24), FOLLOW)     \
	/* KVM's leaf 0x40000001 EDX: hints, ours to give */                                     \
	X(KVM_HINT_DEDICATED,  "kvm_hint_dedicated",    0x40000001, 0, EDX, BIT(0),  OFFERED)    \
	/* Leaf 0x80000001 ECX */                                                                \
	X(LAHF_LM,             "lahf_lm",               0x80000001, 0, ECX, BIT(0),  0)          \
	X(CMP_LEGACY,          "cmp_legacy",            0x80000001, 0, ECX, BIT(1),  MADE)       \
	X(SVM,                 "svm",                   0x80000001, 0, ECX, BIT(2),  0)          \
	X(EXTAPIC,             "extapic",               0x80000001, 0, ECX, BIT(3),  0)          \
	X(CR8_LEGACY,          "cr8_legacy",            0x80000001, 0, ECX, BIT(4),  0)          \
	X(ABM,                 "abm",                   0x80000001, 0, ECX, BIT(5),  0)          \
	X(SSE4A,               "sse4a",                 0x80000001, 0, ECX, BIT(6),  0)          \
	X(MISALIGNSSE,         "misalignsse",           0x80000001, 0, ECX, BIT(7),  0)          \
	X(3DNOWPREFETCH,       "3dnowprefetch",         0x80000001, 0, ECX, BIT(8),  0)          \
	X(OSVW,                "osvw",                  0x80000001, 0, ECX, BIT(9),  0)          \
	X(IBS,                 "ibs",                   0x80000001, 0, ECX, BIT(10), 0)          \
	X(XOP,                 "xop",                   0x80000001, 0, ECX, BIT(11), 0)          \
	X(SKINIT,              "skinit",                0x80000001, 0, ECX, BIT(12), 0)          \
	X(WDT,                 "wdt",                   0x80000001, 0, ECX, BIT(13), 0)          \
	X(LWP,                 "lwp",                   0x80000001, 0, ECX, BIT(15), 0)          \
	X(FMA4,                "fma4",                  0x80000001, 0, ECX, BIT(16), 0)          \
	X(TCE,                 "tce",                   0x80000001, 0, ECX, BIT(17), 0)          \
	X(NODEID_MSR,          "nodeid_msr",            0x80000001, 0, ECX, BIT(19), 0)          \
	X(TBM,                 "tbm",                   0x80000001, 0, ECX, BIT(21), 0)          \
	X(TOPOEXT,             "topoext",               0x80000001, 0, ECX, BIT(22), FOLLOW)     \
	X(PERFCTR_CORE,        "perfctr_core",          0x80000001, 0, ECX, BIT(23), 0)          \
	X(PERFCTR_NB,          "perfctr_nb",            0x80000001, 0, ECX, BIT(24), 0)          \
	X(BPEXT,               "bpext",                 0x80000001, 0, ECX, BIT(26), 0)          \
	X(PTSC,                "ptsc",                  0x80000001, 0, ECX, BIT(27), 0)          \
	X(PERFCTR_LLC,         "perfctr_llc",           0x80000001, 0, ECX, BIT(28), 0)          \
	X(MWAITX,              "mwaitx",                0x80000001, 0, ECX, BIT(29), 0)          \
	/* Leaf 0x80000001 EDX (AMD repeats much of leaf 1 here; cpuid.c mirrors that) */        \
	X(SYSCALL,             "syscall",               0x80000001, 0, EDX, BIT(11), 0)          \
	X(MP,                  "mp",                    0x80000001, 0, EDX, BIT(19), 0)          \
	X(NX,                  "nx",                    0x80000001, 0, EDX, BIT(20), 0)          \
	X(MMXEXT,              "mmxext",                0x80000001, 0, EDX, BIT(22), 0)          \
	X(FXSR_OPT,            "fxsr_opt",              0x80000001, 0, EDX, BIT(25), 0)          \
	X(PDPE1GB,             "pdpe1gb",               0x80000001, 0, EDX, BIT(26), 0)          \
	X(RDTSCP,              "rdtscp",                0x80000001, 0, EDX, BIT(27), 0)          \
	X(LM,                  "lm",                    0x80000001, 0, EDX, BIT(29), 0)          \
	X(3DNOWEXT,            "3dnowext",              0x80000001, 0, EDX, BIT(30), 0)          \
	X(3DNOW,               "3dnow",                 0x80000001, 0, EDX, BIT(31), 0)          \
	/* Leaf 0x80000007: error recovery, invariant TSC */                                     \
	X(OVERFLOW_RECOV,      "overflow_recov",        0x80000007, 0, EBX, BIT(0),  0)          \
	X(SUCCOR,              "succor",                0x80000007, 0, EBX, BIT(1),  0)          \
	X(SMCA,                "smca",                  0x80000007, 0, EBX, BIT(3),  0)          \
	X(INVTSC,              "invtsc",                0x80000007, 0, EDX, BIT(8),  FOLLOW)     \
	/* Leaf 0x80000008 EBX */                                                                \
	X(CLZERO,              "clzero",                0x80000008, 0, EBX, BIT(0),  0)          \
	X(IRPERF,              "irperf",                0x80000008, 0, EBX, BIT(1),  0)          \
	X(XSAVEERPTR,          "xsaveerptr",            0x80000008, 0, EBX, BIT(2),  0)          \
	X(RDPRU,               "rdpru",                 0x80000008, 0, EBX, BIT(4),  0)          \
	X(MCOMMIT,             "mcommit",               0x80000008, 0, EBX, BIT(8),  0)          \
	X(WBNOINVD,            "wbnoinvd",              0x80000008, 0, EBX, BIT(9),  0)          \
	X(IBPB,                "ibpb",                  0x80000008, 0, EBX, BIT(12), FOLLOW)     \
	X(IBRS,                "ibrs",                  0x80000008, 0, EBX, BIT(14), FOLLOW)     \
	X(STIBP,               "stibp",                 0x80000008, 0, EBX, BIT(15), FOLLOW)     \
	X(IBRS_ALWAYS_ON,      "ibrs_always_on",        0x80000008, 0, EBX, BIT(16), FOLLOW)     \
	X(STIBP_ALWAYS_ON,     "stibp_always_on",       0x80000008, 0, EBX, BIT(17), FOLLOW)     \
	X(IBRS_PREFERRED,      "ibrs_preferred",        0x80000008, 0, EBX, BIT(18), FOLLOW)     \
	X(IBRS_SAME_MODE,      "ibrs_same_mode",        0x80000008, 0, EBX, BIT(19), FOLLOW)     \
	X(AMD_PPIN,            "amd_ppin",              0x80000008, 0, EBX, BIT(23), 0)          \
	X(SSBD,                "ssbd",                  0x80000008, 0, EBX, BIT(24), FOLLOW)     \
	X(VIRT_SSBD,           "virt_ssbd",             0x80000008, 0, EBX, BIT(25), FOLLOW)     \
	X(SSB_NO,              "ssb_no",                0x80000008, 0, EBX, BIT(26), FOLLOW)     \
	X(CPPC,                "cppc",                  0x80000008, 0, EBX, BIT(27), 0)          \
	X(PSFD,                "psfd",                  0x80000008, 0, EBX, BIT(28), FOLLOW)     \
	X(BTC_NO,              "btc_no",                0x80000008, 0, EBX, BIT(29), FOLLOW)     \
	X(IBPB_RET,            "ibpb_ret",              0x80000008, 0, EBX, BIT(30), FOLLOW)     \
	X(BRS,                 "brs",                   0x80000008, 0, EBX, BIT(31), 0)          \
	/* Leaf 0x8000000A EDX: nested SVM */                                                    \
	X(NPT,                 "npt",                   0x8000000a, 0, EDX, BIT(0),  0)          \
	X(LBRV,                "lbrv",                  0x8000000a, 0, EDX, BIT(1),  0)          \
	X(SVM_LOCK,            "svm_lock",              0x8000000a, 0, EDX, BIT(2),  0)          \
	X(NRIP_SAVE,           "nrip_save",             0x8000000a, 0, EDX, BIT(3),  0)          \
	X(TSC_SCALE,           "tsc_scale",             0x8000000a, 0, EDX, BIT(4),  0)          \
	X(VMCB_CLEAN,          "vmcb_clean",            0x8000000a, 0, EDX, BIT(5),  0)          \
	X(FLUSHBYASID,         "flushbyasid",           0x8000000a, 0, EDX, BIT(6),  0)          \
	X(DECODEASSISTS,       "decodeassists",         0x8000000a, 0, EDX, BIT(7),  0)          \
	X(PAUSEFILTER,         "pausefilter",           0x8000000a, 0, EDX, BIT(10), 0)          \
	X(PFTHRESHOLD,         "pfthreshold",           0x8000000a, 0, EDX, BIT(12), 0)          \
	X(AVIC,                "avic",                  0x8000000a, 0, EDX, BIT(13), 0)          \
	X(V_VMSAVE_VMLOAD,     "v_vmsave_vmload",       0x8000000a, 0, EDX, BIT(15), 0)          \
	X(VGIF,                "vgif",                  0x8000000a, 0, EDX, BIT(16), 0)          \
	X(X2AVIC,              "x2avic",                0x8000000a, 0, EDX, BIT(18), 0)          \
	X(V_SPEC_CTRL,         "v_spec_ctrl",           0x8000000a, 0, EDX, BIT(20), 0)          \
	X(VNMI,                "vnmi",                  0x8000000a, 0, EDX, BIT(25), 0)          \
	X(SVME_ADDR_CHK,       "svme_addr_chk",         0x8000000a, 0, EDX, BIT(28), 0)          \
	/* Leaf 0x80000021 EAX */                                                                \
	X(NO_NESTED_DATA_BP,   "no_nested_data_bp",     0x80000021, 0, EAX, BIT(0),  0)          \
	X(FS_GS_BASE_NS,       "fs_gs_base_ns",         0x80000021, 0, EAX, BIT(1),  0)          \
	X(LFENCE_RDTSC,        "lfence_rdtsc",          0x80000021, 0, EAX, BIT(2),  FOLLOW)     \
	X(VERW_CLEAR,          "verw_clear",            0x80000021, 0, EAX, BIT(5),  FOLLOW)     \
	X(NULL_SEL_CLR_BASE,   "null_sel_clr_base",     0x80000021, 0, EAX, BIT(6),  FOLLOW)     \
	X(AUTOIBRS,            "autoibrs",              0x80000021, 0, EAX, BIT(8),  FOLLOW)     \
	X(NO_SMM_CTL_MSR,      "no_smm_ctl_msr",        0x80000021, 0, EAX, BIT(9),  0)          \
	X(AMD_FSRS,            "amd_fsrs",              0x80000021, 0, EAX, BIT(10), 0)          \
	X(AMD_FSRC,            "amd_fsrc",              0x80000021, 0, EAX, BIT(11), 0)          \
	X(PREFETCH_CTL_MSR,    "prefetch_ctl_msr",      0x80000021, 0, EAX, BIT(13), 0)          \
	X(CPUID_USER_DIS,      "cpuid_user_dis",        0x80000021, 0, EAX, BIT(17), 0)          \
	X(AMD_PREFETCHI,       "amd_prefetchi",         0x80000021, 0, EAX, BIT(20), 0)          \
	X(ERAPS,               "eraps",                 0x80000021, 0, EAX, BIT(24), FOLLOW)     \
	X(SBPB,                "sbpb",                  0x80000021, 0, EAX, BIT(27), FOLLOW)     \
	X(IBPB_BRTYPE,         "ibpb_brtype",           0x80000021, 0, EAX, BIT(28), FOLLOW)     \
	X(SRSO_NO,             "srso_no",               0x80000021, 0, EAX, BIT(29), FOLLOW)     \
	X(SRSO_USER_KERNEL_NO, "srso_user_kernel_no",   0x80000021, 0, EAX, BIT(30), FOLLOW)     \
	X(SRSO_MSR_FIX,        "srso_msr_fix",          0x80000021, 0, EAX, BIT(31), FOLLOW)     \
	/* Leaf 0x80000021 ECX */                                                                \
	X(TSA_SQ_NO,           "tsa_sq_no",             0x80000021, 0, ECX, BIT(1),  FOLLOW)     \
	X(TSA_L1_NO,           "tsa_l1_no",             0x80000021, 0, ECX, BIT(2),  FOLLOW)     \
	/* Leaf 0x80000022 EAX */                                                                \
	X(PERFMON_V2,          "perfmon_v2",            0x80000022, 0, EAX, BIT(0),  0)          \
	X(AMD_LBR_V2,          "amd_lbr_v2",            0x80000022, 0, EAX, BIT(1),  0)          \
	X(AMD_LBR_PMC_FREEZE,  "amd_lbr_pmc_freeze",    0x80000022, 0, EAX, BIT(2),  0)
/* clang-format on */

#endif
