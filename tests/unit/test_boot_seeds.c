/* SPDX-License-Identifier: MIT */
/*
 * test_boot_seeds.c: the inputs from which the fuzzers of src/boot start. Each must load, or the
 * fuzzers would start at the first check. TRAPEZE_WRITE_SEEDS=tests/fuzz/corpus writes them there.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static void write_seed(const char *fuzzer, const char *name, const uint8_t *p, size_t len)
{
	const char *dir = getenv("TRAPEZE_WRITE_SEEDS");
	char path[256];
	FILE *f;

	if (!dir)
		return;
	mkdir(dir, 0755);
	snprintf(path, sizeof(path), "%s/%s", dir, fuzzer);
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, fuzzer, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* The seed in k->buf must load by itself and when asked for by protocol. */
static void seed(struct kit *k, const char *fuzzer, const char *name, enum boot_protocol protocol)
{
	struct boot_config c = { .kernel = kit_file(k, name, k->buf.p, k->buf.len),
				 .unpack = true };

	kit_boot(k, &c);
	c.protocol = protocol;
	kit_boot(k, &c);
	write_seed(fuzzer, name, k->buf.p, k->buf.len);
	write_seed("boot", name, k->buf.p, k->buf.len);
}

static void bzimages(void **state)
{
	static size_t (*const pack[])(uint8_t *, size_t, const void *,
				      size_t) = { kit_gzip, kit_lz4, kit_zstd, kit_xz };
	static const char *const name[] = { "gzip", "lz4", "zstd", "xz" };
	struct kit *k = *state;
	static uint8_t packed[64 * 1024];

	for (uint8_t i = 0; i < ARRAY_LEN(pack); i++) {
		size_t n;

		kit_vmlinux(&k->buf2);
		n = pack[i](packed + 1, sizeof(packed) - 1, k->buf2.p, k->buf2.len);
		kit_bzimage(&k->buf, packed + 1, n);
		seed(k, "bzimage", name[i], BOOT_LINUX);
		packed[0] = i;
		write_seed("unpack", name[i], packed, n + 1);
	}
	kit_bzimage(&k->buf, "BZh9", 4);
	put_le16(k->buf.p + 0x236, 0);
	seed(k, "bzimage", "entry32", BOOT_LINUX);
}

static void elves(void **state)
{
	struct kit *k = *state;
	uint8_t note[128], desc[8];
	size_t len;

	kit_vmlinux(&k->buf);
	seed(k, "elf", "vmlinux", BOOT_LINUX);
	put_le64(desc, MIB + 0x10);
	for (unsigned wide = 0; wide < 2; wide++) {
		len = kit_note(note, "Other", 3, "abc", 3, wide ? 8 : 4);
		len += kit_note(note + len, "Xen", 18, desc, wide ? 8 : 4, wide ? 8 : 4);
		kit_elf(&k->buf, wide, wide ? KIT_EM_X86_64 : KIT_EM_386, MIB);
		kit_elf_seg(&k->buf, PT_LOAD, MIB, MIB, NULL, 64, 128, 4096);
		kit_elf_seg(&k->buf, PT_NOTE, 0, 0, note, len, len, wide ? 8 : 4);
		seed(k, "elf", wide ? "pvh64" : "pvh32", BOOT_PVH);
	}
}

static void multiboots(void **state)
{
	struct kit *k = *state;
	uint8_t text[256] = { 0 };

	kit_multiboot(text + 16, 3);
	kit_elf(&k->buf, false, KIT_EM_386, MIB);
	kit_elf_seg(&k->buf, PT_LOAD, MIB, MIB, text, sizeof(text), 512, 4096);
	seed(k, "multiboot", "elf32", BOOT_MULTIBOOT);

	memset(&k->buf, 0, sizeof(k->buf));
	k->buf.len = 256;
	kit_multiboot(k->buf.p, 0x10003);
	put_le32(k->buf.p + 12, MIB);
	put_le32(k->buf.p + 16, MIB);
	put_le32(k->buf.p + 24, MIB + 4096);
	put_le32(k->buf.p + 28, MIB + 64);
	seed(k, "multiboot", "kludge", BOOT_MULTIBOOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bzimages, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(elves, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(multiboots, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
