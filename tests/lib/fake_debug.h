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
	uint8_t memory[FAKE_DEBUG_MEMORY]; /* at 0; the rest is not there */
	bool stands;
	bool stops_at_once; /* stop() is followed by stopped() */
	struct debug_break brk[FAKE_DEBUG_BREAKS];
	unsigned breaks;
	int set_break_result;
	struct debug_run how; /* of the last resume() */
	unsigned resumes, stops, kills, detaches, reads;
};

/* Long mode, paging off, all zero but a few registers; it stands. */
void fake_debug_init(struct fake_debug *f);
/* It stands again. */
void fake_debug_stop(struct fake_debug *f, const struct debug_stop *why);

#endif
