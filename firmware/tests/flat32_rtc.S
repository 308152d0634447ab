/* SPDX-License-Identifier: MIT */
/* flat32_rtc.S: ten periodic interrupts of the RTC, through the second 8259. */
#include "firmware/tests/guest.h"

	FLAT32_START
	LOAD_GDT
	SET_GATE 0x28, on_irq8
	lidt	idtr
	INIT_PIC 0xfb, 0xfe /* the cascade, and input 0 of the second */
	OUTB	CMOS_INDEX, 0x0a
	OUTB	CMOS_DATA, 0x26 /* divider on, 1024 Hz */
	OUTB	CMOS_INDEX, 0x0c
	INB	CMOS_DATA
	OUTB	CMOS_INDEX, 0x0b
	INB	CMOS_DATA
	or	$0x40, %al /* PIE */
	out	%al, %dx
	WAIT_COUNT count, 10
	testb	$0x40, flags /* PF */
	FAIL_IF	z, 0
	testb	$0x80, flags /* IRQF */
	FAIL_IF	z, 1
	SAY	"rtc\n"
	EXIT	PASS

on_irq8:
	push	%eax
	push	%edx
	incl	count
	OUTB	CMOS_INDEX, 0x0c
	INB	CMOS_DATA /* reading register C clears it */
	mov	%al, flags
	mov	$0x20, %al
	out	%al, $PIC2
	out	%al, $PIC1
	pop	%edx
	pop	%eax
	RETURN_FROM_IRQ
	.balign	4
count:	.long	0
flags:	.byte	0
	FLAT32_END
