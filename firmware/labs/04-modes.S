/* SPDX-License-Identifier: MIT */
/*
 * Lab 4: from real mode through protected mode to long mode, as every PC starts. In each mode one
 * letter goes to port 0xe9, by instructions that are the same bytes in all three.
 *
 * Intel SDM 3A, "Switching to Protected Mode" and "Initializing IA-32e Mode"; AMD APM 2, 14.6.
 */
#include "firmware/labs/lab.h"

#define CR0_PE   1
#define CR0_PG   (1 << 31)
#define CR4_PAE  (1 << 5)
#define EFER     0xc0000080
#define EFER_LME (1 << 8)

	.code16
	.globl	_start
_start:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	$'R', %al
	out	%al, $DEBUGCON

	/* Protected mode: a table of segments, a bit, and a jump that loads CS. */
	lgdtl	gdtr
	mov	%cr0, %eax
	or	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	$0x08, $protected

	.code32
protected:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$'P', %al
	out	%al, $DEBUGCON

	/*
	 * Long mode: 4-level paging first. Two tables and a page of 1 GiB would do on a CPU that
	 * has such; with 2 MiB it takes three, for the first 2 MiB.
	 */
	movl	$pdpt + 3, pml4	/* present, writable */
	movl	$pd + 3, pdpt
	movl	$0x83, pd	/* and "this is a page" */
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0	/* EFER.LMA is set by this */
	ljmp	$0x18, $long_mode

	.code64
long_mode:
	mov	$'L', %al
	out	%al, $DEBUGCON
	POWER_OFF

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: code, 32 bit, 4 GiB */
	.quad	0x00cf93000000ffff	/* 0x10: data */
	.quad	0x00af9b000000ffff	/* 0x18: code, 64 bit */
gdtr:	.word	. - gdt - 1
	.long	gdt

	/* Memory behind the image is zero and free. */
	.set	pml4, 0x9000
	.set	pdpt, 0xa000
	.set	pd, 0xb000
