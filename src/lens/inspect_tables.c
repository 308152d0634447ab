/* SPDX-License-Identifier: MIT */
/*
 * inspect_tables.c: `pt`, `gdt`, `idt`: the processor's own tables in guest memory, drawn. A table
 * may point anywhere, its own entries included; each answer looks at a bounded number of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/inspect.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/parse.h"

/* --- pt --------------------------------------------------------------------------------------- */

#define PTE_P  1u
#define PTE_PS 0x80u

/* Intel SDM 3A, tables 4-14 to 4-20 */
static const struct inspect_bit pte_bits[] = {
	{ 1u << 0, "P" },   { 1u << 1, "W" },   { 1u << 2, "U" },
	{ 1u << 3, "PWT" }, { 1u << 4, "PCD" }, { 1u << 5, "A" },
	{ 1u << 6, "D" },   { 1u << 8, "G" },   { UINT64_C(1) << 63, "NX" },
};

enum paging { PAGING_NONE, PAGING_32, PAGING_PAE, PAGING_4, PAGING_5 };

static const struct {
	const char *name;
	unsigned levels, index_bits;
} pagings[] = {
	[PAGING_NONE] = { "no paging", 0, 0 },   [PAGING_32] = { "32-bit paging", 2, 10 },
	[PAGING_PAE] = { "PAE paging", 3, 9 },   [PAGING_4] = { "4-level paging", 4, 9 },
	[PAGING_5] = { "5-level paging", 5, 9 },
};

/* Intel SDM 3A, 4.1.1 */
static enum paging paging_mode(const struct debug_regs *r)
{
	if (!(r->cr0 & UINT64_C(1) << 31))
		return PAGING_NONE;
	if (!(r->cr4 & 1u << 5))
		return PAGING_32;
	if (!(r->efer & 1u << 10))
		return PAGING_PAE;
	return r->cr4 & 1u << 12 ? PAGING_5 : PAGING_4;
}

static const char *level_name(unsigned level)
{
	static const char *const names[] = { "?", "PT", "PD", "PDPT", "PML4", "PML5" };

	return names[level < ARRAY_LEN(names) ? level : 0];
}

/* "PML4 0 | PDPT 0 | PD 8 | PT 3 | offset 0x123", as far down as the walk went. */
static void add_indices(enum paging mode, uint64_t linear, const struct debug_walk *w,
			struct str *out)
{
	unsigned bits = pagings[mode].index_bits, shift = 12 + bits * pagings[mode].levels;
	unsigned last = w->mapped && w->cnt ? w->step[w->cnt - 1].level : 1;
	uint64_t size = w->mapped && w->page_size ? w->page_size : 4096;

	for (unsigned level = pagings[mode].levels; level >= last; level--) {
		unsigned width = mode == PAGING_PAE && level == 3 ? 2 : bits;

		shift -= bits;
		str_add(out, "%s %u | ", level_name(level),
			(unsigned)(linear >> shift & ((1u << width) - 1)));
	}
	str_add(out, "offset %#" PRIx64 "\n", linear & (size - 1));
}

/* A leaf maps: the last level, or PS above it (but not in the root of 4- and 5-level paging). */
static bool is_leaf(const struct debug_walk_step *s)
{
	return s->level == 1 || ((s->level == 2 || s->level == 3) && (s->entry & PTE_PS));
}

static void add_entry(const struct debug_walk_step *s, bool last, const struct debug_walk *w,
		      unsigned depth, struct str *out)
{
	uint64_t next = s->entry & UINT64_C(0x000ffffffffff000);

	str_add(out, "%*s%-4s [%3u] at %#010" PRIx64 " : %016" PRIx64 " ", (int)(2 * depth), "",
		level_name(s->level), s->index, s->entry_gpa, s->entry);
	inspect_add_bits(s->entry, pte_bits, ARRAY_LEN(pte_bits), out);
	if (s->level > 1 && (s->entry & PTE_PS) && is_leaf(s))
		str_add(out, " PS");
	if (!(s->entry & PTE_P))
		str_add(out, "not present\n");
	else if (last && w->mapped)
		str_add(out, " -> page\n");
	else if (is_leaf(s))
		str_add(out, " -> page, but something in it cannot be\n");
	else
		str_add(out, " -> table at %#" PRIx64 "\n", next);
}

