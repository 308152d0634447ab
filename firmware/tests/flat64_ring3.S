/* SPDX-License-Identifier: MIT */
/* flat64_ring3.S: computes in ring 3 of long mode, with page tables of its own, and exits from there by IOPL 3. */
#include "firmware/tests/guest.h"

#define PML4  0x200000
#define PDPT  0x201000
#define PD    0x202000
#define STACK 0x300000

	.code64
	.globl	_start
_start:	cli
	cld
	/* 1 GiB by 2 MiB pages: present, writable, user. */
	mov	$PML4, %edi
	mov	$3 * 4096 / 8, %ecx
	xor	%eax, %eax
	rep	stosq
	movq	$PDPT + 7, PML4
	movq	$PD + 7, PDPT
	mov	$PD, %edi
	mov	$0x87, %eax
	mov	$512, %ecx
1:	mov	%rax, (%rdi)
	add	$8, %rdi
	add	$0x200000, %rax
	loop	1b
	mov	$PML4, %eax
	mov	%rax, %cr3

	lgdt	gdtr(%rip)
	pushq	$0x1b /* ss */
	pushq	$STACK
	pushq	$0x3002 /* IOPL 3 */
	pushq	$0x23 /* cs */
	lea	user(%rip), %rax
	push	%rax
	iretq

user:	mov	%cs, %eax /* only the level: a KVM without hardware runs us with selectors of its own */
	and	$3, %eax
	cmp	$3, %eax
	FAIL_IF	ne, 0
	/* The sum of 1 to 50 million. */
	mov	$50000000, %rcx
	xor	%rax, %rax
1:	add	%rcx, %rax
	dec	%rcx
	jnz	1b
	mov	$1250000025000000, %rdx
	cmp	%rdx, %rax
	FAIL_IF	ne, 1
	lea	text(%rip), %rsi
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, $DEBUGCON
	jmp	1b
2:	mov	$PASS, %al
	out	%al, $DEBUG_EXIT
3:	jmp	3b
text:	.asciz	"computed in ring 3\n"
	.balign	8
gdt:	.quad	0, 0
	.quad	0x00af9b000000ffff /* 0x10: code, ring 0 */
	.quad	0x00cff3000000ffff /* 0x18: data, ring 3 */
	.quad	0x00affb000000ffff /* 0x20: code, ring 3 */
gdtr:	.word	. - gdt - 1
	.long	gdt, 0
