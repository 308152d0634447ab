/* SPDX-License-Identifier: MIT */
/* json.h: jansson with this program's errors. The types are jansson's;
 * base owns nothing of them. */
#ifndef VMM_JSON_H
#define VMM_JSON_H

#include <jansson.h>

#include "vmm/base.h"

struct error;

/* A configuration of more bytes than this is a mistake ("--config disk.img"). */
#define JSON_MAX_BYTES (UINT64_C(1) << 20)

/*
 * Reads the file @path (at most JSON_MAX_BYTES; a pipe will do) and parses it. Duplicate keys are
 * errors. The message names the file, and for a syntax error its line and column. The caller
 * json_decref()s *ret.
 */
int json_read(const char *path, json_t **ret, struct error **errp) __must_check;

/* The same for text in memory; @what names it in messages. */
int json_parse(const char *text, size_t len, const char *what, json_t **ret,
	       struct error **errp) __must_check;

/* "a string", "a number", "an object", "null" ...: static. */
const char *json_kind(const json_t *j);

/* Releases a _cleanup_(json_freep) reference. */
static inline void json_freep(json_t **j)
{
	json_decref(*j);
}

#endif
