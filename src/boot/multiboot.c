/* SPDX-License-Identifier: MIT */
/*
 * multiboot.c: Multiboot Specification 0.6.96. Section numbers are its own: 3.1 the header, 3.2 the
 * machine state, 3.3 the boot information.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/bits.h"
#include "vmm/board.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define MB_HEADER_MAGIC 0x1badb002u
#define MB_BOOT_MAGIC   0x2badb002u

/* 3.1.2: flags 0..15 must be understood, 16..31 may be ignored. */
#define MB_PAGE_ALIGN BIT(0)
#define MB_MEMINFO    BIT(1)
#define MB_VIDEO      BIT(2)
#define MB_REQUIRED   0xffffu
#define MB_KLUDGE     BIT(16)

enum { /* 3.3 */
       MBI_FLAGS = 0,
       MBI_MEM_LOWER = 4,
       MBI_MEM_UPPER = 8,
       MBI_CMDLINE = 16,
       MBI_MODS_COUNT = 20,
       MBI_MODS_ADDR = 24,
       MBI_MMAP_LENGTH = 44,
       MBI_MMAP_ADDR = 48,
       MBI_LOADER_NAME = 64,
       MBI_SIZE = 116,
};
#define MBI_HAS_MEM    BIT(0)
#define MBI_HAS_CMD    BIT(2)
#define MBI_HAS_MODS   BIT(3)
#define MBI_HAS_MMAP   BIT(6)
#define MBI_HAS_LOADER BIT(9)

#define MB_MOD_ENTRY   16
#define MB_MMAP_ENTRY  24 /* size field included */
#define MB_MAX_MODS    64
#define MB_CMDLINE_MAX 65535u

static const char loader_title[] = "trapeze";

/* --- the header ------------------------------------------------------------------------------- */

int multiboot_find(const uint8_t *p, size_t len, struct multiboot *ret)
{
	len = min_u64(len, MB_HEAD);
	for (size_t i = 0; i + 12 <= len; i += 4) { /* 3.1: longword (32-bit) aligned */
		uint32_t flags = get_le32(p + i + 4);
		const uint8_t *h = p + i;

		if (get_le32(h) != MB_HEADER_MAGIC ||
		    MB_HEADER_MAGIC + flags + get_le32(h + 8) != 0)
			continue;
		*ret = (struct multiboot){ .flags = flags, .header_off = (uint32_t)i };
		if (!(flags & MB_KLUDGE))
			return 0;
		if (i + 32 > len)
			continue;
		ret->kludge = true;
		ret->header_addr = get_le32(h + 12);
		ret->load_addr = get_le32(h + 16);
		ret->load_end_addr = get_le32(h + 20);
		ret->bss_end_addr = get_le32(h + 24);
		ret->entry_addr = get_le32(h + 28);
		return 0;
	}
	return -ENOENT;
}

/* 3.1.3: where in the file the part to load starts, and how long it is; checked by
 * multiboot_check(). */
static uint32_t kludge_off(const struct multiboot *mb)
{
	return mb->header_off - (mb->header_addr - mb->load_addr);
}

static uint64_t kludge_len(const struct multiboot *mb, uint64_t file_size)
{
	return mb->load_end_addr ? mb->load_end_addr - mb->load_addr : file_size - kludge_off(mb);
}

static int check_kludge(const struct multiboot *mb, uint64_t file_size, struct error **errp)
{
	uint64_t len, end;

	if (mb->load_addr > mb->header_addr || mb->header_addr - mb->load_addr > mb->header_off)
		return err_set(errp, ENOEXEC,
			       "multiboot header: load_addr %#x does not fit header_addr %#x at "
			       "file offset %#x",
			       mb->load_addr, mb->header_addr, mb->header_off);
	if (mb->load_end_addr && mb->load_end_addr <= mb->header_addr)
		return err_set(errp, ENOEXEC,
			       "multiboot header: load_end_addr %#x is not above header_addr %#x",
			       mb->load_end_addr, mb->header_addr);
	len = kludge_len(mb, file_size);
	end = mb->load_addr + len;
	if (len > file_size - kludge_off(mb))
		return err_set(errp, ENOEXEC,
			       "multiboot header: load_end_addr %#x is past the end of the file",
			       mb->load_end_addr);
	if (end > UINT32_MAX)
		return err_set(errp, ENOEXEC,
			       "multiboot header: load_addr %#x puts the end above 4 GiB",
			       mb->load_addr);
	if (mb->bss_end_addr && mb->bss_end_addr < end)
		return err_set(errp, ENOEXEC,
			       "multiboot header: bss_end_addr %#x is below the end of the data "
			       "%#" PRIx64,
			       mb->bss_end_addr, end);
	if (mb->entry_addr < mb->load_addr || mb->entry_addr >= max_u64(end, mb->bss_end_addr))
		return err_set(errp, ENOEXEC,
			       "multiboot header: entry_addr %#x is outside of what is loaded",
			       mb->entry_addr);
	return 0;
}

