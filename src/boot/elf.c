/* SPDX-License-Identifier: MIT */
/*
 * elf.c: executable ELF files. Offsets are of the System V gABI: "ELF Header" (figure 4-3),
 * "Program Header" (figure 5-1). Every number from the file is checked before it is used as one.
 */
#include "boot/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/endian.h"
#include "vmm/error.h"

#define BANNER_CHUNK     (16 * 1024)
#define LINUX_KERNEL_MAP UINT64_C(0xffffffff80000000) /* __START_KERNEL_map */

static const struct {
	uint16_t machine;
	const char *name;
} machines[] = {
	{ EM_386, "i386" },         { EM_MIPS, "MIPS" },    { EM_PPC, "PowerPC" },
	{ EM_PPC64, "PowerPC64" },  { EM_S390, "s390" },    { EM_ARM, "ARM" },
	{ EM_SPARCV9, "SPARC v9" }, { EM_IA_64, "IA-64" },  { EM_X86_64, "x86-64" },
	{ EM_AARCH64, "AArch64" },  { EM_RISCV, "RISC-V" }, { 258, "LoongArch" },
};

bool elf_magic(const uint8_t *p, size_t len)
{
	return len >= SELFMAG && memcmp(p, ELFMAG, SELFMAG) == 0;
}

const char *elf_machine_name(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (machines[i].machine == machine)
			return machines[i].name;
	return NULL;
}

static int check_machine(const struct elf *e, struct error **errp)
{
	const char *name = elf_machine_name(e->machine);

	if (e->machine == EM_386 || (e->is64 && e->machine == EM_X86_64))
		return 0;
	if (name)
		return err_set(errp, ENOEXEC, "is an ELF%d file for %s (e_machine %u), not for x86",
			       e->is64 ? 64 : 32, name, e->machine);
	return err_set(errp, ENOEXEC, "is an ELF%d file for e_machine %u, not for x86",
		       e->is64 ? 64 : 32, e->machine);
}

static int check_ident(const uint8_t *p, struct error **errp)
{
	if (!elf_magic(p, SELFMAG))
		return err_set(errp, ENOEXEC, "ELF header: no ELF magic in e_ident");
	if (p[EI_CLASS] != ELFCLASS32 && p[EI_CLASS] != ELFCLASS64)
		return err_set(errp, ENOEXEC, "ELF header: e_ident[EI_CLASS] is %u, not 1 or 2",
			       p[EI_CLASS]);
	if (p[EI_DATA] != ELFDATA2LSB)
		return err_set(errp, ENOEXEC,
			       "ELF header: e_ident[EI_DATA] is %u, not 1 (little-endian)",
			       p[EI_DATA]);
	if (p[EI_VERSION] != EV_CURRENT)
		return err_set(errp, ENOEXEC, "ELF header: e_ident[EI_VERSION] is %u, not 1",
			       p[EI_VERSION]);
	return 0;
}

int elf_header(const uint8_t *p, size_t len, uint64_t file_size, struct elf *ret,
	       struct error **errp)
{
	struct elf e = { 0 };
	uint16_t type;
	unsigned want;
	int r;

