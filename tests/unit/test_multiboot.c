/* SPDX-License-Identifier: MIT */
/* test_multiboot.c: Multiboot Specification 0.6.96; quotes are from its section 3. */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "boot/impl.h"
#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

#define FLAG_KLUDGE 0x10000u

static const char *elf_kernel(struct kit *k, bool is64, uint32_t flags)
{
	uint8_t text[0x100] = { 0 };

	kit_multiboot(text + 0x20, flags);
	kit_elf(&k->buf, is64, is64 ? KIT_EM_X86_64 : KIT_EM_386, 4 * MIB + 0x40);
	kit_elf_seg(&k->buf, PT_LOAD, 4 * MIB, 4 * MIB, text, sizeof(text), 0x5000, 4096);
	return kit_file(k, "test.flat", k->buf.p, k->buf.len);
}

/* An image without ELF: header at file offset 0x40, loaded so that it lies at 2 MiB + 0x40. */
static uint8_t *kludge(struct kit *k, uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
	uint8_t *h = k->buf.p + 0x40;

	memset(&k->buf, 0, sizeof(k->buf));
	for (size_t i = 0; i < 0x400; i++)
		k->buf.p[i] = (uint8_t)(i * 5);
	k->buf.len = 0x400;
	kit_multiboot(h, FLAG_KLUDGE | 3);
	put_le32(h + 12, 2 * MIB + 0x40);
	put_le32(h + 16, 2 * MIB);
	put_le32(h + 20, load_end);
	put_le32(h + 24, bss_end);
	put_le32(h + 28, entry);
	return h;
}

/* "EAX: Must contain the magic value 0x2BADB002 [...] EBX: Must contain the 32-bit physical address
 * of the Multiboot information structure." */
static void entry_state(void **state)
{
	struct kit *k = *state;

	for (unsigned wide = 0; wide < 2; wide++) {
		struct boot_config c = { .cmdline = "-smp 1", .kernel = elf_kernel(k, wide, 3) };
		char line[200];
		gpa_t i;

		kit_boot(k, &c);
		assert_int_equal(boot_info(k->boot).protocol, BOOT_MULTIBOOT);
		assert_string_equal(boot_info(k->boot).kind,
				    wide ? "multiboot, ELF64" : "multiboot, ELF32");
		assert_int_equal(k->entry.mode, CPU_PROT32);
		assert_int_equal(k->entry.rax, 0x2badb002);
		assert_int_equal(k->entry.rip, 4 * MIB + 0x40);
		i = k->entry.rbx;
		/* flags: mem, cmdline, mmap, boot_loader_name */
		assert_int_equal(kit_u32(k, i), 1 | 4 | 0x40 | 0x200);
		assert_int_equal(kit_u32(k, i + 4), 639); /* KiB below 0x9fc00 */
		/* "The value returned for upper memory is maximally the address of the first upper
		 * memory hole minus 1 megabyte." */
		assert_int_equal(kit_u32(k, i + 8), (KIT_RAM - MIB) / 1024);
		snprintf(line, sizeof(line), "%s -smp 1", c.kernel);
		assert_string_equal(kit_str(k, kit_u32(k, i + 16)), line);
		assert_string_equal(kit_str(k, kit_u32(k, i + 64)), "trapeze");
		assert_int_equal(kit_u32(k, i + 44), k->board.range_cnt * 24);
		for (unsigned r = 0; r < k->board.range_cnt; r++) {
			gpa_t m = kit_u32(k, i + 48) + r * 24;

			/* "'size' is the size of the associated structure [...] not counting
			 * itself" */
			assert_int_equal(kit_u32(k, m), 20);
			assert_int_equal(kit_u64(k, m + 4), k->board.ranges[r].base);
			assert_int_equal(kit_u64(k, m + 12), k->board.ranges[r].len);
			assert_int_equal(kit_u32(k, m + 20), k->board.ranges[r].kind);
		}
	}
}

static void command_line_without_arguments(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = elf_kernel(k, false, 3) };

	kit_boot(k, &c);
	assert_string_equal(kit_str(k, kit_u32(k, k->entry.rbx + 16)), c.kernel);
}

/* "mods_addr: [...] Each module structure: mod_start, mod_end, string, reserved"; bit 0 of the
 * header's flags: "boot modules must be aligned on page (4KB) boundaries". */
