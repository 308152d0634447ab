/* SPDX-License-Identifier: MIT */
/*
 * test_qcow2_images.c: images that somebody else made: qemu-img with all its options, and people
 * who mean no good.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "block/host.h"
#include "block/qcow2_internal.h"
#include "tests/lib/q2kit.h"
#include "vmm/error.h"

#define CLUSTER 65536u

static int setup(void **state)
{
	struct q2kit *k = calloc(1, sizeof(*k));

	q2kit_init(k);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	q2kit_free(*state);
	free(*state);
	return 0;
}

static void sh(struct q2kit *k, const char *cmd)
{
	if (q2kit_run(k, "%s", cmd))
		fail_msg("%s: %s", cmd, q2kit_log(k));
}

static void open_image(struct q2kit *k, bool backing, bool readonly)
{
	struct blk_config c = q2kit_config(k->image);

	c.backing = backing;
	c.readonly = readonly;
	q2kit_open(k, &c);
}

static void refused(struct q2kit *k, const char *name, bool backing, bool readonly,
		    const char *want)
{
	struct blk_config c = q2kit_config(q2kit_path(k, name));
	struct error *err = NULL;

	c.backing = backing;
	c.readonly = readonly;
	if (!blk_open(&c, k->loop, &k->blk, &err))
		fail_msg("opened, although: %s", want);
	if (!strstr(error_msg(err), want))
		fail_msg("'%s' does not say '%s'", error_msg(err), want);
	error_free(err);
}

static int put(struct q2kit *k, uint64_t off, uint8_t byte, uint64_t len)
{
	uint8_t *buf = malloc(len);
	int r;

	memset(buf, byte, len);
	r = q2kit_do(k, BLK_WRITE, 0, off, buf, len);
	free(buf);
	return r;
}

static void expect(struct q2kit *k, uint64_t off, uint8_t byte, uint64_t len)
{
	uint8_t *buf = malloc(len);

	assert_int_equal(q2kit_do(k, BLK_READ, 0, off, buf, len), 0);
	for (uint64_t i = 0; i < len; i++) {
		if (buf[i] != byte)
			fail_msg("byte %llu is %#x, not %#x", (unsigned long long)(off + i), buf[i],
				 byte);
	}
	free(buf);
}

/* Bytes of the file itself. */
static uint64_t peek(struct q2kit *k, uint64_t off, unsigned size)
{
	uint64_t v = 0;
	uint8_t b[8];
	int fd = open(k->image, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, b, size, (off_t)off), size);
	close(fd);
	for (unsigned i = 0; i < size; i++)
		v = v << 8 | b[i];
	return v;
}

static void poke(struct q2kit *k, uint64_t off, unsigned size, uint64_t v)
{
	uint8_t b[8];
	int fd = open(k->image, O_RDWR | O_CLOEXEC);

	for (unsigned i = 0; i < size; i++)
		b[i] = (uint8_t)(v >> 8 * (size - 1 - i));
	assert_int_equal(pwrite(fd, b, size, (off_t)off), size);
	close(fd);
}

static uint64_t l2_entry_at(struct q2kit *k, uint64_t guest_cluster)
{
	uint64_t l1 = peek(k, 40, 8);

	return (peek(k, l1, 8) & Q2_OFFSET) + guest_cluster * 8;
}

/* --- qemu-img's options ------------------------------------------------------------------------
 */

static const char *const options[] = {
	"cluster_size=512",
	"cluster_size=4k,compat=0.10",
	"cluster_size=2M",
	"refcount_bits=1",
	"refcount_bits=2,cluster_size=512",
	"refcount_bits=8",
	"refcount_bits=64,cluster_size=512",
	"lazy_refcounts=on",
	"preallocation=metadata",
	"preallocation=falloc",
	"preallocation=full,cluster_size=4k",
	"compression_type=zstd",
};

