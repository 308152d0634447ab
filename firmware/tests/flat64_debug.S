/* SPDX-License-Identifier: MIT */
/*
 * flat64_debug.S: something to look at for debuggers. Known registers, port accesses, a subroutine
 * called three times, and for as long as "again" is set, a variable that is written, a breakpoint
 * of its own if "trap" is set, and an end that is chosen by what the debugger writes to "action".
 * Without one it passes.
 */
#include "firmware/tests/guest.h"

	.code64
	.globl	_start
_start:	jmp	begin
	.balign	8
table:	/* 64 bits each */
	.long	begin, 0, at_inc, 0, at_out, 0, at_in, 0, after_in, 0, func, 0
	.long	count, 0, action, 0, own_bp, 0, after_bp, 0, bps, 0, decide, 0, trap, 0, again, 0

begin:	cli
	cld
	lidt	idtr(%rip)
	mov	$0x1122334455667788, %r8
	mov	$1, %eax
at_inc:	inc	%eax
	inc	%eax
at_out:	out	%al, $0x80
at_in:	in	$0x61, %al
after_in:
	nop
round:	mov	$3, %ebx
1:	call	func
	dec	%ebx
	jnz	1b
	lea	on_bp(%rip), %rax	/* vector 3: a 64-bit interrupt gate */
	mov	%ax, idt+3*16(%rip)
	shr	$16, %rax
	mov	%ax, idt+3*16+6(%rip)
	cmpb	$0, trap(%rip)	/* not every KVM can */
	je	after_bp
own_bp:	int3
after_bp:
	nop
decide:	mov	action(%rip), %al
	cmp	$1, %al
	je	reset
	cmp	$2, %al
	je	triple
	cmp	$3, %al
	je	spin
	cmp	$4, %al
	je	sleep
	cmp	$5, %al
	je	off
	cmpb	$0, again(%rip)
	jne	round
	EXIT	PASS

func:	incl	count(%rip)
	ret

on_bp:	incl	bps(%rip)
	iretq

reset:	mov	$0x0e, %al
	mov	$RESET_CTL, %dx
	out	%al, %dx
	jmp	.
triple:	lidt	none(%rip)
	ud2
spin:	pause
	jmp	spin
sleep:	sti
	hlt
	jmp	sleep
off:	mov	$S5_OFF, %ax
	mov	$PM1A_CNT, %dx
	out	%ax, %dx
	jmp	.

	.balign	8
count:	.quad	0
bps:	.quad	0
action:	.quad	0
trap:	.quad	0
again:	.quad	0
idtr:	.word	16*4-1
	.long	idt, 0
none:	.word	0
	.quad	0
	.balign	16
idt:	.fill	3*16, 1, 0
	.word	0, 0x10, 0x8e00, 0	/* the code selector that the loader promises */
	.quad	0
