/* SPDX-License-Identifier: MIT */
/* blk.c: a disk as its device sees it, over every engine and cache mode that this host has. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/diskkit.h"
#include "tests/lib/fault.h"

static struct blk_config config(const char *path, enum blk_engine e, enum blk_cache c)
{
	return (struct blk_config){
		.path = (char *)(uintptr_t)path, .format = BLK_FORMAT_RAW, .engine = e, .cache = c
	};
}

/* Calls fn for each engine and cache mode. */
static void for_each(void (*fn)(enum blk_engine e, enum blk_cache c))
{
	for (enum blk_engine e = BLK_ENGINE_AUTO; e <= BLK_ENGINE_THREADS; e++)
		for (enum blk_cache c = BLK_CACHE_WRITEBACK; c <= BLK_CACHE_UNSAFE; c++)
			if (disk_possible(e, c))
				fn(e, c);
}

static void *buffer(size_t len)
{
	void *p = aligned_alloc(4096, align_up(len, 4096));

	assert_non_null(p);
	memset(p, 0, len);
	return p;
}

static void basics_with(enum blk_engine e, enum blk_cache c)
{
	const char *path = disk_file("basics", MIB, 0x11);
	struct blk_config conf = config(path, e, c);
	struct disk d;
	struct blk_info i;
	uint8_t *a = buffer(65536), *b = buffer(65536);

	disk_open(&d, &conf);
	i = blk_info(d.blk);
	assert_int_equal(i.size, MIB);
	assert_int_equal(i.logical_block, 512);
	assert_false(i.readonly);
	assert_string_equal(i.format, "raw");
	if (e != BLK_ENGINE_AUTO)
		assert_string_equal(i.engine, disk_engines[e]);

	assert_int_equal(disk_do(&d, BLK_READ, 0, 4096, a, 65536), 0);
	assert_int_equal(a[0], 0x11);
	assert_int_equal(a[65535], 0x11);
	memset(a, 0x5a, 65536);
	assert_int_equal(disk_do(&d, BLK_WRITE, 0, 8192, a, 4096), 0);
	assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
	assert_int_equal(disk_do(&d, BLK_READ, 0, 8192 - 512, b, 4096 + 1024), 0);
	assert_int_equal(b[511], 0x11);
	assert_memory_equal(b + 512, a, 4096);
	assert_int_equal(b[512 + 4096], 0x11);
	disk_peek(path, 8192, b, 4096);
	assert_memory_equal(b, a, 4096);

	/* Written through, and at the very end. */
	assert_int_equal(disk_do(&d, BLK_WRITE, BLK_SYNC, MIB - 4096, a, 4096), 0);
	disk_peek(path, MIB - 4096, b, 4096);
	assert_memory_equal(b, a, 4096);

	memset(a, 0, 65536);
	for (unsigned flags = 0; flags < 4; flags++) {
		memset(b, 0x77, 65536);
		assert_int_equal(disk_do(&d, BLK_WRITE, 0, 65536, b, 65536), 0);
		assert_int_equal(disk_do(&d, BLK_ZERO, flags, 65536 + 512, NULL, 65536 - 512), 0);
		assert_int_equal(disk_do(&d, BLK_READ, 0, 65536, b, 65536), 0);
		assert_int_equal(b[511], 0x77);
		assert_memory_equal(b + 512, a, 65536 - 512);
	}
	assert_int_equal(disk_do(&d, BLK_DISCARD, 0, 8192, NULL, 4096), 0);
	if (i.discard_granularity) {
		assert_int_equal(disk_do(&d, BLK_READ, 0, 8192, b, 4096), 0);
		assert_memory_equal(b, a, 4096); /* a hole reads as zeros */
	}
	disk_close(&d);
	free(a);
	free(b);
}

static void basics(void **state)
{
	(void)state;
	for_each(basics_with);
}

/* --- many at once, with memory of all shapes, against a copy in memory ------------------------ */

static uint64_t rnd_state = 1;

static uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

#define MODEL_SIZE (512 * 1024u)
#define MODEL_OPS  12u