static void test_options_of_qemu_img(void **state)
{
	struct q2kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (q2kit_run(k,
			      "qemu-img create -f qcow2 -o %s a.qcow2 3M && "
			      "qemu-io -c 'write -P 1 100k 700k' -c 'write -z 200k 64k' "
			      "-c 'discard 1M 64k' a.qcow2",
			      options[i]))
			fail_msg("%s: %s", options[i], q2kit_log(k));
		open_image(k, false, false);
		expect(k, 0, 0, 100 * KIB);
		expect(k, 100 * KIB, 1, 100 * KIB);
		expect(k, 200 * KIB, 0, 64 * KIB);
		expect(k, 264 * KIB, 1, 536 * KIB);
		assert_int_equal(put(k, 150 * KIB, 2, 100 * KIB), 0);
		assert_int_equal(put(k, 3 * MIB - 512, 3, 512), 0);
		q2kit_close(k);
		q2kit_check(k, k->image, false);
		if (q2kit_run(k,
			      "qemu-io -c 'read -P 1 100k 50k' -c 'read -P 2 150k 100k' -c 'read "
			      "-P 0 250k 14k' -c 'read -P 1 264k 536k' -c 'read -P 3 3145216 512' "
			      "a.qcow2 | grep -c 'Pattern verification failed' | grep -qx 0"))
			fail_msg("%s: QEMU reads something else", options[i]);
		sh(k, "rm a.qcow2");
	}
}

/* "refcount > 1: copy on write"; each snapshot is afterwards what it was. */
static void test_snapshots_survive(void **state)
{
	struct q2kit *k = *state;

	sh(k, "qemu-img create -f qcow2 -o cluster_size=4k a.qcow2 4M && "
	      "qemu-io -c 'write -P 1 0 2M' a.qcow2 && qemu-img snapshot -c one a.qcow2 && "
	      "qemu-io -c 'write -P 2 1M 2M' a.qcow2 && qemu-img snapshot -c two a.qcow2");
	open_image(k, false, false);
	assert_int_equal(put(k, 512 * KIB + 512, 3, 1 * MIB), 0);
	assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, 0, NULL, 256 * KIB), 0);
	assert_int_equal(q2kit_do(k, BLK_ZERO, 0, 256 * KIB, NULL, 64 * KIB), 0);
	assert_int_equal(q2kit_do(k, BLK_ZERO, BLK_ZERO_UNMAP, 2 * MIB + 512, NULL, 64 * KIB), 0);
	expect(k, 512 * KIB, 1, 512);
	expect(k, 512 * KIB + 512, 3, MIB);
	expect(k, 1536 * KIB + 512, 2, 512 * KIB - 512);
	q2kit_close(k);
	q2kit_check(k, k->image, false);
	sh(k, "qemu-img snapshot -a one a.qcow2 && "
	      "qemu-io -c 'read -P 1 0 2M' -c 'read -P 0 2M 2M' a.qcow2 >out && ! grep failed out");
	sh(k, "qemu-img snapshot -a two a.qcow2 && "
	      "qemu-io -c 'read -P 1 0 1M' -c 'read -P 2 1M 2M' a.qcow2 >out && ! grep failed out");
	sh(k, "qemu-img snapshot -d one a.qcow2 && qemu-img snapshot -d two a.qcow2");
	q2kit_check(k, k->image, false);
}

static void test_compressed_images(void **state)
{
	struct q2kit *k = *state;

	for (unsigned i = 0; i < 2; i++) {
		if (q2kit_run(
			    k,
			    "qemu-img create -f raw r 4M && qemu-io -f raw -c 'write -P 5 64k 3M' "
			    "-c 'write -P 6 1000k 9k' r && "
			    "qemu-img convert -c -O qcow2 -o cluster_size=%s,compression_type=%s "
			    "-f raw r a.qcow2",
			    i ? "4k" : "64k", i ? "zstd" : "zlib"))
			fail_msg("%s", q2kit_log(k));
		open_image(k, false, false);
		expect(k, 0, 0, 64 * KIB);
		expect(k, 64 * KIB, 5, 936 * KIB);
		expect(k, 1000 * KIB, 6, 9 * KIB);
		/* Rewritten uncompressed; what is not written stays. */
		assert_int_equal(put(k, 128 * KIB + 512, 7, 512), 0);
		assert_int_equal(put(k, 300 * KIB, 8, 300 * KIB), 0);
		expect(k, 128 * KIB, 5, 512);
		expect(k, 128 * KIB + 512, 7, 512);
		expect(k, 129 * KIB, 5, 64 * KIB);
		assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, 2 * MIB, NULL, MIB), 0);
		q2kit_close(k);
		q2kit_check(k, k->image, false);
		sh(k,
		   "qemu-io -c 'read -P 5 129k 171k' -c 'read -P 7 131584 512' -c 'read -P 8 300k "
		   "300k' -c 'read -P 0 2M 1M' a.qcow2 >out && ! grep failed out; rm a.qcow2");
	}
}

