/* SPDX-License-Identifier: MIT */
/*
 * inspect_ring.c: a virtqueue's ring drawn (virtio 1.2, 2.7 and 2.8). The ring is the guest's: it
 * may loop, point nowhere, claim what cannot be, and change meanwhile. Each datum is copied once;
 * every list has a length of ours.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine/inspect.h"
#include "virtio/virtio_wire.h"
#include "vmm/endian.h"
#include "vmm/guestmem.h"

#define ROWS_MAX   24u /* of the rings */
#define CHAINS_MAX 8u  /* that are drawn */
#define DESCS_MAX  16u /* of one chain, and of one indirect table */
#define HISTORY    4u  /* rows in front of the oldest that is not done */

#define F_NEXT     1u
#define F_WRITE    2u
#define F_INDIRECT 4u
#define F_AVAIL    0x0080u
#define F_USED     0x8000u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next; /* packed: next is the buffer ID */
};

static bool read16(const struct ring_view *v, gpa_t gpa, uint16_t *ret)
{
	uint8_t b[2];

	if (!gm_read(v->gm, gpa, b, sizeof(b)))
		return false;
	*ret = get_le16(b);
	return true;
}

static bool is_packed(const struct ring_view *v)
{
	return v->features & VIRTIO_F_RING_PACKED;
}

