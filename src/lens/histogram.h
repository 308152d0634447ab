/* SPDX-License-Identifier: MIT */
/*
 * histogram.h: how long things took, in a fixed amount of memory.
 *
 * Log-linear: values below HIST_LINEAR ns have a bucket each, and every power of two above that is
 * cut into HIST_LINEAR buckets of one width. A quantile is the middle of the bucket it falls into,
 * so it is at most 1 / (2 * HIST_LINEAR), which is 3.2 %, away from the value that was put in.
 */
#ifndef LENS_HISTOGRAM_H
#define LENS_HISTOGRAM_H

#include "vmm/base.h"

#define HIST_LINEAR_BITS 4u
#define HIST_LINEAR      (1u << HIST_LINEAR_BITS)
#define HIST_BUCKETS     ((32u - HIST_LINEAR_BITS + 1u) * HIST_LINEAR)

struct histogram { /* zeroed: empty */
	uint64_t cnt, total;
	uint32_t min, max;
	uint32_t bucket[HIST_BUCKETS]; /* each stops at its maximum */
};

/* Adds @ns; what is longer than UINT32_MAX, 4.29 s, is given as that. */
void histogram_add(struct histogram *h, uint32_t ns);
/* Adds all of @from. */
void histogram_merge(struct histogram *h, const struct histogram *from);
/* The value that @permille of them don't exceed; 0 if there are none. */
uint32_t histogram_quantile(const struct histogram *h, unsigned permille);

#endif
