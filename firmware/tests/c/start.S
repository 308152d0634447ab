/* SPDX-License-Identifier: MIT */
/*
 * start.S: what a guest written in C begins with: a Multiboot header (0.6.96, 3.1), a stack, and
 * main(info). The ELF file is loaded by its program headers, so .bss is zero.
 */
#define MB_MAGIC 0x1badb002

	.section .text
	.globl	_start
_start:	jmp	1f
	.balign	4
	.long	MB_MAGIC, 0, -MB_MAGIC
1:	cli
	cld
	mov	$stack_top, %esp
	push	%ebx
	call	main
	/* Nobody returns from main(); if the machine lets one. */
2:	hlt
	jmp	2b

	.bss
	.balign	16
	.skip	8192
stack_top:
