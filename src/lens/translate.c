/* SPDX-License-Identifier: MIT */
/*
 * translate.c: from linear addresses to physical ones through a guest's page tables, and memory by
 * linear address. Tables are the guest's: each entry is read once, and five levels are all there
 * are.
 */
#include <errno.h>
#include <string.h>

#include "vmm/debug.h"
#include "vmm/endian.h"

#define PTE_P     UINT64_C(1)
#define PTE_W     UINT64_C(2)
#define PTE_U     UINT64_C(4)
#define PTE_PS    UINT64_C(0x80)
#define PTE_NX    (UINT64_C(1) << 63)
#define PTE_ADDR  UINT64_C(0x000ffffffffff000) /* bits 51:12 */
#define RFLAGS_VM UINT64_C(0x20000)
#define PAGE      UINT64_C(4096)

unsigned debug_bits(const struct debug_regs *r)
{
	if (!(r->cr0 & DBG_CR0_PE) || (r->rflags & RFLAGS_VM && !(r->efer & DBG_EFER_LMA)))
		return 16;
	if (r->efer & DBG_EFER_LMA && r->seg[DBG_CS].access & DBG_SEG_L)
		return 64;
	return r->seg[DBG_CS].access & DBG_SEG_DB ? 32 : 16;
}

unsigned debug_ring(const struct debug_regs *r)
{
	return r->cr0 & DBG_CR0_PE ? r->seg[DBG_SS].access >> 5 & 3 : 0;
}

uint64_t debug_pc(const struct debug_regs *r)
{
	return debug_bits(r) == 64 ? r->rip : (uint32_t)(r->seg[DBG_CS].base + r->rip);
}

/* --- page tables ------------------------------------------------------------------------------ */

/* Intel SDM 3A table 4-1: the modes, and what their tables look like. */
struct paging {
	unsigned levels;
	unsigned entry_size;
	unsigned index_bits; /* of a level; the root of PAE paging has 2 */
	uint64_t root_mask;  /* of CR3 */
};

static struct paging paging_mode(const struct debug_regs *r)
{
	if (!(r->cr4 & DBG_CR4_PAE))
		return (struct paging){ 2, 4, 10, UINT64_C(0xfffff000) };
	if (!(r->efer & DBG_EFER_LMA))
		return (struct paging){ 3, 8, 9, UINT64_C(0xffffffe0) };
	return (struct paging){ r->cr4 & DBG_CR4_LA57 ? 5 : 4, 8, 9, PTE_ADDR };
}

/* Linear addresses have 48 or 57 bits in long mode, the rest repeats the highest; else 32. */
static bool canonical(const struct paging *p, uint64_t linear)
{
	unsigned bits = p->levels == 5 ? 57 : 48;
	int64_t high;

	if (p->levels < 4)
		return linear <= UINT32_MAX;
	high = (int64_t)linear >> (bits - 1);
	return high == 0 || high == -1;
}

static bool read_entry(struct debug_target *t, const struct paging *p, struct debug_walk_step *s)
{
	uint8_t raw[8] = { 0 };

	if (t->ops->read(t, s->entry_gpa, raw, p->entry_size) != p->entry_size)
		return false;
	s->entry = get_le64(raw);
	return true;
}

/* Does @entry of @level map a page, which is larger than 4 KiB above level 1? */
static bool is_leaf(const struct debug_regs *r, const struct paging *p, unsigned level,
		    uint64_t entry)
{
	if (level == 1)
		return true;
	if (p->levels == 2)
		return entry & PTE_PS && r->cr4 & DBG_CR4_PSE;
	if (p->levels == 3)
		return level == 2 && entry & PTE_PS;
	return level <= 3 && entry & PTE_PS;
}

