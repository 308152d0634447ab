/* SPDX-License-Identifier: MIT */
/* flat32_pit.S: ten interrupts of PIT channel 0 through the 8259s. */
#include "firmware/tests/guest.h"

	FLAT32_START
	LOAD_GDT
	SET_GATE 0x20, on_irq0
	lidt	idtr
	INIT_PIC 0xfe, 0xff
	/* Mode 2, 1193182 / 1193 Hz: a millisecond. */
	OUTB	PIT_CMD, 0x34
	OUTB	PIT_CH0, 1193 & 0xff
	OUTB	PIT_CH0, 1193 >> 8
	WAIT_COUNT count, 10

	/* Masked, there are no more. */
	OUTB	PIC1 + 1, 0xff
	movl	$0, count
	sti
	mov	$100000, %ecx
1:	nop
	loop	1b
	cli
	cmpl	$1, count /* one may have been on its way */
	FAIL_IF	a, 0
	SAY	"ten ticks\n"
	EXIT	PASS

on_irq0:
	push	%eax
	incl	count
	mov	$0x20, %al
	out	%al, $PIC1
	pop	%eax
	RETURN_FROM_IRQ
	.balign	4
count:	.long	0
	FLAT32_END
