/* SPDX-License-Identifier: MIT */
/*
 * lab_table.c: the labs, and the files they are made of, which the program carries along: texts of
 * docs/labs, sources of firmware/labs, and what was built of them ($B/firmware/labs; the Makefile
 * tells the assembler where that is).
 */
#include "cli/lab.h"

/* clang-format off */
#define EMBED(id, name_, path)                                                                     \
	extern const char lab_##id[], lab_##id##_end[];                                            \
	__asm__(".pushsection .rodata.labs, \"a\", @progbits\n"                                    \
		".globl lab_" #id ", lab_" #id "_end\n"                                            \
		"lab_" #id ":\n"                                                                   \
		".incbin \"" path "\"\n"                                                           \
		"lab_" #id "_end:\n"                                                               \
		".popsection\n");                                                                  \
	static const struct lab_file file_##id = { name_, lab_##id, lab_##id##_end };
/* clang-format on */

#define BUILT(id, name) EMBED(id, name, name)

/* What every lab has. */
#define LAB(id, name, ext)                                                                         \
	EMBED(text_##id, name ".md", "docs/labs/" name ".md")                                      \
	EMBED(source_##id, name ext, "firmware/labs/" name ext)

LAB(hlt, "01-hlt", ".S")
BUILT(bin_hlt, "01-hlt.bin")
BUILT(map_hlt, "01-hlt.map")
LAB(hello, "02-hello", ".S")
BUILT(bin_hello, "02-hello.bin")
BUILT(map_hello, "02-hello.map")
LAB(device, "03-device", ".S")
BUILT(bin_device, "03-device.bin")
BUILT(map_device, "03-device.map")
EMBED(adder, "adder.c", "firmware/labs/adder.c")
EMBED(lab_device, "lab_device.h", "include/vmm/lab_device.h")
LAB(modes, "04-modes", ".S")
BUILT(bin_modes, "04-modes.bin")
BUILT(map_modes, "04-modes.map")
LAB(mmio, "05-mmio", ".S")
BUILT(bin_mmio, "05-mmio.bin")
BUILT(map_mmio, "05-mmio.map")
LAB(timer, "06-timer", ".S")
BUILT(bin_timer, "06-timer.bin")
BUILT(map_timer, "06-timer.map")
LAB(virtqueue, "07-virtqueue", ".c")
BUILT(elf_virtqueue, "07-virtqueue.elf")
LAB(cost, "08-cost", ".c")
BUILT(elf_cost, "08-cost.elf")
LAB(uart, "09-uart", ".S")
BUILT(bin_uart, "09-uart.bin")
BUILT(map_uart, "09-uart.map")
LAB(dirty, "10-dirty", ".S")
BUILT(bin_dirty, "10-dirty.bin")
BUILT(map_dirty, "10-dirty.map")
LAB(loop, "11-loop", ".c")
BUILT(elf_loop, "11-loop.elf")

#define PARTS(id) .text = &file_text_##id, .source = &file_source_##id
#define FLAT(id)                                                                                   \
	{                                                                                          \
		PARTS(id), .map = &file_map_##id, .file = { &file_bin_##id }                       \
	}
#define ELF(id)                                                                                    \
	{                                                                                          \
		PARTS(id), .file = { &file_elf_##id }                                              \
	}

const struct lab all_labs[] = {
	FLAT(hlt),
	FLAT(hello),
	{ PARTS(device), .map = &file_map_device,
	  .file = { &file_bin_device, &file_adder, &file_lab_device }, .device = "adder.c" },
	FLAT(modes),
	FLAT(mmio),
	FLAT(timer),
	ELF(virtqueue),
	ELF(cost),
	FLAT(uart),
	FLAT(dirty),
	ELF(loop),
};
const unsigned lab_cnt = ARRAY_LEN(all_labs);
