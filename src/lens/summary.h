/* SPDX-License-Identifier: MIT */
/* summary.h: the rows of a summary, for who prints or compares them. */
#ifndef LENS_SUMMARY_H
#define LENS_SUMMARY_H

#include "lens/histogram.h"
#include "vmm/lens.h"

/* Registers that have a row of their own. When there are more, the rarer half of them goes to the
 * row "other". A row is some 2 KiB. */
#define SUMMARY_ROWS 512u

/* All exits of one kind at registers of one name. */
struct summary_row {
	char *kind, *name;
	bool other; /* what has no row of its own */
	uint64_t handler_ns;
	struct histogram away;
};
struct summary_table { /* those that took most time first, "other" last */
	struct summary_row *row;
	unsigned cnt;
};

/* False: no memory; @ret is untouched then. */
bool summary_table(const struct lens_summary *s, struct summary_table *ret);
void summary_table_free(struct summary_table *t);

/* All exits together. */
struct summary_totals {
	uint64_t exits, away_ns, handler_ns;
	uint64_t run_ns;      /* in KVM_RUN before exits */
	uint64_t first, last; /* when: CLOCK_MONOTONIC, of the first exit and of the last entry */
	uint64_t halted_ns;   /* of @away_ns, in HLT */
};
void summary_totals(const struct lens_summary *s, struct summary_totals *ret);

/* The wall time of all vCPUs together: @time's, else from the first exit to the last entry. */
uint64_t summary_wall(const struct lens_summary *s, const struct lens *l,
		      const struct trace_cpu_time *time, unsigned cpu_cnt);

/* What a statistic of KVM counts; NULL: not one that says something here. */
const char *summary_stat_words(const char *name);

/* "940 ns", "1.23 us", "12.4 ms", "3.21 s", "2 h 03 min": at most 10 characters. Returns @buf. */
#define SPAN_MAX 24
const char *lens_span(uint64_t ns, char buf[SPAN_MAX]);

#endif
