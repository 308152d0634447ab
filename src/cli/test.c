/* SPDX-License-Identifier: MIT */
/* test.c: the test verb: from a command line to verdicts. */
#include "cli/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/probe.h"

/* What was typed or written is wrong, unless it could not even be looked at. */
static int refused(struct error **errp)
{
	return errp && error_code(*errp) == ENOMEM ? STATUS_ERROR : STATUS_USAGE;
}

/* --- how slow this host is -------------------------------------------------------------------- */

/* Limits that hold where guest code runs at the CPU's speed hold, times this, where it does not. A
 * host at this speed or above gets no more time; and none gets more than so many times as much. */
#define REFERENCE_SPEED 500e6 /* instructions of a guest a second */
#define SCALE_MAX       100.0

static double measure_scale(void)
{
	struct host_probe *p = calloc(1, sizeof(*p));
	double scale = 1;

	if (p)
		probe_host(p);
	if (p && p->insns_per_second)
		scale = REFERENCE_SPEED / (double)p->insns_per_second;
	free(p);
	return scale < 1 ? 1 : scale > SCALE_MAX ? SCALE_MAX : scale;
}

int test_scale(const char *text, double *ret, struct error **errp)
{
	char *end;

	*ret = 1;
	if (!text)
		return 0;
	if (!strcmp(text, "auto")) {
		*ret = measure_scale();
		return 0;
	}
	*ret = strtod(text, &end);
	if (end != text && !*end && *ret > 0 && *ret <= 1e6)
		return 0;
	err_set(errp, EINVAL, "--timeout-scale: '%s' is no factor", text);
	err_hint(errp, "a number above 0, as 2.5; or auto");
	return -EINVAL;
}

/* --- reports ---------------------------------------------------------------------------------- */

struct reports {
	struct test_report **v;
	unsigned cnt;
};

static bool is_on_stdout(const char *spec)
{
	return !strcmp(spec, "tap") || !strcmp(spec, "tap14") || !strcmp(spec, "github");
}

static bool any_on_stdout(const struct test_args *a)
{
	for (unsigned i = 0; i < a->reports.cnt; i++)
		if (is_on_stdout(a->reports.v[i]))
			return true;
	return false;
}

static int open_reports(const struct test_args *a, struct reports *ret, struct error **errp)
{
	ret->v = calloc(a->reports.cnt + 1, sizeof(struct test_report *));
	if (!ret->v)
		return err_errno(errp, ENOMEM, "cannot open the reports");
	for (; ret->cnt < a->reports.cnt; ret->cnt++) {
		int r = test_report_open(a->reports.v[ret->cnt], &ret->v[ret->cnt], errp);

		if (r < 0)
			return err_wrap(errp, "--report");
	}
	return 0;
}

static void close_reports(struct reports *r)
{
	for (unsigned i = 0; i < r->cnt; i++)
		test_report_close(r->v[i]);
	free(r->v);
}

/* --- the run ---------------------------------------------------------------------------------- */

static int run(const struct test_args *a, const struct test_list *l, struct error **errp)
{
	_cleanup_(close_reports) struct reports reports = { 0 };
	bool endless = a->until_fail && a->repeat == 1;
	struct test_run r = { .specs = l->v,
			      .spec_cnt = l->cnt,
			      .jobs = (unsigned)min_u64(a->jobs, endless ? a->jobs : l->cnt),
			      .stop_at_failure = a->stop_at_failure || a->until_fail,
			      .until_fail = endless,
			      .keep = (enum test_keep)a->keep,
			      .dir = a->dir,
			      .quiet = a->run.config.quiet };
	struct test_totals totals;
	int status;

	r.passthrough = l->cnt == 1 && !endless && !any_on_stdout(a);
	if (open_reports(a, &reports, errp) < 0)
		return refused(errp);
	if (a->keep != TEST_KEEP_NONE && mkdir(a->dir, 0777) < 0 && errno != EEXIST) {
		err_errno(errp, errno, "cannot make the directory '%s'", a->dir);
		return STATUS_ERROR;
	}
	r.reports = reports.v;
	r.report_cnt = reports.cnt;
	status = test_run_all(&r, &totals, errp);
	return status < 0 ? test_outcomes[TEST_HOST_ERROR].status : status;
}

static int list_names(const struct test_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		puts(l->v[i].name);
	return STATUS_OK;
}

int cmd_test(int argc, char **argv, struct error **errp)
{
	_cleanup_(test_args_free) struct test_args a = { 0 };
	_cleanup_(opt_args_free) struct opt_args given = { 0 };
	_cleanup_(test_list_free) struct test_list l = { 0 };

	if (test_args_parse(argc, argv, &a, &given, errp) < 0)
		return refused(errp);
	if (a.run.help) {
		help_verb(&verbs[VERB_TEST], stdout);
		return STATUS_OK;
	}
	log_set_level((enum log_level)a.run.config.log_level);
	if (test_list_make(&a, &given, &l, errp) < 0)
		return refused(errp);
	return a.list ? list_names(&l) : run(&a, &l, errp);
}