static bool read_desc(const struct ring_view *v, gpa_t table, uint32_t i, struct desc *ret)
{
	uint8_t b[16];

	if (!gm_read(v->gm, table + (gpa_t)i * sizeof(b), b, sizeof(b)))
		return false;
	*ret = (struct desc){ .addr = get_le64(b), .len = get_le32(b + 8) };
	ret->flags = get_le16(b + (is_packed(v) ? 14 : 12));
	ret->next = get_le16(b + (is_packed(v) ? 12 : 14));
	return true;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static bool in_memory(const struct ring_view *v, uint64_t addr, uint32_t len)
{
	uint8_t b;

	return !len || (gm_read(v->gm, addr, &b, 1) && addr + len - 1 >= addr &&
			gm_read(v->gm, addr + len - 1, &b, 1));
}

static void add_desc(const struct ring_view *v, const char *indent, uint32_t i,
		     const struct desc *d, struct str *out)
{
	str_add(out, "%s[%3u] %-5s %#012" PRIx64 " %6u bytes", indent, i,
		d->flags & F_INDIRECT ? "table"
		: d->flags & F_WRITE  ? "write"
				      : "read",
		d->addr, d->len);
	if (!in_memory(v, d->addr, d->len))
		str_add(out, " (not in memory)");
}

/* 2.7.5.3, 2.8.7: a packed ring's tables are plain arrays. */
static void add_table(const struct ring_view *v, const struct desc *t, struct str *out)
{
	uint32_t cnt = t->len / 16, i = 0;
	struct desc d;
	unsigned shown;

	if (!t->len || t->len % 16)
		str_add(out, "        its length is no multiple of 16\n");
	for (shown = 0; i < cnt && shown < DESCS_MAX; shown++) {
		if (!read_desc(v, t->addr, i, &d)) {
			str_add(out, "        the table is not in memory\n");
			return;
		}
		add_desc(v, "        ", i, &d, out);
		str_add(out, "\n");
		if (is_packed(v)) {
			i++;
			continue;
		}
		if (!(d.flags & F_NEXT))
			return;
		if (d.next >= cnt) {
			str_add(out, "        -> [%u], which the table does not have\n", d.next);
			return;
		}
		i = d.next;
	}
	if (i < cnt)
		str_add(out, "        ... and so on\n");
}

/* A chain of a split ring from @head on. */
static void add_chain(const struct ring_view *v, uint16_t head, struct str *out)
{
	uint8_t seen[VQ_SIZE_MAX / 8] = { 0 };
	uint16_t i = head;
	struct desc d;

	for (unsigned n = 0;; n++) {
		if (i >= v->addr.size || i >= VQ_SIZE_MAX) {
			str_add(out, "    -> [%u], which the ring does not have\n", i);
			return;
		}
		if (seen[i / 8] & 1u << i % 8) {
			str_add(out, "    -> [%u] again: a loop\n", i);
			return;
		}
		if (n == DESCS_MAX) {
			str_add(out, "    ... and so on\n");
			return;
		}
		seen[i / 8] |= (uint8_t)(1u << i % 8);
		if (!read_desc(v, v->addr.desc, i, &d)) {
			str_add(out, "    the descriptors are not in memory\n");
			return;
		}
		add_desc(v, "    ", i, &d, out);
		str_add(out, d.flags & F_NEXT ? " -> %u\n" : "\n", d.next);
		if (d.flags & F_INDIRECT)
			add_table(v, &d, out);
		if (!(d.flags & F_NEXT))
			return;
		i = d.next;
	}
}

/* --- split ------------------------------------------------------------------------------------ */

struct split {
	uint16_t avail_flags, avail_idx, used_event;
	uint16_t used_flags, used_idx, avail_event;
	uint16_t ahead; /* of used_idx: rows that are not done, as far as a ring can have them */
	bool too_far;
};

static gpa_t avail_slot(const struct ring_view *v, uint16_t index)
{
	return v->addr.driver + 4 + (gpa_t)(index % v->addr.size) * 2;
}

static gpa_t used_slot(const struct ring_view *v, uint16_t index)
{
	return v->addr.device + 4 + (gpa_t)(index % v->addr.size) * 8;
}

static bool read_split(const struct ring_view *v, struct split *s)
{
	uint32_t size = v->addr.size;

	*s = (struct split){ 0 };
	if (!read16(v, v->addr.driver, &s->avail_flags) ||
	    !read16(v, v->addr.driver + 2, &s->avail_idx) ||
	    !read16(v, v->addr.driver + 4 + (gpa_t)size * 2, &s->used_event) ||
	    !read16(v, v->addr.device, &s->used_flags) ||
	    !read16(v, v->addr.device + 2, &s->used_idx) ||
	    !read16(v, v->addr.device + 4 + (gpa_t)size * 8, &s->avail_event))
		return false;
	s->ahead = (uint16_t)(s->avail_idx - s->used_idx);
	s->too_far = s->ahead > size;
	if (s->too_far)
		s->ahead = (uint16_t)size;
	return true;
}

static void add_split_head(const struct ring_view *v, const struct split *s, struct str *out)
{
	bool events = v->features & VIRTIO_F_EVENT_IDX;

	str_add(out, "  descriptors at %#" PRIx64 "\n", v->addr.desc);
	str_add(out, "  available   at %#" PRIx64 ": idx %u, ", v->addr.driver, s->avail_idx);
	if (events)
		str_add(out, "interrupt wanted when used idx passes %u\n", s->used_event);
	else
		str_add(out, "interrupts %s\n", s->avail_flags & 1 ? "not wanted" : "wanted");
	str_add(out, "  used        at %#" PRIx64 ": idx %u, ", v->addr.device, s->used_idx);
	if (events)
		str_add(out, "kick wanted when available idx passes %u\n", s->avail_event);
	else
		str_add(out, "kicks %s\n", s->used_flags & 1 ? "not wanted" : "wanted");
	if (v->mapped)
		str_add(out, "  the device takes index %u next, uses index %u next, and has %u\n",
			v->pos.avail, v->pos.used, v->outstanding);
	if (s->too_far)
		str_add(out, "  the driver says that %u chains wait: more than the ring has\n",
			(uint16_t)(s->avail_idx - s->used_idx));
}

static const char *row_state(const struct ring_view *v, const struct split *s, uint16_t index)
{
	uint16_t at = (uint16_t)(index - s->used_idx);

	if (at >= 0x8000)
		return "done";
	if (!v->mapped)
		return "waits";
	return at < (uint16_t)(v->pos.avail - s->used_idx) ? "at the device" : "waits";
}

/* Both rings by index: what was made available there, and what was used there. */
static void add_rows(const struct ring_view *v, const struct split *s, struct str *out)
{
	uint16_t before = s->used_idx < HISTORY ? s->used_idx : HISTORY;
	unsigned rows = before + s->ahead, shown = rows < ROWS_MAX ? rows : ROWS_MAX;
	uint16_t index = (uint16_t)(s->used_idx - before);

	if (rows)
		str_add(out, "   index slot  available            used\n");
	for (unsigned i = 0; i < shown; i++, index++) {
		uint16_t head = 0;
		uint8_t u[8];

		if (!read16(v, avail_slot(v, index), &head))
			break;
		str_add(out, "   %5u %4u  head %-5u %-13s", index, index % v->addr.size, head,
			row_state(v, s, index));
		if ((uint16_t)(index - s->used_idx) >= 0x8000 &&
		    gm_read(v->gm, used_slot(v, index), u, sizeof(u)))
			str_add(out, "  id %u, %u bytes written", get_le32(u), get_le32(u + 4));
		str_add(out, "\n");
	}
	if (rows > shown)
		str_add(out, "   ... and %u more\n", rows - shown);
	if (!rows)
		str_add(out, "  nothing was ever put on it\n");
}

static void draw_split(const struct ring_view *v, struct str *out)
{
	struct split s;

	if (!read_split(v, &s)) {
		str_add(out,
			"  its areas, at %#" PRIx64 ", %#" PRIx64 " and %#" PRIx64
			", are not all in memory\n",
			v->addr.desc, v->addr.driver, v->addr.device);
		return;
	}
	add_split_head(v, &s, out);
	add_rows(v, &s, out);
	for (unsigned i = 0; i < s.ahead && i < CHAINS_MAX; i++) {
		uint16_t index = (uint16_t)(s.used_idx + i), head;

		if (!read16(v, avail_slot(v, index), &head))
			return;
		str_add(out, "  chain at index %u, %s:\n", index, row_state(v, &s, index));
		add_chain(v, head, out);
	}
	if (s.ahead > CHAINS_MAX)
		str_add(out, "  ... and %u chains more\n", s.ahead - CHAINS_MAX);
}

/* --- packed ----------------------------------------------------------------------------------- */

/* 2.8.14 */
static void add_event(const struct ring_view *v, const char *what, gpa_t gpa, struct str *out)
{
	uint16_t off, flags;

	if (!read16(v, gpa, &off) || !read16(v, gpa + 2, &flags)) {
		str_add(out, "  %s at %#" PRIx64 ": not in memory\n", what, gpa);
		return;
	}
	str_add(out, "  %s at %#" PRIx64 ": ", what, gpa);
	switch (flags & 3) {
	case 0:
		str_add(out, "wanted\n");
		break;
	case 1:
		str_add(out, "not wanted\n");
		break;
	case 2:
		str_add(out, "wanted at slot %u, wrap counter %u\n", off & 0x7fff, off >> 15);
		break;
	default:
		str_add(out, "flags 3, which are reserved\n");
	}
}

static void draw_packed(const struct ring_view *v, struct str *out)
{
	uint32_t size = v->addr.size, shown = size < 2 * ROWS_MAX ? size : 2 * ROWS_MAX;
	uint32_t slot = v->mapped && shown < size ? (v->pos.used + size - HISTORY) % size : 0;

	str_add(out, "  descriptors at %#" PRIx64 "\n", v->addr.desc);
	add_event(v, "interrupts  ", v->addr.driver, out);
	add_event(v, "kicks       ", v->addr.device, out);
	if (v->mapped)
		str_add(out,
			"  the device takes slot %u next (wrap %u), uses slot %u next (wrap %u), "
			"and has %u\n",
			v->pos.avail, v->pos.avail_wrap, v->pos.used, v->pos.used_wrap,
			v->outstanding);
	for (uint32_t i = 0; i < shown; i++, slot = (slot + 1) % size) {
		struct desc d;
		bool a, u;

		if (!read_desc(v, v->addr.desc, slot, &d)) {
			str_add(out, "  the ring is not in memory\n");
			return;
		}
		a = d.flags & F_AVAIL;
		u = d.flags & F_USED;
		add_desc(v, "  ", slot, &d, out);
		str_add(out, " id %u %s, lap %u%s%s%s\n", d.next, a != u ? "available" : "used",
			(unsigned)a, d.flags & F_NEXT ? ", goes on" : "",
			v->mapped && slot == v->pos.avail ? "  <- taken next" : "",
			v->mapped && slot == v->pos.used ? "  <- used next" : "");
		if (a != u && (d.flags & F_INDIRECT))
			add_table(v, &d, out);
	}
	if (shown < size)
		str_add(out, "  ... and %u slots more\n", size - shown);
}

void inspect_draw_ring(const struct ring_view *v, struct str *out)
{
	if (!v->addr.size) {
		str_add(out, "  its size is 0\n");
		return;
	}
	if (is_packed(v))
		draw_packed(v, out);
	else
		draw_split(v, out);
}
