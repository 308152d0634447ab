/* SPDX-License-Identifier: MIT */
/*
 * Lab 10: which pages does a guest write? It writes some, says at port 0x80 that a round is over,
 * and writes others. No stack, no interrupt: what is not below is not written.
 *
 * Begins in 32-bit protected mode, at 1 MiB, with flat segments.
 */
#include "firmware/labs/lab.h"

#define A 0x400000
#define B 0x500000

	.code32
	.globl	_start
_start:	cli
	movb	$1, own			/* the page that this code is in, so that it is known to be dirty */
	OUTB	POST, 1

	movb	$1, A			/* one byte of a page */
	OUTB	POST, 2

	movl	$2, B + 0x0ffe		/* four bytes across the border of two pages */
	movl	$2, B + 0x8000
	OUTB	POST, 3

	mov	$A, %edi		/* every byte of one page, most of them the same as before */
	mov	$4096 / 4, %ecx
	mov	$1, %eax
	cld
	rep	stosl
	OUTB	POST, 4

	mov	A, %eax			/* reading is no writing */
	OUTB	POST, 5
	POWER_OFF
own:	.byte	0
