/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues while the other side is at work: a driver that changes what it wrote between any two
 * instructions of vq_pop() (row 11), one that does so from another CPU, and an honest one with
 * which each side sleeps until it is woken (row 23).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/lib/touch.h"
#include "tests/lib/virtq_rig.h"

#define BASIC  (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)
#define PACKED VIRTIO_F_RING_PACKED

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifndef TSAN
#define TSAN 0
#endif

static struct virtq_rig g;

/* All of it lies in RAM that a device may write, and its sums are right. */
static bool piece_is_ram(const struct iovec *v)
{
	const struct gm_region *r;
	unsigned cnt;

	r = gm_regions(g.gm, &cnt);
	for (unsigned i = 0; i < cnt; i++) {
		size_t off = (size_t)((uint8_t *)v->iov_base - r[i].hva);

		if (!r[i].readonly && (uint8_t *)v->iov_base >= r[i].hva && off < r[i].len)
			return v->iov_len && v->iov_len <= r[i].len - off;
	}
	return false;
}

static bool cursor_is_sane(const struct vq_cursor *cur)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cur->n; i++) {
		if (!piece_is_ram(&cur->iov[i]))
			return false;
		sum += cur->iov[i].iov_len;
	}
	return sum == cur->left && !cur->off && !cur->cut;
}

static bool chain_is_sane(const struct vq_chain *c)
{
	return c->vq == g.vq && c->r.iov == c->iov && c->w.iov == c->iov + c->r.n &&
	       c->r.n + c->w.n <= VQ_MAX_SEGS && c->r.left + c->w.left <= UINT32_MAX &&
	       cursor_is_sane(&c->r) && cursor_is_sane(&c->w) && c->ndesc >= 1 &&
	       c->ndesc <= g.d.size && ((g.d.features & PACKED) || c->id < g.d.size);
}

/* --- row 11: between any two accesses ----------------------------------------------------------
 */

#define BUF   (GD_HIGH + 0x1000)
#define PAGES 0x10000u /* from GD_RINGS on: rings and tables */

/* What the driver does to one descriptor while the device looks at it. */
static const struct {
	uint64_t addr;
	uint32_t len;
	uint16_t flip; /* of its flags */
	uint16_t next;
	bool set_addr, set_len, set_next;
} acts[] = {
	{ .set_addr = true, .addr = GD_LOW_END },
	{ .set_addr = true, .addr = GD_ROM },
	{ .set_addr = true, .addr = UINT64_MAX - 3 },
	{ .set_len = true, .len = UINT32_MAX },
	{ .set_len = true, .len = 0 },
	{ .set_len = true, .len = 48 }, /* as an indirect table: a longer one */
	{ .set_addr = true, .addr = GD_HIGH_END - 16, .set_len = true, .len = 32 },
	{ .set_next = true, .next = 0xffff },
	{ .set_next = true, .next = 0 },
	{ .flip = GD_F_NEXT },
	{ .flip = GD_F_WRITE },
	{ .flip = GD_F_INDIRECT },
	{ .flip = GD_F_NEXT | GD_F_INDIRECT },
	{ .flip = GD_F_AVAIL },
	{ .flip = GD_F_USED },
};

struct trial {
	gpa_t table; /* of the descriptor that changes */
	unsigned entry, act;
	unsigned when; /* after how many accesses; 0: never */
	bool done;
	enum vq_state state;
};

static void change(void *arg, unsigned n)
{
	struct trial *t = arg;
	struct gd_desc d;

	if (n != t->when)
		return;
	t->done = true;
	d = gd_get_desc(&g.d, t->table, t->entry);
	if (acts[t->act].set_addr)
		d.addr = acts[t->act].addr;
	if (acts[t->act].set_len)
		d.len = acts[t->act].len;
	if (acts[t->act].set_next)
		d.next = acts[t->act].next;
	d.flags ^= acts[t->act].flip;
	gd_set_desc(&g.d, t->table, t->entry, d);
}

static void pop(void *arg)
{
	((struct trial *)arg)->state = vq_pop(g.vq, &g.c);
}

static void watch(void (*fn)(void *arg), struct trial *t, struct touch_log *log)
{
	touch_run(gm_ptr(g.gm, GD_RINGS, PAGES, GM_RW), PAGES, fn, t, change, t, log);
}

