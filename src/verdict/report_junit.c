/* SPDX-License-Identifier: MIT */
/*
 * report_junit.c: JUnit XML, as the readers of Jenkins, GitLab and others take it: one <testsuite>
 * a test, complete in itself, so that nothing before it needs to be known or changed. Elements and
 * attributes are those that both Ant's and Jenkins' schemas have, in Ant's order, which is fixed:
 * properties, testcases, system-out, system-err.
 *
 * What is the host's or ours is an <error>, a bad outcome of the guest's a <failure>.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "verdict/report.h"
#include "verdict/text.h"

static void begin(struct test_report *r, struct str *out)
{
	(void)r;
	str_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
}

static void tail(struct test_report *r, struct str *out)
{
	(void)r;
	str_add(out, "</testsuites>\n");
}

static void attr(struct str *out, const char *name, const char *value)
{
	str_add(out, " %s=\"", name);
	text_xml_attr(out, value);
	str_add(out, "\"");
}

static void attr_seconds(struct str *out, const char *name, uint64_t ns)
{
	str_add(out, " %s=\"%llu.%03u\"", name, (unsigned long long)(ns / 1000000000),
		(unsigned)(ns / 1000000 % 1000));
}

static bool case_fails(const struct test_case *c)
{
	return !c->ok && !c->skipped && !c->todo;
}

static void property(struct str *out, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	str_add(out, "\t\t\t<property");
	attr(out, "name", name);
	attr(out, "value", value);
	str_add(out, "/>\n");
}

static void testcase(struct str *out, const char *class, const char *name, uint64_t ns)
{
	str_add(out, "\t\t<testcase");
	attr(out, "classname", class);
	attr(out, "name", name);
	attr_seconds(out, "time", ns);
}

static void nested(const struct test_result *res, const struct test_case *c, struct str *out)
{
	const char *detail = c->detail ? c->detail : "";

	testcase(out, res->spec->name, c->name, 0);
	if (case_fails(c)) {
		str_add(out, ">\n\t\t\t<failure message=\"failed\" type=\"case\">");
		text_xml(out, detail, strlen(detail));
		str_add(out, "</failure>\n\t\t</testcase>\n");
	} else if (c->skipped || (c->todo && !c->ok)) {
		str_add(out, ">\n\t\t\t<skipped/>\n\t\t</testcase>\n");
	} else {
		str_add(out, "/>\n");
	}
}

static void account(const struct test_result *res, struct str *out)
{
	struct report_section s[REPORT_SECTIONS];
	unsigned cnt = report_sections(res, s);

	if (res->spec->rerun) {
		str_add(out, "To run it again:\n    ");
		text_xml(out, res->spec->rerun, strlen(res->spec->rerun));
		str_add(out, "\n");
	}
	for (unsigned i = 0; i < cnt; i++) {
		/* These two have elements of their own. */
		if (s[i].text == &res->stdout_tail || s[i].text == &res->stderr_tail)
			continue;
		str_add(out, "\n--- %s ---\n", s[i].title);
		text_xml(out, s[i].text->text, s[i].text->len);
	}
}

static void command(const struct test_result *res, struct str *out)
{
	const struct test_outcome_info *info = &test_outcomes[res->outcome];
	const char *element = info->hosts ? "error" : "failure";

	testcase(out, "trapeze.test", res->spec->name, res->total_ns);
	if (test_result_is_bad(res)) {
		str_add(out, ">\n\t\t\t<%s", element);
		attr(out, "message", res->why);
		attr(out, "type", info->name);
		str_add(out, ">");
		account(res, out);
		str_add(out, "</%s>\n\t\t</testcase>\n", element);
	} else if (res->outcome == TEST_SKIP) {
		str_add(out, ">\n\t\t\t<skipped/>\n\t\t</testcase>\n");
	} else {
		str_add(out, "/>\n");
	}
}

static void output(struct str *out, const char *element, const struct test_text *t)
{
	str_add(out, "\t\t<%s>", element);
	text_xml(out, t->text ? t->text : "", t->text ? t->len : 0);
	str_add(out, "</%s>\n", element);
}

static void result(struct test_report *r, const struct test_result *res, struct str *out)
{
	bool bad = test_result_is_bad(res), hosts = test_outcomes[res->outcome].hosts;
	unsigned cases = report_case_cnt(res), failures = bad && !hosts,
		 skipped = !bad && res->outcome == TEST_SKIP;
	struct utsname host = { .nodename = "localhost" };
	char when[24], id[16];

	for (unsigned i = 0; i < cases; i++) {
		const struct test_case *c = &res->cases[i];

		failures += case_fails(c);
		skipped += c->skipped || (c->todo && !c->ok);
	}
	uname(&host);
	text_time(when, res->start_ns);
	snprintf(id, sizeof(id), "%u", res->index);
	str_add(out, "\t<testsuite");
	attr(out, "package", "trapeze");
	attr(out, "id", id);
	attr(out, "name", res->spec->name);
	attr(out, "timestamp", when);
	attr(out, "hostname", host.nodename[0] ? host.nodename : "localhost");
	str_add(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"", cases + 1,
		failures, bad && hosts, skipped);
	attr_seconds(out, "time", res->total_ns);
	str_add(out, ">\n\t\t<properties>\n");
	property(out, "outcome", test_outcomes[res->outcome].name);
	property(out, "why", res->why);
	property(out, "rerun", res->spec->rerun);
	property(out, "artefacts", res->dir);
	str_add(out, "\t\t</properties>\n");
	command(res, out);
	for (unsigned i = 0; i < cases; i++)
		nested(res, &res->cases[i], out);
	output(out, "system-out", &res->stdout_tail);
	output(out, "system-err", &res->stderr_tail);
	str_add(out, "\t</testsuite>\n");
	(void)r;
}

const struct report_format report_junit = {
	.name = "junit",
	.to_file = true,
	.begin = begin,
	.result = result,
	.tail = tail,
};
