/* SPDX-License-Identifier: MIT */
/* vm_internal.h: what the files of src/kvm/ share. */
#ifndef KVM_VM_INTERNAL_H
#define KVM_VM_INTERNAL_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "vmm/doorbell.h"
#include "vmm/lock.h"
#include "vmm/msr.h"
#include "vmm/vcpu.h"

#define KVM_GSIS 24

/*
 * A pin of KVM's routing table: one of the IOAPIC's KVM_GSIS, or one beyond, for a message that has
 * an irqfd. Of the latter the irqfd is KVM's only while the pin is not masked, so that it keeps
 * what is signalled meanwhile; and what KVM has of a masked one may be old.
 */
struct kvm_pin {
	struct msi_msg msg;    /* what it should send */
	struct msi_msg routed; /* what KVM's table says, if live */
	bool used;             /* beyond the IOAPIC's: allocated */
	bool masked;
	bool live;     /* is in KVM's table */
	bool attached; /* KVM listens to its irqfd */
	int irqfd;     /* -1: none */
};

struct vm {
	int kvm_fd, fd;
	/* Made early to ask it for the TSC frequency; -1 once vcpu_set_create() has taken it. */
	int vcpu0_fd;
	size_t run_size; /* of struct kvm_run's mapping */
	enum irqchip_mode mode;

	/* dirty.c */
	bool dirty_log;
	uint64_t *dirty_map; /* a bit for each page of the largest slot */

	/* irqchip.c */
	bool ids32; /* KVM_CAP_X2APIC_API is on */
	struct irq_line gsi[KVM_GSIS];

	/* msi.c */
	struct msi_sink msi;
	struct mutex route_lock;
	struct kvm_pin pin[KVM_GSIS] GUARDED_BY(route_lock);
	struct kvm_pin *more GUARDED_BY(route_lock); /* pins from KVM_GSIS on */
	unsigned more_cnt GUARDED_BY(route_lock);
	struct kvm_irq_routing *table GUARDED_BY(route_lock); /* room for all pins there are */
	unsigned batches GUARDED_BY(route_lock);              /* open ones */

	/* ioeventfd.c */
	struct doorbell_host doorbells;
};

/* --- vcpu.c and vcpu_state.c ------------------------------------------------------------------ */

/* Where a traced vCPU's time went; see struct vcpu_usage. Its thread writes. */
struct vcpu_clock {
	_Atomic pid_t tid; /* 0: has not begun */
	_Atomic uint64_t first, last, away, halted;
	_Atomic bool inside;
};

/* How a vCPU runs for a debugger, and what came of it. Written by the control thread while the vCPU
 * stands, and by the vCPU's while it runs. */
struct vcpu_debug {
	bool hold, step, irqs;
	bool (*is_break)(void *opaque, unsigned cpu, uint64_t pc);
	void *break_opaque;
	bool undo; /* @undo_regs are to be put back when the instruction is done */
	struct kvm_regs undo_regs;
	bool (*stop_at)(void *opaque, unsigned cpu, const struct trace_rec *x);
	void *opaque;
	struct kvm_guest_debug kvm; /* as KVM has it */
	_Atomic bool has_hit;
	struct vcpu_hit hit;
};

struct vcpu {
	struct vcpu_set *set;
	unsigned index;
	uint32_t apic_id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool has_thread;

	/* Its own thread's. */
	struct bus_hint pio_hint, mmio_hint;
	struct epoch_slot *epoch;
	struct vcpu_stats stats;
	struct vcpu_trace *trace; /* vcpu_trace.c; NULL: was never traced */
	struct vcpu_clock clock;

	/* Any thread's: what the next pass of the run loop must look at. */
	_Atomic bool intr; /* the 8259 asserts INTR */
	_Atomic bool nmi;

	_Atomic bool running; /* in run_guest(); written under set->lock */
	bool ended;           /* under set->lock: waits for a reset */
	bool halted;          /* HLT in this process (IRQCHIP_USER) was left for a stop */
	bool watched;         /* .debug wants to see each exit */
	struct vcpu_debug debug;
	bool used; /* has been reset before, so holds more than KVM's initial state */
};

