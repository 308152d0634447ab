/* SPDX-License-Identifier: MIT */
/* engine.c: choosing an engine, and what all engines have in common. */
#include "block/engine.h"

#include <errno.h>
#include <poll.h>

#include "block/workers.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* done() calls in one round. More waits for the next, so that a disk that is always busy leaves its
 * loop to others in between. */
#define ROUND 512

static int open_one(const struct engine_ops *ops, struct loop *loop, struct engine **ret,
		    struct error **errp)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return err_set(errp, ENOMEM, "no memory for a disk engine");
	e->ops = ops;
	e->loop = loop;
	e->event.fd = -1;
	e->ready_tail = &e->ready;
	r = workers_create(e, WORKERS_MAX, &e->workers, errp);
	if (!r)
		r = workers_create(e, 1, &e->writer, errp);
	if (!r)
		r = ops->open(e, errp);
	if (r < 0) {
		engine_close(e);
		return r;
	}
	*ret = e;
	return 0;
}

static const struct engine_ops *const by_name[] = {
	[BLK_ENGINE_URING] = &engine_uring,
	[BLK_ENGINE_AIO] = &engine_aio,
	[BLK_ENGINE_THREADS] = &engine_threads,
};

static const struct engine_ops *const preferred[] = { &engine_uring, &engine_aio, &engine_threads };

/* libaio is asynchronous only where the page cache is out of the way (io_submit(2)). */
static bool fits(const struct engine_ops *ops, bool direct)
{
	return direct || ops != &engine_aio;
}

int engine_open(enum blk_engine want, bool direct, struct loop *loop, const char *what,
		struct engine **ret, struct error **errp)
{
	_cleanup_(error_freep) struct error *first = NULL;
	int r = -ENOSYS;

	if (want != BLK_ENGINE_AUTO) {
		if (fits(by_name[want], direct))
			return open_one(by_name[want], loop, ret, errp);
		r = err_set(errp, EINVAL, "'%s': engine=aio without cache=none would block", what);
		err_hint(errp, "say cache=none, or leave the engine to trapeze");
		return r;
	}
	for (size_t i = 0; i < ARRAY_LEN(preferred); i++) {
		if (!fits(preferred[i], direct))
			continue;
		r = open_one(preferred[i], loop, ret, first ? NULL : &first);
		if (!r && first)
			log_msg(LOG_WARN, "disk", "'%s': %s; using engine=%s instead", what,
				error_msg(first), preferred[i]->name);
		if (!r)
			return 0;
	}
	return err_set(errp, -r, "'%s': %s", what, error_msg(first));
}

struct engine *engine_close(struct engine *e)
{
	if (!e)
		return NULL;
	e->ops->close(e);
	workers_destroy(e->workers);
	workers_destroy(e->writer);
	free(e);
	return NULL;
}

void engine_submit_queued(struct engine *e)
{
	e->queued = false;
	e->ops->submit(e);
	workers_kick(e->workers);
	workers_kick(e->writer);
}

void engine_to_workers(struct engine *e, struct file_io *io)
{
	bool cached = io->act == ACT_WRITE && !(io->file->flags & FILE_DIRECT);

	workers_queue(cached ? e->writer : e->workers, io);
}

static unsigned finish_ready(struct engine *e, unsigned max)
{
	unsigned n = 0;

	while (e->ready && n < max) {
		struct file_io *io = e->ready;

		e->ready = io->next;
		if (!e->ready)
			e->ready_tail = &e->ready;
		file_finish(io, -io->res);
		n++;
	}
	return n;
}

bool engine_reap(struct engine *e)
{
	unsigned n = e->ops->reap(e, ROUND);

	if (n < ROUND)
		n += workers_reap(e->workers, ROUND - n);
	if (n < ROUND)
		n += workers_reap(e->writer, ROUND - n);
	if (n < ROUND)
		n += finish_ready(e, ROUND - n);
	engine_submit(e);
	return n >= ROUND || e->ready;
}

void engine_hush(int fd)
{
	uint64_t cnt;

	/* EAGAIN: it was not ringing. */
	while (read(fd, &cnt, sizeof(cnt)) < 0 && errno == EINTR)
		;
}

void engine_wait(struct engine *e)
{
	struct pollfd p[3] = { { .fd = workers_fd(e->workers), .events = POLLIN },
			       { .fd = workers_fd(e->writer), .events = POLLIN },
			       { .fd = e->event.fd, .events = POLLIN } };

	engine_submit(e);
	/* Interrupted is fine: who waits looks again. */
	if (e->ready || poll(p, ARRAY_LEN(p), -1) <= 0)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(p); i++)
		if (p[i].revents && (i < 2 || e->event_is_bell))
			engine_hush(p[i].fd);
}
