/* SPDX-License-Identifier: MIT */
/*
 * test_qcow2_faults.c: a host whose n-th write, read, sync, hole or allocation fails, for every n
 * that a short life of an image has, qcow2 or raw, with every engine. The guest gets an error for
 * what failed and the rest goes on; what was acknowledged is there afterwards, and the image is
 * sound (rows 41, 42, 43).
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "tests/lib/fault.h"
#include "tests/lib/q2kit.h"
#include "vmm/cli.h"
#include "vmm/error.h"

/* --- memory ----------------------------------------------------------------------------------- */

#define MEMORY HOST_CALLS /* as an enum host_call: the n-th allocation fails */

static _Atomic unsigned allocations, fail_at; /* 0: none */
static _Atomic bool failed;

#if !SANITIZED && defined(__GLIBC__)
#define CAN_FAIL 1
static bool no_memory(void)
{
	if (!fail_at || ++allocations != fail_at)
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

/* glibc's own, under the names that it has for programs that put theirs in front (malloc(3)). */
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t cnt, size_t len);
void *__libc_realloc(void *p, size_t len);
void *__libc_memalign(size_t align, size_t len);

void *malloc(size_t len)
{
	return no_memory() ? NULL : __libc_malloc(len);
}

void *calloc(size_t cnt, size_t len)
{
	return no_memory() ? NULL : __libc_calloc(cnt, len);
}

void *realloc(void *p, size_t len)
{
	return no_memory() ? NULL : __libc_realloc(p, len);
}

void *aligned_alloc(size_t align, size_t len)
{
	return no_memory() ? NULL : __libc_memalign(align, len);
}
#else
#define CAN_FAIL 0
#endif

static void arm(enum host_call call, unsigned n, int err)
{
	if (call != MEMORY) {
		fault_arm(call, n, err);
		return;
	}
	failed = false;
	allocations = 0;
	fail_at = n;
}

static bool disarm(enum host_call call)
{
	if (call != MEMORY)
		return fault_disarm();
	fail_at = 0;
	return failed;
}

/* --- lives ------------------------------------------------------------------------------------ */

#define SIZE    (512 * KIB)
#define SECTORS (SIZE / 512)

struct life {
	struct q2kit kit;
	struct blk_config config;
	uint64_t seed;
	uint8_t buf[SIZE];
	uint64_t val[SECTORS]; /* as acknowledged */
	bool unknown[SECTORS]; /* a request for it failed */
	bool unflushed[SECTORS];
	bool sync_failed;
	unsigned errors;
};

static void fill(struct life *l, uint64_t first, uint64_t cnt, uint64_t tag)
{
	for (uint64_t s = 0; s < cnt; s++) {
		memset(l->buf + s * 512, 0, 512);
		memcpy(l->buf + s * 512, (uint64_t[]){ tag ? tag + first + s : 0 }, 8);
	}
}

static void check(struct life *l, uint64_t first, uint64_t cnt)
{
	for (uint64_t s = 0; s < cnt; s++) {
		uint64_t v;

		memcpy(&v, l->buf + s * 512, 8);
		if (!l->unknown[first + s] && v != l->val[first + s])
			fail_msg("sector %llu holds %#llx, not %#llx",
				 (unsigned long long)(first + s), (unsigned long long)v,
				 (unsigned long long)l->val[first + s]);
	}
}

static void change(struct life *l, enum blk_op op, unsigned flags, uint64_t first, uint64_t cnt,
		   uint64_t tag)
{
	int r;

	fill(l, first, cnt, tag);
	r = q2kit_do(&l->kit, op, flags, first * 512, op == BLK_WRITE ? l->buf : NULL, cnt * 512);
	l->errors += r != 0;
	for (uint64_t s = first; s < first + cnt; s++) {
		l->val[s] = tag ? tag + s : 0;
		l->unknown[s] = r != 0 || (op == BLK_DISCARD && l->unknown[s]);
		l->unflushed[s] = true;
	}
}

