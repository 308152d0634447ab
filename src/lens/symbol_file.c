/* SPDX-License-Identifier: MIT */
/* symbol_file.c: an ELF64 file that is a symbol table and nothing else (gABI, chapter 4). */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/symbols.h"

#define SECTIONS_MAX 512u

/* A run of symbols of one kind in one section, so that gdb knows code from data. */
struct run {
	uint64_t start, end;
	bool code;
};

struct writer {
	const struct symbols *s;
	struct run run[SECTIONS_MAX];
	unsigned run_cnt;
	struct str strings, table;
	unsigned locals;
};

static bool is_code(char type)
{
	return strchr("tTwW", type) != NULL;
}

static bool is_somewhere(const struct symbol *y)
{
	return y->type != 'A' && y->type != 'a';
}

/* The next symbol's address; the last one is a byte long. */
static uint64_t end_of(const struct symbols *s, unsigned i)
{
	for (unsigned n = i + 1; n < s->cnt; n++)
		if (s->v[n].addr != s->v[i].addr)
			return s->v[n].addr;
	return s->v[i].addr + 1;
}

/* Beyond SECTIONS_MAX the last one takes all. */
static void find_runs(struct writer *w)
{
	for (unsigned i = 0; i < w->s->cnt; i++) {
		const struct symbol *y = &w->s->v[i];
		struct run *last = w->run_cnt ? &w->run[w->run_cnt - 1] : NULL;
		bool code = is_code(y->type);

		if (!is_somewhere(y))
			continue;
		if (!last ||
		    (last->code != code && y->addr >= last->end && w->run_cnt < SECTIONS_MAX)) {
			w->run[w->run_cnt++] =
				(struct run){ .start = y->addr, .code = code, .end = y->addr };
			last = &w->run[w->run_cnt - 1];
		}
		last->end = max_u64(last->end, end_of(w->s, i));
	}
}

static unsigned run_of(const struct writer *w, uint64_t addr)
{
	unsigned lo = 0, hi = w->run_cnt;

	while (hi - lo > 1) {
		unsigned mid = lo + (hi - lo) / 2;

		if (w->run[mid].start <= addr)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static void put(struct str *s, const void *p, size_t len)
{
	str_add_bytes(s, p, len);
}

static void put_symbols(struct writer *w, bool global)
{
	for (unsigned i = 0; i < w->s->cnt; i++) {
		const struct symbol *y = &w->s->v[i];
		const char *name = symbol_name(w->s, y);
		Elf64_Sym e = { .st_name = (Elf64_Word)w->strings.len, .st_value = y->addr };
		bool code = is_code(y->type);

		if (global != !!isupper((unsigned char)y->type))
			continue;
		e.st_info = ELF64_ST_INFO(global ? STB_GLOBAL : STB_LOCAL,
					  code ? STT_FUNC : STT_OBJECT);
		e.st_shndx = SHN_ABS;
		if (is_somewhere(y)) {
			e.st_shndx = (Elf64_Section)(1 + run_of(w, y->addr));
			e.st_size = end_of(w->s, i) - y->addr;
		}
		w->locals += !global;
		put(&w->strings, name, strlen(name) + 1);
		put(&w->table, &e, sizeof(e));
	}
}

static void assemble(const struct writer *w, struct str *out)
{
	static const char names[] = "\0.text\0.data\0.symtab\0.strtab\0.shstrtab";
	unsigned cnt = w->run_cnt + 4;
	Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			 .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_shoff = sizeof(h),
			 .e_ehsize = sizeof(h),
			 .e_shentsize = sizeof(Elf64_Shdr),
			 .e_shnum = (Elf64_Half)cnt,
			 .e_shstrndx = (Elf64_Half)(cnt - 1) };
	uint64_t off = sizeof(h) + (uint64_t)cnt * sizeof(Elf64_Shdr);
	Elf64_Shdr symtab = { .sh_name = 13,
			      .sh_type = SHT_SYMTAB,
			      .sh_offset = off,
			      .sh_size = w->table.len,
			      .sh_link = cnt - 2,
			      .sh_info = w->locals + 1,
			      .sh_addralign = 8,
			      .sh_entsize = sizeof(Elf64_Sym) };
	Elf64_Shdr strtab = { .sh_name = 21,
			      .sh_type = SHT_STRTAB,
			      .sh_offset = off + w->table.len,
			      .sh_size = w->strings.len,
			      .sh_addralign = 1 };
	Elf64_Shdr shstrtab = { .sh_name = 29,
				.sh_type = SHT_STRTAB,
				.sh_offset = strtab.sh_offset + w->strings.len,
				.sh_size = sizeof(names),
				.sh_addralign = 1 };
	Elf64_Shdr none = { 0 };

	put(out, &h, sizeof(h));
	put(out, &none, sizeof(none));
	for (unsigned i = 0; i < w->run_cnt; i++) {
		const struct run *u = &w->run[i];
		Elf64_Shdr s = { .sh_name = u->code ? 1 : 7,
				 .sh_type = SHT_NOBITS,
				 .sh_flags = SHF_ALLOC | (u->code ? SHF_EXECINSTR : SHF_WRITE),
				 .sh_addr = u->start,
				 .sh_offset = off,
				 .sh_size = u->end - u->start,
				 .sh_addralign = 1 };

		put(out, &s, sizeof(s));
	}
	put(out, &symtab, sizeof(symtab));
	put(out, &strtab, sizeof(strtab));
	put(out, &shstrtab, sizeof(shstrtab));
	put(out, w->table.s, w->table.len);
	put(out, w->strings.s, w->strings.len);
	put(out, names, sizeof(names));
}

int symbols_to_elf(const struct symbols *s, void **ret, size_t *len, struct error **errp)
{
	static const Elf64_Sym first = { 0 };
	_cleanup_(str_free) struct str out = { 0 };
	struct writer w = { .s = s };
	bool failed;

	find_runs(&w);
	put(&w.strings, "", 1);
	put(&w.table, &first, sizeof(first));
	put_symbols(&w, false);
	put_symbols(&w, true);
	failed = w.strings.failed || w.table.failed;
	if (!failed)
		assemble(&w, &out);
	failed |= out.failed;
	str_free(&w.strings);
	str_free(&w.table);
	if (failed)
		return err_errno(errp, ENOMEM, "cannot make a symbol file");
	*len = out.len;
	*ret = str_take(&out);
	return 0;
}
