/* SPDX-License-Identifier: MIT */
/* inspect.h: what the files of the inspectors share. Private to this room. */
#ifndef LENS_INSPECT_H
#define LENS_INSPECT_H

#include "vmm/inspect.h"

typedef int inspect_fn(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		       struct error **errp);
inspect_fn inspect_regs, inspect_mem, inspect_pmem, inspect_dis, inspect_print, inspect_pt,
	inspect_gdt, inspect_idt;

int inspect_get_regs(struct inspect *in, struct debug_regs *ret, struct error **errp);
/* The words of an expression, which may have been written with blanks. */
int inspect_join(unsigned argc, char *const *argv, char *buf, size_t len, struct error **errp);
/* @before and the symbol at @addr, if there is one. */
void inspect_add_symbol(struct inspect *in, uint64_t addr, const char *before, struct str *out);

/* Names of set bits, "PF ZF IF"; those without one are left out. */
struct inspect_bit {
	uint64_t mask;
	const char *name;
};
void inspect_add_bits(uint64_t v, const struct inspect_bit *b, unsigned cnt, struct str *out);

#endif
