/* SPDX-License-Identifier: MIT */
/*
 * test_linux.c: what a Linux kernel finds when it starts: Documentation/arch/x86/boot.rst, offsets
 * of boot_params from zero-page.rst. The device tree comes from a stand-in for libfdt's half, so
 * that its bytes are known.
 */
#include <stdio.h>
#include <string.h>

#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static struct {
	unsigned calls;
	char cmdline[64];
	gpa_t initrd;
	uint64_t initrd_len;
} fdt;

int fdt_build(const struct board *b, const char *cmdline, gpa_t initrd, uint64_t initrd_len,
	      uint8_t **ret, size_t *ret_len, struct error **errp)
{
	assert_non_null(b);
	fdt.calls++;
	snprintf(fdt.cmdline, sizeof(fdt.cmdline), "%s", cmdline);
	fdt.initrd = initrd;
	fdt.initrd_len = initrd_len;
	*ret = (uint8_t *)strdup("a device tree");
	*ret_len = 13;
	return *ret ? 0 : err_set(errp, 12, "no memory");
}

static const char *bzimage(struct kit *k)
{
	kit_bzimage(&k->buf, "payload", 7);
	return kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
}

/* "At entry, the CPU must be in 64-bit mode with paging enabled. [...] a GDT must be loaded with
 * the descriptors for selectors __BOOT_CS(0x10) and __BOOT_DS(0x18); [...] %rsi must hold the base
 * address of the struct boot_params." */
static void enters_the_64_bit_entry(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = bzimage(k), .cmdline = "console=ttyS0" };
	uint8_t mem[0x300];

	kit_boot(k, &c);
	assert_int_equal(k->entry.mode, CPU_LONG64);
	assert_int_equal(k->entry.rip, 16 * MIB + 0x200); /* "start address + 0x200" */
	kit_read(k, 16 * MIB, mem, sizeof(mem));
	assert_memory_equal(mem, k->buf.p + KIT_BZ_KERNEL, sizeof(mem));
	assert_int_equal(kit_u64(k, k->entry.gdt + 0x10), 0x00af9b000000ffff);
	assert_int_equal(kit_u64(k, k->entry.gdt + 0x18), 0x00cf93000000ffff);
	assert_int_equal(k->entry.gdt_limit, 0x1f);
	assert_true(k->entry.cr3 >= KIT_SCRATCH && k->entry.cr3 < KIT_SCRATCH + 0x80000);
	assert_int_equal(k->entry.rsi % 4096, 0);
	assert_string_equal(boot_info(k->boot).kind, "bzImage, protocol 2.15, unknown payload");
	assert_string_equal(boot_info(k->boot).version, "6.9.0-test (builder) #1");
	assert_true(boot_info(k->boot).linux_kernel);
	assert_false(boot_info(k->boot).unpacked);
}

static void boot_params(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = bzimage(k), .cmdline = "console=ttyS0 quiet" };
	gpa_t bp;

	kit_boot(k, &c);
	bp = k->entry.rsi;
	/* the header is the file's, but for what the loader fills in */
	assert_int_equal(kit_u16(k, bp + 0x1fe), 0xaa55);
	assert_int_equal(kit_u32(k, bp + 0x202), 0x53726448); /* "HdrS" */
	assert_int_equal(kit_u16(k, bp + 0x206), 0x20f);
	assert_int_equal(kit_u64(k, bp + 0x258), 16 * MIB);
	assert_int_equal(kit_u16(k, bp + 0x1fa), 0xffff);      /* vid_mode: normal */
	assert_int_equal(kit_u16(k, bp + 0x210) & 0xff, 0xff); /* type_of_loader: undefined */
	assert_int_equal(kit_u16(k, bp + 0x211) & 1, 1);       /* LOADED_HIGH */
	assert_int_equal(kit_u32(k, bp + 0x214), 16 * MIB);    /* code32_start: where it is */
	assert_int_equal(kit_u32(k, bp + 0x218), 0);           /* no initrd */
	assert_int_equal(kit_u32(k, bp + 0x21c), 0);
	assert_int_equal(kit_u64(k, bp + 0x250), 0);       /* setup_data */
	assert_int_equal(kit_u64(k, bp + 0x070), 0xe0000); /* acpi_rsdp_addr */
	assert_string_equal(kit_str(k, kit_u32(k, bp + 0x228)), "console=ttyS0 quiet");
	/* sentinel: "non-zero if the boot loader did not clear boot_params" */
	assert_int_equal(kit_u16(k, bp + 0x1ef) & 0xff, 0);
	/* E820: the board's ranges */
	assert_int_equal(kit_u16(k, bp + 0x1e8) & 0xff, k->board.range_cnt);
	for (unsigned i = 0; i < k->board.range_cnt; i++) {
		assert_int_equal(kit_u64(k, bp + 0x2d0 + i * 20), k->board.ranges[i].base);
		assert_int_equal(kit_u64(k, bp + 0x2d8 + i * 20), k->board.ranges[i].len);
		assert_int_equal(kit_u32(k, bp + 0x2e0 + i * 20), k->board.ranges[i].kind);
	}
}

