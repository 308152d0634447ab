/* SPDX-License-Identifier: MIT */
/* flat32_smp_halt.S: starts the other three CPUs, then all four halt with interrupts off. */
#include "firmware/tests/guest.h"

#define APIC_SVR  (LAPIC+0xf0)
#define ICR_LOW   (LAPIC+0x300)
#define ICR_INIT  0x000c4500 /* all but self, assert, INIT */
#define ICR_SIPI  0x000c4608 /* all but self, start at 0x8000 */
#define TRAMPOLINE 0x8000
#define STARTED   0x7000

	FLAT32_START
	movl	$0x1ff, APIC_SVR
	mov	$ap, %esi
	mov	$TRAMPOLINE, %edi
	mov	$ap_end - ap, %ecx
	rep	movsb
	movl	$0, STARTED
	movl	$ICR_INIT, ICR_LOW
	mov	$10000, %ecx
1:	pause
	loop	1b
	movl	$ICR_SIPI, ICR_LOW
	mov	$3000000, %ecx
1:	pause
	cmpl	$3, STARTED
	je	2f
	loop	1b
	EXIT	FAIL(0)
2:	SAY	"all asleep\n"
	cli
	hlt
	EXIT	FAIL(1)

	.code16
ap:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	lock incl STARTED
	hlt
ap_end:
	.code32
	FLAT32_END
