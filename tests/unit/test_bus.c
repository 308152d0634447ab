/* SPDX-License-Identifier: MIT */
/* bus.c: who answers, at which width, and who does not. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/bus.h"

/* A device that records each access it sees, and answers with the offset of each byte. */
struct probe {
	struct device dev;
	struct io_region region;
	struct region_ops ops;
	struct {
		bool write;
		uint32_t off;
		unsigned size;
		uint64_t val;
	} seen[32];
	unsigned cnt;
};

static struct probe *probe_of(struct io_region *r)
{
	return container_of(r, struct probe, region);
}

static uint64_t probe_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct probe *p = probe_of(r);
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)((off + i) & 0xff) << (i * 8);
	if (p->cnt < ARRAY_LEN(p->seen)) {
		p->seen[p->cnt].off = off;
		p->seen[p->cnt].size = size;
		p->seen[p->cnt++].write = false;
	}
	return v;
}

static void probe_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct probe *p = probe_of(r);

	if (p->cnt < ARRAY_LEN(p->seen)) {
		p->seen[p->cnt].off = off;
		p->seen[p->cnt].size = size;
		p->seen[p->cnt].val = val;
		p->seen[p->cnt++].write = true;
	}
}

static const struct device_ops probe_ops = { .name = "probe" };

static void probe_init(struct probe *p, const char *name, uint64_t len, uint8_t min, uint8_t max)
{
	memset(p, 0, sizeof(*p));
	p->ops = (struct region_ops){
		.min_size = min, .max_size = max, .read = probe_read, .write = probe_write
	};
	p->region = (struct io_region){ .ops = &p->ops, .name = name, .len = len };
	device_init(&p->dev, &probe_ops, name, &p->region, 1);
}

struct fixture {
	struct epoch *epoch;
	struct bus *bus;
	struct bus_hint hint;
	struct error *e;
};

static void setup(struct fixture *f, uint64_t limit)
{
	memset(f, 0, sizeof(*f));
	f->epoch = epoch_create(2, &f->e);
	f->bus = bus_create("port", limit, f->epoch, &f->e);
	assert_no_error(f->e);
}

static void teardown(struct fixture *f)
{
	bus_destroy(f->bus);
	epoch_destroy(f->epoch);
}

static void map(struct fixture *f, struct probe *p, uint64_t base)
{
	if (bus_map(f->bus, &p->region, base, &f->e) < 0)
		assert_no_error(f->e);
}

static void unclaimed_reads_all_ones(void **state)
{
	struct fixture f;
	struct bus_stats s;

	(void)state;
	setup(&f, 0x10000);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x123, 1), 0xff);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x123, 2), 0xffff);
	assert_int_equal(bus_read(f.bus, &f.hint, 0xffff, 4), 0xffffffff);
	assert_true(bus_read(f.bus, &f.hint, 0x123, 8) == UINT64_MAX);
	bus_write(f.bus, &f.hint, 0x123, 4, 0);
	s = bus_stats(f.bus);
	assert_int_equal(s.unclaimed_reads, 4);
	assert_int_equal(s.unclaimed_writes, 1);
	teardown(&f);
}

/* A word to a byte-wide ISA device is two byte cycles, low address first. */
static void splits_wide_accesses(void **state)
{
	struct fixture f;
	struct probe p;

	(void)state;
	setup(&f, 0x10000);
	probe_init(&p, "bytes", 8, 1, 1);
	map(&f, &p, 0x40);
	for (int pass = 0; pass < 2; pass++) { /* without and with a hint */
		p.cnt = 0;
		assert_int_equal(bus_read(f.bus, &f.hint, 0x41, 4), 0x04030201);
		assert_int_equal(p.cnt, 4);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(p.seen[i].off, 1 + i);
			assert_int_equal(p.seen[i].size, 1);
		}
	}
	p.cnt = 0;
	bus_write(f.bus, &f.hint, 0x42, 2, 0xbbaa);
	assert_int_equal(p.cnt, 2);
	assert_int_equal(p.seen[0].val, 0xaa);
	assert_int_equal(p.seen[1].val, 0xbb);
	teardown(&f);
}

static void narrow_accesses_to_wide_registers(void **state)
{
	struct fixture f;
	struct probe p;

	(void)state;
	setup(&f, 0);
	probe_init(&p, "words", 0x100, 4, 4);
	map(&f, &p, 0x1000);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x1006, 2), 0x0706);
	assert_int_equal(p.seen[0].off, 4);
	assert_int_equal(p.seen[0].size, 4);
	p.cnt = 0;
	bus_write(f.bus, &f.hint, 0x1006, 2, 0);
	assert_int_equal(p.cnt, 0);
	assert_int_equal(bus_stats(f.bus).bad_width, 1);
	/* Misaligned: the aligned registers it touches are read, no write reaches one in part. */
	assert_int_equal(bus_read(f.bus, &f.hint, 0x1002, 4), 0x05040302);
	teardown(&f);
}

