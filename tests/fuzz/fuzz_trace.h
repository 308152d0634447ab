/* SPDX-License-Identifier: MIT */
/* fuzz_trace.h: files that claim to be recordings, with checksums that are right. */
#ifndef TESTS_FUZZ_TRACE_H
#define TESTS_FUZZ_TRACE_H

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "lens/trace_format.h"

/* As a hostile file's would be. */
static inline void put_right(uint8_t *p, size_t len)
{
	struct trace_file_header *h = (struct trace_file_header *)p;
	size_t at = sizeof(*h);

	if (len < sizeof(*h))
		return;
	put_le32(p + offsetof(struct trace_file_header, crc),
		 crc32c(0, p, offsetof(struct trace_file_header, crc)));
	while (len - at >= sizeof(struct trace_chunk)) {
		struct trace_chunk c;

		memcpy(&c, p + at, sizeof(c));
		if (le32_get(c.len) > len - at - sizeof(c))
			break;
		c.crc = le32_make(trace_chunk_crc(&c, p + at + sizeof(c), le32_get(c.len)));
		memcpy(p + at, &c, sizeof(c));
		at += sizeof(c) + le32_get(c.len);
	}
}

#endif