/* "Autoclear": bitmaps that we do not keep up are no longer valid, and known not to be. */
static void test_autoclear_bits_are_cleared(void **state)
{
	struct q2kit *k = *state;

	sh(k, "qemu-img create -f qcow2 a.qcow2 4M && qemu-img bitmap --add a.qcow2 b0");
	assert_int_equal(peek(k, 88, 8), 1);
	open_image(k, false, false);
	expect(k, 0, 0, 4096);
	q2kit_close(k);
	assert_int_equal(peek(k, 88, 8), 1);
	open_image(k, false, false);
	assert_int_equal(put(k, 0, 1, 512), 0);
	q2kit_close(k);
	assert_int_equal(peek(k, 88, 8), 0);
	q2kit_check(k, k->image, true);
}

/* --- backing files -----------------------------------------------------------------------------
 */

static void test_backing_chain(void **state)
{
	struct q2kit *k = *state;

	sh(k,
	   "qemu-img create -f raw base.raw 1M && qemu-io -f raw -c 'write -P 1 0 1M' base.raw && "
	   "qemu-img create -f qcow2 -b base.raw -F raw m.qcow2 2M && "
	   "qemu-io -c 'write -P 2 256k 256k' m.qcow2 && "
	   "qemu-img create -f qcow2 -b m.qcow2 -F qcow2 a.qcow2 3M");
	open_image(k, true, false);
	expect(k, 0, 1, 256 * KIB);
	expect(k, 256 * KIB, 2, 256 * KIB);
	expect(k, 512 * KIB, 1, 512 * KIB);
	expect(k, MIB, 0, 2 * MIB);
	/* Parts of clusters: the rest comes from below. */
	assert_int_equal(put(k, 512 * KIB - 512, 3, 1024), 0);
	assert_int_equal(put(k, MIB - 512, 4, 1024), 0);
	assert_int_equal(put(k, 100 * KIB, 5, 4096), 0);
	/* What is zeroed does not show through. */
	assert_int_equal(q2kit_do(k, BLK_ZERO, BLK_ZERO_UNMAP, 640 * KIB, NULL, 128 * KIB + 512),
			 0);
	assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, 832 * KIB, NULL, 64 * KIB), 0);
	expect(k, 512 * KIB - 1024, 2, 512);
	expect(k, 512 * KIB - 512, 3, 1024);
	expect(k, 512 * KIB + 512, 1, 512);
	expect(k, MIB + 512, 0, 4096);
	expect(k, 640 * KIB, 0, 128 * KIB + 512);
	expect(k, 768 * KIB + 512, 1, 512);
	expect(k, 832 * KIB, 0, 64 * KIB);
	q2kit_close(k);
	q2kit_check(k, k->image, false);
	sh(k,
	   "qemu-io -c 'read -P 3 523776 1k' -c 'read -P 1 524800 512' -c 'read -P 0 640k 131584' "
	   "-c 'read -P 5 100k 4k' -c 'read -P 1 104k 4k' a.qcow2 >out && ! grep failed out");
}

/* Row 31: off unless allowed; nothing but a regular file beside the image. */
static void test_row31_backing_name(void **state)
{
	static const struct {
		const char *name, *message;
	} bad[] = {
		{ "/etc/shadow", "outside of the image's directory" },
		{ "../etc/passwd", "must not contain '..'" },
		{ "sub/../../x", "must not contain '..'" },
		{ "fifo", "is no regular file" },
		{ "sub", "is no regular file" },
		{ "link", "outside of the image's directory" },
		{ "json:{}", "is no plain file name" },
		{ "nbd://host", "is no plain file name" },
		{ "file:base.raw", "is no plain file name" },
		{ "nothing", "cannot find it: No such file" },
		{ "/dev/zero", "outside of the image's directory" },
	};
	struct q2kit *k = *state;

	sh(k, "truncate -s 1M base.raw && mkfifo fifo && mkdir sub && ln -s /etc/passwd link");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct qcow2_options o = { .size = MIB,
					   .backing = bad[i].name,
					   .backing_format = "raw" };

		q2kit_create(k->image, &o);
		refused(k, "a.qcow2", false, true, "backing files are not opened");
		refused(k, "a.qcow2", true, true, bad[i].message);
		unlink(k->image);
	}
	/* An absolute name is as good, if it leads there. */
	q2kit_create(k->image, &(struct qcow2_options){ .size = MIB,
							.backing = q2kit_path(k, "base.raw"),
							.backing_format = "raw" });
	open_image(k, true, false);
	expect(k, 0, 0, MIB);
	q2kit_close(k);
}

