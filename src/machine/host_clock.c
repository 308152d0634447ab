/* SPDX-License-Identifier: MIT */
/* host_clock.c: a timer on the host's real-time clock that is never due, and is cancelled when that
 * clock jumps (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET); waking from sleep counts as a jump. */
#include "machine/host_clock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <time.h>

#include "vmm/error.h"
#include "vmm/log.h"

#define NOTEWORTHY ((int64_t)NSEC_PER_SEC)

static int64_t read_clock(clockid_t id)
{
	struct timespec ts = { 0 };

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * (int64_t)NSEC_PER_SEC + ts.tv_nsec;
}

static struct host_clocks read_clocks(void)
{
	return (struct host_clocks){ .monotonic = read_clock(CLOCK_MONOTONIC),
				     .boottime = read_clock(CLOCK_BOOTTIME),
				     .realtime = read_clock(CLOCK_REALTIME) };
}

/* clock_getres(2): CLOCK_BOOTTIME is CLOCK_MONOTONIC plus the time the system is suspended. NTP
 * adjusts the rate of all three alike, so what they differ by is sleep and steps. */
bool host_clock_describe(const struct host_clocks *was, const struct host_clocks *now, char *buf,
			 size_t len)
{
	int64_t ran = now->monotonic - was->monotonic, passed = now->boottime - was->boottime;
	int64_t slept = passed - ran, stepped = now->realtime - was->realtime - passed;

	if (slept >= NOTEWORTHY)
		snprintf(buf, len,
			 "the host slept for %lld s, in which the guest's time stood still",
			 (long long)(slept / NOTEWORTHY));
	else if (stepped >= NOTEWORTHY || stepped <= -NOTEWORTHY)
		snprintf(buf, len,
			 "the host's clock was set %s by %lld s: the guest's RTC follows, its "
			 "timers "
			 "do not",
			 stepped < 0 ? "back" : "forward",
			 (long long)(stepped < 0 ? -stepped : stepped) / NOTEWORTHY);
	else
		return false;
	return true;
}

static void on_jump(struct ev_fd *e, uint32_t revents)
{
	struct host_clock *h = container_of(e, struct host_clock, fd);
	struct host_clocks now = read_clocks();
	char words[128];
	uint64_t n;

	(void)revents;
	if (read(e->fd, &n, sizeof(n)) >= 0 || errno != ECANCELED)
		return;
	if (host_clock_describe(&h->was, &now, words, sizeof(words)))
		log_msg(LOG_WARN, "clock", "%s", words);
	h->was = now;
}

int host_clock_watch(struct host_clock *h, struct loop *loop, struct error **errp)
{
	static const struct itimerspec never = { .it_value.tv_sec = INT64_C(1) << 33 }; /* 2242 */

	h->was = read_clocks();
	h->fd = (struct ev_fd){ .fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK),
				.events = EV_IN,
				.cb = on_jump };
	if (h->fd.fd < 0 || timerfd_settime(h->fd.fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
					    &never, NULL) < 0)
		return err_errno(errp, errno, "cannot watch the host's clock");
	return loop_add(loop, &h->fd, errp);
}

void host_clock_close(struct host_clock *h)
{
	base_closep(&h->fd.fd);
}
