/* SPDX-License-Identifier: MIT */
/*
 * kallsyms.c: the symbols a kernel has in itself, for its own /proc/kallsyms, found in its image.
 *
 * scripts/kallsyms.c of the kernel writes these tables next to each other in .rodata, in an order
 * that depends on the version, and nothing says where. But they describe each other, so that a
 * guess can be proved:
 *
 *   token_table   256 strings. A character of its own is what most printable ones stand for, the
 *                 digits among them: "0", "1" ... "9" is what is looked for.
 *   token_index   u16 per token: where in token_table it begins. Behind that.
 *   markers       u32: where in names each 256th symbol begins. Before token_table, from 6.2 on
 *                 with three bytes a symbol (seqs_of_names) in between.
 *   names         per symbol its length in tokens (one byte, two if the first has bit 7), and
 * those. Right before markers, which says how long it is. num_syms      u32, right before names.
 *   offsets, relative_base   i32 per symbol, and u64 that they are added to. Before num_syms, or,
 *                 from 6.4 on, behind token_index. Where per-CPU symbols are absolute
 *                 (KALLSYMS_ABSOLUTE_PERCPU) those are positive and stand for themselves; the
 * others are negative: base - 1 - offset.
 *
 * Each table begins at a multiple of eight.
 */
#include <errno.h>
#include <string.h>

#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/symbols.h"

#define TOKENS      256u
#define PER_MARKER  256u
#define MARKERS_MIN 16u /* some 4,000 symbols: less has no kernel */
#define TRIES       64u /* of places that look like markers, or like tokens */
#define UPPER_HALF  UINT64_C(0xffff800000000000)

struct tables {
	const uint8_t *p;
	size_t len;
	size_t token_table, token_index, markers, names, offsets;
	uint64_t base;
	unsigned cnt;
	bool absolute_percpu;
};

static size_t align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static uint32_t u32_at(const struct tables *t, size_t at)
{
	return get_le32(t->p + at);
}

