/* SPDX-License-Identifier: MIT */
/*
 * log_guest.c: complaints about the guest, so few that a hostile guest cannot fill a disk with
 * them: LINES per device and WINDOW_NS, and one line for what was left out.
 */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "vmm/device.h"
#include "vmm/log.h"
#include "vmm/timer.h"

#define LINES     10u
#define WINDOW_NS (5 * NSEC_PER_SEC)

/*
 * Opens a new window if the old one is over; returns how many lines the old one swallowed. Callers
 * may race (a self-locked device, two vCPUs): the exchange on log_window_ns picks one of them to
 * close the old window. Counts near the edge may land on either side, which harms nobody.
 */
static unsigned turn_window(struct device *d, uint64_t now_ns)
{
	uint64_t start = __atomic_load_n(&d->log_window_ns, __ATOMIC_RELAXED);
	unsigned used;

	/* Another thread may have begun the window at a later time than ours: no subtraction. */
	if (start && now_ns < start + WINDOW_NS)
		return 0;
	/* 0 means "never": a clock that reads 0 is as good at 1. */
	if (!__atomic_compare_exchange_n(&d->log_window_ns, &start, now_ns ? now_ns : 1, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	used = __atomic_exchange_n(&d->log_in_window, 0, __ATOMIC_RELAXED);
	return used > LINES ? used - LINES : 0;
}

static __printf(3, 0) void log_guest_va(struct device *d, uint64_t now_ns, const char *fmt,
					va_list ap)
{
	unsigned swallowed;

	__atomic_fetch_add(&d->guest_errors, 1, __ATOMIC_RELAXED);
	swallowed = turn_window(d, now_ns);
	if (swallowed)
		log_msg(LOG_WARN, d->id, "%u more messages about the guest were left out",
			swallowed);
	if (__atomic_fetch_add(&d->log_in_window, 1, __ATOMIC_RELAXED) < LINES)
		log_vmsg(LOG_WARN, d->id, fmt, ap);
}

void log_guest_at(struct device *d, uint64_t now_ns, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_guest_va(d, now_ns, fmt, ap);
	va_end(ap);
}

void log_guest(struct device *d, const char *fmt, ...)
{
	struct timespec ts = { 0 };
	va_list ap;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	va_start(ap, fmt);
	log_guest_va(d, (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec, fmt, ap);
	va_end(ap);
}
