/* SPDX-License-Identifier: MIT */
/* page_data.h: what a page shows, collected from a recording. */
#ifndef LENS_PAGE_DATA_H
#define LENS_PAGE_DATA_H

#include "lens/page_column.h"
#include "lens/requests.h"
#include "lens/view.h"

/* Columns: of each step (an exit, or an event outside of exits), of each effect of an exit, of each
 * I/O request, and of each step before which more time passed than its dt can say. 64-bit numbers
 * are two columns. page.js knows them by these names. */
#define PAGE_COLUMNS(X)                                                                            \
	X(dt, 4)                                                                                   \
	X(thread, 2)                                                                               \
	X(code, 1)                                                                                 \
	X(flags, 1)                                                                                \
	X(size, 1)                                                                                 \
	X(dev, 2)                                                                                  \
	X(num, 4)                                                                                  \
	X(label, 4)                                                                                \
	X(name, 4)                                                                                 \
	X(means, 4)                                                                                \
	X(sym, 4)                                                                                  \
	X(insn, 4)                                                                                 \
	X(why, 4)                                                                                  \
	X(rip_lo, 4)                                                                               \
	X(rip_hi, 4)                                                                               \
	X(addr_lo, 4)                                                                              \
	X(addr_hi, 4)                                                                              \
	X(value_lo, 4)                                                                             \
	X(value_hi, 4)                                                                             \
	X(count, 4)                                                                                \
	X(guest, 4)                                                                                \
	X(handler, 4)                                                                              \
	X(away, 4)                                                                                 \
	X(effects, 2)                                                                              \
	X(e_at, 4)                                                                                 \
	X(e_text, 4)                                                                               \
	X(e_dev, 2)                                                                                \
	X(e_code, 1)                                                                               \
	X(q_at_lo, 4)                                                                              \
	X(q_at_hi, 4)                                                                              \
	X(q_took_lo, 4)                                                                            \
	X(q_took_hi, 4)                                                                            \
	X(q_dev, 2)                                                                                \
	X(q_thread, 2)                                                                             \
	X(q_op, 4)                                                                                 \
	X(q_offset_lo, 4)                                                                          \
	X(q_offset_hi, 4)                                                                          \
	X(q_len_lo, 4)                                                                             \
	X(q_len_hi, 4)                                                                             \
	X(q_status, 4)                                                                             \
	X(gap_step, 4)                                                                             \
	X(gap_lo, 4)                                                                               \
	X(gap_hi, 4)                                                                               \
	X(strings, 1)

enum page_column_id {
#define X(name, width) PAGE_##name,
	PAGE_COLUMNS(X)
#undef X
		PAGE_COLUMN_CNT
};

/* Of one exit; the rest is counted. */
#define PAGE_EFFECTS_MAX 1000u
#define PAGE_EVENT       128u /* added to an event's number in column code */
#define PAGE_FIELD       255u /* a field's change in column e_code */

struct page_data {
	struct page_column col[PAGE_COLUMN_CNT];
	struct page_strings strings;
	struct requests requests;
	uint64_t max_steps, steps; /* with effects */
	uint64_t exits, events, last /* ns since the first entry */, effects_left_out;
};

/* @d is zeroed, but for max_steps. -E2BIG, -ENOMEM. To be freed also after an error. */
int page_data_collect(struct page_data *d, const struct trace *t, const struct lens_cut *c,
		      struct error **errp) __must_check;
void page_data_free(struct page_data *d);

#endif
