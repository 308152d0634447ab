/* SPDX-License-Identifier: MIT */
/* log.c: one line, one write(2). */
#include "vmm/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "vmm/str.h"

/* Set before threads start, read by all of them. */
static enum log_level max_level = LOG_WARN;
static int log_fd = STDERR_FILENO;

static _Atomic bool raw_terminal;
static _Atomic unsigned lost_lines;

/* How long one line may wait for a slow reader. */
#define PATIENCE_MS 10

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_set_fd(int fd)
{
	log_fd = fd;
	atomic_store(&lost_lines, 0);
}

void log_set_raw_terminal(bool raw)
{
	atomic_store(&raw_terminal, raw);
}

bool log_enabled(enum log_level level)
{
	return level <= max_level;
}

/*
 * A log that cannot be written has nobody to complain to, and a reader who does not read must not
 * stop the VM. One line is less than what a pipe or terminal that polls writable takes without
 * making us wait (pipe(7): PIPE_BUF).
 */
static bool put_line(const char *s, size_t len, int patience_ms)
{
	struct pollfd p = { .fd = log_fd, .events = POLLOUT };
	ssize_t n;

	if (poll(&p, 1, patience_ms) == 0)
		return false;
	while (len) {
		n = write(log_fd, s, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

static const char *line_end(void)
{
	return atomic_load(&raw_terminal) && isatty(log_fd) ? "\r\n" : "\n";
}

/* Puts in front of a line how many could not be written before it. */
static int tell_lost(char *buf, size_t len, unsigned lost)
{
	return lost ? snprintf(buf, len, "trapeze: %u log lines were lost%s", lost, line_end()) : 0;
}

void log_vmsg(enum log_level level, const char *mod, const char *fmt, va_list ap)
{
	/* Most text escapes to itself; what does not fit ends in "...". */
	char text[1024], safe[1536], line[1728];
	int saved_errno = errno, n, at;
	unsigned lost;

	if (!log_enabled(level))
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof(text)) {
		memcpy(text + sizeof(text) - 4, "...", 4);
		n = sizeof(text) - 1;
	}
	str_escape(text, (size_t)n, safe, sizeof(safe));
	lost = atomic_exchange(&lost_lines, 0);
	at = tell_lost(line, sizeof(line), lost);
	n = snprintf(line + at, sizeof(line) - (size_t)at, "trapeze: %.100s%s%s%s", mod ? mod : "",
		     mod ? ": " : "", safe, line_end());
	if (n > 0 && !put_line(line, (size_t)at + (size_t)n, PATIENCE_MS))
		atomic_fetch_add(&lost_lines, lost + 1);
	errno = saved_errno;
}

/* Lines longer than what a pipe takes as a whole are cut there. */
bool log_text(const char *s, size_t len, unsigned patience_ms)
{
	const char *end = line_end(), *const stop = s + len;
	const size_t end_len = strlen(end);
	char buf[PIPE_BUF];
	size_t n = 0;

	while (s < stop) {
		const char *nl = memchr(s, '\n', (size_t)(stop - s));
		size_t line = (size_t)((nl ? nl : stop) - s);

		if (line > sizeof(buf) - end_len)
			line = sizeof(buf) - end_len;
		if (n + line + end_len > sizeof(buf)) {
			if (!put_line(buf, n, (int)patience_ms))
				return false;
			n = 0;
		}
		memcpy(buf + n, s, line);
		n += line;
		memcpy(buf + n, end, end_len);
		n += end_len;
		s = nl ? nl + 1 : stop;
	}
	return !n || put_line(buf, n, (int)patience_ms);
}

void log_msg(enum log_level level, const char *mod, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, mod, fmt, ap);
	va_end(ap);
}
