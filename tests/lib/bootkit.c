/* SPDX-License-Identifier: MIT */
/* bootkit.c: a board, guest RAM, scratch files and hand-made kernels for tests of loaders. */
#include "tests/lib/bootkit.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "vmm/endian.h"

#define PHDR_ROOM 8

/* --- fixture ---------------------------------------------------------------------------------- */

int kit_setup(void **state)
{
	struct ram_config rc = { .size = KIT_RAM };
	struct kit *k = calloc(1, sizeof(*k));
	struct error *e = NULL;

	assert_non_null(k);
	k->board.cpu_cnt = 1;
	k->board.ranges[0] = (struct board_range){ 0, 0x9fc00, BOARD_RAM };
	k->board.ranges[1] = (struct board_range){ 0x9fc00, 0x400, BOARD_RESERVED };
	k->board.ranges[2] = (struct board_range){ 0xe0000, 0x20000, BOARD_ACPI };
	k->board.ranges[3] = (struct board_range){ MIB, KIT_RAM - MIB, BOARD_RAM };
	k->board.range_cnt = 4;
	if (gm_create(&rc, &k->gm, &e) == 0 && gm_add_ram(k->gm, 0, 0, KIT_RAM, &e) < 0)
		k->gm = gm_destroy(k->gm);
	assert_no_error(e);
	k->env = (struct boot_env){ .board = &k->board,
				    .acpi_rsdp = 0xe0000,
				    .scratch = KIT_SCRATCH,
				    .scratch_len = 0x80000 };
	strcpy(k->dir, "/tmp/trapeze-test-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	*state = k;
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d)) {
		char sub[512];

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name);
		if (unlink(sub) < 0)
			remove_tree(sub);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

int kit_teardown(void **state)
{
	struct kit *k = *state;

	boot_close(k->boot);
	gm_destroy(k->gm);
	remove_tree(k->dir);
	free(k);
	return 0;
}

const char *kit_file(struct kit *k, const char *name, const void *p, size_t len)
{
	static unsigned turn;
	char *path = k->path[turn++ % 2];
	FILE *f;

	snprintf(path, sizeof(k->path[0]), "%s/%s", k->dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return path;
}

void kit_boot(struct kit *k, const struct boot_config *c)
{
	struct error *e = NULL;

	k->boot = boot_close(k->boot);
	if (gm_clear_ram(k->gm, &e) == 0 && boot_open(c, &k->boot, &e) == 0)
		assert_int_equal(boot_load(k->boot, k->gm, &k->env, &k->entry, &e), e ? -1 : 0);
	assert_no_error(e);
}

void kit_refused(struct kit *k, const struct boot_config *c, const char *part)
{
	struct boot *b = NULL;
	struct cpu_entry ce;
	struct error *e = NULL;

	if (boot_open(c, &b, &e) == 0)
		assert_true(boot_load(b, k->gm, &k->env, &ce, &e) < 0);
	boot_close(b);
	assert_error(e, part);
}

void kit_read(struct kit *k, gpa_t gpa, void *dst, size_t len)
{
	assert_true(gm_read(k->gm, gpa, dst, len));
}

uint16_t kit_u16(struct kit *k, gpa_t gpa)
{
	uint8_t v[2];

	kit_read(k, gpa, v, sizeof(v));
	return get_le16(v);
}

uint32_t kit_u32(struct kit *k, gpa_t gpa)
{
	uint8_t v[4];

	kit_read(k, gpa, v, sizeof(v));
	return get_le32(v);
}

uint64_t kit_u64(struct kit *k, gpa_t gpa)
{
	uint8_t v[8];

	kit_read(k, gpa, v, sizeof(v));
	return get_le64(v);
}

const char *kit_str(struct kit *k, gpa_t gpa)
{
	static char s[256];

	kit_read(k, gpa, s, sizeof(s) - 1);
	return s;
}

/* --- ELF -------------------------------------------------------------------------------------- */

static void append(struct kit_buf *b, const void *p, size_t len)
{
	assert_true(len <= sizeof(b->p) - b->len);
	if (p)
		memcpy(b->p + b->len, p, len);
	else
		for (size_t i = 0; i < len; i++)
			b->p[b->len + i] = (uint8_t)(i * 7 + 1);
	b->len += len;
}

void kit_elf(struct kit_buf *b, bool is64, uint16_t machine, uint64_t entry)
{
	memset(b, 0, sizeof(*b));
	if (is64) {
		Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
				 .e_type = ET_EXEC,
				 .e_machine = machine,
				 .e_version = 1,
				 .e_entry = entry,
				 .e_phoff = sizeof(h),
				 .e_ehsize = sizeof(h),
				 .e_phentsize = sizeof(Elf64_Phdr) };

		append(b, &h, sizeof(h));
		b->len += PHDR_ROOM * sizeof(Elf64_Phdr);
	} else {
		Elf32_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', 1, 1, 1 },
				 .e_type = ET_EXEC,
				 .e_machine = machine,
				 .e_version = 1,
				 .e_entry = (uint32_t)entry,
				 .e_phoff = sizeof(h),
				 .e_ehsize = sizeof(h),
				 .e_phentsize = sizeof(Elf32_Phdr) };

		append(b, &h, sizeof(h));
		b->len += PHDR_ROOM * sizeof(Elf32_Phdr);
	}
}

