/* SPDX-License-Identifier: MIT */
/* elf_symbols.c: the symbol table of an ELF file (gABI, chapter 4), of 64 bits or, as small guests
 * are, of 32, whose structures are widened. */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/symbols.h"

struct elf_view {
	const uint8_t *p;
	size_t len;
	bool is_32;
	Elf64_Ehdr h;
};

static bool inside(const struct elf_view *e, uint64_t off, uint64_t len)
{
	return off <= e->len && len <= e->len - off;
}

static bool header(struct elf_view *e)
{
	Elf32_Ehdr h;

	e->is_32 = e->len >= EI_NIDENT && e->p[EI_CLASS] == ELFCLASS32;
	if (e->len < (e->is_32 ? sizeof(h) : sizeof(e->h)) || memcmp(e->p, ELFMAG, SELFMAG) != 0 ||
	    (!e->is_32 && e->p[EI_CLASS] != ELFCLASS64) || e->p[EI_DATA] != ELFDATA2LSB)
		return false;
	if (!e->is_32) {
		memcpy(&e->h, e->p, sizeof(e->h));
		return true;
	}
	memcpy(&h, e->p, sizeof(h));
	e->h = (Elf64_Ehdr){ .e_shoff = h.e_shoff,
			     .e_shentsize = h.e_shentsize,
			     .e_shnum = h.e_shnum };
	return true;
}

static size_t section_size(const struct elf_view *e)
{
	return e->is_32 ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr);
}

static bool section(const struct elf_view *e, unsigned i, Elf64_Shdr *ret)
{
	uint64_t off = e->h.e_shoff + (uint64_t)i * section_size(e);
	Elf32_Shdr s;

	if (i >= e->h.e_shnum || e->h.e_shoff > e->len || !inside(e, off, section_size(e)))
		return false;
	if (e->is_32) {
		memcpy(&s, e->p + off, sizeof(s));
		*ret = (Elf64_Shdr){ .sh_type = s.sh_type,
				     .sh_flags = s.sh_flags,
				     .sh_offset = s.sh_offset,
				     .sh_size = s.sh_size,
				     .sh_link = s.sh_link };
	} else {
		memcpy(ret, e->p + off, sizeof(*ret));
	}
	return ret->sh_type == SHT_NOBITS || inside(e, ret->sh_offset, ret->sh_size);
}

static size_t symbol_size(const struct elf_view *e)
{
	return e->is_32 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
}

static Elf64_Sym symbol(const struct elf_view *e, uint64_t off)
{
	Elf64_Sym y;
	Elf32_Sym s;

	if (!e->is_32) {
		memcpy(&y, e->p + off, sizeof(y));
		return y;
	}
	memcpy(&s, e->p + off, sizeof(s));
	return (Elf64_Sym){ .st_name = s.st_name,
			    .st_info = s.st_info,
			    .st_shndx = s.st_shndx,
			    .st_value = s.st_value };
}

/* The letter nm(1) would show. */
static char letter(const struct elf_view *e, const Elf64_Sym *y)
{
	bool global = ELF64_ST_BIND(y->st_info) != STB_LOCAL;
	char c = 'd';
	Elf64_Shdr s;

	if (y->st_shndx == SHN_ABS)
		c = 'a';
	else if (!section(e, y->st_shndx, &s))
		c = 'n';
	else if (s.sh_flags & SHF_EXECINSTR)
		c = 't';
	else if (s.sh_type == SHT_NOBITS)
		c = 'b';
	else if (!(s.sh_flags & SHF_WRITE))
		c = 'r';
	return global ? (char)toupper(c) : c;
}

static int take_table(const struct elf_view *e, const Elf64_Shdr *tab, const Elf64_Shdr *str,
		      struct symbols *ret, struct error **errp)
{
	int r = 0;

	for (uint64_t i = 1; i < tab->sh_size / symbol_size(e) && r == 0; i++) {
		const Elf64_Sym y = symbol(e, tab->sh_offset + i * symbol_size(e));
		const char *name;

		if (y.st_shndx == SHN_UNDEF || y.st_name >= str->sh_size ||
		    ELF64_ST_TYPE(y.st_info) > STT_FUNC)
			continue;
		name = (const char *)e->p + str->sh_offset + y.st_name;
		if (*name)
			r = symbols_add(ret, y.st_value, letter(e, &y), name,
					strnlen(name, str->sh_size - y.st_name), errp);
	}
	return r;
}

int symbols_from_elf(const void *p, size_t len, struct symbols *ret, struct error **errp)
{
	struct elf_view e = { .p = p, .len = len };
	Elf64_Shdr tab, str;
	int r = -ENOENT;

	*ret = (struct symbols){ 0 };
	if (!header(&e))
		return err_set(errp, EINVAL, "is no little-endian ELF file");
	if (e.h.e_shentsize != section_size(&e))
		e.h.e_shnum = 0;
	for (unsigned i = 0; i < e.h.e_shnum && r == -ENOENT; i++)
		if (section(&e, i, &tab) && tab.sh_type == SHT_SYMTAB &&
		    section(&e, tab.sh_link, &str) && str.sh_type == SHT_STRTAB)
			r = take_table(&e, &tab, &str, ret, errp);
	if (r == -ENOENT || (r == 0 && !ret->cnt))
		r = err_set(errp, ENOENT, "has no symbol table");
	if (r < 0)
		symbols_free(ret);
	symbols_sort(ret);
	return r;
}