static void test_row31_backing_format(void **state)
{
	struct q2kit *k = *state;

	sh(k, "truncate -s 1M base.raw");
	q2kit_create(q2kit_path(k, "base.qcow2"), &(struct qcow2_options){ .size = MIB });
	q2kit_create(k->image, &(struct qcow2_options){ .size = MIB, .backing = "base.qcow2" });
	refused(k, "a.qcow2", true, true,
		"looks like qcow2, but the image does not say that it is");
	unlink(k->image);
	q2kit_create(k->image, &(struct qcow2_options){ .size = MIB,
							.backing = "base.raw",
							.backing_format = "vmdk" });
	refused(k, "a.qcow2", true, true, "its format 'vmdk' is not raw or qcow2");
	unlink(k->image);
	q2kit_create(k->image, &(struct qcow2_options){ .size = MIB, .backing = "base.raw" });
	open_image(k, true, true);
	expect(k, 0, 0, MIB);
	q2kit_close(k);
}

/* Row 32 */
static void test_row32_backing_loop_and_depth(void **state)
{
	struct q2kit *k = *state;
	char name[16], below[16];

	q2kit_create(k->image, &(struct qcow2_options){ .size = MIB,
							.backing = "a.qcow2",
							.backing_format = "qcow2" });
	refused(k, "a.qcow2", true, true, "one of those that stand on it");
	q2kit_create(q2kit_path(k, "x.qcow2"),
		     &(struct qcow2_options){
			     .size = MIB, .backing = "y.qcow2", .backing_format = "qcow2" });
	q2kit_create(q2kit_path(k, "y.qcow2"),
		     &(struct qcow2_options){
			     .size = MIB, .backing = "x.qcow2", .backing_format = "qcow2" });
	refused(k, "x.qcow2", true, true, "one of those that stand on it");
	q2kit_create(q2kit_path(k, "c0"), &(struct qcow2_options){ .size = MIB });
	for (unsigned i = 1; i <= 11; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		snprintf(below, sizeof(below), "c%u", i - 1);
		q2kit_create(q2kit_path(k, name),
			     &(struct qcow2_options){
				     .size = MIB, .backing = below, .backing_format = "qcow2" });
	}
	refused(k, "c11", true, true, "more than 10 files deep");
	struct blk_config c = q2kit_config(q2kit_path(k, "c10"));

	c.backing = true;
	q2kit_open(k, &c);
	expect(k, 0, 0, MIB);
	q2kit_close(k);
}

/* --- images that contradict themselves ----------------------------------------------------------
 */

static void make(struct q2kit *k)
{
	unlink(k->image);
	q2kit_create(k->image, &(struct qcow2_options){ .size = 16 * MIB });
	open_image(k, false, false);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(put(k, i * CLUSTER, (uint8_t)(i + 1), CLUSTER), 0);
	q2kit_close(k);
}

/* Row 34: entries of tables that lead out of the file, or nowhere. */
static void test_row34_entries_outside(void **state)
{
	static const uint64_t bad[] = { Q2_COPIED | UINT64_C(1) << 40, 0x30200, 1,
					UINT64_C(1) << 60, Q2_COPIED };
	struct q2kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		make(k);
		poke(k, peek(k, 40, 8), 8, bad[i]);
		refused(k, "a.qcow2", false, false, "entry 0 of the L1 table is 0x");
		make(k);
		poke(k, peek(k, 48, 8), 8, bad[i] & ~Q2_COPIED ? bad[i] & ~Q2_COPIED : 5);
		refused(k, "a.qcow2", false, false, "entry 0 of the refcount table is 0x");
		/* An entry of an L2 table is an error for who reads it, and the rest is there. */
		make(k);
		poke(k, l2_entry_at(k, 3), 8, bad[i] == 1 ? 2 : bad[i]);
		open_image(k, false, true);
		expect(k, 2 * CLUSTER, 3, CLUSTER);
		assert_int_equal(put(k, 0, 0, 512), EROFS);
		assert_int_equal(q2kit_do(k, BLK_READ, 0, 3 * CLUSTER, (uint8_t[512]){ 0 }, 512),
				 EIO);
		expect(k, 4 * CLUSTER, 5, CLUSTER);
		q2kit_close(k);
	}
}

