/* SPDX-License-Identifier: MIT */
/*
 * boot.h: boot protocols. A struct boot holds open files, never their contents: boot_load() streams
 * them into guest RAM at start and again at each guest reset.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include "vmm/cpu_entry.h"
#include "vmm/guestmem.h"

struct board;
struct error;

enum boot_protocol {
	BOOT_AUTO, /* by what the file is */
	/* bzImage by its 64-bit (else 32-bit) entry, ELF vmlinux by the 64-bit entry
	 * (Documentation/arch/x86/boot.rst). */
	BOOT_LINUX,
	BOOT_PVH,       /* ELF with a XEN_ELFNOTE_PHYS32_ENTRY note, hvm_start_info */
	BOOT_MULTIBOOT, /* Multiboot 0.6.96, ELF or a.out kludge */
	BOOT_REAL,      /* flat binary in real mode at load_addr */
	BOOT_FLAT32,    /* flat binary in 32-bit protected mode at load_addr */
	BOOT_FLAT64,    /* flat binary in long mode at load_addr, first 4 GiB identity-mapped */
};

/* An initrd that is no file with a name, such as guest_segment_build() makes. */
struct boot_segment {
	const char *name; /* for messages */
	int fd;           /* of a regular file; boot_open() makes a copy of it */
};

struct boot_config {
	const char *kernel;
	/* Concatenated, each padded to 4 bytes; for multiboot: the modules "path [args]". */
	const char *const *initrd;
	unsigned initrd_cnt;
	const struct boot_segment *segment; /* behind the initrds; NULL: none. Not for multiboot */
	const char *cmdline; /* as the guest shall see it, hints included; NULL: empty */
	enum boot_protocol protocol;
	/* Unpack a bzImage's payload on the host and enter the vmlinux in it. The guest then runs
	 * at its link address: no KASLR. */
	bool unpack;
	const char *cache_dir; /* unpacked payloads are kept here; NULL: not kept */
	gpa_t load_addr;       /* flat binaries; 0: protocol's default */
	gpa_t entry;           /* flat binaries; 0: load_addr */
};

struct boot;

/* What boot_open() found, for messages and for choosing command-line hints. */
struct boot_info {
	enum boot_protocol protocol; /* never BOOT_AUTO */
	/* "bzImage, protocol 2.15, LZ4 payload", "ELF64 vmlinux", ... owned by the boot. */
	const char *kind;
	const char *version; /* the kernel's version string or NULL; owned by the boot */
	bool linux_kernel;   /* hints make sense */
	bool unpacked, from_cache;
};

/*
 * BOOT_AUTO takes, in this order: bzImage; ELF64 that is an x86-64 Linux (it is linked as Linux
 * links itself, and carries Linux's note or banner); ELF with a PVH note (for 32-bit files the
 * multiboot header wins); multiboot. Flat binaries have no mark and must be asked for.
 *
 * Files are read with pread; what is no regular file but can be read (a pipe, /dev/fd/N) is read
 * once into a memfd. Opens and validates everything that can be validated without guest RAM;
 * identifies the kernel. The error for a file that is no kernel names what was found ("is a gzip
 * file", "is a PE executable for arm64", "is a directory").
 */
int boot_open(const struct boot_config *c, struct boot **ret, struct error **errp) __must_check;
struct boot *boot_close(struct boot *b); /* NULL-safe, returns NULL */
struct boot_info boot_info(const struct boot *b);

/*
 * Replaces the command line, for who must know what was opened before choosing it. -E2BIG names the
 * limit. Before boot_load().
 */
int boot_set_cmdline(struct boot *b, const char *cmdline, struct error **errp) __must_check;

/* The machine's half of what a loader needs. All gpa are already populated or reserved in @board's
 * ranges. */
struct boot_env {
	const struct board *board; /* memory map; device tree */
	gpa_t acpi_rsdp;           /* 0: none */
	/* Page-aligned low RAM for boot_params, page tables, GDT, command line, start_info. */
	gpa_t scratch;
	uint64_t scratch_len; /* at least 128 KiB */
	bool device_tree;     /* hand Linux a device tree made from @board (SETUP_DTB) */
};

/*
 * Loads into zeroed guest RAM and says how the boot CPU starts. Control thread, no vCPU runs. May
 * be called again after gm_clear_ram(). Keeps
 * no buffer.
 */
int boot_load(struct boot *b, struct guest_mem *gm, const struct boot_env *env,
	      struct cpu_entry *ret, struct error **errp) __must_check;

/*
 * Is there a cache, and is this kernel's unpacked payload not yet known to be in it? And: puts it
 * there, which takes as long as unpacking it twice. On any thread, beside boot_load() but not
 * beside boot_close(); @stop (may be NULL) makes it give up soon. Never fails: a cache is a
 * convenience.
 */
bool boot_wants_cache(const struct boot *b);
void boot_fill_cache(const struct boot *b, const _Atomic bool *stop);

/*
 * The kernel at @path as it is when it runs, for who looks at it: the payload of a bzImage
 * unpacked, any other file as it is. *ret is the caller's to free(). Any thread; errors name the
 * file.
 */
int boot_kernel_bytes(const char *path, void **ret, size_t *len, struct error **errp) __must_check;

/*
 * Where boot_load() put what is linked at linear address @linear in the upper half of the address
 * space: there it will be found before the guest has page tables that say so. False: not known, as
 * of a kernel that unpacks itself.
 */
bool boot_linked_at(const struct boot *b, uint64_t linear, gpa_t *ret);

/* Where the last boot_load() put the initrd; len 0: none. */
void boot_initrd_range(const struct boot *b, gpa_t *gpa, uint64_t *len);

#endif
