/* SPDX-License-Identifier: MIT */
/*
 * file_io.c: what becomes of requests when the host fails, on every engine and cache mode.
 *
 * Each case is run with the fault in the first call of its kind, the second, and so on until it no
 * longer happens, so that no call is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "block/block_internal.h"
#include "tests/lib/diskkit.h"
#include "tests/lib/fault.h"

#define SLICE 32768u
#define OPS   6u

static struct blk_config config(const char *path, enum blk_engine e, enum blk_cache c)
{
	return (struct blk_config){
		.path = (char *)(uintptr_t)path, .format = BLK_FORMAT_RAW, .engine = e, .cache = c
	};
}

static void for_each(void (*fn)(enum blk_engine e, enum blk_cache c))
{
	for (enum blk_engine e = BLK_ENGINE_URING; e <= BLK_ENGINE_THREADS; e++)
		for (enum blk_cache c = BLK_CACHE_WRITEBACK; c <= BLK_CACHE_UNSAFE; c++)
			if (disk_possible(e, c))
				fn(e, c);
}

static uint8_t *buffer(size_t len, uint8_t fill)
{
	uint8_t *p = aligned_alloc(4096, align_up(len, 4096));

	assert_non_null(p);
	memset(p, fill, len);
	return p;
}

static void all_are(const uint8_t *p, size_t len, uint8_t val)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != val)
			fail_msg("byte %zu is %#x, not %#x", i, p[i], val);
}

/*
 * OPS requests at once, each on its slice, several segments each; odd ones in memory that O_DIRECT
 * cannot use.
 */
struct batch {
	uint8_t *mem[OPS];
	struct iovec iov[OPS][3];
	struct disk_op op[OPS];
};

static void make(struct batch *b, enum blk_op op, unsigned flags)
{
	for (unsigned i = 0; i < OPS; i++) {
		b->mem[i] = buffer(SLICE + 8192, (uint8_t)(0xa0 + i));
		uint8_t *p = b->mem[i] + (i & 1 ? 100 : 0);

		b->iov[i][0] = (struct iovec){ p, 4096 };
		b->iov[i][1] = (struct iovec){ p + 4096, 8192 };
		b->iov[i][2] = (struct iovec){ p + 12288, SLICE - 12288 };
		b->op[i] = (struct disk_op){ .op = op,
					     .flags = flags,
					     .off = i * SLICE,
					     .len = SLICE,
					     .iov = b->iov[i],
					     .iov_cnt = 3 };
	}
}

static void drop(struct batch *b)
{
	for (unsigned i = 0; i < OPS; i++)
		free(b->mem[i]);
}

/* How many failed, and that they did with @err. */
static unsigned failures(const struct batch *b, int err)
{
	unsigned n = 0;

	for (unsigned i = 0; i < OPS; i++) {
		if (!b->op[i].err)
			continue;
		assert_int_equal(b->op[i].err, err);
		n++;
	}
	return n;
}

/* Writes: what succeeded is in the file; what did not can be done again. */
static bool write_once(enum blk_engine e, enum blk_cache c, unsigned n, int err, unsigned flags)
{
	struct blk_config conf = config(disk_file("w", OPS * SLICE, 0x11), e, c);
	uint8_t *seen = buffer(SLICE, 0);
	bool harmless = err == EINTR || err == EAGAIN || err == FAULT_SHORT, fired;
	unsigned fds = disk_fds(), bad;
	struct batch b;
	struct disk d;

	disk_open(&d, &conf);
	make(&b, BLK_WRITE, flags);
	fault_arm(HOST_WRITE, n, err);
	disk_batch(&d, b.op, OPS);
	fired = fault_disarm();
	bad = failures(&b, err);
	assert_int_equal(bad, fired && !harmless ? 1 : 0);
	for (unsigned i = 0; i < OPS; i++) {
		if (b.op[i].err)
			assert_int_equal(disk_do(&d, BLK_WRITE, flags, b.op[i].off,
						 b.mem[i] + (i & 1 ? 100 : 0), SLICE),
					 0);
		disk_peek(conf.path, i * SLICE, seen, SLICE);
		all_are(seen, SLICE, (uint8_t)(0xa0 + i));
	}
	assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
	disk_close(&d);
	assert_int_equal(disk_fds(), fds);
	drop(&b);
	free(seen);
	return fired;
}