/* @p cut into segments of odd sizes; how many. */
static unsigned cut(uint8_t *p, size_t len, struct iovec *iov, unsigned max)
{
	unsigned n = 0;

	while (len) {
		size_t part = n + 1 == max ? len : 1 + rnd() % len;

		if (rnd() % 2 && part > 512 && n + 1 < max)
			part = part / 512 * 512;
		iov[n++] = (struct iovec){ p, part };
		p += part;
		len -= part;
	}
	return n;
}

struct model {
	uint8_t *disk, *mem;
	struct disk_op op[MODEL_OPS];
	struct iovec iov[MODEL_OPS][8];
};

/* Requests of one batch keep to places of their own: what overlaps has no order. */
static void make_batch(struct model *m, bool no_discard)
{
	const size_t slice = MODEL_SIZE / MODEL_OPS / 512 * 512;

	for (unsigned i = 0; i < MODEL_OPS; i++) {
		static const enum blk_op ops[] = { BLK_READ, BLK_READ,    BLK_WRITE, BLK_WRITE,
						   BLK_ZERO, BLK_DISCARD, BLK_FLUSH };
		uint64_t lo = rnd() % (slice / 512), hi = lo + 1 + rnd() % (slice / 512 - lo);
		struct disk_op *o = &m->op[i];
		bool odd_memory = rnd() % 2;

		*o = (struct disk_op){ .op = ops[rnd() % ARRAY_LEN(ops)],
				       .flags = 0,
				       .off = i * slice + lo * 512,
				       .len = (hi - lo) * 512,
				       .iov = m->iov[i] };
		if (o->op == BLK_DISCARD && no_discard)
			o->op = BLK_ZERO;
		if (o->op == BLK_FLUSH)
			o->off = o->len = 0;
		if (o->op == BLK_WRITE || o->op == BLK_ZERO)
			o->flags = rnd() % 4 == 0 ? BLK_SYNC : 0;
		if (o->op == BLK_ZERO && rnd() % 2)
			o->flags |= BLK_ZERO_UNMAP;
		o->buf = m->mem + i * (slice + 4096) + (odd_memory ? 1 + rnd() % 600 : 0);
		for (size_t k = 0; k < o->len; k++)
			((uint8_t *)o->buf)[k] = (uint8_t)rnd();
		o->iov_cnt = cut(o->buf, o->len, o->iov, odd_memory ? 8 : 1);
	}
}

static void check_batch(struct model *m, bool discard_zeros)
{
	for (unsigned i = 0; i < MODEL_OPS; i++) {
		struct disk_op *o = &m->op[i];

		assert_int_equal(o->err, 0);
		switch (o->op) {
		case BLK_READ:
			assert_memory_equal(o->buf, m->disk + o->off, o->len);
			break;
		case BLK_WRITE:
			memcpy(m->disk + o->off, o->buf, o->len);
			break;
		case BLK_DISCARD:
			if (discard_zeros)
				memset(m->disk + o->off, 0, o->len);
			break;
		case BLK_ZERO:
			memset(m->disk + o->off, 0, o->len);
			break;
		case BLK_FLUSH:
			break;
		}
	}
}

static void run_model(struct blk_config *conf, unsigned rounds, bool no_discard)
{
	struct model m = { .disk = buffer(MODEL_SIZE), .mem = buffer(MODEL_SIZE * 2) };
	uint8_t *all = buffer(MODEL_SIZE);
	struct disk d;
	bool zeros;

	disk_peek(conf->path, 0, m.disk, MODEL_SIZE);
	disk_open(&d, conf);
	zeros = blk_info(d.blk).discard_granularity != 0;
	for (unsigned i = 0; i < rounds; i++) {
		make_batch(&m, no_discard);
		disk_batch(&d, m.op, MODEL_OPS);
		check_batch(&m, zeros);
	}
	assert_int_equal(disk_do(&d, BLK_READ, 0, 0, all, MODEL_SIZE), 0);
	assert_memory_equal(all, m.disk, MODEL_SIZE);
	disk_close(&d);
	if (!conf->overlay) {
		disk_peek(conf->path, 0, all, MODEL_SIZE);
		assert_memory_equal(all, m.disk, MODEL_SIZE);
	}
	free(m.disk);
	free(m.mem);
	free(all);
}

