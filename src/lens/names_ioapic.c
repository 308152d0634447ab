/* SPDX-License-Identifier: MIT */
/* names_ioapic.c: 82093AA, 3.1: two registers, through which there are the others. */
#include "lens/names.h"

enum { SEEN_SELECT };

#define REDTBL 0x10u
#define PINS   24u

static const struct bits low[] = {
	{ 0x000000ff, "vector" },  { 0x00000700, "delivery" },   { 0x00000800, "logical" },
	{ 0x00001000, "pending" }, { 0x00002000, "active_low" }, { 0x00004000, "remote_IRR" },
	{ 0x00008000, "level" },   { 0x00010000, "masked" },     { 0 },
};
static const struct bits high[] = {
	{ 0x00fe0000, "destination_high" },
	{ 0xff000000, "destination" },
	{ 0 },
};
static const struct bits entry[] = {
	{ 0x000000ff, "vector" },
	{ 0x00000700, "delivery" },
	{ 0x00000800, "logical" },
	{ 0x00002000, "active_low" },
	{ 0x00004000, "remote_IRR" },
	{ 0x00008000, "level" },
	{ 0x00010000, "masked" },
	{ UINT64_C(0xff00000000000000), "destination" },
	{ 0 },
};
static const struct bits id[] = { { 0x0f000000, "ID" }, { 0 } };
static const struct bits version[] = { { 0xff, "version" }, { 0xff0000, "last_pin" }, { 0 } };

static const struct bits *name_selected(uint32_t sel, struct str *ret)
{
	static const struct {
		const char *name;
		const struct bits *bits;
	} first[] = { { "ID", id }, { "VER", version }, { "ARB", id } };

	if (sel < ARRAY_LEN(first)) {
		str_add(ret, "%s", first[sel].name);
		return first[sel].bits;
	}
	if (sel >= REDTBL && sel < REDTBL + 2 * PINS) {
		str_add(ret, "pin %u %s", (sel - REDTBL) / 2, sel % 2 ? "high" : "low");
		return sel % 2 ? high : low;
	}
	str_add(ret, "register %#x", sel);
	return NULL;
}

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	static const struct reg regs[] = {
		{ 0x00, 4, "IOREGSEL", "IOREGSEL", NULL, NULL },
		{ 0x10, 4, "IOWIN", "IOWIN", NULL, NULL },
		{ 0x40, 4, "EOIR", "EOIR", NULL, NULL },
	};

	if (a->off == 0x10 && a->lens->seen) {
		str_add(ret, "IOAPIC ");
		return name_selected(s->word[SEEN_SELECT], ret);
	}
	(void)name_reg(a, "IOAPIC", regs, ARRAY_LEN(regs), ret);
	if (a->off == 0 && a->write) {
		str_add(ret, ": ");
		(void)name_selected(a->value & 0xff, ret);
	}
	return NULL;
}

static void see(const struct access *a, struct seen *s)
{
	if (a->write && a->off == 0)
		s->word[SEEN_SELECT] = a->value & 0xff;
}

static const struct state state[] = {
	{ "ioregsel", NULL, NULL }, { "id", "ID", NULL },
	{ "arb", "ARB", NULL },     { "pins", "pins", NULL },
	{ "held", NULL, NULL },     { "eois", NULL, NULL },
	{ "redtbl", "pin", entry }, { 0 },
};

const struct chip chip_ioapic = { "ioapic", name, see, state, NULL };
