/* SPDX-License-Identifier: MIT */
/*
 * queue.c: many tests, some at a time. All guests are watched by one loop on one thread; a result
 * is reported as soon as it is there, and then forgotten.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "verdict/attempt.h"
#include "verdict/say.h"
#include "vmm/error.h"
#include "vmm/loop.h"
#include "vmm/str.h"

struct queue;

struct slot {
	struct queue *queue;
	struct attempt *attempt; /* NULL: free */
	unsigned index, number;  /* of the test, and of the attempt from 1 */
	uint64_t began_ns;
};

struct queue {
	const struct test_run *run;
	struct loop *loop;
	struct ev_fd signals;
	struct ev_timer tick; /* the live line */
	struct ev_work fill;
	struct slot *slot;
	struct say say;
	unsigned next, busy, done;
	bool stopping;
	enum test_outcome host; /* of the first that was the host's fault; TEST_PASS: none */
	enum test_outcome only; /* of the last one */
	bool only_wanted;
	struct test_totals totals;
	bool failed; /* a report or an artefact could not be written */
	sigset_t old_mask;
};

static uint64_t now(const struct queue *q)
{
	return vclock_now(loop_clock(q->loop));
}

static bool endless(const struct queue *q)
{
	return q->run->until_fail;
}

static bool are_more(const struct queue *q)
{
	return !q->stopping && (endless(q) || q->next < q->run->spec_cnt);
}

static const struct test_spec *spec_of(const struct queue *q, unsigned index)
{
	return &q->run->specs[index % q->run->spec_cnt];
}

/* It is said, and the run goes on, to fail in the end. One full disk is one sentence. */
static void keep_error(struct queue *q, struct error *err)
{
	if (err && !q->failed)
		say_line(&q->say, "%s", error_msg(err));
	q->failed |= err != NULL;
	error_free(err);
}

/* --- what happens now ------------------------------------------------------------------------- */

#define TICK_NS NSEC_PER_SEC

static void draw(struct queue *q)
{
	_cleanup_(str_free) struct str b = { 0 };

	if (!q->say.live)
		return;
	if (endless(q))
		str_add(&b, "%u done", q->done);
	else
		str_add(&b, "%u of %u done", q->done, q->run->spec_cnt);
	str_add(&b, ", %u not as wanted;", q->totals.unwanted);
	for (unsigned i = 0; i < q->run->jobs; i++) {
		const struct slot *s = &q->slot[i];

		if (s->attempt)
			str_add(&b, " %s %s %llu s;", spec_of(q, s->index)->name,
				attempt_stage(s->attempt),
				(unsigned long long)((now(q) - s->began_ns) / NSEC_PER_SEC));
	}
	say_now(&q->say, b.s ? b.s : "");
}

static void on_tick(struct ev_timer *t)
{
	struct queue *q = container_of(t, struct queue, tick);

	draw(q);
	timer_arm(t, now(q) + TICK_NS);
}

/* --- results ---------------------------------------------------------------------------------- */

static void report(struct queue *q, const struct test_result *r)
{
	say_clear(&q->say);
	for (unsigned i = 0; i < q->run->report_cnt; i++) {
		struct error *err = NULL;

		if (test_report_result(q->run->reports[i], r, &err) < 0)
			keep_error(q, err);
	}
}

static void count(struct queue *q, const struct test_result *r)
{
	q->done++;
	q->totals.tests++;
	q->totals.by_outcome[r->outcome]++;
	q->totals.unwanted += !r->as_wanted;
	q->only = r->outcome;
	q->only_wanted = r->as_wanted;
	if (!r->as_wanted && test_outcomes[r->outcome].hosts && r->outcome != TEST_CANCELLED &&
	    q->host == TEST_PASS)
		q->host = r->outcome;
}

static bool wants_retry(const struct queue *q, const struct slot *s, const struct test_result *r)
{
	return !r->as_wanted && !q->stopping && !test_outcomes[r->outcome].hosts &&
	       s->number <= r->spec->retries;
}

