/* SPDX-License-Identifier: MIT */
/*
 * fault.h: a host that fails. While armed, the n-th call of a kind that the block room makes (or
 * that the kernel completes for it) fails, or moves half of what it was asked to; all others are
 * real.
 *
 *	for (n = 1; ; n++) {
 *		fault_arm(HOST_WRITE, n, EIO);
 *		... what must survive it ...
 *		if (!fault_disarm())
 *			break;                  the n-th call never came: all have been tried
 *	}
 */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include "block/host.h"

#define FAULT_SHORT (-1) /* instead of an errno: half of the bytes, whole sectors of them */
#define FAULT_EVERY 0u   /* instead of n: each call */

/* Any thread may make the calls; armed and disarmed by one. */
void fault_arm(enum host_call call, unsigned n, int err);
/* All is real again. True: it happened. */
bool fault_disarm(void);
/* Calls of a kind since fault_arm(). */
unsigned fault_calls(enum host_call call);

#endif
