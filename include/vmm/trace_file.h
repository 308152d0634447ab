/* SPDX-License-Identifier: MIT */
/*
 * trace_file.h: a recorded run as a file, and as what is read back from it. docs/trace-format.md
 * has the format: a header, then chunks {type, length, crc32c}, so a file that was cut is good up
 * to the cut, and unknown chunks are passed over.
 */
#ifndef VMM_TRACE_FILE_H
#define VMM_TRACE_FILE_H

#include "vmm/str.h"
#include "vmm/trace.h"

struct error;
struct symbols;

/* --- what the machine is, for names ------------------------------------------------------------
 */

struct trace_region {
	char name[40]; /* io_region.name */
	bool mmio;
	uint64_t base, len; /* base: when the recording began */
};

struct trace_field {
	char name[40];
	uint8_t size; /* bytes an element; bool: 1 */
	bool is_bool;
	uint32_t count;
};

#define TRACE_DEVICES_MAX 1024
#define TRACE_REGIONS_MAX 16

/* Index in the array of these is trace_rec.dev. */
struct trace_device {
	char id[24];   /* "serial0" */
	char type[24]; /* device_ops.name: "ns16550" */
	struct trace_region *region;
	unsigned region_cnt;
	struct trace_field *field; /* the snapshot table's, in its order */
	unsigned field_cnt;
};

/* Where time went and what KVM did without us, as of the end (or of the moment, for a live one). */
struct trace_cpu_time {
	/* Of wall_ns since the first entry; guest + kernel + vmm + halted <= wall. */
	uint64_t wall_ns, guest_ns, kernel_ns, vmm_ns, halted_ns;
};
struct trace_stat { /* of KVM's binary statistics, summed over vCPUs */
	char name[48];
	uint64_t value;
};

struct trace_machine {
	char *version; /* trapeze's */
	char *cmdline; /* the command that ran it */
	char *kernel;  /* its path; NULL */
	unsigned cpu_cnt;
	uint64_t begin;    /* CLOCK_MONOTONIC at the first entry */
	uint64_t wall_sec; /* CLOCK_REALTIME then, s */
	char irqchip[8];   /* split, kernel, user */
	struct trace_device *device;
	unsigned device_cnt;
};

/* --- writing: one thread ---------------------------------------------------------------------- */

struct trace_writer;

/* Creates (or truncates) @path; "-" is standard output. Writes the header and @m, which is not
 * kept. */
int trace_writer_open(const char *path, const struct trace_machine *m, struct trace_writer **ret,
		      struct error **errp) __must_check;
/* A thread's records, in its order; a thread is named by the first chunk that has records of it. */
int trace_writer_put(struct trace_writer *w, unsigned thread, const struct trace_thread *t,
		     const struct trace_rec *r, unsigned cnt, struct error **errp) __must_check;
/* The end: losses by thread, times by vCPU, statistics, and the symbols of the addresses that came
 * up in records (@s: NULL: none; @slide: where the kernel is, less where it was linked). */
int trace_writer_finish(struct trace_writer *w, const struct trace_cpu_time *time, unsigned cpu_cnt,
			const struct trace_stat *stat, unsigned stat_cnt, const struct symbols *s,
			uint64_t slide, struct error **errp) __must_check;
struct trace_writer *trace_writer_free(struct trace_writer *w); /* NULL-safe, returns NULL */

/* --- reading ---------------------------------------------------------------------------------- */

/* A code record's place in the guest. */
struct trace_code {
	uint64_t rip;
	const struct trace_rec *rec;
};

struct trace {
	struct trace_machine machine;
	struct trace_thread *thread;
	unsigned thread_cnt;
	struct trace_cpu_time *cpu_time; /* machine.cpu_cnt of them; NULL: the file has no end */
	struct trace_stat *stat;
	unsigned stat_cnt;
	struct symbols *symbols; /* linked addresses; maybe empty */
	uint64_t slide;
	uint64_t rec_cnt, exit_cnt, lost;
	bool cut; /* the file ends early: @cut_why says where and how */
	char cut_why[96];
	void *impl;
};

/* Checks and indexes a file; nothing in it is trusted. -EINVAL not a trace, -EPROTO a version that
 * this program does not know, -ENOMEM. A cut one is no error. */
int trace_load(const char *path, struct trace **ret, struct error **errp) __must_check;
int trace_load_mem(const void *p, size_t len, struct trace **ret,
		   struct error **errp) __must_check; /* borrows @p until freed */
struct trace *trace_free(struct trace *t);            /* NULL-safe, returns NULL */

/* One step of the story: an exit with all that came of it, or an event outside of any exit. */
struct trace_item {
	unsigned thread;
	const struct trace_rec *rec;     /* of kind TRACE_EXIT or TRACE_EVENT */
	const struct trace_rec *effects; /* for an exit: TRACE_EVENT and TRACE_FIELD records */
	unsigned effect_cnt;
	const struct trace_rec *code; /* for an exit: its TRACE_CODE, or NULL */
};

struct trace_cursor { /* zeroed: at the beginning */
	uint64_t pos[4];
	void *impl;
};
/* In the order of time, all threads merged. False: no more. */
bool trace_next(const struct trace *t, struct trace_cursor *c, struct trace_item *ret);
void trace_cursor_free(struct trace_cursor *c);

#endif
