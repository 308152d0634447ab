/* SPDX-License-Identifier: MIT */
/*
 * crc32c.c: CRC-32C, four bits at a time: a 64-byte table instead of the usual 1 KiB, as what is
 * summed is mostly kilobytes of device state. Recordings are gigabytes: what is longer takes the
 * CPU's instruction, if it has one, which is asked of it then and not at each start of the program.
 */
#include "vmm/crc32c.h"

#include <cpuid.h>
#include <stdatomic.h>
#include <string.h>

#define LONG_ENOUGH 1024u

/* Remainder of each nibble under the reflected polynomial 0x82f63b78. */
static const uint32_t table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static bool have_instruction(void)
{
	static _Atomic int known; /* 1: yes, -1: no */
	int k = atomic_load_explicit(&known, memory_order_relaxed);
	unsigned a, b, c = 0, d;

	if (!k) {
		k = __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_2 ? 1 : -1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k > 0;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p,
								 size_t words)
{
	uint64_t sum = crc, v;

	for (; words; words--, p += sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		sum = __builtin_ia32_crc32di(sum, v);
	}
	return (uint32_t)sum;
}

uint32_t crc32c(uint32_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	crc = ~crc;
	if (len >= LONG_ENOUGH && have_instruction()) {
		crc = by_instruction(crc, p, len / 8);
		p += len / 8 * 8;
		len %= 8;
	}
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}
