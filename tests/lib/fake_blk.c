/* SPDX-License-Identifier: MIT */
/* fake_blk.c: a disk in memory, see fake_blk.h. */
#include "tests/lib/fake_blk.h"

#include <stdio.h>
#include <string.h>

#include "vmm/bits.h"

/* Not assert(): fuzzers and tests are built with and without it. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "fake_blk.c:%d: not so: %s\n", __LINE__, #x);              \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static struct fake_blk *from_blk(const struct blk *b)
{
	return (struct fake_blk *)(uintptr_t)b;
}

struct fake_blk *fake_blk_new(uint64_t size)
{
	struct fake_blk *f = calloc(1, sizeof(*f));

	MUST(f);
	f->data = calloc(1, size);
	MUST(f->data);
	f->info = (struct blk_info){ .size = size,
				     .logical_block = 512,
				     .physical_block = 4096,
				     .discard_granularity = 4096,
				     .format = "fake",
				     .engine = "none" };
	f->next_size = size;
	f->last = &f->first;
	return f;
}

struct blk *fake_blk_close(struct blk *b)
{
	struct fake_blk *f = from_blk(b);

	if (!f)
		return NULL;
	MUST(!f->in_flight);
	if (f->closed)
		*f->closed = true;
	free(f->data);
	free(f);
	return NULL;
}

struct blk_info fake_blk_info(const struct blk *b)
{
	return from_blk(b)->info;
}

static void check(const struct fake_blk *f, const struct blk_req *r)
{
	uint64_t sum = 0;

	MUST(r->done);
	MUST(r->off % 512 == 0 && r->len % 512 == 0);
	MUST(r->off <= f->info.size && r->len <= f->info.size - r->off);
	MUST(r->op <= BLK_ZERO);
	MUST(!f->info.readonly || r->op == BLK_READ);
	MUST(!(r->flags & ~(BLK_ZERO_UNMAP | BLK_SYNC)));
	if (r->op == BLK_FLUSH)
		return;
	MUST(r->len);
	if (r->op != BLK_READ && r->op != BLK_WRITE)
		return;
	for (unsigned i = 0; i < r->iov_cnt; i++)
		sum += r->iov[i].iov_len;
	MUST(sum == r->len);
}

static void carry_out(struct fake_blk *f, const struct blk_req *r)
{
	uint8_t *p = f->data + r->off;

	if (r->op == BLK_ZERO)
		memset(p, 0, r->len);
	if (r->op == BLK_DISCARD)
		memset(p, 0xdd, r->len);
	if (r->op != BLK_READ && r->op != BLK_WRITE)
		return;
	for (unsigned i = 0; i < r->iov_cnt; p += r->iov[i++].iov_len) {
		if (r->op == BLK_READ)
			memcpy(r->iov[i].iov_base, p, r->iov[i].iov_len);
		else
			memcpy(p, r->iov[i].iov_base, r->iov[i].iov_len);
	}
}

void fake_blk_submit(struct blk *b, struct blk_req *batch)
{
	struct fake_blk *f = from_blk(b);

	f->submits++;
	f->last_batch = 0;
	for (struct blk_req *r = batch, *next; r; r = next) {
		struct fake_blk_entry e = { r->op, r->flags, r->off, r->len, r->iov_cnt };

		next = r->next;
		check(f, r);
		f->log[f->log_cnt++ % FAKE_BLK_LOG] = e;
		f->in_flight++;
		f->last_batch++;
		r->next = NULL;
		*f->last = r;
		f->last = &r->next;
	}
	MUST(f->last_batch);
	if (f->on_submit)
		f->on_submit(f);
}

/* done() may submit: what comes in meanwhile is not of this wake-up. */
static unsigned complete(struct fake_blk *f, unsigned n, bool backwards)
{
	struct blk_req *todo[1024];
	unsigned cnt = 0;

	for (; cnt < n && cnt < ARRAY_LEN(todo) && f->first; cnt++) {
		todo[cnt] = f->first;
		f->first = f->first->next;
	}
	if (!f->first)
		f->last = &f->first;
	for (unsigned i = 0; i < cnt; i++) {
		struct blk_req *r = todo[backwards ? cnt - 1 - i : i];

		if (!f->error)
			carry_out(f, r);
		f->in_flight--;
		r->done(r, f->error);
	}
	return cnt;
}

unsigned fake_blk_release(struct fake_blk *f, unsigned n, bool backwards)
{
	unsigned cnt = complete(f, n, backwards);

	if (cnt && f->batch_end)
		f->batch_end(f->opaque);
	return cnt;
}

void fake_blk_reap(struct blk *b)
{
	struct fake_blk *f = from_blk(b);

	f->reaps++;
	if (!f->hold)
		complete(f, UINT32_MAX, false);
}

void fake_blk_drain(struct blk *b)
{
	struct fake_blk *f = from_blk(b);

	f->drains++;
	while (f->first)
		complete(f, UINT32_MAX, false);
}

void fake_blk_on_batch_end(struct blk *b, void (*cb)(void *opaque), void *opaque)
{
	from_blk(b)->batch_end = cb;
	from_blk(b)->opaque = opaque;
}

bool fake_blk_refresh(struct blk *b)
{
	struct fake_blk *f = from_blk(b);

	if (f->next_size == f->info.size)
		return false;
	if (f->next_size > f->info.size) {
		f->data = realloc(f->data, f->next_size);
		MUST(f->data);
		memset(f->data + f->info.size, 0, f->next_size - f->info.size);
	}
	f->info.size = f->next_size;
	return true;
}
