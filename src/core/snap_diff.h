/* SPDX-License-Identifier: MIT */
/*
 * snap_diff.h: what changed in a device's state while somebody looked away: its snapshot table says
 * where to look and what things are called.
 */
#ifndef CORE_SNAP_DIFF_H
#define CORE_SNAP_DIFF_H

#include "vmm/snap.h"

/* Arrays of more bytes than this, and what comes when this many bytes are watched, are left out. */
#define SNAP_DIFF_ARRAY_MAX 512u
#define SNAP_DIFF_BYTES_MAX 1024u

struct snap_diff;

/* Of states that @d describes (borrowed); with nothing in it that could be watched, all that
 * follows is free of cost. NULL: no memory. */
struct snap_diff *snap_diff_new(const struct snap_desc *d);
struct snap_diff *snap_diff_free(struct snap_diff *s); /* NULL-safe, returns NULL */

/* Remembers @state as it is. No allocation, no lock: the caller has the state's. */
void snap_diff_take(struct snap_diff *s, const void *state);
/* Calls @changed for each element that is another now: field @field of the table, [@index], at most
 * @max times. Returns how often. */
unsigned snap_diff_tell(const struct snap_diff *s, const void *state, unsigned max,
			void (*changed)(void *opaque, unsigned field, uint32_t index, uint64_t from,
					uint64_t to),
			void *opaque);

#endif
