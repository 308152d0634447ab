/* SPDX-License-Identifier: MIT */
/* names_pci.c: PCI Local Bus 3.0, 3.2.2.3.2 (CONFIG_ADDRESS) and 6.1 (configuration space). */
#include <string.h>

#include "lens/names.h"

enum { SEEN_ADDRESS };

#define ADDRESS_ENABLE 0x80000000u

static const struct bits command[] = {
	{ 0x0001, "IO" },       { 0x0002, "MEM" },
	{ 0x0004, "MASTER" },   { 0x0008, "SPECIAL" },
	{ 0x0010, "MWI" },      { 0x0040, "PARITY" },
	{ 0x0100, "SERR" },     { 0x0200, "FBB" },
	{ 0x0400, "INTX_OFF" }, { 0 },
};
static const struct bits status[] = {
	{ 0x0008, "INTX" },
	{ 0x0010, "CAPABILITIES" },
	{ 0x0800, "SIG_TARGET_ABORT" },
	{ 0x1000, "TARGET_ABORT" },
	{ 0x2000, "MASTER_ABORT" },
	{ 0x4000, "SERR" },
	{ 0x8000, "PARITY" },
	{ 0 },
};

static const struct {
	uint8_t off, len;
	const char *name;
	const struct bits *bits;
} config[] = {
	{ 0x00, 2, "VENDOR_ID", NULL },     { 0x02, 2, "DEVICE_ID", NULL },
	{ 0x04, 2, "COMMAND", command },    { 0x06, 2, "STATUS", status },
	{ 0x08, 1, "REVISION_ID", NULL },   { 0x09, 3, "CLASS", NULL },
	{ 0x0c, 1, "CACHE_LINE", NULL },    { 0x0d, 1, "LATENCY", NULL },
	{ 0x0e, 1, "HEADER_TYPE", NULL },   { 0x0f, 1, "BIST", NULL },
	{ 0x10, 4, "BAR0", NULL },          { 0x14, 4, "BAR1", NULL },
	{ 0x18, 4, "BAR2", NULL },          { 0x1c, 4, "BAR3", NULL },
	{ 0x20, 4, "BAR4", NULL },          { 0x24, 4, "BAR5", NULL },
	{ 0x28, 4, "CARDBUS_CIS", NULL },   { 0x2c, 2, "SUBSYSTEM_VENDOR_ID", NULL },
	{ 0x2e, 2, "SUBSYSTEM_ID", NULL },  { 0x30, 4, "EXPANSION_ROM", NULL },
	{ 0x34, 1, "CAPABILITIES", NULL },  { 0x3c, 1, "INTERRUPT_LINE", NULL },
	{ 0x3d, 1, "INTERRUPT_PIN", NULL }, { 0x3e, 1, "MIN_GNT", NULL },
	{ 0x3f, 1, "MAX_LAT", NULL },
};

static const struct bits *name_config(uint32_t off, struct str *ret)
{
	for (unsigned i = 0; i < ARRAY_LEN(config); i++) {
		if (off - config[i].off < config[i].len) {
			str_add(ret, "%s", config[i].name);
			if (off != config[i].off)
				str_add(ret, "+%u", off - config[i].off);
			return off == config[i].off ? config[i].bits : NULL;
		}
	}
	str_add(ret, "%#x", off);
	return NULL;
}

void name_pci_register(uint32_t off, struct str *ret)
{
	(void)name_config(off, ret);
}

static const struct trace_device *function_at(const struct trace_machine *m, unsigned bus,
					      unsigned devfn)
{
	for (unsigned i = 0; m && !bus && i < m->device_cnt; i++)
		if (m->device[i].pci == (int)devfn)
			return &m->device[i];
	return NULL;
}

/* "00:03.0 (disk0)" */
static void name_function(const struct access *a, unsigned bus, unsigned devfn, struct str *ret)
{
	const struct trace_device *d = function_at(a->lens->machine, bus, devfn);

	str_add(ret, "%02x:%02x.%u", bus, devfn >> 3, devfn & 7);
	if (!d)
		return;
	str_add(ret, " (");
	name_virtio(d, ret);
	str_add(ret, ")");
}

static const struct bits *name_target(const struct access *a, unsigned bus, unsigned devfn,
				      uint32_t off, struct str *ret)
{
	str_add(ret, "PCI ");
	name_function(a, bus, devfn, ret);
	str_add(ret, " ");
	return name_config(off, ret);
}

static void name_address(const struct access *a, struct str *ret)
{
	uint32_t v = (uint32_t)a->value;

	/* The bridge hands on the byte that is the board's. */
	if (a->off == 1 && a->x->exit.size == 1) {
		str_add(ret, "reset control");
		return;
	}
	str_add(ret, "PCI CONFIG_ADDRESS");
	if (a->off)
		str_add(ret, "+%u", a->off);
	if (!a->write || a->x->exit.size != 4)
		return;
	if (!(v & ADDRESS_ENABLE)) {
		str_add(ret, ": off");
		return;
	}
	str_add(ret, ": ");
	name_function(a, v >> 16 & 0xff, v >> 8 & 0xff, ret);
	str_add(ret, " ");
	name_pci_register(v & 0xfc, ret);
}

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	uint32_t v = s->word[SEEN_ADDRESS];

	if (in_region(a, "PCI ECAM"))
		return name_target(a, a->off >> 20, a->off >> 12 & 0xff, a->off & 0xfff, ret);
	if (in_region(a, "PCI CONFIG_ADDRESS")) {
		name_address(a, ret);
		return NULL;
	}
	if (v & ADDRESS_ENABLE)
		return name_target(a, v >> 16 & 0xff, v >> 8 & 0xff, (v & 0xfc) + a->off, ret);
	str_add(ret, "PCI CONFIG_DATA");
	return NULL;
}

static void see(const struct access *a, struct seen *s)
{
	if (a->write && in_region(a, "PCI CONFIG_ADDRESS") && a->x->exit.size == 4)
		s->word[SEEN_ADDRESS] = (uint32_t)a->value;
}

static const struct state state[] = { { "address", "CONFIG_ADDRESS", NULL }, { 0 } };

const struct chip chip_pci_host = { "pci-host", name, see, state, NULL };
