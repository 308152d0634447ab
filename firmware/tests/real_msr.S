/* SPDX-License-Identifier: MIT */
/*
 * real_msr.S: reads and writes MSRs that KVM does not know and says what came of it, a line each:
 * the value in one hexadecimal digit, "w" for a write that was dropped, "#GP" for a fault. Real mode,
 * as a fault there needs no IRET that an instruction emulator might lack.
 */
#include "firmware/tests/guest.h"

#define ENERGY_PERF_BIAS 0x1b0      /* in the table of known ones, as 6 */
#define NOBODYS          0x12345678 /* in no table */

.macro TRY instruction, index
	xor	%eax, %eax
	xor	%edx, %edx
	mov	$\index, %ecx
	movb	$0, faulted
	\instruction
.endm

	REAL_START
	movw	$on_gp, 4 * 13
	movw	$0, 4 * 13 + 2

	TRY	rdmsr, ENERGY_PERF_BIAS
	call	print
	TRY	wrmsr, ENERGY_PERF_BIAS
	mov	$'w' - '0', %al
	call	print
	TRY	rdmsr, NOBODYS
	call	print
	TRY	wrmsr, NOBODYS
	mov	$'w' - '0', %al
	call	print
	EXIT	PASS

print:	mov	$fault, %si
	cmpb	$0, faulted
	jne	1f
	add	$'0', %al
	mov	%al, value
	mov	$value, %si
1:	call	say
	ret

/* RDMSR and WRMSR are two bytes long. Real mode pushes no error code. */
on_gp:	push	%bp
	mov	%sp, %bp
	addw	$2, 2(%bp)
	pop	%bp
	movb	$1, faulted
	iretw

faulted: .byte	0
value:	.asciz	"?\n"
fault:	.asciz	"#GP\n"
	REAL_END