static void one(struct life *l, unsigned n)
{
	uint64_t kind = q2kit_rand(&l->seed) % 10;
	uint64_t cnt = 1 + q2kit_rand(&l->seed) % 40,
		 first = q2kit_rand(&l->seed) % (SECTORS - cnt);
	int r;

	if (kind < 5) {
		change(l, BLK_WRITE, 0, first, cnt, (uint64_t)(n + 1) << 32);
	} else if (kind == 5) {
		change(l, BLK_ZERO, n % 2 ? BLK_ZERO_UNMAP : 0, first, cnt, 0);
	} else if (kind == 6) {
		/* Of whole clusters there is no doubt what a discard leaves. */
		first = align_down(first, 8);
		if (!blk_info(l->kit.blk).discard_granularity)
			return; /* it would do nothing */
		change(l, BLK_DISCARD, 0, first, align_down(cnt, 8), 0);
	} else if (kind == 7) {
		r = q2kit_do(&l->kit, BLK_FLUSH, 0, 0, NULL, 0);
		l->errors += r != 0;
		if (!r)
			memset(l->unflushed, 0, sizeof(l->unflushed));
	} else {
		r = q2kit_do(&l->kit, BLK_READ, 0, first * 512, l->buf, cnt * 512);
		l->errors += r != 0;
		if (!r)
			check(l, first, cnt);
	}
}

static enum blk_engine engine = BLK_ENGINE_THREADS;
static enum blk_cache cache = BLK_CACHE_WRITEBACK;

/* @o NULL: a raw one. */
static void make_image(struct life *l, const struct qcow2_options *o)
{
	l->config = q2kit_config(l->kit.image);
	l->config.engine = engine;
	l->config.cache = cache;
	if (o) {
		q2kit_create(l->kit.image, o);
		return;
	}
	l->config.format = BLK_FORMAT_RAW;
	assert_int_equal(q2kit_run(&l->kit, "truncate -s 512K a.qcow2"), 0);
}

/* What must be there when the image is opened on a host that works. */
static void afterwards(struct life *l)
{
	for (unsigned s = 0; s < SECTORS && l->sync_failed; s++)
		l->unknown[s] |= l->unflushed[s];
	if (l->config.format == BLK_FORMAT_QCOW2)
		q2kit_check(&l->kit, l->kit.image, true);
	q2kit_open(&l->kit, &l->config);
	assert_int_equal(q2kit_do(&l->kit, BLK_READ, 0, 0, l->buf, SIZE), 0);
	check(l, 0, SECTORS);
	q2kit_close(&l->kit);
}

/* Nobody hears of these: they are tried again, or gone on with. */
static bool passes(int err)
{
	return err == FAULT_SHORT || err == EINTR || err == EAGAIN;
}

/* True: the fault came. */
static bool live(const struct qcow2_options *o, enum host_call call, unsigned n, int err)
{
	static struct life l;
	struct error *e = NULL;
	bool opened, came;

	l = (struct life){ .seed = 77, .sync_failed = call == HOST_SYNC };
	q2kit_init(&l.kit);
	make_image(&l, o);
	arm(call, n, err);
	opened = blk_open(&l.config, l.kit.loop, &l.kit.blk, &e) == 0;
	for (unsigned i = 0; opened && i < 60; i++)
		one(&l, i);
	/* What could not be written at first is written when the image is closed. */
	came = disarm(call);
	if (!opened)
		assert_true(came && (call == MEMORY || error_msg(e)[0]));
	error_free(e);
	/* A write-back that nobody waits for may fail unheard, and is tried again. */
	if (came && opened && !passes(err) && call != HOST_FALLOCATE && call != MEMORY &&
	    q2_cache_slices_max == UINT32_MAX)
		assert_true(l.errors > 0);
	if (!came || passes(err))
		assert_int_equal(l.errors, 0);
	q2kit_close(&l.kit);
	afterwards(&l);
	q2kit_free(&l.kit);
	return came;
}

static void every(const struct qcow2_options *o, enum host_call call, int err, unsigned step)
{
	unsigned n = 1;

	while (live(o, call, n, err))
		n += step;
	assert_true(n > 3);
}

static const struct qcow2_options small = { .size = SIZE, .cluster = 4096 };
static const struct qcow2_options tiny = { .size = SIZE, .cluster = 512, .refcount_bits = 64 };
static const struct qcow2_options lazy = { .size = SIZE, .cluster = 4096, .lazy_refcounts = true };

static void test_row42_write_fails(void **state)
{
	(void)state;
	every(&small, HOST_WRITE, EIO, 1);
	every(&tiny, HOST_WRITE, EIO, 7);
}

static void test_row41_no_space(void **state)
{
	(void)state;
	every(&small, HOST_WRITE, ENOSPC, 2);
	every(&tiny, HOST_WRITE, ENOSPC, 11);
}

static void test_row42_short_writes_and_reads(void **state)
{
	(void)state;
	every(&small, HOST_WRITE, FAULT_SHORT, 3);
	every(&small, HOST_READ, FAULT_SHORT, 3);
}

