/* SPDX-License-Identifier: MIT */
/*
 * report_github.c: workflow commands of GitHub Actions on standard output, an annotation for each
 * bad test with what the guest said in a group, and a table in the file that GITHUB_STEP_SUMMARY
 * names.
 *
 * The runner obeys commands wherever they stand at the start of a line, so what guests have said is
 * put between ::stop-commands::TOKEN and ::TOKEN::, with a token that no guest can guess.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "verdict/report.h"
#include "verdict/text.h"

/* Of a message, "%", CR and LF are escaped; of a property, ":" and "," too. */
static void escape(struct str *out, const char *s, bool property)
{
	struct str plain = { 0 };

	text_plain(&plain, s, strlen(s));
	for (size_t i = 0; i < plain.len; i++) {
		char c = plain.s[i];

		if (c == '%' || c == '\n' || (property && (c == ':' || c == ',')))
			str_add(out, "%%%02X", c);
		else
			str_add_bytes(out, &c, 1);
	}
	out->failed |= plain.failed;
	str_free(&plain);
}

/* People lose little where the summary cannot be written, and are told of the tests all the same.
 */
static void summarize(struct test_report *r, struct str *row)
{
	const char *p = row->s;
	size_t len = row->failed ? 0 : row->len;

	while (r->summary >= 0 && len) {
		ssize_t n = write(r->summary, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		p += n;
		len -= (size_t)n;
	}
	str_free(row);
}

static void begin(struct test_report *r, struct str *out)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	struct str head = { 0 };

	if (path && *path)
		r->summary = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	str_add(&head, "| test | outcome | seconds | why |\n|---|---|---|---|\n");
	summarize(r, &head);
	if (r->tests)
		str_add(out, "%u tests\n", r->tests);
}

/* In a cell of a table of Markdown. */
static void cell(struct str *row, const char *s)
{
	struct str plain = { 0 };

	text_line(&plain, s, strlen(s));
	str_add(row, "| ");
	for (size_t i = 0; i < plain.len; i++) {
		if (strchr("\\`*_{}[]<>()#+!|~@", plain.s[i]))
			str_add_bytes(row, "\\", 1);
		str_add_bytes(row, plain.s + i, 1);
	}
	row->failed |= plain.failed;
	str_free(&plain);
	str_add(row, " ");
}

static void add_row(struct test_report *r, const struct test_result *res)
{
	struct str row = { 0 };

	cell(&row, res->spec->name);
	cell(&row, test_outcomes[res->outcome].name);
	str_add(&row, "| %.2f ", (double)res->total_ns / 1e9);
	cell(&row, test_result_is_bad(res) || res->outcome == TEST_SKIP ? res->why : "");
	str_add(&row, "|\n");
	summarize(r, &row);
}

static void token(char buf[33])
{
	uint8_t bytes[16] = { 0 };

	/* Does not fail for so few, once the system is up. */
	while (getrandom(bytes, sizeof(bytes), 0) < 0 && errno == EINTR)
		;
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		buf[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		buf[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	buf[32] = '\0';
}

static void group(const struct test_result *res, struct str *out)
{
	struct report_section s[REPORT_SECTIONS];
	unsigned cnt = report_sections(res, s);
	char stop[33];

	str_add(out, "::group::");
	escape(out, res->spec->name, false);
	token(stop);
	str_add(out, "\n::stop-commands::%s\n", stop);
	if (res->spec->rerun) {
		str_add(out, "to run it again: ");
		text_line(out, res->spec->rerun, strlen(res->spec->rerun));
		str_add(out, "\n");
	}
	for (unsigned i = 0; i < cnt; i++) {
		str_add(out, "--- %s ---\n", s[i].title);
		text_indented(out, "", s[i].text->text, s[i].text->len);
	}
	str_add(out, "::%s::\n::endgroup::\n", stop);
}

static void result(struct test_report *r, const struct test_result *res, struct str *out)
{
	const struct test_outcome_info *info = &test_outcomes[res->outcome];

	add_row(r, res);
	if (test_result_is_bad(res)) {
		group(res, out);
		str_add(out, "::error title=");
		escape(out, res->spec->name, true);
		str_add(out, " (%s)::", info->name);
		escape(out, res->why, false);
		str_add(out, "\n");
	} else {
		text_line(out, info->name, strlen(info->name));
		str_add(out, ": ");
		text_line(out, res->spec->name, strlen(res->spec->name));
		str_add(out, "\n");
	}
}

static void end(struct test_report *r, struct str *out)
{
	const struct test_totals *t = r->totals;
	struct str line = { 0 };

	str_add(&line, "\n%u tests, %u of them bad, %.1f s%s\n", t->tests, t->unwanted,
		(double)t->wall_ns / 1e9, t->interrupted ? ", interrupted" : "");
	str_add(out, "%s", line.failed ? "\n" : line.s + 1);
	summarize(r, &line);
}

const struct report_format report_github = {
	.name = "github",
	.to_stdout = true,
	.begin = begin,
	.result = result,
	.end = end,
};
