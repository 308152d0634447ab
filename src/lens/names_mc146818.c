/* SPDX-License-Identifier: MIT */
/* names_mc146818.c: MC146818, figure 11; which register port 0x71 is, port 0x70 says. */
#include <string.h>

#include "lens/names.h"

enum { SEEN_INDEX };

static const struct bits reg_a[] = {
	{ 0x0f, "RS" },
	{ 0x70, "DV" },
	{ 0x80, "UIP" },
	{ 0 },
};
static const struct bits reg_b[] = {
	{ 0x01, "DSE" },  { 0x02, "24H" }, { 0x04, "DM" },
	{ 0x08, "SQWE" }, { 0x10, "UIE" }, { 0x20, "AIE" },
	{ 0x40, "PIE" },  { 0x80, "SET" }, { 0 },
};
static const struct bits reg_c[] = {
	{ 0x10, "UF" }, { 0x20, "AF" }, { 0x40, "PF" }, { 0x80, "IRQF" }, { 0 },
};
static const struct bits reg_d[] = { { 0x80, "VRT" }, { 0 } };

static const struct {
	uint8_t index;
	const char *name;
	const struct bits *bits;
} cells[] = {
	{ 0, "seconds", NULL },
	{ 1, "seconds alarm", NULL },
	{ 2, "minutes", NULL },
	{ 3, "minutes alarm", NULL },
	{ 4, "hours", NULL },
	{ 5, "hours alarm", NULL },
	{ 6, "weekday", NULL },
	{ 7, "day", NULL },
	{ 8, "month", NULL },
	{ 9, "year", NULL },
	{ 10, "A", reg_a },
	{ 11, "B", reg_b },
	{ 12, "C", reg_c },
	{ 13, "D", reg_d },
	{ 15, "CMOS shutdown status", NULL },
	{ 0x32, "century", NULL },
};

static const struct bits *name_cell(unsigned index, struct str *ret)
{
	for (unsigned i = 0; i < ARRAY_LEN(cells); i++) {
		if (cells[i].index == index) {
			str_add(ret, "%s", cells[i].name);
			return cells[i].bits;
		}
	}
	str_add(ret, "CMOS byte %#x", index);
	return NULL;
}

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	str_add(ret, "RTC ");
	if (a->off == 0 && a->write) {
		str_add(ret, "index: ");
		(void)name_cell(a->value & 0x7f, ret);
		return NULL;
	}
	if (a->off == 0) {
		str_add(ret, "index");
		return NULL;
	}
	if (!a->lens->seen) {
		str_add(ret, "data");
		return NULL;
	}
	return name_cell(s->word[SEEN_INDEX], ret);
}

static void see(const struct access *a, struct seen *s)
{
	if (a->write && a->off == 0)
		s->word[SEEN_INDEX] = a->value & 0x7f;
}

static const struct state state[] = {
	{ "cmos", "CMOS byte", NULL }, { "index", "index", NULL },
	{ "weekday_off", NULL, NULL }, { "phase_ns", NULL, NULL },
	{ "sec_off", NULL, NULL },     { "seen_sec", NULL, NULL },
	{ "seen_period", NULL, NULL }, { "host_skew", NULL, NULL },
	{ "synced", NULL, NULL },      { 0 },
};

static const struct bits *element(const char *field, uint32_t index, struct str *ret)
{
	return strcmp(field, "cmos") != 0 ? NULL : name_cell(index, ret);
}

const struct chip chip_mc146818 = { "mc146818", name, see, state, element };
