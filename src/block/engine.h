/* SPDX-License-Identifier: MIT */
/*
 * engine.h: how requests reach the kernel and come back. One engine per disk, shared by its layers
 * (image, backing files, overlay), so that one system call submits what all of them need.
 */
#ifndef BLOCK_ENGINE_H
#define BLOCK_ENGINE_H

#include "block/blk.h"
#include "block/file.h"
#include "vmm/loop.h"

struct workers;

struct engine_ops {
	const char *name;
	/* Makes the engine's state and e->event.fd; fails if the host does not allow it. */
	int (*open)(struct engine *e, struct error **errp);
	void (*close)(struct engine *e);
	/* Takes what @io asks for now; begun by submit(), at the latest. */
	void (*queue)(struct engine *e, struct file_io *io);
	/* Begins all that is queued: one system call. */
	void (*submit)(struct engine *e);
	/* Gives at most @max results to file_result(); how many. */
	unsigned (*reap)(struct engine *e, unsigned max);
};

struct engine {
	const struct engine_ops *ops;
	struct loop *loop;
	void *state;        /* the engine's own */
	struct ev_fd event; /* readable when there is something to reap; fd -1: workers only */
	/* For what would block the loop; kicked after submit(). Writes to the page cache lock the
	 * file against each other: one thread does them. */
	struct workers *workers, *writer;
	unsigned in_flight; /* file_start()ed, not done */
	bool event_is_bell; /* event.fd is an eventfd, which rings until it is read */
	bool queued;        /* submit() has something to do */
	struct file_io *ready, **ready_tail; /* over before they began; done() is owed */
	void (*woken)(void *opaque);         /* on the loop: engine_reap() has something to do */
	void *opaque;
};

extern const struct engine_ops engine_uring, engine_aio, engine_threads;

/*
 * The engine that was asked for; BLK_ENGINE_AUTO: the best that works here, and if that is not the
 * first choice, it is said. @direct: its files are O_DIRECT. @what names the disk in messages.
 */
int engine_open(enum blk_engine want, bool direct, struct loop *loop, const char *what,
		struct engine **ret, struct error **errp) __must_check;
/* Nothing is in flight. NULL-safe, returns NULL. */
struct engine *engine_close(struct engine *e);

void engine_submit_queued(struct engine *e);

static inline void engine_submit(struct engine *e)
{
	if (e->queued)
		engine_submit_queued(e);
}

/*
 * Calls done() for what is over, at most a bounded number of times; then submits what these
 * started. True: there may be more. Not from inside done().
 */
bool engine_reap(struct engine *e);
/* Blocks until engine_reap() has something to do; something is in flight. */
void engine_wait(struct engine *e);

/* Over already: done(@io, @err) comes with the next engine_reap(). */
static inline void engine_ready(struct engine *e, struct file_io *io, int err)
{
	io->res = -err;
	io->next = NULL;
	*e->ready_tail = io;
	e->ready_tail = &io->next;
}

/* To the workers that suit it. */
void engine_to_workers(struct engine *e, struct file_io *io);

/* Reads eventfd @fd, which does not block. */
void engine_hush(int fd);

/* --- between file.c and the engines --------------------------------------------------------- */

/* Does what @io asks for now, blocking; bytes or -errno. Any thread. */
int32_t file_perform(struct file_io *io);
/* What came of it: bytes or -errno. On the loop's thread. */
void file_result(struct file_io *io, int32_t res);
/* done(), at last. */
void file_finish(struct file_io *io, int err);

/* The segments of the piece. */
static inline const struct iovec *file_iov(const struct file_io *io, unsigned *cnt)
{
	*cnt = io->part_cnt ? io->part_cnt : io->iov_cnt;
	return io->part_cnt ? io->part : io->iov;
}

#endif
