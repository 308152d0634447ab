/* SPDX-License-Identifier: MIT */
/*
 * loop.c: one thread that waits in epoll for descriptors, for the next timer (a timerfd) and for
 * posted work (an eventfd). timer.c keeps the timers.
 */
#include "vmm/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "core/thread.h"
#include "core/timer.h"
#include "vmm/error.h"
#include "vmm/lock.h"

#define LOOP_BATCH 16

struct loop {
	char name[16];
	int epfd;
	struct ev_fd wake, tick;
	struct loop *host;     /* on whose thread this one runs; NULL: it has its own, or none */
	struct ev_fd as_guest; /* in the host: our epoll descriptor is readable when we have work */
	struct timer_queue timers;

	pthread_t thread;
	bool has_thread;
	_Atomic bool stop;
	_Atomic(pthread_t) current; /* who runs the loop; 0: nobody */

	/* What epoll_wait() returned and is not yet handled, so that loop_del() can take a node out
	 * of it. */
	struct epoll_event batch[LOOP_BATCH];
	int batch_cnt;

	struct mutex post_lock;
	struct ev_work *post_head GUARDED_BY(post_lock), *post_tail GUARDED_BY(post_lock);
};

static uint32_t to_epoll(uint32_t ev)
{
	return (ev & EV_IN ? (uint32_t)EPOLLIN : 0) | (ev & EV_OUT ? (uint32_t)EPOLLOUT : 0) |
	       (ev & EV_EDGE ? (uint32_t)EPOLLET : 0);
}

static uint32_t from_epoll(uint32_t ev)
{
	return (ev & EPOLLIN ? EV_IN : 0) | (ev & EPOLLOUT ? EV_OUT : 0) |
	       (ev & (EPOLLHUP | EPOLLERR) ? EV_HUP : 0);
}

/* --- posted work ---------------------------------------------------------------------------- */

static void wake_up(struct loop *l)
{
	uint64_t one = 1;

	/* EAGAIN (the counter is full) means that a wake-up is pending: what we want. */
	while (write(l->wake.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static struct ev_work *pop_work(struct loop *l)
{
	struct ev_work *w;

	mutex_lock(&l->post_lock);
	w = l->post_head;
	if (w) {
		l->post_head = w->next;
		if (!w->next)
			l->post_tail = NULL;
		w->next = NULL;
		w->queued = false;
	}
	mutex_unlock(&l->post_lock);
	return w;
}

static void on_wake(struct ev_fd *e, uint32_t revents)
{
	struct loop *l = e->loop;
	struct ev_work *w;
	uint64_t cnt;

	(void)revents;
	if (read(e->fd, &cnt, sizeof(cnt)) < 0 && errno != EAGAIN && errno != EINTR)
		return;
	while ((w = pop_work(l)))
		w->cb(w);
}

void loop_post(struct loop *l, struct ev_work *w)
{
	bool first = false;

	mutex_lock(&l->post_lock);
	if (!w->queued) {
		first = !l->post_head;
		w->queued = true;
		w->next = NULL;
		if (l->post_tail)
			l->post_tail->next = w;
		else
			l->post_head = w;
		l->post_tail = w;
	}
	mutex_unlock(&l->post_lock);
	if (first)
		wake_up(l);
}

struct sync_call {
	struct ev_work work;
	void (*fn)(void *arg);
	void *arg;
	struct mutex lock;
	pthread_cond_t cond;
	bool done;
};

static void run_sync_call(struct ev_work *w)
{
	struct sync_call *c = container_of(w, struct sync_call, work);

	c->fn(c->arg);
	mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->cond);
	mutex_unlock(&c->lock);
}

void loop_run_sync(struct loop *l, void (*fn)(void *), void *arg)
{
	struct sync_call c = { .work.cb = run_sync_call, .fn = fn, .arg = arg };

	assert(!loop_is_current(l));
	mutex_init(&c.lock);
	pthread_cond_init(&c.cond, NULL);
	loop_post(l, &c.work);
	mutex_lock(&c.lock);
	while (!c.done)
		mutex_wait(&c.lock, &c.cond);
	mutex_unlock(&c.lock);
	pthread_cond_destroy(&c.cond);
	mutex_destroy(&c.lock);
}

/* --- descriptors ------------------------------------------------------------------------------ */

int loop_add(struct loop *l, struct ev_fd *e, struct error **errp)
{
	struct epoll_event ev = { .events = to_epoll(e->events), .data.ptr = e };

	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, e->fd, &ev) < 0)
		return err_errno(errp, errno, "cannot watch a descriptor in loop '%s'", l->name);
	e->loop = l;
	return 0;
}

