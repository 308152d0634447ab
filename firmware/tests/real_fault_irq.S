/* SPDX-License-Identifier: MIT */
/*
 * real_fault_irq.S: a hundred ticks of PIT channel 0, while the CPU does nothing but read an MSR that
 * nobody knows. Most ticks come when the read is with the VMM, whose answer makes a #GP of it; each
 * must be taken all the same, after the fault. One that is lost leaves IR0 in service for ever, and
 * there are no more.
 */
#include "firmware/tests/guest.h"

#define NOBODYS 0x12345678

	REAL_START
	movw	$on_gp, 4 * 13
	movw	$0, 4 * 13 + 2
	movw	$on_irq0, 4 * 0x20
	movw	$0, 4 * 0x20 + 2
	INIT_PIC 0xfe, 0xff
	/* Mode 2, 1193182 / 597 Hz: half a millisecond. */
	OUTB	PIT_CMD, 0x34
	OUTB	PIT_CH0, 597 & 0xff
	OUTB	PIT_CH0, 597 >> 8
	mov	$NOBODYS, %ecx
	sti
1:	rdmsr
	cmpw	$100, ticks
	jb	1b
	cli
	SAY	"all ticks\n"
	EXIT	PASS

/* RDMSR is two bytes long. Real mode pushes no error code. */
on_gp:	push	%bp
	mov	%sp, %bp
	addw	$2, 2(%bp)
	pop	%bp
	iretw

on_irq0:
	push	%ax
	incw	ticks
	mov	$0x20, %al
	out	%al, $PIC1
	pop	%ax
	iretw

	.balign	2
ticks:	.word	0
	REAL_END
