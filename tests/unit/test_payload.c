/* SPDX-License-Identifier: MIT */
/* test_payload.c: the vmlinux in a bzImage, unpacked on the host: first time, from the cache, and
 * when the cache is bad. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "boot/impl.h"
#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static size_t (*const packers[])(uint8_t *dst, size_t cap, const void *src,
				 size_t len) = { kit_gzip, kit_lz4, kit_zstd, kit_xz };
static const char *const names[] = { "gzip", "LZ4", "zstd", "xz" };

static uint8_t packed[512 * 1024];

/* A bzImage around the vmlinux in k->buf2. */
static const char *bzimage(struct kit *k, unsigned packer)
{
	size_t n = packers[packer](packed, sizeof(packed), k->buf2.p, k->buf2.len);

	kit_bzimage(&k->buf, packed, n);
	return kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
}

static void check_memory(struct kit *k)
{
	uint8_t mem[0x3000];

	assert_int_equal(k->entry.mode, CPU_LONG64);
	assert_int_equal(k->entry.rip, 16 * MIB + 0x40); /* vmlinux's e_entry, not load + 0x200 */
	kit_read(k, 16 * MIB, mem, 0x1800);
	assert_memory_equal(mem, k->buf2.p + get_le64(k->buf2.p + kit_elf_phdr(&k->buf2, 0) + 8),
			    0x1800);
	kit_read(k, 18 * MIB, mem, 0x3000);
	assert_memory_equal(mem, k->buf2.p + get_le64(k->buf2.p + kit_elf_phdr(&k->buf2, 1) + 8),
			    0x900);
	for (size_t i = 0x900; i < sizeof(mem); i++)
		assert_int_equal(mem[i], 0);
	/* boot_params has the bzImage's header */
	assert_int_equal(kit_u32(k, k->entry.rsi + 0x238), 255);
}

static void every_format(void **state)
{
	struct kit *k = *state;

	kit_vmlinux(&k->buf2);
	for (unsigned i = 0; i < ARRAY_LEN(packers); i++) {
		struct boot_config c = { .kernel = bzimage(k, i), .unpack = true };
		char kind[64];

		snprintf(kind, sizeof(kind), "bzImage, protocol 2.15, %s payload", names[i]);
		kit_boot(k, &c);
		assert_string_equal(boot_info(k->boot).kind, kind);
		assert_true(boot_info(k->boot).unpacked);
		assert_false(boot_info(k->boot).from_cache);
		check_memory(k);

		c.unpack = false; /* the guest does it */
		kit_boot(k, &c);
		assert_false(boot_info(k->boot).unpacked);
		assert_string_equal(boot_info(k->boot).kind, kind);
		assert_int_equal(k->entry.rip, 16 * MIB + 0x200);
	}
}

static unsigned entries(const char *dir, char *path, size_t len)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d)) {
		if (strncmp(de->d_name, "vmlinux-", 8) != 0)
			continue;
		snprintf(path, len, "%.127s/%.60s", dir, de->d_name);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void cached(void **state)
{
	static const _Atomic bool stop = true;
	struct kit *k = *state;
	char dir[128], entry[256] = "";
	struct boot_config c = { .unpack = true, .cache_dir = dir };
	const char *first, *copy, *other;
	uint8_t byte = 0;
	off_t at;
	int fd;

	snprintf(dir, sizeof(dir), "%s/cache", k->dir);
	kit_vmlinux(&k->buf2);
	first = strdup(bzimage(k, 0));
	copy = strdup(kit_file(k, "copy", k->buf.p, k->buf.len));
	k->buf2.p[k->buf2.len - 1] ^= 1;
	bzimage(k, 0);
	other = strdup(kit_file(k, "other", k->buf.p, k->buf.len));
	k->buf2.p[k->buf2.len - 1] ^= 1;
	bzimage(k, 0);
	sleep(3); /* what changed just now is not known by its times */

	/* The way to the guest fills nothing; that is done beside it. */
	c.kernel = first;
	kit_boot(k, &c);
	check_memory(k);
	assert_false(boot_info(k->boot).from_cache);
	assert_true(boot_wants_cache(k->boot));
	assert_int_equal(entries(dir, entry, sizeof(entry)), 0);
	boot_fill_cache(k->boot, NULL);
	assert_int_equal(entries(dir, entry, sizeof(entry)), 1);

	/* From now on what is in the entry counts. */
	fd = open(entry, O_RDWR);
	at = (off_t)get_le64(k->buf2.p + kit_elf_phdr(&k->buf2, 0) + 8);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0xff;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	kit_boot(k, &c);
	assert_true(boot_info(k->boot).from_cache);
	assert_false(boot_wants_cache(k->boot));
	assert_int_equal(kit_u16(k, 16 * MIB) & 0xff, byte);

	/* The same content in another file has the same entry, once it has been looked at. */
	c.kernel = copy;
	kit_boot(k, &c);
	assert_false(boot_info(k->boot).from_cache);
	boot_fill_cache(k->boot, NULL);
	assert_int_equal(entries(dir, entry, sizeof(entry)), 1);
	kit_boot(k, &c);
	assert_true(boot_info(k->boot).from_cache);

	/* An entry that is no kernel is dropped and made anew. */
	byte = 'X';
	assert_int_equal(pwrite(fd, &byte, 1, 1), 1);
	close(fd);
	kit_boot(k, &c);
	check_memory(k);
	assert_false(boot_info(k->boot).from_cache);
	boot_fill_cache(k->boot, NULL);
	kit_boot(k, &c);
	check_memory(k);
	assert_true(boot_info(k->boot).from_cache);

	/* Other content does not find it, and one that is told to stop leaves nothing. */
	c.kernel = other;
	kit_boot(k, &c);
	assert_false(boot_info(k->boot).from_cache);
	boot_fill_cache(k->boot, &stop);
	assert_int_equal(entries(dir, entry, sizeof(entry)), 1);
	boot_fill_cache(k->boot, NULL);
	assert_int_equal(entries(dir, entry, sizeof(entry)), 2);
	free((void *)(uintptr_t)first);
	free((void *)(uintptr_t)copy);
	free((void *)(uintptr_t)other);
}

/* A cache that cannot be used is no reason to fail. */
static void no_cache(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .unpack = true };

	kit_vmlinux(&k->buf2);
	c.kernel = bzimage(k, 1);
	c.cache_dir = "/proc/nothing/here";
	kit_boot(k, &c);
	check_memory(k);
	c.cache_dir = "/dev/null";
	kit_boot(k, &c);
	check_memory(k);
}

