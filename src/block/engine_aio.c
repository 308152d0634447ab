/* SPDX-License-Identifier: MIT */
/*
 * engine_aio.c: libaio (io_submit(2)) for O_DIRECT files on hosts without io_uring. Only reads and
 * writes that bypass the page cache are asynchronous there; all else, files of the same disk that
 * do not bypass it included, goes to workers.
 */
#include <errno.h>
#include <libaio.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

#include "block/engine.h"
#include "block/host.h"
#include "vmm/error.h"

#define DEPTH 256 /* what the kernel has at a time; more waits here */

/*
 * The ring behind an io_context_t, mapped into this process by io_setup(2): an ABI that libaio,
 * fio and QEMU rely on, too (fs/aio.c). Reading it saves io_getevents(2).
 */
struct aio_ring {
	unsigned id, nr;
	_Atomic unsigned head, tail;
	unsigned magic, compat_features, incompat_features, header_length;
	struct io_event events[];
};

#define AIO_RING_MAGIC 0xa10a10a1u

struct aio {
	struct engine *engine;
	io_context_t ctx;
	struct aio_ring *ring; /* NULL: not one that we know */
	unsigned in_kernel;
	struct iocb iocb[DEPTH], *batch[DEPTH];
	unsigned batch_cnt;
	struct file_io *backlog, **backlog_tail;
};

static void prepare(struct aio *a, struct file_io *io)
{
	struct iocb *cb = &a->iocb[a->batch_cnt];
	uint64_t off = io->off + io->pos;
	unsigned cnt;
	const struct iovec *iov = file_iov(io, &cnt);

	if (io->act == ACT_READ)
		io_prep_preadv(cb, io->file->fd, iov, (int)cnt, (long long)off);
	else
		io_prep_pwritev(cb, io->file->fd, iov, (int)cnt, (long long)off);
	io_set_eventfd(cb, a->engine->event.fd);
	cb->data = io;
	a->batch[a->batch_cnt++] = cb;
}

static void put_off(struct aio *a, struct file_io *io)
{
	io->next = NULL;
	*a->backlog_tail = io;
	a->backlog_tail = &io->next;
}

static void aio_queue(struct engine *e, struct file_io *io)
{
	struct aio *a = e->state;

	if (io->act > ACT_WRITE || !(io->file->flags & FILE_DIRECT))
		engine_to_workers(e, io);
	else if (a->backlog || a->in_kernel + a->batch_cnt >= DEPTH)
		put_off(a, io);
	else
		prepare(a, io);
}

static void aio_submit(struct engine *e)
{
	struct aio *a = e->state;
	unsigned pos = 0;

	while (pos < a->batch_cnt) {
		int r = io_submit(a->ctx, a->batch_cnt - pos, a->batch + pos);

		if (r > 0) {
			pos += (unsigned)r;
			a->in_kernel += (unsigned)r;
		} else if (r != -EINTR) {
			/* The kernel does not like this one, or is short of memory. */
			engine_to_workers(e, a->batch[pos++]->data);
		}
	}
	a->batch_cnt = 0;
}

static void submit_backlog(struct aio *a)
{
	while (a->backlog && a->in_kernel + a->batch_cnt < DEPTH) {
		struct file_io *io = a->backlog;

		a->backlog = io->next;
		if (!a->backlog)
			a->backlog_tail = &a->backlog;
		prepare(a, io);
		a->engine->queued = true;
	}
}

static bool next_event(struct aio *a, struct io_event *ev)
{
	struct aio_ring *r = a->ring;
	unsigned head;

	if (!r) {
		struct timespec now = { 0 };

		return io_getevents(a->ctx, 0, 1, ev, &now) == 1;
	}
	head = atomic_load_explicit(&r->head, memory_order_relaxed);
	/* Pairs with the kernel's barrier between writing an event and moving the tail. */
	if (head == atomic_load_explicit(&r->tail, memory_order_acquire))
		return false;
	*ev = r->events[head];
	/* The kernel may use the place again once it sees this. */
	atomic_store_explicit(&r->head, (head + 1) % r->nr, memory_order_release);
	return true;
}

static unsigned aio_reap(struct engine *e, unsigned max)
{
	struct aio *a = e->state;
	struct io_event ev;
	unsigned n = 0;

	while (n < max && a->in_kernel && next_event(a, &ev)) {
		struct file_io *io = ev.data;
		/* An unsigned long that holds bytes or -errno. */
		int32_t res = (int32_t)(long)ev.res;

		a->in_kernel--;
		n++;
		if (host->completion)
			res = host->completion(io->act == ACT_READ ? HOST_READ : HOST_WRITE, res);
		file_result(io, res);
	}
	submit_backlog(a);
	return n;
}

static void on_event(struct ev_fd *ev, uint32_t revents)
{
	struct engine *e = container_of(ev, struct engine, event);

	(void)revents;
	engine_hush(ev->fd);
	e->woken(e->opaque);
}

static int aio_open(struct engine *e, struct error **errp)
{
	struct aio *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_set(errp, ENOMEM, "no memory for libaio");
	e->state = a;
	a->engine = e;
	a->backlog_tail = &a->backlog;
	e->event = (struct ev_fd){ .fd = -1, .events = EV_IN, .cb = on_event };
	r = io_setup(DEPTH, &a->ctx);
	if (r == -EAGAIN) {
		r = err_set(errp, EAGAIN, "libaio: the host's limit of requests is used up");
		err_hint(errp, "raise /proc/sys/fs/aio-max-nr");
		return r;
	}
	if (r < 0)
		return err_errno(errp, -r, "libaio does not work here");
	a->ring = (struct aio_ring *)a->ctx;
	if (a->ring->magic != AIO_RING_MAGIC || a->ring->incompat_features)
		a->ring = NULL;
	e->event_is_bell = true;
	e->event.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->event.fd < 0)
		return err_errno(errp, errno, "cannot create an eventfd for libaio");
	return loop_add(e->loop, &e->event, errp);
}

static void aio_close(struct engine *e)
{
	struct aio *a = e->state;

	if (!a)
		return;
	loop_del(&e->event);
	base_closep(&e->event.fd);
	if (a->ctx)
		io_destroy(a->ctx);
	free(a);
	e->state = NULL;
}

const struct engine_ops engine_aio = {
	.name = "aio",
	.open = aio_open,
	.close = aio_close,
	.queue = aio_queue,
	.submit = aio_submit,
	.reap = aio_reap,
};