static void test_row42_read_fails(void **state)
{
	(void)state;
	every(&small, HOST_READ, EIO, 1);
	every(&tiny, HOST_READ, EIO, 5);
}

/* Row 43: the flush that failed says so, and so do all after it; nothing flushed before is lost. */
static void test_row43_sync_fails(void **state)
{
	(void)state;
	every(&small, HOST_SYNC, EIO, 1);
	every(&tiny, HOST_SYNC, EIO, 1);
}

static void test_row42_hole_fails(void **state)
{
	(void)state;
	every(&small, HOST_FALLOCATE, EIO, 1);
}

static void test_row42_interrupted(void **state)
{
	(void)state;
	every(&small, HOST_WRITE, EINTR, 5);
	every(&small, HOST_READ, EINTR, 3);
	every(&small, HOST_SYNC, EINTR, 3);
	every(&small, HOST_FALLOCATE, EINTR, 1);
}

static void test_row42_no_memory(void **state)
{
	(void)state;
	if (!CAN_FAIL)
		skip();
	every(&small, MEMORY, ENOMEM, 1);
	every(&tiny, MEMORY, ENOMEM, 3);
	every(NULL, MEMORY, ENOMEM, 1);
}

/* Leaked clusters behind the end, up to where growing the bitmaps takes memory: what is known of
 * clusters reaches as far as they are looked for. */
static void test_row42_no_memory_behind_leaks(void **state)
{
	static const struct qcow2_options usual = { .size = 16 * MIB };
	static uint8_t ones[64 * KIB], data[64 * KIB];
	bool came = true;

	(void)state;
	if (!CAN_FAIL)
		skip();
	for (size_t i = 1; i < sizeof(ones); i += 2)
		ones[i] = 1;
	for (unsigned n = 1; came; n++) {
		struct blk_file *f = NULL;
		struct error *err = NULL;
		const struct qcow2 *q;
		struct blk_config c;
		struct q2kit k;

		q2kit_init(&k);
		q2kit_create(k.image, &usual);
		/* Its only refcount block is behind header and table. */
		assert_int_equal(file_open(NULL, k.image, 0, &f, &err), 0);
		assert_int_equal(file_pwrite(f, ones, sizeof(ones), 2 * 64 * KIB), 0);
		file_close(f);
		c = q2kit_config(k.image);
		q2kit_open(&k, &c);
		q = k.blk->state;
		arm(MEMORY, n, ENOMEM);
		q2kit_do(&k, BLK_WRITE, 0, 0, data, sizeof(data));
		came = disarm(MEMORY);
		assert_true(q->frontier <= q->used.cnt);
		assert_int_equal(q2kit_do(&k, BLK_WRITE, 0, 0, data, sizeof(data)), 0);
		assert_true(q->frontier <= q->used.cnt && q->frontier > 32768);
		q2kit_free(&k);
	}
}

static void test_row42_every_engine(void **state)
{
	static const struct {
		enum blk_engine engine;
		enum blk_cache cache;
	} v[] = { { BLK_ENGINE_URING, BLK_CACHE_WRITEBACK },
		  { BLK_ENGINE_URING, BLK_CACHE_NONE },
		  { BLK_ENGINE_AIO, BLK_CACHE_NONE },
		  { BLK_ENGINE_THREADS, BLK_CACHE_NONE } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		engine = v[i].engine;
		cache = v[i].cache;
		every(&small, HOST_WRITE, EIO, 13);
		every(&small, HOST_WRITE, FAULT_SHORT, 13);
		every(&small, HOST_READ, FAULT_SHORT, 13);
		every(&small, HOST_SYNC, EIO, 3);
		every(&small, HOST_SYNC, EINTR, 3);
	}
	engine = BLK_ENGINE_THREADS;
	cache = BLK_CACHE_WRITEBACK;
}

static void test_row42_raw(void **state)
{
	static const enum blk_engine v[] = { BLK_ENGINE_THREADS, BLK_ENGINE_URING };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		engine = v[i];
		every(NULL, HOST_WRITE, EIO, 3);
		every(NULL, HOST_WRITE, ENOSPC, 3);
		every(NULL, HOST_WRITE, EINTR, 3);
		every(NULL, HOST_WRITE, FAULT_SHORT, 3);
		every(NULL, HOST_READ, EIO, 1);
		every(NULL, HOST_READ, FAULT_SHORT, 1);
		every(NULL, HOST_SYNC, EIO, 1);
		every(NULL, HOST_FALLOCATE, EIO, 1);
	}
	engine = BLK_ENGINE_THREADS;
}

