/* SPDX-License-Identifier: MIT */
/*
 * real_ports.S: reads every port there is by bytes and double words, and writes all byte values, words
 * and double words to every port of the board, but for those that would end or restart the run. What
 * comes back does not matter; that the machine is there afterwards does.
 */
#include "firmware/tests/guest.h"

	REAL_START
	xor	%dx, %dx
1:	in	%dx, %al
	in	%dx, %eax /* straddles whatever is there */
	inc	%dx
	jnz	1b

	mov	$ports, %si
2:	lodsw
	test	%ax, %ax
	jz	4f
	mov	%ax, %dx
	xor	%bx, %bx
3:	mov	%bl, %al
	out	%al, %dx
	mov	%bl, %ah
	test	$15, %bl
	jnz	5f
	cmpb	$0, (%si) /* a second byte: whether wider ones are safe too */
	je	5f
	out	%ax, %dx
	out	%eax, %dx
5:	in	%dx, %al
	inc	%bl
	jnz	3b
	inc	%si
	jmp	2b

	/* The UART as at power-on, but for what it has to say. */
4:	OUTB	UART_IER, 0
	SAY	"still here\n"
	EXIT	PASS

	/* PICs, PIT, port 61, 8042 data, CMOS, POST, debug console, UARTs, ELCR, PM timer. Not: 64, 92,
	   CF9 and PM1 control, which reset or power off, and pvpanic and debug exit. */
	.macro	PORT number, wide
	.word	\number
	.byte	\wide
	.endm
ports:	PORT	0x20, 1
	PORT	0x21, 1
	PORT	0xa0, 1
	PORT	0xa1, 1
	PORT	0x40, 1
	PORT	0x41, 1
	PORT	0x42, 0
	PORT	0x43, 0
	PORT	0x60, 0
	PORT	0x61, 0
	PORT	0x70, 1
	PORT	0x71, 1
	PORT	0x80, 1
	PORT	0x3f8, 1
	PORT	0x3f9, 1
	PORT	0x3fa, 1
	PORT	0x3fb, 1
	PORT	0x3fc, 1
	PORT	0x3fd, 1
	PORT	0x3fe, 1
	PORT	0x3ff, 1
	PORT	0x4d0, 1
	PORT	0x4d1, 1
	PORT	0x608, 1
	.word	0
	REAL_END
