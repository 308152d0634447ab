/* SPDX-License-Identifier: MIT */
/*
 * siphash.h: SipHash-1-3 with a 128-bit result (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012; 128-bit output as in the authors' reference code). Names content in
 * caches; with a secret key nobody can prepare two inputs with one name.
 */
#ifndef VMM_SIPHASH_H
#define VMM_SIPHASH_H

#include "vmm/base.h"

struct siphash_key {
	uint64_t k0, k1;
};

struct siphash {
	uint64_t v0, v1, v2, v3;
	uint64_t tail;  /* up to 7 bytes that wait for the rest of their word */
	uint64_t total; /* bytes so far */
};

struct siphash_tag {
	uint8_t b[16];
};

/* Key from its 16-byte little-endian form. */
struct siphash_key siphash_key(const uint8_t bytes[16]);

void siphash_init(struct siphash *h, struct siphash_key key);

/* Adds @len bytes; any lengths, but multiples of 8 are the fast case. */
void siphash_update(struct siphash *h, const void *data, size_t len);

struct siphash_tag siphash_final(struct siphash *h);

#endif
