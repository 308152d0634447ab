/* SPDX-License-Identifier: MIT */
/*
 * touch.h: sees each single access that a function makes to some pages of memory, and lets a test
 * act after any of them, as another CPU could. Between two accesses, nothing that is done to the
 * pages makes a difference: so acting after each is acting at every moment there is.
 */
#ifndef TESTS_TOUCH_H
#define TESTS_TOUCH_H

#include <stddef.h>
#include <stdint.h>

#define TOUCH_MAX 512

struct touch_log {
	unsigned cnt;            /* accesses; those beyond TOUCH_MAX are not in the arrays */
	uintptr_t at[TOUCH_MAX]; /* where each began, from the first page on */
	_Bool write[TOUCH_MAX];
};

/*
 * Runs fn(arg). After each instruction of it that accessed the @len bytes at @page (whole pages),
 * runs hook(hook_arg, n), with n = 1 for the first; the hook may access them freely, but is in a
 * signal handler. One thread at a time; not under ThreadSanitizer, where signals come late.
 */
void touch_run(void *page, size_t len, void (*fn)(void *arg), void *arg,
	       void (*hook)(void *arg, unsigned n), void *hook_arg, struct touch_log *log);

#endif
