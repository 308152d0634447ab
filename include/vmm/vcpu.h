/* SPDX-License-Identifier: MIT */
/*
 * vcpu.h: virtual CPUs and their threads.
 *
 * A vCPU thread's whole life: wait for a command, run the guest, decode each exit, hand it to the
 * bus, go back in. The machine steers all of them at once through a struct vcpu_set.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include "vmm/bus.h"
#include "vmm/cpu_entry.h"
#include "vmm/cpuid.h"
#include "vmm/debug.h"
#include "vmm/irq.h"
#include "vmm/msr.h"
#include "vmm/vm.h"

struct error;
struct vcpu;
struct vcpu_set;

/* Why a vCPU cannot go on. */
enum vcpu_end {
	VCPU_SHUTDOWN, /* triple fault */
	/* KVM could not emulate an instruction, or worse; detail holds suberror. */
	VCPU_INTERNAL_ERROR,
	VCPU_FAIL_ENTRY,   /* hardware refused the state */
	VCPU_SYSTEM_EVENT, /* KVM_EXIT_SYSTEM_EVENT; detail holds its type */
	VCPU_UNKNOWN_EXIT, /* detail holds the exit reason */
	VCPU_RUN_FAILED,   /* KVM_RUN itself failed; detail holds errno */
};

struct vcpu_env {
	struct bus *pio, *mmio;
	struct epoch *epoch;
	void *opaque; /* for the calls below */
	/* A vCPU thread has stopped for good (until reset). On the vCPU's thread. */
	void (*ended)(void *opaque, unsigned cpu, enum vcpu_end why, uint64_t detail);
	/* The 8259's INTA cycle: the vector to inject, or -1 if the interrupt went away. Boot CPU's
	 * thread. */
	int (*pic_ack)(void *opaque);
	/* KVM_EXIT_IOAPIC_EOI. */
	void (*ioapic_eoi)(void *opaque, uint8_t vector);
	/* A vCPU stands for the debugger: vcpu_debug_hit() has why. The rest is to be stopped. On
	 * the vCPU's thread. */
	void (*debug_hit)(void *opaque);
	/* Where RAM below 4 GiB ends and devices begin, for the MTRRs. A power of two long. */
	uint64_t uncached_base, uncached_len;
	enum msr_policy msr_policy; /* for MSRs that KVM does not know */
};

/*
 * Creates @cnt vCPUs, with @cpuid and their APIC ids patched in by @topo, and starts their threads,
 * stopped. @gm is for vcpu_dump().
 */
int vcpu_set_create(struct vm *vm, unsigned cnt, enum irqchip_mode mode,
		    const struct cpuid_table *cpuid, const struct cpu_topology *topo,
		    struct guest_mem *gm, const struct vcpu_env *env, struct vcpu_set **ret,
		    struct error **errp) __must_check;
/* Ends and joins the threads. NULL-safe, returns NULL. */
struct vcpu_set *vcpu_set_destroy(struct vcpu_set *s);

/* Power-on state for every vCPU; the boot CPU gets @entry, the others wait for INIT-SIPI. All are
 * stopped. */
int vcpu_set_reset(struct vcpu_set *s, const struct cpu_entry *entry,
		   struct error **errp) __must_check;

/* Starts the threads, once, all stopped unless vcpu_set_run() came before. Control thread. */
int vcpu_set_start(struct vcpu_set *s, struct error **errp) __must_check;

/* Lets every vCPU run. Control thread. */
void vcpu_set_run(struct vcpu_set *s);
/* Asks every vCPU to stop and waits until no guest instruction runs. Control thread. */
void vcpu_set_pause(struct vcpu_set *s);
/* Like vcpu_set_pause(), without waiting; any thread, a vCPU's own included. */
void vcpu_set_kick_stop(struct vcpu_set *s);

/* INTR and NMI pins of the boot CPU, for an 8259 in this process. */
struct cpu_intr vcpu_set_intr(struct vcpu_set *s);

/* The level of that INTR pin. Any thread. */
bool vcpu_set_intr_level(const struct vcpu_set *s);

/* The local APIC's registers, each of the 64 at its offset / 16 (Intel SDM 3A, table 10-1). Of a
 * stopped vCPU, whose APIC is in KVM: -ENODEV if it has none; -errno. */
#define LAPIC_REGS 64u
int vcpu_get_lapic(struct vcpu_set *s, unsigned cpu, uint32_t ret[LAPIC_REGS]);

/* Registers and the bytes at RIP of a stopped vCPU, as text, one '\n'-ended line each; the caller
 * frees. */
char *vcpu_dump(struct vcpu_set *s, unsigned cpu);

/* --- vCPUs that somebody looks at: vcpu_debug.c ----------------------------------------------- */

/* All of these on the control thread, with every vCPU stopped. */

