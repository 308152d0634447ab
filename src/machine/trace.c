/* SPDX-License-Identifier: MIT */
/*
 * trace.c: --trace, --trace-out and Ctrl-A t: a thread that empties the rings of all others while
 * the machine runs, and says what is to be said when it has ended.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/thread.h"
#include "machine/machine_internal.h"
#include "machine/tracer.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/timer.h"
#include "vmm/trace.h"

/* How often rings are emptied: soon enough for a line to be of now, and for rings not to fill. */
#define PERIOD_NS (10 * NSEC_PER_MSEC)
/* Of a ring, in records of 64 bytes: what a busy vCPU writes in a few tenths of a second. */
#define RING_RECORDS      65536u
#define RING_RECORDS_MANY 16384u /* with more CPUs than MANY_CPUS */
#define MANY_CPUS         16u
/* How long a reader of our lines may make no progress. */
#define PATIENCE_MS 2000
/* Of a summary that is shown while the guest goes on. */
#define SUMMARY_ROWS 24

#define COUNTS_NOW "counting exits from now on: Ctrl-A t shows them\n"

/* --- what is shown ---------------------------------------------------------------------------- */

void tracer_write_lines(struct tracer *t)
{
	if (!t->lines.len)
		return;
	/* Who has not read for so long is not waited for any more. */
	if (t->lines_lost || t->lines.failed || !log_text(t->lines.s, t->lines.len, PATIENCE_MS))
		t->lines_lost++;
	str_free(&t->lines);
	t->lines = (struct str){ 0 };
}

static uint64_t lost(const struct tracer *t)
{
	return trace_lost() + t->no_memory;
}

static void show_summary(struct tracer *t, unsigned rows)
{
	struct trace_cost c;

	if (!t->sinks.summary)
		return;
	trace_cost_take(t->m->cpus, t->machine.cpu_cnt, &t->baseline, &c);
	lens_summary_rows(t->sinks.summary, rows);
	lens_summary_print(t->sinks.summary, &t->lens, c.time, t->machine.cpu_cnt, c.stat,
			   c.stat_cnt, lost(t), &t->lines);
	tracer_write_lines(t);
	trace_cost_clear(&c);
}

static int start_summary(struct tracer *t, struct error **errp)
{
	t->sinks.summary = lens_summary_new();
	return t->sinks.summary ? 0 : err_set(errp, ENOMEM, "no memory to trace with");
}

static void complain_once(struct tracer *t, bool *said)
{
	if (!t->write_error || *said)
		return;
	*said = true;
	log_msg(LOG_WARN, "trace", "%s; the recording ends here", error_msg(t->write_error));
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Until it is time again, or somebody asks. Returns false at the end. */
static bool wait_for_more(struct tracer *t, bool *show)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PERIOD_NS;
	if (until.tv_nsec >= (long)NSEC_PER_SEC) {
		until.tv_nsec -= (long)NSEC_PER_SEC;
		until.tv_sec++;
	}
	mutex_lock(&t->lock);
	if (!t->quit && !t->show)
		pthread_cond_timedwait(&t->cond, &t->lock.pthread, &until);
	*show = t->show;
	t->show = false;
	go_on = !t->quit;
	mutex_unlock(&t->lock);
	return go_on;
}

/* What the writer holds back is in the file soon, should this process be killed. */
static void flush_now_and_then(struct tracer *t)
{
	struct error **errp = t->write_error ? NULL : &t->write_error;
	const uint64_t now = trace_now();

	if (!t->sinks.writer || now - t->flushed < NSEC_PER_SEC)
		return;
	t->flushed = now;
	(void)!trace_writer_flush(t->sinks.writer, errp);
}

static void *tracer_main(void *arg)
{
	struct tracer *t = arg;
	bool show = false, said = false;

	while (wait_for_more(t, &show)) {
		trace_feed_run(t, false);
		flush_now_and_then(t);
		complain_once(t, &said);
		if (show && t->sinks.summary)
			show_summary(t, SUMMARY_ROWS);
		else if (show && start_summary(t, NULL) == 0)
			(void)!log_text(COUNTS_NOW, sizeof(COUNTS_NOW) - 1, 0);
	}
	trace_feed_run(t, true);
	complain_once(t, &said);
	return NULL;
}

static int start_thread(struct tracer *t, struct error **errp)
{
	pthread_condattr_t a;
	int r;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&t->cond, &a);
	pthread_condattr_destroy(&a);
	mutex_init(&t->lock);
	r = thread_start(&t->thread, "trace", tracer_main, t, errp);
	t->has_thread = r >= 0;
	return r;
}

static void stop_thread(struct tracer *t)
{
	if (!t->has_thread)
		return;
	mutex_lock(&t->lock);
	t->quit = true;
	pthread_cond_signal(&t->cond);
	mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	t->has_thread = false;
}

/* --- life ------------------------------------------------------------------------------------- */

