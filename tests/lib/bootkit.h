/* SPDX-License-Identifier: MIT */
/* bootkit.h: a board, guest RAM, scratch files and hand-made kernels for tests of loaders. */
#ifndef TESTS_BOOTKIT_H
#define TESTS_BOOTKIT_H

#include "tests/lib/fake.h"
#include "vmm/board.h"
#include "vmm/boot.h"

#define KIT_RAM     (64 * MIB)
#define KIT_SCRATCH 0x10000u

/* A file being made. */
struct kit_buf {
	uint8_t p[512 * 1024];
	size_t len;
};

struct kit {
	struct board board;
	struct guest_mem *gm;
	struct boot_env env;
	char dir[64]; /* removed with what is in it */
	char path[2][128];
	struct kit_buf buf, buf2;
	struct boot *boot;
	struct cpu_entry entry;
};

/* cmocka fixtures; *state is a struct kit. RAM: [0, 0x9fc00) and [1 MiB, 64 MiB). */
int kit_setup(void **state);
int kit_teardown(void **state);

/* Writes a file in the kit's directory; its path is valid until the next call but one. */
const char *kit_file(struct kit *k, const char *name, const void *p, size_t len);

/* boot_open() and boot_load() that must work; replaces k->boot, zeroes RAM first. */
void kit_boot(struct kit *k, const struct boot_config *c);

/* boot_open() and, if that works, boot_load() must fail with @part in the message. */
void kit_refused(struct kit *k, const struct boot_config *c, const char *part);

/* Guest memory. */
void kit_read(struct kit *k, gpa_t gpa, void *dst, size_t len);
uint16_t kit_u16(struct kit *k, gpa_t gpa);
uint32_t kit_u32(struct kit *k, gpa_t gpa);
uint64_t kit_u64(struct kit *k, gpa_t gpa);
const char *kit_str(struct kit *k, gpa_t gpa); /* valid until the next call */

/* --- ELF: header, room for 8 program headers, then the segments' bytes ------------------------ */

#define KIT_EM_386    3
#define KIT_EM_X86_64 62
void kit_elf(struct kit_buf *b, bool is64, uint16_t machine, uint64_t entry);
/* Appends a program header and @filesz bytes of @data (NULL: a pattern);
 * returns its file offset. */
size_t kit_elf_seg(struct kit_buf *b, uint32_t type, uint64_t vaddr, uint64_t paddr,
		   const void *data, size_t filesz, uint64_t memsz, uint64_t align);
/* File offset of program header @i. */
size_t kit_elf_phdr(const struct kit_buf *b, unsigned i);
/* One note at @p; returns its length. */
size_t kit_note(uint8_t *p, const char *name, uint32_t type, const void *desc, uint32_t desc_len,
		unsigned align);
/* A small vmlinux: two PT_LOADs linked as Linux is, at 1 MiB * 16, and a note of Linux. */
void kit_vmlinux(struct kit_buf *b);

/* --- bzImage ---------------------------------------------------------------------------------- */

/* A bzImage of protocol 2.15 with a 64-bit entry around @payload; one setup sector. */
void kit_bzimage(struct kit_buf *b, const void *payload, size_t payload_len);
#define KIT_BZ_KERNEL 1024 /* file offset of the protected-mode part */

/* Compression formats that the kernel's build uses, the 4-byte size appended. */
size_t kit_gzip(uint8_t *dst, size_t cap, const void *src, size_t len);
size_t kit_lz4(uint8_t *dst, size_t cap, const void *src, size_t len);
size_t kit_zstd(uint8_t *dst, size_t cap, const void *src, size_t len);
size_t kit_xz(uint8_t *dst, size_t cap, const void *src, size_t len);

/* --- multiboot -------------------------------------------------------------------------------- */

/* Writes the first three fields of a header with a checksum that fits. */
void kit_multiboot(uint8_t *p, uint32_t flags);

#endif
