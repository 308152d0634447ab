/* SPDX-License-Identifier: MIT */
/*
 * workers.h: threads that do what would block the loop. Started when there is something to do.
 */
#ifndef BLOCK_WORKERS_H
#define BLOCK_WORKERS_H

#include "vmm/base.h"

struct engine;
struct error;
struct file_io;
struct workers;

#define WORKERS_MAX 4

/*
 * At most @max threads, for engine @e, on whose loop results arrive. Several take one request each,
 * and say at once when it is done. A single one takes all there are, does them in order, and says
 * so when they are done or have taken a while: for what cannot be done in parallel anyway, but
 * costs less than waking somebody.
 */
int workers_create(struct engine *e, unsigned max, struct workers **ret,
		   struct error **errp) __must_check;
/* Nothing is queued or running. NULL-safe, returns NULL. */
struct workers *workers_destroy(struct workers *w);

/* On the loop's thread: takes what file_perform() is to be called on; kick() hands all over. */
void workers_queue(struct workers *w, struct file_io *io);
void workers_kick(struct workers *w);
/* Gives at most @max results to file_result(). How many. */
unsigned workers_reap(struct workers *w, unsigned max);
/* Readable when there may be something to reap. */
int workers_fd(const struct workers *w);

#endif
