/* SPDX-License-Identifier: MIT */
/*
 * interrupt.S: what C cannot say of interrupts: tables, and to sleep until one comes. For guests in
 * 32-bit protected mode. The 8259 is told to let the IRQ of the virtio device pass, and no other.
 */
#include "firmware/labs/lab.h"

#define VECTOR 0x20
#define IRQ    5

	.text
	.globl	interrupts_init
interrupts_init:
	lgdt	gdtr
	ljmp	$0x08, $1f
1:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$woken, %eax		/* a 32-bit interrupt gate */
	mov	%ax, gate
	movw	$0x08, gate + 2
	movw	$0x8e00, gate + 4
	shr	$16, %eax
	mov	%ax, gate + 6
	lidt	idtr
	OUTB	PIC1, 0x11
	OUTB	PIC1+1, VECTOR
	OUTB	PIC1+1, 0x04
	OUTB	PIC1+1, 0x01
	OUTB	PIC1+1, 0xff-(1<<IRQ)
	ret

	/* STI holds off interrupts for one more instruction, so none can slip in before HLT. */
	.globl	wait_for_interrupt
wait_for_interrupt:
	sti
	hlt
	jmp	wait_for_interrupt	/* not reached: nothing else is let through */

	/* Interrupts are off again. What IRET would restore is not wanted: back to the caller. */
woken:	add	$12, %esp		/* EIP, CS, EFLAGS */
	mov	$0x20, %al
	out	%al, $PIC1
	ret

	.data
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: code */
	.quad	0x00cf93000000ffff	/* 0x10: data */
gdtr:	.word	. - gdt - 1
	.long	gdt
	.balign	8
idtr:	.word	8 * (VECTOR + IRQ + 1) - 1
	.long	idt
	.bss
	.balign	8
idt:	.skip	8 * (VECTOR + IRQ)
gate:	.skip	8
