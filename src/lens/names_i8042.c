/* SPDX-License-Identifier: MIT */
/* names_i8042.c: keyboard controller of the PC/AT. */
#include "lens/names.h"

static const struct bits status[] = {
	{ 0x01, "OBF" }, { 0x02, "IBF" },     { 0x04, "SYS" },    { 0x08, "A2" }, { 0x10, "INH" },
	{ 0x20, "AUX" }, { 0x40, "TIMEOUT" }, { 0x80, "PARITY" }, { 0 },
};

static const struct {
	uint8_t first, last;
	const char *name;
} commands[] = {
	{ 0x20, 0x3f, "read RAM" },
	{ 0x60, 0x7f, "write RAM" },
	{ 0xa7, 0xa7, "auxiliary off" },
	{ 0xa8, 0xa8, "auxiliary on" },
	{ 0xa9, 0xa9, "test auxiliary" },
	{ 0xaa, 0xaa, "self-test" },
	{ 0xab, 0xab, "test keyboard" },
	{ 0xad, 0xad, "keyboard off" },
	{ 0xae, 0xae, "keyboard on" },
	{ 0xc0, 0xc0, "read input port" },
	{ 0xd0, 0xd0, "read output port" },
	{ 0xd1, 0xd1, "write output port" },
	{ 0xd2, 0xd2, "as if from keyboard" },
	{ 0xd3, 0xd3, "as if from auxiliary" },
	{ 0xd4, 0xd4, "to auxiliary" },
	{ 0xdd, 0xdd, "A20 off" },
	{ 0xdf, 0xdf, "A20 on" },
	{ 0xe0, 0xe0, "read test inputs" },
	{ 0xfe, 0xfe, "pulse reset line" },
	{ 0xf0, 0xff, "pulse output port" },
};

static void name_command(uint64_t v, struct str *ret)
{
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
		if (v >= commands[i].first && v <= commands[i].last) {
			str_add(ret, ": %s", commands[i].name);
			return;
		}
	}
}

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	(void)s;
	if (in_region(a, "i8042 data")) {
		str_add(ret, "keyboard data");
		return NULL;
	}
	str_add(ret, "keyboard %s", a->write ? "command" : "status");
	if (!a->write)
		return status;
	name_command(a->value, ret);
	return NULL;
}

static const struct bits output[] = {
	{ 0x01, "RESET#" }, { 0x02, "A20" }, { 0x10, "IRQ1" }, { 0x20, "IRQ12" }, { 0 },
};

static const struct state state[] = {
	{ "ram", "RAM byte", NULL },
	{ "status", "status", status },
	{ "obuf", "output buffer", NULL },
	{ "pending", "command that waits", NULL },
	{ "out_port", "output port", output },
	{ "kbd_cnt", "keyboard's queue", NULL },
	{ "kbd_pending", "keyboard command that waits", NULL },
	{ "kbd_set", "scan code set", NULL },
	{ "reply", NULL, NULL },
	{ "reply_status", NULL, NULL },
	{ "reply_full", NULL, NULL },
	{ "kbd_queue", NULL, NULL },
	{ "kbd_head", NULL, NULL },
	{ "kbd_last", NULL, NULL },
	{ 0 },
};

const struct chip chip_i8042 = { "i8042", name, NULL, state, NULL };
