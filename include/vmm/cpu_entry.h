/* SPDX-License-Identifier: MIT */
/* cpu_entry.h: the state in which the boot CPU executes its first guest instruction; KVM-free. */
#ifndef VMM_CPU_ENTRY_H
#define VMM_CPU_ENTRY_H

#include "vmm/guestmem.h"

enum cpu_mode {
	/* The architectural reset state: F000:FFF0 with CS.base 0xffff0000; nothing below
	 * applies. */
	CPU_RESET,
	/* Real mode: cs selector/base from @cs, ds=es=ss=cs, rip, rsp. */
	CPU_REAL,
	/* Flat 4 GiB segments, paging off, interrupts off (PVH, multiboot, 32-bit Linux). */
	CPU_PROT32,
	/* Paging on with @cr3, flat 64-bit code segment, interrupts off (Linux 64-bit entry). */
	CPU_LONG64,
};

struct cpu_entry {
	enum cpu_mode mode;
	uint16_t cs; /* CPU_REAL: selector; base = selector * 16 */
	uint64_t rip, rsp;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	gpa_t cr3; /* CPU_LONG64 */
	/* GDT that the loader wrote: null, -, code (0x10), data (0x18); 0: none in memory. */
	gpa_t gdt;
	uint16_t gdt_limit;
};

#endif