static void add_page(const struct debug_walk *w, uint64_t linear, struct str *out)
{
	char size[24];

	str_add(out, "%#" PRIx64 " is guest-physical %#" PRIx64, linear, w->gpa);
	if (w->page_size)
		str_add(out, ", in a page of %s: %s, %s, %s",
			format_size(w->page_size, size, sizeof(size)),
			w->writable ? "writable" : "read-only", w->user ? "user" : "supervisor",
			w->exec ? "executable" : "not executable");
	str_add(out, "\n");
}

int inspect_pt(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
	       struct error **errp)
{
	struct debug_walk w = { 0 };
	struct debug_regs regs = { 0 };
	uint64_t linear = 0;
	enum paging mode;
	char text[1024];
	int walked, r = inspect_join(argc, argv, text, sizeof(text), errp);

	if (r == 0)
		r = inspect_eval(in, text, &linear, errp);
	if (r == 0)
		r = inspect_get_regs(in, &regs, errp);
	if (r < 0)
		return r;
	mode = paging_mode(&regs);
	if (mode == PAGING_NONE) {
		str_add(out, "no paging (CR0.PG is 0): linear addresses are physical ones\n");
		return 0;
	}
	walked = debug_translate(in->target, &regs, linear, &w);
	str_add(out, "%s, cr3 %#" PRIx64 "\n", pagings[mode].name, regs.cr3);
	add_indices(mode, linear, &w, out);
	for (unsigned i = 0; i < w.cnt && i < ARRAY_LEN(w.step); i++)
		add_entry(&w.step[i], i + 1 == w.cnt, &w, i, out);
	if (walked < 0)
		return err_set(errp, EFAULT, "the next table is not in memory");
	if (w.mapped)
		add_page(&w, linear, out);
	else
		str_add(out, "%#" PRIx64 " is not mapped: an access is a page fault (#PF)\n",
			linear);
	return 0;
}

/* --- descriptors ------------------------------------------------------------------------------ */

/* Intel SDM 3A, table 3-2; in 64-bit mode only the 32-bit ones of these exist, 64 bits wide. */
static const char *system_type(unsigned type)
{
	static const char *const names[] = {
		"reserved",  "TSS 16, available", "LDT",          "TSS 16, busy", "call gate 16",
		"task gate", "interrupt gate 16", "trap gate 16", "reserved",     "TSS, available",
		"reserved",  "TSS, busy",         "call gate",    "reserved",     "interrupt gate",
		"trap gate",
	};

	return names[type & 15];
}

static bool is_long(const struct debug_regs *r)
{
	return r->efer & 1u << 10;
}

static void add_descriptor(uint64_t d, uint64_t high, struct str *out)
{
	uint64_t base = (d >> 16 & 0xffffff) | (d >> 56) << 24 | high << 32;
	uint32_t limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
	unsigned access = (unsigned)(d >> 40);

	if (access & 0x8000) /* G */
		limit = limit << 12 | 0xfff;
	str_add(out, "base %08" PRIx64 " limit %08x dpl %u ", base, limit, access >> 5 & 3);
	if (!(access & 0x10))
		str_add(out, "%s", system_type(access & 15));
	else if (access & 8)
		str_add(out, "code %s%s%s",
			access & 0x2000   ? "64"
			: access & 0x4000 ? "32"
					  : "16",
			access & 2 ? ", readable" : "", access & 4 ? ", conforming" : "");
	else
		str_add(out, "data%s%s%s", access & 2 ? ", writable" : "",
			access & 4 ? ", expands down" : "", access & 0x4000 ? "" : ", 16-bit");
	if (access & 0x10 && access & 1)
		str_add(out, ", accessed");
	if (!(access & 0x80))
		str_add(out, ", not present");
}

