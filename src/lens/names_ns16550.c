/* SPDX-License-Identifier: MIT */
/* names_ns16550.c: PC16550D, table II. */
#include "lens/names.h"

#define LCR_DLAB 0x80u

enum { SEEN_LCR };

static const struct bits ier[] = {
	{ 0x01, "ERBFI" }, { 0x02, "ETBEI" }, { 0x04, "ELSI" }, { 0x08, "EDSSI" }, { 0 },
};
static const struct bits iir[] = { { 0x01, "NONE" }, { 0x0e, "ID" }, { 0xc0, "FIFO" }, { 0 } };
static const struct bits fcr[] = {
	{ 0x01, "ENABLE" }, { 0x02, "CLEAR_RX" }, { 0x04, "CLEAR_TX" },
	{ 0x08, "DMA" },    { 0xc0, "TRIGGER" },  { 0 },
};
static const struct bits lcr[] = {
	{ 0x03, "WLS" }, { 0x04, "STB" },   { 0x08, "PEN" },  { 0x10, "EPS" },
	{ 0x20, "STP" }, { 0x40, "BREAK" }, { 0x80, "DLAB" }, { 0 },
};
static const struct bits mcr[] = {
	{ 0x01, "DTR" },  { 0x02, "RTS" },  { 0x04, "OUT1" },
	{ 0x08, "OUT2" }, { 0x10, "LOOP" }, { 0 },
};
static const struct bits lsr[] = {
	{ 0x01, "DR" },   { 0x02, "OE" },   { 0x04, "PE" },       { 0x08, "FE" }, { 0x10, "BI" },
	{ 0x20, "THRE" }, { 0x40, "TEMT" }, { 0x80, "FIFO_ERR" }, { 0 },
};
static const struct bits msr[] = {
	{ 0x01, "DCTS" }, { 0x02, "DDSR" }, { 0x04, "TERI" },
	{ 0x08, "DDCD" }, { 0x10, "CTS" },  { 0x20, "DSR" },
	{ 0x40, "RI" },   { 0x80, "DCD" },  { 0 },
};

static const struct reg regs[] = {
	{ 0, 1, "RBR", "THR", is_character, is_character },
	{ 1, 1, "IER", "IER", ier, ier },
	{ 2, 1, "IIR", "FCR", iir, fcr },
	{ 3, 1, "LCR", "LCR", lcr, lcr },
	{ 4, 1, "MCR", "MCR", mcr, mcr },
	{ 5, 1, "LSR", "LSR", lsr, lsr },
	{ 6, 1, "MSR", "MSR", msr, msr },
	{ 7, 1, "SCR", "SCR", NULL, NULL },
};
static const struct reg divisor[] = {
	{ 0, 1, "DLL", "DLL", NULL, NULL },
	{ 1, 1, "DLM", "DLM", NULL, NULL },
};

/* As everybody calls those at their usual places. */
static const char *title(const struct access *a)
{
	switch (a->region->base) {
	case 0x3f8:
		return "COM1";
	case 0x2f8:
		return "COM2";
	case 0x3e8:
		return "COM3";
	case 0x2e8:
		return "COM4";
	}
	return a->dev->id;
}

static const struct bits *name(const struct access *a, const struct seen *s, struct str *ret)
{
	if (a->off < ARRAY_LEN(divisor) && s->word[SEEN_LCR] & LCR_DLAB)
		return name_reg(a, title(a), divisor, ARRAY_LEN(divisor), ret);
	return name_reg(a, title(a), regs, ARRAY_LEN(regs), ret);
}

static void see(const struct access *a, struct seen *s)
{
	if (a->write && a->off == 3)
		s->word[SEEN_LCR] = (uint32_t)a->value;
}

static const struct state state[] = {
	{ "ier", "IER", ier },
	{ "fcr", "FCR", fcr },
	{ "lcr", "LCR", lcr },
	{ "mcr", "MCR", mcr },
	{ "lsr", "LSR", lsr },
	{ "msr", "MSR", msr },
	{ "scr", "SCR", NULL },
	{ "dll", "DLL", NULL },
	{ "dlm", "DLM", NULL },
	{ "rx", "RX FIFO", NULL },
	{ "rx_cnt", "RX FIFO bytes", NULL },
	{ "thre_int", "THRE interrupt", NULL },
	{ "cti", "character timeout", NULL },
	{ "rx_head", NULL, NULL },
	{ "rx_deadline", NULL, NULL },
	{ 0 },
};

const struct chip chip_ns16550 = { "ns16550", name, see, state, NULL };
