/* SPDX-License-Identifier: MIT */
/*
 * timer.h: the VM's clock and one-shot timers on it.
 *
 * The clock counts nanoseconds of guest-visible time: it starts at 0 when the machine is built,
 * never goes back, and stands still while the VM is paused. A chip sees nothing else of time, so a
 * test gives it a clock of its own (tests/lib/fake_clock.h).
 */
#ifndef VMM_TIMER_H
#define VMM_TIMER_H

#include "vmm/base.h"

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

struct vclock;

struct ev_timer {
	uint64_t deadline_ns;           /* on its clock; written by timer_arm() only */
	void (*cb)(struct ev_timer *t); /* on the clock's thread, no lock held */
	struct vclock *clock;
	/* The clock's business. */
	struct ev_timer *next;
	bool armed;
};

struct vclock_ops {
	uint64_t (*now)(struct vclock *c);
	void (*arm)(struct ev_timer *t, uint64_t deadline_ns);
	void (*cancel)(struct ev_timer *t);
};

struct vclock {
	const struct vclock_ops *ops;
};

static inline uint64_t vclock_now(struct vclock *c)
{
	return c->ops->now(c);
}

static inline void timer_init(struct ev_timer *t, struct vclock *c, void (*cb)(struct ev_timer *t))
{
	*t = (struct ev_timer){ .cb = cb, .clock = c };
}

/*
 * (Re)arms @t. A deadline that has passed fires as soon as the clock's thread can. Any thread, a
 * device lock may be held. The callback may still be on its way for an older deadline: it takes its
 * device's lock and works out from the device's state and the clock what is due, never from the
 * fact that it was called.
 */
static inline void timer_arm(struct ev_timer *t, uint64_t deadline_ns)
{
	t->clock->ops->arm(t, deadline_ns);
}

/* Disarms @t. A callback already on its way may still run; device_ops.stop is where that is waited
 * for. */
static inline void timer_cancel(struct ev_timer *t)
{
	t->clock->ops->cancel(t);
}

/* a*b/c without overflow of the product; c != 0 and the quotient fits.
 * For tick <-> ns conversion. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
