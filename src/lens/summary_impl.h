/* SPDX-License-Identifier: MIT */
/* summary_impl.h: what a summary is made of; for summary.c and summary_print.c. */
#ifndef LENS_SUMMARY_IMPL_H
#define LENS_SUMMARY_IMPL_H

#include "lens/requests.h"
#include "lens/summary.h"

#define SUMMARY_SLOTS (4 * SUMMARY_ROWS) /* so that chains are short */
/* Rows that are printed unless somebody wants another number. */
#define SUMMARY_SHOWN 40u

struct summary_entry {
	const char *kind; /* lens_kind_name()'s */
	char *name;
	uint32_t hash;
	uint64_t handler_ns;
	struct histogram away;
};

struct summary_device {
	uint64_t exits, away_ns, handler_ns, events;
	struct histogram *request; /* how long I/O requests took; NULL: none seen */
};

struct lens_summary {
	struct summary_entry row[SUMMARY_ROWS]; /* their memory comes when they are used */
	unsigned row_cnt, max_rows;
	uint16_t slot[SUMMARY_SLOTS]; /* row's number + 1; 0: free */
	struct summary_entry other;
	struct str name; /* of the exit that is added */
	struct summary_totals totals;
	/* Of a part of a recording: how long it was on all vCPUs, and the whole run's exits; or 0.
	 */
	uint64_t part_wall, whole_exits;
	struct summary_device device[TRACE_DEVICES_MAX];
	struct requests requests;
};

#endif
