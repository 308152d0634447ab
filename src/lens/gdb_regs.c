/* SPDX-License-Identifier: MIT */
/*
 * gdb_regs.c: one table of registers, from which come the target description (Debugging with GDB,
 * appendix G.5.5, "i386 Features") and the packing. Features that gdb knows have their registers in
 * the order it expects; what else a PC's CPU has is a feature of our own.
 */
#include "lens/gdb_regs.h"

#include <string.h>

#include "vmm/endian.h"

struct reg {
	const char *name, *type, *group;
	uint16_t off;   /* in struct debug_regs */
	uint8_t size;   /* bytes there */
	uint8_t packed; /* bytes in packets; what is not there is 0 */
	uint8_t shift;  /* bytes of the field in front of it */
};

#define F(field)                                                                                   \
	(uint16_t) offsetof(struct debug_regs, field), sizeof(((struct debug_regs *)0)->field)
#define R64(name, type, group, field)                                                              \
	{                                                                                          \
		name, type, group, F(field), 8, 0                                                  \
	}
#define R32(name, type, group, field)                                                              \
	{                                                                                          \
		name, type, group, F(field), 4, 0                                                  \
	}
#define GPR(name, type, i) R64(name, type, NULL, gpr[i])
#define SEL(name, i)       R32(name, "int32", NULL, seg[i].selector)
#define ST(i)                                                                                      \
	{                                                                                          \
		"st" #i, "i387_ext", NULL, F(st[i]), 10, 0                                         \
	}
#define XMM(i)                                                                                     \
	{                                                                                          \
		"xmm" #i, "vec128", NULL, F(xmm[i]), 16, 0                                         \
	}
#define YMMH(i)                                                                                    \
	{                                                                                          \
		"ymm" #i "h", "uint128", NULL, F(ymmh[i]), 16, 0                                   \
	}
#define FP(name, field, shift)                                                                     \
	{                                                                                          \
		name, "int", "float", F(field), 4, shift                                           \
	}
#define SYS(name, type, field) R64(name, type, "system", field)

static const struct reg core[] = {
	GPR("rax", "int64", DBG_RAX),
	GPR("rbx", "int64", DBG_RBX),
	GPR("rcx", "int64", DBG_RCX),
	GPR("rdx", "int64", DBG_RDX),
	GPR("rsi", "int64", DBG_RSI),
	GPR("rdi", "int64", DBG_RDI),
	GPR("rbp", "data_ptr", DBG_RBP),
	GPR("rsp", "data_ptr", DBG_RSP),
	GPR("r8", "int64", DBG_R8),
	GPR("r9", "int64", DBG_R9),
	GPR("r10", "int64", DBG_R10),
	GPR("r11", "int64", DBG_R11),
	GPR("r12", "int64", DBG_R12),
	GPR("r13", "int64", DBG_R13),
	GPR("r14", "int64", DBG_R14),
	GPR("r15", "int64", DBG_R15),
	R64("rip", "code_ptr", NULL, rip),
	{ "eflags", "i386_eflags", NULL, F(rflags), 4, 0 },
	SEL("cs", DBG_CS),
	SEL("ss", DBG_SS),
	SEL("ds", DBG_DS),
	SEL("es", DBG_ES),
	SEL("fs", DBG_FS),
	SEL("gs", DBG_GS),
	ST(0),
	ST(1),
	ST(2),
	ST(3),
	ST(4),
	ST(5),
	ST(6),
	ST(7),
	FP("fctrl", fcw, 0),
	FP("fstat", fsw, 0),
	FP("ftag", ftw, 0), /* and gdb_reg_get() */
	FP("fiseg", fip, 4),
	FP("fioff", fip, 0),
	FP("foseg", fdp, 4),
	FP("fooff", fdp, 0),
	FP("fop", fop, 0),
};
#define REG_FTAG 34u