static bool read_once(enum blk_engine e, enum blk_cache c, unsigned n, int err)
{
	struct blk_config conf = config(disk_file("r", OPS * SLICE, 0x22), e, c);
	bool harmless = err == EINTR || err == EAGAIN || err == FAULT_SHORT, fired;
	unsigned fds = disk_fds();
	struct batch b;
	struct disk d;

	disk_open(&d, &conf);
	make(&b, BLK_READ, 0);
	fault_arm(HOST_READ, n, err);
	disk_batch(&d, b.op, OPS);
	fired = fault_disarm();
	assert_int_equal(failures(&b, err), fired && !harmless ? 1 : 0);
	for (unsigned i = 0; i < OPS; i++)
		if (!b.op[i].err)
			all_are(b.mem[i] + (i & 1 ? 100 : 0), SLICE, 0x22);
	disk_close(&d);
	assert_int_equal(disk_fds(), fds);
	drop(&b);
	return fired;
}

static void writes_fail_with(enum blk_engine e, enum blk_cache c)
{
	static const int errs[] = { EIO, EINTR, EAGAIN, FAULT_SHORT };

	for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
		unsigned n = 1;

		while (write_once(e, c, n, errs[i], i == 0 ? BLK_SYNC : 0))
			n++;
		assert_true(n > OPS); /* each request made a call, and each has failed once */
	}
}

static void reads_fail_with(enum blk_engine e, enum blk_cache c)
{
	static const int errs[] = { EIO, EINTR, EAGAIN, FAULT_SHORT };

	for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
		unsigned n = 1;

		while (read_once(e, c, n, errs[i]))
			n++;
		assert_true(n > OPS);
	}
}

/* EIO is the error of that request, the others go on; EINTR, EAGAIN and short transfers are
 * nobody's business: continued, without doing again what was done. */
static void test_row42_the_nth_write_fails(void **state)
{
	(void)state;
	for_each(writes_fail_with);
}

static void test_row42_the_nth_read_fails(void **state)
{
	(void)state;
	for_each(reads_fail_with);
}

static void every_call_short_with(enum blk_engine e, enum blk_cache c)
{
	assert_true(write_once(e, c, FAULT_EVERY, FAULT_SHORT, 0));
	assert_true(read_once(e, c, FAULT_EVERY, FAULT_SHORT));
}

static void test_row42_every_transfer_is_short(void **state)
{
	(void)state;
	for_each(every_call_short_with);
}

static void never_ends_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("x", SLICE, 0x22), e, c);
	uint8_t *p = buffer(4096, 0);
	struct disk d;

	disk_open(&d, &conf);
	fault_arm(HOST_READ, FAULT_EVERY, EINTR);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 4096), EINTR);
	assert_true(fault_disarm());
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 4096), 0);
	disk_close(&d);
	free(p);
}

/* A host that only ever interrupts must not keep the loop busy for ever. */
static void test_row42_interrupted_for_ever(void **state)
{
	(void)state;
	for_each(never_ends_with);
}

static void no_space_with(enum blk_engine e, enum blk_cache c)
{
	unsigned n = 1;

	while (write_once(e, c, n, ENOSPC, 0))
		n++;
	assert_true(n > OPS);
}

/* ENOSPC is the error of the write that met it; others succeed, and so does the same write once
 * there is space. */
static void test_row41_no_space(void **state)
{
	(void)state;
	for_each(no_space_with);
}

static void zero_falls_back_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("z", OPS * SLICE, 0x44), e, c);
	uint8_t *p = buffer(OPS * SLICE, 0);
	struct disk d;

	disk_open(&d, &conf);
	for (unsigned flags = 0; flags < 4; flags++) {
		memset(p, 0x44, OPS * SLICE);
		assert_int_equal(disk_do(&d, BLK_WRITE, 0, 0, p, OPS * SLICE), 0);
		fault_arm(HOST_FALLOCATE, FAULT_EVERY, EOPNOTSUPP);
		assert_int_equal(disk_do(&d, BLK_ZERO, flags, 512, NULL, OPS * SLICE - 1024), 0);
		fault_disarm();
		disk_peek(conf.path, 0, p, OPS * SLICE);
		all_are(p, 512, 0x44);
		all_are(p + 512, OPS * SLICE - 1024, 0);
		all_are(p + OPS * SLICE - 512, 512, 0x44);
	}
	disk_close(&d);
	free(p);
}

/* A file system without fallocate(2): zeros are written. */
static void zeros_without_fallocate(void **state)
{
	(void)state;
	for_each(zero_falls_back_with);
}

static void fallocate_fails_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("z", SLICE, 0x44), e, c);
	struct disk d;

	disk_open(&d, &conf);
	fault_arm(HOST_FALLOCATE, FAULT_EVERY, EIO);
	assert_int_equal(disk_do(&d, BLK_ZERO, 0, 0, NULL, SLICE), EIO);
	assert_int_equal(disk_do(&d, BLK_DISCARD, 0, 0, NULL, SLICE), EIO);
	fault_disarm();
	fault_arm(HOST_FALLOCATE, FAULT_EVERY, EOPNOTSUPP);
	assert_int_equal(disk_do(&d, BLK_DISCARD, 0, 0, NULL, SLICE), 0); /* a hint, no more */
	fault_disarm();
	disk_close(&d);
}

