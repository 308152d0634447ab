/* SPDX-License-Identifier: MIT */
/* bits.h: bit and byte-width arithmetic. */
#ifndef VMM_BITS_H
#define VMM_BITS_H

#include "vmm/base.h"

#define BIT(n)   (UINT32_C(1) << (n))
#define BIT64(n) (UINT64_C(1) << (n))

/* All-ones for an access of @size bytes (0 to 8). What a bus with no answer reads. */
static inline uint64_t size_mask(unsigned size)
{
	return size < 8 ? (UINT64_C(1) << size * 8) - 1 : UINT64_MAX;
}

static inline bool is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

#endif