static const struct reg sse[] = {
	XMM(0),
	XMM(1),
	XMM(2),
	XMM(3),
	XMM(4),
	XMM(5),
	XMM(6),
	XMM(7),
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	{ "mxcsr", "i386_mxcsr", "vector", F(mxcsr), 4, 0 },
};

static const struct reg segments[] = {
	R64("fs_base", "int64", NULL, seg[DBG_FS].base),
	R64("gs_base", "int64", NULL, seg[DBG_GS].base),
};

static const struct reg control[] = {
	SYS("k_gs_base", "uint64", kernel_gs_base),
	SYS("cr0", "cr0_flags", cr0),
	SYS("cr2", "data_ptr", cr2),
	SYS("cr3", "uint64", cr3),
	SYS("cr4", "cr4_flags", cr4),
	SYS("cr8", "uint64", cr8),
	SYS("efer", "efer_flags", efer),
	SYS("apic_base", "uint64", apic_base),
	SYS("gdt_base", "data_ptr", gdt_base),
	R32("gdt_limit", "uint32", "system", gdt_limit),
	SYS("idt_base", "data_ptr", idt_base),
	R32("idt_limit", "uint32", "system", idt_limit),
	R32("ldtr", "uint32", "system", seg[DBG_LDTR].selector),
	R32("tr", "uint32", "system", seg[DBG_TR].selector),
	SYS("tr_base", "data_ptr", seg[DBG_TR].base),
	SYS("dr0", "data_ptr", dr[0]),
	SYS("dr1", "data_ptr", dr[1]),
	SYS("dr2", "data_ptr", dr[2]),
	SYS("dr3", "data_ptr", dr[3]),
	SYS("dr6", "uint64", dr[6]),
	SYS("dr7", "uint64", dr[7]),
};

static const struct reg avx[] = {
	YMMH(0), YMMH(1), YMMH(2),  YMMH(3),  YMMH(4),  YMMH(5),  YMMH(6),  YMMH(7),
	YMMH(8), YMMH(9), YMMH(10), YMMH(11), YMMH(12), YMMH(13), YMMH(14), YMMH(15),
};

static const char core_types[] =
	"<flags id=\"i386_eflags\" size=\"4\">"
	"<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"\" start=\"1\" end=\"1\"/>"
	"<field name=\"PF\" start=\"2\" end=\"2\"/><field name=\"AF\" start=\"4\" end=\"4\"/>"
	"<field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/>"
	"<field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/>"
	"<field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"OF\" start=\"11\" end=\"11\"/>"
	"<field name=\"NT\" start=\"14\" end=\"14\"/><field name=\"RF\" start=\"16\" end=\"16\"/>"
	"<field name=\"VM\" start=\"17\" end=\"17\"/><field name=\"AC\" start=\"18\" end=\"18\"/>"
	"<field name=\"VIF\" start=\"19\" end=\"19\"/><field name=\"VIP\" start=\"20\" end=\"20\"/>"
	"<field name=\"ID\" start=\"21\" end=\"21\"/></flags>";

