/* SPDX-License-Identifier: MIT */
/*
 * flat32_smp_storm.S: four CPUs at once write whatever comes to mind into every chip of the board, with
 * timers and interrupt lines going, a few thousand times each. What is tested is who watches: a
 * sanitizer, or that the run ends. Needs four CPUs.
 */
#include "firmware/tests/guest.h"

#define APIC_SVR  (LAPIC+0xf0)
#define ICR_LOW   (LAPIC+0x300)
#define ICR_INIT  0x000c4500
#define ICR_SIPI  0x000c4608
#define TRAMPOLINE 0x8000
#define TURN      0x7000 /* which CPU of the APs this is */
#define FINISHED  0x7004
#define ROUNDS    1500

	FLAT32_START
	LOAD_GDT
	movl	$0x1ff, APIC_SVR
	INIT_PIC 0xff, 0xff
	mov	$ap, %esi
	mov	$TRAMPOLINE, %edi
	mov	$ap_end - ap, %ecx
	rep	movsb
	movl	$0, TURN
	movl	$0, FINISHED
	movl	$ICR_INIT, ICR_LOW
	mov	$1000, %ecx
1:	pause
	loop	1b
	movl	$ICR_SIPI, ICR_LOW
	mov	$0, %ebp
	call	storm
	mov	$30000000, %ecx
1:	pause
	cmpl	$4, FINISHED
	je	2f
	loop	1b
	EXIT	FAIL(0)
2:	SAY	"calm\n"
	EXIT	PASS

/* Random numbers in ebx, by a linear congruence of which the high bits are used. */
storm:	mov	$ROUNDS, %edi
	lea	12345(%ebp), %ebx
1:	imul	$1103515245, %ebx
	add	$12345, %ebx
	mov	%ebx, %eax
	shr	$16, %eax
	mov	%eax, %ecx
	and	$31, %ecx
	movzwl	ports(, %ecx, 2), %edx
	shr	$7, %eax
	test	%edx, %edx
	jz	2f
	out	%al, %dx
	in	%dx, %al
	dec	%edi
	jnz	1b
	jmp	3f
	/* The IOAPIC: a random entry, mostly unmasked, to whomever. */
2:	mov	%ebx, %eax
	shr	$20, %eax
	and	$0x3f, %eax
	mov	%eax, IOAPIC
	mov	%ebx, %eax
	and	$0x0000a0ff, %eax
	or	$0x30, %al
	mov	%eax, IOAPIC + 0x10
	mov	IOAPIC + 0x10, %eax
	dec	%edi
	jnz	1b
3:	lock incl FINISHED
	ret

	.balign	4
	/* 0: the IOAPIC's turn */
ports:	.word	0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43
	.word	0x61, 0x70, 0x71, 0x71, 0x60, 0x3f8, 0x3f9, 0x3fa
	.word	0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff, 0x4d0, 0x4d1, 0x608
	.word	0x600, 0x602, 0x43, 0x40, 0, 0, 0, 0

	.code16
ap:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	TRAMPOLINE + ap_gdtr - ap
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x08, $TRAMPOLINE + ap32 - ap
	.code32
ap32:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	mov	$1, %ebp
	lock xadd %ebp, TURN
	inc	%ebp
	mov	%ebp, %esp
	shl	$12, %esp
	add	$0x20000, %esp
	mov	$storm, %eax
	call	*%eax
1:	cli
	hlt
	jmp	1b
	.balign	4
ap_gdtr: .word	3 * 8 - 1
	.long	gdt
ap_end:
	FLAT32_END
