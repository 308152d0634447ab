/* SPDX-License-Identifier: MIT */
/* filter.h: a filter's words (filter_words.c), and how they are put together (filter.c). */
#ifndef LENS_FILTER_H
#define LENS_FILTER_H

#include "vmm/lens.h"

#define FILTER_OPS_MAX   128u
#define FILTER_VALUE_MAX 64u

#define FILTER_HINT                                                                                \
	"e.g. 'kind=io,dev=serial0', 'addr=0x3f8-0x3ff|nobody', '!kind=hlt'; keys: kind, dev, "    \
	"addr, reg, value, vcpu, rip"

enum filter_kind {
	FILTER_NOT,
	FILTER_AND,
	FILTER_OR,
	FILTER_KIND,
	FILTER_DEV,
	FILTER_ADDR,
	FILTER_REG,
	FILTER_VALUE,
	FILTER_VCPU,
	FILTER_RIP,
	FILTER_SYMBOL,
	FILTER_NOBODY,
};

struct filter_op {
	enum filter_kind kind;
	uint8_t which;               /* KIND: index into the table of kinds */
	uint64_t first, last;        /* ADDR, VALUE, VCPU, RIP */
	char text[FILTER_VALUE_MAX]; /* DEV, REG, SYMBOL */
};

struct lens_filter {
	struct filter_op op[FILTER_OPS_MAX];
	unsigned cnt;
};

/* @key=@value, or a word alone: a kind, or a device. @m may be NULL. */
int filter_key(const char *key, const char *value, const struct trace_machine *m,
	       struct filter_op *ret, struct error **errp) __must_check;
int filter_bare(const char *word, const struct trace_machine *m, struct filter_op *ret,
		struct error **errp) __must_check;

/* Whether @r fits one word. */
bool filter_fits(const struct filter_op *op, const struct lens *l, const struct trace_rec *r,
		 int vcpu);

#endif
