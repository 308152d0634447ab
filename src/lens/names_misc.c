/* SPDX-License-Identifier: MIT */
/* names_misc.c: devices of a register or two. */
#include "lens/names.h"

static const struct bits *one(const char *name, const struct bits *b, struct str *ret)
{
	str_add(ret, "%s", name);
	return b;
}

#define ONE(fn, text, table)                                                                       \
	static const struct bits *fn(const struct access *a, const struct seen *s,                 \
				     struct str *ret)                                              \
	{                                                                                          \
		(void)a;                                                                           \
		(void)s;                                                                           \
		return one(text, table, ret);                                                      \
	}

static const struct bits panic[] = { { 0x01, "PANICKED" }, { 0x02, "CRASH_LOADED" }, { 0 } };
static const struct bits port92[] = { { 0x01, "FAST_RESET" }, { 0x02, "A20" }, { 0 } };

ONE(debugcon, "debug console", is_character)
ONE(debugexit, "debug exit", NULL)
ONE(postcode, "POST code", NULL)
ONE(pvpanic, "pvpanic", panic)
ONE(sysctl_a, "system control A", port92)

static const struct state post_state[] = {
	{ "last", "POST code", NULL },
	{ "ring", NULL, NULL },
	{ "head", NULL, NULL },
	{ "cnt", NULL, NULL },
	{ 0 },
};
static const struct state sysctl_state[] = { { "val", "system control A", port92 }, { 0 } };

const struct chip chip_debugcon = { "debugcon", debugcon, NULL, NULL, NULL };
const struct chip chip_debugexit = { "debugexit", debugexit, NULL, NULL, NULL };
const struct chip chip_postcode = { "postcode", postcode, NULL, post_state, NULL };
const struct chip chip_pvpanic = { "pvpanic", pvpanic, NULL, NULL, NULL };
const struct chip chip_sysctl_a = { "sysctl_a", sysctl_a, NULL, sysctl_state, NULL };
