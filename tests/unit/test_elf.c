/* SPDX-License-Identifier: MIT */
/* test_elf.c: ELF files as they are and as they should not be; gABI chapters 4 and 5. */
#include "boot/elf.h"

#include <elf.h>
#include <string.h>

#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

/* A change to a good file and what the error must say. */
struct damage {
	const char *says;
	int phdr; /* -1: @off is in the ELF header */
	unsigned off, width;
	uint64_t value;
};

static const struct damage damage64[] = {
	{ "e_ident[EI_CLASS] is 3", -1, 4, 1, 3 },
	{ "e_ident[EI_DATA] is 2", -1, 5, 1, 2 },
	{ "e_ident[EI_VERSION] is 9", -1, 6, 1, 9 },
	{ "e_type is 1, not an executable", -1, 16, 2, 1 },
	{ "e_type is 4", -1, 16, 2, 4 },
	{ "ELF64 file for AArch64", -1, 18, 2, 183 },
	{ "ELF64 file for RISC-V", -1, 18, 2, 243 },
	{ "e_machine 4660", -1, 18, 2, 0x1234 },
	{ "e_phoff", -1, 32, 8, 1 << 30 },
	{ "e_phoff", -1, 32, 8, UINT64_MAX },
	{ "e_phoff", -1, 32, 8, UINT64_MAX - 100 },
	{ "e_phentsize is 32", -1, 54, 2, 32 },
	{ "e_phentsize is 0", -1, 54, 2, 0 },
	{ "e_phnum is 0", -1, 56, 2, 0 },
	{ "e_phnum is 65535", -1, 56, 2, 65535 },
	{ "e_phnum is 129", -1, 56, 2, 129 },
	{ "e_entry", -1, 24, 8, 0x1234 },
	{ "e_entry", -1, 24, 8, UINT64_C(0xffffffff81000040) }, /* virtual, not physical */
	{ "PT_LOAD segment 0: p_offset", 0, 8, 8, 1 << 30 },
	{ "PT_LOAD segment 0: p_offset", 0, 8, 8, UINT64_MAX },
	{ "PT_LOAD segment 1: p_filesz 0xffffffffffffffff is more than p_memsz", 1, 32, 8,
	  UINT64_MAX },
	{ "PT_LOAD segment 1: p_filesz 0x900 is more than p_memsz 0x8ff", 1, 40, 8, 0x8ff },
	{ "PT_LOAD segment 1: p_paddr 0xffffffffffffff00 + p_memsz 0x3000 wraps", 1, 24, 8,
	  UINT64_MAX - 0xff },
	{ "PT_LOAD segment 1: p_paddr 0x1001000 + p_memsz 0x3000 overlaps PT_LOAD segment 0", 1, 24,
	  8, 0x1001000 },
	{ "PT_LOAD segment 1 needs guest memory 0x4000000", 1, 24, 8, KIT_RAM },
	{ "not all RAM", 1, 40, 8, UINT64_C(1) << 40 },
	{ "PT_LOAD segment 1 (0x10000 + 0x3000) overlaps the boot data area", 1, 24, 8, 0x10000 },
	{ "not all RAM", 1, 24, 8, 0xe0000 },
};

static void put(uint8_t *p, unsigned width, uint64_t v)
{
	for (unsigned i = 0; i < width; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void damaged_files_are_refused(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(damage64); i++) {
		const struct damage *d = &damage64[i];
		struct boot_config c = { .protocol = BOOT_LINUX };

		kit_vmlinux(&k->buf);
		put(k->buf.p + (d->phdr < 0 ? 0 : kit_elf_phdr(&k->buf, (unsigned)d->phdr)) +
			    d->off,
		    d->width, d->value);
		c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
		kit_refused(k, &c, d->says);
		kit_refused(k, &c, "kernel '");
	}
}

/* Every truncation of a good file is an error, none is a crash or a success. */
static void truncated_files_are_refused(void **state)
{
	struct kit *k = *state;
	size_t all;

	kit_vmlinux(&k->buf);
	/* The note is last; what is behind the second PT_LOAD is not needed to load. */
	all = get_le64(k->buf.p + kit_elf_phdr(&k->buf, 1) + 8) + 0x900;
	for (size_t len = 1; len < all; len += len < 300 ? 1 : 97) {
		struct boot_config c = { .protocol = BOOT_LINUX };

		c.kernel = kit_file(k, "vmlinux", k->buf.p, len);
		kit_refused(k, &c, "kernel '");
	}
}

static void no_segments(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .protocol = BOOT_LINUX };

	kit_elf(&k->buf, true, KIT_EM_X86_64, MIB);
	kit_elf_seg(&k->buf, PT_NOTE, 0, 0, NULL, 16, 16, 4);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_refused(k, &c, "no PT_LOAD segment");
	/* memsz 0 is no segment either, wherever it claims to be */
	kit_elf_seg(&k->buf, PT_LOAD, 0, UINT64_MAX, NULL, 0, 0, 4);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_refused(k, &c, "no PT_LOAD segment");
}