/* Where the page of a leaf begins: PSE-36 keeps bits 39:32 of a 4 MiB page in 20:13. */
static gpa_t leaf_base(const struct paging *p, unsigned level, uint64_t entry, uint64_t size)
{
	if (p->levels == 2 && level == 2)
		return (entry & UINT64_C(0xffc00000)) | (entry >> 13 & 0xff) << 32;
	return entry & PTE_ADDR & ~(size - 1);
}

static void restrict_rights(const struct debug_regs *r, const struct paging *p, unsigned level,
			    uint64_t entry, struct debug_walk *w)
{
	if (p->levels == 3 && level == 3)
		return; /* a PDPTE of PAE paging has no rights */
	w->writable = w->writable && entry & PTE_W;
	w->user = w->user && entry & PTE_U;
	if (p->levels > 2 && r->efer & DBG_EFER_NXE && entry & PTE_NX)
		w->exec = false;
}

static int walk(struct debug_target *t, const struct debug_regs *r, const struct paging *p,
		uint64_t linear, struct debug_walk *w)
{
	gpa_t table = r->cr3 & p->root_mask;

	for (unsigned level = p->levels; level; level--) {
		struct debug_walk_step *s = &w->step[w->cnt];
		unsigned shift = 12 + (level - 1) * p->index_bits;

		s->level = level;
		s->index = (unsigned)(linear >> shift) & ((1u << p->index_bits) - 1);
		s->entry_gpa = table + (uint64_t)s->index * p->entry_size;
		if (!read_entry(t, p, s))
			return -EFAULT;
		w->cnt++;
		if (!(s->entry & PTE_P))
			return 0;
		restrict_rights(r, p, level, s->entry, w);
		if (is_leaf(r, p, level, s->entry)) {
			w->page_size = UINT64_C(1) << shift;
			w->gpa = leaf_base(p, level, s->entry, w->page_size) |
				 (linear & (w->page_size - 1));
			w->mapped = true;
			return 0;
		}
		table = s->entry & PTE_ADDR;
	}
	return 0;
}

int debug_translate(struct debug_target *t, const struct debug_regs *r, uint64_t linear,
		    struct debug_walk *ret)
{
	struct paging p = paging_mode(r);

	*ret = (struct debug_walk){ .writable = true, .user = true, .exec = true };
	if (!(r->cr0 & DBG_CR0_PG)) {
		ret->mapped = linear <= UINT32_MAX;
		ret->gpa = linear;
		ret->page_size = PAGE;
		return 0;
	}
	return canonical(&p, linear) ? walk(t, r, &p, linear, ret) : 0;
}

/* --- memory by linear address ----------------------------------------------------------------- */

/* The physical address of @linear, and how many bytes follow in one piece, at most @len; 0: none.
 */
static size_t piece(struct debug_target *t, const struct debug_regs *r, uint64_t linear, size_t len,
		    gpa_t *gpa)
{
	struct debug_walk w;
	uint64_t left;

	if (debug_translate(t, r, linear, &w) < 0 || !w.mapped)
		return 0;
	*gpa = w.gpa;
	left = w.page_size - (linear & (w.page_size - 1));
	return len < left ? len : (size_t)left;
}

size_t debug_read(struct debug_target *t, const struct debug_regs *r, uint64_t linear, void *to,
		  size_t len)
{
	uint8_t *p = to;
	size_t done = 0;

	while (done < len) {
		gpa_t gpa = 0;
		size_t n = piece(t, r, linear + done, len - done, &gpa), got;

		got = n ? t->ops->read(t, gpa, p + done, n) : 0;
		done += got;
		if (!n || got < n)
			break;
	}
	return done;
}

size_t debug_write(struct debug_target *t, const struct debug_regs *r, uint64_t linear,
		   const void *from, size_t len)
{
	const uint8_t *p = from;
	size_t done = 0;

	while (done < len) {
		gpa_t gpa = 0;
		size_t n = piece(t, r, linear + done, len - done, &gpa), got;

		got = n ? t->ops->write(t, gpa, p + done, n) : 0;
		done += got;
		if (!n || got < n)
			break;
	}
	return done;
}
