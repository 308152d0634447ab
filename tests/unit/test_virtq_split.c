/* SPDX-License-Identifier: MIT */
/*
 * virtq_split.c: every descriptor graph that rings of 1, 2 and 4 entries can hold, each held
 * against a slow model; every available index; and what else the driver of a split ring can do
 * wrong.
 */
#include <string.h>

#include "tests/lib/explore.h"
#include "tests/lib/virtq_model.h"

#define DIRECT   VIRTIO_F_VERSION_1
#define INDIRECT (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC)

static struct virtq_rig g;

/* Enables the queue anew, without clearing what the driver wrote. */
static void restart(uint16_t index)
{
	struct virtq_position p = { index, index, true, true };

	assert_int_equal(virtq_enable(g.vq, &g.d.ring, g.d.features), 0);
	assert_int_equal(virtq_set_position(g.vq, &p), 0);
	g.broken = 0;
}

/* Offers chain @head as the only one, and holds what the queue says against what the model says. */
static bool check_head(uint16_t head, unsigned max)
{
	struct model_chain m;
	uint16_t index = 0xffff; /* so that the index wraps around in each case */

	restart(index);
	gd_set_avail(&g.d, index, head);
	gd_set_avail_idx(&g.d, (uint16_t)(index + 1));
	model_split(&g, head, max, &m);
	if (!m.ok) {
		rig_breaks(&g);
	} else {
		struct gd_desc used;

		rig_pop(&g);
		model_compare(&g, &m);
		assert_int_equal(vq_outstanding(g.vq), 1);
		rig_empty(&g);
		vq_complete(&g.c);
		vq_flush(g.vq);
		assert_int_equal(gd_used_idx(&g.d), (uint16_t)(index + 1));
		assert_true(gm_read(g.gm, g.d.ring.device + 4 + 8 * (index % g.d.size), &used, 8));
		assert_int_equal(used.addr, head); /* id, and a len of 0 behind it */
	}
	assert_int_equal(vq_outstanding(g.vq), 0);
	return m.ok;
}

/* --- every graph -------------------------------------------------------------------------------
 */

/* Kinds of buffers: plain, empty at an address that is none, in two regions, not all RAM. */
static const struct {
	gpa_t addr;
	uint32_t len;
} kinds[] = {
	{ GD_HIGH + 0x100, 3 },
	{ UINT64_MAX, 0 },
	{ GD_SEAM - 1, 2 },
	{ GD_LOW_END - 1, 2 },
};

struct graph {
	struct explore x;
	unsigned table_max; /* entries of the largest indirect table to try */
	uint64_t ok, broken;
};

static void build_table(struct graph *q, struct gd_desc *d, unsigned depth);

/*
 * Decides what entry @i of a table of @n is, when the chain gets there for the first time; entries
 * that no chain reaches stay full of malice. Choices that cannot matter are not varied: what is
 * behind a descriptor that no chain survives, or where one points whose flags are wrong.
 */
static void build(struct graph *q, gpa_t table, unsigned i, unsigned n, unsigned depth, bool *done)
{
	static const uint16_t wrong_flags[] = { 0x0008, 0x0010 | GD_F_WRITE, 0x8000 | GD_F_NEXT };
	bool indirect = table != g.d.ring.desc;

	while (i < n && !done[i]) {
		struct gd_desc d = { kinds[0].addr, kinds[0].len, 0, 0xffff };
		unsigned k = choose(&q->x, 4);

		done[i] = true;
		if (k == 0) {
			d.flags = wrong_flags[choose(&q->x, ARRAY_LEN(wrong_flags))];
		} else if (k == 1) { /* INDIRECT, with any other flags */
			d.flags = (uint16_t)(GD_F_INDIRECT | choose(&q->x, 4));
			if (!indirect && !(d.flags & GD_F_NEXT))
				build_table(q, &d, depth);
		} else { /* the chain ends here, or goes on to any entry or beyond the table */
			unsigned kind = choose(&q->x, ARRAY_LEN(kinds));

			d.addr = kinds[kind].addr;
			d.len = kinds[kind].len;
			d.flags = (uint16_t)(choose(&q->x, 2) ? GD_F_WRITE : 0);
			if (k == 3 && kind < 3) {
				d.flags |= GD_F_NEXT;
				d.next = (uint16_t)choose(&q->x, n + 2);
				if (d.next == n + 1)
					d.next = 0x8000;
			}
		}
		gd_set_desc(&g.d, table, i, d);
		if ((d.flags & ~GD_F_WRITE) != GD_F_NEXT)
			return;
		i = d.next;
		depth++;
	}
}