static unsigned phnum_off(const struct kit_buf *b)
{
	return b->p[4] == 2 ? 56 : 44;
}

size_t kit_elf_phdr(const struct kit_buf *b, unsigned i)
{
	return b->p[4] == 2 ? sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr)
			    : sizeof(Elf32_Ehdr) + i * sizeof(Elf32_Phdr);
}

size_t kit_elf_seg(struct kit_buf *b, uint32_t type, uint64_t vaddr, uint64_t paddr,
		   const void *data, size_t filesz, uint64_t memsz, uint64_t align)
{
	unsigned n = get_le16(b->p + phnum_off(b));
	uint8_t *at = b->p + kit_elf_phdr(b, n);
	size_t off;

	assert_true(n < PHDR_ROOM);
	b->len = align_up(b->len, 16);
	off = b->len;
	if (b->p[4] == 2) {
		Elf64_Phdr p = { .p_type = type,
				 .p_flags = 7,
				 .p_offset = off,
				 .p_vaddr = vaddr,
				 .p_paddr = paddr,
				 .p_filesz = filesz,
				 .p_memsz = memsz,
				 .p_align = align };

		memcpy(at, &p, sizeof(p));
	} else {
		Elf32_Phdr p = { .p_type = type,
				 .p_flags = 7,
				 .p_offset = (uint32_t)off,
				 .p_vaddr = (uint32_t)vaddr,
				 .p_paddr = (uint32_t)paddr,
				 .p_filesz = (uint32_t)filesz,
				 .p_memsz = (uint32_t)memsz,
				 .p_align = (uint32_t)align };

		memcpy(at, &p, sizeof(p));
	}
	append(b, data, filesz);
	put_le16(b->p + phnum_off(b), (uint16_t)(n + 1));
	return off;
}

size_t kit_note(uint8_t *p, const char *name, uint32_t type, const void *desc, uint32_t desc_len,
		unsigned align)
{
	size_t name_len = strlen(name) + 1, d = align_up(12 + name_len, align);
	size_t end = align_up(d + desc_len, align);

	memset(p, 0, end);
	put_le32(p, (uint32_t)name_len);
	put_le32(p + 4, desc_len);
	put_le32(p + 8, type);
	memcpy(p + 12, name, name_len);
	memcpy(p + d, desc, desc_len);
	return end;
}

void kit_vmlinux(struct kit_buf *b)
{
	const uint64_t map = UINT64_C(0xffffffff80000000), at = 16 * MIB;
	uint8_t note[64];
	size_t len = kit_note(note, "Linux", 0x100, "salt", 4, 4);

	kit_elf(b, true, KIT_EM_X86_64, at + 0x40);
	kit_elf_seg(b, PT_LOAD, map + at, at, NULL, 0x1800, 0x1800, 0x200000);
	kit_elf_seg(b, PT_LOAD, map + at + 0x200000, at + 0x200000, NULL, 0x900, 0x3000, 0x200000);
	kit_elf_seg(b, PT_NOTE, map + at, at, note, len, len, 4);
}

