/* SPDX-License-Identifier: MIT */
/*
 * page_column.h: the numbers of a page, a column each, little-endian, compressed as they come
 * (zlib, RFC 1950, which is what browsers call "deflate"), and strings by number.
 */
#ifndef LENS_PAGE_COLUMN_H
#define LENS_PAGE_COLUMN_H

#include <stdio.h>
#include <zlib.h>

#include "vmm/siphash.h"
#include "vmm/str.h"

struct page_column {
	const char *name;
	unsigned width; /* bytes an element: 1, 2, 4 */
	uint64_t cnt;
	z_stream z;
	struct str packed;
	uint8_t raw[16384]; /* not compressed yet */
	size_t raw_len;
	bool open, failed;
};

/* @name is borrowed. After a failure, as of all these, adding does nothing, and finishing fails. */
void page_column_open(struct page_column *c, const char *name, unsigned width);
void page_column_add(struct page_column *c, uint64_t v);
void page_column_add_bytes(struct page_column *c, const void *p, size_t len); /* of width 1 */
/* Nothing more is added. False: no memory. */
bool page_column_finish(struct page_column *c);
/* As an element that holds its type, length and base64. */
void page_column_write(const struct page_column *c, FILE *to);
void page_column_free(struct page_column *c); /* zeroed is fine */

/* Strings by number, in the order in which they came; each once. Number 0 is "". */
#define PAGE_STRINGS_BYTES (64u << 20)

struct page_strings {
	struct str text; /* each with its NUL */
	uint32_t *at;    /* where each begins */
	uint32_t cnt, room;
	uint32_t *slot; /* number + 1, by hash */
	uint32_t slot_cnt;
	struct siphash_key key;
	bool failed;
};

bool page_strings_init(struct page_strings *s);
/* 0 and s->failed if there is no room. */
uint32_t page_strings_number(struct page_strings *s, const char *text);
void page_strings_free(struct page_strings *s);

#endif
