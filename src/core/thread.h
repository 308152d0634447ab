/* SPDX-License-Identifier: MIT */
/* thread.h: how every thread of this process is started. */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <pthread.h>

struct error;

/*
 * Starts fn(arg) as a thread named @name (15 characters are kept) with a small stack and all
 * signals but faults blocked: signals are the main thread's business, and the vCPU kick is
 * unblocked where KVM_RUN wants it.
 */
int thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg,
		 struct error **errp);

#endif
