/* SPDX-License-Identifier: MIT */
/*
 * nested.h: TAP (13, 14) and KTAP in what a guest prints, as cases of the test. Fed bytes as they
 * come, of the command's standard output and of the console (kernel log times and levels in front
 * of a line are passed over). Plain text gives none. Memory is bounded: TEST_CASES cases, names cut
 * at 256 bytes.
 */
#ifndef VERDICT_NESTED_H
#define VERDICT_NESTED_H

#include "vmm/test.h"

struct nested;

struct nested *nested_create(void); /* NULL: no memory */
struct nested *nested_destroy(struct nested *n);
void nested_feed(struct nested *n, const void *bytes, size_t len);
void nested_finish(struct nested *n);
/*
 * After nested_finish(): the first case that failed and is neither todo nor skipped; NULL if there
 * is none. A test with such a case has failed, whatever its exit status
 * (test_evidence.failed_case). Valid until nested_destroy().
 */
const char *nested_failed(const struct nested *n);
/* Moves what was found to the end of @r's cases; case_cnt, cases_cut. A plan that was not met is a
 * case that failed. */
void nested_take(struct nested *n, struct test_result *r);

#endif
