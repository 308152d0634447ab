/* SPDX-License-Identifier: MIT */
/* base.h: the few macros every file uses. No state, no policy. */
#ifndef VMM_BASE_H
#define VMM_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
/*
 * For a large local that is about to be filled: not zeroed by -ftrivial-auto-var-init, which for a
 * table of 10 KiB costs more than filling the part of it that is used.
 */
#define UNINITIALIZED __attribute__((uninitialized))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define __must_check        __attribute__((warn_unused_result))

/* A char array that need not end in NUL. */
#if __has_attribute(nonstring)
#define __nonstring __attribute__((nonstring))
#else
#define __nonstring
#endif

/* 1 in a build with AddressSanitizer or ThreadSanitizer. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Rounds up to a power-of-two @align; the caller has excluded wrap-around. */
static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

/* --- scope-bound ownership -------------------------------------------------------------- */

/* Runs fn(&variable) when the variable leaves its scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void base_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void base_freep(void *p)
{
	free(*(void **)p);
}

#define _cleanup_close_ _cleanup_(base_closep)
#define _cleanup_free_  _cleanup_(base_freep)

/* Moves ownership out of a _cleanup_close_ variable. */
static inline int take_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

/* Moves ownership out of a _cleanup_ pointer variable. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) _v = (p);                                                            \
		(p) = NULL;                                                                        \
		_v;                                                                                \
	})

#endif
