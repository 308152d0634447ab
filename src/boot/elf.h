/* SPDX-License-Identifier: MIT */
/* elf.h: executable ELF files, both classes, as far as a loader needs them (gABI,
 * chapters 4, 5). */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include "boot/image.h"
#include "boot/place.h"

#define ELF_MAX_LOAD  24 /* PT_LOAD segments; kernels have 1 to 6 */
#define ELF_MAX_NOTE  8
#define ELF_PHNUM_MAX 128

struct elf_seg {
	uint64_t off, filesz;
	uint64_t vaddr, paddr, memsz;
	uint64_t align;
	char what[32]; /* "PT_LOAD segment 2": its name in errors */
};

struct elf {
	bool is64;
	uint16_t machine;
	uint64_t entry;
	uint64_t phoff;
	unsigned phnum, phentsize;
	struct elf_seg load[ELF_MAX_LOAD]; /* filesz may be 0, memsz is not; in file order */
	unsigned load_cnt;
	struct elf_seg note[ELF_MAX_NOTE];
	unsigned note_cnt;
};

/* True if @p starts with the ELF magic. */
bool elf_magic(const uint8_t *p, size_t len);

/* "x86-64", "AArch64", ...; NULL for a machine we have no name for. */
const char *elf_machine_name(uint16_t machine);

/*
 * The ELF header from the file's first @len bytes: class, byte order, machine (x86 only), type and
 * the program header table's place in a file of @file_size bytes. Errors name the field.
 */
int elf_header(const uint8_t *p, size_t len, uint64_t file_size, struct elf *ret,
	       struct error **errp) __must_check;

/* The program header table, phnum * phentsize bytes at @p; after elf_header(). */
int elf_segments(struct elf *e, const uint8_t *p, uint64_t file_size,
		 struct error **errp) __must_check;

/* Both, from a file. */
int elf_parse(const struct image *img, struct elf *ret, struct error **errp) __must_check;

/* The PT_LOAD that covers physical address @pa; NULL. */
const struct elf_seg *elf_find(const struct elf *e, uint64_t pa);

/* Takes the places of all segments. */
int elf_place(const struct elf *e, struct place *p, struct error **errp) __must_check;

/* Copies the file parts of all segments to their places. The rest of RAM is zero already. */
int elf_load(const struct elf *e, const struct image *img, struct guest_mem *gm,
	     struct error **errp) __must_check;

/* What a walk over the notes found. */
struct elf_notes {
	bool pvh;           /* XEN_ELFNOTE_PHYS32_ENTRY */
	uint64_t pvh_entry; /* physical */
	bool linux_mark;    /* a note of Linux, or Xen's GUEST_OS "linux" */
};

int elf_read_notes(const struct elf *e, const struct image *img, struct elf_notes *ret,
		   struct error **errp) __must_check;

/*
 * True for an x86-64 Linux kernel. Linux enters at a physical address inside a segment that is
 * linked at __START_KERNEL_map plus its physical address (arch/x86/kernel/vmlinux.lds.S); others do
 * so too, hence it must also carry a note of Linux (4.19 and later always do) or the banner "Linux
 * version " somewhere in its segments.
 */
bool elf_is_linux(const struct elf *e, const struct image *img, const struct elf_notes *n);

/* Checks that the 64-bit entry can be used: ELF64 for x86-64 whose entry lies in a segment. */
int elf_check_entry(const struct elf *e, struct error **errp) __must_check;

#endif
