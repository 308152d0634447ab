/* SPDX-License-Identifier: MIT */
/* explore.c: all ways through a tree of choices, as an odometer counts. */
#include "tests/lib/explore.h"

#include "tests/lib/fake.h"

unsigned choose(struct explore *x, unsigned n)
{
	unsigned i = x->depth++;

	assert_in_range(i, 0, EXPLORE_DEPTH - 1);
	assert_true(n > 0);
	if (i >= x->known) {
		x->pick[i] = 0;
		x->known = i + 1;
	}
	x->of[i] = n;
	return x->pick[i];
}

bool explore_next(struct explore *x)
{
	x->runs++;
	for (unsigned i = x->depth; i-- > 0;) {
		if (++x->pick[i] < x->of[i]) {
			x->known = i + 1;
			x->depth = 0;
			return true;
		}
	}
	x->known = x->depth = 0;
	return false;
}
