/* SPDX-License-Identifier: MIT */
/* histogram.c: log-linear buckets. */
#include "lens/histogram.h"

/* How far the values of a bucket are shifted: 0 for the first two rows of buckets. */
static unsigned bucket_of(uint32_t ns)
{
	unsigned shift;

	if (ns < HIST_LINEAR)
		return ns;
	shift = 31u - (unsigned)__builtin_clz(ns) - HIST_LINEAR_BITS;
	return (shift + 1) * HIST_LINEAR + (ns >> shift) - HIST_LINEAR;
}

/* The middle of bucket @i, rounded down. */
static uint32_t middle_of(unsigned i)
{
	unsigned shift;

	if (i < HIST_LINEAR)
		return i;
	shift = i / HIST_LINEAR - 1;
	return ((HIST_LINEAR + i % HIST_LINEAR) << shift) + ((1u << shift) - 1) / 2;
}

static void saturate(uint32_t *v, uint32_t add)
{
	*v = *v > UINT32_MAX - add ? UINT32_MAX : *v + add;
}

void histogram_add(struct histogram *h, uint32_t ns)
{
	if (!h->cnt || ns < h->min)
		h->min = ns;
	if (ns > h->max)
		h->max = ns;
	h->cnt++;
	h->total += ns;
	saturate(&h->bucket[bucket_of(ns)], 1);
}

void histogram_merge(struct histogram *h, const struct histogram *from)
{
	if (!from->cnt)
		return;
	if (!h->cnt || from->min < h->min)
		h->min = from->min;
	if (from->max > h->max)
		h->max = from->max;
	h->cnt += from->cnt;
	h->total += from->total;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		saturate(&h->bucket[i], from->bucket[i]);
}

uint32_t histogram_quantile(const struct histogram *h, unsigned permille)
{
	uint64_t held = 0, rank, seen = 0;
	uint32_t v = h->max;

	if (!h->cnt)
		return 0;
	/* What buckets that stopped counting hold is what counts here. */
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		held += h->bucket[i];
	rank = max_u64((held * permille + 999) / 1000, 1);
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank) {
			v = middle_of(i);
			break;
		}
	}
	if (v > h->max)
		v = h->max;
	return v < h->min ? h->min : v;
}
