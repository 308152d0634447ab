/* SPDX-License-Identifier: MIT */
/*
 * virtq_packed.c: every list of descriptors that rings of 1 to 4 slots can hold, with all flags and
 * wrap counters, at every position and with any number of slots in flight, each held against a slow
 * model; every event; and what else the driver of a packed ring can do wrong.
 */
#include <string.h>

#include "tests/lib/explore.h"
#include "tests/lib/virtq_model.h"

#define DIRECT   (VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED)
#define INDIRECT (DIRECT | VIRTIO_F_INDIRECT_DESC)

#define BITS (GD_F_AVAIL | GD_F_USED)

static struct virtq_rig g;

static uint16_t available(bool wrap)
{
	return wrap ? GD_F_AVAIL : GD_F_USED;
}

static void put(unsigned slot, struct gd_desc d)
{
	gd_set_desc(&g.d, g.d.ring.desc, slot, d);
}

/* Enables the queue anew at slot @slot of lap @wrap, and leaves what the driver wrote. */
static void restart(uint16_t slot, bool wrap)
{
	struct virtq_position p = { slot, slot, wrap, wrap };

	assert_int_equal(virtq_enable(g.vq, &g.d.ring, g.d.features), 0);
	assert_int_equal(virtq_set_position(g.vq, &p), 0);
	g.broken = 0;
}

/* The slot @n behind *slot, and its lap. */
static void forward(uint16_t *slot, bool *wrap, unsigned n)
{
	while (n--) {
		if (++*slot == g.d.size) {
			*slot = 0;
			*wrap = !*wrap;
		}
	}
}

/* --- every list --------------------------------------------------------------------------------
 */

/* Kinds of buffers: plain, empty at an address that is none, in two regions, not all RAM. */
static const struct gd_desc kinds[] = {
	{ .addr = GD_HIGH + 0x100, .len = 3 },
	{ .addr = UINT64_MAX, .len = 0 },
	{ .addr = GD_SEAM - 1, .len = 2 },
	{ .addr = GD_LOW_END - 1, .len = 2 },
};

/* An indirect table: too long, too short, of odd length, not in RAM; or one of some entries. */
static void build_table(struct explore *x, struct gd_desc *d, unsigned max)
{
	gpa_t table = GD_HIGH + 0x1000;
	unsigned k = choose(x, 7 + max);

	d->addr = table;
	switch (k) {
	case 0:
		d->len = 0;
		return;
	case 1:
		d->len = 15;
		return;
	case 2:
		d->len = 17;
		return;
	case 3:
		d->len = 16 * (g.d.size + 1u);
		return;
	case 4:
		d->len = UINT32_MAX - 15;
		return;
	case 5:
		d->len = 16;
		d->addr = GD_LOW_END - 8;
		return;
	case 6: /* the ring itself */
		d->len = 16 * g.d.size;
		d->addr = g.d.ring.desc;
		return;
	}
	d->len = 16 * (k - 6);
	for (unsigned i = 0; i < k - 6; i++) {
		unsigned kind = choose(x, ARRAY_LEN(kinds));
		struct gd_desc e = kinds[kind];

		/* "Others are reserved and are ignored by the device." */
		e.flags = (uint16_t)((choose(x, 2) ? GD_F_WRITE : 0) | (i ? 0 : 0xfffd));
		e.next = 0xffff;
		gd_set_desc(&g.d, table, i, e);
		if (kind == 3)
			break;
	}
}

/*
 * Decides what the slots are, from *slot on, for as long as a list goes on. The two bits that make
 * a descriptor available take all their values.
 */