/* Row 37: a refcount of 0 for a cluster that is in use: it is not given out again. */
static void test_row37_refcounts_lie(void **state)
{
	struct q2kit *k = *state;
	uint64_t block;

	make(k);
	block = peek(k, peek(k, 48, 8), 8);
	for (unsigned i = 1; i < 16; i++)
		poke(k, block + i * 2, 2, 0);
	open_image(k, false, false);
	for (unsigned i = 8; i < 40; i++)
		assert_int_equal(put(k, i * CLUSTER, (uint8_t)(i + 1), CLUSTER), 0);
	for (unsigned i = 0; i < 40; i++)
		expect(k, i * CLUSTER, (uint8_t)(i + 1), CLUSTER);
	assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, 0, NULL, CLUSTER), 0);
	q2kit_close(k);
	open_image(k, false, false);
	for (unsigned i = 1; i < 40; i++)
		expect(k, i * CLUSTER, (uint8_t)(i + 1), CLUSTER);
	q2kit_close(k);
	/* And it can be repaired. */
	assert_int_equal(q2kit_run(k, "qemu-img check -r all a.qcow2"), 0);
}

/* Row 37: a guest cluster that is a table: nothing is written, and the image is marked. */
static void test_row37_data_over_tables(void **state)
{
	struct q2kit *k = *state;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t to;

		make(k);
		to = i == 0   ? peek(k, 40, 8)
		     : i == 1 ? peek(k, 48, 8)
		     : i == 2 ? peek(k, peek(k, 48, 8), 8)
		     : i == 3 ? l2_entry_at(k, 0)
			      : 0;
		/* The header can only be meant by an entry that says: allocated, and zeros. */
		if (i == 4)
			continue;
		poke(k, l2_entry_at(k, 5), 8, Q2_COPIED | to);
		open_image(k, false, false);
		assert_int_equal(put(k, 4 * CLUSTER, 77, 512), 0);
		assert_int_equal(put(k, 5 * CLUSTER, 78, 512), EIO);
		assert_int_equal(put(k, 4 * CLUSTER, 79, 512), EIO);
		assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, 0, NULL, CLUSTER), EIO);
		expect(k, 4 * CLUSTER, 77, 512);
		q2kit_close(k);
		assert_int_equal(peek(k, 72, 8), Q2_INCOMPAT_CORRUPT);
	}
}

/* Row 37: data that the guest gives up was a table all the while, which stays one. */
static void test_row37_dropped_data_is_a_table(void **state)
{
	struct q2kit *k = *state;

	for (unsigned i = 0; i < 10; i++) {
		uint64_t to;

		make(k);
		to = i / 2 == 0   ? peek(k, 40, 8)
		     : i / 2 == 1 ? peek(k, 48, 8)
		     : i / 2 == 2 ? peek(k, peek(k, 48, 8), 8)
		     : i / 2 == 3 ? l2_entry_at(k, 0)
				  : Q2_COMPRESSED; /* the header can only be meant so */
		poke(k, l2_entry_at(k, 5), 8, to);
		open_image(k, false, false);
		if (i & 1)
			assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, 5 * CLUSTER, NULL, CLUSTER),
					 0);
		assert_int_equal(put(k, 5 * CLUSTER, 6, CLUSTER), 0);
		/* Whatever is free by then is taken. */
		for (unsigned n = 8; n < 40; n++) {
			assert_int_equal(q2kit_do(k, BLK_FLUSH, 0, 0, NULL, 0), 0);
			assert_int_equal(put(k, n * CLUSTER, (uint8_t)(n + 1), CLUSTER), 0);
		}
		q2kit_close(k);
		open_image(k, false, true);
		for (unsigned n = 1; n < 40; n++)
			expect(k, n * CLUSTER, (uint8_t)(n + 1), CLUSTER);
		q2kit_close(k);
		q2kit_check(k, k->image, true);
	}
}

/* Row 37: what walking all tables may cost is not the image's to say. */
static void test_row37_tables_named_often(void **state)
{
	struct q2kit *k = *state;
	const struct qcow2 *q;
	uint64_t l1, l2;

	sh(k, "qemu-img create -f qcow2 a.qcow2 1T && qemu-io -c 'write -P 1 0 64k' a.qcow2 && "
	      "qemu-img snapshot -c one a.qcow2");
	l1 = peek(k, peek(k, 64, 8), 8);
	l2 = peek(k, l1, 8);
	for (unsigned i = 1; i < 2048; i++)
		poke(k, l1 + i * 8, 8, l2);
	open_image(k, false, false);
	q = k->blk->state;
	assert_int_equal(put(k, CLUSTER, 2, CLUSTER), 0);
	assert_true(q->prepared);
	assert_false(q->know_used);
	expect(k, 0, 1, CLUSTER);
	expect(k, CLUSTER, 2, CLUSTER);
	q2kit_close(k);
}