static void add_users(const struct debug_regs *r, unsigned selector, struct str *out)
{
	static const char *const names[DBG_SEGS] = { "cs", "ss", "ds",   "es",
						     "fs", "gs", "ldtr", "tr" };

	for (unsigned i = 0; i < DBG_SEGS; i++)
		if (selector && (r->seg[i].selector & ~3u) == selector)
			str_add(out, " %s", names[i]);
}

/* A word of an argument as a number that is at most @max. */
static int small_number(struct inspect *in, const char *word, uint64_t max, uint64_t *ret,
			struct error **errp)
{
	int r = inspect_eval(in, word, ret, errp);

	if (r == 0 && *ret > max)
		r = err_set(errp, EINVAL, "%#" PRIx64 " is above %#" PRIx64, *ret, max);
	return r;
}

#define GDT_SHOWN 64u

/* One line for the descriptor at @off; how many bytes it takes. 0: not in memory. */
static unsigned gdt_line(struct inspect *in, const struct debug_regs *r, unsigned off, bool always,
			 unsigned *shown, struct str *out)
{
	uint8_t b[16] = { 0 };
	uint64_t d;
	unsigned len = 8;

	if (debug_read(in->target, r, r->gdt_base + off, b, 8) != 8)
		return 0;
	d = get_le64(b);
	if (!d && !always)
		return len;
	if (is_long(r) && !(d >> 44 & 1) && d) { /* a system descriptor: 16 bytes */
		len = 16;
		if (debug_read(in->target, r, r->gdt_base + off + 8, b + 8, 8) != 8)
			return 0;
	}
	if (++*shown > GDT_SHOWN)
		return len;
	str_add(out, "  %04x ", off);
	add_descriptor(d, get_le32(b + 8), out);
	add_users(r, off, out);
	str_add(out, "\n");
	return len;
}

int inspect_gdt(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		struct error **errp)
{
	struct debug_regs r;
	uint64_t selector;
	unsigned shown = 0, step;
	int err = inspect_get_regs(in, &r, errp);

	if (err < 0)
		return err;
	if (argc) {
		err = small_number(in, argv[0], UINT16_MAX, &selector, errp);
		if (err < 0)
			return err;
		selector &= 0xfff8;
		if (selector + 7 > r.gdt_limit)
			return err_set(errp, EINVAL,
				       "selector %#" PRIx64
				       " is behind the limit of the table, %#x",
				       selector, r.gdt_limit);
		if (gdt_line(in, &r, (unsigned)selector, true, &shown, out))
			return 0;
		return err_set(errp, EFAULT, "the table at %#" PRIx64 " is not in memory",
			       r.gdt_base);
	}
	str_add(out, "GDT at %#" PRIx64 ", limit %#x%s\n", r.gdt_base, r.gdt_limit,
		r.cr0 & 1 ? "" : " (real mode does not use it)");
	for (unsigned off = 0; off + 7 <= r.gdt_limit; off += step) {
		step = gdt_line(in, &r, off, false, &shown, out);
		if (!step)
			return err_set(errp, EFAULT, "the table is not in memory at %#" PRIx64,
				       r.gdt_base + off);
	}
	if (shown > GDT_SHOWN)
		str_add(out, "  ... and %u more: gdt SELECTOR\n", shown - GDT_SHOWN);
	if (!shown)
		str_add(out, "  no descriptor but null ones\n");
	return 0;
}

/* --- idt -------------------------------------------------------------------------------------- */

/* Intel SDM 3A, table 6-1 */
static const char *vector_name(unsigned v)
{
	static const char *const names[32] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "",    "#TS",
		"#NP", "#SS", "#GP", "#PF", "",    "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	};

	return v < ARRAY_LEN(names) && names[v] ? names[v] : "";
}

struct gate {
	uint64_t offset;
	uint16_t selector;
	uint8_t access, ist;
	bool real;
};

static unsigned gate_size(const struct debug_regs *r)
{
	return !(r->cr0 & 1) ? 4 : is_long(r) ? 16 : 8;
}

/* False: not in memory. */
static bool read_gate(struct inspect *in, const struct debug_regs *r, unsigned v, struct gate *g)
{
	unsigned size = gate_size(r);
	uint8_t b[16] = { 0 };

	if (debug_read(in->target, r, r->idt_base + (uint64_t)v * size, b, size) != size)
		return false;
	*g = (struct gate){ .real = size == 4 };
	if (g->real) {
		g->offset = get_le16(b);
		g->selector = get_le16(b + 2);
		return true;
	}
	g->offset = get_le16(b) | (uint64_t)get_le16(b + 6) << 16 | (uint64_t)get_le32(b + 8) << 32;
	g->selector = get_le16(b + 2);
	g->ist = b[4] & 7;
	g->access = b[5];
	return true;
}

static bool gate_is_null(const struct gate *g)
{
	return !g->offset && !g->selector && !g->access;
}

static bool gate_is_same(const struct gate *a, const struct gate *b)
{
	return a->offset == b->offset && a->selector == b->selector && a->access == b->access &&
	       a->ist == b->ist;
}

static void add_gate(struct inspect *in, unsigned first, unsigned last, const struct gate *g,
		     struct str *out)
{
	char range[16];

	if (first == last)
		snprintf(range, sizeof(range), "%02x", first);
	else
		snprintf(range, sizeof(range), "%02x-%02x", first, last);
	str_add(out, "  %-5s %-3s  %04x:%08" PRIx64, range,
		first == last && !g->real ? vector_name(first) : "", g->selector, g->offset);
	if (!g->real) {
		str_add(out, "  %s dpl %u", system_type(g->access & 15), g->access >> 5 & 3);
		if (g->ist)
			str_add(out, " ist %u", g->ist);
		if (!(g->access & 0x80))
			str_add(out, ", not present");
		inspect_add_symbol(in, g->offset, "  ", out);
	}
	str_add(out, "\n");
}

/* All that is not null; neighbours that are the same on one line. */
static int add_gates(struct inspect *in, const struct debug_regs *r, unsigned cnt, struct str *out,
		     struct error **errp)
{
	struct gate run = { 0 }, g;
	unsigned first = 0, v;

	for (v = 0; v < cnt; v++) {
		if (!read_gate(in, r, v, &g))
			break;
		if (v > first && gate_is_same(&g, &run))
			continue;
		if (v > first && !gate_is_null(&run))
			add_gate(in, first, v - 1, &run, out);
		run = g;
		first = v;
	}
	if (v > first && !gate_is_null(&run))
		add_gate(in, first, v - 1, &run, out);
	return v == cnt ? 0 : err_set(errp, EFAULT, "the table is not in memory at vector %#x", v);
}

int inspect_idt(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		struct error **errp)
{
	struct debug_regs r;
	unsigned cnt;
	uint64_t v;
	int err = inspect_get_regs(in, &r, errp);

	if (err < 0)
		return err;
	cnt = (unsigned)min_u64(256, (r.idt_limit + UINT64_C(1)) / gate_size(&r));
	if (argc) {
		struct gate g;

		err = small_number(in, argv[0], 255, &v, errp);
		if (err < 0)
			return err;
		if (v >= cnt)
			return err_set(errp, EINVAL,
				       "vector %#" PRIx64 " is behind the limit of the table, %#x",
				       v, r.idt_limit);
		if (!read_gate(in, &r, (unsigned)v, &g))
			return err_set(errp, EFAULT, "the table at %#" PRIx64 " is not in memory",
				       r.idt_base);
		add_gate(in, (unsigned)v, (unsigned)v, &g, out);
		return 0;
	}
	str_add(out, "%s at %#" PRIx64 ", limit %#x\n",
		r.cr0 & 1 ? "IDT" : "real mode's interrupt vectors", r.idt_base, r.idt_limit);
	return add_gates(in, &r, cnt, out, errp);
}