static void build(struct explore *x, uint16_t slot, bool wrap, unsigned table_max)
{
	static const uint16_t wrong_flags[] = { 0x0008, 0x0010 | GD_F_WRITE, 0x4000 | GD_F_NEXT };
	static const uint16_t bits[] = { 0, GD_F_AVAIL, GD_F_USED, BITS };

	for (unsigned n = 0; n < g.d.size; n++) {
		struct gd_desc d = { .next = (uint16_t)(0xfff0 + n) };
		uint16_t b = bits[choose(x, 4)];
		unsigned k = 2;

		if (b == available(wrap))
			k = choose(x, 4);
		if (k == 0) {
			d.flags = wrong_flags[choose(x, ARRAY_LEN(wrong_flags))];
		} else if (k == 1) {
			d.flags = (uint16_t)(GD_F_INDIRECT | choose(x, 4));
			if (!(d.flags & GD_F_NEXT))
				build_table(x, &d, n ? 1 : table_max);
		} else if (b == available(wrap)) {
			unsigned kind = choose(x, ARRAY_LEN(kinds));

			d.addr = kinds[kind].addr;
			d.len = kinds[kind].len;
			d.flags = (uint16_t)(choose(x, 2) ? GD_F_WRITE : 0);
			if (k == 3 && kind < 3)
				d.flags |= GD_F_NEXT;
		}
		d.flags |= b;
		put(slot, d);
		if ((d.flags & ~(GD_F_WRITE | BITS)) != GD_F_NEXT)
			return;
		forward(&slot, &wrap, 1);
	}
}

/* The used descriptor at @slot is that of @m, of which nothing was written (2.8.4). */
static void check_used(uint16_t slot, bool wrap, uint16_t id, unsigned len)
{
	struct gd_desc d = gd_get_desc(&g.d, g.d.ring.desc, slot);

	assert_int_equal(d.flags, (wrap ? BITS : 0) | (len ? GD_F_WRITE : 0));
	assert_int_equal(d.next, id);
	assert_int_equal(d.len, len);
}

struct tally {
	uint64_t ok, broken, empty;
};

static void every_list_at(struct explore *x, struct tally *t, unsigned table_max)
{
	uint16_t slot = (uint16_t)choose(x, g.d.size), at;
	bool wrap = choose(x, 2), at_wrap, there;
	unsigned taken = choose(x, g.d.size + 1u);
	struct vq_chain held[4];
	struct model_chain m;

	/* @taken chains of one slot each are in flight. */
	restart(slot, wrap);
	for (unsigned i = 0; i < g.d.size; i++)
		put(i, (struct gd_desc){ UINT64_MAX - 7, UINT32_MAX, 0x7f7f, 0xffff });
	at = slot;
	at_wrap = wrap;
	for (unsigned i = 0; i < taken; i++) {
		put(at, (struct gd_desc){ GD_HIGH, 1, available(at_wrap), (uint16_t)(100 + i) });
		assert_int_equal(vq_pop(g.vq, &held[i]), VQ_OK);
		forward(&at, &at_wrap, 1);
	}
	build(x, at, at_wrap, taken ? 1 : table_max);

	there = model_packed(&g, at, at_wrap, taken, g.d.size, &m);
	assert_int_equal(vq_kicks_on(g.vq), there);
	if (!there) {
		rig_empty(&g);
		t->empty++;
	} else if (!m.ok) {
		rig_breaks(&g);
		t->broken++;
	} else {
		rig_pop(&g);
		model_compare(&g, &m);
		vq_complete(&g.c);
		assert_int_equal(vq_outstanding(g.vq), taken);
		vq_flush(g.vq);
		check_used(slot, wrap, m.id, 0);
		forward(&slot, &wrap, m.slots);
		t->ok++;
	}
	for (unsigned i = 0; i < taken; i++)
		vq_complete(&held[i]);
	vq_flush(g.vq);
	for (unsigned i = 0; i < taken && !virtq_is_broken(g.vq); i++) {
		check_used(slot, wrap, (uint16_t)(100 + i), 0);
		forward(&slot, &wrap, 1);
	}
	assert_int_equal(vq_outstanding(g.vq), 0);
}

static void every_list(uint16_t size, uint64_t features, unsigned table_max)
{
	struct explore x = { 0 };
	struct tally t = { 0 };

	rig_up(&g, size, features);
	do {
		every_list_at(&x, &t, table_max);
	} while (explore_next(&x));
	print_message("           %llu rings: %llu chains, %llu refused, %llu with none\n",
		      (unsigned long long)x.runs, (unsigned long long)t.ok,
		      (unsigned long long)t.broken, (unsigned long long)t.empty);
	assert_true(t.ok > 0 && t.broken > t.ok && t.empty > 0);
	rig_down(&g);
}

