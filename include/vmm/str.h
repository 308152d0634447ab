/* SPDX-License-Identifier: MIT */
/* str.h: strings that grow, and strings that came from elsewhere. */
#ifndef VMM_STR_H
#define VMM_STR_H

#include "vmm/base.h"

/* A string under construction. Zeroed is empty. An allocation failure latches: the rest is dropped,
 * str_take() is NULL. */
struct str {
	char *s;
	size_t len, cap;
	bool failed;
};

void str_add(struct str *b, const char *fmt, ...) __printf(2, 3);
void str_add_bytes(struct str *b, const char *p, size_t len);
char *str_take(struct str *b); /* the caller frees; "" if nothing was added; resets @b */
void str_free(struct str *b);

/*
 * Copies @len bytes of @s to @buf with everything a terminal could act on written as \n, \t or
 * \xNN. Always ends in NUL; cuts what does not fit and ends in "...". Returns @buf. UTF-8 passes
 * through.
 */
char *str_escape(const char *s, size_t len, char *buf, size_t buf_len);

#endif
