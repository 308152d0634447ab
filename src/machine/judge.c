/* SPDX-License-Identifier: MIT */
/*
 * judge.c: how a run ends.
 *
 * A kernel that has panicked has panicked, whatever it does next: reboot, halt, triple fault or
 * power off. Only what a person (a signal, the escape key) or a test (the debug-exit port) says
 * outright stands above it.
 */
#include "machine/judge.h"

#include <stdio.h>

static const struct judgement go_on = { .ruling = RULE_GO_ON };

static struct judgement end(enum verdict_kind kind, unsigned value, const char *detail)
{
	struct judgement j = { .ruling = RULE_END, .verdict = { .kind = kind, .value = value } };

	snprintf(j.verdict.detail, sizeof(j.verdict.detail), "%s", detail);
	return j;
}

static struct judgement judge_power(const struct request *r, const struct circumstances *c)
{
	switch (r->event) {
	case POWER_CRASHLOADED:
		return go_on;
	case POWER_DEBUG_EXIT:
		return end(VERDICT_DEBUG_EXIT, r->value, "");
	case POWER_PANIC:
		return end(VERDICT_PANIC, 0,
			   c->panic ? c->panic : "the guest reported it through pvpanic");
	case POWER_RESET:
		if (c->panic)
			break;
		return c->no_reboot ? end(VERDICT_RESET, 0, "")
				    : (struct judgement){ .ruling = RULE_RESTART };
	case POWER_OFF:
		if (c->panic)
			break;
		return end(VERDICT_POWER_OFF, 0, "");
	}
	return end(VERDICT_PANIC, 0, c->panic);
}

/* What a CPU's end is called, and its detail. */
static const struct {
	const char *what, *detail;
} cpu_ends[] = {
	[VCPU_SHUTDOWN] = { "triple fault", NULL },
	[VCPU_INTERNAL_ERROR] = { "KVM could not go on: internal error", "suberror" },
	[VCPU_FAIL_ENTRY] = { "the hardware refused to enter the guest", "reason" },
	[VCPU_SYSTEM_EVENT] = { "KVM reported a system event", "type" },
	[VCPU_UNKNOWN_EXIT] = { "KVM stopped for an unknown reason", "exit" },
	[VCPU_RUN_FAILED] = { "KVM_RUN failed", "errno" },
};

static struct judgement judge_cpu_end(const struct request *r, const struct circumstances *c)
{
	const char *what = cpu_ends[r->why].what, *label = cpu_ends[r->why].detail;
	struct judgement j;
	char detail[128];

	if (c->panic)
		return end(VERDICT_PANIC, 0, c->panic);
	/* A guest whose memory is gone may well crash. */
	if (c->ram_lost)
		return (struct judgement){ .ruling = RULE_FAIL };
	if (r->why == VCPU_RUN_FAILED)
		return (struct judgement){ .ruling = RULE_CPU_LOST, .dump_cpu = true };
	if (label)
		snprintf(detail, sizeof(detail), "CPU %u: %s (%s %#llx)", r->cpu, what, label,
			 (unsigned long long)r->detail);
	else
		snprintf(detail, sizeof(detail), "CPU %u: %s", r->cpu, what);
	j = end(VERDICT_CRASH, 0, detail);
	j.dump_cpu = true;
	return j;
}

struct judgement judge(const struct request *r, const struct circumstances *c)
{
	switch (r->kind) {
	case REQ_NONE:
		break;
	case REQ_POWER:
		return judge_power(r, c);
	case REQ_CPU_ENDED:
		return judge_cpu_end(r, c);
	case REQ_PANIC:
		return c->panic ? end(VERDICT_PANIC, 0, c->panic) : go_on;
	case REQ_TIMEOUT:
		return c->panic ? end(VERDICT_PANIC, 0, c->panic)
				: end(VERDICT_TIMEOUT, c->timeout_s, "");
	case REQ_RAM_LOST:
		return (struct judgement){ .ruling = RULE_FAIL };
	case REQ_SIGNAL:
		return end(VERDICT_SIGNAL, r->value, "");
	case REQ_QUIT:
		return end(VERDICT_USER_QUIT, 0, "");
	}
	return go_on;
}

bool judge_is_final(const struct request *r, bool no_reboot)
{
	switch (r->kind) {
	case REQ_NONE:
		return false;
	case REQ_POWER:
		if (r->event == POWER_RESET)
			return no_reboot;
		return r->event != POWER_CRASHLOADED;
	default:
		return true;
	}
}
