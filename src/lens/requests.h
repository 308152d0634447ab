/* SPDX-License-Identifier: MIT */
/*
 * requests.h: the beginnings and ends of I/O requests, put together. Memory is fixed: what was
 * begun longest ago makes room for what is begun now.
 */
#ifndef LENS_REQUESTS_H
#define LENS_REQUESTS_H

#include "vmm/trace.h"

#define REQUESTS_SETS 1024u
#define REQUESTS_WAYS 4u

struct request {
	uint64_t begin, end; /* CLOCK_MONOTONIC, ns */
	uint64_t id, op, offset, len, status;
	unsigned thread; /* that began it */
	uint16_t dev;
};

struct requests_half {
	struct trace_rec rec; /* kind 0: free */
	unsigned thread;
};
struct requests { /* zeroed: none is open; large */
	struct requests_half half[REQUESTS_SETS][REQUESTS_WAYS];
};

/*
 * Takes a TRACE_E_IO_BEGIN or TRACE_E_IO_END; others are ignored. True: with this one a request is
 * complete. Of different threads an end may come before its beginning.
 */
bool requests_add(struct requests *q, const struct trace_rec *r, unsigned thread,
		  struct request *ret);

#endif
