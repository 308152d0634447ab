/* SPDX-License-Identifier: MIT */
/* raw.c: a disk that is a file, its odd end, its size that changes, and its guarded sector. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/diskkit.h"

static struct blk_config config(const char *path)
{
	return (struct blk_config){ .path = (char *)(uintptr_t)path, .format = BLK_FORMAT_RAW };
}

/* A last sector that the file does not fill reads as zeros behind its end; a write fills it. */
static void odd_end_with(enum blk_cache c)
{
	struct blk_config conf = config(disk_file("odd", 3 * 512 + 100, 0x31));
	uint8_t *p = aligned_alloc(4096, 4096);
	struct stat st;
	struct disk d;

	conf.cache = c;
	disk_open(&d, &conf);
	assert_int_equal(blk_info(d.blk).size, 4 * 512);
	memset(p, 0xff, 2048);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 2048), 0);
	assert_int_equal(p[3 * 512 + 99], 0x31);
	for (unsigned i = 3 * 512 + 100; i < 2048; i++)
		assert_int_equal(p[i], 0);
	memset(p, 0xff, 512);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 3 * 512, p, 512), 0);
	assert_int_equal(p[99], 0x31);
	assert_int_equal(p[100], 0);
	assert_int_equal(stat(conf.path, &st), 0);
	assert_int_equal(st.st_size, 3 * 512 + 100); /* looking does not change it */
	memset(p, 0x32, 512);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 3 * 512, p, 512), 0);
	assert_int_equal(stat(conf.path, &st), 0);
	assert_int_equal(st.st_size, 4 * 512);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 4 * 512, p, 512), EINVAL);
	disk_close(&d);
	free(p);
}

static void odd_end(void **state)
{
	(void)state;
	odd_end_with(BLK_CACHE_WRITEBACK);
	if (disk_possible(BLK_ENGINE_THREADS, BLK_CACHE_NONE))
		odd_end_with(BLK_CACHE_NONE);
}

static void refresh(void *arg)
{
	struct disk *d = arg;

	d->batches = blk_refresh(d->blk);
}

static void size_changes(void **state)
{
	struct blk_config conf = config(disk_file("grow", 65536, 1));
	uint8_t p[512];
	struct disk d;

	(void)state;
	disk_open(&d, &conf);
	disk_on_loop(&d, refresh, &d);
	assert_int_equal(d.batches, 0);
	assert_int_equal(truncate(conf.path, 131072), 0);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 65536, p, 512), EINVAL); /* not known yet */
	disk_on_loop(&d, refresh, &d);
	assert_int_equal(d.batches, 1);
	assert_int_equal(blk_info(d.blk).size, 131072);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 65536, p, 512), 0);
	assert_int_equal(truncate(conf.path, 4096), 0);
	disk_on_loop(&d, refresh, &d);
	assert_int_equal(blk_info(d.blk).size, 4096);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 4096, p, 512), EINVAL);
	disk_close(&d);
}

/* --- the guarded sector ------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	unsigned off, len;
	const char *magic;
} marks[] = {
	{ "qcow2", 0, 8, "QFI\xfb\0\0\0\3" },
	{ "qcow2, version 2", 0, 8, "QFI\xfb\0\0\0\2" },
	{ "qcow", 0, 8, "QFI\xfb\0\0\0\1" },
	{ "QED", 0, 4, "QED\0" },
	{ "VMDK", 0, 4, "KDMV" },
	{ "VHDX", 0, 8, "vhdxfile" },
	{ "VHD", 0, 8, "conectix" },
	{ "VDI", 64, 4, "\x7f\x10\xda\xbe" },
};

/*
 * A guest that writes a qcow2 header, with any file of the host's for its backing file, into a raw
 * disk would read that file after the next start, if the format were guessed then. So a format that
 * was guessed as raw stays raw: the write is refused.
 */