static void model_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("model", MODEL_SIZE, 0x33), e, c);

	run_model(&conf, 60, false);
	conf.no_discard = true;
	run_model(&conf, 10, false);
}

static void test_row42_many_requests_with_odd_segments(void **state)
{
	(void)state;
	for_each(model_with);
}

static const char *device;

static void model_on_device(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(device, e, c);

	/* A device discards whole blocks; what became of the rest is not ours to know. */
	run_model(&conf, 30, true);
}

/* Host devices, with sectors of 512 and of 4096 bytes. The guest is told which, and if it asks for
 * less it gets that, too. */
static void block_devices(void **state)
{
	(void)state;
	for (unsigned block = 512; block <= 4096; block *= 8) {
		const char *path = disk_file("device", 4 * MIB, 0x33);
		struct blk_config conf;
		struct stat st;
		struct disk d;
		uint8_t p[4096];
		int fd;

		device = disk_loop(path, block);
		if (!device)
			skip();
		for_each(model_on_device);
		conf = config(device, BLK_ENGINE_AUTO, BLK_CACHE_WRITEBACK);
		disk_open(&d, &conf);
		assert_int_equal(blk_info(d.blk).logical_block, block);
		assert_int_equal(blk_info(d.blk).size, 4 * MIB);
		assert_true(blk_info(d.blk).discard_granularity >= block);
		assert_int_equal(disk_do(&d, BLK_DISCARD, 0, 2 * MIB - 512, NULL, MIB + 1024), 0);
		assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
		assert_int_equal(disk_do(&d, BLK_READ, 0, 2 * MIB, p, 4096), 0);
		for (unsigned i = 0; i < 4096; i++)
			assert_int_equal(p[i], 0);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_blocks * 512 <= (blkcnt_t)(3 * MIB + 512 * KIB));
		/* What somebody has for himself (a mounted file system, too) is not written to. */
		disk_close(&d);
		fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_error(disk_try(&conf), "busy");
		conf.readonly = true;
		assert_no_error(disk_try(&conf));
		close(fd);
		disk_unloop();
	}
}

/* --- what is refused -----------------------------------------------------------------------------
 */

/* "sector + len overflow, beyond capacity, not x512": EINVAL, and the file does not grow. */
static void test_row26_out_of_range(void **state)
{
	static const struct {
		uint64_t off, len;
	} bad[] = {
		{ MIB, 512 },
		{ MIB - 512, 1024 },
		{ UINT64_MAX - 511, 512 },
		{ 0, MIB + 512 },
		{ 512, UINT64_MAX - 511 },
		{ UINT64_MAX - 511, 1024 },
		{ 1, 512 },
		{ 0, 511 },
		{ 256, 512 },
		{ INT64_MAX, 4096 },
		{ 1ull << 63, 512 },
		{ MIB, UINT64_MAX - 511 },
	};
	static const enum blk_op ops[] = { BLK_READ, BLK_WRITE, BLK_DISCARD, BLK_ZERO };
	struct blk_config conf = config(disk_file("range", MIB, 0), BLK_ENGINE_AUTO, 0);
	struct iovec many[BLK_IOV_MAX + 1];
	struct disk_op op = { .op = BLK_READ, .iov = many, .iov_cnt = BLK_IOV_MAX + 1 };
	uint8_t *p = buffer(4096);
	struct stat st;
	struct disk d;

	(void)state;
	disk_open(&d, &conf);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		for (size_t k = 0; k < ARRAY_LEN(ops); k++)
			assert_int_equal(disk_do(&d, ops[k], 0, bad[i].off, p, bad[i].len), EINVAL);
	assert_int_equal(disk_do(&d, (enum blk_op)77, 0, 0, p, 512), EINVAL);
	op.len = sizeof(many) / sizeof(many[0]) / 512 * 512;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct iovec){ p, i < op.len };
	disk_batch(&d, &op, 1);
	assert_int_equal(op.err, EINVAL);
	assert_int_equal(disk_do(&d, BLK_READ, 0, MIB, p, 0), 0);
	assert_int_equal(disk_do(&d, BLK_FLUSH, 0, UINT64_MAX, NULL, UINT64_MAX), 0);
	disk_close(&d);
	assert_int_equal(stat(conf.path, &st), 0);
	assert_int_equal(st.st_size, MIB);
	free(p);
}

