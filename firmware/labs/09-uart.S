/* SPDX-License-Identifier: MIT */
/*
 * Lab 9: eight letters through a serial port, in three ways: asked before each, in one burst into a
 * FIFO, and on interrupts. Port 0x80 says which one begins.
 *
 * PC16550D data sheet, 8.4 (line status), 8.5 (FIFO control), 8.6 (interrupt identification).
 */
#include "firmware/labs/lab.h"

#define VECTOR 0x20
#define COUNT  8

	.code16
	.globl	_start
_start:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7c00, %sp
	cld

	/* 1: polled. Is there room? Then one letter. */
	OUTB	POST, 1
	mov	$text, %si
	mov	$COUNT, %cx
poll:	mov	$UART_LSR, %dx
	in	%dx, %al
	test	$LSR_THRE, %al
	jz	poll
	lodsb
	mov	$UART_THR, %dx
	out	%al, %dx
	loop	poll

	/* 2: the FIFO. Empty, it has room for sixteen. */
	OUTB	POST, 2
	OUTB	UART_FCR, 0x01
fifo:	mov	$UART_LSR, %dx
	in	%dx, %al
	test	$LSR_THRE, %al
	jz	fifo
	mov	$text, %si
	mov	$COUNT, %cx
	mov	$UART_THR, %dx
burst:	lodsb
	out	%al, %dx
	loop	burst
drain:	mov	$UART_LSR, %dx
	in	%dx, %al
	test	$LSR_THRE, %al
	jz	drain
	OUTB	UART_FCR, 0x00

	/* 3: interrupts. The UART asks for the next letter, the CPU sleeps in between. */
	OUTB	POST, 3
	movw	$ready, 4 * (VECTOR + 4)
	mov	%cs, 4 * (VECTOR + 4) + 2
	OUTB	PIC1, 0x11
	OUTB	PIC1+1, VECTOR
	OUTB	PIC1+1, 0x04
	OUTB	PIC1+1, 0x01
	OUTB	PIC1+1, 0xef		/* IRQ 4 alone */
	OUTB	UART_MCR, 0x08		/* OUT2 lets the UART's interrupt out on a PC */
	mov	$text, %si
	mov	$COUNT, %cx
	OUTB	UART_IER, 0x02		/* interrupt when THR is empty: that is now */
sleep:	sti
	hlt
	test	%cx, %cx
	jnz	sleep
	POWER_OFF

ready:	push	%ax
	push	%dx
	mov	$UART_IIR, %dx
	in	%dx, %al		/* reading it takes this interrupt back */
	mov	$0x20, %al
	out	%al, $PIC1
	lodsb
	mov	$UART_THR, %dx
	dec	%cx
	jnz	more
	push	%ax			/* the last one: no interrupt after it */
	OUTB	UART_IER, 0x00
	pop	%ax
	mov	$UART_THR, %dx
more:	out	%al, %dx		/* and the UART asks again at once */
	pop	%dx
	pop	%ax
	lret	$2			/* without the flags that IRET would restore: interrupts stay off */

text:	.ascii	"trapeze\n"