static void test_row42_fallocate_fails(void **state)
{
	(void)state;
	for_each(fallocate_fails_with);
}

/* --- durability ----------------------------------------------------------------------------------
 */

static void sync_latches_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("s", OPS * SLICE, 0), e, c);
	struct disk_op two[2] = { { .op = BLK_FLUSH }, { .op = BLK_FLUSH } };
	uint8_t *p;
	struct disk d;

	if (c == BLK_CACHE_UNSAFE)
		return;
	p = buffer(4096, 1);
	disk_open(&d, &conf);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 0, p, 4096), 0);
	fault_arm(HOST_SYNC, 1, EIO);
	disk_batch(&d, two, 2);
	assert_true(fault_disarm());
	assert_int_equal(two[0].err, EIO);
	assert_int_equal(two[1].err, EIO);
	/* The host works again, but what it dropped does not come back. */
	fault_arm(HOST_SYNC, 1000, EIO);
	assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), EIO);
	assert_int_equal(fault_calls(HOST_SYNC), 0);
	assert_int_equal(disk_do(&d, BLK_WRITE, BLK_SYNC, 0, p, 4096), EIO);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 0, p, 4096), 0);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 4096), 0);
	fault_disarm();
	disk_close(&d);
	disk_open(&d, &conf);
	assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
	disk_close(&d);
	free(p);
}

/* fdatasync(2) fails once and would then succeed, although the data is lost: no flush succeeds
 * again until the image is opened anew. */
static void test_row43_a_failed_sync_latches(void **state)
{
	(void)state;
	for_each(sync_latches_with);
}

static void write_through_fails_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("s", OPS * SLICE, 0), e, c);
	struct batch b;
	struct disk d;

	if (c == BLK_CACHE_UNSAFE)
		return;
	disk_open(&d, &conf);
	make(&b, BLK_WRITE, BLK_SYNC);
	fault_arm(HOST_SYNC, 1, EIO);
	disk_batch(&d, b.op, OPS);
	assert_true(fault_disarm());
	assert_int_equal(failures(&b, EIO), OPS); /* those the sync served, and all after it */
	disk_close(&d);
	drop(&b);
}

static void test_row43_write_through_is_not_acknowledged(void **state)
{
	(void)state;
	for_each(write_through_fails_with);
}

static void syncs_are_made_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("s", OPS * SLICE, 0), e, c);
	struct batch b;
	struct disk d;

	disk_open(&d, &conf);
	fault_arm(HOST_SYNC, 1000, EIO);
	assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(fault_calls(HOST_SYNC), c == BLK_CACHE_UNSAFE ? 0 : 1);
	make(&b, BLK_WRITE, BLK_SYNC);
	disk_batch(&d, b.op, OPS);
	assert_int_equal(failures(&b, 0), 0);
	if (c == BLK_CACHE_UNSAFE)
		assert_int_equal(fault_calls(HOST_SYNC), 0);
	else
		assert_in_range(fault_calls(HOST_SYNC), 2, 1 + OPS);
	fault_disarm();
	disk_close(&d);
	drop(&b);
}

/* A flush is one fdatasync(2), a durable write is followed by one, which several may share;
 * cache=unsafe makes none. */
static void flushes_reach_the_host(void **state)
{
	(void)state;
	for_each(syncs_are_made_with);
}

/* --- the end of the file
 * --------------------------------------------------------------------------- */

static void truncated_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("t", OPS * SLICE, 0x55), e, c);
	uint8_t *p = buffer(OPS * SLICE, 0);
	struct disk d;

	disk_open(&d, &conf);
	assert_int_equal(truncate(conf.path, 2 * SLICE), 0);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 2 * SLICE), 0);
	all_are(p, 2 * SLICE, 0x55);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 2 * SLICE, p, 4096), EIO);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 2 * SLICE - 4096, p, 8192), EIO);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 5 * SLICE, p + 1, 512), EIO);
	/* A write brings it back. */
	memset(p, 0x66, 4096);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, OPS * SLICE - 4096, p, 4096), 0);
	assert_int_equal(disk_do(&d, BLK_READ, 0, OPS * SLICE - 8192, p, 8192), 0);
	all_are(p + 4096, 4096, 0x66);
	disk_close(&d);
	free(p);
}