/* What this KVM can do for debuggers, tried with a tiny guest of its own at the first call. */
struct vcpu_debug_can {
	bool debug;   /* KVM_SET_GUEST_DEBUG is there */
	bool int3;    /* INT3 exits */
	bool in;      /* IN AL,DX does, as it always should */
	bool in_past; /* and RIP is behind it by then */
	bool code;    /* debug registers exit on instructions */
	bool watch;   /* and on data */
	bool no_irqs; /* a step that interrupts cannot lead astray */
};
struct vcpu_debug_can vcpu_debug_can(struct vcpu_set *s);

/* 0 or -errno. What did not change is not written. */
int vcpu_debug_get(struct vcpu_set *s, unsigned cpu, struct debug_regs *ret);
int vcpu_debug_set(struct vcpu_set *s, unsigned cpu, const struct debug_regs *r);

/* How a vCPU is to run when vcpu_set_run() comes. Zeroed: as if nobody looked. */
struct vcpu_debug_plan {
	bool hold; /* not at all */
	bool step; /* one instruction, then a hit */
	bool irqs; /* which may be an interrupt's first */
	bool int3; /* INT3 is a hit */
	/*
	 * NULL, or: IN AL,DX is one as well, if it lies at a linear address of which this says
	 * true. To the guest that instruction has not been there. On the vCPU's thread.
	 */
	bool (*is_break)(void *opaque, unsigned cpu, uint64_t pc);
	void *break_opaque;
	const struct debug_break *reg[DBG_DEBUG_REGS]; /* NULL: not in use; borrowed for the call */
	/* As in struct debug_run. */
	bool (*stop_at)(void *opaque, unsigned cpu, const struct trace_rec *x);
	void *opaque;
};
int vcpu_debug_plan(struct vcpu_set *s, unsigned cpu, const struct vcpu_debug_plan *p);

/* Why a vCPU stopped by itself. */
enum vcpu_hit_kind {
	VCPU_HIT_NONE,
	VCPU_HIT_STEP, /* its instruction is done */
	VCPU_HIT_TRAP, /* #DB or #BP that KVM did not give to the guest */
	VCPU_HIT_EXIT, /* stop_at() said so: rec */
};
struct vcpu_hit {
	enum vcpu_hit_kind kind;
	/* VCPU_HIT_TRAP */
	uint8_t vector;
	bool stepped;         /* DR6.BS */
	unsigned reg;         /* bits 0 to 3: debug registers that matched */
	uint64_t pc;          /* linear; #BP: the INT3 itself */
	struct trace_rec rec; /* VCPU_HIT_EXIT */
};
/* Takes it: the next call returns false. */
bool vcpu_debug_hit(struct vcpu_set *s, unsigned cpu, struct vcpu_hit *ret);
/* Is there one to be taken? Any thread. */
bool vcpu_debug_has_hit(const struct vcpu_set *s);
/* Gives the guest an exception that was not for the debugger: 1 or 3. After vcpu_debug_plan(). */
int vcpu_debug_inject(struct vcpu_set *s, unsigned cpu, uint8_t vector);
/* Tells the guest, where its clock is KVM's, that it stood still: no lockup is to be seen in it. */
void vcpu_debug_was_paused(struct vcpu_set *s);

/* Exits by kind since start, all vCPUs. Racy by design (statistics). */
struct vcpu_stats {
	uint64_t exits, pio, mmio, hlt, irq_window, eoi, intr, other;
	uint64_t first_entry_ns; /* CPU time of this process when the boot CPU first entered the
				    guest */
};
struct vcpu_stats vcpu_set_stats(const struct vcpu_set *s);

/* --- what a trace says of time and of KVM ----------------------------------------------------- */

/*
 * One vCPU's time, ns. The first five are counted while it is traced, since the session's start;
 * those below ever, by the host's kernel: what they were at the start is to be taken off. Any
 * thread while the set exists.
 */
struct vcpu_usage {
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC: the first entry (0: none yet), and the last
				       time it came out or went in */
	uint64_t away_ns;           /* outside of KVM_RUN, from exits to entries */
	uint64_t halted_here_ns;    /* of that, in HLT (IRQCHIP_USER) */
	bool inside;                /* is in KVM_RUN, since last_ns */
	uint64_t halted_kvm_ns;     /* waiting in KVM's HLT */
	uint64_t guest_ns;          /* executing the guest, in ticks of the scheduler */
	uint64_t queued_ns;         /* ready to run, while the host's CPUs did something else */
};
void vcpu_usage(struct vcpu_set *s, unsigned cpu, struct vcpu_usage *ret);

/* A counter of KVM's own; those of the VM as a whole have "vm " in front. */
struct kvm_stat {
	char name[48];
	uint64_t value;
};
/* All that only grow, summed over vCPUs. The caller frees *ret. -ENOTTY: this KVM has none (Linux
 * 5.14 and newer do); -ENOMEM. Any thread while the set exists. */
int vcpu_set_kvm_stats(struct vcpu_set *s, struct kvm_stat **ret, unsigned *ret_cnt) __must_check;

#endif