enum shape { DIRECT, TABLE, ODD_TABLE, SHAPES };

/* A ring with one chain of three descriptors in it, direct or in a table. Returns their table. */
static gpa_t one_chain(uint64_t features, enum shape shape)
{
	struct gd_buf b[] = { { BUF, 16, false }, { BUF + 64, 32, GD_W }, { BUF + 128, 1, GD_W } };
	bool indirect = shape != DIRECT;

	rig_again(&g, 4, features);
	if (indirect)
		g.d.id[0].table = gd_alloc(&g.d, 16 * 4, 16) + (shape == ODD_TABLE ? 1 : 0);
	assert_int_equal((indirect ? gd_add_indirect : gd_add)(&g.d, b, 3, NULL), 0);
	gd_kick(&g.d);
	assert_true(g.d.next <= GD_RINGS + PAGES);
	return indirect ? g.d.id[0].table : g.d.ring.desc;
}

static void try_one(struct trial *t, uint64_t features, enum shape shape, uint64_t *ok,
		    uint64_t *broken)
{
	struct touch_log log;

	t->table = one_chain(features, shape);
	if (t->entry == 3) { /* the descriptor that points to the table */
		t->table = g.d.ring.desc;
		t->entry = 0;
	}
	watch(pop, t, &log);
	assert_true(t->done);
	if (t->state == VQ_OK) {
		assert_true(chain_is_sane(&g.c));
		vq_complete(&g.c);
		++*ok;
	} else {
		assert_int_equal(t->state, VQ_BROKEN);
		++*broken;
	}
	assert_int_equal(vq_outstanding(g.vq), 0);
}

static bool no_signals_here(void)
{
	if (TSAN)
		print_message("           SKIPPED: signals come late under ThreadSanitizer\n");
	return TSAN;
}

/* Row 11: "copy once": whatever is read of a ring or table to pop a chain, is read once. */
static void test_row11_nothing_is_read_twice(void **state)
{
	(void)state;
	if (no_signals_here())
		skip();
	rig_up(&g, 4, BASIC);
	for (unsigned i = 0; i < 2 * SHAPES; i++) {
		uint64_t features = i & 1 ? BASIC | PACKED : BASIC;
		struct trial t = { 0 };
		struct touch_log log;
		unsigned want;

		one_chain(features, i / 2);
		watch(pop, &t, &log);
		assert_int_equal(t.state, VQ_OK);
		/* two loads a descriptor, or one a byte; idx and entry (split) */
		want = i / 2 == DIRECT ? 3 * 2 : i / 2 == TABLE ? 4 * 2 : 2 + 3 * 16;
		assert_int_equal(log.cnt, want + (i & 1 ? 0 : 2));
		for (unsigned a = 0; a < log.cnt; a++) {
			assert_false(log.write[a]);
			for (unsigned b = 0; b < a; b++)
				assert_int_not_equal(log.at[a], log.at[b]);
		}
	}
	rig_down(&g);
}

/*
 * Row 11: "descriptor changes between check and use". Each descriptor is changed in each way after
 * each single access of vq_pop(): what comes out was checked, all of it.
 */
static void test_row11_changes_between_any_two_accesses(void **state)
{
	uint64_t ok = 0, broken = 0;

	(void)state;
	if (no_signals_here())
		skip();
	rig_up(&g, 4, BASIC);
	for (unsigned i = 0; i < 2 * SHAPES; i++) {
		uint64_t features = i & 1 ? BASIC | PACKED : BASIC;
		enum shape shape = i / 2;
		/* A descriptor that is read byte by byte: some acts are enough. */
		unsigned n = shape == ODD_TABLE ? 4 : ARRAY_LEN(acts);
		struct trial t = { 0 };
		struct touch_log log;

		one_chain(features, shape);
		watch(pop, &t, &log);
		for (unsigned k = 0; k < 4 * n * log.cnt; k++) {
			t = (struct trial){ .entry = k % 4,
					    .act = k / 4 % n,
					    .when = 1 + k / 4 / n };
			if (t.entry < 3 || shape != DIRECT)
				try_one(&t, features, shape, &ok, &broken);
		}
	}
	print_message("           %llu times too late to matter, %llu times seen and refused\n",
		      (unsigned long long)ok, (unsigned long long)broken);
	assert_true(ok > 0 && broken > 0);
	rig_down(&g);
}