/* "write to a read-only disk": refused here, and the descriptor could not anyway. A flush is fine.
 */
static void test_row27_read_only(void **state)
{
	static const enum blk_op ops[] = { BLK_WRITE, BLK_DISCARD, BLK_ZERO };
	uint8_t p[512], q[512];
	struct disk d;

	(void)state;
	for (unsigned overlay = 0; overlay < 2; overlay++) {
		struct blk_config conf = config(disk_file("ro", MIB, 9), BLK_ENGINE_AUTO, 0);

		conf.readonly = true;
		conf.overlay = overlay; /* adds nothing to a disk that is only read */
		disk_open(&d, &conf);
		assert_true(blk_info(d.blk).readonly);
		assert_int_equal(blk_info(d.blk).discard_granularity, 0);
		for (size_t k = 0; k < ARRAY_LEN(ops); k++)
			assert_int_equal(disk_do(&d, ops[k], 0, 0, p, 512), EROFS);
		assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
		assert_int_equal(disk_do(&d, BLK_READ, 0, 0, p, 512), 0);
		disk_peek(conf.path, 0, q, 512);
		assert_memory_equal(p, q, 512);
		disk_close(&d);
	}
}

/* --- completions ---------------------------------------------------------------------------------
 */

struct chain {
	struct blk_req r;
	struct iovec iov;
	uint8_t buf[512];
	struct disk *d;
	unsigned left, depth, deepest;
	sem_t over;
};

static void again(struct blk_req *r, int err)
{
	struct chain *c = container_of(r, struct chain, r);

	assert_int_equal(err, 0);
	if (++c->depth > c->deepest)
		c->deepest = c->depth;
	if (c->left--) {
		r->op = c->left % 3 ? BLK_READ : BLK_FLUSH;
		r->next = NULL;
		blk_submit(c->d->blk, r);
		blk_reap(c->d->blk);
	} else {
		sem_post(&c->over);
	}
	c->depth--;
}

static void begin_chain(void *arg)
{
	struct chain *c = arg;

	blk_submit(c->d->blk, &c->r);
	blk_reap(c->d->blk);
}

static void chain_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("chain", MIB, 9), e, c);
	struct chain ch = { .left = 300 }; /* the second one would be deeper */
	struct disk d;

	disk_open(&d, &conf);
	ch.d = &d;
	ch.iov = (struct iovec){ ch.buf, 512 };
	ch.r = (struct blk_req){
		.op = BLK_READ, .len = 512, .iov = &ch.iov, .iov_cnt = 1, .done = again
	};
	sem_init(&ch.over, 0, 0);
	disk_on_loop(&d, begin_chain, &ch);
	while (sem_wait(&ch.over) < 0)
		;
	disk_close(&d);
	assert_int_equal(ch.deepest, 1);
	sem_destroy(&ch.over);
}

/* done() may ask for more; however long the guest keeps that up, the stack does not grow. */
static void requests_from_done(void **state)
{
	(void)state;
	for_each(chain_with);
}

/* --- a slow disk and its neighbours
 * --------------------------------------------------------------- */

static _Atomic bool gate_closed;
static _Atomic unsigned at_gate;

static ssize_t slow_read(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	if (flags & RWF_NOWAIT) {
		errno = EAGAIN;
		return -1;
	}
	at_gate++;
	for (unsigned i = 0; gate_closed && i < 20000; i++)
		usleep(1000);
	return host_real.read(fd, iov, cnt, off, flags);
}

struct two {
	struct disk slow;
	struct blk *fast;
	struct blk_req r[8], f;
	struct iovec iov, fiov;
	uint8_t buf[512], fbuf[512];
	_Atomic unsigned slow_done;
	sem_t fast_done, all_done;
};

static struct two two;

static void slow_over(struct blk_req *r, int err)
{
	(void)r;
	assert_int_equal(err, 0);
	if (++two.slow_done == ARRAY_LEN(two.r))
		sem_post(&two.all_done);
}

static void fast_over(struct blk_req *r, int err)
{
	(void)r;
	assert_int_equal(err, 0);
	sem_post(&two.fast_done);
}

