/* SPDX-License-Identifier: MIT */
/*
 * inspect.h: what can be asked about a machine that stands still: `regs`, `mem`, `dev serial0`,
 * `virtq disk0 0` ... The step prompt and gdb's `monitor` have the same table of questions.
 *
 * All of it on the control thread, while no vCPU runs. Guest memory, tables and rings are looked at
 * as they are, each datum once, and nothing in them is trusted: an answer is of bounded length.
 */
#ifndef VMM_INSPECT_H
#define VMM_INSPECT_H

#include "vmm/debug.h"

struct error;
struct lens;
struct machine;

/* Who asks, and what he was told last. Zeroed but for the first lines. */
struct inspect {
	struct debug_target *target;
	const struct lens *lens; /* for names; NULL: none */
	struct machine *machine; /* NULL: questions about devices have no answer */
	unsigned cpu;            /* whose registers and page tables */

	/* More names for expressions; NULL: none. False: there is no such name. */
	bool (*variable)(void *opaque, const char *name, uint64_t *ret);
	void *opaque;

	/* Registers when the guest stopped the time before: `regs` marks what is different. */
	struct debug_regs before;
	bool has_before;
	/* Where `mem`, `pmem` and `dis` go on if they are not told where. */
	uint64_t next_mem, next_pmem, next_dis;
	bool has_next_mem, has_next_pmem, has_next_dis;
};

/* The answers that go on where the last one ended begin anew: the guest has run. */
void inspect_moved(struct inspect *in);

struct inspector {
	const char *name, *args, *help; /* "mem", "[ADDR [LEN] [b|w|d|q]]", one line */
	unsigned min, max;              /* arguments */
	/* -EINVAL and the like: @out may hold the beginning of an answer. */
	int (*fn)(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		  struct error **errp);
};

/* src/lens/inspect.c: those that need registers and memory; src/machine/inspect.c: the others. */
extern const struct inspector lens_inspectors[], machine_inspectors[];
extern const unsigned lens_inspector_cnt, machine_inspector_cnt;

/* The inspector of that name; NULL: none. */
const struct inspector *inspect_find(const char *name);

/* Splits @line (which is written to) into at most @max words; their number. */
#define INSPECT_WORDS 8
unsigned inspect_split(char *line, char **word, unsigned max);

/*
 * Answers one line, "mem rsp 64". -ENOENT and no error: its first word is no inspector's.
 * -EINVAL, -EFAULT ... with an error that says what would be right.
 */
int inspect_line(struct inspect *in, const char *line, struct str *out,
		 struct error **errp) __must_check;
/* The table, a line each, for `help`. */
void inspect_help(struct str *out);

/* --- expressions (src/lens/expr.c) ------------------------------------------------------------ */

/*
 * C's operators but assignment, on unsigned 64 bits; numbers, 'c'; registers (rax, al, cs, cr3),
 * pc and sp (linear: with their segment's base), symbols (&name where a register is called the
 * same); b[e] w[e] d[e] q[e] is memory at a linear address, [e] as wide as the code's addresses.
 * The whole of @text must be one. -EINVAL; -EFAULT: memory that is not there.
 */
int inspect_eval(struct inspect *in, const char *text, uint64_t *ret,
		 struct error **errp) __must_check;

/* The names of general registers, "rax", in the order of enum debug_gpr. */
extern const char *const debug_gpr_name[DBG_GPRS];
/* Looks up a register's value by any of its names ("eax", "cr0", "cs"). */
bool inspect_register(const struct debug_regs *r, const char *name, uint64_t *ret);
/* Changes one; widths as the CPU does (a write to eax clears the rest). -EINVAL: unknown, or one
 * that is not to be set. */
int inspect_set_register(struct debug_regs *r, const char *name, uint64_t v,
			 struct error **errp) __must_check;

#endif
