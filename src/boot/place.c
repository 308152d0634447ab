/* SPDX-License-Identifier: MIT */
/* place.c: where things go in guest RAM. */
#include "boot/place.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/board.h"
#include "vmm/error.h"

static const char scratch_what[] = "the boot data area";

static bool overlaps(gpa_t a, uint64_t a_len, gpa_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool in_ram(const struct board *b, gpa_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < b->range_cnt; i++) {
		const struct board_range *r = &b->ranges[i];

		if (r->kind == BOARD_RAM && gpa - r->base < r->len &&
		    len <= r->len - (gpa - r->base))
			return true;
	}
	return false;
}

static const struct place_taken *in_the_way(const struct place *p, gpa_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < p->cnt; i++)
		if (overlaps(gpa, len, p->taken[i].base, p->taken[i].len))
			return &p->taken[i];
	return NULL;
}

bool place_is_free(const struct place *p, gpa_t gpa, uint64_t len)
{
	return len && in_ram(p->board, gpa, len) && !in_the_way(p, gpa, len) && p->cnt < PLACE_MAX;
}

/* Only after place_is_free(). */
static void take(struct place *p, gpa_t gpa, uint64_t len, const char *what)
{
	unsigned at = 0;

	while (at < p->cnt && p->taken[at].base < gpa)
		at++;
	memmove(&p->taken[at + 1], &p->taken[at], (p->cnt - at) * sizeof(p->taken[0]));
	p->taken[at] = (struct place_taken){ gpa, len, what };
	p->cnt++;
}

int place_init(struct place *p, const struct boot_env *env, struct error **errp)
{
	*p = (struct place){ .board = env->board };
	if (env->scratch_len) {
		int r = place_fixed(p, env->scratch, env->scratch_len, scratch_what, errp);

		if (r < 0)
			return r;
	}
	p->scratch = env->scratch;
	p->scratch_end = env->scratch + env->scratch_len;
	return 0;
}

int place_fixed(struct place *p, gpa_t gpa, uint64_t len, const char *what, struct error **errp)
{
	const struct place_taken *t;

	if (!len)
		return 0;
	if (!in_ram(p->board, gpa, len))
		return err_set(errp, ENOMEM,
			       "%s needs guest memory %#" PRIx64 " + %#" PRIx64 " (%" PRIu64
			       " KiB), which is not all RAM",
			       what, gpa, len, (len + KIB - 1) / KIB);
	t = in_the_way(p, gpa, len);
	if (t)
		return err_set(errp, EINVAL,
			       "%s (%#" PRIx64 " + %#" PRIx64 ") overlaps %s (%#" PRIx64
			       " + %#" PRIx64 ")",
			       what, gpa, len, t->what, t->base, t->len);
	if (p->cnt == PLACE_MAX)
		return err_set(errp, E2BIG, "%s is one piece too many: at most %d can be placed",
			       what, PLACE_MAX);
	take(p, gpa, len, what);
	return 0;
}

/*
 * The free pieces of RAM in [min, end), in order of address: *i counts ranges, *from is where in
 * the range to look on. Both start as 0.
 */
static bool next_free(const struct place *p, gpa_t min, gpa_t end, unsigned *i, gpa_t *from,
		      struct place_taken *ret)
{
	for (; *i < p->board->range_cnt; (*i)++, *from = 0) {
		const struct board_range *r = &p->board->ranges[*i];
		gpa_t lo = max_u64(max_u64(r->base, min), *from);
		gpa_t hi = min_u64(r->base + r->len, end);
		const struct place_taken *t = NULL;

		if (r->kind != BOARD_RAM || lo >= hi)
			continue;
		for (unsigned k = 0; k < p->cnt; k++) {
			if (!overlaps(lo, hi - lo, p->taken[k].base, p->taken[k].len))
				continue;
			t = &p->taken[k];
			if (t->base > lo)
				break; /* sorted: [lo, t->base) is free */
			lo = t->base + t->len;
			t = NULL;
			if (lo >= hi)
				break;
		}
		if (lo >= hi)
			continue;
		*ret = (struct place_taken){ .base = lo, .len = (t ? t->base : hi) - lo };
		*from = lo + ret->len;
		return true;
	}
	return false;
}

bool place_high(struct place *p, uint64_t len, uint64_t align, gpa_t min, gpa_t end,
		const char *what, gpa_t *ret)
{
	struct place_taken f;
	gpa_t from = 0, best = 0;
	unsigned i = 0;
	bool found = false;

	while (next_free(p, min, end, &i, &from, &f)) {
		gpa_t at;

		if (len > f.len)
			continue;
		at = align_down(f.base + f.len - len, align);
		if (at >= f.base) {
			best = at;
			found = true;
		}
	}
	if (!found || !place_is_free(p, best, len))
		return false;
	take(p, best, len, what);
	*ret = best;
	return true;
}

bool place_low(struct place *p, uint64_t len, uint64_t align, gpa_t min, gpa_t end,
	       const char *what, gpa_t *ret)
{
	struct place_taken f;
	gpa_t from = 0;
	unsigned i = 0;

	while (next_free(p, min, end, &i, &from, &f)) {
		gpa_t at = align_up(f.base, align);

		if (at - f.base >= f.len || len > f.len - (at - f.base) ||
		    !place_is_free(p, at, len))
			continue;
		take(p, at, len, what);
		*ret = at;
		return true;
	}
	return false;
}

uint64_t place_biggest(const struct place *p, gpa_t min, gpa_t end)
{
	struct place_taken f;
	uint64_t biggest = 0;
	gpa_t from = 0;
	unsigned i = 0;

	while (next_free(p, min, end, &i, &from, &f))
		biggest = max_u64(biggest, f.len);
	return biggest;
}

int place_scratch(struct place *p, uint64_t len, uint64_t align, const char *what, gpa_t *ret,
		  struct error **errp)
{
	gpa_t at = align_up(p->scratch, align);

	if (at > p->scratch_end || len > p->scratch_end - at)
		return err_set(errp, ENOSPC,
			       "%s needs %" PRIu64 " bytes of the boot data area, %" PRIu64
			       " are left",
			       what, len, p->scratch_end - min_u64(at, p->scratch_end));
	p->scratch = at + len;
	*ret = at;
	return 0;
}