static const char sse_types[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\">"
	"<field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"
	"<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>"
	"<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
	"<field name=\"uint128\" type=\"uint128\"/></union>"
	"<flags id=\"i386_mxcsr\" size=\"4\">"
	"<field name=\"IE\" start=\"0\" end=\"0\"/><field name=\"DE\" start=\"1\" end=\"1\"/>"
	"<field name=\"ZE\" start=\"2\" end=\"2\"/><field name=\"OE\" start=\"3\" end=\"3\"/>"
	"<field name=\"UE\" start=\"4\" end=\"4\"/><field name=\"PE\" start=\"5\" end=\"5\"/>"
	"<field name=\"DAZ\" start=\"6\" end=\"6\"/><field name=\"IM\" start=\"7\" end=\"7\"/>"
	"<field name=\"DM\" start=\"8\" end=\"8\"/><field name=\"ZM\" start=\"9\" end=\"9\"/>"
	"<field name=\"OM\" start=\"10\" end=\"10\"/><field name=\"UM\" start=\"11\" end=\"11\"/>"
	"<field name=\"PM\" start=\"12\" end=\"12\"/><field name=\"FZ\" start=\"15\" end=\"15\"/>"
	"</flags>";

/* Intel SDM 3A 2.5 and 2.2.1. */
static const char control_types[] =
	"<flags id=\"cr0_flags\" size=\"8\">"
	"<field name=\"PE\" start=\"0\" end=\"0\"/><field name=\"MP\" start=\"1\" end=\"1\"/>"
	"<field name=\"EM\" start=\"2\" end=\"2\"/><field name=\"TS\" start=\"3\" end=\"3\"/>"
	"<field name=\"ET\" start=\"4\" end=\"4\"/><field name=\"NE\" start=\"5\" end=\"5\"/>"
	"<field name=\"WP\" start=\"16\" end=\"16\"/><field name=\"AM\" start=\"18\" end=\"18\"/>"
	"<field name=\"NW\" start=\"29\" end=\"29\"/><field name=\"CD\" start=\"30\" end=\"30\"/>"
	"<field name=\"PG\" start=\"31\" end=\"31\"/></flags>"
	"<flags id=\"cr4_flags\" size=\"8\">"
	"<field name=\"VME\" start=\"0\" end=\"0\"/><field name=\"PVI\" start=\"1\" end=\"1\"/>"
	"<field name=\"TSD\" start=\"2\" end=\"2\"/><field name=\"DE\" start=\"3\" end=\"3\"/>"
	"<field name=\"PSE\" start=\"4\" end=\"4\"/><field name=\"PAE\" start=\"5\" end=\"5\"/>"
	"<field name=\"MCE\" start=\"6\" end=\"6\"/><field name=\"PGE\" start=\"7\" end=\"7\"/>"
	"<field name=\"PCE\" start=\"8\" end=\"8\"/><field name=\"OSFXSR\" start=\"9\" end=\"9\"/>"
	"<field name=\"OSXMMEXCPT\" start=\"10\" end=\"10\"/>"
	"<field name=\"UMIP\" start=\"11\" end=\"11\"/><field name=\"LA57\" start=\"12\" "
	"end=\"12\"/>"
	"<field name=\"VMXE\" start=\"13\" end=\"13\"/><field name=\"SMXE\" start=\"14\" "
	"end=\"14\"/>"
	"<field name=\"FSGSBASE\" start=\"16\" end=\"16\"/>"
	"<field name=\"PCIDE\" start=\"17\" end=\"17\"/>"
	"<field name=\"OSXSAVE\" start=\"18\" end=\"18\"/><field name=\"KL\" start=\"19\" "
	"end=\"19\"/>"
	"<field name=\"SMEP\" start=\"20\" end=\"20\"/><field name=\"SMAP\" start=\"21\" "
	"end=\"21\"/>"
	"<field name=\"PKE\" start=\"22\" end=\"22\"/><field name=\"CET\" start=\"23\" end=\"23\"/>"
	"<field name=\"PKS\" start=\"24\" end=\"24\"/></flags>"
	"<flags id=\"efer_flags\" size=\"8\">"
	"<field name=\"SCE\" start=\"0\" end=\"0\"/><field name=\"LME\" start=\"8\" end=\"8\"/>"
	"<field name=\"LMA\" start=\"10\" end=\"10\"/><field name=\"NXE\" start=\"11\" end=\"11\"/>"
	"<field name=\"SVME\" start=\"12\" end=\"12\"/><field name=\"LMSLE\" start=\"13\" "
	"end=\"13\"/>"
	"<field name=\"FFXSR\" start=\"14\" end=\"14\"/><field name=\"TCE\" start=\"15\" "
	"end=\"15\"/>"
	"</flags>";

static const struct feature {
	const char *name, *types;
	const struct reg *reg;
	unsigned cnt;
} features[] = {
	{ "org.gnu.gdb.i386.core", core_types, core, ARRAY_LEN(core) },
	{ "org.gnu.gdb.i386.sse", sse_types, sse, ARRAY_LEN(sse) },
	{ "org.gnu.gdb.i386.segments", "", segments, ARRAY_LEN(segments) },
	{ "org.trapeze.control", control_types, control, ARRAY_LEN(control) },
	{ "org.gnu.gdb.i386.avx", "", avx, ARRAY_LEN(avx) },
};

static unsigned feature_cnt(const struct debug_regs *r)
{
	return ARRAY_LEN(features) - (r->has_ymm ? 0 : 1);
}

static const struct reg *reg_of(unsigned n)
{
	for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
		if (n < features[i].cnt)
			return &features[i].reg[n];
		n -= features[i].cnt;
	}
	return NULL;
}

