/* SPDX-License-Identifier: MIT */
/* printk.c: what a Linux console puts in front of a message. */
#include "verdict/printk.h"

static size_t digits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

static size_t spaces(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] == ' ')
		n++;
	return n;
}

/* "<4>", up to three digits. */
static size_t level(const char *s, size_t len)
{
	size_t n;

	if (len < 3 || s[0] != '<')
		return 0;
	n = digits(s + 1, len - 1);
	return n >= 1 && n <= 3 && n + 1 < len && s[n + 1] == '>' ? n + 2 : 0;
}

/* "[   12.345678]", always six decimals. */
static size_t stamp(const char *s, size_t len)
{
	size_t at, n;

	if (len < 10 || s[0] != '[')
		return 0;
	at = 1 + spaces(s + 1, len - 1);
	n = digits(s + at, len - at);
	if (!n || at + n >= len || s[at + n] != '.')
		return 0;
	at += n + 1;
	if (digits(s + at, len - at) != 6 || at + 6 >= len || s[at + 6] != ']')
		return 0;
	return at + 7;
}

/* "[    T123]" or "[    C0]". */
static size_t caller(const char *s, size_t len)
{
	size_t at, n;

	if (len < 4 || s[0] != '[')
		return 0;
	at = 1 + spaces(s + 1, len - 1);
	if (at >= len || (s[at] != 'T' && s[at] != 'C'))
		return 0;
	at++;
	n = digits(s + at, len - at);
	return n && at + n < len && s[at + n] == ']' ? at + n + 1 : 0;
}

void printk_prefix(const char *s, size_t len, struct printk_prefix *ret)
{
	size_t from = level(s, len), at = from, n = stamp(s + at, len - at);
	bool timed = n;

	at += n;
	at += caller(s + at, len - at);
	*ret = (struct printk_prefix){ .len = from };
	if (at == from)
		return;
	/* An empty message may have lost its space. */
	if (at < len && s[at] != ' ')
		return;
	ret->len = at + (at < len);
	ret->timed = timed;
}

/* --- terminals -------------------------------------------------------------------------------- */

enum { TEXT, ESC, CSI, STRING, STRING_ESC };

bool term_strip(struct term_strip *t, uint8_t c)
{
	if (c == '\n' || c == '\r') {
		t->state = TEXT;
		return false;
	}
	switch (t->state) {
	case ESC:
		if (c == '[')
			t->state = CSI;
		else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
			t->state = STRING;
		else if (c < 0x20 || c > 0x2f) /* else: intermediate bytes */
			t->state = TEXT;
		return true;
	case CSI:
		if (c >= 0x40 && c <= 0x7e)
			t->state = TEXT;
		return true;
	case STRING:
		if (c == 0x07)
			t->state = TEXT;
		else if (c == 0x1b)
			t->state = STRING_ESC;
		return true;
	case STRING_ESC:
		t->state = c == '\\' ? TEXT : STRING;
		return true;
	default:
		if (c == 0x1b)
			t->state = ESC;
		return c == 0x7f || (c < 0x20 && c != '\t');
	}
}
