/* SPDX-License-Identifier: MIT */
/* judge.h: what a request means for the run: go on, start over, or end, and how it is then said to
 * have ended. Rules only; requests.c asks and carries out. */
#ifndef MACHINE_JUDGE_H
#define MACHINE_JUDGE_H

#include "vmm/power.h"
#include "vmm/vcpu.h"
#include "vmm/verdict.h"

/* Why the machine was asked to stop. */
enum request_kind {
	REQ_NONE,
	REQ_POWER,     /* a chip asked: event and value */
	REQ_CPU_ENDED, /* a vCPU cannot go on: cpu, why, detail */
	REQ_PANIC,     /* the console has shown all of a kernel panic */
	REQ_TIMEOUT,
	REQ_RAM_LOST, /* pages of guest memory are gone: gm_check() */
	REQ_SIGNAL,   /* value: the signal */
	REQ_QUIT,     /* Ctrl-A x */
};

struct request {
	enum request_kind kind;
	enum power_event event;
	unsigned value;
	unsigned cpu;
	enum vcpu_end why;
	uint64_t detail;
};

/* What else counts. */
struct circumstances {
	const char
		*panic; /* the line with which a kernel panicked on the console; NULL: none did */
	bool ram_lost;  /* pages of guest memory are gone, whether anyone has told us or not */
	bool no_reboot; /* a reset ends the run */
	unsigned timeout_s;
};

enum ruling {
	RULE_GO_ON,
	RULE_RESTART,
	RULE_END,     /* with the verdict */
	RULE_FAIL,    /* with an error of the host's or our own making */
	RULE_CPU_LOST /* RULE_FAIL, because KVM cannot run the request's CPU */
};

struct judgement {
	enum ruling ruling;
	struct verdict verdict; /* RULE_END */
	bool dump_cpu;          /* the request's CPU is worth a look */
};

struct judgement judge(const struct request *r, const struct circumstances *c);

/* Whether @r stands against requests that come while it waits: the first one that ends the run
 * wins, one that only restarts the guest gives way. */
bool judge_is_final(const struct request *r, bool no_reboot);

#endif