unsigned gdb_reg_cnt(const struct debug_regs *r)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < feature_cnt(r); i++)
		cnt += features[i].cnt;
	return cnt;
}

unsigned gdb_reg_bytes(unsigned n)
{
	const struct reg *r = reg_of(n);

	return r ? r->packed : 0;
}

/* --- packing ---------------------------------------------------------------------------------- */

/* Intel SDM 1 10.5.1.1: FXSAVE has a bit for each register that is not empty; gdb wants the tag
 * word, in which a register is valid (0), zero (1), special (2) or empty (3). */
static uint16_t full_tags(const struct debug_regs *r)
{
	unsigned top = r->fsw >> 11 & 7;
	uint16_t tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *st = r->st[(i - top) & 7]; /* st[] counts from the top */
		uint64_t mantissa = get_le64(st);
		unsigned exponent = get_le16(st + 8) & 0x7fff, tag = 0;

		if (!(r->ftw & 1u << i))
			tag = 3;
		else if (!exponent && !mantissa)
			tag = 1;
		else if (exponent == 0x7fff || !(mantissa >> 63))
			tag = 2;
		tags |= (uint16_t)(tag << (2 * i));
	}
	return tags;
}

static uint8_t abridged_tags(uint16_t tags)
{
	uint8_t ftw = 0;

	for (unsigned i = 0; i < 8; i++) {
		if ((tags >> (2 * i) & 3) != 3)
			ftw |= (uint8_t)(1u << i);
	}
	return ftw;
}

static unsigned moved(const struct reg *g)
{
	unsigned have = g->size - g->shift;

	return have < g->packed ? have : g->packed;
}

void gdb_reg_get(const struct debug_regs *r, unsigned n, uint8_t *to)
{
	const struct reg *g = reg_of(n);

	if (!g)
		return;
	memset(to, 0, g->packed);
	if (n == REG_FTAG)
		put_le16(to, full_tags(r));
	else
		memcpy(to, (const uint8_t *)r + g->off + g->shift, moved(g));
}

void gdb_reg_set(struct debug_regs *r, unsigned n, const uint8_t *from)
{
	const struct reg *g = reg_of(n);

	if (!g)
		return;
	if (n == REG_FTAG)
		r->ftw = abridged_tags(get_le16(from));
	else
		memcpy((uint8_t *)r + g->off + g->shift, from, moved(g));
}

/* --- the description -------------------------------------------------------------------------- */

void gdb_regs_xml(const struct debug_regs *r, struct str *ret)
{
	str_add(ret, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
		     "<target><architecture>i386:x86-64</architecture>");
	for (unsigned i = 0; i < feature_cnt(r); i++) {
		const struct feature *f = &features[i];

		str_add(ret, "<feature name=\"%s\">%s", f->name, f->types);
		for (unsigned j = 0; j < f->cnt; j++) {
			const struct reg *g = &f->reg[j];

			str_add(ret, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"", g->name,
				g->packed * 8u, g->type);
			if (g->group)
				str_add(ret, " group=\"%s\"", g->group);
			str_add(ret, "/>");
		}
		str_add(ret, "</feature>");
	}
	str_add(ret, "</target>");
}