/* What cannot be unpacked here is left to the guest. */
static void other_formats(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .unpack = true };

	kit_bzimage(&k->buf, "BZh9abcdefgh", 12);
	c.kernel = kit_file(k, "vmlinuz", k->buf.p, k->buf.len);
	kit_boot(k, &c);
	assert_false(boot_info(k->boot).unpacked);
	assert_int_equal(k->entry.rip, 16 * MIB + 0x200);
	assert_string_equal(boot_info(k->boot).kind, "bzImage, protocol 2.15, bzip2 payload");
}

static void refuse(struct kit *k, const char *says)
{
	char dir[128], entry[256];
	struct boot_config c = { .unpack = true, .cache_dir = dir };

	snprintf(dir, sizeof(dir), "%s/cache", k->dir);
	for (unsigned i = 0; i < ARRAY_LEN(packers); i++) {
		c.kernel = bzimage(k, i);
		kit_refused(k, &c, says);
		assert_int_equal(entries(dir, entry, sizeof(entry)), 0); /* nothing was kept */
	}
}

static void bad_content(void **state)
{
	struct kit *k = *state;
	size_t len;

	kit_vmlinux(&k->buf2);
	k->buf2.p[1] = 'X';
	refuse(k, "payload: is no ELF file");
	kit_vmlinux(&k->buf2);
	put_le64(k->buf2.p + 24, 7);
	refuse(k, "e_entry 0x7");
	kit_vmlinux(&k->buf2);
	put_le64(k->buf2.p + 32, 10 * MIB);
	refuse(k, "payload: e_phoff 0xa00000 is too far");
	kit_vmlinux(&k->buf2);
	put_le64(k->buf2.p + kit_elf_phdr(&k->buf2, 0) + 24, 2 * GIB);
	put_le64(k->buf2.p + 24, 2 * GIB);
	refuse(k, "PT_LOAD segment 0 needs guest memory 0x80000000");

	/* The ELF file is cut inside a segment. */
	kit_vmlinux(&k->buf2);
	len = get_le64(k->buf2.p + kit_elf_phdr(&k->buf2, 1) + 8) + 0x8ff;
	k->buf2.len = len;
	refuse(k, "inside PT_LOAD segment 1");
}

/* The kernel of the distribution, where there is one: what synthetic images cannot show. */
static void real_kernel(void **state)
{
	struct kit *k = *state;
	struct ram_config rc = { .size = 256 * MIB };
	char dir[128], entry[256];
	struct boot_config c = { .kernel = getenv("TRAPEZE_TEST_KERNEL"),
				 .cmdline = "console=ttyS0",
				 .unpack = true,
				 .cache_dir = dir };
	struct error *e = NULL;
	static uint8_t first[4 * MIB], second[sizeof(first)];

	if (!c.kernel) {
		print_message("skipped: TRAPEZE_TEST_KERNEL names no bzImage\n");
		skip();
	}
	snprintf(dir, sizeof(dir), "%s/cache", k->dir);
	k->gm = gm_destroy(k->gm);
	assert_int_equal(gm_create(&rc, &k->gm, &e), 0);
	assert_int_equal(gm_add_ram(k->gm, 0, 0, rc.size, &e), 0);
	k->board.ranges[3].len = rc.size - MIB;
	kit_boot(k, &c);
	assert_true(boot_info(k->boot).unpacked);
	assert_non_null(strstr(boot_info(k->boot).version, "."));
	assert_int_equal(k->entry.rip % (2 * MIB), 0);
	kit_read(k, k->entry.rip, first, sizeof(first));
	boot_fill_cache(k->boot, NULL);
	assert_int_equal(entries(dir, entry, sizeof(entry)), 1);
	kit_boot(k, &c);
	assert_true(boot_info(k->boot).from_cache);
	kit_read(k, k->entry.rip, second, sizeof(second));
	assert_memory_equal(first, second, sizeof(first));

	/* The cache's entry is a vmlinux that boots by itself, and is known as Linux. */
	c = (struct boot_config){ .kernel = entry };
	kit_boot(k, &c);
	assert_string_equal(boot_info(k->boot).kind, "ELF64 vmlinux");
	kit_read(k, k->entry.rip, second, sizeof(second));
	assert_memory_equal(first, second, sizeof(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_format, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(cached, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(no_cache, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(other_formats, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(bad_content, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(real_kernel, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
