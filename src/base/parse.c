/* SPDX-License-Identifier: MIT */
/* parse.c: strict readers of numbers, sizes, durations and words that people type. */
#include "vmm/parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vmm/error.h"
#include "vmm/str.h"

/* A unit's name and how many of the base unit (bytes, nanoseconds) it is. */
struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", MIB },           { "B", 1 },           { "K", KIB },   { "KiB", KIB },
	{ "KB", KIB },         { "M", MIB },         { "MiB", MIB }, { "MB", MIB },
	{ "G", GIB },          { "GiB", GIB },       { "GB", GIB },  { "T", 1024 * GIB },
	{ "TiB", 1024 * GIB }, { "TB", 1024 * GIB },
};

static const struct unit time_units[] = {
	{ "", 1000000000 },  { "ns", 1 },          { "us", 1000 },         { "ms", 1000000 },
	{ "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
};

/* The digits of "12.75": whole 12, frac 75, scale 100. */
struct decimal {
	uint64_t whole, frac, scale;
};

/* A fraction of more digits than this is refused; 10^18 still leaves room in 128 bits. */
#define MAX_FRACTION_DIGITS 18

/* Reads [0-9]+ at *s into *ret and moves *s behind it. */
static int take_digits(const char **s, uint64_t *ret)
{
	uint64_t v = 0;

	for (; isdigit((unsigned char)**s); (*s)++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**s - '0'), &v))
			return -EOVERFLOW;
	}
	*ret = v;
	return 0;
}

static int take_fraction(const char **s, struct decimal *d)
{
	const char *p = *s, *end, *next;

	for (next = p; isdigit((unsigned char)*next); next++)
		;
	if (next == p)
		return -EINVAL; /* "1." */
	for (end = next; end > p && end[-1] == '0'; end--)
		; /* 1.50 is 1.5 */
	if (end - p > MAX_FRACTION_DIGITS)
		return -EDOM;
	d->frac = 0;
	d->scale = 1;
	for (; p < end; p++) {
		d->frac = d->frac * 10 + (uint64_t)(*p - '0');
		d->scale *= 10;
	}
	*s = next;
	return 0;
}

static int take_decimal(const char **s, struct decimal *d)
{
	int ret;

	*d = (struct decimal){ .scale = 1 };
	if (!isdigit((unsigned char)**s))
		return -EINVAL;
	ret = take_digits(s, &d->whole);
	if (ret < 0 || **s != '.')
		return ret;
	(*s)++;
	return take_fraction(s, d);
}

static const struct unit *find_unit(const char *name, const struct unit *units, unsigned cnt,
				    bool fold_case)
{
	for (unsigned i = 0; i < cnt; i++) {
		if (fold_case ? !strcasecmp(name, units[i].name) : !strcmp(name, units[i].name))
			return &units[i];
	}
	return NULL;
}

/* d * factor, if that is a whole number below 2^64. */
static int scale_decimal(const struct decimal *d, uint64_t factor, uint64_t *ret)
{
	unsigned __int128 part = (unsigned __int128)d->frac * factor;
	uint64_t whole;

	if (__builtin_mul_overflow(d->whole, factor, &whole) ||
	    __builtin_add_overflow(whole, (uint64_t)(part / d->scale), &whole))
		return -EOVERFLOW;
	if (part % d->scale)
		return -EDOM;
	*ret = whole;
	return 0;
}

/* What the two readers of "number and unit" have in common, and how they speak of it. */
struct quantity {
	const struct unit *units;
	unsigned cnt;
	bool fold_case;
	const char *wants; /* "a size such as 512M or 1.5G" */
	const char *names; /* "B, K, M, G or T" */
	const char *atom;  /* "bytes" */
};

static int parse_quantity(const struct quantity *q, const char *s, uint64_t *ret,
			  struct error **errp)
{
	const struct unit *u = NULL;
	const char *p = s;
	struct decimal d;
	int err;

	if (!*s)
		return err_set(errp, EINVAL, "'' is empty: give %s", q->wants);
	if (*s == '-')
		return err_set(errp, EINVAL, "'%s' is negative: give %s", s, q->wants);
	err = take_decimal(&p, &d);
	if (err == -EINVAL)
		return err_set(errp, EINVAL, "'%s' is not %s", s, q->wants);
	if (!err) {
		u = find_unit(p, q->units, q->cnt, q->fold_case);
		if (!u)
			return err_set(errp, EINVAL, "'%s' ends in '%s', which is no unit: use %s",
				       s, p, q->names);
		err = scale_decimal(&d, u->factor, ret);
	}
	if (err == -EOVERFLOW)
		return err_set(errp, EOVERFLOW, "'%s' is too large: 2^64 %s or more", s, q->atom);
	if (err == -EDOM)
		return err_set(errp, EINVAL, "'%s' is not a whole number of %s", s, q->atom);
	return 0;
}

int parse_size(const char *s, uint64_t *ret, struct error **errp)
{
	static const struct quantity q = {
		.units = size_units,
		.cnt = ARRAY_LEN(size_units),
		.fold_case = true,
		.wants = "a size such as 512M or 1.5G",
		.names = "B, K, M, G or T (none means M)",
		.atom = "bytes",
	};

	return parse_quantity(&q, s, ret, errp);
}

int parse_duration(const char *s, uint64_t *ret_ns, struct error **errp)
{
	static const struct quantity q = {
		.units = time_units,
		.cnt = ARRAY_LEN(time_units),
		.wants = "a time such as 30s, 1.5m or 200ms",
		.names = "ns, us, ms, s, m or h (none means s)",
		.atom = "nanoseconds",
	};

	return parse_quantity(&q, s, ret_ns, errp);
}

