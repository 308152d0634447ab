/* SPDX-License-Identifier: MIT */
/* gdb_packet.c: see gdb_packet.h. */
#include "lens/gdb_packet.h"

#define ESCAPE      '}'
#define ESCAPE_FLIP 0x20
#define CTRL_C      0x03

int gdb_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void put(struct gdb_rx *r, uint8_t c)
{
	if (r->len < GDB_PACKET_MAX)
		r->payload[r->len++] = (char)c;
	else
		r->too_long = true;
}

static enum gdb_event idle(struct gdb_rx *r, uint8_t c)
{
	switch (c) {
	case '$':
		r->state = GDB_RX_BODY;
		r->sum = 0;
		r->len = 0;
		r->too_long = r->sum_bad = false;
		return GDB_NOTHING;
	case '+':
		return GDB_ACK;
	case '-':
		return GDB_NAK;
	case CTRL_C:
		return GDB_BREAK;
	default:
		return GDB_NOTHING;
	}
}

/* The sum is of what was sent: escapes count as they are. */
static void body(struct gdb_rx *r, uint8_t c)
{
	if (c == '#') {
		r->state = GDB_RX_SUM1;
	} else if (c == '$') { /* the end of the last one was lost */
		idle(r, c);
	} else {
		r->sum = (uint8_t)(r->sum + c);
		if (c == ESCAPE)
			r->state = GDB_RX_ESCAPED;
		else
			put(r, c);
	}
}

static enum gdb_event finish(struct gdb_rx *r)
{
	r->state = GDB_RX_IDLE;
	r->payload[r->len] = '\0';
	return r->too_long || r->sum_bad || r->digit != r->sum ? GDB_BAD : GDB_PACKET;
}

enum gdb_event gdb_rx_byte(struct gdb_rx *r, uint8_t c)
{
	int digit = gdb_digit((char)c);

	switch (r->state) {
	case GDB_RX_IDLE:
		return idle(r, c);
	case GDB_RX_BODY:
		body(r, c);
		return GDB_NOTHING;
	case GDB_RX_ESCAPED:
		r->sum = (uint8_t)(r->sum + c);
		put(r, c ^ ESCAPE_FLIP);
		r->state = GDB_RX_BODY;
		return GDB_NOTHING;
	case GDB_RX_SUM1:
		r->sum_bad = digit < 0;
		r->digit = (uint8_t)((unsigned)(digit & 15) << 4);
		r->state = GDB_RX_SUM2;
		return GDB_NOTHING;
	default:
		r->sum_bad |= digit < 0;
		r->digit |= (uint8_t)(digit & 15);
		return finish(r);
	}
}

void gdb_frame(struct str *out, const char *payload, size_t len)
{
	uint8_t sum = 0;

	str_add(out, "$");
	for (size_t i = 0; i < len; i++) {
		char c = payload[i], escaped[2] = { ESCAPE, (char)(c ^ ESCAPE_FLIP) };
		bool special = c == '$' || c == '#' || c == ESCAPE || c == '*';

		if (special)
			str_add_bytes(out, escaped, 2);
		else
			str_add_bytes(out, &c, 1);
		sum = (uint8_t)(sum +
				(special ? (uint8_t)escaped[0] + (uint8_t)escaped[1] : (uint8_t)c));
	}
	str_add(out, "#%02x", sum);
}

/* --- digits ----------------------------------------------------------------------------------- */

bool gdb_number(const char **p, uint64_t *ret)
{
	unsigned n = 0;
	uint64_t v = 0;

	for (; gdb_digit(**p) >= 0; ++*p, n++)
		v = v << 4 | (uint64_t)gdb_digit(**p);
	*ret = v;
	return n > 0 && n <= 16;
}

bool gdb_unhex(const char *p, uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int hi = gdb_digit(p[2 * i]), lo = hi < 0 ? -1 : gdb_digit(p[2 * i + 1]);

		if (lo < 0)
			return false;
		to[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

void gdb_hex(struct str *out, const void *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++) {
		const char two[2] = { digits[b[i] >> 4], digits[b[i] & 15] };

		str_add_bytes(out, two, 2);
	}
}
