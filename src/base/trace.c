/* SPDX-License-Identifier: MIT */
/*
 * trace.c: rings between threads that have something to tell and the one that listens.
 *
 * A ring has one writer, the thread that made it, and one reader. Records between @tail and @head
 * are the reader's, all others the writer's; each side stores its end with release and loads the
 * other's with acquire, so a record is whole before the reader sees it, and read before it is
 * written over.
 *
 * A thread may be in trace_put() while tracing is stopped and started again. It then writes to a
 * ring of the session before, which nobody reads: such rings stay mapped, though their memory is
 * given back, until trace_end().
 */
#include "vmm/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "vmm/bits.h"
#include "vmm/error.h"

#define CACHE_LINE   64
#define MAX_RECORDS  (1u << 24)
#define NSEC_PER_SEC UINT64_C(1000000000)

const struct trace_event_info trace_event_info[TRACE_EVENT_CNT] = {
#define X(id, text, ...) [TRACE_E_##id] = { text, { __VA_ARGS__ } },
	TRACE_EVENTS(X)
#undef X
};

struct ring {
	/* Written once, before the ring is published. */
	struct trace_rec *rec;
	uint32_t mask;
	int vcpu;
	char name[16];

	/* The writer's. @seen: the reader's end as it was when there was no room last. */
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	uint64_t seen;
	_Atomic uint64_t lost;

	/* The reader's. */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
};

struct session {
	unsigned gen; /* differs from every other session's, and from 0, which no thread has joined
		       */
	uint32_t records;
	struct session *next; /* the one before */
	_Atomic unsigned next_slot;
	_Atomic uint64_t homeless; /* records of threads that have no ring */
	_Atomic(struct ring *) ring[TRACE_THREADS_MAX];
};

_Atomic bool trace_on;

static _Atomic(struct session *) current;
static _Atomic unsigned sessions; /* there have been */

/* Of session @mine_gen; NULL if it has no room for this thread. Never read for another session's,
 * so it may dangle. */
static __thread struct ring *mine;
static __thread unsigned mine_gen;
static __thread int my_vcpu_plus_1;

uint64_t trace_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- the making of rings ---------------------------------------------------------------------- */

static struct ring *ring_new(uint32_t records)
{
	struct ring *r = NULL;

	if (posix_memalign((void **)&r, CACHE_LINE, sizeof(*r)))
		return NULL;
	memset(r, 0, sizeof(*r));
	/* Pages come when they are written: a thread with little to say costs little. */
	r->rec = mmap(NULL, records * sizeof(*r->rec), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->rec == MAP_FAILED) {
		free(r);
		return NULL;
	}
	r->mask = records - 1;
	r->vcpu = my_vcpu_plus_1 - 1;
	prctl(PR_GET_NAME, r->name);
	r->name[sizeof(r->name) - 1] = '\0';
	/* Its own name is the program's, whatever that is called today. */
	if (gettid() == getpid())
		snprintf(r->name, sizeof(r->name), "main");
	return r;
}

static void ring_free(struct ring *r)
{
	if (!r)
		return;
	munmap(r->rec, (r->mask + (size_t)1) * sizeof(*r->rec));
	free(r);
}

/* Slots are handed out in order and filled in any: the reader sees those in front of the first
 * that is not filled yet. Whoever gets no ring gets none in this session: asking costs. */
static __attribute__((cold, noinline)) void join(struct session *s)
{
	unsigned slot = atomic_load(&s->next_slot);
	struct ring *r = ring_new(s->records);

	mine = NULL;
	mine_gen = s->gen;
	if (!r)
		return;
	do {
		if (slot >= TRACE_THREADS_MAX) {
			ring_free(r);
			return;
		}
	} while (!atomic_compare_exchange_weak(&s->next_slot, &slot, slot + 1));
	mine = r;
	atomic_store_explicit(&s->ring[slot], r, memory_order_release);
}

/* --- writing ---------------------------------------------------------------------------------- */

static inline struct trace_rec *room(struct ring *r, uint64_t head)
{
	if (unlikely(head - r->seen > r->mask)) {
		r->seen = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head - r->seen > r->mask)
			return NULL;
	}
	return &r->rec[head & r->mask];
}

