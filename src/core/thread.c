/* SPDX-License-Identifier: MIT */
/* thread.c: how every thread of this process is started. */
#include "core/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "vmm/error.h"

/*
 * Nothing here recurses or keeps large buffers on the stack. Only touched pages cost memory, but
 * the reservation counts against address-space limits when there are hundreds of vCPUs. Sanitizers
 * need more.
 */
#define STACK_SIZE (SANITIZED ? 1024 * 1024 : 128 * 1024)

/* A blocked fault kills without its handler, which has the terminal to restore (signal(7)). */
static const int faults[] = { SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS };

struct start {
	char name[16];
	void *(*fn)(void *);
	void *arg;
};

/* A thread names itself: from outside that takes a walk through /proc. */
static void *thread_main(void *p)
{
	struct start s = *(struct start *)p;

	free(p);
	prctl(PR_SET_NAME, s.name);
	return s.fn(s.arg);
}

int thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg,
		 struct error **errp)
{
	struct start *s = malloc(sizeof(*s));
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	if (!s)
		return err_set(errp, ENOMEM, "cannot start thread '%s'", name);
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->fn = fn;
	s->arg = arg;
	sigfillset(&all);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(t, &attr, thread_main, s);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!r)
		return 0;
	free(s);
	return err_errno(errp, r, "cannot start thread '%s'", name);
}
