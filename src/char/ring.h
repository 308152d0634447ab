/* SPDX-License-Identifier: MIT */
/*
 * ring.h: bytes on their way from the guest to a reader who may have stopped reading. Bounded; when
 * it is full the oldest lines go, because the end of a console log is what people look for. No
 * lock of its own.
 */
#ifndef CHAR_RING_H
#define CHAR_RING_H

#include "vmm/base.h"

struct error;

struct ring {
	uint8_t *buf;  /* mapped, not allocated: a page costs nothing until it is used */
	size_t size;   /* a power of two */
	size_t head;   /* bytes ever put, modulo size when empty */
	size_t tail;   /* bytes ever taken or dropped; tail <= head <= tail + size */
	size_t peak;   /* the highest index + 1 touched since the pages were last given back */
	uint64_t lost; /* bytes dropped so far */
};

/* @size: a power of two, at least one page. */
int ring_init(struct ring *r, size_t size, struct error **errp) __must_check;
void ring_destroy(struct ring *r); /* fine on a zeroed @r */

static inline size_t ring_used(const struct ring *r)
{
	return r->head - r->tail;
}

/* Takes all of it; makes room by dropping the oldest bytes,
 * up to the end of a line if one is near. */
void ring_put(struct ring *r, const uint8_t *p, size_t len);

/* Moves at most @len bytes out; returns how many. */
size_t ring_get(struct ring *r, uint8_t *p, size_t len);

#endif
