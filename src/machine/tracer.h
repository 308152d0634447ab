/* SPDX-License-Identifier: MIT */
/* tracer.h: what the files of a machine's tracing share. */
#ifndef MACHINE_TRACER_H
#define MACHINE_TRACER_H

#include <pthread.h>

#include "vmm/lens.h"
#include "vmm/lock.h"
#include "vmm/symbols.h"
#include "vmm/trace_file.h"
#include "vmm/vcpu.h"

struct machine;

/* --- trace_machine.c: the machine, for whoever reads its records ------------------------------ */

/* Fills @ret with what the machine is now; -ENOMEM. Freed by trace_machine_clear(). The machine may
 * run. */
int trace_machine_describe(struct machine *m, uint64_t begin, struct trace_machine *ret,
			   struct error **errp) __must_check;
void trace_machine_clear(struct trace_machine *t); /* accepts a zeroed one */

/* --- trace_time.c: where time went ------------------------------------------------------------ */

/* Counters of the host that never start at 0: what they were when the trace began. */
struct trace_baseline {
	struct vcpu_usage *usage; /* cpu_cnt */
	struct kvm_stat *stat;
	unsigned stat_cnt;
};
int trace_baseline_take(struct vcpu_set *s, unsigned cpu_cnt, struct trace_baseline *ret,
			struct error **errp) __must_check;
void trace_baseline_clear(struct trace_baseline *b);

struct trace_cost {
	struct trace_cpu_time *time; /* cpu_cnt */
	struct trace_stat *stat;
	unsigned stat_cnt;
};
/* Since then. What there is no memory for is missing. */
void trace_cost_take(struct vcpu_set *s, unsigned cpu_cnt, const struct trace_baseline *b,
		     struct trace_cost *ret);
void trace_cost_clear(struct trace_cost *c);

/* --- trace_feed.c: from rings to sinks -------------------------------------------------------- */

/* Where records go. Any may be NULL or false. */
struct trace_sinks {
	struct lens_filter *filter; /* what does not fit goes nowhere */
	struct trace_writer *writer;
	struct lens_summary *summary;
	bool lines;
};

#define TRACE_CODE_SLOTS 1024u

/* What came out of one thread's ring and waits for the end of its story. */
struct trace_feed {
	struct trace_thread thread;
	struct trace_rec *rec;  /* TRACE_FEED_MAX */
	unsigned first, last;   /* rec[first..last) wait */
	struct trace_rec *code; /* of a vCPU: TRACE_CODE_SLOTS, by RIP; NULL: none yet */
};

/* The kernel's names, once they are needed. */
struct trace_names {
	const char *kernel; /* borrowed; NULL: there is none to look into */
	bool may_move;      /* it unpacks itself */
	bool tried;
	struct symbols symbols;
	bool told; /* by @last, of kind TRACE_KERNEL */
	struct trace_rec last;
};

struct tracer {
	struct machine *m;
	struct trace_machine machine;
	struct trace_baseline baseline;
	struct trace_names names;
	struct lens lens;
	struct trace_sinks sinks;
	struct trace_feed *feed[TRACE_THREADS_MAX];
	struct str lines;          /* not written yet */
	uint64_t lines_lost;       /* nobody read them */
	uint64_t flushed;          /* when the file was; ns */
	uint64_t no_memory;        /* records that could not be looked at */
	struct error *write_error; /* of the file: the first; nothing is written after it */

	pthread_t thread;
	bool has_thread;
	struct mutex lock;
	pthread_cond_t cond;
	bool quit GUARDED_BY(lock);
	bool show GUARDED_BY(lock); /* a summary is wanted now */
};

/* Takes what is in all rings and hands it on, in the order of time. @final: nothing comes after it,
 * so nothing waits for the rest of its story. The tracer's thread. */
void trace_feed_run(struct tracer *t, bool final);
void trace_feed_free(struct tracer *t);
/* Into the file: what each thread has lost. After the last run. */
void trace_feed_tell_losses(struct tracer *t);

/* trace_names.c: a record that tells where the kernel is; and the names, read at the first call. */
void trace_names_learn(struct tracer *t, const struct trace_rec *r);
void trace_names_load(struct tracer *t);

/* --- trace.c ---------------------------------------------------------------------------------- */

/* Writes what is in t->lines to where the log goes. */
void tracer_write_lines(struct tracer *t);

#endif
