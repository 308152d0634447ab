/* SPDX-License-Identifier: MIT */
/* json_out.c: JSON strings (RFC 8259, section 7) of ASCII alone. */
#include "lens/json_out.h"

#include <string.h>

/* The character that begins at @s (RFC 3629, section 4), of @len bytes at least 1; *used bytes are
 * its. What is none is one byte and U+FFFD. */
static uint32_t character(const uint8_t *s, size_t len, size_t *used)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t min;
	} form[] = {
		{ 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
	};

	*used = 1;
	for (unsigned n = 0; n < ARRAY_LEN(form); n++) {
		uint32_t c = s[0] & (uint8_t)~form[n].mask;

		if ((s[0] & form[n].mask) != form[n].lead)
			continue;
		if (n >= len)
			break;
		for (unsigned i = 1; i <= n; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0xfffd;
			c = c << 6 | (s[i] & 0x3f);
		}
		if (c < form[n].min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return 0xfffd;
		*used = n + 1;
		return c;
	}
	return 0xfffd;
}

void json_out_bytes(struct str *to, const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t used;

	len = strnlen(s, len);
	str_add_bytes(to, "\"", 1);
	for (; len; p += used, len -= used) {
		uint32_t c = character(p, len, &used);

		if (c >= 0x10000)
			str_add(to, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				0xdc00 + (c & 0x3ff));
		else if (c < 0x20 || c >= 0x7f || strchr("\"\\<>&'", (int)c))
			str_add(to, "\\u%04x", c);
		else
			str_add_bytes(to, (const char *)p, 1);
	}
	str_add_bytes(to, "\"", 1);
}

void json_out_string(struct str *to, const char *s)
{
	json_out_bytes(to, s, strlen(s));
}