/* Row 37: the table of a bitmap that would be behind the end of the file, or be walked for ever. */
static void test_row37_tables_of_bitmaps(void **state)
{
	struct q2kit *k = *state;
	const struct qcow2 *q;
	uint64_t at, dir;

	for (unsigned i = 0; i < 2; i++) {
		sh(k, "rm -f a.qcow2 && qemu-img create -f qcow2 -o cluster_size=512 a.qcow2 8M && "
		      "qemu-img bitmap --add a.qcow2 one");
		for (at = 0; peek(k, at, 4) != Q2_EXT_BITMAPS; at += 8)
			assert_true(at < 512);
		dir = peek(k, at + 24, 8);
		if (i)
			sh(k, "truncate -s 32M a.qcow2");
		/* 16 MiB; and so often that it comes to terabytes. */
		poke(k, dir + 8, 4, Q2_SNAPSHOT_BYTES_MAX / 8);
		if (i) {
			uint64_t len = Q2_SNAPSHOT_BYTES_MAX / 32 * 32, entry = peek(k, dir, 8);

			poke(k, at + 8, 4, (uint32_t)(len / 32));
			poke(k, at + 16, 8, len);
			poke(k, at + 24, 8, 16 * MIB);
			for (uint64_t n = 0; n < 4096; n++) {
				poke(k, 16 * MIB + n * 32, 8, entry);
				poke(k, 16 * MIB + n * 32 + 8, 4, Q2_SNAPSHOT_BYTES_MAX / 8);
				poke(k, 16 * MIB + n * 32 + 18, 2, 8);
			}
		}
		open_image(k, false, false);
		q = k->blk->state;
		assert_int_equal(put(k, 0, 1, 4 * MIB), 0);
		assert_int_equal(q->know_used, !i);
		assert_true(q->frontier <= q->used.cnt);
		expect(k, 0, 1, 4 * MIB);
		q2kit_close(k);
	}
}

/* Row 40: an image that was not closed has its reference counts made right before it is written to,
 * and is whole when it has been closed. */
static void test_row40_not_closed(void **state)
{
	struct q2kit *k = *state;
	uint64_t block;

	make(k);
	block = peek(k, peek(k, 48, 8), 8);
	for (unsigned i = 4; i < 16; i++)
		poke(k, block + i * 2, 2, 0);
	poke(k, 80, 8, Q2_COMPAT_LAZY_REFCOUNTS);
	poke(k, 72, 8, Q2_INCOMPAT_DIRTY);
	open_image(k, false, false);
	for (unsigned i = 20; i < 30; i++)
		assert_int_equal(put(k, i * CLUSTER, (uint8_t)(i + 1), CLUSTER), 0);
	q2kit_close(k);
	assert_int_equal(peek(k, 72, 8), 0);
	q2kit_check(k, k->image, false);
	open_image(k, false, true);
	expect(k, 6 * CLUSTER, 7, CLUSTER);
	expect(k, 25 * CLUSTER, 26, CLUSTER);
	q2kit_close(k);
}

/* Row 40: an image that is marked as corrupt can be read, and not written to. */
static void test_row40_marked_corrupt(void **state)
{
	struct q2kit *k = *state;

	make(k);
	poke(k, 72, 8, Q2_INCOMPAT_CORRUPT);
	refused(k, "a.qcow2", false, false, "is marked as corrupt and cannot be written to");
	open_image(k, false, true);
	expect(k, 6 * CLUSTER, 7, CLUSTER);
	q2kit_close(k);
	assert_int_equal(peek(k, 72, 8), Q2_INCOMPAT_CORRUPT);
}

static void test_row37_tables_over_tables(void **state)
{
	struct q2kit *k = *state;
	uint64_t l1;

	make(k);
	l1 = peek(k, 40, 8);
	poke(k, l1, 8, Q2_COPIED | peek(k, 48, 8));
	refused(k, "a.qcow2", false, false, "overlaps another table or the header");
	make(k);
	poke(k, 48, 8, l1);
	refused(k, "a.qcow2", false, false, "the refcount table");
}

