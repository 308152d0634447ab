/* SPDX-License-Identifier: MIT */
/* real_pio.S: ports that nobody owns, and accesses across the border between devices. */
#include "firmware/tests/guest.h"

	REAL_START
	mov	$NO_PORT, %dx
	in	%dx, %al
	cmp	$0xff, %al
	FAIL_IF	ne, 0
	in	%dx, %ax
	cmp	$0xffff, %ax
	FAIL_IF	ne, 1
	in	%dx, %eax
	cmp	$-1, %eax
	FAIL_IF	ne, 2
	xor	%eax, %eax
	out	%al, %dx
	out	%ax, %dx
	out	%eax, %dx

	/* The UART's last register and what is behind it: a word of which half is answered. */
	OUTB	UART_SCR, 0x5a
	in	%dx, %ax
	cmp	$0xff5a, %ax
	FAIL_IF	ne, 3
	in	%dx, %eax
	cmp	$0xffffff5a, %eax
	FAIL_IF	ne, 4
	mov	$0x1234, %ax
	out	%ax, %dx
	in	%dx, %al
	cmp	$0x34, %al
	FAIL_IF	ne, 5
	/* Two registers of one device by one word: MSR and scratch. */
	mov	$UART_SCR - 1, %dx
	in	%dx, %ax
	cmp	$0x34, %ah
	FAIL_IF	ne, 6
	/* The end of the port space: what would be at 0x10000 is not there. */
	mov	$0xffff, %dx
	in	%dx, %al
	cmp	$0xff, %al
	FAIL_IF	ne, 7
	EXIT	PASS
	REAL_END
