/* SPDX-License-Identifier: MIT */
/* flat32_testdev.S: the test device as kvm-unit-tests use it: latch, memory, and an interrupt that is
 * raised and lowered through port 0x2000 + 14 and comes by the 8259. */
#include "firmware/tests/guest.h"

#define LATCH  0xe0
#define FLUSH  0xe4
#define BYTES  0xe8
#define LINE14 0x200e
#define MEMORY 0xff000000

	FLAT32_START
	LOAD_GDT
	SET_GATE 0x2e, on_irq14
	lidt	idtr
	INIT_PIC 0xfb, 0xbf

	/* All widths, two addresses. */
	mov	$LATCH, %dx
	mov	$0x12345678, %eax
	out	%eax, %dx
	in	%dx, %ax
	cmp	$0x5678, %ax
	FAIL_IF	ne, 0
	mov	$BYTES, %dx
	in	%dx, %eax
	cmp	$0x12345678, %eax
	FAIL_IF	ne, 1
	mov	$BYTES + 3, %dx
	mov	$0x9a, %al
	out	%al, %dx
	mov	$LATCH, %dx
	in	%dx, %eax
	cmp	$0x9a345678, %eax
	FAIL_IF	ne, 2

	/* A page is "flushed" and still there. */
	mov	$FLUSH, %dx
	mov	$stack_top, %eax
	out	%eax, %dx
	push	%eax
	pop	%ebx
	cmp	%eax, %ebx
	FAIL_IF	ne, 3

	mov	$0xdeadbeef, %eax
	mov	%eax, MEMORY + 0xfffc
	cmpw	$0xdead, MEMORY + 0xfffe
	FAIL_IF	ne, 4
	cmpl	$0, MEMORY
	FAIL_IF	ne, 5

	OUTB	LINE14, 1
	WAIT_COUNT count, 1
	SAY_COM1 "test device\n"
	EXIT	PASS

on_irq14:
	push	%eax
	push	%edx
	incl	count
	OUTB	LINE14, 0
	mov	$0x20, %al
	out	%al, $PIC2
	out	%al, $PIC1
	pop	%edx
	pop	%eax
	RETURN_FROM_IRQ
	.balign	4
count:	.long	0
	FLAT32_END
