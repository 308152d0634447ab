/* SPDX-License-Identifier: MIT */
/*
 * flat32_reset_mid_io.S: the second CPU reads device memory and a port without a pause while the first
 * one resets the machine, forty times; then whatever it was in the middle of must not show after the
 * reset. Needs two CPUs.
 */
#include "firmware/tests/guest.h"

#define APIC_SVR  (LAPIC+0xf0)
#define ICR_LOW   (LAPIC+0x300)
#define ICR_INIT  0x000c4500 /* all but self, assert, INIT */
#define ICR_SIPI  0x000c4608 /* all but self, start at 0x8000 */
#define TRAMPOLINE 0x8000
#define READS     0x7000
#define CMOS_COUNT 0x50
#define BOOTS     40

	FLAT32_START
	LOAD_GDT
	movl	$0x1ff, APIC_SVR
	mov	$ap, %esi
	mov	$TRAMPOLINE, %edi
	mov	$ap_end - ap, %ecx
	rep	movsb
	/* HLT wherever it might come to by the instruction pointer of its life before. */
	mov	$0x10000, %edi
	mov	$0x10000, %ecx
	mov	$0xf4, %al
	rep	stosb
	movl	$0, READS
	movl	$ICR_INIT, ICR_LOW
	mov	$1000, %ecx
1:	pause
	loop	1b
	movl	$ICR_SIPI, ICR_LOW
	mov	$1000000, %ecx
1:	pause
	cmpl	$50, READS
	jae	2f
	loop	1b
	EXIT	FAIL(0) /* it has not come this far, or not from where it should */
2:	OUTB	CMOS_INDEX, CMOS_COUNT
	INB	CMOS_DATA
	inc	%al
	out	%al, %dx
	cmp	$BOOTS, %al
	jae	3f
	OUTB	RESET_CTL, 6
	hlt
3:	SAY	"reset in the middle\n"
	EXIT	PASS

	.code16
	/* Protected mode, to reach the device memory; the loader's code segment is ours too. */
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
	mov	$NO_PORT, %dx
1:	mov	HOLE, %eax
	cmp	$-1, %eax
	jne	2f
	in	%dx, %al
	incl	READS
	jmp	1b
2:	EXIT	FAIL(1)
	.balign	4
ap_gdtr: .word	3 * 8 - 1
	.long	gdt
ap_end:
	FLAT32_END
