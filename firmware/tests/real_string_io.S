/* SPDX-License-Identifier: MIT */
/* real_string_io.S: REP INS and OUTS, forwards and backwards, of each width, and of no length at all. */
#include "firmware/tests/guest.h"

	REAL_START
	mov	$text, %si
	mov	$text_end - text, %cx
	mov	$DEBUGCON, %dx
	rep	outsb
	test	%cx, %cx
	FAIL_IF	nz, 0

	OUTB	UART_SCR, 0xa7
	mov	$0x8000, %di
	mov	$300, %cx
	rep	insb
	cmp	$0x8000 + 300, %di
	FAIL_IF	ne, 1
	mov	$0x8000, %di
	mov	$300, %cx
	repe	scasb
	FAIL_IF	ne, 2

	mov	$NO_PORT, %dx
	mov	$0x8000, %di
	mov	$5, %cx
	rep	insl
	cmpl	$-1, 0x8000 + 16
	FAIL_IF	ne, 3
	cmpb	$0xa7, 0x8000 + 20
	FAIL_IF	ne, 4

	/* OUTS backwards: the scratch register keeps the first byte of the buffer. */
	movl	$0x04030201, 0x8000
	std
	mov	$0x8003, %si
	mov	$4, %cx
	mov	$UART_SCR, %dx
	rep	outsb
	cld
	in	%dx, %al
	cmp	$1, %al
	FAIL_IF	ne, 5
	cmp	$0x7fff, %si
	FAIL_IF	ne, 6

	/* No length: no access, no change. */
	xor	%cx, %cx
	mov	$0x8000, %di
	rep	insb
	cmp	$0x8000, %di
	FAIL_IF	ne, 7
	EXIT	PASS
text:	.ascii	"strings of bytes\n"
text_end:
	REAL_END
