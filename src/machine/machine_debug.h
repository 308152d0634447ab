/* SPDX-License-Identifier: MIT */
/* machine_debug.h: a machine that somebody debugs (debug.c). All of it the control thread's. */
#ifndef MACHINE_DEBUG_H
#define MACHINE_DEBUG_H

#include "vmm/debug.h"
#include "vmm/loop.h"
#include "vmm/vcpu.h"
#include "vmm/verdict.h"

struct machine;

#define SPOTS_MAX 1024u

/* A breakpoint that is set, and by what means. */
struct spot {
	struct debug_break b;
	bool in_memory; /* a trap at gpa, in place of byte */
	uint8_t byte;
	gpa_t gpa;
	unsigned reg; /* else: which debug register; DBG_DEBUG_REGS: none */
};

struct machine_debug_cpu {
	bool pending; /* stop has yet to be told */
	struct debug_stop stop;
	uint8_t inject; /* an exception the guest is to get when it goes on */
	bool told;      /* its last stop was told, at pc: what is there is not hit again */
	uint64_t pc;
};

struct machine_debug {
	struct debug_target target;
	struct machine *m;
	struct ev_work work;
	bool attached; /* somebody looks */
	bool stands;   /* and the guest waits for him */
	bool leaving;  /* it no longer waits, and its vCPUs have yet to be told how to run */
	bool asked;    /* a stop was asked for, and has not been told */
	bool clocks_stand;
	bool ended; /* the guest has, with verdict */
	struct verdict verdict;
	struct debug_run how;
	unsigned over_cpu; /* steps over a breakpoint, alone; UINT_MAX: none */
	bool lifted;       /* and the trap there is out */
	uint8_t trap;      /* the instruction that is a breakpoint */
	unsigned focus;    /* whose stop was told last; 0 before that */
	unsigned last_cpu; /* the same, and the last one before that: all have their turn */
	unsigned spot_cnt;
	struct spot spot[SPOTS_MAX];
	unsigned cpu_cnt;
	struct machine_debug_cpu cpu[];
};

/* --- debug_break.c ---------------------------------------------------------------------------- */

/* What lies in memory where a software breakpoint is: INT3, or where this KVM keeps that to itself,
 * IN AL,DX. */
#define DEBUG_INT3 0xcc
#define DEBUG_IN   0xec

/* debug_target_ops. */
size_t debug_read_memory(struct debug_target *t, gpa_t gpa, void *to, size_t len);
size_t debug_write_memory(struct debug_target *t, gpa_t gpa, const void *from, size_t len);
int debug_set_break(struct debug_target *t, unsigned cpu, const struct debug_break *b,
		    struct error **errp);
int debug_clear_break(struct debug_target *t, const struct debug_break *b);

void debug_remove_all(struct machine_debug *d);
/* Memory is new: what lay in it lies in it again, or serves from a register. */
void debug_place_again(struct machine_debug *d);
/* The breakpoint on code at linear address @addr; with @memory_only one in memory. NULL: none. */
struct spot *debug_code_at(struct machine_debug *d, uint64_t addr, bool memory_only);
/* The one in memory at @gpa. */
struct spot *debug_at_gpa(struct machine_debug *d, gpa_t gpa);
bool debug_any_in_memory(const struct machine_debug *d);
/* Takes the trap out of memory, and puts it back. */
void debug_lift(struct machine_debug *d, const struct spot *s);
void debug_put_back(struct machine_debug *d, const struct spot *s);

/* --- debug.c ---------------------------------------------------------------------------------- */

/* A vCPU has hit something: all stop, and the debugger is told. Any thread. */
void machine_debug_hit(struct machine *m);
/* Is the guest to stand, whoever else would have it go on? */
bool machine_debug_holds(const struct machine *m);
/* The machine is at power-on again. */
void machine_debug_was_reset(struct machine *m);
/*
 * The guest has ended, @cpu may be why. True: the run waits until the debugger has seen enough, and
 * ends by machine_end(). False: it ends now, with what is in *v then.
 */
bool machine_debug_ended(struct machine *m, unsigned cpu, struct verdict *v);
/* The run ends with an error. */
void machine_debug_failed(struct machine *m, const char *text);
/* SIGINT: was it for the debugger? */
bool machine_debug_interrupt(struct machine *m);

#endif
