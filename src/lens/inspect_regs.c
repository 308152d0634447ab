/* SPDX-License-Identifier: MIT */
/* inspect_regs.c: `regs`: the registers of a vCPU, and which of them have changed. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lens/inspect.h"
#include "vmm/error.h"

/* Intel SDM 1, 3.4.3 */
static const struct inspect_bit flag_bits[] = {
	{ 1u << 0, "CF" },  { 1u << 2, "PF" },   { 1u << 4, "AF" },   { 1u << 6, "ZF" },
	{ 1u << 7, "SF" },  { 1u << 8, "TF" },   { 1u << 9, "IF" },   { 1u << 10, "DF" },
	{ 1u << 11, "OF" }, { 1u << 14, "NT" },  { 1u << 16, "RF" },  { 1u << 17, "VM" },
	{ 1u << 18, "AC" }, { 1u << 19, "VIF" }, { 1u << 20, "VIP" }, { 1u << 21, "ID" },
};

/* Intel SDM 3A, 2.5; EFER: 2.2.1 */
static const struct inspect_bit cr0_bits[] = {
	{ 1u << 0, "PE" },  { 1u << 1, "MP" },  { 1u << 2, "EM" },  { 1u << 3, "TS" },
	{ 1u << 4, "ET" },  { 1u << 5, "NE" },  { 1u << 16, "WP" }, { 1u << 18, "AM" },
	{ 1u << 29, "NW" }, { 1u << 30, "CD" }, { 1u << 31, "PG" },
};
static const struct inspect_bit cr4_bits[] = {
	{ 1u << 0, "VME" },    { 1u << 1, "PVI" },         { 1u << 2, "TSD" },
	{ 1u << 3, "DE" },     { 1u << 4, "PSE" },         { 1u << 5, "PAE" },
	{ 1u << 6, "MCE" },    { 1u << 7, "PGE" },         { 1u << 8, "PCE" },
	{ 1u << 9, "OSFXSR" }, { 1u << 10, "OSXMMEXCPT" }, { 1u << 11, "UMIP" },
	{ 1u << 12, "LA57" },  { 1u << 13, "VMXE" },       { 1u << 16, "FSGSBASE" },
	{ 1u << 17, "PCIDE" }, { 1u << 18, "OSXSAVE" },    { 1u << 20, "SMEP" },
	{ 1u << 21, "SMAP" },  { 1u << 22, "PKE" },        { 1u << 23, "CET" },
};
static const struct inspect_bit efer_bits[] = {
	{ 1u << 0, "SCE" },  { 1u << 8, "LME" },   { 1u << 10, "LMA" },
	{ 1u << 11, "NXE" }, { 1u << 12, "SVME" },
};

void inspect_add_bits(uint64_t v, const struct inspect_bit *b, unsigned cnt, struct str *out)
{
	const char *sep = "";

	for (unsigned i = 0; i < cnt; i++) {
		if (v & b[i].mask) {
			str_add(out, "%s%s", sep, b[i].name);
			sep = " ";
		}
	}
}

/* What was there before is only known if there is a before. */
struct both {
	const struct debug_regs *now, *before;
	unsigned digits; /* of a general register */
	struct str *out;
};

static char mark(const struct both *b, const void *now)
{
	size_t off = (size_t)((const uint8_t *)now - (const uint8_t *)b->now);

	return b->before && memcmp(now, (const uint8_t *)b->before + off, sizeof(uint64_t)) != 0
		       ? '*'
		       : ' ';
}

static void add_general(const struct both *b)
{
	for (unsigned i = 0; i < DBG_GPRS; i++) {
		const char *name = debug_gpr_name[i];
		bool narrow = b->digits == 8;

		if (narrow && i >= DBG_R8)
			break;
		str_add(b->out, "%c%c%-2s %0*" PRIx64 "%s", mark(b, &b->now->gpr[i]),
			narrow ? 'e' : 'r', name + 1, (int)b->digits, b->now->gpr[i],
			i % 4 == 3 ? "\n" : " ");
	}
}

static const char *seg_name(unsigned i)
{
	static const char *const names[DBG_SEGS] = { "cs", "ss", "ds",   "es",
						     "fs", "gs", "ldtr", "tr" };

	return names[i];
}

/* Descriptor bits 40 to 55, as struct debug_segment has them. */
#define ACCESS_P      0x0080u
#define ACCESS_S      0x0010u
#define ACCESS_L      0x2000u
#define ACCESS_DB     0x4000u
#define ACCESS_DPL(a) ((a) >> 5 & 3u)

static void add_segment(const struct both *b, unsigned i)
{
	const struct debug_segment *s = &b->now->seg[i];
	const struct debug_segment *old = b->before ? &b->before->seg[i] : s;
	bool changed = s->selector != old->selector || s->base != old->base ||
		       s->limit != old->limit || s->access != old->access;

	str_add(b->out, "%c%-4s %04x base %0*" PRIx64 " limit %08x", changed ? '*' : ' ',
		seg_name(i), s->selector, (int)b->digits, s->base, s->limit);
	if (!(s->access & ACCESS_P))
		str_add(b->out, " unusable");
	else if (!(s->access & ACCESS_S))
		str_add(b->out, " system type %u", s->access & 0xf);
	else if (s->access & 8)
		str_add(b->out, " code %s dpl %u",
			s->access & ACCESS_L    ? "64"
			: s->access & ACCESS_DB ? "32"
						: "16",
			ACCESS_DPL(s->access));
	else
		str_add(b->out, " data %s dpl %u", s->access & 2 ? "rw" : "r",
			ACCESS_DPL(s->access));
	str_add(b->out, "\n");
}

