/* SPDX-License-Identifier: MIT */
/* attempt_result.c: what an attempt that is over comes to. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "verdict/artefacts.h"
#include "verdict/attempt_internal.h"
#include "vmm/error.h"

#define LOG_TAIL 2048

const char *attempt_stage(const struct attempt *a)
{
	static const char *const words[] = {
		[STAGE_BOOTS] = "boots", [STAGE_RUNS] = "runs", [STAGE_ENDS] = "ends"
	};

	return words[a->stage];
}

const struct test_spec *attempt_spec(const struct attempt *a)
{
	return a->p.spec;
}

unsigned attempt_slot(const struct attempt *a)
{
	return a->p.slot;
}

/* --- the child's report ----------------------------------------------------------------------- */

/* Errors that say something of this program and not of its host. */
static bool is_ours(int code)
{
	return code == EFAULT || code == ENOTRECOVERABLE;
}

static void blame(struct test_evidence *e, bool host, const char *text, size_t len)
{
	if (e->host_error[0])
		return;
	snprintf(e->host_error, sizeof(e->host_error), "%.*s", (int)min_u64(len, 500), text);
	e->host_is_to_blame = host;
}

/* A process that has not said how its guest ended. */
static void no_report(struct attempt *a)
{
	static const char killed[] = "the guest's process was killed; the host may have run out of "
				     "memory";

	if (a->killed || a->e.host_error[0] || a->e.cancelled)
		return;
	if (WIFSIGNALED(a->e.child_status) && WTERMSIG(a->e.child_status) == SIGKILL)
		blame(&a->e, true, killed, sizeof(killed) - 1);
}

static void read_report(struct attempt *a, struct test_result *r)
{
	struct child_report c;
	const char *text = a->report.s ? a->report.s + sizeof(c) : NULL;

	if (!text || a->report.len < sizeof(c)) {
		no_report(a);
		return;
	}
	memcpy(&c, a->report.s, sizeof(c));
	if (c.magic != CHILD_REPORT_MAGIC || c.error_len > CHILD_TEXT_MAX ||
	    c.crash_len > CHILD_TEXT_MAX || a->report.len < sizeof(c) + c.error_len + c.crash_len)
		return;
	if (c.ended) {
		/* A guest that the host's trouble had ended has not ended in a way of its own. */
		a->e.have_verdict = !a->e.host_error[0];
		a->e.verdict = c.verdict;
	} else {
		blame(&a->e, !is_ours(c.error_code), text, c.error_len);
	}
	r->crash.text = strndup(text + c.error_len, c.crash_len);
	r->crash.len = r->crash.text ? strlen(r->crash.text) : 0;
}

/* --- the result ------------------------------------------------------------------------------- */

static void take_cases(struct attempt *a, struct test_result *r)
{
	a->e.failed_case = nested_failed(a->nested[0]);
	if (!a->e.failed_case)
		a->e.failed_case = nested_failed(a->nested[1]);
	nested_take(a->nested[0], r);
	nested_take(a->nested[1], r);
}

void attempt_take(struct attempt *a, enum test_keep keep, struct test_result *r,
		  struct error **errp)
{
	const struct test_spec *spec = a->p.spec;

	*r = (struct test_result){ .spec = spec,
				   .index = a->p.index,
				   .attempt = a->p.attempt,
				   .start_ns = a->start_rt,
				   .boot_ns = a->boot_ns,
				   .run_ns = a->run_ns,
				   .total_ns = a->gone_ns,
				   .user_ns = a->user_ns,
				   .system_ns = a->system_ns };
	read_report(a, r);
	take_cases(a, r);
	trouble_tell(a->trouble, &a->e);
	r->evidence = a->e;
	r->outcome = test_classify(&a->e, spec, r->why, sizeof(r->why));
	r->as_wanted = !test_result_is_bad(r);
	r->console_tail = trouble_tail(a->trouble);
	r->trouble_text = trouble_block(a->trouble);
	r->stdout_tail = tail_text(&a->tail[0]);
	r->stderr_tail = tail_text(&a->tail[1]);
	if (a->art) {
		bool kept = keep == TEST_KEEP_ALL || (keep == TEST_KEEP_FAILED && !r->as_wanted);

		if (kept)
			r->dir = strdup(artefacts_path(a->art));
		if (artefacts_finish(a->art, r, spec->config_text, errp) < 0)
			err_wrap(errp, "the artefacts of '%s'", spec->name);
		a->art = artefacts_close(a->art, kept);
	}
}

char *attempt_log(struct attempt *a)
{
	off_t size = a->log_fd < 0 ? 0 : lseek(a->log_fd, 0, SEEK_END);
	off_t from = size > LOG_TAIL ? size - LOG_TAIL : 0;
	char *text = calloc(1, LOG_TAIL + 1);

	if (text && size > 0 && pread(a->log_fd, text, LOG_TAIL, from) < 0)
		*text = '\0';
	return text;
}
