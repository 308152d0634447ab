/* SPDX-License-Identifier: MIT */
/*
 * debug.h: a guest that somebody looks at: its registers and memory, and where it stops.
 *
 * A debug_target is a machine as debuggers (the gdb stub, the step prompt) see it. All calls come
 * on the control thread. The guest stands still as a whole, all vCPUs, or runs as a whole.
 */
#ifndef VMM_DEBUG_H
#define VMM_DEBUG_H

#include "vmm/guestmem.h"
#include "vmm/str.h"
#include "vmm/trace.h"

struct error;

enum debug_gpr { /* gdb's order for x86-64 */
		 DBG_RAX,
		 DBG_RBX,
		 DBG_RCX,
		 DBG_RDX,
		 DBG_RSI,
		 DBG_RDI,
		 DBG_RBP,
		 DBG_RSP,
		 DBG_R8,
		 DBG_R9,
		 DBG_R10,
		 DBG_R11,
		 DBG_R12,
		 DBG_R13,
		 DBG_R14,
		 DBG_R15,
		 DBG_GPRS,
};
enum debug_seg { DBG_CS, DBG_SS, DBG_DS, DBG_ES, DBG_FS, DBG_GS, DBG_LDTR, DBG_TR, DBG_SEGS };

struct debug_segment {
	uint16_t selector;
	uint64_t base;
	uint32_t limit;
	uint16_t access; /* type, S, DPL, P, AVL, L, D/B, G as in a descriptor's bits 40 to 55 */
};

struct debug_regs {
	uint64_t gpr[DBG_GPRS], rip, rflags;
	struct debug_segment seg[DBG_SEGS];
	uint64_t gdt_base, idt_base;
	uint16_t gdt_limit, idt_limit;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
	uint64_t kernel_gs_base; /* MSR C0000102H: what SWAPGS exchanges GS's base with */
	uint64_t lstar;          /* MSR C0000082H, where SYSCALL leads; cannot be set here */
	uint8_t st[8][10], xmm[16][16];
	bool has_ymm;         /* the host's CPU has AVX, and KVM tells of it */
	uint8_t ymmh[16][16]; /* upper halves of YMM0 to 15 */
	uint16_t fcw, fsw, fop;
	uint8_t ftw; /* abridged, as FXSAVE has it */
	uint64_t fip, fdp;
	uint32_t mxcsr;
	uint64_t dr[8];
};

#define DBG_CR0_PE     UINT64_C(0x1)
#define DBG_CR0_WP     UINT64_C(0x10000)
#define DBG_CR0_PG     UINT64_C(0x80000000)
#define DBG_CR4_PSE    UINT64_C(0x10)
#define DBG_CR4_PAE    UINT64_C(0x20)
#define DBG_CR4_LA57   UINT64_C(0x1000)
#define DBG_EFER_LMA   UINT64_C(0x400)
#define DBG_EFER_NXE   UINT64_C(0x800)
#define DBG_SEG_L      0x2000u
#define DBG_SEG_DB     0x4000u
#define DBG_DEBUG_REGS 4u /* breakpoints the CPU has */

/* 16, 32 or 64: how the code at CS is to be read. */
unsigned debug_bits(const struct debug_regs *r);
/* The privilege level its code runs at; Intel SDM 3A 5.5. */
unsigned debug_ring(const struct debug_regs *r);
/* Linear address of the instruction to come: RIP, and CS's base outside of 64-bit mode. */
uint64_t debug_pc(const struct debug_regs *r);

enum debug_break_kind {
	DBG_BREAK_CODE, /* before the instruction at @addr (linear) */
	DBG_WATCH_WRITE,
	DBG_WATCH_ACCESS,
};
struct debug_break {
	enum debug_break_kind kind;
	uint64_t addr;
	unsigned len; /* watchpoints: 1, 2, 4, 8, aligned */
	/*
	 * An INT3 in memory; else one of the four debug registers. Where there is no memory at
	 * @addr yet, or this host's KVM keeps INT3 to itself, a debug register serves for it.
	 */
	bool software;
};

enum debug_stop_why {
	DBG_STOP_ASKED, /* debug_target.stop */
	DBG_STOP_STEP,  /* an instruction is done */
	DBG_STOP_BREAK, /* a breakpoint: @addr */
	DBG_STOP_WATCH, /* a watchpoint: @addr */
	DBG_STOP_EXIT,  /* an exit that debug_run.stop_at wanted; rec is it, emulated */
	/*
	 * The guest has ended, @text says how. Registers and memory can be looked at until
	 * resume(), kill() or detach(), which make machine_run() return; with @over it does so now.
	 */
	DBG_STOP_ENDED,
	DBG_STOP_RESET, /* the guest was reset and stands at its first instruction */
};
struct debug_stop {
	enum debug_stop_why why;
	unsigned cpu;
	uint64_t addr;
	enum debug_break_kind watch; /* DBG_STOP_WATCH: which kind was hit */
	bool software;               /* DBG_STOP_BREAK: it was asked for as such */
	struct trace_rec rec;        /* DBG_STOP_EXIT */
	bool over;                   /* DBG_STOP_ENDED */
	int status;                  /* DBG_STOP_ENDED: this program's exit status */
	bool crashed;                /* DBG_STOP_ENDED: not of its own will */
	char text[320];
};