static void spoil(gpa_t table, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		gd_set_desc(&g.d, table, i,
			    (struct gd_desc){ UINT64_MAX - 7, UINT32_MAX, 0xffff, 0xffff });
}

/* An indirect table: too long, too short, of odd length, not in RAM; or one with a graph in it. */
static void build_table(struct graph *q, struct gd_desc *d, unsigned depth)
{
	bool done[8] = { false };
	/* All of them behind the head; behind longer chains, tables of two entries. */
	unsigned max = depth ? min_u64(q->table_max, 2) : q->table_max;
	unsigned k = choose(&q->x, 7 + max);
	gpa_t table = GD_HIGH + 0x1000;

	*d = (struct gd_desc){ .addr = table, .flags = d->flags };
	spoil(table, 8);
	switch (k) {
	case 0:
		d->len = 0;
		break;
	case 1:
		d->len = 15;
		break;
	case 2:
		d->len = 17;
		break;
	case 3:
		d->len = 16 * (g.d.size + 1u);
		break;
	case 4:
		d->len = UINT32_MAX - 15;
		break;
	case 5:
		d->len = 16;
		d->addr = GD_LOW_END - 8;
		break;
	case 6: /* the ring's own table */
		d->len = 16 * g.d.size;
		d->addr = g.d.ring.desc;
		break;
	default:
		d->len = 16 * (k - 6);
		if (g.d.features & VIRTIO_F_INDIRECT_DESC)
			build(q, table, 0, k - 6, 0, done);
	}
}

static void every_graph(uint16_t size, uint64_t features, unsigned table_max)
{
	struct graph q = { .table_max = table_max };

	rig_up(&g, size, features);
	do {
		bool done[8] = { false };
		uint16_t head = (uint16_t)choose(&q.x, size + 2u);

		if (head == size + 1u)
			head = 0xffff;
		spoil(g.d.ring.desc, size);
		build(&q, g.d.ring.desc, head, size, 0, done);
		if (check_head(head, size))
			q.ok++;
		else
			q.broken++;
	} while (explore_next(&q.x));
	print_message("           %llu graphs: %llu chains, %llu refused\n",
		      (unsigned long long)q.x.runs, (unsigned long long)q.ok,
		      (unsigned long long)q.broken);
	assert_true(q.ok > 0 && q.broken > q.ok);
	rig_down(&g);
}

static void every_graph_of_1(void **state)
{
	(void)state;
	every_graph(1, DIRECT, 0);
	every_graph(1, INDIRECT, 1);
}

static void every_graph_of_2(void **state)
{
	(void)state;
	every_graph(2, DIRECT, 0);
	every_graph(2, INDIRECT, 2);
}

static void every_graph_of_4(void **state)
{
	(void)state;
	every_graph(4, DIRECT, 0);
}

/* One thread is no work for the thread sanitizer, and millions of graphs are much. */
#if defined(__SANITIZE_THREAD__)
#define TABLE_MAX 1
#else
#define TABLE_MAX 4
#endif

static void every_graph_of_4_with_tables(void **state)
{
	(void)state;
	every_graph(4, INDIRECT, TABLE_MAX);
}

/* --- indices -----------------------------------------------------------------------------------
 */

/*
 * Row 5: avail.idx takes each of its 65536 values, with the queue at various positions and some
 * chains in flight. Only what is at most `size` ahead of what was given back is true.
 */
