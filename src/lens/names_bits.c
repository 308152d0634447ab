/* SPDX-License-Identifier: MIT */
/* names_bits.c: values by the names of their bits. */
#include <ctype.h>
#include <inttypes.h>

#include "lens/names.h"

/* More that change at a time are one number. */
#define CHANGES_MAX 3u

const struct bits is_character[] = { { 0 } };

static uint64_t field(uint64_t v, uint64_t mask)
{
	return (v & mask) >> __builtin_ctzll(mask);
}

static bool is_one(uint64_t mask)
{
	return (mask & (mask - 1)) == 0;
}

static void add_number(struct str *ret, uint64_t v)
{
	str_add(ret, v < 10 ? "%" PRIu64 : "%#" PRIx64, v);
}

static void name_character(uint64_t v, struct str *ret)
{
	if (v < 0x80 && isprint((int)v))
		str_add(ret, "'%c'", (int)v);
	else if (v == '\n' || v == '\r' || v == '\t')
		str_add(ret, "'\\%c'", v == '\n' ? 'n' : v == '\r' ? 'r' : 't');
}

void bits_name(const struct bits *b, uint64_t v, struct str *ret)
{
	const char *between = "";

	if (b == is_character) {
		name_character(v, ret);
		return;
	}
	for (; b && b->mask; b++) {
		if (!(v & b->mask))
			continue;
		str_add(ret, "%s%s", between, b->name);
		between = "|";
		if (is_one(b->mask))
			continue;
		str_add(ret, "=");
		add_number(ret, field(v, b->mask));
	}
}

static unsigned count(const struct bits *b, uint64_t v)
{
	unsigned n = 0;

	for (; b && b->mask; b++)
		n += (v & b->mask) != 0;
	return n;
}

void bits_change(const char *name, const struct bits *b, uint64_t from, uint64_t to,
		 struct str *ret)
{
	const char *between = "";
	uint64_t left = from ^ to;

	if (count(b, left) > CHANGES_MAX)
		b = NULL;
	for (; b && b->mask; b++) {
		if (!(left & b->mask))
			continue;
		str_add(ret, "%s%s.%s ", between, name, b->name);
		add_number(ret, field(from, b->mask));
		str_add(ret, " -> ");
		add_number(ret, field(to, b->mask));
		between = ", ";
		left &= ~b->mask;
	}
	if (!left)
		return;
	str_add(ret, "%s%s ", between, name);
	add_number(ret, from);
	str_add(ret, " -> ");
	add_number(ret, to);
}
