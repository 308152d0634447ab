/* SPDX-License-Identifier: MIT */
/* flat32_module.S: its multiboot module, to COM1; passes as kvm-unit-tests do, with 0. */
#include "firmware/tests/guest.h"

#define MBI_MODS_COUNT 20
#define MBI_MODS_ADDR  24

	FLAT32_START
	cmpl	$1, MBI_MODS_COUNT(%ebx)
	FAIL_IF	ne, 0
	mov	MBI_MODS_ADDR(%ebx), %ecx
	mov	0(%ecx), %esi /* mod_start */
	mov	4(%ecx), %edi /* mod_end */
1:	cmp	%edi, %esi
	je	3f
	mov	$UART_LSR, %dx
2:	in	%dx, %al
	test	$LSR_THRE, %al
	jz	2b
	lodsb
	mov	$UART_DATA, %dx
	out	%al, %dx
	jmp	1b
3:	EXIT	0
	FLAT32_END