static void stop(struct queue *q)
{
	q->stopping = true;
	for (unsigned i = 0; i < q->run->jobs; i++)
		if (q->slot[i].attempt)
			attempt_cancel(q->slot[i].attempt);
}

static void settle(struct queue *q, const struct slot *s, const struct test_result *r)
{
	_cleanup_free_ char *log = r->as_wanted ? NULL : attempt_log(s->attempt);
	bool silent = q->run->passthrough && r->as_wanted && r->outcome == TEST_PASS;

	count(q, r);
	if (!silent)
		say_result(&q->say, r);
	if (!r->as_wanted && r->outcome != TEST_CANCELLED)
		say_evidence(&q->say, r, log);
	report(q, r);
	if (!r->as_wanted && (q->run->stop_at_failure || endless(q)) && !q->stopping)
		stop(q);
}

static void start(struct queue *q, struct slot *s, unsigned index, unsigned number);

static void on_done(struct attempt *a, void *opaque)
{
	struct slot *s = opaque;
	struct queue *q = s->queue;
	struct error *err = NULL;
	struct test_result r;
	bool again;

	attempt_take(a, q->run->keep, &r, &err);
	keep_error(q, err);
	again = wants_retry(q, s, &r);
	if (again)
		say_line(&q->say, "%s: %s: %s; attempt %u of %u follows", r.spec->name,
			 test_outcomes[r.outcome].name, r.why, s->number + 1, r.spec->retries + 1);
	else
		settle(q, s, &r);
	test_result_free(&r);
	s->attempt = attempt_destroy(a);
	q->busy--;
	if (again)
		start(q, s, s->index, s->number + 1);
	loop_post(q->loop, &q->fill);
}

/* --- starting --------------------------------------------------------------------------------- */

/* One that has not even an attempt: not begun as the run was stopped, or not possible here. */
static void settle_without(struct queue *q, unsigned index, enum test_outcome o, const char *why)
{
	struct test_result r = { .spec = spec_of(q, index), .index = index, .outcome = o };

	snprintf(r.why, sizeof(r.why), "%s", why);
	count(q, &r);
	if (o != TEST_CANCELLED)
		say_result(&q->say, &r);
	report(q, &r);
	test_result_free(&r);
}

static void start(struct queue *q, struct slot *s, unsigned index, unsigned number)
{
	struct attempt_params p = { .loop = q->loop,
				    .spec = spec_of(q, index),
				    .index = index,
				    .attempt = number,
				    .slot = (unsigned)(s - q->slot),
				    .alone = q->run->jobs == 1,
				    .passthrough = q->run->passthrough,
				    .dir = q->run->keep == TEST_KEEP_NONE ? NULL : q->run->dir,
				    .done = on_done,
				    .opaque = s };
	struct error *err = NULL;

	s->index = index;
	s->number = number;
	s->began_ns = now(q);
	if (attempt_start(&p, &s->attempt, &err) < 0) {
		s->attempt = NULL;
		settle_without(q, index, TEST_HOST_ERROR, error_msg(err));
		error_free(err);
		return;
	}
	q->busy++;
}

