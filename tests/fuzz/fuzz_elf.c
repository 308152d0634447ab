/* SPDX-License-Identifier: MIT */
/* fuzz_elf.c: ELF files with the 64-bit Linux entry and with a PVH note. */
#include "tests/fuzz/fuzz_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_boot(data, len, BOOT_LINUX, false);
	fuzz_boot(data, len, BOOT_PVH, false);
	return 0;
}