/* Another size: whichever call fails, the disk has one of the two, and all of it is right. */
static void resize(enum host_call call, unsigned n, const char *to, uint64_t size, bool *came)
{
	char verb[] = "img", action[] = "resize", backing[] = "--allow-backing",
	     shrink[] = "--shrink", number[16];
	struct error *err = NULL;
	struct blk_config c;
	static uint8_t buf[2 * MIB];
	struct q2kit k;
	uint64_t len;
	int r;

	q2kit_init(&k);
	assert_int_equal(q2kit_run(&k, "qemu-img create -f raw low.raw 2M && "
				       "qemu-io -f raw -c 'write -P 7 0 2M' low.raw && "
				       "qemu-img create -f qcow2 -o cluster_size=512 -b low.raw "
				       "-F raw a.qcow2 1000K"),
			 0);
	snprintf(number, sizeof(number), "%s", to);
	arm(call, n, call == MEMORY ? ENOMEM : EIO);
	r = cmd_img(6, (char *[]){ verb, action, backing, shrink, k.image, number, NULL }, &err);
	*came = disarm(call);
	if (!*came)
		assert_int_equal(r, 0);
	error_free(err);
	q2kit_check(&k, k.image, true);
	c = q2kit_config(k.image);
	c.backing = true;
	q2kit_open(&k, &c);
	len = blk_info(k.blk).size;
	assert_true(len == 1000 * KIB || len == size);
	assert_true(r || len == size);
	assert_int_equal(q2kit_do(&k, BLK_READ, 0, 0, buf, len), 0);
	for (uint64_t i = 0; i < len; i++)
		if (buf[i] != (i < 1000 * KIB ? 7 : 0) && !(i >= size && !buf[i]))
			fail_msg("byte %llu is %u", (unsigned long long)i, buf[i]);
	q2kit_free(&k);
}

static void test_row42_resize(void **state)
{
	(void)state;
	for (int call = 0; call <= (CAN_FAIL ? MEMORY : HOST_LOCK); call++) {
		bool came = true;

		for (unsigned n = 1; came; n += call == HOST_WRITE || call == MEMORY ? 7 : 2)
			resize((enum host_call)call, n, "1500K", 1500 * KIB, &came);
		came = true;
		for (unsigned n = 1; came; n += call == HOST_WRITE || call == MEMORY ? 7 : 2)
			resize((enum host_call)call, n, "500K", 500 * KIB, &came);
	}
}

/* The same with a cache that is always full: who waits for room gets the error, too. */
static void test_row42_write_fails_with_a_full_cache(void **state)
{
	(void)state;
	q2_cache_slices_max = 70;
	every(&tiny, HOST_WRITE, EIO, 9);
	every(&tiny, HOST_SYNC, EIO, 2);
	q2_cache_slices_max = UINT32_MAX;
}

/* Row 41: space runs out for good, and comes back: nothing is damaged, and all goes on. */
static void test_row41_full_for_a_while(void **state)
{
	static struct life l;

	(void)state;
	l = (struct life){ .seed = 5 };
	q2kit_init(&l.kit);
	l.config = q2kit_config(l.kit.image);
	q2kit_create(l.kit.image, &lazy);
	q2kit_open(&l.kit, &l.config);
	for (unsigned i = 0; i < 40; i++) {
		if (i % 10 == 3)
			fault_arm(HOST_WRITE, FAULT_EVERY, ENOSPC);
		if (i % 10 == 7)
			assert_true(fault_disarm());
		one(&l, i);
	}
	assert_true(l.errors > 4);
	q2kit_close(&l.kit);
	afterwards(&l);
	q2kit_free(&l.kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row42_write_fails),
		cmocka_unit_test(test_row41_no_space),
		cmocka_unit_test(test_row42_short_writes_and_reads),
		cmocka_unit_test(test_row42_read_fails),
		cmocka_unit_test(test_row43_sync_fails),
		cmocka_unit_test(test_row42_hole_fails),
		cmocka_unit_test(test_row42_interrupted),
		cmocka_unit_test(test_row42_no_memory),
		cmocka_unit_test(test_row42_no_memory_behind_leaks),
		cmocka_unit_test(test_row42_every_engine),
		cmocka_unit_test(test_row42_raw),
		cmocka_unit_test(test_row42_resize),
		cmocka_unit_test(test_row42_write_fails_with_a_full_cache),
		cmocka_unit_test(test_row41_full_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
