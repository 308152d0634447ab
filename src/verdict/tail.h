/* SPDX-License-Identifier: MIT */
/* tail.h: the last TAIL_MAX bytes of a stream. */
#ifndef VERDICT_TAIL_H
#define VERDICT_TAIL_H

#include "vmm/test.h"

#define TAIL_MAX (64u << 10)

/* Zeroed is empty. Memory is taken with the first byte; without any, bytes are not kept. */
struct tail {
	uint8_t *buf; /* of twice TAIL_MAX, so that bytes move seldom */
	size_t len;
};

void tail_feed(struct tail *t, const void *bytes, size_t len);
/* A copy of the last bytes, which the caller frees. */
struct test_text tail_text(const struct tail *t);
void tail_free(struct tail *t);

#endif