int multiboot_check(const struct multiboot *mb, bool is_elf, uint64_t file_size,
		    struct error **errp)
{
	uint32_t unknown = mb->flags & MB_REQUIRED & ~(MB_PAGE_ALIGN | MB_MEMINFO | MB_VIDEO);

	if (mb->flags & MB_VIDEO)
		return err_set(errp, ENOTSUP,
			       "multiboot header: flags %#x ask for a video mode (bit 2), there is "
			       "no display",
			       mb->flags);
	if (unknown)
		return err_set(errp, ENOTSUP,
			       "multiboot header: flags %#x require features that are unknown "
			       "(%#x)",
			       mb->flags, unknown);
	if (mb->kludge)
		return check_kludge(mb, file_size, errp);
	if (!is_elf)
		return err_set(errp, ENOEXEC,
			       "multiboot header: the file is no ELF file and flags %#x has no "
			       "load addresses (bit 16)",
			       mb->flags);
	return 0;
}

static int multiboot_open(struct boot *b, struct error **errp)
{
	int r;

	if (b->initrds.cnt > MB_MAX_MODS)
		return err_set(errp, E2BIG, "multiboot: at most %d modules", MB_MAX_MODS);
	if (!b->mb.kludge && (b->elf.entry > UINT32_MAX || !elf_find(&b->elf, b->elf.entry)))
		return err_set(errp, ENOEXEC,
			       "ELF header: e_entry %#" PRIx64
			       " is not a 32-bit physical address inside a PT_LOAD segment",
			       b->elf.entry);
	r = boot_check_cmdline(b, MB_CMDLINE_MAX, errp);
	if (r < 0)
		return r;
	return b->mb.kludge ? boot_kind(b, errp, "multiboot, a.out kludge")
			    : boot_kind(b, errp, "multiboot, ELF%d", b->elf.is64 ? 64 : 32);
}

/* --- load ------------------------------------------------------------------------------------- */

/* Loads the image; *end is the first address behind it. */
static int load_image(struct boot *b, struct load *l, uint64_t *end, struct error **errp)
{
	const struct multiboot *mb = &b->mb;
	uint64_t len, mem;
	int r;

	if (!mb->kludge) {
		*end = 0;
		for (unsigned i = 0; i < b->elf.load_cnt; i++)
			*end = max_u64(*end, b->elf.load[i].paddr + b->elf.load[i].memsz);
		r = elf_place(&b->elf, &l->place, errp);
		return r < 0 ? r : elf_load(&b->elf, &b->kernel, l->gm, errp);
	}
	len = kludge_len(mb, b->kernel.size);
	mem = max_u64(len, mb->bss_end_addr ? mb->bss_end_addr - mb->load_addr : 0);
	*end = mb->load_addr + mem;
	r = place_fixed(&l->place, mb->load_addr, mem, "the image (load_addr)", errp);
	return r < 0 ? r : image_load(&b->kernel, kludge_off(mb), len, l->gm, mb->load_addr, errp);
}

/* 3.3, mods_*: each {mod_start, mod_end, string, reserved}. Page-aligned, behind the image: 3.1.2
 * bit 0, and where programs that map little memory look for them. */
static int add_modules(struct boot *b, struct load *l, uint64_t end, uint8_t *mbi,
		       struct error **errp)
{
	const struct initrds *in = &b->initrds;
	uint8_t list[MB_MAX_MODS * MB_MOD_ENTRY] = { 0 };
	gpa_t base, at = 0;
	int r;

	if (!in->cnt)
		return 0;
	if (!place_low(&l->place, in->len, 4096, end, 4 * GIB, "the modules", &base))
		return err_set(errp, ENOMEM,
			       "the modules have %" PRIu64 " KiB, the biggest free piece of guest "
			       "RAM behind the kernel has %" PRIu64 " KiB",
			       (in->len + KIB - 1) / KIB,
			       place_biggest(&l->place, end, 4 * GIB) / KIB);
	r = initrd_load(in, l->gm, base, errp);
	for (unsigned i = 0; r == 0 && i < in->cnt; i++) {
		uint8_t *m = list + i * MB_MOD_ENTRY;
		gpa_t str;

		r = load_cmdline(l, in->v[i].name, &str, errp);
		put_le32(m, (uint32_t)(base + in->v[i].off));
		put_le32(m + 4, (uint32_t)(base + in->v[i].off + in->v[i].img.size));
		put_le32(m + 8, (uint32_t)str);
	}
	if (r == 0)
		r = load_scratch(l, list, (size_t)in->cnt * MB_MOD_ENTRY, 4, "the module list", &at,
				 errp);
	if (r < 0)
		return r;
	put_le32(mbi + MBI_MODS_COUNT, in->cnt);
	put_le32(mbi + MBI_MODS_ADDR, (uint32_t)at);
	put_le32(mbi, get_le32(mbi) | MBI_HAS_MODS);
	b->initrd_gpa = base;
	b->initrd_len = in->len;
	return 0;
}