	if (len < sizeof(Elf32_Ehdr) || (p[EI_CLASS] == ELFCLASS64 && len < sizeof(Elf64_Ehdr)))
		return err_set(errp, ENOEXEC, "ELF header: the file ends inside it");
	r = check_ident(p, errp);
	if (r < 0)
		return r;
	e.is64 = p[EI_CLASS] == ELFCLASS64;
	type = get_le16(p + 16);
	e.machine = get_le16(p + 18);
	e.entry = e.is64 ? get_le64(p + 24) : get_le32(p + 24);
	e.phoff = e.is64 ? get_le64(p + 32) : get_le32(p + 28);
	e.phentsize = get_le16(p + (e.is64 ? 54 : 42));
	e.phnum = get_le16(p + (e.is64 ? 56 : 44));
	want = e.is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	r = check_machine(&e, errp);
	if (r < 0)
		return r;
	/* ET_DYN: position-independent, still has load addresses (some unikernels). */
	if (type != ET_EXEC && type != ET_DYN)
		return err_set(errp, ENOEXEC, "ELF header: e_type is %u, not an executable (2)",
			       type);
	if (!e.phnum)
		return err_set(errp, ENOEXEC, "ELF header: e_phnum is 0, nothing to load");
	if (e.phnum > ELF_PHNUM_MAX)
		return err_set(errp, ENOEXEC, "ELF header: e_phnum is %u, more than %d", e.phnum,
			       ELF_PHNUM_MAX);
	if (e.phentsize != want)
		return err_set(errp, ENOEXEC, "ELF header: e_phentsize is %u, not %u", e.phentsize,
			       want);
	if (e.phoff > file_size || e.phnum * e.phentsize > file_size - e.phoff)
		return err_set(errp, ENOEXEC,
			       "ELF header: e_phoff %#" PRIx64
			       " puts %u program headers past the end of the file",
			       e.phoff, e.phnum);
	*ret = e;
	return 0;
}

static void decode_phdr(const uint8_t *p, bool is64, uint32_t *type, struct elf_seg *s)
{
	*type = get_le32(p);
	if (is64) {
		s->off = get_le64(p + 8);
		s->vaddr = get_le64(p + 16);
		s->paddr = get_le64(p + 24);
		s->filesz = get_le64(p + 32);
		s->memsz = get_le64(p + 40);
		s->align = get_le64(p + 48);
	} else {
		s->off = get_le32(p + 4);
		s->vaddr = get_le32(p + 8);
		s->paddr = get_le32(p + 12);
		s->filesz = get_le32(p + 16);
		s->memsz = get_le32(p + 20);
		s->align = get_le32(p + 28);
	}
}

static int check_extent(const struct elf_seg *s, const char *what, uint64_t file_size,
			struct error **errp)
{
	if (s->off > file_size || s->filesz > file_size - s->off)
		return err_set(errp, ENOEXEC,
			       "%s: p_offset %#" PRIx64 " + p_filesz %#" PRIx64
			       " reaches past the end of the file (%#" PRIx64 ")",
			       what, s->off, s->filesz, file_size);
	return 0;
}

static int add_load(struct elf *e, struct elf_seg s, unsigned idx, uint64_t file_size,
		    struct error **errp)
{
	uint64_t end;
	int r;

	snprintf(s.what, sizeof(s.what), "PT_LOAD segment %u", idx);
	if (s.filesz > s.memsz)
		return err_set(errp, ENOEXEC,
			       "%s: p_filesz %#" PRIx64 " is more than p_memsz %#" PRIx64, s.what,
			       s.filesz, s.memsz);
	if (!s.memsz)
		return 0;
	r = check_extent(&s, s.what, file_size, errp);
	if (r < 0)
		return r;
	if (__builtin_add_overflow(s.paddr, s.memsz, &end))
		return err_set(errp, ENOEXEC,
			       "%s: p_paddr %#" PRIx64 " + p_memsz %#" PRIx64 " wraps around",
			       s.what, s.paddr, s.memsz);
	if (e->load_cnt == ELF_MAX_LOAD)
		return err_set(errp, ENOEXEC, "ELF: more than %d PT_LOAD segments", ELF_MAX_LOAD);
	for (unsigned i = 0; i < e->load_cnt; i++) {
		const struct elf_seg *o = &e->load[i];

		if (s.paddr < o->paddr + o->memsz && o->paddr < end)
			return err_set(errp, ENOEXEC,
				       "%s: p_paddr %#" PRIx64 " + p_memsz %#" PRIx64
				       " overlaps %s",
				       s.what, s.paddr, s.memsz, o->what);
	}
	e->load[e->load_cnt++] = s;
	return 0;
}