/* gABI: bytes beyond p_filesz up to p_memsz are zero; both classes are placed by p_paddr. */
static void segments_are_loaded(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .protocol = BOOT_LINUX };
	uint8_t mem[0x3000];

	kit_vmlinux(&k->buf);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	kit_read(k, 16 * MIB, mem, 0x1800);
	assert_memory_equal(mem, k->buf.p + get_le64(k->buf.p + kit_elf_phdr(&k->buf, 0) + 8),
			    0x1800);
	kit_read(k, 18 * MIB, mem, 0x3000);
	assert_memory_equal(mem, k->buf.p + get_le64(k->buf.p + kit_elf_phdr(&k->buf, 1) + 8),
			    0x900);
	for (size_t i = 0x900; i < sizeof(mem); i++)
		assert_int_equal(mem[i], 0);
}

static bool is_linux(struct kit *k)
{
	const char *path = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	struct elf_notes notes;
	struct error *err = NULL;
	struct image img;
	struct elf e;
	bool yes;

	assert_int_equal(image_open(path, GIB, &img, &err), 0);
	assert_int_equal(elf_parse(&img, &e, &err), 0);
	assert_int_equal(elf_read_notes(&e, &img, &notes, &err), 0);
	assert_no_error(err);
	yes = elf_is_linux(&e, &img, &notes);
	image_close(&img);
	return yes;
}

static void linux_is_told_from_others(void **state)
{
	const uint64_t map = UINT64_C(0xffffffff80000000);
	static char text[200000];
	struct kit *k = *state;
	uint8_t note[64];
	size_t len;

	kit_vmlinux(&k->buf);
	assert_true(is_linux(k));

	/* Linked as Linux but without a mark: others do that too. */
	kit_elf(&k->buf, true, KIT_EM_X86_64, MIB);
	kit_elf_seg(&k->buf, PT_LOAD, map + MIB, MIB, text, sizeof(text), sizeof(text), 4096);
	assert_false(is_linux(k));

	/* The banner counts wherever it is, also across two reads. */
	for (size_t at = 16384 - 16; at < 16384 + 2; at++) {
		memset(text, 0, sizeof(text));
		memcpy(text + at, "Linux version 4.9.1", 19);
		kit_elf(&k->buf, true, KIT_EM_X86_64, MIB);
		kit_elf_seg(&k->buf, PT_LOAD, map + MIB, MIB, text, sizeof(text), sizeof(text),
			    4096);
		assert_true(is_linux(k));
	}

	/* The banner in a program that is linked elsewhere (a boot loader, a tool) does not. */
	kit_elf(&k->buf, true, KIT_EM_X86_64, MIB);
	kit_elf_seg(&k->buf, PT_LOAD, MIB, MIB, text, sizeof(text), sizeof(text), 4096);
	assert_false(is_linux(k));

	/* Xen's GUEST_OS note, as kernels with CONFIG_XEN have it. */
	len = kit_note(note, "Xen", 6, "linux", 6, 4);
	kit_elf(&k->buf, true, KIT_EM_X86_64, MIB);
	kit_elf_seg(&k->buf, PT_LOAD, map + MIB, MIB, NULL, 64, 64, 4096);
	kit_elf_seg(&k->buf, PT_NOTE, 0, 0, note, len, len, 4);
	assert_true(is_linux(k));
	len = kit_note(note, "Xen", 6, "mini-os", 8, 4);
	memcpy(k->buf.p + k->buf.len - len, note, len);
	k->buf.p[k->buf.len - len + 12] = 'X';
	assert_false(is_linux(k));
}

static void elf32_is_no_linux64(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .protocol = BOOT_LINUX };

	kit_elf(&k->buf, false, KIT_EM_386, MIB);
	kit_elf_seg(&k->buf, PT_LOAD, MIB, MIB, NULL, 64, 64, 4096);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_refused(k, &c, "32-bit ELF file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(damaged_files_are_refused, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(truncated_files_are_refused, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(no_segments, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(segments_are_loaded, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(linux_is_told_from_others, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(elf32_is_no_linux64, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
