/* SPDX-License-Identifier: MIT */
/*
 * blk.c: what one request costs in the block layer, with a loop and a device that asks again as
 * soon as it is answered, but without a guest.
 *
 *   blk FILE ENGINE CACHE OP DEPTH BYTES COUNT
 *
 * ENGINE: uring, aio, threads, auto; CACHE: writeback, none, unsafe; OP: read, write. The file is
 * read once first, so that it is in the page cache. Prints nanoseconds per request: of the clock,
 * and of CPU time. Where a nanosecond is an instruction (qemu-system -icount shift=0,sleep=off) the
 * first counts instructions, the kernel's included.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "block/blk.h"
#include "vmm/error.h"
#include "vmm/loop.h"

#define MAX_DEPTH 256

struct bench {
	struct ev_work kick;
	struct loop *loop;
	struct blk *blk;
	enum blk_op op;
	uint64_t bytes, left, in_flight, seed, failed;
	unsigned depth;
	bool reaping;
	struct blk_req *idle;
	struct one {
		struct blk_req r;
		struct bench *b;
		struct iovec iov;
	} one[MAX_DEPTH];
};

static void done(struct blk_req *r, int err)
{
	struct bench *b = container_of(r, struct one, r)->b;

	b->failed += err != 0;
	b->in_flight--;
	r->next = b->idle;
	b->idle = r;
}

static void fill(struct bench *b)
{
	uint64_t blocks = blk_info(b->blk).size / b->bytes;

	while (b->idle && b->left) {
		struct blk_req *batch = NULL;

		while (b->idle && b->left) {
			struct blk_req *r = b->idle;

			b->idle = r->next;
			b->left--;
			b->in_flight++;
			b->seed = b->seed * 6364136223846793005 + 1442695040888963407;
			r->op = b->op;
			r->off = (b->seed >> 33) % blocks * b->bytes;
			r->next = batch;
			batch = r;
		}
		blk_submit(b->blk, batch);
		blk_reap(b->blk);
	}
	if (!b->left && !b->in_flight)
		loop_stop(b->loop);
}

static void on_kick(struct ev_work *w)
{
	fill(container_of(w, struct bench, kick));
}

static void on_batch_end(void *opaque)
{
	fill(opaque);
}

static uint64_t clock_ns(clockid_t c)
{
	struct timespec t;

	clock_gettime(c, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int pick(const char *s, const char *const *names, int cnt)
{
	for (int i = 0; i < cnt; i++)
		if (!strcmp(s, names[i]))
			return i;
	fprintf(stderr, "blk: unknown '%s'\n", s);
	exit(2);
}

int main(int argc, char **argv)
{
	static const char *const engines[] = { "auto", "uring", "aio", "threads" };
	static const char *const caches[] = { "writeback", "none", "unsafe" };
	static const char *const ops[] = { "read", "write" };
	static struct bench b;
	struct blk_config c = { .format = BLK_FORMAT_RAW };
	struct error *e = NULL;
	uint64_t count, wall, cpu;
	char *mem;

	if (argc != 8) {
		fprintf(stderr, "usage: blk FILE ENGINE CACHE OP DEPTH BYTES COUNT\n");
		return 2;
	}
	c.path = argv[1];
	c.engine = (enum blk_engine)pick(argv[2], engines, 4);
	c.cache = (enum blk_cache)pick(argv[3], caches, 3);
	b.op = (enum blk_op)pick(argv[4], ops, 2);
	b.depth = (unsigned)min_u64(strtoull(argv[5], NULL, 10), MAX_DEPTH);
	b.bytes = strtoull(argv[6], NULL, 10);
	b.left = count = strtoull(argv[7], NULL, 10);
	b.seed = 1;
	b.kick.cb = on_kick;
	b.loop = loop_create("bench", &e);
	if (!b.loop || blk_open(&c, b.loop, &b.blk, &e) < 0) {
		error_print(e, stderr);
		return 1;
	}
	blk_on_batch_end(b.blk, on_batch_end, &b);
	mem = aligned_alloc(4096, b.bytes * b.depth);
	if (!mem)
		return 1;
	memset(mem, 1, b.bytes * b.depth);
	for (unsigned i = 0; i < b.depth; i++) {
		struct one *o = &b.one[i];

		o->b = &b;
		o->iov = (struct iovec){ mem + b.bytes * i, b.bytes };
		o->r = (struct blk_req){
			.len = b.bytes, .iov = &o->iov, .iov_cnt = 1, .done = done, .next = b.idle
		};
		b.idle = &o->r;
	}
	loop_post(b.loop, &b.kick);
	wall = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	loop_run(b.loop);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	printf("%-8s %-9s %-5s depth %3u  %7llu bytes: %8llu ns, %8llu ns of CPU\n",
	       blk_info(b.blk).engine, argv[3], argv[4], b.depth, (unsigned long long)b.bytes,
	       (unsigned long long)(wall / count), (unsigned long long)(cpu / count));
	if (b.failed)
		printf("%llu FAILED\n", (unsigned long long)b.failed);
	blk_close(b.blk);
	loop_destroy(b.loop);
	free(mem);
	return b.failed != 0;
}