static struct tracer *tracer_free(struct tracer *t)
{
	if (!t)
		return NULL;
	stop_thread(t);
	trace_feed_free(t);
	lens_seen_free(t->lens.seen);
	lens_filter_free(t->sinks.filter);
	lens_summary_free(t->sinks.summary);
	trace_writer_free(t->sinks.writer);
	symbols_free(&t->names.symbols);
	trace_baseline_clear(&t->baseline);
	trace_machine_clear(&t->machine);
	str_free(&t->lines);
	error_free(t->write_error);
	free(t);
	return NULL;
}

/* @c: NULL: just a summary, when it is asked for. */
static int choose_sinks(struct tracer *t, const struct vm_config *c, struct error **errp)
{
	const char *filter = c ? config_trace_filter(c) : "", *out = c ? c->trace.out : NULL;
	int r = 0;

	t->sinks.lines = c && c->trace.show && !config_trace_summary(c) && !out;
	/* Counting costs more than writing: who only records counts when Ctrl-A t wants it. */
	if (!c || t->sinks.lines || config_trace_summary(c))
		r = start_summary(t, errp);
	if (r < 0)
		return r;
	if (*filter)
		r = lens_filter_parse(filter, &t->machine, &t->sinks.filter, errp);
	if (r < 0)
		return err_wrap(errp, "--trace");
	return out ? trace_writer_open(out, &t->machine, &t->sinks.writer, errp) : 0;
}

static int start(struct machine *m, const struct vm_config *c, struct error **errp)
{
	const unsigned cpus = m->config->cpu.count;
	struct tracer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(errp, ENOMEM, "no memory to trace with");
	t->m = m;
	t->names.kernel = m->config->boot.kernel;
	t->names.may_move = !m->config->boot.unpack;
	t->lens.machine = &t->machine;
	r = trace_machine_describe(m, trace_now(), &t->machine, errp);
	if (r >= 0) /* Without, registers behind an index are called by their window. */
		t->lens.seen = lens_seen_new(&t->machine);
	if (r >= 0)
		r = choose_sinks(t, c, errp);
	if (r >= 0)
		r = trace_baseline_take(m->cpus, cpus, &t->baseline, errp);
	if (r >= 0)
		r = trace_start(cpus > MANY_CPUS ? RING_RECORDS_MANY : RING_RECORDS, errp);
	if (r >= 0)
		r = start_thread(t, errp);
	if (r < 0) {
		trace_stop();
		tracer_free(t);
		return r;
	}
	m->tracer = t;
	return 0;
}

int machine_trace_start(struct machine *m, struct error **errp)
{
	const struct vm_config *c = m->config;

	if (!c->trace.show && !c->trace.out)
		return 0;
	return start(m, c, errp);
}

static void finish_file(struct tracer *t)
{
	struct trace_cost c;
	struct error *err = NULL;

	if (!t->sinks.writer)
		return;
	trace_names_load(t);
	trace_feed_tell_losses(t);
	trace_cost_take(t->m->cpus, t->machine.cpu_cnt, &t->baseline, &c);
	if (trace_writer_finish(t->sinks.writer, c.time, t->machine.cpu_cnt, c.stat, c.stat_cnt,
				t->lens.slide_known ? t->lens.symbols : NULL, t->lens.slide,
				&err) < 0)
		log_msg(LOG_WARN, "trace", "%s", error_msg(err));
	error_free(err);
	trace_cost_clear(&c);
}

void machine_trace_finish(struct machine *m)
{
	struct tracer *t = m->tracer;

	if (!t || !t->has_thread)
		return;
	trace_stop();
	stop_thread(t);
	finish_file(t);
	if (config_trace_summary(m->config))
		show_summary(t, 0);
	if (lost(t))
		log_msg(LOG_WARN, "trace",
			"%llu records were lost: they came faster than they could be written",
			(unsigned long long)lost(t));
	if (t->lines_lost)
		log_msg(LOG_WARN, "trace", "lines were lost: nobody read them");
}

void machine_trace_free(struct machine *m)
{
	if (!m->tracer)
		return;
	m->tracer = tracer_free(m->tracer);
	trace_end();
}

/* --- Ctrl-A t --------------------------------------------------------------------------------- */

static void on_key(struct ev_work *w)
{
	struct machine *m = container_of(w, struct machine, trace_work);
	struct tracer *t = m->tracer;
	struct error *err = NULL;

	if (m->over)
		return;
	if (!t) {
		if (start(m, NULL, &err) < 0)
			log_msg(LOG_WARN, "trace", "%s", error_msg(err));
		else
			(void)!log_text(COUNTS_NOW, sizeof(COUNTS_NOW) - 1, 0);
		error_free(err);
		return;
	}
	mutex_lock(&t->lock);
	t->show = true;
	pthread_cond_signal(&t->cond);
	mutex_unlock(&t->lock);
}

void machine_trace_init(struct machine *m)
{
	m->trace_work.cb = on_key;
}

void machine_trace_key(struct machine *m)
{
	loop_post(m->main_loop, &m->trace_work);
}