/* 3.3, mem_*: KiB from 0 and from 1 MiB to the first hole; mmap_*: entries of {size, base, length,
 * type}, size not counting itself. */
static int add_memory(struct load *l, uint8_t *mbi, struct error **errp)
{
	uint8_t map[BOARD_MAX_RANGES * MB_MMAP_ENTRY];
	const struct board *b = l->env->board;
	uint64_t lower = 0, upper = 0;
	gpa_t at;
	int r;

	for (unsigned i = 0; i < b->range_cnt; i++) {
		const struct board_range *g = &b->ranges[i];
		uint8_t *m = map + i * MB_MMAP_ENTRY;

		put_le32(m, MB_MMAP_ENTRY - 4);
		put_le64(m + 4, g->base);
		put_le64(m + 12, g->len);
		put_le32(m + 20, g->kind);
		if (g->kind != BOARD_RAM)
			continue;
		if (g->base == 0)
			lower = min_u64(g->len / KIB, 640);
		if (g->base <= MIB && g->base + g->len > MIB)
			upper = (g->base + g->len - MIB) / KIB;
	}
	r = load_scratch(l, map, (size_t)b->range_cnt * MB_MMAP_ENTRY, 4, "the memory map", &at,
			 errp);
	put_le32(mbi + MBI_MEM_LOWER, (uint32_t)lower);
	put_le32(mbi + MBI_MEM_UPPER, (uint32_t)min_u64(upper, UINT32_MAX));
	put_le32(mbi + MBI_MMAP_LENGTH, b->range_cnt * MB_MMAP_ENTRY);
	put_le32(mbi + MBI_MMAP_ADDR, (uint32_t)at);
	put_le32(mbi, get_le32(mbi) | MBI_HAS_MEM | MBI_HAS_MMAP);
	return r;
}

/* The kernel's file name, as boot loaders have it, and the arguments. */
static int add_strings(struct boot *b, struct load *l, uint8_t *mbi, struct error **errp)
{
	struct str s = { 0 };
	_cleanup_free_ char *cmdline = NULL;
	gpa_t cmd = 0, name = 0;
	int r;

	str_add(&s, "%s", b->path);
	if (*b->cmdline)
		str_add(&s, " %s", b->cmdline);
	cmdline = str_take(&s);
	if (!cmdline)
		return err_set(errp, ENOMEM, "cannot build the command line");
	r = load_cmdline(l, cmdline, &cmd, errp);
	if (r == 0)
		r = load_cmdline(l, loader_title, &name, errp);
	put_le32(mbi + MBI_CMDLINE, (uint32_t)cmd);
	put_le32(mbi + MBI_LOADER_NAME, (uint32_t)name);
	put_le32(mbi, get_le32(mbi) | MBI_HAS_CMD | MBI_HAS_LOADER);
	return r;
}

/* 3.2: eax the magic, ebx the information, flat segments, A20 on, paging and interrupts off. */
static int multiboot_load(struct boot *b, struct load *l, struct cpu_entry *ret,
			  struct error **errp)
{
	struct cpu_entry e = { .mode = CPU_PROT32, .rax = MB_BOOT_MAGIC };
	uint8_t mbi[MBI_SIZE] = { 0 };
	uint64_t end;
	int r;

	e.rip = b->mb.kludge ? b->mb.entry_addr : b->elf.entry;
	r = load_image(b, l, &end, errp);
	if (r == 0)
		r = add_modules(b, l, end, mbi, errp);
	if (r == 0)
		r = add_memory(l, mbi, errp);
	if (r == 0)
		r = add_strings(b, l, mbi, errp);
	if (r == 0)
		r = load_scratch(l, mbi, sizeof(mbi), 4, "the multiboot information", &e.rbx, errp);
	if (r == 0)
		r = gdt_flat(l, false, &e, errp);
	if (r == 0)
		*ret = e;
	return r;
}

const struct loader loader_multiboot = {
	.name = "multiboot",
	.open = multiboot_open,
	.load = multiboot_load,
	.initrd = true,
	.modules = true,
};
