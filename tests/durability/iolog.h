/* SPDX-License-Identifier: MIT */
/*
 * iolog.h: the log that iolog.so keeps of what a program does to one file, for replay. A sequence
 * of events, in the order in which they happened, each followed by @data_len bytes.
 */
#ifndef TESTS_DURABILITY_IOLOG_H
#define TESTS_DURABILITY_IOLOG_H

#include <stdint.h>

enum iolog_type {
	IOLOG_WRITE,    /* begins: @off, the bytes */
	IOLOG_ZERO,     /* begins: @off, @len bytes read as zeroes; the file may become longer */
	IOLOG_PUNCH,    /* the same, but the file stays as long as it is */
	IOLOG_TRUNCATE, /* begins: the file has @len bytes */
	IOLOG_SYNC,     /* begins: fdatasync(2) or fsync(2) */
	IOLOG_END,      /* of event @id, with success */
	IOLOG_END_SYNC, /* the same, and it is on stable storage (RWF_DSYNC, O_DSYNC) */
	IOLOG_CONSOLE,  /* the bytes went to standard output */
};

struct iolog_event {
	uint32_t type, id;
	uint64_t off, len;
	uint64_t data_len;
};
_Static_assert(sizeof(struct iolog_event) == 32, "as it is in the file");

#endif