int elf_segments(struct elf *e, const uint8_t *p, uint64_t file_size, struct error **errp)
{
	for (unsigned i = 0; i < e->phnum; i++, p += e->phentsize) {
		struct elf_seg s = { 0 };
		uint32_t type;
		int r = 0;

		decode_phdr(p, e->is64, &type, &s);
		if (type == PT_LOAD)
			r = add_load(e, s, i, file_size, errp);
		else if (type == PT_NOTE && e->note_cnt < ELF_MAX_NOTE)
			e->note[e->note_cnt++] = s; /* checked when read */
		if (r < 0)
			return r;
	}
	if (!e->load_cnt)
		return err_set(errp, ENOEXEC, "ELF: no PT_LOAD segment, nothing to load");
	return 0;
}

int elf_parse(const struct image *img, struct elf *ret, struct error **errp)
{
	uint8_t head[sizeof(Elf64_Ehdr)];
	uint8_t phdrs[ELF_PHNUM_MAX * sizeof(Elf64_Phdr)];
	struct elf e = { 0 };
	size_t len;
	int r;

	r = image_head(img, 0, head, sizeof(head), &len, errp);
	if (r == 0)
		r = elf_header(head, len, img->size, &e, errp);
	if (r == 0)
		r = image_read(img, e.phoff, phdrs, (size_t)e.phnum * e.phentsize, errp);
	if (r == 0)
		r = elf_segments(&e, phdrs, img->size, errp);
	if (r == 0)
		*ret = e;
	return r;
}

const struct elf_seg *elf_find(const struct elf *e, uint64_t pa)
{
	for (unsigned i = 0; i < e->load_cnt; i++)
		if (pa >= e->load[i].paddr && pa - e->load[i].paddr < e->load[i].memsz)
			return &e->load[i];
	return NULL;
}

int elf_place(const struct elf *e, struct place *p, struct error **errp)
{
	for (unsigned i = 0; i < e->load_cnt; i++) {
		int r = place_fixed(p, e->load[i].paddr, e->load[i].memsz, e->load[i].what, errp);

		if (r < 0)
			return r;
	}
	return 0;
}

int elf_load(const struct elf *e, const struct image *img, struct guest_mem *gm,
	     struct error **errp)
{
	for (unsigned i = 0; i < e->load_cnt; i++) {
		const struct elf_seg *s = &e->load[i];
		int r = image_load(img, s->off, s->filesz, gm, s->paddr, errp);

		if (r < 0) {
			err_wrap(errp, "%s", s->what);
			return r;
		}
	}
	return 0;
}

int elf_check_entry(const struct elf *e, struct error **errp)
{
	if (!e->is64 || e->machine != EM_X86_64)
		return err_set(errp, ENOEXEC,
			       "is a 32-bit ELF file, Linux's 64-bit entry needs ELF64 for x86-64");
	if (!elf_find(e, e->entry))
		return err_set(errp, ENOEXEC,
			       "ELF header: e_entry %#" PRIx64
			       " is not a physical address inside a PT_LOAD segment",
			       e->entry);
	return 0;
}

static bool banner_in(const struct image *img, const struct elf_seg *s)
{
	static const char banner[] = "Linux version ";
	const size_t keep = sizeof(banner) - 2; /* so that a banner across two chunks is seen */
	char buf[BANNER_CHUNK];
	size_t have = 0;

	for (uint64_t off = 0; off < s->filesz;) {
		size_t want = min_u64(sizeof(buf) - have, s->filesz - off), got;

		if (image_head(img, s->off + off, buf + have, want, &got, NULL) < 0 || !got)
			return false;
		have += got;
		off += got;
		if (memmem(buf, have, banner, sizeof(banner) - 1))
			return true;
		if (have > keep) {
			memmove(buf, buf + have - keep, keep);
			have = keep;
		}
	}
	return false;
}

bool elf_is_linux(const struct elf *e, const struct image *img, const struct elf_notes *n)
{
	const struct elf_seg *s = elf_find(e, e->entry);

	if (!e->is64 || e->machine != EM_X86_64 || !s || s->vaddr - s->paddr != LINUX_KERNEL_MAP)
		return false;
	if (n->linux_mark)
		return true;
	for (unsigned i = 0; i < e->load_cnt; i++)
		if (banner_in(img, &e->load[i]))
			return true;
	return false;
}
