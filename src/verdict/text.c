/* SPDX-License-Identifier: MIT */
/* text.c: what guests have said, made fit for documents. */
#include "verdict/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * The length of the character at @s, 0 if it is none that a document may hold: RFC 3629, section 4,
 * without the control characters C0 and C1, U+FFFE and U+FFFF.
 */
static size_t character(const uint8_t *s, size_t len)
{
	uint32_t c;
	size_t n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
	    : (s[0] & 0xf0) == 0xe0        ? 3
	    : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
					   : 0;
	if (!n || n > len)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < 0xa0 || (n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) ||
	    (c >= 0xd800 && c <= 0xdfff) || c == 0xfffe || c == 0xffff)
		return 0;
	return n;
}

/* What stands for the byte @c instead of itself; NULL: itself. */
typedef const char *replacement(uint8_t c);

static void convert(struct str *out, const char *s, size_t len, replacement *replace)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len;) {
		uint8_t c = (uint8_t)s[i];
		size_t n = character((const uint8_t *)s + i, len - i);
		const char *r = replace(c);

		if (c == '\r' && i + 1 < len && s[i + 1] == '\n')
			n = 1;
		else if (r)
			str_add_bytes(out, r, strlen(r));
		else if (n || c == '\n' || c == '\t')
			str_add_bytes(out, s + i, n ? n : 1);
		else
			str_add_bytes(out, (const char[]){ '\\', 'x', hex[c >> 4], hex[c & 15] },
				      4);
		i += n ? n : 1;
	}
}

static const char *as_it_is(uint8_t c)
{
	(void)c;
	return NULL;
}

static const char *in_xml(uint8_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	default:
		return NULL;
	}
}

static const char *in_attribute(uint8_t c)
{
	return c == '\n' ? "&#10;" : c == '\t' ? "&#9;" : in_xml(c);
}

static const char *in_line(uint8_t c)
{
	return c == '\n' ? "\\n" : c == '\t' ? "\\t" : NULL;
}

static const char *in_quotes(uint8_t c)
{
	return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : in_line(c);
}

void text_plain(struct str *out, const char *s, size_t len)
{
	convert(out, s, len, as_it_is);
}

void text_xml(struct str *out, const char *s, size_t len)
{
	convert(out, s, len, in_xml);
}

void text_xml_attr(struct str *out, const char *s)
{
	convert(out, s, strlen(s), in_attribute);
}

void text_line(struct str *out, const char *s, size_t len)
{
	convert(out, s, len, in_line);
}

/* What is no text is \xNN here as everywhere, and in quotes a backslash is written twice. */
void text_quoted(struct str *out, const char *s)
{
	struct str plain = { 0 };

	text_plain(&plain, s, strlen(s));
	str_add_bytes(out, "\"", 1);
	if (plain.s)
		convert(out, plain.s, plain.len, in_quotes);
	str_add_bytes(out, "\"", 1);
	out->failed |= plain.failed;
	str_free(&plain);
}

void text_indented(struct str *out, const char *indent, const char *s, size_t len)
{
	while (len) {
		const char *end = memchr(s, '\n', len);
		size_t n = end ? (size_t)(end - s) : len;

		str_add(out, "%s", indent);
		text_line(out, s, n && s[n - 1] == '\r' ? n - 1 : n);
		str_add_bytes(out, "\n", 1);
		n += end != NULL;
		s += n;
		len -= n;
	}
}

void text_time(char buf[24], uint64_t realtime_ns)
{
	time_t t = (time_t)(realtime_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, 24, "%Y-%m-%dT%H:%M:%S", &tm))
		snprintf(buf, 24, "1970-01-01T00:00:00");
}
