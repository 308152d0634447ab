/* SPDX-License-Identifier: MIT */
/*
 * json_out.h: text as JSON where a document is written as it comes, in ASCII, and safe inside
 * HTML's script element too: no '<', '>', '&' or quote leaves its string.
 */
#ifndef LENS_JSON_OUT_H
#define LENS_JSON_OUT_H

#include "vmm/str.h"

/* Adds @s with its quotes. What is not UTF-8 becomes U+FFFD. */
void json_out_string(struct str *to, const char *s);
/* The same for at most @len bytes, up to a NUL if there is one. */
void json_out_bytes(struct str *to, const char *s, size_t len);

#endif
