/* SPDX-License-Identifier: MIT */
/* init_image.c: the guest's init (firmware/init) as bytes; the Makefile tells the assembler where
 * it is. */
#include "vmm/guest_segment.h"

extern const uint8_t guest_init_elf[], guest_init_elf_end[];

__asm__(".pushsection .rodata.guest_init, \"a\", @progbits\n"
	".globl guest_init_elf, guest_init_elf_end\n"
	".balign 16\n"
	"guest_init_elf:\n"
	".incbin \"init.elf\"\n"
	"guest_init_elf_end:\n"
	".popsection\n");

const void *guest_init_image(size_t *len)
{
	*len = (size_t)((uintptr_t)guest_init_elf_end - (uintptr_t)guest_init_elf);
	return guest_init_elf;
}
