/* SPDX-License-Identifier: MIT */
/*
 * Lab 3: the driver of a device that you write. It adds: what is written to its first port is added
 * to a sum of 16 bits, which is read from the first port (low byte) and the second (high byte). A
 * write to the second port makes the sum 0.
 */
#include "firmware/labs/lab.h"

#define ADDER 0x5d8

	.code16
	.globl	_start
_start:	OUTB	ADDER+1, 0	/* clear */
	OUTB	ADDER, 200
	OUTB	ADDER, 100
	mov	$ADDER+1, %dx
	in	%dx, %al
	mov	%al, %ah
	dec	%dx
	in	%dx, %al
	cmp	$300, %ax
	jne	wrong
	mov	$'+', %al
	jmp	say
wrong:	mov	$'?', %al
say:	out	%al, $DEBUGCON
	POWER_OFF
