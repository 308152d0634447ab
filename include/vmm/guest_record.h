/* SPDX-License-Identifier: MIT */
/*
 * guest_record.h: the host's half of guest_init.h's records. What comes from the guest is what
 * anybody in it chose to write: a record that is whole is well-formed, not true.
 */
#ifndef VMM_GUEST_RECORD_H
#define VMM_GUEST_RECORD_H

#include "vmm/base.h"
#include "vmm/guest_init.h"

/*
 * Takes records out of a stream, byte by byte. Zeroed is a fresh one; @serial says which of the two
 * forms it is: as they are, on the control port, or coded, in COM1's output. One thread at a time.
 */
struct guest_record_reader {
	bool serial;
	/* The record that guest_record_feed() has just found, and its data. */
	struct guest_init_record record;
	uint8_t data[GUEST_INIT_DATA_MAX];
	uint64_t bad; /* damaged ones so far; UINT64_MAX stays */

	/* the reader's own */
	bool inside;
	uint32_t have; /* bytes, or, on COM1, halves of them */
	uint8_t buf[sizeof(struct guest_init_record) + GUEST_INIT_DATA_MAX];
};

/*
 * True: with @byte a record is whole. Its text ends in NUL, its version, checksum and lengths are
 * right; all else is the guest's word. On the control port nothing can be told any more after a
 * damaged record, as a stream has no marks: the rest is only counted.
 */
bool guest_record_feed(struct guest_record_reader *r, uint8_t byte);

/* On COM1: is this byte a part of records, and not for people? */
bool guest_record_owns(uint8_t byte);

/* Completes a record for the guest; the caller has set type and values, and counts @seq. */
void guest_record_finish(struct guest_init_record *r, uint32_t seq);

#endif