static void test_row05_every_available_index(void **state)
{
	static const uint16_t starts[] = { 0, 1, 0x7fff, 0x8000, 0xfffd, 0xffff };

	(void)state;
	rig_up_max(&g, 1, 4, DIRECT);
	for (uint16_t size = 1; size <= 4; size = (uint16_t)(size * 2)) {
		rig_again(&g, size, DIRECT);
		for (unsigned s = 0; s < ARRAY_LEN(starts) * (size + 1u); s++) {
			uint16_t start = starts[s % ARRAY_LEN(starts)];
			unsigned flying = s / ARRAY_LEN(starts);

			for (unsigned i = 0; i < size; i++) {
				gd_set_desc(&g.d, g.d.ring.desc, i,
					    (struct gd_desc){ GD_HIGH, 1, 0, 0 });
				gd_set_avail(&g.d, i, (uint16_t)i);
			}
			for (unsigned idx = 0; idx <= 0xffff; idx++) {
				uint16_t more = (uint16_t)(idx - start - flying);

				restart(start);
				gd_set_avail_idx(&g.d, (uint16_t)(start + flying));
				for (unsigned i = 0; i < flying; i++)
					rig_pop(&g);
				gd_set_avail_idx(&g.d, (uint16_t)idx);
				if (more > size - flying) {
					rig_breaks(&g);
					continue;
				}
				for (unsigned i = 0; i < more; i++)
					rig_pop(&g);
				rig_empty(&g);
				assert_int_equal(vq_outstanding(g.vq), flying + more);
			}
		}
	}
	rig_down(&g);
}

/* Row 5: a jump is not "processed twice": not one chain is popped after it. */
static void test_row05_jump_pops_nothing(void **state)
{
	(void)state;
	rig_up(&g, 4, DIRECT);
	gd_set_desc(&g.d, g.d.ring.desc, 0, (struct gd_desc){ GD_HIGH, 1, 0, 0 });
	gd_set_avail_idx(&g.d, 5);
	rig_breaks(&g);
	assert_int_equal(vq_outstanding(g.vq), 0);
	rig_down(&g);
}

/* Row 6: the index goes back by one, at the wrap of 16 bits and elsewhere. */
static void test_row06_index_goes_back(void **state)
{
	(void)state;
	rig_up(&g, 4, DIRECT);
	gd_set_desc(&g.d, g.d.ring.desc, 0, (struct gd_desc){ GD_HIGH, 1, 0, 0 });
	for (unsigned start = 0; start <= 0xffff; start++) {
		restart((uint16_t)start);
		gd_set_avail_idx(&g.d, (uint16_t)(start + 1));
		rig_pop(&g);
		gd_set_avail_idx(&g.d, (uint16_t)start);
		rig_breaks(&g);
	}
	rig_down(&g);
}

/* Row 6: used.idx wraps at 65536, and events are compared across the wrap. */
static void test_row06_events_across_the_wrap(void **state)
{
	(void)state;
	rig_up(&g, 4, DIRECT | VIRTIO_F_EVENT_IDX);
	gd_set_desc(&g.d, g.d.ring.desc, 0, (struct gd_desc){ GD_HIGH, 1, 0, 0 });
	for (unsigned i = 0; i < 3 * 65536; i++) {
		bool want = i % 7 == 0;

		/* the one that is used now, or one far away on either side */
		gd_set_used_event(&g.d, (uint16_t)(want ? i : i + (i % 2 ? 0x8000 : 0xffff)));
		gd_set_avail_idx(&g.d, (uint16_t)(i + 1));
		rig_pop(&g);
		vq_complete(&g.c);
		assert_int_equal(vq_flush(g.vq), want);
		assert_int_equal(gd_used_idx(&g.d), (uint16_t)(i + 1));
		assert_false(vq_kicks_on(g.vq));
		assert_int_equal(gd_avail_event(&g.d), (uint16_t)(i + 1));
	}
	rig_down(&g);
}

/* --- one rule, one test ------------------------------------------------------------------------
 */

static void put(unsigned i, uint16_t flags, uint16_t next)
{
	gd_set_desc(&g.d, g.d.ring.desc, i, (struct gd_desc){ GD_HIGH, 16, flags, next });
}

static void offer(uint16_t head)
{
	restart(0);
	gd_set_avail(&g.d, 0, head);
	gd_set_avail_idx(&g.d, 1);
}

/* Row 1: loops of every length, of readable, writable and empty descriptors, end. */
static void test_row01_loops(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 256; size = (uint16_t)(size * 2)) {
		rig_up(&g, size, INDIRECT);
		for (unsigned len = 0; len < 2; len++) {
			for (uint16_t back = 0; back < size; back++) {
				for (uint16_t i = 0; i < size; i++)
					gd_set_desc(&g.d, g.d.ring.desc, i,
						    (struct gd_desc){ GD_HIGH, len,
								      GD_F_NEXT | GD_F_WRITE,
								      (uint16_t)(i + 1) });
				gd_set_desc(&g.d, g.d.ring.desc, size - 1u,
					    (struct gd_desc){ GD_HIGH, len, GD_F_NEXT | GD_F_WRITE,
							      back });
				offer(0);
				rig_breaks(&g);
			}
		}
		rig_down(&g);
	}
}

