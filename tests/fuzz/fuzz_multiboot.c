/* SPDX-License-Identifier: MIT */
/* fuzz_multiboot.c: multiboot kernels, ELF and a.out kludge. */
#include "tests/fuzz/fuzz_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_boot(data, len, BOOT_MULTIBOOT, false);
	return 0;
}
