/* SPDX-License-Identifier: MIT */
/* verdict.c: how a guest ended, in words and as an exit status. */
#include "vmm/verdict.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "vmm/str.h"

static const struct {
	int status; /* plus verdict.value if adds_value */
	bool adds_value;
	const char *words;
} kinds[] = {
	[VERDICT_POWER_OFF] = { 0, false, "the guest powered off" },
	[VERDICT_VMM_ERROR] = { 1, false, "the virtual machine failed" },
	[VERDICT_RESET] = { 32, false, "the guest reset the machine" },
	[VERDICT_CRASH] = { 33, false, "the guest crashed" },
	[VERDICT_PANIC] = { 34, false, "the guest panicked" },
	[VERDICT_TIMEOUT] = { 124, false, "the guest did not end in time" },
	[VERDICT_SIGNAL] = { 128, true, "stopped by a signal" },
	[VERDICT_DEBUG_EXIT] = { 0, true, "the guest ended through the debug-exit port" },
	[VERDICT_USER_QUIT] = { 0, false, "ended from the console" },
};

int verdict_exit_status(const struct verdict *v)
{
	unsigned status = (unsigned)kinds[v->kind].status;

	if (kinds[v->kind].adds_value)
		status += v->value;
	return (int)(status & 0xff);
}

/* What the kind's own words leave open. */
static void particulars(const struct verdict *v, char *buf, size_t len)
{
	const char *abbrev;

	buf[0] = '\0';
	switch (v->kind) {
	case VERDICT_SIGNAL:
		abbrev = v->value < NSIG ? sigabbrev_np((int)v->value) : NULL;
		if (abbrev)
			snprintf(buf, len, " (SIG%s)", abbrev);
		else
			snprintf(buf, len, " (number %u)", v->value);
		break;
	case VERDICT_DEBUG_EXIT:
		snprintf(buf, len, " with status %d", verdict_exit_status(v));
		break;
	case VERDICT_TIMEOUT:
		if (v->value)
			snprintf(buf, len, " (%u s)", v->value);
		break;
	default:
		break;
	}
}

void verdict_describe(const struct verdict *v, char *buf, size_t len)
{
	char more[48], detail[4 * sizeof(v->detail)];

	particulars(v, more, sizeof(more));
	str_escape(v->detail, strnlen(v->detail, sizeof(v->detail)), detail, sizeof(detail));
	snprintf(buf, len, "%s%s%s%s", kinds[v->kind].words, more, detail[0] ? ": " : "", detail);
}
