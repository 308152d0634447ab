/* SPDX-License-Identifier: MIT */
/* guest_record.c: see guest_record.h. */
#include "vmm/guest_record.h"

#include <string.h>

#include "vmm/crc32c.h"

static void count_bad(struct guest_record_reader *r)
{
	if (r->bad != UINT64_MAX)
		r->bad++;
}

/* buf holds @len bytes: are they one record? */
static bool take(struct guest_record_reader *r, uint32_t len)
{
	struct guest_init_record *rec = &r->record;
	uint32_t crc;

	if (len < sizeof(*rec))
		return false;
	memcpy(rec, r->buf, sizeof(*rec));
	if (rec->magic != GUEST_INIT_RECORD_MAGIC || rec->version != GUEST_INIT_VERSION ||
	    rec->data_len != len - sizeof(*rec) || rec->text[sizeof(rec->text) - 1])
		return false;
	memcpy(r->data, r->buf + sizeof(*rec), rec->data_len);
	crc = rec->crc;
	rec->crc = 0;
	if (crc32c(crc32c(0, rec, sizeof(*rec)), r->data, rec->data_len) != crc)
		return false;
	rec->crc = crc;
	return true;
}

static bool feed_port(struct guest_record_reader *r, uint8_t byte)
{
	if (r->inside) { /* lost */
		count_bad(r);
		return false;
	}
	r->buf[r->have++] = byte;
	if (r->have < sizeof(r->record))
		return false;
	r->have = 0;
	if (take(r, sizeof(r->record)))
		return true;
	r->inside = true;
	count_bad(r);
	return false;
}

bool guest_record_owns(uint8_t byte)
{
	return byte == GUEST_INIT_SERIAL_BEGIN || byte == GUEST_INIT_SERIAL_END ||
	       (byte >= GUEST_INIT_SERIAL_NIBBLE && byte < GUEST_INIT_SERIAL_NIBBLE + 16);
}

/* One half of a byte; false: there are more than any record has. */
static bool add_half(struct guest_record_reader *r, uint8_t half)
{
	if (r->have / 2 >= sizeof(r->buf))
		return false;
	if (r->have % 2)
		r->buf[r->have / 2] |= half;
	else
		r->buf[r->have / 2] = (uint8_t)(half << 4);
	r->have++;
	return true;
}

static bool feed_serial(struct guest_record_reader *r, uint8_t byte)
{
	bool whole;

	if (byte == GUEST_INIT_SERIAL_BEGIN) {
		if (r->inside)
			count_bad(r); /* the one before has lost its end */
		r->inside = true;
		r->have = 0;
		return false;
	}
	if (!r->inside || !guest_record_owns(byte))
		return false;
	if (byte != GUEST_INIT_SERIAL_END &&
	    add_half(r, (uint8_t)(byte - GUEST_INIT_SERIAL_NIBBLE)))
		return false;
	r->inside = false;
	whole = byte == GUEST_INIT_SERIAL_END && r->have % 2 == 0 && take(r, r->have / 2);
	if (!whole)
		count_bad(r);
	return whole;
}

bool guest_record_feed(struct guest_record_reader *r, uint8_t byte)
{
	return r->serial ? feed_serial(r, byte) : feed_port(r, byte);
}

void guest_record_finish(struct guest_init_record *r, uint32_t seq)
{
	r->magic = GUEST_INIT_RECORD_MAGIC;
	r->version = GUEST_INIT_VERSION;
	r->seq = seq;
	r->data_len = 0;
	r->crc = 0;
	r->crc = crc32c(0, r, sizeof(*r));
}
