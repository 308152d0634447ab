/* SPDX-License-Identifier: MIT */
/* real_exit_value.S: reads one byte from COM1 and exits with it: 0 to 127 become 1, 3, .. 255. */
#include "firmware/tests/guest.h"

	REAL_START
1:	INB	UART_LSR
	test	$LSR_DR, %al
	jz	1b
	INB	UART_DATA
	movzx	%al, %eax
	mov	$DEBUG_EXIT, %dx
	out	%eax, %dx
	cli
	hlt
	REAL_END
