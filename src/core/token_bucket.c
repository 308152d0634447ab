/* SPDX-License-Identifier: MIT */
/* token_bucket.c: a limit on how much of something happens in a second. */
#include "vmm/token_bucket.h"

#include "vmm/timer.h"

/* Nanoseconds that @n tokens last; saturates at a century. */
static uint64_t tokens_ns(const struct token_bucket *b, uint64_t n)
{
	unsigned __int128 ns = (unsigned __int128)n * NSEC_PER_SEC / b->rate;
	uint64_t century = NSEC_PER_SEC * 3600 * 24 * 36525;

	return ns < century ? (uint64_t)ns : century;
}

void token_bucket_init(struct token_bucket *b, uint64_t rate, uint64_t burst)
{
	*b = (struct token_bucket){ .rate = rate };
	/* The token that is being taken is not ahead of the rate. */
	if (rate && burst > 1)
		b->burst_ns = tokens_ns(b, burst - 1);
}

uint64_t token_bucket_wait(const struct token_bucket *b, uint64_t now_ns)
{
	if (!b->rate || b->paid_ns <= now_ns || b->paid_ns - now_ns <= b->burst_ns)
		return 0;
	return b->paid_ns - now_ns - b->burst_ns;
}

void token_bucket_take(struct token_bucket *b, uint64_t now_ns, uint64_t n)
{
	uint64_t from = max_u64(b->paid_ns, now_ns), ns;

	if (!b->rate)
		return;
	ns = tokens_ns(b, n);
	b->paid_ns = ns < UINT64_MAX - from ? from + ns : UINT64_MAX;
}