/* What the tests above look for, and that they would find it: code that reads a length twice. */
static uint32_t used_len;

static void checks_then_reads_again(void *arg)
{
	volatile const uint32_t *len = gm_ptr(g.gm, GD_RINGS + 8, 4, GM_READ);

	(void)arg;
	used_len = 0;
	if (*len <= 64)
		used_len = *len;
}

static void a_double_fetch_would_be_found(void **state)
{
	unsigned found = 0;

	(void)state;
	if (no_signals_here())
		skip();
	rig_up(&g, 4, BASIC);
	for (unsigned when = 0; when <= 2; when++) {
		struct trial t = { .table = GD_RINGS, .act = 3, .when = when };
		struct touch_log log;

		gd_set_desc(&g.d, GD_RINGS, 0, (struct gd_desc){ BUF, 16, 0, 0 });
		watch(checks_then_reads_again, &t, &log);
		assert_int_equal(log.cnt, 2);
		assert_int_equal(log.at[0], 8);
		assert_int_equal(log.at[1], 8);
		found += used_len == UINT32_MAX;
	}
	assert_int_equal(found, 1);
	rig_down(&g);
}

static void complete_and_flush(void *arg)
{
	(void)arg;
	vq_complete(&g.c);
	vq_flush(g.vq);
}

/* Of what the device itself has written, nothing is read back: not its indices, not its elements.
 */
static void what_was_written_is_not_read(void **state)
{
	(void)state;
	if (no_signals_here())
		skip();
	for (unsigned i = 0; i < 2; i++) {
		uint64_t features = i ? BASIC | PACKED : BASIC;
		struct trial t = { 0 };
		struct touch_log log;
		unsigned reads = 0;

		rig_up(&g, 4, features);
		one_chain(features, DIRECT);
		rig_pop(&g);
		watch(complete_and_flush, &t, &log);
		for (unsigned a = 0; a < log.cnt; a++) {
			gpa_t event = i ? g.d.ring.driver : g.d.ring.driver + 4 + 2 * 4;

			if (log.write[a])
				continue;
			assert_int_equal(GD_RINGS + log.at[a], event);
			reads++;
		}
		assert_int_equal(reads, 1);
		assert_int_equal(log.cnt, i ? 2 : 4); /* descriptor; or id, len, idx */
		rig_down(&g);
	}
}

/* --- row 11: from another CPU ------------------------------------------------------------------
 */

struct evil {
	struct guest_driver d; /* a copy: it shares the ring with the other, and nothing else */
	uint64_t seed;
	_Atomic bool stop;
};

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Mostly what an honest driver could have written, so that there is something to spoil. */
static void *scribble(void *arg)
{
	static const uint16_t lap[] = { GD_F_AVAIL, GD_F_USED };
	struct evil *e = arg;
	struct guest_driver *d = &e->d;
	bool packed = d->features & PACKED;

	while (!atomic_load_explicit(&e->stop, memory_order_relaxed)) {
		uint64_t r = next_random(&e->seed);
		unsigned i = (unsigned)(r >> 8) % d->size;
		struct gd_desc v = { BUF + (r >> 16) % 4096, (uint32_t)(r >> 32) % 64, 0, 0 };

		v.flags =
			(uint16_t)((r >> 40 & 1 ? GD_F_NEXT : 0) | (r >> 41 & 1 ? GD_F_WRITE : 0));
		v.next = (uint16_t)((r >> 42) % d->size);
		if (packed)
			v.flags |= lap[r >> 50 & 1];
		switch (r % 8) {
		case 0:
			gd_evil(d, r >> 3);
			break;
		case 1:
			v.flags |= GD_F_INDIRECT;
			v.flags &= (uint16_t)~GD_F_NEXT;
			v.addr = d->id[0].table;
			v.len = 16 * (1 + i % 3);
			gd_set_desc(d, d->ring.desc, i, v);
			break;
		case 2:
		case 3:
			gd_set_desc(d, d->ring.desc, i, v);
			break;
		case 4:
			gd_set_desc(d, d->id[0].table, i % 4, v);
			break;
		case 5:
			if (!packed)
				gd_set_avail(d, i, v.next);
			break;
		default:
			if (!packed)
				gd_set_avail_idx(d,
						 d->avail = (uint16_t)(d->avail + (r >> 55 & 1)));
		}
	}
	return NULL;
}

