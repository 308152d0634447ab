/* SPDX-License-Identifier: MIT */
/* flat32_ioapic.S: IOAPIC and local APIC: an edge from the PIT, a level from COM1 that comes back after EOI. */
#include "firmware/tests/guest.h"

#define APIC_EOI (LAPIC+0xb0)
#define APIC_SVR (LAPIC+0xf0)
#define APIC_TPR (LAPIC+0x80)
#define REMOTE_IRR (1 << 14)

	.macro	IOAPIC_WRITE reg, value
	movl	$\reg, IOAPIC
	movl	$\value, IOAPIC + 0x10
	.endm

	FLAT32_START
	LOAD_GDT
	SET_GATE 0x30, on_pit
	SET_GATE 0x34, on_uart
	SET_GATE 0xff, on_spurious
	lidt	idtr
	INIT_PIC 0xff, 0xff
	movl	$0x1ff, APIC_SVR
	movl	$0, APIC_TPR

	/* 82093AA: version 0x11 or later, 24 entries. */
	movl	$1, IOAPIC
	mov	IOAPIC + 0x10, %eax
	shr	$16, %eax
	cmp	$23, %al
	FAIL_IF	ne, 0

	/* Pin 2, edge: the PIT. */
	IOAPIC_WRITE 0x15, 0
	IOAPIC_WRITE 0x14, 0x30
	OUTB	PIT_CMD, 0x34
	OUTB	PIT_CH0, 0xff
	OUTB	PIT_CH0, 0x0f
	WAIT_COUNT ticks, 5
	IOAPIC_WRITE 0x14, 0x10030

	/* Pin 4, level: THRE stays until IIR is read, which the handler does the second time. */
	IOAPIC_WRITE 0x19, 0
	IOAPIC_WRITE 0x18, 0x8034
	OUTB	UART_MCR, MCR_OUT2
	OUTB	UART_IER, 0x02
	WAIT_COUNT count, 2
	sti
	mov	$200000, %ecx
1:	nop
	loop	1b
	cli
	/* No storm; one more than two may come from a KVM that repeats what it has accepted. */
	cmpl	$3, count
	FAIL_IF	a, 1
	cmpb	$2, held
	FAIL_IF	ne, 2
	movl	$0x18, IOAPIC
	testl	$REMOTE_IRR, IOAPIC + 0x10 /* gone with the EOI */
	FAIL_IF	nz, 3
	SAY	"ioapic\n"
	EXIT	PASS

on_pit:	incl	ticks
	movl	$0, APIC_EOI
	RETURN_FROM_IRQ

on_uart:
	push	%eax
	push	%edx
	incl	count
	movl	$0x18, IOAPIC
	testl	$REMOTE_IRR, IOAPIC + 0x10 /* set from acceptance to EOI */
	jz	2f
	incb	held
2:	cmpl	$2, count
	jb	1f
	INB	UART_IIR
1:	movl	$0, APIC_EOI
	pop	%edx
	pop	%eax
	RETURN_FROM_IRQ

on_spurious:
	RETURN_FROM_IRQ
	.balign	4
ticks:	.long	0
count:	.long	0
held:	.byte	0
	FLAT32_END