/* --- bzImage ---------------------------------------------------------------------------------- */

void kit_bzimage(struct kit_buf *b, const void *payload, size_t payload_len)
{
	size_t kernel_len = align_up(0x300 + payload_len + 0x100, 16);
	uint8_t *h = b->p;

	memset(b, 0, sizeof(*b));
	assert_true(KIT_BZ_KERNEL + kernel_len <= sizeof(b->p));
	b->len = KIT_BZ_KERNEL + kernel_len;
	h[0x1f1] = 1; /* setup_sects: the boot sector and one more */
	put_le32(h + 0x1f4, (uint32_t)(kernel_len / 16));
	put_le16(h + 0x1fe, 0xaa55);
	h[0x200] = 0xeb;
	h[0x201] = 0x6a; /* the header ends at 0x26c */
	memcpy(h + 0x202, "HdrS", 4);
	put_le16(h + 0x206, 0x20f);
	put_le16(h + 0x20e, 0x300 - 0x200); /* version string at 0x300 */
	h[0x211] = 1;                       /* LOADED_HIGH */
	put_le32(h + 0x214, 0x100000);
	put_le32(h + 0x22c, 0x7fffffff);
	put_le32(h + 0x230, 0x200000);
	h[0x234] = 1;
	put_le16(h + 0x236, 3); /* XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G */
	put_le32(h + 0x238, 255);
	put_le32(h + 0x248, 0x300);
	put_le32(h + 0x24c, (uint32_t)payload_len);
	put_le64(h + 0x258, 16 * MIB);
	put_le32(h + 0x260, 4 * MIB);
	strcpy((char *)h + 0x300, "6.9.0-test (builder) #1");
	for (size_t i = 0; i < 0x300; i++)
		h[KIT_BZ_KERNEL + i] = (uint8_t)(i * 3 + 1);
	memcpy(h + KIT_BZ_KERNEL + 0x300, payload, payload_len);
}

static size_t add_size(uint8_t *dst, size_t cap, size_t n, size_t len)
{
	assert_true(n + 4 <= cap);
	put_le32(dst + n, (uint32_t)len);
	return n + 4;
}

size_t kit_gzip(uint8_t *dst, size_t cap, const void *src, size_t len)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)src,
		       .avail_in = (unsigned)len,
		       .next_out = dst,
		       .avail_out = (unsigned)cap };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return cap - z.avail_out; /* gzip ends in the size by itself */
}

size_t kit_lz4(uint8_t *dst, size_t cap, const void *src, size_t len)
{
	int n = LZ4_compress_default(src, (char *)dst + 8, (int)len, (int)cap - 12);

	assert_true(n > 0);
	put_le32(dst, 0x184c2102);
	put_le32(dst + 4, (uint32_t)n);
	return add_size(dst, cap, 8 + (size_t)n, len);
}

size_t kit_zstd(uint8_t *dst, size_t cap, const void *src, size_t len)
{
	size_t n = ZSTD_compress(dst, cap, src, len, 19);

	assert_false(ZSTD_isError(n));
	return add_size(dst, cap, n, len);
}

/* As scripts/xz_wrap.sh: x86 filter, LZMA2, CRC32. */
size_t kit_xz(uint8_t *dst, size_t cap, const void *src, size_t len)
{
	lzma_options_lzma opt;
	lzma_filter f[] = { { LZMA_FILTER_X86, NULL },
			    { LZMA_FILTER_LZMA2, &opt },
			    { LZMA_VLI_UNKNOWN, NULL } };
	size_t n = 0;

	assert_false(lzma_lzma_preset(&opt, 6));
	opt.dict_size = 1 << 20;
	assert_int_equal(
		lzma_stream_buffer_encode(f, LZMA_CHECK_CRC32, NULL, src, len, dst, &n, cap),
		LZMA_OK);
	return add_size(dst, cap, n, len);
}

/* --- multiboot -------------------------------------------------------------------------------- */

void kit_multiboot(uint8_t *p, uint32_t flags)
{
	put_le32(p, 0x1badb002);
	put_le32(p + 4, flags);
	put_le32(p + 8, 0u - 0x1badb002u - flags);
}
