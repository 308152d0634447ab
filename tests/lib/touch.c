/* SPDX-License-Identifier: MIT */
/*
 * touch.c: pages without permissions fault at each access; the handler gives them back for one
 * instruction, by the trap flag of x86, and takes them away again.
 */
#include "tests/lib/touch.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/lib/fake.h"

#define EFLAGS_TF 0x100
#define PF_WRITE  0x2 /* page fault error code */

static struct {
	uint8_t *page;
	size_t len;
	void (*hook)(void *arg, unsigned n);
	void *hook_arg;
	struct touch_log *log;
	struct sigaction old_segv;
} t;

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	greg_t *reg = ((ucontext_t *)ctx)->uc_mcontext.gregs;
	uintptr_t off = (uintptr_t)si->si_addr - (uintptr_t)t.page;

	if (off >= t.len) { /* a genuine one: let it happen again, without us */
		sigaction(sig, &t.old_segv, NULL);
		return;
	}
	if (t.log->cnt < TOUCH_MAX) {
		t.log->at[t.log->cnt] = off;
		t.log->write[t.log->cnt] = reg[REG_ERR] & PF_WRITE;
	}
	t.log->cnt++;
	mprotect(t.page, t.len, PROT_READ | PROT_WRITE);
	reg[REG_EFL] |= EFLAGS_TF;
}

static void on_trap(int sig, siginfo_t *si, void *ctx)
{
	(void)sig, (void)si;
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_EFL] &= ~EFLAGS_TF;
	if (t.hook)
		t.hook(t.hook_arg, t.log->cnt);
	mprotect(t.page, t.len, PROT_NONE);
}

void touch_run(void *page, size_t len, void (*fn)(void *arg), void *arg,
	       void (*hook)(void *arg, unsigned n), void *hook_arg, struct touch_log *log)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO }, old_trap;

	t.page = page;
	t.len = len;
	t.hook = hook;
	t.hook_arg = hook_arg;
	t.log = log;
	memset(log, 0, sizeof(*log));
	sigaction(SIGSEGV, &fault, &t.old_segv);
	sigaction(SIGTRAP, &trap, &old_trap);
	assert_int_equal(mprotect(page, len, PROT_NONE), 0);
	fn(arg);
	assert_int_equal(mprotect(page, len, PROT_READ | PROT_WRITE), 0);
	sigaction(SIGTRAP, &old_trap, NULL);
	sigaction(SIGSEGV, &t.old_segv, NULL);
}
