/* SPDX-License-Identifier: MIT */
/* flat32_smp.S: starts three more CPUs by INIT and SIPI; each says its APIC id. Needs four CPUs. */
#include "firmware/tests/guest.h"

#define APIC_ID   (LAPIC+0x20)
#define APIC_SVR  (LAPIC+0xf0)
#define ICR_LOW   (LAPIC+0x300)
#define ICR_INIT  0x000c4500 /* all but self, assert, INIT */
#define ICR_SIPI  0x000c4608 /* all but self, start at 0x8000 */
#define TRAMPOLINE 0x8000
#define STARTED   0x7000     /* how many */
#define SEEN      0x7100     /* a byte per APIC id */

	FLAT32_START
	movl	$0x1ff, APIC_SVR
	mov	$ap, %esi
	mov	$TRAMPOLINE, %edi
	mov	$ap_end - ap, %ecx
	rep	movsb
	movl	$0, STARTED
	mov	$SEEN, %edi
	mov	$256, %ecx
	xor	%eax, %eax
	rep	stosb

	movl	$ICR_INIT, ICR_LOW
	mov	$10000, %ecx
1:	pause
	loop	1b
	movl	$ICR_SIPI, ICR_LOW
	mov	$10000, %ecx
1:	pause
	loop	1b
	movl	$ICR_SIPI, ICR_LOW /* the second one, as the protocol has it, is ignored */

	mov	$3000000, %ecx
1:	pause
	cmpl	$3, STARTED
	je	2f
	loop	1b
	EXIT	FAIL(0)
2:	mov	$100000, %ecx
1:	pause
	loop	1b
	cmpl	$3, STARTED /* nobody started twice */
	FAIL_IF	ne, 1
	cmpl	$0x01010100, SEEN /* 1, 2 and 3; not us */
	FAIL_IF	ne, 2
	mov	APIC_ID, %eax
	shr	$24, %eax
	FAIL_IF	nz, 3
	SAY	"four CPUs\n"
	EXIT	PASS

	.code16
ap:	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	$1, %eax
	cpuid
	shr	$24, %ebx
	movb	$1, SEEN(%bx)
	lock incl STARTED
1:	cli
	hlt
	jmp	1b
ap_end:
	.code32
	FLAT32_END
