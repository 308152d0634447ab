/* SPDX-License-Identifier: MIT */
/* test_pvh.c: the PVH entry; structures of xen/include/public/arch-x86/hvm/start_info.h. */
#include <elf.h>
#include <string.h>

#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static const char *pvh_kernel(struct kit *k, bool is64, uint64_t entry)
{
	uint8_t note[64], desc[8];
	size_t len;

	put_le64(desc, entry);
	len = kit_note(note, "Xen", 18, desc, is64 ? 8 : 4, 4);
	kit_elf(&k->buf, is64, is64 ? KIT_EM_X86_64 : KIT_EM_386, MIB);
	kit_elf_seg(&k->buf, PT_LOAD, MIB, MIB, NULL, 0x1000, 0x2000, 4096);
	kit_elf_seg(&k->buf, PT_NOTE, 0, 0, note, len, len, 4);
	return kit_file(k, "unikernel", k->buf.p, k->buf.len);
}

/* "ebx: contains the physical memory address where the loader has placed the boot start info
 * structure. cr0: bit 0 (PE) must be set [...] cs: must be a 32-bit read/execute code segment with
 * a base of 0 and a limit of 0xFFFFFFFF" */
static void entry_state(void **state)
{
	struct kit *k = *state;

	for (unsigned wide = 0; wide < 2; wide++) {
		struct boot_config c = { .kernel = pvh_kernel(k, wide, MIB + 0x123),
					 .cmdline = "a=b" };
		gpa_t si;

		kit_boot(k, &c); /* found by itself: not linked as Linux */
		assert_int_equal(boot_info(k->boot).protocol, BOOT_PVH);
		assert_string_equal(boot_info(k->boot).kind,
				    wide ? "ELF64 with PVH entry" : "ELF32 with PVH entry");
		assert_false(boot_info(k->boot).linux_kernel);
		assert_int_equal(k->entry.mode, CPU_PROT32);
		assert_int_equal(k->entry.rip, MIB + 0x123);
		si = k->entry.rbx;
		assert_int_equal(kit_u32(k, si), 0x336ec578);
		assert_int_equal(kit_u32(k, si + 4), 1);  /* version */
		assert_int_equal(kit_u32(k, si + 8), 0);  /* flags */
		assert_int_equal(kit_u32(k, si + 12), 0); /* nr_modules */
		assert_int_equal(kit_u64(k, si + 16), 0);
		assert_string_equal(kit_str(k, kit_u64(k, si + 24)), "a=b");
		assert_int_equal(kit_u64(k, si + 32), 0xe0000); /* rsdp_paddr */
		assert_int_equal(kit_u32(k, si + 48), k->board.range_cnt);
		for (unsigned i = 0; i < k->board.range_cnt; i++) {
			gpa_t m = kit_u64(k, si + 40) + i * 24;

			assert_int_equal(kit_u64(k, m), k->board.ranges[i].base);
			assert_int_equal(kit_u64(k, m + 8), k->board.ranges[i].len);
			assert_int_equal(kit_u32(k, m + 16), k->board.ranges[i].kind);
			assert_int_equal(kit_u32(k, m + 20), 0);
		}
	}
}

static void module(void **state)
{
	struct kit *k = *state;
	const char *initrd[] = { kit_file(k, "initrd", "initial ramdisk", 15) };
	struct boot_config c = { .initrd = initrd, .initrd_cnt = 1 };
	gpa_t mod;

	c.kernel = pvh_kernel(k, true, MIB);
	kit_boot(k, &c);
	assert_int_equal(kit_u32(k, k->entry.rbx + 12), 1);
	mod = kit_u64(k, k->entry.rbx + 16);
	assert_int_equal(kit_u64(k, mod + 8), 15);
	assert_int_equal(kit_u64(k, mod) % 4096, 0);
	assert_string_equal(kit_str(k, kit_u64(k, mod)), "initial ramdisk");
	assert_int_equal(kit_u64(k, mod + 16), 0); /* no command line of its own */
}

/* Linux can be asked for either way; by itself it goes by the 64-bit entry. */
static void linux_by_pvh(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .protocol = BOOT_PVH };
	uint8_t note[64], desc[8];
	size_t len;
	char line[2100] = { 0 };

	put_le64(desc, 16 * MIB + 0x80);
	kit_vmlinux(&k->buf);
	len = kit_note(note, "Xen", 18, desc, 8, 4);
	kit_elf_seg(&k->buf, PT_NOTE, 0, 0, note, len, len, 4);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	assert_int_equal(k->entry.mode, CPU_PROT32);
	assert_int_equal(k->entry.rip, 16 * MIB + 0x80);
	assert_true(boot_info(k->boot).linux_kernel);
	memset(line, 'x', 2048);
	c.cmdline = line;
	kit_refused(k, &c, "at most 2047");
	c.cmdline = NULL;
	c.protocol = BOOT_AUTO;
	kit_boot(k, &c);
	assert_int_equal(boot_info(k->boot).protocol, BOOT_LINUX);
	assert_int_equal(k->entry.mode, CPU_LONG64);
}

static void refusals(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .protocol = BOOT_PVH };

	c.kernel = pvh_kernel(k, true, MIB - 1);
	kit_refused(k, &c, "PVH note: entry 0xfffff is not");
	c.kernel = pvh_kernel(k, true, 4 * GIB + MIB);
	kit_refused(k, &c, "PVH note: entry 0x100100000 is not");
	c.kernel = pvh_kernel(k, true, MIB + 0x2000);
	kit_refused(k, &c, "not a 32-bit physical address inside a PT_LOAD");
	kit_vmlinux(&k->buf);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_refused(k, &c, "has no PVH entry");
	kit_bzimage(&k->buf, "payload", 7);
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_refused(k, &c, "is a bzImage; the PVH entry is in the vmlinux");
	c.kernel = kit_file(k, "x", "#!/bin/sh\n", 10);
	kit_refused(k, &c, "is a script");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entry_state, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(module, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(linux_by_pvh, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(refusals, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
