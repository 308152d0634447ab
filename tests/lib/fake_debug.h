/* SPDX-License-Identifier: MIT */
/* fake_debug.h: a debug_target that is registers and a piece of memory, and writes down what it is
 * asked for. */
#ifndef TESTS_FAKE_DEBUG_H
#define TESTS_FAKE_DEBUG_H

#include "vmm/debug.h"

#define FAKE_DEBUG_CPUS   3
#define FAKE_DEBUG_MEMORY 0x20000u
#define FAKE_DEBUG_BREAKS 16

struct fake_debug {
	struct debug_target target;
	struct debug_regs regs[FAKE_DEBUG_CPUS];
	unsigned cpus;
	uint8_t *memory; /* at 0; the rest is not there. own[], unless a test has more */
	uint64_t memory_len;
	uint8_t own[FAKE_DEBUG_MEMORY];
	bool stands;
	bool stops_at_once; /* stop() is followed by stopped() */
	struct debug_break brk[FAKE_DEBUG_BREAKS];
	unsigned breaks;
	unsigned debug_registers; /* so many breakpoints can be the CPU's; 0: all */
	int set_break_result, regs_result, resume_result;
	struct debug_run how; /* of the last resume() */
	unsigned resumes, stops, kills, detaches, reads;
};

/* Long mode, paging off, all zero but a few registers; it stands. */
void fake_debug_init(struct fake_debug *f);
/* It stands again. */
void fake_debug_stop(struct fake_debug *f, const struct debug_stop *why);

#endif
