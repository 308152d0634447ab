/* SPDX-License-Identifier: MIT */
/*
 * timer.c: the VM clock and its timers, a list sorted by deadline. A machine has a dozen timers,
 * most of them not armed; a list beats a heap at that size and needs no memory of its own.
 */
#include "core/timer.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static struct timer_queue *queue_of(struct vclock *c)
{
	return container_of(c, struct timer_queue, clock);
}

/*
 * Pause and resume happen while no vCPU runs; what orders them with us is how vCPUs stop and start.
 * The PM timer's reads, of which a guest may make millions, end here: no canary for a timespec that
 * only the kernel writes.
 */
__attribute__((no_stack_protector)) static uint64_t queue_now(struct vclock *c)
{
	struct timer_queue *q = queue_of(c);
	uint64_t off = atomic_load_explicit(&q->offset_ns, memory_order_relaxed);
	struct timespec ts;

	if (atomic_load_explicit(&q->paused, memory_order_relaxed))
		return off;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec - off;
}

static void program_locked(struct timer_queue *q) REQUIRES(q->lock)
{
	struct itimerspec its = { 0 };

	if (q->head && !atomic_load(&q->paused)) {
		/* An absolute time in the past fires at once; zero would disarm. */
		uint64_t at = q->head->deadline_ns + atomic_load(&q->offset_ns);

		if (at < q->head->deadline_ns)
			at = INT64_MAX;
		its.it_value.tv_sec = (time_t)(at / NSEC_PER_SEC);
		its.it_value.tv_nsec = (long)(at % NSEC_PER_SEC);
	}
	timerfd_settime(q->fd, TFD_TIMER_ABSTIME, &its, NULL);
}

static bool unlink_from(struct ev_timer **list, struct ev_timer *t)
{
	while (*list && *list != t)
		list = &(*list)->next;
	if (!*list)
		return false;
	*list = t->next;
	t->next = NULL;
	t->armed = false;
	return true;
}

/* Returns whether the soonest timer has changed. */
static bool unlink_timer_locked(struct timer_queue *q, struct ev_timer *t) REQUIRES(q->lock)
{
	bool was_head = q->head == t;

	if (!unlink_from(&q->head, t))
		unlink_from(&q->due, t);
	return was_head;
}

static void queue_arm(struct ev_timer *t, uint64_t deadline_ns)
{
	struct timer_queue *q = queue_of(t->clock);
	struct ev_timer **p = &q->head;
	bool head_moved = false;

	mutex_lock(&q->lock);
	if (t->armed)
		head_moved = unlink_timer_locked(q, t);
	t->deadline_ns = deadline_ns;
	while (*p && (*p)->deadline_ns <= deadline_ns)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
	t->armed = true;
	if (head_moved || q->head == t)
		program_locked(q);
	mutex_unlock(&q->lock);
}

/* A head that is cancelled leaves the timerfd armed: one early wake-up costs less than a system
 * call each time. */
static void queue_cancel(struct ev_timer *t)
{
	struct timer_queue *q = queue_of(t->clock);

	mutex_lock(&q->lock);
	if (t->armed)
		unlink_timer_locked(q, t);
	mutex_unlock(&q->lock);
}

static const struct vclock_ops queue_ops = {
	.now = queue_now,
	.arm = queue_arm,
	.cancel = queue_cancel,
};

int timer_queue_init(struct timer_queue *q)
{
	q->clock.ops = &queue_ops;
	mutex_init(&q->lock);
	atomic_init(&q->offset_ns, monotonic_ns());
	atomic_init(&q->paused, false);
	q->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return q->fd;
}

void timer_queue_destroy(struct timer_queue *q)
{
	base_closep(&q->fd);
	mutex_destroy(&q->lock);
}

/* Takes everything that is due off the queue; what is armed from now on, however early, waits its
 * turn. */
static void collect_due_locked(struct timer_queue *q) REQUIRES(q->lock)
{
	uint64_t now = vclock_now(&q->clock);
	struct ev_timer **end = &q->head;

	if (atomic_load(&q->paused))
		return;
	while (*end && (*end)->deadline_ns <= now)
		end = &(*end)->next;
	if (end == &q->head)
		return;
	q->due = q->head;
	q->head = *end;
	*end = NULL;
}

void timer_queue_run(struct timer_queue *q)
{
	uint64_t expirations;

	while (read(q->fd, &expirations, sizeof(expirations)) < 0 && errno == EINTR)
		;
	mutex_lock(&q->lock);
	collect_due_locked(q);
	while (q->due) {
		struct ev_timer *t = q->due;

		unlink_timer_locked(q, t);
		mutex_unlock(&q->lock);
		t->cb(t);
		mutex_lock(&q->lock);
	}
	program_locked(q);
	mutex_unlock(&q->lock);
}

void timer_queue_pause(struct timer_queue *q)
{
	uint64_t now = vclock_now(&q->clock);

	mutex_lock(&q->lock);
	if (!atomic_load(&q->paused)) {
		atomic_store(&q->offset_ns, now);
		atomic_store(&q->paused, true);
		program_locked(q);
	}
	mutex_unlock(&q->lock);
}

void timer_queue_resume(struct timer_queue *q)
{
	mutex_lock(&q->lock);
	if (atomic_load(&q->paused)) {
		atomic_store(&q->offset_ns, monotonic_ns() - atomic_load(&q->offset_ns));
		atomic_store(&q->paused, false);
		program_locked(q);
	}
	mutex_unlock(&q->lock);
}
