/* SPDX-License-Identifier: MIT */
/*
 * lock.h: mutexes, and the words by which code says what it expects of them; clang checks these
 * (-Wthread-safety).
 *
 *   uint64_t sum GUARDED_BY(lock);                  a field, and a lock in the same struct
 *   static void add_locked(...) REQUIRES(q->lock);  the caller holds it
 *   void queue_lock(...) ACQUIRE(q->lock);          returns with it held; RELEASE: without
 *
 * Leaf locks (the default here) call nothing that takes another; where one does, its struct says
 * so.
 */
#ifndef VMM_LOCK_H
#define VMM_LOCK_H

#include <pthread.h>

#if defined(__clang__)
#define THREAD_ANNOTATION(x) __attribute__((x))
#else
#define THREAD_ANNOTATION(x)
#endif
/* No attribute in C can name another member of its struct up to clang 21. No parentheses: they hide
 * the member from the analysis. */
#if defined(__clang__) && __clang_major__ >= 22
#define GUARDED_BY(member) THREAD_ANNOTATION(guarded_by(&member))
#else
#define GUARDED_BY(member)
#endif
#define CAPABILITY(name)          THREAD_ANNOTATION(capability(name))
#define REQUIRES(...)             THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define ACQUIRE(...)              THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...)              THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS THREAD_ANNOTATION(no_thread_safety_analysis)
/* On a function: no other thread has the object yet, or any more. */
#define UNSHARED NO_THREAD_SAFETY_ANALYSIS

struct CAPABILITY("mutex") mutex {
	pthread_mutex_t pthread;
};

/* Neither can fail for the default attributes (pthread_mutex_init(3)). */
static inline void mutex_init(struct mutex *m)
{
	pthread_mutex_init(&m->pthread, NULL);
}

static inline void mutex_destroy(struct mutex *m)
{
	pthread_mutex_destroy(&m->pthread);
}

static inline void mutex_lock(struct mutex *m) ACQUIRE(*m) NO_THREAD_SAFETY_ANALYSIS
{
	pthread_mutex_lock(&m->pthread);
}

static inline void mutex_unlock(struct mutex *m) RELEASE(*m) NO_THREAD_SAFETY_ANALYSIS
{
	pthread_mutex_unlock(&m->pthread);
}

/* Lets go of @m until @c is signalled, maybe spuriously; returns with @m held. */
static inline void mutex_wait(struct mutex *m, pthread_cond_t *c) REQUIRES(*m)
{
	pthread_cond_wait(c, &m->pthread);
}

#endif
