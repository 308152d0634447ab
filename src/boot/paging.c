/* SPDX-License-Identifier: MIT */
/* paging.c: identity page tables and a flat GDT for guests that start in protected or long mode. */
#include <errno.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/bits.h"
#include "vmm/endian.h"
#include "vmm/error.h"

#define PAGE     4096u
#define PTE_P    BIT64(0)
#define PTE_RW   BIT64(1)
#define PTE_PS   BIT64(7) /* SDM vol. 3, table 4-18: a 2 MiB page in a page directory */
#define PTE_CNT  512u
#define PDPT_MAX 512u

/* SDM vol. 3, 3.4.5: present, ring 0, base 0, limit 4 GiB; accessed, so that the CPU need not
 * write. */
#define GDT_CODE32 UINT64_C(0x00cf9b000000ffff)
#define GDT_CODE64 UINT64_C(0x00af9b000000ffff)
#define GDT_DATA   UINT64_C(0x00cf93000000ffff)

int paging_identity(struct load *l, uint64_t len, gpa_t *cr3, struct error **errp)
{
	unsigned gibs = (unsigned)(align_up(len, GIB) / GIB);
	uint64_t bytes = (2 + (uint64_t)gibs) * PAGE;
	uint64_t pa = 0;
	uint8_t *p;
	gpa_t at;
	int r;

	if (!gibs || gibs > PDPT_MAX)
		return err_set(errp, ERANGE, "cannot map %llu bytes of guest memory",
			       (unsigned long long)len);
	r = place_scratch(&l->place, bytes, PAGE, "the page tables", &at, errp);
	if (r < 0)
		return r;
	p = gm_ptr(l->gm, at, bytes, GM_WRITE);
	if (!p)
		return err_set(errp, EFAULT, "the boot data area is not guest RAM");
	put_le64(p, (at + PAGE) | PTE_P | PTE_RW);
	for (unsigned i = 0; i < gibs; i++)
		put_le64(p + PAGE + i * 8, (at + (2 + i) * PAGE) | PTE_P | PTE_RW);
	p += 2 * PAGE;
	for (unsigned i = 0; i < gibs * PTE_CNT; i++, p += 8, pa += 2 * MIB)
		put_le64(p, pa | PTE_P | PTE_RW | PTE_PS);
	*cr3 = at;
	return 0;
}

int gdt_flat(struct load *l, bool code64, struct cpu_entry *ret, struct error **errp)
{
	uint8_t gdt[32] = { 0 };
	int r;

	put_le64(gdt + 0x10, code64 ? GDT_CODE64 : GDT_CODE32);
	put_le64(gdt + 0x18, GDT_DATA);
	r = load_scratch(l, gdt, sizeof(gdt), 16, "the GDT", &ret->gdt, errp);
	if (r == 0)
		ret->gdt_limit = sizeof(gdt) - 1;
	return r;
}