/* Which unknown MSRs the log has told of. */
#define MSR_REPORTS 32
struct msr_reports {
	_Atomic unsigned cnt;
	_Atomic uint32_t index[MSR_REPORTS];
};

struct vcpu_set {
	struct vm *vm;
	struct guest_mem *gm;
	struct vcpu_env env;
	enum irqchip_mode mode;
	struct cpu_topology topo;
	unsigned cnt;
	_Atomic bool stop; /* nobody may be in, or enter, the guest */
	struct mutex lock;
	/* running, quit or stop changed; a halted vCPU of IRQCHIP_USER may go on. */
	pthread_cond_t cond;
	bool quit GUARDED_BY(lock);
	struct msr_reports unknown_msrs;
	struct msr_reset msrs;    /* what to reset them to; .cpuid points to cpuid */
	struct cpuid_table cpuid; /* the guest's, before it is patched per CPU */
	bool debug_known;         /* debug_can has been found out */
	struct vcpu_debug_can debug_can;
	struct vcpu vcpu[];
};

/*
 * vcpu_trace.c: around each KVM_RUN of a vCPU that is traced, on its thread. Before, which is the
 * end of the exit before: returns who looks on while devices work (NULL: no memory, and no trace).
 * After: KVM_RUN's errno, or 0. Emulated: the exit has been dealt with; the vCPU goes on, or not.
 * Returns the exit's record, which lacks only its time away.
 */
struct bus_watch *vcpu_trace_entry(struct vcpu *v);
void vcpu_trace_exit(struct vcpu *v, int run_errno);
const struct trace_rec *vcpu_trace_emulated(struct vcpu *v, bool go_on);
void vcpu_trace_free(struct vcpu *v); /* its thread is gone */

/* Power-on state of one stopped vCPU; @entry is NULL for all but the boot CPU. */
int vcpu_reset(struct vcpu *v, const struct cpu_entry *entry, struct error **errp) __must_check;

/* ioctl that does not mind signals. Returns its result, or -errno. */
int kvm_ioctl(int fd, unsigned long request, void *arg);
static inline int kvm_ioctl_val(int fd, unsigned long request, unsigned long arg)
{
	return kvm_ioctl(fd, request, (void *)arg);
}

/* KVM_CHECK_EXTENSION: 0 absent, otherwise its value. */
int vm_cap(const struct vm *vm, unsigned cap);

/* msr_exit.c: makes unknown MSRs exit, if @policy has another answer than KVM. Before the first
 * vCPU runs. */
int msr_exit_enable(struct vm *vm, enum msr_policy policy, struct error **errp) __must_check;
/* Answers KVM_EXIT_X86_RDMSR or _WRMSR in @run. The vCPU's thread. */
void msr_exit(struct kvm_run *run, enum msr_policy policy, struct msr_reports *seen);

/* vcpu_debug.c: KVM_EXIT_DEBUG, false if nobody asked for it; and every exit of a vCPU that is
 * watched, when it has been emulated, with its record if one was asked for. The vCPU's thread. */
bool vcpu_debug_exit(struct vcpu *v);
/* KVM_RUN has returned to a vCPU that is watched: an IN that is a breakpoint becomes one. */
void vcpu_debug_disguise(struct vcpu *v);
/* Its instruction is finished: that of such a breakpoint never was. */
void vcpu_debug_undo(struct vcpu *v);
void vcpu_debug_after(struct vcpu *v, const struct trace_rec *x);
/* debug_probe.c */
struct vcpu_debug_can vcpu_debug_probe(struct vm *vm);

/* --- msi.c ------------------------------------------------------------------------------------ */

/* A message's address as this VM's KVM wants it. */
uint64_t msi_kvm_address(const struct vm *vm, uint64_t addr);
void msi_init(struct vm *vm);
void msi_destroy(struct vm *vm);
/* Gives KVM the routing table of vm->mode as it is now. 0 or -errno. */
int msi_push_routes(struct vm *vm);

/* ioeventfd.c */
void doorbells_init(struct vm *vm);

/* dirty.c: before the memory of @gm becomes slots, if vm->dirty_log. */
int dirty_prepare(struct vm *vm, const struct guest_mem *gm, struct error **errp) __must_check;

void irqchip_init(struct vm *vm);
void irqchip_destroy(struct vm *vm);

#endif