bool trace_put(const struct trace_rec *rec)
{
	struct session *s = atomic_load_explicit(&current, memory_order_acquire);
	struct trace_rec *to;
	uint64_t head;

	if (unlikely(!s))
		return false;
	if (unlikely(mine_gen != s->gen))
		join(s);
	if (unlikely(!mine)) {
		atomic_fetch_add_explicit(&s->homeless, 1, memory_order_relaxed);
		return false;
	}
	head = atomic_load_explicit(&mine->head, memory_order_relaxed);
	to = room(mine, head);
	if (unlikely(!to)) {
		atomic_fetch_add_explicit(&mine->lost, 1, memory_order_relaxed);
		return false;
	}
	*to = *rec;
	atomic_store_explicit(&mine->head, head + 1, memory_order_release);
	return true;
}

unsigned trace_session(void)
{
	return atomic_load_explicit(&sessions, memory_order_relaxed);
}

void trace_event_put(enum trace_event e, uint16_t dev, const uint64_t *arg, unsigned cnt)
{
	struct trace_rec r = {
		.t = trace_now(), .kind = TRACE_EVENT, .dev = dev, .num = (uint32_t)e
	};

	for (unsigned i = 0; i < cnt && i < ARRAY_LEN(r.event.arg); i++)
		r.event.arg[i] = arg[i];
	trace_put(&r);
}

void trace_thread_is_vcpu(unsigned cpu)
{
	my_vcpu_plus_1 = (int)cpu + 1;
}

/* --- sessions --------------------------------------------------------------------------------- */

/* Nobody reads these any more, and whoever still writes gets zeroed pages. */
static void drop_pages(struct session *s)
{
	for (unsigned i = 0; i < TRACE_THREADS_MAX; i++) {
		struct ring *r = atomic_load_explicit(&s->ring[i], memory_order_acquire);

		if (r)
			madvise(r->rec, (r->mask + (size_t)1) * sizeof(*r->rec), MADV_DONTNEED);
	}
}

int trace_start(unsigned records, struct error **errp)
{
	struct session *old = atomic_load(&current), *s;

	if (!is_pow2(records) || records > MAX_RECORDS)
		return err_set(errp, EINVAL, "a trace ring holds a power of two of records, not %u",
			       records);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(errp, ENOMEM, "no memory to trace with");
	s->gen = atomic_fetch_add_explicit(&sessions, 1, memory_order_relaxed) + 1;
	s->records = records;
	s->next = old;
	trace_stop();
	if (old)
		drop_pages(old);
	atomic_store_explicit(&current, s, memory_order_release);
	atomic_store_explicit(&trace_on, true, memory_order_release);
	return 0;
}

void trace_stop(void)
{
	atomic_store_explicit(&trace_on, false, memory_order_release);
}

void trace_end(void)
{
	struct session *s = atomic_exchange(&current, NULL), *next;

	trace_stop();
	for (; s; s = next) {
		next = s->next;
		for (unsigned i = 0; i < TRACE_THREADS_MAX; i++)
			ring_free(atomic_load(&s->ring[i]));
		free(s);
	}
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct ring *ring_of(unsigned thread)
{
	struct session *s = atomic_load_explicit(&current, memory_order_relaxed);

	return s && thread < TRACE_THREADS_MAX
		       ? atomic_load_explicit(&s->ring[thread], memory_order_acquire)
		       : NULL;
}

unsigned trace_thread_cnt(void)
{
	unsigned n = 0;

	while (ring_of(n))
		n++;
	return n;
}

void trace_thread_info(unsigned thread, struct trace_thread *ret)
{
	const struct ring *r = ring_of(thread);

	*ret = (struct trace_thread){ .vcpu = -1 };
	if (!r)
		return;
	memcpy(ret->name, r->name, sizeof(ret->name));
	ret->vcpu = r->vcpu;
	ret->lost = atomic_load_explicit(&r->lost, memory_order_relaxed);
}

unsigned trace_take(unsigned thread, struct trace_rec *to, unsigned max)
{
	struct ring *r = ring_of(thread);
	uint64_t tail, first, n;

	if (!r)
		return 0;
	tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	n = min_u64(max, atomic_load_explicit(&r->head, memory_order_acquire) - tail);
	first = min_u64(n, r->mask + UINT64_C(1) - (tail & r->mask));
	memcpy(to, &r->rec[tail & r->mask], first * sizeof(*to));
	memcpy(to + first, r->rec, (n - first) * sizeof(*to));
	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
	return (unsigned)n;
}

uint64_t trace_lost(void)
{
	struct session *s = atomic_load_explicit(&current, memory_order_relaxed);
	uint64_t sum = s ? atomic_load_explicit(&s->homeless, memory_order_relaxed) : 0;
	const struct ring *r;

	for (unsigned i = 0; (r = ring_of(i)); i++)
		sum += atomic_load_explicit(&r->lost, memory_order_relaxed);
	return sum;
}
