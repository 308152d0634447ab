/* SPDX-License-Identifier: MIT */
/* alarm.c: a timerfd on a loop. */
#include "char/alarm.h"

#include <errno.h>
#include <sys/timerfd.h>

#include "vmm/error.h"

int alarm_init(struct ev_fd *e, struct loop *loop, void (*cb)(struct ev_fd *e, uint32_t revents),
	       struct error **errp)
{
	int r;

	*e = (struct ev_fd){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
			     .events = EV_IN,
			     .cb = cb };
	if (e->fd < 0)
		return err_errno(errp, errno, "cannot create a timer for the console");
	r = loop_add(loop, e, errp);
	if (r < 0)
		alarm_destroy(e);
	return r;
}

void alarm_destroy(struct ev_fd *e)
{
	loop_del(e);
	base_closep(&e->fd);
	e->fd = -1;
}

void alarm_set_fd(int fd, uint64_t ns)
{
	struct itimerspec t = {
		.it_value.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.it_value.tv_nsec = ns ? (long)(ns % NSEC_PER_SEC) : 1, /* 0 would disarm */
	};

	timerfd_settime(fd, 0, &t, NULL);
}

void alarm_set(struct ev_fd *e, uint64_t ns)
{
	alarm_set_fd(e->fd, ns);
}

void alarm_taken(struct ev_fd *e)
{
	uint64_t ticks;

	/* EAGAIN: set again in the meantime; it will fire once more. */
	while (read(e->fd, &ticks, sizeof(ticks)) < 0 && errno == EINTR)
		;
}