/* Row 38: what a compressed cluster unpacks to is a cluster, or an error. */
static void test_row38_compressed_garbage(void **state)
{
	struct q2kit *k = *state;

	for (unsigned zstd = 0; zstd < 2; zstd++) {
		uint64_t entry, at, off;

		if (q2kit_run(k,
			      "qemu-img create -f raw r 1M && qemu-io -f raw -c 'write -P 5 0 1M' "
			      "r && qemu-img convert -c -O qcow2 -o compression_type=%s -f raw r "
			      "a.qcow2",
			      zstd ? "zstd" : "zlib"))
			fail_msg("%s", q2kit_log(k));
		at = l2_entry_at(k, 2);
		entry = peek(k, at, 8);
		assert_true(entry & Q2_COMPRESSED);
		off = entry & ((UINT64_C(1) << 54) - 1);
		poke(k, off, 8, UINT64_MAX);
		open_image(k, false, false);
		expect(k, CLUSTER, 5, CLUSTER);
		assert_int_equal(q2kit_do(k, BLK_READ, 0, 2 * CLUSTER, (uint8_t[512]){ 0 }, 512),
				 EIO);
		assert_int_equal(put(k, 2 * CLUSTER, 1, 512), EIO);
		/* All of it written anew: what was there is not needed. */
		assert_int_equal(put(k, 2 * CLUSTER, 1, CLUSTER), 0);
		expect(k, 2 * CLUSTER, 1, CLUSTER);
		q2kit_close(k);
		/* Out of the file. */
		poke(k, l2_entry_at(k, 3), 8, Q2_COMPRESSED | UINT64_C(1) << 45);
		open_image(k, false, true);
		assert_int_equal(q2kit_do(k, BLK_READ, 0, 3 * CLUSTER, (uint8_t[512]){ 0 }, 512),
				 EIO);
		expect(k, CLUSTER, 5, CLUSTER);
		q2kit_close(k);
	}
}

/* Row 39: the file is cut while it is in use. */
static void test_row39_truncated_underneath(void **state)
{
	struct q2kit *k = *state;

	make(k);
	open_image(k, false, true);
	expect(k, 0, 1, CLUSTER);
	assert_int_equal(truncate(k->image, 6 * CLUSTER), 0);
	assert_int_equal(q2kit_do(k, BLK_READ, 0, 7 * CLUSTER, (uint8_t[512]){ 0 }, 512), EIO);
	q2kit_close(k);
}

/* --- many at a time ----------------------------------------------------------------------------
 */

#define MANY 128

static unsigned many_done;

static void on_many(struct blk_req *r, int err)
{
	(void)r;
	assert_int_equal(err, 0);
	many_done++;
}

/* All sectors of one cluster that is not there yet, in one batch: none gets lost. */
static void test_many_writes_to_one_new_cluster(void **state)
{
	static struct blk_req r[MANY];
	static struct iovec iov[MANY];
	static uint8_t buf[MANY][512];
	struct q2kit *k = *state;

	q2kit_create(k->image, &(struct qcow2_options){ .size = 16 * MIB });
	open_image(k, false, false);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned at = i * 37 % MANY;

		memset(buf[i], (int)at + 1, 512);
		iov[i] = (struct iovec){ buf[i], 512 };
		r[i] = (struct blk_req){ .op = BLK_WRITE,
					 .off = CLUSTER + at * 512,
					 .len = 512,
					 .iov = &iov[i],
					 .iov_cnt = 1,
					 .done = on_many,
					 .next = i + 1 < MANY ? &r[i + 1] : NULL };
	}
	many_done = 0;
	blk_submit(k->blk, r);
	blk_drain(k->blk);
	assert_int_equal(many_done, MANY);
	for (unsigned i = 0; i < MANY; i++)
		expect(k, CLUSTER + i * 512, (uint8_t)(i + 1), 512);
	q2kit_close(k);
	q2kit_check(k, k->image, false);
	/* One cluster was taken, not 128. */
	assert_int_equal(q2kit_run(k, "qemu-img check a.qcow2 | grep -q '^1/256 = '"), 0);
}

/* A write that a slow host has not done yet, while its cluster is dropped, flushed and free: nobody
 * else gets the cluster before that write is over. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static off_t slow_off;

static ssize_t slow_write(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	/* Who must not wait is told to come back. */
	if (flags && slow_off && off == slow_off) {
		errno = EAGAIN;
		return -1;
	}
	pthread_mutex_lock(&lock);
	while (slow_off && off == slow_off)
		pthread_cond_wait(&released, &lock);
	pthread_mutex_unlock(&lock);
	return host_real.write(fd, iov, cnt, off, flags);
}

static void let_go(void)
{
	pthread_mutex_lock(&lock);
	slow_off = 0;
	pthread_cond_broadcast(&released);
	pthread_mutex_unlock(&lock);
}

static void begin(struct q2kit *k, struct blk_req *r, unsigned want)
{
	if (r)
		blk_submit(k->blk, r);
	for (unsigned i = 0; i < 5000 && many_done < want; i++) {
		blk_reap(k->blk);
		usleep(1000);
	}
	if (many_done != want)
		let_go();
	assert_int_equal(many_done, want);
}

