/* SPDX-License-Identifier: MIT */
/* error.c: errors as values, with a chain of context. */
#include "vmm/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/str.h"

struct error {
	int code;
	const char *file; /* where it was set; a string literal */
	int line;
	char *msg;
	char *hint;
};

/*
 * Running out of memory while reporting an error must still report something: a message that cannot
 * be allocated is replaced by this one.
 */
static char out_of_memory[] = "out of memory";
/* And so is the error itself: shared, never freed, never changed. */
static struct error nothing_left = { .code = ENOMEM, .msg = out_of_memory };

static __printf(1, 0) char *format(const char *fmt, va_list ap)
{
	char *s;

	return vasprintf(&s, fmt, ap) < 0 ? out_of_memory : s;
}

static void free_msg(char *s)
{
	if (s != out_of_memory)
		free(s);
}

static int new_error(struct error **errp, int code, const char *file, int line, char *msg)
{
	struct error *e = errp && !*errp ? calloc(1, sizeof(*e)) : NULL;

	/* err_negative() promises it to the compiler; an errno that somebody cleared is no success.
	 */
	if (code <= 0)
		code = EIO;
	if (!e) {
		free_msg(msg);
		if (errp && !*errp)
			*errp = &nothing_left;
		return -code;
	}
	*e = (struct error){ .code = code, .file = file, .line = line, .msg = msg };
	*errp = e;
	return -code;
}

int error_new(struct error **errp, int code, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *msg = format(fmt, ap);
	va_end(ap);
	return new_error(errp, code, file, line, msg);
}

int error_new_errno(struct error **errp, int code, const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	char *full, words[128];

	va_start(ap, fmt);
	char *msg = format(fmt, ap);
	va_end(ap);
	if (asprintf(&full, "%s: %s", msg, strerror_r(code, words, sizeof(words))) < 0)
		full = out_of_memory;
	free_msg(msg);
	return new_error(errp, code, file, line, full);
}

int error_wrap(struct error **errp, const char *fmt, ...)
{
	va_list ap;
	char *full;

	if (!errp || !*errp)
		return -EINVAL;
	if (*errp == &nothing_left)
		return -ENOMEM;
	va_start(ap, fmt);
	char *prefix = format(fmt, ap);
	va_end(ap);
	if (asprintf(&full, "%s: %s", prefix, (*errp)->msg) >= 0) {
		free_msg((*errp)->msg);
		(*errp)->msg = full;
	}
	free_msg(prefix);
	return -(*errp)->code;
}

void err_hint(struct error **errp, const char *fmt, ...)
{
	va_list ap;

	if (!errp || !*errp || *errp == &nothing_left)
		return;
	va_start(ap, fmt);
	char *hint = format(fmt, ap);
	va_end(ap);
	free_msg((*errp)->hint);
	(*errp)->hint = hint;
}

int error_code(const struct error *e)
{
	return e ? e->code : 0;
}

const char *error_msg(const struct error *e)
{
	return e ? e->msg : "";
}

const char *error_hint(const struct error *e)
{
	return e ? e->hint : NULL;
}

struct error *error_free(struct error *e)
{
	if (e && e != &nothing_left) {
		free_msg(e->msg);
		free_msg(e->hint);
		free(e);
	}
	return NULL;
}

static void print_escaped(FILE *f, const char *prefix, const char *text)
{
	char buf[2048];

	fprintf(f, "%s%s\n", prefix, str_escape(text, strlen(text), buf, sizeof(buf)));
}

void error_print(const struct error *e, FILE *f)
{
	if (!e)
		return;
	print_escaped(f, "trapeze: ", e->msg);
	if (e->hint)
		print_escaped(f, "  ", e->hint);
}
