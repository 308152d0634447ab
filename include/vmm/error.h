/* SPDX-License-Identifier: MIT */
/*
 * error.h: the program's only error vocabulary.
 *
 * Setup and control paths take `struct error **errp` last and return 0 or a negative errno-like
 * code. Library code returns; main() prints, once. Per-request paths (bus, queues) do not use this:
 * they return an enum and bump a counter.
 */
#ifndef VMM_ERROR_H
#define VMM_ERROR_H

#include <stdio.h>

#include "vmm/base.h"

struct error;

/*
 * Creates an error and stores it in *errp (errp may be NULL: the error is dropped). The message
 * names the object in quotes and, where there is one, the user's next step. No trailing full stop,
 * no newline, no errno text: err_errno() adds that. Returns -code. Any thread.
 */
#define err_set(errp, code, ...)                                                                   \
	err_negative(error_new((errp), (code), __FILE__, __LINE__, __VA_ARGS__))

/* Like err_set(), and appends ": " and the words for errno value @code. */
#define err_errno(errp, code, ...)                                                                 \
	err_negative(error_new_errno((errp), (code), __FILE__, __LINE__, __VA_ARGS__))

int error_new(struct error **errp, int code, const char *file, int line, const char *fmt, ...)
	__printf(5, 6);
int error_new_errno(struct error **errp, int code, const char *file, int line, const char *fmt, ...)
	__printf(5, 6);

/* Puts "<message>: " in front of what *errp says. Returns the root cause's -code (-EINVAL if errp
 * or *errp is NULL). */
#define err_wrap(errp, ...) err_negative(error_wrap((errp), __VA_ARGS__))
int error_wrap(struct error **errp, const char *fmt, ...) __printf(2, 3);

/*
 * Every error is negative, error.c sees to that. Saying so lets compilers and analyzers know that
 * the path on which a function failed is not the one on which it filled in its results.
 */
static inline int err_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}

/* Adds advice ("add yourself to group kvm"), shown on a line of its own after the message. */
void err_hint(struct error **errp, const char *fmt, ...) __printf(2, 3);

int error_code(const struct error *e);         /* the positive code; 0 for NULL */
const char *error_msg(const struct error *e);  /* the whole sentence; "" for NULL; owned by @e */
const char *error_hint(const struct error *e); /* NULL if there is none; owned by @e */

/* Frees @e (NULL-safe) and returns NULL. */
struct error *error_free(struct error *e);

/* Writes "trapeze: <message>\n" and the hint, control bytes escaped. */
void error_print(const struct error *e, FILE *f);

static inline void error_freep(struct error **e)
{
	*e = error_free(*e);
}

#endif
