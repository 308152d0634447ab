/* SPDX-License-Identifier: MIT */
/*
 * self_test.h: guests that each end in one way (firmware/endings), as tests that pass if that is
 * what is said of them: `trapeze test --self-test`. They are part of this program.
 */
#ifndef VERDICT_SELF_TEST_H
#define VERDICT_SELF_TEST_H

#include "vmm/test.h"

/*
 * Makes them: *cnt specs in an array from calloc, in which everything is owned as struct test_spec
 * has it; the caller frees them as any others. Their kernels are memory files of this process,
 * which children inherit, and stay open until it ends: once a process.
 */
int self_test_specs(struct test_spec **ret, unsigned *cnt, struct error **errp) __must_check;

#endif
