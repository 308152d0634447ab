/* SPDX-License-Identifier: MIT */
/* fuzz_symbols.c: symbols of whatever kind, and what is asked of them. */
#include "tests/fuzz/fuzz.h"

#include "vmm/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct symbols s;
	void *elf;
	size_t n;

	if (symbols_load(data, len, &s, NULL) < 0)
		return 0;
	for (unsigned i = 0; i < s.cnt; i++) {
		uint64_t off;

		(void)symbols_find(&s, s.v[i].addr + i, &off);
	}
	if (symbols_to_elf(&s, &elf, &n, NULL) == 0)
		free(elf);
	symbols_free(&s);
	return 0;
}
