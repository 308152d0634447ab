/* SPDX-License-Identifier: MIT */
/* elf_symbols.c: the symbol table of an ELF64 file (gABI, chapter 4). */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/symbols.h"

struct elf_view {
	const uint8_t *p;
	size_t len;
	Elf64_Ehdr h;
};

static bool inside(const struct elf_view *e, uint64_t off, uint64_t len)
{
	return off <= e->len && len <= e->len - off;
}

static bool section(const struct elf_view *e, unsigned i, Elf64_Shdr *ret)
{
	uint64_t off = e->h.e_shoff + (uint64_t)i * sizeof(*ret);

	if (i >= e->h.e_shnum || e->h.e_shoff > e->len || !inside(e, off, sizeof(*ret)))
		return false;
	memcpy(ret, e->p + off, sizeof(*ret));
	return ret->sh_type == SHT_NOBITS || inside(e, ret->sh_offset, ret->sh_size);
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

	for (uint64_t i = 1; i < tab->sh_size / sizeof(Elf64_Sym) && r == 0; i++) {
		const char *name;
		Elf64_Sym y;

		memcpy(&y, e->p + tab->sh_offset + i * sizeof(y), sizeof(y));
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
	if (len < sizeof(e.h) || memcmp(p, ELFMAG, SELFMAG) != 0 || e.p[EI_CLASS] != ELFCLASS64 ||
	    e.p[EI_DATA] != ELFDATA2LSB)
		return err_set(errp, EINVAL, "is no 64-bit ELF file");
	memcpy(&e.h, p, sizeof(e.h));
	if (e.h.e_shentsize != sizeof(Elf64_Shdr))
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
