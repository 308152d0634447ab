/* SPDX-License-Identifier: MIT */
/*
 * workers.c: the thread pool.
 *
 * One lock guards both ways: a queue of what is to be done and a list of what is done. The loop
 * takes it once per batch to hand over and once per round to collect; a worker to leave what it
 * did and fetch the next. The eventfd is written when the list of the done was empty, so a loop
 * that is behind is not rung for again.
 */
#include "block/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>

#include "block/engine.h"
#include "core/thread.h"
#include "vmm/error.h"
#include "vmm/lock.h"
#include "vmm/loop.h"

struct io_list {
	struct file_io *head, **tail;
};

/* How long a single worker may keep what is done to itself. */
#define SILENCE_NS (250 * NSEC_PER_USEC)

struct workers {
	struct engine *engine;
	unsigned max;
	struct ev_fd event;
	struct io_list batch;   /* the loop's: not handed over yet */
	struct io_list reaping; /* the loop's: collected, not delivered yet */
	unsigned batch_cnt;

	struct mutex lock;
	pthread_cond_t work;
	struct io_list todo GUARDED_BY(lock), done GUARDED_BY(lock);
	unsigned todo_cnt GUARDED_BY(lock);
	unsigned idle GUARDED_BY(lock);      /* asleep, or signalled already */
	unsigned returning GUARDED_BY(lock); /* will look for work before they sleep */
	bool stop GUARDED_BY(lock);
	_Atomic bool any_done; /* a hint that saves the loop the lock */

	pthread_t threads[WORKERS_MAX]; /* the loop's */
	unsigned thread_cnt;
};

static void list_init(struct io_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
}

static void list_add(struct io_list *l, struct file_io *io)
{
	io->next = NULL;
	*l->tail = io;
	l->tail = &io->next;
}

static struct file_io *list_pop(struct io_list *l)
{
	struct file_io *io = l->head;

	if (io) {
		l->head = io->next;
		if (!l->head)
			l->tail = &l->head;
	}
	return io;
}

/* All of @from behind all of @to. */
static void list_splice(struct io_list *to, struct io_list *from)
{
	if (!from->head)
		return;
	*to->tail = from->head;
	to->tail = from->tail;
	list_init(from);
}

