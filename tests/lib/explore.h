/* SPDX-License-Identifier: MIT */
/*
 * explore.h: runs a test once for every sequence of choices it can make.
 *
 *	struct explore x = { 0 };
 *	do {
 *		... unsigned a = choose(&x, 3);  0, 1 or 2; how many there are may depend on earlier
 *choices ... } while (explore_next(&x));
 *
 * The tree of choices need not be known beforehand: what a run does not ask about is not varied.
 */
#ifndef TESTS_EXPLORE_H
#define TESTS_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

#define EXPLORE_DEPTH 64

struct explore {
	unsigned depth; /* choices made in this run */
	unsigned known; /* of these, taken from @pick */
	unsigned pick[EXPLORE_DEPTH], of[EXPLORE_DEPTH];
	uint64_t runs; /* finished */
};

/* 0 to n-1. */
unsigned choose(struct explore *x, unsigned n);
/* Makes the next run take another way. False: there is none left. */
bool explore_next(struct explore *x);

#endif