/* Where the driver seems to be: the queue starts there again after each violation. */
static void revive(uint64_t r)
{
	struct virtq_position p = { 0 };
	uint16_t idx;

	assert_int_equal(virtq_enable(g.vq, &g.d.ring, g.d.features), 0);
	p.avail_wrap = r & 1;
	p.avail = (uint16_t)((r >> 1) % g.d.size);
	if (!(g.d.features & PACKED)) {
		idx = __atomic_load_n((uint16_t *)(void *)(g.d.driver + 2), __ATOMIC_SEQ_CST);
		p.avail = (uint16_t)(idx - r % 2);
	}
	p.used = p.avail;
	p.used_wrap = p.avail_wrap;
	assert_int_equal(virtq_set_position(g.vq, &p), 0);
}

static void use_bytes(struct vq_chain *c, uint64_t r)
{
	struct vq_cursor tail;
	const struct iovec *iov;
	uint8_t buf[64] = { 0 };
	unsigned cnt;

	(void)!vq_pull(c, buf, min_u64(sizeof(buf), r % 64));
	if (vq_split_tail(c, r >> 8 & 7, &tail))
		(void)!vq_push_tail(c, &tail, buf, tail.left);
	(void)!vq_push(c, buf, min_u64(c->w.left, r >> 16 & 15));
	vq_commit(c, vq_window(c, &c->w, r >> 24 & 1023, &iov, &cnt));
}

#define ENOUGH 20000u /* chains that came out whole */

static void race(uint64_t features)
{
	static struct evil e;
	static struct vq_chain c[8];
	uint64_t ok = 0, broken = 0, seed = 4711;
	unsigned held = 0;
	pthread_t t;

	rig_up(&g, 8, features);
	assert_int_equal(gd_add_indirect(&g.d, (struct gd_buf[]){ { BUF, 1, 0 } }, 1, NULL), 0);
	memcpy(&e.d, &g.d, sizeof(e.d));
	e.seed = 1;
	e.stop = false;
	assert_int_equal(pthread_create(&t, NULL, scribble, &e), 0);
	while (ok < ENOUGH || broken < ENOUGH / 10) {
		uint64_t r = next_random(&seed);

		switch (held < 8 ? vq_pop(g.vq, &c[held]) : VQ_EMPTY) {
		case VQ_OK:
			assert_true(chain_is_sane(&c[held]));
			held++;
			ok++;
			break;
		case VQ_BROKEN:
			revive(r);
			broken++;
			break;
		case VQ_EMPTY:
			if (features & PACKED && r % 64 == 0)
				revive(r);
			else if (r % 64 == 1)
				sched_yield();
			break;
		}
		assert_in_range(vq_outstanding(g.vq), 0, 8);
		if (held && r % 2) {
			held--;
			/* Its bytes may be the ring's own: a race by design, which TSan would
			 * report. */
			if (!TSAN)
				use_bytes(&c[held], r);
			if (r % 16 == 1)
				vq_unpop(&c[held]);
			else
				vq_complete(&c[held]);
		}
		if (r % 8 == 0)
			vq_kicks_off(g.vq);
		if (r % 8 == 1)
			(void)!vq_kicks_on(g.vq);
		if (r % 4 == 2)
			vq_flush(g.vq);
	}
	atomic_store(&e.stop, true);
	pthread_join(t, NULL);
	while (held)
		vq_complete(&c[--held]);
	assert_int_equal(vq_outstanding(g.vq), 0);
	print_message("           %llu chains, %llu violations\n", (unsigned long long)ok,
		      (unsigned long long)broken);
	rig_down(&g);
}

static void test_row11_another_cpu_scribbles(void **state)
{
	(void)state;
	race(BASIC);
	race(BASIC | PACKED);
}

/* --- row 23: an honest driver in another thread ------------------------------------------------
 */

#define REQUESTS 60000u
#define DEPTH    16u

struct peer {
	sem_t kick, irq;
	uint64_t kicks, irqs, served;
	bool failed;
};

