/* SPDX-License-Identifier: MIT */
/* timer.h: a VM clock on CLOCK_MONOTONIC and the timers on it, for loop.c. */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <stdatomic.h>

#include "vmm/lock.h"
#include "vmm/timer.h"

struct timer_queue {
	struct vclock clock;
	int fd;                     /* timerfd, armed for the head of the queue */
	_Atomic uint64_t offset_ns; /* CLOCK_MONOTONIC at clock 0; while paused: the frozen clock */
	_Atomic bool paused;
	struct mutex lock;
	struct ev_timer *head GUARDED_BY(lock); /* soonest first */
	struct ev_timer *due GUARDED_BY(lock);  /* being run */
};

/* @q is zeroed. Returns the timerfd, to be watched for input; -1 with errno set on failure. */
int timer_queue_init(struct timer_queue *q);
void timer_queue_destroy(struct timer_queue *q);
/* Runs what is due. On the loop's thread. */
void timer_queue_run(struct timer_queue *q);
void timer_queue_pause(struct timer_queue *q);
void timer_queue_resume(struct timer_queue *q);

#endif
