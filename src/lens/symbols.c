/* SPDX-License-Identifier: MIT */
/* symbols.c: a table of symbols, filled by its loaders and asked by address or name. */
#include "vmm/symbols.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/error.h"

#define BEHIND_LAST 4096u

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	free(s->v);
	str_free(&s->names);
	*s = (struct symbols){ 0 };
}

static bool make_room(struct symbols *s)
{
	unsigned room = s->room ? 2 * s->room : 4096;
	struct symbol *v;

	if (s->cnt < s->room)
		return true;
	v = reallocarray(s->v, room, sizeof(*v));
	if (!v)
		return false;
	s->v = v;
	s->room = room;
	return true;
}

int symbols_add(struct symbols *s, uint64_t addr, char type, const char *name, size_t len,
		struct error **errp)
{
	char clean[SYMBOL_NAME_MAX + 1];

	len = min_u64(len, SYMBOL_NAME_MAX);
	if (s->cnt == SYMBOLS_MAX || s->names.len > UINT32_MAX - sizeof(clean))
		return err_set(errp, E2BIG, "there are more than %u symbols", SYMBOLS_MAX);
	for (size_t i = 0; i < len; i++)
		clean[i] = isgraph((unsigned char)name[i]) ? name[i] : '?';
	clean[len] = '\0';
	if (make_room(s)) {
		s->v[s->cnt++] =
			(struct symbol){ .addr = addr,
					 .name = (uint32_t)s->names.len,
					 .type = isalpha((unsigned char)type) ? type : '?' };
		str_add_bytes(&s->names, clean, len + 1);
		if (!s->names.failed)
			return 0;
		s->cnt--;
	}
	return err_errno(errp, ENOMEM, "cannot keep the symbols");
}

/* Names were added in order, so they tell whose turn it is. */
static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* As a kernel's own tables and System.map are. */
static bool is_sorted(const struct symbols *s)
{
	for (unsigned i = 1; i < s->cnt; i++)
		if (by_address(&s->v[i - 1], &s->v[i]) > 0)
			return false;
	return true;
}

void symbols_sort(struct symbols *s)
{
	if (!is_sorted(s))
		qsort(s->v, s->cnt, sizeof(*s->v), by_address);
}

static bool is_absolute(const struct symbol *y)
{
	return y->type == 'A' || y->type == 'a';
}

/* The better of two at one address. */
static bool is_better(const struct symbol *y, const struct symbol *than)
{
	if (is_absolute(y) != is_absolute(than))
		return is_absolute(than);
	return isupper((unsigned char)y->type) >= isupper((unsigned char)than->type);
}

const struct symbol *symbols_find(const struct symbols *s, uint64_t addr, uint64_t *off)
{
	unsigned lo = 0, hi = s->cnt;
	const struct symbol *best;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (s->v[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || (lo == s->cnt && addr - s->v[lo - 1].addr >= BEHIND_LAST))
		return NULL;
	best = &s->v[--lo];
	for (; lo && s->v[lo - 1].addr == best->addr; lo--)
		if (is_better(&s->v[lo - 1], best))
			best = &s->v[lo - 1];
	if (is_absolute(best))
		return NULL;
	*off = addr - best->addr;
	return best;
}

const struct symbol *symbols_by_name(const struct symbols *s, const char *name)
{
	for (unsigned i = 0; i < s->cnt; i++)
		if (!strcmp(symbol_name(s, &s->v[i]), name))
			return &s->v[i];
	return NULL;
}

static bool looks_like_map(const uint8_t *p, size_t len)
{
	size_t digits = 0;

	while (digits < len && digits <= 16 && isxdigit(p[digits]))
		digits++;
	return digits >= 8 && digits <= 16 && digits + 2 < len && p[digits] == ' ' &&
	       p[digits + 2] == ' ';
}

int symbols_load(const void *p, size_t len, struct symbols *ret, struct error **errp)
{
	int r;

	if (looks_like_map(p, len))
		return symbols_from_map(p, len, ret, errp);
	if (len >= SELFMAG && !memcmp(p, ELFMAG, SELFMAG)) {
		r = symbols_from_elf(p, len, ret, NULL);
		if (r == 0 || r == -ENOMEM)
			return r;
	}
	return symbols_from_kernel(p, len, ret, errp);
}