static void every_list_of_1(void **state)
{
	(void)state;
	every_list(1, DIRECT, 1);
	every_list(1, INDIRECT, 1);
}

static void every_list_of_2(void **state)
{
	(void)state;
	every_list(2, DIRECT, 1);
	every_list(2, INDIRECT, 2);
}

static void every_list_of_3(void **state)
{
	(void)state;
	every_list(3, INDIRECT, 3);
}

static void every_list_of_4(void **state)
{
	(void)state;
	every_list(4, DIRECT, 1);
	every_list(4, INDIRECT, 4);
}

/* --- events ------------------------------------------------------------------------------------
 */

/*
 * 2.8.10: "Event will only trigger when this descriptor is made available/used" and "when Ring Wrap
 * Counter matches": every event against every batch at every place.
 */
static void every_event(void **state)
{
	(void)state;
	rig_up_max(&g, 1, 8, DIRECT);
	for (unsigned i = 0; i < 2 * 5 * 5 * 2 * 5; i++) {
		unsigned k = i;
		bool event_idx = k % 2, wrap, w, want;
		uint16_t size = (uint16_t)(1 + (k /= 2) % 5), slot = (uint16_t)((k /= 5) % 5), s;
		unsigned batch;

		wrap = (k /= 5) % 2;
		batch = 1 + (k / 2) % 5;
		if (slot >= size || batch > size)
			continue;
		rig_again(&g, size, event_idx ? DIRECT | VIRTIO_F_EVENT_IDX : DIRECT);
		for (uint32_t e = 0; e < 4 * 2 * 8; e++) {
			uint32_t off = e % 8, flags = e / 16;
			bool event_wrap = e / 8 % 2;

			/* first two laps of single chains, so that no first flush is special */
			restart(slot, wrap);
			s = slot;
			w = wrap;
			for (unsigned n = 0; n < 2u * size; n++) {
				put(s, (struct gd_desc){ GD_HIGH, 1, available(w), 0 });
				rig_pop(&g);
				vq_complete(&g.c);
				vq_flush(g.vq);
				forward(&s, &w, 1);
			}
			want = flags == 2 && event_idx ? false : flags != 1;
			for (unsigned n = 0; n < batch; n++) {
				put(s, (struct gd_desc){ GD_HIGH, 1, available(w), 0 });
				rig_pop(&g);
				vq_complete(&g.c);
				if (flags == 2 && event_idx && s == off && w == event_wrap)
					want = true;
				forward(&s, &w, 1);
			}
			gd_set_flags(&g.d, flags << 16 | (uint32_t)event_wrap << 15 | off);
			if (off < size || flags != 2 || !event_idx)
				assert_int_equal(vq_flush(g.vq), want);
			else
				vq_flush(g.vq); /* an event at no slot: anything goes */
		}
	}
	rig_down(&g);
}

/* 2.8.10: what the device writes about itself. */
static void kicks_follow_what_was_negotiated(void **state)
{
	(void)state;
	rig_up(&g, 3, DIRECT);
	vq_kicks_off(g.vq);
	assert_int_equal(gd_device_flags(&g.d), 1u << 16);
	assert_false(vq_kicks_on(g.vq));
	assert_int_equal(gd_device_flags(&g.d), 0);
	rig_again(&g, 3, DIRECT | VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 12; i++) {
		bool wrap = i / 3 % 2 == 0;

		vq_kicks_off(g.vq);
		assert_false(vq_kicks_on(g.vq));
		assert_int_equal(gd_device_flags(&g.d), 2u << 16 | (wrap ? 0x8000 : 0) | i % 3);
		put(i % 3, (struct gd_desc){ GD_HIGH, 1, available(wrap), 0 });
		assert_true(vq_kicks_on(g.vq));
		rig_pop(&g);
		vq_complete(&g.c);
		vq_flush(g.vq);
	}
	rig_down(&g);
}

