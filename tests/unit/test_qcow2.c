/* SPDX-License-Identifier: MIT */
/*
 * test_qcow2.c: requests against a model in memory, and what is on disk in the end against
 * qemu-img's opinion.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "block/qcow2_internal.h"
#include "tests/lib/q2kit.h"
#include "vmm/error.h"

static enum blk_engine engine = BLK_ENGINE_THREADS;
static enum blk_cache cache = BLK_CACHE_WRITEBACK;

/* --- operations at random --------------------------------------------------------------------- */

struct world {
	struct q2kit kit;
	struct blk_config config;
	uint8_t *model, *buf;
	uint64_t size, seed;
};

static void world_init(struct world *w, const struct qcow2_options *o, uint64_t seed)
{
	q2kit_init(&w->kit);
	w->size = o->size;
	w->seed = seed;
	w->model = calloc(1, w->size);
	w->buf = malloc(w->size);
	w->config = q2kit_config(w->kit.image);
	w->config.engine = engine;
	w->config.cache = cache;
	q2kit_create(w->kit.image, o);
}

static void world_free(struct world *w)
{
	q2kit_free(&w->kit);
	free(w->model);
	free(w->buf);
}

/* A range of sectors: mostly small, sometimes whole clusters, sometimes a lot. */
static void pick(struct world *w, uint64_t *off, uint64_t *len)
{
	uint64_t kind = q2kit_rand(&w->seed) % 8, max = w->size / 512;
	uint64_t n = kind < 5   ? 1 + q2kit_rand(&w->seed) % 16
		     : kind < 7 ? 1 + q2kit_rand(&w->seed) % 400
				: 1 + q2kit_rand(&w->seed) % max;
	uint64_t at = q2kit_rand(&w->seed) % max;

	if (kind == 6)
		at = align_down(at, 128);
	n = min_u64(n, max - at);
	*off = at * 512;
	*len = n * 512;
}

static void fill(struct world *w, uint64_t len)
{
	uint64_t v = q2kit_rand(&w->seed);

	for (uint64_t i = 0; i < len; i += 8)
		memcpy(w->buf + i, (uint64_t[]){ v + i }, 8);
}

static void step(struct world *w)
{
	uint64_t off, len, op = q2kit_rand(&w->seed) % 20;
	struct q2kit *k = &w->kit;

	pick(w, &off, &len);
	if (op < 9) {
		fill(w, len);
		assert_int_equal(q2kit_do(k, BLK_WRITE, op == 0 ? BLK_SYNC : 0, off, w->buf, len),
				 0);
		memcpy(w->model + off, w->buf, len);
	} else if (op < 14) {
		assert_int_equal(q2kit_do(k, BLK_READ, 0, off, w->buf, len), 0);
		assert_memory_equal(w->buf, w->model + off, len);
	} else if (op < 16) {
		assert_int_equal(
			q2kit_do(k, BLK_ZERO, op == 14 ? BLK_ZERO_UNMAP : 0, off, NULL, len), 0);
		memset(w->model + off, 0, len);
	} else if (op < 18) {
		assert_int_equal(q2kit_do(k, BLK_DISCARD, 0, off, NULL, len), 0);
		/* What a discard leaves is the image's choice, but it stays what it is. */
		assert_int_equal(q2kit_do(k, BLK_READ, 0, off, w->buf, len), 0);
		for (uint64_t i = 0; i < len; i++)
			assert_true(!w->buf[i] || w->buf[i] == w->model[off + i]);
		memcpy(w->model + off, w->buf, len);
	} else if (op < 19) {
		assert_int_equal(q2kit_do(k, BLK_FLUSH, 0, 0, NULL, 0), 0);
	} else {
		q2kit_close(k);
		q2kit_check(k, k->image, false);
		q2kit_open(k, &w->config);
	}
}

static void random_ops(const struct qcow2_options *o, uint64_t seed, unsigned steps)
{
	struct world w;

	world_init(&w, o, seed);
	q2kit_open(&w.kit, &w.config);
	for (unsigned i = 0; i < steps; i++)
		step(&w);
	q2kit_close(&w.kit);
	q2kit_check(&w.kit, w.kit.image, false);
	q2kit_compare(&w.kit, w.kit.image, w.model, w.size);
	world_free(&w);
}

static void test_random_cluster_sizes(void **state)
{
	(void)state;
	for (unsigned bits = 9; bits <= 21; bits++) {
		random_ops(
			&(struct qcow2_options){ .size = (5 * MIB) + 512, .cluster = 1u << bits },
			bits * 7919, 150);
	}
}

