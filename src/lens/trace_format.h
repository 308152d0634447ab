/* SPDX-License-Identifier: MIT */
/* trace_format.h: the recording's file, as docs/trace-format.md has it, for its writer and reader.
 */
#ifndef LENS_TRACE_FORMAT_H
#define LENS_TRACE_FORMAT_H

#include "vmm/crc32c.h"
#include "vmm/endian.h"
#include "vmm/json.h"
#include "vmm/trace_file.h"

/* No text, and a transfer that changes line ends shows, as in PNG (RFC 2083, section 3.1). */
#define TRACE_MAGIC     "\212TPZ\r\n\032\n"
#define TRACE_MAGIC_LEN 8u
#define TRACE_VERSION   1u

struct trace_file_header {
	char magic[TRACE_MAGIC_LEN];
	le32 version;
	le32 crc; /* of what is before it */
};

#define TRACE_CHUNK_MACHINE "MACH"
#define TRACE_CHUNK_RECORDS "RECS"
#define TRACE_CHUNK_SYMBOLS "SYMS"
#define TRACE_CHUNK_END     "END "

/* A chunk has at most so many bytes behind its header. */
#define TRACE_CHUNK_MAX (16u << 20)

struct trace_chunk {
	char type[4] __nonstring;
	le32 len; /* of what follows */
	le32 crc; /* of type, len and what follows */
};

/* In front of the records of a chunk. */
struct trace_records_header {
	le32 thread;
	le32 vcpu; /* 0xffffffff: none */
	le64 lost; /* so far */
	char name[16];
};

/* Records go as they are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian");
_Static_assert(sizeof(struct trace_file_header) == 16, "no padding");
_Static_assert(sizeof(struct trace_chunk) == 12, "no padding");
_Static_assert(sizeof(struct trace_records_header) == 32, "no padding");

/* CPUs of a machine, in a file that can be believed. */
#define TRACE_CPUS_MAX 4096u

/* The checksum of a chunk: of its header up to there, and of @p. */
static inline uint32_t trace_chunk_crc(const struct trace_chunk *c, const void *p, size_t len)
{
	return crc32c(crc32c(0, c, offsetof(struct trace_chunk, crc)), p, len);
}

/* What the last chunk has. */
struct trace_end {
	struct trace_cpu_time *cpu_time;
	unsigned cpu_cnt;
	struct trace_stat *stat;
	unsigned stat_cnt;
	uint64_t *lost; /* by thread */
	unsigned thread_cnt;
	uint64_t slide;
	bool slide_known;
};
void trace_end_free(struct trace_end *e);

/* The two chunks that are JSON, there and back (trace_json.c). NULL: no memory. From a file:
 * -EINVAL, -ENOMEM; *ret is to be freed in any case. */
json_t *trace_machine_to_json(const struct trace_machine *m);
int trace_machine_from_json(const json_t *j, struct trace_machine *ret, struct error **errp);
json_t *trace_end_to_json(const struct trace_end *e);
int trace_end_from_json(const json_t *j, struct trace_end *ret, struct error **errp);

/* What trace_machine_from_json() has made. */
void trace_machine_free(struct trace_machine *m);

#endif
