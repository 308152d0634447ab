/* SPDX-License-Identifier: MIT */
/* fuzz.h: what fuzz targets share: the entry point, and an input that is read piece by piece. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

/* A number of @n bytes, the first one highest; what is behind the end is 0. */
static inline uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;

	for (; n; n--) {
		v = v << 8 | (in->left ? *in->p : 0);
		if (in->left) {
			in->p++;
			in->left--;
		}
	}
	return v;
}

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

#endif