static void submit_slow(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(two.r); i++) {
		two.r[i] = (struct blk_req){
			.op = BLK_READ, .len = 512, .iov = &two.iov, .iov_cnt = 1, .done = slow_over
		};
		if (i)
			two.r[i - 1].next = &two.r[i];
	}
	blk_submit(two.slow.blk, &two.r[0]);
	blk_reap(two.slow.blk);
}

static void submit_fast(void *arg)
{
	(void)arg;
	two.f = (struct blk_req){
		.op = BLK_WRITE, .len = 512, .iov = &two.fiov, .iov_cnt = 1, .done = fast_over
	};
	blk_submit(two.fast, &two.f);
	blk_reap(two.fast);
}

/* "slow disk starves other devices": a host that lets all of one disk's reads wait does not keep
 * another disk on the same loop from its own. */
static void test_row48_slow_disk(void **state)
{
	static const struct host_ops *const real = &host_real;
	struct host_ops slow = *real;
	struct blk_config a = config(disk_file("slow", MIB, 1), BLK_ENGINE_THREADS, 0);
	struct blk_config b = config(disk_file("fast", MIB, 2), BLK_ENGINE_THREADS, 0);
	struct error *e = NULL;

	(void)state;
	slow.read = slow_read;
	two.iov = (struct iovec){ two.buf, 512 };
	two.fiov = (struct iovec){ two.fbuf, 512 };
	sem_init(&two.fast_done, 0, 0);
	sem_init(&two.all_done, 0, 0);
	two.slow.loop = loop_create("both", &e);
	assert_int_equal(blk_open(&a, two.slow.loop, &two.slow.blk, &e), 0);
	assert_int_equal(blk_open(&b, two.slow.loop, &two.fast, &e), 0);
	assert_int_equal(loop_start_thread(two.slow.loop, &e), 0);
	host = &slow;
	gate_closed = true;
	disk_on_loop(&two.slow, submit_slow, NULL);
	for (unsigned i = 0; i < 100; i++) {
		disk_on_loop(&two.slow, submit_fast, NULL);
		while (sem_wait(&two.fast_done) < 0)
			;
	}
	assert_int_equal(two.slow_done, 0);
	gate_closed = false;
	while (sem_wait(&two.all_done) < 0)
		;
	assert_int_equal(at_gate, ARRAY_LEN(two.r));
	host = real;
	loop_stop(two.slow.loop);
	blk_close(two.slow.blk);
	blk_close(two.fast);
	loop_destroy(two.slow.loop);
}

/* --- the rest
 * ------------------------------------------------------------------------------------- */

static void discard_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("discard", 4 * MIB, 0x21), e, c);
	struct stat before, after;
	struct disk d;

	for (unsigned i = 0; i < 3; i++) {
		conf.no_discard = i == 1;
		disk_open(&d, &conf);
		if (i == 0 && !blk_info(d.blk).discard_granularity) {
			fprintf(stderr, "SKIPPED: this file system frees no space\n");
			disk_close(&d);
			return;
		}
		if (i == 1)
			assert_int_equal(blk_info(d.blk).discard_granularity, 0);
		assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
		assert_int_equal(stat(conf.path, &before), 0);
		assert_int_equal(disk_do(&d, i == 2 ? BLK_ZERO : BLK_DISCARD, BLK_ZERO_UNMAP,
					 i * MIB, NULL, MIB),
				 0);
		assert_int_equal(disk_do(&d, BLK_FLUSH, 0, 0, NULL, 0), 0);
		assert_int_equal(stat(conf.path, &after), 0);
		assert_int_equal(before.st_size, after.st_size);
		if (i == 1)
			assert_int_equal(before.st_blocks, after.st_blocks);
		else
			assert_true(before.st_blocks - after.st_blocks > 1900);
		disk_close(&d);
	}
}

/* "Discard frees host space", and does nothing if it is told not to. */
static void discards(void **state)
{
	(void)state;
	for_each(discard_with);
}

