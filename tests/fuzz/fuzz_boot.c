/* SPDX-License-Identifier: MIT */
/* fuzz_boot.c: any file, by what it is. */
#include "tests/fuzz/fuzz_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_boot(data, len, BOOT_AUTO, true);
	return 0;
}
