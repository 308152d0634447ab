/* SPDX-License-Identifier: MIT */
/* throttle.h: a disk's limits (iops=, bw=). */
#ifndef BLOCK_THROTTLE_H
#define BLOCK_THROTTLE_H

#include "block/blk.h"
#include "vmm/timer.h"

struct throttle;

typedef void throttle_fn(void *opaque, struct blk_req *batch);

/*
 * At most @iops requests and @bw bytes a second (0: no limit), on @clock. What was held back goes
 * to on_time() when the clock says so, and to on_demand() from throttle_release_all(). On the
 * clock's thread, like all here but this and its opposite.
 */
int throttle_create(struct vclock *clock, uint64_t iops, uint64_t bw, throttle_fn *on_time,
		    throttle_fn *on_demand, void *opaque, struct throttle **ret,
		    struct error **errp) __must_check;
/* Nothing is held back. NULL-safe, returns NULL. */
struct throttle *throttle_destroy(struct throttle *t);

/* May @r go on? If not it is held back (by @next), behind those that are already. */
bool throttle_admit(struct throttle *t, struct blk_req *r);
/* All that is held back, whatever the limit. NULL-safe. */
void throttle_release_all(struct throttle *t);

#endif