/* Row 1: the longest chain that is none. */
static void a_chain_may_use_the_whole_table(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 256; size = (uint16_t)(size * 2)) {
		rig_up(&g, size, INDIRECT);
		for (uint16_t i = 0; i < size; i++)
			put(i, GD_F_NEXT, (uint16_t)(i + 1));
		put(size - 1u, 0, 0);
		offer(0);
		rig_pop(&g);
		assert_int_equal(g.c.r.n, size);
		/* and as an indirect table, of itself */
		gd_set_desc(&g.d, g.d.ring.desc, 0,
			    (struct gd_desc){ GD_HIGH, 16u * size, GD_F_INDIRECT, 0 });
		for (uint16_t i = 0; i < size; i++)
			gd_set_desc(&g.d, GD_HIGH, i,
				    (struct gd_desc){ GD_HIGH, 1, i + 1 < size ? GD_F_NEXT : 0,
						      (uint16_t)(i + 1) });
		offer(0);
		rig_pop(&g);
		assert_int_equal(g.c.r.n, size);
		rig_down(&g);
	}
}

/* Row 3: every head that is none. */
static void test_row03_head_out_of_range(void **state)
{
	(void)state;
	rig_up(&g, 4, DIRECT);
	put(0, 0, 0);
	for (unsigned head = 4; head <= 0xffff; head++) {
		offer((uint16_t)head);
		rig_breaks(&g);
	}
	rig_down(&g);
}

/* Row 3: every next that is none, in the ring's table and in an indirect one. */
static void test_row03_next_out_of_range(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	for (unsigned next = 4; next <= 0xffff; next++) {
		put(0, GD_F_NEXT, (uint16_t)next);
		offer(0);
		rig_breaks(&g);
		gd_set_desc(&g.d, g.d.ring.desc, 0,
			    (struct gd_desc){ GD_HIGH, 32, GD_F_INDIRECT, 0 });
		gd_set_desc(&g.d, GD_HIGH, 0,
			    (struct gd_desc){ 0, 1, GD_F_NEXT, (uint16_t)(next - 2) });
		offer(0);
		rig_breaks(&g);
	}
	rig_down(&g);
}

static void put_table(uint32_t len, uint16_t flags)
{
	gd_set_desc(&g.d, g.d.ring.desc, 0,
		    (struct gd_desc){ GD_HIGH, len, (uint16_t)(GD_F_INDIRECT | flags), 1 });
}

/* Row 4: 2.7.5.3.1, "MUST NOT set the VIRTQ_DESC_F_INDIRECT flag within an indirect descriptor". */
static void test_row04_table_inside_a_table(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	put_table(16, 0);
	gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH + 64, 16, GD_F_INDIRECT, 0 });
	gd_set_desc(&g.d, GD_HIGH + 64, 0, (struct gd_desc){ GD_HIGH + 128, 16, 0, 0 });
	offer(0);
	rig_breaks(&g);
	/* as its second entry, and pointing at itself */
	put_table(32, 0);
	gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH + 128, 16, GD_F_NEXT, 1 });
	gd_set_desc(&g.d, GD_HIGH, 1, (struct gd_desc){ GD_HIGH, 32, GD_F_INDIRECT, 0 });
	offer(0);
	rig_breaks(&g);
	rig_down(&g);
}

/* Row 4: "MUST NOT set both VIRTQ_DESC_F_INDIRECT and VIRTQ_DESC_F_NEXT". */
static void test_row04_indirect_and_next(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH + 128, 16, 0, 0 });
	put(1, 0, 0);
	put_table(16, GD_F_NEXT);
	offer(0);
	rig_breaks(&g);
	put_table(16, 0); /* that was all that was wrong */
	offer(0);
	rig_pop(&g);
	rig_down(&g);
}

