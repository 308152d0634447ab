/* SPDX-License-Identifier: MIT */
/*
 * flat32_rep_huge.S: string instructions with a count of four billion, where there is a device, where
 * there is none, and where there is no memory. COM1's input chooses which: 0 to 4. None ever ends.
 */
#include "firmware/tests/guest.h"

	FLAT32_START
	mov	$UART_LSR, %dx
1:	in	%dx, %al
	test	$LSR_DR, %al
	jz	1b
	mov	$UART_DATA, %dx
	in	%dx, %al
	mov	$-1, %ecx
	mov	$0x200000, %edi
	mov	$0x200000, %esi
	cmp	$'1', %al
	jb	ins_device
	je	ins_nobody
	cmp	$'3', %al
	jb	outs_device
	je	ins_into_hole
	jmp	outs_from_hole

ins_device:
	mov	$UART_SCR, %dx
	rep	insb
	jmp	done
ins_nobody:
	mov	$NO_PORT, %dx
	rep	insl
	jmp	done
outs_device:
	mov	$UART_SCR, %dx
	rep	outsb
	jmp	done
ins_into_hole:
	mov	$HOLE, %edi
	mov	$UART_SCR, %dx
	rep	insb
	jmp	done
outs_from_hole:
	mov	$HOLE, %esi
	mov	$UART_SCR, %dx
	rep	outsl
done:	EXIT	FAIL(0)
	FLAT32_END