static void straddles_two_devices_and_a_hole(void **state)
{
	struct fixture f;
	struct probe a, b;

	(void)state;
	setup(&f, 0x10000);
	probe_init(&a, "a", 2, 1, 1);
	probe_init(&b, "b", 2, 1, 2);
	map(&f, &a, 0x10);
	map(&f, &b, 0x12);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x11, 2), 0x0001);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x13, 2), 0xff01);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x0f, 2), 0x00ff);
	assert_true(bus_read(f.bus, &f.hint, 0x0e, 8) == UINT64_C(0xffff01000100ffff));
	b.cnt = a.cnt = 0;
	bus_write(f.bus, &f.hint, 0x11, 4, 0x44332211);
	assert_int_equal(a.cnt, 1);
	assert_int_equal(a.seen[0].val, 0x11);
	assert_int_equal(b.cnt, 1);
	assert_int_equal(b.seen[0].val, 0x3322);
	teardown(&f);
}

static void overlap_names_both(void **state)
{
	struct fixture f;
	struct probe a, b;

	(void)state;
	setup(&f, 0x10000);
	probe_init(&a, "first owner", 8, 1, 1);
	probe_init(&b, "second owner", 8, 1, 1);
	map(&f, &a, 0x100);
	assert_int_equal(bus_map(f.bus, &b.region, 0x107, &f.e), -EEXIST);
	assert_non_null(strstr(error_msg(f.e), "first owner"));
	assert_error(f.e, "second owner");
	f.e = NULL;
	assert_int_equal(bus_map(f.bus, &b.region, 0xf9, &f.e), -EEXIST);
	assert_error(f.e, "overlaps");
	f.e = NULL;
	assert_int_equal(bus_map(f.bus, &b.region, 0xfffc, &f.e), -ERANGE);
	assert_error(f.e, "does not fit");
	f.e = NULL;
	map(&f, &b, 0x108);
	teardown(&f);
}

static void moves_and_unmaps(void **state)
{
	struct fixture f;
	struct probe a, b;

	(void)state;
	setup(&f, 0);
	probe_init(&a, "a", 0x1000, 1, 4);
	probe_init(&b, "b", 0x1000, 1, 4);
	map(&f, &a, 0x1000);
	map(&f, &b, 0x3000);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x1004, 1), 4);
	/* A refused move leaves it where it was; moving over its own old place is no overlap. */
	assert_int_equal(bus_move(f.bus, &a.region, 0x2800, &f.e), -EEXIST);
	assert_error(f.e, "overlaps");
	f.e = NULL;
	assert_int_equal(bus_read(f.bus, &f.hint, 0x1004, 1), 4);
	assert_int_equal(bus_move(f.bus, &a.region, 0x1800, &f.e), 0);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x1004, 1), 0xff);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x1804, 1), 4);
	assert_ptr_equal(bus_find(f.bus, 0x1804), &a.region);
	bus_unmap(f.bus, &a.region);
	assert_int_equal(bus_read(f.bus, &f.hint, 0x1804, 1), 0xff);
	assert_null(bus_find(f.bus, 0x1804));
	teardown(&f);
}

/* A region at the very top: arithmetic on its end must not wrap. */
static void top_of_address_space(void **state)
{
	struct fixture f;
	struct probe p;

	(void)state;
	setup(&f, 0);
	probe_init(&p, "top", 0x1000, 1, 8);
	map(&f, &p, UINT64_MAX - 0xfff);
	assert_int_equal(bus_read(f.bus, &f.hint, UINT64_MAX, 1),
			 0xff); /* offset 0xfff, low byte */
	assert_int_equal(p.cnt, 1);
	assert_int_equal(p.seen[0].off, 0xfff);
	assert_int_equal(bus_map(f.bus, &p.region, UINT64_MAX - 0xffe, &f.e), -ERANGE);
	assert_error(f.e, "does not fit");
	teardown(&f);
}

/* Readers run while a region moves to and fro: each access sees the old place or the new, never
 * nonsense. */
struct stress {
	struct fixture *f;
	unsigned slot;
	_Atomic bool stop;
	_Atomic unsigned bad;
};

static void *reader(void *arg)
{
	struct stress *s = arg;
	struct epoch_slot *slot = epoch_slot(s->f->epoch, s->slot);
	struct bus_hint hint = { 0 };

	while (!atomic_load(&s->stop)) {
		epoch_enter(slot);
		uint64_t v = bus_read(s->f->bus, &hint, 0x1004, 1);
		epoch_leave(slot);
		if (v != 4 && v != 0xff)
			atomic_fetch_add(&s->bad, 1);
	}
	return NULL;
}