/* --- one rule, one test ------------------------------------------------------------------------
 */

static void plain(unsigned slot, uint16_t flags, uint16_t id)
{
	put(slot, (struct gd_desc){ GD_HIGH, 16, (uint16_t)(GD_F_AVAIL | flags), id });
}

/* Row 1: "loops in the descriptor list are forbidden": NEXT all the way round. */
static void test_row01_loops(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 300; size = (uint16_t)(size + 13)) {
		for (unsigned len = 0; len < 2; len++) {
			rig_up(&g, size, INDIRECT);
			for (unsigned i = 0; i < size; i++)
				put(i, (struct gd_desc){ GD_HIGH, len, GD_F_AVAIL | GD_F_NEXT, 0 });
			rig_breaks(&g);
			/* and with the bits of the lap after this one */
			rig_again(&g, size, INDIRECT);
			for (unsigned i = 0; i < size; i++)
				put(i, (struct gd_desc){ GD_HIGH, len, GD_F_AVAIL | GD_F_NEXT, 0 });
			if (size > 1)
				put(0, (struct gd_desc){ GD_HIGH, len, GD_F_AVAIL | GD_F_NEXT, 1 });
			rig_breaks(&g);
			rig_down(&g);
		}
	}
}

static void a_list_may_use_the_whole_ring(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 256; size = (uint16_t)(size + 15)) {
		rig_up(&g, size, INDIRECT);
		for (uint16_t i = 0; i < size; i++)
			plain(i, i + 1 < size ? GD_F_NEXT : 0, (uint16_t)(i + 7));
		rig_pop(&g);
		assert_int_equal(g.c.ndesc, size);
		assert_int_equal(g.c.r.left, 16u * size);
		vq_complete(&g.c);
		vq_flush(g.vq);
		check_used(0, true, (uint16_t)(size - 1 + 7), 0); /* the ID of the last one */
		rig_down(&g);
	}
}

/* Row 3: there is no index in this ring; a buffer's ID is the driver's, and comes back as it was.
 */
static void test_row03_any_id_comes_back(void **state)
{
	bool wrap = true;

	(void)state;
	rig_up(&g, 1, DIRECT);
	for (unsigned id = 0; id <= 0xffff; id++) {
		put(0, (struct gd_desc){ GD_HIGH, 16, available(wrap) | GD_F_WRITE, (uint16_t)id });
		rig_pop(&g);
		assert_true(vq_push(&g.c, "abcdefgh", id % 8));
		vq_complete(&g.c);
		vq_flush(g.vq);
		check_used(0, wrap, (uint16_t)id, id % 8);
		wrap = !wrap;
	}
	rig_down(&g);
}

static void table(uint32_t len, uint16_t flags)
{
	put(0, (struct gd_desc){ GD_HIGH, len, (uint16_t)(GD_F_AVAIL | GD_F_INDIRECT | flags), 0 });
}

/*
 * Row 4: in a table, WRITE is "the only valid flag", others "are ignored by the device": a table in
 * a table is a buffer like any other, and is not followed.
 */
static void test_row04_table_inside_a_table(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	gd_set_desc(&g.d, GD_HIGH, 0,
		    (struct gd_desc){ GD_HIGH, 16, GD_F_INDIRECT | GD_F_NEXT | BITS, 77 });
	table(16, 0);
	rig_pop(&g);
	assert_int_equal(g.c.r.n, 1);
	assert_int_equal(g.c.r.left, 16);
	assert_int_equal(g.c.id, 0); /* nor is the ID of its entries */
	rig_down(&g);
}

/* Row 4: "MUST NOT write direct descriptors with DESC_F_INDIRECT set in a scatter-gather list". */
static void test_row04_indirect_and_next(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH, 16, 0, 0 });
	table(16, GD_F_NEXT);
	plain(1, 0, 0);
	rig_breaks(&g);
	rig_again(&g, 4, INDIRECT);
	plain(0, GD_F_NEXT, 0);
	put(1, (struct gd_desc){ GD_HIGH, 16, GD_F_AVAIL | GD_F_INDIRECT, 0 });
	rig_breaks(&g);
	rig_again(&g, 4, INDIRECT);
	table(16, GD_F_WRITE); /* 2.8.7: ignored */
	rig_pop(&g);
	assert_int_equal(g.c.r.left, 16);
	rig_down(&g);
}

