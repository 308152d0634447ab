/* SPDX-License-Identifier: MIT */
/* step.c: single-stepping one's own thread. */
#include "tests/lib/step.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

static struct {
	void (*hook)(void *arg, uint64_t n);
	void *hook_arg;
	uint64_t n;
} step;

static void on_trap(int sig, siginfo_t *si, void *ctx)
{
	(void)sig, (void)si, (void)ctx;
	step.n++;
	if (step.hook)
		step.hook(step.hook_arg, step.n);
}

/* Below the red zone, which the compiler may be using. */
static inline __attribute__((always_inline)) void trap_on(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::
				 : "memory", "cc");
}

static inline __attribute__((always_inline)) void trap_off(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::
				 : "memory", "cc");
}

static __attribute__((noinline)) uint64_t stepped(void (*fn)(void *arg), void *arg)
{
	step.n = 0;
	trap_on();
	fn(arg);
	trap_off();
	return step.n;
}

static void nothing(void *arg)
{
	(void)arg;
}

uint64_t step_run(void (*fn)(void *arg), void *arg, void (*hook)(void *arg, uint64_t n),
		  void *hook_arg)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO }, old;
	uint64_t own, n;

	step.hook = NULL;
	sigaction(SIGTRAP, &sa, &old);
	own = stepped(nothing, NULL);
	step.hook = hook;
	step.hook_arg = hook_arg;
	n = stepped(fn, arg);
	sigaction(SIGTRAP, &old, NULL);
	/* An empty function's call, body and return: at least call and ret belong to fn, too. */
	return n > own ? n - own + 2 : 2;
}
