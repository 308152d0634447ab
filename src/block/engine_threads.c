/* SPDX-License-Identifier: MIT */
/* engine_threads.c: every request is a blocking system call in one of a few threads. Works
 * everywhere. */
#include "block/engine.h"

static int threads_open(struct engine *e, struct error **errp)
{
	(void)e;
	(void)errp;
	return 0;
}

static void threads_close(struct engine *e)
{
	(void)e;
}

static void threads_queue(struct engine *e, struct file_io *io)
{
	engine_to_workers(e, io);
}

/* Workers are kicked by engine_submit(). */
static void threads_submit(struct engine *e)
{
	(void)e;
}

static unsigned threads_reap(struct engine *e, unsigned max)
{
	(void)e;
	(void)max;
	return 0;
}

const struct engine_ops engine_threads = {
	.name = "threads",
	.open = threads_open,
	.close = threads_close,
	.queue = threads_queue,
	.submit = threads_submit,
	.reap = threads_reap,
};
