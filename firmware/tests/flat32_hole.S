/* SPDX-License-Identifier: MIT */
/* flat32_hole.S: memory that nobody owns reads as ones at every width and swallows writes. */
#include "firmware/tests/guest.h"

	FLAT32_START
	mov	$HOLE, %ebx
	movb	(%ebx), %al
	cmp	$0xff, %al
	FAIL_IF	ne, 0
	movw	(%ebx), %ax
	cmp	$0xffff, %ax
	FAIL_IF	ne, 1
	movl	(%ebx), %eax
	cmp	$-1, %eax
	FAIL_IF	ne, 2
	movl	3(%ebx), %eax /* not aligned */
	cmp	$-1, %eax
	FAIL_IF	ne, 3
	movl	0xffe(%ebx), %eax /* across two pages */
	cmp	$-1, %eax
	FAIL_IF	ne, 4
	movzbl	1(%ebx), %eax
	cmp	$0xff, %eax
	FAIL_IF	ne, 5
	movl	$0, (%ebx)
	movw	$0, 4(%ebx)
	movb	$0, 6(%ebx)
	orl	$1, (%ebx) /* read, modify, write */
	cmpl	$-1, (%ebx)
	FAIL_IF	ne, 6

	/* The same by a string instruction, into RAM. */
	mov	%ebx, %esi
	mov	$0x200000, %edi
	mov	$8, %ecx
	movl	$0, 0x200000 + 28
	rep	movsl
	cmpl	$-1, 0x200000 + 28
	FAIL_IF	ne, 7
	EXIT	PASS
	FLAT32_END
