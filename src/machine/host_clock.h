/* SPDX-License-Identifier: MIT */
/*
 * host_clock.h: the host falls asleep, or somebody sets its clock.
 *
 * Nothing here runs on a clock that jumps: timers and the guest's devices are on CLOCK_MONOTONIC,
 * which stands still while the host sleeps and is never set. Only the RTC reads CLOCK_REALTIME, as
 * a battery-backed clock does. So there is nothing to repair, but the one who reads the guest's log
 * should find why its time has a gap.
 */
#ifndef MACHINE_HOST_CLOCK_H
#define MACHINE_HOST_CLOCK_H

#include "vmm/loop.h"

struct error;

/* The host's clocks at one moment, nanoseconds. */
struct host_clocks {
	int64_t monotonic, boottime, realtime;
};

struct host_clock {
	struct ev_fd fd;
	struct host_clocks was;
};

/* Writes a log line whenever the host has slept or its clock was set. On @loop. */
int host_clock_watch(struct host_clock *h, struct loop *loop, struct error **errp) __must_check;
void host_clock_close(struct host_clock *h); /* fine on one whose fd.fd is -1 */

/* What happened between two moments, in words. False: nothing that is worth a line. */
bool host_clock_describe(const struct host_clocks *was, const struct host_clocks *now, char *buf,
			 size_t len);

#endif
