/* SPDX-License-Identifier: MIT */
/* gdb_regs.h: a CPU's registers as gdb numbers, names and packs them. */
#ifndef LENS_GDB_REGS_H
#define LENS_GDB_REGS_H

#include "vmm/debug.h"

/* In gdb's order for x86-64: those that are sent along with each stop. */
#define GDB_REG_RBP 6u
#define GDB_REG_RSP 7u
#define GDB_REG_RIP 16u

#define GDB_REG_BYTES_MAX 16u

/* How many there are; AVX's are the last ones. */
unsigned gdb_reg_cnt(const struct debug_regs *r);
unsigned gdb_reg_bytes(unsigned n);
/* Little-endian, gdb_reg_bytes() of them. */
void gdb_reg_get(const struct debug_regs *r, unsigned n, uint8_t *to);
void gdb_reg_set(struct debug_regs *r, unsigned n, const uint8_t *from);

/* The target description, an XML document. */
void gdb_regs_xml(const struct debug_regs *r, struct str *ret);

#endif
