/* SPDX-License-Identifier: MIT */
/*
 * flat32_x2apic.S: a level-triggered interrupt from COM1 to the CPU with APIC id 257, by the extended
 * destination of its redirection entry (bits 55:49), and the EOI back. Needs a CPU of that id.
 */
#include "firmware/tests/guest.h"

#define ID           257
#define MSR_BASE     0x1b
#define BASE_EXTD    0x400
#define X2_ID        0x802
#define X2_TPR       0x808
#define X2_EOI       0x80b
#define X2_SVR       0x80f
#define X2_ICR       0x830
#define INIT         0x4500
#define SIPI         0x4608 /* at 0x8000 */
#define TRAMPOLINE   0x8000
#define READY        0x7000 /* 1: the other CPU waits; 2: it has had its interrupt */
#define WHO          0x7004
#define VECTOR       0x44
#define REMOTE_IRR   (1 << 14)

	.macro	IOAPIC_WRITE reg, value
	movl	$\reg, IOAPIC
	movl	$\value, IOAPIC + 0x10
	.endm

	.macro	X2APIC_ON
	mov	$MSR_BASE, %ecx
	rdmsr
	or	$BASE_EXTD, %eax
	wrmsr
	.endm

	.macro	X2APIC_WRITE reg, high, low
	mov	$\reg, %ecx
	mov	$\high, %edx
	mov	$\low, %eax
	wrmsr
	.endm

	.macro	WAIT_FOR value
	mov	$3000000, %ecx
9990:	pause
	cmpl	$\value, READY
	je	9989f
	loop	9990b
9989:	cmpl	$\value, READY
	.endm

	FLAT32_START
	LOAD_GDT
	INIT_PIC 0xff, 0xff
	mov	$ap, %esi
	mov	$TRAMPOLINE, %edi
	mov	$ap_end - ap, %ecx
	rep	movsb
	movl	$0, READY

	X2APIC_ON
	X2APIC_WRITE X2_ICR, ID, INIT
	mov	$10000, %ecx
1:	pause
	loop	1b
	X2APIC_WRITE X2_ICR, ID, SIPI
	WAIT_FOR 1
	FAIL_IF	ne, 0

	IOAPIC_WRITE 0x19, ((ID & 0xff) << 24 | (ID >> 8) << 17)
	IOAPIC_WRITE 0x18, (0x8000 | VECTOR)
	OUTB	UART_MCR, MCR_OUT2
	OUTB	UART_IER, 0x02
	WAIT_FOR 2
	FAIL_IF	ne, 1
	cmpl	$ID, WHO
	FAIL_IF	ne, 2
	mov	$100000, %ecx
	movl	$0x18, IOAPIC
1:	testl	$REMOTE_IRR, IOAPIC + 0x10
	loopnz	1b
	FAIL_IF	nz, 3 /* the EOI did not come back */
	SAY	"CPU 257\n"
	EXIT	PASS

	.code16
ap:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %ss
	mov	$0x7000, %sp
	X2APIC_ON
	X2APIC_WRITE X2_SVR, 0, 0x1ff
	X2APIC_WRITE X2_TPR, 0, 0
	movw	$TRAMPOLINE + on_uart - ap, 4 * VECTOR
	movw	$0, 4 * VECTOR + 2
	movl	$1, READY
1:	sti
	hlt
	jmp	1b
on_uart:
	INB	UART_IIR /* THRE goes */
	mov	$X2_ID, %ecx
	rdmsr
	mov	%eax, WHO
	X2APIC_WRITE X2_EOI, 0, 0
	movl	$2, READY
	iretw
ap_end:
	.code32
	FLAT32_END