static void test_random_versions_and_widths(void **state)
{
	(void)state;
	random_ops(&(struct qcow2_options){ .size = 3 * MIB, .version = 2, .cluster = 4096 }, 5,
		   200);
	random_ops(&(struct qcow2_options){ .size = 3 * MIB, .lazy_refcounts = true }, 6, 200);
	random_ops(&(struct qcow2_options){ .size = 3 * MIB, .zstd = true }, 7, 100);
	for (unsigned width = 1; width <= 64; width *= 2)
		random_ops(&(struct qcow2_options){ .size = 2 * MIB,
						    .cluster = 512,
						    .refcount_bits = width },
			   width + 100, 150);
}

/* Caches so small that everything is evicted, and that writes wait for a flush to make room. */
static void test_random_with_small_cache(void **state)
{
	(void)state;
	q2_cache_slices_max = 80;
	random_ops(&(struct qcow2_options){ .size = 6 * MIB, .cluster = 512 }, 21, 300);
	random_ops(&(struct qcow2_options){ .size = 6 * MIB, .cluster = 512, .refcount_bits = 64 },
		   22, 300);
	random_ops(
		&(struct qcow2_options){ .size = 6 * MIB, .cluster = 512, .lazy_refcounts = true },
		23, 300);
	q2_cache_slices_max = UINT32_MAX;
}

static void test_random_engines_and_caches(void **state)
{
	(void)state;
	for (enum blk_engine e = BLK_ENGINE_AUTO; e <= BLK_ENGINE_THREADS; e++) {
		for (enum blk_cache c = BLK_CACHE_WRITEBACK; c <= BLK_CACHE_UNSAFE; c++) {
			/* libaio is for O_DIRECT alone. */
			if (e == BLK_ENGINE_AIO && c != BLK_CACHE_NONE)
				continue;
			engine = e;
			cache = c;
			random_ops(&(struct qcow2_options){ .size = 3 * MIB, .cluster = 4096 },
				   300 + e * 10 + c, 60);
		}
	}
	engine = BLK_ENGINE_THREADS;
	cache = BLK_CACHE_WRITEBACK;
}

#define DEEP_SEGS 512

static void deep_done(struct blk_req *r, int err)
{
	assert_int_equal(err, 0);
	r->blk = NULL;
}

/* All segments are the same memory. */
static void *read_deep(void *arg)
{
	static uint8_t buf[512 * KIB];
	struct q2kit *k = arg;
	struct iovec iov[DEEP_SEGS];
	struct blk_req r = { .op = BLK_READ,
			     .len = DEEP_SEGS * sizeof(buf),
			     .iov = iov,
			     .iov_cnt = DEEP_SEGS,
			     .done = deep_done };

	memset(buf, 1, sizeof(buf));
	for (unsigned i = 0; i < DEEP_SEGS; i++)
		iov[i] = (struct iovec){ buf, sizeof(buf) };
	blk_submit(k->blk, &r);
	blk_drain(k->blk);
	assert_null(r.blk);
	assert_true(!buf[0] && !memcmp(buf, buf + 1, sizeof(buf) - 1));
	return NULL;
}

/* A read of many pieces that an empty image below answers at once takes no stack for each. */
static void test_many_pieces_of_an_empty_backing_file(void **state)
{
	struct blk_config c;
	pthread_attr_t attr;
	pthread_t thread;
	struct q2kit k;

	(void)state;
	q2kit_init(&k);
	assert_int_equal(
		q2kit_run(&k, "qemu-img create -f qcow2 -o cluster_size=512 low.qcow2 256M && "
			      "qemu-img create -f qcow2 -o cluster_size=512 -b low.qcow2 -F qcow2 "
			      "a.qcow2"),
		0);
	c = q2kit_config(k.image);
	c.backing = true;
	q2kit_open(&k, &c);
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, 512 * KIB), 0);
	assert_int_equal(pthread_create(&thread, &attr, read_deep, &k), 0);
	pthread_attr_destroy(&attr);
	pthread_join(thread, NULL);
	q2kit_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_cluster_sizes),
		cmocka_unit_test(test_random_versions_and_widths),
		cmocka_unit_test(test_random_with_small_cache),
		cmocka_unit_test(test_random_engines_and_caches),
		cmocka_unit_test(test_many_pieces_of_an_empty_backing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
