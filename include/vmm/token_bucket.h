/* SPDX-License-Identifier: MIT */
/*
 * token_bucket.h: a limit on how much of something happens in a second, with room for bursts.
 *
 * Kept as one point in time, up to which what was taken is paid for at the rate (the generic cell
 * rate algorithm of ITU-T I.371): nothing has to tick, and what is larger than the burst passes,
 * after which the next one waits accordingly longer. Pure arithmetic; the caller has the clock, and
 * the lock if there is one.
 */
#ifndef VMM_TOKEN_BUCKET_H
#define VMM_TOKEN_BUCKET_H

#include "vmm/base.h"

struct token_bucket {
	uint64_t rate;     /* tokens a second; 0: no limit */
	uint64_t burst_ns; /* how far ahead of the rate one may be */
	uint64_t paid_ns;  /* taken up to here */
};

/* Full. @burst: tokens that may be taken at once after a quiet time; at least one can be. */
void token_bucket_init(struct token_bucket *b, uint64_t rate, uint64_t burst);
/* Nanoseconds from @now_ns until something can be taken; 0: now. @now_ns never goes back. */
uint64_t token_bucket_wait(const struct token_bucket *b, uint64_t now_ns);
/* Takes @n tokens, whether there are as many or not. */
void token_bucket_take(struct token_bucket *b, uint64_t now_ns, uint64_t n);

#endif
