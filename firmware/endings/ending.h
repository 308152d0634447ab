/* SPDX-License-Identifier: MIT */
/*
 * ending.h: what the guests of `trapeze test --self-test` share. Each ends in one way, as quickly
 * as it can, and is a 32-bit ELF file with a PVH entry: a kernel as others are, which takes an
 * initramfs and never looks at it. No stack but for one call, no IDT, no memory above 1 MiB + 4 KiB.
 */
#ifndef FIRMWARE_ENDINGS_ENDING_H
#define FIRMWARE_ENDINGS_ENDING_H

#include "firmware/tests/guest.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

.macro ENDING
	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	_start
	.text
	.code32
	.globl	_start
_start:	cli
	cld
	mov	$stack_top, %esp
.endm

/* Ends through the debug-exit port. */
.macro EXIT_WITH value
	mov	$\value, %al
	out	%al, $DEBUG_EXIT
	HANG
.endm

/* Nothing more, for ever. */
.macro HANG
9989:	cli
	hlt
	jmp	9989b
.endm

/* Text of any length at \label, to COM1. */
.macro SAY_AT label
	mov	$\label, %esi
	call	say_com1
.endm

.macro ENDING_END
	SUBROUTINES
	.balign	16
	.fill	64, 1, 0
stack_top:
.endm

#endif
