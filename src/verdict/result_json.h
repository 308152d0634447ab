/* SPDX-License-Identifier: MIT */
/* result_json.h: a result as JSON: result.json and the json report. docs/ci.md has the fields. */
#ifndef VERDICT_RESULT_JSON_H
#define VERDICT_RESULT_JSON_H

#include "vmm/json.h"
#include "vmm/test.h"

/* A new reference; NULL: no memory. */
json_t *result_json(const struct test_result *r);
/* Of the whole run. */
json_t *totals_json(const struct test_totals *t);

#endif
