/* SPDX-License-Identifier: MIT */
/*
 * Lab 6: a timer that interrupts, three times. Counter 0 of the PIT counts down once, its output
 * goes up, the 8259 tells the CPU, which sleeps in HLT.
 *
 * Intel 8254 data sheet, mode 0; 8259A data sheet, "Initialization" and "End of Interrupt".
 */
#include "firmware/labs/lab.h"

#define VECTOR 0x20	/* of IRQ 0, as we tell the 8259 */
#define TICKS  11932	/* of 1193182 Hz: 10 ms */

	.code16
	.globl	_start
_start:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7c00, %sp
	movw	$tick, 4 * VECTOR	/* the interrupt table of real mode: offset */
	mov	%cs, 4 * VECTOR + 2	/* and segment */

	OUTB	PIC1, 0x11		/* ICW1: edge-triggered, cascaded, ICW4 follows */
	OUTB	PIC1+1, VECTOR		/* ICW2: vectors from here on */
	OUTB	PIC1+1, 0x04		/* ICW3: the second 8259 is on IRQ 2 */
	OUTB	PIC1+1, 0x01		/* ICW4: an 8086 */
	OUTB	PIC1+1, 0xfe		/* mask: IRQ 0 alone may pass */

	mov	$3, %cx
again:	OUTB	PIT_CMD, 0x30		/* counter 0, both bytes, mode 0 */
	OUTB	PIT_CH0, TICKS & 0xff
	OUTB	PIT_CH0, TICKS >> 8	/* it counts from here on */
	sti				/* holds off interrupts for one instruction more */
	hlt
	cli
	loop	again
	POWER_OFF

tick:	push	%ax
	mov	$0x20, %al		/* OCW2: this interrupt is over */
	out	%al, $PIC1
	pop	%ax
	iret