static void modules(void **state)
{
	struct kit *k = *state;
	char one[200], two[200];
	const char *list[] = { one, two };
	struct boot_config c = { .initrd = list, .initrd_cnt = 2 };
	gpa_t m;

	snprintf(one, sizeof(one), "%s", kit_file(k, "env", "FEATURE=1\nOTHER=2\n", 18));
	snprintf(two, sizeof(two), "%s arg=1 more", kit_file(k, "module", "second", 6));
	c.kernel = elf_kernel(k, false, 3);
	kit_boot(k, &c);
	assert_int_equal(kit_u32(k, k->entry.rbx) & 8, 8);
	assert_int_equal(kit_u32(k, k->entry.rbx + 20), 2);
	m = kit_u32(k, k->entry.rbx + 24);
	assert_int_equal(kit_u32(k, m), 4 * MIB + 0x5000); /* behind the kernel's bss */
	assert_int_equal(kit_u32(k, m + 4), 4 * MIB + 0x5000 + 18);
	assert_string_equal(kit_str(k, kit_u32(k, m + 8)), one);
	assert_string_equal(kit_str(k, kit_u32(k, m)), "FEATURE=1\nOTHER=2\n");
	assert_int_equal(kit_u32(k, m + 16), 4 * MIB + 0x6000);
	assert_int_equal(kit_u32(k, m + 20), 4 * MIB + 0x6000 + 6);
	assert_string_equal(kit_str(k, kit_u32(k, m + 24)), two);
	assert_string_equal(kit_str(k, kit_u32(k, m + 16)), "second");
	assert_int_equal(kit_u32(k, m + 12), 0);
}

/* A file whose name has a blank is found under its whole name. */
static void module_with_blank_in_its_name(void **state)
{
	struct kit *k = *state;
	char name[200];
	const char *list[] = { name };
	struct boot_config c = { .initrd = list, .initrd_cnt = 1 };

	snprintf(name, sizeof(name), "%s", kit_file(k, "my module", "x", 1));
	c.kernel = elf_kernel(k, false, 3);
	kit_boot(k, &c);
	snprintf(name, sizeof(name), "%s/none at all", k->dir);
	kit_refused(k, &c, "none at all': cannot open it: No such file");
}

/* 3.1.3: load_addr, load_end_addr ("If this field is zero, the boot loader assumes that the text
 * and data segments occupy the whole OS image file"), bss_end_addr, entry_addr. */
static void a_out_kludge(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { 0 };
	uint8_t mem[0x500], zero[0x100] = { 0 };

	kludge(k, 0, 2 * MIB + 0x500, 2 * MIB + 0x80);
	c.kernel = kit_file(k, "os", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	assert_string_equal(boot_info(k->boot).kind, "multiboot, a.out kludge");
	assert_int_equal(k->entry.rip, 2 * MIB + 0x80);
	kit_read(k, 2 * MIB, mem, sizeof(mem));
	assert_memory_equal(mem, k->buf.p, 0x400);
	assert_memory_equal(mem + 0x400, zero, 0x100);

	/* Part of the file only, and text that starts in the middle of it. */
	kludge(k, 2 * MIB + 0x200, 0, 2 * MIB + 0x80);
	put_le32(k->buf.p + 0x40 + 12, 2 * MIB + 0x10); /* header_addr: load starts at 0x30 */
	c.kernel = kit_file(k, "os", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	kit_read(k, 2 * MIB, mem, sizeof(mem));
	assert_memory_equal(mem, k->buf.p + 0x30, 0x200);
	assert_memory_equal(mem + 0x200, zero, 0x100);
}

static void bad_headers(void **state)
{
	static const struct {
		unsigned off;
		uint32_t value;
		const char *says;
	} rows[] = {
		{ 12, 2 * MIB - 4, "load_addr 0x200000 does not fit header_addr 0x1ffffc" },
		{ 12, 2 * MIB + 0x44, "does not fit header_addr 0x200044 at file offset 0x40" },
		{ 16, 0, "load_addr 0 does not fit" },
		{ 20, 2 * MIB + 0x40, "load_end_addr 0x200040 is not above header_addr" },
		{ 20, 2 * MIB + 0x401, "load_end_addr 0x200401 is past the end of the file" },
		{ 20, UINT32_MAX, "load_end_addr 0xffffffff is past the end" },
		{ 24, 2 * MIB + 0x3ff, "bss_end_addr 0x2003ff is below the end of the data" },
		{ 24, UINT32_MAX, "the image (load_addr) needs guest memory 0x200000" },
		{ 28, 2 * MIB - 1, "entry_addr 0x1fffff is outside" },
		{ 28, 2 * MIB + 0x500, "entry_addr 0x200500 is outside" },
	};
	struct kit *k = *state;
	struct boot_config c = { .protocol = BOOT_MULTIBOOT };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *h = kludge(k, 0, 2 * MIB + 0x500, 2 * MIB + 0x80);

		put_le32(h + rows[i].off, rows[i].value);
		c.kernel = kit_file(k, "os", k->buf.p, k->buf.len);
		kit_refused(k, &c, rows[i].says);
	}
	/* load address so high that the end wraps */
	put_le32(kludge(k, 0, 0, 0xfffffff0) + 12, 0xffffff40);
	put_le32(k->buf.p + 0x50, 0xffffff00);
	c.kernel = kit_file(k, "os", k->buf.p, k->buf.len);
	kit_refused(k, &c, "load_addr 0xffffff00 puts the end above 4 GiB");
}

/* "bits 0-15 indicate requirements; if the boot loader sees any of these bits set but doesn't
 * understand the flag [...] it must notify the user and fail"; "bits 16-31 indicate optional
 * features". */
static void flags(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = elf_kernel(k, false, 7) };

	kit_refused(k, &c, "flags 0x7 ask for a video mode");
	c.kernel = elf_kernel(k, false, 3 | 0x8000);
	kit_refused(k, &c, "require features that are unknown (0x8000)");
	c.kernel = elf_kernel(k, false, 0xfffe0000);
	kit_boot(k, &c);
	memset(&k->buf, 0, sizeof(k->buf));
	kit_multiboot(k->buf.p, 3);
	c.kernel = kit_file(k, "os", k->buf.p, 100);
	kit_refused(k, &c, "the file is no ELF file and flags 0x3 has no load addresses");
}