static void on_fill(struct ev_work *w)
{
	struct queue *q = container_of(w, struct queue, fill);

	for (unsigned i = 0; i < q->run->jobs && are_more(q); i++)
		if (!q->slot[i].attempt)
			start(q, &q->slot[i], q->next++, 1);
	draw(q);
	if (q->busy)
		return;
	if (are_more(q))
		loop_post(q->loop, &q->fill);
	else
		loop_stop(q->loop);
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_signal(struct ev_fd *e, uint32_t revents)
{
	struct queue *q = container_of(e, struct queue, signals);
	struct signalfd_siginfo si;

	(void)revents;
	if (read(e->fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (!q->totals.interrupted)
		say_line(&q->say, "%s: ending the guests; once more ends them at once",
			 strsignal((int)si.ssi_signo));
	q->totals.interrupted = true;
	stop(q);
	loop_post(q->loop, &q->fill);
}

static int watch_signals(struct queue *q, struct error **errp)
{
	struct sigaction hup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hup) < 0 || hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	/* In the background, a terminal's input is at its end instead of stopping us. */
	signal(SIGTTIN, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, &q->old_mask);
	q->signals = (struct ev_fd){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				     .events = EV_IN,
				     .cb = on_signal };
	if (q->signals.fd < 0)
		return err_errno(errp, errno, "cannot receive signals");
	return loop_add(q->loop, &q->signals, errp);
}

/* --- the run ---------------------------------------------------------------------------------- */

static int open_queue(struct queue *q, struct error **errp)
{
	q->slot = calloc(q->run->jobs, sizeof(*q->slot));
	if (!q->slot)
		return err_errno(errp, ENOMEM, "cannot run %u guests", q->run->jobs);
	for (unsigned i = 0; i < q->run->jobs; i++)
		q->slot[i].queue = q;
	q->loop = loop_create("test", errp);
	if (!q->loop)
		return -ENOMEM;
	timer_init(&q->tick, loop_clock(q->loop), on_tick);
	q->fill.cb = on_fill;
	say_init(&q->say, stderr, q->run->spec_cnt > 1 || endless(q), q->run->quiet);
	return watch_signals(q, errp);
}

static void close_queue(struct queue *q)
{
	for (unsigned i = 0; q->slot && i < q->run->jobs; i++)
		attempt_destroy(q->slot[i].attempt);
	free(q->slot);
	if (q->signals.loop)
		loop_del(&q->signals);
	base_closep(&q->signals.fd);
	loop_destroy(q->loop);
	pthread_sigmask(SIG_SETMASK, &q->old_mask, NULL);
}

static void finish_reports(struct queue *q)
{
	for (unsigned i = 0; i < q->run->report_cnt; i++) {
		struct error *err = NULL;

		if (test_report_end(q->run->reports[i], &q->totals, &err) < 0)
			keep_error(q, err);
	}
}

/* Whoever reads a report finds in it what was not run as well. */
static void account_for_the_rest(struct queue *q)
{
	while (!endless(q) && q->next < q->run->spec_cnt)
		settle_without(q, q->next++, TEST_CANCELLED, "not started");
}

static int exit_status(const struct queue *q)
{
	if (q->failed)
		return test_outcomes[TEST_HOST_ERROR].status;
	if (q->totals.tests == 1 && !q->totals.interrupted) {
		if (!q->only_wanted)
			return test_outcomes[q->only].status ? test_outcomes[q->only].status : 1;
		return q->only == TEST_SKIP ? test_outcomes[TEST_SKIP].status : 0;
	}
	if (q->totals.interrupted)
		return test_outcomes[TEST_CANCELLED].status;
	if (q->host != TEST_PASS)
		return test_outcomes[q->host].status;
	return q->totals.unwanted ? 1 : 0;
}

static int run_queue(struct queue *q, struct error **errp)
{
	uint64_t began;

	for (unsigned i = 0; i < q->run->report_cnt; i++) {
		int r = test_report_begin(q->run->reports[i], endless(q) ? 0 : q->run->spec_cnt,
					  errp);

		if (r < 0)
			return r;
	}
	began = now(q);
	if (q->say.live)
		timer_arm(&q->tick, began + TICK_NS);
	loop_post(q->loop, &q->fill);
	loop_run(q->loop);
	timer_cancel(&q->tick);
	account_for_the_rest(q);
	q->totals.wall_ns = now(q) - began;
	say_clear(&q->say);
	finish_reports(q);
	if (q->totals.tests > 1)
		say_totals(&q->say, &q->totals);
	return exit_status(q);
}

int test_run_all(const struct test_run *run, struct test_totals *ret, struct error **errp)
{
	struct queue q = { .run = run, .signals = { .fd = -1 } };
	int r;

	pthread_sigmask(SIG_SETMASK, NULL, &q.old_mask);
	r = open_queue(&q, errp);
	if (r >= 0)
		r = run_queue(&q, errp);
	*ret = q.totals;
	close_queue(&q);
	return r;
}