static void test_dropped_cluster_waits_for_its_writers(void **state)
{
	static struct host_ops slow;
	static _Alignas(4096) uint8_t old[CLUSTER], new[CLUSTER];
	struct blk_config direct;
	struct q2kit *k = *state;
	struct iovec old_iov = { old, CLUSTER }, new_iov = { new, CLUSTER };
	struct blk_req late = {
		.op = BLK_WRITE, .len = CLUSTER, .iov = &old_iov, .iov_cnt = 1, .done = on_many
	};
	struct blk_req drop = { .op = BLK_DISCARD, .len = CLUSTER, .done = on_many };
	struct blk_req flush = { .op = BLK_FLUSH, .done = on_many };
	struct blk_req next[4];

	make(k);
	memset(old, 0xee, CLUSTER);
	memset(new, 0x11, CLUSTER);
	slow_off = (off_t)(peek(k, l2_entry_at(k, 0), 8) & Q2_OFFSET);
	slow = host_real;
	slow.write = slow_write;
	host = &slow;
	/* Writes through the page cache are made one after the other. */
	direct = q2kit_config(k->image);
	direct.cache = BLK_CACHE_NONE;
	q2kit_open(k, &direct);
	many_done = 0;
	/* Knows what is in use, so that free clusters are used again; the next write is in place.
	 */
	next[0] = (struct blk_req){ .op = BLK_WRITE,
				    .off = 7 * CLUSTER,
				    .len = CLUSTER,
				    .iov = &new_iov,
				    .iov_cnt = 1,
				    .done = on_many };
	begin(k, &next[0], 1);
	blk_submit(k->blk, &late);
	begin(k, &drop, 2);
	begin(k, &flush, 3);
	for (unsigned i = 0; i < 4; i++) {
		next[i] = (struct blk_req){ .op = BLK_WRITE,
					    .off = (20 + i) * CLUSTER,
					    .len = CLUSTER,
					    .iov = &new_iov,
					    .iov_cnt = 1,
					    .done = on_many };
		begin(k, &next[i], 4 + i);
	}
	let_go();
	begin(k, NULL, 8);
	for (unsigned i = 0; i < 4; i++)
		expect(k, (20 + i) * CLUSTER, 0x11, CLUSTER);
	expect(k, 0, 0, CLUSTER);
	q2kit_close(k);
	host = &host_real;
	q2kit_check(k, k->image, false);
}

/* Discarded clusters are holes in the file. */
static void test_discard_frees_host_space(void **state)
{
	struct q2kit *k = *state;
	struct stat before, after;

	q2kit_create(k->image, &(struct qcow2_options){ .size = 64 * MIB });
	open_image(k, false, false);
	assert_int_equal(put(k, 0, 1, 32 * MIB), 0);
	assert_int_equal(q2kit_do(k, BLK_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(stat(k->image, &before), 0);
	assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, MIB, NULL, 30 * MIB), 0);
	assert_int_equal(q2kit_do(k, BLK_FLUSH, 0, 0, NULL, 0), 0);
	blk_drain(k->blk);
	assert_int_equal(stat(k->image, &after), 0);
	assert_true((before.st_blocks - after.st_blocks) * 512 >= (blkcnt_t)(29 * MIB));
	/* And they are used again. */
	assert_int_equal(put(k, 40 * MIB, 2, 20 * MIB), 0);
	q2kit_close(k);
	assert_int_equal(stat(k->image, &after), 0);
	assert_true(after.st_size <= before.st_size + (off_t)MIB);
	q2kit_check(k, k->image, false);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_options_of_qemu_img),
		TEST(test_snapshots_survive),
		TEST(test_compressed_images),
		TEST(test_autoclear_bits_are_cleared),
		TEST(test_backing_chain),
		TEST(test_row31_backing_name),
		TEST(test_row31_backing_format),
		TEST(test_row32_backing_loop_and_depth),
		TEST(test_row34_entries_outside),
		TEST(test_row37_refcounts_lie),
		TEST(test_row37_data_over_tables),
		TEST(test_row37_tables_over_tables),
		TEST(test_row37_dropped_data_is_a_table),
		TEST(test_row37_tables_named_often),
		TEST(test_row37_tables_of_bitmaps),
		TEST(test_row40_not_closed),
		TEST(test_row40_marked_corrupt),
		TEST(test_row38_compressed_garbage),
		TEST(test_row39_truncated_underneath),
		TEST(test_many_writes_to_one_new_cluster),
		TEST(test_dropped_cluster_waits_for_its_writers),
		TEST(test_discard_frees_host_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
