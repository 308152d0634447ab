/* SPDX-License-Identifier: MIT */
/* overlay.c: writes that vanish. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/diskkit.h"
#include "tests/lib/fault.h"

#define SIZE (256 * 1024u)

static struct blk_config config(const char *path, enum blk_engine e, enum blk_cache c)
{
	return (struct blk_config){ .path = (char *)(uintptr_t)path,
				    .format = BLK_FORMAT_RAW,
				    .engine = e,
				    .cache = c,
				    .overlay = true };
}

static void for_each(void (*fn)(struct blk_config *conf))
{
	for (enum blk_engine e = BLK_ENGINE_URING; e <= BLK_ENGINE_THREADS; e++)
		for (enum blk_cache c = BLK_CACHE_WRITEBACK; c <= BLK_CACHE_NONE; c++) {
			struct blk_config conf;

			if (!disk_possible(e, c))
				continue;
			conf = config(disk_file("base", SIZE, 0x21), e, c);
			fn(&conf);
		}
}

static void is_untouched(const char *path)
{
	static uint8_t p[SIZE];

	disk_peek(path, 0, p, SIZE);
	for (unsigned i = 0; i < SIZE; i++)
		if (p[i] != 0x21)
			fail_msg("byte %u of the base has changed", i);
}

static void vanishes(struct blk_config *conf)
{
	uint8_t *p = aligned_alloc(4096, SIZE);
	struct disk d;

	disk_open(&d, conf);
	assert_false(blk_info(d.blk).readonly);
	assert_int_equal(blk_info(d.blk).size, SIZE);
	memset(p, 0x99, SIZE);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 512, p, 4096), 0);
	assert_int_equal(disk_do(&d, BLK_WRITE, BLK_SYNC, SIZE - 512, p, 512), 0);
	assert_int_equal(disk_do(&d, BLK_ZERO, 0, 16384, NULL, 8192), 0);
	assert_int_equal(disk_do(&d, BLK_DISCARD, 0, 65536, NULL, 512), 0);
	fault_arm(HOST_SYNC, 1000, EIO);
	assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(fault_calls(HOST_SYNC), 0); /* nothing of it survives, so nothing to do */
	fault_disarm();
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, SIZE), 0);
	for (unsigned i = 0; i < SIZE; i++) {
		uint8_t want = 0x21;

		if ((i >= 512 && i < 4608) || i >= SIZE - 512)
			want = 0x99;
		if ((i >= 16384 && i < 24576) || (i >= 65536 && i < 66048))
			want = 0;
		if (p[i] != want)
			fail_msg("byte %u is %#x, not %#x", i, p[i], want);
	}
	is_untouched(conf->path);
	disk_close(&d);
	disk_open(&d, conf);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 512, p, 4096), 0);
	assert_int_equal(p[0], 0x21);
	disk_close(&d);
	free(p);
}

static void writes_vanish(void **state)
{
	(void)state;
	for_each(vanishes);
}

static uint32_t seed = 7;

static uint32_t rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* Every second sector above, every other below, and reads of all lengths over that, more at a time
 * than there are places for; against a copy. */
static void patchwork(struct blk_config *conf)
{
	uint8_t *model = malloc(SIZE), *p = aligned_alloc(4096, (size_t)DISK_BATCH * 65536);
	struct disk_op op[DISK_BATCH];
	struct iovec iov[DISK_BATCH][3];
	struct disk d;

	memset(model, 0x21, SIZE);
	disk_open(&d, conf);
	for (unsigned i = 0; i < 200; i++) {
		uint32_t off = rnd() % (SIZE / 512) * 512;

		memset(p, (int)i, 512);
		memset(model + off, (int)i, 512);
		assert_int_equal(disk_do(&d, BLK_WRITE, 0, off, p, 512), 0);
	}
	for (unsigned i = 0; i < DISK_BATCH; i++) {
		uint32_t len = (1 + rnd() % 128) * 512, off = rnd() % ((SIZE - len) / 512) * 512;
		uint32_t cut = 1 + rnd() % (len - 2);
		uint8_t *at = p + (size_t)i * 65536;

		iov[i][0] = (struct iovec){ at, cut };
		iov[i][1] = (struct iovec){ at + cut, 1 };
		iov[i][2] = (struct iovec){ at + cut + 1, len - cut - 1 };
		op[i] = (struct disk_op){ .op = BLK_READ,
					  .off = off,
					  .len = len,
					  .buf = at,
					  .iov = iov[i],
					  .iov_cnt = 3 };
	}
	disk_batch(&d, op, DISK_BATCH);
	for (unsigned i = 0; i < DISK_BATCH; i++) {
		assert_int_equal(op[i].err, 0);
		assert_memory_equal(op[i].buf, model + op[i].off, op[i].len);
	}
	disk_close(&d);
	is_untouched(conf->path);
	free(model);
	free(p);
}

