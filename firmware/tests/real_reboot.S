/* SPDX-License-Identifier: MIT */
/* real_reboot.S: resets three times in three ways, then powers off; counts in CMOS, checks fresh RAM. */
#include "firmware/tests/guest.h"

#define CMOS_COUNT 0x50
#define MARK       0x9000

	REAL_START
	cmpl	$0x12345678, MARK
	FAIL_IF	e, 0 /* the RAM of the last boot */
	movl	$0x12345678, MARK
	cmpb	$0x77, variable
	FAIL_IF	ne, 1 /* the image is not fresh either */
	movb	$0, variable

	OUTB	CMOS_INDEX, CMOS_COUNT
	INB	CMOS_DATA
	inc	%al
	out	%al, %dx
	mov	%al, %bl
	add	$'0', %al
	mov	%al, digit
	mov	$line, %esi
	call	say
	cmp	$1, %bl
	je	1f
	cmp	$2, %bl
	je	2f
	cmp	$3, %bl
	je	3f
	mov	$PM1A_CNT, %dx
	mov	$S5_OFF, %ax
	out	%ax, %dx
	EXIT	FAIL(2)
1:	OUTB	RESET_CTL, 6
	EXIT	FAIL(3)
2:	OUTB	KBD_CMD, 0xfe
	EXIT	FAIL(4)
3:	OUTB	SYSCTL_A, 0
	OUTB	SYSCTL_A, 1
	EXIT	FAIL(5)
variable: .byte	0x77
line:	.ascii	"boot "
digit:	.asciz	"?\n"
	REAL_END
