/* SPDX-License-Identifier: MIT */
/* disasm.h: an instruction, taken apart as far as an exit tells of it. */
#ifndef LENS_DISASM_H
#define LENS_DISASM_H

#include "vmm/base.h"

enum insn_kind { INSN_OTHER, INSN_IO, INSN_HLT, INSN_RDMSR, INSN_WRMSR };

struct insn_parts {
	unsigned len; /* 0: no instruction, or nobody to ask */
	enum insn_kind kind;
	uint8_t size;     /* of an IN's or OUT's item, or of the memory operand; 0: none */
	bool read, write; /* of the port, or of that operand */
	bool string, rep; /* INS, OUTS */
	bool has_port;    /* in the instruction; else it is in DX */
	uint8_t port;
	char text[96];
};

/* Takes @p apart: IN, OUT, INS, OUTS, HLT, RDMSR and WRMSR by ourselves, the others by a library.
 * Returns ret->len. */
unsigned disasm(const uint8_t *p, size_t len, uint64_t rip, unsigned bits, struct insn_parts *ret);

/* The former alone. */
unsigned disasm_own(const uint8_t *p, size_t len, unsigned bits, struct insn_parts *ret);

#endif
