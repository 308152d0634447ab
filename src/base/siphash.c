/* SPDX-License-Identifier: MIT */
/* siphash.c: SipHash-1-3, 128-bit result. */
#include "vmm/siphash.h"

#include "vmm/endian.h"

#define FINAL_ROUNDS 3 /* the 3 of 1-3; one round per word is written out in absorb() */

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

/* Paper, section 2, figure 2.1: SipRound. */
static inline __attribute__((always_inline)) void sip_round(struct siphash *h)
{
	h->v0 += h->v1;
	h->v2 += h->v3;
	h->v1 = rotl(h->v1, 13) ^ h->v0;
	h->v3 = rotl(h->v3, 16) ^ h->v2;
	h->v0 = rotl(h->v0, 32);
	h->v2 += h->v1;
	h->v0 += h->v3;
	h->v1 = rotl(h->v1, 17) ^ h->v2;
	h->v3 = rotl(h->v3, 21) ^ h->v0;
	h->v2 = rotl(h->v2, 32);
}

static inline __attribute__((always_inline)) void absorb(struct siphash *h, uint64_t m)
{
	h->v3 ^= m;
	sip_round(h);
	h->v0 ^= m;
}

struct siphash_key siphash_key(const uint8_t bytes[16])
{
	return (struct siphash_key){ get_le64(bytes), get_le64(bytes + 8) };
}

void siphash_init(struct siphash *h, struct siphash_key key)
{
	*h = (struct siphash){
		.v0 = key.k0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = key.k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee, /* 0xee: 128-bit result */
		.v2 = key.k0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = key.k1 ^ UINT64_C(0x7465646279746573),
	};
}

/* Adds one byte to the tail. */
static void push(struct siphash *h, uint8_t byte)
{
	h->tail |= (uint64_t)byte << (h->total % 8 * 8);
	if (++h->total % 8)
		return;
	absorb(h, h->tail);
	h->tail = 0;
}

void siphash_update(struct siphash *h, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t words;

	for (; len && h->total % 8; len--)
		push(h, *p++);

	/* A local copy lets the compiler keep the state in registers. */
	struct siphash s = *h;

	words = len / 8;
	for (size_t i = 0; i < words; i++, p += 8)
		absorb(&s, get_le64(p));
	s.total += words * 8;
	*h = s;
	for (len %= 8; len; len--)
		push(h, *p++);
}

struct siphash_tag siphash_final(struct siphash *h)
{
	struct siphash_tag t;

	absorb(h, h->tail | h->total << 56);
	h->v2 ^= 0xee;
	for (unsigned i = 0; i < FINAL_ROUNDS; i++)
		sip_round(h);
	put_le64(t.b, h->v0 ^ h->v1 ^ h->v2 ^ h->v3);
	h->v1 ^= 0xdd;
	for (unsigned i = 0; i < FINAL_ROUNDS; i++)
		sip_round(h);
	put_le64(t.b + 8, h->v0 ^ h->v1 ^ h->v2 ^ h->v3);
	return t;
}
