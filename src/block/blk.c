/* SPDX-License-Identifier: MIT */
/*
 * blk.c: the front of a disk. Checks each request once, counts it, holds it back if there is a
 * limit, and gives it to the format; delivers completions in rounds, one for each batch or wake-up.
 */
#include <errno.h>
#include <string.h>

#include "block/block_internal.h"
#include "block/probe.h"
#include "block/throttle.h"
#include "vmm/error.h"

/* What there is one of, however many layers a disk has. */
struct blk_front {
	struct blk *top;
	unsigned submitting; /* depth of blk_submit(), blk_start(): done() must wait */
	bool reaping;
	unsigned in_flight;                  /* of the device's requests */
	struct blk_req *ready, **ready_tail; /* over, done() is owed; error in priv */
	struct throttle *throttle;           /* NULL: no limit */
	void (*batch_end)(void *opaque);
	void *opaque;
	struct ev_timer again; /* a round left something over; a timer, for it can be called off */
};

/* --- completions -------------------------------------------------------------------------------
 */

static void deliver(struct blk_front *f, struct blk_req *r, int err)
{
	if (r->blk == f->top)
		f->in_flight--;
	r->done(r, err);
}

void blk_complete(struct blk_req *r, int err)
{
	struct blk_front *f = r->blk->top->front;

	if (!f->submitting) {
		deliver(f, r, err);
		return;
	}
	memcpy(r->priv, &err, sizeof(err));
	r->next = NULL;
	*f->ready_tail = r;
	f->ready_tail = &r->next;
}

/* What is ready now; what becomes ready meanwhile waits. */
static void deliver_ready(struct blk_front *f)
{
	struct blk_req *r = f->ready;

	f->ready = NULL;
	f->ready_tail = &f->ready;
	while (r) {
		struct blk_req *next = r->next;
		int err;

		memcpy(&err, r->priv, sizeof(err));
		deliver(f, r, err);
		r = next;
	}
}

/* Layers that need no I/O answer at once, and are asked for the next piece: so often in one round.
 */
#define ANSWERS 64

/* True: there may be more. */
static bool round_once(struct blk_front *f)
{
	struct engine *e = f->top->engine;
	bool more;

	if (f->reaping)
		return false;
	f->reaping = true;
	if (f->ready)
		deliver_ready(f);
	more = engine_reap(e);
	for (unsigned n = 0; f->ready && n < ANSWERS; n++)
		deliver_ready(f);
	engine_submit(e);
	f->reaping = false;
	return more || f->ready;
}

void blk_reap(struct blk *b)
{
	if (round_once(b->front))
		timer_arm(&b->front->again, 0);
}

static void on_woken(void *opaque)
{
	struct blk_front *f = opaque;

	blk_reap(f->top);
	if (f->batch_end)
		f->batch_end(f->opaque);
}

static void on_again(struct ev_timer *t)
{
	on_woken(container_of(t, struct blk_front, again));
}

void blk_drain(struct blk *b)
{
	struct blk_front *f = b->front;

	throttle_release_all(f->throttle);
	while (f->in_flight || b->engine->in_flight) {
		if (!f->ready)
			engine_wait(b->engine);
		round_once(f);
		throttle_release_all(f->throttle);
	}
}

/* --- requests ----------------------------------------------------------------------------------
 */

static int check(const struct blk *b, const struct blk_req *r)
{
	if (unlikely(r->op > BLK_ZERO))
		return EINVAL;
	if (r->op == BLK_FLUSH)
		return 0;
	if (unlikely((r->off | r->len) & 511 || r->len > b->info.size ||
		     r->off > b->info.size - r->len))
		return EINVAL;
	if (unlikely(r->op != BLK_READ && b->info.readonly))
		return EROFS;
	if (unlikely(r->op <= BLK_WRITE && r->iov_cnt > BLK_IOV_MAX))
		return EINVAL;
	return 0;
}

/* Who gets its answer here would ask on from inside of it, piece after piece, all on one stack. */
void blk_start(struct blk *b, struct blk_req *r)
{
	struct blk_front *f = b->top->front;

	r->blk = b;
	f->submitting++;
	b->ops->submit(b, r);
	f->submitting--;
}

static void submit_one(struct blk *b, struct blk_req *r)
{
	struct blk_front *f = b->front;
	int err = check(b, r);

	r->blk = b;
	f->in_flight++;
	if (unlikely(err || (r->op != BLK_FLUSH && !r->len)))
		blk_complete(r, err);
	else if (unlikely(f->throttle && !throttle_admit(f->throttle, r)))
		return; /* comes back by release() */
	else
		b->ops->submit(b, r);
}

void blk_submit(struct blk *b, struct blk_req *batch)
{
	struct blk_front *f = b->front;

	f->submitting++;
	while (batch) {
		struct blk_req *next = batch->next;

		submit_one(b, batch);
		batch = next;
	}
	engine_submit(b->engine);
	f->submitting--;
}

/* A limit lets these go on. */
static void release(void *opaque, struct blk_req *batch)
{
	struct blk_front *f = opaque;

	f->submitting++;
	while (batch) {
		struct blk_req *next = batch->next;

		f->top->ops->submit(f->top, batch);
		batch = next;
	}
	engine_submit(f->top->engine);
	f->submitting--;
}

