/* SPDX-License-Identifier: MIT */
/*
 * Lab 2: two ways to say something. Port 0xe9 takes a byte and is done. A serial port wants to be
 * asked first whether it has room.
 */
#include "firmware/labs/lab.h"

	.code16
	.globl	_start
_start:	xor	%ax, %ax	/* addresses count from 0 */
	mov	%ax, %ds
	cld

	/* A byte a time to the debug console. */
	mov	$text, %si
bochs:	lodsb
	test	%al, %al
	jz	polite
	out	%al, $DEBUGCON
	jmp	bochs

	/* The same to COM1: wait until its transmitter holding register is empty. */
polite:	mov	$text, %si
ask:	mov	$UART_LSR, %dx
	in	%dx, %al
	test	$LSR_THRE, %al
	jz	ask
	lodsb
	test	%al, %al
	jz	string
	mov	$UART_THR, %dx
	out	%al, %dx
	jmp	ask

	/* And as one instruction, for the three bytes. */
string:	mov	$text, %si
	mov	$3, %cx
	mov	$DEBUGCON, %dx
	rep	outsb

	POWER_OFF
text:	.asciz	"hi\n"
