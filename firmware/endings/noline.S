/* SPDX-License-Identifier: MIT */
/* noline.S: one line without end. */
#include "firmware/endings/ending.h"

	ENDING
1:	mov	$UART_LSR, %dx
2:	in	%dx, %al
	test	$LSR_THRE, %al
	jz	2b
	mov	$UART_DATA, %dx
	mov	$0xff, %al
	out	%al, %dx
	jmp	1b
	ENDING_END