static void test_row04_table_length(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	for (unsigned i = 0; i < 8; i++)
		gd_set_desc(&g.d, GD_HIGH, i, (struct gd_desc){ GD_HIGH + 128, 16, 0, 0 });
	for (uint32_t i = 0; i <= 130; i++) {
		uint32_t len = i < 129 ? i : i == 129 ? UINT32_MAX : 0x80000000;

		rig_again(&g, 4, INDIRECT);
		table(len, 0);
		if (len && len % 16 == 0 && len <= 64) {
			rig_pop(&g);
			assert_int_equal(g.c.r.left, len);
		} else {
			rig_breaks(&g);
		}
	}
	rig_down(&g);
}

static void test_row04_indirect_not_negotiated(void **state)
{
	(void)state;
	rig_up(&g, 4, DIRECT);
	gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH + 128, 16, 0, 0 });
	table(16, 0);
	rig_breaks(&g);
	rig_down(&g);
}

/* Row 5: more made available than the ring has: a whole lap again, with nothing given back. */
static void test_row05_a_lap_too_far(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 5; size++) {
		rig_up(&g, size, DIRECT);
		for (unsigned i = 0; i < size; i++)
			plain(i, 0, (uint16_t)i);
		for (unsigned i = 0; i < size; i++)
			rig_pop(&g);
		rig_empty(&g);
		put(0, (struct gd_desc){ GD_HIGH, 16, GD_F_USED, 0 });
		rig_breaks(&g);
		rig_down(&g);
	}
}

static void unknown_flags_are_refused(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	for (unsigned bit = 3; bit < 15; bit++) {
		if (bit == 7)
			continue;
		for (unsigned low = 0; low < 8; low++) {
			rig_again(&g, 4, INDIRECT);
			gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH, 16, 0, 0 });
			plain(0, (uint16_t)(1u << bit | low), 0);
			plain(1, 0, 0);
			rig_breaks(&g);
		}
	}
	rig_down(&g);
}

/* 2.8.9: of a batch, the driver sees the first completion last; until then, none of it. */
static void a_batch_becomes_visible_at_once(void **state)
{
	struct vq_chain c[4];
	struct gd_used u;

	(void)state;
	rig_up(&g, 4, DIRECT);
	for (uintptr_t i = 0; i < 4; i++)
		assert_true(gd_add(&g.d, (struct gd_buf[]){ { GD_HIGH, 1, false } }, 1,
				   (void *)i) >= 0);
	gd_kick(&g.d);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vq_pop(g.vq, &c[i]), VQ_OK);
	for (unsigned i = 0; i < 4; i++) {
		vq_complete(&c[i]);
		assert_false(gd_get_used(&g.d, &u));
	}
	vq_flush(g.vq);
	for (uintptr_t i = 0; i < 4; i++) {
		assert_true(gd_get_used(&g.d, &u));
		assert_ptr_equal(u.token, (void *)i);
	}
	rig_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_list_of_1),
		cmocka_unit_test(every_list_of_2),
		cmocka_unit_test(every_list_of_3),
		cmocka_unit_test(every_list_of_4),
		cmocka_unit_test(every_event),
		cmocka_unit_test(kicks_follow_what_was_negotiated),
		cmocka_unit_test(test_row01_loops),
		cmocka_unit_test(a_list_may_use_the_whole_ring),
		cmocka_unit_test(test_row03_any_id_comes_back),
		cmocka_unit_test(test_row04_table_inside_a_table),
		cmocka_unit_test(test_row04_indirect_and_next),
		cmocka_unit_test(test_row04_table_length),
		cmocka_unit_test(test_row04_indirect_not_negotiated),
		cmocka_unit_test(test_row05_a_lap_too_far),
		cmocka_unit_test(unknown_flags_are_refused),
		cmocka_unit_test(a_batch_becomes_visible_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
