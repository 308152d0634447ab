/* SPDX-License-Identifier: MIT */
/* test_boot.c: which protocol a file gets, and what boot_open() does with odd input. */
#include "vmm/boot.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

#define LINUX_MAP UINT64_C(0xffffffff80000000)

enum { MB = 1, PVH = 2, MARK = 4, AT_MAP = 8, KLUDGE = 16, WIDE = 32 };

static const struct {
	unsigned has;
	int protocol; /* -1: none */
} choices[] = {
	{ WIDE | AT_MAP | MARK, BOOT_LINUX },
	{ WIDE | AT_MAP | MARK | PVH, BOOT_LINUX },
	{ WIDE | AT_MAP | PVH, BOOT_PVH }, /* a unikernel that is linked as Linux is */
	{ WIDE | MARK | PVH, BOOT_PVH },   /* not linked as Linux */
	{ WIDE | PVH, BOOT_PVH },
	{ WIDE | PVH | MB, BOOT_PVH },
	{ WIDE | MB, BOOT_MULTIBOOT },
	{ WIDE | AT_MAP, -1 },
	{ WIDE, -1 },
	{ MB, BOOT_MULTIBOOT },
	{ MB | PVH, BOOT_MULTIBOOT }, /* 32-bit: multiboot wins */
	{ PVH, BOOT_PVH },
	{ MARK, -1 },
	{ 0, -1 },
};

static const char *make(struct kit *k, unsigned has)
{
	uint8_t text[0x200] = { 0 }, note[128], desc[4];
	size_t len = 0;

	put_le32(desc, 2 * MIB + 0x10);
	if (has & MB)
		kit_multiboot(text + 0x40, 3);
	if (has & MARK)
		len += kit_note(note + len, "Linux", 0x100, "salt", 4, 4);
	if (has & PVH)
		len += kit_note(note + len, "Xen", 18, desc, 4, 4);
	kit_elf(&k->buf, has & WIDE, has & WIDE ? KIT_EM_X86_64 : KIT_EM_386, 2 * MIB + 0x20);
	kit_elf_seg(&k->buf, PT_LOAD, (has & AT_MAP ? LINUX_MAP : 0) + 2 * MIB, 2 * MIB, text,
		    sizeof(text), sizeof(text), 4096);
	if (len)
		kit_elf_seg(&k->buf, PT_NOTE, 0, 0, note, len, len, 4);
	return kit_file(k, "kernel", k->buf.p, k->buf.len);
}

static void protocol_by_content(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		struct boot_config c = { .kernel = make(k, choices[i].has) };

		if (choices[i].protocol < 0) {
			kit_refused(k, &c, "without a Linux, PVH or multiboot entry");
			continue;
		}
		kit_boot(k, &c);
		assert_int_equal(boot_info(k->boot).protocol, choices[i].protocol);
	}
}

static void forced_protocol_must_fit(void **state)
{
	static const char *const says[] = {
		[BOOT_LINUX] = "is text",
		[BOOT_PVH] = "is text",
		[BOOT_MULTIBOOT] = "has no multiboot header",
	};
	struct kit *k = *state;
	struct boot_config c = { .kernel = kit_file(k, "kernel", "some text\n", 10) };

	for (c.protocol = BOOT_LINUX; c.protocol <= BOOT_MULTIBOOT; c.protocol++)
		kit_refused(k, &c, says[c.protocol]);
	for (; c.protocol <= BOOT_FLAT64; c.protocol++) {
		kit_boot(k, &c);
		assert_int_equal(boot_info(k->boot).protocol, c.protocol);
	}
}

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Neither success nor any failure leaves a descriptor open. */
static void no_descriptor_leaks(void **state)
{
	struct kit *k = *state;
	char dir[128];
	const char *initrd[] = { "/proc/self/exe", "/nonexistent" };
	struct boot_config c = { .initrd = initrd, .unpack = true, .cache_dir = dir };
	unsigned before = open_fds();
	struct error *e = NULL;
	static uint8_t packed[100000];

	snprintf(dir, sizeof(dir), "%s/cache", k->dir);
	kit_vmlinux(&k->buf2);
	kit_bzimage(&k->buf, packed, kit_lz4(packed, sizeof(packed), k->buf2.p, k->buf2.len));
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	for (unsigned i = 0; i < 3; i++) {
		c.initrd_cnt = i % 2;
		kit_boot(k, &c);
		assert_int_equal(gm_clear_ram(k->gm, &e), 0);
		assert_int_equal(boot_load(k->boot, k->gm, &k->env, &k->entry, &e), 0);
		k->boot = boot_close(k->boot);
		assert_int_equal(open_fds(), before);
	}
	c.initrd_cnt = 2;
	kit_refused(k, &c, "/nonexistent");
	assert_int_equal(open_fds(), before);
	k->board.ranges[3].len = MIB;
	c.initrd_cnt = 1;
	kit_refused(k, &c, "is not all RAM");
	c.cache_dir = NULL;
	kit_refused(k, &c, "is not all RAM");
	assert_int_equal(open_fds(), before);
}

/* Nothing of the kernel is kept in memory: the boot keeps descriptors. */
static void kernel_from_a_pipe(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { 0 };
	char path[64];
	struct error *e = NULL;
	int p[2];

	assert_int_equal(pipe(p), 0);
	kit_vmlinux(&k->buf);
	assert_true(k->buf.len < 65536);
	assert_int_equal(write(p[1], k->buf.p, k->buf.len), k->buf.len);
	close(p[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", p[0]);
	c.kernel = path;
	kit_boot(k, &c);
	close(p[0]);
	assert_int_equal(gm_clear_ram(k->gm, &e), 0);
	assert_int_equal(boot_load(k->boot, k->gm, &k->env, &k->entry, &e), 0);
	assert_int_equal(k->entry.rip, 16 * MIB + 0x40);
	assert_int_equal(kit_u32(k, 16 * MIB),
			 get_le32(k->buf.p + get_le64(k->buf.p + kit_elf_phdr(&k->buf, 0) + 8)));
}

/* A pipe as -k works with AUTO, but not an endless or empty one; a directory never. */
static void not_files(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .kernel = k->dir };

	kit_refused(k, &c, "': is a directory");
	c.kernel = "/dev/zero";
	kit_refused(k, &c, "kernel '/dev/zero': is a character device");
	c.kernel = "";
	kit_refused(k, &c, "kernel '': cannot open it: No such file");
	c.kernel = kit_file(k, "empty", "", 0);
	kit_refused(k, &c, "is empty");
	for (size_t len = 1; len < 16; len++) {
		c.kernel = kit_file(k, "short",
				    "\x7f"
				    "ELF\2\1\1\0\0\0\0\0\0\0\0",
				    len);
		kit_refused(k, &c, "kernel '");
	}
	boot_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(protocol_by_content, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(forced_protocol_must_fit, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(no_descriptor_leaks, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(kernel_from_a_pipe, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(not_files, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
