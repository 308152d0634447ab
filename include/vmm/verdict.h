/* SPDX-License-Identifier: MIT */
/* verdict.h: how a guest ended, in words and as an exit status. */
#ifndef VMM_VERDICT_H
#define VMM_VERDICT_H

#include "vmm/base.h"

enum verdict_kind {
	VERDICT_POWER_OFF,  /* 0 */
	VERDICT_VMM_ERROR,  /* 1 */
	VERDICT_RESET,      /* 32: reset with --no-reboot */
	VERDICT_CRASH,      /* 33: triple fault or KVM internal error */
	VERDICT_PANIC,      /* 34 */
	VERDICT_TIMEOUT,    /* 124 */
	VERDICT_SIGNAL,     /* 128 + value */
	VERDICT_DEBUG_EXIT, /* value */
	VERDICT_USER_QUIT,  /* 0: Ctrl-A x */
};

struct verdict {
	enum verdict_kind kind;
	unsigned value; /* signal number; debug-exit status; timeout in seconds, 0: not known */
	/* "the guest wrote to pvpanic", "Kernel panic - not syncing: ..."; may be empty. */
	char detail[160];
};

/* The process's exit status, 0..255. A debug-exit value is taken as it is, cut to the 8 bits that
 * wait(2) passes on, as by exit(3). */
int verdict_exit_status(const struct verdict *v);

/*
 * One sentence for people, without a full stop: "the guest powered off". Control bytes in detail
 * are escaped. Writes at most @len bytes with NUL; a longer sentence is cut.
 */
void verdict_describe(const struct verdict *v, char *buf, size_t len);

#endif
