/* SPDX-License-Identifier: MIT */
/* parse.h: strict readers of what people type. The whole string must be used; every error says what
 * would be right. */
#ifndef VMM_PARSE_H
#define VMM_PARSE_H

#include "vmm/base.h"

struct error;

/* Decimal or 0x hexadecimal in [min, max]. */
int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret,
	      struct error **errp) __must_check;
/* Bytes: number with optional suffix B, K, M, G, T (KiB.. also "KiB"/"KB" = 1024 powers); a bare
 * number is MiB. "1.5G" is exact or refused. */
int parse_size(const char *s, uint64_t *ret, struct error **errp) __must_check;
/* Nanoseconds: number with ns, us, ms, s, m, h; a bare number is seconds; fractions allowed. */
int parse_duration(const char *s, uint64_t *ret_ns, struct error **errp) __must_check;
/* on|off|yes|no|true|false */
int parse_bool(const char *s, bool *ret, struct error **errp) __must_check;

/*
 * The text of *s up to the next lone comma, with two commas read as one; *s is then behind that
 * comma, or NULL at the end. The caller frees; NULL: no memory.
 */
char *parse_item(const char **s);

/* "512 MiB", "1.5 GiB": the way sizes are echoed back. @buf of at least 24 bytes; returns it. */
char *format_size(uint64_t bytes, char *buf, size_t len);

/* The entry of @names (cnt strings) nearest to @s by edit distance, or NULL if none is near enough
 * to suggest. */
const char *nearest(const char *s, const char *const *names, unsigned cnt);

#endif
