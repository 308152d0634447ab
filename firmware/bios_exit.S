/* SPDX-License-Identifier: MIT */
/*
 * bios_exit: 64 KiB of firmware whose first instruction, at the reset vector, ends the machine through the
 * debug-exit port. It measures how long a VMM takes to get as far as the guest.
 */
	.code16
	.text
	.globl _start
_start:
	.org	0xfff0
	movb	$0, %al
	outb	%al, $0xf4
1:	hlt
	jmp	1b
	.org	0x10000
