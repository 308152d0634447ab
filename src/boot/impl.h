/* SPDX-License-Identifier: MIT */
/* impl.h: what the files of this room share: struct boot, the loaders, their helpers. */
#ifndef BOOT_IMPL_H
#define BOOT_IMPL_H

#include "boot/cache.h"
#include "boot/elf.h"
#include "boot/image.h"
#include "boot/place.h"
#include "boot/unpack.h"
#include "vmm/boot.h"

#define KERNEL_MAX (2 * GIB)
#define INITRD_MAX (UINT64_C(1) << 40)

/* --- bzimage.c: the setup header, boot.rst "The Real-Mode Kernel Header" ---------------------- */

#define BZ_HEADER_OFF 0x1f1
/* The header ends at 0x202 + a byte at 0x201; boot_params has room to here. */
#define BZ_HEAD       0x290
#define BZ_HEADER_MAX (BZ_HEAD - BZ_HEADER_OFF)

struct bzimage {
	uint8_t header[BZ_HEADER_MAX]; /* as in the file, to be given to the kernel */
	unsigned header_len;
	uint16_t version;
	uint64_t kernel_off, kernel_len;   /* the protected-mode part of the file */
	uint64_t payload_off, payload_len; /* in the file; len 0: none declared */
	uint64_t load_addr;                /* where the kernel would like to be */
	uint64_t align;       /* relocatable: at multiples of this; 0: at load_addr only */
	uint64_t init_size;   /* bytes it needs from there */
	uint64_t initrd_end;  /* the initrd ends at or below this */
	uint32_t cmdline_max; /* without the final NUL */
	bool entry64, above_4g;
	uint16_t version_str; /* file offset of the kernel's version; 0: none */
};

bool bzimage_magic(const uint8_t *p, size_t len);
int bzimage_parse(const uint8_t *p, size_t len, uint64_t file_size, struct bzimage *ret,
		  struct error **errp) __must_check;

/* --- multiboot.c: Multiboot Specification 0.6.96, 3.1 ----------------------------------------- */

#define MB_HEAD 8192 /* the header lies in the first 8192 bytes */

struct multiboot {
	uint32_t flags;
	uint32_t header_off;
	bool kludge;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

/* -ENOENT without an error if there is no header. */
int multiboot_find(const uint8_t *p, size_t len, struct multiboot *ret);
int multiboot_check(const struct multiboot *mb, bool is_elf, uint64_t file_size,
		    struct error **errp) __must_check;

/* --- initrd.c --------------------------------------------------------------------------------- */

struct initrd {
	struct image img;
	char *name;   /* as given: "path" or, for multiboot, "path args" */
	uint64_t off; /* from the start of the first */
};

struct initrds {
	struct initrd *v;
	unsigned cnt;
	uint64_t len; /* of all, padding between them included */
};

/* @align pads each to a power of two: 4 for Linux, 4096 for modules. */
int initrd_open(struct initrds *in, const struct boot_config *c, bool args, uint64_t align,
		struct error **errp) __must_check;
int initrd_load(const struct initrds *in, struct guest_mem *gm, gpa_t base,
		struct error **errp) __must_check;
void initrd_close(struct initrds *in);

/* --- struct boot ------------------------------------------------------------------------------ */

struct load;

struct loader {
	const char *name;
	/* Everything that needs no guest RAM. */
	int (*open)(struct boot *b, struct error **errp);
	int (*load)(struct boot *b, struct load *l, struct cpu_entry *ret, struct error **errp);
	bool initrd;  /* takes one, or modules */
	bool modules; /* initrds are modules with arguments */
};

struct boot {
	char *path, *cmdline;
	uint64_t cmdline_max; /* what this kernel takes, without the final NUL */
	struct image kernel;
	enum boot_protocol protocol;
	const struct loader *loader;
	bool unpack; /* asked for */
	gpa_t load_addr, entry;

	struct bzimage bz;
	struct elf elf; /* of the kernel, or of what its payload unpacked to */
	struct elf_notes notes;
	struct multiboot mb;

	/* Payload of a bzImage; see payload.c. */
	enum unpack_format format;
	struct cache cache;
	bool from_cache;
	struct siphash_tag key;
	struct image vmlinux; /* the cache's entry; fd -1: not (yet) there */

	struct initrds initrds;
	gpa_t initrd_gpa;
	uint64_t initrd_len;

	char *kind, *version;
};

/* One boot_load(). */
struct load {
	const struct boot_env *env;
	struct guest_mem *gm;
	struct place place;
};

extern const struct loader loader_bzimage, loader_vmlinux; /* linux.c */
extern const struct loader loader_pvh, loader_multiboot, loader_flat;

/* Sets b->kind. */
int boot_kind(struct boot *b, struct error **errp, const char *fmt, ...) __printf(3, 4);

/* Checks the command line's length; @limit is without the NUL. */
int boot_check_cmdline(struct boot *b, uint64_t limit, struct error **errp) __must_check;

/* Writes to guest memory that place_*() gave us. */
int load_write(struct load *l, gpa_t gpa, const void *src, size_t len, const char *what,
	       struct error **errp) __must_check;

/* Puts @len bytes in scratch. */
int load_scratch(struct load *l, const void *src, size_t len, uint64_t align, const char *what,
		 gpa_t *ret, struct error **errp) __must_check;

/* The command line with its NUL, in scratch. */
int load_cmdline(struct load *l, const char *cmdline, gpa_t *ret, struct error **errp) __must_check;

/*
 * The initrds as one block, as high as possible in RAM below @end, or above 4 GiB if it fits
 * nowhere below and @above_4g. Sets b->initrd_gpa and _len.
 */
int load_initrd(struct boot *b, struct load *l, uint64_t end, bool above_4g,
		struct error **errp) __must_check;

/* --- payload.c: a bzImage's payload, unpacked ------------------------------------------------- */

/* Looks at the payload's format and for it in the cache. Never fails: without a payload that can be
 * unpacked, b->format is UNPACK_NONE. *name is the format's name or NULL. */
void payload_open(struct boot *b, const char *cache_dir, const char **name);

/* Loads the vmlinux in the payload, from the cache or by unpacking, and fills b->elf. */
int payload_load(struct boot *b, struct load *l, struct error **errp) __must_check;

/* --- paging.c, e820.c ------------------------------------------------------------------------- */

/* 4-level tables that map [0, len) to itself with 2 MiB pages; len <= 512 GiB. *cr3 is the root. */
int paging_identity(struct load *l, uint64_t len, gpa_t *cr3, struct error **errp) __must_check;

/* A GDT: null, null, code at 0x10, data at 0x18; base 0, limit 4 GiB. Fills ret->gdt, gdt_limit. */
int gdt_flat(struct load *l, bool code64, struct cpu_entry *ret, struct error **errp) __must_check;

#define E820_ENTRY 20 /* base, length, type; ACPI 6.4, table 15.3 */
/* At most @max entries of 20 bytes at @p; returns their number. */
unsigned e820_fill(const struct board *b, uint8_t *p, unsigned max);

/* --- sniff.c ---------------------------------------------------------------------------------- */

/* Sets an error that says what the file with this beginning is, since it is no kernel. */
int sniff_refuse(const struct image *img, const uint8_t *p, size_t len, struct error **errp);

#endif
