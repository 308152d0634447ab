/* SPDX-License-Identifier: MIT */
/* ring.c: a bounded queue of bytes that forgets the oldest. */
#include "char/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/error.h"

#define LINE_SEARCH 256u         /* how far behind a gap a line may start */
#define KEEP_PAGES  (64u * 1024) /* what a ring that has been full keeps of its memory */

int ring_init(struct ring *r, size_t size, struct error **errp)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return err_errno(errp, errno, "cannot map %zu bytes of console buffer", size);
	*r = (struct ring){ .buf = p, .size = size };
	return 0;
}

void ring_destroy(struct ring *r)
{
	if (r->buf)
		munmap(r->buf, r->size);
	*r = (struct ring){ 0 };
}

static size_t index_of(const struct ring *r, size_t pos)
{
	return pos & (r->size - 1);
}

/* Drops at least @need of the oldest bytes. */
static void drop(struct ring *r, size_t need)
{
	size_t n = need, limit = min_u64(ring_used(r), need + LINE_SEARCH);

	while (n < limit && r->buf[index_of(r, r->tail + n - 1)] != '\n')
		n++;
	if (n == limit && r->buf[index_of(r, r->tail + n - 1)] != '\n')
		n = need;
	r->tail += n;
	r->lost += n;
}

void ring_put(struct ring *r, const uint8_t *p, size_t len)
{
	if (len > r->size) {
		r->lost += len - r->size;
		p += len - r->size;
		len = r->size;
	}
	if (len > r->size - ring_used(r))
		drop(r, len - (r->size - ring_used(r)));
	while (len) {
		size_t at = index_of(r, r->head), n = min_u64(len, r->size - at);

		memcpy(r->buf + at, p, n);
		if (at + n > r->peak)
			r->peak = at + n;
		r->head += n;
		p += n;
		len -= n;
	}
}

/* Empty: the next byte goes to the first page again, which is in memory and in the cache. */
static void rewind_empty(struct ring *r)
{
	r->head = r->tail = 0;
	if (r->peak > KEEP_PAGES) {
		madvise(r->buf + KEEP_PAGES, r->size - KEEP_PAGES, MADV_DONTNEED);
		r->peak = KEEP_PAGES;
	}
}

size_t ring_get(struct ring *r, uint8_t *p, size_t len)
{
	size_t done = 0;

	while (done < len && ring_used(r)) {
		size_t at = index_of(r, r->tail);
		size_t n = min_u64(min_u64(len - done, ring_used(r)), r->size - at);

		memcpy(p + done, r->buf + at, n);
		r->tail += n;
		done += n;
	}
	if (!ring_used(r))
		rewind_empty(r);
	return done;
}
