/* SPDX-License-Identifier: MIT */
/* seen.h: what is remembered from one exit to the next. */
#ifndef LENS_SEEN_H
#define LENS_SEEN_H

#include "lens/names.h"

#define INSN_CACHE 256u

struct insn_cached {
	uint64_t key; /* 0: none */
	bool found;
	struct lens_insn insn;
};

struct lens_seen {
	/* Above 0: after exits of this reason, reads and writes, RIP was behind the instruction. */
	int8_t stepped_over[TRACE_EXIT_REASONS][2];
	struct insn_cached insn[INSN_CACHE];
	unsigned cnt;
	struct seen dev[];
};

#endif