/* The same, by the clock. */
static void release_on_loop(void *opaque, struct blk_req *batch)
{
	release(opaque, batch);
	on_woken(opaque);
}

/* --- opening -----------------------------------------------------------------------------------
 */

static const struct blk_format_ops *find_format(enum blk_format format)
{
	for (size_t i = 0; blk_formats[i]; i++)
		if (blk_formats[i]->format == format)
			return blk_formats[i];
	return NULL;
}

static int choose_format(struct blk *b, enum blk_format format, struct error **errp)
{
	b->probed = format == BLK_FORMAT_PROBE;
	if (b->probed)
		return probe_file(b->file, &b->ops, errp);
	b->ops = find_format(format);
	return b->ops ? 0 : err_set(errp, ENOTSUP, "'%s': no driver for its format", b->path);
}

static unsigned file_flags(const struct blk_config *c)
{
	return (c->readonly ? FILE_READONLY : 0) | (c->cache == BLK_CACHE_NONE ? FILE_DIRECT : 0) |
	       (c->cache == BLK_CACHE_UNSAFE ? FILE_NOSYNC : 0) |
	       (c->no_discard ? FILE_NODISCARD : 0);
}

/* @b has its engine and loop: finds file and format. */
static int open_layer(struct blk *b, const struct blk_config *c, struct error **errp)
{
	int r = file_open(b->engine, c->path, file_flags(c), &b->file, errp);

	if (!r)
		r = choose_format(b, c->format, errp);
	if (r < 0)
		return r;
	b->info = (struct blk_info){ .logical_block = b->file->logical_block,
				     .physical_block = b->file->physical_block,
				     .discard_granularity = b->file->discard_granularity,
				     .readonly = c->readonly,
				     .format = b->ops->name,
				     .engine = b->engine->ops->name };
	return b->ops->open(b, c, errp);
}

static struct blk *new_blk(const char *path, struct error **errp)
{
	struct blk *b = calloc(1, sizeof(*b));

	if (b)
		b->path = strdup(path);
	if (b && b->path)
		return b;
	free(b);
	err_set(errp, ENOMEM, "no memory to open '%s'", path);
	return NULL;
}

static void free_layer(struct blk *b)
{
	if (!b)
		return;
	if (b->ops && b->ops->close)
		b->ops->close(b);
	free_layer(b->base);
	file_close(b->file);
	free(b->path);
	free(b);
}

int blk_open_below(struct blk *above, const struct blk_config *c, struct blk **ret,
		   struct error **errp)
{
	struct blk *b = new_blk(c->path, errp);
	int r;

	if (!b)
		return -ENOMEM;
	b->above = above;
	b->top = above->top;
	b->loop = above->loop;
	b->engine = above->engine;
	r = open_layer(b, c, errp);
	if (r < 0)
		free_layer(b);
	else
		*ret = b;
	return r;
}

/* The image is only read; a layer above it takes the writes. */
static int open_overlay(struct blk *b, const struct blk_config *c, struct error **errp)
{
	struct blk_config below = *c;
	int r;

	below.readonly = true;
	r = blk_open_below(b, &below, &b->base, errp);
	if (r < 0)
		return r;
	b->ops = &blk_overlay;
	b->info = b->base->info;
	return b->ops->open(b, c, errp);
}

static int open_front(struct blk *b, const struct blk_config *c, struct error **errp)
{
	struct blk_front *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(errp, ENOMEM, "no memory to open '%s'", c->path);
	b->front = f;
	f->top = b;
	f->ready_tail = &f->ready;
	timer_init(&f->again, loop_clock(b->loop), on_again);
	b->engine->woken = on_woken;
	b->engine->opaque = f;
	if (!c->iops && !c->bw)
		return 0;
	return throttle_create(loop_clock(b->loop), c->iops, c->bw, release_on_loop, release, f,
			       &f->throttle, errp);
}

int blk_open(const struct blk_config *c, struct loop *loop, struct blk **ret, struct error **errp)
{
	struct blk *b = new_blk(c->path, errp);
	int r;

	if (!b)
		return -ENOMEM;
	b->top = b;
	b->loop = loop;
	r = engine_open(c->engine, c->cache == BLK_CACHE_NONE, loop, c->path, &b->engine, errp);
	if (!r)
		r = open_front(b, c, errp);
	if (!r)
		r = c->overlay && !c->readonly ? open_overlay(b, c, errp) : open_layer(b, c, errp);
	if (r < 0)
		blk_close(b);
	else
		*ret = b;
	return r;
}

struct blk *blk_close(struct blk *b)
{
	struct engine *e;
	struct blk_front *f;

	if (!b)
		return NULL;
	e = b->engine;
	f = b->front;
	if (f)
		blk_drain(b);
	free_layer(b);
	if (f) {
		throttle_destroy(f->throttle);
		timer_cancel(&f->again);
		free(f);
	}
	engine_close(e);
	return NULL;
}

struct blk_info blk_info(const struct blk *b)
{
	return b->info;
}

void blk_on_batch_end(struct blk *b, void (*cb)(void *opaque), void *opaque)
{
	b->front->batch_end = cb;
	b->front->opaque = opaque;
}

bool blk_refresh(struct blk *b)
{
	return b->ops->refresh && b->ops->refresh(b);
}
