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

/* The index in the array of these is trace_rec.dev. */
struct trace_device {
	char id[24];   /* "serial0" */
	char type[24]; /* device_ops.name: "ns16550" */
	int pci;       /* a PCI function's slot << 3 | function; -1: it is none */
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

/*
 * Creates (or truncates) @path; "-" is standard output, unless that is a terminal. Writes the
 * header and @m, of which nothing is kept. SIGPIPE is to be ignored.
 */
int trace_writer_open(const char *path, const struct trace_machine *m, struct trace_writer **ret,
		      struct error **errp) __must_check;
/*
 * Records of a thread, in its order; @cnt may be 0, to say what was lost. They wait for more of the
 * same thread: for as long as a second of the recording, or trace_writer_flush().
 *
 * What cannot be written (ENOSPC, EIO, EPIPE) is an error once. From then on all of these succeed
 * and do nothing: the file is good up to there.
 */
int trace_writer_put(struct trace_writer *w, unsigned thread, const struct trace_thread *t,
		     const struct trace_rec *r, unsigned cnt, struct error **errp) __must_check;
int trace_writer_flush(struct trace_writer *w, struct error **errp) __must_check;
/*
 * The end: losses by thread, times by vCPU, statistics, and the symbols of the addresses that came
 * up in records (@s: NULL: none; @slide: where the kernel is, less where it was linked).
 */
int trace_writer_finish(struct trace_writer *w, const struct trace_cpu_time *time, unsigned cpu_cnt,
			const struct trace_stat *stat, unsigned stat_cnt, const struct symbols *s,
			uint64_t slide, struct error **errp) __must_check;
struct trace_writer *trace_writer_free(struct trace_writer *w); /* NULL-safe, returns NULL */

/* --- reading ---------------------------------------------------------------------------------- */

/*
 * A recording in memory, of which it takes about one and a half times the file's size. Names in it
 * are printable, and what its records refer to is there: devices, regions and fields are in their
 * arrays, kinds, events and reasons are known ones; records of others are left out.
 */
struct trace {
	struct trace_machine machine;
	struct trace_thread *thread;
	unsigned thread_cnt;
	struct trace_cpu_time *cpu_time; /* machine.cpu_cnt of them; NULL: the file has no end */
	struct trace_stat *stat;
	unsigned stat_cnt;
	struct symbols *symbols; /* linked addresses; maybe empty */
	uint64_t slide;          /* 0 if that is not known */
	bool slide_known;
	const struct trace_rec *kernel; /* TRACE_KERNEL, in the order of time */
	size_t kernel_cnt;
	uint64_t rec_cnt, exit_cnt, lost; /* rec_cnt: all that were read */
	bool cut;                         /* the file ends early: @cut_why says where and how */
	char cut_why[96];
	struct trace_index *index;
};

/*
 * Reads, checks and indexes a file ("-": standard input); nothing in it is trusted. -EINVAL not a
 * trace, -EPROTO a version that this program does not know, -ENOMEM, -errno. A cut one is no error.
 */
int trace_load(const char *path, struct trace **ret, struct error **errp) __must_check;
/* The same of a file in memory, which is not needed afterwards; @name is for messages. */
int trace_load_mem(const void *p, size_t len, const char *name, struct trace **ret,
		   struct error **errp) __must_check;
struct trace *trace_free(struct trace *t); /* NULL-safe, returns NULL */

/* One step of the story: an exit with all that came of it, or an event outside of any exit. */
struct trace_item {
	unsigned thread;
	const struct trace_rec *rec;     /* of kind TRACE_EXIT or TRACE_EVENT (or TRACE_FIELD) */
	const struct trace_rec *effects; /* for an exit: TRACE_EVENT and TRACE_FIELD records */
	unsigned effect_cnt;
	const struct trace_rec *code; /* for an exit: its TRACE_CODE, or NULL */
};

/* In the order of time, all threads merged: the i-th of trace_item_cnt(). */
uint64_t trace_item_cnt(const struct trace *t);
void trace_item(const struct trace *t, uint64_t i, struct trace_item *ret);

struct trace_cursor { /* zeroed: at the beginning */
	uint64_t next;
};
/* One after the other; false: no more. */
bool trace_next(const struct trace *t, struct trace_cursor *c, struct trace_item *ret);

#endif
