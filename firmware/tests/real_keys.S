/* SPDX-License-Identifier: MIT */
/*
 * real_keys.S: says "boot NN" (two hexadecimal digits, counted in CMOS) and then does what each byte
 * from COM1 says: r resets, m writes and reads memory and says "memory", p says a panic line with
 * control bytes in it, q ends with PASS. Anything else is echoed to the debug console.
 */
#include "firmware/tests/guest.h"

#define CMOS_COUNT 0x50

	REAL_START
	OUTB	CMOS_INDEX, CMOS_COUNT
	INB	CMOS_DATA
	inc	%al
	out	%al, %dx
	mov	%al, %bl
	shr	$4, %al
	call	digit
	mov	%al, count
	mov	%bl, %al
	and	$15, %al
	call	digit
	mov	%al, count + 1
	mov	$line, %si
	call	say

next:	mov	$UART_LSR, %dx
1:	in	%dx, %al
	test	$LSR_DR, %al
	jz	1b
	mov	$UART_DATA, %dx
	in	%dx, %al
	cmp	$'r', %al
	je	reset
	cmp	$'m', %al
	je	memory
	cmp	$'p', %al
	je	panic
	cmp	$'q', %al
	je	quit
	out	%al, $DEBUGCON
	jmp	next

reset:	OUTB	RESET_CTL, 6
	hlt
memory:	movw	$0x5aa5, 0x9000
	cmpw	$0x5aa5, 0x9000
	FAIL_IF	ne, 0
	mov	$remembers, %si
	call	say
	jmp	next
panic:	mov	$panicking, %si
	call	say_com1
	jmp	next
quit:	EXIT	PASS

digit:	add	$'0', %al
	cmp	$'9', %al
	jbe	1f
	add	$'a' - '0' - 10, %al
1:	ret

line:	.ascii	"boot "
count:	.asciz	"??\n"
remembers: .asciz "memory\n"
panicking: .asciz "Kernel panic - not syncing: \033[2J\007\033]0;title\007\r\n---[ end Kernel panic - not syncing: x ]---\n"
	REAL_END