static void reads_find_their_layer(void **state)
{
	(void)state;
	for_each(patchwork);
}

static void space_is_short(struct blk_config *conf)
{
	uint8_t *p = aligned_alloc(4096, 4096);
	struct disk d;

	disk_open(&d, conf);
	memset(p, 0x77, 4096);
	fault_arm(HOST_WRITE, 1, ENOSPC);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 0, p, 4096), ENOSPC);
	assert_true(fault_disarm());
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 4096), 0);
	assert_int_equal(p[0], 0x21); /* as if it had not been tried */
	fault_arm(HOST_READ, FAULT_EVERY, EIO);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 4096), EIO);
	fault_disarm();
	disk_close(&d);
	free(p);
}

/* The directory of temporary files is full: the write fails, and what was there is still there. */
static void test_row41_no_space_for_the_layer(void **state)
{
	(void)state;
	for_each(space_is_short);
}

/* Readers of one image, each with changes of its own. */
static void shared_base(void **state)
{
	struct blk_config conf = config(disk_file("base", SIZE, 0x21), BLK_ENGINE_AUTO, 0);
	struct blk_config rw = conf;
	struct disk a, b;
	uint8_t p[512];

	(void)state;
	disk_open(&a, &conf);
	disk_open(&b, &conf);
	memset(p, 1, 512);
	assert_int_equal(disk_do(&a, BLK_WRITE, 0, 0, p, 512), 0);
	assert_int_equal(disk_do(&b, BLK_READ, 0, 0, p, 512), 0);
	assert_int_equal(p[0], 0x21);
	rw.overlay = false;
	assert_error(disk_try(&rw), "in use");
	disk_close(&a);
	disk_close(&b);
	assert_int_equal(chmod(conf.path, 0400), 0);
	assert_no_error(disk_try(&conf));
}

static void needs_a_directory(void **state)
{
	struct blk_config conf = config(disk_file("base", SIZE, 0x21), BLK_ENGINE_AUTO, 0);
	char *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
	unsigned fds = disk_fds();
	struct error *e;

	(void)state;
	setenv("TMPDIR", "/nonexistent", 1);
	e = disk_try(&conf);
	assert_non_null(e);
	assert_non_null(strstr(error_hint(e), "TMPDIR"));
	assert_error(e, "/nonexistent");
	assert_int_equal(disk_fds(), fds);
	if (old)
		setenv("TMPDIR", old, 1);
	else
		unsetenv("TMPDIR");
	free(old);
}

/* Any format may be below; the image is what it was, byte for byte. */
static void over_qcow2(void **state)
{
	const char *raw = disk_file("base", SIZE, 0x21), *image = disk_path("base.qcow2");
	struct blk_config conf = config(image, BLK_ENGINE_AUTO, BLK_CACHE_WRITEBACK);
	char cmd[1200];
	uint8_t before[512], p[4096];
	struct disk d;

	(void)state;
	snprintf(cmd, sizeof(cmd), "qemu-img convert -f raw -O qcow2 %s %s && cp %s %s.was", raw,
		 image, image, image);
	if (system(cmd)) {
		fprintf(stderr, "SKIPPED: no qemu-img here\n");
		skip();
	}
	conf.format = BLK_FORMAT_PROBE;
	disk_open(&d, &conf);
	assert_string_equal(blk_info(d.blk).format, "qcow2");
	memset(p, 0x42, sizeof(p));
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 512, p, 512), 0);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 4096), 0);
	memset(before, 0x21, 512);
	assert_memory_equal(p, before, 512);
	assert_int_equal(p[512], 0x42);
	assert_memory_equal(p + 1024, before, 512);
	disk_close(&d);
	snprintf(cmd, sizeof(cmd), "cmp %s %s.was", image, image);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_vanish),
		cmocka_unit_test(reads_find_their_layer),
		cmocka_unit_test(test_row41_no_space_for_the_layer),
		cmocka_unit_test(shared_base),
		cmocka_unit_test(needs_a_directory),
		cmocka_unit_test(over_qcow2),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
