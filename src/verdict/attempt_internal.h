/* SPDX-License-Identifier: MIT */
/* attempt_internal.h: an attempt under way (attempt.c) and what is made of it (attempt_result.c).
 */
#ifndef VERDICT_ATTEMPT_INTERNAL_H
#define VERDICT_ATTEMPT_INTERNAL_H

#include "verdict/attempt.h"
#include "verdict/child.h"
#include "verdict/feed.h"
#include "verdict/nested.h"
#include "verdict/relay.h"
#include "verdict/tail.h"
#include "verdict/trouble.h"
#include "vmm/str.h"

enum stage { STAGE_BOOTS, STAGE_RUNS, STAGE_ENDS };

enum stream {
	STREAM_CONTROL,
	STREAM_STDOUT,
	STREAM_STDERR,
	STREAM_CONSOLE,
	STREAM_REPORT,
	STREAM_CNT,
};

struct input {
	struct attempt *attempt;
	struct ev_fd ev;
	bool waits; /* for room where it goes */
	bool over;
};

struct attempt {
	struct attempt_params p;
	pid_t pid; /* -1: there is none (any more) */
	int fd[PORT_CNT], console_fd, report_fd, log_fd;
	struct input in[STREAM_CNT];
	enum stage stage;
	bool gone;     /* the child was waited for */
	bool finished; /* done() comes, or came */
	bool hurry;    /* what our own output has no room for is not waited for */
	bool killed;

	struct guest_record_reader control, serial;
	bool control_used; /* a record came on it: none come on COM1 */
	uint32_t out_seq, serial_seq;
	uint8_t last_byte; /* of the console */
	bool last_owned;

	struct trouble *trouble;
	struct nested *nested[2]; /* of standard output, of the console */
	struct artefacts *art;
	struct tail tail[2];
	struct relay relay[2]; /* if passthrough */
	struct feed feed;
	struct str report; /* as the child wrote it */

	struct ev_timer boot, test, idle, kill;
	struct ev_work done_work;
	uint64_t start_ns, output_ns; /* on the loop's clock */
	uint64_t start_rt;            /* CLOCK_REALTIME */
	uint64_t boot_ns, run_ns, gone_ns, user_ns, system_ns;
	struct test_evidence e;
};

/* Has the end come, or can it go on? After anything that may have changed that. */
void attempt_look_for_end(struct attempt *a);

#endif
