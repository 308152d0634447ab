/* SPDX-License-Identifier: MIT */
/*
 * poke.h: a chip's saved fields by name, for tests that play a hostile snapshot or check an
 * invariant without knowing the chip's struct. The device must be the first member of its chip.
 */
#ifndef TESTS_POKE_H
#define TESTS_POKE_H

#include "tests/lib/fake.h"

/* Element @idx of field @name of @d's snapshot table. Fails the test if there is none. */
uint64_t state_peek(struct device *d, const char *name, unsigned idx);
void state_poke(struct device *d, const char *name, unsigned idx, uint64_t val);

/* Runs post_load as after a load: it must refuse, with @part in the message; or accept. */
void assert_state_refused(struct device *d, const char *part);
void assert_state_accepted(struct device *d);

/* A fixed-seed stream for register storms (xorshift64). */
struct storm {
	uint64_t x;
};
uint32_t storm_next(struct storm *s);

#endif
