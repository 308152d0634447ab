/* SPDX-License-Identifier: MIT */
/* test_guest_record.c: what the guest's init says, out of what else is said. */
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/crc32c.h"
#include "vmm/guest_record.h"

/* A record of the guest's, with its data. */
static size_t make(uint8_t *to, uint16_t type, uint32_t seq, const char *data)
{
	struct guest_init_record r = {
		.magic = GUEST_INIT_RECORD_MAGIC,
		.version = GUEST_INIT_VERSION,
		.type = type,
		.seq = seq,
		.data_len = (uint32_t)strlen(data),
		.number = 42,
	};

	r.crc = crc32c(crc32c(0, &r, sizeof(r)), data, strlen(data));
	memcpy(to, &r, sizeof(r));
	memcpy(to + sizeof(r), data, strlen(data));
	return sizeof(r) + strlen(data);
}

/* As the guest puts it on COM1. */
static size_t code(uint8_t *to, const uint8_t *p, size_t len)
{
	size_t n = 0;

	to[n++] = GUEST_INIT_SERIAL_BEGIN;
	for (size_t i = 0; i < len; i++) {
		to[n++] = (uint8_t)(GUEST_INIT_SERIAL_NIBBLE + (p[i] >> 4));
		to[n++] = (uint8_t)(GUEST_INIT_SERIAL_NIBBLE + (p[i] & 15));
	}
	to[n++] = GUEST_INIT_SERIAL_END;
	return n;
}

static unsigned feed(struct guest_record_reader *r, const uint8_t *p, size_t len)
{
	unsigned found = 0;

	for (size_t i = 0; i < len; i++)
		found += guest_record_feed(r, p[i]);
	return found;
}

static void on_the_port(void **state)
{
	struct guest_record_reader r = { .serial = false };
	uint8_t buf[512];
	size_t n = make(buf, GUEST_RECORD_START, 0, "");

	(void)state;
	n += make(buf + n, GUEST_RECORD_END, 1, "");
	assert_int_equal(feed(&r, buf, 127), 0);
	assert_int_equal(feed(&r, buf + 127, 1), 1);
	assert_int_equal(r.record.type, GUEST_RECORD_START);
	assert_int_equal(feed(&r, buf + 128, n - 128), 1);
	assert_int_equal(r.record.type, GUEST_RECORD_END);
	assert_int_equal(r.record.number, 42);
	assert_int_equal(r.bad, 0);
}

/* No bit of it can change unseen, and nothing behind a damaged one is believed. */
static void every_bit_flip_is_seen(void **state)
{
	uint8_t buf[256];

	(void)state;
	make(buf, GUEST_RECORD_END, 0, "");
	make(buf + 128, GUEST_RECORD_END, 1, "");
	for (unsigned bit = 0; bit < 128 * 8; bit++) {
		struct guest_record_reader r = { .serial = false };

		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(feed(&r, buf, sizeof(buf)), 0);
		assert_int_not_equal(r.bad, 0);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void text_without_an_end(void **state)
{
	struct guest_record_reader r = { .serial = false };
	struct guest_init_record rec = { .type = GUEST_RECORD_END };

	(void)state;
	memset(rec.text, 'x', sizeof(rec.text));
	guest_record_finish(&rec, 0);
	assert_int_equal(feed(&r, (const uint8_t *)&rec, sizeof(rec)), 0);
	rec.text[sizeof(rec.text) - 1] = '\0';
	guest_record_finish(&rec, 0);
	r = (struct guest_record_reader){ .serial = false };
	assert_int_equal(feed(&r, (const uint8_t *)&rec, sizeof(rec)), 1);
}

/* Kernel messages before, behind and at every place within. */
static void among_messages(void **state)
{
	static const char message[] = "[    1.234567] usb 1-1: caf\xc3\xa9 \xe2\x82\xac\r\n";
	uint8_t buf[512], coded[1024], line[1200];
	size_t n = code(coded, buf, make(buf, GUEST_RECORD_OUT, 7, "any\0thing"));

	(void)state;
	for (size_t at = 0; at <= n; at++) {
		struct guest_record_reader r = { .serial = true };
		size_t len = strlen("[    1.234567] usb 1-1: plain\r\n");

		memcpy(line, coded, at);
		memcpy(line + at, "[    1.234567] usb 1-1: plain\r\n", len);
		memcpy(line + at + len, coded + at, n - at);
		assert_int_equal(feed(&r, line, n + len), 1);
		assert_int_equal(r.record.seq, 7);
		assert_int_equal(r.record.data_len, 3);
		assert_memory_equal(r.data, "any", 3);
		assert_int_equal(r.bad, 0);
		/* What is UTF-8 and has bytes like ours spoils it, which is seen. */
		len = sizeof(message) - 1;
		memcpy(line + at, message, len);
		memcpy(line + at + len, coded + at, n - at);
		r = (struct guest_record_reader){ .serial = true };
		assert_in_range(feed(&r, line, n + len), 0, 1);
		if (at > 0 && at < n - 1) /* the message has an END of its own */
			assert_int_equal(r.bad, 1);
		assert_int_equal(feed(&r, coded, n), 1);
	}
}

static void damage_on_the_line(void **state)
{
	struct guest_record_reader r = { .serial = true };
	uint8_t buf[512], coded[1024], end = GUEST_INIT_SERIAL_END;
	uint8_t half = GUEST_INIT_SERIAL_NIBBLE;
	size_t n = code(coded, buf, make(buf, GUEST_RECORD_END, 0, ""));

	(void)state;
	for (size_t lost = 0; lost < n; lost++) { /* a byte that the port dropped */
		unsigned found = feed(&r, coded, lost) + feed(&r, coded + lost + 1, n - lost - 1);

		assert_int_equal(found, 0);
		assert_int_equal(feed(&r, coded, n), 1);
	}
	/* One that does not end, and ends without beginnings. */
	feed(&r, coded, 1);
	for (unsigned i = 0; i < 100000; i++)
		assert_false(guest_record_feed(&r, half));
	assert_false(guest_record_feed(&r, end));
	assert_false(guest_record_feed(&r, end));
	assert_int_equal(feed(&r, coded, n), 1);
}

static void whose_byte(void **state)
{
	unsigned cnt = 0;

	(void)state;
	for (unsigned b = 0; b < 256; b++) {
		cnt += guest_record_owns((uint8_t)b);
		if (guest_record_owns((uint8_t)b))
			assert_in_range(b, 0x80, 0xbf); /* neither ASCII nor the first of UTF-8 */
	}
	assert_int_equal(cnt, 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_the_port),         cmocka_unit_test(every_bit_flip_is_seen),
		cmocka_unit_test(text_without_an_end), cmocka_unit_test(among_messages),
		cmocka_unit_test(damage_on_the_line),  cmocka_unit_test(whose_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