/* "The Multiboot header must be contained completely within the first 8192 bytes of the OS image,
 * and must be longword (32-bit) aligned." */
static void where_the_header_may_be(void **state)
{
	struct kit *k = *state;
	struct multiboot mb;
	uint8_t *p = k->buf.p;

	kit_multiboot(p + 8180, 3);
	assert_int_equal(multiboot_find(p, sizeof(k->buf.p), &mb), 0);
	assert_int_equal(mb.header_off, 8180);
	memset(p, 0, 9000);
	kit_multiboot(p + 8184, 3);
	assert_true(multiboot_find(p, sizeof(k->buf.p), &mb) < 0);
	memset(p, 0, 9000);
	kit_multiboot(p + 8180, 3 | FLAG_KLUDGE); /* its addresses would lie outside */
	assert_true(multiboot_find(p, sizeof(k->buf.p), &mb) < 0);
	memset(p, 0, 9000);
	kit_multiboot(p + 102, 3); /* not aligned */
	assert_true(multiboot_find(p, sizeof(k->buf.p), &mb) < 0);
	memset(p, 0, 9000);
	kit_multiboot(p + 100, 3);
	p[108] ^= 1; /* checksum */
	assert_true(multiboot_find(p, sizeof(k->buf.p), &mb) < 0);
	kit_multiboot(p + 200, 1); /* a false start does not hide the real one */
	assert_int_equal(multiboot_find(p, sizeof(k->buf.p), &mb), 0);
	assert_int_equal(mb.header_off, 200);
	for (size_t len = 0; len < 212; len++)
		assert_true(multiboot_find(p, len, &mb) < 0);
}

static void bad_entry(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { 0 };

	elf_kernel(k, false, 3);
	put_le32(k->buf.p + 24, 5 * MIB);
	c.kernel = kit_file(k, "os", k->buf.p, k->buf.len);
	kit_refused(k, &c, "e_entry 0x500000 is not a 32-bit physical address");
	kit_vmlinux(&k->buf);
	c.kernel = kit_file(k, "os", k->buf.p, k->buf.len);
	c.protocol = BOOT_MULTIBOOT;
	kit_refused(k, &c, "has no multiboot header");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entry_state, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(command_line_without_arguments, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(modules, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(module_with_blank_in_its_name, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(a_out_kludge, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(bad_headers, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(flags, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(where_the_header_may_be, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(bad_entry, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