static void ring_bell(struct workers *w)
{
	uint64_t one = 1;

	/* EAGAIN: it is ringing already. */
	while (write(w->event.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/* What one worker does at a time. */
static void take(struct workers *w, struct io_list *mine) REQUIRES(w->lock)
{
	list_init(mine);
	if (w->max > 1) {
		list_add(mine, list_pop(&w->todo));
		w->todo_cnt--;
	} else {
		list_splice(mine, &w->todo);
		w->todo_cnt = 0;
	}
}

/* Leaves what is done where the loop collects it. @last: and returns for more. */
static void hand_in(struct workers *w, struct io_list *done, bool last)
{
	bool first;

	mutex_lock(&w->lock);
	first = !w->done.head;
	list_splice(&w->done, done);
	w->returning += last;
	if (first)
		atomic_store_explicit(&w->any_done, true, memory_order_release);
	mutex_unlock(&w->lock);
	if (first)
		ring_bell(w);
}

static void work_on(struct workers *w, struct io_list *mine)
{
	struct io_list done;
	struct file_io *io;
	uint64_t since = 0;

	list_init(&done);
	while ((io = list_pop(mine))) {
		if (mine->head && !since)
			since = now_ns();
		io->res = file_perform(io);
		list_add(&done, io);
		if (mine->head && now_ns() - since > SILENCE_NS) {
			hand_in(w, &done, false);
			since = 0;
		}
	}
	hand_in(w, &done, true);
}

static void *worker_main(void *arg)
{
	struct workers *w = arg;
	struct io_list mine;

	mutex_lock(&w->lock);
	for (;;) {
		if (w->todo.head) {
			take(w, &mine);
			mutex_unlock(&w->lock);
			work_on(w, &mine);
			mutex_lock(&w->lock);
			w->returning--;
		} else if (w->stop) {
			break;
		} else {
			w->idle++;
			mutex_wait(&w->lock, &w->work);
			w->idle--;
		}
	}
	mutex_unlock(&w->lock);
	return NULL;
}

static bool start_thread(struct workers *w)
{
	if (thread_start(&w->threads[w->thread_cnt], "disk-worker", worker_main, w, NULL) < 0)
		return false;
	w->thread_cnt++;
	return true;
}

static void on_event(struct ev_fd *e, uint32_t revents)
{
	struct workers *w = container_of(e, struct workers, event);

	(void)revents;
	engine_hush(e->fd);
	w->engine->woken(w->engine->opaque);
}

int workers_create(struct engine *e, unsigned max, struct workers **ret, struct error **errp)
{
	struct workers *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(errp, ENOMEM, "no memory for a disk's threads");
	w->engine = e;
	w->max = max;
	list_init(&w->batch);
	list_init(&w->reaping);
	list_init(&w->todo);
	list_init(&w->done);
	mutex_init(&w->lock);
	pthread_cond_init(&w->work, NULL);
	w->event = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				   .events = EV_IN,
				   .cb = on_event };
	if (w->event.fd < 0) {
		r = err_errno(errp, errno, "cannot create an eventfd for a disk's threads");
		workers_destroy(w);
		return r;
	}
	r = loop_add(e->loop, &w->event, errp);
	if (r < 0) {
		workers_destroy(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct workers *workers_destroy(struct workers *w)
{
	if (!w)
		return NULL;
	mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->work);
	mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->thread_cnt; i++)
		pthread_join(w->threads[i], NULL);
	loop_del(&w->event);
	base_closep(&w->event.fd);
	pthread_cond_destroy(&w->work);
	mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

void workers_queue(struct workers *w, struct file_io *io)
{
	list_add(&w->batch, io);
	w->batch_cnt++;
}

/* The host gives us no thread at all: the loop has to do it, for an answer is owed. */
static void do_it_here(struct workers *w)
{
	struct io_list mine;
	struct file_io *io;

	mutex_lock(&w->lock);
	list_init(&mine);
	list_splice(&mine, &w->todo);
	w->todo_cnt = 0;
	mutex_unlock(&w->lock);
	while ((io = list_pop(&mine))) {
		io->res = file_perform(io);
		list_add(&w->reaping, io);
	}
	ring_bell(w);
}

/* Signals are sent without the lock: who is woken wants it. */
void workers_kick(struct workers *w)
{
	unsigned wanted, idle;

	if (!w->batch_cnt)
		return;
	mutex_lock(&w->lock);
	list_splice(&w->todo, &w->batch);
	w->todo_cnt += w->batch_cnt;
	/* The loop often runs when a worker has rung for it, who is about to come back. */
	wanted = w->todo_cnt > w->returning ? w->todo_cnt - w->returning : 0;
	idle = w->idle;
	mutex_unlock(&w->lock);
	w->batch_cnt = 0;
	for (unsigned i = 0; i < idle && i < wanted; i++)
		pthread_cond_signal(&w->work);
	for (; wanted > idle && w->thread_cnt < w->max; wanted--)
		if (!start_thread(w))
			break;
	if (!w->thread_cnt)
		do_it_here(w);
}

unsigned workers_reap(struct workers *w, unsigned max)
{
	unsigned n = 0;

	while (n < max) {
		struct file_io *io = list_pop(&w->reaping);

		if (!io) {
			if (!atomic_load_explicit(&w->any_done, memory_order_acquire))
				break;
			mutex_lock(&w->lock);
			list_splice(&w->reaping, &w->done);
			atomic_store_explicit(&w->any_done, false, memory_order_relaxed);
			mutex_unlock(&w->lock);
			continue;
		}
		file_result(io, io->res);
		n++;
	}
	return n;
}

int workers_fd(const struct workers *w)
{
	return w->event.fd;
}