/* A drain waits for all, what a limit holds back included; a close drains. */
static void drained_at_close(void **state)
{
	struct blk_config conf = config(disk_file("drain", MIB, 5), BLK_ENGINE_AUTO, 0);
	struct error *e = NULL;
	struct loop *l = loop_create("drain", &e);
	struct blk *b;

	(void)state;
	conf.iops = 1;
	two.slow_done = 0;
	sem_init(&two.all_done, 0, 0);
	assert_int_equal(blk_open(&conf, l, &b, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(two.r); i++)
		two.r[i] = (struct blk_req){ .op = BLK_READ,
					     .len = 512,
					     .iov = &two.iov,
					     .iov_cnt = 1,
					     .done = slow_over,
					     .next = i ? &two.r[i - 1] : NULL };
	blk_submit(b, &two.r[ARRAY_LEN(two.r) - 1]);
	assert_int_equal(two.slow_done, 0);
	blk_close(b);
	assert_int_equal(two.slow_done, ARRAY_LEN(two.r));
	loop_destroy(l);
}

struct many {
	struct blk *blk;
	struct blk_req r[DISK_BATCH];
	struct iovec iov[DISK_BATCH];
	uint8_t *buf;
	unsigned done, failed;
};

static void many_done(struct blk_req *r, int err)
{
	struct many *m = container_of(r - r->off / 65536, struct many, r[0]);

	m->done++;
	m->failed += err != 0;
}

static void submit_many(void *arg)
{
	struct many *m = arg;

	for (unsigned i = 0; i < DISK_BATCH; i++) {
		m->iov[i] = (struct iovec){ m->buf + i * 4096, 4096 };
		m->r[i] = (struct blk_req){ .op = i % 2 ? BLK_WRITE : BLK_READ,
					    .flags = i % 4 == 1 ? BLK_SYNC : 0,
					    .off = i * 65536,
					    .len = 4096,
					    .iov = &m->iov[i],
					    .iov_cnt = 1,
					    .done = many_done,
					    .next = i + 1 < DISK_BATCH ? &m->r[i + 1] : NULL };
	}
	blk_submit(m->blk, m->r);
}

static void outlives_with(enum blk_engine e, enum blk_cache c)
{
	struct blk_config conf = config(disk_file("outlive", DISK_BATCH * 65536, 0x71), e, c);
	struct many m = { .buf = buffer(DISK_BATCH * 4096) };
	struct disk d;

	disk_open(&d, &conf);
	m.blk = d.blk;
	disk_on_loop(&d, submit_many, &m);
	loop_stop(d.loop);
	blk_close(d.blk);
	assert_int_equal(m.done, DISK_BATCH);
	assert_int_equal(m.failed, 0);
	loop_destroy(d.loop);
	free(m.buf);
}

/* The thread that asked has ended before its answers came: whoever drains gets them. */
static void requests_outlive_their_thread(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		for_each(outlives_with);
}

/* Opening fails at each call of the host's: an error that names the file, no descriptor left. */
static void open_fails(void **state)
{
	struct blk_config conf = config(disk_file("of", MIB, 5), BLK_ENGINE_AUTO, 0);
	unsigned fds = disk_fds();

	(void)state;
	conf.format = BLK_FORMAT_PROBE;
	for (enum host_call call = 0; call < HOST_CALLS; call++)
		for (unsigned n = 1;; n++) {
			struct error *e;
			bool fired;

			conf.overlay = n & 1;
			fault_arm(call, n, EIO);
			e = disk_try(&conf);
			fired = fault_disarm();
			assert_int_equal(disk_fds(), fds);
			/* Where discarding is tried, failing means only that it is not done; and
			 * the last lock call is the unlocking at the close, which nothing comes of.
			 */
			if (fired && call != HOST_FALLOCATE && (e || call != HOST_LOCK))
				assert_error(e, conf.path);
			else
				assert_no_error(e);
			if (!fired && n > 1)
				break;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(basics),
		cmocka_unit_test(test_row42_many_requests_with_odd_segments),
		cmocka_unit_test(block_devices),
		cmocka_unit_test(test_row26_out_of_range),
		cmocka_unit_test(test_row27_read_only),
		cmocka_unit_test(requests_from_done),
		cmocka_unit_test(test_row48_slow_disk),
		cmocka_unit_test(discards),
		cmocka_unit_test(drained_at_close),
		cmocka_unit_test(requests_outlive_their_thread),
		cmocka_unit_test(open_fails),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
