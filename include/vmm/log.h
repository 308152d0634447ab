/* SPDX-License-Identifier: MIT */
/* log.h: what the VMM says about itself, on stderr or --log-file; never mixed into the guest's
 * console. */
#ifndef VMM_LOG_H
#define VMM_LOG_H

#include <stdarg.h>

#include "vmm/base.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DBG };

struct device;

/* Messages above @level are dropped. Default LOG_WARN. Call before threads start. */
void log_set_level(enum log_level level);

/* Redirects to @fd (borrowed, must stay open). Default 2. Call before threads start. */
void log_set_fd(int fd);

/*
 * The terminal does no output processing at the moment: lines that go to a terminal end in CR LF.
 * Any thread; async-signal-safe.
 */
void log_set_raw_terminal(bool raw);

/*
 * Writes one line "trapeze: <mod>: <text>"; control bytes are escaped. One write(2), so lines do
 * not interleave. If the reader makes no room within 10 ms the line is lost; the next one that
 * is not says how many were. Any thread; a leaf lock at most.
 */
void log_msg(enum log_level level, const char *mod, const char *fmt, ...) __printf(3, 4);
void log_vmsg(enum log_level level, const char *mod, const char *fmt, va_list ap) __printf(3, 0);

/*
 * Text of whole lines to where the log goes, as it is, whatever the level. Waits while a slow
 * reader takes nothing, but for no longer than @patience_ms at a time: false if it gave up, and the
 * rest is lost. One thread at a time.
 */
bool log_text(const char *s, size_t len, unsigned patience_ms) __must_check;

/* Whether a message of @level would be written: saves composing one that would not. */
bool log_enabled(enum log_level level);

/*
 * The guest misbehaved towards @d: rate-limited per device (10 lines per 5 s, then one line with
 * the suppressed count), always counted, never fatal. Any thread.
 */
void log_guest(struct device *d, const char *fmt, ...) __printf(2, 3);
/* The same at a given time on CLOCK_MONOTONIC. */
void log_guest_at(struct device *d, uint64_t now_ns, const char *fmt, ...) __printf(3, 4);

#endif
