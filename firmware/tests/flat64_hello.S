/* SPDX-License-Identifier: MIT */
/* flat64_hello.S: long mode as the loader promises it: 64-bit registers, the first 4 GiB mapped. */
#include "firmware/tests/guest.h"

	.code64
	.globl	_start
_start:	cli
	cld
	mov	$0xc0000080, %ecx /* EFER: LME and LMA */
	rdmsr
	and	$0x500, %eax
	cmp	$0x500, %eax
	FAIL_IF	ne, 0
	mov	$0x123456789abcdef0, %r8
	mov	%r8, %rax
	shr	$32, %rax
	cmp	$0x12345678, %eax
	FAIL_IF	ne, 1
	push	%r8 /* the stack is ours to use */
	pop	%r9
	cmp	%r8, %r9
	FAIL_IF	ne, 2
	mov	$0xfffff000, %ebx /* the last page below 4 GiB is mapped, and nothing there */
	mov	(%rbx), %eax
	lea	text(%rip), %rsi
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, $DEBUGCON
	jmp	1b
2:	EXIT	PASS
text:	.asciz	"hello from long mode\n"