static int take_hex(const char **s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!isxdigit((unsigned char)**s))
		return -EINVAL;
	for (; isxdigit((unsigned char)**s); (*s)++) {
		unsigned char c = (unsigned char)tolower((unsigned char)**s);

		if (v >> 60)
			return -EOVERFLOW;
		v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = v;
	return 0;
}

/* A limit is shown in the base the user writes in. */
static void format_bound(uint64_t v, bool hex, char *buf, size_t len)
{
	if (hex)
		snprintf(buf, len, "0x%" PRIx64, v);
	else
		snprintf(buf, len, "%" PRIu64, v);
}

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct error **errp)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *p = s;
	char lo[24], hi[24];
	uint64_t v = 0;
	int err = -EINVAL;

	format_bound(min, hex, lo, sizeof(lo));
	format_bound(max, hex, hi, sizeof(hi));
	if (!*s)
		return err_set(errp, EINVAL, "'' is empty: give a number from %s to %s", lo, hi);
	if (hex) {
		p += 2;
		err = take_hex(&p, &v);
	} else if (isdigit((unsigned char)*p)) {
		err = take_digits(&p, &v);
	}
	if (!err && *p)
		err = -EINVAL;
	if (err == -EINVAL && *s == '-' && isdigit((unsigned char)s[1]))
		return err_set(errp, EINVAL, "'%s' is negative: give a number from %s to %s", s, lo,
			       hi);
	if (err == -EINVAL)
		return err_set(errp, EINVAL, "'%s' is not a number from %s to %s", s, lo, hi);
	if (err || v > max)
		return err_set(errp, ERANGE, "'%s' is too large: at most %s", s, hi);
	if (v < min)
		return err_set(errp, ERANGE, "'%s' is too small: at least %s", s, lo);
	*ret = v;
	return 0;
}

int parse_bool(const char *s, bool *ret, struct error **errp)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "on", true },   { "yes", true }, { "true", true },
		{ "off", false }, { "no", false }, { "false", false },
	};

	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(s, words[i].word)) {
			*ret = words[i].value;
			return 0;
		}
	}
	return err_set(errp, EINVAL, "'%s' is neither on nor off", s);
}

char *format_size(uint64_t bytes, char *buf, size_t len)
{
	static const struct unit units[] = {
		{ "TiB", 1024 * GIB },
		{ "GiB", GIB },
		{ "MiB", MIB },
		{ "KiB", KIB },
	};

	/* The largest unit in which two decimals say it exactly: what is echoed is what is used. */
	for (unsigned i = 0; i < ARRAY_LEN(units); i++) {
		uint64_t f = units[i].factor, whole = bytes / f, rest = bytes % f * 100;
		unsigned cents = (unsigned)(rest / f);

		if (!whole || rest % f)
			continue;
		if (!cents)
			snprintf(buf, len, "%" PRIu64 " %s", whole, units[i].name);
		else if (cents % 10)
			snprintf(buf, len, "%" PRIu64 ".%02u %s", whole, cents, units[i].name);
		else
			snprintf(buf, len, "%" PRIu64 ".%u %s", whole, cents / 10, units[i].name);
		return buf;
	}
	snprintf(buf, len, "%" PRIu64 " bytes", bytes);
	return buf;
}

/* --- nearest -------------------------------------------------------------------------------- */

/* Longer words than this are not compared: nobody mistypes them into anything. */
#define NEAREST_MAX 48

/*
 * Edit distance with insertion, deletion, replacement and swap of neighbours, each costing 1
 * ("optimal string alignment"), letter case ignored. Both lengths are at most NEAREST_MAX.
 */
static unsigned edit_distance(const char *a, unsigned a_len, const char *b, unsigned b_len)
{
	unsigned d[3][NEAREST_MAX + 1];

	for (unsigned j = 0; j <= b_len; j++)
		d[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
		int ca = tolower((unsigned char)a[i - 1]);

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			int cb = tolower((unsigned char)b[j - 1]);
			unsigned best = up[j - 1] + (ca != cb);

			best = (unsigned)min_u64(best, min_u64(up[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]))
				best = (unsigned)min_u64(best, up2[j - 2] + 1);
			row[j] = best;
		}
	}
	return d[a_len % 3][b_len];
}

const char *nearest(const char *s, const char *const *names, unsigned cnt)
{
	size_t len = strlen(s);
	const char *best = NULL;
	unsigned best_cost = UINT_MAX;

	if (!len || len > NEAREST_MAX)
		return NULL;
	for (unsigned i = 0; i < cnt; i++) {
		size_t n = strlen(names[i]);
		unsigned cost, limit;

		if (n > NEAREST_MAX)
			continue;
		cost = edit_distance(s, (unsigned)len, names[i], (unsigned)n);
		limit = (unsigned)max_u64(len, n) / 3;
		/* "mem" is near "memory", whatever the distance says. */
		if (len >= 3 && !strncasecmp(s, names[i], len))
			cost = 1;
		if (cost > max_u64(limit, 1) || cost >= n)
			continue;
		/* Of two as near, the one of the same length: a slip swaps more often than it
		 * drops. */
		cost = 2 * cost + (n != len);
		if (cost < best_cost) {
			best = names[i];
			best_cost = cost;
		}
	}
	return best;
}

char *parse_item(const char **s)
{
	struct str item = { 0 };
	const char *p = *s, *next = NULL;

	for (; *p && !next; p++) {
		if (*p == ',' && p[1] != ',')
			next = p + 1;
		else
			str_add_bytes(&item, *p == ',' ? p++ : p, 1);
	}
	*s = next;
	return str_take(&item);
}
