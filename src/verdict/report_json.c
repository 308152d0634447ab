/* SPDX-License-Identifier: MIT */
/*
 * report_json.c: one document: {"trapeze_test": 1, "results": [...], "complete": false}, with
 * "complete": true and "totals" in the end. Each result is on a line of its own.
 */
#include "verdict/report.h"
#include "verdict/result_json.h"

static void add(struct str *out, json_t *j)
{
	char *s = j ? json_dumps(j, JSON_COMPACT) : NULL;

	if (s)
		str_add(out, "%s", s);
	else
		out->failed = true;
	free(s);
	json_decref(j);
}

static void begin(struct test_report *r, struct str *out)
{
	str_add(out, "{\"trapeze_test\":1,");
	if (r->tests)
		str_add(out, "\"planned\":%u,", r->tests);
	str_add(out, "\"results\":[");
}

static void result(struct test_report *r, const struct test_result *res, struct str *out)
{
	/* Not the number of results: one may have been lost. */
	str_add(out, r->results - r->lost > 1 ? ",\n" : "\n");
	add(out, result_json(res));
}

static void tail(struct test_report *r, struct str *out)
{
	str_add(out, "\n],\"complete\":%s", r->totals ? "true,\"totals\":" : "false");
	if (r->totals)
		add(out, totals_json(r->totals));
	str_add(out, "}\n");
}

const struct report_format report_json = {
	.name = "json",
	.to_file = true,
	.begin = begin,
	.result = result,
	.tail = tail,
};
