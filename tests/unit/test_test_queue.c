/* SPDX-License-Identifier: MIT */
/* test_test_queue.c: many tests, with attempts and reports that are played: how many at once, what
 * is tried again, when the run stops, what is reported, and the exit status. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "verdict/attempt.h"
#include "vmm/error.h"

#define TESTS 8

/* --- the play --------------------------------------------------------------------------------- */

/* Of each test its attempts' outcomes; the last one is for all that follow. */
static struct play {
	enum test_outcome outcome[4];
	unsigned cnt, started;
	bool hangs;       /* until it is cancelled */
	bool cannot;      /* not even started */
	int raise_signal; /* when it starts */
} play[TESTS];

static unsigned running, most_at_once, slots_in_use, cancels;

struct attempt {
	struct attempt_params p;
	struct ev_work work;
	bool cancelled;
};

static void on_work(struct ev_work *w)
{
	struct attempt *a = container_of(w, struct attempt, work);

	running--;
	slots_in_use &= ~(1u << a->p.slot);
	a->p.done(a, a->p.opaque);
}

int attempt_start(const struct attempt_params *p, struct attempt **ret, struct error **errp)
{
	struct play *y = &play[p->index % TESTS];
	struct attempt *a;

	if (y->cannot)
		return err_set(errp, ENOMEM, "no memory");
	a = calloc(1, sizeof(*a));
	a->p = *p;
	a->work.cb = on_work;
	y->started++;
	running++;
	if (running > most_at_once)
		most_at_once = running;
	assert_int_equal(slots_in_use & (1u << p->slot), 0);
	slots_in_use |= 1u << p->slot;
	if (y->raise_signal)
		raise(y->raise_signal);
	if (!y->hangs)
		loop_post(p->loop, &a->work);
	*ret = a;
	return 0;
}

void attempt_cancel(struct attempt *a)
{
	cancels++;
	if (!a->cancelled && play[a->p.index % TESTS].hangs)
		loop_post(a->p.loop, &a->work);
	a->cancelled = true;
}

const char *attempt_stage(const struct attempt *a)
{
	(void)a;
	return "runs";
}

const struct test_spec *attempt_spec(const struct attempt *a)
{
	return a->p.spec;
}

unsigned attempt_slot(const struct attempt *a)
{
	return a->p.slot;
}

void attempt_take(struct attempt *a, enum test_keep keep, struct test_result *r,
		  struct error **errp)
{
	const struct play *y = &play[a->p.index % TESTS];
	unsigned n = a->p.attempt - 1;

	(void)keep;
	(void)errp;
	*r = (struct test_result){ .spec = a->p.spec,
				   .index = a->p.index,
				   .attempt = a->p.attempt };
	r->outcome = a->cancelled ? TEST_CANCELLED
				  : y->outcome[n < y->cnt ? n
					       : y->cnt   ? y->cnt - 1
							  : 0];
	r->as_wanted = !test_result_is_bad(r);
}

char *attempt_log(struct attempt *a)
{
	(void)a;
	return strdup("");
}

struct attempt *attempt_destroy(struct attempt *a)
{
	free(a);
	return NULL;
}

/* --- the report ------------------------------------------------------------------------------- */

struct test_report {
	unsigned begun, ended, results;
	bool full;
	enum test_outcome outcome[64];
	unsigned attempt[64];
	struct test_totals totals;
};
static struct test_report report;

int test_report_begin(struct test_report *r, unsigned tests, struct error **errp)
{
	(void)tests;
	(void)errp;
	r->begun++;
	return 0;
}

int test_report_result(struct test_report *r, const struct test_result *res, struct error **errp)
{
	assert_true(r->begun && !r->ended);
	r->outcome[res->index % 64] = res->outcome;
	r->attempt[res->index % 64] = res->attempt;
	r->results++;
	return r->full ? err_set(errp, ENOSPC, "no space") : 0;
}

int test_report_end(struct test_report *r, const struct test_totals *t, struct error **errp)
{
	(void)errp;
	r->ended++;
	r->totals = *t;
	return 0;
}

/* --- the run ---------------------------------------------------------------------------------- */

static struct test_spec spec[TESTS];

static int setup(void **state)
{
	static char name[TESTS][8];

	(void)state;
	memset(play, 0, sizeof(play));
	report = (struct test_report){ 0 };
	running = most_at_once = slots_in_use = cancels = 0;
	for (unsigned i = 0; i < TESTS; i++) {
		snprintf(name[i], sizeof(name[i]), "t%u", i);
		spec[i] = (struct test_spec){ .name = name[i] };
		play[i].cnt = 1;
	}
	return 0;
}

static int run_with(struct test_run r)
{
	struct test_report *reports[] = { &report };
	struct error *err = NULL;
	struct test_totals totals;
	int status;

	r.specs = spec;
	if (!r.spec_cnt)
		r.spec_cnt = TESTS;
	r.reports = reports;
	r.report_cnt = 1;
	r.quiet = true;
	status = test_run_all(&r, &totals, &err);
	assert_null(err);
	assert_int_equal(running, 0);
	assert_int_equal(report.begun, 1);
	assert_int_equal(report.ended, 1);
	return status;
}

