/* SPDX-License-Identifier: MIT */
/*
 * throttle.c: two token buckets and a queue. A request goes when neither bucket is in debt, so one
 * that is larger than a burst passes and those after it pay. A flush moves no data and makes nobody
 * wait; it is not held back.
 */
#include "block/throttle.h"

#include <errno.h>

#include "vmm/error.h"
#include "vmm/token_bucket.h"

/* A tenth of a second's worth may come at once. */
#define BURST_DIVISOR 10

struct throttle {
	struct token_bucket ops, bytes;
	struct ev_timer timer;
	struct blk_req *held, **held_tail;
	throttle_fn *on_time, *on_demand;
	void *opaque;
};

static uint64_t wait_ns(const struct throttle *t, uint64_t now)
{
	return max_u64(token_bucket_wait(&t->ops, now), token_bucket_wait(&t->bytes, now));
}

static void take(struct throttle *t, const struct blk_req *r, uint64_t now)
{
	token_bucket_take(&t->ops, now, 1);
	if (r->op <= BLK_WRITE)
		token_bucket_take(&t->bytes, now, r->len);
}

static void arm(struct throttle *t, uint64_t now)
{
	timer_arm(&t->timer, now + wait_ns(t, now));
}

bool throttle_admit(struct throttle *t, struct blk_req *r)
{
	uint64_t now;

	if (r->op == BLK_FLUSH)
		return true;
	now = vclock_now(t->timer.clock);
	if (!t->held && !wait_ns(t, now)) {
		take(t, r, now);
		return true;
	}
	if (!t->held)
		arm(t, now);
	r->next = NULL;
	*t->held_tail = r;
	t->held_tail = &r->next;
	return false;
}

static struct blk_req *take_due(struct throttle *t, uint64_t now)
{
	struct blk_req *batch = t->held, **end = &batch;

	while (*end && !wait_ns(t, now)) {
		take(t, *end, now);
		end = &(*end)->next;
	}
	t->held = *end;
	*end = NULL;
	if (!t->held)
		t->held_tail = &t->held;
	return batch;
}

/* By the clock and what is held, not by having been called: the call may come late. */
static void on_timer(struct ev_timer *timer)
{
	struct throttle *t = container_of(timer, struct throttle, timer);
	uint64_t now = vclock_now(timer->clock);
	struct blk_req *batch = t->held ? take_due(t, now) : NULL;

	if (t->held)
		arm(t, now);
	if (batch)
		t->on_time(t->opaque, batch);
}

void throttle_release_all(struct throttle *t)
{
	struct blk_req *batch;

	if (!t || !t->held)
		return;
	timer_cancel(&t->timer);
	batch = t->held;
	t->held = NULL;
	t->held_tail = &t->held;
	t->on_demand(t->opaque, batch);
}

int throttle_create(struct vclock *clock, uint64_t iops, uint64_t bw, throttle_fn *on_time,
		    throttle_fn *on_demand, void *opaque, struct throttle **ret,
		    struct error **errp)
{
	struct throttle *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(errp, ENOMEM, "no memory for a disk's limits");
	token_bucket_init(&t->ops, iops, iops / BURST_DIVISOR);
	token_bucket_init(&t->bytes, bw, bw / BURST_DIVISOR);
	timer_init(&t->timer, clock, on_timer);
	t->held_tail = &t->held;
	t->on_time = on_time;
	t->on_demand = on_demand;
	t->opaque = opaque;
	*ret = t;
	return 0;
}

struct throttle *throttle_destroy(struct throttle *t)
{
	if (!t)
		return NULL;
	timer_cancel(&t->timer);
	free(t);
	return NULL;
}