static void readers_race_with_moves(void **state)
{
	struct fixture f;
	struct probe p;
	pthread_t t;

	(void)state;
	setup(&f, 0);
	probe_init(&p, "p", 0x100, 1, 4);
	map(&f, &p, 0x1000);
	struct stress s = { .f = &f, .slot = 1 };
	pthread_create(&t, NULL, reader, &s);
	for (int i = 0; i < 20000; i++) {
		int r = bus_move(f.bus, &p.region, i & 1 ? 0x1000 : 0x8000, NULL);

		/* The host may hold the reader up in an access for long. */
		assert_true(r == 0 || (r == -EBUSY && epoch_backlog(f.epoch)));
	}
	atomic_store(&s.stop, true);
	pthread_join(t, NULL);
	assert_int_equal(atomic_load(&s.bad), 0);
	assert_int_equal(epoch_collect(f.epoch), 0);
	teardown(&f);
}

/* A guest that moves its BARs for as long as one of its CPUs is held up cannot make us keep any
 * number of old tables. */
static void a_held_up_reader_costs_little(void **state)
{
	struct fixture f;
	struct probe p;
	unsigned moves = 0;
	int r = 0;

	(void)state;
	setup(&f, 0);
	probe_init(&p, "p", 0x100, 1, 4);
	map(&f, &p, 0x1000);
	epoch_enter(epoch_slot(f.epoch, 1));
	while (moves < 1000000 && r == 0)
		r = bus_move(f.bus, &p.region, moves++ & 1 ? 0x1000 : 0x8000, NULL);
	assert_int_equal(r, -EBUSY);
	assert_in_range(moves, 1000, 10000);
	bus_unmap(f.bus, &p.region); /* that always works */
	assert_int_equal(bus_map(f.bus, &p.region, 0x1000, &f.e), -EBUSY);
	assert_error(f.e, "cannot map p on the port bus while a CPU is held up");
	f.e = NULL;
	epoch_leave(epoch_slot(f.epoch, 1));
	epoch_collect(f.epoch);
	assert_int_equal(bus_map(f.bus, &p.region, 0x1000, &f.e), 0);
	teardown(&f);
}

struct onlooker {
	struct bus_watch watch;
	const struct io_region *region;
	uint32_t off[8];
	unsigned before, after;
};

/* Is the device's lock held now? */
static bool is_locked(struct device *d) NO_THREAD_SAFETY_ANALYSIS
{
	if (pthread_mutex_trylock(&d->lock.pthread) != 0)
		return true;
	mutex_unlock(&d->lock);
	return false;
}

static void look_before(struct bus_watch *w, struct io_region *r, uint32_t off)
{
	struct onlooker *o = container_of(w, struct onlooker, watch);

	assert_true(o->before == o->after && o->before < ARRAY_LEN(o->off));
	assert_true(is_locked(r->dev));
	o->region = r;
	o->off[o->before++] = off;
}

static void look_after(struct bus_watch *w, struct io_region *r)
{
	struct onlooker *o = container_of(w, struct onlooker, watch);

	assert_true(is_locked(r->dev));
	o->after++;
}

/* Whoever looks on sees each call of a handler, under the device's lock, and changes nothing. */
static void somebody_looks_on(void **state)
{
	static const struct device_ops own_lock = { .name = "probe", .flags = DEV_SELF_LOCKED };
	struct onlooker o = { .watch = { look_before, look_after } };
	struct fixture f;
	struct probe p, q;

	(void)state;
	setup(&f, 0x10000);
	probe_init(&p, "p", 8, 1, 2);
	probe_init(&q, "q", 8, 4, 4);
	q.dev.ops = &own_lock;
	map(&f, &p, 0x100);
	map(&f, &q, 0x108);
	assert_int_equal(bus_read_watched(f.bus, &f.hint, 0x102, 4, &o.watch), 0x05040302);
	assert_int_equal(o.before, 2);
	assert_int_equal(o.after, 2);
	assert_int_equal(o.off[1], 4);
	assert_ptr_equal(o.region, &p.region);
	bus_write_watched(f.bus, &f.hint, 0x10c, 4, 0x12345678, &o.watch);
	assert_int_equal(o.before, 3);
	assert_ptr_equal(o.region, &q.region);
	assert_int_equal(q.seen[0].val, 0x12345678);
	/* A narrow read of a wide register is the wide one's call. */
	assert_int_equal(bus_read_watched(f.bus, &f.hint, 0x10a, 1, &o.watch), 2);
	assert_int_equal(o.off[3], 0);
	/* Nobody is no call. */
	assert_int_equal(bus_read_watched(f.bus, &f.hint, 0x200, 1, &o.watch), 0xff);
	assert_int_equal(o.before, 4);
	assert_int_equal(o.after, 4);
	assert_int_equal(bus_stats(f.bus).unclaimed_reads, 1);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unclaimed_reads_all_ones),
		cmocka_unit_test(splits_wide_accesses),
		cmocka_unit_test(narrow_accesses_to_wide_registers),
		cmocka_unit_test(straddles_two_devices_and_a_hole),
		cmocka_unit_test(overlap_names_both),
		cmocka_unit_test(moves_and_unmaps),
		cmocka_unit_test(top_of_address_space),
		cmocka_unit_test(readers_race_with_moves),
		cmocka_unit_test(a_held_up_reader_costs_little),
		cmocka_unit_test(somebody_looks_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
