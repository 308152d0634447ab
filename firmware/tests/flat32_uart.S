/* SPDX-License-Identifier: MIT */
/* flat32_uart.S: COM1: the THRE interrupt, loopback, and the receive interrupt of what came by it. */
#include "firmware/tests/guest.h"

	FLAT32_START
	LOAD_GDT
	SET_GATE 0x24, on_irq4
	lidt	idtr
	INIT_PIC 0xef, 0xff
	OUTB	UART_LCR, 0x03
	OUTB	UART_IIR, 0x07 /* FCR: FIFOs on and empty, trigger 1 */
	OUTB	UART_MCR, MCR_OUT2
	OUTB	UART_IER, 0x02 /* ETBEI: the holding register is empty now */
	WAIT_COUNT count, 1
	cmpb	$0xc2, iir
	FAIL_IF	ne, 0
	OUTB	UART_IER, 0

	/* Loopback: what is sent is received, and does not leave. OUT2's pin is off, so no
	 * interrupt until loopback ends. */
	OUTB	UART_MCR, MCR_LOOP
	OUTB	UART_DATA, 0xa5
	mov	$1000000, %ecx
1:	INB	UART_LSR
	test	$LSR_DR, %al
	jnz	2f
	loop	1b
	EXIT	FAIL(1)
2:	movl	$0, count
	OUTB	UART_IER, 0x01 /* ERBFI */
	OUTB	UART_MCR, MCR_OUT2
	WAIT_COUNT count, 1
	andb	$0xf7, iir /* or 0xcc: it has been there for four characters' time */
	cmpb	$0xc4, iir
	FAIL_IF	ne, 2
	cmpb	$0xa5, data
	FAIL_IF	ne, 3
	OUTB	UART_IER, 0
	SAY	"serial\n"
	EXIT	PASS

on_irq4:
	push	%eax
	push	%edx
	incl	count
	INB	UART_IIR
	mov	%al, iir
	and	$0x07, %al
	cmp	$0x04, %al
	jne	1f
	INB	UART_DATA
	mov	%al, data
1:	mov	$0x20, %al
	out	%al, $PIC1
	pop	%edx
	pop	%eax
	RETURN_FROM_IRQ
	.balign	4
count:	.long	0
iir:	.byte	0
data:	.byte	0
	FLAT32_END