/* Row 4: lengths that are no whole number of descriptors, none, or more than the queue has. */
static void test_row04_table_length(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	for (unsigned i = 0; i < 8; i++)
		gd_set_desc(&g.d, GD_HIGH, i, (struct gd_desc){ GD_HIGH + 128, 16, 0, 0 });
	for (uint32_t len = 0; len <= 128; len++) {
		put_table(len, 0);
		offer(0);
		if (len && len % 16 == 0 && len <= 64)
			rig_pop(&g);
		else
			rig_breaks(&g);
	}
	put_table(UINT32_MAX, 0);
	offer(0);
	rig_breaks(&g);
	put_table(0x80000000, 0);
	offer(0);
	rig_breaks(&g);
	rig_down(&g);
}

/*
 * Row 4: the limit is "the Queue Size of the device". A driver that made its ring smaller than the
 * device would have allowed still sends the requests that its device allows.
 */
static void test_row04_table_in_a_small_ring(void **state)
{
	struct gd_buf b[17];

	(void)state;
	rig_up_max(&g, 4, 16, INDIRECT);
	for (unsigned i = 0; i < 17; i++)
		b[i] = (struct gd_buf){ GD_HIGH + i, 1, GD_W };
	assert_true(gd_add_indirect(&g.d, b, 16, NULL) >= 0);
	assert_true(gd_add_indirect(&g.d, b, 17, NULL) >= 0);
	gd_kick(&g.d);
	rig_pop(&g);
	assert_int_equal(g.c.w.left, 16);
	rig_breaks(&g);
	rig_down(&g);
}

/* Row 4: not negotiated. */
static void test_row04_indirect_not_negotiated(void **state)
{
	(void)state;
	rig_up(&g, 4, DIRECT);
	gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH + 128, 16, 0, 0 });
	put_table(16, 0);
	offer(0);
	rig_breaks(&g);
	rig_down(&g);
}

/* 2.7.5.3.2: "MUST handle the case of zero or more normal chained descriptors followed by" one
 * table; "MUST ignore the write-only flag". */
static void a_chain_may_end_in_a_table(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	for (unsigned n = 0; n < 4; n++) {
		for (unsigned i = 0; i < n; i++)
			put(i, GD_F_NEXT, (uint16_t)(i + 1));
		gd_set_desc(&g.d, g.d.ring.desc, n,
			    (struct gd_desc){ GD_HIGH, 32, GD_F_INDIRECT | GD_F_WRITE, 0 });
		gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH, 7, GD_F_NEXT, 1 });
		gd_set_desc(&g.d, GD_HIGH, 1, (struct gd_desc){ GD_HIGH, 9, GD_F_WRITE, 0 });
		offer(0);
		if (n + 2 > 4) { /* longer than the queue */
			rig_breaks(&g);
			continue;
		}
		rig_pop(&g);
		assert_int_equal(g.c.r.left, 16 * n + 7);
		assert_int_equal(g.c.w.left, 9);
	}
	rig_down(&g);
}

/* 2.7.5.3 asks for no alignment of a table. */
static void a_table_at_an_odd_address(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	for (unsigned off = 0; off < 16; off++) {
		gpa_t t = GD_HIGH + off;

		gd_set_desc(&g.d, g.d.ring.desc, 0, (struct gd_desc){ t, 32, GD_F_INDIRECT, 0 });
		gd_set_desc(&g.d, t, 0, (struct gd_desc){ GD_HIGH + 256, 7, GD_F_NEXT, 1 });
		gd_set_desc(&g.d, t, 1, (struct gd_desc){ GD_HIGH + 512, 9, GD_F_WRITE, 0 });
		offer(0);
		rig_pop(&g);
		assert_int_equal(g.c.r.left, 7);
		assert_ptr_equal(g.c.w.iov[0].iov_base, gm_ptr(g.gm, GD_HIGH + 512, 9, GM_RW));
		assert_int_equal(g.c.w.left, 9);
	}
	rig_down(&g);
}

/* Bits of flags that mean nothing, each. */
static void unknown_flags_are_refused(void **state)
{
	(void)state;
	rig_up(&g, 4, INDIRECT);
	for (unsigned bit = 3; bit < 16; bit++) {
		for (unsigned low = 0; low < 8; low++) {
			gd_set_desc(&g.d, GD_HIGH, 0, (struct gd_desc){ GD_HIGH, 16, 0, 0 });
			put(0, (uint16_t)(1u << bit | low), 1);
			put(1, 0, 0);
			offer(0);
			rig_breaks(&g);
		}
	}
	rig_down(&g);
}

/* --- notifications, bit by bit -----------------------------------------------------------------
 */

