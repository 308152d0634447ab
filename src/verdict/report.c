/* SPDX-License-Identifier: MIT */
/* report.c: reports are opened, written, and kept whole. */
#include "verdict/report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/error.h"

static const struct report_format *const formats[] = { &report_tap, &report_tap14, &report_junit,
						       &report_json, &report_github };

/* --- opening ---------------------------------------------------------------------------------- */

static int open_target(struct test_report *r, const char *file, struct error **errp)
{
	struct stat st;

	if (!file || !strcmp(file, "-")) {
		r->fd = STDOUT_FILENO;
		return 0;
	}
	r->path = strdup(file);
	if (!r->path)
		return err_errno(errp, ENOMEM, "opening the report '%s'", file);
	r->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	if (r->fd < 0) {
		int e = errno;

		err_errno(errp, e, "cannot write the report '%s'", file);
		if (e == ENOENT)
			err_hint(errp, "its directory has to exist");
		return -e;
	}
	r->rewrites = !fstat(r->fd, &st) && S_ISREG(st.st_mode);
	return 0;
}

static int unknown_format(const char *spec, const struct report_format *f, struct error **errp)
{
	if (f && f->to_file && !f->to_stdout)
		err_set(errp, EINVAL, "the report '%s' needs a file: %s:FILE", spec, f->name);
	else if (f)
		err_set(errp, EINVAL, "the report '%s' goes to standard output: %s", spec, f->name);
	else
		err_set(errp, EINVAL, "no report is called '%s'", spec);
	err_hint(errp, "reports are tap, tap:FILE, junit:FILE, json:FILE and github");
	return -EINVAL;
}

int test_report_open(const char *spec, struct test_report **ret, struct error **errp)
{
	const char *colon = strchr(spec, ':'), *file = colon ? colon + 1 : NULL;
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	const struct report_format *f = NULL;
	struct test_report *r;
	int err;

	for (size_t i = 0; i < ARRAY_LEN(formats) && !f; i++)
		if (strlen(formats[i]->name) == len && !memcmp(formats[i]->name, spec, len))
			f = formats[i];
	if (!f || (file ? !f->to_file || !*file : !f->to_stdout))
		return unknown_format(spec, f, errp);
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_errno(errp, ENOMEM, "opening the report '%s'", spec);
	r->format = f;
	r->fd = r->summary = -1;
	err = open_target(r, file, errp);
	if (err < 0)
		test_report_close(r);
	else
		*ret = r;
	return err;
}

struct test_report *test_report_close(struct test_report *r)
{
	if (!r)
		return NULL;
	if (r->path && r->fd >= 0)
		close(r->fd);
	if (r->summary >= 0)
		close(r->summary);
	str_free(&r->tail);
	free(r->path);
	free(r);
	return NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_all(const struct test_report *r, const char *p, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = r->rewrites ? pwrite(r->fd, p, len, (off_t)at) : write(r->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* As it was: room for that there has been. */
static void take_back(struct test_report *r)
{
	if (r->tail.s)
		(void)write_all(r, r->tail.s, r->tail.len, r->at);
	(void)!ftruncate(r->fd, (off_t)(r->at + r->tail.len));
}

/* @body, and behind it the document's end if that can be overwritten or @last. */
static int put(struct test_report *r, struct str *body, bool last)
{
	struct str tail = { 0 };
	size_t body_len = body->len;
	int err = 0;

	if (r->format->tail && (r->rewrites || last))
		r->format->tail(r, &tail);
	if (tail.len)
		str_add_bytes(body, tail.s, tail.len);
	if (body->failed || tail.failed)
		err = -ENOMEM;
	else if (body->len)
		err = write_all(r, body->s, body->len, r->at);
	if (err < 0 && r->rewrites)
		take_back(r);
	if (err < 0) {
		str_free(&tail);
		return err;
	}
	r->at += body_len;
	str_free(&r->tail);
	r->tail = tail;
	if (r->rewrites)
		(void)!ftruncate(r->fd, (off_t)(r->at + r->tail.len));
	return 0;
}

static const char *name_of(const struct test_report *r)
{
	return r->path ? r->path : "standard output";
}

int test_report_begin(struct test_report *r, unsigned tests, struct error **errp)
{
	_cleanup_(str_free) struct str out = { 0 };
	int err;

	r->tests = tests;
	r->format->begin(r, &out);
	err = put(r, &out, false);
	if (err < 0)
		return err_errno(errp, -err, "cannot write the report '%s'", name_of(r));
	return 0;
}

int test_report_result(struct test_report *r, const struct test_result *res, struct error **errp)
{
	_cleanup_(str_free) struct str out = { 0 };
	int err;

	r->results++;
	r->format->result(r, res, &out);
	err = put(r, &out, false);
	if (err == 0)
		return 0;
	/* The first time; how many it were is said at the end. */
	if (r->lost++)
		return 0;
	err_errno(errp, -err, "the report '%s' lacks the result of '%s'", name_of(r),
		  res->spec->name);
	err_hint(errp, "the tests go on; results that can be written still are");
	return err;
}

int test_report_end(struct test_report *r, const struct test_totals *t, struct error **errp)
{
	_cleanup_(str_free) struct str out = { 0 };
	int err;

	r->totals = t;
	if (r->format->end)
		r->format->end(r, &out);
	err = put(r, &out, true);
	r->totals = NULL;
	if (err < 0)
		return err_errno(errp, -err, "cannot complete the report '%s'", name_of(r));
	if (r->lost)
		return err_set(errp, EIO, "the report '%s' lacks %u of %u results", name_of(r),
			       r->lost, r->results);
	return 0;
}

unsigned report_case_cnt(const struct test_result *r)
{
	return r->spec->wanted == TEST_PASS || test_result_is_bad(r) ? r->case_cnt : 0;
}

unsigned report_sections(const struct test_result *r, struct report_section s[REPORT_SECTIONS])
{
	const struct report_section all[REPORT_SECTIONS] = {
		{ "what the kernel complained of", &r->trouble_text },
		{ "the machine in the end", &r->crash },
		{ "the last lines of the console", &r->console_tail },
		{ "standard output", &r->stdout_tail },
		{ "standard error", &r->stderr_tail },
	};
	unsigned cnt = 0;

	for (unsigned i = 0; i < REPORT_SECTIONS; i++)
		if (all[i].text->text && all[i].text->len)
			s[cnt++] = all[i];
	return cnt;
}
