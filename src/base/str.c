/* SPDX-License-Identifier: MIT */
/* str.c: strings that grow, and strings that came from elsewhere. */
#include "vmm/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool reserve(struct str *b, size_t extra)
{
	size_t need = b->len + extra + 1, cap = b->cap ? b->cap : 64;
	char *s;

	if (b->failed)
		return false;
	if (extra > SIZE_MAX / 4 - b->len) { /* nobody means that */
		b->failed = true;
		return false;
	}
	while (cap < need)
		cap *= 2;
	if (cap == b->cap)
		return true;
	s = realloc(b->s, cap);
	if (!s) {
		b->failed = true;
		return false;
	}
	b->s = s;
	b->cap = cap;
	return true;
}

void str_add_bytes(struct str *b, const char *p, size_t len)
{
	if (!reserve(b, len))
		return;
	memcpy(b->s + b->len, p, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void str_add(struct str *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->failed = true;
	if (n < 0 || !reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

char *str_take(struct str *b)
{
	char *s;

	str_add_bytes(b, "", 0);
	s = b->failed ? NULL : b->s;
	if (b->failed)
		free(b->s);
	*b = (struct str){ 0 };
	return s;
}

void str_free(struct str *b)
{
	free(b->s);
	*b = (struct str){ 0 };
}

/*
 * The length of the well-formed UTF-8 sequence at @s that is safe to show, or 0. RFC 3629, section
 * 4: no overlong forms, no surrogates, nothing above U+10FFFF; and none of U+0080..U+009F, which
 * are control codes to a terminal (U+009B is CSI).
 */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0xa0, 0x800, 0x10000 };
	size_t n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	uint32_t cp = n ? s[0] & (0xffu >> (n + 1)) : 0;

	if (!n || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	return n;
}

/* Writes how the character at @s is shown to @out, its length to *ret_len; returns bytes eaten. */
static size_t escape_one(const char *s, size_t len, char out[5], size_t *ret_len)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : utf8_len((const unsigned char *)s, len);

	if (c == '\n' || c == '\t') {
		snprintf(out, 5, "\\%c", c == '\n' ? 'n' : 't');
		*ret_len = 2;
		return 1;
	}
	if (!n || c < 0x20 || c == 0x7f) {
		snprintf(out, 5, "\\x%02x", c);
		*ret_len = 4;
		return 1;
	}
	memcpy(out, s, n);
	*ret_len = n;
	return n;
}

char *str_escape(const char *s, size_t len, char *buf, size_t buf_len)
{
	/* @cut: where "..." goes if the rest turns out not to fit. */
	size_t o = 0, cut = 0;

	if (!buf_len)
		return buf;
	for (size_t i = 0; i < len;) {
		char out[5];
		size_t n, eaten = escape_one(s + i, len - i, out, &n);

		if (o + 4 <= buf_len)
			cut = o;
		if (o + n + 1 > buf_len) {
			n = min_u64(3, buf_len - 1 - cut);
			memcpy(buf + cut, "...", n);
			o = cut + n;
			break;
		}
		memcpy(buf + o, out, n);
		o += n;
		i += eaten;
	}
	buf[o] = '\0';
	return buf;
}
