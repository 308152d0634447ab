/* SPDX-License-Identifier: MIT */
/*
 * msr_exit.c: RDMSR and WRMSR of a register that KVM does not know.
 *
 * By itself KVM answers with #GP, as the manuals have it. A kernel that takes a register for
 * granted because every real CPU of that model has it then dies early, with nothing on its console.
 * With KVM_CAP_X86_USER_SPACE_MSR such accesses come here instead (Linux
 * Documentation/virt/kvm/api.rst, 7.21); what KVM knows and refuses is still its own to refuse.
 */
#include <errno.h>

#include "kvm/vm_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

int msr_exit_enable(struct vm *vm, enum msr_policy policy, struct error **errp)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
				      .args = { KVM_MSR_EXIT_REASON_UNKNOWN } };
	int r;

	if (policy == MSR_FAULT)
		return 0;
	r = kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
	/* An older KVM answers #GP to all: the default lives with that, what was asked for may not.
	 */
	if (r >= 0 || policy == MSR_KNOWN)
		return 0;
	err_errno(errp, -r,
		  "KVM on this host does not pass on accesses to unknown MSRs, as '%s' "
		  "(cpu.msr) wants",
		  msr_policy_names[policy]);
	err_hint(errp, "Linux 5.10 and newer do; without --msr the guest gets a general "
		       "protection fault");
	return r;
}

/* True once for each index, and for no more than there is room for: a guest that tries every index
 * there is gets MSR_REPORTS lines in the log. */
static bool first_time(struct msr_reports *r, uint32_t index)
{
	unsigned cnt = atomic_load_explicit(&r->cnt, memory_order_acquire);

	for (unsigned i = 0; i < MSR_REPORTS && i < cnt; i++)
		if (atomic_load_explicit(&r->index[i], memory_order_relaxed) == index)
			return false;
	if (cnt >= MSR_REPORTS)
		return false;
	/* Two CPUs may report the same one, each in a slot of its own. */
	cnt = atomic_fetch_add(&r->cnt, 1);
	if (cnt >= MSR_REPORTS) {
		atomic_store(&r->cnt, MSR_REPORTS);
		return false;
	}
	atomic_store_explicit(&r->index[cnt], index, memory_order_relaxed);
	return true;
}

static void report(const struct kvm_run *run, struct msr_reports *seen, bool write)
{
	const char *name = msr_name(run->msr.index);

	if (!log_enabled(LOG_INFO) || !first_time(seen, run->msr.index))
		return;
	log_msg(LOG_INFO, "msr", "the guest %s MSR %#x%s%s%s, which KVM does not know: %s",
		write ? "writes" : "reads", run->msr.index, name ? " (" : "", name ? name : "",
		name ? ")" : "",
		run->msr.error ? "general protection fault"
		: write        ? "dropped"
			       : "answered");
}

void msr_exit(struct kvm_run *run, enum msr_policy policy, struct msr_reports *seen)
{
	bool write = run->exit_reason == KVM_EXIT_X86_WRMSR;
	uint64_t value = 0;
	bool done = write ? msr_unknown_write(policy, run->msr.index, run->msr.data)
			  : msr_unknown_read(policy, run->msr.index, &value);

	if (!write)
		run->msr.data = value;
	run->msr.error = !done;
	report(run, seen, write);
}
