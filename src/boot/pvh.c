/* SPDX-License-Identifier: MIT */
/*
 * pvh.c: the PVH entry, xen/include/public/arch-x86/hvm/start_info.h and docs/misc/pvh.pandoc:
 * 32-bit protected mode at the address in the PHYS32_ENTRY note, ebx points to struct
 * hvm_start_info.
 */
#include <errno.h>
#include <inttypes.h>

#include "boot/impl.h"
#include "vmm/board.h"
#include "vmm/endian.h"
#include "vmm/error.h"

#define START_MAGIC   0x336ec578u /* "xEn3" with the 0x80 bit of the "E" set */
#define START_VERSION 1
#define MEMMAP_ENTRY  24
#define MODLIST_ENTRY 32

enum { /* struct hvm_start_info */
       SI_MAGIC = 0,
       SI_VERSION = 4,
       SI_NR_MODULES = 12,
       SI_MODLIST = 16,
       SI_CMDLINE = 24,
       SI_RSDP = 32,
       SI_MEMMAP = 40,
       SI_MEMMAP_ENTRIES = 48,
       SI_SIZE = 56,
};

#define PVH_CMDLINE_MAX   65535u /* no limit in the protocol */
#define LINUX_CMDLINE_MAX 2047u

static int pvh_open(struct boot *b, struct error **errp)
{
	int r;

	if (!b->notes.pvh)
		return err_set(errp, ENOEXEC,
			       "has no PVH entry: no \"Xen\" note of type 18 (PHYS32_ENTRY)");
	if (b->notes.pvh_entry > UINT32_MAX || !elf_find(&b->elf, b->notes.pvh_entry))
		return err_set(errp, ENOEXEC,
			       "PVH note: entry %#" PRIx64
			       " is not a 32-bit physical address inside a PT_LOAD segment",
			       b->notes.pvh_entry);
	r = boot_check_cmdline(b, b->notes.linux_mark ? LINUX_CMDLINE_MAX : PVH_CMDLINE_MAX, errp);
	return r < 0 ? r
		     : boot_kind(b, errp, "ELF%d%s with PVH entry", b->elf.is64 ? 64 : 32,
				 b->notes.linux_mark ? " vmlinux" : "");
}

static int add_memmap(struct load *l, uint8_t *si, struct error **errp)
{
	uint8_t map[BOARD_MAX_RANGES * MEMMAP_ENTRY] = { 0 };
	const struct board *b = l->env->board;
	gpa_t at;
	int r;

	/* struct hvm_memmap_table_entry: addr, size, type (E820's), reserved. */
	for (unsigned i = 0; i < b->range_cnt; i++) {
		put_le64(map + i * MEMMAP_ENTRY, b->ranges[i].base);
		put_le64(map + i * MEMMAP_ENTRY + 8, b->ranges[i].len);
		put_le32(map + i * MEMMAP_ENTRY + 16, b->ranges[i].kind);
	}
	r = load_scratch(l, map, (size_t)b->range_cnt * MEMMAP_ENTRY, 8, "the memory map", &at,
			 errp);
	put_le64(si + SI_MEMMAP, at);
	put_le32(si + SI_MEMMAP_ENTRIES, b->range_cnt);
	return r;
}

static int add_module(struct boot *b, struct load *l, uint8_t *si, struct error **errp)
{
	uint8_t mod[MODLIST_ENTRY] = { 0 }; /* paddr, size, cmdline_paddr, reserved */
	gpa_t at;
	int r;

	r = load_initrd(b, l, 4 * GIB, false, errp);
	if (r < 0 || !b->initrd_len)
		return r;
	put_le64(mod, b->initrd_gpa);
	put_le64(mod + 8, b->initrd_len);
	r = load_scratch(l, mod, sizeof(mod), 8, "the module list", &at, errp);
	put_le64(si + SI_MODLIST, at);
	put_le32(si + SI_NR_MODULES, 1);
	return r;
}

static int pvh_load(struct boot *b, struct load *l, struct cpu_entry *ret, struct error **errp)
{
	struct cpu_entry e = { .mode = CPU_PROT32, .rip = b->notes.pvh_entry };
	uint8_t si[SI_SIZE] = { 0 };
	gpa_t cmdline = 0;
	int r;

	put_le32(si + SI_MAGIC, START_MAGIC);
	put_le32(si + SI_VERSION, START_VERSION);
	put_le64(si + SI_RSDP, l->env->acpi_rsdp);
	r = elf_place(&b->elf, &l->place, errp);
	if (r == 0)
		r = elf_load(&b->elf, &b->kernel, l->gm, errp);
	if (r == 0)
		r = add_module(b, l, si, errp);
	if (r == 0)
		r = add_memmap(l, si, errp);
	if (r == 0)
		r = load_cmdline(l, b->cmdline, &cmdline, errp);
	put_le64(si + SI_CMDLINE, cmdline);
	if (r == 0)
		r = load_scratch(l, si, sizeof(si), 8, "hvm_start_info", &e.rbx, errp);
	if (r == 0)
		r = gdt_flat(l, false, &e, errp);
	if (r == 0)
		*ret = e;
	return r;
}

const struct loader loader_pvh = {
	.name = "pvh",
	.open = pvh_open,
	.load = pvh_load,
	.initrd = true,
};