static void add_control(const struct both *b)
{
	const struct debug_regs *r = b->now;

	str_add(b->out, "%ccr0 %08" PRIx64 " [", mark(b, &r->cr0), r->cr0);
	inspect_add_bits(r->cr0, cr0_bits, ARRAY_LEN(cr0_bits), b->out);
	str_add(b->out, "] %ccr2 %0*" PRIx64 " %ccr3 %0*" PRIx64 " %ccr8 %" PRIx64 "\n",
		mark(b, &r->cr2), (int)b->digits, r->cr2, mark(b, &r->cr3), (int)b->digits, r->cr3,
		mark(b, &r->cr8), r->cr8);
	str_add(b->out, "%ccr4 %08" PRIx64 " [", mark(b, &r->cr4), r->cr4);
	inspect_add_bits(r->cr4, cr4_bits, ARRAY_LEN(cr4_bits), b->out);
	str_add(b->out, "] %cefer %" PRIx64 " [", mark(b, &r->efer), r->efer);
	inspect_add_bits(r->efer, efer_bits, ARRAY_LEN(efer_bits), b->out);
	str_add(b->out,
		"]\n gdt  base %0*" PRIx64 " limit %04x  idt base %0*" PRIx64
		" limit %04x  apic base %" PRIx64 "\n",
		(int)b->digits, r->gdt_base, r->gdt_limit, (int)b->digits, r->idt_base,
		r->idt_limit, r->apic_base);
}

static void add_vector(const uint8_t *p, struct str *out)
{
	for (unsigned i = 16; i; i--)
		str_add(out, "%02x", p[i - 1]);
}

static void add_rest(const struct both *b)
{
	const struct debug_regs *r = b->now;

	str_add(b->out,
		" dr0 %" PRIx64 " dr1 %" PRIx64 " dr2 %" PRIx64 " dr3 %" PRIx64 " dr6 %" PRIx64
		" dr7 %" PRIx64 "\n",
		r->dr[0], r->dr[1], r->dr[2], r->dr[3], r->dr[6], r->dr[7]);
	str_add(b->out, " fcw %04x fsw %04x ftw %02x fop %04x mxcsr %08x\n", r->fcw, r->fsw, r->ftw,
		r->fop, r->mxcsr);
	for (unsigned i = 0; i < 8; i++) {
		str_add(b->out, " st%u  ", i);
		for (unsigned j = 10; j; j--)
			str_add(b->out, "%02x", r->st[i][j - 1]);
		str_add(b->out, "%s", i % 2 ? "\n" : " ");
	}
	for (unsigned i = 0; i < 16; i++) {
		str_add(b->out, " xmm%-2u ", i);
		add_vector(r->xmm[i], b->out);
		str_add(b->out, "%s", i % 2 ? "\n" : " ");
	}
}

/* Protected mode, or what is in front of it. */
static const char *mode_name(const struct debug_regs *r)
{
	if (!(r->cr0 & 1))
		return "real mode";
	if (r->rflags & 1u << 17)
		return "virtual-8086 mode";
	if (r->efer & 1u << 10)
		return debug_bits(r) == 64 ? "64-bit mode" : "compatibility mode";
	return debug_bits(r) == 32 ? "protected mode" : "protected mode, 16-bit code";
}

static bool is_narrow(const struct debug_regs *r)
{
	if (debug_bits(r) == 64)
		return false;
	for (unsigned i = 0; i < DBG_GPRS; i++)
		if (r->gpr[i] > UINT32_MAX || (i >= DBG_R8 && r->gpr[i]))
			return false;
	return true;
}

int inspect_regs(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		 struct error **errp)
{
	struct debug_regs r;
	struct both b = { .now = &r, .before = in->has_before ? &in->before : NULL, .out = out };
	bool all = argc && !strcmp(argv[0], "all");
	int err;

	if (argc && !all)
		return err_set(errp, EINVAL, "regs: '%s' is not 'all'", argv[0]);
	err = inspect_get_regs(in, &r, errp);
	if (err < 0)
		return err;
	b.digits = is_narrow(&r) ? 8 : 16;
	str_add(out, " cpu %u, %s, privilege level %u\n", in->cpu, mode_name(&r),
		ACCESS_DPL(r.seg[DBG_SS].access));
	add_general(&b);
	str_add(out, "%c%s %0*" PRIx64 " %cflags %08" PRIx64 " [", mark(&b, &r.rip),
		b.digits == 8 ? "eip" : "rip", (int)b.digits, r.rip, mark(&b, &r.rflags), r.rflags);
	inspect_add_bits(r.rflags, flag_bits, ARRAY_LEN(flag_bits), out);
	str_add(out, "%siopl %u]", r.rflags & 0x3f3fd5 & ~0x3000u ? " " : "",
		(unsigned)(r.rflags >> 12 & 3));
	inspect_add_symbol(in, debug_pc(&r), " ", out);
	str_add(out, "\n");
	for (unsigned i = 0; i < DBG_SEGS; i++)
		add_segment(&b, i);
	add_control(&b);
	if (all)
		add_rest(&b);
	return 0;
}
