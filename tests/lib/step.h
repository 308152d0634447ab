/* SPDX-License-Identifier: MIT */
/*
 * step.h: runs a function one instruction at a time (the trap flag of x86), to count what it
 * executes or to act between any two of its instructions, as another CPU could.
 */
#ifndef TESTS_STEP_H
#define TESTS_STEP_H

#include <stdint.h>

/*
 * Runs fn(arg) and returns how many instructions that took, the call and return included. After
 * each of them, where @hook is given, runs hook(hook_arg, n) with their number so far, in a signal
 * handler. System calls count as one. Not reentrant; one thread at a time.
 */
uint64_t step_run(void (*fn)(void *arg), void *arg, void (*hook)(void *arg, uint64_t n),
		  void *hook_arg);

#endif