static void test_row30_probed_raw_stays_raw(void **state)
{
	struct blk_config conf = config(disk_file("guard", 65536, 0));
	uint8_t p[8192], q[8192];
	struct disk d;

	(void)state;
	conf.format = BLK_FORMAT_PROBE;
	disk_open(&d, &conf);
	assert_string_equal(blk_info(d.blk).format, "raw");
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		struct iovec three[3] = { { p, 2 }, { p + 2, 65 }, { p + 67, 8192 - 67 } };
		struct disk_op op = {
			.op = BLK_WRITE, .buf = p, .len = 8192, .iov = three, .iov_cnt = 3
		};

		memset(p, 0x5e, sizeof(p));
		memcpy(p + marks[i].off, marks[i].magic, marks[i].len);
		assert_int_equal(disk_do(&d, BLK_WRITE, 0, 0, p, 512), EPERM);
		assert_int_equal(disk_do(&d, BLK_WRITE, BLK_SYNC, 0, p, 4096), EPERM);
		disk_batch(&d, &op, 1);
		assert_int_equal(op.err, EPERM);
		disk_peek(conf.path, 0, q, 4096);
		for (unsigned k = 0; k < 4096; k++)
			assert_int_equal(q[k], 0);
		/* Anywhere else it is data like any other. */
		assert_int_equal(disk_do(&d, BLK_WRITE, 0, 512, p, 512), 0);
		memset(q, 0, 512);
		assert_int_equal(disk_do(&d, BLK_WRITE, 0, 512, q, 512), 0);
	}
	disk_close(&d);
	disk_open(&d, &conf);
	assert_string_equal(blk_info(d.blk).format, "raw");
	disk_close(&d);
}

/* A partition table, a file system, zeros: what guests do write to sector 0, many at a time. */
static void test_row30_other_writes_pass(void **state)
{
	struct blk_config conf = config(disk_file("guard", 65536, 0x77));
	struct disk_op op[8];
	uint8_t p[8][4096], q[4096];
	struct disk d;

	(void)state;
	conf.format = BLK_FORMAT_PROBE;
	for (enum blk_engine e = BLK_ENGINE_AUTO; e <= BLK_ENGINE_THREADS; e++) {
		if (!disk_possible(e, BLK_CACHE_WRITEBACK))
			continue;
		conf.engine = e;
		disk_open(&d, &conf);
		for (unsigned i = 0; i < 8; i++) {
			memset(p[i], (int)(0x10 + i), sizeof(p[i]));
			op[i] = (struct disk_op){ .op = BLK_WRITE, .buf = p[i], .len = 4096 };
		}
		disk_batch(&d, op, 8);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(op[i].err, 0);
		assert_int_equal(disk_do(&d, BLK_READ, 0, 0, q, 4096), 0);
		assert_memory_equal(q, p[7], 4096); /* one at a time, in order */
		disk_close(&d);
	}
}

struct racer {
	uint8_t *sector;
	_Atomic bool stop;
};

/* A guest's writes are no thread's of ours: what is read twice must be right whatever they are. */
__attribute__((no_sanitize("thread"))) static void *race(void *arg)
{
	struct racer *r = arg;

	for (unsigned i = 0; !r->stop; i++)
		*(volatile uint32_t *)(void *)r->sector = i & 1 ? 0xfb494651 /* "QFI\xfb" */ : 0;
	return NULL;
}

/* The guest changes its memory after we have looked: what was judged is what is written. */
static void test_row30_memory_that_changes(void **state)
{
	struct blk_config conf = config(disk_file("guard", 65536, 0));
	uint8_t *p = aligned_alloc(4096, 4096), q[512];
	struct racer r = { .sector = p };
	struct disk d;
	pthread_t t;

	(void)state;
	memset(p, 0, 4096);
	conf.format = BLK_FORMAT_PROBE;
	disk_open(&d, &conf);
	pthread_create(&t, NULL, race, &r);
	for (unsigned i = 0; i < 300; i++) {
		int err = disk_do(&d, BLK_WRITE, 0, 0, p, 512);

		assert_true(err == 0 || err == EPERM);
		disk_peek(conf.path, 0, q, 512);
		assert_memory_not_equal(q, "QFI\xfb", 4);
	}
	r.stop = true;
	pthread_join(t, NULL);
	disk_close(&d);
	free(p);
}

/* Who says format=raw means it. */
static void said_raw_is_free(void **state)
{
	struct blk_config conf = config(disk_file("free", 65536, 0));
	uint8_t p[512] = "QFI\xfb\0\0\0\3", q[512];
	struct disk d;

	(void)state;
	disk_open(&d, &conf);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 0, p, 512), 0);
	disk_peek(conf.path, 0, q, 512);
	assert_memory_equal(p, q, 512);
	disk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_end),
		cmocka_unit_test(size_changes),
		cmocka_unit_test(test_row30_probed_raw_stays_raw),
		cmocka_unit_test(test_row30_other_writes_pass),
		cmocka_unit_test(test_row30_memory_that_changes),
		cmocka_unit_test(said_raw_is_free),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
