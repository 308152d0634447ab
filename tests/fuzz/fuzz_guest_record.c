/* SPDX-License-Identifier: MIT */
/*
 * fuzz_guest_record.c: whatever a guest says on its control port or on COM1, the reader gives out
 * only records whose bytes were all there, in one piece and in this order, and is itself again
 * afterwards (libFuzzer).
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/crc32c.h"
#include "vmm/guest_record.h"

static void check(const struct guest_record_reader *r)
{
	struct guest_init_record rec = r->record;
	uint32_t crc = rec.crc;

	must(rec.magic == GUEST_INIT_RECORD_MAGIC && rec.version == GUEST_INIT_VERSION);
	must(rec.data_len <= GUEST_INIT_DATA_MAX && (r->serial || rec.data_len == 0));
	must(memchr(rec.text, '\0', sizeof(rec.text)) != NULL);
	rec.crc = 0;
	must(crc32c(crc32c(0, &rec, sizeof(rec)), r->data, rec.data_len) == crc);
}

static size_t code(uint8_t *to, const void *from, size_t len)
{
	const uint8_t *p = from;
	size_t n = 0;

	to[n++] = GUEST_INIT_SERIAL_BEGIN;
	for (size_t i = 0; i < len; i++) {
		to[n++] = (uint8_t)(GUEST_INIT_SERIAL_NIBBLE + (p[i] >> 4));
		to[n++] = (uint8_t)(GUEST_INIT_SERIAL_NIBBLE + (p[i] & 15));
	}
	to[n++] = GUEST_INIT_SERIAL_END;
	return n;
}

/* A checksum is hard to guess: the input's own bytes as a record that is right but for them. */
static void feed_made_up(struct guest_record_reader *r, const uint8_t *data, size_t size)
{
	uint8_t bytes[sizeof(struct guest_init_record) + GUEST_INIT_DATA_MAX] = { 0 };
	uint8_t coded[2 * sizeof(bytes) + 2];
	struct guest_init_record rec;
	size_t len;

	memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
	memcpy(&rec, bytes, sizeof(rec));
	rec.magic = GUEST_INIT_RECORD_MAGIC;
	rec.version = GUEST_INIT_VERSION;
	rec.data_len %= GUEST_INIT_DATA_MAX + 2; /* one too many, too */
	rec.crc = 0;
	len = rec.data_len < GUEST_INIT_DATA_MAX ? rec.data_len : GUEST_INIT_DATA_MAX;
	rec.crc = crc32c(crc32c(0, &rec, sizeof(rec)), bytes + sizeof(rec), len);
	memcpy(bytes, &rec, sizeof(rec));
	len = code(coded, bytes, sizeof(rec) + len);
	for (size_t i = 0; i < len; i++)
		if (guest_record_feed(r, coded[i]))
			check(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_record_reader port = { .serial = false }, serial = { .serial = true };
	struct guest_init_record good = { .type = GUEST_RECORD_END };
	uint8_t coded[2 * sizeof(good) + 2];
	unsigned found = 0;
	size_t len;

	for (size_t i = 0; i < size; i++) {
		if (guest_record_feed(&port, data[i]))
			check(&port);
		if (guest_record_feed(&serial, data[i]))
			check(&serial);
	}
	feed_made_up(&serial, data, size);
	guest_record_finish(&good, 0);
	len = code(coded, &good, sizeof(good));
	for (size_t i = 0; i < len; i++)
		found += guest_record_feed(&serial, coded[i]);
	must(found == 1 && serial.record.type == GUEST_RECORD_END);
	return 0;
}