static void all_pass(void **state)
{
	(void)state;
	assert_int_equal(run_with((struct test_run){ .jobs = 3 }), 0);
	assert_int_equal(report.results, TESTS);
	assert_int_equal(most_at_once, 3);
	assert_int_equal(report.totals.by_outcome[TEST_PASS], TESTS);
}

static void some_fail(void **state)
{
	(void)state;
	play[2].outcome[0] = TEST_PANIC;
	play[5].outcome[0] = TEST_SKIP;
	assert_int_equal(run_with((struct test_run){ .jobs = 1 }), 1);
	assert_int_equal(most_at_once, 1);
	assert_int_equal(report.totals.unwanted, 1);
	assert_int_equal(report.outcome[5], TEST_SKIP);
}

static void the_only_one_says_it_all(void **state)
{
	(void)state;
	for (int o = 0; o < TEST_OUTCOME_CNT; o++) {
		setup(NULL);
		play[0].outcome[0] = (enum test_outcome)o;
		assert_int_equal(run_with((struct test_run){ .jobs = 1, .spec_cnt = 1 }),
				 test_outcomes[o].status);
	}
	setup(NULL);
	play[0].outcome[0] = TEST_PANIC;
	spec[0].wanted = TEST_PANIC;
	assert_int_equal(run_with((struct test_run){ .jobs = 1, .spec_cnt = 1 }), 0);
	setup(NULL);
	spec[0].wanted = TEST_PANIC;
	assert_int_equal(run_with((struct test_run){ .jobs = 1, .spec_cnt = 1 }), 1);
}

static void what_may_be_is_tried_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TESTS; i++)
		spec[i].retries = 2;
	play[1] = (struct play){ .outcome = { TEST_FAIL, TEST_PASS }, .cnt = 2 };
	play[2] = (struct play){ .outcome = { TEST_TIMEOUT }, .cnt = 1 };
	play[3] = (struct play){ .outcome = { TEST_HOST_ERROR }, .cnt = 1 };
	assert_int_equal(run_with((struct test_run){ .jobs = 2 }),
			 test_outcomes[TEST_HOST_ERROR].status);
	assert_int_equal(play[0].started, 1);
	assert_int_equal(play[1].started, 2);
	assert_int_equal(play[2].started, 3);
	assert_int_equal(play[3].started, 1);
	assert_int_equal(report.results, TESTS);
	assert_int_equal(report.outcome[1], TEST_PASS);
	assert_int_equal(report.attempt[1], 2);
}

static void the_first_failure_ends_all(void **state)
{
	(void)state;
	play[0].hangs = true;
	play[1].outcome[0] = TEST_FAIL;
	assert_int_equal(run_with((struct test_run){ .jobs = 2, .stop_at_failure = true }), 1);
	assert_int_equal(report.results, TESTS);
	assert_int_equal(report.outcome[0], TEST_CANCELLED);
	assert_int_equal(report.outcome[7], TEST_CANCELLED);
	assert_int_equal(play[7].started, 0);
}

static void until_one_fails(void **state)
{
	(void)state;
	/* Two tests in turn: the ninth attempt at the first is its fifth round. */
	play[6].outcome[0] = TEST_FAIL;
	assert_int_equal(
		run_with((struct test_run){ .jobs = 1, .spec_cnt = 2, .until_fail = true }), 1);
	assert_int_equal(report.results, 7);
}

static void a_signal_ends_all_and_completes_the_report(void **state)
{
	(void)state;
	play[0].hangs = play[1].hangs = true;
	play[1].raise_signal = SIGTERM;
	assert_int_equal(run_with((struct test_run){ .jobs = 2 }),
			 test_outcomes[TEST_CANCELLED].status);
	assert_true(report.totals.interrupted);
	assert_int_equal(report.results, TESTS);
	assert_int_equal(report.totals.by_outcome[TEST_CANCELLED], TESTS);
}

static void one_that_cannot_start_is_a_result(void **state)
{
	(void)state;
	play[4].cannot = true;
	assert_int_equal(run_with((struct test_run){ .jobs = 2 }),
			 test_outcomes[TEST_HOST_ERROR].status);
	assert_int_equal(report.results, TESTS);
	assert_int_equal(report.outcome[4], TEST_HOST_ERROR);
}

static void a_full_disk_is_the_hosts_fault_in_the_end(void **state)
{
	(void)state;
	report.full = true;
	assert_int_equal(run_with((struct test_run){ .jobs = 2 }),
			 test_outcomes[TEST_HOST_ERROR].status);
	assert_int_equal(report.results, TESTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_pass, setup),
		cmocka_unit_test_setup(some_fail, setup),
		cmocka_unit_test_setup(the_only_one_says_it_all, setup),
		cmocka_unit_test_setup(what_may_be_is_tried_again, setup),
		cmocka_unit_test_setup(the_first_failure_ends_all, setup),
		cmocka_unit_test_setup(until_one_fails, setup),
		cmocka_unit_test_setup(a_signal_ends_all_and_completes_the_report, setup),
		cmocka_unit_test_setup(one_that_cannot_start_is_a_result, setup),
		cmocka_unit_test_setup(a_full_disk_is_the_hosts_fault_in_the_end, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
