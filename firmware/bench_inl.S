/* SPDX-License-Identifier: MIT */
/*
 * bench_inl: what one port exit to user space and back costs, counted by the guest itself.
 *
 * A multiboot 1 image, so that any VMM that loads kvm-unit-tests loads it. It executes "in eax, dx"
 * COUNT times on the port given as the last word of its command line (hexadecimal, no 0x; the ACPI PM timer
 * at 608 if there is none), prints "ticks per exit: N" on COM1 and ends through the debug-exit port.
 */
#define COUNT	   10000
#define COM1	   0x3f8
#define DEBUG_EXIT 0xf4
#define MB_MAGIC   0x1badb002
#define MB_FLAGS   0x2 /* memory information, please: some loaders insist on giving it */

	.code32
	.text
	.balign 4
	.long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)

	.globl _start
_start:
	movl	$stack_top, %esp
	movl	$0x608, %edx
	testl	$4, (%ebx)		/* Multiboot 1, 3.3: flags bit 2, cmdline at 16 is valid */
	jz	3f
	movl	16(%ebx), %esi
	/* The last word: each blank starts the number anew. */
0:	xorl	%ecx, %ecx
	xorl	%edi, %edi		/* digits seen */
1:	lodsb
	testb	%al, %al
	jz	2f
	cmpb	$' ', %al
	je	0b
	incl	%edi
	subb	$'0', %al
	cmpb	$9, %al
	jbe	4f
	orb	$0x20, %al
	subb	$('a' - '0' - 10), %al
4:	movzbl	%al, %eax
	andl	$15, %eax
	shll	$4, %ecx
	addl	%eax, %ecx
	jmp	1b
2:	testl	%edi, %edi
	jz	3f
	movl	%ecx, %edx

3:	movl	$COUNT, %ecx
	inl	%dx, %eax		/* once to warm up */
	pushl	%edx
	rdtsc
	popl	%edx
	movl	%eax, %ebx
5:	inl	%dx, %eax
	decl	%ecx
	jnz	5b
	rdtsc
	subl	%ebx, %eax

	xorl	%edx, %edx
	movl	$COUNT, %ecx
	divl	%ecx
	movl	%eax, %ebp
	movl	$text, %esi
	call	puts
	movl	%ebp, %eax
	call	putdec
	movl	$newline, %esi
	call	puts
	movl	$0, %eax
	outl	%eax, $DEBUG_EXIT
6:	hlt
	jmp	6b

puts:	movw	$COM1, %dx		/* %esi: NUL-terminated */
7:	lodsb
	testb	%al, %al
	jz	8f
	outb	%al, %dx
	jmp	7b
8:	ret

putdec:	movl	$10, %ecx		/* %eax */
	xorl	%edi, %edi
9:	xorl	%edx, %edx
	divl	%ecx
	pushl	%edx
	incl	%edi
	testl	%eax, %eax
	jnz	9b
	movw	$COM1, %dx
10:	popl	%eax
	addb	$'0', %al
	outb	%al, %dx
	decl	%edi
	jnz	10b
	ret

text:	.asciz "ticks per exit: "
newline: .asciz "\r\n"
	.bss
	.balign 16
	.space 4096
stack_top:
