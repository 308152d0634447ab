/* SPDX-License-Identifier: MIT */
/*
 * classify.c: what was seen of a guest, as an outcome and a sentence. Each judge looks at one kind
 * of evidence and says what it would make of it; the heaviest opinion is the outcome (enum
 * test_outcome), so no judge needs to know of the others.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "vmm/str.h"
#include "vmm/test.h"

#define SKIP_STATUS 77

struct opinion {
	const struct test_evidence *e;
	const struct test_spec *spec;
	bool any;
	enum test_outcome outcome;
	char *why;
	size_t len;
};

/* The first one of a weight keeps its sentence. */
static void __printf(3, 4) weigh(struct opinion *o, enum test_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	if (o->any && outcome <= o->outcome)
		return;
	o->any = true;
	o->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(o->why, o->len, fmt, ap);
	va_end(ap);
}

/* Text from the guest, as a part of a sentence. */
struct words {
	char text[256];
};

static const char *say(struct words *w, const char *s)
{
	return str_escape(s, strlen(s), w->text, sizeof(w->text));
}

static const char *signal_name(int sig, char buf[16])
{
	const char *abbrev = sig > 0 && sig < NSIG ? sigabbrev_np(sig) : NULL;

	if (abbrev)
		snprintf(buf, 16, "SIG%s", abbrev);
	else
		snprintf(buf, 16, "signal %d", sig);
	return buf;
}

/* --- the host --------------------------------------------------------------------------------- */

static bool was_stopped(const struct test_evidence *e)
{
	return e->limit != LIMIT_NONE || e->cancelled;
}

static void judge_cancelled(struct opinion *o)
{
	if (o->e->cancelled)
		weigh(o, TEST_CANCELLED, "cancelled before it had ended");
}

static void judge_host_error(struct opinion *o)
{
	const struct test_evidence *e = o->e;
	struct words w;

	if (e->host_error[0])
		weigh(o, e->host_is_to_blame ? TEST_HOST_ERROR : TEST_VMM_ERROR, "%s",
		      say(&w, e->host_error));
}

/* A child that said nothing: ended by us, by the host, or by a bug. */
static void judge_child(struct opinion *o)
{
	const struct test_evidence *e = o->e;
	int status = e->child_status, sig;
	char name[16];

	if (e->have_verdict || e->host_error[0])
		return;
	if (!WIFSIGNALED(status)) {
		if (!was_stopped(e))
			weigh(o, TEST_VMM_ERROR,
			      "the virtual machine's process ended with status %d and said nothing",
			      WIFEXITED(status) ? WEXITSTATUS(status) : status);
		return;
	}
	sig = WTERMSIG(status);
	if (sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == SIGHUP) {
		if (!was_stopped(e))
			weigh(o, TEST_HOST_ERROR, "the virtual machine's process was ended by %s%s",
			      signal_name(sig, name),
			      sig == SIGKILL ? ", perhaps for want of memory" : "");
		return;
	}
	weigh(o, TEST_VMM_ERROR, "the virtual machine's process was ended by %s",
	      signal_name(sig, name));
}

/* --- the console ------------------------------------------------------------------------------ */

static void judge_console(struct opinion *o)
{
	const struct test_evidence *e = o->e;
	struct words w, w2;

	if (e->panicked && e->panic && e->trouble && strcmp(e->panic, e->trouble) != 0)
		weigh(o, TEST_PANIC, "%s (after: %s)", say(&w, e->panic), say(&w2, e->trouble));
	else if (e->panicked)
		weigh(o, TEST_PANIC, "%s",
		      say(&w, e->panic     ? e->panic
			      : e->trouble ? e->trouble
					   : "the kernel panicked"));
	if (e->trouble && !o->spec->expect.allow_trouble)
		weigh(o, TEST_OOPS, "%s", say(&w, e->trouble));
	if (e->forbidden)
		weigh(o, TEST_FAIL, "the console showed what it must not: %s",
		      say(&w, e->forbidden));
	if (e->missing_console && !was_stopped(e))
		weigh(o, TEST_FAIL, "the console has not shown '%s'",
		      say(&w, e->missing ? e->missing : ""));
	if (e->failed_case)
		weigh(o, TEST_FAIL, "the case '%s' in its output failed", say(&w, e->failed_case));
}

/* --- limits ----------------------------------------------------------------------------------- */

static double seconds(const struct test_spec *spec, uint64_t ns)
{
	return (double)ns / 1e9 * (spec->limits.scale > 0 ? spec->limits.scale : 1);
}

static void judge_limit(struct opinion *o)
{
	const struct test_evidence *e = o->e;
	const struct test_limits *l = &o->spec->limits;

	switch (e->limit) {
	case LIMIT_NONE:
		break;
	case LIMIT_BOOT:
		weigh(o, TEST_BOOT_TIMEOUT, "%s within %.3g s",
		      e->hello ? "the guest's init ran, but had not started the command"
			       : "the guest had not started the command",
		      seconds(o->spec, l->boot_ns));
		break;
	case LIMIT_TEST:
		weigh(o, TEST_TIMEOUT, "%s within %.3g s",
		      e->ended ? "the command ended, but the guest did not power off"
			       : "the command did not end",
		      seconds(o->spec, l->test_ns));
		break;
	case LIMIT_IDLE:
		weigh(o, TEST_IDLE, "the guest said nothing for %.3g s",
		      seconds(o->spec, l->idle_ns));
		break;
	}
}

/* --- how the machine ended -------------------------------------------------------------------- */

static void judge_status(struct opinion *o, unsigned status, const char *whose)
{
	unsigned want = o->spec->expect.exit;

	if (status == want)
		weigh(o, TEST_PASS, "%s %u", whose, status);
	else if (status == SKIP_STATUS)
		weigh(o, TEST_SKIP, "%s %u", whose, status);
	else
		weigh(o, TEST_FAIL, "%s %u, not %u", whose, status, want);
}

static void judge_power_off(struct opinion *o)
{
	const struct test_evidence *e = o->e;

	switch (o->spec->protocol) {
	case TEST_BY_MACHINE_END:
		weigh(o, TEST_PASS, "the guest powered off");
		break;
	case TEST_BY_EXIT_PORT:
		weigh(o, TEST_NO_VERDICT,
		      "the guest powered off and wrote nothing to the debug-exit port");
		break;
	case TEST_BY_INIT:
		if (!e->ended)
			weigh(o, TEST_NO_VERDICT, "the guest powered off %s",
			      e->start   ? "while the command ran"
			      : e->hello ? "before the command was started"
					 : "before its init had started");
		break;
	}
}

static void judge_debug_exit(struct opinion *o)
{
	const struct test_evidence *e = o->e;

	/* kvm-unit-tests skip with 77 >> 1, so that QEMU's own status is 77. */
	if (o->spec->protocol != TEST_BY_INIT)
		judge_status(o,
			     e->verdict.value == SKIP_STATUS &&
					     o->spec->expect.exit != SKIP_STATUS >> 1
				     ? SKIP_STATUS
				     : e->verdict.value >> 1,
			     "exit code");
	else if (!e->ended)
		weigh(o, TEST_NO_VERDICT,
		      "the guest ended itself through the debug-exit port, and its init has not "
		      "said how the command ended");
}

static void judge_machine(struct opinion *o)
{
	const struct test_evidence *e = o->e;
	char words[512];

	if (!e->have_verdict)
		return;
	verdict_describe(&e->verdict, words, sizeof(words));
	switch (e->verdict.kind) {
	case VERDICT_POWER_OFF:
		judge_power_off(o);
		break;
	case VERDICT_DEBUG_EXIT:
		judge_debug_exit(o);
		break;
	case VERDICT_VMM_ERROR:
		weigh(o, e->host_is_to_blame ? TEST_HOST_ERROR : TEST_VMM_ERROR, "%s", words);
		break;
	case VERDICT_RESET:
		/* The init's way out where a kernel knows no other. */
		if (!(e->ended && e->down))
			weigh(o, TEST_RESET, "%s%s", words,
			      e->start && !e->ended ? " while the command ran" : "");
		break;
	case VERDICT_CRASH:
		weigh(o, TEST_TRIPLE_FAULT, "%s", words);
		break;
	case VERDICT_PANIC:
		weigh(o, TEST_PANIC, "%s", words);
		break;
	case VERDICT_TIMEOUT:
		if (e->limit == LIMIT_NONE)
			weigh(o, TEST_TIMEOUT, "%s", words);
		break;
	case VERDICT_SIGNAL:
	case VERDICT_USER_QUIT:
		if (!was_stopped(e))
			weigh(o, TEST_CANCELLED, "%s", words);
		break;
	}
}

/* --- what the init said ----------------------------------------------------------------------- */

/* Its words end in NUL if they came by guest_record.h; it costs nothing not to rely on it. */
static const char *init_words(const struct guest_init_record *r, struct words *w)
{
	return str_escape(r->text, strnlen(r->text, sizeof(r->text)), w->text, sizeof(w->text));
}

/* strerror() of what may be no errno at all. */
static const char *errno_words(int number)
{
	const char *s = number > 0 && number < 4096 ? strerrordesc_np(number) : NULL;

	return s ? s : "no reason given";
}

static void judge_end(struct opinion *o)
{
	const struct guest_init_record *r = &o->e->end;
	char name[16];
	struct words w;

	switch ((enum guest_end)r->code) {
	case GUEST_END_EXITED:
		judge_status(o, (unsigned)r->number & 0xff, "exit status");
		return;
	case GUEST_END_SIGNALED:
		weigh(o, TEST_FAIL, "the command was ended by %s%s", signal_name(r->number, name),
		      r->flags & GUEST_END_F_CORE ? ", with a core dump" : "");
		return;
	case GUEST_END_NOT_RUN:
		weigh(o, TEST_FAIL, "the command could not be run: '%s': %s", init_words(r, &w),
		      errno_words(r->number));
		return;
	case GUEST_END_FAILED:
		weigh(o, TEST_NO_VERDICT, "the guest could not be set up: %s: %s",
		      init_words(r, &w), errno_words(r->number));
		return;
	}
	weigh(o, TEST_NO_VERDICT, "the guest's init said what is no verdict (%u)", r->code);
}

/* A verdict is as good as the output that led to it. */
static void judge_output(struct opinion *o)
{
	static const char *const names[2] = { "stdout", "stderr" };
	const struct test_evidence *e = o->e;

	if (e->out_lost)
		weigh(o, TEST_NO_VERDICT, "part of the command's output was lost on COM1");
	for (int i = 0; i < 2; i++)
		if (e->out_len[i] != e->end.out_len[i])
			weigh(o, TEST_NO_VERDICT,
			      "the command wrote %llu bytes to %s, of which %llu arrived",
			      (unsigned long long)e->end.out_len[i], names[i],
			      (unsigned long long)e->out_len[i]);
	if ((o->spec->segment.flags & GUEST_INIT_F_COMMIT) && !e->down)
		weigh(o, TEST_NO_VERDICT, "the guest ended before its file systems were written");
}

static void judge_init(struct opinion *o)
{
	if (o->spec->protocol != TEST_BY_INIT || !o->e->ended)
		return;
	judge_end(o);
	if (!was_stopped(o->e))
		judge_output(o);
}

enum test_outcome test_classify(const struct test_evidence *e, const struct test_spec *spec,
				char *why, size_t len)
{
	static void (*const judges[])(struct opinion *) = {
		judge_cancelled, judge_host_error, judge_child, judge_console,
		judge_limit,     judge_machine,    judge_init,
	};
	struct opinion o = { .e = e, .spec = spec, .why = why, .len = len };

	for (size_t i = 0; i < ARRAY_LEN(judges); i++)
		judges[i](&o);
	if (!o.any)
		weigh(&o, TEST_NO_VERDICT, "nothing is known of how it ended");
	return o.outcome;
}
