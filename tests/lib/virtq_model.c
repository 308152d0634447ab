/* SPDX-License-Identifier: MIT */
/* virtq_model.c: chains, slowly. */
#include "tests/lib/virtq_model.h"

#include <string.h>

static void bad(struct model_chain *m, const char *why)
{
	if (m->ok)
		m->why = why;
	m->ok = false;
}

/* The bytes of one descriptor's buffer. */
static void add_bytes(const struct virtq_rig *g, struct model_chain *m, struct gd_desc d)
{
	bool write = d.flags & GD_F_WRITE;

	for (uint64_t i = 0; i < d.len && m->ok; i++) {
		uint8_t *p = NULL;

		if (d.addr + i >= d.addr)
			p = gm_ptr(g->gm, d.addr + i, 1, GM_RW);
		if (!p) {
			bad(m, "a byte is not RAM");
			break;
		}
		assert_in_range(write ? m->w_cnt : m->r_cnt, 0, MODEL_BYTES - 1);
		if (write)
			m->w[m->w_cnt++] = p;
		else
			m->r[m->r_cnt++] = p;
	}
}

/* 2.7.4.2: "place any device-writable descriptor elements after any device-readable". */
static void check_order(struct model_chain *m, const struct gd_desc *d, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if ((d[i - 1].flags & GD_F_WRITE) && !(d[i].flags & GD_F_WRITE))
			bad(m, "readable after writable");
}

/* 2.7.5.3, 2.8.7 */
static void check_table(const struct virtq_rig *g, struct model_chain *m, struct gd_desc d,
			unsigned max)
{
	if (!(g->d.features & VIRTIO_F_INDIRECT_DESC))
		bad(m, "INDIRECT was not negotiated");
	if (d.flags & GD_F_NEXT)
		bad(m, "INDIRECT and NEXT");
	if (d.len == 0 || d.len % 16 != 0)
		bad(m, "a table of odd length");
	if (d.len / 16 > max)
		bad(m, "a table longer than the queue");
	if (m->ok && !gm_ptr(g->gm, d.addr, d.len, GM_RW))
		bad(m, "a table that is not in RAM");
}

void model_split(const struct virtq_rig *g, uint16_t head, unsigned max, struct model_chain *m)
{
	struct gd_desc seen[2 * GD_SIZE_MAX];
	unsigned n = 0, entries = g->d.size;
	gpa_t table = g->d.ring.desc;
	bool nested = false;
	uint16_t i = head;

	memset(m, 0, sizeof(*m));
	m->ok = true;
	m->slots = 1;
	m->id = head;
	for (;;) {
		struct gd_desc d;

		if (i >= entries) {
			bad(m, "an index beyond the table");
			break;
		}
		d = gd_get_desc(&g->d, table, i);
		if (d.flags & ~(GD_F_NEXT | GD_F_WRITE | GD_F_INDIRECT)) {
			bad(m, "unknown flags");
			break;
		}
		if (d.flags & GD_F_INDIRECT) {
			check_table(g, m, d, max);
			if (nested)
				bad(m, "a table inside a table");
			if (!m->ok)
				break;
			nested = true;
			table = d.addr;
			entries = d.len / 16;
			i = 0;
			continue;
		}
		if (n == max) {
			bad(m, "longer than the queue: a loop");
			break;
		}
		seen[n++] = d;
		add_bytes(g, m, d);
		if (!m->ok || !(d.flags & GD_F_NEXT))
			break;
		i = d.next;
	}
	check_order(m, seen, n);
}

static bool is_available(struct gd_desc d, bool wrap)
{
	return !!(d.flags & GD_F_AVAIL) == wrap && !!(d.flags & GD_F_USED) != wrap;
}

bool model_packed(const struct virtq_rig *g, uint16_t slot, bool wrap, unsigned taken, unsigned max,
		  struct model_chain *m)
{
	struct gd_desc seen[2 * GD_SIZE_MAX], d = gd_get_desc(&g->d, g->d.ring.desc, slot);
	unsigned n = 0;

	if (!is_available(d, wrap))
		return false;
	memset(m, 0, sizeof(*m));
	m->ok = true;
	for (;;) {
		if (!is_available(d, wrap))
			bad(m, "a list with a hole in it");
		if (++m->slots > g->d.size - taken)
			bad(m, "more than the ring has");
		m->id = d.next;
		if (d.flags & ~(GD_F_NEXT | GD_F_WRITE | GD_F_INDIRECT | GD_F_AVAIL | GD_F_USED))
			bad(m, "unknown flags");
		if (d.flags & GD_F_INDIRECT) {
			check_table(g, m, d, max);
			if (m->slots > 1)
				bad(m, "a list of both kinds");
			for (unsigned i = 0; m->ok && i < d.len / 16; i++) {
				seen[n] = gd_get_desc(&g->d, d.addr, i);
				add_bytes(g, m, seen[n++]);
			}
			break;
		}
		if (!m->ok)
			break;
		seen[n++] = d;
		add_bytes(g, m, d);
		if (!m->ok || !(d.flags & GD_F_NEXT))
			break;
		if (++slot == g->d.size) {
			slot = 0;
			wrap = !wrap;
		}
		d = gd_get_desc(&g->d, g->d.ring.desc, slot);
	}
	check_order(m, seen, n);
	return true;
}

static void compare(const struct vq_cursor *cur, uint8_t *const *byte, unsigned cnt)
{
	unsigned at = 0;

	assert_int_equal(cur->left, cnt);
	assert_int_equal(cur->off | cur->cut, 0);
	for (unsigned i = 0; i < cur->n; i++) {
		assert_true(cur->iov[i].iov_len > 0);
		for (size_t k = 0; k < cur->iov[i].iov_len; k++) {
			assert_true(at < cnt);
			assert_ptr_equal((uint8_t *)cur->iov[i].iov_base + k, byte[at++]);
		}
	}
	assert_int_equal(at, cnt);
}

void model_compare(const struct virtq_rig *g, const struct model_chain *m)
{
	assert_ptr_equal(g->c.vq, g->vq);
	assert_int_equal(g->c.id, m->id);
	assert_int_equal(g->c.ndesc, m->slots);
	assert_int_equal(g->c.written, 0);
	compare(&g->c.r, m->r, m->r_cnt);
	compare(&g->c.w, m->w, m->w_cnt);
}
