/* SPDX-License-Identifier: MIT */
/*
 * names_nobody.c: what is usually where a guest looked and this machine has nothing. The PC's ports
 * are where IBM's and Intel's manuals put them; some belong to other hypervisors.
 */
#include "lens/names.h"

struct range {
	uint64_t first, last;
	const char *name;
};

static const char *find(const struct range *r, unsigned cnt, uint64_t at)
{
	for (unsigned i = 0; i < cnt; i++)
		if (at >= r[i].first && at <= r[i].last)
			return r[i].name;
	return NULL;
}

/* The first that fits. */
static const struct range ports[] = {
	{ 0x00, 0x0f, "DMA controller 1" },
	{ 0x20, 0x21, "interrupt controller 1" },
	{ 0x22, 0x23, "interrupt mode (IMCR), chip set" },
	{ 0x2e, 0x2f, "Super I/O" },
	{ 0x40, 0x43, "timer (8254)" },
	{ 0x4e, 0x4f, "Super I/O" },
	{ 0x60, 0x60, "keyboard data" },
	{ 0x61, 0x61, "system control B" },
	{ 0x64, 0x64, "keyboard status and command" },
	{ 0x70, 0x77, "RTC and CMOS" },
	{ 0x80, 0x80, "POST code, I/O delay" },
	{ 0x81, 0x8f, "DMA page registers" },
	{ 0x92, 0x92, "system control A" },
	{ 0xa0, 0xa1, "interrupt controller 2" },
	{ 0xb2, 0xb3, "SMI command (APM)" },
	{ 0xc0, 0xdf, "DMA controller 2" },
	{ 0xe9, 0xe9, "debug console" },
	{ 0xeb, 0xeb, "I/O delay" },
	{ 0xed, 0xed, "I/O delay" },
	{ 0xf0, 0xf1, "coprocessor error" },
	{ 0xf4, 0xf4, "debug exit" },
	{ 0x170, 0x177, "IDE 2" },
	{ 0x1ce, 0x1cf, "VBE" },
	{ 0x1f0, 0x1f7, "IDE 1" },
	{ 0x200, 0x207, "game port" },
	{ 0x220, 0x22f, "Sound Blaster" },
	{ 0x278, 0x27a, "LPT2, ISA PnP address" },
	{ 0x2e8, 0x2ef, "COM4" },
	{ 0x2f8, 0x2ff, "COM2" },
	{ 0x330, 0x331, "MIDI" },
	{ 0x376, 0x377, "IDE 2 control" },
	{ 0x378, 0x37a, "LPT1" },
	{ 0x388, 0x38b, "AdLib" },
	{ 0x3b0, 0x3bb, "MDA" },
	{ 0x3bc, 0x3be, "LPT3" },
	{ 0x3c0, 0x3df, "VGA" },
	{ 0x3e8, 0x3ef, "COM3" },
	{ 0x3f6, 0x3f6, "IDE control" },
	{ 0x3f0, 0x3f7, "floppy" },
	{ 0x3f8, 0x3ff, "COM1" },
	{ 0x402, 0x402, "debug console of SeaBIOS" },
	{ 0x4d0, 0x4d1, "ELCR" },
	{ 0x505, 0x505, "pvpanic" },
	{ 0x510, 0x51b, "fw_cfg of QEMU" },
	{ 0xa79, 0xa79, "ISA PnP data" },
	{ 0xcd6, 0xcd7, "AMD power management" },
	{ 0xcf9, 0xcf9, "reset control" },
	{ 0xcf8, 0xcff, "PCI configuration" },
	{ 0x5658, 0x5659, "VMware's backdoor" },
	{ 0xc000, 0xcfff, "PCI configuration mechanism 2" },
};

static const struct range memory[] = {
	{ 0xa0000, 0xbffff, "VGA memory" },
	{ 0xc0000, 0xfffff, "BIOS" },
	{ 0xfec00000, 0xfec00fff, "IOAPIC" },
	{ 0xfed00000, 0xfed003ff, "HPET" },
	{ 0xfed1c000, 0xfed1ffff, "chip set (RCBA)" },
	{ 0xfed40000, 0xfed44fff, "TPM" },
	{ 0xfee00000, 0xfeefffff, "local APIC" },
	{ 0xfff80000, 0xffffffff, "BIOS" },
};

const char *name_port(uint64_t port)
{
	return find(ports, ARRAY_LEN(ports), port);
}

const char *name_memory(uint64_t addr)
{
	return find(memory, ARRAY_LEN(memory), addr);
}