struct debug_run {
	int step_cpu; /* this one executes one instruction, the others stand still; -1: all run */
	bool go_on;   /* it does not stop behind that: step_cpu runs, the others stand still */
	bool irqs;    /* the step may be that into an interrupt's handler, if KVM can tell apart */
	/* Called on vCPU threads after each exit; true: stop there. NULL: never. */
	bool (*stop_at)(void *opaque, unsigned cpu, const struct trace_rec *x);
	void *opaque;
};

struct debug_target;
struct debug_target_ops {
	unsigned (*cpu_cnt)(struct debug_target *t);
	/* The vCPUs stand still in all of these. 0, -errno. */
	int (*get_regs)(struct debug_target *t, unsigned cpu, struct debug_regs *ret);
	int (*set_regs)(struct debug_target *t, unsigned cpu, const struct debug_regs *r);
	/*
	 * Physical memory; RAM only, devices are not touched. Bytes moved, from the start. What is
	 * read is what the guest put there: breakpoints in it are not seen, nor written over.
	 */
	size_t (*read)(struct debug_target *t, gpa_t gpa, void *to, size_t len);
	size_t (*write)(struct debug_target *t, gpa_t gpa, const void *from, size_t len);
	/*
	 * For all vCPUs. One that is set already is set again without harm. Linear addresses of
	 * software breakpoints are looked up in the tables of @cpu. -ENOSPC: no debug register is
	 * free; -EINVAL: not aligned, or of no length there is; -ENOTSUP: this KVM has none. @errp
	 * says so for people.
	 */
	int (*set_break)(struct debug_target *t, unsigned cpu, const struct debug_break *b,
			 struct error **errp);
	int (*clear_break)(struct debug_target *t, const struct debug_break *b); /* -ENOENT */
	/*
	 * Lets the guest go; target.stopped comes later, once. A vCPU that stands at a breakpoint
	 * at which its stop was told executes that instruction first. -EBUSY: it runs.
	 */
	int (*resume)(struct debug_target *t, const struct debug_run *how);
	/* Asks for a stop, while it runs. After detach() it attaches again. */
	void (*stop)(struct debug_target *t);
	/* Does the guest stand still for the debugger? */
	bool (*stands)(struct debug_target *t);
	/* Ends the run: the guest is killed, machine_run() returns. */
	void (*kill)(struct debug_target *t);
	/* Nobody looks any more: breakpoints are gone, the guest runs; resets and ends are not
	 * told.
	 */
	void (*detach)(struct debug_target *t);
};
struct debug_target {
	const struct debug_target_ops *ops;
	/* Names and state of devices, for `dev`, `virtq`, `irq`: see machine/inspect.h. */
	void *machine;
	/* Set by the debugger. Control thread. May call resume() and the others of ops. */
	void (*stopped)(void *opaque, const struct debug_stop *why);
	/* SIGINT: true if that was meant for the debugger. NULL: it ends the run. */
	bool (*interrupt)(void *opaque);
	void *opaque;
};

/* --- what can be worked out from registers and memory ----------------------------------------- */

/* One level of a walk, from the root. */
struct debug_walk_step {
	unsigned level; /* 5 (PML5) .. 1 (PT) */
	gpa_t entry_gpa;
	uint64_t entry;
	unsigned index;
};
struct debug_walk {
	struct debug_walk_step step[5];
	unsigned cnt;
	bool mapped;
	gpa_t gpa;
	uint64_t page_size;
	bool writable, user, exec;
};
/* Intel SDM 3A chapter 4: 32-bit, PAE, 4- and 5-level paging, and none. 0, or -EFAULT if a table is
 * not in memory; an address that is not mapped is no error. */
int debug_translate(struct debug_target *t, const struct debug_regs *r, uint64_t linear,
		    struct debug_walk *ret);
/* By linear address, page by page; bytes moved from the start. */
size_t debug_read(struct debug_target *t, const struct debug_regs *r, uint64_t linear, void *to,
		  size_t len);
size_t debug_write(struct debug_target *t, const struct debug_regs *r, uint64_t linear,
		   const void *from, size_t len);

#endif