static const uint8_t *token(const struct tables *t, unsigned i)
{
	return t->p + t->token_table + get_le16(t->p + t->token_index + 2 * (size_t)i);
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* Where the string after @cnt others begins; 0: there are not as many. */
static size_t skip_strings(const struct tables *t, size_t at, unsigned cnt)
{
	for (; cnt; cnt--) {
		const uint8_t *nul = at < t->len ? memchr(t->p + at, 0, t->len - at) : NULL;

		if (!nul)
			return 0;
		at = (size_t)(nul - t->p) + 1;
	}
	return at;
}

/* The digits are at @digits: is that in a table of 256 strings, which its index agrees with? */
static bool prove_tokens(struct tables *t, size_t digits)
{
	size_t end = skip_strings(t, digits, TOKENS - '0'), at, before;

	t->token_index = align8(end);
	if (!end || end - digits > UINT16_MAX || t->token_index + 2 * TOKENS > t->len)
		return false;
	before = get_le16(t->p + t->token_index + 2 * '0');
	if (before > digits)
		return false;
	at = t->token_table = digits - before;
	for (unsigned i = 0; i < TOKENS; i++) {
		if (t->p + at != token(t, i))
			return false;
		at = skip_strings(t, at, 1);
	}
	return at == end;
}

static bool find_tokens(struct tables *t)
{
	static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
	const uint8_t *at = t->p, *end = t->p + t->len;

	for (unsigned i = 0; i < TRIES; i++) {
		at = memmem(at, (size_t)(end - at), digits, sizeof(digits));
		if (!at)
			return false;
		if (prove_tokens(t, (size_t)(at - t->p)))
			return true;
		at++;
	}
	return false;
}

/* --- markers, names --------------------------------------------------------------------------- */

struct name {
	size_t first; /* token */
	unsigned len; /* in tokens */
	size_t end;   /* 0: there is no name */
};

/* The name at @at, which ends before @end. */
static struct name name_at(const struct tables *t, size_t at, size_t end)
{
	struct name n = { 0 };

	if (at + 2 > end)
		return n;
	n.len = t->p[at++];
	if (n.len & 0x80)
		n.len = (n.len & 0x7f) | (unsigned)t->p[at++] << 7;
	n.first = at;
	n.end = n.len && n.len <= end - at ? at + n.len : 0;
	return n;
}

/* Do @cnt names from @names lead from marker to marker, and to where those begin? */
static bool prove_names(const struct tables *t, size_t names, unsigned cnt)
{
	size_t at = names;

	for (unsigned i = 0; i < cnt; i++) {
		if (i % PER_MARKER == 0 &&
		    at - names != u32_at(t, t->markers + 4 * (size_t)(i / PER_MARKER)))
			return false;
		at = name_at(t, at, t->markers).end;
		if (!at)
			return false;
	}
	return align8(at) == t->markers;
}

/* The names that end before t->markers, of which there are @markers. */
static bool find_names(struct tables *t, unsigned markers)
{
	size_t most = (size_t)u32_at(t, t->markers + 4 * (size_t)(markers - 1)) +
		      (size_t)PER_MARKER * 2 * SYMBOL_NAME_MAX;
	size_t at = t->markers > most + 8 ? t->markers - most : 8;

	for (at = align8(at); at < t->markers; at += 8) {
		uint64_t cnt = get_le64(t->p + at - 8);

		if (cnt && cnt <= SYMBOLS_MAX && (cnt - 1) / PER_MARKER + 1 == markers &&
		    prove_names(t, at, (unsigned)cnt)) {
			t->names = at;
			t->cnt = (unsigned)cnt;
			return true;
		}
	}
	return false;
}

/* How many numbers from @at on could be markers: 0, and then ever more by what 256 names take. */
static unsigned count_markers(const struct tables *t, size_t at)
{
	uint32_t last = 0, v;
	unsigned n = 1;

	if (u32_at(t, at))
		return 0;
	for (at += 4; at + 4 <= t->token_table; at += 4, n++, last = v) {
		v = u32_at(t, at);
		if (v < last + 2 * PER_MARKER || v - last > PER_MARKER * 2 * SYMBOL_NAME_MAX)
			break;
	}
	return n;
}

/* What follows the last one may look like one more. */
static bool prove_markers(struct tables *t, unsigned cnt)
{
	for (unsigned more = 0; more < 4 && cnt - more >= MARKERS_MIN; more++)
		if (find_names(t, cnt - more))
			return true;
	return false;
}

static bool find_markers(struct tables *t)
{
	size_t stop = t->token_table > 4 * (size_t)SYMBOLS_MAX
			      ? t->token_table - 4 * (size_t)SYMBOLS_MAX
			      : 8;
	unsigned tries = 0;

	for (size_t at = t->token_table & ~(size_t)7; at > stop && tries < TRIES; at -= 8) {
		unsigned cnt = count_markers(t, at - 8);

		if (cnt < MARKERS_MIN)
			continue;
		tries++;
		t->markers = at - 8;
		if (prove_markers(t, cnt))
			return true;
	}
	return false;
}

/* --- addresses -------------------------------------------------------------------------------- */

static uint64_t address(const struct tables *t, unsigned i)
{
	uint32_t off = u32_at(t, t->offsets + 4 * (size_t)i);

	if (!t->absolute_percpu)
		return t->base + off;
	return off >> 31 ? t->base - 1 - (uint64_t)(int64_t)(int32_t)off : off;
}

/* Symbols are sorted, but for a few. */
static bool prove_offsets(struct tables *t, size_t offsets, size_t base)
{
	unsigned negative = 0, disorder = 0;

	if (base + 8 > t->len || offsets > base)
		return false;
	t->offsets = offsets;
	t->base = get_le64(t->p + base);
	if (t->base < UPPER_HALF)
		return false;
	for (unsigned i = 0; i < t->cnt; i++)
		negative += u32_at(t, offsets + 4 * (size_t)i) >> 31;
	t->absolute_percpu = negative > t->cnt / 2;
	for (unsigned i = 1; i < t->cnt; i++)
		disorder += address(t, i) < address(t, i - 1);
	return disorder <= t->cnt / 100;
}

static bool find_offsets(struct tables *t)
{
	size_t size = align8(4 * (size_t)t->cnt), num = t->names - 8;
	size_t behind = align8(t->token_index + 2 * TOKENS);

	if (num >= 8 + size && prove_offsets(t, num - 8 - size, num - 8))
		return true;
	return prove_offsets(t, behind, behind + size);
}

/* --- all of them ------------------------------------------------------------------------------ */

static size_t expand(const struct tables *t, struct name n, char *buf, size_t room)
{
	size_t used = 0;

	for (unsigned i = 0; i < n.len; i++)
		for (const uint8_t *c = token(t, t->p[n.first + i]); *c && used < room; c++)
			buf[used++] = (char)*c;
	return used;
}

static int take_all(const struct tables *t, struct symbols *ret, struct error **errp)
{
	char buf[1 + SYMBOL_NAME_MAX]; /* the type is in front */
	size_t at = t->names;
	int r = 0;

	for (unsigned i = 0; i < t->cnt && r == 0; i++) {
		struct name n = name_at(t, at, t->markers);
		size_t len = expand(t, n, buf, sizeof(buf));

		at = n.end;
		if (len > 1)
			r = symbols_add(ret, address(t, i), buf[0], buf + 1, len - 1, errp);
	}
	return r;
}

int symbols_from_kernel(const void *p, size_t len, struct symbols *ret, struct error **errp)
{
	struct tables t = { .p = p, .len = len };
	const char *missing = NULL;
	int r;

	*ret = (struct symbols){ 0 };
	if (!find_tokens(&t))
		missing = "kallsyms_token_table";
	else if (!find_markers(&t))
		missing = "kallsyms_names";
	else if (!find_offsets(&t))
		missing = "kallsyms_offsets";
	if (missing) {
		err_set(errp, ENOENT, "has no symbols: there is no %s in it", missing);
		err_hint(errp, "the kernel's CONFIG_KALLSYMS puts them in; or name its System.map");
		return -ENOENT;
	}
	r = take_all(&t, ret, errp);
	if (r < 0)
		symbols_free(ret);
	symbols_sort(ret);
	return r;
}