/* A lost notification would make this wait for ever. */
static bool wait_for(sem_t *s)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 20;
	while (sem_timedwait(s, &t) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

/* Each request is a number, and is answered by its complement. */
static bool serve(struct vq_chain *c)
{
	uint32_t n;

	if (!vq_pull(c, &n, sizeof(n)))
		return false;
	n = ~n;
	return vq_push(c, &n, sizeof(n));
}

static void *device(void *arg)
{
	static struct vq_chain c[5];
	struct peer *p = arg;
	enum vq_state s = VQ_EMPTY;
	unsigned n = 0;

	while (p->served < REQUESTS && !p->failed) {
		if (!wait_for(&p->kick))
			p->failed = true;
		vq_kicks_off(g.vq);
		do {
			while ((s = vq_pop(g.vq, &c[n])) == VQ_OK) {
				p->failed |= !serve(&c[n++]);
				if (n < ARRAY_LEN(c))
					continue;
				while (n) /* newest first */
					vq_complete(&c[--n]);
				p->served += ARRAY_LEN(c);
				if (vq_flush(g.vq)) {
					p->irqs++;
					sem_post(&p->irq);
				}
			}
			p->served += n;
			while (n)
				vq_complete(&c[--n]);
			if (vq_flush(g.vq)) {
				p->irqs++;
				sem_post(&p->irq);
			}
			p->failed |= s == VQ_BROKEN;
		} while (vq_kicks_on(g.vq));
	}
	return NULL;
}

static void check_answers(struct peer *p, uint32_t *number, unsigned *flying)
{
	struct gd_used u;
	uint32_t answer;

	(void)p;
	while (gd_get_used(&g.d, &u)) {
		uintptr_t i = (uintptr_t)u.token;

		assert_int_equal(u.len, 4);
		assert_true(gm_read(g.gm, BUF + 64 * i + 32, &answer, 4));
		assert_int_equal(answer, ~number[i]);
		number[i] = UINT32_MAX;
		--*flying;
	}
}

static void honest(uint64_t features)
{
	static struct peer p;
	uint32_t number[DEPTH], sent = 0;
	unsigned flying = 0;
	pthread_t t;

	rig_up(&g, 32, features);
	memset(&p, 0, sizeof(p));
	memset(number, 0xff, sizeof(number));
	sem_init(&p.kick, 0, 0);
	sem_init(&p.irq, 0, 0);
	assert_int_equal(pthread_create(&t, NULL, device, &p), 0);
	while (sent < REQUESTS || flying) {
		unsigned batch = 1 + sent % 7;

		for (uintptr_t i = 0; i < DEPTH && batch && sent < REQUESTS; i++) {
			gpa_t at = BUF + 64 * i;
			struct gd_buf b[] = { { at, 4, false }, { at + 32, 4, GD_W } };

			if (number[i] != UINT32_MAX)
				continue;
			number[i] = sent++;
			assert_true(gm_write(g.gm, at, &number[i], 4));
			assert_true((i % 2 ? gd_add : gd_add_indirect)(&g.d, b, 2, (void *)i) >= 0);
			flying++;
			batch--;
		}
		if (gd_kick(&g.d)) {
			p.kicks++;
			sem_post(&p.kick);
		}
		check_answers(&p, number, &flying);
		if (flying == DEPTH || sent == REQUESTS) { /* nothing to do but wait */
			while (!gd_irqs_on(&g.d) && flying)
				assert_true(wait_for(&p.irq));
			gd_irqs_off(&g.d);
			check_answers(&p, number, &flying);
		}
	}
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_false(p.failed);
	assert_int_equal(p.served, REQUESTS);
	assert_int_equal(vq_outstanding(g.vq), 0);
	print_message("           %llu kicks, %llu interrupts for %u requests\n",
		      (unsigned long long)p.kicks, (unsigned long long)p.irqs, REQUESTS);
	sem_destroy(&p.kick);
	sem_destroy(&p.irq);
	rig_down(&g);
}

static void test_row23_two_threads_that_sleep(void **state)
{
	(void)state;
	honest(BASIC);
	honest(BASIC & ~VIRTIO_F_EVENT_IDX);
	honest(BASIC | PACKED);
	honest((BASIC | PACKED) & ~VIRTIO_F_EVENT_IDX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_double_fetch_would_be_found),
		cmocka_unit_test(test_row11_nothing_is_read_twice),
		cmocka_unit_test(test_row11_changes_between_any_two_accesses),
		cmocka_unit_test(what_was_written_is_not_read),
		cmocka_unit_test(test_row11_another_cpu_scribbles),
		cmocka_unit_test(test_row23_two_threads_that_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