/* An image that shrinks under us: EIO where there were bytes once; no signal, nothing made up. */
static void test_row39_truncated_under_us(void **state)
{
	(void)state;
	for_each(truncated_with);
}

static void offset_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("o", OPS * SLICE, 0x55), e, c);
	struct batch b;
	struct disk d;
	bool seen = false;

	disk_open(&d, &conf);
	make(&b, BLK_WRITE, 0);
	disk_batch(&d, b.op, OPS);
	drop(&b);
	for (int fd = 0; fd < 64; fd++) {
		char link[64], at[600];
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, at, sizeof(at) - 1);
		if (n < 0)
			continue;
		at[n] = '\0';
		if (strcmp(at, conf.path))
			continue;
		seen = true;
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
		assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	}
	assert_true(seen);
	disk_close(&d);
}

/* Requests say where; the descriptor's own offset, which threads and duplicates share, is not used.
 */
static void test_row45_no_shared_offset(void **state)
{
	(void)state;
	for_each(offset_with);
}

/* --- O_DIRECT and blocks larger than the guest's ------------------------------------------------
 */

static void blocks_of_4096(void *arg)
{
	struct blk_file *f = ((struct disk *)arg)->blk->file;

	f->offset_align = 4096;
	f->memory_align = 512;
}

/*
 * Sectors that share a block with others which are written at the same time, on a device that reads
 * and writes whole blocks only: each write keeps its neighbours'. The file ends inside a block, and
 * still does afterwards.
 */
static void neighbours_with(enum blk_engine e, enum blk_cache c)
{
	const unsigned sectors = DISK_BATCH - 3;
	struct blk_config conf = config(disk_file("n", sectors * 512, 0x99), e, c);
	struct disk_op op[DISK_BATCH];
	uint8_t *p, *seen;
	struct stat st;
	struct disk d;

	if (c != BLK_CACHE_NONE)
		return;
	p = buffer(sectors * 512, 0);
	seen = buffer(sectors * 512, 0);
	disk_open(&d, &conf);
	disk_on_loop(&d, blocks_of_4096, &d);
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < sectors; i++) {
			memset(p + i * 512, (int)(round * 100 + i), 512);
			op[i] = (struct disk_op){
				.op = i % 13 == 5 ? BLK_ZERO : BLK_WRITE,
				.off = i * 512,
				.buf = p + i * 512,
				.len = 512,
			};
			if (op[i].op == BLK_ZERO)
				memset(p + i * 512, 0, 512);
		}
		disk_batch(&d, op, sectors);
		for (unsigned i = 0; i < sectors; i++)
			assert_int_equal(op[i].err, 0);
		assert_int_equal(disk_do(&d, BLK_READ, 0, 0, seen, sectors * 512), 0);
		assert_memory_equal(seen, p, sectors * 512);
		disk_peek(conf.path, 0, seen, sectors * 512);
		assert_memory_equal(seen, p, sectors * 512);
	}
	/* A write that is not aligned, between some that are. */
	for (unsigned i = 0; i < 3; i++)
		op[i] = (struct disk_op){ .op = BLK_WRITE,
					  .off = i * 8192,
					  .buf = p + i * 8192,
					  .len = i == 1 ? 512 : 4096 };
	memset(p, 0x42, 24576);
	disk_batch(&d, op, 3);
	disk_peek(conf.path, 0, seen, 24576);
	all_are(seen, 4096, 0x42);
	all_are(seen + 8192, 512, 0x42);
	all_are(seen + 16384, 4096, 0x42);
	assert_int_not_equal(seen[8192 + 512], 0x42);
	disk_close(&d);
	assert_int_equal(stat(conf.path, &st), 0);
	assert_int_equal(st.st_size, sectors * 512);
	free(p);
	free(seen);
}

static void sectors_smaller_than_blocks(void **state)
{
	(void)state;
	for_each(neighbours_with);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row42_the_nth_write_fails),
		cmocka_unit_test(test_row42_the_nth_read_fails),
		cmocka_unit_test(test_row42_every_transfer_is_short),
		cmocka_unit_test(test_row42_interrupted_for_ever),
		cmocka_unit_test(test_row41_no_space),
		cmocka_unit_test(zeros_without_fallocate),
		cmocka_unit_test(test_row42_fallocate_fails),
		cmocka_unit_test(test_row43_a_failed_sync_latches),
		cmocka_unit_test(test_row43_write_through_is_not_acknowledged),
		cmocka_unit_test(flushes_reach_the_host),
		cmocka_unit_test(test_row39_truncated_under_us),
		cmocka_unit_test(test_row45_no_shared_offset),
		cmocka_unit_test(sectors_smaller_than_blocks),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