/*
 * 2.7.7.2 without EVENT_IDX: "MUST ignore the used_event value"; flags 1: no interrupt. With it:
 * "MUST ignore the lower bit of flags".
 */
static void interrupts_follow_what_was_negotiated(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		bool event_idx = i & 1, flag = i & 2, event = i & 4;

		rig_up(&g, 4, event_idx ? DIRECT | VIRTIO_F_EVENT_IDX : DIRECT);
		gd_set_flags(&g.d, flag);
		gd_set_used_event(&g.d, event ? 0 : 1000);
		put(0, 0, 0);
		gd_set_avail_idx(&g.d, 1);
		rig_pop(&g);
		vq_complete(&g.c);
		assert_int_equal(vq_flush(g.vq), event_idx ? event : !flag);
		rig_down(&g);
	}
}

/* 2.7.10.2: with EVENT_IDX "the device MUST set flags to 0". */
static void kicks_follow_what_was_negotiated(void **state)
{
	(void)state;
	rig_up(&g, 4, DIRECT);
	vq_kicks_off(g.vq);
	assert_int_equal(gd_device_flags(&g.d), 1);
	assert_false(vq_kicks_on(g.vq));
	assert_int_equal(gd_device_flags(&g.d), 0);
	assert_int_equal(gd_avail_event(&g.d), 0);
	rig_again(&g, 4, DIRECT | VIRTIO_F_EVENT_IDX);
	put(0, 0, 0);
	gd_set_avail_idx(&g.d, 1);
	rig_pop(&g);
	vq_kicks_off(g.vq);
	assert_int_equal(gd_device_flags(&g.d), 0);
	assert_false(vq_kicks_on(g.vq));
	assert_int_equal(gd_device_flags(&g.d), 0);
	assert_int_equal(gd_avail_event(&g.d), 1);
	rig_down(&g);
}

/* The used ring is the device's to write: what a driver writes there is never read back. */
static void the_used_ring_is_not_read(void **state)
{
	static uint8_t junk[6 + 8 * 4];
	struct virtq_used {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[4];
	} u;

	(void)state;
	rig_up(&g, 4, DIRECT);
	memset(junk, 0xa5, sizeof(junk));
	for (unsigned i = 0; i < 8; i++) {
		put(0, GD_F_WRITE, 0);
		assert_true(gm_write(g.gm, g.d.ring.device, junk, sizeof(junk)));
		gd_set_avail_idx(&g.d, (uint16_t)(i + 1));
		rig_pop(&g);
		assert_true(vq_push(&g.c, "abc", i % 4));
		vq_complete(&g.c);
		vq_flush(g.vq);
		assert_true(gm_read(g.gm, g.d.ring.device, &u, sizeof(u)));
		assert_int_equal(u.idx, i + 1);
		assert_int_equal(u.ring[i % 4].id, 0);
		assert_int_equal(u.ring[i % 4].len, i % 4);
	}
	rig_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_graph_of_1),
		cmocka_unit_test(every_graph_of_2),
		cmocka_unit_test(every_graph_of_4),
		cmocka_unit_test(every_graph_of_4_with_tables),
		cmocka_unit_test(test_row01_loops),
		cmocka_unit_test(a_chain_may_use_the_whole_table),
		cmocka_unit_test(test_row03_head_out_of_range),
		cmocka_unit_test(test_row03_next_out_of_range),
		cmocka_unit_test(test_row04_table_inside_a_table),
		cmocka_unit_test(test_row04_indirect_and_next),
		cmocka_unit_test(test_row04_table_length),
		cmocka_unit_test(test_row04_table_in_a_small_ring),
		cmocka_unit_test(test_row04_indirect_not_negotiated),
		cmocka_unit_test(test_row05_every_available_index),
		cmocka_unit_test(test_row05_jump_pops_nothing),
		cmocka_unit_test(test_row06_index_goes_back),
		cmocka_unit_test(test_row06_events_across_the_wrap),
		cmocka_unit_test(a_chain_may_end_in_a_table),
		cmocka_unit_test(a_table_at_an_odd_address),
		cmocka_unit_test(unknown_flags_are_refused),
		cmocka_unit_test(interrupts_follow_what_was_negotiated),
		cmocka_unit_test(kicks_follow_what_was_negotiated),
		cmocka_unit_test(the_used_ring_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
