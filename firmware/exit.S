/* SPDX-License-Identifier: MIT */
/* exit: a multiboot 1 image that writes 20 to the debug-exit port, 32 bits wide, and nothing else. */
#define MB_MAGIC 0x1badb002

	.code32
	.text
	.balign 4
	.long MB_MAGIC, 0, -MB_MAGIC
	.globl _start
_start:
	movl	$20, %eax
	outl	%eax, $0xf4
1:	hlt
	jmp	1b
