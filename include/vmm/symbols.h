/* SPDX-License-Identifier: MIT */
/*
 * symbols.h: names of addresses in a guest's kernel, from whatever has them: the symbol table of an
 * ELF file, a System.map, or the tables a kernel carries for its own /proc/kallsyms, which are in
 * every distribution's image. Addresses are those the kernel was linked at: where it runs elsewhere
 * (KASLR) the caller subtracts the distance before he asks.
 */
#ifndef VMM_SYMBOLS_H
#define VMM_SYMBOLS_H

#include "vmm/str.h"

struct error;

/* More than any kernel has (some 200,000); longer names than KSYM_NAME_LEN are cut. */
#define SYMBOLS_MAX     (4u << 20)
#define SYMBOL_NAME_MAX 511u

struct symbol {
	uint64_t addr;
	uint32_t name; /* where it begins in symbols.names, ending in NUL */
	char type;     /* as nm(1) has it: T, t, D, r, A ... */
};

/* Sorted by address, those at the same one in the order of their source. Zeroed is an empty one. */
struct symbols {
	struct symbol *v;
	unsigned cnt, room;
	struct str names;
};

/* NULL-safe; leaves it empty. Like all of these: any thread, one at a time. */
void symbols_free(struct symbols *s);

/* For loaders: adds one, unsorted; the name is copied, cut, and what is not printable becomes '?'.
 * -ENOMEM, -E2BIG. */
int symbols_add(struct symbols *s, uint64_t addr, char type, const char *name, size_t len,
		struct error **errp) __must_check;
void symbols_sort(struct symbols *s);

static inline const char *symbol_name(const struct symbols *s, const struct symbol *y)
{
	return s->names.s + y->name;
}

/*
 * The last symbol at or below @addr, *off bytes below it; NULL if there is none, or if @addr is
 * behind the last one by more than a page. Absolute ones (A) are no answer. Of several at one
 * address the global one is taken, then the first.
 */
const struct symbol *symbols_find(const struct symbols *s, uint64_t addr, uint64_t *off);

/* The first of that name; NULL: none. */
const struct symbol *symbols_by_name(const struct symbols *s, const char *name);

/*
 * Loaders. @p, @len: a whole file, or kernel, in memory, which need not be aligned; nothing in it
 * is trusted. 0, or -ENOENT with an error that says what was not found, -EINVAL for what
 * contradicts itself. *ret is empty after an error.
 */

/* Looks at what it is: an ELF file with a symbol table, a System.map, or else a kernel's tables. */
int symbols_load(const void *p, size_t len, struct symbols *ret, struct error **errp) __must_check;

/* .symtab of an ELF file, of 64 bits or 32: functions, objects and labels (gABI, chapter 4, Symbol
 * Table). */
int symbols_from_elf(const void *p, size_t len, struct symbols *ret,
		     struct error **errp) __must_check;

/* Lines of "ADDRESS TYPE NAME", as nm(1), System.map and /proc/kallsyms have them; names of modules
 * behind that are passed over. */
int symbols_from_map(const void *p, size_t len, struct symbols *ret,
		     struct error **errp) __must_check;

/*
 * The tables of an x86-64 kernel, unpacked (a bzImage's payload), of Linux 4.6 and later, built
 * with CONFIG_KALLSYMS: names in the tokens of scripts/kallsyms.c, addresses relative to a base.
 */
int symbols_from_kernel(const void *p, size_t len, struct symbols *ret,
			struct error **errp) __must_check;

/*
 * An ELF64 file for x86-64 with these symbols and nothing else, sections at their addresses without
 * contents: what gdb takes by `symbol-file`. *ret is the caller's to free.
 */
int symbols_to_elf(const struct symbols *s, void **ret, size_t *len,
		   struct error **errp) __must_check;

#endif
