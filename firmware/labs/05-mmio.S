/* SPDX-License-Identifier: MIT */
/*
 * Lab 5: a device behind page tables. The linear address 0x8080604000 is entry 1 of the PML4, 2 of
 * the PDPT, 3 of the PD and 4 of the PT, which names the page at 0xfec00000: the IOAPIC. Entry 5 of
 * the PT is the next linear page, and ordinary memory.
 *
 * Begins in long mode, at 1 MiB, with the first 4 GiB mapped by the loader's own tables.
 * Intel SDM 3A, "4-Level Paging and 5-Level Paging"; AMD APM 2, 5.3; 82093AA data sheet, 3.1 (IOREGSEL
 * and IOWIN).
 */
#include "firmware/labs/lab.h"

#define IOAPIC   0xfec00000
#define IOREGSEL 0x00
#define IOWIN    0x10
#define VERSION  0x01 /* the register that IOREGSEL selects */

#define PML4 0x200000
#define PDPT 0x201000
#define PD   0x202000
#define PT   0x203000
#define DATA 0x204000
#define LOW  0x205000 /* a second PDPT: what the first 1 GiB needs for this code to run on */

#define P  0x01 /* present */
#define RW 0x02 /* writable */
#define CD 0x10 /* do not cache */
#define PS 0x80 /* this is a page */

	.code64
	.globl	_start
_start:	cli
	movq	$LOW + P + RW, PML4
	movq	$LOW + 0x1000 + P + RW, LOW
	movq	$P + RW + PS, LOW + 0x1000		/* 0 to 2 MiB, where this code is */
	movq	$0x200000 + P + RW + PS, LOW + 0x1008	/* and the next 2, for the tables */

	movq	$PDPT + P + RW, PML4 + 8 * 1
	movq	$PD + P + RW, PDPT + 8 * 2
	movq	$PT + P + RW, PD + 8 * 3
	mov	$IOAPIC + P + RW + CD, %eax
	mov	%rax, PT + 8 * 4
	movq	$DATA + P + RW, PT + 8 * 5
	mov	$PML4, %eax
	mov	%rax, %cr3

	mov	$0x8080604000, %rbx
device:	movl	$VERSION, IOREGSEL(%rbx)
	mov	IOWIN(%rbx), %eax

memory:	mov	%eax, 0x1000(%rbx)	/* the page behind it: memory */
	mov	0x1000(%rbx), %ecx
	cmp	DATA, %ecx		/* which is at DATA, of course */
	jne	end
	mov	$'=', %al
	out	%al, $DEBUGCON
end:	POWER_OFF