/* "cmdline_size: The maximum size of the command line without the terminating zero." */
static void command_line_limit(void **state)
{
	struct kit *k = *state;
	char line[3000] = { 0 };
	struct boot_config c = { .kernel = bzimage(k), .cmdline = line };

	memset(line, 'x', 255);
	kit_boot(k, &c);
	assert_string_equal(kit_str(k, kit_u32(k, k->entry.rsi + 0x228)), line);
	line[255] = 'x';
	kit_refused(k, &c, "the command line has 256 characters, this kernel takes at most 255");

	kit_vmlinux(&k->buf);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	memset(line, 'x', 2047);
	kit_boot(k, &c);
	line[2047] = 'x';
	kit_refused(k, &c, "has 2048 characters, this kernel takes at most 2047");
	c.cmdline = "";
	kit_boot(k, &c);
	assert_string_equal(kit_str(k, kit_u32(k, k->entry.rsi + 0x228)), "");
}

/* 32-bit: "the CPU must be in 32-bit protected mode with paging disabled; [...] %esi must hold the
 * base address of the struct boot_params; %ebp, %edi and %ebx must be zero." */
static void enters_the_32_bit_entry(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .unpack = true };

	kit_bzimage(&k->buf, "payload", 7);
	put_le16(k->buf.p + 0x236, 0); /* no XLF_KERNEL_64 */
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	assert_int_equal(k->entry.mode, CPU_PROT32);
	assert_int_equal(k->entry.rip, 16 * MIB);
	assert_int_equal(kit_u64(k, k->entry.gdt + 0x10), 0x00cf9b000000ffff);
	assert_int_equal(k->entry.rbp | k->entry.rdi | k->entry.rbx, 0);
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x202), 0x53726448);
}

/* pref_address is taken: a relocatable kernel goes to the next aligned place,
 * another is refused. */
static void relocation(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = bzimage(k) };

	k->board.ranges[3].len = 17 * MIB; /* [1, 18) */
	k->board.ranges[4] = (struct board_range){ 18 * MIB, MIB, BOARD_RESERVED };
	k->board.ranges[5] = (struct board_range){ 19 * MIB, KIT_RAM - 19 * MIB, BOARD_RAM };
	k->board.range_cnt = 6;
	kit_boot(k, &c);
	assert_int_equal(k->entry.rip, 20 * MIB + 0x200); /* 2 MiB aligned */
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x214), 20 * MIB);
	k->buf.p[0x234] = 0;
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_refused(k, &c, "the kernel (init_size) needs guest memory 0x1000000");
}

