/* SPDX-License-Identifier: MIT */
/*
 * alarm.h: a one-shot host timer on a loop that doubles as its wake-up. Unlike timers on the VM
 * clock it runs on while the VM is paused, unlike posted work it leaves nothing behind in the loop
 * when its owner goes away, and it may be set from a signal handler.
 */
#ifndef CHAR_ALARM_H
#define CHAR_ALARM_H

#include "vmm/loop.h"

struct error;

/*
 * Makes @e a timer on @loop that calls @cb on the loop's thread; @cb begins with alarm_taken(). On
 * the loop's thread or while it does not run.
 */
int alarm_init(struct ev_fd *e, struct loop *loop, void (*cb)(struct ev_fd *e, uint32_t revents),
	       struct error **errp) __must_check;
void alarm_destroy(struct ev_fd *e); /* fine on one whose fd is -1 */

/* Fires once, @ns from now (0: at once), instead of when it would have. Any thread. */
void alarm_set(struct ev_fd *e, uint64_t ns);

/* The same for the bare descriptor. Async-signal-safe: timerfd_settime(2) is one system call. */
void alarm_set_fd(int fd, uint64_t ns);

/* It has fired: makes ready for the next time. Before looking at what there is to do. */
void alarm_taken(struct ev_fd *e);

#endif