void loop_mod(struct ev_fd *e, uint32_t events)
{
	struct epoll_event ev = { .events = to_epoll(events), .data.ptr = e };

	if (!e->loop || e->events == events)
		return;
	e->events = events;
	epoll_ctl(e->loop->epfd, EPOLL_CTL_MOD, e->fd, &ev);
}

void loop_del(struct ev_fd *e)
{
	struct loop *l = e->loop;

	if (!l)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, e->fd, NULL);
	e->loop = NULL;
	for (int i = 0; i < l->batch_cnt; i++)
		if (l->batch[i].data.ptr == e)
			l->batch[i].data.ptr = NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static void on_tick(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	timer_queue_run(&e->loop->timers);
}

struct loop *loop_create(const char *name, struct error **errp)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(errp, ENOMEM, "cannot allocate event loop '%s'", name);
		return NULL;
	}
	snprintf(l->name, sizeof(l->name), "%s", name);
	mutex_init(&l->post_lock);
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->wake = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				  .events = EV_IN,
				  .cb = on_wake };
	l->tick = (struct ev_fd){ .fd = timer_queue_init(&l->timers),
				  .events = EV_IN,
				  .cb = on_tick };
	if (l->epfd < 0 || l->wake.fd < 0 || l->tick.fd < 0) {
		err_errno(errp, errno, "cannot create event loop '%s'", name);
		return loop_destroy(l);
	}
	if (loop_add(l, &l->wake, errp) < 0 || loop_add(l, &l->tick, errp) < 0)
		return loop_destroy(l);
	return l;
}

struct loop *loop_destroy(struct loop *l)
{
	if (!l)
		return NULL;
	loop_stop(l);
	base_closep(&l->epfd);
	base_closep(&l->wake.fd);
	timer_queue_destroy(&l->timers);
	mutex_destroy(&l->post_lock);
	free(l);
	return NULL;
}

/* Waits, at most @timeout_ms (-1: for ever), and handles what has come. */
static void dispatch(struct loop *l, int timeout_ms)
{
	l->batch_cnt = epoll_wait(l->epfd, l->batch, LOOP_BATCH, timeout_ms);
	for (int i = 0; i < l->batch_cnt; i++) {
		struct ev_fd *e = l->batch[i].data.ptr;

		if (e)
			e->cb(e, from_epoll(l->batch[i].events));
	}
	l->batch_cnt = 0;
}

void loop_run(struct loop *l)
{
	atomic_store(&l->current, pthread_self());
	while (!atomic_load(&l->stop))
		dispatch(l, -1);
	atomic_store(&l->current, (pthread_t)0);
}

static void on_guest_loop(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	dispatch(container_of(e, struct loop, as_guest), 0);
}

int loop_start_hosted(struct loop *l, struct loop *host, struct error **errp)
{
	l->as_guest = (struct ev_fd){ .fd = l->epfd, .events = EV_IN, .cb = on_guest_loop };
	l->host = host;
	return loop_add(host, &l->as_guest, errp);
}

/*
 * A loop that is woken does not push its waker off the CPU (sched(7), SCHED_BATCH): a vCPU that
 * kicks goes on, and makes more requests available, until it waits for one or its slice ends; they
 * are then handled, and interrupt, together. Where another CPU is idle the loop runs there at once,
 * as ever. A host that refuses has more switches, nothing worse.
 */
static void *loop_main(void *arg)
{
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
	loop_run(arg);
	return NULL;
}

int loop_start_thread(struct loop *l, struct error **errp)
{
	int r;

	atomic_store(&l->stop, false);
	r = thread_start(&l->thread, l->name, loop_main, l, errp);
	l->has_thread = r == 0;
	return r;
}

void loop_stop(struct loop *l)
{
	if (l->host) {
		loop_del(&l->as_guest);
		l->host = NULL;
		return;
	}
	atomic_store(&l->stop, true);
	wake_up(l);
	if (l->has_thread && !loop_is_current(l)) {
		pthread_join(l->thread, NULL);
		l->has_thread = false;
	}
}

bool loop_is_current(const struct loop *l)
{
	if (l->host)
		return loop_is_current(l->host);
	return pthread_equal(atomic_load(&l->current), pthread_self());
}

bool loop_is_running(const struct loop *l)
{
	if (l->host)
		return loop_is_running(l->host);
	return l->has_thread || atomic_load(&l->current);
}

struct vclock *loop_clock(struct loop *l)
{
	return &l->timers.clock;
}

void loop_pause_clock(struct loop *l)
{
	timer_queue_pause(&l->timers);
}

void loop_resume_clock(struct loop *l)
{
	timer_queue_resume(&l->timers);
}
