/* SPDX-License-Identifier: MIT */
/*
 * msr.h: model-specific registers: what firmware and RESET# leave in them, and what a guest gets
 * that asks for one KVM does not know. Tables and lookups only, no ioctl; any thread.
 */
#ifndef VMM_MSR_H
#define VMM_MSR_H

#include "vmm/base.h"

struct cpuid_table;

struct msr_value {
	uint32_t index;
	uint64_t value;
	/* This KVM may refuse it. KVM_SET_MSRS stops at the first refused one and returns how many
	 * it took: skip an optional one and go on behind it; any other is an error. */
	bool optional;
};
#define MSR_RESET_MAX 128

struct msr_reset {
	const struct cpuid_table *cpuid; /* the guest's: an MSR is listed if its feature is shown */
	/* false: a vCPU fresh from KVM_CREATE_VCPU, only where KVM's own power-on value is not what
	 * firmware leaves. true: everything, for a vCPU that has run. */
	bool warm;
	/* Where RAM ends below 4 GiB and devices begin: uncached, a power of two long and so
	 * aligned. len 0: none. */
	uint64_t uncached_base, uncached_len;
};

/*
 * Fills @ret (room for MSR_RESET_MAX) and returns how many. APIC base and EFER are not among them:
 * they go with the segment registers (KVM_SET_SREGS). To be applied after KVM_SET_CPUID2 and after
 * the local APIC's state.
 */
unsigned msr_reset_list(const struct msr_reset *rq, struct msr_value *ret);

/* What a guest gets for an MSR that KVM does not know (KVM_CAP_X86_USER_SPACE_MSR,
 * reason UNKNOWN). */
enum msr_policy {
	MSR_KNOWN,  /* the default: answer for the few that kernels touch unguarded, #GP else */
	MSR_FAULT,  /* always #GP, as the manuals have it; what KVM does by itself */
	MSR_IGNORE, /* reads are 0, writes are dropped */
};

/* "known", "fault", "ignore"; in the order of enum msr_policy. */
extern const char *const msr_policy_names[3];

/* True: *ret is the value. False: inject #GP. */
bool msr_unknown_read(enum msr_policy p, uint32_t index, uint64_t *ret);
/* True: the write is dropped. False: inject #GP. */
bool msr_unknown_write(enum msr_policy p, uint32_t index, uint64_t value);

/* "IA32_TSC", or NULL if the table has no name for it. For messages. */
const char *msr_name(uint32_t index);

#endif
