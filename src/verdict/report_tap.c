/* SPDX-License-Identifier: MIT */
/*
 * report_tap.c: TAP 14: a line a test; of those that are bad, a YAML block that says why; cases
 * that the guest printed are a subtest in front of it.
 */
#include <string.h>

#include "verdict/report.h"
#include "verdict/text.h"

static void begin(struct test_report *r, struct str *out)
{
	str_add(out, "TAP version %u\n", r->format == &report_tap14 ? 14 : 13);
	if (r->tests)
		str_add(out, "1..%u\n", r->tests);
}

/* In a description # and \ are escaped, and a name of digits would be a number without the dash. */
static void description(struct str *out, const char *s)
{
	struct str line = { 0 };

	text_line(&line, s, strlen(s));
	for (size_t i = 0; i < line.len; i++) {
		if (line.s[i] == '#')
			str_add_bytes(out, "\\", 1);
		str_add_bytes(out, line.s + i, 1);
	}
	out->failed |= line.failed;
	str_free(&line);
}

static void line(struct str *out, const char *indent, bool ok, unsigned number, const char *name)
{
	str_add(out, "%s%sok %u - ", indent, ok ? "" : "not ", number);
	description(out, name);
}

static void subtest(const struct test_result *res, struct str *out)
{
	str_add(out, "# Subtest: ");
	description(out, res->spec->name);
	str_add(out, "\n    1..%u\n", res->case_cnt);
	for (unsigned i = 0; i < res->case_cnt; i++) {
		const struct test_case *c = &res->cases[i];

		line(out, "    ", c->ok, i + 1, c->name);
		str_add(out, "%s\n", c->skipped ? " # SKIP" : c->todo ? " # TODO" : "");
		if (!c->ok && c->detail)
			text_indented(out, "    # ", c->detail, strlen(c->detail));
	}
}

static void pair(struct str *out, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	str_add(out, "  %s: ", key);
	text_quoted(out, value);
	str_add(out, "\n");
}

/* A list of lines: the one form of long text that both YAML and prove's idea of it read alike,
 * whatever blanks a line begins with. */
static void block(struct str *out, const char *key, const struct test_text *t)
{
	struct str lines = { 0 };
	char *at, *line;

	if (!t->text || !t->len)
		return;
	str_add(out, "  %s:\n", key);
	text_plain(&lines, t->text, t->len);
	at = lines.failed ? NULL : lines.s;
	while ((line = strsep(&at, "\n"))) {
		if (!at && !*line)
			break; /* behind the last line feed */
		str_add(out, "    - ");
		text_quoted(out, line);
		str_add(out, "\n");
	}
	out->failed |= lines.failed;
	str_free(&lines);
}

static void why(const struct test_result *res, struct str *out)
{
	str_add(out, "  ---\n");
	pair(out, "outcome", test_outcomes[res->outcome].name);
	if (res->spec->wanted != TEST_PASS)
		pair(out, "wanted", test_outcomes[res->spec->wanted].name);
	pair(out, "message", res->why);
	pair(out, "rerun", res->spec->rerun);
	pair(out, "artefacts", res->dir);
	str_add(out, "  duration_ms: %llu\n", (unsigned long long)(res->total_ns / 1000000));
	block(out, "trouble", &res->trouble_text);
	block(out, "crash", &res->crash);
	block(out, "console", &res->console_tail);
	block(out, "stderr", &res->stderr_tail);
	str_add(out, "  ...\n");
}

static void result(struct test_report *r, const struct test_result *res, struct str *out)
{
	bool bad = test_result_is_bad(res);

	if (report_case_cnt(res))
		subtest(res, out);
	/* What was lost has no line, but its number is used up. */
	line(out, "", !bad, r->results, res->spec->name);
	if (!bad && res->outcome == TEST_SKIP) {
		str_add(out, " # SKIP ");
		text_line(out, res->why, strlen(res->why));
	}
	str_add(out, "\n");
	if (bad)
		why(res, out);
}

static void end(struct test_report *r, struct str *out)
{
	if (!r->tests)
		str_add(out, "1..%u\n", r->results);
	if (r->totals->interrupted)
		str_add(out, "Bail out! interrupted\n");
	else if (r->results < r->tests)
		str_add(out, "Bail out! %u tests were not run\n", r->tests - r->results);
}

const struct report_format report_tap = {
	.name = "tap",
	.to_stdout = true,
	.to_file = true,
	.begin = begin,
	.result = result,
	.end = end,
};

const struct report_format report_tap14 = {
	.name = "tap14",
	.to_stdout = true,
	.to_file = true,
	.begin = begin,
	.result = result,
	.end = end,
};