static void vmlinux(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .cmdline = "quiet" };
	gpa_t bp;

	kit_vmlinux(&k->buf);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	bp = k->entry.rsi;
	assert_int_equal(k->entry.mode, CPU_LONG64);
	assert_int_equal(k->entry.rip, 16 * MIB + 0x40);
	assert_int_equal(kit_u16(k, bp + 0x1fe), 0xaa55);
	assert_int_equal(kit_u32(k, bp + 0x202), 0x53726448);
	assert_int_equal(kit_u16(k, bp + 0x206), 0x20f);
	assert_string_equal(kit_str(k, kit_u32(k, bp + 0x228)), "quiet");
	assert_string_equal(boot_info(k->boot).kind, "ELF64 vmlinux");
	assert_null(boot_info(k->boot).version);
	assert_true(boot_info(k->boot).linux_kernel);
}

/* struct setup_data: next, type (2: SETUP_DTB), len, data. The tree is told where the initrd is. */
static void device_tree(void **state)
{
	struct kit *k = *state;
	const char *initrd[] = { kit_file(k, "initrd", "0123456789", 10) };
	struct boot_config c = {
		.kernel = bzimage(k), .cmdline = "quiet", .initrd = initrd, .initrd_cnt = 1
	};
	uint64_t len;
	gpa_t sd, gpa;

	fdt.calls = 0;
	kit_boot(k, &c);
	assert_int_equal(fdt.calls, 0);
	k->env.device_tree = true;
	kit_boot(k, &c);
	assert_int_equal(fdt.calls, 1);
	assert_string_equal(fdt.cmdline, "quiet");
	boot_initrd_range(k->boot, &gpa, &len);
	assert_int_equal(fdt.initrd, gpa);
	assert_int_equal(fdt.initrd_len, len);
	sd = kit_u64(k, k->entry.rsi + 0x250);
	assert_int_equal(kit_u64(k, sd), 0);
	assert_int_equal(kit_u32(k, sd + 8), 2);
	assert_int_equal(kit_u32(k, sd + 12), 13);
	assert_string_equal(kit_str(k, sd + 16), "a device tree");
}

/* Everything that the entry state points to is in the boot data area and nothing overlaps. */
static void nothing_overlaps(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = bzimage(k), .cmdline = "quiet" };
	struct {
		gpa_t at;
		uint64_t len;
	} piece[5];

	k->env.device_tree = true;
	kit_boot(k, &c);
	piece[0].at = k->entry.cr3, piece[0].len = 3 * 4096;
	piece[1].at = k->entry.gdt, piece[1].len = k->entry.gdt_limit + 1u;
	piece[2].at = k->entry.rsi, piece[2].len = 4096;
	piece[3].at = kit_u32(k, k->entry.rsi + 0x228), piece[3].len = 6;
	piece[4].at = kit_u64(k, k->entry.rsi + 0x250), piece[4].len = 16 + 13;
	for (unsigned i = 0; i < 5; i++) {
		assert_true(piece[i].at >= k->env.scratch);
		assert_true(piece[i].at + piece[i].len <= k->env.scratch + k->env.scratch_len);
		for (unsigned j = 0; j < i; j++)
			assert_true(piece[i].at + piece[i].len <= piece[j].at ||
				    piece[j].at + piece[j].len <= piece[i].at);
	}
}

/* A reset loads the same again into cleared RAM. */
static void loads_again(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = bzimage(k), .cmdline = "quiet" };
	struct cpu_entry first;
	struct error *e = NULL;
	uint8_t mem[64];

	kit_boot(k, &c);
	first = k->entry;
	assert_int_equal(gm_clear_ram(k->gm, &e), 0);
	assert_int_equal(boot_load(k->boot, k->gm, &k->env, &k->entry, &e), 0);
	assert_memory_equal(&first, &k->entry, sizeof(first));
	kit_read(k, 16 * MIB, mem, sizeof(mem));
	assert_memory_equal(mem, k->buf.p + KIT_BZ_KERNEL, sizeof(mem));
}

static void small_scratch(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = bzimage(k) };

	k->env.scratch_len = 4096;
	kit_refused(k, &c, "of the boot data area");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(enters_the_64_bit_entry, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(boot_params, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(command_line_limit, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(enters_the_32_bit_entry, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(relocation, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(vmlinux, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(device_tree, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(nothing_overlaps, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(loads_again, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(small_scratch, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
