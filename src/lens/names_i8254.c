/* SPDX-License-Identifier: MIT */
/* names_i8254.c: 8254, and port 0x61 of the PC/AT. */
#include "lens/names.h"

static const struct bits control[] = {
	{ 0x01, "BCD" }, { 0x0e, "MODE" }, { 0x30, "RW" }, { 0xc0, "CHANNEL" }, { 0 },
};
static const struct bits port61[] = {
	{ 0x01, "GATE2" },     { 0x02, "SPEAKER" }, { 0x04, "PARITY_OFF" },
	{ 0x08, "IOCHK_OFF" }, { 0x10, "REFRESH" }, { 0x20, "OUT2" },
	{ 0x40, "IOCHK" },     { 0x80, "PARITY" },  { 0 },
};

static const struct reg counters[] = {
	{ 0, 1, "channel 0", "channel 0", NULL, NULL },
	{ 1, 1, "channel 1", "channel 1", NULL, NULL },
	{ 2, 1, "channel 2", "channel 2", NULL, NULL },
	{ 3, 1, "control", "control", NULL, control },
};
static const struct reg speaker[] = { { 0, 1, "port 61h", "port 61h", port61, port61 } };

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	(void)s;
	if (in_region(a, "i8254 port 61"))
		return name_reg(a, "system control B,", speaker, ARRAY_LEN(speaker), ret);
	return name_reg(a, "PIT", counters, ARRAY_LEN(counters), ret);
}

#define CHANNEL(n)                                                                                 \
	{ "ch[" n "].control", "channel " n " control", control },                                 \
		{ "ch[" n "].gate", "channel " n " gate", NULL },                                  \
		{ "ch[" n "].reload", "channel " n " reload", NULL },                              \
		{ "ch[" n "].count", "channel " n " count", NULL },                                \
		{ "ch[" n "].running", "channel " n " runs", NULL },                               \
		{ "ch[" n "].armed", "channel " n " armed", NULL },                                \
		{ "ch[" n "].null_count", "channel " n " null count", NULL },                      \
		{ "ch[" n "].write_msb", "channel " n " writes MSB next", NULL },                  \
		{ "ch[" n "].read_msb", "channel " n " reads MSB next", NULL },                    \
		{ "ch[" n "].write_lsb", "channel " n " LSB written", NULL },                      \
		{ "ch[" n "].count_latched", "channel " n " count latched", NULL },                \
		{ "ch[" n "].status_latched", "channel " n " status latched", NULL },              \
		{ "ch[" n "].count_latch", "channel " n " count latch", NULL },                    \
		{ "ch[" n "].status_latch", "channel " n " status latch", NULL },                  \
		{ "ch[" n "].frozen", NULL, NULL }, { "ch[" n "].load_low", NULL, NULL },          \
		{ "ch[" n "].held", NULL, NULL }, { "ch[" n "].elapsed", NULL, NULL },             \
	{                                                                                          \
		"ch[" n "].load_in", NULL, NULL                                                    \
	}

static const struct state state[] = {
	CHANNEL("0"),
	CHANNEL("1"),
	CHANNEL("2"),
	{ "port61", "port 61h", port61 },
	{ "line", "OUT0", NULL },
	{ "edge_in", NULL, NULL },
	{ 0 },
};

const struct chip chip_i8254 = { "i8254", name, NULL, state, NULL };
