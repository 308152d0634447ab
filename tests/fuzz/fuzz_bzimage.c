/* SPDX-License-Identifier: MIT */
/* fuzz_bzimage.c: setup headers and payloads of bzImages, unpacked on the host or not. */
#include "tests/fuzz/fuzz_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_boot(data, len, BOOT_LINUX, true);
	fuzz_boot(data, len, BOOT_LINUX, false);
	return 0;
}
