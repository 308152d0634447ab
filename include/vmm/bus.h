/* SPDX-License-Identifier: MIT */
/*
 * bus.h: an address space (port I/O, or MMIO) and who answers where.
 *
 * Readers take no lock: they acquire-load an immutable sorted table, try the caller's last hit,
 * else search it. Writers (bus_map, bus_move, bus_unmap) build a new table under the topology lock,
 * a leaf lock, publish it with a release store and retire the old one; epoch.h says when that is
 * freed.
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include "vmm/device.h"
#include "vmm/epoch.h"
#include "vmm/guestmem.h"

struct bus;

/* A reader's last hit. One per vCPU and bus, zeroed at start, private to its thread. */
struct bus_hint {
	uint64_t gen; /* of the table it was found in */
	uint64_t base, len;
	struct io_region *region;
	struct mutex *lock; /* NULL: the device locks itself */
	unsigned widths;    /* the sizes its handlers take, ORed: 1, 2, 4, 8 are their own bits */
};

/* @name: "port" or "memory", for messages; @limit:
 * the first address that does not exist (0: 2^64). */
struct bus *bus_create(const char *name, uint64_t limit, struct epoch *ep,
		       struct error **errp) __must_check;
struct bus *bus_destroy(struct bus *b); /* NULL-safe, returns NULL; no reader may be left */

/* Makes @r answer at [base, base + r->len). -EEXIST names both owners, -ERANGE past the end, -EBUSY
 * after too many changes while some reader did not move. Any thread. */
int bus_map(struct bus *b, struct io_region *r, gpa_t base, struct error **errp) __must_check;
/* Moves a mapped region; on error it stays where it was. From a vCPU thread (BAR writes), device
 * lock held. */
int bus_move(struct bus *b, struct io_region *r, gpa_t base, struct error **errp) __must_check;
void bus_unmap(struct bus *b, struct io_region *r);

/*
 * One access of 1, 2, 4 or 8 bytes, any alignment; may straddle regions. No owner: reads all-ones,
 * the write vanishes, both are counted. Only between epoch_enter() and epoch_leave() of the calling
 * thread.
 */
uint64_t bus_read(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size);
void bus_write(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size, uint64_t v);

/*
 * Somebody who looks on while a device works: called for each call of a handler, around it, with
 * the device's lock held (all the time, unless the device locks itself: then just for them). What
 * nobody answers is no call.
 */
struct bus_watch {
	void (*before)(struct bus_watch *w, struct io_region *r, uint32_t off);
	void (*after)(struct bus_watch *w, struct io_region *r);
};
/* As bus_read() and bus_write(), a search each time. */
uint64_t bus_read_watched(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size,
			  struct bus_watch *w);
void bus_write_watched(struct bus *b, struct bus_hint *h, gpa_t a, unsigned size, uint64_t v,
		       struct bus_watch *w);

/* The region that answers at @a or NULL, for messages and the lens. Same rule as bus_read(). */
struct io_region *bus_find(struct bus *b, gpa_t a);

/* Does @r answer on this bus now, and where? Any thread, no epoch needed. */
bool bus_maps(struct bus *b, const struct io_region *r, gpa_t *base);

struct bus_stats {
	uint64_t unclaimed_reads, unclaimed_writes, bad_width;
};
struct bus_stats bus_stats(const struct bus *b);

#endif
