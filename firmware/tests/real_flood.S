/* SPDX-License-Identifier: MIT */
/* real_flood.S: 8 KiB to COM1 as fast as it takes them, then ends. */
#include "firmware/tests/guest.h"

	REAL_START
	mov	$8192, %cx
1:	mov	$UART_LSR, %dx
2:	in	%dx, %al
	test	$LSR_THRE, %al
	jz	2b
	mov	$UART_DATA, %dx
	mov	$'.', %al
	out	%al, %dx
	loop	1b
	EXIT	PASS
	REAL_END
