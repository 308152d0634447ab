/* SPDX-License-Identifier: MIT */
/* trace_index.h: records in memory, and the order in which they are told. */
#ifndef LENS_TRACE_INDEX_H
#define LENS_TRACE_INDEX_H

#include "vmm/trace_file.h"

/* Records that grow. */
struct rec_list {
	struct trace_rec *rec;
	size_t cnt, room;
};
/* False: no memory. */
bool rec_list_add(struct rec_list *l, const struct trace_rec *r) __must_check;

/* A record to be told, and how many in front of it are its effects. */
struct index_item {
	const struct trace_rec *rec;
	uint32_t effect_cnt;
	uint16_t thread;
};

struct trace_index {
	struct rec_list thread[TRACE_THREADS_MAX]; /* EXIT, EVENT, FIELD in the thread's order */
	struct rec_list code, kernel;
	struct index_item *item;
	uint64_t item_cnt, room;
};

/* When all records are there. False: no memory. */
bool trace_index_build(struct trace_index *x) __must_check;
struct trace_index *trace_index_free(struct trace_index *x); /* NULL-safe, returns NULL */

#endif
