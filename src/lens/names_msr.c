/* SPDX-License-Identifier: MIT */
/* names_msr.c: MSRs by the names of Intel's SDM, volume 4, and AMD's APM, appendix A; KVM's own;
 * and KVM's reasons for an exit (Documentation/virt/kvm/api.rst, section 5). */
#include "lens/names.h"

static const struct {
	uint32_t first, last;
	const char *name;
} msrs[] = {
	{ 0x10, 0x10, "TSC" },
	{ 0x17, 0x17, "PLATFORM_ID" },
	{ 0x1b, 0x1b, "APIC_BASE" },
	{ 0x34, 0x34, "SMI_COUNT" },
	{ 0x3a, 0x3a, "FEATURE_CONTROL" },
	{ 0x3b, 0x3b, "TSC_ADJUST" },
	{ 0x48, 0x48, "SPEC_CTRL" },
	{ 0x49, 0x49, "PRED_CMD" },
	{ 0x79, 0x79, "BIOS_UPDT_TRIG" },
	{ 0x8b, 0x8b, "BIOS_SIGN_ID" },
	{ 0xc1, 0xc8, "PMC" },
	{ 0xce, 0xce, "PLATFORM_INFO" },
	{ 0xe7, 0xe7, "MPERF" },
	{ 0xe8, 0xe8, "APERF" },
	{ 0xfe, 0xfe, "MTRRCAP" },
	{ 0x10a, 0x10a, "ARCH_CAPABILITIES" },
	{ 0x122, 0x122, "TSX_CTRL" },
	{ 0x140, 0x140, "MISC_FEATURES_ENABLES" },
	{ 0x174, 0x174, "SYSENTER_CS" },
	{ 0x175, 0x175, "SYSENTER_ESP" },
	{ 0x176, 0x176, "SYSENTER_EIP" },
	{ 0x179, 0x179, "MCG_CAP" },
	{ 0x17a, 0x17a, "MCG_STATUS" },
	{ 0x186, 0x18d, "PERFEVTSEL" },
	{ 0x198, 0x198, "PERF_STATUS" },
	{ 0x1a0, 0x1a0, "MISC_ENABLE" },
	{ 0x1b0, 0x1b0, "ENERGY_PERF_BIAS" },
	{ 0x1d9, 0x1d9, "DEBUGCTL" },
	{ 0x200, 0x20f, "MTRR_PHYS" },
	{ 0x250, 0x26f, "MTRR_FIX" },
	{ 0x277, 0x277, "PAT" },
	{ 0x2ff, 0x2ff, "MTRR_DEF_TYPE" },
	{ 0x345, 0x345, "PERF_CAPABILITIES" },
	{ 0x400, 0x47f, "MC bank" },
	{ 0x480, 0x491, "VMX capability" },
	{ 0x560, 0x587, "RTIT (processor trace)" },
	{ 0x606, 0x606, "RAPL_POWER_UNIT" },
	{ 0x611, 0x611, "PKG_ENERGY_STATUS" },
	{ 0x639, 0x641, "PP energy" },
	{ 0x6e0, 0x6e0, "TSC_DEADLINE" },
	{ 0x800, 0x8ff, "x2APIC" },
	{ 0xda0, 0xda0, "XSS" },
	{ 0x40000000, 0x400000ff, "Hyper-V" },
	{ 0x4b564d00, 0x4b564d00, "KVM_WALL_CLOCK_NEW" },
	{ 0x4b564d01, 0x4b564d01, "KVM_SYSTEM_TIME_NEW" },
	{ 0x4b564d02, 0x4b564d02, "KVM_ASYNC_PF_EN" },
	{ 0x4b564d03, 0x4b564d03, "KVM_STEAL_TIME" },
	{ 0x4b564d04, 0x4b564d04, "KVM_PV_EOI_EN" },
	{ 0x4b564d05, 0x4b564d05, "KVM_POLL_CONTROL" },
	{ 0x4b564d06, 0x4b564d06, "KVM_ASYNC_PF_INT" },
	{ 0x4b564d07, 0x4b564d07, "KVM_ASYNC_PF_ACK" },
	{ 0xc0000080, 0xc0000080, "EFER" },
	{ 0xc0000081, 0xc0000081, "STAR" },
	{ 0xc0000082, 0xc0000082, "LSTAR" },
	{ 0xc0000083, 0xc0000083, "CSTAR" },
	{ 0xc0000084, 0xc0000084, "SFMASK" },
	{ 0xc0000100, 0xc0000100, "FS_BASE" },
	{ 0xc0000101, 0xc0000101, "GS_BASE" },
	{ 0xc0000102, 0xc0000102, "KERNEL_GS_BASE" },
	{ 0xc0000103, 0xc0000103, "TSC_AUX" },
	{ 0xc0000104, 0xc0000104, "TSC_RATIO" },
	{ 0xc0010000, 0xc0010007, "K7 performance counter" },
	{ 0xc0010010, 0xc0010010, "SYSCFG" },
	{ 0xc0010015, 0xc0010015, "HWCR" },
	{ 0xc001001a, 0xc001001a, "TOP_MEM" },
	{ 0xc001001d, 0xc001001d, "TOP_MEM2" },
	{ 0xc001001f, 0xc001001f, "NB_CFG" },
	{ 0xc0010055, 0xc0010055, "INT_PENDING" },
	{ 0xc0010058, 0xc0010058, "MMIO_CONF_BASE" },
	{ 0xc0010111, 0xc0010118, "SMM, SVM" },
	{ 0xc0010140, 0xc0010141, "OSVW" },
	{ 0xc0010200, 0xc001020b, "performance counter" },
	{ 0xc0010299, 0xc001029b, "RAPL" },
	{ 0xc0011020, 0xc001102f, "AMD model-specific" },
};

const char *name_msr(uint64_t msr)
{
	for (unsigned i = 0; i < ARRAY_LEN(msrs); i++)
		if (msr >= msrs[i].first && msr <= msrs[i].last)
			return msrs[i].name;
	return NULL;
}

static const char *const kvm_exits[] = {
	[0] = "UNKNOWN",
	[1] = "EXCEPTION",
	[2] = "IO",
	[3] = "HYPERCALL",
	[4] = "DEBUG",
	[5] = "HLT",
	[6] = "MMIO",
	[7] = "IRQ_WINDOW_OPEN",
	[8] = "SHUTDOWN",
	[9] = "FAIL_ENTRY",
	[10] = "INTR",
	[11] = "SET_TPR",
	[12] = "TPR_ACCESS",
	[16] = "NMI",
	[17] = "INTERNAL_ERROR",
	[24] = "SYSTEM_EVENT",
	[26] = "IOAPIC_EOI",
	[27] = "HYPERV",
	[29] = "X86_RDMSR",
	[30] = "X86_WRMSR",
	[31] = "DIRTY_RING_FULL",
	[32] = "AP_RESET_HOLD",
	[33] = "X86_BUS_LOCK",
	[34] = "XEN",
	[37] = "NOTIFY",
	[39] = "MEMORY_FAULT",
};

const char *name_kvm_exit(uint64_t reason)
{
	return reason < ARRAY_LEN(kvm_exits) ? kvm_exits[reason] : NULL;
}
